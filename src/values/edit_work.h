/* values/edit_work.h: what values/edit.c, its proof and its explanations share; not for others. */
#ifndef CM_VALUES_EDIT_WORK_H
#define CM_VALUES_EDIT_WORK_H

#include <stdint.h>

#include "values/edit.h"

struct cm_edit {
    size_t begin, end, order;
    long depth;
    char *text;
    size_t bytes;
};
struct cm_edits {
    const struct cm_yaml_doc *doc;
    struct cm_edit *list;
    size_t count, cap;
};

/* Why a proof failed. */
struct cm_edits_failure {
    char *problem;      /* where libyaml says it; owned; NULL */
    char *alias;        /* the name of one that came before its anchor; owned; NULL */
    size_t point;       /* how far the new text was read, in code points */
};

bool cm_edits_prove(const struct cm_yaml_doc *old, const json_t *changed, const char *text, size_t bytes, struct cm_edits_failure *why);
/* The edits are in the order of their places. */
void cm_edits_explain(const struct cm_edits *e, const struct cm_edits_failure *why, const char *text, size_t bytes, struct cm_err **err);

/* edit_expect.c. Of a place holder: it stands for what its node reads as. */
bool cm_edit_held_reading(const json_t *value);
const struct cm_yaml *cm_edit_held_texts(const json_t *value);   /* NULL: it is no place holder of cm_edit_texts */
bool cm_edit_is_gone(const json_t *value);
/* Of an opened map: the one of the old tree; lines that are to come into any map; NULL: none. */
const struct cm_yaml *cm_edit_base(const json_t *map);
const char *cm_edit_lines(const json_t *map);
bool cm_edit_names_pair(const char *key);        /* of a map's members: it is none of these two */

/* edit_lines.c: the pairs of such lines. */
struct cm_edit_reader;
struct yaml_event_s;
struct cm_edit_reader *cm_edit_reader_new(const char *lines);
void cm_edit_reader_free(struct cm_edit_reader *r);
/* Is the next event of theirs this one, and a key no second one of its map? */
bool cm_edit_reader_take(struct cm_edit_reader *r, const struct yaml_event_s *e);
bool cm_edit_reader_inside(const struct cm_edit_reader *r);      /* a pair has begun and is not over */
bool cm_edit_reader_ends(struct cm_edit_reader *r);              /* all of them came */

/* For jansson's iteration, which takes no const and changes nothing. */
static inline json_t *cm_edit_loose(const json_t *j)
{
    union {
        const json_t *kept;
        json_t *loose;
    } u = {j};
    return u.loose;
}

#endif

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

/* Of a place holder: it stands for what its node reads as. */
bool cm_edit_held_reading(const json_t *value);

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

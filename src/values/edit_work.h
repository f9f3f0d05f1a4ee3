/* values/edit_work.h: what values/edit.c and its proof share; not for others. */
#ifndef CM_VALUES_EDIT_WORK_H
#define CM_VALUES_EDIT_WORK_H

#include <stdint.h>

#include "values/edit.h"

/* Nodes of the old tree that stand somewhere else in the new text, by the place holders that values hold for them. */
struct cm_edit_placeholders {
    const struct cm_yaml **nodes;
    size_t count, cap;
};

struct cm_edits_prover {
    const struct cm_yaml_doc *doc;      /* the old one */
    const struct cm_edit_placeholders *placeholders;
};

/* The node that a value stands for; NULL: it is a value. */
const struct cm_yaml *cm_edit_placeholder_node(const struct cm_edit_placeholders *h, const json_t *value);
bool cm_edits_prove(const struct cm_edits_prover *with, const json_t *changed, const char *text, size_t bytes, char **problem);

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

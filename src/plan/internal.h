/* plan/internal.h: what the plan's files share. Nobody else includes it. */
#ifndef CM_PLAN_INTERNAL_H
#define CM_PLAN_INTERNAL_H

#include <stdbool.h>

#include <jansson.h>

#include "base/yaml.h"
#include "plan/plan.h"
#include "plan/schema.h"

struct cm_plan {
    char *file, *dir;
    json_t *normal, *origins;        /* origins: {"target.context": "plan.yaml:4:12"} */
    json_t *places;                  /* {"backup.take": "plan.yaml:9:1"}: of step entries */
    json_t *by_hand;                 /* settings of the three steps that a person does when the plan says nothing */
};

struct cm_reading {
    const struct cm_yaml_doc *doc;   /* of the text being read: the plan, or a default of the table */
    const struct cm_yaml *root;      /* of the plan */
    struct cm_problems *problems;
    struct cm_plan *plan;
    const char *origin;              /* "default" while defaults are read; NULL: the place in the plan */
};

/* value.c: one value by its type, in normal form (new reference); NULL: a problem was added. */
json_t *cm_plan_value(struct cm_reading *r, const struct cm_plan_key *k, const char *path, const struct cm_yaml *n);
bool cm_plan_word_in(const char *word, const char *values);                 /* one of "a|b|c" */
char *cm_plan_words(const char *values, const char *last);                  /* "a, b or c"; caller frees */
bool cm_plan_url_ok(const char *url);

/* read.c */
void cm_plan_walk(struct cm_reading *r, const struct cm_yaml *map, const char *pattern, const char *path, json_t *out);

/* derive.c */
void cm_plan_derive(struct cm_reading *r);
void cm_plan_check_whole(struct cm_reading *r);
void cm_plan_derive_values_key(struct cm_reading *r);                       /* umbrella.c */

/* Set and find by dotted path; makes the maps between. `value` is taken. */
void cm_plan_put(struct cm_plan *p, const char *path, json_t *value, const char *origin);
/* The plan's node at a dotted path without dotted names; NULL: not said. */
const struct cm_yaml *cm_plan_node(const struct cm_reading *r, const char *path);

#endif

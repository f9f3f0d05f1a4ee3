/* values/check_work.h: what the parts of cm_values_check share (values/check*.c); not for others. */
#ifndef CM_VALUES_CHECK_WORK_H
#define CM_VALUES_CHECK_WORK_H

#include "base/mem.h"
#include "base/yaml.h"
#include "values/launcher.h"

/* A chart that has Connect's as a dependency gives its values below one key (rstudio-connect, or an alias): that pair's index, where the
 * root has none of the chart's own. root->count: the root itself has them. *several (NULL: nobody asks): more than one key is like that,
 * and nobody knows which is meant. */
size_t cm_values_below(const struct cm_yaml *root, const struct cm_yaml **several);
/* The root has none of the chart's own, and this key of it, which is named like Connect, has nothing below it yet; NULL: none. */
const struct cm_yaml *cm_values_to_come(const struct cm_yaml *root);
/* Is none of the root's keys one of the chart's? (Keys that people keep for themselves, x-… and .…, say nothing.) */
bool cm_values_foreign(const struct cm_yaml *root);
/* Where the chart's values stand in this file: the root, or what is below that key; NULL: an empty file. */
const struct cm_yaml *cm_values_root(const struct cm_yaml_doc *doc);

struct cm_values_look {
    struct cm_yaml_doc **docs;       /* in helm's order */
    size_t count;
    const char *app_version;         /* NULL: not known */
    json_t *findings;
    size_t more_warnings;            /* that were only counted */
    struct cm_arena *arena;
};

/* The value in force of a path ("launcher.enabled"): the last file that has it. NULL: no file does. */
const struct cm_yaml *cm_look_at(const struct cm_values_look *l, const char *path, const struct cm_yaml_doc **doc);
/* Truth as Go's templates see it: not false, 0, "", null, empty. `otherwise`: the chart's default. */
bool cm_look_true(const struct cm_values_look *l, const char *path, bool otherwise);
const char *cm_look_text(const struct cm_values_look *l, const char *path);              /* NULL: absent, or no scalar */
/* node NULL: no place. */
void cm_look_finding(struct cm_values_look *l, const struct cm_yaml_doc *doc, const struct cm_yaml *node, const char *verdict, const char *id,
                     const char *remedy, const char *fmt, ...) CM_PRINTF(7, 8);

void cm_check_rules(struct cm_values_look *l);          /* check.c: every `fail` */
void cm_check_job_base(struct cm_values_look *l);       /* check_job.c: what the job base must not hold */
void cm_check_config(struct cm_values_look *l);         /* check_config.c: what the chart would print wrongly */
void cm_check_keys(struct cm_values_look *l);           /* check_keys.c: keys that the chart does not know */

#endif

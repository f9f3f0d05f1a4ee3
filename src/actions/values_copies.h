/* actions/values_copies.h: the plan's values files with what the direct runner makes of their Launcher values, and the converted copies in the
 * run directory, which helm is given in their place. Does not: convert (values/launcher_files.h), decide when. */
#ifndef CM_ACTIONS_VALUES_COPIES_H
#define CM_ACTIONS_VALUES_COPIES_H

#include <cm/action.h>

#include "values/launcher_files.h"

struct cm_values_set {
    struct cm_launcher_all all;      /* its files are the plan's, in their order */
    char **texts;
};
/* Read, not yet converted; set->all.was and may_keep are the caller's. 0 also without files. */
int cm_values_set_read(struct cm_step *step, struct cm_values_set *set, struct cm_err **err);
void cm_values_set_fini(struct cm_values_set *set);
/* What was converted as artifacts (0600), said to people; write false: only looked for. *files: the fact values.files, new reference:
 * {FILE: {"given", "sha256" of FILE}}. */
int cm_values_copies(struct cm_step *step, const struct cm_values_set *set, bool write, json_t **files, struct cm_err **err);
/* The findings of the conversion as the step's own. */
void cm_values_copies_tell(struct cm_step *step, const struct cm_values_set *set);
/* What a person commits: "COPY  sha256 DIGITS, in place of FILE" for each copy that helm is given, a line each; "" where there is none. Caller frees. */
char *cm_values_copies_words(struct cm_step *step, const char *indent);

#endif

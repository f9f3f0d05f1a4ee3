/* values/launcher.h: Launcher values to the direct Kubernetes runner's, as byte edits of the user's own file: everything not
 * converted stays byte for byte, moved blocks take their comments along. What cannot be edited safely (anchors, tags, templates)
 * is refused with its place. The result is proved: parsed again and compared with the old tree plus the edits. */
#ifndef CM_VALUES_LAUNCHER_H
#define CM_VALUES_LAUNCHER_H

#include <stdbool.h>

#include <jansson.h>

#include <cm/err.h>

/* Was the Launcher on, where somebody knows better than this file by itself: all files of a release together (launcher_files.h), or the
 * Connect that runs. MEANT: where the file says nothing of it, its values are meant to hold. */
enum cm_launcher_was { CM_LAUNCHER_NOT_KNOWN, CM_LAUNCHER_WAS_ON, CM_LAUNCHER_WAS_OFF, CM_LAUNCHER_MEANT };
struct cm_launcher_wish {
    const char *text;
    size_t bytes;
    const char *name;
    const char *chart_version;         /* that the file was written for; NULL: not said */
    enum cm_launcher_was was;
    const char *at;                    /* as for cm_values_check */
    bool rows_only;                    /* leave `account` empty; cm_launcher_row_json gives the rows, one at a time */
};
struct cm_launcher_result {
    char *text; size_t bytes;      /* owned; equal to the input when nothing was to be done */
    bool changed;
    json_t *account;               /* as in values/config.h */
    json_t *findings;
    json_t *commands;              /* ["kubectl label sa …"] that remain; owned */
    struct cm_launcher_more *more;
};
int cm_launcher_convert(const struct cm_launcher_wish *w, struct cm_launcher_result *out, struct cm_err **err);
size_t cm_launcher_rows(const struct cm_launcher_result *r);
json_t *cm_launcher_row_json(const struct cm_launcher_result *r, size_t i);      /* new reference */
bool cm_launcher_needs_a_person(const struct cm_launcher_result *r);             /* by its rows; findings are another matter */
void cm_launcher_result_fini(struct cm_launcher_result *r);
/* Every rule by which the chart fails or silently misrenders, told with file:line:column: [{"id","verdict","seen","remedy"}]. */
/* at: the dotted key that the chart's values stand below; NULL: it is told from what stands there. */
json_t *cm_values_check(const char *const *names, const char *const *texts, const char *at, const char *app_version, struct cm_err **err);

#endif

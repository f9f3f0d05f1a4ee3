/* values/overlay.h: the overlay of temporary settings, values.temporary.yaml, and their originals in the base.
 *
 * Sections and keys are searched case-insensitively in the base values, and the overlay uses the spelling found there, since
 * helm does not merge `scheduler` with `Scheduler` and the later of both would win in the rendered file. */
#ifndef CM_VALUES_OVERLAY_H
#define CM_VALUES_OVERLAY_H

#include <jansson.h>

#include <cm/err.h>

#include "base/yaml.h"

/* settings: {"Scheduler.MinProcessesLimit": 0, …}. bases: helm's order, NULL-ended. *text: YAML, caller frees. *originals: {"Scheduler.
 * MinProcessesLimit": {"value": "5", "place": "values.yaml:12:5"} or {"absent": true}}, from the last base that has it. */
int cm_overlay_make(const json_t *settings, const struct cm_yaml_doc *const *bases, char **text, json_t **originals,
                    struct cm_err **err);
/* From rendered manifests (`helm template`), the rstudio-connect.gcfg of the ConfigMap; caller frees; NULL: none in there. */
char *cm_manifest_gcfg(const char *manifests, struct cm_err **err);

#endif

/* Where the plan's values come from: see origins.h. */
#include <config.h>

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/origins.h"
#include "plan/schema.h"

void cm_print_origins(FILE *out, const struct cm_plan *plan, bool with_defaults)
{
    bool any = false;
    for (const struct cm_plan_key *k = cm_plan_keys; k->path; k++) {
        const char *origin = strchr(k->path, '*') ? NULL : cm_plan_origin(plan, k->path);
        const json_t *value = origin ? cm_plan_get(plan, k->path) : NULL;
        bool shown = origin && (cm_starts(origin, "derived") || (with_defaults && strcmp(origin, "default") == 0));
        if (!shown || !value || json_is_object(value))
            continue;
        cm_autofree char *text = k->type == CM_P_DURATION ? cm_duration_text(json_integer_value(value))
                                 : json_is_string(value)  ? cm_strdup(json_string_value(value))
                                                          : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        fprintf(out, "%s  %-26s %s    # %s\n", any ? "" : "Not said in the plan:\n", k->path, text, origin);
        any = true;
    }
    if (any)
        fputc('\n', out);
}

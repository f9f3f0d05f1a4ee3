/* values/settings.h: the table of Connect's settings: how the documents spell them, what they hold, and what becomes of each on
 * Kubernetes. Does not: decide by value where `rule` says that the value matters (values/config_rules.c does). */
#ifndef CM_VALUES_SETTINGS_H
#define CM_VALUES_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "values/config.h"

enum cm_setting_type { CM_V_STRING, CM_V_BOOL, CM_V_INT, CM_V_DECIMAL, CM_V_DURATION, CM_V_BYTES, CM_V_PATH, CM_V_URL, CM_V_SECRET };

/* Which question the value answers, before the fate of the row holds. */
enum cm_setting_rule {
    CM_RULE_NONE, CM_RULE_ADDRESS, CM_RULE_DATA_DIR, CM_RULE_DATABASE_DIR, CM_RULE_DATABASE_PROVIDER, CM_RULE_DATABASE_URL,
    CM_RULE_BANNER, CM_RULE_INIT_TIMEOUT, CM_RULE_REPOSITORY, CM_RULE_EMAIL_PROVIDER, CM_RULE_MAIL_HOST, CM_RULE_LOG_TARGET,
    CM_RULE_RUN_AS, CM_RULE_IF_TRUE, CM_RULE_AUTHENTICATION, CM_RULE_YAML_BOOL
};

struct cm_setting {
    const char *section, *key;       /* key "*": every other key of the section */
    enum cm_setting_type type;
    bool list;                       /* may be given more than once, all values count */
    enum cm_fate fate;
    enum cm_setting_rule rule;
    const char *reason;              /* why this fate; NULL for plain keeps */
    const char *source;              /* where the rule stands: the chart's file, or the page of Connect's admin guide */
};

extern const struct cm_setting cm_settings[];        /* sorted by section and key, case ignored; "*" first in its section */
extern const size_t cm_settings_count;

/* The row of a setting, or its section's "*" row; NULL: neither. *exact: it was not the "*" row. */
const struct cm_setting *cm_setting_find(const char *section, const char *key, bool *exact);
/* A name that says that its value is a secret (…Password, …Secret, …Token …) and not the path of a file. */
bool cm_setting_sounds_secret(const char *key);

/* Settings that the chart's own values.yaml gives when nobody else does (chart 0.21.0, values.yaml, `config:`). */
struct cm_chart_default { const char *section, *sub, *key, *value, *said; };
extern const struct cm_chart_default cm_chart_defaults[];    /* ended by section NULL */

#endif

/* values/config.h: gcfg to the chart's `config` section, with an account of every setting. The rules are the chart's and
 * Connect's; the table of settings with their sources is values/settings.c. */
#ifndef CM_VALUES_CONFIG_H
#define CM_VALUES_CONFIG_H

#include <stdbool.h>

#include <jansson.h>

#include <cm/err.h>

#include "base/yaml.h"
#include "values/gcfg.h"

enum cm_fate { CM_KEEP, CM_DROP, CM_CHANGE, CM_TO_SECRET, CM_ASK, CM_BLOCK };
const char *cm_fate_word(enum cm_fate);

struct cm_config_wish {
    const struct cm_gcfg *gcfg;
    const struct cm_yaml_doc *const *base;      /* the user's values files in helm's order; NULL-ended; may be NULL */
    const char *const *base_names;
    const char *release;                        /* for names in the Secret template */
    const char *service_network;                /* added to NO_PROXY; NULL: not known */
    const char *const *unit_environment;        /* proxy and other variables of the unit, "NAME=value"; NULL */
    bool rows_only;                             /* leave `account` NULL; cm_config_row gives the rows */
};
/* One row of the account. Every setting of the source has exactly one; rows with `fate` CM_KEEP and from_chart are values that the
 * chart gives and the source does not. */
struct cm_config_row {
    const char *file;        /* of the source, or the variable's name; "the chart" */
    size_t line;             /* 0: none */
    const char *setting;     /* "Scheduler.MinProcessesLimit", "RPackageRepository \"CRAN\".URL" */
    const char *target;      /* "config.Scheduler.MinProcessesLimit", "pod.env CONNECT_POSTGRES_PASSWORD"; NULL: nowhere */
    const char *reason;
    enum cm_fate fate;
    bool from_chart;
};
struct cm_config_more;
struct cm_config_result {
    char *values;            /* YAML text: only what is to be added to the base; owned */
    char *secrets;           /* YAML text: Secret manifest template without values; NULL: no secret; owned */
    json_t *account;         /* [{"source": "file:line", "line", "setting", "target", "disposition", "reason"}]; owned */
    json_t *findings;        /* [{"id","verdict","seen","remedy"}]: differences with the base, asks, blocks; owned */
    size_t kept, dropped, changed, secret, asked, blocked;      /* rows of the source by fate */
    struct cm_config_more *more;
};
int cm_config_convert(const struct cm_config_wish *w, struct cm_config_result *out, struct cm_err **err);
void cm_config_result_fini(struct cm_config_result *r);
/* The account's i-th row, in the source's order; its texts live until the next call. false: no such row. The gcfg of the wish must
 * still live. */
bool cm_config_row(const struct cm_config_result *r, size_t i, struct cm_config_row *out);
/* "keep" … or "chart" for a row that is the chart's own. */
const char *cm_config_row_word(const struct cm_config_row *row);
/* {"source", "line", "setting", "target", "disposition", "reason"}; new reference. */
json_t *cm_config_row_json(const struct cm_config_row *row);
/* Does anything need a person (asks, blocks, secrets that nothing provides yet, differences with the base)? For --strict. */
bool cm_config_needs_a_person(const struct cm_config_result *r);
/* The secrets that pod.env takes from the Secret of the template: [{"name", "key", "setting", "variable"}]; borrowed. */
const json_t *cm_config_secrets(const struct cm_config_result *r);

/* A file that the result is to be put into: its root is from now on the map with Connect's values, which is the file's own, or the one below
 * the key of a chart that has Connect's as a dependency; *key: that key, NULL: none. -1: nobody can tell, with the place. known: the key that
 * the chart itself names, for a file that has it; NULL: told from what stands there. */
int cm_config_merge_at(struct cm_yaml_doc *doc, const char *known, const char **key, struct cm_err **err);
/* Put the result into the user's own values file, which must have been the (last) base of the conversion, below that key where it has one.
 * Every byte that is not added stays. What cannot be edited safely is refused with its place. The gcfg of the wish must still live. *merged: caller frees. */
int cm_config_merge(const struct cm_config_result *r, const char *text, size_t bytes, const char *name, const char *known, char **merged,
                    size_t *merged_bytes, struct cm_err **err);

/* The spelling of a setting in Connect's documents ("scheduler","minprocesseslimit" → "Scheduler","MinProcessesLimit"); false:
 * unknown, the arguments' own spelling is handed back. Static strings, or the arguments. */
bool cm_setting_spelling(const char *section, const char *key, const char **section_out, const char **key_out);
/* Quote a decoded value for a gcfg file, as text; caller frees. */
char *cm_gcfg_quote(const char *value);
/* One YAML string scalar that every YAML reader gives back as this text; caller frees. */
char *cm_yaml_quote(const char *text);

#endif

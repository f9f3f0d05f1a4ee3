/* convert config: a gcfg file to the chart's config section. stdout carries the result; the account goes to stderr, or is the result
 * (--json). */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "cli/commands.h"
#include "cli/convert_report.h"
#include "cli/options.h"
#include "plan/plan.h"
#include "values/config.h"
#include "values/gcfg.h"
#include "values/variables.h"

static int read_variables(const char *path, struct cm_variables *v, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    size_t n = 0;
    if (!path)
        return 0;
    return cm_convert_read(path, &text, &n, err) < 0 ? -1 : cm_variables_file(v, text, cm_convert_name(path), err);
}

static int add_file(struct cm_gcfg *g, const char *path, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    size_t n = 0;
    if (!path)
        return 0;
    return cm_convert_read(path, &text, &n, err) < 0 ? -1 : cm_gcfg_add(g, text, n, cm_convert_name(path), err);
}

/* The user's values file, when the result is to be put into it. */
struct merge {
    const char *name;
    char *known;     /* the key that the Chart.yaml beside it names; NULL */
    const char *key; /* its values of Connect's chart stand below this one; NULL: they are the whole file */
    char *text;
    size_t bytes;
    struct cm_yaml_doc *doc;
};

static int merge_read(struct merge *m, const char *name, struct cm_err **err)
{
    m->name = name;
    if (!name)
        return 0;
    if (cm_convert_read(name, &m->text, &m->bytes, err) < 0)
        return -1;
    cm_autofree char *folder = cm_path_dir(name);
    m->known = cm_plan_folder_key(folder, NULL);
    m->doc = cm_yaml_parse(m->text, m->bytes, name, err);
    if (!m->doc || cm_config_merge_at(m->doc, m->known, &m->key, err) != 0)
        return -1;
    if (m->key)
        fprintf(stderr, "the values of Connect's chart stand below %s in %s\n", m->key, name);
    return 0;
}

static void merge_fini(struct merge *m)
{
    free(m->text);
    free(m->known);
    cm_yaml_free(m->doc);
}

static void print_counts(const struct cm_config_result *r)
{
    const struct {
        size_t n;
        const char *word;
    } counts[] = {{r->kept, "kept"},           {r->dropped, "dropped"},       {r->changed, "changed"},
                  {r->secret, "for a Secret"}, {r->asked, "to be looked at"}, {r->blocked, "that cannot stay so"}};
    size_t all = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        all += counts[i].n;
    fprintf(stderr, "\n%zu settings and variables:", all);
    for (size_t i = 0, said = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].n)
            fprintf(stderr, "%s %zu %s", said++ ? "," : "", counts[i].n, counts[i].word);
    fputs("\n", stderr);
}

/* Row by row: a file of a hundred thousand settings must not stand in memory once more as JSON. */
static void print_rows(const struct cm_config_result *r, bool whole)
{
    struct cm_config_row one;
    size_t kept = 0;
    for (size_t i = 0; cm_config_row(r, i, &one); i++) {
        bool plain = !one.from_chart && one.fate == CM_KEEP && !one.reason;
        kept += plain;
        cm_autojson row = !plain || whole ? cm_config_row_json(&one) : NULL;
        if (row)
            cm_convert_row(row);
    }
    cm_convert_kept(whole ? 0 : kept);
    cm_convert_findings(r->findings);
    print_counts(r);
}

static void print_json(const struct cm_config_result *r, const char *result)
{
    struct cm_config_row one;
    cm_convert_json_begin(result);
    for (size_t i = 0; cm_config_row(r, i, &one); i++) {
        cm_autojson row = cm_config_row_json(&one);
        cm_convert_json_row(row, i == 0);
    }
    cm_convert_json_end(r->findings, NULL);
}

static int write_config(const struct cm_invocation *in, struct cm_config_result *r, struct merge *m, struct cm_err **err)
{
    const char *secrets = cm_given_value(in, CM_O_SECRETS);
    cm_autofree char *merged = NULL;
    size_t bytes = 0;
    cm_yaml_free(m->doc); /* one tree of a large file is enough: merging makes its own */
    m->doc = NULL;
    if (m->name) { /* and so do its lines */
        free(r->values);
        r->values = NULL;
    }
    if (m->name && cm_config_merge(r, m->text, m->bytes, m->name, m->known, &merged, &bytes, err) < 0)
        return -1;
    if (secrets && r->secrets && cm_file_write(secrets, r->secrets, strlen(r->secrets), 0600, err) < 0)
        return -1;
    if (cm_convert_put(in, merged ? merged : r->values, err) < 0)
        return -1;
    if (cm_given_times(in, CM_O_JSON))
        print_json(r, merged ? merged : r->values);
    else
        print_rows(r, cm_given_times(in, CM_O_VERBOSE) > 0);
    if (r->secrets && !secrets && !cm_given_times(in, CM_O_JSON))
        fprintf(stderr, "%zu setting%s must come from a Secret: --secrets FILE writes its template\n", r->secret,
                r->secret == 1 ? "" : "s");
    return cm_given_times(in, CM_O_STRICT) && cm_config_needs_a_person(r) ? CM_E_FAILED : CM_E_OK;
}

static int read_sources(const struct cm_invocation *in, struct cm_gcfg *g, struct cm_variables *v, struct cm_err **err)
{
    if (add_file(g, in->args[0], err) < 0 || add_file(g, cm_given_value(in, CM_O_MIGRATION), err) < 0 ||
        read_variables(cm_given_value(in, CM_O_ENVIRONMENT), v, err) < 0)
        return -1;
    union {
        char **plain;
        const char *const *read;
    } given = {v->items};
    return given.read ? cm_gcfg_add_environment(g, given.read, err) : 0;
}

int cm_cmd_convert_config(const struct cm_invocation *in, struct cm_err **err)
{
    CM_CLEANUP(cm_variables_fini) struct cm_variables variables = {0};
    CM_CLEANUP(merge_fini) struct merge m = {0};
    struct cm_gcfg *g = cm_gcfg_new();
    struct cm_config_result r = {0};
    int rc = -1;
    if (merge_read(&m, cm_given_value(in, CM_O_MERGE), err) == 0 && read_sources(in, g, &variables, err) == 0) {
        union {
            char **plain;
            const char *const *read;
        } given = {variables.items};
        const struct cm_yaml_doc *bases[] = {m.doc, NULL};
        const char *names[] = {m.name, NULL};
        struct cm_config_wish w = {.gcfg = g,
                                   .base = bases,
                                   .base_names = names,
                                   .release = "rstudio-connect",
                                   .unit_environment = given.read,
                                   .rows_only = true};
        rc = cm_config_convert(&w, &r, err);
    }
    if (rc == 0)
        rc = write_config(in, &r, &m, err);
    cm_config_result_fini(&r);
    cm_gcfg_free(g);
    return rc;
}

/* convert: the two conversions as commands of their own: `convert config` (gcfg to the chart's config section) and `convert values`
 * (Launcher values to the direct Kubernetes runner's). stdout carries the result; the account goes to stderr, or is the result (--json). */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "base/text_diff.h"
#include "cli/wrap.h"
#include "values/config.h"
#include "values/gcfg.h"
#include "values/launcher.h"

enum { FILE_MAX = 64 << 20 };

static int read_text(const char *path, char **text, size_t *bytes, struct cm_err **err)
{
    return cm_file_read(path, FILE_MAX, text, bytes, err);
}

/* ---- what both say ---- */

enum { TEXT_COLUMN = 14 };

static void print_row(const json_t *row)
{
    const char *target = cm_json_text(row, "target", ""), *reason = cm_json_text(row, "reason", "");
    fprintf(stderr, "  %-10s  %s  (%s)\n", cm_json_text(row, "disposition", ""), cm_json_text(row, "setting", ""),
            cm_json_text(row, "source", ""));
    if (*target)
        cm_print_entry(stderr, 2, "", TEXT_COLUMN, target);
    if (*reason)
        cm_print_entry(stderr, 2, "", TEXT_COLUMN, reason);
}

static void print_findings(const json_t *findings)
{
    size_t i;
    json_t *row;
    json_array_foreach(cm_json_loose(findings), i, row)
    {
        fprintf(stderr, "\n%s: %s\n", cm_json_text(row, "verdict", ""), cm_json_text(row, "id", ""));
        cm_print_entry(stderr, 2, "", 2, cm_json_text(row, "seen", ""));
        if (*cm_json_text(row, "remedy", ""))
            cm_print_entry(stderr, 2, "→", 4, cm_json_text(row, "remedy", ""));
    }
}

/* What is kept as it was is counted; `-v` names it too. */
static void print_account(const json_t *account, const json_t *findings, bool whole)
{
    size_t i, kept = 0;
    json_t *row;
    json_array_foreach(cm_json_loose(account), i, row)
    {
        bool plain = strcmp(cm_json_text(row, "disposition", ""), "keep") == 0 && !*cm_json_text(row, "reason", "");
        kept += plain;
        if (!plain || whole)
            print_row(row);
    }
    if (kept && !whole)
        fprintf(stderr, "  keep        %zu more settings, as they are (-v names them)\n", kept);
    print_findings(findings);
}

static bool needs_a_person(const json_t *account, const json_t *findings)
{
    size_t i;
    json_t *row;
    json_array_foreach(cm_json_loose(account), i, row) if (strcmp(cm_json_text(row, "disposition", ""), "ask") == 0 ||
                                                           strcmp(cm_json_text(row, "disposition", ""), "block") == 0) return true;
    json_array_foreach(cm_json_loose(findings), i, row) if (strcmp(cm_json_text(row, "verdict", ""), "blocker") == 0 ||
                                                            strcmp(cm_json_text(row, "verdict", ""), "unknown") == 0) return true;
    return false;
}

/* The result, unless --json carries it: to --output, else to stdout. */
static int put(const struct cm_invocation *in, const char *text, struct cm_err **err)
{
    const char *output = cm_given_value(in, CM_O_OUTPUT);
    if (output)
        return cm_file_write(output, text, strlen(text), 0600, err);
    if (!cm_given_times(in, CM_O_JSON))
        fputs(text, stdout);
    return 0;
}

static int end(const struct cm_invocation *in, const char *result, const json_t *account, const json_t *findings, json_t *commands)
{
    if (cm_given_times(in, CM_O_JSON)) {
        cm_autojson all = json_pack("{s:s, s:O, s:O, s:O}", "result", result, "account", cm_json_loose(account), "findings",
                                    cm_json_loose(findings), "commands", commands);
        cm_autofree char *text = json_dumps(all, JSON_INDENT(2));
        printf("%s\n", text);
    } else {
        print_account(account, findings, cm_given_times(in, CM_O_VERBOSE) > 0);
    }
    return cm_given_times(in, CM_O_STRICT) && needs_a_person(account, findings) ? CM_E_FAILED : CM_E_OK;
}

/* ---- convert config ---- */

static int read_variables(const char *path, char **text, const char ***list, struct cm_err **err)
{
    size_t n = 0, count = 0;
    if (!path)
        return 0;
    if (read_text(path, text, &n, err) < 0)
        return -1;
    *list = cm_alloc((n + 2) * sizeof **list);
    for (char *at = *text; *at;) {
        char *nl = strchr(at, '\n');
        if (nl)
            *nl = '\0';
        if (*at && *at != '#')
            (*list)[count++] = at;
        if (!nl)
            break;
        at = nl + 1;
    }
    return 0;
}

static int add_file(struct cm_gcfg *g, const char *path, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    size_t n = 0;
    if (!path)
        return 0;
    return read_text(path, &text, &n, err) < 0 ? -1 : cm_gcfg_add(g, text, n, path, err);
}

/* The user's values file, when the result is to be put into it. */
struct merge {
    const char *name;
    char *text;
    size_t bytes;
    struct cm_yaml_doc *doc;
};

static int merge_read(struct merge *m, const char *name, struct cm_err **err)
{
    m->name = name;
    if (!name)
        return 0;
    if (read_text(name, &m->text, &m->bytes, err) < 0)
        return -1;
    m->doc = cm_yaml_parse(m->text, m->bytes, name, err);
    return m->doc ? 0 : -1;
}

static void merge_fini(struct merge *m)
{
    free(m->text);
    cm_yaml_free(m->doc);
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
            print_row(row);
    }
    if (kept && !whole)
        fprintf(stderr, "  keep        %zu more settings, as they are (-v names them)\n", kept);
    print_findings(r->findings);
}

static void print_json(const struct cm_config_result *r, const char *result)
{
    struct cm_config_row one;
    cm_autojson text = json_string(result);
    cm_autofree char *quoted = json_dumps(text, JSON_ENCODE_ANY);
    printf("{\n  \"result\": %s,\n  \"account\": [", quoted);
    for (size_t i = 0; cm_config_row(r, i, &one); i++) {
        cm_autojson row = cm_config_row_json(&one);
        cm_autofree char *line = json_dumps(row, 0);
        printf("%s\n    %s", i ? "," : "", line);
    }
    cm_autofree char *findings = json_dumps(r->findings, JSON_INDENT(2));
    printf("\n  ],\n  \"findings\": %s,\n  \"commands\": []\n}\n", findings);
}

static int write_config(const struct cm_invocation *in, const struct cm_config_result *r, const struct merge *m,
                        struct cm_err **err)
{
    const char *secrets = cm_given_value(in, CM_O_SECRETS);
    cm_autofree char *merged = NULL;
    size_t bytes = 0;
    if (m->doc && cm_config_merge(r, m->text, m->bytes, m->name, &merged, &bytes, err) < 0)
        return -1;
    if (secrets && r->secrets && cm_file_write(secrets, r->secrets, strlen(r->secrets), 0600, err) < 0)
        return -1;
    if (put(in, merged ? merged : r->values, err) < 0)
        return -1;
    if (cm_given_times(in, CM_O_JSON))
        print_json(r, merged ? merged : r->values);
    else
        print_rows(r, cm_given_times(in, CM_O_VERBOSE) > 0);
    if (r->secrets && !secrets && !cm_given_times(in, CM_O_JSON))
        fprintf(stderr, "%zu settings are secrets and must come from a Secret: --secrets FILE writes its template\n", r->secret);
    return cm_given_times(in, CM_O_STRICT) && cm_config_needs_a_person(r) ? CM_E_FAILED : CM_E_OK;
}

int cm_cmd_convert_config(const struct cm_invocation *in, struct cm_err **err)
{
    cm_autofree char *variables = NULL;
    cm_autofree const char **list = NULL;
    CM_CLEANUP(merge_fini) struct merge m = {NULL, NULL, 0, NULL};
    struct cm_gcfg *g = cm_gcfg_new();
    struct cm_config_result r = {0};
    int rc = -1;
    if (merge_read(&m, cm_given_value(in, CM_O_MERGE), err) == 0 && add_file(g, in->args[0], err) == 0 &&
        add_file(g, cm_given_value(in, CM_O_MIGRATION), err) == 0 &&
        read_variables(cm_given_value(in, CM_O_ENVIRONMENT), &variables, &list, err) == 0 &&
        (!list || cm_gcfg_add_environment(g, list, err) == 0)) {
        const struct cm_yaml_doc *bases[] = {m.doc, NULL};
        const char *names[] = {m.name, NULL};
        struct cm_config_wish w = {.gcfg = g,
                                   .base = bases,
                                   .base_names = names,
                                   .release = "rstudio-connect",
                                   .unit_environment = list,
                                   .rows_only = true};
        rc = cm_config_convert(&w, &r, err);
    }
    if (rc == 0)
        rc = write_config(in, &r, &m, err);
    cm_config_result_fini(&r);
    cm_gcfg_free(g);
    return rc;
}

/* ---- convert values ---- */

static int in_place(const char *path, const char *old, size_t old_bytes, const struct cm_launcher_result *r, struct cm_err **err)
{
    struct stat st;
    mode_t mode = stat(path, &st) == 0 ? st.st_mode & 0777 : 0600;
    cm_autofree char *backup = cm_fmt("%s.bak", path);
    if (!r->changed) {
        fprintf(stderr, "%s needs no conversion; it stays as it is\n", path);
        return 0;
    }
    if (cm_file_exists(backup)) {
        cm_fail(err, CM_E_USAGE, "%s is there already; it is not overwritten", backup);
        cm_hint(err, "Move it away, then run the same command again.");
        return -1;
    }
    if (cm_file_write(backup, old, old_bytes, mode, err) < 0 || cm_file_write(path, r->text, r->bytes, mode, err) < 0)
        return -1;
    fprintf(stderr, "%s is converted; the old file is %s\n", path, backup);
    return 0;
}

static int put_values(const struct cm_invocation *in, const char *old, size_t old_bytes, const struct cm_launcher_result *r,
                      struct cm_err **err)
{
    const char *output = cm_given_value(in, CM_O_OUTPUT);
    if (cm_given_times(in, CM_O_IN_PLACE))
        return in_place(in->args[0], old, old_bytes, r, err);
    if (!cm_given_times(in, CM_O_DIFF))
        return put(in, r->text, err);
    cm_autofree char *diff = cm_text_diff(in->args[0], old, output ? output : in->args[0], r->text);
    return put(in, diff, err);
}

/* Every rule by which the chart would fail, on the result. Values may be spread over several files: what one file lacks is told, no more. */
static void check_result(const struct cm_launcher_result *r, const char *name)
{
    const char *const names[] = {name, NULL}, *const texts[] = {r->text, NULL};
    cm_autojson found = cm_values_check(names, texts, NULL, NULL);
    json_array_extend(r->findings, found);
}

int cm_cmd_convert_values(const struct cm_invocation *in, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    size_t n = 0, i;
    json_t *command;
    struct cm_launcher_result r = {0};
    if (cm_given_times(in, CM_O_IN_PLACE) && (cm_given_times(in, CM_O_DIFF) || cm_given_value(in, CM_O_OUTPUT)))
        return cm_fail(err, CM_E_USAGE, "--in-place goes with neither --diff nor --output");
    if (read_text(in->args[0], &text, &n, err) < 0)
        return -1;
    struct cm_launcher_wish w = {
        .text = text, .bytes = n, .name = in->args[0], .chart_version = cm_given_value(in, CM_O_CHART_VERSION)};
    int rc = cm_launcher_convert(&w, &r, err);
    if (rc == 0)
        rc = put_values(in, text, n, &r, err);
    if (rc == 0)
        check_result(&r, in->args[0]);
    if (rc == 0)
        rc = end(in, r.text, r.account, r.findings, r.commands);
    if (rc >= 0 && !cm_given_times(in, CM_O_JSON))
        json_array_foreach(r.commands, i, command)
            fprintf(stderr, "%s  %s\n", i ? "" : "what remains to be typed:\n", json_string_value(command));
    cm_launcher_result_fini(&r);
    return rc;
}

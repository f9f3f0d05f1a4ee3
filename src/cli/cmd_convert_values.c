/* convert values: Launcher values to the direct Kubernetes runner's, on stdout, as a difference, or in place with a backup. */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cm/str.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/text_diff.h"
#include "cli/commands.h"
#include "cli/convert_report.h"
#include "cli/options.h"
#include "values/launcher.h"

/* ---- in place ---- */

/* A new file with the old one's mode and owner (the owner as far as we may). */
static int write_like(const char *path, const struct stat *like, const char *text, size_t bytes, struct cm_err **err)
{
    struct cm_file_new *f = cm_file_begin(path, 0600, err);
    if (!f)
        return -1;
    int fd = fileno(cm_file_stream(f));
    bool owned = fchown(fd, like->st_uid, like->st_gid) == 0 || errno == EPERM;
    if (!owned || fchmod(fd, like->st_mode & 0777) != 0 || fwrite(text, 1, bytes, cm_file_stream(f)) != bytes) {
        cm_fail_errno(err, CM_E_FAILED, "cannot write %s", path);
        cm_file_drop(f);
        return -1;
    }
    return cm_file_keep(f, err);
}

static int check_writable(const char *path, const char *backup, struct stat *st, struct cm_err **err)
{
    if (strcmp(path, "-") == 0)
        return cm_fail(err, CM_E_USAGE, "--in-place needs a file, not standard input");
    if (stat(path, st) != 0)
        return cm_fail_errno(err, CM_E_FAILED, "cannot open %s", path);
    if (!S_ISREG(st->st_mode))
        return cm_fail(err, CM_E_USAGE, "%s is no ordinary file; --in-place cannot change it", path);
    if (access(path, W_OK) != 0 || !(st->st_mode & 0222)) { /* root may write what nobody should */
        cm_fail(err, CM_E_FAILED, "%s is read-only", path);
        cm_hint(err, "Make it writable (chmod u+w), or use --output FILE.");
        return -1;
    }
    if (cm_file_exists(backup)) {
        cm_fail(err, CM_E_USAGE, "%s is there already; it is not overwritten", backup);
        cm_hint(err, "Move it away, then run the same command again.");
        return -1;
    }
    return 0;
}

static int in_place(const char *path, const char *old, size_t old_bytes, const struct cm_launcher_result *r, struct cm_err **err)
{
    struct stat st;
    cm_autofree char *backup = cm_fmt("%s.bak", path);
    if (!r->changed)
        return 0;
    if (check_writable(path, backup, &st, err) != 0 || write_like(backup, &st, old, old_bytes, err) != 0)
        return -1;
    if (write_like(path, &st, r->text, r->bytes, err) != 0) {
        unlink(backup); /* the old file stands as it was */
        return -1;
    }
    fprintf(stderr, "%s is converted; the old file is %s\n", path, backup);
    return 0;
}

static int put_values(const struct cm_invocation *in, const char *old, size_t old_bytes, const struct cm_launcher_result *r,
                      struct cm_err **err)
{
    const char *output = cm_given_value(in, CM_O_OUTPUT), *name = cm_convert_name(in->args[0]);
    if (cm_given_times(in, CM_O_IN_PLACE))
        return in_place(in->args[0], old, old_bytes, r, err);
    if (!cm_given_times(in, CM_O_DIFF))
        return cm_convert_put(in, r->text, err);
    cm_autofree char *diff = cm_text_diff(name, old, output ? output : name, r->text);
    return cm_convert_put(in, diff, err);
}

/* ---- what is said ---- */

/* Every rule by which the chart would fail, on the result, whose lines are no longer the source's. Fields of the Launcher that nobody
 * knows were told by the conversion. */
static void check_result(const struct cm_invocation *in, const struct cm_launcher_result *r)
{
    const char *output = cm_given_value(in, CM_O_OUTPUT), *name = cm_convert_name(in->args[0]);
    bool elsewhere = r->changed && !cm_given_times(in, CM_O_IN_PLACE);
    const char *const names[] = {!elsewhere ? name : output && !cm_given_times(in, CM_O_DIFF) ? output : "the result", NULL};
    const char *const texts[] = {r->text, NULL};
    cm_autojson found = cm_values_check(names, texts, NULL, NULL, NULL);
    bool several = strcmp(cm_json_text(json_array_get(r->findings, 0), "id", ""), "values.several") == 0;
    for (size_t i = 0; !several && i < json_array_size(found); i++) {
        json_t *one = json_array_get(found, i);
        if (!r->changed || !cm_starts(cm_json_text(one, "id", ""), "values.unknown-key.launcher."))
            json_array_append(r->findings, one);
    }
}

static bool needs_a_person(const struct cm_launcher_result *r)
{
    if (cm_launcher_needs_a_person(r))
        return true;
    for (size_t i = 0; i < json_array_size(r->findings); i++) {
        const char *verdict = cm_json_text(json_array_get(r->findings, i), "verdict", "");
        if (strcmp(verdict, "blocker") == 0 || strcmp(verdict, "unknown") == 0)
            return true;
    }
    return false;
}

/* Row by row, as for people: a file of a hundred thousand lines must not stand in memory once more as JSON. */
static void print_json(const struct cm_launcher_result *r)
{
    cm_convert_json_begin(r->text);
    for (size_t i = 0; i < cm_launcher_rows(r); i++) {
        cm_autojson row = cm_launcher_row_json(r, i);
        cm_convert_json_row(row, i == 0);
    }
    cm_convert_json_end(r->findings, r->commands);
}

static void print_account(const struct cm_invocation *in, const struct cm_launcher_result *r)
{
    for (size_t i = 0; i < cm_launcher_rows(r); i++) {
        cm_autojson row = cm_launcher_row_json(r, i);
        cm_convert_row(row);
    }
    if (!r->changed)
        fprintf(stderr, "%s has no Launcher values to convert; it stays as it is\n", cm_convert_name(in->args[0]));
    cm_convert_findings(r->findings);
    for (size_t i = 0; i < json_array_size(r->commands); i++)
        fprintf(stderr, "%s  %s\n", i ? "" : "\nwhat remains to be typed:\n", json_string_value(json_array_get(r->commands, i)));
}

static int check_words(const struct cm_invocation *in, struct cm_err **err)
{
    const char *version = cm_given_value(in, CM_O_CHART_VERSION);
    if (cm_given_times(in, CM_O_IN_PLACE) && (cm_given_times(in, CM_O_DIFF) || cm_given_value(in, CM_O_OUTPUT)))
        return cm_fail(err, CM_E_USAGE, "--in-place goes with neither --diff nor --output");
    if (version && (!strchr("0123456789", *version) || !strchr(version, '.') || strchr(version, '.')[1] == '\0')) {
        cm_fail(err, CM_E_USAGE, "--chart-version %s: expected a version of the chart, like 0.8.10", version);
        cm_hint(err, "`helm list` shows it behind the chart's name.");
        return -1;
    }
    return 0;
}

int cm_cmd_convert_values(const struct cm_invocation *in, struct cm_err **err)
{
    cm_autofree char *text = NULL;
    size_t n = 0;
    struct cm_launcher_result r = {0};
    const char *name = cm_convert_name(in->args[0]);
    if (check_words(in, err) != 0 || cm_convert_read(in->args[0], &text, &n, err) < 0)
        return -1;
    struct cm_launcher_wish w = {
        .text = text, .bytes = n, .name = name, .chart_version = cm_given_value(in, CM_O_CHART_VERSION), .rows_only = true};
    int rc = cm_launcher_convert(&w, &r, err);
    if (rc == 0)
        rc = put_values(in, text, n, &r, err);
    free(text); /* what is said next is of the result */
    text = NULL;
    if (rc == 0) {
        check_result(in, &r);
        if (cm_given_times(in, CM_O_JSON))
            print_json(&r);
        else
            print_account(in, &r);
        rc = cm_given_times(in, CM_O_STRICT) && needs_a_person(&r) ? CM_E_FAILED : CM_E_OK;
    }
    cm_launcher_result_fini(&r);
    return rc;
}

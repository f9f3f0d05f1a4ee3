/* What both conversions share: see convert_report.h. */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/convert_report.h"
#include "cli/wrap.h"

enum { FILE_MAX = 64 << 20, TEXT_COLUMN = 14 };

static bool is_stdin(const char *path) { return strcmp(path, "-") == 0; }

const char *cm_convert_name(const char *path) { return is_stdin(path) ? "standard input" : path; }

int cm_convert_read(const char *path, char **text, size_t *bytes, struct cm_err **err)
{
    return cm_file_read(is_stdin(path) ? "/dev/stdin" : path, FILE_MAX, text, bytes, err);
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int cm_convert_put(const struct cm_invocation *in, const char *text, struct cm_err **err)
{
    const char *output = cm_given_value(in, CM_O_OUTPUT);
    if (output && !is_stdin(output)) {
        if (same_file(output, in->args[0])) {
            cm_fail(err, CM_E_USAGE, "--output %s is the file that is converted", output);
            cm_hint(err, strcmp(in->command->name, "convert values") == 0 ? "Use --in-place, which keeps a backup, or another name."
                                                                          : "Give another name.");
            return -1;
        }
        return cm_file_write(output, text, strlen(text), 0600, err);
    }
    if (!cm_given_times(in, CM_O_JSON))
        fputs(text, stdout);
    return 0;
}

void cm_convert_row(const json_t *row)
{
    const char *target = cm_json_text(row, "target", ""), *reason = cm_json_text(row, "reason", "");
    fprintf(stderr, "  %-10s  %s  (%s)\n", cm_json_text(row, "disposition", ""), cm_json_text(row, "setting", ""),
            cm_json_text(row, "source", ""));
    if (*target)
        cm_print_entry(stderr, 2, "", TEXT_COLUMN, target);
    if (*reason)
        cm_print_entry(stderr, 2, "", TEXT_COLUMN, reason);
}

void cm_convert_kept(size_t kept)
{
    if (kept)
        fprintf(stderr, "  keep        %zu more, as they are (-v names them)\n", kept);
}

void cm_convert_json_begin(const char *result)
{
    cm_autojson text = json_string(result);
    fputs("{\n  \"result\": ", stdout);
    json_dumpf(text, stdout, JSON_ENCODE_ANY);
    fputs(",\n  \"account\": [", stdout);
}

void cm_convert_json_row(const json_t *row, bool first)
{
    fputs(first ? "\n    " : ",\n    ", stdout);
    json_dumpf(row, stdout, 0);
}

void cm_convert_json_end(const json_t *findings, const json_t *commands)
{
    fputs("\n  ],\n  \"findings\": ", stdout);
    json_dumpf(findings, stdout, JSON_INDENT(2));
    fputs(",\n  \"commands\": ", stdout);
    if (commands)
        json_dumpf(commands, stdout, JSON_INDENT(2));
    else
        fputs("[]", stdout);
    fputs("\n}\n", stdout);
}

void cm_convert_findings(const json_t *findings)
{
    static const char *const order[] = {"blocker", "unknown", "warning", NULL};
    for (const char *const *verdict = order; *verdict; verdict++)
        for (size_t i = 0; i < json_array_size(findings); i++) {
            const json_t *row = json_array_get(findings, i);
            const char *remedy = cm_json_text(row, "remedy", "");
            if (strcmp(cm_json_text(row, "verdict", ""), *verdict) != 0)
                continue;
            fprintf(stderr, "\n%s: %s\n  ", *verdict, cm_json_text(row, "id", ""));
            cm_print_wrapped(stderr, cm_json_text(row, "seen", ""), 2, 2);
            if (*remedy)
                cm_print_entry(stderr, 2, "→", 4, remedy);
        }
}

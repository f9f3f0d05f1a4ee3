/* report/report.c: the report in one format, or in all of them, each written whole by rename. */
#include <config.h>

#include "report/report.h"

#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "report/parts.h"

static void json_report(const json_t *blocks, const json_t *report, FILE *out)
{
    (void)blocks;
    json_dumpf(report, out, JSON_INDENT(2));
    fputc('\n', out);
}

static void markdown(const json_t *blocks, const json_t *report, FILE *out)
{
    (void)report;
    cm_report_markdown(blocks, out);
}

static void junit(const json_t *blocks, const json_t *report, FILE *out)
{
    (void)blocks;
    cm_report_junit(report, out);
}

static const struct format {
    const char *name, *file;
    void (*write)(const json_t *blocks, const json_t *report, FILE *out);
} formats[] = {
    {"markdown", "report.md", markdown},
    {"json", "report.json", json_report},
    {"html", "report.html", cm_report_html},
    {"junit", "junit.xml", junit},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

static json_t *collect(const struct cm_model *m, const char *run_dir, int64_t now_wall_ms, struct cm_err **err)
{
    const struct cm_source_of_report s = {
        .m = m,
        .run_dir = run_dir,
        .now_ms = now_wall_ms,
        .zone = cm_json_text(m->plan, "window.zone", NULL),
        .as_finished = cm_model_only_report_open(m), /* it is written by the last step */
    };
    return cm_report_collect(&s, err);
}

int cm_report_render(const struct cm_model *m, const char *run_dir, const char *format, int64_t now_wall_ms, FILE *out,
                     struct cm_err **err)
{
    size_t i = 0;
    while (i < FORMATS && strcmp(formats[i].name, format) != 0)
        i++;
    if (i == FORMATS) {
        cm_fail(err, CM_E_USAGE, "unknown report format '%s'", format);
        cm_hint(err, "Say --format html, markdown, json or junit.");
        return -1;
    }
    cm_autojson report = collect(m, run_dir, now_wall_ms, err);
    if (report == NULL)
        return -1;
    cm_autojson blocks = cm_report_blocks(report);
    formats[i].write(blocks, report, out);
    return ferror(out) ? cm_fail_errno(err, CM_E_FAILED, "cannot write the report") : 0;
}

static int write_one(const struct format *f, const char *run_dir, const json_t *blocks, const json_t *report, struct cm_err **err)
{
    cm_autofree char *path = cm_path_join(run_dir, f->file);
    struct cm_file_new *file = cm_file_begin(path, 0600, err);
    if (file == NULL)
        return -1;
    f->write(blocks, report, cm_file_stream(file));
    return cm_file_keep(file, err);
}

int cm_report_write_all(const struct cm_model *m, const char *run_dir, int64_t now_wall_ms, struct cm_err **err)
{
    cm_autojson report = collect(m, run_dir, now_wall_ms, err);
    if (report == NULL)
        return -1;
    cm_autojson blocks = cm_report_blocks(report);
    for (size_t i = 0; i < FORMATS; i++)
        if (write_one(&formats[i], run_dir, blocks, report, err) != 0)
            return -1;
    return cm_owners_write(report, run_dir, err);
}

/* report: the report again, from the record; in one format to stdout or a file, or all into the run directory. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "report/report.h"

static int to_file(const struct cm_model *m, const char *run_dir, const char *format, const char *path, struct cm_err **err)
{
    struct cm_file_new *f = cm_file_begin(path, 0600, err);
    if (!f)
        return -1;
    if (cm_report_render(m, run_dir, format, cm_clock_wall(&cm_clock_system), cm_file_stream(f), err) < 0) {
        cm_file_drop(f);
        return -1;
    }
    return cm_file_keep(f, err);
}

int cm_cmd_report(const struct cm_invocation *in, struct cm_err **err)
{
    cm_autofree char *run_dir = cm_run_dir_of(in), *path = cm_path_join(run_dir, "state.jsonl");
    const char *format = cm_given_value(in, CM_O_FORMAT), *output = cm_given_value(in, CM_O_OUTPUT);
    bool absent = false;
    if (cm_given_times(in, CM_O_JSON))
        format = "json";
    struct cm_model *m = cm_journal_read(path, &absent, err);
    if (absent) {
        cm_fail(err, CM_E_USAGE, "nothing was begun yet in %s: there is nothing to report", run_dir);
        cm_hint(err, "Begin with `connect-migrate-run check %s`.", in->args[0]);
    }
    if (!m)
        return -1;
    int rc;
    int64_t now = cm_clock_wall(&cm_clock_system);
    if (output)
        rc = to_file(m, run_dir, format ? format : "html", output, err);
    else if (format)
        rc = cm_report_render(m, run_dir, format, now, stdout, err);
    else
        rc = cm_report_write_all(m, run_dir, now, err);
    if (rc == 0 && !output && !format) {
        cm_autofree char *owners = cm_path_join(run_dir, "report.owners");
        printf("%s/report.html\n%s/report.md\n%s/report.json\n%s/junit.xml\n", run_dir, run_dir, run_dir, run_dir);
        if (cm_file_exists(owners))
            printf("%s\n", owners);
    }
    cm_model_free(m);
    return rc;
}

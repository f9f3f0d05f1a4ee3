/* report.write: the report, by the writer that cli gives the run (src/report): actions do not know the record. */
#include <config.h>

#include <cm/action.h>

static int apply(struct cm_step *step, struct cm_err **err)
{
    const struct cm_reporter *r = cm_step_reporter(step);
    if (cm_reading(step) || !r || !r->write)
        return 0;
    return r->write(r->ctx, step, err);
}

const struct cm_action cm_action_report_write = {
    .name = "report.write",
    .summary = "Write the report",
    .kind = CM_COMPUTE,
    .apply = apply,
    .reads = "The record of the run, the artifacts that it names, and the logs of the steps.",
    .does =
        "Writes report.html, report.md, report.json, junit.xml and a page for each owner of content (report.owners) into the run "
        "directory, each by rename.",
    .proves = "Each file is complete when its name appears.",
    .undoes = "Nothing: it changes nothing outside of the run directory.",
    .rights = "None beyond the run directory.",
};

/* preview: what each step would do, on stdout. Changes nothing and writes nothing. */
#include <config.h>

#include <string.h>

#include "cli/commands.h"
#include "cli/origins.h"
#include "cli/preview.h"
#include "cli/session.h"

int cm_cmd_preview(const struct cm_invocation *in, struct cm_err **err)
{
    struct cm_session s;
    const char *format = cm_given_value(in, CM_O_FORMAT);
    enum cm_preview_format f = CM_PREVIEW_TEXT;
    if (format && strcmp(format, "markdown") == 0)
        f = CM_PREVIEW_MARKDOWN;
    else if (format && strcmp(format, "html") == 0)
        f = CM_PREVIEW_HTML;
    else if (format && strcmp(format, "text") != 0)
        return cm_fail(err, CM_E_USAGE, "--format %s: preview knows text, markdown and html", format);
    if (cm_given_times(in, CM_O_JSON))
        f = CM_PREVIEW_JSON;
    if (cm_session_open(&s, in, err) < 0)
        return -1;
    struct cm_preview *p = cm_preview_new(f, s.plan);
    s.setup.view = cm_preview_view(p);
    if (f == CM_PREVIEW_TEXT)
        cm_print_origins(stdout, s.plan, cm_given_times(in, CM_O_VERBOSE) > 0);
    int status = cm_engine_preview(&s.setup, CM_FORWARD, err);
    cm_preview_print(p, stdout);
    cm_preview_free(p);
    cm_session_close(&s);
    return status;
}

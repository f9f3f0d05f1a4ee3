/* adapters/host.c: commands and files on a node of the old server (adapters/host.h). How a command line gets there stands in
 * host_shell.c, systemd's view in host_unit.c. */
#include <config.h>

#include "adapters/host.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/host_shell.h"
#include "base/mem.h"
#include "base/text.h"

enum { OUTPUT_MAX = 16 << 20 };

/* Half an answer would be taken for a whole one. */
static int too_much(const struct cm_host *h, const char *const *argv, struct cm_err **err)
{
    cm_fail(err, CM_E_FAILED, "%s: %s printed more than %d MiB, which is not read", h->name, argv[0], OUTPUT_MAX >> 20);
    cm_hint(err, "See whether the login prints something of its own there (~/.bashrc, /etc/profile): ssh %s true", h->name);
    return -1;
}

/* Put together what is run, run it, and tell what only the way there can be blamed for. */
static int run(struct cm_step *step, struct cm_host *h, bool become, const char *const *argv, size_t output_max, struct cm_out *out,
               struct cm_err **err)
{
    if (cm_host_share(h, cm_step_loop(step), err) != 0)
        return -1;
    cm_autofree char *line = cm_host_line(h, become, argv);
    struct cm_host_cmd c;
    cm_host_cmd_begin(&c, h, line);
    c.cmd.output_max_bytes = output_max > 0 ? output_max : OUTPUT_MAX;
    int result = cm_run(step, &c.cmd, out, err);
    cm_host_cmd_fini(&c);
    if (result != 0)
        return cm_wrap(err, "%s", h->name);
    if (cm_host_classify(h, become, out, err) != 0)
        return -1;
    return output_max == 0 && out->truncated ? too_much(h, argv, err) : 0;
}

int cm_host_run(struct cm_step *step, struct cm_host *h, bool become, const char *const *argv, struct cm_out *out,
                struct cm_err **err)
{
    return run(step, h, become, argv, 0, out, err);
}

static int failed(const struct cm_host *h, const char *const *argv, const struct cm_out *out, struct cm_err **err)
{
    cm_autofree char *last = cm_last_lines(out->errout, 10);
    cm_autofree char *printed = cm_last_lines(out->out, 10);
    if (out->status == 127)
        cm_fail(err, CM_E_FAILED, "%s: there is no command %s there", h->name, argv[0]);
    else if (out->status > 128)
        cm_fail(err, CM_E_FAILED, "%s: %s was ended by signal %d", h->name, argv[0], out->status - 128);
    else
        cm_fail(err, CM_E_FAILED, "%s: %s failed with status %d", h->name, argv[0], out->status);
    cm_autofree char *by_hand = cm_host_by_hand(h, argv);
    cm_hint(err, "To see it yourself, type: %s", by_hand);
    cm_evidence(err, *last != '\0' ? last : printed);
    return -1;
}

int cm_host_run_effect_input(struct cm_intent *intent, struct cm_host *h, const char *const *argv, const char *input,
                             size_t input_bytes, struct cm_out *out, struct cm_err **err)
{
    if (cm_host_share(h, cm_step_loop(cm_intent_step(intent)), err) != 0)
        return -1;
    cm_autofree char *line = cm_host_line(h, true, argv);
    struct cm_host_cmd c;
    cm_host_cmd_begin(&c, h, line);
    c.cmd.input = input;
    c.cmd.input_bytes = input_bytes;
    int result = cm_run_effect(intent, &c.cmd, out, err);
    cm_host_cmd_fini(&c);
    if (result != 0)
        return cm_wrap(err, "%s", h->name);
    if (cm_host_classify(h, true, out, err) != 0)
        return -1;
    return out->status == 0 ? 0 : failed(h, argv, out, err);
}

int cm_host_run_effect(struct cm_intent *intent, struct cm_host *h, const char *const *argv, struct cm_out *out,
                       struct cm_err **err)
{
    return cm_host_run_effect_input(intent, h, argv, NULL, 0, out, err);
}

/* ---- files ---- */

static bool says(const struct cm_out *out, const char *text) { return strstr(out->errout, text) != NULL; }

/* 1: not readable so, and why is in *err. */
static int try_read(struct cm_step *step, struct cm_host *h, bool become, const char *path, size_t max_bytes, struct cm_out *out,
                    bool *absent, struct cm_err **err)
{
    const char *const argv[] = {"cat", "--", path, NULL};
    if (run(step, h, become, argv, max_bytes, out, err) != 0)
        return cm_err_is_passing(err == NULL ? NULL : *err) ? -1 : 1;
    if (out->status == 0)
        return 0;
    *absent = says(out, "No such file or directory") || says(out, "Not a directory");
    if (*absent)
        return 0;
    cm_autofree char *last = cm_last_lines(out->errout, 3);
    cm_fail(err, CM_E_FAILED, "%s: cannot read %s", h->name, path);
    cm_hint(err, "Let the user that ssh logs in as read it, by source.become in the plan or by the file's rights.");
    cm_evidence(err, last);
    return 1;
}

int cm_host_read_file(struct cm_step *step, struct cm_host *h, const char *path, size_t max_bytes, char **data, size_t *bytes,
                      bool *absent, struct cm_err **err)
{
    cm_autoout out = {.status = -1};
    struct cm_err *first = NULL, *second = NULL;
    *data = NULL;
    *bytes = 0;
    *absent = false;
    int result = try_read(step, h, true, path, max_bytes, &out, absent, &first);
    if (result == 1 && cm_host_has_become(h)) {
        /* Where sudo does not allow `cat`, the file may well be readable for everybody. Absent is not believed here: a
         * folder that may not be entered looks the same. */
        cm_out_fini(&out);
        result = try_read(step, h, false, path, max_bytes, &out, absent, &second);
        if (result == 0 && *absent)
            result = 1;
        *absent = false;
    }
    cm_err_free(second);
    if (result != 0)
        return cm_err_move(err, first);
    cm_err_free(first);
    if (*absent)
        return 0;
    if (out.truncated)
        return cm_fail(err, CM_E_FAILED, "%s: %s is larger than %zu bytes", h->name, path, max_bytes);
    *data = out.out;
    *bytes = out.out_bytes;
    out.out = NULL;
    return 0;
}

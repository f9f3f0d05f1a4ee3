/* adapters/secrets.c: where secrets come from (adapters/secrets.h). No error text ever holds what was read. */
#include <config.h>

#include "adapters/secrets.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/process.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

enum { MOST_BYTES = 65536, LIMIT_MS = 30000 };

static struct cm_secret *from_text(const char *text, const char *what, const char *source, struct cm_err **err)
{
    struct cm_secret *s = cm_secret_new(text);
    if (cm_secret_reveal(s)[0] != '\0')
        return s;
    cm_secret_free(s);
    cm_fail(err, CM_E_FAILED, "%s: %s is empty", what, source);
    return NULL;
}

static struct cm_secret *from_env(const char *name, const char *what, struct cm_err **err)
{
    const char *value = getenv(name);
    if (value != NULL) {
        cm_autofree char *source = cm_fmt("the environment variable %s", name);
        return from_text(value, what, source, err);
    }
    cm_fail(err, CM_E_FAILED, "%s: the environment variable %s is not set", what, name);
    cm_hint(err, "Type: export %s=…, then run the same command again; or name a file in the plan: %s: {file: PATH}.", name, what);
    return NULL;
}

static struct cm_secret *from_file(const char *path, const char *what, struct cm_err **err)
{
    char *text = NULL;
    size_t bytes = 0;
    if (cm_file_read(path, MOST_BYTES, &text, &bytes, err) != 0) {
        cm_wrap(err, "%s", what);
        return NULL;
    }
    struct cm_secret *s = from_text(text, what, path, err);
    cm_wipe(text, bytes);
    free(text);
    return s;
}

static struct cm_secret *from_command(struct cm_loop *loop, const json_t *list, const char *what, struct cm_err **err)
{
    size_t n = json_array_size(list);
    cm_autofree const char **argv = cm_alloc((n + 1) * sizeof *argv);
    for (size_t i = 0; i < n; i++)
        argv[i] = json_string_value(json_array_get(list, i));
    const struct cm_cmd cmd = {.argv = argv, .timeout_ms = LIMIT_MS, .output_max_bytes = MOST_BYTES};
    cm_autofree char *line = cm_shell_join(argv);
    cm_autofree char *source = cm_fmt("what `%s` printed", line);
    cm_autoout out = {.status = -1};
    struct cm_secret *s = NULL;
    if (cm_proc_run(loop, &cmd, &out, err) != 0) {
        cm_wrap(err, "%s", what);
    } else if (out.status != 0) {
        cm_autofree char *last = cm_last_lines(out.errout, 10);
        cm_fail(err, CM_E_FAILED, "%s: `%s` failed with status %d", what, line, out.status);
        cm_evidence(err, last);
    } else {
        s = from_text(out.out, what, source, err);
    }
    cm_wipe(out.out, out.out_bytes);
    return s;
}

int cm_secret_resolve(struct cm_loop *loop, const json_t *ref, const char *what, struct cm_secret **out, struct cm_err **err)
{
    *out = NULL;
    if (ref == NULL || json_is_null(ref))
        return 0;
    const char *env = cm_json_text(ref, "env", NULL), *file = cm_json_text(ref, "file", NULL);
    const json_t *command = cm_json_at(ref, "command");
    if (env != NULL)
        *out = from_env(env, what, err);
    else if (file != NULL)
        *out = from_file(file, what, err);
    else if (json_array_size(command) > 0)
        *out = from_command(loop, command, what, err);
    else
        cm_fail(err, CM_E_USAGE, "%s: expected {env: NAME}, {file: PATH} or {command: [PROGRAM, ARG]}", what);
    return *out == NULL ? -1 : 0;
}

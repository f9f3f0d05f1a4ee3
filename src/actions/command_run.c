/* command.run: a step of people's own: `check`, `run` and `undo` as argv lists, without a shell. `check` ending with 0 is the proof;
 * without it the end of `run` with 0 is. Run here, where the program runs. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/evening.h"
#include "base/mem.h"
#include "base/text.h"

static const struct cm_param params[] = {
    {"check", CM_T_LIST, "null", "command and arguments; status 0 says that there is nothing to do"},
    {"run", CM_T_LIST, NULL, "command and arguments that do it"},
    {"undo", CM_T_LIST, "null", "command and arguments that take it back; without it the step has no way back"},
    {NULL, CM_T_ANY, NULL, NULL},
};

/* NULL: the parameter is not given. */
static const char *const *argv_of(struct cm_step *step, const json_t *list)
{
    size_t n = json_array_size(list), i;
    if (n == 0)
        return NULL;
    const char **argv = cm_arena_alloc(cm_step_arena(step), (n + 1) * sizeof *argv);
    for (i = 0; i < n; i++) {
        argv[i] = json_string_value(json_array_get(list, i));
        if (!argv[i])
            argv[i] = "";
    }
    return argv;
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    const char *const *argv = argv_of(step, cm_step_param(step, "check"));
    struct cm_intent *i = cm_intent_find(step, "command.run", cm_step_id(step));
    *answer = CM_NEEDED;
    if (!argv) {
        if (i && cm_intent_life(i) == CM_HAPPENED)
            *answer = CM_DONE;
        return 0;
    }
    cm_autoout out = {0};
    if (cm_run(step, &(struct cm_cmd){.argv = argv}, &out, err) < 0)
        return -1;
    if (out.status == 0 && !cm_intent_is_open(i))
        *answer = CM_DONE;
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    const char *const *argv = argv_of(step, cm_step_param(step, "run"));
    cm_autofree char *line = argv ? cm_shell_join(argv) : NULL;
    cm_will(step, "command", "%s", line ? line : "");
    return 0;
}

static int failed(const struct cm_out *out, const char *const *argv, struct cm_err **err)
{
    cm_autofree char *line = cm_shell_join(argv), *tail = cm_last_lines(out->errout_bytes ? out->errout : out->out, 10);
    cm_fail(err, CM_E_FAILED, "`%s` ended with status %d", line, out->status);
    cm_evidence(err, tail);
    return -1;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    const char *const *argv = argv_of(step, cm_step_param(step, "run"));
    cm_autojson original =
        json_is_array(cm_step_param(step, "undo")) ? json_pack("{s:O}", "undo", cm_step_param(step, "undo")) : NULL;
    struct cm_intent_spec spec = {.effect = "command.run", .key = cm_step_id(step), .original = original};
    struct cm_intent *i = NULL;
    if (!argv)
        return cm_fail(err, CM_E_USAGE, "%s: `run` is empty; it needs a list of words, the program first", cm_step_id(step));
    if (cm_intend(step, &spec, &i, err) < 0)
        return -1;
    if (cm_intent_life(i) == CM_HAPPENED)
        return 0;
    /* An earlier run may have been killed between the command's end and its record: the check decides, not the memory. */
    const char *const *check = argv_of(step, cm_step_param(step, "check"));
    cm_autoout seen = {0}, out = {0};
    int left = -1;
    if (cm_intent_life(i) == CM_NOTED && cm_run_effect_left(i, &left) && left == 0)
        return cm_intent_close(i, CM_HAPPENED, json_pack("{s:i}", "status", 0), err);
    if (check && cm_intent_life(i) == CM_NOTED && cm_run(step, &(struct cm_cmd){.argv = check}, &seen, err) < 0)
        return -1;
    if (check && cm_intent_life(i) == CM_NOTED && seen.status == 0)
        return cm_intent_close(i, CM_HAPPENED, NULL, err);
    if (cm_run_effect(i, &(struct cm_cmd){.argv = argv, .keep_status = true}, &out, err) < 0)
        return -1;
    if (out.status != 0)
        return failed(&out, argv, err);
    return cm_intent_close(i, CM_HAPPENED, json_pack("{s:i}", "status", 0), err);
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    const char *const *argv = argv_of(step, cm_step_param(step, "check"));
    cm_autoout out = {0};
    if (!argv)
        return 0;
    if (cm_run(step, &(struct cm_cmd){.argv = argv}, &out, err) < 0)
        return -1;
    return out.status == 0 ? 0 : failed(&out, argv, err);
}

static int undo(struct cm_step *step, const struct cm_change *change, struct cm_err **err)
{
    const json_t *list = json_object_get(change->original, "undo");
    const char *const *argv = argv_of(step, list);
    cm_autofree char *key = cm_fmt("undo %s", change->key);
    struct cm_intent_spec spec = {.effect = "command.undo", .key = key};
    struct cm_intent *i = NULL;
    cm_autoout out = {0};
    if (!argv)
        return cm_fail(err, CM_E_FAILED, "%s has no `undo`", change->step);
    if (cm_intend(step, &spec, &i, err) < 0)
        return -1;
    if (cm_intent_life(i) == CM_HAPPENED)
        return 0;
    if (cm_run_effect(i, &(struct cm_cmd){.argv = argv}, &out, err) < 0)
        return -1;
    if (out.status != 0)
        return failed(&out, argv, err);
    return cm_intent_close(i, CM_HAPPENED, NULL, err);
}

const struct cm_action cm_action_command_run = {
    .name = "command.run",
    .summary = "Run a command of your own",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "What the plan or the runbook gives as `undo` is run; without one the tool cannot take it back.",
    .params = params,
    .probe = probe,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .undo = undo,
    .reads = "What `check` looks at: status 0 means that there is nothing to do.",
    .does = "Runs `run`, a list of words without a shell, with the program's own environment.",
    .proves = "`check` ends with 0 afterwards; without `check`, `run` ended with 0.",
    .undoes = "Runs `undo`, when it is given.",
    .rights = "Whatever the command needs.",
};

/* actions/backup_take.c: backup.take: a restore point while everything is stopped. There is no tool for every database, storage
 * and cloud, so it is taken by the plan's command or by a person who attests it; the engine does both. */
#include <config.h>

#include <string.h>

#include <cm/action.h>

#include "base/json.h"
#include "plan/plan.h"

static struct cm_intent *taken(struct cm_step *step)
{
    for (struct cm_intent *i = cm_intent_next(step, "backup.take", NULL); i != NULL; i = cm_intent_next(step, "backup.take", i))
        if (cm_intent_life(i) == CM_HAPPENED)
            return i;
    return NULL;
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    (void)err;
    *answer = taken(step) != NULL ? CM_DONE : CM_NEEDED;
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    const json_t *how = cm_plan_step(cm_step_plan(step), "backup.take");
    (void)err;
    if (json_is_array(json_object_get(how, "command")))
        cm_will(step, "command", "the plan's backup command");
    else
        cm_will(step, "gate", "a person takes the restore point and attests its reference and time (approve PLAN backup.take)");
    return 0;
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    cm_fail(err, CM_E_USAGE, "%s: there is no backup that the tool can take by itself", cm_step_id(step));
    cm_hint(err, "Put `backup: {by: command, command: [...]}` into the plan, or `backup: {by: hand}` to attest one.");
    return -1;
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    struct cm_intent *i = taken(step);
    if (i == NULL)
        return cm_fail(err, CM_E_FAILED, "no restore point is on record");
    const char *said = cm_json_text(cm_intent_result(i), "said", NULL);
    if (said == NULL)
        said = cm_json_text(cm_intent_result(i), "note", "");
    if (*said != '\0')
        cm_say(step, "restore point: %.*s", (int)strcspn(said, "\n"), said);
    return 0;
}

const struct cm_action cm_action_backup_take = {
    .name = "backup.take",
    .summary = "Take a restore point of database, data folder and configuration while all is stopped",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE,
    .probe = probe,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads = "nothing",
    .does = "While Connect is stopped, take a restore point of all that belongs together: both databases, the data folder with "
            "Database.Dir, and /etc/rstudio-connect. Note its reference and the time.",
    .proves = "the command ended with status 0, or a person attested the reference and the time",
    .undoes = "nothing: the restore point stays",
    .rights = "those of the plan's command",
};

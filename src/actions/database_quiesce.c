/* actions/database_quiesce.c: database.quiesce: no session of Connect is left in its databases. The rule is the interlock's. */
#include <config.h>

#include "actions/interlock.h"
#include "actions/target.h"
#include "base/json.h"

static const struct cm_param params[] = {
    {"wait", CM_T_DURATION, "\"60s\"", "how long sessions of a server that was just stopped may take to end"},
    {NULL, CM_T_ANY, NULL, NULL},
};

static int apply(struct cm_step *step, struct cm_err **err)
{
    size_t i;
    const json_t *s;
    int64_t wait = cm_target_limit(step, json_integer_value(cm_step_param(step, "wait"))) - cm_loop_now_ms(cm_step_loop(step));
    if (cm_interlock_settle(step, wait, err) < 0)
        return -1;
    json_array_foreach(cm_json_at(cm_interlock_seen(step), "named"), i, s)
    {
        cm_say(step, "not counted: session %d of role %s (%s) on database %s from %s", (int)cm_json_int(s, "pid", 0),
               cm_json_text(s, "role", "?"), cm_json_text(s, "application", ""), cm_json_text(s, "database", "?"),
               cm_json_text(s, "address", "?"));
    }
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    (void)err;
    cm_will(step, "sql", "look at pg_stat_activity of both databases until no session of Connect's roles is left");
    return 0;
}

static int verify(struct cm_step *step, struct cm_err **err) { return cm_interlock_forward(step, err); }

const struct cm_action cm_action_database_quiesce = {
    .name = "database.quiesce",
    .summary = "Wait until no session of Connect is left in its databases",
    .kind = CM_HOLD,
    .reversal = CM_CHANGES_NOTHING,
    .params = params,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads = "pg_stat_activity in the core and the instrumentation database; the units on every node",
    .does = "Waits for the sessions of Connect's roles to end and names every other session. It ends none.",
    .proves = "the interlock holds: every unit is stopped and masked, and no session of Connect's roles is left but ours",
    .undoes = "nothing",
    .rights = "to log in to both databases with Connect's own role (or one with pg_read_all_stats)",
};

/* gate.confirm: a person says go, or attests, before what follows. What is shown is made of what the plan and the record say, without
 * times, so that the same facts give the same digest: an approval is void when they change. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/release.h"
#include "actions/target.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

static const struct cm_param params[] = {
    {"kind", CM_T_STRING, "\"go\"", "go: the run may go on; attest: a person states that something is so"},
    {"text", CM_T_STRING, "null", "what is asked; a text of its own for each of the runbook's own gates otherwise"},
    {NULL, CM_T_ANY, NULL, NULL},
};

static const char *plan_text(struct cm_step *step, const char *path)
{
    const char *t = cm_plan_text(cm_step_plan(step), path);
    return t ? t : "(default)";
}

static void add_nodes(struct cm_step *step, struct cm_str *out)
{
    size_t i;
    json_t *host;
    cm_str_add(out, "old server    ");
    json_array_foreach(cm_json_loose(cm_plan_get(cm_step_plan(step), "source.hosts")), i, host)
        cm_str_addf(out, "%s%s", i ? ", " : "", json_string_value(host));
    cm_str_add(out, "\n");
}

static void add_target(struct cm_step *step, struct cm_str *out)
{
    cm_str_addf(out, "new server    release %s, namespace %s, context %s\n", plan_text(step, "target.release"),
                plan_text(step, "target.namespace"), plan_text(step, "target.context"));
}

/* The values as they would be given to helm, each with the first digits of its digest. */
static void add_values(struct cm_step *step, struct cm_str *out)
{
    cm_autojson digests = NULL;
    const char *file;
    json_t *sum;
    if (cm_release_digests(step, cm_target_values(step, true), &digests, NULL) < 0)
        return;
    json_object_foreach(digests, file, sum)
        cm_str_addf(out, "values        %s  sha256 %.12s\n", file, json_is_string(sum) ? json_string_value(sum) : "");
}

static void show_downtime(struct cm_step *step, struct cm_str *out)
{
    const json_t *priority = cm_fact(step, "content.priority");
    add_nodes(step, out);
    add_target(step, out);
    add_values(step, out);
    cm_str_addf(out, "content       %lld items of priority are built after the deployment\n",
                (long long)cm_json_int(priority, "selected", 0));
    if (cm_plan_text(cm_step_plan(step), "window.end"))
        cm_str_addf(out, "window        %s to %s (%s)\n", plan_text(step, "window.start"), plan_text(step, "window.end"),
                    plan_text(step, "window.zone"));
    cm_str_add(out, "From here on: users out, the old server stopped and masked, backup, deployment.\n"
                    "Say go only when automation that could start the old server (Puppet, Ansible, cron) is off, and users were told.\n");
}

static void show_login(struct cm_step *step, struct cm_str *out)
{
    const char *url = cm_plan_text(cm_step_plan(step), "connect.url");
    cm_str_addf(out, "Log in through the real name%s%s, resolved to the new address on your own machine, for instance by a line in\n"
                     "/etc/hosts:  ADDRESS-OF-THE-INGRESS  NAME\n"
                     "Open one application and one document. SSO cannot be tried through a port-forward: its redirect names the real address.\n",
                url ? " " : "", url ? url : "");
}

static void show_rollback(struct cm_step *step, struct cm_str *out)
{
    struct cm_change c;
    add_nodes(step, out);
    add_target(step, out);
    cm_str_add(out, "The release is scaled to zero, every change below is taken back, the old server is started.\n"
                    "What users did on the new server stays: database and storage are the same.\n");
    for (uint64_t after = 0; cm_ledger_next(step, NULL, after, &c); after = c.intent)
        cm_str_addf(out, "in force      %s %s\n", c.effect, c.key);
}

static void show_final(struct cm_step *step, struct cm_str *out)
{
    struct cm_change c;
    add_nodes(step, out);
    cm_str_add(out, "The way back is given up: caches of the old server are deleted, what was kept for it is settled.\n");
    for (uint64_t after = 0; cm_ledger_next(step, NULL, after, &c); after = c.intent)
        cm_str_addf(out, "stays         %s %s\n", c.effect, c.key);
}

static const struct { const char *id, *title; void (*show)(struct cm_step *, struct cm_str *); } known[] = {
    {"gate.downtime", "begin the downtime", show_downtime},
    {"gate.login", "a person logged in on the new server and saw content", show_login},
    {"gate.rollback", "take Connect back to the old server", show_rollback},
    {"gate.final", "declare the migration final", show_final},
};

static int apply(struct cm_step *step, struct cm_err **err)
{
    cm_autostr shown = CM_STR(CM_STR_PAGE);
    const char *title = json_string_value(cm_step_param(step, "text")), *kind = json_string_value(cm_step_param(step, "kind"));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].id, cm_step_id(step)) == 0) {
            title = title ? title : known[i].title;
            known[i].show(step, &shown);
        }
    struct cm_gate_spec g = {.id = cm_step_id(step), .attest = strcmp(kind, "attest") == 0, .shown = cm_str_text(&shown),
                             .title = title ? title : "go on"};
    return cm_gate_pass(step, &g, err);
}

const struct cm_action cm_action_gate_confirm = {
    .name = "gate.confirm",
    .summary = "a person says go, or attests",
    .kind = CM_GATE,
    .params = params,
    .preview = apply,
    .apply = apply,
    .reads = "The plan, the values files, the record.",
    .does = "Shows what follows and waits for an answer: --yes (go only), a terminal, `approve`, or the plan's `gates`.",
    .proves = "The answer stands in the record with who gave it and the digest of what was shown.",
    .undoes = "Nothing.",
    .rights = "None.",
};

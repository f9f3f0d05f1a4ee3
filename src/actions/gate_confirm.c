/* gate.confirm: a person says go, or attests, before what follows. What is shown is made of what the plan and the record say, without
 * times, so that the same facts give the same digest: an approval is void when they change. */
#include <config.h>

#include <string.h>

#include <cm/action.h>
#include <cm/str.h>

#include "actions/chart_keep.h"
#include "actions/downtime_estimate.h"
#include "actions/look.h"
#include "actions/release.h"
#include "actions/evening.h"
#include "actions/source.h"
#include "actions/target.h"
#include "adapters/helm.h"
#include "adapters/kubectl.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
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

static bool has_old_server(struct cm_step *step) { return json_array_size(cm_plan_get(cm_step_plan(step), "source.hosts")) > 0; }

static void add_nodes(struct cm_step *step, struct cm_str *out)
{
    size_t i;
    json_t *host;
    if (!has_old_server(step))
        return;
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

/* Where the plan pins no version it is the newest one now, and stays it, though a newer one be published meanwhile. */
static int add_chart(struct cm_step *step, struct cm_str *out, struct cm_err **err)
{
    const json_t *kept;
    if (cm_chart_keep(step, &kept, err) < 0)
        return -1;
    if (kept && !cm_plan_text(cm_step_plan(step), "target.chart_version"))
        cm_str_addf(out, "chart         %s %s, the newest when this was first shown; it stays that one\n",
                    plan_text(step, "target.chart"), cm_json_text(kept, "version", "?"));
    return 0;
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

/* The newest revision, so that an approval is void when somebody changes the release meanwhile. */
static int add_revision(struct cm_step *step, struct cm_str *out, struct cm_err **err)
{
    struct cm_helm_revision *list = NULL;
    size_t n = 0;
    if (cm_helm_revisions(step, &list, &n, err) < 0)
        return -1;
    if (n == 0)
        cm_str_add(out, "release       none yet: it is installed\n");
    else
        cm_str_addf(out, "release       revision %d, %s; it is upgraded\n", list[n - 1].revision, list[n - 1].status);
    free(list);
    return 0;
}

static void add_temporary(struct cm_step *step, struct cm_str *out)
{
    const char *name;
    json_t *original;
    json_object_foreach(cm_json_loose(cm_json_at(cm_fact(step, "temporary.values"), "originals")), name, original)
    {
        const char *was = cm_json_text(original, "value", NULL);
        cm_str_addf(out, "for a while   %s (afterwards %s)\n", name, was ? was : "absent again");
    }
}

static void add_estimate(struct cm_step *step, struct cm_str *out)
{
    const json_t *fact = cm_fact(step, "downtime.estimate"), *basis = json_object_get(fact, "basis");
    if (!fact) {
        cm_str_add(out,
                   "estimate      none was made: the service is down for the backup and the start of the pod; users are out until "
                   "validation ends\n");
        return;
    }
    cm_autofree char *words = cm_estimate_words(fact, cm_plan_text(cm_step_plan(step), "window.zone"));
    cm_str_addf(out, "estimate      %s\n", words);
    for (size_t i = 0; i < json_array_size(basis); i++)
        cm_str_addf(out, "              %s\n", json_string_value(json_array_get(basis, i)));
}

/* All was looked at again just before this: what differs from the last `check`, by the engine's fact. */
static void add_since(struct cm_step *step, struct cm_str *out)
{
    const json_t *since = cm_fact(step, "check.since"), *changes = json_object_get(since, "changes");
    int64_t at = 0;
    if (!since) {
        cm_str_add(out, "checked       all again now; there was no check before to compare with\n");
        return;
    }
    if (json_array_size(changes) == 0) { /* no date here: a further check that finds the same voids no approval */
        cm_str_add(out, "checked       all again now; nothing has changed since the last check\n");
        return;
    }
    bool known = cm_time_parse(cm_json_text(since, "at", ""), &at);
    cm_autofree char *when = known ? cm_time_for_people(at, cm_plan_text(cm_step_plan(step), "window.zone")) : cm_strdup("?");
    cm_str_addf(out, "checked       all again now; changed since the check of %s:\n", when);
    for (size_t i = 0; i < json_array_size(changes); i++)
        cm_str_addf(out, "              %s\n", json_string_value(json_array_get(changes, i)));
}

static int show_downtime(struct cm_step *step, struct cm_str *out, struct cm_err **err)
{
    const struct cm_plan *plan = cm_step_plan(step);
    const json_t *priority = cm_fact(step, "content.priority");
    if (json_array_size(cm_plan_get(plan, "source.hosts")) > 0)
        add_nodes(step, out);
    add_target(step, out);
    if (add_chart(step, out, err) < 0 || add_revision(step, out, err) < 0)
        return -1;
    add_values(step, out);
    add_temporary(step, out);
    if (cm_plan_text(plan, "ticket"))
        cm_str_addf(out, "ticket        %s\n", plan_text(step, "ticket"));
    if (priority)
        cm_str_addf(out, "content       %lld items of priority are built after the deployment, %lld at a time\n",
                    (long long)cm_json_int(priority, "selected", 0), (long long)cm_plan_int(plan, "content.build.parallel", 3));
    if (cm_plan_text(plan, "window.end"))
        cm_str_addf(out, "window        %s to %s (%s)\n", plan_text(step, "window.start"), plan_text(step, "window.end"),
                    plan_text(step, "window.zone"));
    add_estimate(step, out);
    add_since(step, out);
    if (json_array_size(cm_plan_get(plan, "source.hosts")) > 0)
        cm_str_add(
            out,
            "From here on: users out, the old server stopped and masked, backup, deployment.\n"
            "Say go only when automation that could start the old server (Puppet, Ansible, cron) is off, and users were told.\n");
    else
        cm_str_add(out, "From here on: the running Connect is scaled to zero, then deployed with the direct runner.\n"
                        "Say go only when another deployer (Argo CD, Flux) is suspended, and users were told.\n");
    return 0;
}

/* Where the new server is reached: as the plan says, else the Ingress' own address; NULL: not known. */
static const char *new_address(struct cm_step *step)
{
    const char *said = cm_plan_text(cm_step_plan(step), "target.resolve");
    cm_autojson ingress = NULL;
    enum cm_seen seen;
    if (said)
        return said;
    if (cm_kube_get(step, "ingresses", cm_target_fullname(step), NULL, &ingress, &seen, NULL) < 0 || seen != CM_SEEN)
        return NULL;
    const json_t *first = json_array_get(cm_json_at(ingress, "status.loadBalancer.ingress"), 0);
    const char *ip = cm_json_text(first, "ip", cm_json_text(first, "hostname", NULL));
    return ip ? cm_arena_strdup(cm_step_arena(step), ip) : NULL;
}

static int show_login(struct cm_step *step, struct cm_str *out, struct cm_err **err)
{
    cm_autofree char *url = cm_source_public_url(step, NULL);
    cm_autofree char *host = url ? cm_look_url_host(url) : NULL;
    const char *address = new_address(step);
    (void)err;
    cm_str_addf(out,
                "Log in through the real name%s%s, resolved to the new address on your own machine by a line in /etc/hosts:\n"
                "    %s  %s\n",
                url ? " " : "", url ? url : "", address ? address : "ADDRESS-OF-THE-NEW-SERVER", host ? host : "NAME");
    cm_str_add(
        out,
        "Open one application and one document. Single sign-on cannot be tried through a port-forward: it leads back to the real "
        "address.\nTake the line out of /etc/hosts afterwards.\n");
    return 0;
}

/* ---- what is on the ledger ---- */

/* The effects are contract; here they are for people. */
static const struct {
    const char *effect, *words;
} changes[] = {
    {"helm.upgrade", "the Helm release"},
    {"service.stop", "Connect stopped on"},
    {"service.mask", "Connect kept from starting (masked) on"},
    {"serviceaccount.label", "the label of the service account"},
    {"marker.write", "the marker file in"},
    {"temporary.setting", "the temporary setting"},
    {"release.scale", "no pods (scaled to zero): release"},
    {"deployer.suspend", "the other deployer suspended:"},
    {"command.run", "what the command did of the step"},
};

static const char *change_words(const char *effect)
{
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (strcmp(changes[i].effect, effect) == 0)
            return changes[i].words;
    return effect;
}

/* One line each; a release that was upgraded several times is one. */
static void add_ledger(struct cm_step *step, const char *label, struct cm_str *out)
{
    struct cm_change c;
    for (uint64_t after = 0; cm_ledger_next(step, NULL, after, &c); after = c.intent) {
        cm_autofree char *line = cm_fmt("%-13s %s %s\n", label, change_words(c.effect), c.key);
        if (!strstr(cm_str_text(out), line))
            cm_str_add(out, line);
    }
}

static int show_rollback(struct cm_step *step, struct cm_str *out, struct cm_err **err)
{
    add_nodes(step, out);
    add_target(step, out);
    cm_str_addf(out,
                "The release is scaled to zero, every change below is taken back, %s.\n"
                "What users did since stays: database and storage are the same.\n",
                has_old_server(step) ? "the old server is started" : "and Connect is started with your own values again");
    add_ledger(step, "in force", out);
    (void)err;
    return 0;
}

static int show_final(struct cm_step *step, struct cm_str *out, struct cm_err **err)
{
    add_nodes(step, out);
    cm_str_add(out, "The way back is given up: caches of the old server are deleted, what was kept for it is settled.\n");
    add_ledger(step, "stays", out);
    (void)err;
    return 0;
}

static const struct {
    const char *id, *title;
    int (*show)(struct cm_step *, struct cm_str *, struct cm_err **);
} known[] = {
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
            if (known[i].show(step, &shown, err) < 0)
                return -1;
        }
    struct cm_gate_spec g = {.id = cm_step_id(step),
                             .attest = strcmp(kind, "attest") == 0,
                             .shown = cm_str_text(&shown),
                             .title = title ? title : "go on"};
    return cm_gate_pass(step, &g, err);
}

const struct cm_action cm_action_gate_confirm = {
    .name = "gate.confirm",
    .summary = "A person says go, or attests",
    .kind = CM_GATE,
    .params = params,
    .preview = apply,
    .apply = apply,
    .reads = "The plan, the values files, the record.",
    .does =
        "Shows what follows and waits for an answer: --yes (go only), a terminal, `approve`, or the plan's `gates`. gate.downtime keeps the "
        "chart's archive in artifacts/ (helm pull), which helm is given until the end.",
    .proves = "The answer stands in the record with who gave it and the digest of what was shown.",
    .undoes = "Nothing.",
    .rights = "None.",
};

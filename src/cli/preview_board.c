/* The preview for a change board: first what has to be decided (what is approved, what it costs, what cannot be taken back, who does what),
 * then every step with its commands and differences. See preview.h. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/preview.h"
#include "report/page.h"

static const char *text_of(const json_t *j, const char *member) { return cm_json_text(j, member, ""); }
static bool is(const json_t *j, const char *member, const char *word) { return strcmp(text_of(j, member), word) == 0; }

/* Calls see for each step, in their order. */
static void each_step(const json_t *all, void (*see)(void *ctx, const json_t *step), void *ctx)
{
    size_t i, k;
    json_t *stage, *step;
    json_array_foreach(json_object_get(all, "stages"), i, stage) json_array_foreach(json_object_get(stage, "steps"), k, step)
        see(ctx, step);
}

/* ---- the decision ---- */

struct tally {
    size_t open, done, skipped, nothing, reversible, costly, final, hand, command;
};

static void count_step(void *ctx, const json_t *step)
{
    struct tally *t = ctx;
    bool open = is(step, "state", "open");
    t->done += is(step, "state", "done");
    t->skipped += is(step, "state", "skipped");
    if (!open)
        return;
    t->open++;
    t->nothing += is(step, "reversal", "changes nothing");
    t->reversible += is(step, "reversal", "reversible");
    t->costly += is(step, "reversal", "reversible at a cost");
    t->final += is(step, "reversal", "not reversible");
    t->hand += is(step, "by", "hand");
    t->command += is(step, "by", "command");
}

static void fact(json_t *table, const char *what, const char *text)
{
    if (text && *text)
        cm_page_row(table, what, text, NULL);
}

static void add_estimate(void *ctx, const json_t *step)
{
    struct cm_str *out = ctx;
    size_t i;
    json_t *deed;
    if (!is(step, "action", "downtime.estimate"))
        return;
    json_array_foreach(json_object_get(step, "does"), i, deed)
        cm_str_addf(out, "%s%s", out->len ? "\n" : "", text_of(deed, "text"));
}

static char *hosts_of(const json_t *all)
{
    struct cm_str s = CM_STR(CM_STR_LINE);
    size_t i;
    json_t *host;
    json_array_foreach(json_object_get(all, "source"), i, host) if (json_is_string(host))
        cm_str_addf(&s, "%s%s", i ? ", " : "", json_string_value(host));
    return cm_str_take(&s);
}

static void at_a_glance(struct cm_page *p, const struct tally *t)
{
    static const char *const columns[] = {"What", "Answer", NULL};
    const json_t *window = json_object_get(p->report, "window");
    cm_autostr estimate = CM_STR(CM_STR_PAGE);
    cm_autofree char *hosts = hosts_of(p->report);
    cm_autofree char *when = *text_of(window, "start") || *text_of(window, "end")
                                 ? cm_fmt("%s to %s %s", text_of(window, "start"), text_of(window, "end"), text_of(window, "zone"))
                                 : cm_strdup("the plan names none");
    cm_autofree char *who = cm_fmt("%zu by this program, %zu by commands of the plan, %zu by hand", t->open - t->command - t->hand,
                                   t->command, t->hand);
    cm_page_say(p, "heading", "At a glance");
    json_t *table = cm_page_table(p, "The change at a glance", columns);
    json_object_set_new(table, "facts", json_true());
    each_step(p->report, add_estimate, &estimate);
    fact(table, "Ticket", *text_of(p->report, "ticket") ? text_of(p->report, "ticket") : "the plan names none");
    fact(table, "Kind of migration", text_of(p->report, "runbook"));
    fact(table, "Old server", hosts);
    fact(table, "New server", text_of(p->report, "target"));
    fact(table, "Maintenance window", when);
    fact(table, "Expected downtime", cm_str_text(&estimate));
    fact(table, "Steps to do", who);
    fact(table, "Questions to", text_of(p->report, "contact"));
    fact(table, "Digest to approve: the plan's (SHA-256)", text_of(p->report, "plan_digest"));
}

static void approvals(struct cm_page *p)
{
    static const char *const columns[] = {"Gate", "What is asked", "Digest of what it shows now", "How it is answered", NULL};
    const json_t *all = json_object_get(p->report, "approve");
    json_t *g, *t;
    size_t i;
    cm_page_say(p, "heading", "What is to be approved");
    if (cm_page_none(p, all, "Nothing: no step waits for a person."))
        return;
    cm_page_say(
        p, "text",
        "This change is the plan with the digest %s. The report names the digest of the plan that was approved and of the one that was "
        "run. At each gate the person who answers sees the text below, made anew: the values files with their digests, the release, the "
        "estimate. The answer carries the digest of that text, and is void when the text changes.",
        text_of(p->report, "plan_digest"));
    t = cm_page_table(p, "Gates with the digests of what they show", columns);
    json_array_foreach(all, i, g)
    {
        cm_autofree char *asked =
            cm_fmt("%s%s", cm_json_bool(g, "attest", false) ? "a person attests: " : "a person says go: ", text_of(g, "title"));
        cm_page_row(t, text_of(g, "gate"), asked, text_of(g, "digest"), text_of(g, "command"), NULL);
    }
    json_array_foreach(all, i, g) if (*text_of(g, "shown"))
    {
        cm_page_say(p, "subheading", "%s shows", text_of(g, "gate"));
        cm_page_say(p, "pre", "%s", text_of(g, "shown"));
    }
}

struct choice {
    struct cm_page *page;
    json_t *table;
    const char *reversal, *heading;
};

static void cost_row(void *ctx, const json_t *step)
{
    static const char *const columns[] = {"Step", "What it does", "What it means", NULL};
    struct choice *c = ctx;
    if (!is(step, "state", "open") || !is(step, "reversal", c->reversal))
        return;
    c->table = c->table ? c->table : cm_page_table(c->page, c->heading, columns);
    cm_page_row(c->table, text_of(step, "id"), text_of(step, "summary"),
                cm_json_text(step, "cost", "It is put back as it was; nothing lasting remains."), NULL);
}

static void costs(struct cm_page *p, const char *heading, const char *reversal)
{
    struct choice c = {.page = p, .reversal = reversal, .heading = heading};
    cm_page_say(p, "heading", "%s", heading);
    each_step(p->report, cost_row, &c);
    if (!c.table)
        cm_page_say(p, "text", "None.");
}

/* ---- every step ---- */

static char *expected(const json_t *step)
{
    const json_t *took = json_object_get(step, "took_ms");
    int64_t limit_ms = cm_json_int(step, "limit_ms", 0);
    cm_autofree char *limit = cm_duration_text(limit_ms);
    if (json_is_integer(took)) {
        cm_autofree char *text = cm_duration_text(json_integer_value(took));
        return cm_fmt("took %s the last time", text);
    }
    return limit_ms > 0 ? cm_fmt("at most %s, then it is an error", limit) : cm_strdup("no limit");
}

static void step_rows(struct cm_page *p, const json_t *stage)
{
    static const char *const columns[] = {"Step", "State", "What it does", "By", "Can it be taken back", "Time", NULL};
    json_t *step, *t = cm_page_table(p, text_of(stage, "title"), columns);
    size_t i;
    cm_page_state(t, 1);
    json_array_foreach(json_object_get(stage, "steps"), i, step)
    {
        cm_autofree char *time = expected(step);
        const char *reason = text_of(step, "reason");
        cm_autofree char *what = cm_fmt("%s%s%s", text_of(step, "summary"), *reason ? "; skipped: " : "", reason);
        cm_page_row(t, text_of(step, "id"), is(step, "state", "open") ? "to do" : text_of(step, "state"), what,
                    is(step, "kind", "gate") ? "a person" : text_of(step, "by"), text_of(step, "reversal"), time, NULL);
    }
}

static void deeds(struct cm_page *p, const json_t *stage)
{
    static const char *const columns[] = {"Step", "Kind", "What exactly", NULL};
    json_t *step, *deed, *t = NULL;
    size_t i, k;
    json_array_foreach(json_object_get(stage, "steps"), i, step) json_array_foreach(json_object_get(step, "does"), k, deed)
    {
        if (!t) {
            t = cm_page_table(p, "What exactly is done", columns);
            cm_page_big(t);
        }
        cm_page_row(t, text_of(step, "id"), text_of(deed, "kind"), text_of(deed, "text"), NULL);
    }
}

json_t *cm_preview_blocks(const json_t *all)
{
    struct cm_page p = {json_array(), all, NULL};
    struct tally t = {0};
    size_t i;
    json_t *stage;
    each_step(all, count_step, &t);
    cm_page_say(&p, "title", "Preview of the migration: %s", text_of(all, "plan"));
    cm_page_say(&p, "part", "For the change board");
    cm_page_say(
        &p, "lead",
        "%zu steps to do: %zu change nothing, %zu can be taken back, %zu can be taken back at a cost, %zu cannot be taken back. "
        "%zu are done, %zu are skipped.",
        t.open, t.nothing, t.reversible, t.costly, t.final, t.done, t.skipped);
    cm_page_say(&p, "text", "A preview changes nothing and runs no checks: what they found stands in the answer of `check`.");
    at_a_glance(&p, &t);
    approvals(&p);
    costs(&p, "What cannot be taken back", "not reversible");
    costs(&p, "What can be taken back at a cost", "reversible at a cost");
    costs(&p, "What can be taken back", "reversible");
    cm_page_say(&p, "part", "Every step");
    json_array_foreach(json_object_get(all, "stages"), i, stage)
    {
        cm_page_say(&p, "heading", "%zu %s", i, text_of(stage, "id"));
        cm_page_say(&p, "text", "%s.", text_of(stage, "title"));
        step_rows(&p, stage);
        deeds(&p, stage);
    }
    return p.blocks;
}

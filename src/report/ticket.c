/* report/ticket.c: the first part of the report, for whoever answers for the change: what was agreed, what was done, how long it took,
 * what is different now, and what is still open. */
#include <config.h>

#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/page.h"
#include "report/parts.h"

static const char *text_of(const json_t *j, const char *member) { return cm_json_text(j, member, ""); }
static bool is(const json_t *j, const char *member, const char *word) { return strcmp(text_of(j, member), word) == 0; }

/* ---- at a glance ---- */

static void fact(json_t *table, const char *what, const char *fmt, ...) CM_PRINTF(3, 4);
static void fact(json_t *table, const char *what, const char *fmt, ...)
{
    va_list ap;
    cm_autostr s = CM_STR(CM_STR_PAGE);
    va_start(ap, fmt);
    cm_str_vaddf(&s, fmt, ap);
    va_end(ap);
    if (s.len > 0)
        cm_page_row(table, what, cm_str_text(&s), NULL);
}

/* The newest of that kind and id; NULL: none. */
static const json_t *said_last(const struct cm_page *p, const char *what, const char *id)
{
    const json_t *found = NULL;
    json_t *s;
    size_t i;
    json_array_foreach(json_object_get(p->report, "said"), i, s) if (is(s, "what", what) && (id == NULL || is(s, "id", id))) found =
        s;
    return found;
}

static void approval(const struct cm_page *p, json_t *t)
{
    const json_t *go = said_last(p, "approved", "gate.downtime"), *d = json_object_get(p->report, "plan_digests");
    const char *approved = cm_json_text(d, "approved", NULL), *ran = cm_json_text(d, "ran", NULL);
    if (go == NULL) {
        fact(t, "Approved by", "nobody: the downtime has not been approved");
    } else {
        cm_autofree char *at = cm_page_when(p, json_object_get(go, "at"));
        const char *how = text_of(go, "how");
        fact(t, "Approved by", "%s, %s%s", text_of(go, "who"), at,
             strcmp(how, "yes") == 0    ? " (by starting the run with --yes)"
             : strcmp(how, "plan") == 0 ? " (answered ahead in the plan)"
                                        : "");
        fact(t, "Digest of what was shown and approved", "%s", text_of(go, "digest"));
    }
    if (approved != NULL)
        fact(t, "Plan that was approved (SHA-256)", "%s", approved);
    if (ran != NULL)
        fact(t, "Plan that was run (SHA-256)", "%s%s", ran,
             approved == NULL             ? ""
             : strcmp(approved, ran) == 0 ? " - the same"
                                          : " - another one: changes of the plan were accepted later, see the transcript");
}

/* "; estimated before: 100 s to 34 min", or nothing. */
static char *estimated(const struct cm_page *p, const char *clock)
{
    const json_t *span = json_object_get(json_object_get(p->report, "estimate"), clock);
    cm_autofree char *from = cm_page_took(json_object_get(span, "from")), *to = cm_page_took(json_object_get(span, "to"));
    return json_is_object(span) ? cm_fmt("; estimated before: %s to %s", from, to) : cm_strdup("");
}

static void clock_fact(const struct cm_page *p, json_t *t, const char *what, const char *path)
{
    const json_t *c = cm_json_at(p->report, path), *inside = json_object_get(c, "within_window");
    cm_autofree char *length = cm_page_took(json_object_get(c, "seconds"));
    cm_autofree char *expected = estimated(p, strrchr(path, '.') + 1);
    if (!json_is_string(json_object_get(c, "from")))
        fact(t, what, "not begun%s", expected);
    else
        fact(t, what, "%s%s%s%s", length, json_is_true(json_object_get(c, "open")) ? " and going on" : "",
             json_is_true(inside)    ? ", inside the window"
             : json_is_false(inside) ? ", OUTSIDE the window"
                                     : "",
             expected);
}

static void window_fact(const struct cm_page *p, json_t *t)
{
    const json_t *window = json_object_get(p->report, "window");
    cm_autofree char *from = cm_page_when(p, json_object_get(window, "start"));
    cm_autofree char *to = cm_page_when(p, json_object_get(window, "end"));
    fact(t, "Maintenance window", "%s%s%s", from, *from != '\0' ? " to " : "the plan names none", to);
}

static void version_facts(const struct cm_page *p, json_t *t)
{
    json_t *v;
    size_t i;
    json_array_foreach(json_object_get(p->report, "versions"), i, v) fact(t, text_of(v, "what"), "%s", text_of(v, "value"));
    json_array_foreach(json_object_get(p->report, "images"), i, v)
        fact(t, "Image", "%s, %s", text_of(v, "image"), text_of(v, "digest"));
    cm_autostr values = CM_STR(CM_STR_PAGE);
    json_array_foreach(json_object_get(p->report, "values_given"), i, v)
        cm_str_addf(&values, "%srevision %lld (%s): %s, sha256 %s", values.len > 0 ? "\n" : "",
                    (long long)cm_json_int(v, "revision", 0), text_of(v, "purpose"), text_of(v, "file"), text_of(v, "sha256"));
    fact(t, "Values given to helm", "%s", cm_str_text(&values));
}

static void content_fact(const struct cm_page *p, json_t *t)
{
    const json_t *c = json_object_get(p->report, "content");
    size_t all = json_array_size(json_object_get(p->report, "items")), i, act = 0, look = 0;
    json_t *item;
    if (all == 0)
        return;
    json_array_foreach(json_object_get(p->report, "items"), i, item)
    {
        act += is(item, "attention", "act");
        look += is(item, "attention", "look");
    }
    fact(t, "Content", "%zu items; %lld chosen to be built ahead, of these %lld built and %lld failed", all,
         (long long)cm_json_int(c, "selected", 0), (long long)cm_json_int(c, "built", 0), (long long)cm_json_int(c, "failed", 0));
    fact(t, "Content that needs its owner", "%zu must be mended, %zu should be looked at", act, look);
}

static void way_back_fact(const struct cm_page *p, json_t *t)
{
    json_t *n;
    size_t i;
    json_array_foreach(json_object_get(p->report, "next_steps"), i, n) if (strstr(text_of(n, "command"), "-run rollback ") != NULL)
    {
        fact(t, "Way back", "open, by `%s`: %s", text_of(n, "command"), text_of(n, "does"));
        return;
    }
    fact(t, "Way back",
         is(p->report, "state", "final")         ? "given up: the migration was declared final"
         : is(p->report, "state", "rolled-back") ? "taken"
                                                 : "not offered in this state");
}

static void at_a_glance(struct cm_page *p)
{
    static const char *const columns[] = {"What", "Answer", NULL};
    cm_page_say(p, "heading", "At a glance");
    json_t *t = cm_page_table(p, "The change at a glance", columns);
    json_object_set_new(t, "facts", json_true());
    cm_autofree char *began = cm_page_when(p, json_object_get(p->report, "began"));
    cm_autofree char *written = cm_page_when(p, json_object_get(p->report, "written"));
    const json_t *backup = said_last(p, "restore point", NULL);
    fact(t, "Ticket", "%s", *text_of(p->report, "ticket") != '\0' ? text_of(p->report, "ticket") : "the plan names none");
    fact(t, "Kind of migration", "%s", text_of(p->report, "runbook"));
    fact(t, "Begun, report written", "%s, %s", began, written);
    fact(t, "Run", "%s, taken up again %lld times", text_of(p->report, "run_id"), (long long)cm_json_int(p->report, "resumed", 0));
    approval(p, t);
    window_fact(p, t);
    clock_fact(p, t, "Service down", "downtime.service");
    clock_fact(p, t, "Users out", "downtime.users");
    fact(t, "Interruptions besides", "%zu", json_array_size(cm_json_at(p->report, "downtime.interruptions")));
    if (backup != NULL) {
        cm_autofree char *at = cm_page_when(p, json_object_get(backup, "at"));
        fact(t, "Restore point (backup)", "%s, %s, %s", text_of(backup, "note"), at,
             is(backup, "how", "command") ? "taken by the plan's command" : "attested by a person");
    } else {
        fact(t, "Restore point (backup)", "none on record");
    }
    version_facts(p, t);
    content_fact(p, t);
    way_back_fact(p, t);
    fact(t, "Questions to", "%s", text_of(p->report, "contact"));
}

/* ---- downtime ---- */

static void clock_row(const struct cm_page *p, json_t *table, const char *name, const json_t *clock)
{
    cm_autofree char *from = cm_page_when_exactly(p, json_object_get(clock, "from"));
    cm_autofree char *to = cm_page_when_exactly(p, json_object_get(clock, "to"));
    cm_autofree char *length = cm_page_took(json_object_get(clock, "seconds"));
    const json_t *inside = json_object_get(clock, "within_window");
    bool open = json_is_true(json_object_get(clock, "open")), begun = *from != '\0';
    cm_page_row(table, name, begun ? length : "not begun", from, open ? "not ended" : to,
                json_is_null(inside)   ? "no window"
                : json_is_true(inside) ? "inside"
                                       : "OUTSIDE",
                NULL);
}

static void downtime(struct cm_page *p)
{
    static const char *const columns[] = {"Clock", "Length", "From", "To", "Window", NULL};
    static const char *const cuts[] = {"Interruption", "Length", "From", "To", "Why", NULL};
    const json_t *d = json_object_get(p->report, "downtime"), *window = json_object_get(p->report, "window");
    json_t *cut, *t;
    size_t i;
    cm_page_say(p, "heading", "Downtime");
    if (json_is_object(window)) {
        cm_autofree char *from = cm_page_when(p, json_object_get(window, "start"));
        cm_autofree char *to = cm_page_when(p, json_object_get(window, "end"));
        cm_page_say(p, "text", "Maintenance window: %s to %s.", from, to);
    } else {
        cm_page_say(p, "text", "The plan names no maintenance window.");
    }
    cm_page_say(
        p, "text",
        "Service down: from the first stop of the old server until the new one was verified. Users out: from closing access "
        "until it was opened again.");
    t = cm_page_table(p, "The two clocks of the downtime", columns);
    clock_row(p, t, "Service down", json_object_get(d, "service"));
    clock_row(p, t, "Users out", json_object_get(d, "users"));
    if (json_array_size(json_object_get(d, "interruptions")) == 0)
        return;
    t = cm_page_table(p, "Interruptions besides the two clocks", cuts);
    json_array_foreach(json_object_get(d, "interruptions"), i, cut)
    {
        cm_autofree char *from = cm_page_when_exactly(p, json_object_get(cut, "from"));
        cm_autofree char *to = cm_page_when_exactly(p, json_object_get(cut, "to"));
        cm_autofree char *length = cm_page_took(json_object_get(cut, "seconds"));
        const char *signal = cm_json_text(cut, "signal", NULL);
        cm_page_row(t, signal != NULL ? "the run itself" : text_of(cut, "what"), length, from, to,
                    signal != NULL ? signal : text_of(cut, "why"), NULL);
    }
}

/* ---- what was changed ---- */

/* The effects are contract; here they are for people. */
static const struct {
    const char *effect, *words;
} effect_words[] = {
    {"service.stop", "old server stopped"},
    {"service.mask", "old server kept from starting"},
    {"marker.write", "marker file in the data folder"},
    {"serviceaccount.label", "service account labelled for the runner"},
    {"access.close", "users shut out"},
    {"release.scale", "new server scaled to zero"},
    {"deployer.suspend", "the other deployer suspended"},
    {"temporary.setting", "temporary setting"},
    {"helm.upgrade", "Helm release installed or upgraded"},
};

static char *change_name(const json_t *c)
{
    const char *effect = text_of(c, "effect");
    for (size_t i = 0; i < sizeof effect_words / sizeof effect_words[0]; i++)
        if (strcmp(effect_words[i].effect, effect) == 0)
            return cm_fmt("%s (%s)", effect_words[i].words, effect);
    return cm_strdup(effect);
}

static char *change_before(const json_t *c)
{
    const json_t *original = json_object_get(c, "original");
    if (is(c, "effect", "helm.upgrade"))
        return cm_json_int(original, "revision", 0) == 0 ? cm_strdup("no release")
                                                         : cm_fmt("revision %lld", (long long)cm_json_int(original, "revision", 0));
    return cm_word_value(original);
}

static const char *change_state(const json_t *c)
{
    if (is(c, "state", "back"))
        return "taken back";
    if (is(c, "state", "final"))
        return "stays, declared final";
    return is(c, "class", "settle") ? "open: must be taken back" : "in force, kept for a way back";
}

static void changes(struct cm_page *p)
{
    static const char *const columns[] = {"Change", "On", "Before", "Now", "State", "Changed", "Settled", NULL};
    const json_t *all = json_object_get(p->report, "changes");
    json_t *c, *t;
    size_t i;
    cm_page_say(p, "heading", "Changes");
    if (cm_page_none(p, all, "Nothing was changed that would have to be taken back."))
        return;
    t = cm_page_table(p, "Every change with its original and its present value", columns);
    json_array_foreach(all, i, c)
    {
        cm_autofree char *name = change_name(c), *before = change_before(c);
        cm_autofree char *at = cm_page_when(p, json_object_get(c, "at"));
        cm_autofree char *settled = cm_page_when(p, json_object_get(c, "settled"));
        cm_page_row(t, name, text_of(c, "key"), before, text_of(c, "present"), change_state(c), at, settled, NULL);
    }
}

static void temporary(struct cm_page *p)
{
    static const char *const columns[] = {"Setting", "Original", "Set to", "Proof", "Back since", NULL};
    const json_t *all = json_object_get(p->report, "temporary");
    json_t *one, *t;
    size_t i;
    cm_page_say(p, "heading", "Temporary settings");
    if (cm_page_none(p, all, "None was set."))
        return;
    t = cm_page_table(p, "Settings changed for the rebuilds, and the proof that they are back", columns);
    json_array_foreach(all, i, one)
    {
        cm_autofree char *original = cm_word_value(json_object_get(one, "original"));
        cm_autofree char *set_to = cm_word_value(json_object_get(one, "set_to"));
        cm_autofree char *settled = cm_page_when(p, json_object_get(one, "settled"));
        cm_page_row(t, text_of(one, "setting"), original, json_is_null(json_object_get(one, "set_to")) ? "" : set_to,
                    text_of(one, "proof"), settled, NULL);
    }
}

/* ---- who said what ---- */

static const char *how_words(const json_t *s)
{
    const char *how = text_of(s, "how");
    if (is(s, "what", "restore point"))
        return strcmp(how, "command") == 0 ? "by the plan's command" : how;
    return strcmp(how, "yes") == 0        ? "with --yes"
           : strcmp(how, "plan") == 0     ? "ahead, in the plan"
           : strcmp(how, "terminal") == 0 ? "at the terminal"
           : strcmp(how, "approve") == 0  ? "by `approve`"
                                          : how;
}

static void said(struct cm_page *p)
{
    static const char *const columns[] = {"What", "Id", "By", "When", "How", "Note", "Digest of what was shown", NULL};
    const json_t *all = json_object_get(p->report, "said");
    json_t *s, *t;
    size_t i;
    cm_page_say(p, "heading", "Who said what");
    if (cm_page_none(p, all, "Nobody was asked."))
        return;
    t = cm_page_table(p, "Approvals, attestations, answers and waivers", columns);
    json_array_foreach(all, i, s)
    {
        cm_autofree char *at = cm_page_when(p, json_object_get(s, "at"));
        const char *note = text_of(s, "note");
        cm_page_row(t, text_of(s, "what"), text_of(s, "id"), text_of(s, "who"), at, how_words(s),
                    *note != '\0' ? note : text_of(s, "title"), text_of(s, "digest"), NULL);
    }
}

static const char *finding_seen(const struct cm_page *p, const char *id)
{
    json_t *f;
    size_t i;
    json_array_foreach(json_object_get(p->report, "findings"), i, f) if (is(f, "id", id)) return text_of(f, "seen");
    return "";
}

static void waivers(struct cm_page *p)
{
    static const char *const columns[] = {"Warning", "What was seen", "Waived by", "When", "Reason", NULL};
    json_t *s, *t = NULL;
    size_t i;
    cm_page_say(p, "heading", "Waivers");
    json_array_foreach(json_object_get(p->report, "said"), i, s)
    {
        if (!is(s, "what", "waived"))
            continue;
        cm_autofree char *at = cm_page_when(p, json_object_get(s, "at"));
        t = t != NULL ? t : cm_page_table(p, "Warnings that somebody waived", columns);
        cm_page_row(t, text_of(s, "id"), finding_seen(p, text_of(s, "id")), text_of(s, "who"), at, text_of(s, "note"), NULL);
    }
    if (t == NULL)
        cm_page_say(p, "text", "No warning was waived.");
}

static void pairs(struct cm_page *p, const char *heading, const char *member, const char *const *columns, const char *left,
                  const char *right, const char *empty)
{
    const json_t *all = json_object_get(p->report, member);
    json_t *one, *t;
    size_t i;
    cm_page_say(p, "heading", "%s", heading);
    if (cm_page_none(p, all, empty))
        return;
    t = cm_page_table(p, heading, columns);
    json_array_foreach(all, i, one) cm_page_row(t, text_of(one, left), text_of(one, right), NULL);
}

void cm_page_ticket(struct cm_page *p)
{
    static const char *const steps[] = {"Step", "Reason", NULL}, *const commands[] = {"Command", "What it does", NULL};
    const json_t *points = json_object_get(p->report, "open_points");
    cm_page_say(p, "part", "Ticket page");
    cm_page_say(p, "lead", "%s", text_of(p->report, "verdict"));
    at_a_glance(p);
    cm_page_say(p, "heading", "Open points");
    if (!cm_page_none(p, points, "None."))
        cm_page_list(p, points);
    pairs(p, "What can be typed now", "next_steps", commands, "command", "does", "Nothing.");
    downtime(p);
    said(p);
    waivers(p);
    pairs(p, "Skipped steps", "skipped", steps, "step", "reason", "None.");
    temporary(p);
    changes(p);
}

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
        "until it was opened again. A clock that ran more than once (a way back) is added up: its length is less than from its "
        "first beginning to its last end.");
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
    if (is(c, "effect", "access.close"))
        return cm_strdup("open");
    if (is(c, "effect", "helm.upgrade"))
        return cm_json_int(original, "revision", 0) == 0 ? cm_strdup("no release")
                                                         : cm_fmt("revision %lld", (long long)cm_json_int(original, "revision", 0));
    return cm_word_value(original);
}

/* On what: where users come in is an address, and not who closed it. */
static const char *change_on(const struct cm_page *p, const json_t *c)
{
    return is(c, "effect", "access.close") ? cm_json_text(p->report, "address", "the public address") : text_of(c, "key");
}

static char *change_now(const json_t *c)
{
    return cm_strdup(is(c, "effect", "access.close") && is(c, "state", "back") ? "open" : text_of(c, "present"));
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
    t = cm_page_table(p, "Every change that a way back can take back, with its original and its present value", columns);
    json_array_foreach(all, i, c)
    {
        cm_autofree char *name = change_name(c), *before = change_before(c), *now = change_now(c);
        cm_autofree char *at = cm_page_when_exactly(p, json_object_get(c, "at"));
        cm_autofree char *settled = cm_page_when_exactly(p, json_object_get(c, "settled"));
        cm_page_row(t, name, change_on(p, c), before, now, change_state(c), at, settled, NULL);
    }
}

static void lasting(struct cm_page *p)
{
    static const char *const columns[] = {"Done", "On", "Outcome", "Afterwards", "When", NULL};
    const json_t *all = json_object_get(p->report, "lasting");
    json_t *one, *t;
    size_t i;
    cm_page_say(p, "heading", "Done, and not taken back by a way back");
    if (cm_page_none(p, all, "Nothing."))
        return;
    t = cm_page_table(p, "What was done without an original to go back to", columns);
    json_array_foreach(all, i, one)
    {
        cm_autofree char *name = cm_fmt("%s (%s)", text_of(one, "words"), text_of(one, "effect"));
        cm_autofree char *at = cm_page_when_exactly(p, json_object_get(one, "at"));
        cm_page_row(t, name, text_of(one, "key"), text_of(one, "outcome"), text_of(one, "after"), at, NULL);
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
        cm_autofree char *settled = cm_page_when_exactly(p, json_object_get(one, "settled"));
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
           : strcmp(how, "plan") == 0     ? "stated beforehand in the plan, not asked on the night"
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
        cm_autofree char *at = cm_page_when_exactly(p, json_object_get(s, "at")), *who = cm_page_who(text_of(s, "who"));
        cm_autofree char *when = is(s, "how", "plan") ? cm_fmt("before the run; taken over %s", at) : cm_strdup(at);
        const char *note = text_of(s, "note");
        cm_page_row(t, text_of(s, "what"), text_of(s, "id"), who, when, how_words(s), *note != '\0' ? note : text_of(s, "title"),
                    text_of(s, "digest"), NULL);
    }
}

static void shown(struct cm_page *p)
{
    json_t *s;
    size_t i;
    json_array_foreach(json_object_get(p->report, "said"), i, s)
    {
        const char *text = cm_json_text(s, "shown", NULL), *digest = text_of(s, "digest");
        if (text == NULL)
            continue;
        cm_page_say(p, "subheading", "What was shown and %s: %s", text_of(s, "what"), text_of(s, "id"));
        if (*digest != '\0')
            cm_page_say(p, "text", "Its digest is %s.", digest);
        size_t n = strlen(text);
        cm_page_say(p, "pre", "%.*s", (int)(n > 0 && text[n - 1] == '\n' ? n - 1 : n), text);
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
        cm_autofree char *at = cm_page_when_exactly(p, json_object_get(s, "at")), *who = cm_page_who(text_of(s, "who"));
        t = t != NULL ? t : cm_page_table(p, "Warnings that somebody waived", columns);
        cm_page_row(t, text_of(s, "id"), finding_seen(p, text_of(s, "id")), who, at, text_of(s, "note"), NULL);
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
    cm_page_glance(p);
    cm_page_say(p, "heading", "Open points");
    if (!cm_page_none(p, points, "None."))
        cm_page_list(p, points);
    pairs(p, "What can be typed now", "next_steps", commands, "command", "does", "Nothing.");
    downtime(p);
    said(p);
    shown(p);
    waivers(p);
    pairs(p, "Skipped steps", "skipped", steps, "step", "reason", "None.");
    temporary(p);
    changes(p);
    lasting(p);
}

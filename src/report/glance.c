/* report/glance.c: the table that a change manager copies into the ticket: what was agreed and by whom, what was run, how long it took, what
 * it runs on now, what is left. */
#include <config.h>

#include <stdarg.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "report/page.h"

static const char *text_of(const json_t *j, const char *member) { return cm_json_text(j, member, ""); }
static bool is(const json_t *j, const char *member, const char *word) { return strcmp(text_of(j, member), word) == 0; }

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
        cm_autofree char *at = cm_page_when_exactly(p, json_object_get(go, "at")), *who = cm_page_who(text_of(go, "who"));
        const char *how = text_of(go, "how");
        fact(t, "Approved by", "%s, %s%s", who, at,
             strcmp(how, "yes") == 0    ? " (by starting the run with --yes)"
             : strcmp(how, "plan") == 0 ? " (answered ahead in the plan)"
                                        : "");
        fact(t, "Digest of what was shown and approved", "%s (the text stands below, under Who said what)", text_of(go, "digest"));
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

/* Whether users were told, how and when; no row where nothing is on record. */
static void announced_fact(const struct cm_page *p, json_t *t)
{
    const json_t *told = json_object_get(p->report, "announced"), *sent = NULL;
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(p->report, "lasting"), i, one) if (is(one, "effect", "webhook")) sent = one;
    cm_autofree char *at = cm_page_when_exactly(p, json_object_get(sent, "at"));
    bool banner = cm_json_bool(told, "banner", false);
    if (sent != NULL)
        fact(t, "Announced", "%s, by notify.webhook, %s%s", at, text_of(sent, "outcome"),
             banner ? "; the server showed users a warning of its own" : "");
    else if (json_is_object(told))
        fact(t, "Announced", "%s",
             banner ? "by the warning that the server showed; no webhook was used"
                    : "nobody was told by this run: no webhook, no warning");
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

/* " (of ann 1, bob 3)"; "" where nobody has to mend anything. */
static char *owners_to_tell(const struct cm_page *p)
{
    enum { NAMED = 12 };
    struct cm_str s = CM_STR(CM_STR_LINE);
    size_t i, n = 0;
    json_t *o;
    json_array_foreach(json_object_get(p->report, "owners"), i, o) if (cm_json_int(o, "act", 0) > 0 && n++ < NAMED)
        cm_str_addf(&s, "%s%s %lld", n == 1 ? " (of " : ", ", text_of(o, "owner"), (long long)cm_json_int(o, "act", 0));
    if (n > NAMED)
        cm_str_addf(&s, " and of %zu more owners", n - NAMED);
    cm_str_add(&s, n > 0 ? ")" : "");
    return cm_str_take(&s);
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
    if (is(p->report, "state", "rolled-back")) {
        fact(t, "Content", "%zu items; they run on the old server again", all);
        return;
    }
    fact(t, "Content", "%zu items; %lld chosen: %lld built, %lld failed, %lld needed no build, %lld gone", all,
         (long long)cm_json_int(c, "selected", 0), (long long)cm_json_int(c, "built", 0), (long long)cm_json_int(c, "failed", 0),
         (long long)cm_json_int(c, "skipped", 0), (long long)cm_json_int(c, "gone", 0));
    cm_autofree char *whose = owners_to_tell(p);
    fact(t, "Content that needs its owner", "%zu must be mended%s, %zu should be looked at", act, whose, look);
}

/* How much is different now, and how much of it has to be taken back before this is over. */
static void changes_fact(const struct cm_page *p, json_t *t)
{
    size_t i, open = 0, must = 0, final = 0;
    json_t *c;
    json_array_foreach(json_object_get(p->report, "changes"), i, c)
    {
        bool is_open = is(c, "state", "open");
        must += is_open && is(c, "class", "settle");
        open += is_open && !is(c, "class", "settle");
        final += is(c, "state", "final");
    }
    fact(t, "Changes in force", "%zu must still be taken back, %zu are kept for a way back, %zu were declared to stay", must, open,
         final);
}

/* Did users notice it? They were shut out anyhow. */
static bool within_users_out(const struct cm_page *p, const json_t *cut)
{
    const json_t *users = cm_json_at(p->report, "downtime.users");
    const char *from = cm_json_text(users, "from", NULL), *to = cm_json_text(users, "to", NULL);
    const char *began = cm_json_text(cut, "from", NULL), *ended = cm_json_text(cut, "to", NULL);
    if (from == NULL || began == NULL || ended == NULL || strcmp(began, from) < 0) /* times of one form compare as texts */
        return false;
    return json_is_true(json_object_get(users, "open")) || (to != NULL && strcmp(ended, to) <= 0);
}

/* "1, 169 ms, within users out" */
static char *cuts_of_the_service(const struct cm_page *p)
{
    size_t i, n = 0, within = 0;
    double all = 0;
    json_t *cut;
    json_array_foreach(cm_json_at(p->report, "downtime.interruptions"), i, cut)
    {
        if (cm_json_text(cut, "signal", NULL) != NULL)
            continue;
        n++;
        within += within_users_out(p, cut);
        all += json_number_value(json_object_get(cut, "seconds"));
    }
    if (n == 0)
        return cm_strdup("none");
    cm_autojson seconds = json_real(all);
    cm_autofree char *length = cm_page_took(seconds);
    return cm_fmt("%zu, %s, %s", n, length,
                  within == n   ? "while users were out"
                  : within == 0 ? "while users were in"
                                : "partly while users were in");
}

static void interruptions_fact(const struct cm_page *p, json_t *t)
{
    size_t i, run = 0;
    json_t *cut;
    json_array_foreach(cm_json_at(p->report, "downtime.interruptions"), i, cut) run += cm_json_text(cut, "signal", NULL) != NULL;
    cm_autofree char *stops = cm_page_count(run, "time", "times"), *cuts = cuts_of_the_service(p);
    fact(t, "Interruptions besides", "of the service: %s; the run itself was interrupted by a signal %s", cuts, stops);
}

static size_t waived(const struct cm_page *p)
{
    size_t i, n = 0;
    json_t *s;
    json_array_foreach(json_object_get(p->report, "said"), i, s) n += is(s, "what", "waived");
    return n;
}

/* The command among those that can be typed now; NULL: it cannot. */
static const json_t *step_with(const struct cm_page *p, const char *words)
{
    json_t *n;
    size_t i;
    json_array_foreach(json_object_get(p->report, "next_steps"), i, n) if (strstr(text_of(n, "command"), words) != NULL) return n;
    return NULL;
}

/* Until when, by what, how long, what of the work is lost. */
static void way_back_open(const struct cm_page *p, json_t *t, const json_t *back)
{
    const json_t *finish = step_with(p, "-run finish "), *span = cm_json_at(p->report, "estimate.back");
    cm_autofree char *from = cm_page_took(json_object_get(span, "from")), *to = cm_page_took(json_object_get(span, "to"));
    cm_autofree char *until = finish != NULL ? cm_fmt(", until somebody types `%s`", text_of(finish, "command")) : cm_strdup("");
    bool known = json_number_value(json_object_get(span, "to")) > 0;
    cm_autofree char *length = known ? cm_fmt("; it takes %s to %s, as estimated before", from, to) : cm_strdup("");
    fact(t, "Way back", "open%s. `%s` %s%s; nothing is restored from the backup, what users did on the new server stays", until,
         text_of(back, "command"), text_of(back, "does"), length);
}

static void way_back_fact(const struct cm_page *p, json_t *t)
{
    const json_t *open = step_with(p, "-run rollback "), *back = said_last(p, "approved", "gate.rollback");
    if (open != NULL) {
        way_back_open(p, t, open);
        return;
    }
    cm_autofree char *at = cm_page_when_exactly(p, json_object_get(back, "at")), *who = cm_page_who(text_of(back, "who"));
    if (is(p->report, "state", "rolled-back"))
        fact(t, "Way back", "taken, approved by %s, %s; nothing was restored from the backup", who, at);
    else
        fact(t, "Way back",
             is(p->report, "state", "final") ? "given up: the migration was declared final" : "not offered in this state");
}

/* "vm-to-kubernetes, then finish" */
static void kinds_fact(const struct cm_page *p, json_t *t)
{
    cm_autostr s = CM_STR(CM_STR_LINE);
    size_t i;
    json_t *a;
    json_array_foreach(json_object_get(p->report, "attempts"), i, a)
        cm_str_addf(&s, "%s%s", i > 0 ? ", then " : "", text_of(a, "runbook"));
    fact(t, "Kind of migration", "%s", cm_str_text(&s));
}

void cm_page_glance(struct cm_page *p)
{
    static const char *const columns[] = {"What", "Answer", NULL};
    cm_page_say(p, "heading", "At a glance");
    json_t *t = cm_page_table(p, "The change at a glance", columns);
    json_object_set_new(t, "facts", json_true());
    cm_autofree char *began = cm_page_when_exactly(p, json_object_get(p->report, "began"));
    cm_autofree char *written = cm_page_when_exactly(p, json_object_get(p->report, "written"));
    const json_t *backup = said_last(p, "restore point", NULL);
    fact(t, "Ticket", "%s", *text_of(p->report, "ticket") != '\0' ? text_of(p->report, "ticket") : "the plan names none");
    kinds_fact(p, t);
    fact(t, "Begun", "%s", began);
    fact(t, "Report written", "%s", written);
    cm_autofree char *again = cm_page_count((size_t)cm_json_int(p->report, "resumed", 0), "time", "times");
    fact(t, "Run", "%s, taken up again %s", text_of(p->report, "run_id"), again);
    approval(p, t);
    announced_fact(p, t);
    window_fact(p, t);
    clock_fact(p, t, "Service down", "downtime.service");
    clock_fact(p, t, "Users out", "downtime.users");
    interruptions_fact(p, t);
    if (backup != NULL) {
        cm_autofree char *at = cm_page_when_exactly(p, json_object_get(backup, "at"));
        fact(t, "Restore point (backup)", "%s, %s, %s", text_of(backup, "note"), at,
             is(backup, "how", "command") ? "taken by the plan's command" : "attested by a person");
    } else {
        fact(t, "Restore point (backup)", "none on record");
    }
    changes_fact(p, t);
    fact(t, "Left out", "steps skipped: %zu, warnings waived: %zu", json_array_size(json_object_get(p->report, "skipped")),
         waived(p));
    version_facts(p, t);
    content_fact(p, t);
    fact(t, "Next helm upgrade", "%s", text_of(p->report, "helm_upgrade"));
    way_back_fact(p, t);
    fact(t, "Questions to", "%s", text_of(p->report, "contact"));
}

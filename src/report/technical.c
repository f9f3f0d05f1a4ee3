/* report/technical.c: the second part of the report, for engineers: what ran when, what was found, every item of content before and after,
 * the account of the configuration, and everything that was asked and done in the order of time. */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "report/items.h"
#include "report/page.h"
#include "report/parts.h"

static const char *text_of(const json_t *j, const char *member) { return cm_json_text(j, member, ""); }
static bool is(const json_t *j, const char *member, const char *word) { return strcmp(text_of(j, member), word) == 0; }

static void world(struct cm_page *p)
{
    cm_autostr lines = CM_STR(CM_STR_LINE);
    size_t i;
    json_t *line;
    json_array_foreach(json_object_get(p->report, "situation"), i, line)
        cm_str_addf(&lines, "%s%s", i > 0 ? "\n" : "", json_string_value(line));
    cm_autofree char *now = cm_time_for_people(0, NULL);
    const char *zone = strrchr(now, ' ');
    cm_page_say(p, "heading", "State of the world");
    cm_page_say(p, "text", "Times in these lines are%s, as the machine has it that wrote this report.",
                zone != NULL ? zone : " local");
    cm_page_say(p, "pre", "%s", cm_str_text(&lines));
}

static void attempts(struct cm_page *p)
{
    static const char *const columns[] = {"Attempt", "Direction", "Runbook", "Result", "Began", "Ended", NULL};
    const json_t *all = json_object_get(p->report, "attempts");
    json_t *a, *t;
    size_t i;
    if (json_array_size(all) < 2)
        return;
    cm_page_say(p, "heading", "Attempts");
    t = cm_page_table(p, "Each walk forward and back", columns);
    cm_page_state(t, 3);
    json_array_foreach(all, i, a)
    {
        cm_autofree char *number = cm_fmt("%" PRId64, cm_json_int(a, "attempt", 0));
        cm_autofree char *began = cm_page_when_exactly(p, json_object_get(a, "began"));
        cm_autofree char *ended = cm_page_when_exactly(p, json_object_get(a, "ended"));
        cm_page_row(t, number, text_of(a, "direction"), text_of(a, "runbook"), text_of(a, "result"), began, ended, NULL);
    }
}

static void step_rows(const struct cm_page *p, json_t *table, const json_t *stage)
{
    json_t *step;
    size_t i;
    json_array_foreach(json_object_get(stage, "steps"), i, step)
    {
        cm_autofree char *started = cm_page_when_exactly(p, json_object_get(step, "started"));
        cm_autofree char *length = cm_page_took(json_object_get(step, "seconds"));
        int64_t tried = cm_json_int(step, "attempts", 0);
        cm_autofree char *tries = tried > 0 ? cm_fmt("%" PRId64, tried) : cm_strdup("");
        /* done and not begun: the step that writes this page */
        bool itself = is(step, "state", "done") && tried == 0 && is(step, "action", "report.write");
        cm_page_row(table, text_of(step, "id"), text_of(step, "state"), text_of(step, "by"), started,
                    *started != '\0' ? length : "", tries, itself ? "this report" : text_of(step, "message"), NULL);
    }
}

/* The walks before the newest one: what a way back took back was done there. */
static void earlier(struct cm_page *p, const char *const *columns)
{
    size_t i, k;
    json_t *a, *stage, *t;
    json_array_foreach(json_object_get(p->report, "attempts"), i, a)
    {
        if (!json_is_array(json_object_get(a, "stages")))
            continue;
        cm_page_say(p, "subheading", "Attempt %" PRId64 " (%s, %s)", cm_json_int(a, "attempt", 0), text_of(a, "direction"),
                    text_of(a, "runbook"));
        t = cm_page_table(p, "The steps of an earlier attempt", columns);
        cm_page_state(t, 1);
        json_array_foreach(json_object_get(a, "stages"), k, stage) step_rows(p, t, stage);
    }
}

static void stages(struct cm_page *p)
{
    static const char *const columns[] = {"Step", "State", "By", "Started", "Took", "Tries", "Message", NULL};
    json_t *stage, *t;
    size_t i;
    cm_page_say(p, "heading", "Stages");
    cm_page_say(
        p, "text",
        "A bar runs from the first start of its stage's steps to the last end. Checks run side by side: what the tables say of each "
        "adds up to more than the bar.");
    cm_page_say(p, "picture", "stages");
    json_array_foreach(json_object_get(p->report, "stages"), i, stage)
    {
        cm_page_say(p, "subheading", "%zu %s: %s (%s)", i, text_of(stage, "id"), text_of(stage, "title"),
                    cm_page_stage_word(stage));
        t = cm_page_table(p, text_of(stage, "title"), columns);
        cm_page_state(t, 1);
        step_rows(p, t, stage);
    }
    earlier(p, columns);
}

/* "login ann on laptop: the images are known"; "": nobody did */
static char *answered_by(const struct cm_page *p, const char *id)
{
    json_t *s;
    size_t i;
    json_array_foreach(json_object_get(p->report, "said"), i, s)
    {
        if (!is(s, "id", id) || !(is(s, "what", "answered") || is(s, "what", "waived")))
            continue;
        cm_autofree char *who = cm_page_who(text_of(s, "who"));
        return cm_fmt("%s by %s%s: %s", text_of(s, "what"), is(s, "how", "plan") ? "the plan, run by " : "", who,
                      text_of(s, "note"));
    }
    return cm_strdup("");
}

/* What needs somebody first. */
static void findings(struct cm_page *p)
{
    static const char *const columns[] = {"Verdict", "Id", "Seen", "What to do", "Answered", NULL};
    static const char *const order[] = {"blocker", "unknown", "warning", "ok"};
    const json_t *all = json_object_get(p->report, "findings");
    json_t *f, *t;
    size_t i;
    cm_page_say(p, "heading", "Findings");
    if (cm_page_none(p, all, "None."))
        return;
    t = cm_page_table(p, "What the checks saw", columns);
    cm_page_state(t, 0);
    cm_page_big(t);
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++)
        json_array_foreach(all, i, f) if (is(f, "verdict", order[k]))
        {
            cm_autofree char *by = answered_by(p, text_of(f, "id"));
            cm_page_row(t, order[k], text_of(f, "id"), text_of(f, "seen"), text_of(f, "remedy"), by, NULL);
        }
}

/* ---- content ---- */

static char *number(const json_t *item, const char *member)
{
    const json_t *n = json_object_get(item, member);
    return json_is_integer(n) ? cm_fmt("%" PRId64, (int64_t)json_integer_value(n)) : cm_strdup("");
}

static void build_times(struct cm_page *p)
{
    static const char *const columns[] = {"A build took", "Items", NULL};
    const json_t *times = json_object_get(p->report, "build_times");
    json_t *bar, *t;
    size_t i;
    if (!json_is_object(times))
        return;
    cm_autofree char *all = cm_page_took(json_object_get(times, "seconds")),
                     *median = cm_page_took(json_object_get(times, "median"));
    cm_autofree char *p90 = cm_page_took(json_object_get(times, "p90")), *longest = cm_page_took(json_object_get(times, "longest"));
    cm_page_say(p, "subheading", "How long builds took");
    cm_page_say(p, "text",
                "%" PRId64 " builds, %s of building in all; half took at most %s, nine of ten at most %s, the longest %s.",
                cm_json_int(times, "count", 0), all, median, p90, longest);
    cm_page_say(p, "picture", "builds");
    t = cm_page_table(p, "How many builds took how long", columns);
    cm_page_number(t, 1);
    json_array_foreach(json_object_get(times, "bars"), i, bar)
    {
        cm_autofree char *from = cm_page_took(json_object_get(bar, "from")), *to = cm_page_took(json_object_get(bar, "to"));
        cm_autofree char *range =
            json_number_value(json_object_get(bar, "from")) > 0 ? cm_fmt("%s to %s", from, to) : cm_fmt("less than %s", to);
        cm_autofree char *count = number(bar, "count");
        cm_page_row(t, range, count, NULL);
    }
}

static void failures(struct cm_page *p)
{
    static const char *const columns[] = {"Items", "What failed", "Cause", "Which", "Log of the first", NULL};
    enum { NAMED = 10 };
    const json_t *all = json_object_get(p->report, "failures");
    json_t *f, *t, *guid;
    size_t i, k;
    cm_page_say(p, "subheading", "Failures by cause");
    if (cm_page_none(p, all, "Nothing failed, and nothing answers differently from before."))
        return;
    cm_autojson known = json_object();
    json_array_foreach(json_object_get(p->report, "items"), i, f) json_object_set(known, text_of(f, "guid"), f);
    t = cm_page_table(p, "Failures of one cause together", columns);
    cm_page_number(t, 0);
    json_array_foreach(all, i, f)
    {
        const json_t *guids = json_object_get(f, "items");
        cm_autostr names = CM_STR(CM_STR_PAGE);
        json_array_foreach(guids, k, guid) if (k < NAMED)
        {
            const json_t *item = json_object_get(known, json_string_value(guid));
            cm_str_addf(&names, "%s%s, %s (%s)", k > 0 ? "\n" : "", text_of(item, "title"), text_of(item, "owner"),
                        json_string_value(guid));
        }
        if (json_array_size(guids) > NAMED)
            cm_str_addf(&names, "\nand %zu more, see the table", json_array_size(guids) - NAMED);
        cm_autofree char *count = cm_fmt("%zu", json_array_size(guids));
        const json_t *first = json_object_get(known, json_string_value(json_array_get(guids, 0)));
        cm_page_row(t, count, text_of(f, "what"), text_of(f, "cause"), cm_str_text(&names), text_of(first, "build_log"), NULL);
    }
}

/* "R 4.4.1, Quarto 1.6.42; other version" */
static char *runtime(const json_t *item)
{
    static const char *const languages[] = {"r", "R", "python", "Python", "quarto", "Quarto"};
    cm_autostr s = CM_STR(CM_STR_LINE);
    for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i += 2)
        if (*text_of(item, languages[i]) != '\0')
            cm_str_addf(&s, "%s%s %s", s.len > 0 ? ", " : "", languages[i + 1], text_of(item, languages[i]));
    const char *found = text_of(item, "image_found");
    cm_autofree char *given = cm_item_runtime_given(item);
    if (*found != '\0')
        cm_str_addf(&s, "; %s%s",
                    strcmp(found, "none") == 0 ? "no image has it"
                    : *given != '\0'           ? "now "
                                               : "gets another version",
                    strcmp(found, "none") == 0 ? "" : given);
    return cm_str_take(&s);
}

static char *with_reason(const json_t *item, const char *member, const char *reason)
{
    const char *why = cm_json_text(item, reason, NULL);
    return why == NULL ? cm_strdup(text_of(item, member)) : cm_fmt("%s: %s", text_of(item, member), why);
}

static void item_row(json_t *table, const json_t *item)
{
    const json_t *seconds = json_object_get(item, "build_seconds");
    cm_autofree char *visits = number(item, "visits"), *before = number(item, "before"), *now = number(item, "now");
    cm_autofree char *build = with_reason(item, "build", "build_error"), *result = with_reason(item, "result", "how");
    cm_autofree char *took = json_is_number(seconds) ? cm_fmt("%.2f", json_number_value(seconds)) : cm_strdup("");
    cm_autofree char *ran_on = runtime(item);
    cm_page_row(table, text_of(item, "attention"), text_of(item, "title"), text_of(item, "owner"), text_of(item, "kind"), visits,
                ran_on, build, took, before, now, result, text_of(item, "cluster"), text_of(item, "why"), text_of(item, "guid"),
                NULL);
}

/* "R 4.4.1 gets R 4.4.3 (5 items)", one a line */
static char *runtimes_of(const json_t *image)
{
    cm_autostr s = CM_STR(CM_STR_PAGE);
    size_t i;
    json_t *r, *version;
    const char *language;
    json_array_foreach(json_object_get(image, "runtimes"), i, r)
    {
        cm_autostr given = CM_STR(CM_STR_LINE);
        json_object_foreach(json_object_get(r, "given"), language, version)
            cm_str_addf(&given, "%s%s %s", given.len > 0 ? " + " : "", language, json_string_value(version));
        cm_autofree char *items = cm_page_count((size_t)cm_json_int(r, "items", 0), "item", "items");
        const char *wanted = text_of(r, "wanted"), *got = cm_str_text(&given);
        bool other = *got != '\0' && strcmp(got, wanted) != 0;
        cm_str_addf(&s, "%s%s%s%s (%s)", i > 0 ? "\n" : "", wanted, other ? " gets " : "", other ? got : "", items);
    }
    return cm_str_take(&s);
}

static void content_images(struct cm_page *p)
{
    static const char *const columns[] = {"Image", "Digest", "Items", "What runs in it", NULL};
    const json_t *all = json_object_get(p->report, "content_images");
    json_t *image, *t;
    size_t i;
    if (json_array_size(all) == 0)
        return;
    cm_page_say(p, "subheading", "Images that run content");
    cm_page_say(p, "text", "As the values name them, by Connect's matching rules; nothing here was run to prove it.");
    t = cm_page_table(p, "Images that run content", columns);
    cm_page_number(t, 2);
    json_array_foreach(all, i, image)
    {
        cm_autofree char *items = number(image, "items"), *runtimes = runtimes_of(image);
        cm_page_row(t, text_of(image, "image"), cm_json_text(image, "digest", "not known: named by a tag, which can be moved"),
                    items, runtimes, NULL);
    }
}

static void content(struct cm_page *p)
{
    static const char *const columns[] = {"Needs",  "Title", "Owner",  "Kind",    "Visits",     "Ran on", "Build", "Build (s)",
                                          "Before", "Now",   "Result", "Runs in", "Chosen for", "GUID",   NULL};
    static const char *const order[] = {"act", "look", "none"};
    const json_t *c = json_object_get(p->report, "content"), *items = json_object_get(p->report, "items");
    json_t *item, *t;
    size_t i;
    cm_page_say(p, "heading", "Content");
    cm_page_say(p, "text",
                "%" PRId64 " items selected: %" PRId64 " built, %" PRId64 " failed, %" PRId64 " needed no build, %" PRId64 " gone.",
                cm_json_int(c, "selected", 0), cm_json_int(c, "built", 0), cm_json_int(c, "failed", 0),
                cm_json_int(c, "skipped", 0), cm_json_int(c, "gone", 0));
    if (json_array_size(items) == 0)
        return;
    content_images(p);
    build_times(p);
    failures(p);
    cm_page_say(p, "subheading", "Every item before and after");
    cm_page_say(
        p, "text",
        "Needs: act, its owner has to mend it; look, its owner should try it once; none. Answers are HTTP statuses of the item's "
        "page on the old and on the new server; only chosen items were built ahead and compared.");
    t = cm_page_table(p, "Every item of content before and after", columns);
    cm_page_state(t, 0);
    cm_page_big(t);
    cm_page_number(t, 4);
    for (int k = 7; k <= 9; k++)
        cm_page_number(t, k);
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++)
        json_array_foreach(items, i, item) if (is(item, "attention", order[k])) item_row(t, item);
}

static void owners(struct cm_page *p)
{
    static const char *const columns[] = {"Owner", "Items", "To mend", "To look at", "Their own page", NULL};
    const json_t *all = json_object_get(p->report, "owners");
    json_t *o, *t;
    size_t i;
    cm_page_say(p, "heading", "Owners of content");
    if (cm_page_none(p, all, "No owner is on record."))
        return;
    cm_page_say(p, "text",
                "Each owner has a page that holds only their own items, in the folder report.owners beside this report.");
    t = cm_page_table(p, "Owners with what they have to do", columns);
    cm_page_big(t);
    for (int k = 1; k <= 3; k++)
        cm_page_number(t, k);
    json_array_foreach(all, i, o)
    {
        cm_autofree char *n = number(o, "items"), *act = number(o, "act"), *look = number(o, "look");
        cm_autofree char *file = cm_fmt("report.owners/%s", text_of(o, "file"));
        cm_page_row(t, text_of(o, "owner"), n, act, look, file, NULL);
    }
}

/* ---- files and the course of things ---- */

static void configuration(struct cm_page *p)
{
    static const char *const columns[] = {"Source", "Setting", "Becomes", "Disposition", "Reason", NULL};
    const json_t *all = json_object_get(p->report, "configuration");
    json_t *r, *t;
    size_t i;
    if (!json_is_array(all))
        return;
    cm_page_say(p, "heading", "Configuration");
    bool launcher = json_array_size(json_object_get(p->report, "values_converted")) > 0;
    t = cm_page_table(p,
                      launcher ? "What became of every setting, and of every value of the Launcher"
                               : "What became of every setting of the old server",
                      columns);
    cm_page_big(t);
    json_array_foreach(all, i, r) cm_page_row(t, text_of(r, "source"), text_of(r, "setting"), text_of(r, "target"),
                                              text_of(r, "disposition"), text_of(r, "reason"), NULL);
}

static void artifacts(struct cm_page *p)
{
    static const char *const columns[] = {"File", "Bytes", "SHA-256", NULL};
    const json_t *all = json_object_get(p->report, "artifacts");
    json_t *a, *t;
    size_t i;
    cm_page_say(p, "heading", "Files");
    if (cm_page_none(p, all, "None was written."))
        return;
    cm_page_say(p, "text", "They lie in the run directory, beside this report; a log of each step lies in its folder logs.");
    t = cm_page_table(p, "Files that steps wrote into the run directory", columns);
    cm_page_number(t, 1);
    json_array_foreach(all, i, a)
    {
        cm_autofree char *name = cm_fmt("artifacts/%s", text_of(a, "name")), *bytes = number(a, "bytes");
        cm_page_row(t, name, bytes, text_of(a, "sha256"), NULL);
    }
}

/* To the millisecond: what followed what within one second is what the transcript is read for. */
static char *to_the_ms(const struct cm_page *p, const json_t *at)
{
    int64_t ms = 0;
    cm_autofree char *text = cm_page_when_exactly(p, at);
    if (strlen(text) < 19 || !cm_time_parse(json_string_value(at), &ms))
        return cm_strdup(text);
    return cm_fmt("%.19s.%03d%s", text, (int)(ms % 1000), text + 19);
}

static void transcript(struct cm_page *p)
{
    static const char *const columns[] = {"When", "Step", "Kind", "What", "Result", "Took (s)", NULL};
    const json_t *all = json_object_get(p->report, "transcript");
    json_t *line, *t;
    size_t i;
    cm_page_say(p, "heading", "Transcript");
    if (cm_page_none(p, all, "There is none."))
        return;
    cm_page_say(
        p, "text",
        "Everything in the order of time. Kind: record, what stands in the state file; command, request and sql, what a step asked "
        "or did; note, what it said.");
    t = cm_page_table(p, "Every command, request and SQL statement with its result", columns);
    cm_page_big(t);
    cm_page_number(t, 5);
    json_array_foreach(all, i, line)
    {
        const json_t *seconds = json_object_get(line, "seconds");
        const char *output = cm_json_text(line, "output", NULL);
        cm_autofree char *at = to_the_ms(p, json_object_get(line, "at"));
        cm_autofree char *took = json_is_number(seconds) ? cm_fmt("%.3f", json_number_value(seconds)) : cm_strdup("");
        cm_autofree char *result =
            output == NULL ? cm_strdup(text_of(line, "result")) : cm_fmt("%s\n%s", text_of(line, "result"), output);
        cm_page_row(t, at, text_of(line, "step"), text_of(line, "kind"), text_of(line, "text"), result, took, NULL);
    }
}

void cm_page_technical(struct cm_page *p)
{
    cm_page_say(p, "part", "Technical pages");
    world(p);
    attempts(p);
    stages(p);
    findings(p);
    content(p);
    owners(p);
    configuration(p);
    artifacts(p);
    transcript(p);
}

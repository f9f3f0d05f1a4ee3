/* How old what was found is, what it was read from, and what has changed since the last `check`. The picture in check.json has, for each
 * finding and fact, when it was seen, and for each step the digests of the sources it read (files by their path) and of its answer.
 *
 * A run looks at everything again before gate.downtime; the gate shows the differences to the last check. `check` alone takes over a
 * slow pass of the last hour, when plan and files are the same, and says so. */
#include <config.h>

#include <stdarg.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/internal.h"

enum { SLOW_MS = 3000, GOOD_FOR_MS = 60 * 60 * 1000, CHANGES_MOST = 20 };

/* ---- the picture ---- */

/* When the step that found it was carried out: earlier than now where a pass was taken over. */
static char *seen_at(const struct cm_engine *e, const char *step, int64_t at_ms)
{
    const char *earlier = cm_json_text(json_object_get(e->reused, step), "at", NULL);
    return earlier ? cm_strdup(earlier) : cm_time_text(at_ms);
}

static json_t *finding_json(const struct cm_engine *e, const struct cm_m_finding *f)
{
    cm_autofree char *at = seen_at(e, f->step, f->at_ms);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", f->id, "step", f->step, "verdict", cm_verdict_word(f->verdict),
                          "seen", f->seen, "remedy", f->remedy ? f->remedy : "", "at", at);
    for (size_t i = 0; i < e->resolved->step_count; i++)
        if (strcmp(e->resolved->steps[i].id, f->step) == 0 && e->resolved->steps[i].action->page)
            json_object_set_new(o, "page", json_string(e->resolved->steps[i].action->page));
    if (json_object_get(e->reused, f->step))
        json_object_set_new(o, "reused", json_true());
    return o;
}

static json_t *all_findings(const struct cm_engine *e)
{
    const struct cm_model *m = CM_MODEL(e);
    json_t *out = json_array();
    for (size_t i = 0; i < m->finding_count; i++)
        json_array_append_new(out, finding_json(e, &m->findings[i]));
    return out;
}

/* Facts of the program itself are no facts about the outside. */
static bool own_fact(const char *name)
{
    static const char *const own[] = {"target", "run.earlier", "check.since", "downtime.estimate", "values.files", NULL};
    for (size_t i = 0; own[i]; i++)
        if (strcmp(name, own[i]) == 0)
            return true;
    return false;
}

static char *digest_of(const json_t *value)
{
    unsigned char sum[32];
    char hex[65];
    cm_sha256_json(value, sum);
    cm_hex(sum, 32, hex);
    return cm_strdup(hex);
}

/* A fact rests on what its step read; where that has no digest of its own (a database, an API), on the answer itself. */
static json_t *all_facts(const struct cm_engine *e)
{
    const struct cm_model *m = CM_MODEL(e);
    json_t *out = json_array(), *value;
    const char *name;
    json_object_foreach(m->facts, name, value)
    {
        const json_t *meta = json_object_get(m->fact_meta, name);
        const char *step = cm_json_text(meta, "step", "");
        const struct cm_m_step *s = cm_model_step(m, step);
        if (strcmp(name, "target") == 0 || strcmp(name, "check.since") == 0)
            continue;
        cm_autofree char *at = seen_at(e, step, cm_json_int(meta, "at_ms", 0)), *answer = digest_of(value);
        json_t *sources = s && s->inputs ? json_deep_copy(s->inputs) : json_object();
        json_object_set_new(sources, "answer", json_string(answer));
        int64_t then = 0, now = cm_clock_wall(cm_loop_clock(e->s->loop));
        bool known = cm_time_parse(at, &then) && then < now;
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:I, s:o, s:O}", "name", name, "step", step, "at", at, "age_s",
                                             (json_int_t)(known ? (now - then) / 1000 : 0), "sources", sources, "value", value));
    }
    return out;
}

static json_t *all_steps(const struct cm_engine *e)
{
    const struct cm_m_attempt *a = CM_MODEL(e)->now;
    json_t *out = json_array();
    for (size_t i = 0; a && i < a->step_count; i++) {
        const struct cm_m_step *s = &a->steps[i];
        const json_t *reused = json_object_get(e->reused, s->id);
        if (s->state != CM_S_DONE)
            continue;
        cm_autofree char *at = seen_at(e, s->id, s->ended_ms);
        json_t *sources = s->inputs ? json_incref(s->inputs) : json_object();
        json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:o}", "step", s->id, "action", s->action, "at", at, "took_ms",
                              (json_int_t)cm_json_int(reused, "took_ms", s->took_ms), "sources", sources);
        if (reused)
            json_object_set_new(o, "reused", json_true());
        json_array_append_new(out, o);
    }
    return out;
}

json_t *cm_fresh_picture(const struct cm_engine *e)
{
    return json_pack("{s:o, s:o, s:o}", "findings", all_findings(e), "facts", all_facts(e), "steps", all_steps(e));
}

/* ---- differences ---- */

static const json_t *named(const json_t *list, const char *member, const char *name)
{
    size_t i;
    json_t *o;
    json_array_foreach(cm_json_loose(list), i, o) if (strcmp(cm_json_text(o, member, ""), name) == 0) return o;
    return NULL;
}

static void say(json_t *out, const char *fmt, ...) CM_PRINTF(2, 3);
static void say(json_t *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cm_autofree char *text = cm_pretty(fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < json_array_size(out); i++)
        if (strcmp(json_string_value(json_array_get(out, i)), text) == 0)
            return;
    json_array_append_new(out, json_string(text));
}

/* A step that did not come to its end in one of both, or was left out, says nothing of what is gone or new. */
static bool in_both(const json_t *before, const json_t *now, const char *step)
{
    return named(json_object_get(before, "steps"), "step", step) && named(json_object_get(now, "steps"), "step", step);
}

static void compare_findings(const json_t *before, const json_t *now, json_t *out)
{
    const json_t *old = json_object_get(before, "findings"), *new = json_object_get(now, "findings");
    size_t i;
    json_t *f;
    json_array_foreach(cm_json_loose(new), i, f)
    {
        const char *id = cm_json_text(f, "id", ""), *verdict = cm_json_text(f, "verdict", ""), *seen = cm_json_text(f, "seen", "");
        const json_t *was = named(old, "id", id);
        bool fine = strcmp(verdict, "ok") == 0;
        if (!in_both(before, now, cm_json_text(f, "step", "")))
            continue;
        if (!was && !fine)
            say(out, "new: %s (%s): %s", id, verdict, seen);
        else if (was && strcmp(cm_json_text(was, "verdict", ""), verdict) != 0)
            say(out, "%s: was %s, is %s: %s", id, cm_json_text(was, "verdict", ""), verdict, seen);
        else if (was && !fine && strcmp(cm_json_text(was, "seen", ""), seen) != 0)
            say(out, "%s (%s): was: %s; is: %s", id, verdict, cm_json_text(was, "seen", ""), seen);
    }
    json_array_foreach(cm_json_loose(old), i, f)
    {
        const char *id = cm_json_text(f, "id", ""), *verdict = cm_json_text(f, "verdict", "");
        if (!named(new, "id", id) && strcmp(verdict, "ok") != 0 && in_both(before, now, cm_json_text(f, "step", "")))
            say(out, "gone: %s (%s): %s", id, verdict, cm_json_text(f, "seen", ""));
    }
}

static bool is_digest(const char *text) { return strlen(text) >= 32 && strspn(text, "0123456789abcdef") == strlen(text); }

/* Sizes move all the time; a tenth of them is no news. */
static bool moved(const char *path, const json_t *was, const json_t *is)
{
    if (!json_is_integer(was) || !json_is_integer(is) || !cm_starts(path, "storage.size."))
        return true;
    json_int_t a = json_integer_value(was), b = json_integer_value(is), apart = a > b ? a - b : b - a, more = a > b ? a : b;
    return apart * 10 > more;
}

static void compare_value(const char *path, const json_t *was, const json_t *is, json_t *out)
{
    if (json_equal(was, is))
        return;
    if (json_is_object(was) && json_is_object(is)) {
        const char *key;
        json_t *value;
        json_object_foreach(cm_json_loose(is), key, value)
        {
            cm_autofree char *deeper = cm_fmt("%s.%s", path, key);
            compare_value(deeper, json_object_get(was, key), value, out);
        }
        json_object_foreach(cm_json_loose(was), key, value)
        {
            cm_autofree char *deeper = cm_fmt("%s.%s", path, key);
            if (!json_object_get(is, key))
                compare_value(deeper, value, NULL, out);
        }
        return;
    }
    if (cm_ends(path, ".before") || cm_ends(path, "sha256") ||
        cm_ends(path, ".place")) /* of files that the program writes itself */
        return;
    bool whole = json_is_array(was) || json_is_array(is) || json_is_object(was) || json_is_object(is);
    const char *text_was = json_string_value(was), *text_is = json_string_value(is);
    if (whole || (text_was && is_digest(text_was)) || (text_is && is_digest(text_is))) {
        say(out, "%s has changed", path);
    } else if (moved(path, was, is)) {
        cm_autofree char *a = was ? json_dumps(was, JSON_ENCODE_ANY) : cm_strdup("absent");
        cm_autofree char *b = is ? json_dumps(is, JSON_ENCODE_ANY) : cm_strdup("absent");
        say(out, "%s: was %s, is %s", path, a, b);
    }
}

static void compare_facts(const json_t *before, const json_t *now, json_t *out)
{
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(before, "facts"), i, f)
    {
        const char *name = cm_json_text(f, "name", "");
        const json_t *is = named(json_object_get(now, "facts"), "name", name);
        if (is && !own_fact(name) && in_both(before, now, cm_json_text(f, "step", "")))
            compare_value(name, json_object_get(f, "value"), json_object_get(is, "value"), out);
    }
}

/* Files by their paths, and the server's configuration: said once, whichever steps read them. */
static void compare_sources(const json_t *before, const json_t *now, json_t *out)
{
    size_t i;
    json_t *s, *sum;
    const char *label;
    json_array_foreach(json_object_get(before, "steps"), i, s)
    {
        const json_t *other = named(json_object_get(now, "steps"), "step", cm_json_text(s, "step", ""));
        const char *kind = cm_json_text(s, "action", "");
        bool reads = !cm_ends(kind, ".convert") && !cm_ends(kind, ".prepare"); /* a compute's inputs are its own texts */
        json_object_foreach(json_object_get(s, "sources"), label, sum)
        {
            const json_t *is = json_object_get(json_object_get(other, "sources"), label);
            if (reads && is && !json_equal(is, sum))
                say(out, "%s has changed", label);
        }
    }
}

json_t *cm_fresh_changes(const json_t *before, const json_t *now)
{
    json_t *out = json_array();
    compare_sources(before, now, out);
    compare_findings(before, now, out);
    compare_facts(before, now, out);
    size_t n = json_array_size(out);
    if (n > CHANGES_MOST) {
        while (json_array_size(out) > CHANGES_MOST)
            json_array_remove(out, json_array_size(out) - 1);
        say(out, "and %zu more", n - CHANGES_MOST);
    }
    return out;
}

int cm_fresh_at_gate(struct cm_engine *e, struct cm_err **err)
{
    if (!e->last_check || !json_is_array(json_object_get(e->last_check, "steps")))
        return 0;
    cm_autojson now = cm_fresh_picture(e);
    json_t *since =
        json_pack("{s:s, s:o}", "at", cm_json_text(e->last_check, "at", ""), "changes", cm_fresh_changes(e->last_check, now));
    if (json_equal(since, json_object_get(CM_MODEL(e)->facts, "check.since"))) {
        json_decref(since);
        return 0;
    }
    cm_record_add(e->record,
                  json_pack("{s:s, s:s, s:s, s:o}", "type", "fact", "step", "run", "name", "check.since", "value", since));
    return cm_engine_sync(e, err);
}

/* ---- what may be taken over from the last check ---- */

static bool files_are_the_same(const json_t *step)
{
    const char *label;
    json_t *sum;
    json_object_foreach(json_object_get(step, "sources"), label, sum)
    {
        unsigned char now[32];
        char hex[65] = "";
        if (*label != '/')
            continue;
        if (cm_sha256_file(label, now, NULL) < 0)
            return false;
        cm_hex(now, 32, hex);
        if (!json_is_string(sum) || strcmp(hex, json_string_value(sum)) != 0) /* a person may have edited the file */
            return false;
    }
    return true;
}

/* All in order: what was warned of is looked at again, since a person may have mended it. */
static bool passed(const json_t *check, const char *step)
{
    size_t i, n = 0;
    json_t *f;
    json_array_foreach(json_object_get(check, "findings"), i, f)
    {
        const char *verdict = cm_json_text(f, "verdict", "");
        if (strcmp(cm_json_text(f, "step", ""), step) != 0)
            continue;
        n++;
        if (strcmp(verdict, "ok") != 0)
            return false;
    }
    return n > 0;
}

static bool good(const struct cm_engine *e, const struct cm_rstep *r, const json_t *step)
{
    int64_t at = 0, age;
    if (!step || e->s->fresh || cm_json_int(step, "took_ms", 0) < SLOW_MS)
        return false;
    if (!cm_time_parse(cm_json_text(step, "at", ""), &at))
        return false;
    age = cm_clock_wall(cm_loop_clock(e->s->loop)) - at;
    return age >= 0 && age < GOOD_FOR_MS && strcmp(cm_json_text(e->last_check, "plan_digest", ""), CM_MODEL(e)->plan_digest) == 0 &&
           strcmp(cm_json_text(e->last_check, "program", ""), e->s->program_version) == 0 && passed(e->last_check, r->id) &&
           files_are_the_same(step);
}

static void take_over(struct cm_engine *e, const struct cm_rstep *r, const json_t *step)
{
    size_t i;
    json_t *o, *sum;
    const char *label;
    cm_record_add(e->record, json_pack("{s:s, s:s, s:i}", "type", "step.begin", "step", r->id, "try", 1));
    json_object_foreach(json_object_get(step, "sources"), label, sum)
        cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:O}", "type", "input", "step", r->id, "label", label, "sha256", sum));
    json_array_foreach(json_object_get(e->last_check, "findings"), i, o)
    {
        if (strcmp(cm_json_text(o, "step", ""), r->id) == 0)
            cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", "finding", "step", r->id, "id",
                                               cm_json_text(o, "id", ""), "verdict", cm_json_text(o, "verdict", ""), "seen",
                                               cm_json_text(o, "seen", ""), "remedy", cm_json_text(o, "remedy", "")));
    }
    json_array_foreach(json_object_get(e->last_check, "facts"), i, o)
    {
        if (strcmp(cm_json_text(o, "step", ""), r->id) == 0)
            cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:O}", "type", "fact", "step", r->id, "name",
                                               cm_json_text(o, "name", ""), "value", json_object_get(o, "value")));
    }
    cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:I}", "type", "step.end", "step", r->id, "state", "done", "took_ms",
                                       (json_int_t)cm_json_int(step, "took_ms", 0)));
}

bool cm_fresh_reuse(struct cm_engine *e, const struct cm_rstep *r, struct cm_err **err)
{
    const json_t *step = named(json_object_get(e->last_check, "steps"), "step", r->id);
    if (!good(e, r, step))
        return false;
    take_over(e, r, step);
    if (!e->reused)
        e->reused = json_object();
    json_object_set_new(
        e->reused, r->id,
        json_pack("{s:s, s:I}", "at", cm_json_text(step, "at", ""), "took_ms", (json_int_t)cm_json_int(step, "took_ms", 0)));
    return cm_record_sync(e->record, err) == 0;
}

int cm_fresh_facts(struct cm_engine *e, struct cm_err **err)
{
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(e->last_check, "facts"), i, f)
    {
        const char *name = cm_json_text(f, "name", ""), *step = cm_json_text(f, "step", "");
        const struct cm_m_step *s = cm_model_step(CM_MODEL(e), step);
        if (s && strcmp(s->kind, "check") == 0 && !json_object_get(CM_MODEL(e)->facts, name))
            cm_record_add(e->record, json_pack("{s:s, s:s, s:s, s:O}", "type", "fact", "step", step, "name", name, "value",
                                               json_object_get(f, "value")));
    }
    return cm_record_sync(e->record, err);
}

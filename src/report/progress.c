/* How far the builds are: see progress.h. */
#include <config.h>

#include "report/progress.h"

#include <math.h>
#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

enum { RECENT_MS = 10 * 60 * 1000, MINUTE_MS = 60 * 1000 };
static const double DEVIATIONS = 1.64; /* of a normal distribution: 90 % lie within */
static const double LEAST = 0.1;       /* no range is narrower than this part of its middle, to each side */

/* ---- words ---- */

char *cm_length_text(int64_t ms)
{
    long long s = ms < 0 ? 0 : ms / 1000;
    if (s < 60)
        return cm_fmt("%lld s", s);
    if (s < 10 * 60)
        return s % 60 == 0 ? cm_fmt("%lld min", s / 60) : cm_fmt("%lld min %02lld s", s / 60, s % 60);
    return s < 3600 ? cm_fmt("%lld min", s / 60) : cm_fmt("%lld h %02lld min", s / 3600, s / 60 % 60);
}

/* In whole units, so that a range does not pretend to know seconds. */
static char *round_text(int64_t ms, bool up)
{
    int64_t minutes = (ms + (up ? MINUTE_MS - 1 : 0)) / MINUTE_MS;
    return minutes < 60 ? cm_fmt("%lld min", (long long)minutes)
                        : cm_fmt("%lld h %02lld min", (long long)(minutes / 60), (long long)(minutes % 60));
}

char *cm_progress_left(const struct cm_progress *p)
{
    if (!p->estimated)
        return cm_strdup("not known yet");
    if (!p->open_ended && p->high_ms <= MINUTE_MS)
        return cm_strdup("less than a minute");
    cm_autofree char *low = round_text(p->low_ms, false), *high = round_text(p->high_ms, true);
    if (p->open_ended)
        return cm_fmt("%s or more", p->low_ms < MINUTE_MS ? "1 min" : low);
    if (p->low_ms < MINUTE_MS)
        return cm_fmt("up to %s", high);
    if (strcmp(low, high) == 0)
        return cm_fmt("about %s", low);
    bool both_minutes = p->high_ms <= 59 * MINUTE_MS;
    return both_minutes ? cm_fmt("%lld to %s", (long long)(p->low_ms / MINUTE_MS), high) : cm_fmt("%s to %s", low, high);
}

char *cm_progress_basis(const struct cm_progress *p)
{
    cm_autofree char *mean = p->mean_ms < MINUTE_MS ? cm_duration_text(p->mean_ms) : cm_length_text(p->mean_ms);
    if (!p->estimated && p->sample < CM_PROGRESS_SAMPLE)
        return cm_fmt("%zu of the first %d builds %s ended", p->sample, CM_PROGRESS_SAMPLE, p->sample == 1 ? "has" : "have");
    return cm_fmt("%zu builds took %s on average, %zu at a time%s", p->sample, mean, p->parallel,
                  p->open_ended ? "; one runs longer than any before" : "");
}

/* ---- the record ---- */

/* The newest intent of each item. */
static json_t *newest(const struct cm_model *m, const struct cm_m_attempt *a)
{
    json_t *items = json_object();
    for (size_t i = 0; i < m->intent_count; i++) {
        const struct cm_m_intent *n = &m->intents[i];
        if (n->attempt != a->number || strcmp(n->effect, "content.build") != 0 || n->life == CM_NOT_HAPPENED)
            continue;
        cm_autofree char *guid = cm_key_plain(n->key);
        json_object_set_new(items, guid, json_integer((json_int_t)i));
    }
    return items;
}

static bool has_result(const struct cm_m_intent *i)
{
    const char *state = cm_json_text(i->result, "state", "");
    return i->life == CM_HAPPENED && (strcmp(state, "built") == 0 || strcmp(state, "failed") == 0);
}

struct lengths {
    double *ms;
    size_t n;
    double mean, deviation;
};

static void take_item(struct cm_progress *p, struct lengths *l, const struct cm_m_intent *i, int64_t now, size_t *recent,
                      int64_t *first)
{
    *first = *first == 0 || i->at_ms < *first ? i->at_ms : *first;
    if (i->life != CM_HAPPENED && i->life != CM_GIVEN_UP) {
        p->running++;
        if (now - i->at_ms >= p->longest_ms) {
            p->longest_ms = now - i->at_ms;
            p->longest = cm_json_text(i->detail, "title", i->key);
        }
        return;
    }
    p->ended++;
    p->failed += strcmp(cm_json_text(i->result, "state", i->life == CM_GIVEN_UP ? "failed" : ""), "failed") == 0;
    *recent += now - i->closed_ms < RECENT_MS;
    if (has_result(i))
        l->ms[l->n++] = (double)(i->closed_ms - i->at_ms);
}

static void measure(struct lengths *l)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < l->n; i++)
        sum += l->ms[i];
    l->mean = l->n > 0 ? sum / (double)l->n : 0;
    for (size_t i = 0; i < l->n; i++)
        squares += (l->ms[i] - l->mean) * (l->ms[i] - l->mean);
    l->deviation = l->n > 1 ? sqrt(squares / (double)(l->n - 1)) : 0;
}

/* What a build that has run for `ran` still needs, by those of the sample that ran longer; -1: none did. */
static double still_needs(const struct lengths *l, double ran)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->ms[i] > ran) {
            sum += l->ms[i] - ran;
            n++;
        }
    return n > 0 ? sum / (double)n : -1;
}

static void estimate(struct cm_progress *p, const struct lengths *l, const struct cm_model *m, const json_t *items, int64_t now)
{
    const char *guid;
    json_t *at;
    double work = 0, longest = 0;
    json_object_foreach((json_t *)(uintptr_t)items, guid, at)
    {
        const struct cm_m_intent *i = &m->intents[json_integer_value(at)];
        if (i->life == CM_HAPPENED || i->life == CM_GIVEN_UP)
            continue;
        double needs = still_needs(l, (double)(now - i->at_ms));
        p->open_ended |= needs < 0;
        work += needs < 0 ? 0 : needs;
        longest = needs > longest ? needs : longest;
    }
    size_t begun = p->ended + p->running;
    double waiting = p->total > begun ? (double)(p->total - begun) : 0, side = p->parallel > 0 ? (double)p->parallel : 1;
    double middle = (work + waiting * l->mean) / side;
    middle = middle < longest ? longest : middle;
    double open = waiting + (double)p->running;
    double error = DEVIATIONS * l->deviation * sqrt(open + waiting * waiting / (double)l->n) / side;
    error = error < LEAST * middle ? LEAST * middle : error;
    p->estimated = true;
    p->low_ms = (int64_t)(middle - error < 0 ? 0 : middle - error);
    p->high_ms = (int64_t)(middle + error);
}

void cm_progress_of_builds(const struct cm_model *m, int64_t now_wall_ms, struct cm_progress *out)
{
    const struct cm_m_attempt *a = m == NULL ? NULL : cm_model_forward(m);
    memset(out, 0, sizeof *out);
    if (a == NULL)
        return;
    const json_t *known = json_object_get(m->facts, "content.to-build");
    out->total = (size_t)cm_json_int(known, "items", 0);
    cm_autojson items = newest(m, a);
    cm_autofree double *ms = cm_alloc((json_object_size(items) + 1) * sizeof *ms);
    struct lengths l = {.ms = ms};
    const char *guid;
    json_t *at;
    size_t recent = 0;
    int64_t first = 0;
    json_object_foreach(items, guid, at) take_item(out, &l, &m->intents[json_integer_value(at)], now_wall_ms, &recent, &first);
    measure(&l);
    size_t planned = (size_t)cm_json_int(known, "parallel", 0);
    out->parallel = planned > 0 ? planned : out->running;
    out->sample = l.n;
    out->mean_ms = (int64_t)l.mean;
    int64_t span = now_wall_ms - first < RECENT_MS ? now_wall_ms - first : RECENT_MS;
    out->per_hour = recent > 0 && span > 0 ? (double)recent * 3600000.0 / (double)span : 0;
    if (l.n >= CM_PROGRESS_SAMPLE && out->total > out->ended)
        estimate(out, &l, m, items, now_wall_ms);
}

char *cm_way_back_length(const struct cm_model *m)
{
    const json_t *fact = json_object_get(m->facts, "downtime.estimate");
    int64_t low = cm_json_int(fact, "back.low_ms", 0), high = cm_json_int(fact, "back.high_ms", 0);
    if (high <= 0)
        return NULL;
    cm_autofree char *from = cm_length_text(low), *to = cm_length_text(high);
    return cm_fmt("%s to %s", from, to);
}

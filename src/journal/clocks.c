/* journal/clocks.c: the two clocks, from the record: how long no Connect served (service down), and how long users were kept out.
 * An interval that a walk left open goes on into the next walk: who rolls back is still down. */
#include <config.h>

#include "journal/clocks.h"

#include <string.h>

#include "base/json.h"
#include "base/time.h"

/* The first step of an attempt with this action that was ever done; 0: none. */
static int64_t done_at(const struct cm_m_attempt *a, const char *action)
{
    for (size_t i = 0; i < a->step_count; i++)
        if (strcmp(a->steps[i].action, action) == 0 && a->steps[i].done_ms != 0)
            return a->steps[i].done_ms;
    return 0;
}

static const char *action_of(const struct cm_m_attempt *a, const char *step)
{
    for (size_t i = 0; i < a->step_count; i++)
        if (strcmp(a->steps[i].id, step) == 0)
            return a->steps[i].action;
    return "";
}

static bool stops_service(const struct cm_m_attempt *a, const struct cm_m_intent *i)
{
    if (i->attempt != a->number || i->life == CM_NOT_HAPPENED)
        return false;
    if (a->direction == CM_BACKWARD)
        return strcmp(action_of(a, i->step), "release.scale") == 0;
    return strcmp(i->effect, "service.stop") == 0 || strcmp(action_of(a, i->step), "launcher.drain") == 0;
}

static int64_t service_from(const struct cm_model *m, const struct cm_m_attempt *a)
{
    for (size_t i = 0; i < m->intent_count; i++)
        if (stops_service(a, &m->intents[i]))
            return m->intents[i].at_ms;
    /* by hand: no effect of ours is on record, only that it was seen */
    if (a->direction == CM_BACKWARD)
        return done_at(a, "release.scale");
    int64_t stopped = done_at(a, "service.stop");
    return stopped != 0 ? stopped : done_at(a, "launcher.drain");
}

static int64_t users_from(const struct cm_model *m, const struct cm_m_attempt *a)
{
    for (size_t i = 0; i < m->intent_count; i++) {
        const struct cm_m_intent *n = &m->intents[i];
        if (n->attempt == a->number && strcmp(n->effect, "access.close") == 0 && n->closed_ms != 0 && n->life != CM_NOT_HAPPENED &&
            n->life != CM_IN_DOUBT && n->life != CM_GIVEN_UP)
            return n->closed_ms;
    }
    return done_at(a, "access.close");
}

static void count(struct cm_clock_count *c, int64_t from, int64_t to)
{
    if (from != 0 && c->open_since == 0) {
        c->open_since = from;
        if (c->from_ms == 0)
            c->from_ms = from;
    }
    if (to != 0 && c->open_since != 0) {
        c->total_ms += to > c->open_since ? to - c->open_since : 0;
        c->open_since = 0;
        c->to_ms = to;
    }
}

static void stop_at(struct cm_clock_count *c, int64_t now_ms)
{
    c->is_open = c->open_since != 0;
    if (c->is_open) {
        c->total_ms += now_ms > c->open_since ? now_ms - c->open_since : 0;
        c->to_ms = 0;
    }
}

static int64_t edge(const struct cm_model *m, const char *path)
{
    const char *text = cm_json_text(m->plan, path, NULL), *zone = cm_json_text(m->plan, "window.zone", NULL);
    int64_t ms = 0;
    return text != NULL && (cm_time_parse(text, &ms) || cm_time_in_zone(text, zone, &ms, NULL) == 0) ? ms : 0;
}

bool cm_window(const struct cm_model *m, int64_t *from_ms, int64_t *to_ms)
{
    *from_ms = edge(m, "window.start");
    *to_ms = edge(m, "window.end");
    return *from_ms != 0 || *to_ms != 0;
}

void cm_clocks(const struct cm_model *m, int64_t now_ms, struct cm_clock_count *service, struct cm_clock_count *users)
{
    memset(service, 0, sizeof *service);
    memset(users, 0, sizeof *users);
    for (size_t i = 0; i < m->attempt_count; i++) {
        const struct cm_m_attempt *a = &m->attempts[i];
        if (a->direction == CM_FINISH)
            continue;
        count(service, service_from(m, a), done_at(a, a->direction == CM_BACKWARD ? "source.verify" : "connect.verify"));
        count(users, users_from(m, a), done_at(a, "access.open"));
    }
    stop_at(service, now_ms);
    stop_at(users, now_ms);
}

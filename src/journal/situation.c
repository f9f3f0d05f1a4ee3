/* journal/situation.c: the state of the world in five lines, as far as the record knows it. Each line must be true for a reader who
 * acts on it at night: what is not known is said so. */
#include <config.h>

#include "journal/situation.h"

#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "journal/clocks.h"

enum { ROW = 76, WIDTH = 2 * ROW }; /* a line stands on two rows of a small terminal at most */
enum { NAME = 40 };                 /* a longer name of a backup is not told here */

struct teller {
    const struct cm_model *m;
    int64_t now_ms;
};

/* "22:04 CET" in the zone of the plan's window, with the date in front on another day. Caller frees. */
static char *clock_text(const struct teller *t, int64_t ms)
{
    const char *zone = t->m != NULL ? cm_json_text(t->m->plan, "window.zone", NULL) : NULL;
    cm_autofree char *then = cm_time_for_people(ms, zone), *now = cm_time_for_people(t->now_ms, zone);
    bool today = strlen(then) >= 16 && strncmp(then, now, 10) == 0;
    return cm_strdup(today ? then + 11 : then);
}

/* "35 s", "41 min", "2 h 05 min". Caller frees. */
static char *span_text(int64_t ms)
{
    long long s = ms / 1000;
    if (s < 60)
        return cm_fmt("%lld s", s);
    return s < 3600 ? cm_fmt("%lld min", s / 60) : cm_fmt("%lld h %02lld min", s / 3600, s / 60 % 60);
}

static bool was_done(const struct cm_m_intent *i) { return i->life == CM_HAPPENED || i->life == CM_FINAL; }

static bool is_unknown(const struct cm_m_intent *i) { return i->life == CM_NEW || i->life == CM_IN_DOUBT || i->life == CM_NOTED; }

static const struct cm_m_step *done_step(const struct cm_m_attempt *a, const char *action)
{
    for (size_t i = 0; a != NULL && i < a->step_count; i++)
        if (strcmp(a->steps[i].action, action) == 0 && a->steps[i].state == CM_S_DONE)
            return &a->steps[i];
    return NULL;
}

/* The engine records a step done by a person or by the plan's own command under its action's name with these keys. */
static bool not_by_tool(const char *key) { return strcmp(key, "hand") == 0 || strcmp(key, "command") == 0; }

/* ---- the old server ---- */

enum unit { UNIT_AS_IT_WAS, UNIT_STOPPED, UNIT_MASKED, UNIT_STOPPED_AND_MASKED, UNIT_STARTED, UNIT_IN_DOUBT };
struct host {
    char *name;
    bool stopped, masked, started, doubt, touched;
    int64_t since;
};

static struct host *host_of(struct host *hosts, size_t *n, size_t cap, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp(hosts[i].name, name) == 0)
            return &hosts[i];
    if (*n == cap)
        return NULL;
    hosts[*n].name = cm_strdup(name);
    return &hosts[(*n)++];
}

static void tell_host(struct host *h, const struct cm_m_intent *i)
{
    const char *what = i->effect + strlen("service.");
    bool done = was_done(i), unknown = is_unknown(i), back = i->life == CM_BACK;
    if (!done && !unknown && !back)
        return;
    h->touched = true;
    h->doubt = unknown;
    if (strcmp(what, "stop") == 0 && done) {
        h->stopped = true;
        h->started = false;
        h->since = i->closed_ms;
    } else if (strcmp(what, "mask") == 0) {
        h->masked = done;
    } else if (strcmp(what, "unmask") == 0 && done) {
        h->masked = false;
    } else if (strcmp(what, "start") == 0 && done) {
        h->started = true;
        h->stopped = false;
        h->since = i->closed_ms;
    }
}

/* Done by a person or by the plan's command, one record stands for all nodes, seen stopped and held on each. */
static void tell_all(struct host *hosts, size_t n, const struct cm_m_intent *i)
{
    for (size_t k = 0; k < n; k++) {
        tell_host(&hosts[k], i);
        if (strcmp(i->effect, "service.stop") == 0)
            hosts[k].masked = was_done(i);
        if (strcmp(i->effect, "service.start") == 0 && was_done(i))
            hosts[k].masked = false;
    }
}

static enum unit unit_state(const struct host *h)
{
    if (h->doubt)
        return UNIT_IN_DOUBT;
    if (h->stopped)
        return h->masked ? UNIT_STOPPED_AND_MASKED : UNIT_STOPPED;
    if (h->started)
        return UNIT_STARTED;
    return h->masked ? UNIT_MASKED : UNIT_AS_IT_WAS;
}

static void add_names(struct cm_str *s, const struct host *hosts, size_t n, enum unit state)
{
    struct cm_str names = CM_STR(CM_STR_LINE);
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (unit_state(&hosts[i]) == state)
            cm_str_addf(&names, "%s%s", count++ > 0 ? ", " : "", hosts[i].name);
    if (names.len > 30 && count > 1)
        cm_str_addf(s, "%zu of %zu nodes", count, n);
    else
        cm_str_add(s, cm_str_text(&names));
    cm_str_fini(&names);
}

static int64_t earliest(const struct host *hosts, size_t n, enum unit state)
{
    int64_t since = 0;
    for (size_t i = 0; i < n; i++)
        if (unit_state(&hosts[i]) == state && hosts[i].since != 0 && (since == 0 || hosts[i].since < since))
            since = hosts[i].since;
    return since;
}

static const struct {
    enum unit state;
    const char *text, *each;
} unit_words[] = {
    {UNIT_IN_DOUBT, "not known whether it stopped or started: ", "not known yet"},
    {UNIT_STOPPED, "stopped, not masked, on ", "stopped, not masked"},
    {UNIT_STOPPED_AND_MASKED, "stopped and masked on ", "stopped and masked"},
    {UNIT_STARTED, "started again on ", "started again"},
    {UNIT_MASKED, "masked on ", "masked"},
    {UNIT_AS_IT_WAS, "as it was on ", "as it was"},
};

/* All nodes alike: since when, too. Else each state with its nodes, the worst first. */
static void say_hosts(const struct teller *t, struct cm_str *s, const struct host *hosts, size_t n)
{
    for (size_t i = 0; i < sizeof unit_words / sizeof unit_words[0]; i++) {
        enum unit state = unit_words[i].state;
        size_t count = 0;
        for (size_t k = 0; k < n; k++)
            count += unit_state(&hosts[k]) == state;
        if (count > 0 && count < n) {
            cm_str_add(s, s->len > 0 ? "; " : "");
            add_names(s, hosts, n, state);
            cm_str_addf(s, ": %s", unit_words[i].each);
        } else if (count == n) {
            int64_t since = earliest(hosts, n, state);
            cm_autofree char *at = clock_text(t, since);
            cm_str_add(s, unit_words[i].text);
            add_names(s, hosts, n, state);
            if (since != 0)
                cm_str_addf(s, "%s%s", state == UNIT_STARTED ? " at " : " since ", at);
        }
    }
}

static void old_server(const struct teller *t, struct cm_str *s)
{
    const json_t *names = cm_json_at(t->m->plan, "source.hosts"), *name;
    size_t cap = json_array_size(names) + t->m->intent_count + 1, n = 0, i;
    cm_autofree struct host *hosts = cm_alloc(cap * sizeof *hosts);
    bool touched = false;
    json_array_foreach(names, i, name) if (json_is_string(name)) host_of(hosts, &n, cap, json_string_value(name));
    for (i = 0; i < t->m->intent_count; i++) {
        const struct cm_m_intent *e = &t->m->intents[i];
        if (!cm_starts(e->effect, "service."))
            continue;
        cm_autofree char *key = cm_key_plain(e->key);
        struct host *h = not_by_tool(key) ? NULL : host_of(hosts, &n, cap, key);
        if (h != NULL)
            tell_host(h, e);
        else
            tell_all(hosts, n, e);
    }
    for (i = 0; i < n; i++)
        touched |= hosts[i].touched;
    if (n == 0)
        cm_str_add(s, "there is none in this plan");
    else if (!touched)
        cm_str_add(s, "as it was, not touched by this run");
    else
        say_hosts(t, s, hosts, n);
    for (i = 0; i < n; i++)
        free(hosts[i].name);
}

/* ---- the new server ---- */

/* What an upgrade was for; NULL: this effect is none. */
static const char *purpose_of(const struct cm_m_intent *e)
{
    static const struct {
        const char *action, *purpose;
    } own[] = {
        {"helm.deploy", "deploy"},
        {"temporary.revert", "revert"},
        {"release.scale", "scale"},
    };
    if (strcmp(e->effect, "helm.upgrade") == 0)
        return cm_json_text(e->detail, "purpose", "deploy");
    if (strcmp(e->effect, "helm.uninstall") == 0)
        return "uninstall";
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcmp(e->effect, own[i].action) == 0) {
            cm_autofree char *key = cm_key_plain(e->key);
            return not_by_tool(key) ? own[i].purpose : NULL;
        }
    return NULL;
}

static const struct cm_m_intent *last_upgrade(const struct cm_model *m)
{
    for (size_t i = m->intent_count; i-- > 0;) {
        const struct cm_m_intent *e = &m->intents[i];
        if (purpose_of(e) != NULL && e->life != CM_NOT_HAPPENED)
            return e;
    }
    return NULL;
}

/* What cm_release_foreign left: {"after": our newest upgrade then, "revision": theirs, 0: the release is gone}. */
bool cm_foreign_release(const struct cm_model *m)
{
    const json_t *fact = json_object_get(m->facts, "release.foreign");
    const struct cm_m_intent *e = last_upgrade(m);
    return fact != NULL && e != NULL && cm_json_int(fact, "after", 0) == (int64_t)e->id;
}

/* The step that verified the server, in the walk that deployed it. */
static const struct cm_m_step *verified(const struct cm_model *m, const struct cm_m_intent *deploy)
{
    for (size_t i = 0; i < m->attempt_count; i++)
        if (m->attempts[i].number == deploy->attempt)
            return done_step(&m->attempts[i], "connect.verify");
    return NULL;
}

static void say_running(const struct teller *t, struct cm_str *s, const struct cm_m_intent *e)
{
    const char *purpose = purpose_of(e);
    int64_t revision = cm_json_int(e->result, "revision", 0);
    const struct cm_m_step *step = verified(t->m, e);
    bool scaled = strcmp(purpose, "scale") == 0, reverted = strcmp(purpose, "revert") == 0;
    cm_autofree char *at = clock_text(t, step != NULL && !scaled && !reverted ? step->done_ms : e->closed_ms);
    cm_autofree char *what = revision > 0 ? cm_fmt("revision %lld", (long long)revision) : cm_strdup("the release");
    if (scaled)
        cm_str_addf(s, "stopped at %s (%s%s, no pods)", at, revision > 0 ? "helm " : "", what);
    else if (reverted)
        cm_str_addf(s, "%s since %s, without the temporary settings", what, at);
    else if (step != NULL)
        cm_str_addf(s, "%s deployed, verified at %s", what, at);
    else
        cm_str_addf(s, "%s deployed at %s, not proved to work yet", what, at);
}

/* Somebody else's, where a stop has said so; our own is under it. */
static void say_foreign(const struct teller *t, struct cm_str *s, const struct cm_m_intent *e)
{
    int64_t theirs = cm_json_int(json_object_get(t->m->facts, "release.foreign"), "revision", 0);
    int64_t ours = cm_json_int(e->result, "revision", 0);
    if (theirs == 0)
        cm_str_addf(s, "somebody else uninstalled the release (our revision %lld)", (long long)ours);
    else
        cm_str_addf(s, "revision %lld, by somebody else, over our revision %lld", (long long)theirs, (long long)ours);
}

static void new_server(const struct teller *t, struct cm_str *s)
{
    const struct cm_m_intent *e = last_upgrade(t->m);
    if (e == NULL) {
        cm_str_add(s, "nothing was deployed by this run");
        return;
    }
    if (cm_foreign_release(t->m) && was_done(e)) {
        say_foreign(t, s, e);
        return;
    }
    const char *purpose = purpose_of(e);
    if (strcmp(e->effect, "helm.uninstall") == 0)
        cm_str_add(s, is_unknown(e) ? "helm uninstall was begun, its outcome is not known yet" : "removed by helm uninstall");
    else if (is_unknown(e))
        cm_str_addf(s, "helm's %s was begun, its outcome is not known yet",
                    strcmp(purpose, "deploy") == 0 ? "deployment" : purpose);
    else if (e->life == CM_GIVEN_UP)
        cm_str_addf(s, "helm's %s failed; parts may be there, see helm history",
                    strcmp(purpose, "deploy") == 0 ? "deployment" : purpose);
    else
        say_running(t, s, e);
}

/* ---- the database ---- */

static const struct cm_m_intent *last_effect(const struct cm_model *m, const char *effect)
{
    for (size_t i = m->intent_count; i-- > 0;)
        if (strcmp(m->intents[i].effect, effect) == 0 && was_done(&m->intents[i]))
            return &m->intents[i];
    return NULL;
}

/* The first time in this walk forward that helm was told to start a Connect; 0: never. */
static int64_t first_deployed(const struct cm_model *m)
{
    const struct cm_m_attempt *a = cm_model_forward(m);
    for (size_t i = 0; a != NULL && i < m->intent_count; i++) {
        const struct cm_m_intent *e = &m->intents[i];
        const char *purpose = purpose_of(e);
        if (e->attempt == a->number && purpose != NULL && strcmp(purpose, "deploy") == 0 && e->life != CM_NOT_HAPPENED)
            return e->at_ms;
    }
    return 0;
}

/* "; backup restore-point-1 of 22:09 UTC", by what its command printed first or what the person who took it says. Empty: there is none.
 * Caller frees. */
static char *backup_words(const struct teller *t, bool named)
{
    const struct cm_m_intent *backup = last_effect(t->m, "backup.take");
    const struct cm_m_step *step = done_step(cm_model_forward(t->m), "backup.take");
    if (backup == NULL && step == NULL)
        return cm_strdup("");
    const json_t *result = backup != NULL ? backup->result : NULL;
    const char *name = cm_json_text(result, "said", cm_json_text(result, "note", ""));
    size_t n = strcspn(name, "\n");
    cm_autofree char *at = clock_text(t, backup != NULL ? backup->closed_ms : step->done_ms);
    named = named && n > 0 && n <= NAME;
    return cm_fmt("; backup %.*s%sof %s", named ? (int)n : 0, name, named ? " " : "", at);
}

/* On one row where that can be: the backup's name is worth more than since when, which the line above tells. */
static void say_open(const struct teller *t, struct cm_str *s)
{
    int64_t since = first_deployed(t->m);
    cm_autofree char *at = clock_text(t, since), *named = backup_words(t, true), *bare = backup_words(t, false);
    cm_autofree char *from = since != 0 ? cm_fmt(" since %s", at) : cm_strdup("");
    size_t own = CM_SITUATION_LABEL + strlen("open to the new server"), n = strlen(named);
    bool name_fits = own + n <= ROW;
    cm_str_addf(s, "open to the new server%s%s", own + n + strlen(from) <= ROW || !name_fits ? from : "", name_fits ? named : bare);
}

/* This program writes nothing into Connect's database; a Connect that it starts does. */
static void database(const struct teller *t, struct cm_str *s)
{
    const struct cm_m_intent *start = last_effect(t->m, "service.start"), *deploy = last_upgrade(t->m);
    bool scaled = deploy != NULL && strcmp(purpose_of(deploy), "scale") == 0 && was_done(deploy);
    if (deploy != NULL && !scaled && (start == NULL || start->id < deploy->id)) {
        say_open(t, s);
        return;
    }
    cm_autofree char *backup = backup_words(t, true);
    if (start != NULL && (deploy == NULL || start->id > deploy->id))
        cm_str_add(s, first_deployed(t->m) != 0 ? "used by the old server again, as the new one left it: nothing was restored"
                                                : "used by the old server again; the new one never had it");
    else if (scaled)
        cm_str_add(s, "was used by the new server, which has no pods now");
    else
        cm_str_add(s, "no change was made to it by this run");
    cm_str_add(s, backup);
}

/* ---- users ---- */

/* Without a closed door it is the service that counts: who finds no Connect is out as well. */
static void users(const struct teller *t, struct cm_str *s, const struct cm_clock_count *out, const struct cm_clock_count *service)
{
    const struct cm_clock_count *c = out->is_open || out->from_ms != 0 ? out : service;
    cm_autofree char *span = span_text(c->total_ms);
    if (c->is_open) {
        cm_autofree char *since = clock_text(t, c->open_since);
        cm_str_addf(s, c == out ? "locked out since %s (%s)" : "not locked out, but Connect is down since %s (%s)", since, span);
    } else if (c->from_ms != 0) {
        cm_autofree char *at = clock_text(t, c->to_ms);
        cm_str_addf(s, c == out ? "in again since %s, were out for %s" : "not locked out; Connect is up since %s, was down for %s",
                    at, span);
    } else {
        cm_str_add(s, "not affected");
    }
}

/* ---- changes in force ---- */

static const struct {
    const char *effect, *one, *many;
} change_words[] = {
    {"temporary.setting", "1 temporary setting", "temporary settings"},
    {"marker.write", "1 test file", "test files"},
    {"release.scale", "1 release at zero", "releases at zero"},
};

static bool listed(const struct cm_m_intent *i, const char *effect)
{
    return cm_model_open_change(i) && i->settle && strcmp(i->effect, effect) == 0;
}

/* What is changed twice is one change to a reader. */
static size_t count_keys(const struct cm_model *m, const char *effect)
{
    cm_autojson keys = json_object();
    for (size_t i = 0; i < m->intent_count; i++)
        if (listed(&m->intents[i], effect)) {
            cm_autofree char *key = cm_key_plain(m->intents[i].key);
            json_object_set_new(keys, key, json_true());
        }
    return json_object_size(keys);
}

/* "3 temporary settings, 1 test file"; false: none is open. */
static bool list_settle(const struct cm_model *m, struct cm_str *s)
{
    size_t others = cm_model_open_changes(m, true);
    for (size_t w = 0; w < sizeof change_words / sizeof change_words[0]; w++) {
        size_t n = count_keys(m, change_words[w].effect);
        for (size_t i = 0; i < m->intent_count; i++)
            others -= listed(&m->intents[i], change_words[w].effect);
        if (n == 1)
            cm_str_addf(s, "%s%s", s->len > 0 ? ", " : "", change_words[w].one);
        else if (n > 1)
            cm_str_addf(s, "%s%zu %s", s->len > 0 ? ", " : "", n, change_words[w].many);
    }
    if (others > 0)
        cm_str_addf(s, "%s%zu %s", s->len > 0 ? ", " : "", others, s->len > 0 ? "more" : others == 1 ? "change" : "changes");
    return s->len > 0;
}

/* The run takes them back by itself as long as temporary.revert is still to come. */
static const char *when_taken_back(const struct cm_model *m)
{
    const struct cm_m_attempt *a = m->now;
    if (a != NULL && a->direction == CM_BACKWARD)
        return "the rollback's end";
    for (size_t i = 0; a != NULL && a->direction == CM_FORWARD && i < a->step_count; i++)
        if (strcmp(a->steps[i].action, "temporary.revert") == 0 && a->steps[i].state != CM_S_DONE)
            return "the end or a rollback";
    return "a rollback";
}

static void in_force(const struct teller *t, struct cm_str *s)
{
    cm_autostr temporary = CM_STR(CM_STR_LINE);
    size_t kept = cm_model_open_changes(t->m, false), final = 0, back = 0;
    for (size_t i = 0; i < t->m->intent_count; i++)
        final += t->m->intents[i].life == CM_FINAL && t->m->intents[i].original != NULL;
    for (size_t i = 0; i < t->m->intent_count; i++)
        back += t->m->intents[i].life == CM_BACK && t->m->intents[i].original != NULL;
    if (list_settle(t->m, &temporary)) {
        cm_str_addf(s, "%s; until %s", cm_str_text(&temporary), when_taken_back(t->m));
    } else if (kept > 0) {
        cm_str_addf(s, "nothing temporary; %zu %s kept for a way back", kept, kept == 1 ? "change" : "changes");
    } else if (final > 0) {
        cm_str_addf(s, "nothing to take back; %zu %s declared final", final, final == 1 ? "change" : "changes");
    } else {
        cm_str_add(s, back > 0 ? "nothing; every change was taken back" : "no change of this run");
    }
}

/* ---- all of them ---- */

static char *line(const char *label, const struct cm_str *s)
{
    char *text = cm_fmt("%-*s%s", CM_SITUATION_LABEL, label, cm_str_text(s));
    if (strlen(text) > WIDTH) {
        size_t cut = WIDTH - 3;
        while (cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80)
            cut--;
        memcpy(text + cut, "...", 4);
    }
    return text;
}

void cm_situation(const struct cm_model *m, int64_t now_wall_ms, struct cm_situation *out)
{
    static const char *const label[CM_SITUATION_LINES] = {"old server", "new server", "database", "users", "in force"};
    const struct teller t = {m, now_wall_ms};
    struct cm_clock_count service = {0}, locked_out = {0};
    struct cm_str s[CM_SITUATION_LINES];
    memset(out, 0, sizeof *out);
    for (int i = 0; i < CM_SITUATION_LINES; i++)
        s[i] = (struct cm_str)CM_STR(CM_STR_LINE);
    if (m == NULL) {
        for (int i = 0; i < CM_SITUATION_LINES; i++)
            cm_str_add(&s[i], "as it was: nothing has been run");
    } else {
        cm_clocks(m, now_wall_ms, &service, &locked_out);
        old_server(&t, &s[0]);
        new_server(&t, &s[1]);
        database(&t, &s[2]);
        users(&t, &s[3], &locked_out, &service);
        in_force(&t, &s[4]);
    }
    for (int i = 0; i < CM_SITUATION_LINES; i++) {
        out->line[i] = line(label[i], &s[i]);
        cm_str_fini(&s[i]);
    }
    out->service_down_ms = service.total_ms;
    out->service_is_down = service.is_open;
    out->service_from_ms = service.from_ms;
    out->service_to_ms = service.to_ms;
    out->users_out_ms = locked_out.total_ms;
    out->users_are_out = locked_out.is_open;
    out->users_from_ms = locked_out.from_ms;
    out->users_to_ms = locked_out.to_ms;
}

void cm_situation_fini(struct cm_situation *s)
{
    for (int i = 0; i < CM_SITUATION_LINES; i++) {
        free(s->line[i]);
        s->line[i] = NULL;
    }
}

/* actions/estimate.c: see the header. The assumptions stand in one table; what was measured takes their place. */
#include <config.h>

#include "actions/estimate.h"

#include <string.h>

#include <cm/str.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"

enum { SERVICE = 1, USERS = 2, BACK = 4 };
enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

/* The parts of the evening and what is assumed of each in seconds: systemd stops a service within 90 s by default, the chart gives
 * pods 120 s to end, a person needs some minutes to close, open and log in. */
static const struct part {
    const char *action, *words;
    int in;
    int low_s, high_s;
    bool person; /* an earlier run's time says nothing: it was answered ahead, or by others */
} parts[] = {
    {"access.close", "closing the access", USERS, 5, 300, true},
    {"service.stop", "stopping the old server", SERVICE | USERS, 5, 120, false},
    {"launcher.drain", "letting running jobs end", SERVICE | USERS, 10, 600, false},
    {"backup.take", "the backup", SERVICE | USERS, 60, 1800, false},
    {"helm.deploy", "helm", SERVICE | USERS, 5, 60, false},
    {"pods.wait", "the pod's start", SERVICE | USERS, 20, 120, false},
    {"connect.verify", "looking at the new server", SERVICE | USERS, 5, 60, false},
    {"caches.clear", "clearing caches", USERS, 5, 120, false},
    {"content.build", "building", USERS, 0, 0, false},
    {"temporary.revert", "reverting the temporary settings", USERS, 20, 240, false},
    {"content.validate", "validating", USERS, 5, 120, false},
    {"gate.login", "a person's login", USERS, 120, 1200, true},
    {"access.open", "opening the access", USERS | BACK, 5, 300, true},
    {"release.scale", "scaling to zero", BACK, 5, 60, false},
    {"cluster.drained", "waiting until nothing runs in the cluster", BACK, 10, 300, false},
    {"service.start", "starting the old server", BACK, 15, 180, false},
    {"source.verify", "looking at the old server", BACK, 5, 120, false},
};

struct sum {
    const struct cm_estimate_in *in;
    struct cm_estimate *out;
    struct cm_str basis, measured, assumed;
};

static struct cm_span seconds(double low, double high)
{
    return (struct cm_span){(int64_t)(low * SECOND), (int64_t)(high * SECOND)};
}

static void add(struct cm_span *to, struct cm_span s)
{
    to->low_ms += s.low_ms;
    to->high_ms += s.high_ms;
}

static void say(struct cm_str *list, const char *text, struct cm_span s)
{
    cm_autofree char *range = cm_span_text(s);
    cm_str_addf(list, "%s%s %s", list->len ? ", " : "", text, range);
}

static void say_line(struct sum *s, struct cm_span span, const char *text)
{
    cm_autofree char *range = cm_span_text(span);
    cm_str_addf(&s->basis, "%s: %s\n", text, range);
}

/* ---- what has numbers of its own ---- */

/* Snapshots take minutes whatever the size; a copy is as fast as disks and networks usually are, 500 to 50 MB a second. */
static struct cm_span backup(struct sum *s)
{
    struct cm_span span = seconds(60, 1800);
    if (s->in->used_bytes >= 0)
        span = seconds(60, 600 + (double)s->in->used_bytes / 50e6);
    cm_autofree char *text = s->in->used_bytes >= 0 ? cm_fmt("backup, from a snapshot to a copy of the %lld MB on that file system",
                                                             (long long)(s->in->used_bytes / 1000000))
                                                    : cm_strdup("backup, of a size that is not known");
    say_line(s, span, text);
    return span;
}

/* A file's owner is looked at, or changed, over the network: a fraction of a millisecond to a few; a bundle somewhat more. */
static struct cm_span start(struct sum *s)
{
    const struct cm_estimate_in *in = s->in;
    struct cm_span span = in->images_ahead ? seconds(20, 120) : seconds(30, 600);
    bool differ = in->other_owners > 0 && in->other_owners > in->files / 2;
    cm_autostr text = CM_STR(CM_STR_LINE);
    cm_str_addf(&text, "the pod's start, %s", in->images_ahead ? "its image on the node already" : "its image to be pulled");
    if (in->files >= 0) {
        double n = (double)in->files * (in->files_at_least ? 2 : 1);
        add(&span, differ ? seconds((double)in->files * 0.0002, n * 0.003) : seconds((double)in->files * 0.00002, n * 0.0003));
        cm_str_addf(&text, ", %s%lld files%s", in->files_at_least ? "at least " : "", (long long)in->files,
                    differ ? ", most with owners that the image does not have" : "");
    } else {
        add(&span, seconds(0, 1800));
        cm_str_add(&text, ", a number of files that is not known");
    }
    if (in->bundles > 0) {
        add(&span, seconds((double)in->bundles * 0.001, (double)in->bundles * 0.02));
        cm_str_addf(&text, ", %lld bundles", (long long)in->bundles);
    }
    say_line(s, span, cm_str_text(&text));
    return span;
}

static int64_t longest(const struct cm_estimate_in *in)
{
    int64_t most = 0;
    for (size_t i = 0; i < in->builds; i++)
        most = in->build_ms[i] > most ? in->build_ms[i] : most;
    return most;
}

/* Items are built a few at a time; new images compile more than the old server had to (half to twice the last build's time). An item
 * without a build on record is taken for an average one; without any, 30 s to 10 min. */
static struct cm_span build(struct sum *s)
{
    const struct cm_estimate_in *in = s->in;
    size_t n = in->priority + in->runtimes, at_once = in->parallel > 0 ? in->parallel : 1;
    int64_t sum = 0, most = longest(in);
    if (n == 0)
        return (struct cm_span){0, 0};
    for (size_t i = 0; i < in->builds; i++)
        sum += in->build_ms[i];
    double low_one = in->builds ? (double)sum / (double)in->builds / 2 : 30 * SECOND;
    double high_one = in->builds ? (double)sum / (double)in->builds * 2 : 600.0 * SECOND;
    double waves = (double)((n + at_once - 1) / at_once);
    struct cm_span span = {(int64_t)(low_one * waves), (int64_t)(high_one * waves)};
    if (in->builds && span.low_ms < most / 2)
        span.low_ms = most / 2;
    if (in->builds && span.high_ms < most * 2)
        span.high_ms = most * 2;
    cm_autostr text = CM_STR(CM_STR_LINE);
    cm_str_addf(&text, "building %zu items, %zu at a time", in->priority, at_once);
    if (in->builds) {
        int64_t least = most;
        for (size_t i = 0; i < in->builds; i++)
            least = in->build_ms[i] < least ? in->build_ms[i] : least;
        cm_autofree char *from = cm_duration_text(least), *to = cm_duration_text(most);
        cm_str_addf(&text, "; the last builds of %zu of them took %s%s%s", in->builds, from, least == most ? "" : " to ",
                    least == most ? "" : to);
    } else {
        cm_str_add(&text, "; no earlier build of them is on record, 30 s to 10 min each are assumed");
    }
    say_line(s, span, cm_str_text(&text));
    return span;
}

/* ---- an earlier run's times ---- */

/* false: it has none for this part. Another evening is somewhat faster or slower; building is scaled by the number of items. */
static bool measured(struct sum *s, const struct part *p, struct cm_span *span)
{
    const json_t *times = json_object_get(s->in->earlier, p->in == BACK ? "back" : "forward");
    int64_t ms = cm_json_int(s->in->earlier, "built", 0), took = json_integer_value(json_object_get(times, p->action));
    if (p->person || took <= 0)
        return false;
    double scale = strcmp(p->action, "content.build") == 0 && ms > 0 ? (double)s->in->priority / (double)ms : 1;
    *span = (struct cm_span){(int64_t)((double)took * scale * 0.7), (int64_t)((double)took * scale * 1.5)};
    cm_autofree char *text = cm_duration_text(took);
    cm_str_addf(&s->measured, "%s%s %s", s->measured.len ? ", " : "", p->words, text);
    return true;
}

static bool takes_part(const struct cm_estimate_in *in, const char *action)
{
    if (strcmp(action, "backup.take") == 0)
        return in->backup;
    if (strcmp(action, "launcher.drain") == 0)
        return !in->has_server;
    if (strcmp(action, "service.stop") == 0 || strcmp(action, "gate.login") == 0)
        return in->has_server;
    return true;
}

static struct cm_span one(struct sum *s, const struct part *p)
{
    struct cm_span span = seconds(p->low_s, p->high_s);
    if (measured(s, p, &span))
        return span;
    if (strcmp(p->action, "backup.take") == 0)
        return backup(s);
    if (strcmp(p->action, "pods.wait") == 0)
        return start(s);
    if (strcmp(p->action, "content.build") == 0)
        return build(s);
    if (strcmp(p->action, "content.validate") == 0)
        span = seconds(5 + 0.2 * (double)s->in->priority, 60 + 5.0 * (double)s->in->priority);
    if (!(p->in & BACK) || p->in & USERS)
        say(&s->assumed, p->words, span);
    return span;
}

/* ---- ranges in words ---- */

static int64_t grain(int64_t ms) { return ms < 2 * MINUTE ? 10 * SECOND : ms < HOUR ? MINUTE : 5 * MINUTE; }

static struct cm_span rounded(struct cm_span s)
{
    int64_t down = grain(s.low_ms), up = grain(s.high_ms);
    return (struct cm_span){s.low_ms / down * down, (s.high_ms + up - 1) / up * up};
}

static char *length(int64_t ms)
{
    if (ms < 2 * MINUTE)
        return cm_fmt("%lld s", (long long)(ms / SECOND));
    if (ms < 2 * HOUR)
        return cm_fmt("%lld min", (long long)(ms / MINUTE));
    return cm_fmt("%lld h %02lld min", (long long)(ms / HOUR), (long long)(ms % HOUR / MINUTE));
}

char *cm_span_text(struct cm_span s)
{
    struct cm_span r = rounded(s);
    cm_autofree char *low = length(r.low_ms), *high = length(r.high_ms);
    if (r.low_ms == 0)
        return cm_fmt("up to %s", high);
    return strcmp(low, high) == 0 ? cm_fmt("about %s", high) : cm_fmt("%s to %s", low, high);
}

static bool near(int64_t a, int64_t b)
{
    int64_t apart = a > b ? a - b : b - a, more = a > b ? a : b;
    return apart * 4 <= more || apart <= 10 * SECOND;
}

bool cm_span_near(struct cm_span a, struct cm_span b) { return near(a.low_ms, b.low_ms) && near(a.high_ms, b.high_ms); }

/* ---- the whole ---- */

static void judge_window(const struct cm_estimate_in *in, struct cm_estimate *out)
{
    int64_t from = in->window_start_ms > in->now_ms ? in->window_start_ms : in->now_ms;
    out->fit = CM_FIT_NO_WINDOW;
    if (in->window_end_ms == 0)
        return;
    out->room_ms = in->window_end_ms > from ? in->window_end_ms - from : 0;
    out->back_by_ms = in->window_end_ms - out->back.high_ms;
    out->fit = out->users.low_ms > out->room_ms ? CM_FIT_NO : out->users.high_ms > out->room_ms ? CM_FIT_MAYBE_NOT : CM_FIT_YES;
}

/* content.build.revert_by ends the building, whatever is left. */
static void cut_building(const struct cm_estimate_in *in, struct cm_span *span)
{
    int64_t from = in->window_start_ms > in->now_ms ? in->window_start_ms : in->now_ms;
    int64_t most = in->revert_by_ms > from ? in->revert_by_ms - from : 0;
    if (in->revert_by_ms == 0)
        return;
    span->low_ms = span->low_ms > most ? most : span->low_ms;
    span->high_ms = span->high_ms > most ? most : span->high_ms;
}

static void basis(struct sum *s)
{
    if (s->measured.len)
        cm_str_addf(&s->basis, "measured in %s of %s: %s\n", cm_json_text(s->in->earlier, "from", "an earlier run"),
                    cm_json_text(s->in->earlier, "at", "an earlier day"), cm_str_text(&s->measured));
    if (s->assumed.len)
        cm_str_addf(&s->basis, "assumed: %s\n", cm_str_text(&s->assumed));
    s->out->basis = cm_strdup(cm_str_text(&s->basis));
}

void cm_estimate(const struct cm_estimate_in *in, struct cm_estimate *out)
{
    struct sum s = {in, out, CM_STR(CM_STR_PAGE), CM_STR(CM_STR_PAGE), CM_STR(CM_STR_PAGE)};
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const struct part *p = &parts[i];
        if (!takes_part(in, p->action))
            continue;
        struct cm_span span = one(&s, p);
        if (strcmp(p->action, "content.build") == 0) {
            cut_building(in, &span);
            out->build = rounded(span);
        }
        if (p->in & SERVICE)
            add(&out->service, span);
        if (p->in & USERS)
            add(&out->users, span);
        if (p->in & BACK && in->has_server)
            add(&out->back, span);
    }
    out->service = rounded(out->service);
    out->users = rounded(out->users);
    out->back = rounded(out->back);
    judge_window(in, out);
    basis(&s);
    cm_str_fini(&s.basis);
    cm_str_fini(&s.measured);
    cm_str_fini(&s.assumed);
}

void cm_estimate_fini(struct cm_estimate *e)
{
    free(e->basis);
    e->basis = NULL;
}

/* actions/content_build.c: content.build: the environments of priority content are built on the new server, before users come.
 *
 * First one representative item per runtime (two builds of one runtime race in the shared package cache), then the list in its
 * order, a few at a time, until content.build.revert_by. One intent per item and try; many become durable in one line of the
 * record. A resumed run takes up what is on record: tasks are polled on, lost requests are settled by the item's jobs.
 * Restores environments only: nothing is rendered, no bundle is activated. */
#include <config.h>

#include "actions/content_build.h"

#include <string.h>

#include <cm/str.h>

#include "actions/content.h"
#include "actions/evening.h"
#include "actions/target.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"

enum { SAFE_POINT_MS = 10000, PARALLEL = 3, RETRIES = 2, TIMEOUT_MS = 1800000 };

/* ---- what the item's files call ---- */

static void launch(struct cm_build *b);

void cm_build_end(struct cm_build_item *i, enum cm_build_outcome outcome, const char *error)
{
    struct cm_build *b = i->build;
    char *words = cm_strdup(error); /* error may be i->error */

    free(i->error);
    i->error = words;
    cm_timer_drop(i->timer);
    i->timer = NULL;
    i->outcome = outcome;
    i->state = CM_B_ENDED;
    b->running--;
    b->warm_running -= i->warm_up;
    b->ended++;
    cm_progress(b->step, b->ended, b->count, "items");
    launch(b);
}

void cm_build_stop(struct cm_build *b, struct cm_err *taken)
{
    b->stop = true;
    if (b->fault == NULL)
        b->fault = taken;
    else
        cm_err_free(taken);
}

void cm_build_clock(struct cm_build *b, const struct cm_reply *r)
{
    if (r->server_ms == 0)
        return;
    int64_t offset = r->server_ms - cm_wall_now(b->step);
    if (offset > b->offset_ms)
        b->offset_ms = offset;
}

void cm_build_after(struct cm_build_item *i, int64_t ms, void (*due)(void *item))
{
    cm_timer_drop(i->timer);
    i->timer = cm_loop_timer(i->build->loop, cm_loop_now_ms(i->build->loop) + ms, 0, due, i);
}

/* ---- launching ---- */

static bool revert_is_near(const struct cm_build *b) { return cm_wall_now(b->step) >= b->revert_by_ms; }

static void set_going(struct cm_build_item *i)
{
    i->state = CM_B_UNDER_WAY;
    i->build->running++;
    i->build->warm_running += i->warm_up;
}

static void launch(struct cm_build *b)
{
    while (b->launching && !b->stop && b->next < b->count && b->running < (size_t)b->parallel) {
        struct cm_build_item *i = b->order[b->next];
        if (i->state != CM_B_WAITING) {
            b->next++;
            continue;
        }
        if (b->next >= b->warm && b->warm_running > 0)
            return;
        b->next++;
        if (revert_is_near(b)) {
            i->state = CM_B_ENDED;
            i->outcome = CM_B_LEFT;
            b->ended++;
            continue;
        }
        set_going(i);
        cm_build_start(i);
    }
}

/* ---- the list ---- */

static void items_fini(struct cm_build *b)
{
    for (size_t n = 0; n < b->count; n++) {
        struct cm_build_item *i = &b->items[n];
        cm_timer_drop(i->timer);
        if (b->connect != NULL)
            cm_connect_forget(b->connect, i);
        free(i->guid);
        free(i->title);
        free(i->error);
        free(i->task);
        for (size_t k = 0; k < 3; k++)
            free(i->runtime[k]);
        json_decref(i->tail);
        json_decref(i->known_jobs);
        json_decref(i->our_jobs);
    }
    free(b->items);
    free(b->order);
    free(b->doubt_ms);
}

static int read_list(struct cm_build *b, struct cm_err **err)
{
    struct cm_items list;

    if (cm_items_read(b->step, &list, err) < 0)
        return -1;
    b->items = cm_alloc((list.count + 1) * sizeof *b->items);
    b->order = cm_alloc((list.count + 1) * sizeof *b->order);
    b->count = list.count;
    for (size_t n = 0; n < list.count; n++) {
        struct cm_build_item *i = &b->items[n];
        i->build = b;
        i->guid = cm_strdup(list.list[n].guid);
        i->title = cm_strdup(list.list[n].title);
        i->tail = json_array();
        i->tries = 1;
    }
    cm_items_fini(&list);
    return 0;
}

struct info {
    struct cm_build *build;
    json_t *at;
};

/* What the server says of the items now; the rest of its list passes by. */
static int take_info(void *ctx, const json_t *item, struct cm_err **err)
{
    static const char *const members[3] = {"r_version", "py_version", "quarto_version"};
    struct info *info = ctx;
    const json_t *at = json_object_get(info->at, cm_json_text(item, "guid", ""));

    (void)err;
    if (at == NULL)
        return 0;
    struct cm_build_item *i = &info->build->items[json_integer_value(at)];
    i->known = true;
    i->is_static = strcmp(cm_json_text(item, "app_mode", ""), "static") == 0;
    i->published = json_is_string(json_object_get(item, "bundle_id"));
    for (size_t k = 0; k < 3; k++)
        if (i->runtime[k] == NULL && *cm_json_text(item, members[k], "") != '\0')
            i->runtime[k] = cm_strdup(cm_json_text(item, members[k], ""));
    return 0;
}

static int read_info(struct cm_build *b, struct cm_err **err)
{
    cm_autojson at = json_object();
    struct info info = {.build = b, .at = at};

    for (size_t n = 0; n < b->count; n++)
        (void)json_object_set_new(at, b->items[n].guid, json_integer((json_int_t)n));
    return cm_connect_each(b->step, b->connect, "v1/content", take_info, &info, err);
}

static void end_unsent(struct cm_build_item *i, enum cm_build_outcome outcome, const char *why)
{
    i->state = CM_B_ENDED;
    i->outcome = outcome;
    i->error = cm_strdup(why);
    i->build->ended++;
}

/* What needs no request: deleted since, never published, nothing to build. An item that is on record already is left to it. */
static void sort_out(struct cm_build *b)
{
    for (size_t n = 0; n < b->count; n++) {
        struct cm_build_item *i = &b->items[n];
        if (cm_intent_find(b->step, CM_BUILD_EFFECT, i->guid) != NULL)
            continue;
        if (!i->known)
            end_unsent(i, CM_B_GONE, "it was deleted");
        else if (!i->published)
            end_unsent(i, CM_B_SKIPPED, "never published");
        else if (i->is_static)
            end_unsent(i, CM_B_SKIPPED, "static: nothing to build");
    }
}

/* The first item of each R, Python and Quarto version goes first. */
static void choose_warm_up(struct cm_build *b)
{
    static const char *const languages[3] = {"R", "Python", "Quarto"};
    cm_autojson seen = json_object();

    for (size_t n = 0; n < b->count; n++) {
        struct cm_build_item *i = &b->items[n];
        for (size_t k = 0; k < 3 && i->state != CM_B_ENDED; k++) {
            cm_autofree char *key = i->runtime[k] != NULL ? cm_fmt("%s %s", languages[k], i->runtime[k]) : NULL;
            if (key == NULL || json_object_get(seen, key) != NULL)
                continue;
            (void)json_object_set_new(seen, key, json_true());
            i->warm_up = true;
        }
        if (i->warm_up)
            b->order[b->warm++] = i;
    }
    size_t at = b->warm;
    for (size_t n = 0; n < b->count; n++)
        if (!b->items[n].warm_up)
            b->order[at++] = &b->items[n];
}

/* ---- what is on record ---- */

static enum cm_build_outcome outcome_of(const char *word)
{
    return strcmp(word, "built") == 0     ? CM_B_BUILT
           : strcmp(word, "gone") == 0    ? CM_B_GONE
           : strcmp(word, "skipped") == 0 ? CM_B_SKIPPED
                                          : CM_B_FAILED;
}

static void continue_open(struct cm_build_item *i)
{
    const json_t *note = cm_intent_noted(i->intent);
    int64_t age = cm_wall_now(i->build->step) - cm_intent_at_ms(i->intent);

    i->resumed = true;
    i->began_ms = cm_loop_now_ms(i->build->loop) - (age > 0 ? age : 0);
    if (i->began_ms + i->build->timeout_ms <= cm_loop_now_ms(i->build->loop))
        i->began_ms = cm_loop_now_ms(i->build->loop); /* nobody watched it meanwhile: it gets its time anew */
    set_going(i);
    if (json_array_size(json_object_get(note, "jobs")) > 0) {
        i->our_jobs = json_incref(json_object_get(note, "jobs"));
        cm_build_watch(i);
    } else if (cm_json_text(note, "task", NULL) != NULL) {
        i->task = cm_strdup(cm_json_text(note, "task", ""));
        cm_build_poll(i);
    } else {
        cm_build_doubt(i, "an earlier run was ended before the answer came");
    }
}

/* `again`: the step has ended once and is done again (--redo): what failed then is built anew. */
static void take_up(struct cm_build_item *i, bool again)
{
    struct cm_intent *intent = cm_intent_find(i->build->step, CM_BUILD_EFFECT, i->guid);
    const char *state = intent != NULL ? cm_json_text(cm_intent_result(intent), "state", "") : "";

    if (intent == NULL)
        return;
    i->intent = intent;
    i->tries = (int)cm_json_int(cm_intent_detail(intent), "try", 1);
    i->known_jobs = json_incref(json_object_get(cm_intent_detail(intent), "known"));
    if (cm_intent_life(intent) == CM_GIVEN_UP) {
        i->tries++;
    } else if (cm_intent_life(intent) == CM_HAPPENED && again && strcmp(state, "failed") == 0) {
        (void)cm_intent_close_soon(intent, CM_GIVEN_UP, json_incref((json_t *)(uintptr_t)cm_intent_result(intent)));
        i->tries = 1;
    } else if (cm_intent_life(intent) == CM_HAPPENED) {
        end_unsent(i, outcome_of(state), cm_json_text(cm_intent_result(intent), "error", NULL));
    } else if (cm_intent_is_open(intent)) {
        continue_open(i);
    }
}

/* ---- the end ---- */

struct tally {
    size_t n[CM_B_LEFT + 1];
};

static struct tally tally_of(const struct cm_build *b)
{
    struct tally t = {{0}};

    for (size_t n = 0; n < b->count; n++)
        t.n[b->items[n].outcome]++;
    return t;
}

static int write_csv(struct cm_build *b, struct cm_err **err)
{
    static const char *const words[] = {"", "built", "failed", "gone", "skipped", "left"};
    FILE *f;

    if (cm_artifact_begin(b->step, "build.csv", &f, err) < 0)
        return -1;
    fputs("guid,title,state,error\n", f);
    for (size_t n = 0; n < b->count; n++) {
        const struct cm_build_item *i = &b->items[n];
        cm_csv_field(f, i->guid);
        fputc(',', f);
        cm_csv_field(f, i->title);
        fprintf(f, ",%s,", words[i->outcome]);
        cm_csv_field(f, i->error);
        fputc('\n', f);
    }
    return cm_artifact_keep(b->step, f, err);
}

/* What a person reads first of those that failed: one, by its title, with its cause. build.csv has all. */
static char *first_failed(const struct cm_build *b)
{
    for (size_t n = 0; n < b->count; n++) {
        const struct cm_build_item *i = &b->items[n];
        const char *why = i->error != NULL ? i->error : "no cause is known";
        if (i->outcome == CM_B_FAILED)
            return cm_fmt("\"%s\": %.*s", i->title, (int)strcspn(why, "\n"), why);
    }
    return cm_strdup("");
}

static int tell(struct cm_build *b, struct cm_err **err)
{
    struct tally t = tally_of(b);

    if (write_csv(b, err) < 0)
        return -1;
    cm_say(b->step, "%zu of %zu items built, %zu failed, %zu skipped, %zu gone", t.n[CM_B_BUILT], b->count, t.n[CM_B_FAILED],
           t.n[CM_B_SKIPPED], t.n[CM_B_GONE]);
    if (t.n[CM_B_FAILED] > 0) {
        cm_autofree char *first = first_failed(b);
        cm_partly(b->step, "%zu of %zu items could not be built; %s%s", t.n[CM_B_FAILED], b->count,
                  t.n[CM_B_FAILED] > 1 ? "the first: " : "", first);
    }
    if (t.n[CM_B_LEFT] > 0)
        cm_partly(b->step, "%zu of %zu items were left because of content.build.revert_by; they are built when first used",
                  t.n[CM_B_LEFT], b->count);
    return cm_fact_set(b->step, "content.build",
                       json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "selected", (json_int_t)b->count, "built",
                                 (json_int_t)t.n[CM_B_BUILT], "failed", (json_int_t)t.n[CM_B_FAILED], "skipped",
                                 (json_int_t)t.n[CM_B_SKIPPED], "gone", (json_int_t)t.n[CM_B_GONE], "left",
                                 (json_int_t)t.n[CM_B_LEFT]),
                       err);
}

static bool over(void *ctx)
{
    const struct cm_build *b = ctx;

    return b->stop ? b->asking == 0 : b->ended == b->count;
}

static int serve(struct cm_build *b, struct cm_err **err)
{
    enum cm_wait got = cm_loop_until(b->loop, over, b, cm_step_deadline(b->step));

    if (got == CM_WAIT_READY && b->fault == NULL)
        return 0;
    b->stop = true; /* what was sent still gets its answer on record: the safe point */
    (void)cm_loop_drain(b->loop, over, b, cm_loop_now_ms(b->loop) + SAFE_POINT_MS);
    if (b->fault != NULL) {
        struct cm_err *fault = b->fault;
        b->fault = NULL;
        return cm_err_move(err, fault);
    }
    if (got == CM_WAIT_CANCELLED)
        return cm_fail(err, CM_E_INTERRUPTED,
                       "interrupted with %zu builds under way; they go on in Connect, and a rollback waits for their end",
                       b->running);
    return cm_fail_passing(err, "%zu of %zu items have ended within the step's limit", b->ended, b->count);
}

/* ---- the action ---- */

static void read_limits(struct cm_build *b)
{
    const struct cm_plan *plan = cm_step_plan(b->step);
    const json_t *doubt = cm_plan_get(plan, "connect.doubt");

    b->parallel = cm_plan_int(plan, "content.build.parallel", PARALLEL);
    b->retries = cm_plan_int(plan, "content.build.retries", RETRIES);
    b->timeout_ms = cm_plan_int(plan, "content.build.timeout", TIMEOUT_MS);
    b->revert_by_ms = CM_NEVER;
    (void)cm_plan_time(plan, "content.build.revert_by", &b->revert_by_ms);
    b->offset_ms = INT64_MIN;
    b->doubts = json_array_size(doubt);
    b->doubt_ms = cm_alloc((b->doubts + 1) * sizeof *b->doubt_ms);
    for (size_t n = 0; n < b->doubts; n++)
        b->doubt_ms[n] = json_integer_value(json_array_get(doubt, n));
}

static int refuse_native(struct cm_build *b, struct cm_err **err)
{
    cm_autoreply r;

    if (cm_connect_get(b->step, b->connect, "server_settings", &r, err) < 0)
        return -1;
    cm_build_clock(b, &r);
    if (r.status != 200)
        return cm_reply_fail(&r, b->connect, "GET server_settings", err);
    if (strcmp(cm_json_text(r.body, "execution_type", ""), "native") != 0)
        return 0;
    cm_fail(err, CM_E_FAILED, "Connect at %s runs content on its own host: building there would help nobody",
            cm_connect_url(b->connect));
    cm_hint(err, "This step belongs behind helm.deploy and connect.verify.");
    return -1;
}

/* Of the list, those that a build is sent for: on record, so that a reader of the record can say how far it is. */
static int tell_how_many(struct cm_build *b, struct cm_err **err)
{
    size_t many = 0;

    for (size_t n = 0; n < b->count; n++)
        many += b->items[n].state == CM_B_WAITING;
    cm_autojson now = json_pack("{s:I, s:I}", "items", (json_int_t)many, "parallel", (json_int_t)b->parallel);
    const json_t *before = cm_fact(b->step, "content.to-build");
    return before != NULL && json_equal(before, now) ? 0 : cm_fact_set(b->step, "content.to-build", json_incref(now), err);
}

static int work(struct cm_build *b, struct cm_err **err)
{
    const json_t *before = cm_fact(b->step, "content.build");
    bool again = cm_json_int(before, "failed", 0) + cm_json_int(before, "left", 0) > 0;

    if (cm_target_connect(b->step, &b->connect, err) < 0 || refuse_native(b, err) < 0 || read_list(b, err) < 0 ||
        read_info(b, err) < 0)
        return -1;
    sort_out(b);
    if (tell_how_many(b, err) < 0)
        return -1;
    choose_warm_up(b);
    for (size_t n = 0; n < b->count; n++)
        if (b->items[n].state == CM_B_WAITING)
            take_up(&b->items[n], again);
    b->launching = true;
    launch(b);
    return serve(b, err) < 0 ? -1 : tell(b, err);
}

static int apply(struct cm_step *step, struct cm_err **err)
{
    struct cm_build b = {.step = step, .loop = cm_step_loop(step)};

    read_limits(&b);
    int got = work(&b, err);
    items_fini(&b);
    cm_err_free(b.fault);
    return got;
}

static int probe(struct cm_step *step, enum cm_answer *answer, struct cm_err **err)
{
    (void)err;
    *answer = cm_effect_open(step, CM_BUILD_EFFECT) ? CM_UNDER_WAY : CM_NEEDED;
    return 0;
}

static int verify(struct cm_step *step, struct cm_err **err)
{
    if (cm_fact(step, "content.build") == NULL || cm_effect_open(step, CM_BUILD_EFFECT))
        return cm_fail_passing(err, "builds are still under way");
    return 0;
}

static int preview(struct cm_step *step, struct cm_err **err)
{
    struct cm_items items;

    if (cm_artifact_path(step, "priority.csv") == NULL) {
        cm_will(step, "request", "POST v1/content/GUID/build for each item of the priority list");
        return 0;
    }
    if (cm_items_read(step, &items, err) < 0)
        return -1;
    for (size_t i = 0; i < items.count; i++)
        cm_will(step, "request", "POST v1/content/%s/build (%s)", items.list[i].guid, items.list[i].title);
    cm_items_fini(&items);
    return 0;
}

static const char *const facts_needed[] = {"content.priority", NULL};
static const char *const facts_given[] = {"content.build", "content.to-build", NULL};

const struct cm_action cm_action_content_build = {
    .name = "content.build",
    .summary = "Build priority content",
    .kind = CM_EFFECT,
    .reversal = CM_REVERSIBLE_AT_A_COST,
    .cost = "A build is not taken back; it leaves packages in the shared storage, which do no harm to the old server.",
    .needs = facts_needed,
    .gives = facts_given,
    .probe = probe,
    .preview = preview,
    .apply = apply,
    .verify = verify,
    .reads = "priority.csv; the items' state, tasks and jobs on the new server.",
    .does = "One build per item: a representative of each runtime first, then the list in its order, content.build.parallel at a "
            "time. A lost request is settled by the item's jobs before it is sent again.",
    .proves = "Each item is built, failed (with its last lines), gone or skipped; nothing is left open.",
    .undoes = "Nothing: a built environment does no harm.",
    .rights = "An administrator's API key.",
};

/* The engine with actions of its own: what it promises of any action. A run here is the real engine, journal and plan reader, in a
 * temporary folder; the outside is a struct that counts. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"

static struct {
    int changes, originals_read, verified, undone, probes;
    int fail_apply, fail_verify; /* how many times */
    bool passing, unreached, blocker, unknown, done_outside;
    bool old_letters;                  /* the outside speaks ISO 8859-1 */
    enum cm_held lock;                 /* what the engine is told of its lock */
    bool lose_lock, lock_is_somebodys; /* it is lost in the middle of a change; and can be had no more */
    int64_t passed_ms;                 /* time that nobody wants to wait for */
    char order[256];
} world;

static void seen(const char *what)
{
    snprintf(world.order + strlen(world.order), sizeof world.order - strlen(world.order), "%s ", what);
}

/* ---- actions ---- */

static int look_apply(struct cm_step *st, struct cm_err **err)
{
    (void)err;
    struct cm_intent *i = NULL;
    cm_autoerr refused = NULL;
    struct cm_intent_spec spec = {.effect = "never", .key = "never"};
    if (cm_intend(st, &spec, &i, &refused) == 0)
        cm_finding(st, CM_BLOCKER, "look.could-change", "none", "a check could make an intent");
    cm_finding(st,
               world.blocker   ? CM_BLOCKER
               : world.unknown ? CM_UNKNOWN
                               : CM_OK,
               "look.seen", "look again", "seen%s", world.old_letters ? " in M\374nchen" : "");
    return 0;
}
const struct cm_action fake_look = {.name = "fake.look", .summary = "looks", .kind = CM_CHECK, .apply = look_apply};

static int change_probe(struct cm_step *st, enum cm_answer *answer, struct cm_err **err)
{
    (void)st;
    (void)err;
    world.probes++;
    *answer = world.done_outside ? CM_DONE : CM_NEEDED;
    return 0;
}
static int change_apply(struct cm_step *st, struct cm_err **err)
{
    cm_autojson original = json_pack("{s:i}", "was", ++world.originals_read);
    struct cm_intent_spec spec = {
        .effect = "fake.change", .key = cm_step_id(st), .original = original, .settle = strcmp(cm_step_id(st), "two") == 0};
    struct cm_intent *i = NULL;
    if (cm_intend(st, &spec, &i, err) < 0)
        return -1;
    assert_string_equal(cm_intent_key(i), cm_step_id(st)); /* durable on return: what it holds can be read */
    assert_int_equal(cm_json_int(cm_intent_original(i), "was", 0) > 0, 1);
    if (cm_intent_life(i) == CM_HAPPENED)
        return 0;
    if (world.fail_apply > 0) {
        world.fail_apply--;
        return world.unreached ? cm_fail_unreached(err, "nobody is there")
               : world.passing ? cm_fail_passing(err, "not reached")
                               : cm_fail(err, CM_E_FAILED, "broken%s", world.old_letters ? " in M\374nchen" : "");
    }
    if (world.lose_lock) {
        world.lose_lock = false;
        world.lock = CM_LOST;
        world.passed_ms += 20000;
        (void)cm_loop_until(cm_step_loop(st), NULL, NULL, CM_NEVER);
        return cm_fail(err, CM_E_INTERRUPTED, "fake.change was interrupted");
    }
    world.changes++;
    seen(cm_step_id(st));
    return cm_intent_close(i, CM_HAPPENED, NULL, err);
}
static int change_verify(struct cm_step *st, struct cm_err **err)
{
    (void)st;
    world.verified++;
    if (world.fail_verify > 0) {
        world.fail_verify--;
        return cm_fail(err, CM_E_FAILED, "not as it should be");
    }
    return 0;
}
static int change_undo(struct cm_step *st, const struct cm_change *c, struct cm_err **err)
{
    (void)st;
    (void)err;
    assert_non_null(c->original);
    world.undone++;
    seen(c->step);
    return 0;
}
const struct cm_action fake_change = {.name = "fake.change",
                                      .summary = "changes",
                                      .kind = CM_EFFECT,
                                      .probe = change_probe,
                                      .apply = change_apply,
                                      .verify = change_verify,
                                      .undo = change_undo};
const struct cm_action fake_hold = {
    .name = "fake.hold", .summary = "holds", .kind = CM_HOLD, .apply = change_apply, .verify = change_verify, .undo = change_undo};

static int go_apply(struct cm_step *st, struct cm_err **err)
{
    struct cm_gate_spec g = {.id = cm_step_id(st),
                             .attest = false,
                             .title = "shall it go on",
                             .shown = world.old_letters ? "all of M\374nchen" : "all of it"};
    return cm_gate_pass(st, &g, err);
}
const struct cm_action fake_go = {.name = "gate.confirm", .summary = "asks", .kind = CM_GATE, .apply = go_apply};

static int settle_apply(struct cm_step *st, struct cm_err **err)
{
    struct cm_change c;
    for (uint64_t after = 0; cm_ledger_next(st, NULL, after, &c); after = c.intent)
        if (cm_ledger_undo(st, &c, err) < 0)
            return -1;
    return 0;
}
const struct cm_action fake_settle = {
    .name = "fake.settle", .summary = "takes back", .kind = CM_EFFECT, .apply = settle_apply, .verify = change_verify};

static const struct cm_param waits[] = {{"pause", CM_T_DURATION, "null", "How long."}, {NULL, CM_T_ANY, NULL, NULL}};
const struct cm_action fake_wait = {.name = "fake.wait", .summary = "waits", .kind = CM_EFFECT, .params = waits};

static const char *const gives[] = {"a.fact", NULL};
static int give_apply(struct cm_step *st, struct cm_err **err)
{
    return cm_fact_set(st, "a.fact", world.old_letters ? json_string("M\374nchen") : json_true(), err);
}
const struct cm_action fake_give = {
    .name = "fake.give", .summary = "gives", .kind = CM_COMPUTE, .apply = give_apply, .gives = gives};
static int need_apply(struct cm_step *st, struct cm_err **err)
{
    return cm_fact(st, "a.fact") ? 0 : cm_fail(err, CM_E_FAILED, "missing");
}
const struct cm_action fake_need = {
    .name = "fake.need", .summary = "needs", .kind = CM_COMPUTE, .apply = need_apply, .needs = gives};

static const struct cm_action *const actions[] = {&fake_look, &fake_change, &fake_hold, &fake_go, &fake_settle,
                                                  &fake_give, &fake_need,   &fake_wait, NULL};

/* ---- a run ---- */

struct stage {
    char *dir, *plan_path;
};

static void put(const char *dir, const char *name, const char *text)
{
    cm_autofree char *path = cm_path_join(dir, name);
    assert_int_equal(cm_file_write(path, text, strlen(text), 0600, NULL), 0);
}

static int set_up(void **state)
{
    struct stage *s = cm_alloc(sizeof *s);
    memset(&world, 0, sizeof world);
    s->dir = cm_strdup("/tmp/cm-engine-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    s->plan_path = cm_path_join(s->dir, "plan.yaml");
    put(s->dir, "finish.yaml",
        "runbook: 1\nid: finish\nstages:\n  - id: settle\n    title: Settle\n    steps:\n      - {uses: fake.settle}\n");
    put(s->dir, "back.yaml",
        "runbook: 1\nid: back\nstages:\n  - id: settle\n    title: Settle\n    steps:\n      - {uses: fake.settle}\n");
    put(s->dir, "plan.yaml",
        "runbook: ./ours.yaml\nsource: {hosts: [localhost]}\nconnect: {api_key: {env: X}, doubt: [50ms, 100ms, 300ms]}\n"
        "target: {context: c, namespace: ns, release: r, values: [plan.yaml]}\n");
    cm_log_level(CM_QUIET);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *s = *state;
    cm_autofree char *command = cm_fmt("%s", s->dir);
    pid_t pid = fork();
    if (pid == 0)
        execlp("rm", "rm", "-rf", command, (char *)NULL);
    free(s->dir);
    free(s->plan_path);
    free(s);
    return 0;
}

static void book(const struct stage *s, const char *steps)
{
    cm_autofree char *text =
        cm_fmt("runbook: 1\nid: ours\nback: ./back.yaml\nstages:\n  - id: work\n    title: Work\n    steps:\n%s", steps);
    put(s->dir, "ours.yaml", text);
}

#define TWO "      - {uses: fake.change, id: one}\n      - {uses: fake.change, id: two, retries: 2}\n"

static int64_t real_wall(void *ctx)
{
    (void)ctx;
    return cm_clock_wall(&cm_clock_system);
}
static int64_t passed_boot(void *ctx)
{
    (void)ctx;
    return cm_clock_boot(&cm_clock_system) + world.passed_ms;
}
static const struct cm_clock clock_hurried = {real_wall, passed_boot, NULL};

static int lock_take(void *ctx, bool may_wait, struct cm_err **err)
{
    (void)ctx;
    (void)may_wait;
    if (world.lock == CM_LOST && world.lock_is_somebodys)
        return cm_fail(err, CM_E_LOCKED, "anna holds it");
    world.lock = CM_HELD;
    return 0;
}
static enum cm_held lock_held(void *ctx)
{
    (void)ctx;
    return world.lock;
}
static void lock_give(void *ctx) { (void)ctx; }
static const struct cm_lock the_lock = {"database", lock_take, lock_held, lock_give, NULL};

static int walk(const struct stage *s, enum cm_direction direction, bool yes, struct cm_err **err)
{
    struct cm_loop *loop = cm_loop_new(&clock_hurried);
    struct cm_plan *plan = cm_plan_load(s->plan_path, err);
    int status = CM_E_USAGE;
    if (plan) {
        cm_autofree char *run_dir = cm_path_join(s->dir, "run");
        struct cm_engine_setup setup = {.loop = loop,
                                        .plan = plan,
                                        .actions = actions,
                                        .run_dir = run_dir,
                                        .plans_dir = s->dir,
                                        .program_version = "test",
                                        .locks = &the_lock,
                                        .lock_count = 1,
                                        .yes = yes};
        status = cm_engine_run(&setup, direction, err);
    }
    cm_plan_free(plan);
    cm_loop_free(loop);
    return status;
}

static int forward(const struct stage *s)
{
    cm_autoerr err = NULL;
    int status = walk(s, CM_FORWARD, true, &err);
    if (err)
        print_message("# %s\n", cm_err_message(err));
    return status;
}

static struct cm_model *record(const struct stage *s)
{
    cm_autofree char *path = cm_fmt("%s/run/state.jsonl", s->dir);
    struct cm_model *m = cm_journal_read(path, &(bool){false}, NULL);
    assert_non_null(m);
    return m;
}

/* ---- tests ---- */

static void walks_the_steps_in_their_order_and_counts_open_temporary_changes(void **state)
{
    const struct stage *s = *state;
    book(s, TWO);
    assert_int_equal(forward(s), CM_E_UNSETTLED);
    assert_string_equal(world.order, "one two ");
    assert_int_equal(world.verified, 2);
}

static void does_nothing_again_when_all_is_done(void **state)
{
    const struct stage *s = *state;
    book(s, TWO);
    forward(s);
    assert_int_equal(forward(s), CM_E_UNSETTLED);
    assert_int_equal(world.changes, 2);
}

static void goes_on_from_the_intent_on_record_and_keeps_the_first_original(void **state)
{
    const struct stage *s = *state;
    book(s, TWO);
    world.fail_apply = 1;
    assert_int_equal(forward(s), CM_E_FAILED);
    assert_int_equal(forward(s), CM_E_UNSETTLED);
    struct cm_model *m = record(s);
    assert_int_equal(m->intent_count, 2);
    assert_int_equal(cm_json_int(m->intents[0].original, "was", 0), 1);
    cm_model_free(m);
}

static void repeats_only_what_may_pass_by_itself(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.change, id: two, retries: 2}\n");
    world.fail_apply = 2;
    world.passing = true;
    assert_int_equal(forward(s), CM_E_UNSETTLED);
    world.passing = false;
}

static void waits_for_who_is_not_reached_whatever_the_retries(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.change, id: two}\n");
    world.fail_apply = 3;
    world.unreached = true;
    assert_int_equal(forward(s), CM_E_UNSETTLED);
    assert_int_equal(world.changes, 1);
    world.unreached = false;
}

static void does_not_wait_for_ever_for_who_is_not_reached(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.change, id: two}\n");
    world.fail_apply = 1000;
    world.unreached = true;
    assert_int_equal(forward(s), CM_E_FAILED);
    assert_true(world.probes > 2 && world.probes < 20);
    world.unreached = false;
    world.fail_apply = 0;
}

static void does_not_repeat_what_is_broken(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.change, id: two, retries: 2}\n");
    world.fail_apply = 1;
    assert_int_equal(forward(s), CM_E_FAILED);
    assert_int_equal(world.probes, 1);
}

static void only_verify_leads_to_done(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.change, id: one}\n");
    world.fail_verify = 1;
    assert_int_equal(forward(s), CM_E_FAILED);
    assert_int_equal(forward(s), CM_E_OK);
    assert_int_equal(world.changes, 1);
}

static void a_check_cannot_make_an_intent_and_a_blocker_stops_before_anything_is_changed(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.look}\n  - id: more\n    title: More\n    steps:\n      - {uses: fake.change, id: one}\n");
    world.blocker = true;
    assert_int_equal(forward(s), CM_E_BLOCKED);
    assert_int_equal(world.changes, 0);
    world.blocker = false;
    assert_int_equal(forward(s), CM_E_OK);
}

static void an_unknown_waits_for_a_person(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.look}\n  - id: more\n    title: More\n    steps:\n      - {uses: fake.change, id: one}\n");
    world.unknown = true;
    assert_int_equal(forward(s), CM_E_WAITING);
    assert_int_equal(world.changes, 0);
}

static void a_gate_without_an_answer_waits_and_a_go_is_answered_by_yes(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: gate.confirm, id: gate.downtime}\n      - {uses: fake.change, id: one}\n");
    assert_int_equal(walk(s, CM_FORWARD, false, NULL), CM_E_WAITING);
    assert_int_equal(world.changes, 0);
    assert_int_equal(forward(s), CM_E_OK);
}

static void a_hold_is_verified_at_each_start_and_made_to_hold_again(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.hold, id: one}\n      - {uses: fake.change, id: last}\n");
    world.fail_apply = 0;
    cm_autoerr err = NULL;
    world.fail_verify = 0;
    book(s, "      - {uses: fake.hold, id: one}\n      - {uses: gate.confirm, id: gate.downtime}\n");
    assert_int_equal(walk(s, CM_FORWARD, false, &err), CM_E_WAITING);
    int verified = world.verified;
    world.fail_verify = 1;
    assert_int_equal(walk(s, CM_FORWARD, false, NULL), CM_E_WAITING);
    assert_int_equal(world.verified, verified + 2);
}

static void the_way_back_undoes_newest_first_and_refuses_forward_afterwards(void **state)
{
    const struct stage *s = *state;
    book(s, TWO);
    forward(s);
    world.order[0] = '\0';
    assert_int_equal(walk(s, CM_BACKWARD, true, NULL), CM_E_OK);
    assert_string_equal(world.order, "two one ");
    assert_int_equal(forward(s), CM_E_CHANGED);
}

static void a_changed_plan_is_refused(void **state)
{
    const struct stage *s = *state;
    book(s, TWO);
    world.fail_apply = 1;
    forward(s);
    put(s->dir, "plan.yaml",
        "runbook: ./ours.yaml\nsource: {hosts: [localhost]}\nconnect: {api_key: {env: Z}}\n"
        "target: {context: c, namespace: ns, release: r, values: [plan.yaml]}\n");
    assert_int_equal(forward(s), CM_E_CHANGED);
}

static void refuses_an_order_in_which_a_fact_is_needed_before_it_is_given(void **state)
{
    const struct stage *s = *state;
    cm_autoerr err = NULL;
    book(s, "      - {uses: fake.need}\n      - {uses: fake.give}\n");
    assert_int_equal(walk(s, CM_FORWARD, true, &err), CM_E_USAGE);
    assert_non_null(strstr(cm_err_message(err), "put fake.give before it"));
    book(s, "      - {uses: fake.give}\n      - {uses: fake.need}\n");
    assert_int_equal(forward(s), CM_E_OK);
}

static void refuses_a_parameter_that_is_no_duration(void **state)
{
    const struct stage *s = *state;
    static const char *const wrong[] = {"-1", "9223372036854775807", "5 parsecs", "[1s]"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cm_autoerr err = NULL;
        cm_autofree char *steps = cm_fmt("      - {uses: fake.wait, with: {pause: %s}}\n", wrong[i]);
        book(s, steps);
        assert_int_equal(walk(s, CM_FORWARD, true, &err), CM_E_USAGE);
        assert_non_null(strstr(cm_err_message(err), "pause of fake.wait must be"));
    }
    book(s, "      - {uses: fake.wait, with: {pause: 30}}\n");
    assert_int_equal(forward(s), CM_E_OK);
}

static void names_the_nearest_action(void **state)
{
    const struct stage *s = *state;
    cm_autoerr err = NULL;
    book(s, "      - {uses: fake.chnage}\n");
    assert_int_equal(walk(s, CM_FORWARD, true, &err), CM_E_USAGE);
    assert_non_null(strstr(cm_err_message(err), "fake.change"));
}

/* What the outside says may be in any encoding; the record is JSON, and JSON is UTF-8. */
static void a_blocker_in_another_encoding_is_not_lost(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.look}\n  - id: more\n    title: More\n    steps:\n      - {uses: fake.change, id: one}\n");
    world.blocker = world.old_letters = true;
    assert_int_equal(forward(s), CM_E_BLOCKED);
    assert_int_equal(world.changes, 0);
    struct cm_model *m = record(s);
    assert_int_equal(m->finding_count, 1);
    assert_string_equal(m->findings[0].seen, "seen in M\xef\xbf\xbdnchen");
    cm_model_free(m);
}

static void a_gate_and_a_failure_in_another_encoding_are_on_record(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: gate.confirm, id: gate.downtime}\n      - {uses: fake.change, id: one}\n");
    world.old_letters = true;
    world.fail_apply = 1;
    assert_int_equal(forward(s), CM_E_FAILED);
    struct cm_model *m = record(s);
    assert_string_equal(cm_model_step(m, "one")->message, "broken in M\xef\xbf\xbdnchen");
    cm_model_free(m);
    assert_int_equal(forward(s), CM_E_OK);
}

static void a_fact_in_another_encoding_fails_its_step_and_not_the_record(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.give}\n      - {uses: fake.need}\n");
    world.old_letters = true;
    assert_int_equal(forward(s), CM_E_INTERNAL);
    struct cm_model *m = record(s);
    assert_non_null(strstr(cm_model_step(m, "fake.give")->message, "a.fact"));
    cm_model_free(m);
    world.old_letters = false;
    assert_int_equal(forward(s), CM_E_OK);
}

static void a_lock_that_was_lost_and_is_back_is_no_failure(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.change, id: one}\n");
    world.lose_lock = true;
    assert_int_equal(forward(s), CM_E_OK);
    assert_int_equal(world.changes, 1);
}

static void a_lock_that_somebody_else_has_now_ends_the_run_and_is_named(void **state)
{
    const struct stage *s = *state;
    book(s, "      - {uses: fake.change, id: one}\n");
    world.lose_lock = world.lock_is_somebodys = true;
    assert_int_equal(forward(s), CM_E_LOCKED);
    assert_int_equal(world.changes, 0);
    struct cm_model *m = record(s);
    assert_string_equal(cm_model_step(m, "one")->message,
                        "the lock of the database was lost and cannot be taken again: anna holds it");
    cm_model_free(m);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(walks_the_steps_in_their_order_and_counts_open_temporary_changes),
        T(does_nothing_again_when_all_is_done),
        T(goes_on_from_the_intent_on_record_and_keeps_the_first_original),
        T(repeats_only_what_may_pass_by_itself),
        T(waits_for_who_is_not_reached_whatever_the_retries),
        T(does_not_wait_for_ever_for_who_is_not_reached),
        T(does_not_repeat_what_is_broken),
        T(only_verify_leads_to_done),
        T(a_check_cannot_make_an_intent_and_a_blocker_stops_before_anything_is_changed),
        T(an_unknown_waits_for_a_person),
        T(a_gate_without_an_answer_waits_and_a_go_is_answered_by_yes),
        T(a_hold_is_verified_at_each_start_and_made_to_hold_again),
        T(the_way_back_undoes_newest_first_and_refuses_forward_afterwards),
        T(a_changed_plan_is_refused),
        T(refuses_an_order_in_which_a_fact_is_needed_before_it_is_given),
        T(refuses_a_parameter_that_is_no_duration),
        T(names_the_nearest_action),
        T(a_blocker_in_another_encoding_is_not_lost),
        T(a_gate_and_a_failure_in_another_encoding_are_on_record),
        T(a_fact_in_another_encoding_fails_its_step_and_not_the_record),
        T(a_lock_that_was_lost_and_is_back_is_no_failure),
        T(a_lock_that_somebody_else_has_now_ends_the_run_and_is_named),
    };
    cm_mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

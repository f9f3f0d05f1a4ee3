/* adapters: the outside as one value. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/host.h"
#include "adapters/outside.h"
#include "base/json.h"
#include "base/mem.h"
#include "plan/plan.h"
#include "fake_engine.h"

struct cm_plan {
    json_t *normal;
};

const json_t *cm_plan_get(const struct cm_plan *p, const char *path) { return cm_json_at(p->normal, path); }

const char *cm_plan_text(const struct cm_plan *p, const char *path) { return cm_json_text(p->normal, path, NULL); }

static void count_free(void *p) { ++*(int *)p; }

static void knows_the_hosts_of_the_plan_in_their_order(void **state)
{
    (void)state;
    cm_autojson normal = json_pack("{s:{s:[s,s]}}", "source", "hosts", "connect1", "connect2");
    const struct cm_plan plan = {normal};
    struct cm_loop *loop = cm_loop_new(&cm_clock_system);
    struct cm_outside *o = cm_outside_new(loop, &plan, NULL);
    assert_non_null(o);
    assert_int_equal(cm_outside_hosts(o), 2);
    assert_string_equal(cm_host_name(cm_outside_host(o, 1)), "connect2");
    assert_null(cm_outside_host(o, 2));
    assert_ptr_equal(cm_outside_loop(o), loop);
    assert_ptr_equal(cm_outside_plan(o), &plan);
    assert_ptr_equal(cm_outside_http(o), cm_outside_http(o));
    cm_outside_free(o);
    cm_loop_free(loop);
}

static void frees_what_the_slot_held_once(void **state)
{
    (void)state;
    cm_autojson normal = json_object();
    const struct cm_plan plan = {normal};
    struct cm_loop *loop = cm_loop_new(&cm_clock_system);
    struct cm_outside *o = cm_outside_new(loop, &plan, NULL);
    int first = 0, second = 0;
    cm_outside_source_set(o, &first, count_free);
    cm_outside_source_set(o, &second, count_free);
    assert_int_equal(first, 1);
    assert_ptr_equal(cm_outside_source(o), &second);
    cm_outside_free(o);
    assert_int_equal(first, 1);
    assert_int_equal(second, 1);
    cm_loop_free(loop);
}

static void refuses_a_host_that_ssh_would_take_for_an_option(void **state)
{
    (void)state;
    cm_autojson normal = json_pack("{s:{s:[s]}}", "source", "hosts", "-oProxyCommand=x");
    const struct cm_plan plan = {normal};
    struct cm_loop *loop = cm_loop_new(&cm_clock_system);
    cm_autoerr err = NULL;
    assert_null(cm_outside_new(loop, &plan, &err));
    assert_int_equal(cm_err_code(err), CM_E_USAGE);
    cm_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_hosts_of_the_plan_in_their_order),
        cmocka_unit_test(frees_what_the_slot_held_once),
        cmocka_unit_test(refuses_a_host_that_ssh_would_take_for_an_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

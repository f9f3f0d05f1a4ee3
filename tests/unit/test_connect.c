/* The Connect client against a real HTTP server that answers with Connect's shapes. The engine, the plan and the outside are the
 * few functions below. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <cm/clock.h>
#include <cm/loop.h>

#include "adapters/connect.h"
#include "adapters/connect_reply.h"
#include "adapters/outside.h"
#include "adapters/secrets.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/time.h"
#include "fake_engine.h"
#include "http_server.h"
#include "plan/plan.h"

struct cm_outside {
    struct cm_loop *loop;
    struct cm_http *http;
};

static struct {
    bool reading;
    bool key_fails;
    const char *key; /* NULL: a good one */
} pretend;

bool cm_reading(const struct cm_step *step)
{
    (void)step;
    return pretend.reading;
}
const struct cm_plan *cm_outside_plan(const struct cm_outside *o)
{
    (void)o;
    return NULL;
}
struct cm_loop *cm_outside_loop(const struct cm_outside *o) { return o->loop; }
struct cm_http *cm_outside_http(struct cm_outside *o) { return o->http; }
const json_t *cm_plan_get(const struct cm_plan *p, const char *path)
{
    (void)p;
    (void)path;
    return NULL;
}
const char *cm_plan_text(const struct cm_plan *p, const char *path)
{
    (void)p;
    (void)path;
    return NULL;
}
int cm_secret_resolve(struct cm_loop *loop, const json_t *ref, const char *what, struct cm_secret **out, struct cm_err **err)
{
    (void)loop;
    (void)ref;
    if (pretend.key_fails)
        return cm_fail(err, CM_E_USAGE, "%s: CONNECT_API_KEY is not set", what);
    *out = cm_secret_new(pretend.key != NULL ? pretend.key : "CANARY-KEY");
    return 0;
}

struct world {
    struct http_server server;
    struct cm_outside outside;
    struct cm_step step;
    struct cm_intent intent;
    struct cm_connect *connect;
    unsigned status; /* of the next answers */
    const char *body, *type;
    int fail_first; /* so many requests are answered with fail_status first; 0: cut */
    unsigned fail_status;
    int items;     /* > 0: an array of so many items */
    int cut_items; /* the array ends without its bracket */
    int task_polls;
    char path[128], method[16], asked_body[128], authorization[64];
};

static char *many_items(int n, bool whole)
{
    struct cm_str s = CM_STR(CM_STR_BIG);

    cm_str_add(&s, "[");
    for (int i = 0; i < n; i++)
        cm_str_addf(&s, "%s{\"guid\":\"g-%d\",\"title\":\"a ] title, with \\\"quotes\\\"\"}", i > 0 ? "," : "", i);
    if (whole)
        cm_str_add(&s, "]");
    return cm_str_take(&s);
}

static void answer(void *ctx, const struct http_asked *q, struct http_says *says)
{
    struct world *w = ctx;

    (void)snprintf(w->path, sizeof w->path, "%s", q->path);
    (void)snprintf(w->method, sizeof w->method, "%s", q->method);
    (void)snprintf(w->asked_body, sizeof w->asked_body, "%s", q->body);
    (void)snprintf(w->authorization, sizeof w->authorization, "%s", q->authorization != NULL ? q->authorization : "");
    says->status = w->status;
    says->type = w->type;
    if (w->fail_first > 0) {
        w->fail_first--;
        says->status = w->fail_status;
        says->type = "text/html";
        says->body = strdup("<html>Bad Gateway</html>");
    } else if (w->items > 0) {
        says->body = many_items(w->items, !w->cut_items);
    } else if (strstr(q->path, "/v1/tasks/") != NULL && w->task_polls > 0) {
        bool last = --w->task_polls == 0;
        const char *first = MHD_lookup_connection_value(q->connection, MHD_GET_ARGUMENT_KIND, "first");
        long n = strtol(first != NULL ? first : "0", NULL, 10);
        says->body = cm_fmt("{\"id\":\"t\",\"output\":[\"line %ld\"],\"finished\":%s,\"code\":%d,\"error\":\"%s\",\"last\":%ld}",
                            n + 1, last ? "true" : "false", last ? 1 : 0, last ? "it broke" : "", n + 1);
    } else {
        says->body = strdup(w->body);
    }
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    if (w == NULL || !http_server_start(&w->server, answer, w))
        return -1;
    memset(&pretend, 0, sizeof pretend);
    w->outside.loop = cm_loop_new(&cm_clock_system);
    w->outside.http = cm_http_new(w->outside.loop);
    w->step =
        (struct cm_step){.loop = w->outside.loop, .deadline = cm_loop_now_ms(w->outside.loop) + 20000, .log = CM_STR(CM_STR_PAGE)};
    w->intent.step = &w->step;
    cm_autofree char *url = cm_fmt("%s/", w->server.url);
    w->connect = cm_connect_new(&w->outside, url, true);
    w->status = 200;
    w->body = "{}";
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    cm_connect_free(w->connect);
    cm_http_free(w->outside.http);
    cm_loop_free(w->outside.loop);
    http_server_stop(&w->server);
    cm_str_fini(&w->step.log);
    json_decref(w->intent.note);
    free(w);
    return 0;
}

/* ---- reading ---- */

static void asks_below_the_api_with_the_key(void **state)
{
    struct world *w = *state;
    cm_autojson body = NULL;
    w->body = "{\"user_role\":\"administrator\"}";

    assert_int_equal(cm_connect_get_ok(&w->step, w->connect, "v1/user", &body, NULL), 0);

    assert_string_equal(w->path, "/__api__/v1/user");
    assert_string_equal(w->authorization, "Key CANARY-KEY");
    assert_string_equal(cm_json_text(body, "user_role", ""), "administrator");
}

static void pings_without_the_key(void **state)
{
    struct world *w = *state;
    long status = 0;
    w->status = 402;

    assert_int_equal(cm_connect_ping(&w->step, w->connect, &status, NULL), 0);

    assert_int_equal(status, 402);
    assert_string_equal(w->path, "/__ping__");
    assert_string_equal(w->authorization, "");
}

static void reading_is_repeated_over_a_gateway_error(void **state)
{
    struct world *w = *state;
    cm_autojson body = NULL;
    w->fail_first = 3;
    w->fail_status = 502;
    w->body = "{\"a\":1}";

    assert_int_equal(cm_connect_get_ok(&w->step, w->connect, "v1/x", &body, NULL), 0);

    assert_int_equal(w->server.requests, 4);
}

static void reading_is_repeated_over_a_cut_connection(void **state)
{
    struct world *w = *state;
    cm_autojson body = NULL;
    w->fail_first = 2;
    w->fail_status = 0;

    assert_int_equal(cm_connect_get_ok(&w->step, w->connect, "v1/x", &body, NULL), 0);
}

static void gives_up_reading_at_the_limit_with_an_error_that_passes(void **state)
{
    struct world *w = *state;
    cm_autoreply r;
    cm_autoerr err = NULL;
    w->fail_first = 1000;
    w->fail_status = 503;
    w->step.deadline = cm_loop_now_ms(w->outside.loop) + 300;

    assert_int_equal(cm_connect_get(&w->step, w->connect, "v1/x", &r, &err), -1);

    assert_true(cm_err_is_passing(err));
    assert_non_null(strstr(cm_err_message(err), "503 Service Unavailable"));
    assert_in_range(w->server.requests, 2, 10);
}

static void nobody_listening_is_told_at_once_when_only_looking(void **state)
{
    struct world *w = *state;
    cm_autoreply r;
    cm_autoerr err = NULL;
    int64_t began = cm_loop_now_ms(w->outside.loop);
    struct cm_connect *gone = cm_connect_new(&w->outside, "http://127.0.0.1:1", true);
    pretend.reading = true;

    assert_int_equal(cm_connect_get(&w->step, gone, "v1/x", &r, &err), -1);

    assert_in_range(cm_loop_now_ms(w->outside.loop) - began, 0, 2000);
    assert_true(cm_err_is_passing(err));
    cm_connect_free(gone);
}

static void a_key_that_cannot_be_had_is_an_error_before_any_request(void **state)
{
    struct world *w = *state;
    cm_autoreply r;
    cm_autoerr err = NULL;
    pretend.key_fails = true;

    assert_int_equal(cm_connect_get(&w->step, w->connect, "v1/x", &r, &err), -1);

    assert_string_equal(cm_err_message(err), "connect.api_key: CONNECT_API_KEY is not set");
    assert_int_equal(w->server.requests, 0);
}

/* A file with a line too many: the second line would become a header, or the body, of each request. */
static void a_key_of_two_lines_is_refused_before_any_request(void **state)
{
    struct world *w = *state;
    static const char *const keys[] = {"KEY\nX-Other: header", "KEY\n\n", "KEY ", "\xef\xbb\xbfKEY"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        cm_autoreply r;
        cm_autoerr err = NULL;
        pretend.key = keys[i];
        assert_int_equal(cm_connect_get(&w->step, w->connect, "v1/x", &r, &err), -1);
        assert_non_null(strstr(cm_err_message(err), "is no API key"));
        assert_null(strstr(cm_err_message(err), "KEY"));
        assert_non_null(cm_err_hint(err));
    }
    assert_int_equal(w->server.requests, 0);
}

static void assert_meaning(struct world *w, unsigned status, const char *body, const char *words, bool passing)
{
    cm_autojson got = NULL;
    cm_autoerr err = NULL;

    w->status = status;
    w->body = body;
    w->step.deadline = cm_loop_now_ms(w->outside.loop) + 120;
    assert_int_equal(cm_connect_get_ok(&w->step, w->connect, "v1/x", &got, &err), -1);
    if (strstr(cm_err_message(err), words) == NULL)
        fail_msg("status %u says \"%s\", not \"%s\"", status, cm_err_message(err), words);
    assert_int_equal(cm_err_is_passing(err), passing);
}

static void errors_say_what_they_mean(void **state)
{
    struct world *w = *state;

    assert_meaning(w, 401, "{\"code\":30,\"error\":\"Key is not valid\"}", "does not take the API key (30: Key is not valid)",
                   false);
    assert_meaning(w, 402, "", "no valid license", false);
    assert_meaning(w, 403, "{\"code\":22,\"error\":\"No permission\"}", "not allowed with this API key", false);
    assert_meaning(w, 404, "<html>", "too old for it", false);
    assert_meaning(w, 404, "{\"code\":4,\"error\":\"No such object\"}", "4: No such object", false);
    assert_meaning(w, 429, "<html>", "429 Too Many Requests", true);
    assert_meaning(w, 500, "{\"code\":1,\"error\":\"Internal\"}", "1: Internal", true);
    assert_meaning(w, 502, "<html>", "502 Bad Gateway", true);
    assert_meaning(w, 200, "<html>login</html>", "not answered with JSON", false);
}

/* ---- who answered ---- */

static void reply_of(struct cm_reply *r, long status, const char *body, bool sent)
{
    struct cm_http_answer a = {.status = status, .sent = sent, .problem = status == 0 ? cm_strdup("Connection reset") : NULL};

    a.body = status != 0 ? cm_strdup(body) : NULL;
    a.body_bytes = a.body != NULL ? strlen(a.body) : 0;
    cm_reply_from(&a, r);
    cm_http_answer_fini(&a);
}

static void tells_connects_own_answer_from_a_proxys(void **state)
{
    static const struct {
        long status;
        const char *body;
        bool sent, answered;
        int code;
    } cases[] = {
        {200, "{\"task_id\":\"t\"}", true, true, -1},
        {400, "{\"code\":100,\"error\":\"busy\"}", true, true, 100},
        {404, "{\"code\":4,\"error\":\"gone\"}", true, true, 4},
        {404, "not found", true, true, -1},
        {429, "<html>", true, false, -1},
        {502, "<html>", true, false, -1},
        {503, "{\"message\":\"no upstream\"}", true, false, -1},
        {503, "{\"code\":1,\"error\":\"starting\"}", true, true, 1},
        {504, "", true, false, -1},
        {0, NULL, true, false, -1},
        {0, NULL, false, false, -1},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cm_autoreply r;
        reply_of(&r, cases[i].status, cases[i].body, cases[i].sent);
        assert_int_equal(r.answered, cases[i].answered);
        assert_int_equal(r.code, cases[i].code);
        assert_int_equal(r.sent, cases[i].sent);
        assert_int_equal(r.problem != NULL, cases[i].status >= 400 || cases[i].status == 0);
    }
}

static void reads_the_servers_clock(void **state)
{
    struct cm_http_answer a = {.status = 200, .server_date = cm_strdup("Sat, 05 Dec 2026 21:00:07 GMT"), .body = cm_strdup("")};
    cm_autoreply r;
    int64_t want;
    (void)state;

    cm_reply_from(&a, &r);

    assert_true(cm_time_parse("2026-12-05T21:00:07Z", &want));
    assert_int_equal(r.server_ms, want);
    cm_http_answer_fini(&a);
}

/* ---- streaming ---- */

struct counted {
    int n, stop_at;
};

static int count(void *ctx, const json_t *item, struct cm_err **err)
{
    struct counted *c = ctx;
    cm_autofree char *want = cm_fmt("g-%d", c->n);

    assert_string_equal(cm_json_text(item, "guid", ""), want);
    c->n++;
    return c->n == c->stop_at ? cm_fail(err, CM_E_FAILED, "enough") : 0;
}

static void streams_ten_thousand_items(void **state)
{
    struct world *w = *state;
    struct counted c = {0, 0};
    w->items = 10000;

    assert_int_equal(cm_connect_each(&w->step, w->connect, "v1/content", count, &c, NULL), 0);

    assert_int_equal(c.n, 10000);
}

static void streaming_begins_anew_only_before_the_first_item(void **state)
{
    struct world *w = *state;
    struct counted c = {0, 0};
    w->items = 5;
    w->fail_first = 2;
    w->fail_status = 502;

    assert_int_equal(cm_connect_each(&w->step, w->connect, "v1/content", count, &c, NULL), 0);

    assert_int_equal(c.n, 5);
    assert_int_equal(w->server.requests, 3);
}

static void a_stream_that_is_cut_is_an_error_and_not_a_short_list(void **state)
{
    struct world *w = *state;
    struct counted c = {0, 0};
    cm_autoerr err = NULL;
    w->items = 5;
    w->cut_items = 1;

    assert_int_equal(cm_connect_each(&w->step, w->connect, "v1/content", count, &c, &err), -1);

    assert_non_null(strstr(cm_err_message(err), "ends too early"));
}

static void a_taker_can_stop_the_stream(void **state)
{
    struct world *w = *state;
    struct counted c = {0, 3};
    cm_autoerr err = NULL;
    w->items = 5;

    assert_int_equal(cm_connect_each(&w->step, w->connect, "v1/content", count, &c, &err), -1);

    assert_int_equal(c.n, 3);
    assert_non_null(strstr(cm_err_message(err), "enough"));
}

/* ---- changing ---- */

static void a_change_carries_its_body_and_is_logged(void **state)
{
    struct world *w = *state;
    cm_autojson body = json_pack("{s:s}", "language", "R");
    cm_autoreply r;

    assert_int_equal(cm_connect_change(&w->intent, w->connect, "DELETE", "v1/system/caches/runtime", body, &r, NULL), 0);

    assert_int_equal(r.status, 200);
    assert_string_equal(w->method, "DELETE");
    assert_string_equal(w->asked_body, "{\"language\":\"R\"}");
    assert_non_null(strstr(cm_str_text(&w->step.log), "DELETE v1/system/caches/runtime (intent 7)"));
    assert_null(strstr(cm_str_text(&w->step.log), "CANARY"));
}

static void a_change_is_never_repeated(void **state)
{
    struct world *w = *state;
    cm_autoreply r;
    w->fail_first = 5;
    w->fail_status = 502;

    assert_int_equal(cm_connect_change(&w->intent, w->connect, "POST", "v1/content/g/build", NULL, &r, NULL), 0);

    assert_int_equal(w->server.requests, 1);
    assert_false(r.answered);
    assert_true(r.sent);
}

static void a_change_that_is_cut_is_in_doubt(void **state)
{
    struct world *w = *state;
    cm_autoreply r;
    w->fail_first = 5;
    w->fail_status = 0;

    assert_int_equal(cm_connect_change(&w->intent, w->connect, "POST", "v1/content/g/build", NULL, &r, NULL), 0);

    assert_int_equal(w->server.requests, 1);
    assert_int_equal(r.status, 0);
    assert_true(r.sent);
    assert_false(r.answered);
}

static void a_change_without_an_intent_is_refused(void **state)
{
    struct world *w = *state;
    cm_autoreply r;

    assert_int_equal(cm_connect_change(NULL, w->connect, "POST", "v1/content/g/build", NULL, &r, NULL), 0);

    assert_int_equal(w->server.requests, 0);
    assert_false(r.sent);
    assert_non_null(strstr(r.problem, "without an intent"));
}

static void must_not_come(void *ctx, struct cm_reply *r)
{
    (void)r;
    *(int *)ctx += 1;
}

static void what_is_forgotten_never_answers(void **state)
{
    struct world *w = *state;
    int came = 0;

    cm_connect_get_soon(w->connect, "v1/x", 5000, must_not_come, &came);
    cm_connect_forget(w->connect, &came);
    (void)cm_loop_until(w->outside.loop, NULL, NULL, cm_loop_now_ms(w->outside.loop) + 50);

    assert_int_equal(came, 0);
}

/* ---- tasks and pages ---- */

static void follows_a_task_to_its_end(void **state)
{
    struct world *w = *state;
    cm_autojson task = NULL;
    bool forgotten;
    w->task_polls = 3;

    assert_int_equal(cm_connect_task(&w->step, w->connect, "a/b", &task, &forgotten, NULL), 0);

    assert_false(forgotten);
    assert_int_equal(cm_json_int(task, "code", -1), 1);
    assert_string_equal(cm_json_text(task, "error", ""), "it broke");
    assert_int_equal(json_array_size(json_object_get(task, "output")), 3);
}

static void a_forgotten_task_is_told(void **state)
{
    struct world *w = *state;
    cm_autojson task = NULL;
    bool forgotten;
    w->status = 404;
    w->body = "{\"code\":141,\"error\":\"Task lookup failed\"}";

    assert_int_equal(cm_connect_task(&w->step, w->connect, "t", &task, &forgotten, NULL), 0);

    assert_true(forgotten);
    assert_null(task);
}

struct page {
    bool came;
    long status;
    char *text;
    size_t bytes;
};

static void keep_page(void *ctx, struct cm_reply *r, size_t bytes)
{
    struct page *page = ctx;

    page->status = r->status;
    page->text = cm_strdup(r->text);
    page->bytes = bytes;
    page->came = true;
}

static bool page_came(void *ctx) { return ((struct page *)ctx)->came; }

static void a_page_gives_its_beginning_and_its_size(void **state)
{
    struct world *w = *state;
    struct page page = {.came = false};
    w->body = "<html><title>Hello</title></html>";
    w->type = "text/html";

    cm_connect_page_soon(w->connect, "content/g/", 10000, keep_page, &page);
    assert_int_equal(cm_loop_until(w->outside.loop, page_came, &page, CM_NEVER), CM_WAIT_READY);

    assert_string_equal(w->path, "/content/g/");
    assert_int_equal(page.status, 200);
    assert_string_equal(page.text, w->body);
    assert_int_equal(page.bytes, strlen(w->body));
    free(page.text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(asks_below_the_api_with_the_key),
        CASE(pings_without_the_key),
        CASE(reading_is_repeated_over_a_gateway_error),
        CASE(reading_is_repeated_over_a_cut_connection),
        CASE(gives_up_reading_at_the_limit_with_an_error_that_passes),
        CASE(nobody_listening_is_told_at_once_when_only_looking),
        CASE(a_key_that_cannot_be_had_is_an_error_before_any_request),
        CASE(a_key_of_two_lines_is_refused_before_any_request),
        CASE(errors_say_what_they_mean),
        cmocka_unit_test(tells_connects_own_answer_from_a_proxys),
        cmocka_unit_test(reads_the_servers_clock),
        CASE(streams_ten_thousand_items),
        CASE(streaming_begins_anew_only_before_the_first_item),
        CASE(a_stream_that_is_cut_is_an_error_and_not_a_short_list),
        CASE(a_taker_can_stop_the_stream),
        CASE(a_change_carries_its_body_and_is_logged),
        CASE(a_change_is_never_repeated),
        CASE(a_change_that_is_cut_is_in_doubt),
        CASE(a_change_without_an_intent_is_refused),
        CASE(what_is_forgotten_never_answers),
        CASE(follows_a_task_to_its_end),
        CASE(a_forgotten_task_is_told),
        CASE(a_page_gives_its_beginning_and_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

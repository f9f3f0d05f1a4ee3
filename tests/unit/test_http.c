/* HTTP by libcurl on the loop, against a real server. */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <cm/clock.h>
#include <cm/loop.h>
#include <cm/str.h>

#include "adapters/http.h"
#include "base/mem.h"
#include "http_server.h"

struct world {
    struct http_server server, other;
    struct cm_loop *loop;
    struct cm_http *http;
    int posts, gets, other_asked;
    char method[16], body[256], authorization[128], cookie[128], type[64];
    char *redirect;
};

static void note(char *to, size_t n, const char *from) { (void)snprintf(to, n, "%s", from != NULL ? from : ""); }

static void answer(void *ctx, const struct http_asked *q, struct http_says *says)
{
    struct world *w = ctx;

    note(w->method, sizeof w->method, q->method);
    note(w->body, sizeof w->body, q->body);
    note(w->authorization, sizeof w->authorization, q->authorization);
    note(w->cookie, sizeof w->cookie, q->cookie);
    note(w->type, sizeof w->type, q->type);
    w->posts += strcmp(q->method, "POST") == 0;
    w->gets += strcmp(q->method, "GET") == 0;
    says->status = 200;
    if (strcmp(q->path, "/redirect") == 0) {
        says->status = 302;
        says->location = w->redirect;
    } else if (strcmp(q->path, "/cut") == 0) {
        says->status = 0;
    } else if (strcmp(q->path, "/slow") == 0) {
        says->delay_ms = 400;
    } else if (strcmp(q->path, "/cookie") == 0) {
        says->cookie = "sticky=one; Path=/";
    } else if (strcmp(q->path, "/big") == 0) {
        says->body_bytes = 300000;
        says->body = malloc(says->body_bytes);
        memset(says->body, 'x', says->body_bytes);
    } else if (strcmp(q->path, "/missing") == 0) {
        says->status = 404;
        says->body = strdup("not here");
    } else {
        says->body = strdup("{\"hello\": 1}");
    }
}

static void other_answer(void *ctx, const struct http_asked *q, struct http_says *says)
{
    struct world *w = ctx;

    (void)q;
    w->other_asked++;
    says->status = 200;
    says->body = strdup("elsewhere");
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    if (w == NULL || !http_server_start(&w->server, answer, w) || !http_server_start(&w->other, other_answer, w))
        return -1;
    w->loop = cm_loop_new(&cm_clock_system);
    w->http = cm_http_new(w->loop);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    cm_http_free(w->http);
    cm_loop_free(w->loop);
    http_server_stop(&w->server);
    http_server_stop(&w->other);
    free(w->redirect);
    free(w);
    return 0;
}

static struct cm_http_answer ask(struct world *w, const char *path, struct cm_http_request q)
{
    struct cm_http_answer a;
    cm_autofree char *url = cm_fmt("%s%s", w->server.url, path);

    q.url = url;
    q.method = q.method != NULL ? q.method : "GET";
    q.timeout_ms = q.timeout_ms != 0 ? q.timeout_ms : 5000;
    assert_int_equal(cm_http_do(w->http, &q, &a, NULL), 0);
    return a;
}

static void reads_status_body_and_headers(void **state)
{
    struct world *w = *state;

    struct cm_http_answer a = ask(w, "/", (struct cm_http_request){0});

    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"hello\": 1}");
    assert_int_equal(a.body_bytes, strlen(a.body));
    assert_string_equal(a.content_type, "application/json");
    assert_non_null(a.server_date);
    assert_string_equal(a.peer, "127.0.0.1");
    assert_true(a.sent);
    assert_null(a.problem);
    cm_http_answer_fini(&a);
}

static void another_status_is_an_answer_and_no_problem(void **state)
{
    struct world *w = *state;

    struct cm_http_answer a = ask(w, "/missing", (struct cm_http_request){0});

    assert_int_equal(a.status, 404);
    assert_string_equal(a.body, "not here");
    assert_null(a.problem);
    cm_http_answer_fini(&a);
}

static void sends_the_key_as_a_header(void **state)
{
    struct world *w = *state;
    struct cm_secret *key = cm_secret_new("CANARY-KEY");

    struct cm_http_answer a = ask(w, "/", (struct cm_http_request){.key = key});

    assert_string_equal(w->authorization, "Key CANARY-KEY");
    cm_http_answer_fini(&a);
    cm_secret_free(key);
}

static void follows_a_redirect_within_the_origin(void **state)
{
    struct world *w = *state;
    struct cm_secret *key = cm_secret_new("CANARY-KEY");
    w->redirect = cm_strdup("/there");

    struct cm_http_answer a = ask(w, "/redirect", (struct cm_http_request){.key = key});

    assert_int_equal(a.status, 200);
    assert_string_equal(w->authorization, "Key CANARY-KEY");
    cm_http_answer_fini(&a);
    cm_secret_free(key);
}

static void takes_no_redirect_to_another_origin(void **state)
{
    struct world *w = *state;
    struct cm_secret *key = cm_secret_new("CANARY-KEY");
    w->redirect = cm_fmt("%s/there", w->other.url);

    struct cm_http_answer a = ask(w, "/redirect", (struct cm_http_request){.key = key});

    assert_int_equal(a.status, 302);
    assert_string_equal(a.location, w->redirect);
    assert_int_equal(w->other_asked, 0);
    cm_http_answer_fini(&a);
    cm_secret_free(key);
}

static void hands_a_redirect_out_when_asked_to(void **state)
{
    struct world *w = *state;
    w->redirect = cm_strdup("/there");

    struct cm_http_answer a = ask(w, "/redirect", (struct cm_http_request){.no_follow = true});

    assert_int_equal(a.status, 302);
    assert_string_equal(a.location, "/there");
    cm_http_answer_fini(&a);
}

static void ends_a_circle_of_redirects(void **state)
{
    struct world *w = *state;
    w->redirect = cm_strdup("/redirect");

    struct cm_http_answer a = ask(w, "/redirect", (struct cm_http_request){0});

    assert_int_equal(a.status, 302);
    assert_in_range(w->gets, 2, 10);
    cm_http_answer_fini(&a);
}

static void does_not_repeat_a_changing_request_behind_a_redirect(void **state)
{
    struct world *w = *state;
    w->redirect = cm_strdup("/there");

    struct cm_http_answer a = ask(w, "/redirect", (struct cm_http_request){.method = "POST", .body = "{}", .body_bytes = 2});

    assert_int_equal(a.status, 302);
    assert_int_equal(w->posts, 1);
    cm_http_answer_fini(&a);
}

static void sends_a_body_with_delete(void **state)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct world *w = *state;

    struct cm_http_answer a =
        ask(w, "/", (struct cm_http_request){.method = "DELETE", .headers = headers, .body = "{\"a\":1}", .body_bytes = 7});

    assert_string_equal(w->method, "DELETE");
    assert_string_equal(w->body, "{\"a\":1}");
    assert_string_equal(w->type, "application/json");
    cm_http_answer_fini(&a);
}

/* libcurl sends a request again by itself when a connection that it uses again turns out dead; a POST must never be. */
static void sends_a_post_once_when_the_connection_is_cut(void **state)
{
    struct world *w = *state;
    struct cm_http_answer first = ask(w, "/", (struct cm_http_request){0});
    cm_http_answer_fini(&first);

    struct cm_http_answer a = ask(w, "/cut", (struct cm_http_request){.method = "POST", .body = "{}", .body_bytes = 2});

    assert_int_equal(a.status, 0);
    assert_true(a.sent);
    assert_non_null(a.problem);
    assert_int_equal(w->posts, 1);
    cm_http_answer_fini(&a);
}

static void knows_that_nothing_was_sent_when_nobody_listens(void **state)
{
    struct world *w = *state;
    struct cm_http_answer a;
    cm_autofree char *url = cm_strdup(w->other.url);
    struct cm_http_request q = {.method = "POST", .url = url, .timeout_ms = 2000};
    http_server_stop(&w->other);

    assert_int_equal(cm_http_do(w->http, &q, &a, NULL), 0);

    assert_int_equal(a.status, 0);
    assert_false(a.sent);
    cm_http_answer_fini(&a);
    assert_true(http_server_start(&w->other, other_answer, w));
}

static void ends_at_its_time_limit(void **state)
{
    struct world *w = *state;

    struct cm_http_answer a = ask(w, "/slow", (struct cm_http_request){.timeout_ms = 60});

    assert_int_equal(a.status, 0);
    assert_true(a.sent);
    cm_http_answer_fini(&a);
}

static void refuses_a_body_over_its_bound(void **state)
{
    struct world *w = *state;

    struct cm_http_answer a = ask(w, "/big", (struct cm_http_request){.body_max_bytes = 100000});

    assert_int_equal(a.status, 0);
    assert_string_equal(a.problem, "the answer is larger than 100000 bytes");
    cm_http_answer_fini(&a);
}

struct pieces {
    size_t bytes;
    size_t most;
};

static int take_piece(void *ctx, const char *bytes, size_t n)
{
    struct pieces *p = ctx;

    (void)bytes;
    p->bytes += n;
    return p->most != 0 && p->bytes > p->most ? -1 : 0;
}

static void hands_the_body_out_in_pieces(void **state)
{
    struct world *w = *state;
    struct pieces p = {0, 0};

    struct cm_http_answer a = ask(w, "/big", (struct cm_http_request){.piece = take_piece, .piece_ctx = &p});

    assert_int_equal(a.status, 200);
    assert_null(a.body);
    assert_int_equal(p.bytes, 300000);
    cm_http_answer_fini(&a);
}

static void collects_the_body_of_another_status_even_with_pieces(void **state)
{
    struct world *w = *state;
    struct pieces p = {0, 0};

    struct cm_http_answer a = ask(w, "/missing", (struct cm_http_request){.piece = take_piece, .piece_ctx = &p});

    assert_int_equal(p.bytes, 0);
    assert_string_equal(a.body, "not here");
    cm_http_answer_fini(&a);
}

static void stops_when_a_piece_is_refused(void **state)
{
    struct world *w = *state;
    struct pieces p = {0, 1000};

    struct cm_http_answer a = ask(w, "/big", (struct cm_http_request){.piece = take_piece, .piece_ctx = &p});

    assert_int_equal(a.status, 0);
    assert_true(p.bytes < 300000);
    cm_http_answer_fini(&a);
}

static void keeps_cookies_of_a_jar_and_of_no_other(void **state)
{
    struct world *w = *state;
    struct cm_http_answer a = ask(w, "/cookie", (struct cm_http_request){.cookies = "one"});
    cm_http_answer_fini(&a);

    a = ask(w, "/", (struct cm_http_request){.cookies = "one"});
    assert_string_equal(w->cookie, "sticky=one");
    cm_http_answer_fini(&a);

    a = ask(w, "/", (struct cm_http_request){.cookies = "two"});
    assert_string_equal(w->cookie, "");
    cm_http_answer_fini(&a);
}

static void never_done(void *ctx, struct cm_http_answer *a)
{
    (void)a;
    *(int *)ctx += 1;
}

static void a_cancelled_call_is_never_done(void **state)
{
    struct world *w = *state;
    int done = 0;
    cm_autofree char *url = cm_fmt("%s/slow", w->server.url);
    struct cm_http_request q = {.method = "GET", .url = url, .timeout_ms = 5000};

    struct cm_http_call *c = cm_http_send(w->http, &q, never_done, &done);
    (void)cm_loop_until(w->loop, NULL, NULL, cm_loop_now_ms(w->loop) + 50);
    cm_http_cancel(c);
    (void)cm_loop_until(w->loop, NULL, NULL, cm_loop_now_ms(w->loop) + 50);

    assert_int_equal(done, 0);
}

struct many {
    int done, good;
};

static void one_done(void *ctx, struct cm_http_answer *a)
{
    struct many *m = ctx;

    m->done++;
    m->good += a->status == 200;
}

static bool all_done(void *ctx) { return ((struct many *)ctx)->done == 20; }

static void carries_many_calls_at_once(void **state)
{
    struct world *w = *state;
    struct many m = {0, 0};
    cm_autofree char *url = cm_fmt("%s/", w->server.url);
    struct cm_http_request q = {.method = "GET", .url = url, .timeout_ms = 5000};

    for (int i = 0; i < 20; i++)
        (void)cm_http_send(w->http, &q, one_done, &m);
    (void)cm_loop_until(w->loop, all_done, &m, cm_loop_now_ms(w->loop) + 5000);

    assert_int_equal(m.good, 20);
}

static void leads_a_name_to_an_address(void **state)
{
    struct world *w = *state;
    struct cm_http_answer a;
    cm_autofree char *url = cm_fmt("http://connect.invalid:%u/", (unsigned)w->server.port);
    cm_autofree char *resolve = cm_http_resolve(url, "127.0.0.1");
    struct cm_http_request q = {.method = "GET", .url = url, .resolve = resolve, .timeout_ms = 5000, .no_proxy = true};

    assert_int_equal(cm_http_do(w->http, &q, &a, NULL), 0);

    assert_int_equal(a.status, 200);
    cm_http_answer_fini(&a);
}

static void makes_resolve_entries_with_the_default_port(void **state)
{
    (void)state;
    cm_autofree char *v4 = cm_http_resolve("https://connect.example.com/base", "10.0.0.7");
    cm_autofree char *v6 = cm_http_resolve("https://connect.example.com:8443", "fd00::7");

    assert_string_equal(v4, "connect.example.com:443:10.0.0.7");
    assert_string_equal(v6, "connect.example.com:8443:[fd00::7]");
    assert_null(cm_http_resolve("not a url", "10.0.0.7"));
}

static void escapes_all_but_unreserved(void **state)
{
    (void)state;
    cm_autofree char *text = cm_http_escape("a/b?c=d&e f~-._\xc3\xa4");

    assert_string_equal(text, "a%2Fb%3Fc%3Dd%26e%20f~-._%C3%A4");
}

static void tells_origins_apart(void **state)
{
    (void)state;
    assert_true(cm_http_same_origin("https://a.example/x", "HTTPS://A.example:443/y"));
    assert_false(cm_http_same_origin("https://a.example/", "http://a.example/"));
    assert_false(cm_http_same_origin("https://a.example/", "https://a.example:444/"));
    assert_false(cm_http_same_origin("https://a.example/", "https://a.example.evil/"));
    assert_false(cm_http_same_origin("https://a.example/", "https://a.example@evil.example/"));
    assert_false(cm_http_same_origin("https://a.example/", "/relative"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(reads_status_body_and_headers),
        CASE(another_status_is_an_answer_and_no_problem),
        CASE(sends_the_key_as_a_header),
        CASE(follows_a_redirect_within_the_origin),
        CASE(takes_no_redirect_to_another_origin),
        CASE(hands_a_redirect_out_when_asked_to),
        CASE(ends_a_circle_of_redirects),
        CASE(does_not_repeat_a_changing_request_behind_a_redirect),
        CASE(sends_a_body_with_delete),
        CASE(sends_a_post_once_when_the_connection_is_cut),
        CASE(knows_that_nothing_was_sent_when_nobody_listens),
        CASE(ends_at_its_time_limit),
        CASE(refuses_a_body_over_its_bound),
        CASE(hands_the_body_out_in_pieces),
        CASE(collects_the_body_of_another_status_even_with_pieces),
        CASE(stops_when_a_piece_is_refused),
        CASE(keeps_cookies_of_a_jar_and_of_no_other),
        CASE(a_cancelled_call_is_never_done),
        CASE(carries_many_calls_at_once),
        CASE(leads_a_name_to_an_address),
        cmocka_unit_test(makes_resolve_entries_with_the_default_port),
        cmocka_unit_test(escapes_all_but_unreserved),
        cmocka_unit_test(tells_origins_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Requests to a loopback server that behaves as badly as servers do. */
#include "unit.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "transport.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static civic_refusal_t ask(civic_http_answer_t *answer, civic_transport_t *transport,
                           const char *url, const char *body, int milliseconds,
                           apr_pool_t *pool)
{
    civic_http_request_t request = {.url = url, .body = body};

    request.deadline = apr_time_now() + apr_time_from_msec(milliseconds);
    return civic_transport_send(answer, transport, &request, pool);
}

/* One POST to a server of one step; enough time for all but what never ends. */
static civic_reason post_to(const server_step_t *step, civic_http_answer_t *answer,
                            int milliseconds, apr_pool_t *pool)
{
    server_t *server = server_start(step, 1, pool);
    civic_transport_t *transport = civic_transport_create(pool);
    civic_reason reason =
        ask(answer, transport, server_url(server, "/", pool), "{}", milliseconds, pool).reason;

    server_await(server_requests, 1, server);
    assert_int_equal(server_requests(server), 1);
    assert_int_equal(server_connections(server), 1);
    return reason;
}

/* ---- what is sent ---- */

static void a_post_carries_body_and_credentials(void **state)
{
    server_step_t step = {.answer = OK_ANSWER};
    server_t *server = server_start(&step, 1, *state);
    civic_http_request_t request = {.url = server_url(server, "/sip/x?y=z", *state),
                                    .body = "{\"a\":1}",
                                    .authorization = "Civic a.b.c.d",
                                    .deadline = apr_time_now() + apr_time_from_sec(20)};
    civic_http_answer_t answer;
    const char *text = server_request(server, 0);

    assert_reason(
        civic_transport_send(&answer, civic_transport_create(*state), &request, *state).reason,
        CIVIC_OK, "post");
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.len, 2);
    assert_string_equal(answer.body, "ok");
    assert_memory_equal(text, "POST /sip/x?y=z HTTP/1.1\r\n", 26);
    assert_non_null(strstr(text, "\r\nAuthorization: Civic a.b.c.d\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(text, "\r\nAccept: */*\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(text, "\r\nUser-Agent: mod_auth_civic/"));
    assert_null(strstr(text, "Expect:"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n{\"a\":1}");
}

/* A warm handle that just sent credentials must not send them again elsewhere. */
static void a_get_after_a_post_carries_neither(void **state)
{
    server_step_t steps[] = {{.answer = OK_ANSWER, .after = SERVER_KEEPS_OPEN},
                             {.answer = OK_ANSWER}};
    server_t *server = server_start(steps, 2, *state);
    civic_transport_t *transport = civic_transport_create(*state);
    civic_http_request_t post = {.url = server_url(server, "/", *state),
                                 .body = "{\"a\":1}",
                                 .authorization = "Civic a.b.c.d",
                                 .deadline = apr_time_now() + apr_time_from_sec(20)};
    civic_http_answer_t answer;
    const char *text = server_request(server, 1);

    assert_reason(civic_transport_send(&answer, transport, &post, *state).reason, CIVIC_OK,
                  "post");
    assert_reason(ask(&answer, transport, post.url, NULL, 20000, *state).reason, CIVIC_OK,
                  "get");
    assert_memory_equal(text, "GET / HTTP/1.1\r\n", 16);
    assert_null(strstr(text, "Authorization"));
    assert_null(strstr(text, "Civic"));
    assert_null(strstr(text, "Content-"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

/* ---- connections ---- */

static void a_connection_serves_again(void **state)
{
    server_step_t steps[] = {{.answer = OK_ANSWER, .after = SERVER_KEEPS_OPEN},
                             {.answer = OK_ANSWER, .after = SERVER_KEEPS_OPEN},
                             {.answer = OK_ANSWER}};
    server_t *server = server_start(steps, 3, *state);
    civic_transport_t *transport = civic_transport_create(*state);
    civic_http_answer_t answer;

    for (int i = 0; i < 3; i++) {
        assert_reason(
            ask(&answer, transport, server_url(server, "/", *state), "{}", 20000, *state)
                .reason,
            CIVIC_OK, "warm");
    }
    assert_int_equal(server_requests(server), 3);
    assert_int_equal(server_connections(server), 1);
}

static void a_connection_that_died_idle_is_made_anew(void **state)
{
    server_step_t steps[] = {{.answer = OK_ANSWER}, {.answer = OK_ANSWER}};
    server_t *server = server_start(steps, 2, *state);
    civic_transport_t *transport = civic_transport_create(*state);
    civic_http_answer_t answer;

    for (int i = 0; i < 2; i++) {
        assert_reason(
            ask(&answer, transport, server_url(server, "/", *state), "{}", 20000, *state)
                .reason,
            CIVIC_OK, "cold");
        server_await(server_closed, i + 1, server);
    }
    assert_int_equal(server_requests(server), 2);
    assert_int_equal(server_connections(server), 2);
}

/* The service may have used the code up: whoever sends it again gets a 403 for a good login. */
static void a_body_is_never_sent_twice(void **state)
{
    server_step_t steps[] = {{.answer = OK_ANSWER, .after = SERVER_KEEPS_OPEN},
                             {.answer = NULL},
                             {.answer = OK_ANSWER}};
    server_t *server = server_start(steps, 3, *state);
    civic_transport_t *transport = civic_transport_create(*state);
    const char *url = server_url(server, "/", *state);
    civic_http_answer_t answer;

    assert_reason(ask(&answer, transport, url, "{}", 20000, *state).reason, CIVIC_OK, "first");
    assert_reason(ask(&answer, transport, url, "{}", 20000, *state).reason, CIVIC_UPSTREAM_CUT,
                  "cut on a warm connection");
    usleep(50000); /* libcurl may have knocked again: nothing of the body must arrive */
    assert_int_equal(server_requests(server), 2);
    assert_null(strstr(server_request(server, 2), "{}"));
}

static void a_connection_that_was_never_made_is_tried_twice(void **state)
{
    server_step_t steps[] = {{.answer = "no TLS here\r\n"}, {.answer = "nor here\r\n"}};
    server_t *server = server_start(steps, 2, *state);
    civic_http_request_t request = {.body = "{}"};
    civic_http_answer_t answer;

    /* One authority: reading the system's list can take longer than a connection may. */
    request.ca_file = CIVIC_SOURCE "/t/unit/keys/authority.pem";
    request.url = apr_pstrcat(*state, "https", server_url(server, "/", *state) + 4, NULL);
    request.deadline = apr_time_now() + apr_time_from_sec(20);
    assert_reason(
        civic_transport_send(&answer, civic_transport_create(*state), &request, *state).reason,
        CIVIC_UPSTREAM_UNREACHABLE, "no TLS");
    assert_int_equal(server_connections(server), 2);
}

static void nobody_listening_is_unreachable(void **state)
{
    const char *url = apr_psprintf(*state, "http://127.0.0.1:%d/", server_unused_port());
    civic_http_answer_t answer;

    assert_reason(
        ask(&answer, civic_transport_create(*state), url, "{}", 20000, *state).reason,
        CIVIC_UPSTREAM_UNREACHABLE, "nobody");
}

static void nobody_vouches_without_a_ca_file(void **state)
{
    server_step_t steps[] = {{.answer = NULL}, {.answer = NULL}};
    server_t *server = server_start(steps, 2, *state);
    civic_http_request_t request = {
        .url = apr_pstrcat(*state, "https", server_url(server, "/", *state) + 4, NULL),
        .ca_file = "/nonexistent/ca.pem",
        .deadline = apr_time_now() + apr_time_from_sec(20)};
    civic_http_answer_t answer;

    assert_reason(
        civic_transport_send(&answer, civic_transport_create(*state), &request, *state).reason,
        CIVIC_UPSTREAM_UNTRUSTED, "no such file");
}

static void other_protocols_are_not_spoken(void **state)
{
    static const char *const urls[] = {"file:///etc/hostname",
                                       "ftp://127.0.0.1/",
                                       "gopher://127.0.0.1/",
                                       "dict://127.0.0.1/",
                                       "",
                                       "x"};
    civic_transport_t *transport = civic_transport_create(*state);
    civic_http_answer_t answer = {.status = 42};

    for (apr_size_t i = 0; i < COUNT(urls); i++) {
        assert_case(ask(&answer, transport, urls[i], NULL, 5000, *state).reason != CIVIC_OK,
                    urls[i]);
        assert_int_equal(answer.status, 42);
    }
}

static void the_environments_proxy_is_not_asked(void **state)
{
    static const char *const names[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
    const char *proxy = apr_psprintf(*state, "http://127.0.0.1:%d", server_unused_port());
    server_step_t step = {.answer = OK_ANSWER};
    server_t *server = server_start(&step, 1, *state);
    civic_http_answer_t answer;
    civic_reason reason;

    for (apr_size_t i = 0; i < COUNT(names); i++) {
        setenv(names[i], proxy, 1);
    }
    reason = ask(&answer, civic_transport_create(*state), server_url(server, "/", *state),
                 "{}", 20000, *state)
                 .reason;
    for (apr_size_t i = 0; i < COUNT(names); i++) {
        unsetenv(names[i]);
    }
    assert_reason(reason, CIVIC_OK, "direct");
}

static void the_configured_proxy_is_asked(void **state)
{
    server_step_t step = {.answer = OK_ANSWER};
    server_t *server = server_start(&step, 1, *state);
    civic_http_request_t request = {.url = "http://localhost:1/there",
                                    .proxy = server_url(server, "", *state),
                                    .deadline = apr_time_now() + apr_time_from_sec(20)};
    civic_http_answer_t answer;

    assert_reason(
        civic_transport_send(&answer, civic_transport_create(*state), &request, *state).reason,
        CIVIC_OK, "by proxy");
    assert_memory_equal(server_request(server, 0), "GET http://localhost:1/there HTTP/1.1\r\n",
                        39);
}

/* ---- answers ---- */

static void every_status_is_an_answer(void **state)
{
    static const int statuses[] = {200, 204, 400, 401, 403, 404, 429, 500, 503, 504};

    for (apr_size_t i = 0; i < COUNT(statuses); i++) {
        server_step_t step = {.answer = apr_psprintf(*state,
                                                     "HTTP/1.1 %d X\r\n"
                                                     "Content-Length: 0\r\n\r\n",
                                                     statuses[i])};
        civic_http_answer_t answer;

        assert_reason(post_to(&step, &answer, 20000, *state), CIVIC_OK, step.answer);
        assert_int_equal(answer.status, statuses[i]);
        assert_string_equal(answer.body, "");
        assert_int_equal(answer.len, 0);
    }
}

static void redirects_are_not_followed(void **state)
{
    server_step_t other_step = {.answer = OK_ANSWER}, step = {0};
    server_t *other = server_start(&other_step, 1, *state);
    civic_http_answer_t answer;

    step.answer =
        apr_pstrcat(*state, "HTTP/1.1 307 Go\r\nLocation: ", server_url(other, "/", *state),
                    "\r\nContent-Length: 0\r\n\r\n", NULL);
    assert_reason(post_to(&step, &answer, 20000, *state), CIVIC_OK, "redirect");
    assert_int_equal(answer.status, 307);
    assert_int_equal(server_connections(other), 0);
}

static void a_body_may_hold_any_byte(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na\0b\xff\n";
    server_step_t step = {.answer = text, .len = sizeof(text) - 1};
    civic_http_answer_t answer;

    assert_reason(post_to(&step, &answer, 20000, *state), CIVIC_OK, "bytes");
    assert_int_equal(answer.len, 5);
    assert_memory_equal(answer.body, "a\0b\xff\n", 6);
}

static void cut_answers_are_cut(void **state)
{
    static const char *const texts[] = {
        NULL,
        "",
        "HTTP/1.1",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "<html>",
    };

    for (apr_size_t i = 0; i < COUNT(texts); i++) {
        server_step_t step = {.answer = texts[i]};
        civic_http_answer_t answer = {.status = 42};
        const char *what = texts[i] ? texts[i] : "nothing";

        assert_reason(post_to(&step, &answer, 20000, *state), CIVIC_UPSTREAM_CUT, what);
        assert_int_equal(answer.status, 42);
    }
}

/* ---- limits ---- */

static const char *sized(apr_size_t len, apr_pool_t *pool)
{
    return apr_psprintf(pool,
                        "HTTP/1.1 200 OK\r\nContent-Length: %" APR_SIZE_T_FMT "\r\n\r\n%s",
                        len, unit_repeat('x', len, pool));
}

static void a_body_may_have_8_mib(void **state)
{
    server_step_t fits = {.answer = sized(CIVIC_ANSWER_MAX, *state)};
    server_step_t more = {.answer = sized(CIVIC_ANSWER_MAX + 1, *state)};
    civic_http_answer_t answer;

    assert_reason(post_to(&fits, &answer, 60000, *state), CIVIC_OK, "fits");
    assert_int_equal(answer.len, CIVIC_ANSWER_MAX);
    assert_int_equal(answer.body[CIVIC_ANSWER_MAX], 0);
    assert_reason(post_to(&more, &answer, 60000, *state), CIVIC_UPSTREAM_TOO_LARGE,
                  "one more");
}

static void an_endless_body_is_left(void **state)
{
    const char *piece = unit_repeat('x', 65535, *state);
    const char *chunk = apr_pstrcat(*state, "ffff\r\n", piece, "\r\n", NULL);
    server_step_t steps[] = {
        {.answer = "HTTP/1.1 200 OK\r\n\r\n", .again = piece},
        {.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .again = chunk},
        {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", .again = piece}};

    for (apr_size_t i = 0; i < COUNT(steps); i++) {
        civic_http_answer_t answer;

        assert_reason(post_to(&steps[i], &answer, 60000, *state), CIVIC_UPSTREAM_TOO_LARGE,
                      steps[i].answer);
    }
}

static void endless_headers_are_left(void **state)
{
    const char *line =
        apr_pstrcat(*state, "X-Filler: ", unit_repeat('x', 1000, *state), "\r\n", NULL);
    server_step_t steps[] = {
        {.answer = "HTTP/1.1 200 OK\r\nX-Big: ", .again = unit_repeat('x', 10000, *state)},
        {.answer = "HTTP/1.1 200 OK\r\n", .again = line}};

    for (apr_size_t i = 0; i < COUNT(steps); i++) {
        civic_http_answer_t answer = {.status = 42};

        assert_true(post_to(&steps[i], &answer, 2000, *state) != CIVIC_OK);
        assert_int_equal(answer.status, 42);
    }
}

/* Silent, dripping into the headers, dripping into the body: the deadline holds. */
static void slow_servers_are_left_at_the_deadline(void **state)
{
    server_step_t steps[] = {
        {.pause_ms = 30000},
        {.answer = "HTTP/1.1 200 OK\r\nX: ", .again = "x", .pause_ms = 20},
        {.answer = "HTTP/1.1 200 OK\r\n\r\n", .again = "x", .pause_ms = 20}};

    for (apr_size_t i = 0; i < COUNT(steps); i++) {
        apr_time_t start = apr_time_now();
        int limit = unit_rounds(200, 2000);
        civic_http_answer_t answer;

        assert_reason(post_to(&steps[i], &answer, limit, *state), CIVIC_UPSTREAM_TIMEOUT,
                      steps[i].answer ? steps[i].answer : "silence");
        assert_true(apr_time_now() - start >= apr_time_from_msec(limit - 50));
        assert_true(apr_time_now() - start < apr_time_from_msec(limit + 5000));
    }
}

static void a_deadline_that_has_passed_is_not_tried(void **state)
{
    server_step_t step = {.answer = OK_ANSWER};
    server_t *server = server_start(&step, 1, *state);
    civic_http_answer_t answer;
    civic_refusal_t refusal = ask(&answer, civic_transport_create(*state),
                                  server_url(server, "/", *state), "{}", 0, *state);

    assert_reason(refusal.reason, CIVIC_UPSTREAM_TIMEOUT, "no time");
    assert_int_equal(server_connections(server), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_post_carries_body_and_credentials),
        UNIT(a_get_after_a_post_carries_neither),
        UNIT(a_connection_serves_again),
        UNIT(a_connection_that_died_idle_is_made_anew),
        UNIT(a_body_is_never_sent_twice),
        UNIT(a_connection_that_was_never_made_is_tried_twice),
        UNIT(nobody_listening_is_unreachable),
        UNIT(nobody_vouches_without_a_ca_file),
        UNIT(other_protocols_are_not_spoken),
        UNIT(the_environments_proxy_is_not_asked),
        UNIT(the_configured_proxy_is_asked),
        UNIT(every_status_is_an_answer),
        UNIT(redirects_are_not_followed),
        UNIT(a_body_may_hold_any_byte),
        UNIT(cut_answers_are_cut),
        UNIT(a_body_may_have_8_mib),
        UNIT(an_endless_body_is_left),
        UNIT(endless_headers_are_left),
        UNIT(slow_servers_are_left_at_the_deadline),
        UNIT(a_deadline_that_has_passed_is_not_tried),
    };

    return UNIT_RUN("transport", tests);
}

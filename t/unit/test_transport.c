/* Requests to a loopback server that behaves as badly as servers do. */
#include "unit.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "transport.h"

#define OK_ANSWER   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define LAST_ANSWER "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"

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

static const char *sized(apr_size_t len, apr_pool_t *pool)
{
    return apr_psprintf(pool,
                        "HTTP/1.1 200 OK\r\nContent-Length: %" APR_SIZE_T_FMT "\r\n\r\n%s",
                        len, unit_repeat('x', len, pool));
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

/* The service may have used the code up: whoever sends it again gets a 403 for a
 * good login. */
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
    const char *url = apr_psprintf(*state, "http://127.0.0.1:%d/", server_unused_port(*state));
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
    const char *proxy =
        apr_psprintf(*state, "http://127.0.0.1:%d", server_unused_port(*state));
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

/* Who the proxy takes us for is for the proxy alone; what is for Civic is not for
 * the proxy. */
static void a_proxy_has_its_own_secret(void **state)
{
    server_step_t steps[] = {
        {.answer = "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"},
        {.answer = "HTTP/1.1 200 Fine\r\n\r\n", .after = SERVER_KEEPS_OPEN},
        {.answer = NULL}};
    server_t *server = server_start(steps, 3, *state);
    civic_transport_t *transport = civic_transport_create(*state);
    civic_http_request_t request = {.url = "https://civic.example/sip",
                                    .body = "{}",
                                    .authorization = "Civic a.b.c.d",
                                    .ca_file = CIVIC_SOURCE "/t/unit/keys/authority.pem",
                                    .proxy = server_url(server, "", *state),
                                    .deadline = apr_time_now() + apr_time_from_sec(20)};
    civic_http_answer_t answer;
    civic_refusal_t refusal = civic_transport_send(&answer, transport, &request, *state);

    assert_reason(refusal.reason, CIVIC_UPSTREAM_UNREACHABLE, "407");
    assert_non_null(strstr(refusal.detail, "status 407: it wants CivicProxySecretFile"));
    request.proxy_secret = "us%65r:pass:w\xc3\xb6rd";
    assert_true(civic_transport_send(&answer, transport, &request, *state).reason != CIVIC_OK);
    for (int i = 0; i < server_requests(server); i++) {
        assert_null(strstr(server_request(server, i), "a.b.c.d"));
    }
    assert_null(strstr(server_request(server, 0), "Proxy-Authorization"));
    assert_non_null(
        strstr(server_request(server, 1), "CONNECT civic.example:443 HTTP/1.1\r\n"));
    assert_non_null(strstr(server_request(server, 1),
                           "\r\nProxy-Authorization: Basic dXMlNjVyOnBhc3M6d8O2cmQ=\r\n"));
}

/* ---- addresses ---- */

static void storage_is_not_looked_for_here(void **state)
{
    static const char *const hosts[] = {"127.0.0.1",          "localhost",    "0.0.0.0",
                                        "[::ffff:127.0.0.1]", "10.255.255.1", "[fe80::1]"};
    server_step_t step = {.answer = OK_ANSWER, .after = SERVER_KEEPS_OPEN};
    server_t *server = server_start(&step, 1, *state);
    civic_transport_t *transport = civic_transport_create(*state);
    const char *port = strrchr(server_url(server, "/", *state), ':');
    civic_http_request_t request = {.public_only = 1};
    civic_http_answer_t answer;

    for (apr_size_t i = 0; i < COUNT(hosts); i++) {
        request.url = apr_pstrcat(*state, "http://", hosts[i], port, NULL);
        request.deadline = apr_time_now() + apr_time_from_sec(20);
        assert_reason(civic_transport_send(&answer, transport, &request, *state).reason,
                      CIVIC_PAYLOAD_HOST, hosts[i]);
    }
    assert_int_equal(server_connections(server), 0);
}

/* A connection that is there already, since the API lies at that host. */
static void not_even_on_a_warm_connection(void **state)
{
    server_step_t steps[] = {{.answer = OK_ANSWER, .after = SERVER_KEEPS_OPEN},
                             {.answer = OK_ANSWER}};
    server_t *server = server_start(steps, 2, *state);
    civic_transport_t *transport = civic_transport_create(*state);
    civic_http_request_t request = {.url = server_url(server, "/", *state), .public_only = 1};
    civic_http_answer_t answer;

    assert_reason(ask(&answer, transport, request.url, "{}", 20000, *state).reason, CIVIC_OK,
                  "the API");
    request.deadline = apr_time_now() + apr_time_from_sec(20);
    assert_reason(civic_transport_send(&answer, transport, &request, *state).reason,
                  CIVIC_PAYLOAD_HOST, "storage");
    assert_int_equal(server_requests(server), 1);
}

/* ---- in the long run ---- */

static int open_files(apr_pool_t *pool)
{
    apr_finfo_t entry;
    apr_dir_t *dir;
    int count = 0;

    assert_int_equal(apr_dir_open(&dir, "/proc/self/fd", pool), APR_SUCCESS);
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        count++;
    }
    apr_dir_close(dir);
    return count;
}

/* Connections that are kept, cut, answered with too much, not to be had: nothing piles up. */
static void thousands_of_exchanges_leave_nothing_behind(void **state)
{
    int rounds = unit_rounds(1000, 40), files = 0;
    server_step_t *steps = apr_pcalloc(*state, (apr_size_t)rounds * 3 * sizeof(*steps));
    civic_transport_t *transport = civic_transport_create(*state);
    const char *nowhere =
        apr_psprintf(*state, "http://127.0.0.1:%d/", server_unused_port(*state));
    const char *large = sized(CIVIC_ANSWER_MAX / 64, *state), *url;
    const char *cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx";
    struct mallinfo2 before = mallinfo2();
    apr_pool_t *pool;

    for (int i = 0; i < rounds * 3; i++) {
        steps[i].answer = i % 3 == 0 ? large : i % 3 == 1 ? LAST_ANSWER : cut;
        steps[i].after = i % 3 ? SERVER_CLOSES : SERVER_KEEPS_OPEN;
    }
    url = server_url(server_start(steps, rounds * 3, *state), "/", *state);
    for (int i = 0; i < rounds; i++) {
        civic_http_answer_t answer;

        apr_pool_create(&pool, *state);
        for (int j = 0; j < 3; j++) {
            assert_int_equal(ask(&answer, transport, url, "{}", 60000, pool).reason,
                             j < 2 ? CIVIC_OK : CIVIC_UPSTREAM_CUT);
        }
        assert_int_equal(ask(&answer, transport, nowhere, "{}", 60000, pool).reason,
                         CIVIC_UPSTREAM_UNREACHABLE);
        apr_pool_destroy(pool);
        if (i == rounds / 4) {
            files = open_files(*state);
            before = mallinfo2();
        }
    }
    assert_in_range(open_files(*state), 0, files + 2);
    assert_in_range(mallinfo2().uordblks, 0, before.uordblks + 64 * 1024);
}

typedef struct {
    civic_transport_t *transport;
    const char *url;
    int rounds, good;
} worker_t;

static void *APR_THREAD_FUNC work(apr_thread_t *thread, void *data)
{
    worker_t *worker = data;
    apr_pool_t *pool;

    for (int i = 0; i < worker->rounds; i++) {
        civic_http_answer_t answer;

        apr_pool_create(&pool, NULL);
        worker->good +=
            ask(&answer, worker->transport, worker->url, "{}", 60000, pool).reason == CIVIC_OK;
        apr_pool_destroy(pool);
    }
    return NULL;
}

/* Each server takes one connection at a time, so none is kept. */
static void threads_share_a_transport(void **state)
{
    enum { THREADS = 8 };
    server_step_t steps[100];
    civic_transport_t *transport = civic_transport_create(*state);
    apr_thread_t *threads[THREADS];
    worker_t workers[THREADS];
    apr_status_t status;

    for (apr_size_t i = 0; i < COUNT(steps); i++) {
        steps[i] = (server_step_t){.answer = LAST_ANSWER};
    }
    for (int i = 0; i < THREADS; i++) {
        server_t *server = server_start(steps, COUNT(steps), *state);
        const char *port = strrchr(server_url(server, "/", *state), ':');

        workers[i] = (worker_t){transport, apr_pstrcat(*state, "http://localhost", port, NULL),
                                unit_rounds(100, 10), 0};
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(apr_thread_create(&threads[i], NULL, work, &workers[i], *state),
                         APR_SUCCESS);
    }
    for (int i = 0; i < THREADS; i++) {
        apr_thread_join(&status, threads[i]);
        assert_int_equal(workers[i].good, workers[i].rounds);
    }
}

/* ---- answers ---- */

/* What is said in headers, of the last answer alone. */
static void headers_tell_more(void **state)
{
    server_step_t step = {.answer =
                              "HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n"
                              "HTTP/1.1 200 OK\r\nDATE:Sun, 06 Nov 1994 08:49:37 GMT \r\n"
                              "content-encoding: gzip\r\nContent-Length: 2\r\n\r\nok"};
    server_step_t later = {.answer =
                               "HTTP/1.1 429 Later\r\nDate: soon\r\nRetry-After: 2\r\n"
                               "Content-Encoding: identity\r\nContent-Length: 0\r\n\r\n"};
    civic_http_answer_t answer;

    assert_reason(post_to(&step, &answer, 20000, *state), CIVIC_OK, "200");
    assert_int_equal(answer.date, apr_time_from_sec(784111777));
    assert_int_equal(answer.retry_after, -1);
    assert_string_equal(answer.encoding, "gzip");
    assert_reason(post_to(&later, &answer, 20000, *state), CIVIC_OK, "429");
    assert_int_equal(answer.date, 0);
    assert_int_equal(answer.retry_after, 2);
    assert_null(answer.encoding);
}

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

static void a_body_may_have_1_mib(void **state)
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

static void a_payload_may_have_16_mib(void **state)
{
    server_step_t steps[] = {{.answer = sized(CIVIC_PAYLOAD_MAX, *state)},
                             {.answer = sized(CIVIC_PAYLOAD_MAX + 1, *state)}};
    server_t *server = server_start(steps, 2, *state);
    civic_transport_t *transport = civic_transport_create(*state);
    civic_http_request_t request = {.url = server_url(server, "/", *state),
                                    .answer_max = CIVIC_PAYLOAD_MAX,
                                    .deadline = apr_time_now() + apr_time_from_sec(60)};
    civic_http_answer_t answer;

    assert_reason(civic_transport_send(&answer, transport, &request, *state).reason, CIVIC_OK,
                  "fits");
    assert_int_equal(answer.len, CIVIC_PAYLOAD_MAX);
    assert_reason(civic_transport_send(&answer, transport, &request, *state).reason,
                  CIVIC_UPSTREAM_TOO_LARGE, "one more");
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

        assert_true(post_to(&steps[i], &answer, 20000, *state) != CIVIC_OK);
        assert_int_equal(answer.status, 42);
    }
}

static void a_megabyte_of_headers_is_left(void **state)
{
    const char *line = apr_psprintf(*state, "X: %s\r\n", unit_repeat('x', 8000, *state));
    const char *lines[] = {unit_repeat('x', 1024 * 1024, *state), ""};
    apr_array_header_t *many = apr_array_make(*state, 128, sizeof(const char *));

    for (int i = 0; i < 128; i++) {
        APR_ARRAY_PUSH(many, const char *) = line;
    }
    lines[1] = apr_array_pstrcat(*state, many, 0);
    for (apr_size_t i = 0; i < COUNT(lines); i++) {
        server_step_t step = {
            .answer = apr_pstrcat(*state, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
                                  i ? "" : "X: ", lines[i], "\r\n\r\nok", NULL)};
        civic_http_answer_t answer;

        assert_reason(post_to(&step, &answer, 20000, *state), CIVIC_UPSTREAM_TOO_LARGE,
                      i ? "many lines" : "one line");
    }
}

/* It has begun to answer, so it must go on. */
static void a_trickle_is_left_before_the_deadline(void **state)
{
    server_step_t step = {.answer = "HTTP/1.1 200 OK\r\n\r\n", .again = "x", .pause_ms = 100};
    server_t *server = server_start(&step, 1, *state);
    civic_http_answer_t answer;
    civic_refusal_t refusal = ask(&answer, civic_transport_create(*state),
                                  server_url(server, "/", *state), "{}", 60000, *state);

    assert_reason(refusal.reason, CIVIC_UPSTREAM_TIMEOUT, "trickle");
    assert_string_equal(refusal.detail, "the answer comes too slowly");
}

/* Silent, dripping into the headers, dripping into the body: the deadline holds. Each would go
 * on for long, and then end otherwise. */
static void slow_servers_are_left_at_the_deadline(void **state)
{
    server_step_t steps[] = {
        {.pause_ms = 60000},
        {.answer = "HTTP/1.1 200 OK\r\nX: ", .again = "x", .pause_ms = 20},
        {.answer = "HTTP/1.1 200 OK\r\n\r\n", .again = "x", .pause_ms = 20}};
    enum { LIMIT_MS = 2000 }; /* less than a trickle's time */

    for (apr_size_t i = 0; i < COUNT(steps); i++) {
        server_t *server = server_start(&steps[i], 1, *state);
        apr_time_t start = apr_time_now();
        civic_http_answer_t answer;
        civic_refusal_t refusal = ask(&answer, civic_transport_create(*state),
                                      server_url(server, "/", *state), "{}", LIMIT_MS, *state);

        assert_reason(refusal.reason, CIVIC_UPSTREAM_TIMEOUT,
                      steps[i].answer ? steps[i].answer : "silence");
        assert_memory_equal(refusal.detail, "Timeout was reached", 19);
        assert_true(apr_time_now() - start >= apr_time_from_msec(LIMIT_MS - 50));
        assert_int_equal(server_requests(server), 1);
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
        UNIT(a_proxy_has_its_own_secret),
        UNIT(storage_is_not_looked_for_here),
        UNIT(not_even_on_a_warm_connection),
        UNIT(thousands_of_exchanges_leave_nothing_behind),
        UNIT(threads_share_a_transport),
        UNIT(headers_tell_more),
        UNIT(every_status_is_an_answer),
        UNIT(redirects_are_not_followed),
        UNIT(a_body_may_hold_any_byte),
        UNIT(cut_answers_are_cut),
        UNIT(a_body_may_have_1_mib),
        UNIT(a_payload_may_have_16_mib),
        UNIT(an_endless_body_is_left),
        UNIT(endless_headers_are_left),
        UNIT(a_megabyte_of_headers_is_left),
        UNIT(a_trickle_is_left_before_the_deadline),
        UNIT(slow_servers_are_left_at_the_deadline),
        UNIT(a_deadline_that_has_passed_is_not_tried),
    };

    return UNIT_RUN("transport", tests);
}

/* The whole exchange, against a loopback service of a few lines: one server for the API, one
 * for the storage of large payloads. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "json.h"
#include "server.h"
#include "transport.h"

#define CODE "header.payload.signature"

/* ---- what the service says ---- */

static const char *http(int status, const char *body, apr_pool_t *pool)
{
    return apr_psprintf(pool, "HTTP/1.1 %d X\r\nContent-Length: %" APR_SIZE_T_FMT "\r\n\r\n%s",
                        status, strlen(body), body);
}

/* A token two with one claim, fresh. */
static const char *token_two(apr_pool_t *pool)
{
    static const char clear[] = "[{\"label\":\"a\",\"value\":\"x\",\"isValid\":true,"
                                "\"isOwner\":true}]";
    static const unsigned char iv[16] = {1};
    double now = (double)apr_time_now() / APR_USEC_PER_SEC;
    civic_bytes_t cipher;

    assert_true(civic_aes128_cbc_encrypt(&cipher, unit_application(pool)->secret, iv,
                                         (const unsigned char *)clear, strlen(clear), pool));
    return unit_token(
        UNIT_HEADER,
        apr_psprintf(
            pool,
            "{\"jti\":\"j\",\"iss\":\"civic-sip-hosted-service\",\"sub\":\"tEsTaPp01\","
            "\"aud\":\"a\",\"iat\":%.3f,\"exp\":%.3f,\"data\":\"%s%s\"}",
            now, now + 180, civic_hex_encode(iv, sizeof(iv), pool),
            civic_base64_encode(cipher.data, cipher.len, pool)),
        unit_civic_key(pool), pool);
}

static const char *answer_with(const char *data, const char *more, apr_pool_t *pool)
{
    return http(200,
                apr_psprintf(pool, "{\"data\":\"%s\",\"userId\":\"u1\",\"encrypted\":true%s}",
                             data, more),
                pool);
}

/* ---- asking it ---- */

static civic_refusal_t exchange(civic_sip_identity_t *identity, const server_t *api,
                                int milliseconds, apr_pool_t *pool)
{
    civic_sip_application_t *app = unit_application(pool);
    apr_array_header_t *hosts = apr_array_make(pool, 1, sizeof(const char *));

    APR_ARRAY_PUSH(hosts, const char *) = "127.0.0.1";
    app->api_url = server_url(api, "/sip", pool);
    app->environment = "dev";
    app->payload_hosts = hosts;
    return civic_sip_exchange(identity, app, civic_transport_create(pool), CODE,
                              apr_time_from_msec(milliseconds), pool);
}

/* The API answers at once with a URL of the storage, which does as `step` says. */
static civic_refusal_t exchange_stored(civic_sip_identity_t *identity, server_t **storage,
                                       const server_step_t *step, int milliseconds,
                                       apr_pool_t *pool)
{
    server_step_t first = {0};

    *storage = server_start(step, 1, pool);
    first.answer = answer_with(server_url(*storage, "/key?X-Amz-Signature=abc", pool),
                               ",\"processed\":true", pool);
    return exchange(identity, server_start(&first, 1, pool), milliseconds, pool);
}

static void a_code_is_exchanged_for_claims(void **state)
{
    server_step_t step = {.answer = answer_with(token_two(*state), "", *state)};
    server_t *api = server_start(&step, 1, *state);
    civic_sip_identity_t identity;
    const char *text = server_request(api, 0), *body;

    assert_reason(exchange(&identity, api, 20000, *state).reason, CIVIC_OK, "exchange");
    assert_string_equal(identity.user_id, "u1");
    assert_int_equal(identity.claims.count, 1);
    assert_string_equal(civic_claims_get(&identity.claims, "a"), "x");
    assert_memory_equal(text, "POST /sip/dev/scopeRequest/authCode HTTP/1.1\r\n", 46);
    assert_non_null(strstr(text, "\r\nAuthorization: Civic eyJ"));
    body = strstr(text, "\r\n\r\n") + 4;
    assert_string_equal(body, "{\"allowS3UploadedPayload\":true,\"authToken\":\"" CODE "\"}");
}

/* Our Authorization would let the storage exchange codes in our name. */
static void a_large_payload_is_fetched_without_credentials(void **state)
{
    server_step_t step = {
        .answer = http(200, apr_pstrcat(*state, token_two(*state), "\r\n", NULL), *state)};
    civic_sip_identity_t identity;
    server_t *storage;
    const char *text;

    assert_reason(exchange_stored(&identity, &storage, &step, 20000, *state).reason, CIVIC_OK,
                  "stored");
    assert_string_equal(civic_claims_get(&identity.claims, "a"), "x");
    text = server_request(storage, 0);
    assert_memory_equal(text, "GET /key?X-Amz-Signature=abc HTTP/1.1\r\n", 39);
    assert_null(strstr(text, "Authorization"));
    assert_null(strstr(text, "Civic "));
    assert_null(strstr(text, CODE));
}

static void a_storage_that_fails_is_an_error_of_theirs(void **state)
{
    static const int statuses[] = {204, 302, 403, 404, 500};

    for (apr_size_t i = 0; i < COUNT(statuses); i++) {
        server_step_t step = {.answer = http(statuses[i], "", *state)};
        civic_sip_identity_t identity = {.user_id = NULL};
        server_t *storage;

        assert_reason(exchange_stored(&identity, &storage, &step, 20000, *state).reason,
                      CIVIC_UPSTREAM_ERROR, step.answer);
        assert_null(identity.user_id);
    }
}

static void an_empty_payload_is_no_payload(void **state)
{
    server_step_t step = {.answer = http(200, "\r\n\r\n \n", *state)};
    civic_sip_identity_t identity;
    server_t *storage;

    assert_reason(exchange_stored(&identity, &storage, &step, 20000, *state).reason,
                  CIVIC_ANSWER_FORMAT, "empty");
}

/* One deadline for both: the storage gets what the API left. Each alone would answer
 * in time. */
static void the_time_is_that_of_the_whole_exchange(void **state)
{
    server_step_t late = {.answer = http(200, token_two(*state), *state), .pause_ms = 2000};
    server_t *storage = server_start(&late, 1, *state);
    const char *url = server_url(storage, "/key", *state);
    server_step_t first = {.answer = answer_with(url, ",\"processed\":true", *state),
                           .pause_ms = 2000};
    civic_sip_identity_t identity;

    assert_reason(exchange(&identity, server_start(&first, 1, *state), 3500, *state).reason,
                  CIVIC_UPSTREAM_TIMEOUT, "both late");
}

static void a_refusal_of_the_service_keeps_its_reason(void **state)
{
    static const struct {
        int status;
        civic_reason reason;
    } cases[] = {{400, CIVIC_UPSTREAM_BAD_REQUEST},
                 {401, CIVIC_UPSTREAM_REFUSED},
                 {403, CIVIC_CODE_USED},
                 {429, CIVIC_UPSTREAM_THROTTLED},
                 {500, CIVIC_UPSTREAM_ERROR},
                 {307, CIVIC_UPSTREAM_ERROR}};

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        server_step_t step = {.answer =
                                  http(cases[i].status, "{\"message\":\"words\"}", *state)};
        server_t *api = server_start(&step, 1, *state);
        civic_sip_identity_t identity = {.user_id = NULL};
        civic_refusal_t refusal = exchange(&identity, api, 20000, *state);

        assert_reason(refusal.reason, cases[i].reason, step.answer);
        assert_non_null(strstr(refusal.detail, "words"));
        assert_null(identity.user_id);
        assert_int_equal(server_requests(api), 1);
    }
}

static void a_code_is_sent_once_whatever_happens(void **state)
{
    server_step_t steps[] = {{.answer = NULL}, {.answer = http(200, "{}", *state)}};
    server_t *api = server_start(steps, 2, *state);
    civic_sip_identity_t identity;

    assert_reason(exchange(&identity, api, 20000, *state).reason, CIVIC_UPSTREAM_CUT, "cut");
    assert_int_equal(server_requests(api), 1);
}

/* ---- 429 ---- */

static const char *throttled(const char *after, apr_pool_t *pool)
{
    return apr_psprintf(pool, "HTTP/1.1 429 X\r\n%s%s\r\nContent-Length: 0\r\n\r\n",
                        after ? "Retry-After: " : "X: y", after ? after : "");
}

/* Both times the same code, with a request token of its own each time. */
static void whoever_is_to_come_back_soon_does_so_once(void **state)
{
    static const char *const soon[] = {"0", "1", "2"};

    for (apr_size_t i = 0; i < COUNT(soon); i++) {
        server_step_t steps[] = {{.answer = throttled(soon[i], *state)},
                                 {.answer = answer_with(token_two(*state), "", *state)}};
        server_t *api = server_start(steps, 2, *state);
        civic_sip_identity_t identity;

        assert_reason(exchange(&identity, api, 20000, *state).reason, CIVIC_OK, soon[i]);
        assert_int_equal(server_requests(api), 2);
        assert_string_equal(strstr(server_request(api, 0), "\r\n\r\n"),
                            strstr(server_request(api, 1), "\r\n\r\n"));
        assert_string_not_equal(server_request(api, 0), server_request(api, 1));
    }
}

static void a_second_429_is_the_last(void **state)
{
    server_step_t steps[] = {{.answer = throttled("0", *state)},
                             {.answer = throttled("0", *state)},
                             {.answer = answer_with(token_two(*state), "", *state)}};
    server_t *api = server_start(steps, 3, *state);
    civic_sip_identity_t identity;

    assert_reason(exchange(&identity, api, 20000, *state).reason, CIVIC_UPSTREAM_THROTTLED,
                  "twice");
    assert_int_equal(server_requests(api), 2);
}

static void who_does_not_say_when_or_says_late_is_not_asked_again(void **state)
{
    static const char *const late[] = {NULL,
                                       "3",
                                       "3600",
                                       "-1",
                                       "1x",
                                       "99999999999999999999",
                                       "Fri, 31 Dec 2100 23:59:59 GMT"};

    for (apr_size_t i = 0; i < COUNT(late); i++) {
        server_step_t step = {.answer = throttled(late[i], *state)};
        server_t *api = server_start(&step, 1, *state);
        civic_sip_identity_t identity;

        assert_reason(exchange(&identity, api, 20000, *state).reason, CIVIC_UPSTREAM_THROTTLED,
                      late[i] ? late[i] : "not said");
        assert_int_equal(server_requests(api), 1);
    }
}

static void nobody_waits_beyond_the_time_of_the_exchange(void **state)
{
    server_step_t step = {.answer = throttled("2", *state)};
    server_t *api = server_start(&step, 1, *state);
    civic_sip_identity_t identity;

    assert_reason(exchange(&identity, api, 2900, *state).reason, CIVIC_UPSTREAM_THROTTLED,
                  "too late");
    assert_int_equal(server_requests(api), 1);
}

/* ---- what nobody asked for ---- */

static void a_compressed_answer_is_none(void **state)
{
    server_step_t step = {.answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                                    "Content-Length: 2\r\n\r\n{}"};
    civic_sip_identity_t identity;
    civic_refusal_t refusal =
        exchange(&identity, server_start(&step, 1, *state), 20000, *state);

    assert_reason(refusal.reason, CIVIC_ANSWER_FORMAT, "API");
    assert_non_null(strstr(refusal.detail, "compressed"));
}

static void nor_is_a_compressed_payload(void **state)
{
    server_step_t step = {.answer = "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n"
                                    "Content-Length: 2\r\n\r\n{}"};
    civic_sip_identity_t identity;
    server_t *storage;
    civic_refusal_t refusal = exchange_stored(&identity, &storage, &step, 20000, *state);

    assert_reason(refusal.reason, CIVIC_ANSWER_FORMAT, "storage");
    assert_non_null(strstr(refusal.detail, "compressed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_code_is_exchanged_for_claims),
        UNIT(a_large_payload_is_fetched_without_credentials),
        UNIT(a_storage_that_fails_is_an_error_of_theirs),
        UNIT(an_empty_payload_is_no_payload),
        UNIT(the_time_is_that_of_the_whole_exchange),
        UNIT(a_refusal_of_the_service_keeps_its_reason),
        UNIT(a_code_is_sent_once_whatever_happens),
        UNIT(whoever_is_to_come_back_soon_does_so_once),
        UNIT(a_second_429_is_the_last),
        UNIT(who_does_not_say_when_or_says_late_is_not_asked_again),
        UNIT(nobody_waits_beyond_the_time_of_the_exchange),
        UNIT(a_compressed_answer_is_none),
        UNIT(nor_is_a_compressed_payload),
    };

    return UNIT_RUN("exchange", tests);
}

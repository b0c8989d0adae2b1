/* What comes back from the SIP API: statuses, outer answers, payloads. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "json.h"

#define NOW 1795466541.0

/* ---- statuses ---- */

static void every_documented_status_has_its_reason(void **state)
{
    static const struct {
        int status;
        civic_reason reason;
    } cases[] = {
        {200, CIVIC_OK},
        {400, CIVIC_UPSTREAM_BAD_REQUEST},
        {401, CIVIC_UPSTREAM_REFUSED},
        {403, CIVIC_CODE_USED},
        {404, CIVIC_UPSTREAM_BAD_REQUEST},
        {405, CIVIC_UPSTREAM_BAD_REQUEST},
        {429, CIVIC_UPSTREAM_THROTTLED},
        {500, CIVIC_UPSTREAM_ERROR},
        {504, CIVIC_UPSTREAM_TIMEOUT},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        civic_refusal_t refusal = civic_sip_judge_status(cases[i].status, "", 0, *state);

        assert_reason(refusal.reason, cases[i].reason,
                      apr_psprintf(*state, "%d", cases[i].status));
    }
}

/* No status but 200 may pass: a 201, a 204 or a redirect is no answer. */
static void every_other_status_is_an_error_of_theirs(void **state)
{
    for (int status = 0; status < 1000; status++) {
        civic_refusal_t refusal = civic_sip_judge_status(status, "{}", 2, *state);

        assert_int_equal(refusal.reason == CIVIC_OK, status == 200);
        if (refusal.reason != CIVIC_OK) {
            assert_non_null(strstr(refusal.detail, apr_psprintf(*state, "%d", status)));
        }
    }
    assert_reason(civic_sip_judge_status(302, "", 0, *state).reason, CIVIC_UPSTREAM_ERROR,
                  "302");
    assert_reason(civic_sip_judge_status(503, "", 0, *state).reason, CIVIC_UPSTREAM_ERROR,
                  "503");
}

/* ---- 401 ---- */

static civic_refusal_t explained(apr_time_t date, apr_time_t now, apr_pool_t *pool)
{
    return civic_sip_explain_refused(civic_sip_judge_status(401, "", 0, pool),
                                     unit_application(pool), date, now, pool);
}

static void clocks_that_are_apart_are_the_reason(void **state)
{
    apr_time_t now = apr_time_from_sec((apr_time_t)NOW);
    civic_refusal_t refusal = explained(now + apr_time_from_sec(61), now, *state);

    assert_reason(refusal.reason, CIVIC_CLOCK_SKEW, "ahead");
    assert_non_null(strstr(refusal.detail, "Mon, 23 Nov 2026 20:43:22 GMT"));
    assert_non_null(strstr(refusal.detail, "Mon, 23 Nov 2026 20:42:21 GMT"));
    assert_non_null(strstr(refusal.detail, "61 seconds apart"));
    assert_reason(explained(now - apr_time_from_sec(61), now, *state).reason, CIVIC_CLOCK_SKEW,
                  "behind");
    assert_reason(explained(now + apr_time_from_sec(60), now, *state).reason,
                  CIVIC_UPSTREAM_REFUSED, "near enough");
    assert_reason(explained(now - apr_time_from_sec(60), now, *state).reason,
                  CIVIC_UPSTREAM_REFUSED, "near enough");
}

/* As `printf HEX | xxd -r -p | sha256sum` has it; the private key itself is in no line. */
static void else_the_key_and_the_files_are_named(void **state)
{
    civic_sip_application_t *app = unit_application(*state);
    apr_time_t now = apr_time_from_sec((apr_time_t)NOW);
    unsigned char digest[CIVIC_SHA256_LEN];
    civic_refusal_t refusal;
    const char *hex = civic_key_public_hex(app->private_key, *state);
    civic_bytes_t point;

    app->private_key_file = "conf/a.key";
    app->secret_file = "conf/a.secret";
    refusal = civic_sip_explain_refused(civic_sip_judge_status(401, "", 0, *state), app, now,
                                        now, *state);
    assert_true(civic_hex_decode(&point, hex, strlen(hex), *state));
    assert_true(civic_sha256(digest, point.data, point.len));
    assert_non_null(strstr(refusal.detail, civic_hex_encode(digest, 8, *state)));
    assert_non_null(strstr(refusal.detail, "application tEsTaPp01"));
    assert_non_null(strstr(refusal.detail, "conf/a.key"));
    assert_non_null(strstr(refusal.detail, "conf/a.secret"));
    assert_non_null(strstr(refusal.detail, "the clocks agree"));
    assert_null(strstr(refusal.detail, app->secret_hex));
    refusal = explained(0, now, *state);
    assert_reason(refusal.reason, CIVIC_UPSTREAM_REFUSED, "no date");
    assert_non_null(strstr(refusal.detail, "check this server's clock"));
}

/* ---- where a payload lies ---- */

static void only_what_the_operator_wants_may_be_private(void **state)
{
    static const struct {
        const char *api, *url;
        int must_be_public;
    } cases[] = {
        {"https://api.example/sip", "https://a.example/x", 1},
        {"https://api.example/sip", "https://localhost/x", 1},
        {"https://api.example/sip", "http://localhost/x", 1},
        {"https://api.example/sip", "https://API.example/x", 0},
        {"https://api.example/sip", "https://10.0.0.1/x", 0},
        {"https://localhost/sip", "https://a.example/x", 0},
        {"https://127.0.0.1:1/sip", "https://localhost/x", 0},
    };
    civic_sip_application_t *app = unit_application(*state);
    apr_array_header_t *hosts = apr_array_make(*state, 4, sizeof(const char *));

    APR_ARRAY_PUSH(hosts, const char *) = "*.example";
    APR_ARRAY_PUSH(hosts, const char *) = "localhost";
    APR_ARRAY_PUSH(hosts, const char *) = "10.0.0.1";
    app->payload_hosts = hosts;
    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        const char *body = apr_psprintf(*state,
                                        "{\"data\":\"%s\",\"userId\":\"u\",\"encrypted\":true,"
                                        "\"processed\":true}",
                                        cases[i].url);
        civic_sip_answer_t answer;

        app->api_url = cases[i].api;
        assert_reason(civic_sip_read_answer(&answer, app, body, strlen(body), *state).reason,
                      CIVIC_OK, body);
        assert_int_equal(answer.payload_public, cases[i].must_be_public);
    }
}

static const char *detail_of(const char *body, apr_pool_t *pool)
{
    return civic_sip_judge_status(400, body, strlen(body), pool).detail;
}

static void the_services_message_becomes_the_detail(void **state)
{
    assert_non_null(
        strstr(detail_of("{\"message\":\"no such scope\"}", *state), "\"no such scope\""));
    assert_non_null(strstr(detail_of("{}", *state), "no message"));
    assert_non_null(strstr(detail_of("", *state), "no message"));
    assert_non_null(strstr(detail_of("<html>", *state), "no message"));
    assert_non_null(strstr(detail_of("[\"message\"]", *state), "no message"));
    assert_non_null(strstr(detail_of("{\"message\":{\"a\":1}}", *state), "no message"));
}

/* It goes to a log: one line, nothing that a terminal or a log's reader would act on. */
static void the_message_is_made_harmless(void **state)
{
    const char *detail =
        detail_of("{\"message\":\"a\\nb\\u001b[31m\\u007f\\\"\\\\ \\u00e9\"}", *state);
    const char *longest =
        apr_pstrcat(*state, "{\"message\":\"", unit_repeat('m', 5000, *state), "\"}", NULL);

    assert_non_null(strstr(detail, "\"a?b?[31m??? ??\""));
    assert_true(strlen(detail_of(longest, *state)) < 200);
    assert_non_null(strstr(detail_of(longest, *state), unit_repeat('m', 120, *state)));
    assert_null(strstr(detail_of(longest, *state), unit_repeat('m', 121, *state)));
}

/* ---- the outer answer ---- */

static civic_reason read_answer(civic_sip_answer_t *answer, const char *body, apr_pool_t *pool)
{
    civic_refusal_t refusal =
        civic_sip_read_answer(answer, unit_application(pool), body, strlen(body), pool);

    assert_case((refusal.detail == NULL) == (refusal.reason == CIVIC_OK), body);
    return refusal.reason;
}

#define ANSWER(data, user, more)                                                              \
    "{\"data\":" data ",\"userId\":" user ",\"encrypted\":true,\"alg\":\"aes\"" more "}"

static void an_answer_is_taken_apart(void **state)
{
    civic_sip_answer_t answer;

    assert_reason(read_answer(&answer, ANSWER("\"t\"", "\"u\"", ""), *state), CIVIC_OK,
                  "plain");
    assert_string_equal(answer.token, "t");
    assert_string_equal(answer.user_id, "u");
    assert_null(answer.payload_url);
    assert_reason(read_answer(&answer,
                              ANSWER("\"https://b.s3.amazonaws.com/k?x=y\"", "\"u\"",
                                     ",\"processed\":true"),
                              *state),
                  CIVIC_OK, "processed");
    assert_string_equal(answer.payload_url, "https://b.s3.amazonaws.com/k?x=y");
    assert_null(answer.token);
}

/* Only `processed` makes a URL of data: a token is never fetched, a URL never taken
 * as token. */
static void only_true_itself_makes_a_url_of_the_data(void **state)
{
    static const char *const bodies[] = {
        ANSWER("\"https://b.s3.amazonaws.com/k\"", "\"u\"", ""),
        ANSWER("\"https://b.s3.amazonaws.com/k\"", "\"u\"", ",\"processed\":false"),
        ANSWER("\"https://b.s3.amazonaws.com/k\"", "\"u\"", ",\"processed\":\"true\""),
        ANSWER("\"https://b.s3.amazonaws.com/k\"", "\"u\"", ",\"processed\":1")};

    for (apr_size_t i = 0; i < COUNT(bodies); i++) {
        civic_sip_answer_t answer;

        assert_reason(read_answer(&answer, bodies[i], *state), CIVIC_OK, bodies[i]);
        assert_null(answer.payload_url);
    }
}

static void what_is_no_answer_is_refused(void **state)
{
    static const char *const bodies[] = {"",
                                         "null",
                                         "[]",
                                         "\"x\"",
                                         "<html>",
                                         "{",
                                         "{}x",
                                         "{}",
                                         "{\"data\":null,\"userId\":\"u\"}",
                                         ANSWER("\"\"", "\"u\"", ""),
                                         ANSWER("1", "\"u\"", ""),
                                         ANSWER("{}", "\"u\"", ""),
                                         ANSWER("[\"t\"]", "\"u\"", ""),
                                         ANSWER("\"t\"", "\"u\"", ",\"data\":\"t\""),
                                         ANSWER("\"t\"", "\"u\"", ",\"userId\":\"v\"")};

    for (apr_size_t i = 0; i < COUNT(bodies); i++) {
        civic_sip_answer_t answer = {.user_id = "untouched"};

        assert_reason(read_answer(&answer, bodies[i], *state), CIVIC_ANSWER_FORMAT, bodies[i]);
        assert_string_equal(answer.user_id, "untouched");
    }
}

static void only_true_itself_is_encrypted(void **state)
{
    static const char *const values[] = {"false", "null", "1", "\"true\"", "[]", "{}"};
    civic_sip_answer_t answer;

    for (apr_size_t i = 0; i < COUNT(values); i++) {
        const char *body = apr_psprintf(
            *state, "{\"data\":\"t\",\"userId\":\"u\",\"encrypted\":%s}", values[i]);

        assert_reason(read_answer(&answer, body, *state), CIVIC_ANSWER_UNENCRYPTED, values[i]);
    }
    assert_reason(read_answer(&answer, "{\"data\":\"t\",\"userId\":\"u\"}", *state),
                  CIVIC_ANSWER_UNENCRYPTED, "missing");
}

static civic_reason with_user(const char *json, apr_pool_t *pool)
{
    civic_sip_answer_t answer;

    return read_answer(&answer, apr_psprintf(pool, ANSWER("\"t\"", "%s", ""), json), pool);
}

/* It becomes REMOTE_USER. */
static void the_user_id_is_visible_and_bounded(void **state)
{
    static const char *const unfit[] = {
        "null",       "1",           "true",        "\"\"",        "\" \"",
        "\"a b\"",    "\" a\"",      "\"a \"",      "\"a\\n\"",    "\"a\\r\\nX-Evil: 1\"",
        "\"a\\tb\"",  "\"\\u0001\"", "\"\\u007f\"", "\"\\u00e9\"", "\"\\u00a0\"",
        "\"a\\\"b\"", "\"a\\\\b\"",  "[\"a\"]",     "{}"};
    const char *longest = unit_repeat('u', 128, *state);

    for (apr_size_t i = 0; i < COUNT(unfit); i++) {
        assert_reason(with_user(unfit[i], *state), CIVIC_ANSWER_USER_ID, unfit[i]);
    }
    assert_reason(with_user("\"!~<>&'%$:/\"", *state), CIVIC_OK, "visible");
    assert_reason(with_user(apr_pstrcat(*state, "\"", longest, "\"", NULL), *state), CIVIC_OK,
                  "128 characters");
    assert_reason(with_user(apr_pstrcat(*state, "\"u", longest, "\"", NULL), *state),
                  CIVIC_ANSWER_USER_ID, "129 characters");
}

static void payloads_lie_at_allowed_hosts(void **state)
{
    static const char *const urls[] = {"https://evil.example/k",
                                       "http://b.s3.amazonaws.com/k",
                                       "https://amazonaws.com/k",
                                       "https://b.s3.amazonaws.com.evil.example/k",
                                       "https://u@b.s3.amazonaws.com/k",
                                       "https://evil.example\\\\.amazonaws.com/",
                                       "file:///etc/passwd",
                                       "//s3.amazonaws.com/k",
                                       "https://169.254.169.254/",
                                       "http://localhost/k",
                                       "https://127.0.0.1/k",
                                       "not a url",
                                       "https://b.s3.amazonaws.com/a b",
                                       "ftp://b.s3.amazonaws.com/k",
                                       "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"};
    civic_sip_answer_t answer;

    for (apr_size_t i = 0; i < COUNT(urls); i++) {
        const char *body =
            apr_psprintf(*state, ANSWER("\"%s\"", "\"u\"", ",\"processed\":true"), urls[i]);

        assert_reason(read_answer(&answer, body, *state), CIVIC_PAYLOAD_HOST, urls[i]);
    }
}

/* ---- exchanges of the vectors ---- */

typedef struct {
    civic_sip_answer_t answer;
    civic_claims_t claims;
} outcome_t;

static civic_reason run(outcome_t *outcome, const json_t *test, apr_pool_t *pool)
{
    civic_sip_application_t *app = unit_application(pool);
    const char *body = civic_json_text(unit_member(test, "response"), pool);
    double now = json_number_value(unit_member(test, "verifyAt"));
    civic_refusal_t refusal =
        civic_sip_read_answer(&outcome->answer, app, body, strlen(body), pool);

    if (refusal.reason == CIVIC_OK) {
        refusal = civic_sip_open_payload(&outcome->claims, app, outcome->answer.token,
                                         strlen(outcome->answer.token), now, pool);
    }
    return refusal.reason;
}

static void claims_are(const civic_claims_t *claims, const json_t *expected)
{
    apr_size_t i;
    json_t *item;

    assert_int_equal(claims->count, json_array_size(expected));
    json_array_foreach(expected, i, item)
    {
        int flags = (json_is_true(unit_member(item, "isValid")) ? CIVIC_CLAIM_VALID : 0)
                    | (json_is_true(unit_member(item, "isOwner")) ? CIVIC_CLAIM_OWNED : 0);

        assert_string_equal(claims->items[i].label, unit_text(item, "label"));
        assert_string_equal(claims->items[i].value, unit_text(item, "value"));
        assert_int_equal(claims->items[i].flags, flags);
        assert_int_equal(civic_value_is_unsafe(claims->items[i].value), 0);
        assert_int_equal(civic_claims_get(claims, claims->items[i].label) != NULL,
                         flags == CIVIC_CLAIM_VERIFIED);
    }
}

static void every_exchange_gives_what_the_sdk_read(void **state)
{
    const json_t *exchanges = unit_member(unit_sip(), "exchanges");
    apr_size_t i;
    json_t *test;

    json_array_foreach(exchanges, i, test)
    {
        const json_t *expected = unit_member(test, "expect");
        outcome_t outcome = {0};

        assert_reason(run(&outcome, test, *state), CIVIC_OK, unit_text(test, "name"));
        assert_string_equal(outcome.answer.user_id, unit_text(expected, "userId"));
        claims_are(&outcome.claims, unit_member(expected, "data"));
        assert_case(civic_claims_drop_picture(&outcome.claims, *state),
                    unit_text(test, "name"));
    }
    assert_int_equal(json_array_size(exchanges), 6);
}

static void bad_exchange_judge(const json_t *test, apr_pool_t *pool)
{
    static const struct {
        const char *error;
        civic_reason reason;
    } known[] = {
        {"decrypt", CIVIC_ANSWER_DECRYPT},
        {"signature", CIVIC_ANSWER_SIGNATURE},
        {"json", CIVIC_ANSWER_FORMAT},
        {"shape", CIVIC_ANSWER_FORMAT},
        {"unencrypted", CIVIC_ANSWER_UNENCRYPTED},
        {"userId", CIVIC_ANSWER_USER_ID},
        {"data", CIVIC_ANSWER_FORMAT},
    };
    const char *error = unit_text(unit_member(test, "expect"), "error");
    outcome_t outcome = {0};
    civic_reason reason = run(&outcome, test, pool);

    for (apr_size_t i = 0; i < COUNT(known); i++) {
        if (!strcmp(error, known[i].error)) {
            assert_reason(reason, known[i].reason, unit_text(test, "name"));
            assert_null(outcome.claims.items);
            return;
        }
    }
    assert_string_equal(error, "control character never reaches a header");
    assert_reason(reason, CIVIC_OK, error);
    assert_int_equal(outcome.claims.count, 1);
    assert_true(civic_value_is_unsafe(outcome.claims.items[0].value));
}

static void every_bad_exchange_is_refused_for_its_fault(void **state)
{
    const json_t *exchanges = unit_member(unit_sip(), "badExchanges");
    apr_size_t i;
    json_t *test;

    json_array_foreach(exchanges, i, test)
    {
        bad_exchange_judge(test, *state);
    }
    assert_int_equal(json_array_size(exchanges), 11);
}

/* ---- payloads of our own making ---- */

/* Token two with `data` as given, issued at NOW for three minutes. */
static const char *token_two(const char *subject, const char *data, apr_pool_t *pool)
{
    const char *payload = apr_psprintf(pool,
                                       "{\"jti\":\"j\",\"iss\":\"civic-sip-hosted-service\","
                                       "\"sub\":\"%s\",\"aud\":\"a\",\"iat\":%.0f,"
                                       "\"exp\":%.0f,\"data\":%s}",
                                       subject, NOW, NOW + 180, data);

    return unit_token(UNIT_HEADER, payload, unit_civic_key(pool), pool);
}

static const char *encrypted(const char *clear, apr_pool_t *pool)
{
    static const unsigned char iv[16] = {0xab};
    civic_bytes_t cipher;

    assert_true(civic_aes128_cbc_encrypt(&cipher, unit_application(pool)->secret, iv,
                                         (const unsigned char *)clear, strlen(clear), pool));
    return apr_pstrcat(pool, civic_hex_encode(iv, sizeof(iv), pool),
                       civic_base64_encode(cipher.data, cipher.len, pool), NULL);
}

static civic_reason open_at(const char *token, double now, apr_pool_t *pool)
{
    civic_claims_t claims = {NULL, 7};
    civic_refusal_t refusal = civic_sip_open_payload(&claims, unit_application(pool), token,
                                                     strlen(token), now, pool);

    assert_true((refusal.reason == CIVIC_OK) == (refusal.detail == NULL));
    assert_true((refusal.reason == CIVIC_OK) == (claims.items != NULL));
    return refusal.reason;
}

static const char *quoted(const char *text, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "\"", text, "\"", NULL);
}

static void a_payload_is_for_this_application_and_these_minutes(void **state)
{
    const char *data = quoted(encrypted("[]", *state), *state);
    const char *token = token_two("tEsTaPp01", data, *state);

    assert_reason(open_at(token, NOW, *state), CIVIC_OK, "now");
    assert_reason(open_at(token, NOW - 60, *state), CIVIC_OK, "60 s early");
    assert_reason(open_at(token, NOW - 61, *state), CIVIC_ANSWER_EXPIRED, "61 s early");
    assert_reason(open_at(token, NOW + 240, *state), CIVIC_OK, "60 s late");
    assert_reason(open_at(token, NOW + 241, *state), CIVIC_ANSWER_EXPIRED, "61 s late");
    assert_reason(open_at(token_two("other", data, *state), NOW, *state),
                  CIVIC_ANSWER_SIGNATURE, "another application's");
}

static void base64_of_a_payload_may_have_line_breaks(void **state)
{
    const char *text = encrypted("[]", *state);
    const char *broken = apr_pstrcat(*state, "\"", apr_pstrmemdup(*state, text, 40), "\\r\\n",
                                     text + 40, "\\n\"", NULL);

    assert_reason(open_at(token_two("tEsTaPp01", broken, *state), NOW, *state), CIVIC_OK,
                  "line breaks");
}

static void data_that_cannot_be_decrypted_is_refused(void **state)
{
    const char *text = encrypted("[]", *state);
    const char *const unfit[] = {"\"\"",
                                 "\"x\"",
                                 quoted(unit_repeat('0', 32, *state), *state),
                                 quoted(unit_repeat('g', 64, *state), *state),
                                 quoted(text + 1, *state),
                                 quoted(apr_pstrcat(*state, "g", text + 1, NULL), *state),
                                 quoted(apr_pstrcat(*state, text, "=", NULL), *state),
                                 quoted(apr_pstrcat(*state, text, "AAAA", NULL), *state),
                                 quoted(apr_pstrcat(*state, text, "-", NULL), *state),
                                 quoted(apr_pstrmemdup(*state, text, 36), *state)};

    for (apr_size_t i = 1; i < COUNT(unfit); i++) {
        assert_reason(open_at(token_two("tEsTaPp01", unfit[i], *state), NOW, *state),
                      CIVIC_ANSWER_DECRYPT, unfit[i]);
    }
    assert_reason(open_at(token_two("tEsTaPp01", unfit[0], *state), NOW, *state),
                  CIVIC_ANSWER_FORMAT, "empty");
}

static void data_of_another_type_is_refused(void **state)
{
    static const char *const unfit[] = {"null", "1", "[]", "{}", "true"};

    for (apr_size_t i = 0; i < COUNT(unfit); i++) {
        assert_reason(open_at(token_two("tEsTaPp01", unfit[i], *state), NOW, *state),
                      CIVIC_ANSWER_FORMAT, unfit[i]);
    }
}

static void clear_text_that_is_no_user_data_is_refused(void **state)
{
    static const char *const clears[] = {
        "", "{}", "null", "[1]", "[]x", "\xff", "[[[[[[[[[[[[[[[[["};

    for (apr_size_t i = 0; i < COUNT(clears); i++) {
        const char *data = quoted(encrypted(clears[i], *state), *state);

        assert_reason(open_at(token_two("tEsTaPp01", data, *state), NOW, *state),
                      CIVIC_ANSWER_FORMAT, clears[i]);
    }
}

static void what_is_no_token_of_civics_is_no_payload(void **state)
{
    const char *payload = "{\"jti\":\"j\",\"iss\":\"x\",\"sub\":\"tEsTaPp01\",\"aud\":\"a\","
                          "\"iat\":1795466541,\"exp\":1795466641}";
    const civic_key_t *key = unit_civic_key(*state),
                      *ours = unit_application(*state)->private_key;

    assert_reason(open_at("", NOW, *state), CIVIC_ANSWER_FORMAT, "empty");
    assert_reason(open_at("<html>", NOW, *state), CIVIC_ANSWER_FORMAT, "html");
    assert_reason(open_at(unit_token(UNIT_HEADER, payload, key, *state), NOW, *state),
                  CIVIC_ANSWER_SIGNATURE, "issuer");
    assert_reason(open_at(unit_token(UNIT_HEADER, payload, ours, *state), NOW, *state),
                  CIVIC_ANSWER_SIGNATURE, "signed by ourselves");
    assert_reason(open_at(unit_token("{\"alg\":\"none\"}", payload, key, *state), NOW, *state),
                  CIVIC_ANSWER_SIGNATURE, "alg none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(every_documented_status_has_its_reason),
        UNIT(clocks_that_are_apart_are_the_reason),
        UNIT(else_the_key_and_the_files_are_named),
        UNIT(only_what_the_operator_wants_may_be_private),
        UNIT(every_other_status_is_an_error_of_theirs),
        UNIT(the_services_message_becomes_the_detail),
        UNIT(the_message_is_made_harmless),
        UNIT(an_answer_is_taken_apart),
        UNIT(only_true_itself_makes_a_url_of_the_data),
        UNIT(what_is_no_answer_is_refused),
        UNIT(only_true_itself_is_encrypted),
        UNIT(the_user_id_is_visible_and_bounded),
        UNIT(payloads_lie_at_allowed_hosts),
        UNIT(every_exchange_gives_what_the_sdk_read),
        UNIT(every_bad_exchange_is_refused_for_its_fault),
        UNIT(a_payload_is_for_this_application_and_these_minutes),
        UNIT(base64_of_a_payload_may_have_line_breaks),
        UNIT(data_that_cannot_be_decrypted_is_refused),
        UNIT(data_of_another_type_is_refused),
        UNIT(clear_text_that_is_no_user_data_is_refused),
        UNIT(what_is_no_token_of_civics_is_no_payload),
    };

    return UNIT_RUN("sip_answer", tests);
}

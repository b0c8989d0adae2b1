/* Compact ES256 tokens: form, header, signature, registered claims, times. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "jws.h"

static civic_reason verify(civic_jws_t *jws, const char *token, apr_pool_t *pool)
{
    return civic_jws_verify(jws, token, strlen(token), unit_application(pool)->civic_key,
                            pool);
}

#define GOOD                                                                                  \
    "{\"jti\":\"j\",\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"iat\":100.5,\"exp\":200.25}"

/* ---- RFC 7515 appendix A.3 ---- */

#define RFC_KEY                                                                               \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"                                                \
    "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                                        \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\","                                  \
    "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"
#define RFC_TOKEN                                                                             \
    "eyJhbGciOiJFUzI1NiJ9"                                                                    \
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ij" \
    "p0"                                                                                      \
    "cnVlfQ"                                                                                  \
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define RFC_PAYLOAD                                                                           \
    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"

static void rfc_7515_a3_opens(void **state)
{
    civic_key_t *key = unit_public_key(RFC_KEY, *state);
    civic_bytes_t payload = {NULL, 0};

    assert_reason(civic_jws_open(&payload, RFC_TOKEN, strlen(RFC_TOKEN), key, *state),
                  CIVIC_OK, "A.3");
    assert_int_equal(payload.len, strlen(RFC_PAYLOAD));
    assert_memory_equal(payload.data, RFC_PAYLOAD, payload.len);
}

static void rfc_7515_a3_lacks_registered_claims(void **state)
{
    civic_key_t *key = unit_public_key(RFC_KEY, *state);
    civic_jws_t jws;

    assert_reason(civic_jws_verify(&jws, RFC_TOKEN, strlen(RFC_TOKEN), key, *state),
                  CIVIC_TOKEN_FORMAT, "A.3");
}

/* No text but the one that was signed: neither another payload nor another spelling of it. */
static void every_changed_character_is_refused(void **state)
{
    civic_key_t *key = unit_public_key(RFC_KEY, *state);
    char *token = apr_pstrdup(*state, RFC_TOKEN);

    for (apr_size_t i = 0; token[i]; i++) {
        civic_bytes_t payload = {NULL, 0};
        char right = token[i];

        token[i] = right == 'A' ? 'B' : 'A';
        assert_case(civic_jws_open(&payload, token, strlen(RFC_TOKEN), key, *state)
                        != CIVIC_OK,
                    token);
        assert_null(payload.data);
        token[i] = right;
    }
}

static void every_cut_token_is_refused(void **state)
{
    civic_key_t *key = unit_public_key(RFC_KEY, *state);
    civic_bytes_t payload;

    for (apr_size_t len = 0; len < strlen(RFC_TOKEN); len++) {
        assert_int_not_equal(civic_jws_open(&payload, RFC_TOKEN, len, key, *state), CIVIC_OK);
    }
}

/* ---- form ---- */

static void a_good_token_is_taken_apart(void **state)
{
    const char *token = unit_token(UNIT_HEADER, GOOD, unit_civic_key(*state), *state);
    civic_jws_t jws;

    assert_reason(verify(&jws, token, *state), CIVIC_OK, "good");
    assert_string_equal(jws.jti, "j");
    assert_string_equal(jws.issuer, "i");
    assert_string_equal(jws.subject, "s");
    assert_string_equal(json_string_value(jws.audience), "a");
    assert_true(jws.issued_at == 100.5 && jws.expires_at == 200.25);
}

static void what_we_sign_verifies(void **state)
{
    json_t *payload = json_loads(GOOD, 0, NULL);
    const char *token = civic_jws_sign(payload, unit_civic_key(*state), *state);
    civic_jws_t jws;

    json_decref(payload);
    assert_reason(verify(&jws, token, *state), CIVIC_OK, "signed by us");
    assert_memory_equal(token, "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.", 37);
}

static void a_token_has_three_parts(void **state)
{
    const char *token = unit_token(UNIT_HEADER, GOOD, unit_civic_key(*state), *state);
    const char *payload = strchr(token, '.'), *signature = strrchr(token, '.');
    const char *header = apr_pstrmemdup(*state, token, payload - token);
    const char *body = apr_pstrmemdup(*state, token, signature - token);
    const char *const unfit[] = {"",
                                 ".",
                                 "..",
                                 "...",
                                 "a.b.c",
                                 header,
                                 body,
                                 payload,
                                 apr_pstrcat(*state, token, ".", NULL),
                                 apr_pstrcat(*state, token, ".x", NULL),
                                 apr_pstrcat(*state, ".", token, NULL),
                                 apr_pstrcat(*state, header, ".", signature, NULL),
                                 apr_pstrcat(*state, " ", token, NULL),
                                 apr_pstrcat(*state, token, "\n", NULL),
                                 apr_pstrcat(*state, token, "=", NULL),
                                 apr_pstrcat(*state, token, "==", NULL),
                                 apr_pstrcat(*state, body, "..", signature + 1, NULL)};
    civic_jws_t jws;

    for (apr_size_t i = 0; i < COUNT(unfit); i++) {
        assert_reason(verify(&jws, unfit[i], *state), CIVIC_TOKEN_FORMAT, unfit[i]);
    }
}

static void signatures_of_any_other_length_are_refused(void **state)
{
    const char *token = unit_token(UNIT_HEADER, GOOD, unit_civic_key(*state), *state);
    const char *body = apr_pstrmemdup(*state, token, strrchr(token, '.') + 1 - token);

    for (apr_size_t len = 0; len < 200; len++) {
        const char *zeros =
            civic_base64url_encode(unit_repeat('\0', len, *state), len, *state);
        civic_jws_t jws;
        civic_reason reason = verify(&jws, apr_pstrcat(*state, body, zeros, NULL), *state);

        assert_case(reason == CIVIC_TOKEN_SIGNATURE || reason == CIVIC_TOKEN_FORMAT, zeros);
    }
}

static void a_token_that_is_too_long_is_not_even_parsed(void **state)
{
    char *token = unit_repeat('A', CIVIC_JWS_MAX + 1, *state);
    civic_bytes_t payload;

    memcpy(token, RFC_TOKEN, strlen(RFC_TOKEN) - 86);
    assert_reason(civic_jws_open(&payload, token, CIVIC_JWS_MAX + 1,
                                 unit_public_key(RFC_KEY, *state), *state),
                  CIVIC_TOKEN_FORMAT, "over the limit");
}

/* ---- header ---- */

static void the_header_must_say_es256(void **state)
{
    static const char *const others[] = {"{}",
                                         "{\"typ\":\"JWT\"}",
                                         "{\"alg\":\"none\",\"typ\":\"JWT\"}",
                                         "{\"alg\":\"None\"}",
                                         "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
                                         "{\"alg\":\"RS256\"}",
                                         "{\"alg\":\"ES256K\"}",
                                         "{\"alg\":\"ES384\"}",
                                         "{\"alg\":\"es256\"}",
                                         "{\"alg\":\"ES256 \"}",
                                         "{\"alg\":\"\"}",
                                         "{\"alg\":null}",
                                         "{\"alg\":256}",
                                         "{\"alg\":[\"ES256\"]}",
                                         "{\"alg\":{\"ES256\":1}}",
                                         "{\"Alg\":\"ES256\"}"};
    civic_jws_t jws;

    for (apr_size_t i = 0; i < COUNT(others); i++) {
        const char *token = unit_token(others[i], GOOD, unit_civic_key(*state), *state);

        assert_reason(verify(&jws, token, *state), CIVIC_TOKEN_ALGORITHM, others[i]);
    }
}

static void other_faults_of_the_header_are_faults_of_form(void **state)
{
    static const char *const unfit[] = {
        "",
        "null",
        "[]",
        "\"ES256\"",
        "{",
        "{\"alg\":\"ES256\"}x",
        "{\"alg\":\"none\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"typ\":\"JWE\"}",
        "{\"alg\":\"ES256\",\"typ\":\"\"}",
        "{\"alg\":\"ES256\",\"typ\":1}",
        "{\"alg\":\"ES256\",\"typ\":null}",
        "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"ES256\",\"crit\":[]}",
        "{\"alg\":\"ES256\",\"crit\":null}",
        "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}"};
    civic_jws_t jws;

    for (apr_size_t i = 0; i < COUNT(unfit); i++) {
        const char *token = unit_token(unfit[i], GOOD, unit_civic_key(*state), *state);

        assert_reason(verify(&jws, token, *state), CIVIC_TOKEN_FORMAT, unfit[i]);
    }
}

/* RFC 7515 section 4: what is not understood and not critical is ignored; a key that the token
 * brings along is one of those. */
static void other_headers_are_ignored(void **state)
{
    static const char *const fine[] = {
        "{\"alg\":\"ES256\"}", "{\"alg\":\"ES256\",\"typ\":\"jwt\"}",
        "{\"typ\":\"JWT\",\"alg\":\"ES256\",\"kid\":\"../../x\"}",
        "{\"alg\":\"ES256\",\"jku\":\"https://evil/\"}"};
    civic_key_t *key = unit_civic_key(*state);
    const char *forged = unit_token("{\"alg\":\"ES256\",\"jwk\":" RFC_KEY "}", GOOD,
                                    unit_private_key(RFC_KEY, *state), *state);
    civic_jws_t jws;

    for (apr_size_t i = 0; i < COUNT(fine); i++) {
        assert_reason(verify(&jws, unit_token(fine[i], GOOD, key, *state), *state), CIVIC_OK,
                      fine[i]);
    }
    assert_reason(verify(&jws, forged, *state), CIVIC_TOKEN_SIGNATURE, "brings its own key");
}

static void the_header_is_bounded(void **state)
{
    const char *header = apr_pstrcat(*state, "{\"alg\":\"ES256\",\"x\":\"",
                                     unit_repeat('x', 1024, *state), "\"}", NULL);
    civic_jws_t jws;

    assert_reason(
        verify(&jws, unit_token(header, GOOD, unit_civic_key(*state), *state), *state),
        CIVIC_TOKEN_FORMAT, "header of over 1 KiB");
}

/* ---- claims ---- */

/* GOOD with one member as given; left out for NULL. */
static civic_reason verify_with(const char *name, const char *json, apr_pool_t *pool)
{
    json_t *payload = json_loads(GOOD, 0, NULL);
    const char *token;
    civic_jws_t jws = {0};
    civic_reason reason;

    if (json) {
        json_object_set_new(payload, name, json_loads(json, JSON_DECODE_ANY, NULL));
    }
    else {
        json_object_del(payload, name);
    }
    token = civic_jws_sign(payload, unit_civic_key(pool), pool);
    json_decref(payload);
    reason = verify(&jws, token, pool);
    assert_case((reason == CIVIC_OK) == (jws.payload != NULL), name);
    return reason;
}

static void every_registered_claim_must_be_there(void **state)
{
    static const char *const names[] = {"jti", "iss", "sub", "aud", "iat", "exp"};
    static const char *const unfit[] = {"null", "true", "{}",       "[]",
                                        "\"\"", "[1]",  "[\"x\",1]"};

    for (apr_size_t i = 0; i < COUNT(names); i++) {
        assert_reason(verify_with(names[i], NULL, *state), CIVIC_TOKEN_FORMAT, names[i]);
        for (apr_size_t j = 0; j < COUNT(unfit); j++) {
            assert_reason(verify_with(names[i], unfit[j], *state), CIVIC_TOKEN_FORMAT,
                          apr_pstrcat(*state, names[i], " = ", unfit[j], NULL));
        }
    }
}

static void texts_are_no_numbers_and_numbers_no_texts(void **state)
{
    static const char *const texts[] = {"jti", "iss", "sub", "aud"};

    for (apr_size_t i = 0; i < COUNT(texts); i++) {
        assert_reason(verify_with(texts[i], "1", *state), CIVIC_TOKEN_FORMAT, texts[i]);
        assert_reason(verify_with(texts[i], "1.5", *state), CIVIC_TOKEN_FORMAT, texts[i]);
    }
    assert_reason(verify_with("iat", "\"100\"", *state), CIVIC_TOKEN_FORMAT, "iat");
    assert_reason(verify_with("exp", "\"200\"", *state), CIVIC_TOKEN_FORMAT, "exp");
}

static void the_audience_is_a_text_or_a_list_of_texts(void **state)
{
    assert_reason(verify_with("aud", "\"/\"", *state), CIVIC_OK, "text");
    assert_reason(verify_with("aud", "[\"a\"]", *state), CIVIC_OK, "list of one");
    assert_reason(verify_with("aud", "[\"a\",\"b\"]", *state), CIVIC_OK, "list of two");
    assert_reason(verify_with("aud", "[[\"a\"]]", *state), CIVIC_TOKEN_FORMAT, "list in list");
}

/* It is a key of the store and a part of log lines. */
static void the_jti_is_visible_and_bounded(void **state)
{
    static const char *const unfit[] = {"\" \"",       "\"a b\"",     "\"a\\n\"",
                                        "\"\\u00e9\"", "\"\\u007f\"", "\"a\\tb\""};
    const char *longest = unit_repeat('j', 256, *state);

    for (apr_size_t i = 0; i < COUNT(unfit); i++) {
        assert_reason(verify_with("jti", unfit[i], *state), CIVIC_TOKEN_FORMAT, unfit[i]);
    }
    assert_reason(verify_with("jti", apr_pstrcat(*state, "\"", longest, "\"", NULL), *state),
                  CIVIC_OK, "256 characters");
    assert_reason(verify_with("jti", apr_pstrcat(*state, "\"j", longest, "\"", NULL), *state),
                  CIVIC_TOKEN_FORMAT, "257 characters");
}

static void any_finite_number_is_a_time(void **state)
{
    static const char *const times[] = {
        "0",     "-1",     "2208988800", "2208988800.999",     "4294967296",
        "1e300", "-1e300", "1e-300",     "9223372036854775807"};

    for (apr_size_t i = 0; i < COUNT(times); i++) {
        assert_reason(verify_with("iat", times[i], *state), CIVIC_OK, times[i]);
        assert_reason(verify_with("exp", times[i], *state), CIVIC_OK, times[i]);
    }
}

static void payloads_that_are_no_object_are_refused(void **state)
{
    static const char *const unfit[] = {
        "[]",
        "1",
        "\"x\"",
        "null",
        "{",
        "not json",
        "\xff",
        GOOD "x",
        "{\"jti\":\"j\",\"jti\":\"k\",\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"iat\":1,"
        "\"exp\":2}",
        "{\"jti\":\"j\",\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"iat\":1,\"exp\":2,\"exp\":"
        "9}",
        "{\"jti\":\"j\",\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"iat\":1e400,\"exp\":2}",
        "{\"jti\":\"j\\u0000\",\"iss\":\"i\",\"sub\":\"s\",\"aud\":\"a\",\"iat\":1,\"exp\":"
        "2}"};
    civic_jws_t jws;

    for (apr_size_t i = 0; i < COUNT(unfit); i++) {
        const char *token = unit_token(UNIT_HEADER, unfit[i], unit_civic_key(*state), *state);

        assert_reason(verify(&jws, token, *state), CIVIC_TOKEN_FORMAT, unfit[i]);
    }
}

/* ---- times ---- */

static void times_are_judged_to_the_second(void **state)
{
    static const struct {
        const char *what;
        double issued, expires, now;
        civic_reason expected;
    } cases[] = {
        {"between", 1000, 2000, 1500, CIVIC_OK},
        {"59 s before iat", 1000, 2000, 941, CIVIC_OK},
        {"60 s before iat", 1000, 2000, 940, CIVIC_OK},
        {"61 s before iat", 1000, 2000, 939, CIVIC_TOKEN_EARLY},
        {"59 s after exp", 1000, 2000, 2059, CIVIC_OK},
        {"60 s after exp", 1000, 2000, 2060, CIVIC_OK},
        {"61 s after exp", 1000, 2000, 2061, CIVIC_TOKEN_EXPIRED},
        {"60.001 s after exp", 1000, 2000, 2060.001, CIVIC_TOKEN_EXPIRED},
        {"fractions", 1000.402, 1000.403, 1060.4, CIVIC_OK},
        {"of no length", 1000, 1000, 1000, CIVIC_OK},
        {"exp before iat", 1000, 999.999, 1000, CIVIC_TOKEN_FORMAT},
        {"exp before iat, both past", 1000, 10, 9000, CIVIC_TOKEN_FORMAT},
        {"negative", -1000, -500, 1500, CIVIC_TOKEN_EXPIRED},
        {"year 2040", 2208988800, 2208990600, 2208989000, CIVIC_OK},
        {"past 2038", 2147483647, 2147483999, 2147483700, CIVIC_OK},
        {"never expires", 1000, 1e300, 1500, CIVIC_OK},
        {"never issued", 1e300, 1e300, 1500, CIVIC_TOKEN_EARLY},
        {"expired for ever", -1e300, -1e300, 1500, CIVIC_TOKEN_EXPIRED},
        {"all of time", -1e300, 1e300, 1500, CIVIC_OK},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        civic_jws_t jws = {.issued_at = cases[i].issued, .expires_at = cases[i].expires};
        const char *detail = NULL;
        civic_reason reason =
            civic_jws_check_times(&jws, cases[i].now, CIVIC_CLOCK_TOLERANCE, &detail, *state);

        assert_reason(reason, cases[i].expected, cases[i].what);
        assert_case((detail == NULL) == (reason == CIVIC_OK), cases[i].what);
    }
}

static void the_detail_holds_both_times(void **state)
{
    civic_jws_t jws = {.issued_at = 1000, .expires_at = 2000.5};
    const char *detail;

    civic_jws_check_times(&jws, 3000.25, CIVIC_CLOCK_TOLERANCE, &detail, *state);
    assert_non_null(strstr(detail, "2000.500"));
    assert_non_null(strstr(detail, "3000.250"));
    civic_jws_check_times(&jws, 100.125, CIVIC_CLOCK_TOLERANCE, &detail, *state);
    assert_non_null(strstr(detail, "1000.000"));
    assert_non_null(strstr(detail, "100.125"));
}

/* It goes to the log: no length and no byte of it may depend on how odd a time is. */
static void the_detail_of_odd_times_is_short_and_visible(void **state)
{
    static const double times[] = {1e300, -1e300, 1.7e308, 1e15, 999999999999999.0, 1e-300};

    for (apr_size_t i = 0; i < COUNT(times); i++) {
        civic_jws_t jws = {.issued_at = times[i], .expires_at = times[i]};
        const char *detail = "";

        civic_jws_check_times(&jws, 1500, CIVIC_CLOCK_TOLERANCE, &detail, *state);
        assert_case(strlen(detail) < 200 && strstr(detail, "NTP"), detail);
        for (const char *p = detail; *p; p++) {
            assert_case(*p >= ' ' && *p <= '~', detail);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(rfc_7515_a3_opens),
        UNIT(rfc_7515_a3_lacks_registered_claims),
        UNIT(every_changed_character_is_refused),
        UNIT(every_cut_token_is_refused),
        UNIT(a_good_token_is_taken_apart),
        UNIT(what_we_sign_verifies),
        UNIT(a_token_has_three_parts),
        UNIT(signatures_of_any_other_length_are_refused),
        UNIT(a_token_that_is_too_long_is_not_even_parsed),
        UNIT(the_header_must_say_es256),
        UNIT(other_faults_of_the_header_are_faults_of_form),
        UNIT(other_headers_are_ignored),
        UNIT(the_header_is_bounded),
        UNIT(every_registered_claim_must_be_there),
        UNIT(texts_are_no_numbers_and_numbers_no_texts),
        UNIT(the_audience_is_a_text_or_a_list_of_texts),
        UNIT(the_jti_is_visible_and_bounded),
        UNIT(any_finite_number_is_a_time),
        UNIT(payloads_that_are_no_object_are_refused),
        UNIT(times_are_judged_to_the_second),
        UNIT(the_detail_holds_both_times),
        UNIT(the_detail_of_odd_times_is_short_and_visible),
    };

    return UNIT_RUN("jws", tests);
}

/* Judging authorization codes, building requests: against what Civic's own SDK made. */
#include "unit.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "json.h"

#define NOW 1795466541.0

/* ---- codes ---- */

/* What each invalid token of the file is refused for. */
static civic_reason expected_of(const char *name)
{
    static const struct {
        const char *name;
        civic_reason reason;
    } known[] = {
        {"expired", CIVIC_TOKEN_EXPIRED},
        {"not yet issued", CIVIC_TOKEN_EARLY},
        {"signed by another key", CIVIC_TOKEN_SIGNATURE},
        {"payload changed", CIVIC_TOKEN_SIGNATURE},
        {"alg none, no signature", CIVIC_TOKEN_ALGORITHM},
        {"alg none, signature kept", CIVIC_TOKEN_ALGORITHM},
        {"HS256 keyed with the public key", CIVIC_TOKEN_ALGORITHM},
        {"alg ES256K in the header", CIVIC_TOKEN_ALGORITHM},
        {"DER signature", CIVIC_TOKEN_SIGNATURE},
        {"signature of 63 bytes", CIVIC_TOKEN_SIGNATURE},
        {"signature all zero", CIVIC_TOKEN_SIGNATURE},
        {"signature of 65 bytes", CIVIC_TOKEN_SIGNATURE},
        {"four parts", CIVIC_TOKEN_FORMAT},
        {"two parts", CIVIC_TOKEN_FORMAT},
        {"empty", CIVIC_TOKEN_FORMAT},
        {"standard base64 signature", CIVIC_TOKEN_FORMAT},
        {"wrong issuer", CIVIC_TOKEN_ISSUER},
        {"issued to another application", CIVIC_TOKEN_AUDIENCE},
    };

    for (apr_size_t i = 0; i < COUNT(known); i++) {
        if (!strcmp(known[i].name, name)) {
            return known[i].reason;
        }
    }
    fail_msg("nothing is known of the token \"%s\"", name);
    return CIVIC_INTERNAL;
}

static void code_case_judge(const json_t *test, apr_pool_t *pool)
{
    const char *token = unit_text(test, "token"), *name = unit_text(test, "name");
    int is_valid = json_is_true(unit_member(test, "valid"));
    civic_jws_t code = {0};
    civic_refusal_t refusal =
        civic_sip_check_code(&code, unit_application(pool), token, strlen(token),
                             json_number_value(unit_member(test, "verifyAt")), pool);

    assert_reason(refusal.reason, is_valid ? CIVIC_OK : expected_of(name), name);
    assert_case((code.payload != NULL) == is_valid, name);
}

static void the_sdks_tokens_are_judged_as_it_does(void **state)
{
    const json_t *tokens = unit_member(unit_sip(), "tokens");
    apr_size_t i;
    json_t *test;

    json_array_foreach(tokens, i, test)
    {
        code_case_judge(test, *state);
    }
    assert_int_equal(json_array_size(tokens), 20);
}

static void every_code_of_the_exchanges_is_good(void **state)
{
    const json_t *exchanges = unit_member(unit_sip(), "exchanges");
    apr_size_t i;
    json_t *test;

    json_array_foreach(exchanges, i, test)
    {
        const char *token = unit_text(test, "authCode");
        civic_jws_t code;
        civic_refusal_t refusal =
            civic_sip_check_code(&code, unit_application(*state), token, strlen(token),
                                 json_number_value(unit_member(test, "verifyAt")), *state);

        assert_reason(refusal.reason, CIVIC_OK, unit_text(test, "name"));
        assert_string_equal(code.subject, "tEsTaPp01");
    }
    assert_int_equal(json_array_size(exchanges), 6);
}

static civic_refusal_t check(const char *issuer, const char *subject, apr_pool_t *pool)
{
    const char *payload = apr_psprintf(pool,
                                       "{\"jti\":\"j\",\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":"
                                       "\"a\",\"iat\":%.0f,\"exp\":%.0f}",
                                       issuer, subject, NOW, NOW + 180);
    const char *token = unit_token(UNIT_HEADER, payload, unit_civic_key(pool), pool);
    civic_jws_t code;

    return civic_sip_check_code(&code, unit_application(pool), token, strlen(token), NOW,
                                pool);
}

static void a_code_is_for_this_application(void **state)
{
    static const char issuer[] = "civic-sip-hosted-service";

    assert_reason(check(issuer, "tEsTaPp01", *state).reason, CIVIC_OK, "ours");
    assert_reason(check(issuer, issuer, *state).reason, CIVIC_OK, "an older token");
    assert_reason(check(issuer, "testapp01", *state).reason, CIVIC_TOKEN_AUDIENCE, "case");
    assert_reason(check(issuer, "tEsTaPp012", *state).reason, CIVIC_TOKEN_AUDIENCE, "longer");
    assert_reason(check("civic", "tEsTaPp01", *state).reason, CIVIC_TOKEN_ISSUER, "issuer");
    assert_reason(check("tEsTaPp01", "tEsTaPp01", *state).reason, CIVIC_TOKEN_ISSUER, "own");
}

/* ---- requests ---- */

typedef struct {
    const char *token, *extension;
} authorization_t;

/* "Civic a.b.c.d": the token, and the extension behind its last dot. */
static authorization_t taken_apart(const char *authorization, apr_pool_t *pool)
{
    const char *last = strrchr(authorization, '.');
    authorization_t parts;

    assert_memory_equal(authorization, "Civic ", 6);
    assert_non_null(last);
    parts.token = apr_pstrmemdup(pool, authorization + 6, last - authorization - 6);
    parts.extension = last + 1;
    return parts;
}

/* Everything that the service looks at, for the SDK's request and for ours alike. */
static void request_token_judge(const char *token, const char *audience, double now,
                                apr_pool_t *pool)
{
    civic_key_t *key =
        unit_public_key(unit_text(unit_member(unit_sip(), "app"), "publicKey"), pool);
    const json_t *data;
    civic_jws_t jws;
    const char *detail;

    assert_reason(civic_jws_verify(&jws, token, strlen(token), key, pool), CIVIC_OK,
                  "request");
    assert_reason(civic_jws_check_times(&jws, now, 0, &detail, pool), CIVIC_OK, "times");
    assert_int_equal((int)(jws.expires_at - jws.issued_at), 180);
    assert_string_equal(jws.issuer, "tEsTaPp01");
    assert_string_equal(jws.subject, "tEsTaPp01");
    assert_string_equal(json_string_value(jws.audience), audience);
    data = unit_member(jws.payload, "data");
    assert_string_equal(unit_text(data, "method"), "POST");
    assert_string_equal(unit_text(data, "path"), "scopeRequest/authCode");
    assert_int_equal(json_object_size(data), 2);
    assert_int_equal(json_object_size(jws.payload), 7);
}

static void extension_judge(const char *extension, const char *body, apr_pool_t *pool)
{
    const char *secret = unit_text(unit_member(unit_sip(), "app"), "secret");
    unsigned char mac[CIVIC_SHA256_LEN];

    assert_true(civic_hmac_sha256(mac, secret, strlen(secret), body, strlen(body)));
    assert_string_equal(extension, civic_base64_encode(mac, sizeof(mac), pool));
}

static void the_sdks_request_is_what_we_take_it_for(void **state)
{
    const json_t *made = unit_member(unit_sip(), "authorization");
    const char *body = civic_json_text(unit_member(made, "body"), *state);

    assert_string_equal(body, unit_text(made, "signedBody"));
    extension_judge(unit_text(made, "extension"), body, *state);
    request_token_judge(unit_text(made, "token"), "https://api.civic.com/sip/", NOW, *state);
}

static void our_request_is_like_the_sdks(void **state)
{
    const json_t *made = unit_member(unit_sip(), "authorization");
    civic_sip_application_t *app = unit_application(*state);
    civic_sip_request_t request;
    authorization_t parts;

    assert_true(civic_sip_request(
        &request, app, unit_text(unit_member(made, "body"), "authToken"), NOW + 0.7, *state));
    assert_string_equal(request.body, unit_text(made, "signedBody"));
    assert_string_equal(request.url, "https://api.civic.com/sip/prod/scopeRequest/authCode");
    parts = taken_apart(request.authorization, *state);
    assert_string_equal(parts.extension, unit_text(made, "extension"));
    request_token_judge(parts.token, "https://api.civic.com/sip/", NOW + 0.7, *state);
}

static void the_configured_service_is_asked(void **state)
{
    civic_sip_application_t *app = unit_application(*state);
    civic_sip_request_t request;

    app->api_url = "http://localhost:8080/x";
    app->environment = "dev";
    assert_true(civic_sip_request(&request, app, "a.b.c", NOW, *state));
    assert_string_equal(request.url, "http://localhost:8080/x/dev/scopeRequest/authCode");
    request_token_judge(taken_apart(request.authorization, *state).token,
                        "http://localhost:8080/x/", NOW, *state);
}

static void no_two_requests_are_the_same(void **state)
{
    civic_sip_application_t *app = unit_application(*state);
    civic_sip_request_t one, two;
    civic_jws_t jws[2];

    assert_true(civic_sip_request(&one, app, "a.b.c", NOW, *state));
    assert_true(civic_sip_request(&two, app, "a.b.c", NOW, *state));
    for (int i = 0; i < 2; i++) {
        const char *token =
            taken_apart(i ? two.authorization : one.authorization, *state).token;

        assert_reason(
            civic_jws_verify(&jws[i], token, strlen(token), app->private_key, *state),
            CIVIC_OK, "ours");
        assert_int_equal(strlen(jws[i].jti), 36);
    }
    assert_string_not_equal(jws[0].jti, jws[1].jti);
}

/* Whatever the code holds, the body is one JSON object of two members. */
static void a_code_cannot_leave_its_string(void **state)
{
    static const char code[] = "\",\"x\":1,\"authToken\":\"\\\n\x01";
    civic_sip_request_t request;
    json_t *body;

    assert_true(civic_sip_request(&request, unit_application(*state), code, NOW, *state));
    body = civic_json_parse(request.body, strlen(request.body), *state);
    assert_int_equal(json_object_size(body), 2);
    assert_string_equal(unit_text(body, "authToken"), code);
    extension_judge(taken_apart(request.authorization, *state).extension, request.body,
                    *state);
}

static void civics_production_key_is_a_key(void **state)
{
    civic_key_t *key = unit_public_key(CIVIC_SIP_PUBLIC_KEY, *state);

    assert_string_equal(civic_key_public_hex(key, *state), CIVIC_SIP_PUBLIC_KEY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(the_sdks_tokens_are_judged_as_it_does),
        UNIT(every_code_of_the_exchanges_is_good),
        UNIT(a_code_is_for_this_application),
        UNIT(the_sdks_request_is_what_we_take_it_for),
        UNIT(our_request_is_like_the_sdks),
        UNIT(the_configured_service_is_asked),
        UNIT(no_two_requests_are_the_same),
        UNIT(a_code_cannot_leave_its_string),
        UNIT(civics_production_key_is_a_key),
    };

    return UNIT_RUN("sip", tests);
}

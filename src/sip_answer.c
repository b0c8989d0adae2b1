/* sip_answer.c - what comes back from the SIP API: status, outer answer, payload. See sip.h.
 */
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "json.h"
#include "sip.h"
#include "url.h"

enum { IV_HEX = 32, USER_ID_MAX = 128, MESSAGE_MAX = 120 };

const char *civic_sip_message(const char *body, apr_size_t len, apr_pool_t *pool)
{
    json_t *answer = civic_json_parse(body, len, pool);
    const char *message = answer ? civic_json_string(answer, "message") : NULL;
    char *line;

    if (!message) {
        return "no message";
    }
    line = apr_pstrmemdup(pool, message, strnlen(message, MESSAGE_MAX));
    for (char *p = line; *p; p++) {
        if (!apr_isascii(*p) || !apr_isprint(*p) || *p == '"' || *p == '\\') {
            *p = '?';
        }
    }
    return line;
}

civic_refusal_t civic_sip_judge_status(int status, const char *body, apr_size_t len,
                                       apr_pool_t *pool)
{
    static const struct {
        int status;
        civic_reason reason;
        const char *hint;
    } known[] = {
        {400, CIVIC_UPSTREAM_BAD_REQUEST, ""},
        {401, CIVIC_UPSTREAM_REFUSED,
         ": check the private key, the secret and CivicEnvironment"},
        {403, CIVIC_CODE_USED, ""},
        {405, CIVIC_UPSTREAM_BAD_REQUEST, ": check CivicApiUrl"},
        {404, CIVIC_UPSTREAM_BAD_REQUEST, ": check CivicApiUrl and CivicEnvironment"},
        {429, CIVIC_UPSTREAM_THROTTLED, ""},
        {504, CIVIC_UPSTREAM_TIMEOUT, ""},
    };

    if (status == 200) {
        return civic_accepted();
    }
    for (apr_size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].status == status) {
            return civic_refusal(known[i].reason,
                                 apr_psprintf(pool, "status %d, \"%s\"%s", status,
                                              civic_sip_message(body, len, pool),
                                              known[i].hint));
        }
    }
    return civic_refusal(
        CIVIC_UPSTREAM_ERROR,
        apr_psprintf(pool, "status %d, \"%s\"", status, civic_sip_message(body, len, pool)));
}

/* The first half of SHA-256 over a key's public half, as people can compute it from the
 * portal's hex digits. */
static const char *fingerprint(const civic_key_t *key, apr_pool_t *pool)
{
    const char *hex = civic_key_public_hex(key, pool);
    unsigned char digest[CIVIC_SHA256_LEN];
    civic_bytes_t point;

    if (!hex || !civic_hex_decode(&point, hex, strlen(hex), pool)
        || !civic_sha256(digest, point.data, point.len)) {
        return "unknown";
    }
    return civic_hex_encode(digest, 8, pool);
}

static const char *time_text(apr_time_t time, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, APR_RFC822_DATE_LEN);

    apr_rfc822_date(text, time);
    return text;
}

civic_refusal_t civic_sip_explain_refused(civic_refusal_t refusal,
                                          const civic_sip_application_t *app, apr_time_t date,
                                          apr_time_t now, apr_pool_t *pool)
{
    apr_time_t apart = date > now ? date - now : now - date;

    if (date && apart > apr_time_from_sec(CIVIC_CLOCK_TOLERANCE)) {
        return civic_refusal(
            CIVIC_CLOCK_SKEW,
            apr_psprintf(pool,
                         "status 401, and Civic's clock says %s, ours %s: %" APR_TIME_T_FMT
                         " seconds apart, so it takes our token for invalid: check "
                         "NTP",
                         time_text(date, pool), time_text(now, pool), apr_time_sec(apart)));
    }
    refusal.detail = apr_psprintf(
        pool,
        "%s of application %s; the public key that belongs to %s is %s (SHA-256), the secret "
        "is in "
        "%s%s",
        refusal.detail, app->app_id,
        app->private_key_file ? app->private_key_file : "the private key",
        fingerprint(app->private_key, pool), app->secret_file ? app->secret_file : "memory",
        date ? "; the clocks agree" : "; check this server's clock as well");
    return refusal;
}

/* It becomes REMOTE_USER and part of log lines: visible ASCII, bounded, nothing to escape. */
static int user_id_is_sane(const char *user_id)
{
    apr_size_t len = strlen(user_id);

    if (len == 0 || len > USER_ID_MAX) {
        return 0;
    }
    for (const char *p = user_id; *p; p++) {
        if (!apr_isascii(*p) || !apr_isgraph(*p) || *p == '"' || *p == '\\') {
            return 0;
        }
    }
    return 1;
}

/* Whoever may say where a payload lies must not have us ask machines of the inner network. An
 * address that is listed itself, the API's own host, and where the API is this machine (as
 * when trying things out) any, are what the operator wants. */
static int must_be_public(const char *host, const civic_sip_application_t *app,
                          apr_pool_t *pool)
{
    const char *api = "";

    civic_url_check(app->api_url, &api, pool);
    return !civic_host_is_address(host) && strcasecmp(host, api)
           && !civic_host_is_loopback(api);
}

/* Where a large payload lies: https at a host of the list. */
static civic_refusal_t payload_url_judge(civic_sip_answer_t *answer, const char *url,
                                         const civic_sip_application_t *app, apr_pool_t *pool)
{
    const char *host = NULL;
    const char *fault = civic_url_check(url, &host, pool);

    if (fault) {
        return civic_refusal(CIVIC_PAYLOAD_HOST,
                             apr_pstrcat(pool, "the payload's URL is unfit: ", fault, NULL));
    }
    if (!civic_host_is_allowed(host, app->payload_hosts)) {
        return civic_refusal(CIVIC_PAYLOAD_HOST, apr_psprintf(pool,
                                                              "host %s is not in "
                                                              "CivicPayloadHosts",
                                                              host));
    }
    answer->payload_url = url;
    answer->payload_public = must_be_public(host, app, pool);
    return civic_accepted();
}

civic_refusal_t civic_sip_read_answer(civic_sip_answer_t *answer,
                                      const civic_sip_application_t *app, const char *body,
                                      apr_size_t len, apr_pool_t *pool)
{
    json_t *object = civic_json_parse(body, len, pool);
    civic_sip_answer_t read = {0};
    const char *data;

    if (!json_is_object(object)) {
        return civic_refusal(CIVIC_ANSWER_FORMAT, "the answer is not a JSON object");
    }
    data = civic_json_string(object, "data");
    if (!data) {
        return civic_refusal(CIVIC_ANSWER_FORMAT, "the answer has no data");
    }
    read.user_id = civic_json_string(object, "userId");
    if (!read.user_id || !user_id_is_sane(read.user_id)) {
        return civic_refusal(CIVIC_ANSWER_USER_ID,
                             read.user_id
                                 ? "the userId is not 1 to 128 visible ASCII characters"
                                 : "the answer has no userId");
    }
    if (!json_is_true(json_object_get(object, "encrypted"))) {
        return civic_refusal(CIVIC_ANSWER_UNENCRYPTED, "encrypted is not true");
    }
    if (json_is_true(json_object_get(object, "processed"))) {
        civic_refusal_t refusal = payload_url_judge(&read, data, app, pool);

        if (refusal.reason != CIVIC_OK) {
            return refusal;
        }
    }
    else {
        read.token = data;
    }
    *answer = read;
    return civic_accepted();
}

/* Both tokens come from one signer, but the blame lies elsewhere: with Civic's answer. */
static civic_refusal_t token_two_judge(civic_jws_t *jws, const civic_sip_application_t *app,
                                       const char *token, apr_size_t len, double now,
                                       apr_pool_t *pool)
{
    civic_refusal_t refusal = civic_sip_check_code(jws, app, token, len, now, pool);

    switch (refusal.reason) {
    case CIVIC_OK:
        return civic_accepted();
    case CIVIC_TOKEN_SIGNATURE:
    case CIVIC_TOKEN_ALGORITHM:
    case CIVIC_TOKEN_ISSUER:
    case CIVIC_TOKEN_AUDIENCE:
        refusal.reason = CIVIC_ANSWER_SIGNATURE;
        break;
    case CIVIC_TOKEN_EXPIRED:
    case CIVIC_TOKEN_EARLY:
        refusal.reason = CIVIC_ANSWER_EXPIRED;
        break;
    default:
        refusal.reason = CIVIC_ANSWER_FORMAT;
        break;
    }
    if (!refusal.detail) {
        refusal.detail = "the payload's token";
    }
    return refusal;
}

civic_refusal_t civic_sip_open_payload(civic_claims_t *claims,
                                       const civic_sip_application_t *app, const char *token,
                                       apr_size_t len, double now, apr_pool_t *pool)
{
    civic_bytes_t iv, cipher, clear;
    const char *data, *detail = NULL;
    civic_refusal_t refusal;
    civic_reason reason;
    civic_jws_t jws;

    refusal = token_two_judge(&jws, app, token, len, now, pool);
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    data = civic_json_string(jws.payload, "data");
    if (!data) {
        return civic_refusal(CIVIC_ANSWER_FORMAT, "the payload's token has no data");
    }
    if (strlen(data) <= IV_HEX || !civic_hex_decode(&iv, data, IV_HEX, pool)
        || !civic_base64_decode(&cipher, data + IV_HEX, strlen(data + IV_HEX), pool)
        || !civic_aes128_cbc_decrypt(&clear, app->secret, iv.data, cipher.data, cipher.len,
                                     pool)) {
        return civic_refusal(CIVIC_ANSWER_DECRYPT, "is the secret that of this application?");
    }
    reason = civic_claims_parse(claims, (const char *)clear.data, clear.len, &detail, pool);
    return civic_refusal(reason, detail);
}

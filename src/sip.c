/* sip.c - judging a code, building the request, the exchange. See sip.h. */
#include "sip.h"

#include <apr_strings.h>
#include <string.h>

#include "clock.h"
#include "encoding.h"
#include "json.h"
#include "transport.h"

#define ISSUER   "civic-sip-hosted-service"
#define API_PATH "scopeRequest/authCode"
enum { REQUEST_TOKEN_LIFE = 180, THROTTLED_WAIT_SEC = 2 };

static double seconds_now(void)
{
    return (double)apr_time_now() / APR_USEC_PER_SEC;
}

civic_refusal_t civic_sip_check_code(civic_jws_t *code, const civic_sip_application_t *app,
                                     const char *token, apr_size_t len, double now,
                                     apr_pool_t *pool)
{
    const char *detail = NULL;
    civic_reason reason;
    civic_jws_t jws;

    reason = civic_jws_verify(&jws, token, len, app->civic_key, pool);
    if (reason != CIVIC_OK) {
        return civic_refusal(reason, reason == CIVIC_TOKEN_SIGNATURE
                                         ? "does CivicPublicKey belong to this service?"
                                         : NULL);
    }
    if (strcmp(jws.issuer, ISSUER)) {
        return civic_refusal(CIVIC_TOKEN_ISSUER, "iss is not " ISSUER);
    }
    /* Older tokens name the service itself as their subject. */
    if (strcmp(jws.subject, app->app_id) && strcmp(jws.subject, ISSUER)) {
        return civic_refusal(CIVIC_TOKEN_AUDIENCE,
                             apr_pstrcat(pool, "sub is not ", app->app_id, NULL));
    }
    reason = civic_jws_check_times(&jws, now, CIVIC_CLOCK_TOLERANCE, &detail, pool);
    if (reason != CIVIC_OK) {
        return civic_refusal(reason, detail);
    }
    *code = jws;
    return civic_accepted();
}

/* The request token: who asks, for what, and until when. */
static const char *request_token(const civic_sip_application_t *app, double now,
                                 apr_pool_t *pool)
{
    const char *jti = civic_uuid(pool);
    json_int_t issued = (json_int_t)now;
    json_t *payload;

    if (!jti) {
        return NULL;
    }
    payload = json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:{s:s, s:s}}", "jti", jti, "iat",
                        issued, "exp", issued + REQUEST_TOKEN_LIFE, "iss", app->app_id, "aud",
                        apr_pstrcat(pool, app->api_url, "/", NULL), "sub", app->app_id, "data",
                        "method", "POST", "path", API_PATH);
    if (!civic_json_own(payload, pool)) {
        return NULL;
    }
    return civic_jws_sign(payload, app->private_key, pool);
}

int civic_sip_request(civic_sip_request_t *request, const civic_sip_application_t *app,
                      const char *token, double now, apr_pool_t *pool)
{
    json_t *body = civic_json_own(
        json_pack("{s:b, s:s}", "allowS3UploadedPayload", 1, "authToken", token), pool);
    const char *text = body ? civic_json_text(body, pool) : NULL;
    const char *signed_token = text ? request_token(app, now, pool) : NULL;
    unsigned char mac[CIVIC_SHA256_LEN];

    /* The HMAC's key is the secret's text, not its bytes. */
    if (!signed_token
        || !civic_hmac_sha256(mac, app->secret_hex, strlen(app->secret_hex), text,
                              strlen(text))) {
        return 0;
    }
    request->url = apr_pstrcat(pool, app->api_url, "/", app->environment, "/" API_PATH, NULL);
    request->authorization = apr_pstrcat(pool, "Civic ", signed_token, ".",
                                         civic_base64_encode(mac, sizeof(mac), pool), NULL);
    request->body = text;
    return 1;
}

/* None was asked for, so whoever sends one is not to be unpacked. */
static civic_refusal_t judge_encoding(const civic_http_answer_t *answer)
{
    if (answer->encoding) {
        return civic_refusal(CIVIC_ANSWER_FORMAT,
                             "the answer is compressed, though nobody asked for it");
    }
    return civic_accepted();
}

/* A large payload is fetched from storage, without our credentials. */
static civic_refusal_t payload_fetch(civic_http_answer_t *payload,
                                     const civic_sip_answer_t *answer,
                                     const civic_http_request_t *like,
                                     civic_transport_t *transport, apr_pool_t *pool)
{
    civic_http_request_t get = {.url = answer->payload_url,
                                .ca_file = like->ca_file,
                                .proxy = like->proxy,
                                .proxy_secret = like->proxy_secret,
                                .answer_max = CIVIC_PAYLOAD_MAX,
                                .public_only = answer->payload_public,
                                .deadline = like->deadline};
    civic_refusal_t refusal = civic_transport_send(payload, transport, &get, pool);

    if (refusal.reason == CIVIC_OK && payload->status != 200) {
        refusal = civic_refusal(CIVIC_UPSTREAM_ERROR, apr_psprintf(pool,
                                                                   "the payload's storage "
                                                                   "answered with status %d",
                                                                   payload->status));
    }
    if (refusal.reason == CIVIC_OK) {
        refusal = judge_encoding(payload);
    }
    /* Storage bodies may end in a line break. */
    while (refusal.reason == CIVIC_OK && payload->len > 0
           && strchr(" \r\n", payload->body[payload->len - 1])) {
        payload->len--;
    }
    return refusal;
}

static civic_refusal_t answer_open(civic_sip_identity_t *identity,
                                   const civic_sip_application_t *app,
                                   const civic_http_answer_t *http,
                                   const civic_http_request_t *request,
                                   civic_transport_t *transport, apr_pool_t *pool)
{
    civic_refusal_t refusal;
    civic_sip_answer_t answer;
    civic_http_answer_t payload;
    civic_claims_t claims;

    refusal = civic_sip_read_answer(&answer, app, http->body, http->len, pool);
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    if (answer.payload_url) {
        refusal = payload_fetch(&payload, &answer, request, transport, pool);
        if (refusal.reason != CIVIC_OK) {
            return refusal;
        }
    }
    else {
        payload.body = (char *)answer.token;
        payload.len = strlen(answer.token);
    }
    refusal =
        civic_sip_open_payload(&claims, app, payload.body, payload.len, seconds_now(), pool);
    if (refusal.reason == CIVIC_OK) {
        identity->user_id = answer.user_id;
        identity->claims = claims;
    }
    return refusal;
}

/* Each time with a request token of its own. */
static civic_refusal_t ask(civic_http_answer_t *http, civic_http_request_t *request,
                           const civic_sip_application_t *app, civic_transport_t *transport,
                           const char *token, apr_pool_t *pool)
{
    civic_sip_request_t sip;

    if (!civic_sip_request(&sip, app, token, seconds_now(), pool)) {
        return civic_refusal(CIVIC_INTERNAL, "the request could not be signed");
    }
    request->url = sip.url;
    request->body = sip.body;
    request->authorization = sip.authorization;
    return civic_transport_send(http, transport, request, pool);
}

/* Does the service say when to come back, and is that soon? */
static int may_wait(const civic_http_answer_t *http, const civic_http_request_t *request)
{
    return http->status == 429 && http->retry_after >= 0
           && http->retry_after <= THROTTLED_WAIT_SEC
           && civic_clock_steady() + apr_time_from_sec(http->retry_after + 1)
                  < request->deadline;
}

civic_refusal_t civic_sip_exchange(civic_sip_identity_t *identity,
                                   const civic_sip_application_t *app,
                                   civic_transport_t *transport, const char *token,
                                   apr_interval_time_t timeout, apr_pool_t *pool)
{
    civic_http_request_t request = {
        .ca_file = app->ca_file, .proxy = app->proxy, .proxy_secret = app->proxy_secret};
    civic_http_answer_t http;
    civic_refusal_t refusal;

    request.deadline = civic_clock_steady() + timeout;
    refusal = ask(&http, &request, app, transport, token, pool);
    if (refusal.reason == CIVIC_OK && may_wait(&http, &request)) {
        apr_sleep(apr_time_from_sec(http.retry_after));
        refusal = ask(&http, &request, app, transport, token, pool);
    }
    if (refusal.reason == CIVIC_OK) {
        refusal = civic_sip_judge_status(http.status, http.body, http.len, pool);
    }
    if (refusal.reason == CIVIC_UPSTREAM_REFUSED) {
        return civic_sip_explain_refused(refusal, app, http.date, apr_time_now(), pool);
    }
    if (refusal.reason == CIVIC_OK) {
        refusal = judge_encoding(&http);
    }
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    return answer_open(identity, app, &http, &request, transport, pool);
}

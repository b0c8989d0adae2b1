/* api.c - POST /sip/{env}/scopeRequest/authCode: the exchange, verified as the service does,
 * and payloads by URL. Faults play here. */
#include <ap_mpm.h>
#include <apr_network_io.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <stdlib.h>
#include <string.h>

#include "body.h"
#include "encoding.h"
#include "json.h"
#include "jws.h"
#include "sandbox.h"

enum { INLINE_MAX = 16 * 1024, HANG_SEC = 120, LARGE = 9 * 1024 * 1024, SKEW_SEC = 600 };

/* One exchange while it is judged. */
typedef struct {
    request_rec *r;
    const sandbox_application_t *app;
    const char *body;
    json_t *json;
    sandbox_ask_t ask; /* its fault is the one that plays */
} exchange_t;

static int refuse(request_rec *r, int status, const char *message)
{
    sandbox_log_exchange(status, message);
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "civic_sandbox: exchange refused: %d %s",
                  status, message);
    return sandbox_message(r, status, message);
}

/* ---- faults ---- */

static int client_has_gone(request_rec *r)
{
    apr_socket_t *socket = ap_get_conn_socket(r->connection);
    int at_eof = 0;

    return !socket || (apr_socket_atreadeof(socket, &at_eof) == APR_SUCCESS && at_eof);
}

static void wait_for(request_rec *r, double seconds)
{
    apr_time_t end = apr_time_now() + (apr_time_t)(seconds * APR_USEC_PER_SEC);
    int state = AP_MPMQ_RUNNING;

    while (apr_time_now() < end && !client_has_gone(r) && state == AP_MPMQ_RUNNING) {
        apr_sleep(50000);
        ap_mpm_query(AP_MPMQ_MPM_STATE, &state);
    }
}

static int cut(request_rec *r)
{
    ap_set_content_type(r, "application/json");
    ap_set_content_length(r, 1000);
    r->connection->keepalive = AP_CONN_CLOSE;
    ap_rputs("{\"data\":\"", r);
    ap_rflush(r);
    return OK;
}

static int large(request_rec *r)
{
    static const char block[4096] = "                ";

    ap_set_content_type(r, "application/json");
    for (int sent = 0; sent < LARGE && !r->connection->aborted; sent += (int)sizeof(block)) {
        ap_rwrite(block, sizeof(block), r);
    }
    return OK;
}

static int text(request_rec *r, const char *type, const char *body)
{
    ap_set_content_type(r, type);
    ap_rputs(body, r);
    return OK;
}

/* The clock that the answer's Date is read from. */
static void set_clock(request_rec *r, int seconds)
{
    r->request_time += apr_time_from_sec(seconds);
}

/* Turned away at the door: the code was not looked at. @return DECLINED for other faults */
static int turn_away(request_rec *r, const char *fault)
{
    if (strcmp(fault, "429-soon")) {
        return DECLINED;
    }
    apr_table_setn(r->err_headers_out, "Retry-After", "1");
    return refuse(r, HTTP_TOO_MANY_REQUESTS, "come back in a second");
}

/* Faults in place of an answer. @return DECLINED when the fault is none of these */
static int play_fault(request_rec *r, const char *fault)
{
    int status = atoi(fault);

    if (!strcmp(fault, "401-skewed")) {
        set_clock(r, SKEW_SEC);
    }
    if (status >= 400 && status < 600) {
        return refuse(r, status, "a fault on demand");
    }
    if (!strncmp(fault, "slow:", 5)) {
        wait_for(r, atof(fault + 5));
        return DECLINED;
    }
    if (!strcmp(fault, "hang")) {
        wait_for(r, HANG_SEC);
        return refuse(r, HTTP_GATEWAY_TIME_OUT, "hung");
    }
    if (!strcmp(fault, "redirect")) {
        apr_table_setn(r->headers_out, "Location",
                       apr_pstrcat(r->pool, sandbox_url(r), "/", NULL));
        return refuse(r, HTTP_MOVED_TEMPORARILY, "elsewhere");
    }
    if (!strcmp(fault, "cut") || !strcmp(fault, "large") || !strcmp(fault, "not-json")
        || !strcmp(fault, "empty") || !strcmp(fault, "wrong-type")) {
        sandbox_log_exchange(HTTP_OK, fault);
        return !strcmp(fault, "cut")        ? cut(r)
               : !strcmp(fault, "large")    ? large(r)
               : !strcmp(fault, "not-json") ? text(r, "text/html", "<h1>It works!</h1>")
               : !strcmp(fault, "empty")    ? text(r, "application/json", "")
                                            : text(r, "application/json", "[1,2,3]");
    }
    return DECLINED;
}

/* ---- judging ---- */

/* "Civic <three parts>.<base64>". */
static int authorization_split(request_rec *r, const char **token, const char **extension)
{
    const char *header = apr_table_get(r->headers_in, "Authorization");
    char *copy, *last;

    if (!header || strncasecmp(header, "Civic ", 6)) {
        return 0;
    }
    copy = apr_pstrdup(r->pool, header + 6);
    last = strrchr(copy, '.');
    if (!last) {
        return 0;
    }
    *last = '\0';
    *token = copy;
    *extension = last + 1;
    return 1;
}

/* Who says that he asks? Unverified, only to find the key that verifies it. */
static const sandbox_application_t *application_of(request_rec *r, const char *token)
{
    const char *first = strchr(token, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    civic_bytes_t bytes;
    json_t *payload;

    if (!second
        || !civic_base64url_decode(&bytes, first + 1, (apr_size_t)(second - first - 1),
                                   r->pool)) {
        return NULL;
    }
    payload = civic_json_parse((const char *)bytes.data, bytes.len, r->pool);
    return payload ? sandbox_application(r->server, civic_json_string(payload, "iss")) : NULL;
}

static int audience_fits(request_rec *r, const json_t *audience)
{
    const char *base = apr_pstrcat(r->pool, sandbox_url(r), "/sip", NULL);
    const char *text_value = json_string_value(audience);
    apr_size_t len = strlen(base);

    return text_value && !strncmp(text_value, base, len)
           && (!text_value[len] || !strcmp(text_value + len, "/"));
}

/* @return NULL, or what is wrong with the request token */
static const char *token_fault(exchange_t *x, const char *token)
{
    apr_pool_t *pool = x->r->pool;
    double now = (double)apr_time_now() / APR_USEC_PER_SEC;
    const char *detail = NULL, *method = NULL, *path = NULL;
    const json_t *data;
    civic_jws_t jws;

    if (civic_jws_verify(&jws, token, strlen(token), x->app->public_key, pool) != CIVIC_OK) {
        return "the request token is not signed by this application's key";
    }
    if (strcmp(jws.issuer, x->app->id) || strcmp(jws.subject, x->app->id)) {
        return "iss and sub of the request token must be the application's id";
    }
    if (civic_jws_check_times(&jws, now, CIVIC_CLOCK_TOLERANCE, &detail, pool) != CIVIC_OK) {
        return apr_pstrcat(pool, "the request token's times do not fit: ", detail, NULL);
    }
    if (!audience_fits(x->r, jws.audience)) {
        return "aud of the request token is not this API";
    }
    data = json_object_get(jws.payload, "data");
    method = json_is_object(data) ? civic_json_string(data, "method") : NULL;
    path = json_is_object(data) ? civic_json_string(data, "path") : NULL;
    if (!method || !path || strcmp(method, "POST") || strcmp(path, "scopeRequest/authCode")) {
        return "data of the request token must name POST and scopeRequest/authCode";
    }
    return sandbox_jti_once(jws.jti) ? NULL : "the request token was used before";
}

static int hmac_fits(const exchange_t *x, const char *over, const char *extension)
{
    unsigned char mac[CIVIC_SHA256_LEN];
    civic_bytes_t given;

    return civic_hmac_sha256(mac, x->app->secret_hex, strlen(x->app->secret_hex), over,
                             strlen(over))
           && civic_base64_decode(&given, extension, strlen(extension), x->r->pool)
           && given.len == sizeof(mac) && civic_equal(mac, given.data, sizeof(mac));
}

/* @return NULL, or what is wrong with the authorization code; its ask is filled in */
static const char *code_fault(exchange_t *x, const char *token)
{
    request_rec *r = x->r;
    double now = (double)apr_time_now() / APR_USEC_PER_SEC;
    const char *detail = NULL, *code;
    const json_t *data;
    civic_key_t *own;
    civic_jws_t jws;
    const char *hex = civic_key_public_hex(sandbox_conf(r->server)->key, r->pool);

    if (!hex || civic_key_read_public(&own, hex, r->pool)
        || civic_jws_verify(&jws, token, strlen(token), own, r->pool) != CIVIC_OK) {
        return "authToken is not a token of this service";
    }
    if (strcmp(jws.issuer, SANDBOX_ISSUER)) {
        return "iss of authToken is not this service";
    }
    if (strcmp(jws.subject, x->app->id) && strcmp(jws.subject, SANDBOX_ISSUER)) {
        return "authToken was issued to another application";
    }
    if (civic_jws_check_times(&jws, now, CIVIC_CLOCK_TOLERANCE, &detail, r->pool)
        != CIVIC_OK) {
        return "authToken has expired";
    }
    data = json_object_get(jws.payload, "data");
    code = json_is_object(data) ? civic_json_string(data, "codeToken") : NULL;
    if (!code || !sandbox_ask_by_code(&x->ask, code) || x->ask.status != ASK_APPROVED
        || strcmp(x->ask.application, x->app->id)) {
        return "the authorization code is not known";
    }
    return NULL;
}

/* ---- the answer ---- */

static int answer(exchange_t *x)
{
    request_rec *r = x->r;
    const char *fault = x->ask.fault;
    const char *token = sandbox_data_token(r, &x->ask), *data = token;
    int by_url = !strcmp(fault, "processed") || !strncmp(fault, "payload-", 8)
                 || (token && strlen(token) > INLINE_MAX);
    int life = strcmp(fault, "payload-gone") ? SANDBOX_PAYLOAD_LIFE : -1;
    json_t *body;

    if (!token) {
        return refuse(r, HTTP_INTERNAL_SERVER_ERROR, "the answer cannot be made");
    }
    by_url = by_url && json_is_true(json_object_get(x->json, "allowS3UploadedPayload"));
    if (by_url) {
        sandbox_ask_offer_payload(&x->ask, apr_time_now() + apr_time_from_sec(life));
        data = apr_pstrcat(r->pool,
                           !strcmp(fault, "payload-host") ? "https://payload.example.net"
                                                          : sandbox_url(r),
                           "/payload/", x->ask.code, NULL);
    }
    body = json_pack("{s:s, s:b, s:s}", "data", data, "encrypted",
                     strcmp(fault, "unencrypted") != 0, "alg", "aes");
    if (strcmp(fault, "no-user-id")) {
        json_object_set_new(body, "userId",
                            json_string(sandbox_people[x->ask.person].user_id));
    }
    if (by_url) {
        json_object_set_new(body, "processed", json_true());
    }
    sandbox_log_exchange(HTTP_OK, "");
    return sandbox_json(r, HTTP_OK, body);
}

static int exchange(exchange_t *x)
{
    static const char used_before[] = "duplicate: the authorization code was used before";
    const char *token, *extension, *auth_token, *fault;
    request_rec *r = x->r;
    int status;

    if (!authorization_split(r, &token, &extension)) {
        return refuse(r, HTTP_UNAUTHORIZED, "Authorization must be: Civic token.extension");
    }
    x->app = application_of(r, token);
    fault = x->app ? token_fault(x, token) : "the request token names no known application";
    if (fault) {
        return refuse(r, HTTP_UNAUTHORIZED, fault);
    }
    if (!hmac_fits(x, x->body, extension)
        && !hmac_fits(x, civic_json_text(x->json, r->pool), extension)) {
        return refuse(r, HTTP_UNAUTHORIZED,
                      "the HMAC of the body does not fit: wrong secret?");
    }
    auth_token = civic_json_string(x->json, "authToken");
    fault = auth_token ? code_fault(x, auth_token) : "authToken is missing";
    if (fault) {
        return refuse(r, HTTP_BAD_REQUEST, fault);
    }
    if (x->ask.used) {
        return refuse(r, HTTP_FORBIDDEN, used_before);
    }
    if (!x->ask.fault[0]) {
        sandbox_fault_take(x->ask.fault);
    }
    status = turn_away(r, x->ask.fault);
    if (status != DECLINED) {
        return status;
    }
    if (!sandbox_ask_use(x->ask.code)) {
        return refuse(r, HTTP_FORBIDDEN, used_before);
    }
    status = play_fault(r, x->ask.fault);
    return status == DECLINED ? answer(x) : status;
}

int sandbox_api(request_rec *r, const char *rest)
{
    exchange_t x = {.r = r};
    const char *path = *rest == '/' ? strchr(rest + 1, '/') : NULL;
    apr_size_t len;

    if (!path || path == rest + 1 || strcmp(path, "/scopeRequest/authCode")) {
        return sandbox_message(r, HTTP_NOT_FOUND, "there is no such address");
    }
    if (r->method_number != M_POST) {
        apr_table_setn(r->headers_out, "Allow", "POST");
        return refuse(r, HTTP_METHOD_NOT_ALLOWED, "POST only");
    }
    if (civic_body_read(r, &x.body, &len).reason != CIVIC_OK) {
        return refuse(r, HTTP_BAD_REQUEST, "the body cannot be read");
    }
    x.json = civic_json_parse(x.body, len, r->pool);
    if (!json_is_object(x.json)) {
        return refuse(r, HTTP_BAD_REQUEST, "the body is not a JSON object");
    }
    return exchange(&x);
}

int sandbox_payload(request_rec *r, const char *rest)
{
    sandbox_ask_t ask;
    const char *token;

    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (apr_table_get(r->headers_in, "Authorization")) {
        return sandbox_message(r, HTTP_BAD_REQUEST,
                               "only one authorization is allowed, and the "
                               "URL has it");
    }
    if (*rest != '/' || !sandbox_ask_by_code(&ask, rest + 1)
        || ask.payload_until < apr_time_now()) {
        return sandbox_message(r, HTTP_FORBIDDEN, "the URL has expired");
    }
    token = sandbox_data_token(r, &ask);
    if (!token) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    sandbox_log_payload();
    ap_set_content_type(r, "application/octet-stream");
    ap_rputs(token, r);
    return OK;
}

/* callback.c - POST CivicEndpoint/callback: a page hands in an authorization code.
 *
 * Judged in the order of cost: form, state, signature, single use; only then is Civic asked.
 * Where the browser has a session that fits already (another tab was faster, Back was
 * pressed), that one wins over a code or page that is too old.
 */
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <string.h>

#include "account.h"
#include "body.h"
#include "clock.h"
#include "cookie.h"
#include "endpoints.h"
#include "factor.h"
#include "identity.h"
#include "json.h"
#include "log.h"
#include "session_start.h"
#include "page.h"
#include "picture.h"
#include "refuse.h"
#include "request.h"
#include "return_path.h"
#include "runtime.h"
#include "scope.h"

/* One login on its way through the steps below. */
typedef struct {
    request_rec *r;
    const civic_server_conf_t *conf;
    const civic_application_t *application;
    const char *token;
    civic_browser_t browser;
    civic_state_t state;
    civic_jws_t code;
} login_t;

/* ---- the request ---- */

/* Before anything is read: a flood costs a digest each, and no more. */
civic_refusal_t civic_callback_count(request_rec *r)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    civic_rate_t limit = civic_conf_callback_limit(conf);
    int later = 0;

    if (limit.count > 0) {
        later = civic_attempts_take(conf->runtime->attempts, r->useragent_addr, conf->realm,
                                    sizeof(conf->realm), &limit, civic_clock_steady());
    }
    if (!later) {
        return civic_accepted();
    }
    civic_request(civic_request_first(r))->retry_after = later;
    return civic_refusal(CIVIC_TOO_MANY_ATTEMPTS,
                         apr_psprintf(r->pool,
                                      "CivicCallbackLimit is reached for %s; is that a proxy, "
                                      "mod_remoteip tells who is behind it",
                                      r->useragent_ip));
}

static civic_refusal_t read_form(login_t *login, const char **state)
{
    request_rec *r = login->r;
    civic_refusal_t refusal;
    const char *text;
    apr_size_t len;
    json_t *body;

    refusal = civic_request_body_of_own_page(r, CIVIC_TYPE_JSON, &text, &len);
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    body = civic_json_parse(text, len, r->pool);
    login->token = json_is_object(body) ? civic_json_string(body, "token") : NULL;
    *state = json_is_object(body) ? civic_json_string(body, "state") : NULL;
    if (!login->token || !*state) {
        return civic_refusal(CIVIC_BODY_MALFORMED,
                             body ? "token or state is missing" : "it is not acceptable JSON");
    }
    return civic_accepted();
}

static civic_refusal_t open_state(login_t *login, const char *text)
{
    request_rec *r = login->r;
    civic_reason reason = civic_state_open_any(&login->state, text, strlen(text),
                                               &login->conf->runtime->seal_keys, r->pool);
    int known;

    if (reason != CIVIC_OK) {
        return civic_refusal(reason, "it was not sealed here");
    }
    login->application = civic_conf_application(login->conf, login->state.application);
    if (!login->application || login->state.factor.use != CIVIC_STATE_LOGIN
        || !civic_state_is_of(&login->state, login->conf->realm)
        || !civic_return_path_is_local(login->state.return_path)) {
        return civic_refusal(CIVIC_STATE_INVALID,
                             "it is not for a login at one of this server's applications");
    }
    known = civic_cookie_get_browser(&login->browser, r);
    reason = civic_state_judge(&login->state, known ? &login->browser : NULL, apr_time_now());
    return civic_refusal(
        reason, reason == CIVIC_STATE_FOREIGN && !known ? "no login cookie came" : NULL);
}

static civic_refusal_t check_code(login_t *login)
{
    double now = (double)apr_time_now() / APR_USEC_PER_SEC;
    apr_size_t len = strlen(login->token);

    if (len > CIVIC_CODE_MAX) {
        return civic_refusal(CIVIC_TOKEN_FORMAT, "it is too long");
    }
    return civic_sip_check_code(&login->code, &login->application->sip, login->token, len, now,
                                login->r->pool);
}

/* Test and set: of any number of callbacks with one code, one goes on. */
static civic_refusal_t use_once(login_t *login)
{
    const double longest = 10 * 366 * 86400.0;
    double life = login->code.expires_at + CIVIC_CLOCK_TOLERANCE
                  - (double)apr_time_now() / APR_USEC_PER_SEC;
    apr_time_t now = apr_time_now();
    unsigned char key[CIVIC_STORE_KEY_LEN];
    const char *text = apr_pstrcat(login->r->pool, login->application->sip.app_id, " ",
                                   login->code.jti, NULL);
    civic_store_t *store = login->conf->runtime->store;

    if (!civic_sha256(key, text, strlen(text))) {
        return civic_refusal(CIVIC_INTERNAL, "OpenSSL failed");
    }
    life = life < 1 ? 1 : life > longest ? longest : life;
    switch (store->ops->once(store, key, now + (apr_time_t)(life * APR_USEC_PER_SEC),
                             login->r->pool)) {
    case CIVIC_STORE_OK:
        return civic_accepted();
    case CIVIC_STORE_MISSING:
        return civic_refusal(CIVIC_TOKEN_REPLAYED, NULL);
    default:
        return civic_refusal(CIVIC_STORE_UNAVAILABLE,
                             "whether this code was used cannot be told");
    }
}

/* ---- the exchange ---- */

/* Over all children, so many at once. */
static int take_slot(const login_t *login, civic_slot_t *slot, apr_time_t now)
{
    civic_slots_t *slots = login->conf->runtime->slots;
    int taken = civic_slots_take(slot, slots, now), crowded;

    if (civic_slots_is_news(&crowded, slots, taken, now)) {
        ap_log_error(APLOG_MARK, crowded ? APLOG_WARNING : APLOG_NOTICE, 0, login->r->server,
                     CIVIC_LOG_PREFIX "exchanges under way: %d, CivicExchangeLimit is %d: %s",
                     civic_slots_taken(slots, now), civic_slots_limit(slots),
                     crowded ? "further logins are refused until one ends"
                             : "there is room for logins again");
    }
    return taken;
}

/* Each code once. */
static civic_refusal_t exchange_in_slot(login_t *login, civic_sip_identity_t *identity,
                                        apr_interval_time_t timeout)
{
    civic_runtime_t *runtime = login->conf->runtime;
    apr_time_t now = civic_clock_steady();
    civic_refusal_t refusal;
    civic_slot_t slot;

    if (!runtime->transport) {
        return civic_refusal(CIVIC_INTERNAL, "libcurl could not be set up in this child");
    }
    if (!take_slot(login, &slot, now)) {
        return civic_refusal(CIVIC_EXCHANGE_BUSY, "CivicExchangeLimit is reached");
    }
    refusal = use_once(login);
    if (refusal.reason == CIVIC_OK) {
        refusal = civic_sip_exchange(identity, &login->application->sip, runtime->transport,
                                     login->token, timeout, login->r->pool);
        civic_counters_exchange(runtime->counters, civic_clock_steady() - now);
    }
    civic_slots_give_back(&slot, runtime->slots);
    return refusal;
}

/* What a refusal says of the service: whoever refuses is there. */
static civic_outcome outcome_of(civic_reason reason)
{
    switch (reason) {
    case CIVIC_UPSTREAM_ERROR:
    case CIVIC_UPSTREAM_TIMEOUT:
    case CIVIC_UPSTREAM_UNREACHABLE:
    case CIVIC_UPSTREAM_CUT:
        return CIVIC_OUTCOME_FAILED;
    case CIVIC_EXCHANGE_BUSY:
    case CIVIC_TOKEN_REPLAYED:
    case CIVIC_STORE_UNAVAILABLE:
    case CIVIC_UPSTREAM_UNTRUSTED: /* perhaps not even Civic */
    case CIVIC_INTERNAL:
        return CIVIC_OUTCOME_UNKNOWN;
    default:
        return CIVIC_OUTCOME_GOOD;
    }
}

/* One line for each change, by whoever brought it about. */
static void log_change(const login_t *login, civic_breaker_change change,
                       civic_refusal_t refusal)
{
    const civic_runtime_t *runtime = login->conf->runtime;
    const civic_upstream_t *upstream =
        &APR_ARRAY_IDX(runtime->upstreams, login->application->upstream, civic_upstream_t);
    int left = civic_breaker_left(runtime->breakers, login->application->upstream,
                                  civic_clock_steady());

    if (change == CIVIC_BREAKER_CLOSED) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, login->r->server,
                     CIVIC_LOG_PREFIX "Civic at %s answers again: logins go on",
                     upstream->api);
    }
    else if (change != CIVIC_BREAKER_STAYS) {
        ap_log_error(APLOG_MARK, change == CIVIC_BREAKER_OPENED ? APLOG_WARNING : APLOG_INFO,
                     0, login->r->server,
                     CIVIC_LOG_PREFIX
                     "Civic at %s%s%s %s: %s (%s); logins are refused, and one asks again in "
                     "%d s",
                     upstream->api, *upstream->proxy ? " by way of " : "", upstream->proxy,
                     change == CIVIC_BREAKER_OPENED ? apr_psprintf(
                         login->r->pool, "is down, %d exchanges in a row failed",
                         CIVIC_BREAKER_FAILURES)
                                                    : "is still down",
                     civic_reason_info(refusal.reason)->name,
                     refusal.detail ? refusal.detail : "no detail", left);
    }
}

static civic_refusal_t exchange(login_t *login, civic_sip_identity_t *identity)
{
    civic_breakers_t *breakers = login->conf->runtime->breakers;
    apr_interval_time_t timeout = login->conf->exchange_timeout != CIVIC_UNSET
                                      ? login->conf->exchange_timeout
                                      : CIVIC_DEFAULT_EXCHANGE_TIMEOUT;
    civic_breaker_pass_t pass;
    civic_refusal_t refusal;
    int later = civic_breaker_ask(&pass, breakers, login->application->upstream,
                                  civic_clock_steady(), timeout + apr_time_from_sec(1));

    if (later) {
        civic_request(civic_request_first(login->r))->retry_after = later;
        return civic_refusal(CIVIC_UPSTREAM_DOWN,
                             "the last exchanges failed, and Civic was not asked");
    }
    refusal = exchange_in_slot(login, identity, timeout);
    log_change(login,
               civic_breaker_report(&pass, breakers, outcome_of(refusal.reason),
                                    civic_clock_steady()),
               refusal);
    return refusal;
}

/* The browser chooses what Civic is asked for, and the code does not say it: the answer must
 * show what the page asked for, or a lesser approval would open a location that wants more. */
static civic_refusal_t check_scope(const login_t *login, const civic_sip_identity_t *identity)
{
    const char *evidence = civic_scope_evidence(login->state.scope);

    if (evidence && !civic_claims_have(&identity->claims, evidence)) {
        return civic_refusal(CIVIC_SCOPE_NOT_SHOWN,
                             apr_psprintf(login->r->pool,
                                          "%s was asked for, but no %s item is shown",
                                          login->state.scope, evidence));
    }
    return civic_accepted();
}

/* Whoever holds the first factor alone must not get any further with an identity of his own.
 * An account without an identity gets a session, which opens nothing but the page that links
 * it. */
static civic_refusal_t check_account(const login_t *login,
                                     const civic_sip_identity_t *identity)
{
    civic_enrollment_t enrollment;
    civic_refusal_t refusal = civic_factor_enrollment(
        &enrollment, login->r, login->application->sip.app_id, login->state.factor.account);

    if (refusal.reason != CIVIC_OK) {
        return refusal.reason == CIVIC_NOT_ENROLLED ? civic_accepted() : refusal;
    }
    return strcmp(enrollment.user_id, identity->user_id)
               ? civic_refusal(CIVIC_SECOND_FACTOR_FOREIGN,
                               civic_factor_about(login->r, login->state.factor.account,
                                                  "Civic knows this person by another userId"))
               : civic_accepted();
}

/* ---- the session ---- */

/* What the browser has of what it is about to get. */
static civic_lookup_t *lookup_of(const login_t *login)
{
    return login->state.factor.account ? civic_request_factor(login->r, login->application)
                                       : civic_request_session(login->r, login->application);
}

static void warn(request_rec *r, const char *what, const char *detail)
{
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, CIVIC_LOG_PREFIX "%s%s ref=%s", what,
                  detail, civic_request_reference(r));
}

/* Judge the document's picture and take it out of the claims. @return 1 when it is to
 * be kept */
static int picture_take(const login_t *login, civic_bytes_t *picture, civic_claims_t *claims)
{
    request_rec *r = login->r;
    const char *why = "";

    if (login->application->keep_picture == 1) {
        why = civic_picture_read(picture, claims, r->pool);
    }
    if (!civic_claims_drop_picture(claims, r->pool)) {
        warn(r, "the document's picture does not fit its checksum and does not count", "");
        return 0;
    }
    if (why && *why) {
        warn(r, "the document's picture is not kept: ", why);
    }
    return why == NULL;
}

static civic_refusal_t session_start(login_t *login, const civic_sip_identity_t *identity)
{
    request_rec *r = login->r;
    civic_record_t record = {.application = login->application->sip.app_id,
                             .scope = login->state.scope,
                             .user_id = identity->user_id,
                             .account = login->state.factor.account,
                             .claims = identity->claims};
    civic_refusal_t refusal;
    const char *collisions;
    civic_bytes_t picture;
    int has_picture = picture_take(login, &picture, &record.claims);

    collisions = civic_identity_collisions(&record.claims, r->pool);
    if (collisions) {
        warn(r, "several claims fold to one name, none is passed on: ", collisions);
    }
    refusal = civic_session_start(r, lookup_of(login), &record, has_picture ? &picture : NULL,
                                  &login->browser);
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    if (has_picture && !record.has_picture) {
        warn(r, "the document's picture is not kept: ",
             "the session store has no room for it, raise its size");
    }
    civic_counters_add(login->conf->runtime->counters, CIVIC_COUNT_LOGINS, 1);
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  CIVIC_LOG_PREFIX "login: application %s, scope %s, %d claims%s ref=%s",
                  record.application, record.scope, record.claims.count,
                  record.account ? ", second factor" : "", civic_request_reference(r));
    return civic_accepted();
}

/* Too old or used before, but the browser has what it came for. */
static int session_wins(const login_t *login, civic_reason reason)
{
    const char *account = login->state.factor.account;
    const civic_lookup_t *lookup;

    if (reason != CIVIC_STATE_EXPIRED && reason != CIVIC_TOKEN_EXPIRED
        && reason != CIVIC_TOKEN_REPLAYED && reason != CIVIC_CODE_USED) {
        return 0;
    }
    lookup = lookup_of(login);
    return lookup->reason == CIVIC_OK
           && (!account || civic_account_equal(lookup->session.record.account, account))
           && civic_scope_covers(lookup->session.record.scope, login->state.scope);
}

static int answer(request_rec *r, const char *location)
{
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));
    json_t *body = civic_json_own(json_pack("{s:s}", "location", location), r->pool);

    reply->content_type = CIVIC_TYPE_JSON;
    reply->body = body ? civic_json_text(body, r->pool) : NULL;
    if (!reply->body) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return civic_respond(r, HTTP_OK, reply);
}

static civic_refusal_t log_in(login_t *login)
{
    civic_sip_identity_t identity;
    civic_refusal_t refusal;
    const char *state;

    refusal = civic_callback_count(login->r);
    if (refusal.reason == CIVIC_OK) {
        refusal = read_form(login, &state);
    }
    if (refusal.reason == CIVIC_OK) {
        refusal = open_state(login, state);
    }
    if (refusal.reason == CIVIC_OK) {
        refusal = check_code(login);
    }
    if (refusal.reason == CIVIC_OK) {
        refusal = exchange(login, &identity);
    }
    if (refusal.reason == CIVIC_OK) {
        refusal = check_scope(login, &identity);
    }
    if (refusal.reason == CIVIC_OK && login->state.factor.account) {
        refusal = check_account(login, &identity);
    }
    if (refusal.reason == CIVIC_OK) {
        refusal = session_start(login, &identity);
    }
    return refusal;
}

int civic_callback(request_rec *r)
{
    login_t login = {.r = r, .conf = civic_server_conf(r->server)};
    civic_refusal_t refusal;

    if (r->method_number != M_POST) {
        return civic_endpoint_method(r, "POST");
    }
    refusal = log_in(&login);
    if (refusal.reason != CIVIC_OK && !session_wins(&login, refusal.reason)) {
        return civic_refuse(r, "login", refusal, CIVIC_AS_PROBLEM);
    }
    return answer(r, login.state.return_path);
}

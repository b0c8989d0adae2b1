/* recover.c - POST CivicEndpoint/recover: a recovery code in place of an approval.
 *
 * The button of the login page brings the form, the form the code. The state tells for which account the first login was
 * passed, and that its location takes recovery codes. Codes are guessed neither by one address nor for one
 * account more often than below. */
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <string.h>

#include "breaker.h"
#include "cookie.h"
#include "endpoints.h"
#include "factor.h"
#include "factor_form.h"
#include "log.h"
#include "session_start.h"
#include "page_factor.h"
#include "recovery.h"
#include "refuse.h"
#include "request.h"
#include "respond.h"
#include "runtime.h"

static const civic_rate_t of_account = {10, 3600 * APR_USEC_PER_SEC};
static const civic_rate_t of_address = {30, 3600 * APR_USEC_PER_SEC};

/* Whoever comes, from wherever. */
static const apr_sockaddr_t anybody = {.family = 0};

/* @return 0: granted; else in how many seconds the next try will be; -1 when OpenSSL fails */
static int attempt(request_rec *r, const apr_sockaddr_t *address, const civic_rate_t *rate,
                   const char *what)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    const char *text = apr_pstrcat(r->pool, "recovery ", what, NULL);
    unsigned char site[CIVIC_REALM_LEN + CIVIC_SHA256_LEN];

    memcpy(site, conf->realm, CIVIC_REALM_LEN);
    if (!civic_sha256(site + CIVIC_REALM_LEN, text, strlen(text))) {
        return -1;
    }
    return civic_attempts_take(conf->runtime->attempts, address, site, sizeof(site), rate,
                               civic_breaker_clock());
}

static civic_refusal_t count_attempt(request_rec *r, const civic_factor_form_t *form)
{
    int later = attempt(r, r->useragent_addr, &of_address, "");

    if (!later) {
        later = attempt(r, &anybody, &of_account,
                        apr_pstrcat(r->pool, form->application->sip.app_id, " ",
                                    form->state.factor.account, NULL));
    }
    if (later < 0) {
        return civic_refusal(CIVIC_INTERNAL, "OpenSSL failed");
    }
    civic_request(civic_request_first(r))->retry_after = later;
    return later ? civic_refusal(CIVIC_TOO_MANY_ATTEMPTS,
                                 "recovery codes, for one account or from one address")
                 : civic_accepted();
}

/* Is it one of the account's? Others must not cost a session. */
static int is_known(const civic_enrollment_t *enrollment, const char *hash)
{
    for (int i = 0; enrollment->recovery && i < enrollment->recovery->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(enrollment->recovery, i, const char *), hash)) {
            return 1;
        }
    }
    return 0;
}

/* From here on the code is worth nothing any more. Of several at once, one is taken. */
static civic_refusal_t use_code(request_rec *r, const civic_enrollment_t *enrollment,
                                const char *hash)
{
    const char *error = NULL;

    switch (civic_enrollment_use_recovery(civic_server_conf(r->server)->enrollments,
                                          enrollment->application, enrollment->account, hash,
                                          &error, r->pool)) {
    case CIVIC_ENROLLMENT_OK:
        return civic_accepted();
    case CIVIC_ENROLLMENT_NONE:
        return civic_refusal(CIVIC_RECOVERY_REFUSED, NULL);
    default:
        return civic_refusal(CIVIC_ENROLLMENT_DOWN, error);
    }
}

/* A code is used only where its session is kept, and the session is nobody's before the code was used. */
static civic_refusal_t log_in(request_rec *r, civic_factor_form_t *form,
                              const civic_enrollment_t *enrollment, const char *hash)
{
    civic_record_t record = {.application = enrollment->application,
                             .scope = "ANONYMOUS_LOGIN", /* it shows no more than that */
                             .user_id = enrollment->user_id,
                             .account = enrollment->account,
                             .proof = CIVIC_PROOF_RECOVERY};
    const char *id;
    civic_refusal_t refusal = civic_session_keep(&id, r, &record, NULL);

    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    refusal = use_code(r, enrollment, hash);
    if (refusal.reason != CIVIC_OK) {
        civic_session_discard(r, id, &record);
        return refusal;
    }
    civic_session_hand_out(r, id, civic_request_factor(r, form->application), &record,
                           &form->browser);
    return refusal;
}

static void tell(request_rec *r, const civic_enrollment_t *enrollment)
{
    civic_counters_add(civic_server_conf(r->server)->runtime->counters, CIVIC_COUNT_RECOVERIES,
                       1);
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                  CIVIC_LOG_PREFIX "recovery: account %s at application %s logged in by a "
                                   "recovery code, %d left ref=%s",
                  ap_escape_logitem(r->pool, enrollment->account), enrollment->application,
                  enrollment->recovery->nelts - 1, civic_request_reference(r));
}

static civic_refusal_t recover(request_rec *r, civic_factor_form_t *form, const char *code)
{
    const char *application = form->application->sip.app_id;
    const char *account = form->state.factor.account;
    const char *hash = civic_recovery_hash(code, application, account, r->pool);
    civic_enrollment_t enrollment;
    civic_refusal_t refusal = count_attempt(r, form);

    if (refusal.reason == CIVIC_OK) {
        refusal = civic_factor_enrollment(&enrollment, r, application, account);
    }
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    if (!hash || !is_known(&enrollment, hash)) {
        return civic_refusal(CIVIC_RECOVERY_REFUSED,
                             hash ? NULL : "it has not the form of one");
    }
    refusal = log_in(r, form, &enrollment, hash);
    if (refusal.reason == CIVIC_OK) {
        tell(r, &enrollment);
    }
    return refusal;
}

static int page(request_rec *r, const civic_factor_form_t *form, civic_reason reason)
{
    return civic_respond(r, reason == CIVIC_OK ? HTTP_OK : civic_reason_info(reason)->status,
                         civic_page_recovery(r, &form->state,
                                             apr_table_get(form->fields, "state"),
                                             reason != CIVIC_OK));
}

int civic_recover(request_rec *r)
{
    static const char what[] = "recovery";
    civic_audience audience =
        civic_request_is_navigation(r) ? CIVIC_AS_PAGE : CIVIC_AS_PROBLEM;
    civic_factor_form_t form = {0};
    civic_refusal_t refusal;
    const char *code;

    if (r->method_number != M_POST) {
        return civic_endpoint_method(r, "POST");
    }
    refusal = civic_factor_form_read(&form, r, CIVIC_STATE_LOGIN);
    if (refusal.reason == CIVIC_OK && form.state.factor.codes == 0) {
        refusal = civic_refusal(CIVIC_STATE_INVALID, "CivicRecovery is Off there");
    }
    if (refusal.reason != CIVIC_OK) {
        return civic_refuse(r, what, refusal, audience);
    }
    code = apr_table_get(form.fields, "code");
    if (!code) {
        return page(r, &form, CIVIC_OK);
    }
    refusal = recover(r, &form, code);
    if (refusal.reason == CIVIC_OK) {
        return civic_factor_go(r, form.state.return_path);
    }
    if (refusal.reason != CIVIC_RECOVERY_REFUSED || audience == CIVIC_AS_PROBLEM) {
        return civic_refuse(r, what, refusal, audience);
    }
    civic_refusal_log(r, what, refusal);
    return page(r, &form, refusal.reason);
}

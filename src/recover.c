/* recover.c - POST CivicEndpoint/recover: a recovery code in place of an approval.
 *
 * The button of the login page brings the form, the form the code. The state tells for which
 * account the first login was passed, and that its location takes recovery codes. */
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <string.h>

#include "clock.h"
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

/* Nobody guesses one of 2^80. What is left is that somebody with the password could use up the
 * tries of the person: so each network has its own at an account, and all together more than
 * 300 networks have. */
static const civic_rate_t here = {10, 3600 * APR_USEC_PER_SEC};       /* at one account */
static const civic_rate_t of_network = {30, 3600 * APR_USEC_PER_SEC}; /* at all accounts */
static const civic_rate_t of_account = {3000, 3600 * APR_USEC_PER_SEC};

/* Whoever comes, from wherever. */
static const apr_sockaddr_t anybody = {.family = 0};

enum { BUCKETS = 3, SITE_LEN = CIVIC_REALM_LEN + CIVIC_SHA256_LEN };

/* A try takes a token of each. */
typedef struct {
    const apr_sockaddr_t *address;
    const civic_rate_t *rate;
    unsigned char site[SITE_LEN];
} bucket_t;

/* @return 1, 0 when OpenSSL fails */
static int bucket_fill(bucket_t *bucket, request_rec *r, const apr_sockaddr_t *address,
                       const civic_rate_t *rate, const char *what)
{
    const char *text = apr_pstrcat(r->pool, "recovery ", what, NULL);

    bucket->address = address;
    bucket->rate = rate;
    memcpy(bucket->site, civic_server_conf(r->server)->realm, CIVIC_REALM_LEN);
    return civic_sha256(bucket->site + CIVIC_REALM_LEN, text, strlen(text));
}

/* The narrowest first: whoever has spent that takes nothing of the others. */
static int buckets_fill(bucket_t buckets[BUCKETS], request_rec *r,
                        const civic_factor_form_t *form)
{
    const char *account = apr_pstrcat(r->pool, form->application->sip.app_id, " ",
                                      form->state.factor.account, NULL);

    return bucket_fill(&buckets[0], r, r->useragent_addr, &here, account)
           && bucket_fill(&buckets[1], r, r->useragent_addr, &of_network, "")
           && bucket_fill(&buckets[2], r, &anybody, &of_account, account);
}

/* The first `count` of them get their token back. */
static void give_back(request_rec *r, const bucket_t *buckets, int count)
{
    for (int i = 0; i < count; i++) {
        civic_attempts_give_back(civic_server_conf(r->server)->runtime->attempts,
                                 buckets[i].address, buckets[i].site, SITE_LEN,
                                 buckets[i].rate, civic_clock_steady());
    }
}

static civic_refusal_t count_attempt(request_rec *r, const bucket_t *buckets)
{
    for (int i = 0; i < BUCKETS; i++) {
        int later = civic_attempts_take(civic_server_conf(r->server)->runtime->attempts,
                                        buckets[i].address, buckets[i].site, SITE_LEN,
                                        buckets[i].rate, civic_clock_steady());

        if (later) {
            give_back(r, buckets, i);
            civic_request(civic_request_first(r))->retry_after = later;
            return civic_refusal(CIVIC_TOO_MANY_ATTEMPTS,
                                 i == BUCKETS - 1 ? "recovery codes, for one account"
                                 : i              ? "recovery codes, from one network"
                                     : "recovery codes, for one account from one network");
        }
    }
    return civic_accepted();
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
        return civic_refusal(
            CIVIC_RECOVERY_REFUSED,
            civic_factor_about(r, enrollment->account, "the code was used at the same time"));
    default:
        return civic_refusal(CIVIC_ENROLLMENT_DOWN, error);
    }
}

/* A code is used only where its session is kept, and the session is nobody's before the code
 * was used. */
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

static civic_refusal_t judge(request_rec *r, civic_factor_form_t *form, const char *hash)
{
    civic_enrollment_t enrollment;
    civic_refusal_t refusal = civic_factor_enrollment(
        &enrollment, r, form->application->sip.app_id, form->state.factor.account);

    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    /* Others must not cost a session. */
    if (!civic_enrollment_has_recovery(&enrollment, hash)) {
        return civic_refusal(
            CIVIC_RECOVERY_REFUSED,
            civic_factor_about(r, form->state.factor.account, "none of its codes"));
    }
    refusal = log_in(r, form, &enrollment, hash);
    if (refusal.reason == CIVIC_OK) {
        tell(r, &enrollment);
    }
    return refusal;
}

/* What cannot be a code is no try, nor is one that a store could not judge. */
static civic_refusal_t recover(request_rec *r, civic_factor_form_t *form, const char *code)
{
    const char *hash = civic_recovery_hash(code, form->application->sip.app_id,
                                           form->state.factor.account, r->pool);
    bucket_t buckets[BUCKETS];
    civic_refusal_t refusal;

    if (!hash) {
        return civic_refusal(CIVIC_RECOVERY_REFUSED,
                             civic_factor_about(r, form->state.factor.account,
                                                "it has not the form of a code"));
    }
    if (!buckets_fill(buckets, r, form)) {
        return civic_refusal(CIVIC_INTERNAL, "OpenSSL failed");
    }
    refusal = count_attempt(r, buckets);
    if (refusal.reason == CIVIC_OK) {
        refusal = judge(r, form, hash);
        if (civic_reason_info(refusal.reason)->status == HTTP_SERVICE_UNAVAILABLE) {
            give_back(r, buckets, BUCKETS);
        }
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

/* factor.c - see factor.h. */
#include "factor.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>

#include "account.h"
#include "authn.h"
#include "conf.h"
#include "cookie.h"
#include "factor_end.h"
#include "page_factor.h"
#include "privacy.h"
#include "refuse.h"
#include "request.h"
#include "respond.h"
#include "runtime.h"
#include "websocket.h"

static const char what[] = "request";

/* One request on its way through the steps below. */
typedef struct {
    request_rec *r;
    const civic_dir_conf_t *dir;
    const civic_application_t *application;
    civic_first_factor_t *first;
    civic_enrollment_t enrollment; /* when first->linked */
    civic_lookup_t *lookup;
} factor_t;

static int is_on(request_rec *r)
{
    return civic_dir_conf(r)->factor.on == 1;
}

static civic_audience audience_of(request_rec *r)
{
    return civic_authn_is_for_person(r) ? CIVIC_AS_PAGE : CIVIC_AS_PROBLEM;
}

static int misconfigured(request_rec *r, const char *detail)
{
    return civic_refuse(r, what, civic_refusal(CIVIC_NOT_CONFIGURED, detail), audience_of(r));
}

/* ---- which identity ---- */

const char *civic_factor_about(request_rec *r, const char *account, const char *detail)
{
    return apr_pstrcat(r->pool, "account ", ap_escape_logitem(r->pool, account), ": ", detail,
                       NULL);
}

civic_refusal_t civic_factor_enrollment(civic_enrollment_t *enrollment, request_rec *r,
                                        const char *application, const char *account)
{
    civic_enrollments_t *store = civic_server_conf(r->server)->enrollments;
    const char *error = NULL;

    if (!store) {
        return civic_refusal(CIVIC_NOT_CONFIGURED,
                             "CivicSecondFactor needs a CivicEnrollmentStore");
    }
    switch (civic_enrollment_find(store, enrollment, application, account, &error, r->pool)) {
    case CIVIC_ENROLLMENT_OK:
        return civic_accepted();
    case CIVIC_ENROLLMENT_NONE:
        return civic_refusal(CIVIC_NOT_ENROLLED,
                             civic_factor_about(r, account, "CivicEnroll is closed"));
    default:
        return civic_refusal(CIVIC_ENROLLMENT_DOWN, error);
    }
}

/* ---- the first factor ---- */

static int same_conf(const request_rec *r, const request_rec *before)
{
    return before && before->per_dir_config == r->per_dir_config;
}

/* httpd takes a request of the same configuration for one that was judged with the one before.
 */
static int first_shown(request_rec *r)
{
    return civic_request(r)->first_shown || (same_conf(r, r->prev) && first_shown(r->prev))
           || (same_conf(r, r->main) && first_shown(r->main));
}

/* A name that is there already is no login: modules set it before they have looked at the
 * password, and a certificate's is none where AuthType asks for another. Asked once: mod_ssl
 * takes its own FakeBasicAuth for forged the second time. @return OK with r->user set, or what
 * the first login says */
static int first_factor(request_rec *r)
{
    int status = first_shown(r) ? OK : ap_run_check_user_id(r);

    if (status == DECLINED && !(r->user && !ap_auth_type(r))) {
        return misconfigured(r, "CivicSecondFactor stands behind another login: say AuthType "
                                "and what belongs to it");
    }
    status = status == DECLINED ? OK : status;
    civic_request(r)->first_shown = status == OK;
    return status;
}

static civic_refusal_t first_read(factor_t *factor)
{
    request_rec *r = factor->r;
    civic_first_factor_t *first = apr_pcalloc(r->pool, sizeof(*first));
    civic_refusal_t refusal;

    first->name = r->user;
    first->state.account = civic_account_fold(r->user, r->pool);
    if (!r->user || !*r->user) {
        return civic_refusal(
            CIVIC_NOT_CONFIGURED,
            "the first login lets this pass and names nobody, as mod_auth_openidc does for "
            "its "
            "own requests: let OIDCRedirectURI lie outside of CivicSecondFactor");
    }
    if (!first->state.account) {
        return civic_refusal(CIVIC_NOT_CONFIGURED,
                             "the first login's name is blank, is too long, has control "
                             "characters or is not UTF-8");
    }
    factor->application = civic_conf_application_of(civic_server_conf(r->server), factor->dir);
    if (!factor->application) {
        return civic_refusal(CIVIC_NOT_CONFIGURED,
                             "say by CivicUse which application guards here");
    }
    refusal = civic_factor_enrollment(&factor->enrollment, r, factor->application->sip.app_id,
                                      first->state.account);
    first->linked = refusal.reason == CIVIC_OK;
    first->state.codes = factor->dir->factor.codes > 0 ? factor->dir->factor.codes : 0;
    first->state.shared = factor->dir->factor.shared == 1;
    memcpy(first->state.realm, civic_server_conf(r->server)->realm,
           sizeof(first->state.realm));
    factor->first = first;
    civic_request(r)->factor = first;
    if (refusal.reason != CIVIC_NOT_ENROLLED
        || factor->dir->factor.enroll != CIVIC_ENROLL_SELF) {
        return refusal;
    }
    return civic_account_is_plain(first->state.account)
               ? civic_accepted()
               : civic_refusal(CIVIC_NOT_ENROLLED,
                               civic_factor_about(r, first->state.account,
                                                  "a name beyond ASCII is linked by htcivic"));
}

/* ---- the second ---- */

static civic_refusal_t judge_link(apr_interval_time_t age, const civic_record_t *record)
{
    if (record->proof != CIVIC_PROOF_CIVIC) {
        return civic_refusal(CIVIC_SECOND_FACTOR_REQUIRED,
                             "a recovery code does not link an account");
    }
    if (age > CIVIC_FACTOR_LINK_WITHIN) {
        return civic_refusal(CIVIC_SECOND_FACTOR_REQUIRED,
                             "to be linked, the approval must be more recent");
    }
    return civic_refusal(CIVIC_LINK_REQUIRED, NULL);
}

static civic_refusal_t judge(const factor_t *factor)
{
    request_rec *r = factor->r;
    const civic_record_t *record = &factor->lookup->session.record;
    apr_interval_time_t age, most = factor->dir->factor.max_age;
    civic_refusal_t refusal;

    if (factor->lookup->reason == CIVIC_OK
        && !civic_account_equal(record->account, factor->first->state.account)) {
        return civic_refusal(CIVIC_SECOND_FACTOR_REQUIRED, "the session is another account's");
    }
    refusal = civic_authn_judge(r, factor->lookup, factor->dir);
    if (refusal.reason == CIVIC_LOGIN_REQUIRED) {
        refusal.reason = CIVIC_SECOND_FACTOR_REQUIRED;
    }
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    age = civic_session_now(civic_server_conf(r->server)->runtime->store) - record->created;
    if (!factor->first->linked) {
        return judge_link(age, record);
    }
    if (strcmp(record->user_id, factor->enrollment.user_id)) {
        return civic_refusal(
            CIVIC_SECOND_FACTOR_FOREIGN,
            civic_factor_about(r, record->account,
                               "the session is of another identity than the account's"));
    }
    if (record->proof == CIVIC_PROOF_RECOVERY && factor->first->state.codes == 0) {
        return civic_refusal(CIVIC_SECOND_FACTOR_REQUIRED, "CivicRecovery is Off here");
    }
    if (most != CIVIC_UNSET && age > most) {
        return civic_refusal(CIVIC_LOGIN_NOT_FRESH, "CivicSecondFactorMaxAge");
    }
    return civic_accepted();
}

/* Nothing is linked before somebody has seen what, and said yes. */
static int link_page(factor_t *factor, civic_refusal_t refusal)
{
    request_rec *r = factor->r;
    const civic_session_t *session = &factor->lookup->session;
    civic_state_t state = {.application = factor->application->sip.app_id,
                           .scope = session->record.scope,
                           .return_path = civic_request_return_path(r),
                           .issued = apr_time_now(),
                           .factor = factor->first->state};
    civic_browser_t browser;
    const char *sealed;

    if (r->main || (r->prev && r->prev->status != HTTP_OK) || !civic_authn_is_for_person(r)
        || !state.return_path || civic_request_is_framed(r)) {
        return civic_authn_turn_away(r, NULL, refusal, NULL);
    }
    state.factor.use = CIVIC_STATE_LINK;
    memcpy(state.factor.session, session->key, sizeof(state.factor.session));
    sealed = (civic_cookie_get_browser(&browser, r) || civic_browser_new(&browser))
                     && civic_cookie_set_browser(r, &browser)
                     && civic_state_bind(&state, &browser)
                 ? civic_state_seal(&state, &civic_server_conf(r->server)->runtime->seal_keys,
                                    r->pool)
                 : NULL;
    if (!sealed) {
        return civic_refuse(r, what,
                            civic_refusal(CIVIC_INTERNAL, "the state cannot be sealed"),
                            CIVIC_AS_PAGE);
    }
    civic_refusal_log(r, what, refusal);
    return civic_respond(r, civic_refusal_status(r, refusal.reason),
                         civic_page_link(r, factor->first, session, sealed));
}

static int turn_away(factor_t *factor, civic_refusal_t refusal)
{
    switch (refusal.reason) {
    case CIVIC_STORE_UNAVAILABLE:
        return civic_authn_turn_away(factor->r, NULL, refusal, NULL);
    case CIVIC_LINK_REQUIRED:
        return link_page(factor, refusal);
    default:
        return civic_authn_turn_away(factor->r, factor->lookup, refusal,
                                     civic_conf_scope(factor->dir));
    }
}

static int second_factor(request_rec *r)
{
    factor_t factor = {.r = r, .dir = civic_dir_conf(r)};
    civic_refusal_t refusal;

    civic_privacy_guard(r);
    refusal = first_read(&factor);
    if (refusal.reason != CIVIC_OK) {
        return civic_authn_turn_away(r, NULL, refusal, NULL);
    }
    factor.lookup = civic_request_factor(r, factor.application);
    refusal = judge(&factor);
    civic_authn_count(r, factor.lookup, refusal.reason);
    if (refusal.reason != CIVIC_OK) {
        return turn_away(&factor, refusal);
    }
    if (civic_websocket_is_foreign(r)) {
        return civic_authn_turn_away(
            r, NULL,
            civic_refusal(CIVIC_CROSS_ORIGIN, "a WebSocket from a page of another site"),
            NULL);
    }
    civic_authn_let_in(r, factor.lookup, NULL);
    civic_request(r)->factor_shown = 1;
    return OK;
}

/* ---- the hooks ---- */

/* Where no rule about Civic keeps him out, the first login has the last word: it may ask for
 * another account. */
static int rules(request_rec *r)
{
    int status = civic_authn_rules(r, ap_run_auth_checker);

    if (status == DECLINED) {
        return misconfigured(r, "no Require stands here");
    }
    return (status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN) && civic_request(r)->unmet
               ? civic_authn_forbid(r)
               : status;
}

static int both_factors(request_rec *r)
{
    int status = first_factor(r);

    if (status == OK) {
        status = second_factor(r);
    }
    else {
        civic_factor_end(r, status);
    }
    return status == OK ? rules(r) : status;
}

int civic_factor_access(request_rec *r)
{
    civic_request_t *known = civic_request(r);
    int status;

    if (known->authorizing || !is_on(r)) {
        return DECLINED;
    }
    if (civic_authn_is_ours(r)) {
        return misconfigured(r, "CivicSecondFactor stands behind another login than AuthType "
                                "Civic");
    }
    known->asked = known->doubtful = 0;
    status = civic_authn_rules(r, ap_run_access_checker_ex);
    if (status != OK && status != DECLINED && !known->asked && !known->doubtful) {
        return status;
    }
    return both_factors(r);
}

static int judged_before(request_rec *r)
{
    return civic_request(r)->factor_shown || (same_conf(r, r->prev) && judged_before(r->prev))
           || (same_conf(r, r->main) && judged_before(r->main));
}

int civic_factor_insist(request_rec *r)
{
    if (!is_on(r) || judged_before(r)) {
        return DECLINED;
    }
    if (civic_authn_is_ours(r)) {
        return misconfigured(r, "CivicSecondFactor stands behind another login than AuthType "
                                "Civic");
    }
    return both_factors(r);
}

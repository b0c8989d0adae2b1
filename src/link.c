/* link.c - POST CivicEndpoint/link: the yes, or no, that the linking page asks for.
 *
 * The page was made behind the first login, for one account, one session, one browser; a yes
 * counts as long as that session's approval may be linked. Whether account and identity are
 * free is judged by the store, in one step with the link. */
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <string.h>

#include "account.h"
#include "cookie.h"
#include "endpoints.h"
#include "factor.h"
#include "factor_form.h"
#include "log.h"
#include "page_factor.h"
#include "recovery.h"
#include "refuse.h"
#include "request.h"
#include "respond.h"
#include "runtime.h"

/* One yes on its way through the steps below. */
typedef struct {
    request_rec *r;
    civic_factor_form_t form;
    civic_lookup_t *lookup;
    const apr_array_header_t *codes; /* that were linked with it; NULL: none */
} link_t;

/* The very session that the page was made for. */
static civic_refusal_t find_session(link_t *link)
{
    const civic_state_factor_t *factor = &link->form.state.factor;
    const civic_session_t *session;
    apr_interval_time_t age;

    link->lookup = civic_request_factor(link->r, link->form.application);
    session = &link->lookup->session;
    if (link->lookup->reason == CIVIC_STORE_UNAVAILABLE) {
        return civic_refusal(link->lookup->reason, NULL);
    }
    if (link->lookup->reason != CIVIC_OK
        || !civic_equal(session->key, factor->session, sizeof(session->key))
        || !civic_account_equal(session->record.account, factor->account)
        || session->record.proof != CIVIC_PROOF_CIVIC) {
        return civic_refusal(CIVIC_STATE_FOREIGN, "the page was made for another session");
    }
    age = civic_session_now(civic_server_conf(link->r->server)->runtime->store)
          - session->record.created;
    return age > CIVIC_FACTOR_LINK_WITHIN
               ? civic_refusal(CIVIC_STATE_EXPIRED, "the approval is too old to be linked")
               : civic_accepted();
}

/* Somebody who has the wrong identity may try another one. The cookie goes only when the
 * session has: else nobody could end it later. */
static civic_refusal_t end_session(const link_t *link)
{
    request_rec *r = link->r;
    civic_reason reason = civic_session_end(
        &link->lookup->session, civic_server_conf(r->server)->runtime->store, r->pool);

    if (reason == CIVIC_OK) {
        civic_cookie_set_session(r, link->lookup, NULL);
    }
    return civic_refusal(reason, "the session could not be ended");
}

static civic_refusal_t taken(const link_t *link, civic_reason reason, const char *detail)
{
    civic_refusal_t ended = end_session(link);

    return civic_refusal(reason,
                         civic_factor_about(link->r, link->form.state.factor.account,
                                            ended.reason == CIVIC_OK ? detail : ended.detail));
}

static civic_refusal_t refusal_of(const link_t *link, civic_enrollment_result result,
                                  const char *error)
{
    switch (result) {
    case CIVIC_ENROLLMENT_OK:
        return civic_accepted();
    case CIVIC_ENROLLMENT_ACCOUNT_TAKEN:
        return taken(link, CIVIC_SECOND_FACTOR_FOREIGN, "it was linked meanwhile");
    case CIVIC_ENROLLMENT_IDENTITY_TAKEN:
        return taken(link, CIVIC_IDENTITY_TAKEN, "another account has this identity");
    default:
        return civic_refusal(CIVIC_ENROLLMENT_DOWN, error);
    }
}

/* Another tab's yes may have been faster; then its codes count. */
static int has_codes(const civic_enrollment_t *linked, const civic_enrollment_t *wanted)
{
    return wanted->recovery->nelts > 0
           && civic_enrollment_has_recovery(linked,
                                            APR_ARRAY_IDX(wanted->recovery, 0, const char *));
}

static void tell(const link_t *link, const civic_enrollment_t *wanted)
{
    civic_counters_add(civic_server_conf(link->r->server)->runtime->counters,
                       CIVIC_COUNT_LINKS, 1);
    ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, link->r,
                  CIVIC_LOG_PREFIX "linked: account %s at application %s, %d recovery codes "
                                   "ref=%s",
                  ap_escape_logitem(link->r->pool, wanted->account), wanted->application,
                  wanted->recovery->nelts, civic_request_reference(link->r));
}

/* With as many codes as the location grants. @return 1, 0 without random numbers */
static int make_codes(civic_enrollment_t *wanted, apr_array_header_t **codes, int count,
                      apr_pool_t *pool)
{
    *codes = NULL;
    if (count == 0) {
        wanted->recovery = apr_array_make(pool, 1, sizeof(const char *));
        return 1;
    }
    return civic_recovery_make(codes, &wanted->recovery, count, wanted->application,
                               wanted->account, pool);
}

static civic_refusal_t enroll(link_t *link)
{
    request_rec *r = link->r;
    const civic_state_factor_t *factor = &link->form.state.factor;
    civic_enrollments_t *store = civic_server_conf(r->server)->enrollments;
    civic_enrollment_t linked, wanted = {.application = link->form.application->sip.app_id,
                                         .account = factor->account,
                                         .user_id = link->lookup->session.record.user_id,
                                         .linked = apr_time_now()};
    int shared = factor->shared ? CIVIC_ENROLLMENT_SHARED : CIVIC_ENROLLMENT_SOLE;
    apr_array_header_t *codes;
    const char *error = NULL;
    civic_refusal_t refusal =
        civic_factor_enrollment(&linked, r, wanted.application, wanted.account);

    if (refusal.reason != CIVIC_NOT_ENROLLED
        && (refusal.reason != CIVIC_OK || !strcmp(linked.user_id, wanted.user_id))) {
        return refusal; /* or the same yes once more */
    }
    if (!make_codes(&wanted, &codes, factor->codes, r->pool)) {
        return civic_refusal(CIVIC_INTERNAL, "the random source failed");
    }
    refusal =
        refusal_of(link, civic_enrollment_add(store, &wanted, shared, &error, r->pool), error);
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    tell(link, &wanted);
    if (civic_factor_enrollment(&linked, r, wanted.application, wanted.account).reason
            == CIVIC_OK
        && has_codes(&linked, &wanted)) {
        link->codes = codes;
    }
    return refusal;
}

static int answer(const link_t *link, int yes)
{
    const civic_state_t *state = &link->form.state;

    if (!yes) {
        return civic_respond(
            link->r, HTTP_OK,
            civic_page_not_linked(link->r, state->factor.account, state->return_path));
    }
    if (!link->codes) {
        return civic_factor_go(link->r, state->return_path);
    }
    return civic_respond(
        link->r, HTTP_OK,
        civic_page_codes(link->r, state->factor.account, link->codes, state->return_path));
}

int civic_link(request_rec *r)
{
    link_t link = {.r = r};
    civic_refusal_t refusal;
    const char *said;
    int yes = 0;

    if (r->method_number != M_POST) {
        return civic_endpoint_method(r, "POST");
    }
    refusal = civic_factor_form_read(&link.form, r, CIVIC_STATE_LINK);
    if (refusal.reason == CIVIC_OK) {
        refusal = find_session(&link);
    }
    if (refusal.reason == CIVIC_OK) {
        said = apr_table_get(link.form.fields, "answer");
        yes = said && !strcmp(said, "yes");
        refusal = yes ? enroll(&link) : end_session(&link);
    }
    return refusal.reason == CIVIC_OK
               ? answer(&link, yes)
               : civic_refuse(r, "link", refusal,
                              civic_request_is_navigation(r) ? CIVIC_AS_PAGE
                                                             : CIVIC_AS_PROBLEM);
}

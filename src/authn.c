/* authn.c - see authn.h. */
#include "authn.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_core.h>
#include <string.h>

#include "challenge.h"
#include "cookie.h"
#include "identity.h"
#include "log.h"
#include "on_login.h"
#include "page.h"
#include "posted.h"
#include "privacy.h"
#include "refuse.h"
#include "request.h"
#include "return_path.h"
#include "runtime.h"
#include "scope.h"
#include "state.h"
#include "websocket.h"

/* A login that succeeded this short a time ago must have left a session. */
#define JUST_COMPLETED apr_time_from_sec(30)

static const char what[] = "request";

civic_refusal_t civic_authn_judge(request_rec *r, const civic_lookup_t *lookup,
                                  const civic_dir_conf_t *dir)
{
    const civic_session_t *session = &lookup->session;
    apr_interval_time_t idle, age;
    apr_time_t now;

    if (lookup->reason != CIVIC_OK) {
        return civic_refusal(lookup->reason, NULL);
    }
    now = civic_session_now(civic_server_conf(r->server)->runtime->store);
    idle = now - session->last_used;
    age = now - session->record.created;
    if (idle > civic_conf_idle(dir)) {
        return civic_refusal(
            CIVIC_SESSION_EXPIRED,
            apr_psprintf(r->pool,
                         "idle for %" APR_INT64_T_FMT " s, the limit is %" APR_INT64_T_FMT,
                         apr_time_sec(idle), apr_time_sec(civic_conf_idle(dir))));
    }
    if (age > civic_conf_life(dir)) {
        return civic_refusal(
            CIVIC_SESSION_EXPIRED,
            apr_psprintf(r->pool, "%" APR_INT64_T_FMT " s old, the limit is %" APR_INT64_T_FMT,
                         apr_time_sec(age), apr_time_sec(civic_conf_life(dir))));
    }
    if (!civic_scope_covers(session->record.scope, civic_conf_scope(dir))) {
        return civic_refusal(CIVIC_STEP_UP_REQUIRED,
                             apr_psprintf(r->pool, "%s does not cover %s",
                                          session->record.scope, civic_conf_scope(dir)));
    }
    return civic_refusal(CIVIC_OK, NULL);
}

void civic_authn_count(request_rec *r, civic_lookup_t *lookup, civic_reason reason)
{
    civic_count which = reason == CIVIC_STORE_UNAVAILABLE ? CIVIC_COUNT_SESSION_UNAVAILABLE
                        : reason == CIVIC_SESSION_EXPIRED ? CIVIC_COUNT_SESSION_EXPIRED
                        : lookup->reason != CIVIC_OK      ? CIVIC_COUNT_SESSION_NONE
                                                          : CIVIC_COUNT_SESSION_VALID;

    if (!lookup->counted) {
        lookup->counted = 1;
        civic_counters_add(civic_server_conf(r->server)->runtime->counters, which, 1);
    }
}

/* Does this request count as a use? What cannot be decided does not: a session rather ends too
 * early than never. */
static int is_activity(request_rec *r, const civic_activity_t *activity)
{
    const char *error = NULL;

    if (!activity || !activity->expr) {
        return !activity || activity->on;
    }
    return ap_expr_exec(r, activity->expr, &error) > 0;
}

static void note_use(request_rec *r, civic_lookup_t *lookup, const civic_dir_conf_t *dir)
{
    if (!lookup->used && is_activity(r, dir->activity)) {
        lookup->used = 1;
        civic_session_use(&lookup->session, civic_server_conf(r->server)->runtime->store,
                          civic_conf_shortest_idle(dir), r->pool);
    }
}

/* ---- no session ---- */

static int has_just_completed(const civic_browser_t *browser, const civic_lookup_t *lookup)
{
    apr_time_t now = apr_time_now();

    return browser->completed <= now && now - browser->completed <= JUST_COMPLETED
           && !memcmp(browser->application, civic_lookup_digest(lookup),
                      sizeof(browser->application));
}

/* The cause, when the login has only just succeeded and here is no session: else it would be
 * asked for again and again. NULL when nothing is wrong. */
static const char *why_not_kept(request_rec *r, const civic_browser_t *browser,
                                const civic_lookup_t *lookup)
{
    if (lookup->reason != CIVIC_LOGIN_REQUIRED || !has_just_completed(browser, lookup)) {
        return NULL;
    }
    return civic_words_text(civic_request_language(r),
                            lookup->cookies > 1    ? "page.cause.several-cookies"
                            : lookup->cookies == 1 ? "page.cause.unknown-cookie"
                                                   : "page.cause.no-cookie");
}

/* Find or make this browser's login cookie; a completed login is judged once and then
 * forgotten. */
static int browser_prepare(request_rec *r, civic_browser_t *browser, const char **cause,
                           const civic_lookup_t *lookup)
{
    *cause = NULL;
    if (!civic_cookie_get_browser(browser, r)) {
        if (!civic_browser_new(browser)) {
            return 0;
        }
    }
    else {
        *cause = why_not_kept(r, browser, lookup);
    }
    if (*cause) {
        browser->completed = 0;
    }
    return civic_cookie_set_browser(r, browser);
}

/* What follows this login: the path that was asked for, by way of CivicOnLogin. Sealed into
 * the page, since the callback stands outside of all locations. */
static const char *destination(request_rec *r, const char *return_path)
{
    const char *on_login = civic_dir_conf(r)->on_login;
    apr_size_t most = (apr_size_t)r->server->limit_req_line - sizeof("GET  HTTP/1.1");
    int too_long;

    if (!on_login || !*on_login) {
        return return_path;
    }
    return_path = civic_on_login_path(
        on_login, return_path, most < CIVIC_RETURN_PATH_MAX ? most : CIVIC_RETURN_PATH_MAX,
        &too_long, r->pool);
    if (too_long) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      CIVIC_LOG_PREFIX
                      "CivicOnLogin is passed over: with the address that was "
                      "asked for it would be too long ref=%s",
                      civic_request_reference(r));
    }
    return return_path;
}

static int login_page(request_rec *r, const civic_lookup_t *lookup, civic_refusal_t refusal,
                      const char *scope, const char *return_path)
{
    civic_login_page_t page = {.application = lookup->application,
                               .scope = scope,
                               .hide_intro = civic_dir_conf(r)->hide_intro == 1,
                               .reason = refusal.reason};
    civic_state_t state = {.application = lookup->application->sip.app_id,
                           .scope = page.scope,
                           .return_path = destination(r, return_path),
                           .issued = apr_time_now()};
    civic_browser_t browser;

    page.posted = civic_posted_read(r);
    page.issued = state.issued;
    if (civic_request(r)->factor) {
        page.factor = civic_request(r)->factor;
        state.factor = page.factor->state;
    }
    if (!browser_prepare(r, &browser, &page.cause, lookup)
        || !civic_state_bind(&state, &browser)
        || !(page.state = civic_state_seal(
                 &state, &civic_server_conf(r->server)->runtime->seal_keys, r->pool))) {
        return civic_refuse(r, what,
                            civic_refusal(CIVIC_INTERNAL, "the state cannot be sealed"),
                            CIVIC_AS_PAGE);
    }
    if (page.cause) {
        page.reason = refusal.reason = CIVIC_SESSION_NOT_KEPT;
        refusal.detail = apr_psprintf(r->pool, "%d session cookies came", lookup->cookies);
    }
    civic_refusal_log(r, what, refusal);
    return civic_respond(r, civic_refusal_status(r, page.reason), civic_page_login(r, &page));
}

int civic_authn_is_for_person(request_rec *r)
{
    int how = civic_request(r)->asking ? CIVIC_UNAUTHENTICATED_AUTO
                                       : civic_dir_conf(r)->unauthenticated;

    return !civic_websocket_is(r)
           && (how == CIVIC_UNAUTHENTICATED_PAGE
               || (how != CIVIC_UNAUTHENTICATED_401 && civic_request_is_navigation(r)));
}

/* For who asked what a login at this address would be. */
static const civic_need_t *need_make(request_rec *r, const civic_lookup_t *lookup,
                                     civic_refusal_t refusal, const char *scope)
{
    civic_need_t *need = apr_palloc(r->pool, sizeof(*need));

    need->lookup = lookup;
    need->refusal = refusal;
    need->scope = scope;
    return need;
}

int civic_authn_turn_away(request_rec *r, const civic_lookup_t *lookup,
                          civic_refusal_t refusal, const char *scope)
{
    int status = civic_refusal_status(r, refusal.reason);
    const char *return_path;

    /* Only its status matters: nobody sees the page of a sub-request, or of an ErrorDocument
     * that is itself protected. */
    if (r->main || (r->prev && r->prev->status != HTTP_OK)) {
        civic_request(r)->need = need_make(r, lookup, refusal, scope);
        return status;
    }
    if (status == HTTP_UNAUTHORIZED) {
        civic_challenge(r, refusal.reason);
    }
    if (!civic_authn_is_for_person(r)) {
        return civic_refuse(r, what, refusal, CIVIC_AS_PROBLEM);
    }
    if (!scope) {
        return civic_refuse(r, what, refusal, CIVIC_AS_PAGE);
    }
    if (!civic_request_is_https(r) && !civic_request_is_loopback(r)) {
        apr_table_unset(r->err_headers_out, "WWW-Authenticate");
        return civic_refuse(r, what,
                            civic_refusal(CIVIC_ORIGIN_INSECURE,
                                          "plain http: behind a TLS proxy, say ServerName "
                                          "https://..."),
                            CIVIC_AS_PAGE);
    }
    return_path = civic_request_return_path(r);
    if (!return_path) {
        apr_table_unset(r->err_headers_out, "WWW-Authenticate");
        return civic_refuse(r, what, civic_refusal(CIVIC_RETURN_PATH, NULL), CIVIC_AS_PAGE);
    }
    if (civic_request_is_framed(r)) {
        civic_refusal_log(r, what, refusal);
        return civic_respond(r, status, civic_page_frame(r, refusal.reason, 1));
    }
    return login_page(r, lookup, refusal, scope, return_path);
}

/* The location's own scope request, where a login is what is missing. */
static const char *scope_for(request_rec *r, civic_reason reason)
{
    return civic_reason_info(reason)->status == HTTP_UNAUTHORIZED
               ? civic_conf_scope(civic_dir_conf(r))
               : NULL;
}

/* ---- rules ---- */

/* For the log: which rules, not whose values. */
static const char *names_of(request_rec *r, const apr_array_header_t *unmet)
{
    const char *names = NULL;

    for (int i = 0; unmet && i < unmet->nelts; i++) {
        const civic_unmet_t *rule = &APR_ARRAY_IDX(unmet, i, civic_unmet_t);

        names = apr_pstrcat(r->pool, names ? names : "", names ? ", " : "", rule->name,
                            rule->is_known ? "" : " cannot be told", NULL);
    }
    return names ? names : "a rule of another module";
}

/* What a login could change: the first scope request that may show more. */
static const char *step_up_of(const apr_array_header_t *unmet)
{
    for (int i = 0; unmet && i < unmet->nelts; i++) {
        const civic_unmet_t *rule = &APR_ARRAY_IDX(unmet, i, civic_unmet_t);

        if (rule->step_up) {
            return rule->step_up;
        }
    }
    return NULL;
}

static int any_age_of_login(const apr_array_header_t *unmet)
{
    for (int i = 0; unmet && i < unmet->nelts; i++) {
        if (APR_ARRAY_IDX(unmet, i, civic_unmet_t).max_age) {
            return 1;
        }
    }
    return 0;
}

/* Has this person logged in only just, and the login is too old all the same? Then the next
 * would be, too. Told once, as in browser_prepare. */
static int in_a_circle(request_rec *r, const civic_lookup_t *lookup)
{
    civic_browser_t browser;

    if (!civic_authn_is_for_person(r) || !civic_cookie_get_browser(&browser, r)
        || !has_just_completed(&browser, lookup)) {
        return 0;
    }
    browser.completed = 0;
    civic_cookie_set_browser(r->main ? r->main : r, &browser);
    return 1;
}

int civic_authn_forbid(request_rec *r)
{
    const civic_request_t *known = civic_request(r);
    const civic_lookup_t *lookup = known->identity;
    const char *names = names_of(r, known->unmet), *step_up = step_up_of(known->unmet);

    if (step_up) {
        return civic_authn_turn_away(
            r, lookup,
            civic_refusal(civic_authn_is_for_person(r) ? CIVIC_RULE_NOT_MET
                                                       : CIVIC_STEP_UP_REQUIRED,
                          apr_psprintf(r->pool, "%s; %s may show more", names, step_up)),
            step_up);
    }
    if (any_age_of_login(known->unmet) && !in_a_circle(r, lookup)) {
        /* For all that was shown: a lesser login would take it away. */
        return civic_authn_turn_away(r, lookup, civic_refusal(CIVIC_LOGIN_NOT_FRESH, names),
                                     lookup->session.record.scope);
    }
    return civic_authn_turn_away(r, lookup, civic_refusal(CIVIC_RULE_NOT_MET, names), NULL);
}

int civic_authn_rules(request_rec *r, int (*run)(request_rec *))
{
    civic_request_t *known = civic_request(r);
    int status;

    known->unmet = NULL;
    known->authorizing = 1;
    status = run(r);
    known->authorizing = 0;
    return status;
}

/* Is what the rules say worth nothing, as long as nobody is known? */
static int login_decides(request_rec *r, int status)
{
    civic_request_t *known = civic_request(r);

    if (known->asked
        && (status == HTTP_FORBIDDEN || (status == OK && civic_authn_session(r)))) {
        return 1;
    }
    if (status == OK && known->doubtful) {
        known->strict = 1;
        status = civic_authn_rules(r, ap_run_access_checker_ex);
        known->strict = 0;
        return status != OK;
    }
    return 0;
}

/* Browsers send cookies with a WebSocket's request whatever page it comes from. */
static const civic_refusal_t foreign = {CIVIC_CROSS_ORIGIN,
                                        "a WebSocket from a page of another site"};

void civic_authn_let_in(request_rec *r, civic_lookup_t *lookup, const char *user)
{
    note_use(r, lookup, civic_dir_conf(r));
    civic_identity_set(r, lookup, user);
    civic_websocket_expect(r, lookup);
}

/* ---- the hooks ---- */

int civic_authn_is_ours(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return type && !strcasecmp(type, CIVIC_AUTH_TYPE);
}

const civic_session_t *civic_authn_session(request_rec *r)
{
    const civic_dir_conf_t *dir = civic_dir_conf(r);
    const civic_application_t *app;
    const civic_lookup_t *lookup;

    if (civic_request(r)->identity) {
        return &civic_request(r)->identity->session;
    }
    if (dir->factor.on == 1) { /* whose it must be is not known yet */
        return NULL;
    }
    app = civic_conf_application_of(civic_server_conf(r->server), dir);
    if (!app) {
        return NULL;
    }
    lookup = civic_request_session(r, app);
    return civic_authn_judge(r, lookup, dir).reason == CIVIC_OK ? &lookup->session : NULL;
}

int civic_authn_check(request_rec *r)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    const civic_dir_conf_t *dir = civic_dir_conf(r);
    const civic_application_t *app;
    civic_refusal_t refusal;
    civic_lookup_t *lookup;
    const char *user;

    if (!civic_authn_is_ours(r)) {
        return DECLINED;
    }
    civic_privacy_guard(r);
    app = civic_conf_application_of(conf, dir);
    if (!app) {
        return civic_refuse(r, what,
                            civic_refusal(CIVIC_NOT_CONFIGURED,
                                          "say by CivicUse which application guards here"),
                            civic_request_is_navigation(r) ? CIVIC_AS_PAGE : CIVIC_AS_PROBLEM);
    }
    lookup = civic_request_session(r, app);
    refusal = civic_authn_judge(r, lookup, dir);
    civic_authn_count(r, lookup, refusal.reason);
    if (refusal.reason != CIVIC_OK) {
        return civic_authn_turn_away(r, lookup, refusal, scope_for(r, refusal.reason));
    }
    user = civic_identity_user(r, &lookup->session);
    if (!user) {
        return civic_authn_turn_away(
            r, lookup,
            civic_refusal(CIVIC_REMOTE_USER_MISSING,
                          apr_pstrcat(r->pool, "CivicRemoteUser ", dir->remote_user, NULL)),
            NULL);
    }
    if (civic_websocket_is_foreign(r)) {
        return civic_authn_turn_away(r, lookup, foreign, NULL);
    }
    civic_authn_let_in(r, lookup, user);
    return OK;
}

/* A location that lets everybody in may offer a login all the same. */
static const civic_need_t *need_of_optional(request_rec *at)
{
    const civic_application_t *app =
        civic_conf_application_of(civic_server_conf(at->server), civic_dir_conf(at));
    const civic_lookup_t *lookup;
    civic_refusal_t refusal;

    if (!civic_authn_is_ours(at) || civic_request(at)->identity || !app) {
        return NULL;
    }
    lookup = civic_request_session(at, app);
    refusal = civic_authn_judge(at, lookup, civic_dir_conf(at));
    return refusal.reason == CIVIC_OK
               ? NULL
               : need_make(at, lookup, refusal, scope_for(at, refusal.reason));
}

int civic_authn_ask(request_rec *r, request_rec *at)
{
    const civic_need_t *need = civic_request(at)->need;

    if (!need) {
        need = need_of_optional(at);
    }
    if (!need) {
        return DECLINED;
    }
    r->per_dir_config = at->per_dir_config; /* name, looks and policy of that place */
    r->user = at->user;
    civic_request(r)->asking = 1;
    civic_request(r)->unmet = civic_request(at)->unmet;
    civic_request(r)->factor = civic_request(at)->factor;
    return civic_authn_turn_away(r, need->lookup, need->refusal, need->scope);
}

int civic_authn_pass(request_rec *r)
{
    const civic_dir_conf_t *dir = civic_dir_conf(r);
    const civic_application_t *app;
    civic_refusal_t refusal;
    civic_lookup_t *lookup;
    const char *user;

    if (dir->unauthenticated != CIVIC_UNAUTHENTICATED_PASS || !civic_authn_is_ours(r)) {
        return DECLINED;
    }
    civic_privacy_guard(r);
    app = civic_conf_application_of(civic_server_conf(r->server), dir);
    if (!app) {
        return DECLINED;
    }
    lookup = civic_request_session(r, app);
    refusal = civic_authn_judge(r, lookup, dir);
    civic_authn_count(r, lookup, refusal.reason);
    /* Somebody may be logged in: to go on without him would tell the site that nobody is. */
    if (refusal.reason == CIVIC_STORE_UNAVAILABLE) {
        return civic_authn_turn_away(r, lookup, refusal, scope_for(r, refusal.reason));
    }
    user = refusal.reason == CIVIC_OK ? civic_identity_user(r, &lookup->session) : NULL;
    if (user && civic_websocket_is_foreign(r)) {
        return civic_authn_turn_away(r, lookup, foreign, NULL);
    }
    if (user) {
        civic_authn_let_in(r, lookup, user);
    }
    return DECLINED;
}

/* Set while a configuration, or an .htaccess, is read, and never taken back. */
static volatile int rules_may_need_login;

void civic_authn_rules_may_need_login(void)
{
    rules_may_need_login = 1;
}

static int is_let_through(request_rec *r)
{
    return civic_dir_conf(r)->preflight == 1 && civic_request_is_preflight(r);
}

int civic_authn_access(request_rec *r)
{
    civic_request_t *known = civic_request(r);
    int status;

    if (known->authorizing || !civic_authn_is_ours(r)) {
        return DECLINED;
    }
    if (!known->identity && !rules_may_need_login && !is_let_through(r)) {
        return DECLINED; /* httpd's own judgement is as good */
    }
    known->asked = known->doubtful = 0;
    status = civic_authn_rules(r, ap_run_access_checker_ex);
    if (known->identity) { /* CivicUnauthenticated is `pass` */
        return status == HTTP_FORBIDDEN ? civic_authn_forbid(r) : status;
    }
    if (is_let_through(r) && (status == OK || status == DECLINED)) {
        return OK; /* what the login alone would keep out */
    }
    if (!login_decides(r, status)) {
        return status;
    }
    status = civic_authn_check(r);
    return status == OK ? civic_authn_authorize(r) : status;
}

int civic_authn_authorize(request_rec *r)
{
    civic_request_t *known = civic_request(r);
    int status;

    if (!known->identity || known->authorizing) {
        return DECLINED;
    }
    status = civic_authn_rules(r, ap_run_auth_checker);
    /* 403 is what AuthzSendForbiddenOnFailure makes of it. */
    return status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN ? civic_authn_forbid(r)
                                                                   : status;
}

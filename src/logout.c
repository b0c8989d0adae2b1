/* logout.c - CivicEndpoint/logout: POST ends sessions, GET asks first.
 *
 * A form or JSON may say `return` (a local path), `application` (only that one's session) and
 * `all` (1: every session of this person at the application, on all devices). Logging out
 * works without a session, too.
 */
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>

#include "body.h"
#include "cookie.h"
#include "endpoints.h"
#include "json.h"
#include "log.h"
#include "page.h"
#include "refuse.h"
#include "request.h"
#include "return_path.h"
#include "runtime.h"

typedef struct {
    const char *back; /* where to go on; NULL: the site's root */
    const char *application;
    int all;
    int is_json;
} wish_t;

static civic_refusal_t wish_from_json(wish_t *wish, const char *text, apr_size_t len,
                                      apr_pool_t *pool)
{
    json_t *body = civic_json_parse(text, len, pool);

    if (!json_is_object(body)) {
        return civic_refusal(CIVIC_BODY_MALFORMED, "it is not a JSON object");
    }
    wish->is_json = 1;
    wish->back = civic_json_string(body, "return");
    wish->application = civic_json_string(body, "application");
    wish->all = json_is_true(json_object_get(body, "all"))
                || json_integer_value(json_object_get(body, "all")) == 1;
    return civic_accepted();
}

static civic_refusal_t wish_read(wish_t *wish, request_rec *r)
{
    apr_table_t *form = apr_table_make(r->pool, 4);
    civic_refusal_t refusal;
    const char *text, *all;
    apr_size_t len;

    refusal = civic_request_body_of_own_page(r, NULL, &text, &len);
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    if (len > 0 && civic_body_is(r, CIVIC_TYPE_JSON)) {
        return wish_from_json(wish, text, len, r->pool);
    }
    if (len > 0 && !civic_body_is(r, "application/x-www-form-urlencoded")) {
        return civic_refusal(CIVIC_CONTENT_TYPE, "a form or JSON is expected");
    }
    refusal = civic_form_parse(form, text, r->pool);
    wish->back = apr_table_get(form, "return");
    wish->application = apr_table_get(form, "application");
    all = apr_table_get(form, "all");
    wish->all = all && !strcmp(all, "1");
    return refusal;
}

static civic_reason end_one(request_rec *r, civic_lookup_t *lookup, int all)
{
    civic_store_t *store = civic_server_conf(r->server)->runtime->store;
    civic_reason reason = CIVIC_OK;
    int count;

    if (lookup->reason == CIVIC_OK) {
        reason = all ? civic_session_end_user(lookup->session.user, store, &count, r->pool)
                     : civic_session_end(&lookup->session, store, r->pool);
    }
    else if (lookup->reason == CIVIC_STORE_UNAVAILABLE) {
        reason = lookup->reason;
    }
    /* The cookie goes only when the session has: else nobody could end it later. */
    if (reason == CIVIC_OK && lookup->cookies > 0) {
        civic_cookie_set_session(r, lookup, NULL);
    }
    if (lookup->reason == CIVIC_OK && reason == CIVIC_OK) {
        civic_counters_add(civic_server_conf(r->server)->runtime->counters,
                           CIVIC_COUNT_LOGOUTS, 1);
        ap_log_rerror(
            APLOG_MARK, APLOG_INFO, 0, r, CIVIC_LOG_PREFIX "logout: application %s%s%s ref=%s",
            lookup->application->sip.app_id, lookup->is_factor ? ", second factor" : "",
            all ? ", all sessions" : "", civic_request_reference(r));
    }
    return reason;
}

static civic_refusal_t end_sessions(request_rec *r, const wish_t *wish)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    civic_browser_t browser;

    for (int i = 0; i < conf->applications->nelts; i++) {
        civic_application_t *app = APR_ARRAY_IDX(conf->applications, i, civic_application_t *);
        civic_reason reason;

        if (wish->application && strcmp(wish->application, app->sip.app_id)) {
            continue;
        }
        reason = end_one(r, civic_request_session(r, app), wish->all);
        if (reason == CIVIC_OK) {
            reason = end_one(r, civic_request_factor(r, app), wish->all);
        }
        if (reason != CIVIC_OK) {
            return civic_refusal(reason, NULL);
        }
    }
    /* Being without a session from now on is no fault of the browser's. */
    if (civic_cookie_get_browser(&browser, r) && browser.completed) {
        browser.completed = 0;
        civic_cookie_set_browser(r, &browser);
    }
    return civic_accepted();
}

static int answer(request_rec *r, const wish_t *wish)
{
    const char *back = wish->back ? wish->back : "/";
    civic_reply_t *reply;
    json_t *body;

    if (!wish->is_json) {
        apr_table_setn(r->headers_out, "Location", back);
        apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
        return HTTP_SEE_OTHER;
    }
    reply = apr_pcalloc(r->pool, sizeof(*reply));
    body = civic_json_own(json_pack("{s:s}", "location", back), r->pool);
    reply->content_type = CIVIC_TYPE_JSON;
    reply->body = body ? civic_json_text(body, r->pool) : "{}";
    return civic_respond(r, HTTP_OK, reply);
}

/* `return` of a GET's query, when it may be gone to: it only fills the form of the page. */
static const char *back_of_query(request_rec *r)
{
    apr_table_t *form = apr_table_make(r->pool, 4);
    const char *back;

    if (!r->args || civic_form_parse(form, r->args, r->pool).reason != CIVIC_OK) {
        return NULL;
    }
    back = apr_table_get(form, "return");
    return back && civic_return_path_is_local(back) ? back : NULL;
}

int civic_logout(request_rec *r)
{
    civic_audience audience =
        civic_request_is_navigation(r) ? CIVIC_AS_PAGE : CIVIC_AS_PROBLEM;
    civic_refusal_t refusal;
    wish_t wish = {0};

    if (r->method_number == M_GET) {
        return civic_respond(r, HTTP_OK, civic_page_logout(r, back_of_query(r)));
    }
    if (r->method_number != M_POST) {
        return civic_endpoint_method(r, "GET POST");
    }
    refusal = wish_read(&wish, r);
    if (refusal.reason == CIVIC_OK && wish.back && !civic_return_path_is_local(wish.back)) {
        refusal = civic_refusal(CIVIC_RETURN_PATH, "the logout's return is not a local path");
    }
    if (refusal.reason == CIVIC_OK) {
        refusal = end_sessions(r, &wish);
    }
    if (refusal.reason != CIVIC_OK) {
        return civic_refuse(r, "logout", refusal, audience);
    }
    return answer(r, &wish);
}

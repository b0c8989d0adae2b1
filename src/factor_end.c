/* factor_end.c - see factor_end.h. */
#include "factor_end.h"

#include <http_log.h>
#include <string.h>

#include "conf.h"
#include "cookie.h"
#include "log.h"
#include "runtime.h"

/* The cookie goes whether or not the store has ended the session: in this browser it opens
 * nothing any more. */
static void end(request_rec *r, civic_lookup_t *lookup)
{
    civic_reason reason = lookup->reason;

    if (lookup->cookies == 0) {
        return;
    }
    if (reason == CIVIC_OK) {
        reason = civic_session_end(&lookup->session,
                                   civic_server_conf(r->server)->runtime->store, r->pool);
    }
    if (reason == CIVIC_STORE_UNAVAILABLE) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      CIVIC_LOG_PREFIX
                      "the first login has ended, but the session of its second "
                      "factor could not be: its cookie is taken away ref=%s",
                      civic_request_reference(r));
    }
    else if (lookup->reason == CIVIC_OK) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      CIVIC_LOG_PREFIX "logout: application %s, second factor, with its first "
                                       "login ref=%s",
                      lookup->application->sip.app_id, civic_request_reference(r));
    }
    civic_cookie_set_session(r, lookup, NULL);
    lookup->reason = CIVIC_LOGIN_REQUIRED;
    lookup->cookies = 0;
}

static int is_challenge(const request_rec *r)
{
    return apr_table_get(r->err_headers_out, "WWW-Authenticate")
           || apr_table_get(r->headers_out, "WWW-Authenticate");
}

void civic_factor_end(request_rec *r, int status)
{
    const civic_application_t *application =
        civic_conf_application_of(civic_server_conf(r->server), civic_dir_conf(r));
    int ended =
        ap_is_HTTP_REDIRECT(status) || (status == HTTP_UNAUTHORIZED && !is_challenge(r));

    /* A sub-request may be a guess of another module's (mod_autoindex), and its answer has no
     * cookies. */
    if (ended && application && !r->main) {
        end(r, civic_request_factor(r, application));
    }
}

int civic_factor_end_form(request_rec *r)
{
    const apr_array_header_t *applications = civic_server_conf(r->server)->applications;

    if (r->main || !r->handler
        || (strcmp(r->handler, "form-logout-handler")
            && (strcmp(r->handler, "form-login-handler") || r->method_number != M_POST))) {
        return DECLINED;
    }
    for (int i = 0; i < applications->nelts; i++) {
        end(r, civic_request_factor(
                   r, APR_ARRAY_IDX(applications, i, const civic_application_t *)));
    }
    return DECLINED;
}

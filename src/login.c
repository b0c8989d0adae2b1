/* login.c - GET CivicEndpoint/login: the login of another address, for pages that cannot be
 * one.
 *
 * `return` is a path of this site. The login is that of its location: application, scope
 * request, looks and rules are what a request for it would meet, never what the query says.
 * Then it goes on to `then`, which is `return` unless it is said. With `popup=1` it shows a
 * page instead, which tells the page that has opened it (by what that put into `window`, for
 * scripts alone), and closes itself.
 */
#include <apr_strings.h>
#include <http_protocol.h>
#include <http_request.h>

#include "authn.h"
#include "body.h"
#include "endpoints.h"
#include "page.h"
#include "refuse.h"
#include "request.h"
#include "return_path.h"

static const char *query_value(const apr_table_t *query, const char *name,
                               const char *otherwise)
{
    const char *value = apr_table_get(query, name);

    return value ? value : otherwise;
}

static int go_on(request_rec *r, const char *path, int is_popup)
{
    if (is_popup) {
        return civic_respond(r, HTTP_OK, civic_page_done(r, path));
    }
    apr_table_setn(r->headers_out, "Location", path);
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    return HTTP_SEE_OTHER;
}

int civic_login(request_rec *r)
{
    civic_audience audience =
        civic_request_is_navigation(r) ? CIVIC_AS_PAGE : CIVIC_AS_PROBLEM;
    apr_table_t *query = apr_table_make(r->pool, 4);
    const char *path, *then;
    int is_popup, status;

    if (r->method_number != M_GET) {
        return civic_endpoint_method(r, "GET");
    }
    if (r->args && civic_form_parse(query, r->args, r->pool).reason != CIVIC_OK) {
        return civic_refuse(r, "login", civic_refusal(CIVIC_RETURN_PATH, "the query is unfit"),
                            audience);
    }
    path = query_value(query, "return", "/");
    then = query_value(query, "then", path);
    is_popup = !strcmp(query_value(query, "popup", "0"), "1");
    if (!civic_return_path_is_local(path) || !civic_return_path_is_local(then)) {
        return civic_refuse(
            r, "login", civic_refusal(CIVIC_RETURN_PATH, "return or then is not a local path"),
            audience);
    }
    /* It lives as long as this request, whose answer is made of it. */
    status = civic_authn_ask(r, ap_sub_req_method_uri("GET", path, r, NULL));
    return status == DECLINED ? go_on(r, then, is_popup) : status;
}

/* page.c - see page.h. */
#include "page.h"

#include <apr_strings.h>
#include <http_core.h>
#include <jansson.h>

#include "assets.h"
#include "json.h"
#include "request.h"
#include "template.h"

static const civic_reply_t *reply_make(request_rec *r, const char *type, const char *body,
                                       const char *policy)
{
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));

    reply->content_type = type;
    reply->body = body;
    reply->policy = policy;
    return reply;
}

/* AuthName as it was written: httpd keeps it with its quotes escaped. */
static const char *site_name(request_rec *r)
{
    const char *name = ap_auth_name(r);
    char *plain, *out;

    if (!name) {
        return ap_get_server_name(r);
    }
    plain = out = apr_pstrdup(r->pool, name);
    for (; *name; name++) {
        if (*name != '\\' || !name[1]) {
            *out++ = *name;
        }
        else {
            *out++ = *++name;
        }
    }
    *out = '\0';
    return plain;
}

/* What every page needs. */
static apr_table_t *values_make(request_rec *r)
{
    apr_table_t *values = apr_table_make(r->pool, 20);

    apr_table_setn(values, "site", site_name(r));
    apr_table_setn(values, "endpoint", civic_conf_endpoint(civic_server_conf(r->server)));
    apr_table_setn(values, "version", civic_asset_version);
    return values;
}

static const char message_policy[] = "default-src 'none'; style-src 'self'; "
                                     "form-action 'self'; base-uri 'none'; "
                                     "frame-ancestors 'none'";

const civic_reply_t *civic_page_login(request_rec *r, const civic_login_page_t *page)
{
    const civic_application_t *app = page->application;
    const civic_reason_info_t *info = civic_reason_info(page->reason);
    apr_table_t *values = values_make(r);

    apr_table_setn(values, "app-id", app->sip.app_id);
    apr_table_setn(values, "scope", page->scope);
    apr_table_setn(values, "hide-intro", page->hide_intro ? "true" : "false");
    apr_table_setn(values, "state", page->state);
    apr_table_setn(values, "issued", apr_ltoa(r->pool, (long)apr_time_sec(page->issued)));
    apr_table_setn(values, "library", app->library_script);
    apr_table_setn(values, "method", r->method_number == M_GET ? "GET" : "other");
    apr_table_setn(values, "reason", info->name);
    apr_table_setn(values, "words", info->words);
    if (app->library_style) {
        apr_table_setn(values, "style", app->library_style);
    }
    if (app->library_integrity) {
        apr_table_setn(values, "integrity", app->library_integrity);
    }
    if (page->cause) {
        apr_table_setn(values, "cause", page->cause);
        apr_table_setn(values, "reference", civic_request_reference(r));
    }
    return reply_make(r, CIVIC_TYPE_HTML,
                      civic_template_render(civic_asset_login_html, values, r->pool),
                      app->page_policy);
}

static const char *title_of(int status)
{
    switch (status) {
    case HTTP_UNAUTHORIZED:
        return "Please log in";
    case HTTP_FORBIDDEN:
        return "Not allowed";
    case HTTP_BAD_REQUEST:
    case HTTP_METHOD_NOT_ALLOWED:
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
    case HTTP_UNSUPPORTED_MEDIA_TYPE:
        return "This did not work";
    default:
        return "Login is not possible right now";
    }
}

const civic_reply_t *civic_page_refusal(request_rec *r, civic_reason reason, const char *retry)
{
    const civic_reason_info_t *info = civic_reason_info(reason);
    apr_table_t *values = values_make(r);

    apr_table_setn(values, "title", title_of(info->status));
    apr_table_setn(values, "words", info->words);
    apr_table_setn(values, "reason", info->name);
    apr_table_setn(values, "reference", civic_request_reference(r));
    if (retry) {
        /* Without a new login this person would be refused again. */
        apr_table_setn(values, reason == CIVIC_REMOTE_USER_MISSING ? "logout" : "retry",
                       retry);
    }
    return reply_make(r, CIVIC_TYPE_HTML,
                      civic_template_render(civic_asset_message_html, values, r->pool),
                      message_policy);
}

const civic_reply_t *civic_page_problem(request_rec *r, civic_reason reason)
{
    static const char *const retries[] = {"never", "login", "later"};
    const civic_reason_info_t *info = civic_reason_info(reason);
    json_t *problem = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "type",
                                apr_pstrcat(r->pool, "urn:civic:reason:", info->name, NULL),
                                "title", title_of(info->status), "status", info->status,
                                "reason", info->name, "detail", info->words, "reference",
                                civic_request_reference(r), "retry", retries[info->retry]);
    const char *text =
        civic_json_own(problem, r->pool) ? civic_json_text(problem, r->pool) : NULL;

    return reply_make(r, CIVIC_TYPE_PROBLEM, text ? text : "{}", NULL);
}

const civic_reply_t *civic_page_logout(request_rec *r, const char *back)
{
    apr_table_t *values = values_make(r);

    apr_table_setn(values, "title", "Log out");
    apr_table_setn(values, "words", "Do you want to end your session on this site?");
    if (back) {
        apr_table_setn(values, "back", back);
    }
    return reply_make(r, CIVIC_TYPE_HTML,
                      civic_template_render(civic_asset_logout_html, values, r->pool),
                      message_policy);
}

const civic_reply_t *civic_page_forbidden(request_rec *r)
{
    apr_table_t *values = values_make(r);
    const char *back = civic_request_return_path(r);

    apr_table_setn(values, "title", "Not allowed");
    if (back) {
        apr_table_setn(values, "back", back); /* where somebody else may log in */
    }
    apr_table_setn(values, "words",
                   apr_psprintf(r->pool,
                                "You are logged in as %s, who may not see this page. "
                                "Log out to come back as somebody else.",
                                r->user ? r->user : "a person without a name"));
    return reply_make(r, CIVIC_TYPE_HTML,
                      civic_template_render(civic_asset_logout_html, values, r->pool),
                      message_policy);
}

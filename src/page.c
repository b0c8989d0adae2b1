/* page.c - see page.h. */
#include "page.h"

#include <apr_strings.h>
#include <http_core.h>
#include <jansson.h>
#include <string.h>

#include "assets.h"
#include "json.h"
#include "page_factor.h"
#include "refuse.h"
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

/* A row for each Require rule that keeps this person out: its words. */
static apr_hash_t *rules_make(request_rec *r)
{
    const apr_array_header_t *unmet = civic_request(r)->unmet;
    apr_array_header_t *rows = apr_array_make(r->pool, 2, sizeof(apr_table_t *));
    apr_hash_t *lists = apr_hash_make(r->pool);

    for (int i = 0; unmet && i < unmet->nelts; i++) {
        apr_table_t *row = apr_table_make(r->pool, 1);

        apr_table_setn(row, "words", APR_ARRAY_IDX(unmet, i, civic_unmet_t).words);
        APR_ARRAY_PUSH(rows, apr_table_t *) = row;
    }
    apr_hash_set(lists, "rules", APR_HASH_KEY_STRING, rows);
    return lists;
}

static const char message_policy[] = "default-src 'none'; style-src 'self'; "
                                     "form-action 'self'; base-uri 'none'; "
                                     "frame-ancestors 'none'";

/* Not to log in, but to show more than before. */
static void offer_step_up(request_rec *r, apr_table_t *values, const char *scope)
{
    const char *back = civic_request_return_path(r);

    apr_table_setn(values, "title", "Not allowed yet");
    apr_table_setn(values, "words", civic_reason_info(CIVIC_STEP_UP_REQUIRED)->words);
    apr_table_setn(values, "button",
                   !strcmp(scope, "PROOF_OF_IDENTITY") ? "Show your identity document"
                   : !strcmp(scope, "BASIC_SIGNUP")    ? "Show how to contact you"
                                                       : "Show more");
    apr_table_setn(values, "reference", civic_request_reference(r));
    apr_table_setn(
        values, "logout",
        back ? apr_pstrcat(r->pool, "?return=", ap_escape_urlencoded(r->pool, back), NULL)
             : "");
}

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
    apr_table_setn(values, "title", "Log in");
    apr_table_setn(values, "words", info->words);
    apr_table_setn(values, "button", "Log in with Civic");
    if (page->factor) {
        civic_page_factor_values(r, values, page->factor);
    }
    if (page->reason == CIVIC_RULE_NOT_MET) {
        offer_step_up(r, values, page->scope);
    }
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
    return reply_make(
        r, CIVIC_TYPE_HTML,
        civic_template_render_lists(civic_asset_login_html, values, rules_make(r), r->pool),
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

static const civic_reply_t *page_forbidden(request_rec *r)
{
    apr_table_t *values = values_make(r);
    const char *back = civic_request_return_path(r);

    apr_table_setn(values, "title", "Not allowed");
    apr_table_setn(values, "reason", civic_reason_info(CIVIC_RULE_NOT_MET)->name);
    apr_table_setn(values, "reference", civic_request_reference(r));
    if (back) {
        apr_table_setn(values, "back", back); /* where somebody else may log in */
    }
    apr_table_setn(values, "words",
                   apr_psprintf(r->pool,
                                "You are logged in as %s, who may not see this page. "
                                "Log out to come back as somebody else.",
                                r->user ? r->user : "a person without a name"));
    return reply_make(
        r, CIVIC_TYPE_HTML,
        civic_template_render_lists(civic_asset_logout_html, values, rules_make(r), r->pool),
        message_policy);
}

const civic_reply_t *civic_page_refusal(request_rec *r, civic_reason reason, const char *retry)
{
    const civic_reason_info_t *info = civic_reason_info(reason);
    apr_table_t *values = values_make(r);

    if (reason == CIVIC_RULE_NOT_MET) {
        return page_forbidden(r);
    }
    apr_table_setn(values, "title", title_of(info->status));
    apr_table_setn(values, "words", info->words);
    apr_table_setn(values, "reason", info->name);
    apr_table_setn(values, "reference", civic_request_reference(r));
    if (reason == CIVIC_NOT_ENROLLED) {
        apr_table_setn(values, "contact", civic_page_contact(r));
    }
    if (retry) {
        /* Without a new login this person would be refused again. */
        apr_table_setn(values, reason == CIVIC_REMOTE_USER_MISSING ? "logout" : "retry",
                       retry);
    }
    return reply_make(r, CIVIC_TYPE_HTML,
                      civic_template_render(civic_asset_message_html, values, r->pool),
                      message_policy);
}

/* What keeps out, and what could be shown to get in. */
static void add_rules(json_t *problem, const apr_array_header_t *unmet)
{
    json_t *rules = json_array();
    const char *scope = NULL;

    for (int i = 0; unmet && i < unmet->nelts; i++) {
        const civic_unmet_t *rule = &APR_ARRAY_IDX(unmet, i, civic_unmet_t);

        json_array_append_new(rules, json_string(rule->words));
        scope = scope ? scope : rule->step_up;
    }
    if (json_array_size(rules) > 0) {
        json_object_set(problem, "rules", rules);
    }
    if (scope) {
        json_object_set_new(problem, "scope", json_string(scope));
    }
    json_decref(rules);
}

const civic_reply_t *civic_page_problem(request_rec *r, civic_reason reason)
{
    static const char *const retries[] = {"never", "login", "later"};
    int status = civic_refusal_status(r, reason);
    const civic_reason_info_t *info = civic_reason_info(reason);
    json_t *problem = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "type",
                                apr_pstrcat(r->pool, "urn:civic:reason:", info->name, NULL),
                                "title", title_of(status), "status", status, "reason",
                                info->name, "detail", info->words, "reference",
                                civic_request_reference(r), "retry", retries[info->retry]);
    const char *text;

    add_rules(problem, civic_request(r)->unmet);
    text = civic_json_own(problem, r->pool) ? civic_json_text(problem, r->pool) : NULL;
    return reply_make(r, CIVIC_TYPE_PROBLEM, text ? text : "{}", NULL);
}

apr_table_t *civic_page_values(request_rec *r)
{
    return values_make(r);
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

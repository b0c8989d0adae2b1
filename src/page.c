/* page.c - see page.h. */
#include "page.h"

#include <apr_strings.h>
#include <http_core.h>
#include <jansson.h>
#include <string.h>

#include "assets.h"
#include "json.h"
#include "page_factor.h"
#include "page_own.h"
#include "policy.h"
#include "posted.h"
#include "refuse.h"
#include "request.h"
#include "template.h"

const civic_pages_t *civic_pages_make(const civic_language_t *language, apr_pool_t *pool)
{
    civic_pages_t *pages = apr_palloc(pool, sizeof(*pages));

    pages->login = civic_words_page(language, civic_asset_login_html, pool);
    pages->message = civic_words_page(language, civic_asset_message_html, pool);
    pages->logout = civic_words_page(language, civic_asset_logout_html, pool);
    pages->link = civic_words_page(language, civic_asset_link_html, pool);
    pages->codes = civic_words_page(language, civic_asset_codes_html, pool);
    pages->frame = civic_words_page(language, civic_asset_frame_html, pool);
    pages->done = civic_words_page(language, civic_asset_done_html, pool);
    pages->recovery = civic_words_page(language, civic_asset_recovery_html, pool);
    return pages;
}

static civic_reply_t *reply_make(request_rec *r, const char *type, const char *body,
                                 const char *policy)
{
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));

    reply->content_type = type;
    reply->body = body;
    reply->policy = policy;
    reply->language = civic_request_language(r)->tag;
    return reply;
}

const civic_reply_t *civic_page_form(request_rec *r, const char *body)
{
    return reply_make(r, CIVIC_TYPE_HTML, body, civic_page_policy(r, CIVIC_PAGE_POLICY));
}

/* AuthName as it was written: httpd keeps it with its quotes escaped. */
const char *civic_page_site(request_rec *r)
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

/* What a scope request asks the person for, a line each: keys of words. */
static const struct {
    const char *scope;
    const char *keys[5]; /* NULL at the end */
} asks[] = {
    {"ANONYMOUS_LOGIN", {"page.asks.number", NULL}},
    {"BASIC_SIGNUP", {"page.asks.email", "page.asks.phone", NULL}},
    {"PROOF_OF_IDENTITY",
     {"page.asks.document", "page.asks.name", "page.asks.email", "page.asks.phone", NULL}},
    {"PROOF_OF_RESIDENCE", {"page.asks.address", NULL}},
    {"PROOF_OF_AGE", {"page.asks.age", NULL}},
    {NULL, {NULL}},
};

/* What every page needs. */
static apr_table_t *values_make(request_rec *r)
{
    apr_table_t *values = apr_table_make(r->pool, 32);

    apr_table_setn(values, "site", civic_page_site(r));
    apr_table_setn(values, "endpoint", civic_conf_endpoint(civic_server_conf(r->server)));
    apr_table_setn(values, "version", civic_asset_version);
    civic_page_style(r, values);
    return values;
}

static void push_words(apr_array_header_t *rows, const char *words)
{
    apr_table_t *row = apr_table_make(rows->pool, 1);

    apr_table_setn(row, "words", words);
    APR_ARRAY_PUSH(rows, apr_table_t *) = row;
}

/* A row for each Require rule that keeps this person out: its words. */
static apr_hash_t *rules_make(request_rec *r)
{
    const apr_array_header_t *unmet = civic_request(r)->unmet;
    apr_array_header_t *rows = apr_array_make(r->pool, 2, sizeof(apr_table_t *));
    apr_hash_t *lists = apr_hash_make(r->pool);

    for (int i = 0; unmet && i < unmet->nelts; i++) {
        push_words(rows, APR_ARRAY_IDX(unmet, i, civic_unmet_t).words);
    }
    apr_hash_set(lists, "rules", APR_HASH_KEY_STRING, rows);
    return lists;
}

/* A row for each thing that the person will be asked for. */
static void asks_add(apr_hash_t *lists, const civic_language_t *language, const char *scope,
                     apr_pool_t *pool)
{
    apr_array_header_t *rows = apr_array_make(pool, 4, sizeof(apr_table_t *));

    for (int i = 0; asks[i].scope; i++) {
        for (int j = 0; !strcmp(asks[i].scope, scope) && asks[i].keys[j]; j++) {
            push_words(rows, civic_words_text(language, asks[i].keys[j]));
        }
    }
    if (rows->nelts == 0) {
        push_words(rows,
                   civic_words_fill(pool, language, "page.asks.other", "scope", scope, NULL));
    }
    apr_hash_set(lists, "asks", APR_HASH_KEY_STRING, rows);
}

/* Not to log in, but to show more than before. */
static void offer_step_up(request_rec *r, apr_table_t *values, const char *scope)
{
    const civic_language_t *language = civic_request_language(r);
    const char *back = civic_request_return_path(r);

    apr_table_setn(values, "title", civic_words_text(language, "page.title.not-yet"));
    apr_table_setn(values, "words", civic_words_reason(language, CIVIC_STEP_UP_REQUIRED));
    apr_table_setn(
        values, "button",
        civic_words_text(language, !strcmp(scope, "PROOF_OF_IDENTITY") ? "page.button.identity"
                                   : !strcmp(scope, "BASIC_SIGNUP")    ? "page.button.contact"
                                                                       : "page.button.more"));
    apr_table_setn(values, "reference", civic_request_reference(r));
    apr_table_setn(
        values, "logout",
        back ? apr_pstrcat(r->pool, "?return=", ap_escape_urlencoded(r->pool, back), NULL)
             : "");
}

const civic_reply_t *civic_page_login(request_rec *r, const civic_login_page_t *page)
{
    const civic_application_t *app = page->application;
    const civic_language_t *language = civic_request_language(r);
    const civic_reason_info_t *info = civic_reason_info(page->reason);
    apr_table_t *values = values_make(r);
    apr_hash_t *lists = rules_make(r);

    asks_add(lists, language, page->scope, r->pool);
    apr_table_setn(values, "app-id", app->sip.app_id);
    apr_table_setn(values, "scope", page->scope);
    apr_table_setn(values, "hide-intro", page->hide_intro ? "true" : "false");
    apr_table_setn(values, "state", page->state);
    apr_table_setn(values, "issued", apr_ltoa(r->pool, (long)apr_time_sec(page->issued)));
    apr_table_setn(values, "library", app->library_script);
    apr_table_setn(values, "page-reference", civic_request_reference(r));
    apr_table_setn(values, "method", r->method_number == M_GET ? "GET" : "other");
    apr_table_setn(values, "reason", info->name);
    apr_table_setn(values, "title", civic_words_text(language, "page.title.login"));
    apr_table_setn(values, "words", civic_words_reason(language, page->reason));
    apr_table_setn(values, "button", civic_words_text(language, "page.button.login"));
    if (page->factor) {
        civic_page_factor_values(r, values, page->factor);
    }
    if (page->reason == CIVIC_RULE_NOT_MET) {
        offer_step_up(r, values, page->scope);
    }
    if (page->posted) {
        civic_posted_values(page->posted, language, values);
        if (page->posted->is_foreign) {
            apr_table_setn(values, "issued",
                           "0"); /* any session may be one that did not come */
        }
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
    return reply_make(r, CIVIC_TYPE_HTML,
                      civic_template_render_lists(civic_page_template_of(r, language), values,
                                                  lists, r->pool),
                      civic_page_policy(r, app->page_policy));
}

static const char *title_key(int status)
{
    switch (status) {
    case HTTP_UNAUTHORIZED:
        return "page.title.unauthorized";
    case HTTP_FORBIDDEN:
        return "page.title.forbidden";
    case HTTP_NOT_FOUND:
        return "page.title.not-found";
    case HTTP_BAD_REQUEST:
    case HTTP_METHOD_NOT_ALLOWED:
    case HTTP_REQUEST_ENTITY_TOO_LARGE:
    case HTTP_UNSUPPORTED_MEDIA_TYPE:
        return "page.title.bad-request";
    default:
        return "page.title.impossible";
    }
}

static const char *title_of(const civic_language_t *language, int status)
{
    return civic_words_text(language, title_key(status));
}

static const civic_reply_t *page_forbidden(request_rec *r)
{
    const civic_language_t *language = civic_request_language(r);
    apr_table_t *values = values_make(r);
    const char *back = civic_request_return_path(r);

    apr_table_setn(values, "title", title_of(language, HTTP_FORBIDDEN));
    apr_table_setn(values, "reason", civic_reason_info(CIVIC_RULE_NOT_MET)->name);
    apr_table_setn(values, "reference", civic_request_reference(r));
    if (back) {
        apr_table_setn(values, "back", back); /* where somebody else may log in */
    }
    apr_table_setn(values, "words",
                   r->user ? civic_words_fill(r->pool, language, "page.forbidden", "account",
                                              r->user, NULL)
                           : civic_words_text(language, "page.forbidden.nameless"));
    return civic_page_form(r, civic_template_render_lists(language->pages->logout, values,
                                                          rules_make(r), r->pool));
}

static const char frame_policy[] = "default-src 'none'; style-src 'self'; "
                                   "form-action 'none'; base-uri 'none'; "
                                   "frame-ancestors 'self'";

/* Nothing in it acts: who is led to click it unawares gets a window with the page's own
 * address. */
const civic_reply_t *civic_page_frame(request_rec *r, civic_reason reason, int is_login)
{
    const civic_language_t *language = civic_request_language(r);
    const civic_reason_info_t *info = civic_reason_info(reason);
    apr_table_t *values = values_make(r);
    const char *path = civic_request_return_path(r);
    int is_get = r->method_number == M_GET,
        is_step_up = is_login && reason == CIVIC_RULE_NOT_MET;
    civic_reply_t *reply;

    apr_table_setn(values, "title",
                   is_step_up
                       ? civic_words_text(language, "page.title.not-yet")
                       : title_of(language, is_login ? HTTP_UNAUTHORIZED : info->status));
    apr_table_setn(values, "words",
                   civic_words_reason(language, is_step_up ? CIVIC_STEP_UP_REQUIRED : reason));
    apr_table_setn(values, "reason", info->name);
    apr_table_setn(values, "reference", civic_request_reference(r));
    if (path && (is_get || is_login)) {
        apr_table_setn(values, "open", path);
    }
    if (path && is_login) {
        apr_table_setn(values, "login", "");
    }
    if (is_login && !is_get) {
        apr_table_setn(values, "form-lost", civic_words_text(language, "page.form-lost"));
    }
    reply = reply_make(r, CIVIC_TYPE_HTML,
                       civic_template_render(language->pages->frame, values, r->pool),
                       civic_page_policy(r, frame_policy));
    reply->is_framed = 1;
    return reply;
}

const civic_reply_t *civic_page_refusal(request_rec *r, civic_reason reason, const char *retry)
{
    const civic_language_t *language = civic_request_language(r);
    const civic_reason_info_t *info = civic_reason_info(reason);
    apr_table_t *values = values_make(r);

    if (civic_request_is_framed(r)) {
        return civic_page_frame(r, reason, reason == CIVIC_LINK_REQUIRED);
    }
    if (reason == CIVIC_RULE_NOT_MET) {
        return page_forbidden(r);
    }
    apr_table_setn(values, "title", title_of(language, info->status));
    apr_table_setn(values, "words", civic_words_reason(language, reason));
    apr_table_setn(values, "reason", info->name);
    apr_table_setn(values, "reference", civic_request_reference(r));
    if (reason == CIVIC_NOT_ENROLLED || reason == CIVIC_IDENTITY_TAKEN
        || reason == CIVIC_SECOND_FACTOR_FOREIGN) {
        apr_table_setn(values, "contact", civic_page_contact(r));
    }
    if (retry) {
        /* Without a new login this person would be refused again. */
        apr_table_setn(values, reason == CIVIC_REMOTE_USER_MISSING ? "logout" : "retry",
                       retry);
    }
    return civic_page_form(r,
                           civic_template_render(language->pages->message, values, r->pool));
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

const char *civic_page_login_address(request_rec *r)
{
    const char *path = civic_request(r)->endpoint ? NULL : civic_request_return_path(r);

    return path ? apr_pstrcat(r->pool, civic_conf_endpoint(civic_server_conf(r->server)),
                              "/login?return=", ap_escape_urlencoded(r->pool, path), NULL)
                : NULL;
}

/* What a page of the site says to the person, whose login it offers (button.js). */
static void add_dialog(json_t *problem, request_rec *r, civic_reason reason)
{
    const civic_language_t *language = civic_request_language(r);
    const char *words = civic_words_fill(r->pool, language, "dialog.words", "reason",
                                         civic_words_reason(language, reason), NULL);

    json_object_set_new(problem, "dialog",
                        json_pack("{s:s, s:s, s:s, s:s, s:s}", "lang", language->tag, "dir",
                                  language->direction, "words", words, "login",
                                  civic_words_text(language, "dialog.login"), "cancel",
                                  civic_words_text(language, "dialog.cancel")));
}

/* Where a window may be opened to log in for this address (login.c), which needs no telling
 * there. */
static void add_login(json_t *problem, request_rec *r, civic_reason reason)
{
    const civic_request_t *known = civic_request(r);
    const char *login = civic_page_login_address(r);

    if (civic_reason_info(reason)->status != HTTP_UNAUTHORIZED || !civic_request_return_path(r)
        || (known->endpoint && !known->asking)) {
        return;
    }
    if (login) {
        json_object_set_new(problem, "login", json_string(login));
    }
    add_dialog(problem, r, reason);
}

const civic_reply_t *civic_page_problem(request_rec *r, civic_reason reason)
{
    static const char *const retries[] = {"never", "login", "later"};
    int status = civic_refusal_status(r, reason);
    const civic_language_t *language = civic_request_language(r);
    const civic_reason_info_t *info = civic_reason_info(reason);
    json_t *problem =
        json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "type",
                  apr_pstrcat(r->pool, "urn:civic:reason:", info->name, NULL), "title",
                  title_of(language, status), "status", status, "reason", info->name, "detail",
                  civic_words_reason(language, reason), "reference",
                  civic_request_reference(r), "retry", retries[info->retry]);
    const char *text;

    add_rules(problem, civic_request(r)->unmet);
    add_login(problem, r, reason);
    text = civic_json_own(problem, r->pool) ? civic_json_text(problem, r->pool) : NULL;
    return reply_make(r, CIVIC_TYPE_PROBLEM, text ? text : "{}", NULL);
}

apr_table_t *civic_page_values(request_rec *r)
{
    return values_make(r);
}

const civic_reply_t *civic_page_done(request_rec *r, const char *back)
{
    const civic_language_t *language = civic_request_language(r);
    apr_table_t *values = values_make(r);

    apr_table_setn(values, "title", civic_words_text(language, "page.title.done"));
    apr_table_setn(values, "words", civic_words_text(language, "page.done"));
    apr_table_setn(values, "back", back);
    return reply_make(r, CIVIC_TYPE_HTML,
                      civic_template_render(language->pages->done, values, r->pool),
                      civic_page_policy(r, civic_policy_add(CIVIC_PAGE_POLICY,
                                                            "script-src 'self'", r->pool)));
}

const civic_reply_t *civic_page_logout(request_rec *r, const char *back)
{
    const civic_language_t *language = civic_request_language(r);
    apr_table_t *values = values_make(r);

    apr_table_setn(values, "title", civic_words_text(language, "page.title.logout"));
    apr_table_setn(values, "words", civic_words_text(language, "page.logout"));
    if (back) {
        apr_table_setn(values, "back", back);
    }
    return civic_page_form(r, civic_template_render_lists(language->pages->logout, values,
                                                          rules_make(r), r->pool));
}

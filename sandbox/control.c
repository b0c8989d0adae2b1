/* control.c - /sandbox/...: short cuts for tests and benches. */
#include <apr_strings.h>
#include <http_core.h>
#include <string.h>

#include "json.h"
#include "sandbox.h"
#include "scope.h"

/* So many at once: half of those that are remembered, so that none is forgotten by
 * the next. */
enum { TOKENS = 256 };

static const char *const faults[] = {
    "400",        "401",          "403",          "405",          "429",
    "500",        "503",          "504",          "hang",         "cut",
    "not-json",   "empty",        "wrong-type",   "large",        "redirect",
    "wrong-key",  "wrong-secret", "unencrypted",  "not-valid",    "not-owner",
    "no-user-id", "processed",    "payload-host", "payload-gone", "expired-answer",
    "bulky",      "401-skewed",   "429-soon"};

static int is_fault(const char *fault)
{
    for (apr_size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (!strcmp(faults[i], fault)) {
            return 1;
        }
    }
    return !strncmp(fault, "slow:", 5) && strlen(fault) < 12
           && strspn(fault + 5, "0123456789.") == strlen(fault + 5);
}

/* `data` of a test: a JSON list that is shown as it stands, whatever is in it. */
static const char *data_take(sandbox_ask_t *ask, request_rec *r, const json_t *data)
{
    const char *text = json_is_array(data) ? civic_json_text(data, r->pool) : NULL;

    if (!text || strlen(text) >= sizeof(ask->data)) {
        return "data must be a list of less than 4096 bytes";
    }
    apr_cpystrn(ask->data, text, sizeof(ask->data));
    return NULL;
}

/* What somebody has approved, without anybody's clicking. */
static const char *ask_make(sandbox_ask_t *ask, request_rec *r, const json_t *body)
{
    const char *application = civic_json_string(body, "appId");
    const char *scope = civic_json_string(body, "scope");
    const char *person = civic_json_string(body, "person");
    const char *fault = civic_json_string(body, "fault");
    const json_t *data = json_object_get(body, "data");
    const json_t *image = json_object_get(body, "image");

    memset(ask, 0, sizeof(*ask));
    ask->person = sandbox_person_find(person ? person : "jane");
    if (!application || !sandbox_application(r->server, application)) {
        return "appId is not one of CivicSandboxApplication";
    }
    if (ask->person < 0) {
        return "there is no such person";
    }
    if ((scope && !civic_scope_is_name(scope)) || (fault && !is_fault(fault))) {
        return "there is no such scope or fault";
    }
    apr_cpystrn(ask->application, application, sizeof(ask->application));
    apr_cpystrn(ask->scope, scope ? scope : CIVIC_SCOPE_DEFAULT, sizeof(ask->scope));
    apr_cpystrn(ask->fault, fault ? fault : "", sizeof(ask->fault));
    ask->status = ASK_APPROVED;
    if (image
        && (json_integer_value(image) < 4 || json_integer_value(image) > SANDBOX_IMAGE_MAX)) {
        return "image must be 4 to 4194304 bytes";
    }
    ask->image = (int)json_integer_value(image);
    return data ? data_take(ask, r, data) : NULL;
}

/* A code for it. */
static const char *code_make(sandbox_ask_t *ask, request_rec *r, const json_t *body)
{
    const char *who = civic_json_string(body, "signWith");

    if (!sandbox_ask_add(ask)) {
        return NULL;
    }
    return sandbox_code_token(r, ask, json_object_get(body, "claims"),
                              json_object_get(body, "header"),
                              who && !strcmp(who, "other") ? sandbox_other_key(r->pool)
                                                           : sandbox_conf(r->server)->key);
}

static int tokens(request_rec *r, sandbox_ask_t *ask, const json_t *body, json_int_t count)
{
    json_t *list = json_array();

    for (; count > 0; count--) {
        const char *text = code_make(ask, r, body);

        if (!text) {
            json_decref(list);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
        json_array_append_new(list, json_string(text));
    }
    return sandbox_json(r, HTTP_OK, json_pack("{s:o}", "tokens", list));
}

static int token(request_rec *r, const json_t *body)
{
    const json_t *count = json_object_get(body, "count");
    sandbox_ask_t ask;
    const char *text = ask_make(&ask, r, body);

    if (text) {
        return sandbox_message(r, HTTP_BAD_REQUEST, text);
    }
    if (count) {
        json_int_t wanted = json_integer_value(count); /* 0 for anything else */

        return wanted < 1 || wanted > TOKENS
                   ? sandbox_message(r, HTTP_BAD_REQUEST, "count must be 1 to 256")
                   : tokens(r, &ask, body, wanted);
    }
    text = code_make(&ask, r, body);
    return text ? sandbox_json(r, HTTP_OK,
                               json_pack("{s:s, s:s}", "token", text, "code", ask.code))
                : HTTP_INTERNAL_SERVER_ERROR;
}

static int fault_next(request_rec *r, const json_t *body)
{
    const char *fault = civic_json_string(body, "fault");
    json_int_t count = json_is_integer(json_object_get(body, "count"))
                           ? json_integer_value(json_object_get(body, "count"))
                           : 1;

    if (!fault || !is_fault(fault) || count < 1 || count > 100000) {
        return sandbox_message(r, HTTP_BAD_REQUEST, "there is no such fault or count");
    }
    sandbox_fault_set(fault, (int)count);
    return sandbox_json(r, HTTP_OK, json_object());
}

static int log_show(request_rec *r)
{
    sandbox_log_t log;

    sandbox_log_get(&log);
    return sandbox_json(r, HTTP_OK,
                        json_pack("{s:I, s:I, s:{s:i, s:s}}", "exchanges",
                                  (json_int_t)log.exchanges, "payloads",
                                  (json_int_t)log.payloads, "last", "status", log.last_status,
                                  "error", log.last_error));
}

/* Browsers say so when a page of another site sends something. */
static int is_cross_origin(request_rec *r)
{
    const char *origin = apr_table_get(r->headers_in, "Origin");

    return origin && strcmp(origin, sandbox_url(r));
}

int sandbox_control(request_rec *r, const char *rest)
{
    json_t *body;
    int status;

    if (!strcmp(rest, "/log")) {
        return log_show(r);
    }
    if (r->method_number != M_POST) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    if (is_cross_origin(r)) {
        return sandbox_message(r, HTTP_FORBIDDEN, "web pages cannot give orders here");
    }
    if (!strcmp(rest, "/reset")) {
        sandbox_reset();
        return sandbox_json(r, HTTP_OK, json_object());
    }
    body = sandbox_body(r, &status);
    if (!body) {
        return status;
    }
    if (!strcmp(rest, "/token")) {
        return token(r, body);
    }
    return strcmp(rest, "/fault") ? HTTP_NOT_FOUND : fault_next(r, body);
}

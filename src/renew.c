/* renew.c - POST CivicEndpoint/renew: a login page that was open for long gets a new state, so
 * that nobody has to load it anew and lose what is on it.
 *
 * The new state says what the old one said, however old that is, and is bound to the browser
 * that asks: what loading the page again would give, and nothing more.
 */
#include <apr_time.h>
#include <string.h>

#include "body.h"
#include "cookie.h"
#include "endpoints.h"
#include "json.h"
#include "refuse.h"
#include "request.h"
#include "respond.h"
#include "runtime.h"

static civic_refusal_t read_state(request_rec *r, civic_state_t *state)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    const char *text, *sealed;
    civic_refusal_t refusal;
    apr_size_t len;
    json_t *body;

    refusal = civic_request_body_of_own_page(r, CIVIC_TYPE_JSON, &text, &len);
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    body = civic_json_parse(text, len, r->pool);
    sealed = json_is_object(body) ? civic_json_string(body, "state") : NULL;
    if (!sealed) {
        return civic_refusal(CIVIC_BODY_MALFORMED, "the state is missing");
    }
    if (civic_state_open(state, sealed, strlen(sealed), &conf->runtime->seal_keys, r->pool)
            != CIVIC_OK
        || !civic_conf_application(conf, state->application)) {
        return civic_refusal(CIVIC_STATE_INVALID,
                             "it was not sealed here, or its application is gone");
    }
    return civic_accepted();
}

/* @return the sealed state, NULL when OpenSSL failed */
static const char *seal_anew(request_rec *r, civic_state_t *state)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    civic_browser_t browser;

    if (!civic_cookie_get_browser(&browser, r) && !civic_browser_new(&browser)) {
        return NULL;
    }
    if (!civic_cookie_set_browser(r, &browser) || !civic_state_bind(state, &browser)) {
        return NULL;
    }
    state->issued = apr_time_now();
    return civic_state_seal(state, &conf->runtime->seal_keys, r->pool);
}

int civic_renew(request_rec *r)
{
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));
    civic_state_t state;
    civic_refusal_t refusal;
    const char *sealed;
    json_t *body;

    if (r->method_number != M_POST) {
        return civic_endpoint_method(r, "POST");
    }
    refusal = read_state(r, &state);
    sealed = refusal.reason == CIVIC_OK ? seal_anew(r, &state) : NULL;
    if (refusal.reason == CIVIC_OK && !sealed) {
        refusal = civic_refusal(CIVIC_INTERNAL, "the state cannot be sealed");
    }
    if (refusal.reason != CIVIC_OK) {
        return civic_refuse(r, "renewal", refusal, CIVIC_AS_PROBLEM);
    }
    body = civic_json_own(json_pack("{s:s}", "state", sealed), r->pool);
    reply->content_type = CIVIC_TYPE_JSON;
    reply->body = body ? civic_json_text(body, r->pool) : NULL;
    return reply->body ? civic_respond(r, HTTP_OK, reply) : HTTP_INTERNAL_SERVER_ERROR;
}

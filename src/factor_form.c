/* factor_form.c - see factor_form.h. */
#include "factor_form.h"

#include <apr_strings.h>
#include <string.h>

#include "body.h"
#include "cookie.h"
#include "request.h"
#include "return_path.h"
#include "runtime.h"

static civic_refusal_t open_state(civic_factor_form_t *form, request_rec *r,
                                  civic_state_use use)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    const char *text = apr_table_get(form->fields, "state");
    civic_state_t *state = &form->state;
    civic_reason reason = text ? civic_state_open_any(state, text, strlen(text),
                                                      &conf->runtime->seal_keys, r->pool)
                               : CIVIC_STATE_INVALID;
    int known;

    if (reason != CIVIC_OK) {
        return civic_refusal(reason, "it was not sealed here");
    }
    form->application = civic_conf_application(conf, state->application);
    if (!form->application || !state->factor.account || state->factor.use != use
        || !civic_state_is_of(state, conf->realm)
        || !civic_return_path_is_local(state->return_path)) {
        return civic_refusal(CIVIC_STATE_INVALID, "it is for something else");
    }
    known = civic_cookie_get_browser(&form->browser, r);
    reason = civic_state_judge(state, known ? &form->browser : NULL, apr_time_now());
    return civic_refusal(
        reason, reason == CIVIC_STATE_FOREIGN && !known ? "no login cookie came" : NULL);
}

civic_refusal_t civic_factor_form_read(civic_factor_form_t *form, request_rec *r,
                                       civic_state_use use)
{
    civic_refusal_t refusal;
    const char *text;
    apr_size_t len;

    refusal =
        civic_request_body_of_own_page(r, "application/x-www-form-urlencoded", &text, &len);
    form->fields = apr_table_make(r->pool, 4);
    if (refusal.reason == CIVIC_OK) {
        refusal = civic_form_parse(form->fields, text, r->pool);
    }
    return refusal.reason == CIVIC_OK ? open_state(form, r, use) : refusal;
}

int civic_factor_go(request_rec *r, const char *path)
{
    apr_table_setn(r->headers_out, "Location", path);
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    return HTTP_SEE_OTHER;
}

/* report.c - POST CivicEndpoint/report: what only the login page's script sees, for the
 * operator's log.
 *
 * Its page must be one of this server (a state that was sealed here, however old), it counts
 * as a try (CivicCallbackLimit), and nothing of what it sends is written but one of the words
 * below and a reference, by which the page's words and the line are found together.
 */
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <string.h>

#include "endpoints.h"
#include "json.h"
#include "log.h"
#include "refuse.h"
#include "request.h"
#include "respond.h"
#include "runtime.h"

enum { LOUD_EVERY_SEC = 10 };

typedef struct {
    const char *word; /* the page's data-step */
    int level;
    const char *text;
} problem_t;

static const problem_t problems[] = {
    {"civic-error", APLOG_WARNING,
     "Civic's library reports a problem; is the site on the white list of the application?"},
    {"not-started", APLOG_WARNING, "Civic's library does not start; see CivicBrowserLibrary"},
    {"failed", APLOG_WARNING,
     "the answer to a login was not this server's; what stands between?"},
    {"blocked", APLOG_INFO, "Civic's library does not load in this browser or network"},
    {"cookies", APLOG_INFO, "the browser keeps no cookies"},
    {"offline", APLOG_INFO, "this server could not be reached"},
    {NULL, 0, NULL},
};

static const problem_t *problem_of(json_t *body)
{
    const char *word = json_is_object(body) ? civic_json_string(body, "problem") : NULL;

    for (const problem_t *p = problems; word && p->word; p++) {
        if (!strcmp(p->word, word)) {
            return p;
        }
    }
    return NULL;
}

static civic_refusal_t read_report(request_rec *r, civic_state_t *state,
                                   const problem_t **problem)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    civic_refusal_t refusal = civic_callback_count(r);
    const char *text, *sealed;
    apr_size_t len;
    json_t *body;

    if (refusal.reason == CIVIC_OK) {
        refusal = civic_request_body_of_own_page(r, CIVIC_TYPE_JSON, &text, &len);
    }
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    body = civic_json_parse(text, len, r->pool);
    *problem = problem_of(body);
    sealed = *problem ? civic_json_string(body, "state") : NULL;
    if (!sealed) {
        return civic_refusal(CIVIC_BODY_MALFORMED, "problem or state is missing");
    }
    if (civic_state_open_any(state, sealed, strlen(sealed), &conf->runtime->seal_keys, r->pool)
            != CIVIC_OK
        || !civic_conf_application(conf, state->application)) {
        return civic_refusal(CIVIC_STATE_INVALID,
                             "it was not sealed here, or its application is gone");
    }
    civic_request_refer(r, civic_json_string(body, "reference"));
    return civic_accepted();
}

int civic_report(request_rec *r)
{
    static volatile apr_uint32_t last_loud[sizeof(problems) / sizeof(*problems)];
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));
    const problem_t *problem = NULL;
    civic_refusal_t refusal;
    civic_state_t state;
    int is_due;

    if (r->method_number != M_POST) {
        return civic_endpoint_method(r, "POST");
    }
    refusal = read_report(r, &state, &problem);
    if (refusal.reason != CIVIC_OK) {
        return civic_refuse(r, "report", refusal, CIVIC_AS_PROBLEM);
    }
    is_due = civic_log_is_due(&last_loud[problem - problems], LOUD_EVERY_SEC);
    ap_log_rerror(APLOG_MARK, is_due ? problem->level : APLOG_INFO, 0, r,
                  CIVIC_LOG_PREFIX "login page: %s (application %s at %s: %s) ref=%s",
                  problem->word, state.application, civic_request_site(r), problem->text,
                  civic_request_reference(r));
    reply->content_type = CIVIC_TYPE_JSON;
    reply->body = "{}";
    return civic_respond(r, HTTP_OK, reply);
}

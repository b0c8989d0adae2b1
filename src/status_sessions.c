/* status_sessions.c - POST to civic-status: an operator lists and ends the sessions of a
 * person.
 *
 * A form or JSON says `application` (not needed where there is one only), `userId`, and what
 * to `end`: the reference of a session, or "all". Without `end` it lists. The log names the
 * person by a digest.
 */
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <string.h>

#include "body.h"
#include "encoding.h"
#include "json.h"
#include "log.h"
#include "refuse.h"
#include "request.h"
#include "runtime.h"
#include "status.h"

enum { DIGEST_BYTES = 4 };

typedef struct {
    request_rec *r;
    const civic_server_conf_t *conf;
    civic_store_t *store;
    civic_status_person_t person;
    const char *end; /* NULL: only list */
    int is_json;
    int status; /* of the answer */
    unsigned char user[CIVIC_STORE_USER_LEN];
} action_t;

static const char *field(const apr_table_t *form, const char *name)
{
    const char *value = apr_table_get((apr_table_t *)form, name);

    return value && *value ? value : NULL;
}

static civic_refusal_t wish_read(action_t *action)
{
    request_rec *r = action->r;
    apr_table_t *form = apr_table_make(r->pool, 4);
    civic_refusal_t refusal;
    const char *text;
    apr_size_t len;

    refusal = civic_request_body_of_own_page(r, NULL, &text, &len);
    if (refusal.reason != CIVIC_OK) {
        return refusal;
    }
    if (civic_body_is(r, CIVIC_TYPE_JSON)) {
        const json_t *body = civic_json_parse(text, len, r->pool);

        action->is_json = 1;
        action->person.application = civic_json_string(body, "application");
        action->person.user_id = civic_json_string(body, "userId");
        action->end = civic_json_string(body, "end");
        return json_is_object(body)
                   ? civic_accepted()
                   : civic_refusal(CIVIC_BODY_MALFORMED, "it is not a JSON object");
    }
    if (!civic_body_is(r, "application/x-www-form-urlencoded")) {
        return civic_refusal(CIVIC_CONTENT_TYPE, "a form or JSON is expected");
    }
    refusal = civic_form_parse(form, text, r->pool);
    action->person.application = field(form, "application");
    action->person.user_id = field(form, "userId");
    action->end = field(form, "end");
    return refusal;
}

static int fault(action_t *action, int status, const char *notice)
{
    action->status = status;
    action->person.notice = notice;
    return 0;
}

/* @return 1; 0 with the answer's status and what it says */
static int judge(action_t *action)
{
    civic_status_person_t *person = &action->person;
    const apr_array_header_t *applications = action->conf->applications;

    if (!person->application && applications->nelts == 1) {
        person->application =
            APR_ARRAY_IDX(applications, 0, const civic_application_t *)->sip.app_id;
    }
    if (!person->application || !civic_conf_application(action->conf, person->application)) {
        return fault(action, HTTP_BAD_REQUEST, "There is no such application on this site.");
    }
    if (!person->user_id) {
        return fault(action, HTTP_BAD_REQUEST, "The userId is missing.");
    }
    if (!civic_session_can_list(action->store)) {
        action->person.may_end_all = 1;
        if (!action->end || strcmp(action->end, "all")) {
            return fault(action, HTTP_NOT_IMPLEMENTED,
                         "This kind of session store cannot list a person's sessions. It can "
                         "end all of them.");
        }
    }
    return 1;
}

/* What can still be used somewhere, where the store can tell. */
static civic_reason list(action_t *action)
{
    request_rec *r = action->r;
    apr_time_t now = civic_session_now(action->store);
    apr_array_header_t *all, *alive;
    civic_reason reason;

    if (!civic_session_can_list(action->store)) {
        return CIVIC_OK;
    }
    reason = civic_session_list(&all, action->user, action->store, r->pool);
    if (reason != CIVIC_OK) {
        return reason;
    }
    alive = apr_array_make(r->pool, all->nelts, sizeof(civic_session_t));
    for (int i = 0; i < all->nelts; i++) {
        civic_session_t *session = &APR_ARRAY_IDX(all, i, civic_session_t);
        apr_interval_time_t life = civic_conf_longest_life();

        if (civic_session_ends(session, life, life).absolute > now) {
            APR_ARRAY_PUSH(alive, civic_session_t) = *session;
        }
    }
    action->person.sessions = alive;
    return CIVIC_OK;
}

static civic_reason end(action_t *action)
{
    const apr_array_header_t *sessions = action->person.sessions;
    apr_pool_t *pool = action->r->pool;

    if (!strcmp(action->end, "all")) {
        return civic_session_end_user(action->user, action->store, &action->person.ended,
                                      pool);
    }
    for (int i = 0; i < sessions->nelts; i++) {
        const civic_session_t *session = &APR_ARRAY_IDX(sessions, i, civic_session_t);
        const char *reference = civic_session_reference(session, pool);

        if (reference && !strcmp(reference, action->end)) {
            action->person.ended = 1;
            return civic_session_end(session, action->store, pool);
        }
    }
    return CIVIC_OK;
}

/* The page, the counter, the log. */
static void tell(action_t *action)
{
    civic_status_person_t *person = &action->person;
    const char *reference = civic_request_reference(action->r);
    apr_pool_t *pool = action->r->pool;

    if (action->end) {
        person->notice = person->ended < 0 ? "All sessions of this person are ended."
                         : person->ended > 0
                             ? apr_psprintf(pool, "Ended: %d.", person->ended)
                             : "There was nothing to end: it had ended before.";
    }
    civic_counters_add(action->conf->runtime->counters, CIVIC_COUNT_ENDED,
                       (apr_uint64_t)(person->ended < 0 ? 1 : person->ended));
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, action->r,
                  CIVIC_LOG_PREFIX "operator: sessions of person %s at application %s: "
                                   "%s ended, %d left ref=%s",
                  civic_hex_encode(action->user, DIGEST_BYTES, pool), person->application,
                  person->ended < 0 ? "all" : apr_itoa(pool, person->ended),
                  person->sessions ? person->sessions->nelts : 0, reference);
}

static civic_refusal_t act(action_t *action)
{
    civic_status_person_t *person = &action->person;
    apr_pool_t *pool = action->r->pool;
    civic_reason reason;

    if (!civic_session_user(action->user, action->conf->realm, person->application,
                            person->user_id, pool)) {
        return civic_refusal(CIVIC_INTERNAL, "OpenSSL failed");
    }
    reason = list(action);
    if (reason == CIVIC_OK && action->end) {
        reason = end(action);
        reason = reason == CIVIC_OK ? list(action) : reason;
    }
    if (reason != CIVIC_OK) {
        return civic_refusal(reason, NULL);
    }
    tell(action);
    return civic_accepted();
}

/* ---- the answer ---- */

static json_t *session_json(const action_t *action, const civic_session_t *session)
{
    civic_store_t *store = action->store;
    apr_interval_time_t life = civic_conf_longest_life();
    const char *reference = civic_session_reference(session, action->r->pool);

    return json_pack(
        "{s:s*, s:s?, s:s, s:I, s:I, s:I}", "account", session->record.account, "reference",
        reference, "scope", session->record.scope, "created",
        (json_int_t)apr_time_sec(civic_session_wall(store, session->record.created)),
        "lastUsed", (json_int_t)apr_time_sec(civic_session_wall(store, session->last_used)),
        "ends",
        (json_int_t)apr_time_sec(
            civic_session_wall(store, civic_session_ends(session, life, life).absolute)));
}

static int answer_json(const action_t *action)
{
    request_rec *r = action->r;
    const civic_status_person_t *person = &action->person;
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));
    json_t *sessions = person->sessions ? json_array() : json_null();
    const json_t *body =
        civic_json_own(json_pack("{s:o, s:o, s:s?}", "sessions", sessions, "ended",
                                 person->ended < 0 ? json_null() : json_integer(person->ended),
                                 "notice", person->notice),
                       r->pool);

    for (int i = 0; person->sessions && i < person->sessions->nelts; i++) {
        json_array_append_new(
            sessions,
            session_json(action, &APR_ARRAY_IDX(person->sessions, i, civic_session_t)));
    }
    reply->content_type = CIVIC_TYPE_JSON;
    reply->body = body ? civic_json_text(body, r->pool) : "{}";
    return civic_respond(r, action->status, reply);
}

int civic_status_act(request_rec *r)
{
    action_t action = {.r = r, .conf = civic_server_conf(r->server), .status = HTTP_OK};
    civic_refusal_t refusal;

    action.store = action.conf->runtime->store;
    refusal = wish_read(&action);
    if (refusal.reason == CIVIC_OK && judge(&action)) {
        refusal = act(&action);
    }
    if (refusal.reason != CIVIC_OK) {
        return civic_refuse(r, "operator", refusal,
                            civic_request_is_navigation(r) ? CIVIC_AS_PAGE : CIVIC_AS_PROBLEM);
    }
    return action.is_json
               ? answer_json(&action)
               : civic_respond(r, action.status, civic_status_page(r, &action.person));
}

/* session_info.c - CivicEndpoint/session: what the server knows of this browser's sessions. It
 * looks, and never moves the idle clock. Times are seconds since the epoch. */
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>

#include "document_image.h"
#include "endpoints.h"
#include "json.h"
#include "refuse.h"
#include "request.h"
#include "respond.h"
#include "runtime.h"

static json_t *claims_json(const civic_claims_t *claims)
{
    json_t *list = json_array();

    for (int i = 0; i < claims->count; i++) {
        const civic_claim_t *claim = &claims->items[i];

        json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "label", claim->label,
                                              "value", claim->value, "verified",
                                              claim->flags == CIVIC_CLAIM_VERIFIED));
    }
    return list;
}

/* Sessions go by a clock of their own; people read the system's. */
static json_int_t seconds(request_rec *r, apr_time_t time)
{
    civic_store_t *store = civic_server_conf(r->server)->runtime->store;

    return (json_int_t)apr_time_sec(civic_session_wall(store, time));
}

static json_t *session_json(request_rec *r, const civic_session_t *session)
{
    const civic_dir_conf_t *dir = civic_dir_conf(r);
    const civic_record_t *record = &session->record;
    civic_session_ends_t ends =
        civic_session_ends(session, civic_conf_idle(dir), civic_conf_life(dir));
    const char *image = civic_document_image_path(r, session);

    /* s* leaves out what is NULL. */
    return json_pack("{s:s*, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:s*}", "account",
                     record->account, "application", record->application, "scope",
                     record->scope, "userId", record->user_id, "created",
                     seconds(r, record->created), "lastUsed", seconds(r, session->last_used),
                     "idleEnds", seconds(r, ends.idle), "ends", seconds(r, ends.absolute),
                     "claims", claims_json(&record->claims), "documentImage", image);
}

/* @return CIVIC_OK, also where there is none; CIVIC_STORE_UNAVAILABLE */
static civic_reason add(json_t *sessions, request_rec *r, const civic_lookup_t *lookup)
{
    if (lookup->reason == CIVIC_OK) {
        json_array_append_new(sessions, session_json(r, &lookup->session));
    }
    return lookup->reason == CIVIC_STORE_UNAVAILABLE ? lookup->reason : CIVIC_OK;
}

int civic_session_info(request_rec *r)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));
    json_t *sessions = json_array();
    json_t *body;

    if (r->method_number != M_GET) {
        json_decref(sessions);
        return civic_endpoint_method(r, "GET");
    }
    body = civic_json_own(json_pack("{s:o}", "sessions", sessions), r->pool);
    for (int i = 0; i < conf->applications->nelts; i++) {
        civic_application_t *app = APR_ARRAY_IDX(conf->applications, i, civic_application_t *);
        civic_reason reason = add(sessions, r, civic_request_session(r, app));

        if (reason == CIVIC_OK) {
            reason = add(sessions, r, civic_request_factor(r, app));
        }
        if (reason != CIVIC_OK) {
            return civic_refuse(r, "session", civic_refusal(reason, NULL), CIVIC_AS_PROBLEM);
        }
    }
    reply->content_type = CIVIC_TYPE_JSON;
    reply->body = body ? civic_json_text(body, r->pool) : NULL;
    return reply->body ? civic_respond(r, HTTP_OK, reply) : HTTP_INTERNAL_SERVER_ERROR;
}

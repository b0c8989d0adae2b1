/* document_image.c - see document_image.h. The handler of CivicEndpoint/image: GET and HEAD.
 *
 * `application` of the query says whose session is meant, where a browser has several; else
 * the first that has a picture, in the order of the configuration. It is looked at, and no
 * use.
 */
#include "document_image.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <string.h>

#include "body.h"
#include "endpoints.h"
#include "picture.h"
#include "refuse.h"
#include "request.h"
#include "respond.h"
#include "runtime.h"

static const char scheme[] = "Civic ";

/* Does it still belong to this site, and is the application to keep pictures? */
static int is_kept(request_rec *r, const civic_session_t *session)
{
    const civic_application_t *app =
        civic_conf_application(civic_server_conf(r->server), session->record.application);

    return session->record.has_picture && app && app->keep_picture == 1;
}

const char *civic_document_image_ticket(request_rec *r, const civic_session_t *session)
{
    const civic_runtime_t *runtime = civic_server_conf(r->server)->runtime;

    return is_kept(r, session) ? civic_picture_ticket_seal(session->key, apr_time_now(),
                                                           &runtime->seal_keys, r->pool)
                               : NULL;
}

const char *civic_document_image_path(request_rec *r, const civic_session_t *session)
{
    return is_kept(r, session)
               ? apr_pstrcat(r->pool, civic_conf_endpoint(civic_server_conf(r->server)),
                             "/image?application=", session->record.application, NULL)
               : NULL;
}

/* ---- whose ---- */

/* The limits are those of the endpoint's own address. */
static int is_alive(request_rec *r, const civic_session_t *session)
{
    const civic_dir_conf_t *dir = civic_dir_conf(r);
    civic_session_ends_t ends =
        civic_session_ends(session, civic_conf_idle(dir), civic_conf_life(dir));
    apr_time_t now = civic_session_now(civic_server_conf(r->server)->runtime->store);

    return now <= ends.idle && now <= ends.absolute;
}

static civic_refusal_t judge(request_rec *r, const civic_session_t *session)
{
    if (!is_kept(r, session)) {
        return civic_refusal(CIVIC_NO_PICTURE, "none is kept");
    }
    return is_alive(r, session) ? civic_accepted()
                                : civic_refusal(CIVIC_NO_PICTURE, "the session has ended");
}

static civic_refusal_t find_by_cookie(civic_session_t *session, request_rec *r,
                                      const char *application)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    civic_refusal_t refusal = civic_refusal(CIVIC_NO_PICTURE, "there is no session");

    for (int i = 0; i < conf->applications->nelts; i++) {
        civic_application_t *app = APR_ARRAY_IDX(conf->applications, i, civic_application_t *);
        const civic_lookup_t *lookup;

        if (application && strcmp(application, app->sip.app_id)) {
            continue;
        }
        lookup = civic_request_session(r, app);
        if (lookup->reason == CIVIC_STORE_UNAVAILABLE) {
            return civic_refusal(lookup->reason, NULL);
        }
        if (lookup->reason == CIVIC_OK) {
            refusal = judge(r, &lookup->session);
            *session = lookup->session;
        }
        if (refusal.reason == CIVIC_OK) {
            break;
        }
    }
    return refusal;
}

static civic_refusal_t find_by_ticket(civic_session_t *session, request_rec *r,
                                      const char *ticket)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    unsigned char key[CIVIC_STORE_KEY_LEN];

    if (!civic_picture_ticket_open(key, ticket, apr_time_now(), &conf->runtime->seal_keys,
                                   r->pool)) {
        return civic_refusal(CIVIC_NO_PICTURE, "the ticket is not ours or over a minute old");
    }
    switch (
        civic_session_read(session, conf->runtime->store, key, conf->realm, NULL, r->pool)) {
    case CIVIC_OK:
        return judge(r, session);
    case CIVIC_STORE_UNAVAILABLE:
        return civic_refusal(CIVIC_STORE_UNAVAILABLE, NULL);
    default:
        return civic_refusal(CIVIC_NO_PICTURE,
                             "the ticket's session has ended or is of another site");
    }
}

/* A page of another site may not embed it, nor a link there lead to it: what browsers say of
 * themselves is enough, since it is their cookies that are in question. */
static int is_foreign(request_rec *r)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");

    return site && strcmp(site, "same-origin") && strcmp(site, "none");
}

static civic_refusal_t find(civic_session_t *session, request_rec *r)
{
    const char *authorization = apr_table_get(r->headers_in, "Authorization");
    apr_table_t *form = apr_table_make(r->pool, 2);

    if (is_foreign(r)) {
        return civic_refusal(CIVIC_CROSS_ORIGIN, "Sec-Fetch-Site is of another site");
    }
    if (authorization && !strncasecmp(authorization, scheme, sizeof(scheme) - 1)) {
        return find_by_ticket(session, r, authorization + sizeof(scheme) - 1);
    }
    if (r->args) {
        civic_refusal_t refusal = civic_form_parse(form, r->args, r->pool);

        if (refusal.reason != CIVIC_OK) {
            return refusal;
        }
    }
    return find_by_cookie(session, r, apr_table_get(form, "application"));
}

/* ---- the picture ---- */

static civic_refusal_t load(civic_bytes_t *picture, request_rec *r,
                            const civic_session_t *session)
{
    civic_store_t *store = civic_server_conf(r->server)->runtime->store;

    switch (civic_picture_get(picture, store, session->key, r->pool)) {
    case CIVIC_STORE_OK:
        return civic_picture_type(picture)
                   ? civic_accepted()
                   : civic_refusal(CIVIC_NO_PICTURE, "what is kept is no picture");
    case CIVIC_STORE_MISSING:
        return civic_refusal(CIVIC_NO_PICTURE, "it had to make way for sessions");
    default:
        return civic_refusal(CIVIC_STORE_UNAVAILABLE, NULL);
    }
}

static int show(request_rec *r, const civic_bytes_t *picture)
{
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));

    reply->content_type = civic_picture_type(picture);
    reply->body = (const char *)picture->data;
    reply->bytes = picture->len;
    reply->policy = "default-src 'none'; sandbox; frame-ancestors 'none'";
    apr_table_setn(r->headers_out, "Content-Disposition",
                   !strcmp(reply->content_type, "image/png")
                       ? "attachment; filename=\"document.png\""
                       : "attachment; filename=\"document.jpg\"");
    apr_table_setn(r->headers_out, "Cross-Origin-Resource-Policy", "same-origin");
    return civic_respond(r, HTTP_OK, reply);
}

int civic_document_image(request_rec *r)
{
    civic_session_t session;
    civic_bytes_t picture;
    civic_refusal_t refusal;

    if (r->method_number != M_GET) {
        return civic_endpoint_method(r, "GET");
    }
    refusal = find(&session, r);
    if (refusal.reason == CIVIC_OK) {
        refusal = load(&picture, r, &session);
    }
    return refusal.reason == CIVIC_OK ? show(r, &picture)
                                      : civic_refuse(r, "image", refusal, CIVIC_AS_PROBLEM);
}

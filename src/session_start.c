/* session_start.c - see session_start.h. */
#include "session_start.h"

#include <apr_strings.h>
#include <http_log.h>
#include <string.h>

#include "conf.h"
#include "cookie.h"
#include "log.h"
#include "runtime.h"

/* The store keeps a session a little longer than it opens anything: whoever comes back is told
 * that it has ended. */
#define EXPIRY_GRACE apr_time_from_sec(15 * 60)

static void warn(request_rec *r, const char *what)
{
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, CIVIC_LOG_PREFIX "%s ref=%s", what,
                  civic_request_reference(r));
}

/* The newest login stays, the oldest go. That they could not be ended is no reason to refuse
 * it. */
static void sessions_limit(request_rec *r, const civic_record_t *record)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    unsigned char user[CIVIC_STORE_USER_LEN];
    int most = conf->sessions_per_user, ended = 0;

    if (most <= 0) {
        return;
    }
    if (!civic_session_user(user, record->realm, record->application, record->user_id, r->pool)
        || civic_session_limit(user, conf->runtime->store, most, &ended, r->pool)
               != CIVIC_OK) {
        warn(r, "CivicSessionsPerUser: older sessions could not be ended");
    }
    else if (ended) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      CIVIC_LOG_PREFIX "CivicSessionsPerUser %d: %d older ended ref=%s", most,
                      ended, civic_request_reference(r));
    }
}

civic_refusal_t civic_session_keep(const char **id, request_rec *r, civic_record_t *record,
                                   const civic_bytes_t *picture)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);

    memcpy(record->realm, conf->realm, sizeof(record->realm));
    return civic_session_create(id, conf->runtime->store, record, picture,
                                civic_conf_longest_life() + EXPIRY_GRACE, r->pool);
}

void civic_session_hand_out(request_rec *r, const char *id, const civic_lookup_t *old,
                            const civic_record_t *record, civic_browser_t *browser)
{
    civic_store_t *store = civic_server_conf(r->server)->runtime->store;

    /* A new id at every login; the one that the browser came with is to be worth nothing. */
    if (old->reason == CIVIC_OK
        && civic_session_end(&old->session, store, r->pool) != CIVIC_OK) {
        warn(r, "the session that the browser had before could not be ended: it stays in the "
                "store until it expires");
    }
    sessions_limit(r, record);
    civic_cookie_set_session(r, old, id);
    browser->completed = apr_time_now();
    memcpy(browser->application, civic_lookup_digest(old), sizeof(browser->application));
    civic_cookie_set_browser(r, browser);
}

void civic_session_discard(request_rec *r, const char *id, const civic_record_t *record)
{
    civic_store_t *store = civic_server_conf(r->server)->runtime->store;

    if (civic_session_drop(id, record, store, r->pool) != CIVIC_OK) {
        warn(r, "a session that nobody was given could not be ended: it stays in the store "
                "until it expires");
    }
}

civic_refusal_t civic_session_start(request_rec *r, const civic_lookup_t *old,
                                    civic_record_t *record, const civic_bytes_t *picture,
                                    civic_browser_t *browser)
{
    const char *id;
    civic_refusal_t refusal = civic_session_keep(&id, r, record, picture);

    if (refusal.reason == CIVIC_OK) {
        civic_session_hand_out(r, id, old, record, browser);
    }
    return refusal;
}

/* session.h - a login that lasts: created, found, used, ended.
 *
 * The cookie holds 32 random bytes, base64url, and nothing else; the store's key is their
 * SHA-256. A session belongs to one application in one realm: the cookie's Domain where
 * CivicCookie names one, else the site's own name. So a cookie carried to another site opens
 * nothing there.
 */
#ifndef CIVIC_SESSION_H
#define CIVIC_SESSION_H

#include <apr_pools.h>
#include <apr_time.h>
#include "reason.h"
#include "record.h"
#include "store.h"

#define CIVIC_SESSION_ID_LEN 43 /* characters, always */

typedef struct {
    civic_record_t record;
    civic_store_times_t times;
    unsigned char key[CIVIC_STORE_KEY_LEN];
} civic_session_t;

/** @return 1; 0 when OpenSSL fails */
int civic_session_realm(unsigned char realm[CIVIC_REALM_LEN], const char *name);

/**
 * Store a new session and read it back: a login is a success only then.
 *
 * @param id      the cookie's value, set on success alone
 * @param expires absolute end, after which the store may forget it
 * @return CIVIC_OK; CIVIC_SESSION_TOO_LARGE, CIVIC_STORE_UNAVAILABLE,
 *         CIVIC_INTERNAL
 */
civic_refusal_t civic_session_create(const char **id, civic_store_t *store,
                                     const civic_record_t *record, apr_time_t expires,
                                     apr_time_t now, apr_pool_t *pool);

/**
 * Find the session of a cookie. Length and alphabet of the id are judged before anything else.
 *
 * @return CIVIC_OK with `session` set; CIVIC_LOGIN_REQUIRED when there is none for this realm
 * and application; CIVIC_STORE_UNAVAILABLE
 */
civic_reason civic_session_find(civic_session_t *session, civic_store_t *store, const char *id,
                                const unsigned char realm[CIVIC_REALM_LEN],
                                const char *application, apr_time_t now, apr_pool_t *pool);

/** Note a use, when the last one noted is at least a tenth of `idle` old: reads stay reads. */
void civic_session_use(civic_session_t *session, civic_store_t *store,
                       apr_interval_time_t idle, apr_time_t now);

/** @return CIVIC_OK (also when it had ended before), CIVIC_STORE_UNAVAILABLE */
civic_reason civic_session_end(const civic_session_t *session, civic_store_t *store);

/** All sessions of this session's user at this application, in this realm. As above. */
civic_reason civic_session_end_user(const civic_session_t *session, civic_store_t *store,
                                    apr_pool_t *pool);

/** 1 when `id` has the form of a cookie value of ours. */
int civic_session_id_is_sane(const char *id);

#endif

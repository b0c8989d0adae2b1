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
#include <apr_tables.h>
#include <apr_time.h>
#include "reason.h"
#include "record.h"
#include "store.h"

#define CIVIC_SESSION_ID_LEN 43 /* characters, always */

typedef struct {
    civic_record_t record;
    unsigned char key[CIVIC_STORE_KEY_LEN];
    unsigned char user[CIVIC_STORE_USER_LEN];
    apr_time_t expires, last_used; /* by civic_session_now, as record.created */
} civic_session_t;

/** The time that sessions go by (store.h), which need not be the system's. */
apr_time_t civic_session_now(civic_store_t *store);

/** What the system's clock shows at such a time: for people to read. */
apr_time_t civic_session_wall(civic_store_t *store, apr_time_t time);

/** When a session ends if nothing more happens, by civic_session_now. */
typedef struct {
    apr_time_t idle;     /* moved by each use */
    apr_time_t absolute; /* fixed at the login */
} civic_session_ends_t;

/** Under the limits of a location. */
civic_session_ends_t civic_session_ends(const civic_session_t *session,
                                        apr_interval_time_t idle, apr_interval_time_t life);

/** @return 1; 0 when OpenSSL fails */
int civic_session_realm(unsigned char realm[CIVIC_REALM_LEN], const char *name);

/**
 * Store a new session and read it back: a login is a success only then.
 *
 * @param id     the cookie's value, set on success alone
 * @param record its `created` and `has_picture` are filled in
 * @param picture to keep beside it (picture.h), NULL: none. Where that cannot be done, the
 *               session is made without it
 * @param life   after which the store may forget it
 * @return CIVIC_OK; CIVIC_SESSION_TOO_LARGE, CIVIC_STORE_UNAVAILABLE,
 *         CIVIC_INTERNAL
 */
civic_refusal_t civic_session_create(const char **id, civic_store_t *store,
                                     civic_record_t *record, const civic_bytes_t *picture,
                                     apr_interval_time_t life, apr_pool_t *pool);

/**
 * Find the session of a cookie. Length and alphabet of the id are judged before anything else.
 *
 * @return CIVIC_OK with `session` set; CIVIC_LOGIN_REQUIRED when there is none for this realm
 * and application; CIVIC_STORE_UNAVAILABLE
 */
civic_reason civic_session_find(civic_session_t *session, civic_store_t *store, const char *id,
                                const unsigned char realm[CIVIC_REALM_LEN],
                                const char *application, apr_pool_t *pool);

/** The same by the store's key, for who came by it otherwise than by a cookie.
 * @param application NULL: any */
civic_reason civic_session_read(civic_session_t *session, civic_store_t *store,
                                const unsigned char key[CIVIC_STORE_KEY_LEN],
                                const unsigned char realm[CIVIC_REALM_LEN],
                                const char *application, apr_pool_t *pool);

/**
 * A copy for longer: in `pool`, what is needed on the way in `scratch`.
 * @return 1; 0 when it takes more than CIVIC_SESSION_KEPT_MAX bytes
 */
int civic_session_copy(civic_session_t *copy, const civic_session_t *session,
                       apr_pool_t *scratch, apr_pool_t *pool);
#define CIVIC_SESSION_KEPT_MAX (16 * 1024)

/**
 * Look at a session that was found before, without using it: its last use is read anew.
 *
 * @return CIVIC_OK; CIVIC_LOGIN_REQUIRED when it has ended; CIVIC_STORE_UNAVAILABLE
 */
civic_reason civic_session_look(civic_session_t *session, civic_store_t *store,
                                apr_pool_t *pool);

/** Note a use, when the last one noted is at least a tenth of `idle` old: reads stay reads. */
void civic_session_use(civic_session_t *session, civic_store_t *store,
                       apr_interval_time_t idle, apr_pool_t *pool);

/** @return CIVIC_OK (also when it had ended before), CIVIC_STORE_UNAVAILABLE */
civic_reason civic_session_end(const civic_session_t *session, civic_store_t *store,
                               apr_pool_t *pool);

/** The same for one that was only just created, by its id. */
civic_reason civic_session_drop(const char *id, const civic_record_t *record,
                                civic_store_t *store, apr_pool_t *pool);

/** All sessions of a user (civic_session_user), everywhere.
 * @return CIVIC_OK with their count (-1: unknown), CIVIC_STORE_UNAVAILABLE */
civic_reason civic_session_end_user(const unsigned char user[CIVIC_STORE_USER_LEN],
                                    civic_store_t *store, int *count, apr_pool_t *pool);

/** Which user, for the store: one person is another user in another realm or application.
 * @return 1, 0 when OpenSSL fails */
int civic_session_user(unsigned char user[CIVIC_STORE_USER_LEN],
                       const unsigned char realm[CIVIC_REALM_LEN], const char *application,
                       const char *user_id, apr_pool_t *pool);

/** Can the store tell whose its sessions are? What follows is for those that can. */
int civic_session_can_list(const civic_store_t *store);

/** A short name for a session that opens nothing. @return in the pool; NULL when
 * OpenSSL fails */
const char *civic_session_reference(const civic_session_t *session, apr_pool_t *pool);

/** A user's sessions, oldest login first.
 * @param list set on success, in the pool: of civic_session_t
 * @return CIVIC_OK, CIVIC_STORE_UNAVAILABLE (also where the store cannot list) */
civic_reason civic_session_list(apr_array_header_t **list,
                                const unsigned char user[CIVIC_STORE_USER_LEN],
                                civic_store_t *store, apr_pool_t *pool);

/** End a user's oldest sessions beyond the `most` newest.
 * @return CIVIC_OK with the count of those ended, CIVIC_STORE_UNAVAILABLE */
civic_reason civic_session_limit(const unsigned char user[CIVIC_STORE_USER_LEN],
                                 civic_store_t *store, int most, int *ended, apr_pool_t *pool);

/** 1 when `id` has the form of a cookie value of ours. */
int civic_session_id_is_sane(const char *id);

#endif

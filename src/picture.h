/* picture.h - the picture of a person's document, kept beside the session that brought it.
 *
 * It is an entry of its own in the store, with the session's lifetime, so that no request pays
 * for it but the one that asks for it. Its key and its user are digests of the session's:
 *
 *     key = SHA-256("civic picture" | session key), user = the same of the session's user, cut
 *
 * so it ends with the session wherever sessions end, and is never among a user's sessions.
 */
#ifndef CIVIC_PICTURE_H
#define CIVIC_PICTURE_H

#include <apr_pools.h>
#include <apr_time.h>
#include "claims.h"
#include "state.h"
#include "store.h"

#define CIVIC_PICTURE_MAX (1024 * 1024) /* bytes */

/** How long a ticket opens a picture. */
#define CIVIC_PICTURE_TICKET_LIFE apr_time_from_sec(60)
#define CIVIC_PICTURE_TICKET_LEN  92 /* characters, always */

/** What a picture is by its first bytes. @return "image/jpeg", "image/png"; NULL for
 * all else */
const char *civic_picture_type(const civic_bytes_t *picture);

/**
 * The picture among claims: one, verified as its checksum is. Whether that fits,
 * civic_claims_drop_picture judges.
 *
 * @param picture set on success, in the pool
 * @return NULL, or why there is none to keep (no content of it); "" when none was sent
 */
const char *civic_picture_read(civic_bytes_t *picture, const civic_claims_t *claims,
                               apr_pool_t *pool);

/** Keep it as long as the session will be, of which key, user and times are set.
 * @return 1, 0 when the store has no room for it or cannot be reached */
int civic_picture_put(civic_store_t *store, const civic_stored_t *session,
                      const civic_bytes_t *picture, apr_pool_t *pool);

/** The picture of a session. @return OK, MISSING, DOWN */
civic_store_result civic_picture_get(civic_bytes_t *picture, civic_store_t *store,
                                     const unsigned char key[CIVIC_STORE_KEY_LEN],
                                     apr_pool_t *pool);

/** End that of a session, or those of a user. @return 1 (also when there was none); 0: it
 * could not be done */
int civic_picture_end(civic_store_t *store, const unsigned char key[CIVIC_STORE_KEY_LEN],
                      const unsigned char user[CIVIC_STORE_USER_LEN], apr_pool_t *pool);
int civic_picture_end_user(civic_store_t *store,
                           const unsigned char user[CIVIC_STORE_USER_LEN], apr_pool_t *pool);

/**
 * A ticket: opens the picture of one session for a minute, and nothing else.
 * @return CIVIC_PICTURE_TICKET_LEN characters of base64url, in the pool; NULL on failure
 */
const char *civic_picture_ticket_seal(const unsigned char key[CIVIC_STORE_KEY_LEN],
                                      apr_time_t now, const civic_seal_keys_t *keys,
                                      apr_pool_t *pool);

/** @param key the session's, set on success alone @return 1; 0 when it is not ours or
 * too old */
int civic_picture_ticket_open(unsigned char key[CIVIC_STORE_KEY_LEN], const char *text,
                              apr_time_t now, const civic_seal_keys_t *keys, apr_pool_t *pool);

#endif

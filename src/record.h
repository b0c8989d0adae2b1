/* record.h - a session as bytes, the form in which every store keeps it.
 *
 *   version(1) | flags(1) | realm(16) | created(8) | application | scope | userId | n(2)
 *     | n * claim
 *   flags: 1 the document's picture is kept; 2 a second factor: account | proof(1) behind
 *     the userId
 *   claim: flags(1) | label | value            text: length(4) | bytes      little endian
 *
 * Times that change while a session lives (last use) are the store's, not the record's, so
 * that a record is written once.
 */
#ifndef CIVIC_RECORD_H
#define CIVIC_RECORD_H

#include <apr_pools.h>
#include <apr_time.h>
#include "claims.h"
#include "crypto.h"

#define CIVIC_REALM_LEN  16
#define CIVIC_RECORD_MAX (1024 * 1024) /* bytes */

/** How a second factor was shown. */
typedef enum {
    CIVIC_PROOF_CIVIC,   /* an approval in the Civic app */
    CIVIC_PROOF_RECOVERY /* a recovery code in its place */
} civic_proof;

/** What a login is. In the pool of whoever made or decoded it. */
typedef struct {
    unsigned char realm[CIVIC_REALM_LEN]; /* which sites may use it (session.h) */
    const char *application;
    const char *scope; /* the scope request that was approved */
    const char *user_id;
    const char
        *account; /* of another login, whose second factor this is; NULL: a login by itself */
    civic_proof proof;  /* for an account */
    apr_time_t created; /* microseconds since the epoch */
    int has_picture;    /* the document's picture is kept beside it (picture.h) */
    civic_claims_t claims;
} civic_record_t;

/** @return 1 with `bytes` in the pool; 0 when it would be over CIVIC_RECORD_MAX (`bytes->len`
 * then says how many it needs, `data` is NULL) */
int civic_record_encode(civic_bytes_t *bytes, const civic_record_t *record, apr_pool_t *pool);

/** Every length is checked against what is left; a record of another version is none.
 *  Strings are copied into the pool. @return 1, or 0 for anything but a whole record */
int civic_record_decode(civic_record_t *record, const unsigned char *data, apr_size_t len,
                        apr_pool_t *pool);

#endif

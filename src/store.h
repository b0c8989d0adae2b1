/* store.h - where sessions live: the interface of every store.
 *
 * A session is a record (record.h: bytes, opaque here) under a key of 32 bytes, the SHA-256 of
 * the cookie, so that a leaked store opens nothing. States of a key:
 *
 *     missing --put--> stored --remove, remove_user, expiry, eviction--> missing
 *
 * A record is written once and never changed; only its last use moves (touch). A store also
 * remembers, apart from the sessions, which one-time tokens were seen (once): visitors who
 * never log in can fill neither.
 *
 * Made in the parent before the fork, used by all children and threads at once. Results are
 * never half set: `record` and the like are written on CIVIC_STORE_OK alone.
 */
#ifndef CIVIC_STORE_H
#define CIVIC_STORE_H

#include <apr_pools.h>
#include <apr_time.h>
#include "crypto.h"

#define CIVIC_STORE_KEY_LEN  32
#define CIVIC_STORE_USER_LEN 16 /* which user, for remove_user: a digest, see session.h */

typedef enum {
    CIVIC_STORE_OK,
    CIVIC_STORE_MISSING,   /* no such key, or expired; for `once`: seen before */
    CIVIC_STORE_EXHAUSTED, /* no room, and nothing that may go */
    CIVIC_STORE_TOO_LARGE, /* this record never fits */
    CIVIC_STORE_DOWN       /* nothing is known: never treat it as "not logged in" */
} civic_store_result;

/** What a store knows of a session beside its record. */
typedef struct {
    apr_time_t expires;   /* absolute end */
    apr_time_t last_used; /* moved by touch */
} civic_store_times_t;

typedef struct {
    apr_size_t sessions; /* stored now, expired ones that were not reclaimed yet included */
    apr_size_t bytes_used, bytes_total;
    apr_uint64_t evicted; /* live sessions that had to go for new ones, since the start */
} civic_store_stats_t;

typedef struct civic_store civic_store_t;

/** What a store can do. Keys are CIVIC_STORE_KEY_LEN bytes, users CIVIC_STORE_USER_LEN. */
typedef struct {
    const char *name; /* as in CivicSessionStore */

    /** OK, EXHAUSTED, TOO_LARGE, DOWN. A key that is there already is replaced. */
    civic_store_result (*put)(civic_store_t *store, const unsigned char *key,
                              const unsigned char *user, const civic_bytes_t *record,
                              const civic_store_times_t *times);

    /** OK with the record copied into the pool, MISSING, DOWN. Does not move the last use. */
    civic_store_result (*get)(civic_store_t *store, const unsigned char *key, apr_time_t now,
                              civic_bytes_t *record, civic_store_times_t *times,
                              apr_pool_t *pool);

    /** Note a use at `now`. OK, MISSING, DOWN. */
    civic_store_result (*touch)(civic_store_t *store, const unsigned char *key,
                                apr_time_t now);

    /** OK, MISSING, DOWN. */
    civic_store_result (*remove)(civic_store_t *store, const unsigned char *key);

    /** All sessions of a user. OK (even when there was none), DOWN. */
    civic_store_result (*remove_user)(civic_store_t *store, const unsigned char *user);

    /** Test and set in one step: OK the first time a key is shown, MISSING every further time
     *  until `expires`; EXHAUSTED and DOWN mean "cannot tell": refuse. */
    civic_store_result (*once)(civic_store_t *store, const unsigned char *key,
                               apr_time_t expires, apr_time_t now);

    /** OK, DOWN. */
    civic_store_result (*stats)(civic_store_t *store, civic_store_stats_t *stats);
} civic_store_ops_t;

struct civic_store {
    const civic_store_ops_t *ops;
    void *state; /* the store's own */
};

/* ---- store_shm: shared memory of this machine ---- */

#define CIVIC_STORE_SHM_MIN     (256 * 1024) /* bytes */
#define CIVIC_STORE_SHM_DEFAULT (32 * 1024 * 1024)

/**
 * Lay out an empty store in a segment.
 * @param segment zeroed, aligned to 8 bytes, shared by all who will use it, at any address
 * @param size    at least CIVIC_STORE_SHM_MIN
 * @return 1, 0 when the lock cannot be made
 */
int civic_store_shm_format(void *segment, apr_size_t size);

/** Use a segment that was formatted. @return in the pool; NULL when its layout is another one
 */
civic_store_t *civic_store_shm_open(void *segment, apr_size_t size, apr_pool_t *pool);

/** Walk the whole structure. @return NULL, or what is broken (for tests, and after a crash) */
const char *civic_store_shm_validate(civic_store_t *store);

#endif

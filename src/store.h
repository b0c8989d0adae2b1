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
 * never half set: they are written on CIVIC_STORE_OK alone.
 */
#ifndef CIVIC_STORE_H
#define CIVIC_STORE_H

#include <apr_pools.h>
#include <apr_time.h>
#include "crypto.h"
#include "reason.h"
#include "state.h"

#define CIVIC_STORE_KEY_LEN  32
#define CIVIC_STORE_USER_LEN 16 /* which user, for remove_user: a digest, see session.h */

typedef enum {
    CIVIC_STORE_OK,
    CIVIC_STORE_MISSING,   /* no such key, or expired; for `once`: seen before */
    CIVIC_STORE_EXHAUSTED, /* no room, and nothing that may go */
    CIVIC_STORE_TOO_LARGE, /* this record never fits */
    CIVIC_STORE_DOWN       /* nothing is known: never treat it as "not logged in" */
} civic_store_result;

/** Whoever has logged in comes first: a picture has to make way, and never makes a
 * session go. */
typedef enum { CIVIC_STORED_SESSION, CIVIC_STORED_PICTURE } civic_stored_kind;

/** What a store keeps. Times are the store's own (ops->now). */
typedef struct {
    civic_stored_kind kind; /* for put; what get gives leaves it open */
    unsigned char key[CIVIC_STORE_KEY_LEN];
    unsigned char user[CIVIC_STORE_USER_LEN];
    civic_bytes_t record;
    apr_time_t expires;   /* absolute end */
    apr_time_t last_used; /* moved by touch */
} civic_stored_t;

#define CIVIC_STORE_UNKNOWN ((apr_uint64_t)-1)

typedef struct {
    /* stored now, expired ones that were not reclaimed yet included, pictures left out;
     * CIVIC_STORE_UNKNOWN */
    apr_uint64_t sessions;
    apr_uint64_t bytes_used, bytes_total; /* 0 where the store does not know */
    apr_uint64_t evicted;                 /* live sessions that had to go for new ones */
    apr_uint64_t mended; /* times that a part of the store was put in order again */
} civic_store_stats_t;

typedef struct civic_store civic_store_t;

/** Called for each session of a user; no call of the store is allowed inside. */
typedef void civic_store_visit_fn(void *baton, const civic_stored_t *session);

/** What a store can do. */
typedef struct {
    const char *name; /* as in CivicSessionStore */

    /** Once in each child, after the fork, before any other call there. */
    void (*child_init)(civic_store_t *store, apr_pool_t *pchild);

    /** The time that lifetimes go by, microseconds since the epoch: the same for all who share
     * the store, and where the store can, free of steps of the system's clock. */
    apr_time_t (*now)(civic_store_t *store);

    /** OK, EXHAUSTED, TOO_LARGE, DOWN. A key that is there already is replaced. A store that
     * knows how full it is takes a picture only as long as half of it stays free. */
    civic_store_result (*put)(civic_store_t *store, const civic_stored_t *session);

    /** OK with the record copied into the pool, MISSING, DOWN. Does not move the last use. */
    civic_store_result (*get)(civic_store_t *store, civic_stored_t *session,
                              const unsigned char *key, apr_pool_t *pool);

    /** Note a use, now. OK, MISSING, DOWN. */
    civic_store_result (*touch)(civic_store_t *store, const unsigned char *key,
                                apr_pool_t *pool);

    /** End one session of this user. OK, MISSING, DOWN. */
    civic_store_result (*remove)(civic_store_t *store, const unsigned char *key,
                                 const unsigned char *user, apr_pool_t *pool);

    /** End all sessions of a user, on every node: a login at the same time is wholly before
     * or wholly after. OK with their count (-1: the store does not know), DOWN. */
    civic_store_result (*remove_user)(civic_store_t *store, const unsigned char *user,
                                      int *count, apr_pool_t *pool);

    /** Show all sessions of a user. OK (even when there was none), DOWN. NULL: the store
     * cannot list them. */
    civic_store_result (*visit_user)(civic_store_t *store, const unsigned char *user,
                                     civic_store_visit_fn *visit, void *baton,
                                     apr_pool_t *pool);

    /** Test and set in one step: OK the first time a key is shown, MISSING every further time
     *  until `expires` (wall clock); EXHAUSTED and DOWN mean "cannot tell": refuse. A store
     * that is full of tokens may forget those that end first: the service refuses them as
     * well. */
    civic_store_result (*once)(civic_store_t *store, const unsigned char *key,
                               apr_time_t expires, apr_pool_t *pool);

    /** OK, DOWN. */
    civic_store_result (*stats)(civic_store_t *store, civic_store_stats_t *stats);

    /** Is a session that was got before still there? OK with its `last_used` read anew,
     * MISSING, DOWN. NULL: get it again. */
    civic_store_result (*look)(civic_store_t *store, civic_stored_t *session,
                               apr_pool_t *pool);
} civic_store_ops_t;

struct civic_store {
    const civic_store_ops_t *ops;
    void *state; /* the store's own */
};

/** How a store tells the operator something: one line, without prefix, no secrets. */
typedef void civic_store_say_fn(void *baton, civic_loudness loudness, const char *line);

/** What every kind of store is opened with. All of it lives as long as the store. */
typedef struct {
    apr_pool_t *pool;
    const civic_seal_keys_t *seal_keys;
    civic_store_say_fn *say;
    void *say_baton;
} civic_store_env_t;

#endif

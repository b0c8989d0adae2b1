/* crowd.h - several processes at once at one store: how many lookups they get done together.
 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "store.h"

typedef enum {
    CROWD_LOCK_FREE, /* as the module reads: without a lock, then validated */
    CROWD_MUTEX,     /* holding the shard's robust mutex */
    CROWD_RWLOCK,    /* holding a read-write lock of ours, one for each shard */
    CROWD_WAYS
} crowd_way;

typedef enum { CROWD_READERS, CROWD_MIXED, CROWD_MIXES } crowd_mix;

typedef struct crowd crowd_t;

/** For a store that holds the persons 0 to `people` - 1. In the pool. */
crowd_t *crowd_make(civic_store_t *store, apr_uint32_t people, apr_pool_t *pool);

/**
 * Let `processes` look up for `seconds`, random persons out of all.
 * @param mix CROWD_MIXED: of 1,000 calls ten are a touch and one is a put with its remove
 * @return lookups per second, of all together; the program ends when any call fails
 */
double crowd_run(crowd_t *crowd, crowd_way way, crowd_mix mix, int processes, double seconds);

#endif

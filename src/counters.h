/* counters.h - how often things happened, counted in shared memory.
 *
 *   +-----------+------------------------+------------------------+-- ... --+
 *   | since ... | stripe 0: counter[...] | stripe 1: counter[...] |         |
 *   +-----------+------------------------+------------------------+-- ... --+
 *
 * Each thread adds to one stripe, whose cache lines it hardly shares with anybody; a counter's
 * value is the sum over all stripes. There is no lock and no pointer in it, so a process may
 * die anywhere. Made once by the parent and kept over its restarts: counters never go back.
 */
#ifndef CIVIC_COUNTERS_H
#define CIVIC_COUNTERS_H

#include <apr_pools.h>
#include <apr_time.h>
#include "reason.h"

/* How long an exchange took: X(upper bound in microseconds, the same in seconds as text). What
 * takes longer than the last is counted apart. */
#define CIVIC_EXCHANGE_BOUNDS(X)                                                              \
    X(50000, "0.05")                                                                          \
    X(100000, "0.1")                                                                          \
    X(250000, "0.25")                                                                         \
    X(500000, "0.5")                                                                          \
    X(1000000, "1")                                                                           \
    X(2500000, "2.5")                                                                         \
    X(5000000, "5")                                                                           \
    X(10000000, "10")                                                                         \
    X(30000000, "30")

#define CIVIC_PLUS_ONE(limit, text) +1
enum { CIVIC_EXCHANGE_BOUND_COUNT = CIVIC_EXCHANGE_BOUNDS(CIVIC_PLUS_ONE) };

/** What is counted. */
typedef enum {
    /* requests where somebody must be logged in, by what the browser's session was */
    CIVIC_COUNT_SESSION_VALID,
    CIVIC_COUNT_SESSION_NONE,
    CIVIC_COUNT_SESSION_EXPIRED,
    CIVIC_COUNT_SESSION_UNAVAILABLE, /* the store could not tell */
    CIVIC_COUNT_LOGINS,
    CIVIC_COUNT_LINKS,             /* accounts linked to a Civic identity by their people */
    CIVIC_COUNT_RECOVERIES,        /* logins by a recovery code */
    CIVIC_COUNT_LOGOUTS,           /* by people, of one session or of all of theirs */
    CIVIC_COUNT_ENDED,             /* sessions that an operator ended */
    CIVIC_COUNT_WEBSOCKETS_CLOSED, /* with their session */
    CIVIC_COUNT_EXCHANGE_USEC,
    CIVIC_COUNT_EXCHANGES, /* the first of the histogram: one for each bound, one for longer */
    CIVIC_COUNT_REFUSALS = CIVIC_COUNT_EXCHANGES + CIVIC_EXCHANGE_BOUND_COUNT + 1,
    CIVIC_COUNT_COUNT = CIVIC_COUNT_REFUSALS + CIVIC_REASON_COUNT /* one for each reason */
} civic_count;

typedef struct civic_counters civic_counters_t;

/** All counters at one moment. */
typedef struct {
    apr_time_t since; /* wall clock: when counting began */
    apr_uint64_t value[CIVIC_COUNT_COUNT];
} civic_counts_t;

/** In the parent, before the fork; the memory goes with the pool.
 * @return NULL when there is no shared memory */
civic_counters_t *civic_counters_create(apr_time_t now, apr_pool_t *pool);

/** Changes when the meaning of the memory does: counters of another layout are not ours. */
apr_uint32_t civic_counters_layout(void);

void civic_counters_add(civic_counters_t *counters, civic_count which, apr_uint64_t n);

/** Something was refused for this reason. */
void civic_counters_refused(civic_counters_t *counters, civic_reason reason);

/** An exchange took this long, whatever came of it. */
void civic_counters_exchange(civic_counters_t *counters, apr_interval_time_t took);

/** Read them all; no counter is ever less than the last time. */
void civic_counters_read(civic_counts_t *counts, const civic_counters_t *counters);

#endif

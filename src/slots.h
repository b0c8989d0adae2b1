/* slots.h - how many exchanges may be under way at once, over all children of all generations.
 *
 *   +-------+---------+-----+---------+---------+-- ... --+-----------------+
 *   | limit | highest | ... | owner 0 | owner 1 |         | owner MAX - 1   |
 *   +-------+---------+-----+---------+---------+-- ... --+-----------------+
 *                            0: free, else pid | when that process began
 *
 * A slot is held until whoever took it gives it back, however long that takes, or his process
 * is gone. It has no time of its own: a call that overruns its time is still under way. No
 * lock, one compare-and-swap takes a slot; no pointer, so the parent keeps the memory over its
 * restarts. It has room for any limit, and the limit is a number beside.
 */
#ifndef CIVIC_SLOTS_H
#define CIVIC_SLOTS_H

#include <apr_pools.h>
#include <apr_time.h>

enum {
    CIVIC_SLOTS_MAX = 99999, /* the highest limit */
    CIVIC_SLOTS_LAYOUT = 1   /* raised when the memory's meaning changes */
};

typedef struct civic_slots civic_slots_t;

typedef struct {
    int index; /* -1: none */
} civic_slot_t;

/** In the parent, before the fork; the memory goes with the pool. The limit is 1.
 * @return NULL when there is no shared memory */
civic_slots_t *civic_slots_create(apr_pool_t *pool);

/** From now on, for all processes. Where more are taken than that, none is free until enough
 * of them have been given back. @param limit 1 to CIVIC_SLOTS_MAX; what is beyond counts as
 * that */
void civic_slots_set_limit(civic_slots_t *slots, int limit);

/** @param now of civic_clock_steady, as everywhere here. @return 1 with `slot` set, 0 when all
 * are taken */
int civic_slots_take(civic_slot_t *slot, civic_slots_t *slots, apr_time_t now);

/** By the process that took it. */
void civic_slots_give_back(const civic_slot_t *slot, civic_slots_t *slots);

/**
 * Say how a take went. @return 1 when that is news: `*crowded` says whether all were taken,
 * or, ten seconds later at the earliest, half of them are free again. Once for each change,
 * over all children.
 */
int civic_slots_is_news(int *crowded, civic_slots_t *slots, int taken, apr_time_t now);

/** How many are taken now. */
int civic_slots_taken(civic_slots_t *slots, apr_time_t now);

int civic_slots_limit(const civic_slots_t *slots);

#endif

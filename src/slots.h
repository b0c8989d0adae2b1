/* slots.h - how many exchanges may be under way at once, over all children.
 *
 * A slot carries the time at which it frees itself, so that a child that dies in an exchange
 * costs a slot for that long at most. No lock: a slot is taken by one compare-and-swap.
 */
#ifndef CIVIC_SLOTS_H
#define CIVIC_SLOTS_H

#include <apr_pools.h>
#include <apr_time.h>

typedef struct civic_slots civic_slots_t;

typedef struct {
    int index; /* -1: none */
    apr_time_t until;
} civic_slot_t;

/** In the parent, before the fork. @return NULL when there is no shared memory */
civic_slots_t *civic_slots_create(int count, apr_pool_t *pool);

/** @param until when the slot frees itself. @return 1 with `slot` set, 0 when all are taken */
int civic_slots_take(civic_slot_t *slot, civic_slots_t *slots, apr_time_t now,
                     apr_time_t until);

void civic_slots_give_back(const civic_slot_t *slot, civic_slots_t *slots);

/**
 * Say how a take went. @return 1 when that is news: `*crowded` says whether all were taken, or, ten
 * seconds later at the earliest, half of them are free again. Once for each change, over all
 * children.
 */
int civic_slots_is_news(int *crowded, civic_slots_t *slots, int taken, apr_time_t now);

/** How many are taken now. */
int civic_slots_taken(const civic_slots_t *slots, apr_time_t now);

/** How many there are. */
int civic_slots_limit(const civic_slots_t *slots);

#endif

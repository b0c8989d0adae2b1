/* slots.c - see slots.h. */
#include "slots.h"

#include <apr_shm.h>
#include <stdatomic.h>
#include <string.h>

#define CROWDED_LEAST                                                                         \
    apr_time_from_sec(10) /* so that coming and going does not fill the log */

struct civic_slots {
    int count;
    _Atomic apr_time_t
        *crowded; /* shared: since when there were too few, 0 when there are not */
    _Atomic apr_time_t *until; /* [count], shared; a time that has passed is a free slot */
};

civic_slots_t *civic_slots_create(int count, apr_pool_t *pool)
{
    apr_size_t size = (apr_size_t)(count + 1) * sizeof(_Atomic apr_time_t);
    civic_slots_t *slots = apr_palloc(pool, sizeof(*slots));
    apr_shm_t *shm;

    if (apr_shm_create(&shm, size, NULL, pool) != APR_SUCCESS) {
        return NULL;
    }
    slots->count = count;
    slots->crowded = apr_shm_baseaddr_get(shm);
    slots->until = slots->crowded + 1;
    memset((void *)slots->crowded, 0, size);
    return slots;
}

int civic_slots_take(civic_slot_t *slot, civic_slots_t *slots, apr_time_t now,
                     apr_time_t until)
{
    for (int i = 0; i < slots->count; i++) {
        apr_time_t seen = atomic_load(&slots->until[i]);

        if (seen <= now && atomic_compare_exchange_strong(&slots->until[i], &seen, until)) {
            slot->index = i;
            slot->until = until;
            return 1;
        }
    }
    slot->index = -1;
    return 0;
}

void civic_slots_give_back(const civic_slot_t *slot, civic_slots_t *slots)
{
    apr_time_t mine = slot->until;

    /* Somebody else's by now, if this exchange overran its time. */
    if (slot->index >= 0) {
        atomic_compare_exchange_strong(&slots->until[slot->index], &mine, 0);
    }
}

int civic_slots_is_news(int *crowded, civic_slots_t *slots, int taken, apr_time_t now)
{
    apr_time_t since = atomic_load(slots->crowded);

    *crowded = !taken;
    if (!taken) {
        return since == 0 && atomic_compare_exchange_strong(slots->crowded, &since, now);
    }
    return since != 0 && now - since >= CROWDED_LEAST
           && 2 * (civic_slots_taken(slots, now) - 1) < slots->count
           && atomic_compare_exchange_strong(slots->crowded, &since, 0);
}

int civic_slots_taken(const civic_slots_t *slots, apr_time_t now)
{
    int taken = 0;

    for (int i = 0; i < slots->count; i++) {
        taken += atomic_load_explicit(&slots->until[i], memory_order_relaxed) > now;
    }
    return taken;
}

int civic_slots_limit(const civic_slots_t *slots)
{
    return slots->count;
}

/* counters.c - see counters.h. */
#include "counters.h"

#include <apr_shm.h>
#include <stdatomic.h>
#include <string.h>

enum { STRIPES = 32, CACHE_LINE = 64 };

typedef struct {
    _Alignas(CACHE_LINE) _Atomic apr_uint64_t counter[CIVIC_COUNT_COUNT];
} stripe_t;

struct civic_counters {
    apr_time_t since;
    _Atomic unsigned threads; /* that have chosen a stripe so far */
    stripe_t stripes[STRIPES];
};

/* Of this thread: the number of its stripe plus one, 0 while it has none. */
static _Thread_local unsigned mine;

/* APR puts a word of its own before the memory that it gives out. */
static void *aligned(void *base)
{
    return (void *)(((apr_uintptr_t)base + CACHE_LINE - 1) & ~(apr_uintptr_t)(CACHE_LINE - 1));
}

civic_counters_t *civic_counters_create(apr_time_t now, apr_pool_t *pool)
{
    civic_counters_t *counters;
    apr_shm_t *shm;

    if (apr_shm_create(&shm, sizeof(*counters) + CACHE_LINE, NULL, pool) != APR_SUCCESS) {
        return NULL;
    }
    counters = aligned(apr_shm_baseaddr_get(shm));
    memset((void *)counters, 0, sizeof(*counters));
    counters->since = now;
    return counters;
}

apr_uint32_t civic_counters_layout(void)
{
    apr_uint32_t sum = CIVIC_COUNT_COUNT * 31 + CIVIC_COUNT_REFUSALS;

    for (int reason = CIVIC_OK + 1; reason < CIVIC_REASON_COUNT; reason++) {
        for (const char *c = civic_reason_info((civic_reason)reason)->name; *c; c++) {
            sum = (sum ^ (unsigned char)*c) * 16777619u;
        }
    }
    return sum;
}

void civic_counters_add(civic_counters_t *counters, civic_count which, apr_uint64_t n)
{
    if (!mine) {
        mine = atomic_fetch_add_explicit(&counters->threads, 1, memory_order_relaxed) % STRIPES
               + 1;
    }
    atomic_fetch_add_explicit(&counters->stripes[mine - 1].counter[which], n,
                              memory_order_relaxed);
}

void civic_counters_refused(civic_counters_t *counters, civic_reason reason)
{
    civic_counters_add(counters, (civic_count)(CIVIC_COUNT_REFUSALS + reason), 1);
}

void civic_counters_exchange(civic_counters_t *counters, apr_interval_time_t took)
{
#define LIMIT(limit, text) limit,
    static const apr_interval_time_t limits[] = {CIVIC_EXCHANGE_BOUNDS(LIMIT)};
#undef LIMIT
    int i = 0;

    while (i < CIVIC_EXCHANGE_BOUND_COUNT && took > limits[i]) {
        i++;
    }
    civic_counters_add(counters, (civic_count)(CIVIC_COUNT_EXCHANGES + i), 1);
    civic_counters_add(counters, CIVIC_COUNT_EXCHANGE_USEC, (apr_uint64_t)took);
}

void civic_counters_read(civic_counts_t *counts, const civic_counters_t *counters)
{
    memset(counts, 0, sizeof(*counts));
    counts->since = counters->since;
    for (int stripe = 0; stripe < STRIPES; stripe++) {
        for (int i = 0; i < CIVIC_COUNT_COUNT; i++) {
            counts->value[i] += atomic_load_explicit(&counters->stripes[stripe].counter[i],
                                                     memory_order_relaxed);
        }
    }
}

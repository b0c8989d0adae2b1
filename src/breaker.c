/* breaker.c - see breaker.h. */
#include "breaker.h"

#include <apr_shm.h>
#include <stdatomic.h>
#include <string.h>

typedef enum { CLOSED, OPEN, PROBING } state_t;

/* A word taken apart. */
typedef struct {
    state_t state;
    unsigned failures, level;
    apr_uint64_t at; /* milliseconds */
} view_t;

struct civic_breakers {
    int count;
    _Atomic apr_uint64_t *word; /* [count], shared */
};

#define TIME_BITS 48
#define TIME_MASK (((apr_uint64_t)1 << TIME_BITS) - 1)
enum { LEVEL_MAX = 15 };

/* ---- a word ---- */

static view_t view(apr_uint64_t word)
{
    return (view_t){(state_t)(word >> 62), (unsigned)(word >> 56 & 0x3f),
                    (unsigned)(word >> TIME_BITS & 0xff), word & TIME_MASK};
}

static apr_uint64_t word_of(view_t v)
{
    return (apr_uint64_t)v.state << 62 | (apr_uint64_t)v.failures << 56
           | (apr_uint64_t)v.level << TIME_BITS | (v.at & TIME_MASK);
}

static apr_uint64_t opened(unsigned level, apr_uint64_t now)
{
    apr_uint64_t seconds = (apr_uint64_t)CIVIC_BREAKER_FIRST_SEC << level;

    if (seconds > CIVIC_BREAKER_LONGEST_SEC) {
        seconds = CIVIC_BREAKER_LONGEST_SEC;
    }
    return word_of(
        (view_t){OPEN, 0, level < LEVEL_MAX ? level : LEVEL_MAX, now + seconds * 1000});
}

/* One more failure while it is closed. */
static apr_uint64_t failed(view_t v, apr_uint64_t now)
{
    if (v.failures == 0 || now - v.at > (apr_uint64_t)CIVIC_BREAKER_WINDOW_SEC * 1000) {
        v.failures = 0;
        v.at = now;
    }
    if (++v.failures >= CIVIC_BREAKER_FAILURES) {
        return opened(0, now);
    }
    return word_of(v);
}

/* ---- shared ---- */

civic_breakers_t *civic_breakers_create(int count, apr_pool_t *pool)
{
    civic_breakers_t *breakers = apr_palloc(pool, sizeof(*breakers));
    apr_size_t size = (apr_size_t)(count > 0 ? count : 1) * sizeof(*breakers->word);
    apr_shm_t *shm;

    if (apr_shm_create(&shm, size, NULL, pool) != APR_SUCCESS) {
        return NULL;
    }
    breakers->count = count;
    breakers->word = apr_shm_baseaddr_get(shm);
    memset((void *)breakers->word, 0, size);
    return breakers;
}

static int seconds_until(apr_uint64_t at, apr_uint64_t now)
{
    return at > now ? (int)((at - now + 999) / 1000) : 1;
}

int civic_breaker_ask(civic_breaker_pass_t *pass, civic_breakers_t *breakers, int index,
                      apr_time_t now, apr_interval_time_t time)
{
    apr_uint64_t ms = (apr_uint64_t)apr_time_as_msec(now);
    apr_uint64_t word = atomic_load(&breakers->word[index]), mine;
    view_t v = view(word);

    pass->index = index;
    pass->probe = 0;
    if (v.state == CLOSED) {
        return 0;
    }
    if (v.at > ms) {
        return v.state == OPEN ? seconds_until(v.at, ms) : CIVIC_BREAKER_FIRST_SEC;
    }
    mine = word_of((view_t){PROBING, 0, v.level, ms + (apr_uint64_t)apr_time_as_msec(time)});
    if (!atomic_compare_exchange_strong(&breakers->word[index], &word, mine)) {
        return CIVIC_BREAKER_FIRST_SEC; /* somebody else is the probe */
    }
    pass->probe = mine;
    return 0;
}

/* The probe's word is its own: whoever overran his time has lost it to another. */
static civic_breaker_change report_probe(_Atomic apr_uint64_t *shared, apr_uint64_t probe,
                                         civic_outcome outcome, apr_uint64_t ms)
{
    unsigned level = view(probe).level;
    apr_uint64_t next = outcome == CIVIC_OUTCOME_GOOD ? word_of((view_t){CLOSED, 0, 0, 0})
                        : outcome == CIVIC_OUTCOME_FAILED
                            ? opened(level + 1, ms)
                            : word_of((view_t){OPEN, 0, level, ms});

    if (!atomic_compare_exchange_strong(shared, &probe, next)
        || outcome == CIVIC_OUTCOME_UNKNOWN) {
        return CIVIC_BREAKER_STAYS;
    }
    return outcome == CIVIC_OUTCOME_GOOD ? CIVIC_BREAKER_CLOSED : CIVIC_BREAKER_REOPENED;
}

civic_breaker_change civic_breaker_report(const civic_breaker_pass_t *pass,
                                          civic_breakers_t *breakers, civic_outcome outcome,
                                          apr_time_t now)
{
    _Atomic apr_uint64_t *shared = &breakers->word[pass->index];
    apr_uint64_t ms = (apr_uint64_t)apr_time_as_msec(now), word, next;

    if (pass->probe) {
        return report_probe(shared, pass->probe, outcome, ms);
    }
    word = atomic_load(shared);
    /* Exchanges that began before it opened do not move it. */
    do {
        view_t v = view(word);

        if (v.state != CLOSED || outcome == CIVIC_OUTCOME_UNKNOWN
            || (outcome == CIVIC_OUTCOME_GOOD && v.failures == 0)) {
            return CIVIC_BREAKER_STAYS;
        }
        next = outcome == CIVIC_OUTCOME_GOOD ? 0 : failed(v, ms);
    } while (!atomic_compare_exchange_weak(shared, &word, next));
    return view(next).state == OPEN ? CIVIC_BREAKER_OPENED : CIVIC_BREAKER_STAYS;
}

int civic_breaker_left(const civic_breakers_t *breakers, int index, apr_time_t now)
{
    view_t v = view(atomic_load(&breakers->word[index]));

    return v.state == CLOSED ? 0 : seconds_until(v.at, (apr_uint64_t)apr_time_as_msec(now));
}

int civic_breaker_is_closed(const civic_breakers_t *breakers, int index)
{
    return view(atomic_load(&breakers->word[index])).state == CLOSED;
}

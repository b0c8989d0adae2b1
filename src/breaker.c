/* breaker.c - see breaker.h. */
#include "breaker.h"

#include <apr_shm.h>
#include <apr_strings.h>
#include <stdatomic.h>
#include <string.h>

typedef enum { CLOSED, OPEN, PROBING } state_t;

/* A word taken apart. */
typedef struct {
    state_t state;
    unsigned failures, level;
    apr_uint64_t at; /* milliseconds */
} view_t;

typedef _Atomic apr_uint64_t word_t;

typedef struct {
    const char *name;
    word_t *word;        /* shared */
    unsigned generation; /* the last one that had it */
} known_t;

struct civic_breaker_memory {
    apr_array_header_t *known; /* of known_t */
    word_t *next;              /* that is nobody's yet */
    int left;                  /* of those */
    unsigned generation;       /* how many configurations there were */
    apr_pool_t *pool;
};

struct civic_breakers {
    word_t **word; /* one for each upstream, shared */
};

#define TIME_BITS 48
#define TIME_MASK (((apr_uint64_t)1 << TIME_BITS) - 1)
enum { LEVEL_MAX = 15, WORDS = 256 /* of a piece of shared memory */ };

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

civic_breaker_memory_t *civic_breaker_memory_create(apr_pool_t *pool)
{
    civic_breaker_memory_t *memory = apr_pcalloc(pool, sizeof(*memory));

    memory->pool = pool;
    memory->known = apr_array_make(pool, 4, sizeof(known_t));
    return memory;
}

/* Old children go on with the words that they know: none moves or goes away. */
static word_t *word_add(civic_breaker_memory_t *memory)
{
    apr_shm_t *shm;

    if (memory->left == 0) {
        if (apr_shm_create(&shm, WORDS * sizeof(word_t), NULL, memory->pool) != APR_SUCCESS) {
            return NULL;
        }
        memory->next = apr_shm_baseaddr_get(shm);
        memset((void *)memory->next, 0, WORDS * sizeof(word_t));
        memory->left = WORDS;
    }
    memory->left--;
    return memory->next++;
}

/* @return NULL when there is no shared memory */
static known_t *known_of(civic_breaker_memory_t *memory, const char *name)
{
    known_t *added;
    word_t *word;

    for (int i = 0; i < memory->known->nelts; i++) {
        known_t *known = &APR_ARRAY_IDX(memory->known, i, known_t);

        if (!strcmp(known->name, name)) {
            return known;
        }
    }
    word = word_add(memory);
    if (!word) {
        return NULL;
    }
    added = apr_array_push(memory->known);
    *added = (known_t){apr_pstrdup(memory->pool, name), word, 0};
    return added;
}

civic_breakers_t *civic_breakers_create(civic_breaker_memory_t *memory,
                                        const apr_array_header_t *names, apr_pool_t *pool)
{
    civic_breakers_t *breakers = apr_palloc(pool, sizeof(*breakers));
    unsigned last = memory->generation++;

    breakers->word = apr_palloc(pool, (apr_size_t)names->nelts * sizeof(*breakers->word));
    for (int i = 0; i < names->nelts; i++) {
        known_t *known = known_of(memory, APR_ARRAY_IDX(names, i, const char *));

        if (!known) {
            return NULL;
        }
        if (known->generation != last) { /* it was away */
            atomic_store(known->word, 0);
        }
        known->generation = memory->generation;
        breakers->word[i] = known->word;
    }
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
    apr_uint64_t word = atomic_load(breakers->word[index]), mine;
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
    if (!atomic_compare_exchange_strong(breakers->word[index], &word, mine)) {
        return CIVIC_BREAKER_FIRST_SEC; /* somebody else is the probe */
    }
    pass->probe = mine;
    return 0;
}

/* The probe's word is its own: whoever overran his time has lost it to another. */
static civic_breaker_change report_probe(word_t *shared, apr_uint64_t probe,
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
    word_t *shared = breakers->word[pass->index];
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
    view_t v = view(atomic_load(breakers->word[index]));

    return v.state == CLOSED ? 0 : seconds_until(v.at, (apr_uint64_t)apr_time_as_msec(now));
}

int civic_breaker_is_closed(const civic_breakers_t *breakers, int index)
{
    return view(atomic_load(breakers->word[index])).state == CLOSED;
}

/* breaker.h - a service that is down is not asked by everybody who wants to log in.
 *
 *             eight failures in a row, within a minute
 *    closed -------------------------------------------> open: nobody asks for a while
 *      ^                                                  |  ^
 *      |                                   the while ends |  | it fails: a while that is twice
 *      |                                                  v  | as long, at most 30 s
 *      +-------------------------------------------- probing: one asks, all others do not
 *                      it succeeds
 *
 * One for each upstream, over all children. A breaker is one word of shared memory, changed by
 * compare-and-swap: no lock, and a child may die anywhere. A probe that dies frees itself by
 * time.
 *
 *    63    62 61      56 55    48 47                                                       0
 *   +--------+----------+--------+----------------------------------------------------------+
 *   | state  | failures | level  | milliseconds of a clock that is never set                |
 *   +--------+----------+--------+----------------------------------------------------------+
 *   closed: failures in a row, and when the first was. open: until when, and how often it had
 *   been opened before. probing: until when the probe counts, and the level as before.
 */
#ifndef CIVIC_BREAKER_H
#define CIVIC_BREAKER_H

#include <apr_pools.h>
#include <apr_time.h>

enum {
    CIVIC_BREAKER_FAILURES = 8,
    CIVIC_BREAKER_WINDOW_SEC = 60,
    CIVIC_BREAKER_FIRST_SEC = 2,
    CIVIC_BREAKER_LONGEST_SEC = 30
};

typedef struct civic_breakers civic_breakers_t;

/** What the caller got with leave to ask. */
typedef struct {
    int index;
    apr_uint64_t probe; /* 0: one of many; else the word that makes this the probe */
} civic_breaker_pass_t;

typedef enum {
    CIVIC_OUTCOME_GOOD,   /* it answered, whatever it said */
    CIVIC_OUTCOME_FAILED, /* not reached, too slow, or broken */
    CIVIC_OUTCOME_UNKNOWN /* it was not asked after all, or the fault is ours */
} civic_outcome;

typedef enum {
    CIVIC_BREAKER_STAYS,
    CIVIC_BREAKER_OPENED,
    CIVIC_BREAKER_REOPENED, /* the probe failed */
    CIVIC_BREAKER_CLOSED
} civic_breaker_change;

/** In the parent, before the fork. @return NULL when there is no shared memory */
civic_breakers_t *civic_breakers_create(int count, apr_pool_t *pool);

/** A clock that runs on when the system's is set, the same in all processes. */
apr_time_t civic_breaker_clock(void);

/**
 * May this upstream be asked? If so, say civic_breaker_report once.
 *
 * @param now  of civic_breaker_clock, as everywhere here
 * @param time how long the exchange may take: a probe frees itself after it
 * @return 0: yes, with `pass` set; else in how many seconds it is worth trying again
 */
int civic_breaker_ask(civic_breaker_pass_t *pass, civic_breakers_t *breakers, int index,
                      apr_time_t now, apr_interval_time_t time);

/** What came of it. @return what it changed, to one caller alone: that is for the log */
civic_breaker_change civic_breaker_report(const civic_breaker_pass_t *pass,
                                          civic_breakers_t *breakers, civic_outcome outcome,
                                          apr_time_t now);

/** In how many seconds an open one is tried again; 0 for one that is closed. */
int civic_breaker_left(const civic_breakers_t *breakers, int index, apr_time_t now);

/** Is logging in over this upstream possible, as far as is known? @return 1 or 0 */
int civic_breaker_is_closed(const civic_breakers_t *breakers, int index);

#endif

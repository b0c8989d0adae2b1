/* outage.h - a store that is another machine: is it down, who asks it while it is, and what
 * the operator hears of it.
 *
 * One in each child, used by all its threads. While the store is down, one call at a time and
 * one in half a second goes out to it; all others fail at once. It also counts as down when
 * calls are out and none has come back for three seconds: so a store that hangs does not hold
 * all workers, even where its client would wait for ever. The log says once that it is down
 * and why, and once that it is back.
 */
#ifndef CIVIC_OUTAGE_H
#define CIVIC_OUTAGE_H

#include "store.h"

typedef struct civic_outage civic_outage_t;

/** @param name of the store, for the log; lives as long as the pool */
civic_outage_t *civic_outage_create(const civic_store_env_t *env, const char *name,
                                    apr_pool_t *pool);

/** @return 1: ask the store, and then say civic_outage_up or _down, once; 0: it is down */
int civic_outage_may_ask(civic_outage_t *outage);

/** It answered. */
void civic_outage_up(civic_outage_t *outage);

/** It did not, or not as a store. @param why in words, without secrets */
void civic_outage_down(civic_outage_t *outage, const char *why);

#define CIVIC_OUTAGE_NOTES 32

/** It works, but something is odd: said once in ten seconds for each `kind`, below
 * CIVIC_OUTAGE_NOTES. */
void civic_outage_note(civic_outage_t *outage, unsigned kind, civic_loudness loudness,
                       const char *line);

#endif

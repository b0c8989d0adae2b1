/* assertion_cache.h - assertions that a child has signed, until half of their life is over.
 *
 *   512 sets of 2 slots: | digest (32) | issued (8) | token, NUL |
 *
 * A digest (assertion.h) chooses a set; of its slots, a new token takes the older. So it never
 * grows, and nothing needs to be taken out of it: only requests with a valid session ask.
 * Pages that are not used are not there (3 MiB when all are). Used by the threads of a child.
 */
#ifndef CIVIC_ASSERTION_CACHE_H
#define CIVIC_ASSERTION_CACHE_H

#include <apr_pools.h>
#include <apr_time.h>
#include "assertion.h"

typedef struct civic_assertion_cache civic_assertion_cache_t;

/** For a child. @return NULL when there is no memory */
civic_assertion_cache_t *civic_assertion_cache_create(apr_pool_t *pool);

/** @param now by the system's clock
 *  @return a token with more than half of its life before it, in the pool; NULL: sign one */
const char *civic_assertion_cache_get(civic_assertion_cache_t *cache,
                                      const unsigned char digest[CIVIC_SHA256_LEN],
                                      apr_time_t now, apr_pool_t *pool);

/** Keep a token of at most CIVIC_ASSERTION_MAX characters. @param issued its `now` */
void civic_assertion_cache_put(civic_assertion_cache_t *cache,
                               const unsigned char digest[CIVIC_SHA256_LEN], const char *token,
                               apr_time_t issued);

#endif

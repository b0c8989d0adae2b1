/* attempts.h - how often one client may try, over all children.
 *
 * A bucket of tokens for each client, kept as one time: when the bucket would be full again
 * (the generic cell rate algorithm, ITU-T I.371). One that is full needs no memory, so a table
 * of fixed size serves any number of clients:
 *
 *   +-- set 0: 8 words --+-- set 1 --+-- ... --+-- set 1023 --+
 *   | tag 20 | time 44   |           |         |              |
 *   +--------------------+-----------+---------+--------------+
 *
 * A digest of the client, with a salt that nobody knows, names its set and tag. Where a set is
 * full, the client that is nearest to a full bucket makes room. A word changes by
 * compare-and-swap: no lock, and a child may die anywhere.
 */
#ifndef CIVIC_ATTEMPTS_H
#define CIVIC_ATTEMPTS_H

#include <apr_network_io.h>
#include <apr_pools.h>
#include <apr_time.h>

typedef struct civic_attempts civic_attempts_t;

/** `count` tries at once, and as many again in each `per`. */
typedef struct {
    int count;
    apr_interval_time_t per;
} civic_rate_t;

/** In the parent, before the fork. @return NULL without shared memory or random numbers */
civic_attempts_t *civic_attempts_create(apr_pool_t *pool);

/**
 * Take one token of a client's bucket.
 *
 * @param address of the client: of IPv6 the first 64 bits count, of IPv4, wrapped in IPv6 or
 *                not, all
 * @param site    `site_len` bytes that tell buckets of different sites apart
 * @param now     of a clock that is never set, the same in all processes
 * @return 0: granted; else in how many seconds the next one will be there
 */
int civic_attempts_take(civic_attempts_t *attempts, const apr_sockaddr_t *address,
                        const unsigned char *site, apr_size_t site_len,
                        const civic_rate_t *rate, apr_time_t now);

/** Put the token back: the try was none. Parameters as above. */
void civic_attempts_give_back(civic_attempts_t *attempts, const apr_sockaddr_t *address,
                              const unsigned char *site, apr_size_t site_len,
                              const civic_rate_t *rate, apr_time_t now);

#endif

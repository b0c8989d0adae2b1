/* store_socache.h - sessions in one of httpd's small object caches (socache.h), for several
 * nodes where the cache is one for all of them.
 *
 * A cache may forget anything at any time, knows no "store if absent", and cannot list. So
 * each session holds a mark of its user, random bytes that the cache holds apart; it counts
 * only while both are there and agree. To end all sessions of a user, his mark is replaced.
 * What the cache forgets ends sessions, never brings any back. Entries, by the type that their
 * key ends in:
 *
 *   key(32)  's'               session: sealed user, times, period, mark, record
 *   key(32)  'u'               last use, sealed for the key
 *   user(16) period(4) 'm'     mark of the user's sessions that began in this period (a week)
 *   key(32)  'o'               a one-time token that was seen
 *
 * Marks are of a period so that they never have to be renewed, which could bring back one that
 * was replaced in between. Knows server_rec: not part of libcivic.
 */
#ifndef CIVIC_STORE_SOCACHE_H
#define CIVIC_STORE_SOCACHE_H

#include <httpd.h>
#include "store.h"

/** Sessions end after this in any case: memcached takes no longer lifetimes than 30 days, and
 * a mark lives up to three times as long as this. */
#define CIVIC_STORE_SOCACHE_LIFE apr_time_from_sec(7 * 86400)

struct civic_socache;

/** In post_config. @return in env->pool, closed with it; NULL with `fault` set */
civic_store_t *civic_store_socache_open(const civic_store_env_t *env,
                                        struct civic_socache *cache, server_rec *s,
                                        const char **fault);

#endif

/* store_redis.h - sessions in a Redis, shared by several nodes. Without hiredis at build time,
 * store_redis_absent.c stands in.
 *
 *   <prefix>s:<key>   hash of a session: r sealed record, u last use, e expiry (microseconds
 *                     since the epoch), o the user it belongs to. Goes by Redis' own expiry.
 *   <prefix>u:<user>  sorted set of a user's keys, by expiry. A session counts only while it
 *                     is in it, so that what ends there has ended, whatever Redis may evict.
 *   <prefix>o:<key>   a one-time token that was seen
 *
 * Keys and users in hex. Records are sealed (AES-256-GCM) for their key, user and expiry: who
 * can write to Redis can take sessions away, or put back what was there, but make none.
 */
#ifndef CIVIC_STORE_REDIS_H
#define CIVIC_STORE_REDIS_H

#include "redis_address.h"
#include "store.h"

/** NULL, or why sessions cannot be kept there by this build. */
const char *civic_store_redis_missing(const civic_redis_address_t *address);

/**
 * In the parent, before the fork. Nothing is connected to yet: httpd starts without its Redis.
 *
 * @param secret  NULL: no password
 * @param ca_file for TLS; NULL: the system's
 * @param fault   set on failure, fit for an operator
 * @return in env->pool; NULL on failure
 */
civic_store_t *civic_store_redis_open(const civic_store_env_t *env,
                                      const civic_redis_address_t *address,
                                      const civic_redis_secret_t *secret, const char *ca_file,
                                      const char **fault);

#endif

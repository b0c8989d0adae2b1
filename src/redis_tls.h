/* redis_tls.h - TLS to a Redis, where the hiredis that this is built with has it (1.0 or
 * later, with hiredis_ssl): redis_tls.c; elsewhere redis_tls_absent.c.
 */
#ifndef CIVIC_REDIS_TLS_H
#define CIVIC_REDIS_TLS_H

#include <apr_pools.h>

struct redisContext;
typedef struct civic_redis_tls civic_redis_tls_t;

/** NULL, or why rediss: cannot be had. */
const char *civic_redis_tls_missing(void);

/**
 * What all TLS connections share. In the parent.
 * @param ca_file PEM file of who vouches for the servers; NULL: the system's
 * @return in the pool; NULL with `fault` set
 */
civic_redis_tls_t *civic_redis_tls_create(const char *ca_file, apr_pool_t *pool,
                                          const char **fault);

/**
 * Shake hands on a connection. The certificate must be valid and name the host.
 * @return NULL, or what went wrong (lives as long as the connection)
 */
const char *civic_redis_tls_start(civic_redis_tls_t *tls, struct redisContext *connection,
                                  const char *host);

#endif

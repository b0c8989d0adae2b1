/* redis_tls_absent.c - redis_tls.h without hiredis_ssl. */
#include "redis_tls.h"

static const char missing[] =
    "TLS needs hiredis 1.0 or later with hiredis_ssl, and this module "
    "was built without; use redis: through a tunnel (stunnel), or "
    "build it with a newer hiredis";

const char *civic_redis_tls_missing(void)
{
    return missing;
}

civic_redis_tls_t *civic_redis_tls_create(const char *ca_file, apr_pool_t *pool,
                                          const char **fault)
{
    *fault = missing;
    return NULL;
}

const char *civic_redis_tls_start(civic_redis_tls_t *tls, struct redisContext *connection,
                                  const char *host)
{
    return missing;
}

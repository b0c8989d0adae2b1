/* store_redis_absent.c - store_redis.h without hiredis. */
#include "store_redis.h"

static const char missing[] = "this module was built without hiredis: install it (Debian: "
                              "libhiredis-dev) and build the module again";

const char *civic_store_redis_missing(const civic_redis_address_t *address)
{
    return missing;
}

civic_store_t *civic_store_redis_open(const civic_store_env_t *env,
                                      const civic_redis_address_t *address,
                                      const civic_redis_secret_t *secret, const char *ca_file,
                                      const char **fault)
{
    *fault = missing;
    return NULL;
}

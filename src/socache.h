/* socache.h - one of httpd's small object caches (mod_socache_memcache and its like), with
 * what their interface leaves open made certain: whether it answers at all, and whether what
 * it does not find is not there. Knows server_rec: not part of libcivic.
 *
 * Within a call of the store: civic_socache_enter, any of fetch, store, erase, forget, and
 * civic_socache_leave.
 */
#ifndef CIVIC_SOCACHE_H
#define CIVIC_SOCACHE_H

#include <httpd.h>
#include "outage.h"
#include "store.h"

#define CIVIC_SOCACHE_KEY_MAX   33
#define CIVIC_SOCACHE_VALUE_MAX (1000 * 1000) /* bytes; memcached takes a little more */

typedef struct civic_socache civic_socache_t;

typedef struct {
    unsigned char bytes[CIVIC_SOCACHE_KEY_MAX]; /* of equal spread at the front */
    unsigned len;
} civic_socache_key_t;

typedef enum {
    CIVIC_SOCACHE_SHARED,
    CIVIC_SOCACHE_ALONE /* no other process or thread of this machine in between */
} civic_socache_company;

typedef struct {
    civic_socache_t *cache;
    apr_pool_t *pool;
    apr_status_t status; /* of the cache, last: it explains CIVIC_STORE_DOWN to the log */
    int locked;
} civic_socache_call_t;

/** In pre_config: make the mutex known to the Mutex directive. */
apr_status_t civic_socache_register(apr_pool_t *pconf);

/**
 * While the configuration is read.
 * @param text provider, or provider:arguments
 * @return NULL, or what is wrong
 */
const char *civic_socache_read(civic_socache_t **cache, const char *text, apr_pool_t *ptemp,
                               apr_pool_t *pconf);

/** In post_config; closed with env->pool. @return NULL, or what is wrong */
const char *civic_socache_open(civic_socache_t *cache, const civic_store_env_t *env,
                               server_rec *s);

void civic_socache_child_init(civic_socache_t *cache, apr_pool_t *pchild);

civic_outage_t *civic_socache_outage(civic_socache_t *cache);

/** @return 1; 0: it is down, and there is nothing to leave */
int civic_socache_enter(civic_socache_call_t *call, civic_socache_t *cache, apr_pool_t *pool,
                        civic_socache_company company);

/** What came of it: CIVIC_STORE_DOWN and all others are told to the log. @return `result` */
civic_store_result civic_socache_leave(civic_socache_call_t *call, civic_store_result result);

/** Does it answer at all? @return 1, 0 */
int civic_socache_lives(civic_socache_call_t *call);

/** @param most bytes that the value may have @return OK with `value` in the pool, MISSING,
 * DOWN */
civic_store_result civic_socache_fetch(civic_socache_call_t *call,
                                       const civic_socache_key_t *key, civic_bytes_t *value,
                                       apr_size_t most);

/** @return OK, EXHAUSTED, DOWN */
civic_store_result civic_socache_store(civic_socache_call_t *call,
                                       const civic_socache_key_t *key, apr_time_t expires,
                                       const void *data, apr_size_t len);

/** @return OK, MISSING, DOWN */
civic_store_result civic_socache_erase(civic_socache_call_t *call,
                                       const civic_socache_key_t *key);

/** As erase, for what does no harm when it stays. @return 1, 0 */
int civic_socache_forget(civic_socache_call_t *call, const civic_socache_key_t *key);

#endif

/* socache.c - see socache.h. */
#include "socache.h"

#include <ap_provider.h>
#include <ap_socache.h>
#include <apr_global_mutex.h>
#include <apr_strings.h>
#include <http_log.h>
#include <string.h>
#include <util_mutex.h>

static const char mutex_type[] = "civic-socache";
static const char instance_name[] = "civic-sess"; /* at most 16 characters */

enum { USUAL = 16 * 1024 }; /* a value's buffer, at first */

struct civic_socache {
    const char *text; /* as it was said */
    const ap_socache_provider_t *provider;
    ap_socache_instance_t *instance;
    apr_global_mutex_t *mutex;
    const char *mutex_file;
    server_rec *server;
    const civic_store_env_t *env;
    civic_outage_t *outage; /* of this child */
};

/* ---- the configuration ---- */

apr_status_t civic_socache_register(apr_pool_t *pconf)
{
    return ap_mutex_register(pconf, mutex_type, NULL, APR_LOCK_DEFAULT, 0);
}

static const char *providers_known(apr_pool_t *pool)
{
    apr_array_header_t *names =
        ap_list_provider_names(pool, AP_SOCACHE_PROVIDER_GROUP, AP_SOCACHE_PROVIDER_VERSION);
    const char *list = NULL;

    for (int i = 0; i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, ap_list_provider_names_t).provider_name;

        list = list ? apr_pstrcat(pool, list, ", ", name, NULL) : name;
    }
    return list ? list : "none";
}

const char *civic_socache_read(civic_socache_t **cache, const char *text, apr_pool_t *ptemp,
                               apr_pool_t *pconf)
{
    civic_socache_t *made = apr_pcalloc(pconf, sizeof(*made));
    const char *colon = strchr(text, ':');
    const char *name = colon ? apr_pstrmemdup(ptemp, text, (apr_size_t)(colon - text)) : text;
    const char *fault;

    made->text = apr_pstrcat(pconf, "socache:", text, NULL);
    made->provider =
        ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, name, AP_SOCACHE_PROVIDER_VERSION);
    if (!made->provider) {
        return apr_psprintf(pconf,
                            "there is no such provider: load mod_socache_%s before this line "
                            "(loaded: %s)",
                            name, providers_known(ptemp));
    }
    /* Their clients go on to another server when one fails, where a session that has ended may
     * still be, and one that has not is not. */
    if ((!strcmp(name, "memcache") || !strcmp(name, "redis")) && strchr(text, ',')) {
        return "name one server: with several, the failure of one would end sessions, and its "
               "return would bring back what had ended";
    }
    fault = made->provider->create(&made->instance, colon ? colon + 1 : NULL, ptemp, pconf);
    if (!fault) {
        *cache = made;
    }
    return fault;
}

/* ---- the cache ---- */

/* Caches of this machine know what they hold; clients of others say "not found" as well when
 * they have given their server up for a while. */
static int is_local(const civic_socache_t *cache)
{
    return (cache->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) != 0;
}

static int cache_set(civic_socache_call_t *call, const civic_socache_key_t *key,
                     apr_time_t expires, const void *data, apr_size_t len)
{
    civic_socache_t *cache = call->cache;

    call->status =
        cache->provider->store(cache->instance, cache->server, key->bytes, key->len, expires,
                               (unsigned char *)data, (unsigned)len, call->pool);
    return call->status == APR_SUCCESS;
}

int civic_socache_lives(civic_socache_call_t *call)
{
    civic_socache_key_t key = {"probe of mod_auth_civic", 24};

    return is_local(call->cache)
           || cache_set(call, &key, apr_time_now() + apr_time_from_sec(3600), "1", 1);
}

static int retrieve(civic_socache_call_t *call, const civic_socache_key_t *key,
                    civic_bytes_t *value, apr_size_t most)
{
    civic_socache_t *cache = call->cache;
    unsigned len = (unsigned)most;

    value->data = apr_palloc(call->pool, most);
    call->status = cache->provider->retrieve(cache->instance, cache->server, key->bytes,
                                             key->len, value->data, &len, call->pool);
    value->len = len;
    /* mod_socache_dbm's word for what is not in its file. */
    if (call->status == APR_EGENERAL && is_local(cache)) {
        call->status = APR_NOTFOUND;
    }
    return call->status == APR_SUCCESS;
}

/* A cache that lived before and after told the truth in between: its client gives it up for
 * seconds, not for moments. Some say "not found" when the buffer is too small. */
civic_store_result civic_socache_fetch(civic_socache_call_t *call,
                                       const civic_socache_key_t *key, civic_bytes_t *value,
                                       apr_size_t most)
{
    apr_size_t first = most < USUAL ? most : USUAL;

    if (retrieve(call, key, value, first)) {
        return CIVIC_STORE_OK;
    }
    if (call->status == APR_NOTFOUND && is_local(call->cache) && first == most) {
        return CIVIC_STORE_MISSING;
    }
    if (call->status != APR_NOTFOUND && call->status != APR_ENOMEM
        && call->status != APR_ENOSPC) {
        return CIVIC_STORE_DOWN;
    }
    if (!civic_socache_lives(call)) {
        return CIVIC_STORE_DOWN;
    }
    if (retrieve(call, key, value, most)) {
        return CIVIC_STORE_OK;
    }
    return call->status == APR_NOTFOUND && civic_socache_lives(call) ? CIVIC_STORE_MISSING
                                                                     : CIVIC_STORE_DOWN;
}

civic_store_result civic_socache_store(civic_socache_call_t *call,
                                       const civic_socache_key_t *key, apr_time_t expires,
                                       const void *data, apr_size_t len)
{
    if (cache_set(call, key, expires, data, len)) {
        return CIVIC_STORE_OK;
    }
    return civic_socache_lives(call) ? CIVIC_STORE_EXHAUSTED : CIVIC_STORE_DOWN;
}

int civic_socache_forget(civic_socache_call_t *call, const civic_socache_key_t *key)
{
    civic_socache_t *cache = call->cache;

    call->status = cache->provider->remove(cache->instance, cache->server, key->bytes,
                                           key->len, call->pool);
    return call->status == APR_SUCCESS;
}

civic_store_result civic_socache_erase(civic_socache_call_t *call,
                                       const civic_socache_key_t *key)
{
    if (civic_socache_forget(call, key)) {
        return CIVIC_STORE_OK;
    }
    if (call->status != APR_NOTFOUND || !civic_socache_lives(call)) {
        return CIVIC_STORE_DOWN;
    }
    if (civic_socache_forget(call, key)) {
        return CIVIC_STORE_OK;
    }
    return call->status == APR_NOTFOUND && civic_socache_lives(call) ? CIVIC_STORE_MISSING
                                                                     : CIVIC_STORE_DOWN;
}

/* ---- a call ---- */

int civic_socache_enter(civic_socache_call_t *call, civic_socache_t *cache, apr_pool_t *pool,
                        civic_socache_company company)
{
    call->cache = cache;
    call->pool = pool;
    call->status = APR_SUCCESS;
    call->locked = 0;
    if (!civic_outage_may_ask(call->cache->outage)) {
        return 0;
    }
    if (company == CIVIC_SOCACHE_ALONE || is_local(call->cache)) {
        call->status = apr_global_mutex_lock(call->cache->mutex);
        call->locked = call->status == APR_SUCCESS;
        if (!call->locked) {
            civic_outage_down(call->cache->outage, "its mutex cannot be locked");
            return 0;
        }
    }
    return 1;
}

civic_store_result civic_socache_leave(civic_socache_call_t *call, civic_store_result result)
{
    char words[120];

    if (call->locked) {
        apr_global_mutex_unlock(call->cache->mutex);
    }
    if (result != CIVIC_STORE_DOWN) {
        civic_outage_up(call->cache->outage);
        return result;
    }
    /* "Not found" is a client that has given its server up for some seconds. */
    civic_outage_down(call->cache->outage,
                      call->status == APR_NOTFOUND || call->status == APR_EGENERAL
                          ? "it does not answer"
                          : apr_strerror(call->status, words, sizeof(words)));
    return result;
}

/* ---- its life ---- */

static apr_status_t destroy(void *data)
{
    civic_socache_t *cache = data;

    cache->provider->destroy(cache->instance, cache->server);
    return APR_SUCCESS;
}

const char *civic_socache_open(civic_socache_t *cache, const civic_store_env_t *env,
                               server_rec *s)
{
    static const struct ap_socache_hints hints = {CIVIC_SOCACHE_KEY_MAX, 512,
                                                  apr_time_from_sec(60)};

    cache->server = s;
    cache->env = env;
    if (ap_global_mutex_create(&cache->mutex, &cache->mutex_file, mutex_type, NULL, s,
                               env->pool, 0)
        != APR_SUCCESS) {
        return "the session store's mutex cannot be made: see the Mutex directive";
    }
    if (cache->provider->init(cache->instance, instance_name, &hints, s, env->pool)
        != APR_SUCCESS) {
        return apr_pstrcat(env->pool, cache->text, " cannot be opened, see the line before",
                           NULL);
    }
    apr_pool_cleanup_register(env->pool, cache, destroy, apr_pool_cleanup_null);
    return NULL;
}

void civic_socache_child_init(civic_socache_t *cache, apr_pool_t *pchild)
{
    apr_status_t status =
        apr_global_mutex_child_init(&cache->mutex, cache->mutex_file, pchild);

    cache->outage = civic_outage_create(
        cache->env, apr_pstrcat(pchild, "session store ", cache->text, NULL),
        "requests with a session", pchild);
    if (status != APR_SUCCESS) {
        cache->env->say(cache->env->say_baton, CIVIC_LOUD_ERROR,
                        "the session store's mutex cannot be used in this child");
    }
}

civic_outage_t *civic_socache_outage(civic_socache_t *cache)
{
    return cache->outage;
}

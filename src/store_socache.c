/* store_socache.c - see store_socache.h. */
#include "store_socache.h"

#include <ap_provider.h>
#include <ap_socache.h>
#include <apr_global_mutex.h>
#include <apr_strings.h>
#include <http_log.h>
#include <string.h>
#include <util_mutex.h>

#include "encoding.h"
#include "outage.h"
#include "record.h"

static const char mutex_type[] = "civic-socache";
static const char instance_name[] = "civic-sess"; /* at most 16 characters */

enum {
    MARK = 16,
    KEY_LEN = CIVIC_STORE_KEY_LEN + 1,
    MARK_KEY_LEN = CIVIC_STORE_USER_LEN + 4 + 1,
    HEAD = CIVIC_STORE_USER_LEN + 8 + 8 + 4 + MARK, /* before the record */
    USUAL = 16 * 1024,                              /* a value's buffer, at first */
    VALUE_MAX = 1000 * 1000,                        /* memcached takes a little more */
    SEALED_WRONGLY = 0
};

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

/* One call of the store. */
typedef struct {
    civic_socache_t *cache;
    apr_pool_t *pool;
    apr_status_t status; /* of the cache, last */
    int locked;
} call_t;

typedef struct {
    unsigned char bytes[KEY_LEN];
    unsigned len;
} entry_t;

static void number_put(unsigned char *out, apr_uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        out[i] = (unsigned char)(value >> (8 * i));
    }
}

static apr_uint64_t number_get(const unsigned char *in, int bytes)
{
    apr_uint64_t value = 0;

    for (int i = bytes; i > 0; i--) {
        value = value << 8 | in[i - 1];
    }
    return value;
}

static entry_t key_of(const unsigned char *key, char type)
{
    entry_t made = {.len = KEY_LEN};

    memcpy(made.bytes, key, CIVIC_STORE_KEY_LEN);
    made.bytes[CIVIC_STORE_KEY_LEN] = (unsigned char)type;
    return made;
}

static entry_t key_of_mark(const unsigned char *user, apr_uint32_t period)
{
    entry_t made = {.len = MARK_KEY_LEN};

    memcpy(made.bytes, user, CIVIC_STORE_USER_LEN);
    number_put(made.bytes + CIVIC_STORE_USER_LEN, period, 4);
    made.bytes[MARK_KEY_LEN - 1] = 'm';
    return made;
}

/* Caches of this machine know what they hold; clients of others say "not found" as well when
 * they have given their server up for a while. */
static int is_local(const civic_socache_t *cache)
{
    return (cache->provider->flags & AP_SOCACHE_FLAG_NOTMPSAFE) != 0;
}

static int cache_store(call_t *call, const entry_t *key, apr_time_t expires, const void *data,
                       apr_size_t len)
{
    civic_socache_t *cache = call->cache;

    call->status =
        cache->provider->store(cache->instance, cache->server, key->bytes, key->len, expires,
                               (unsigned char *)data, (unsigned)len, call->pool);
    return call->status == APR_SUCCESS;
}

/* Does it answer at all? */
static int cache_lives(call_t *call)
{
    static const unsigned char name[CIVIC_STORE_KEY_LEN] = "civic probe";
    entry_t key = key_of(name, 'p');

    return is_local(call->cache)
           || cache_store(call, &key, apr_time_now() + apr_time_from_sec(3600), "1", 1);
}

static int retrieve(call_t *call, const entry_t *key, civic_bytes_t *value, apr_size_t most)
{
    civic_socache_t *cache = call->cache;
    unsigned len = (unsigned)most;

    value->data = apr_palloc(call->pool, most);
    call->status = cache->provider->retrieve(cache->instance, cache->server, key->bytes,
                                             key->len, value->data, &len, call->pool);
    value->len = len;
    return call->status == APR_SUCCESS;
}

/* A cache that lived before and after told the truth in between: its client gives it up for
 * seconds, not for moments. Some say "not found" when the buffer is too small. */
static civic_store_result fetch(call_t *call, const entry_t *key, civic_bytes_t *value,
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
    if (!cache_lives(call)) {
        return CIVIC_STORE_DOWN;
    }
    if (retrieve(call, key, value, most)) {
        return CIVIC_STORE_OK;
    }
    return call->status == APR_NOTFOUND && cache_lives(call) ? CIVIC_STORE_MISSING
                                                             : CIVIC_STORE_DOWN;
}

static civic_store_result store(call_t *call, const entry_t *key, apr_time_t expires,
                                const void *data, apr_size_t len)
{
    if (cache_store(call, key, expires, data, len)) {
        return CIVIC_STORE_OK;
    }
    return cache_lives(call) ? CIVIC_STORE_EXHAUSTED : CIVIC_STORE_DOWN;
}

static int cache_remove(call_t *call, const entry_t *key)
{
    civic_socache_t *cache = call->cache;

    call->status = cache->provider->remove(cache->instance, cache->server, key->bytes,
                                           key->len, call->pool);
    return call->status == APR_SUCCESS;
}

static civic_store_result erase(call_t *call, const entry_t *key)
{
    if (cache_remove(call, key)) {
        return CIVIC_STORE_OK;
    }
    if (call->status != APR_NOTFOUND || !cache_lives(call)) {
        return CIVIC_STORE_DOWN;
    }
    if (cache_remove(call, key)) {
        return CIVIC_STORE_OK;
    }
    return call->status == APR_NOTFOUND && cache_lives(call) ? CIVIC_STORE_MISSING
                                                             : CIVIC_STORE_DOWN;
}

/* ---- a call ---- */

typedef enum { SHARED, ALONE } company_t;

/* ALONE: no other process of this machine in between. @return 1; 0: the store is down */
static int enter(call_t *call, civic_store_t *store, apr_pool_t *pool, company_t company)
{
    call->cache = store->state;
    call->pool = pool;
    call->status = APR_SUCCESS;
    call->locked = 0;
    if (!civic_outage_may_ask(call->cache->outage)) {
        return 0;
    }
    if (company == ALONE || is_local(call->cache)) {
        call->status = apr_global_mutex_lock(call->cache->mutex);
        call->locked = call->status == APR_SUCCESS;
        if (!call->locked) {
            civic_outage_down(call->cache->outage, "its mutex cannot be locked");
            return 0;
        }
    }
    return 1;
}

static civic_store_result leave(call_t *call, civic_store_result result)
{
    char words[120];

    if (call->locked) {
        apr_global_mutex_unlock(call->cache->mutex);
    }
    if (result != CIVIC_STORE_DOWN) {
        civic_outage_up(call->cache->outage);
        return result;
    }
    civic_outage_down(call->cache->outage,
                      call->status == APR_NOTFOUND
                          ? "its server was given up for some seconds"
                          : apr_strerror(call->status, words, sizeof(words)));
    return result;
}

/* ---- marks ---- */

static apr_uint32_t period_of(apr_time_t time)
{
    return (apr_uint32_t)(time / CIVIC_STORE_SOCACHE_LIFE);
}

static civic_store_result mark_replace(call_t *call, const unsigned char *user,
                                       apr_uint32_t period, unsigned char mark[MARK])
{
    entry_t key = key_of_mark(user, period);

    if (!civic_random(mark, MARK)) {
        call->status = APR_EGENERAL;
        return CIVIC_STORE_DOWN;
    }
    return store(call, &key, (apr_time_t)(period + 2) * CIVIC_STORE_SOCACHE_LIFE, mark, MARK);
}

static civic_store_result mark_get(call_t *call, const unsigned char *user,
                                   apr_uint32_t period, unsigned char mark[MARK])
{
    entry_t key = key_of_mark(user, period);
    civic_bytes_t value;
    civic_store_result result = fetch(call, &key, &value, MARK);

    if (result == CIVIC_STORE_OK) {
        if (value.len != MARK) {
            return CIVIC_STORE_MISSING;
        }
        memcpy(mark, value.data, MARK);
    }
    return result;
}

/* ---- sealed values ---- */

static const char *purpose_of(const unsigned char *key, const char *what, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "civic socache 1 ", what, " ",
                       civic_hex_encode(key, CIVIC_STORE_KEY_LEN, pool), NULL);
}

static int session_seal(civic_bytes_t *sealed, call_t *call, const civic_stored_t *session,
                        apr_uint32_t period, const unsigned char mark[MARK])
{
    apr_size_t len = HEAD + session->record.len;
    unsigned char *clear = apr_palloc(call->pool, len), *p = clear;

    memcpy(p, session->user, CIVIC_STORE_USER_LEN);
    p += CIVIC_STORE_USER_LEN;
    number_put(p, (apr_uint64_t)session->expires, 8);
    number_put(p + 8, (apr_uint64_t)session->last_used, 8);
    number_put(p + 16, period, 4);
    memcpy(p + 20, mark, MARK);
    memcpy(clear + HEAD, session->record.data, session->record.len);
    return civic_seal(sealed, call->cache->env->seal_keys->current,
                      purpose_of(session->key, "session", call->pool), clear, len, call->pool);
}

/* @return 1 with all but the key set */
static int session_open(civic_stored_t *session, apr_uint32_t *period,
                        unsigned char mark[MARK], call_t *call, const civic_bytes_t *sealed)
{
    const unsigned char *p;
    civic_bytes_t clear;

    if (!civic_unseal(&clear, call->cache->env->seal_keys,
                      purpose_of(session->key, "session", call->pool), sealed->data,
                      sealed->len, call->pool)
        || clear.len < HEAD) {
        civic_outage_note(call->cache->outage, SEALED_WRONGLY, CIVIC_LOUD_WARN,
                          "a session there does not count: it was changed or copied, or "
                          "sealed with a key that is not in CivicSealKeyFile any more");
        return 0;
    }
    p = clear.data + CIVIC_STORE_USER_LEN;
    memcpy(session->user, clear.data, CIVIC_STORE_USER_LEN);
    session->expires = (apr_time_t)number_get(p, 8);
    session->last_used = (apr_time_t)number_get(p + 8, 8);
    *period = (apr_uint32_t)number_get(p + 16, 4);
    memcpy(mark, p + 20, MARK);
    session->record.data = clear.data + HEAD;
    session->record.len = clear.len - HEAD;
    return 1;
}

static civic_store_result use_note(call_t *call, const unsigned char *key, apr_time_t now)
{
    entry_t id = key_of(key, 'u');
    unsigned char clear[8];
    civic_bytes_t sealed;

    number_put(clear, (apr_uint64_t)now, 8);
    if (!civic_seal(&sealed, call->cache->env->seal_keys->current,
                    purpose_of(key, "use", call->pool), clear, sizeof(clear), call->pool)) {
        call->status = APR_EGENERAL;
        return CIVIC_STORE_DOWN;
    }
    return store(call, &id, now + CIVIC_STORE_SOCACHE_LIFE, sealed.data, sealed.len);
}

/* Moves the session's last use; what cannot be read leaves that of the login. */
static civic_store_result use_read(call_t *call, civic_stored_t *session, apr_time_t now)
{
    entry_t id = key_of(session->key, 'u');
    civic_bytes_t value, clear;
    civic_store_result result = fetch(call, &id, &value, 8 + CIVIC_SEAL_OVERHEAD);

    if (result == CIVIC_STORE_OK
        && civic_unseal(&clear, call->cache->env->seal_keys,
                        purpose_of(session->key, "use", call->pool), value.data, value.len,
                        call->pool)
        && clear.len == 8) {
        apr_time_t used = (apr_time_t)number_get(clear.data, 8);

        session->last_used = used < now ? used : now;
    }
    return result == CIVIC_STORE_DOWN ? result : CIVIC_STORE_OK;
}

/* ---- the interface ---- */

static void socache_child_init(civic_store_t *store, apr_pool_t *pchild)
{
    civic_socache_t *cache = store->state;
    apr_status_t status =
        apr_global_mutex_child_init(&cache->mutex, cache->mutex_file, pchild);

    cache->outage = civic_outage_create(cache->env, cache->text, pchild);
    if (status != APR_SUCCESS) {
        cache->env->say(cache->env->say_baton, CIVIC_LOUD_ERROR,
                        "the session store's mutex cannot be used in this child");
    }
}

static apr_time_t socache_now(civic_store_t *store)
{
    return apr_time_now();
}

static civic_store_result put(call_t *call, const civic_stored_t *session)
{
    apr_time_t now = apr_time_now();
    apr_uint32_t period = period_of(now);
    unsigned char mark[MARK];
    civic_stored_t kept = *session;
    entry_t id = key_of(session->key, 's');
    civic_store_result result = mark_get(call, session->user, period, mark);
    civic_bytes_t sealed;

    if (result == CIVIC_STORE_MISSING) {
        result = mark_replace(call, session->user, period, mark);
    }
    if (result != CIVIC_STORE_OK) {
        return result;
    }
    if (kept.expires > now + CIVIC_STORE_SOCACHE_LIFE) {
        kept.expires = now + CIVIC_STORE_SOCACHE_LIFE;
    }
    if (!session_seal(&sealed, call, &kept, period, mark)) {
        call->status = APR_EGENERAL;
        return CIVIC_STORE_DOWN;
    }
    if (sealed.len > VALUE_MAX) {
        return CIVIC_STORE_TOO_LARGE;
    }
    result = store(call, &id, kept.expires, sealed.data, sealed.len);
    return result == CIVIC_STORE_OK ? use_note(call, session->key, session->last_used)
                                    : result;
}

static civic_store_result socache_put(civic_store_t *store, const civic_stored_t *session)
{
    civic_store_result result = CIVIC_STORE_DOWN;
    apr_pool_t *pool;
    call_t call;

    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return CIVIC_STORE_DOWN;
    }
    if (enter(&call, store, pool, ALONE)) {
        result = leave(&call, put(&call, session));
    }
    apr_pool_destroy(pool);
    return result;
}

static civic_store_result get(call_t *call, civic_stored_t *session, const unsigned char *key)
{
    unsigned char mark[MARK], current[MARK];
    entry_t id = key_of(key, 's');
    apr_time_t now = apr_time_now();
    civic_store_result result;
    civic_stored_t found;
    apr_uint32_t period;
    civic_bytes_t value;

    result = fetch(call, &id, &value, VALUE_MAX);
    if (result != CIVIC_STORE_OK) {
        return result;
    }
    memcpy(found.key, key, CIVIC_STORE_KEY_LEN);
    if (!session_open(&found, &period, mark, call, &value) || found.expires <= now) {
        return CIVIC_STORE_MISSING;
    }
    result = mark_get(call, found.user, period, current);
    if (result != CIVIC_STORE_OK) {
        return result;
    }
    if (!civic_equal(mark, current, MARK)) {
        return CIVIC_STORE_MISSING;
    }
    result = use_read(call, &found, now);
    if (result == CIVIC_STORE_OK) {
        *session = found;
    }
    return result;
}

static civic_store_result socache_get(civic_store_t *store, civic_stored_t *session,
                                      const unsigned char *key, apr_pool_t *pool)
{
    call_t call;

    return enter(&call, store, pool, SHARED) ? leave(&call, get(&call, session, key))
                                             : CIVIC_STORE_DOWN;
}

/* Apart from the session, which another request may be ending at this moment. */
static civic_store_result socache_touch(civic_store_t *store, const unsigned char *key,
                                        apr_pool_t *pool)
{
    civic_store_result result;
    call_t call;

    if (!enter(&call, store, pool, SHARED)) {
        return CIVIC_STORE_DOWN;
    }
    result = leave(&call, use_note(&call, key, apr_time_now()));
    return result == CIVIC_STORE_OK ? result : CIVIC_STORE_DOWN;
}

static civic_store_result socache_remove(civic_store_t *store, const unsigned char *key,
                                         const unsigned char *user, apr_pool_t *pool)
{
    entry_t session = key_of(key, 's'), use = key_of(key, 'u');
    civic_store_result result;
    call_t call;

    if (!enter(&call, store, pool, SHARED)) {
        return CIVIC_STORE_DOWN;
    }
    result = erase(&call, &session);
    if (result == CIVIC_STORE_OK) {
        cache_remove(&call, &use);
    }
    return leave(&call, result);
}

/* Nodes' clocks may differ about the period; sessions of the one before are still alive. */
static civic_store_result socache_remove_user(civic_store_t *store, const unsigned char *user,
                                              int *count, apr_pool_t *pool)
{
    apr_uint32_t now = period_of(apr_time_now());
    civic_store_result result = CIVIC_STORE_OK;
    unsigned char mark[MARK];
    call_t call;

    if (!enter(&call, store, pool, ALONE)) {
        return CIVIC_STORE_DOWN;
    }
    for (apr_uint32_t period = now - 1; period <= now + 1 && result == CIVIC_STORE_OK;
         period++) {
        result = mark_replace(&call, user, period, mark);
    }
    result = leave(&call, result);
    if (result == CIVIC_STORE_OK) {
        *count = -1;
    }
    return result == CIVIC_STORE_OK ? result : CIVIC_STORE_DOWN;
}

/* Exact on one machine. Of several, two may both be told "first" within the same moment. */
static civic_store_result socache_once(civic_store_t *store_, const unsigned char *key,
                                       apr_time_t expires, apr_pool_t *pool)
{
    apr_time_t least = apr_time_now() + apr_time_from_sec(2); /* caches count in seconds */
    apr_time_t most = apr_time_now() + CIVIC_STORE_SOCACHE_LIFE;
    entry_t id = key_of(key, 'o');
    civic_store_result result;
    civic_bytes_t value;
    call_t call;

    expires = expires < least ? least : expires > most ? most : expires;
    if (!enter(&call, store_, pool, ALONE)) {
        return CIVIC_STORE_DOWN;
    }
    result = fetch(&call, &id, &value, 1);
    if (result == CIVIC_STORE_OK) {
        result = CIVIC_STORE_MISSING;
    }
    else if (result == CIVIC_STORE_MISSING) {
        result = store(&call, &id, expires, "1", 1);
    }
    return leave(&call, result);
}

static civic_store_result socache_stats(civic_store_t *store, civic_store_stats_t *stats)
{
    memset(stats, 0, sizeof(*stats));
    stats->sessions = CIVIC_STORE_UNKNOWN;
    return CIVIC_STORE_OK;
}

static const civic_store_ops_t socache_ops = {
    "socache",   socache_child_init, socache_now,    socache_put,
    socache_get, socache_touch,      socache_remove, socache_remove_user,
    NULL,        socache_once,       socache_stats};

static apr_status_t destroy(void *data)
{
    civic_socache_t *cache = data;

    cache->provider->destroy(cache->instance, cache->server);
    return APR_SUCCESS;
}

civic_store_t *civic_store_socache_open(const civic_store_env_t *env, civic_socache_t *cache,
                                        server_rec *s, const char **fault)
{
    static const struct ap_socache_hints hints = {KEY_LEN, 512, apr_time_from_sec(60)};
    civic_store_t *made = apr_palloc(env->pool, sizeof(*made));

    cache->server = s;
    cache->env = env;
    if (ap_global_mutex_create(&cache->mutex, &cache->mutex_file, mutex_type, NULL, s,
                               env->pool, 0)
        != APR_SUCCESS) {
        *fault = "the session store's mutex cannot be made: see the Mutex directive";
        return NULL;
    }
    if (cache->provider->init(cache->instance, instance_name, &hints, s, env->pool)
        != APR_SUCCESS) {
        *fault = apr_pstrcat(env->pool, cache->text, " cannot be opened, see the line before",
                             NULL);
        return NULL;
    }
    apr_pool_cleanup_register(env->pool, cache, destroy, apr_pool_cleanup_null);
    made->ops = &socache_ops;
    made->state = cache;
    return made;
}

/* store_socache.c - see store_socache.h. */
#include "store_socache.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "socache.h"

enum {
    MARK = 16,
    KEY_LEN = CIVIC_STORE_KEY_LEN + 1,
    MARK_KEY_LEN = CIVIC_STORE_USER_LEN + 4 + 1,
    HEAD = CIVIC_STORE_USER_LEN + 8 + 8 + 4 + MARK, /* before the record */
    SEALED_WRONGLY = 0
};

typedef struct {
    civic_socache_t *cache;
    const civic_store_env_t *env;
} socache_t;

typedef struct {
    civic_socache_call_t cache;
    const civic_store_env_t *env;
    apr_pool_t *pool;
} call_t;

/* ---- keys and numbers ---- */

static civic_socache_key_t key_of(const unsigned char *key, char type)
{
    civic_socache_key_t made = {.len = KEY_LEN};

    memcpy(made.bytes, key, CIVIC_STORE_KEY_LEN);
    made.bytes[CIVIC_STORE_KEY_LEN] = (unsigned char)type;
    return made;
}

static civic_socache_key_t key_of_mark(const unsigned char *user, apr_uint32_t period)
{
    civic_socache_key_t made = {.len = MARK_KEY_LEN};

    memcpy(made.bytes, user, CIVIC_STORE_USER_LEN);
    civic_number_put(made.bytes + CIVIC_STORE_USER_LEN, period, 4);
    made.bytes[MARK_KEY_LEN - 1] = 'm';
    return made;
}

static int enter(call_t *call, civic_store_t *store, apr_pool_t *pool,
                 civic_socache_company company)
{
    socache_t *socache = store->state;

    call->env = socache->env;
    call->pool = pool;
    return civic_socache_enter(&call->cache, socache->cache, pool, company);
}

/* ---- marks ---- */

static apr_uint32_t period_of(apr_time_t time)
{
    return (apr_uint32_t)(time / CIVIC_STORE_SOCACHE_LIFE);
}

static civic_store_result mark_replace(call_t *call, const unsigned char *user,
                                       apr_uint32_t period, unsigned char mark[MARK])
{
    civic_socache_key_t key = key_of_mark(user, period);

    if (!civic_random(mark, MARK)) {
        call->cache.status = APR_EGENERAL;
        return CIVIC_STORE_DOWN;
    }
    return civic_socache_store(
        &call->cache, &key, (apr_time_t)(period + 2) * CIVIC_STORE_SOCACHE_LIFE, mark, MARK);
}

static civic_store_result mark_get(call_t *call, const unsigned char *user,
                                   apr_uint32_t period, unsigned char mark[MARK])
{
    civic_socache_key_t key = key_of_mark(user, period);
    civic_bytes_t value;
    civic_store_result result = civic_socache_fetch(&call->cache, &key, &value, MARK);

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
    civic_number_put(p, (apr_uint64_t)session->expires, 8);
    civic_number_put(p + 8, (apr_uint64_t)session->last_used, 8);
    civic_number_put(p + 16, period, 4);
    memcpy(p + 20, mark, MARK);
    memcpy(clear + HEAD, session->record.data, session->record.len);
    return civic_seal(sealed, call->env->seal_keys->current,
                      purpose_of(session->key, "session", call->pool), clear, len, call->pool);
}

/* @return 1 with all but the key set */
static int session_open(civic_stored_t *session, apr_uint32_t *period,
                        unsigned char mark[MARK], call_t *call, const civic_bytes_t *sealed)
{
    const unsigned char *p;
    civic_bytes_t clear;

    if (!civic_unseal(&clear, call->env->seal_keys,
                      purpose_of(session->key, "session", call->pool), sealed->data,
                      sealed->len, call->pool)
        || clear.len < HEAD) {
        civic_outage_note(civic_socache_outage(call->cache.cache), SEALED_WRONGLY,
                          CIVIC_LOUD_WARN,
                          "a session there does not count: it was changed or copied, or "
                          "sealed with a key that is not in CivicSealKeyFile any more");
        return 0;
    }
    p = clear.data + CIVIC_STORE_USER_LEN;
    memcpy(session->user, clear.data, CIVIC_STORE_USER_LEN);
    session->expires = (apr_time_t)civic_number_get(p, 8);
    session->last_used = (apr_time_t)civic_number_get(p + 8, 8);
    *period = (apr_uint32_t)civic_number_get(p + 16, 4);
    memcpy(mark, p + 20, MARK);
    session->record.data = clear.data + HEAD;
    session->record.len = clear.len - HEAD;
    return 1;
}

static civic_store_result use_note(call_t *call, const unsigned char *key, apr_time_t now)
{
    civic_socache_key_t id = key_of(key, 'u');
    unsigned char clear[8];
    civic_bytes_t sealed;

    civic_number_put(clear, (apr_uint64_t)now, 8);
    if (!civic_seal(&sealed, call->env->seal_keys->current, purpose_of(key, "use", call->pool),
                    clear, sizeof(clear), call->pool)) {
        call->cache.status = APR_EGENERAL;
        return CIVIC_STORE_DOWN;
    }
    return civic_socache_store(&call->cache, &id, now + CIVIC_STORE_SOCACHE_LIFE, sealed.data,
                               sealed.len);
}

/* Moves the session's last use; what cannot be read leaves that of the login. */
static civic_store_result use_read(call_t *call, civic_stored_t *session, apr_time_t now)
{
    civic_socache_key_t id = key_of(session->key, 'u');
    civic_bytes_t value, clear;
    civic_store_result result =
        civic_socache_fetch(&call->cache, &id, &value, 8 + CIVIC_SEAL_OVERHEAD);

    if (result == CIVIC_STORE_OK
        && civic_unseal(&clear, call->env->seal_keys,
                        purpose_of(session->key, "use", call->pool), value.data, value.len,
                        call->pool)
        && clear.len == 8) {
        apr_time_t used = (apr_time_t)civic_number_get(clear.data, 8);

        session->last_used = used < now ? used : now;
    }
    return result == CIVIC_STORE_DOWN ? result : CIVIC_STORE_OK;
}

/* ---- the interface ---- */

static void socache_child_init(civic_store_t *store, apr_pool_t *pchild)
{
    civic_socache_child_init(((socache_t *)store->state)->cache, pchild);
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
    civic_socache_key_t id = key_of(session->key, 's');
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
        call->cache.status = APR_EGENERAL;
        return CIVIC_STORE_DOWN;
    }
    if (sealed.len > CIVIC_SOCACHE_VALUE_MAX) {
        return CIVIC_STORE_TOO_LARGE;
    }
    result = civic_socache_store(&call->cache, &id, kept.expires, sealed.data, sealed.len);
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
    if (enter(&call, store, pool, CIVIC_SOCACHE_ALONE)) {
        result = civic_socache_leave(&call.cache, put(&call, session));
    }
    apr_pool_destroy(pool);
    return result;
}

static civic_store_result get(call_t *call, civic_stored_t *session, const unsigned char *key)
{
    unsigned char mark[MARK], current[MARK];
    civic_socache_key_t id = key_of(key, 's');
    apr_time_t now = apr_time_now();
    civic_store_result result;
    civic_stored_t found;
    apr_uint32_t period;
    civic_bytes_t value;

    result = civic_socache_fetch(&call->cache, &id, &value, CIVIC_SOCACHE_VALUE_MAX);
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

    return enter(&call, store, pool, CIVIC_SOCACHE_SHARED)
               ? civic_socache_leave(&call.cache, get(&call, session, key))
               : CIVIC_STORE_DOWN;
}

/* Apart from the session, which another request may be ending at this moment. */
static civic_store_result socache_touch(civic_store_t *store, const unsigned char *key,
                                        apr_pool_t *pool)
{
    civic_store_result result;
    call_t call;

    if (!enter(&call, store, pool, CIVIC_SOCACHE_SHARED)) {
        return CIVIC_STORE_DOWN;
    }
    result = civic_socache_leave(&call.cache, use_note(&call, key, apr_time_now()));
    return result == CIVIC_STORE_OK ? result : CIVIC_STORE_DOWN;
}

static civic_store_result socache_remove(civic_store_t *store, const unsigned char *key,
                                         const unsigned char *user, apr_pool_t *pool)
{
    civic_socache_key_t session = key_of(key, 's'), use = key_of(key, 'u');
    civic_store_result result;
    call_t call;

    if (!enter(&call, store, pool, CIVIC_SOCACHE_SHARED)) {
        return CIVIC_STORE_DOWN;
    }
    result = civic_socache_erase(&call.cache, &session);
    if (result == CIVIC_STORE_OK) {
        civic_socache_forget(&call.cache, &use);
    }
    return civic_socache_leave(&call.cache, result);
}

/* Nodes' clocks may differ about the period; sessions of the one before are still alive. */
static civic_store_result socache_remove_user(civic_store_t *store, const unsigned char *user,
                                              int *count, apr_pool_t *pool)
{
    apr_uint32_t now = period_of(apr_time_now());
    civic_store_result result = CIVIC_STORE_OK;
    unsigned char mark[MARK];
    call_t call;

    if (!enter(&call, store, pool, CIVIC_SOCACHE_ALONE)) {
        return CIVIC_STORE_DOWN;
    }
    for (apr_uint32_t period = now - 1; period <= now + 1 && result == CIVIC_STORE_OK;
         period++) {
        result = mark_replace(&call, user, period, mark);
    }
    result = civic_socache_leave(&call.cache, result);
    if (result == CIVIC_STORE_OK) {
        *count = -1;
    }
    return result == CIVIC_STORE_OK ? result : CIVIC_STORE_DOWN;
}

/* Exact on one machine. Of several, two may both be told "first" within the same moment. */
static civic_store_result socache_once(civic_store_t *store, const unsigned char *key,
                                       apr_time_t expires, apr_pool_t *pool)
{
    apr_time_t least = apr_time_now() + apr_time_from_sec(2); /* caches count in seconds */
    apr_time_t most = apr_time_now() + CIVIC_STORE_SOCACHE_LIFE;
    civic_socache_key_t id = key_of(key, 'o');
    civic_store_result result;
    civic_bytes_t value;
    call_t call;

    expires = expires < least ? least : expires > most ? most : expires;
    if (!enter(&call, store, pool, CIVIC_SOCACHE_ALONE)) {
        return CIVIC_STORE_DOWN;
    }
    result = civic_socache_fetch(&call.cache, &id, &value, 1);
    if (result == CIVIC_STORE_OK) {
        result = CIVIC_STORE_MISSING;
    }
    else if (result == CIVIC_STORE_MISSING) {
        result = civic_socache_store(&call.cache, &id, expires, "1", 1);
    }
    return civic_socache_leave(&call.cache, result);
}

/* Does it answer? What is in it, it does not say. */
static civic_store_result socache_stats(civic_store_t *store, civic_store_stats_t *stats)
{
    civic_store_result result = CIVIC_STORE_DOWN;
    apr_pool_t *pool;
    call_t call;

    memset(stats, 0, sizeof(*stats));
    stats->sessions = CIVIC_STORE_UNKNOWN;
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return CIVIC_STORE_DOWN;
    }
    if (enter(&call, store, pool, CIVIC_SOCACHE_SHARED)) {
        result = civic_socache_leave(
            &call.cache, civic_socache_lives(&call.cache) ? CIVIC_STORE_OK : CIVIC_STORE_DOWN);
    }
    apr_pool_destroy(pool);
    return result;
}

static const civic_store_ops_t socache_ops = {
    "socache",   socache_child_init, socache_now,    socache_put,
    socache_get, socache_touch,      socache_remove, socache_remove_user,
    NULL,        socache_once,       socache_stats,  NULL};

civic_store_t *civic_store_socache_open(const civic_store_env_t *env, civic_socache_t *cache,
                                        server_rec *s, const char **fault)
{
    civic_store_t *store = apr_palloc(env->pool, sizeof(*store));
    socache_t *socache = apr_palloc(env->pool, sizeof(*socache));

    *fault = civic_socache_open(cache, env, s);
    if (*fault) {
        return NULL;
    }
    socache->cache = cache;
    socache->env = env;
    store->ops = &socache_ops;
    store->state = socache;
    return store;
}

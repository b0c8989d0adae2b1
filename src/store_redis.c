/* store_redis.c - see store_redis.h. Each call is one script: one round trip, and nothing
 * comes between its steps. Every script does the same when it runs twice (redis_pool.h). */
#include "store_redis.h"

#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "redis_pool.h"

enum { SEALED_WRONGLY = CIVIC_REDIS_CAUSES, NONCE = 16 };

typedef struct {
    const civic_store_env_t *env;
    civic_redis_site_t site;
    civic_redis_pool_t *pool; /* of this child */
} redis_t;

/* ---- commands ---- */

/* A script's KEYS come first, then its ARGV. */
static void script(civic_redis_command_t *command, const char *text, int keys)
{
    static const char *const counts[] = {"0", "1", "2"};

    command->count = 0;
    civic_redis_command_add(command, "EVAL", 4);
    civic_redis_command_add(command, text, strlen(text));
    civic_redis_command_add(command, counts[keys], 1);
}

static void add_text(civic_redis_command_t *command, const char *text)
{
    civic_redis_command_add(command, text, strlen(text));
}

static void add_number(civic_redis_command_t *command, apr_int64_t number, apr_pool_t *pool)
{
    add_text(command, apr_psprintf(pool, "%" APR_INT64_T_FMT, number));
}

static const char *key_hex(const unsigned char *key, apr_pool_t *pool)
{
    return civic_hex_encode(key, CIVIC_STORE_KEY_LEN, pool);
}

/* What all keys of one kind begin with. */
static const char *prefix_of(const redis_t *redis, const char *kind, apr_pool_t *pool)
{
    return apr_pstrcat(pool, redis->site.address->prefix, kind, NULL);
}

static void add_key(civic_redis_command_t *command, const redis_t *redis, const char *kind,
                    const unsigned char *bytes, apr_size_t len, apr_pool_t *pool)
{
    add_text(command, apr_pstrcat(pool, redis->site.address->prefix, kind,
                                  civic_hex_encode(bytes, len, pool), NULL));
}

static void add_session(civic_redis_command_t *command, const redis_t *redis,
                        const unsigned char *key, apr_pool_t *pool)
{
    add_key(command, redis, "s:", key, CIVIC_STORE_KEY_LEN, pool);
}

static void add_user(civic_redis_command_t *command, const redis_t *redis,
                     const unsigned char *user, apr_pool_t *pool)
{
    add_key(command, redis, "u:", user, CIVIC_STORE_USER_LEN, pool);
}

/* For scripts that answer a number. */
static civic_store_result ask_number(redis_t *redis, const civic_redis_command_t *command,
                                     long long *number)
{
    redisReply *reply;
    civic_store_result result = civic_redis_pool_ask(redis->pool, &reply, command);

    if (result != CIVIC_STORE_OK) {
        return result;
    }
    *number = reply->integer;
    if (reply->type != REDIS_REPLY_INTEGER) {
        result = civic_redis_pool_strange(redis->pool);
    }
    freeReplyObject(reply);
    return result;
}

/* For scripts that answer 1 or 0. Only what stores more can find no room. */
static civic_store_result ask_whether(redis_t *redis, const civic_redis_command_t *command)
{
    long long number;
    civic_store_result result = ask_number(redis, command, &number);

    return result != CIVIC_STORE_OK ? result : number ? CIVIC_STORE_OK : CIVIC_STORE_MISSING;
}

/* ---- sealed records ---- */

static const char *purpose_of(const civic_stored_t *session, apr_pool_t *pool)
{
    return apr_psprintf(
        pool, "civic session 1 %s %s %" APR_TIME_T_FMT, key_hex(session->key, pool),
        civic_hex_encode(session->user, CIVIC_STORE_USER_LEN, pool), session->expires);
}

static int is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING;
}

static int time_read(apr_time_t *time, const redisReply *reply)
{
    if (!is_text(reply) || reply->len < 1 || reply->len > 18
        || strspn(reply->str, "0123456789") != reply->len) {
        return 0;
    }
    *time = apr_atoi64(reply->str);
    return 1;
}

/* What a script answered (r, u, e) of the session whose key and user are set already. A last
 * use in the future would hold off the end of an unused session. */
static int session_read(civic_stored_t *session, redis_t *redis, redisReply *const fields[3],
                        apr_pool_t *pool)
{
    apr_time_t now = apr_time_now();

    if (!is_text(fields[0]) || !time_read(&session->last_used, fields[1])
        || !time_read(&session->expires, fields[2])
        || !civic_unseal(&session->record, redis->env->seal_keys, purpose_of(session, pool),
                         fields[0]->str, fields[0]->len, pool)) {
        civic_outage_note(civic_redis_pool_outage(redis->pool), SEALED_WRONGLY,
                          CIVIC_LOUD_WARN,
                          "a session there does not count: it was changed or copied, or "
                          "sealed with a key that is not in CivicSealKeyFile any more");
        return 0;
    }
    session->last_used = session->last_used < now ? session->last_used : now;
    return 1;
}

/* ---- the interface ---- */

static void redis_child_init(civic_store_t *store, apr_pool_t *pchild)
{
    redis_t *redis = store->state;

    redis->pool = civic_redis_pool_create(&redis->site, redis->env, pchild);
}

static apr_time_t redis_now(civic_store_t *store)
{
    return apr_time_now();
}

static civic_store_result put(redis_t *redis, const civic_stored_t *session, apr_pool_t *pool)
{
    static const char text[] =
        "redis.call('HSET', KEYS[1], 'r', ARGV[1], 'u', ARGV[2], 'e', ARGV[3], 'o', ARGV[4])\n"
        "redis.call('PEXPIREAT', KEYS[1], ARGV[5])\n"
        "redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[6])\n"
        "redis.call('ZADD', KEYS[2], ARGV[5], ARGV[7])\n"
        "local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')\n"
        "redis.call('PEXPIREAT', KEYS[2], last[2])\n"
        "return 1";
    civic_redis_command_t command;
    civic_bytes_t sealed;

    if (!civic_seal(&sealed, redis->env->seal_keys->current, purpose_of(session, pool),
                    session->record.data, session->record.len, pool)) {
        return CIVIC_STORE_DOWN;
    }
    script(&command, text, 2);
    add_session(&command, redis, session->key, pool);
    add_user(&command, redis, session->user, pool);
    civic_redis_command_add(&command, (const char *)sealed.data, sealed.len);
    add_number(&command, session->last_used, pool);
    add_number(&command, session->expires, pool);
    add_text(&command, civic_hex_encode(session->user, CIVIC_STORE_USER_LEN, pool));
    add_number(&command, apr_time_as_msec(session->expires), pool);
    add_number(&command, apr_time_as_msec(apr_time_now()), pool);
    add_text(&command, key_hex(session->key, pool));
    return ask_whether(redis, &command);
}

static civic_store_result redis_put(civic_store_t *store, const civic_stored_t *session)
{
    civic_store_result result;
    apr_pool_t *pool;

    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return CIVIC_STORE_DOWN;
    }
    result = put(store->state, session, pool);
    apr_pool_destroy(pool);
    return result;
}

static civic_store_result get_read(civic_stored_t *session, redis_t *redis,
                                   const redisReply *reply, const unsigned char *key,
                                   apr_pool_t *pool)
{
    civic_stored_t found;
    civic_bytes_t user;

    if (reply->type == REDIS_REPLY_NIL) {
        return CIVIC_STORE_MISSING;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 4
        || !is_text(reply->element[3])) {
        return civic_redis_pool_strange(redis->pool);
    }
    if (!civic_hex_decode(&user, reply->element[3]->str, reply->element[3]->len, pool)
        || user.len != CIVIC_STORE_USER_LEN) {
        return CIVIC_STORE_MISSING;
    }
    memcpy(found.key, key, CIVIC_STORE_KEY_LEN);
    memcpy(found.user, user.data, CIVIC_STORE_USER_LEN);
    if (!session_read(&found, redis, reply->element, pool)
        || found.expires <= apr_time_now()) {
        return CIVIC_STORE_MISSING;
    }
    *session = found;
    return CIVIC_STORE_OK;
}

static civic_store_result redis_get(civic_store_t *store, civic_stored_t *session,
                                    const unsigned char *key, apr_pool_t *pool)
{
    static const char text[] =
        "local f = redis.call('HMGET', KEYS[1], 'r', 'u', 'e', 'o')\n"
        "if not f[1] or not f[4] or not redis.call('ZSCORE', ARGV[1] .. f[4], ARGV[2]) then\n"
        "  return false\n"
        "end\n"
        "return f";
    redis_t *redis = store->state;
    civic_redis_command_t command;
    civic_store_result result;
    redisReply *reply;

    script(&command, text, 1);
    add_session(&command, redis, key, pool);
    add_text(&command, prefix_of(redis, "u:", pool));
    add_text(&command, key_hex(key, pool));
    result = civic_redis_pool_ask(redis->pool, &reply, &command);
    if (result == CIVIC_STORE_OK) {
        result = get_read(session, redis, reply, key, pool);
        freeReplyObject(reply);
    }
    return result == CIVIC_STORE_EXHAUSTED ? CIVIC_STORE_DOWN : result;
}

static civic_store_result redis_touch(civic_store_t *store, const unsigned char *key,
                                      apr_pool_t *pool)
{
    static const char text[] = "local u = redis.call('HGET', KEYS[1], 'u')\n"
                               "if not u then return 0 end\n"
                               "if tonumber(u) < tonumber(ARGV[1]) then\n"
                               "  redis.call('HSET', KEYS[1], 'u', ARGV[1])\n"
                               "end\n"
                               "return 1";
    redis_t *redis = store->state;
    civic_redis_command_t command;
    civic_store_result result;

    script(&command, text, 1);
    add_session(&command, redis, key, pool);
    add_number(&command, apr_time_now(), pool);
    result = ask_whether(redis, &command);
    return result == CIVIC_STORE_EXHAUSTED ? CIVIC_STORE_DOWN : result;
}

static civic_store_result redis_remove(civic_store_t *store, const unsigned char *key,
                                       const unsigned char *user, apr_pool_t *pool)
{
    static const char text[] = "redis.call('ZREM', KEYS[2], ARGV[1])\n"
                               "return redis.call('DEL', KEYS[1])";
    redis_t *redis = store->state;
    civic_redis_command_t command;

    script(&command, text, 2);
    add_session(&command, redis, key, pool);
    add_user(&command, redis, user, pool);
    add_text(&command, key_hex(key, pool));
    return ask_whether(redis, &command);
}

static civic_store_result redis_remove_user(civic_store_t *store, const unsigned char *user,
                                            int *count, apr_pool_t *pool)
{
    static const char text[] =
        "local n = 0\n"
        "for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do\n"
        "  n = n + redis.call('DEL', ARGV[1] .. key)\n"
        "end\n"
        "redis.call('DEL', KEYS[1])\n"
        "return n";
    redis_t *redis = store->state;
    civic_redis_command_t command;
    civic_store_result result;
    long long number;

    script(&command, text, 1);
    add_user(&command, redis, user, pool);
    add_text(&command, prefix_of(redis, "s:", pool));
    result = ask_number(redis, &command, &number);
    if (result == CIVIC_STORE_OK) {
        *count = (int)number;
    }
    return result;
}

/* One of visit_user's: key, r, u, e. What makes no sense is passed over. */
static void visit_one(redis_t *redis, const redisReply *row, const unsigned char *user,
                      civic_store_visit_fn *visit, void *baton, apr_pool_t *pool)
{
    civic_stored_t session;
    civic_bytes_t key;

    if (row->type != REDIS_REPLY_ARRAY || row->elements != 4 || !is_text(row->element[0])
        || !civic_hex_decode(&key, row->element[0]->str, row->element[0]->len, pool)
        || key.len != CIVIC_STORE_KEY_LEN) {
        return;
    }
    memcpy(session.key, key.data, CIVIC_STORE_KEY_LEN);
    memcpy(session.user, user, CIVIC_STORE_USER_LEN);
    if (session_read(&session, redis, row->element + 1, pool)
        && session.expires > apr_time_now()) {
        visit(baton, &session);
    }
}

static civic_store_result redis_visit_user(civic_store_t *store, const unsigned char *user,
                                           civic_store_visit_fn *visit, void *baton,
                                           apr_pool_t *pool)
{
    static const char text[] =
        "local all = {}\n"
        "for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do\n"
        "  local f = redis.call('HMGET', ARGV[1] .. key, 'r', 'u', 'e')\n"
        "  if f[1] then all[#all + 1] = {key, f[1], f[2], f[3]} end\n"
        "end\n"
        "return all";
    redis_t *redis = store->state;
    civic_redis_command_t command;
    civic_store_result result;
    redisReply *reply;

    script(&command, text, 1);
    add_user(&command, redis, user, pool);
    add_text(&command, prefix_of(redis, "s:", pool));
    result = civic_redis_pool_ask(redis->pool, &reply, &command);
    if (result != CIVIC_STORE_OK) {
        return CIVIC_STORE_DOWN;
    }
    if (reply->type != REDIS_REPLY_ARRAY) {
        result = civic_redis_pool_strange(redis->pool);
    }
    for (size_t i = 0; result == CIVIC_STORE_OK && i < reply->elements; i++) {
        visit_one(redis, reply->element[i], user, visit, baton, pool);
    }
    freeReplyObject(reply);
    return result;
}

/* The nonce tells this call's own trace, when it goes out twice, from somebody else's. */
static civic_store_result redis_once(civic_store_t *store, const unsigned char *key,
                                     apr_time_t expires, apr_pool_t *pool)
{
    static const char text[] =
        "if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end\n"
        "return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0";
    apr_interval_time_t life = apr_time_as_msec(expires - apr_time_now());
    redis_t *redis = store->state;
    civic_redis_command_t command;
    unsigned char nonce[NONCE];

    if (!civic_random(nonce, sizeof(nonce))) {
        return CIVIC_STORE_DOWN;
    }
    script(&command, text, 1);
    add_key(&command, redis, "o:", key, CIVIC_STORE_KEY_LEN, pool);
    add_text(&command, civic_hex_encode(nonce, sizeof(nonce), pool));
    add_number(&command, life > 1 ? life : 1, pool);
    return ask_whether(redis, &command);
}

/* Does it answer? To count sessions, all keys would have to be walked. */
static civic_store_result redis_stats(civic_store_t *store, civic_store_stats_t *stats)
{
    civic_redis_command_t command;

    memset(stats, 0, sizeof(*stats));
    stats->sessions = CIVIC_STORE_UNKNOWN;
    script(&command, "return 1", 0);
    return ask_whether(store->state, &command);
}

static const civic_store_ops_t redis_ops = {
    "redis",      redis_child_init,  redis_now,        redis_put,  redis_get,   redis_touch,
    redis_remove, redis_remove_user, redis_visit_user, redis_once, redis_stats, NULL};

const char *civic_store_redis_missing(const civic_redis_address_t *address)
{
    return address->tls ? civic_redis_tls_missing() : NULL;
}

civic_store_t *civic_store_redis_open(const civic_store_env_t *env,
                                      const civic_redis_address_t *address,
                                      const civic_redis_secret_t *secret, const char *ca_file,
                                      const char **fault)
{
    civic_store_t *store = apr_pcalloc(env->pool, sizeof(*store));
    redis_t *redis = apr_pcalloc(env->pool, sizeof(*redis));

    redis->env = env;
    redis->site.address = address;
    redis->site.secret = secret;
    if (address->tls) {
        redis->site.tls = civic_redis_tls_create(ca_file, env->pool, fault);
        if (!redis->site.tls) {
            return NULL;
        }
    }
    store->ops = &redis_ops;
    store->state = redis;
    return store;
}

/* startup_store.c - the session store that the configuration asks for, and the seal keys. */
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <string.h>

#include "conf.h"
#include "encoding.h"
#include "log.h"
#include "runtime.h"
#include "seal_key.h"
#include "store_redis.h"
#include "store_shm.h"
#include "store_socache.h"

enum { TYPICAL_RECORD = 256 }; /* bytes of a session of BASIC_SIGNUP, see bench/store */

static const int levels[] = {APLOG_DEBUG, APLOG_INFO, APLOG_WARNING, APLOG_ERR};

void civic_startup_say(void *server, civic_loudness loudness, const char *line)
{
    ap_log_error(APLOG_MARK, levels[loudness], 0, (server_rec *)server, CIVIC_LOG_PREFIX "%s",
                 line);
}

static void key_from_hex(unsigned char *key, const char *hex, apr_pool_t *pool)
{
    civic_bytes_t bytes;

    civic_hex_decode(&bytes, hex, 2 * CIVIC_SEAL_KEY_LEN, pool); /* judged when it was read */
    memcpy(key, bytes.data, CIVIC_SEAL_KEY_LEN);
}

static const char no_folder[] = "httpd's runtime folder is not known (DefaultRuntimeDir)";

const char *civic_startup_store_path(const civic_server_conf_t *conf, apr_pool_t *pool)
{
    return conf->store.path ? conf->store.path
                            : ap_runtime_dir_relative(pool, "auth_civic.sessions");
}

/* Those of CivicSealKeyFile, or one in a file beside the store. */
static const char *seal_keys_set(civic_seal_keys_t *keys, const civic_server_conf_t *conf,
                                 apr_pool_t *pool)
{
    const char *hex = conf->seal_keys, *path = civic_startup_store_path(conf, pool);

    keys->has_previous = hex && strlen(hex) > 2 * CIVIC_SEAL_KEY_LEN;
    if (!hex) {
        return path ? civic_seal_key_file(keys, apr_pstrcat(pool, path, ".key", NULL), pool)
                    : no_folder;
    }
    key_from_hex(keys->current, hex, pool);
    if (keys->has_previous) {
        key_from_hex(keys->previous, hex + 2 * CIVIC_SEAL_KEY_LEN + 1, pool);
    }
    return NULL;
}

static civic_store_t *shm_open_at(const civic_store_env_t *env,
                                  const civic_server_conf_t *conf, server_rec *s,
                                  const char **fault)
{
    const char *path = civic_startup_store_path(conf, env->pool);
    apr_size_t size = conf->store.size ? conf->store.size : CIVIC_STORE_SHM_DEFAULT;
    civic_store_t *store = NULL;

    if (!path) {
        *fault = no_folder;
        return NULL;
    }
    store = civic_store_shm_open(env, path, size, fault);
    if (store) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                     CIVIC_LOG_PREFIX "session store %s: %" APR_SIZE_T_FMT
                                      " bytes, room for %" APR_UINT64_T_FMT
                                      " sessions of BASIC_SIGNUP",
                     path, size, civic_store_shm_room(store, TYPICAL_RECORD));
    }
    return store;
}

static civic_store_t *redis_open(const civic_store_env_t *env, const civic_server_conf_t *conf,
                                 server_rec *s, const char **fault)
{
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s, CIVIC_LOG_PREFIX "session store %s",
                 conf->store.redis->text);
    return civic_store_redis_open(env, conf->store.redis, conf->store_secret,
                                  conf->store_ca_file, fault);
}

static civic_store_t *socache_open(const civic_store_env_t *env,
                                   const civic_server_conf_t *conf, server_rec *s,
                                   const char **fault)
{
    if (civic_conf_longest_life() > CIVIC_STORE_SOCACHE_LIFE) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     CIVIC_LOG_PREFIX "a CivicSessionLife is longer than a week: in this "
                                      "session store, sessions end after a week");
    }
    return civic_store_socache_open(env, conf->store.socache, s, fault);
}

static civic_store_t *(*const openers[])(const civic_store_env_t *env,
                                         const civic_server_conf_t *conf, server_rec *s,
                                         const char **fault) = {
    [CIVIC_STORE_SHM] = shm_open_at,
    [CIVIC_STORE_REDIS] = redis_open,
    [CIVIC_STORE_SOCACHE] = socache_open,
};

int civic_startup_store(civic_runtime_t *runtime, server_rec *s, apr_pool_t *pconf)
{
    const civic_server_conf_t *conf = civic_server_conf(s);
    civic_store_env_t *env = apr_pcalloc(pconf, sizeof(*env));
    const char *fault = NULL;

    env->pool = pconf;
    env->seal_keys = &runtime->seal_keys;
    env->say = civic_startup_say;
    env->say_baton = s;
    fault = seal_keys_set(&runtime->seal_keys, conf, pconf);
    if (!fault) {
        runtime->store = openers[conf->store.kind](env, conf, s, &fault);
    }
    if (fault) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CIVIC_LOG_PREFIX "%s", fault);
    }
    return fault == NULL;
}

static int any_limits_sessions(server_rec *s)
{
    for (; s; s = s->next) {
        if (civic_server_conf(s)->sessions_per_user > 0) {
            return 1;
        }
    }
    return 0;
}

const char *civic_startup_store_fault(server_rec *s, const char *directive)
{
    const civic_server_conf_t *conf = civic_server_conf(s);
    const civic_store_choice_t *store = &conf->store;

    if (!strcasecmp(directive, "CivicSessionStoreSecretFile")) {
        return store->kind == CIVIC_STORE_REDIS ? NULL
                                                : "only a Redis has such a secret: say "
                                                  "CivicSessionStore redis://...";
    }
    if (!strcasecmp(directive, "CivicSessionStoreCACertificateFile")) {
        return store->kind == CIVIC_STORE_REDIS && store->redis->tls
                   ? NULL
                   : "it has no use without TLS: say CivicSessionStore rediss://...";
    }
    if (store->kind != CIVIC_STORE_SHM && !conf->seal_keys) {
        return "this store needs CivicSealKeyFile, the same file on every node: make it with "
               "openssl rand -hex 32, owner root, mode 600";
    }
    if (store->kind == CIVIC_STORE_SOCACHE && any_limits_sessions(s)) {
        return "CivicSessionsPerUser cannot be kept with socache:, which cannot list a "
               "person's sessions: use shm or redis:";
    }
    return NULL;
}

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
#include "store_shm.h"

enum { TYPICAL_RECORD = 256 }; /* bytes of a session of BASIC_SIGNUP, see bench/store */

static const int levels[] = {APLOG_DEBUG, APLOG_INFO, APLOG_WARNING, APLOG_ERR};

static void say(void *server, civic_loudness loudness, const char *line)
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

static const char *seal_keys_set(civic_seal_keys_t *keys, const civic_server_conf_t *conf,
                                 const char *own_file, apr_pool_t *pool)
{
    const char *hex = conf->seal_keys;

    keys->has_previous = hex && strlen(hex) > 2 * CIVIC_SEAL_KEY_LEN;
    if (!hex) {
        return civic_seal_key_file(keys, own_file, pool);
    }
    key_from_hex(keys->current, hex, pool);
    if (keys->has_previous) {
        key_from_hex(keys->previous, hex + 2 * CIVIC_SEAL_KEY_LEN + 1, pool);
    }
    return NULL;
}

static civic_store_t *shm_open_at(const civic_store_env_t *env, const char *path,
                                  const civic_store_choice_t *choice, server_rec *s,
                                  const char **fault)
{
    apr_size_t size = choice->size ? choice->size : CIVIC_STORE_SHM_DEFAULT;
    civic_store_t *store = civic_store_shm_open(env, path, size, fault);

    if (store) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                     CIVIC_LOG_PREFIX "session store %s: %" APR_SIZE_T_FMT
                                      " bytes, room for %" APR_UINT64_T_FMT
                                      " sessions of BASIC_SIGNUP",
                     path, size, civic_store_shm_room(store, TYPICAL_RECORD));
    }
    return store;
}

int civic_startup_store(civic_runtime_t *runtime, server_rec *s, apr_pool_t *pconf)
{
    const civic_server_conf_t *conf = civic_server_conf(s);
    civic_store_env_t *env = apr_pcalloc(pconf, sizeof(*env));
    const char *path = conf->store.path
                           ? conf->store.path
                           : ap_runtime_dir_relative(pconf, "auth_civic.sessions");
    const char *fault =
        path ? NULL : "httpd's runtime folder is not known (DefaultRuntimeDir)";

    env->pool = pconf;
    env->seal_keys = &runtime->seal_keys;
    env->say = say;
    env->say_baton = s;
    if (!fault) {
        fault = seal_keys_set(&runtime->seal_keys, conf,
                              apr_pstrcat(pconf, path, ".key", NULL), pconf);
    }
    if (!fault) {
        runtime->store = shm_open_at(env, path, &conf->store, s, &fault);
    }
    if (fault) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CIVIC_LOG_PREFIX "%s", fault);
    }
    return fault == NULL;
}

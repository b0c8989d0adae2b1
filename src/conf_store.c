/* conf_store.c - directives of the session store. What needs more than one of them is judged
 * by startup_store.c. */
#include "conf.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <http_core.h>
#include <string.h>

#include "socache.h"
#include "store_redis.h"
#include "store_shm.h"

/* "shm", and behind it nothing, (bytes), or :path(bytes). */
static const char *shm_read(civic_store_choice_t *choice, cmd_parms *cmd, const char *whole)
{
    const char *arg = whole + strlen("shm");
    const char *open = ap_strrchr_c(arg, '(');
    apr_size_t digits = open ? strspn(open + 1, "0123456789") : 0;
    apr_int64_t bytes = CIVIC_STORE_SHM_DEFAULT;

    if (open) {
        if (digits == 0 || digits > 12 || strcmp(open + 1 + digits, ")")) {
            return "it must be shm, shm(bytes) or shm:path(bytes), as shm(33554432)";
        }
        bytes = apr_atoi64(open + 1);
    }
    if (bytes < CIVIC_STORE_SHM_MIN || bytes > (apr_int64_t)64 << 30) {
        return "the size must be 262144 to 68719476736 bytes";
    }
    choice->kind = CIVIC_STORE_SHM;
    choice->size = (apr_size_t)bytes;
    choice->path = NULL;
    if (*arg == ':') {
        const char *path =
            open ? apr_pstrmemdup(cmd->pool, arg + 1, (apr_size_t)(open - arg - 1)) : arg + 1;

        choice->path = *path ? ap_runtime_dir_relative(cmd->pool, path) : NULL;
        return choice->path ? NULL : "the path is missing: shm:path(bytes)";
    }
    return arg == open || !*arg ? NULL
                                : "it must be shm, shm(bytes) or shm:path(bytes), as "
                                  "shm(33554432)";
}

static const char *redis_read(civic_store_choice_t *choice, cmd_parms *cmd, const char *arg)
{
    civic_redis_address_t *address;
    const char *fault = civic_redis_address_parse(&address, arg, cmd->pool);

    if (fault) {
        return fault;
    }
    choice->kind = CIVIC_STORE_REDIS;
    choice->redis = address;
    return civic_store_redis_missing(address);
}

static const char *socache_read(civic_store_choice_t *choice, cmd_parms *cmd, const char *arg)
{
    choice->kind = CIVIC_STORE_SOCACHE;
    return civic_socache_read(&choice->socache, strchr(arg, ':') + 1, cmd->temp_pool,
                              cmd->pool);
}

static const struct {
    const char *prefix;
    const char *(*read)(civic_store_choice_t *choice, cmd_parms *cmd, const char *arg);
} stores[] = {
    {"shm", shm_read},
    {"redis", redis_read},
    {"socache:", socache_read},
};

const char *civic_set_session_store(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *shown = civic_redis_address_shown(arg, cmd->pool);
    const char *fault = civic_conf_global_fault(cmd, shown);
    civic_store_choice_t choice = {.said = 1};

    if (fault) {
        return fault;
    }
    for (apr_size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        if (!strncmp(arg, stores[i].prefix, strlen(stores[i].prefix))) {
            fault = stores[i].read(&choice, cmd, arg);
            if (fault) {
                return civic_conf_fault(cmd, shown, fault);
            }
            civic_server_conf(cmd->server)->store = choice;
            return NULL;
        }
    }
    return civic_conf_fault(cmd, shown,
                            "there is no such store: shm, shm(bytes), shm:path(bytes), "
                            "redis://host:port/db, socache:provider:arguments");
}

const char *civic_set_store_secret_file(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = civic_conf_global_fault(cmd, arg), *text;
    civic_redis_secret_t *secret;

    if (fault) {
        return fault;
    }
    fault = civic_conf_read_secret(&text, cmd, arg);
    if (!fault) {
        fault = civic_redis_secret_parse(&secret, text, cmd->pool);
    }
    if (fault) {
        return civic_conf_fault(cmd, arg, fault);
    }
    civic_server_conf(cmd->server)->store_secret = secret;
    return NULL;
}

const char *civic_set_store_ca_file(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = civic_conf_global_fault(cmd, arg);
    const char *path = ap_server_root_relative(cmd->pool, arg);
    apr_finfo_t info;

    if (fault) {
        return fault;
    }
    if (!path || apr_stat(&info, path, APR_FINFO_TYPE, cmd->temp_pool) != APR_SUCCESS
        || info.filetype != APR_REG) {
        return civic_conf_fault(cmd, arg, "there is no such file");
    }
    civic_server_conf(cmd->server)->store_ca_file = path;
    return NULL;
}

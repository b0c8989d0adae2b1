/* conf_assertion.c - directives of assertions. The two of a location are not for .htaccess:
 * whoever may write one could have people's assertions made out to any application. */
#include "conf.h"

#include <apr_strings.h>
#include <string.h>

#include "assertion.h"

static int used; /* somewhere, as far as the configuration was read */

int civic_conf_assertion_is_used(void)
{
    return used;
}

void civic_conf_assertion_reset(void)
{
    used = 0;
}

const char *civic_set_assertion(cmd_parms *cmd, void *dir, int on)
{
    ((civic_dir_conf_t *)dir)->assertion = on;
    used = used || on;
    return NULL;
}

const char *civic_set_assertion_audience(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_size_t len = strlen(arg);

    for (const char *p = arg; *p; p++) {
        if (*p <= ' ' || *p > '~' || strchr("\"\\", *p)) {
            len = 0;
        }
    }
    if (len == 0 || len > CIVIC_ASSERTION_AUDIENCE_MAX) {
        return civic_conf_fault(cmd, arg,
                                "it must be a name or URL that the application expects, of 1 "
                                "to 256 visible ASCII characters without quotes and \\");
    }
    ((civic_dir_conf_t *)dir)->audience = arg;
    return NULL;
}

static const char *key_read(civic_key_t **key, cmd_parms *cmd, const char *path)
{
    const char *text, *fault = civic_conf_read_secret(&text, cmd, path);

    if (!fault) {
        fault = civic_key_read_private(key, text, cmd->pool);
    }
    return fault ? civic_conf_fault(cmd, path, fault) : NULL;
}

const char *civic_set_assertion_key_file(cmd_parms *cmd, void *dir, const char *current,
                                         const char *other)
{
    civic_assertion_keys_t *keys = apr_pcalloc(cmd->pool, sizeof(*keys));
    civic_key_t *signing, *published = NULL;
    const char *fault = civic_conf_global_fault(cmd, current);

    if (!fault) {
        fault = key_read(&signing, cmd, current);
    }
    if (!fault && other) {
        fault = key_read(&published, cmd, other);
    }
    if (fault) {
        return fault;
    }
    fault = civic_assertion_keys_set(keys, signing, published, cmd->pool);
    if (fault) {
        return civic_conf_fault(cmd, other ? other : current, fault);
    }
    civic_server_conf(cmd->server)->assertion_keys = keys;
    return NULL;
}

/* startup_assertion.c - the key that signs assertions, and what goes with it. */
#include <apr_strings.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <string.h>

#include "conf.h"
#include "log.h"
#include "runtime.h"

static const char *made(civic_runtime_t *runtime, const civic_server_conf_t *conf,
                        apr_pool_t *pool)
{
    const char *store = civic_startup_store_path(conf, pool), *fault;
    civic_key_t *key;

    if (!store) {
        return "httpd's runtime folder is not known (DefaultRuntimeDir): say "
               "CivicAssertionKeyFile";
    }
    fault =
        civic_assertion_key_file(&key, apr_pstrcat(pool, store, ".assertion.pem", NULL), pool);
    return fault ? fault : civic_assertion_keys_set(&runtime->assertion_keys, key, NULL, pool);
}

int civic_startup_assertion(civic_runtime_t *runtime, server_rec *s, apr_pool_t *pconf)
{
    const civic_server_conf_t *conf = civic_server_conf(s);
    const char *fault = NULL;

    if (conf->assertion_keys) {
        runtime->assertion_keys = *conf->assertion_keys;
    }
    else if (civic_conf_assertion_is_used()) {
        fault = made(runtime, conf, pconf);
    }
    if (fault) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, CIVIC_LOG_PREFIX "%s", fault);
    }
    else if (runtime->assertion_keys.key) {
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, s,
                     CIVIC_LOG_PREFIX "assertions are signed by key %.8s...",
                     runtime->assertion_keys.kid);
    }
    return fault == NULL;
}

/* Is the key that of an application as well? Then what one of them signs could pass for the
 * other's. */
static const civic_application_t *owner_of(server_rec *s, const civic_key_t *key)
{
    apr_pool_t *pool = s->process->pconf;
    const char *hex = civic_key_public_hex(key, pool);

    for (; hex && s; s = s->next) {
        const apr_array_header_t *all = civic_server_conf(s)->applications;

        for (int i = 0; i < all->nelts; i++) {
            const civic_application_t *app = APR_ARRAY_IDX(all, i, civic_application_t *);
            const char *other = civic_key_public_hex(app->sip.private_key, pool);

            if (other && !strcmp(hex, other)) {
                return app;
            }
        }
    }
    return NULL;
}

const char *civic_startup_assertion_fault(server_rec *s, const char *directive)
{
    const civic_server_conf_t *conf = civic_server_conf(s);
    const civic_application_t *app;

    if (!strcasecmp(directive, "CivicAssertion")) {
        return conf->store.kind != CIVIC_STORE_SHM && !conf->assertion_keys
                       && civic_conf_assertion_is_used()
                   ? "with this session store, several nodes may answer: it needs "
                     "CivicAssertionKeyFile, the same file on every node"
                   : NULL;
    }
    if (strcasecmp(directive, "CivicAssertionKeyFile") || !conf->assertion_keys) {
        return NULL;
    }
    app = owner_of(s, conf->assertion_keys->key);
    if (!app && conf->assertion_keys->other) {
        app = owner_of(s, conf->assertion_keys->other);
    }
    return app ? apr_psprintf(
               s->process->pconf,
               "this is the private key of <CivicApplication %s>: assertions need "
               "one of their own",
               app->sip.app_id)
               : NULL;
}

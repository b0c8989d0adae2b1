/* startup.c - what needs the whole configuration: cross checks, shared memory, keys, children.
 */
#include "runtime.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <string.h>

#include "assertion_cache.h"
#include "conf.h"
#include "conf_on_login.h"
#include "log.h"
#include "log_format.h"
#include "session.h"
#include "socache.h"
#include "tunnels.h"

/* ---- cross checks, also run by apachectl configtest ---- */

typedef struct {
    server_rec *main_server;
    apr_pool_t *pool;
    int faults;
} check_t;

static void complain(check_t *check, const ap_directive_t *node, const char *what)
{
    check->faults++;
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_ERR, 0, check->main_server,
                 CIVIC_LOG_PREFIX "%s:%d: %s", node->filename, node->line_num, what);
}

/* The host of a <VirtualHost> node: httpd notes where each was defined. */
static server_rec *host_of(const check_t *check, const ap_directive_t *node)
{
    for (server_rec *s = check->main_server->next; s; s = s->next) {
        if (s->defn_line_number == (unsigned)node->line_num && s->defn_name
            && !strcmp(s->defn_name, node->filename)) {
            return s;
        }
    }
    return check->main_server;
}

/* What is said outside of all hosts counts for each: one that has it is enough. */
static const server_rec *any_with(const check_t *check, server_rec *host, const char *id)
{
    for (server_rec *s = host ? host : check->main_server; s; s = host ? NULL : s->next) {
        const civic_server_conf_t *conf = civic_server_conf(s);

        if (id ? civic_conf_application(conf, id) != NULL : conf->applications->nelts > 0) {
            return s;
        }
    }
    return NULL;
}

/* Is there a host concerned that has a single application, so that nobody need say which? */
static int any_with_one(const check_t *check, server_rec *host)
{
    for (server_rec *s = host ? host : check->main_server; s; s = host ? NULL : s->next) {
        if (civic_server_conf(s)->applications->nelts == 1) {
            return 1;
        }
    }
    return 0;
}

static int says(const ap_directive_t *node, const char *directive)
{
    for (; node; node = node->next) {
        if (!strcasecmp(node->directive, directive) || says(node->first_child, directive)) {
            return 1;
        }
    }
    return 0;
}

static void check_use(check_t *check, const ap_directive_t *node, server_rec *host)
{
    const char *args = node->args;
    const char *id = ap_getword_conf(check->pool, &args);

    if (!any_with(check, host, id)) {
        complain(check, node,
                 apr_psprintf(check->pool,
                              "CivicUse %.100s: there is no such application here: add "
                              "<CivicApplication %.100s> or name one that exists",
                              id, id));
    }
}

static void check_language(check_t *check, const ap_directive_t *node, server_rec *host)
{
    const char *args = node->args;
    const char *tag = ap_getword_conf(check->pool, &args);
    const char *fault =
        civic_conf_language_fault(host ? host : check->main_server, tag, check->pool);

    if (fault) {
        complain(check, node,
                 apr_psprintf(check->pool, "CivicLanguage %.100s: %s", tag, fault));
    }
}

static void check_auth_type(check_t *check, const ap_directive_t *node, server_rec *host)
{
    const char *args = node->args;

    if (strcasecmp(ap_getword_conf(check->pool, &args), CIVIC_AUTH_TYPE)) {
        return;
    }
    if (!any_with(check, host, NULL)) {
        complain(check, node,
                 "AuthType Civic, but no application is configured here: add a "
                 "<CivicApplication> with its keys");
    }
    else if (!any_with_one(check, host) && !says(ap_conftree, "CivicUse")) {
        complain(check, node,
                 "AuthType Civic, but several applications are configured and no "
                 "CivicUse says which one guards here");
    }
}

/* These are the main server's; httpd has taken the last of each. */
static void check_store(check_t *check, const ap_directive_t *node)
{
    const char *fault = civic_startup_store_fault(check->main_server, node->directive);

    if (fault) {
        complain(check, node, apr_pstrcat(check->pool, node->directive, ": ", fault, NULL));
    }
}

/* What is said outside of all hosts counts for each: one that has what it needs is enough. */
static void check_factor(check_t *check, const ap_directive_t *node, server_rec *host)
{
    const char *args = node->args, *fault = NULL;

    if (!strcasecmp(ap_getword_conf(check->pool, &args), "Off")) {
        return;
    }
    for (server_rec *s = host ? host : check->main_server; s; s = host ? NULL : s->next) {
        fault = civic_startup_factor_fault(s, node->directive);
        if (!fault) {
            return;
        }
    }
    complain(check, node, apr_pstrcat(check->pool, node->directive, ": ", fault, NULL));
}

static void check_assertion(check_t *check, const ap_directive_t *node)
{
    const char *fault = civic_startup_assertion_fault(check->main_server, node->directive);

    if (fault) {
        complain(check, node, apr_pstrcat(check->pool, node->directive, ": ", fault, NULL));
    }
}

static void check_on_login(check_t *check, const ap_directive_t *node, server_rec *host)
{
    const char *fault =
        civic_conf_on_login_fault(node, host ? host : check->main_server, check->pool);

    if (fault) {
        complain(check, node, fault);
    }
}

static void check_nodes(check_t *check, const ap_directive_t *node, server_rec *host)
{
    for (; node; node = node->next) {
        if (!strcasecmp(node->directive, "<VirtualHost")) {
            check_nodes(check, node->first_child, host_of(check, node));
            continue;
        }
        if (!strcasecmp(node->directive, "CivicUse")) {
            check_use(check, node, host);
        }
        else if (!strcasecmp(node->directive, "AuthType")) {
            check_auth_type(check, node, host);
        }
        else if (!strcasecmp(node->directive, "CivicLanguage")) {
            check_language(check, node, host);
        }
        else if (!strcasecmp(node->directive, "CivicOnLogin")) {
            check_on_login(check, node, host);
        }
        else if (!strncasecmp(node->directive, "CivicSessionStore", 17)) {
            check_store(check, node);
        }
        else if (!strcasecmp(node->directive, "CivicSecondFactor")
                 || !strncasecmp(node->directive, "CivicEnrollment", 15)) {
            check_factor(check, node, host);
        }
        else if (!strncasecmp(node->directive, "CivicAssertion", 14)) {
            check_assertion(check, node);
        }
        check_nodes(check, node->first_child, host);
    }
}

int civic_startup_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    civic_conf_reset();
    if (!civic_conf_languages_start(pconf)) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    civic_log_format_register(pconf);
    return civic_socache_register(pconf) == APR_SUCCESS ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

int civic_startup_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                               server_rec *s)
{
    check_t check = {.main_server = s, .pool = ptemp};

    civic_conf_languages_make(s, pconf);
    check_nodes(&check, ap_conftree, NULL);
    return check.faults ? HTTP_INTERNAL_SERVER_ERROR : OK;
}

/* ---- the runtime ---- */

/* A cookie with a Domain is meant for all hosts below it; any other for its own site. */
static int realm_set(civic_server_conf_t *conf, server_rec *s, apr_pool_t *pool)
{
    char *name = apr_pstrdup(pool, conf->cookie_domain  ? conf->cookie_domain
                                   : s->server_hostname ? s->server_hostname
                                                        : "");

    ap_str_tolower(name);
    return civic_session_realm(conf->realm, name);
}

int civic_startup_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                              server_rec *s)
{
    civic_runtime_t *runtime;
    server_rec *first = s;

    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    civic_conf_languages_tell(s);
    runtime = apr_pcalloc(pconf, sizeof(*runtime));
    runtime->attempts = civic_attempts_create(pconf);
    if (!runtime->attempts || !civic_startup_kept(runtime, s, pconf)
        || !civic_startup_store(runtime, s, pconf)) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     CIVIC_LOG_PREFIX "sessions cannot be kept: not starting");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (!civic_startup_assertion(runtime, s, pconf)) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (; s; s = s->next) {
        civic_server_conf(s)->runtime = runtime;
        if (!realm_set(civic_server_conf(s), s, ptemp)) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return civic_startup_factor(first, pconf) ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

void civic_startup_child_init(apr_pool_t *pchild, server_rec *s)
{
    civic_runtime_t *runtime = civic_server_conf(s)->runtime;

    runtime->store->ops->child_init(runtime->store, pchild);
    runtime->assertions =
        runtime->assertion_keys.key ? civic_assertion_cache_create(pchild) : NULL;
    runtime->transport = civic_transport_create(pchild);
    if (!runtime->transport) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     CIVIC_LOG_PREFIX "libcurl cannot be set up: nobody can log in");
    }
    runtime->tunnels =
        civic_tunnels_create(runtime->store, runtime->counters,
                             civic_conf_websocket_check(civic_server_conf(s)), s, pchild);
    if (!runtime->tunnels) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     CIVIC_LOG_PREFIX "locks cannot be set up: no WebSocket can be opened");
    }
}

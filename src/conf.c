/* conf.c - the configuration's structs: made, merged, read; and the table of directives. */
#include "conf.h"

#include <apr_strings.h>
#include <errno.h>
#include <stddef.h>
#include <http_core.h>

#include "scope.h"

/* Longest CivicSessionLife and shortest CivicSessionIdle seen while the configuration is read
 * (by one thread). */
static apr_interval_time_t longest_life = CIVIC_DEFAULT_LIFE;
static apr_interval_time_t shortest_idle = CIVIC_DEFAULT_IDLE;

civic_server_conf_t *civic_server_conf(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &auth_civic_module);
}

civic_dir_conf_t *civic_dir_conf(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &auth_civic_module);
}

const char *civic_conf_endpoint(const civic_server_conf_t *conf)
{
    return conf->endpoint ? conf->endpoint : CIVIC_DEFAULT_ENDPOINT;
}

const char *civic_conf_cookie_name(const civic_server_conf_t *conf)
{
    return conf->cookie_name ? conf->cookie_name : CIVIC_DEFAULT_COOKIE;
}

const char *civic_conf_cookie_path(const civic_server_conf_t *conf)
{
    return conf->cookie_path ? conf->cookie_path : "/";
}

const char *civic_conf_header_prefix(const civic_server_conf_t *conf)
{
    return conf->header_prefix ? conf->header_prefix : CIVIC_DEFAULT_HEADER_PREFIX;
}

apr_interval_time_t civic_conf_websocket_check(const civic_server_conf_t *conf)
{
    return conf->websocket_check != CIVIC_UNSET ? conf->websocket_check
                                                : CIVIC_DEFAULT_WEBSOCKET_CHECK;
}

int civic_conf_identity(const civic_dir_conf_t *conf)
{
    return conf->identity != CIVIC_UNSET ? conf->identity : CIVIC_IDENTITY_ENV;
}

const char *civic_conf_scope(const civic_dir_conf_t *conf)
{
    /* Who it is, the first factor has said. */
    return conf->scope            ? conf->scope
           : conf->factor.on == 1 ? "ANONYMOUS_LOGIN"
                                  : CIVIC_SCOPE_DEFAULT;
}

civic_rate_t civic_conf_callback_limit(const civic_server_conf_t *conf)
{
    static const civic_rate_t usual = {CIVIC_DEFAULT_CALLBACK_COUNT,
                                       CIVIC_DEFAULT_CALLBACK_PER};

    return conf->callback_limit.count != CIVIC_UNSET ? conf->callback_limit : usual;
}

apr_interval_time_t civic_conf_idle(const civic_dir_conf_t *conf)
{
    return conf->idle != CIVIC_UNSET ? conf->idle : CIVIC_DEFAULT_IDLE;
}

apr_interval_time_t civic_conf_life(const civic_dir_conf_t *conf)
{
    return conf->life != CIVIC_UNSET ? conf->life : CIVIC_DEFAULT_LIFE;
}

apr_interval_time_t civic_conf_longest_life(void)
{
    return longest_life;
}

apr_interval_time_t civic_conf_shortest_idle(const civic_dir_conf_t *conf)
{
    apr_interval_time_t own = civic_conf_idle(conf);

    return own < shortest_idle ? own : shortest_idle;
}

const civic_application_t *civic_conf_application(const civic_server_conf_t *conf,
                                                  const char *id)
{
    for (int i = 0; i < conf->applications->nelts; i++) {
        civic_application_t *app = APR_ARRAY_IDX(conf->applications, i, civic_application_t *);

        if (!strcmp(app->sip.app_id, id)) {
            return app;
        }
    }
    return NULL;
}

const civic_application_t *civic_conf_application_of(const civic_server_conf_t *conf,
                                                     const civic_dir_conf_t *dir)
{
    if (dir->use) {
        return civic_conf_application(conf, dir->use);
    }
    return conf->applications->nelts == 1
               ? APR_ARRAY_IDX(conf->applications, 0, civic_application_t *)
               : NULL;
}

void civic_conf_reset(void)
{
    longest_life = CIVIC_DEFAULT_LIFE;
    shortest_idle = CIVIC_DEFAULT_IDLE;
    civic_conf_assertion_reset();
}

void *civic_server_conf_create(apr_pool_t *pool, server_rec *s)
{
    civic_server_conf_t *conf = apr_pcalloc(pool, sizeof(*conf));

    conf->applications = apr_array_make(pool, 2, sizeof(civic_application_t *));
    conf->exchange_timeout = conf->websocket_check = CIVIC_UNSET;
    conf->sessions_per_user = conf->exchange_limit = CIVIC_UNSET;
    conf->callback_limit.count = CIVIC_UNSET;
    return conf;
}

/* A host has its own applications and those of the main server that it does not override. */
static apr_array_header_t *merge_applications(apr_pool_t *pool,
                                              const civic_server_conf_t *base,
                                              const civic_server_conf_t *add)
{
    apr_array_header_t *all = apr_array_copy(pool, add->applications);

    for (int i = 0; i < base->applications->nelts; i++) {
        civic_application_t *app = APR_ARRAY_IDX(base->applications, i, civic_application_t *);

        if (!civic_conf_application(add, app->sip.app_id)) {
            APR_ARRAY_PUSH(all, civic_application_t *) = app;
        }
    }
    return all;
}

#define MERGE(field, unset) conf->field = add->field != (unset) ? add->field : base->field

void *civic_server_conf_merge(apr_pool_t *pool, void *base_conf, void *add_conf)
{
    const civic_server_conf_t *base = base_conf, *add = add_conf;
    civic_server_conf_t *conf = apr_pcalloc(pool, sizeof(*conf));

    conf->applications = merge_applications(pool, base, add);
    MERGE(endpoint, NULL);
    /* One directive, one unit: a host's CivicCookie does not mix with the main server's. */
    if (add->cookie_name) {
        conf->cookie_name = add->cookie_name;
        conf->cookie_domain = add->cookie_domain;
        conf->cookie_path = add->cookie_path;
        conf->cookie_same_site = add->cookie_same_site;
    }
    else {
        conf->cookie_name = base->cookie_name;
        conf->cookie_domain = base->cookie_domain;
        conf->cookie_path = base->cookie_path;
        conf->cookie_same_site = base->cookie_same_site;
    }
    MERGE(header_prefix, NULL);
    MERGE(folded_prefix, NULL);
    MERGE(user_header, NULL);
    MERGE(folded_user, NULL);
    MERGE(exchange_timeout, CIVIC_UNSET);
    conf->callback_limit =
        add->callback_limit.count != CIVIC_UNSET ? add->callback_limit : base->callback_limit;
    MERGE(sessions_per_user, CIVIC_UNSET);
    conf->enrollment = add->enrollment.said ? add->enrollment : base->enrollment;
    MERGE(enrollment.queries, NULL);
    MERGE(exchange_limit, CIVIC_UNSET);
    MERGE(websocket_check, CIVIC_UNSET);
    conf->store = add->store.said ? add->store : base->store;
    MERGE(store_secret, NULL);
    MERGE(store_ca_file, NULL);
    MERGE(seal_keys, NULL);
    MERGE(assertion_keys, NULL);
    conf->language_files =
        add->language_files && base->language_files
            ? apr_array_append(pool, base->language_files, add->language_files)
        : add->language_files ? add->language_files
                              : base->language_files;
    return conf;
}

void *civic_dir_conf_create(apr_pool_t *pool, char *dir)
{
    civic_dir_conf_t *conf = apr_pcalloc(pool, sizeof(*conf));

    conf->identity = conf->hide_intro = conf->unauthenticated = conf->status_actions =
        CIVIC_UNSET;
    conf->assertion = CIVIC_UNSET;
    conf->preserve_post = conf->preflight = CIVIC_UNSET;
    conf->idle = conf->life = CIVIC_UNSET;
    conf->factor =
        (civic_factor_conf_t){CIVIC_UNSET, CIVIC_UNSET, CIVIC_UNSET, CIVIC_UNSET, CIVIC_UNSET};
    conf->picture_ticket = CIVIC_UNSET;
    return conf;
}

void *civic_dir_conf_merge(apr_pool_t *pool, void *base_conf, void *add_conf)
{
    const civic_dir_conf_t *base = base_conf, *add = add_conf;
    civic_dir_conf_t *conf = apr_palloc(pool, sizeof(*conf));

    MERGE(use, NULL);
    MERGE(scope, NULL);
    MERGE(remote_user, NULL);
    MERGE(identity, CIVIC_UNSET);
    MERGE(claims, NULL);
    MERGE(assertion, CIVIC_UNSET);
    MERGE(audience, NULL);
    MERGE(hide_intro, CIVIC_UNSET);
    MERGE(unauthenticated, CIVIC_UNSET);
    MERGE(activity, NULL);
    MERGE(idle, CIVIC_UNSET);
    MERGE(life, CIVIC_UNSET);
    MERGE(login_page, NULL);
    MERGE(style, NULL);
    conf->policy = civic_page_policy_merge(pool, &base->policy, &add->policy);
    MERGE(preserve_post, CIVIC_UNSET);
    MERGE(preflight, CIVIC_UNSET);
    MERGE(language, NULL);
    MERGE(status_actions, CIVIC_UNSET);
    MERGE(factor.on, CIVIC_UNSET);
    MERGE(factor.enroll, CIVIC_UNSET);
    MERGE(factor.shared, CIVIC_UNSET);
    MERGE(factor.codes, CIVIC_UNSET);
    MERGE(factor.max_age, CIVIC_UNSET);
    MERGE(picture_ticket, CIVIC_UNSET);
    MERGE(on_login, NULL);
    return conf;
}

/* ---- directives ---- */

const char *civic_conf_fault(cmd_parms *cmd, const char *value, const char *fault)
{
    return apr_psprintf(cmd->pool, "%s %.100s: %s", cmd->cmd->name, value, fault);
}

const char *civic_conf_interval(apr_interval_time_t *out, const char *arg)
{
    static const char *const units[] = {"", "ms", "s", "mi", "min", "h", NULL};
    apr_size_t digits = strspn(arg, "0123456789");
    apr_interval_time_t value;
    int known = 0;

    errno = 0; /* httpd's parser reads it */
    for (int i = 0; units[i]; i++) {
        known = known || !strcasecmp(arg + digits, units[i]);
    }
    if (digits == 0 || digits > 9 || !known
        || ap_timeout_parameter_parse(arg, &value, "s") != APR_SUCCESS) {
        return "it must be a number with the unit s (the default), min, h or ms, as in 30min";
    }
    if (value < apr_time_from_sec(1) || value > apr_time_from_sec(10 * 366 * 86400LL)) {
        return "it must be at least one second and at most ten years";
    }
    *out = value;
    return NULL;
}

const char *civic_set_session_idle(cmd_parms *cmd, void *dir, const char *arg)
{
    civic_dir_conf_t *conf = dir;
    const char *fault = civic_conf_interval(&conf->idle, arg);

    if (fault) {
        return civic_conf_fault(cmd, arg, fault);
    }
    /* .htaccess is read by many threads at once; there, the location's own limit counts. */
    if (!ap_check_cmd_context(cmd, NOT_IN_HTACCESS) && conf->idle < shortest_idle) {
        shortest_idle = conf->idle;
    }
    return NULL;
}

const char *civic_set_session_life(cmd_parms *cmd, void *dir, const char *arg)
{
    civic_dir_conf_t *conf = dir;
    const char *fault = civic_conf_interval(&conf->life, arg);

    if (fault) {
        return civic_conf_fault(cmd, arg, fault);
    }
    /* In .htaccess it only shortens: the store's limit was set at startup. */
    if (!ap_check_cmd_context(cmd, NOT_IN_HTACCESS) && conf->life > longest_life) {
        longest_life = conf->life;
    }
    return NULL;
}

const command_rec civic_directives[] = {
    AP_INIT_RAW_ARGS("<CivicApplication", civic_set_application, NULL, RSRC_CONF,
                     "the id of an application, as Civic's Integration Portal gives it; the "
                     "section holds its keys and addresses"),
    AP_INIT_TAKE1(
        "CivicPrivateKeyFile", civic_set_private_key_file, CIVIC_IN_APPLICATION, RSRC_CONF,
        "file with the application's private signing key: 64 hex digits, PEM or JWK"),
    AP_INIT_TAKE1("CivicSecretFile", civic_set_secret_file, CIVIC_IN_APPLICATION, RSRC_CONF,
                  "file with the application's secret: 32 hex digits"),
    AP_INIT_TAKE1("CivicEnvironment", civic_set_environment, CIVIC_IN_APPLICATION, RSRC_CONF,
                  "environment of the API, a segment of its path (default prod)"),
    AP_INIT_TAKE1("CivicApiUrl", civic_set_api_url, CIVIC_IN_APPLICATION, RSRC_CONF,
                  "base URL of the SIP API (default " CIVIC_SIP_API ")"),
    AP_INIT_TAKE1("CivicPublicKey", civic_set_public_key, CIVIC_IN_APPLICATION, RSRC_CONF,
                  "the key that verifies Civic's signatures: 130 hex digits, or file:path"),
    AP_INIT_TAKE1("CivicCACertificateFile", civic_set_ca_certificate_file,
                  CIVIC_IN_APPLICATION, RSRC_CONF,
                  "PEM file of who vouches for the API's certificate (default: the system's)"),
    AP_INIT_TAKE1("CivicProxy", civic_set_proxy, CIVIC_IN_APPLICATION, RSRC_CONF,
                  "forward proxy for calls to the API, as http://host:port (default: none)"),
    AP_INIT_TAKE1("CivicProxySecretFile", civic_set_proxy_secret_file, CIVIC_IN_APPLICATION,
                  RSRC_CONF, "file with user:password for the proxy (default: none)"),
    AP_INIT_TAKE_ARGV("CivicBrowserLibrary", civic_set_browser_library, CIVIC_IN_APPLICATION,
                      RSRC_CONF,
                      "URL of Civic's script, optionally URL of its style sheet and a "
                      "subresource integrity value"),
    AP_INIT_TAKE_ARGV(
        "CivicPayloadHosts", civic_set_payload_hosts, CIVIC_IN_APPLICATION, RSRC_CONF,
        "hosts that large answers may be fetched from (default " CIVIC_SIP_PAYLOAD_HOST ")"),
    AP_INIT_FLAG("CivicDocumentImage", civic_set_document_image, CIVIC_IN_APPLICATION,
                 RSRC_CONF,
                 "On: the picture of a person's document is kept as long as the session "
                 "(default Off)"),

    AP_INIT_TAKE1("CivicUse", civic_set_use, NULL, OR_AUTHCFG,
                  "id of the application that guards here"),
    AP_INIT_TAKE1("CivicScope", civic_set_scope, NULL, OR_AUTHCFG,
                  "scope request of the login button (default BASIC_SIGNUP)"),
    AP_INIT_FLAG("CivicHideIntro", ap_set_flag_slot,
                 (void *)offsetof(civic_dir_conf_t, hide_intro), OR_AUTHCFG,
                 "On: the browser library leaves out its introduction (default Off)"),
    AP_INIT_TAKE1("CivicUnauthenticated", civic_set_unauthenticated, NULL, OR_AUTHCFG,
                  "what a request without a session gets: auto, page, 401 or pass"),
    AP_INIT_TAKE1("CivicOnLogin", civic_set_on_login, NULL, OR_AUTHCFG,
                  "where people go first after a login: a path of this site, or Off"),
    AP_INIT_TAKE1("CivicRemoteUser", civic_set_remote_user, NULL, OR_AUTHCFG,
                  "what becomes REMOTE_USER: userId (the default) or a claim's label"),
    AP_INIT_TAKE1(
        "CivicIdentity", civic_set_identity, NULL, OR_AUTHCFG,
        "how applications are told who somebody is: env (the default), headers, both "
        "or none"),
    AP_INIT_TAKE_ARGV(
        "CivicClaims", civic_set_claims, NULL, OR_AUTHCFG,
        "all (the default), none, or the labels that are passed on, each as label "
        "or label=NAME"),
    AP_INIT_FLAG("CivicAssertion", civic_set_assertion, NULL, ACCESS_CONF | RSRC_CONF,
                 "On: requests bring a signed statement of whose they are (default Off)"),
    AP_INIT_TAKE1("CivicAssertionAudience", civic_set_assertion_audience, NULL,
                  ACCESS_CONF | RSRC_CONF,
                  "which application the statement is for (default: the site's own address)"),
    AP_INIT_FLAG("CivicDocumentImageTicket", ap_set_flag_slot,
                 (void *)offsetof(civic_dir_conf_t, picture_ticket), OR_AUTHCFG,
                 "On: applications are given a ticket for the document's picture (default "
                 "Off)"),
    AP_INIT_TAKE1("CivicSessionIdle", civic_set_session_idle, NULL, OR_AUTHCFG,
                  "how long a session may go unused (default 30min)"),
    AP_INIT_TAKE1("CivicSessionLife", civic_set_session_life, NULL, OR_AUTHCFG,
                  "how long a session lasts at most (default 12h)"),
    AP_INIT_TAKE1("CivicSessionActivity", civic_set_session_activity, NULL, OR_AUTHCFG,
                  "On, Off or expr=...: whether requests here keep the session alive"),
    AP_INIT_TAKE1("CivicLoginPage", civic_set_login_page, NULL, RSRC_CONF | ACCESS_CONF,
                  "file with a template for the login page, or Off"),
    AP_INIT_TAKE12(
        "CivicStyle", civic_set_style, NULL, RSRC_CONF | ACCESS_CONF,
        "URL of a style sheet for the module's pages, optionally of a logo; or Off"),
    AP_INIT_TAKE2("CivicPagePolicy", civic_set_page_policy, NULL, RSRC_CONF | ACCESS_CONF,
                  "add or set, then sources for the login page's Content-Security-Policy"),
    AP_INIT_TAKE1("CivicPreservePost", civic_set_preserve_post, NULL, OR_AUTHCFG,
                  "how large a form may be that is sent again after the login (default 65536 "
                  "bytes), or Off"),
    AP_INIT_FLAG("CivicPreflight", ap_set_flag_slot,
                 (void *)offsetof(civic_dir_conf_t, preflight), OR_AUTHCFG,
                 "On: preflights of CORS are let through without a login (default Off)"),

    AP_INIT_FLAG("CivicSecondFactor", civic_set_factor_flag,
                 (void *)offsetof(civic_dir_conf_t, factor.on), OR_AUTHCFG,
                 "On: behind the login that guards here, Civic is asked for as well "
                 "(default Off)"),
    AP_INIT_TAKE1("CivicEnroll", civic_set_enroll, NULL, OR_AUTHCFG,
                  "who links accounts to Civic identities: closed (the default), the operator "
                  "alone; self: each person once"),
    AP_INIT_FLAG("CivicEnrollShared", civic_set_factor_flag,
                 (void *)offsetof(civic_dir_conf_t, factor.shared), OR_AUTHCFG,
                 "On: one Civic identity may be linked to several accounts (default Off)"),
    AP_INIT_TAKE1("CivicSecondFactorMaxAge", civic_set_factor_max_age, NULL, OR_AUTHCFG,
                  "how old a second factor may be here (default: as old as its session)"),
    AP_INIT_TAKE1("CivicRecovery", civic_set_recovery, NULL, OR_AUTHCFG,
                  "how many recovery codes an account gets when it is linked, or Off (the "
                  "default)"),
    AP_INIT_TAKE1("CivicEnrollmentStore", civic_set_enrollment_store, NULL, RSRC_CONF,
                  "where it is kept which account has which Civic identity: dbm:path or dbd"),
    AP_INIT_TAKE2("CivicEnrollmentQuery", civic_set_enrollment_query, NULL, RSRC_CONF,
                  "name of a query of the store dbd, and the SQL to use for it"),

    AP_INIT_TAKE1("CivicHeaderPrefix", civic_set_header_prefix, NULL, RSRC_CONF,
                  "how headers of CivicIdentity begin (default Civic-)"),
    AP_INIT_TAKE1("CivicUserHeader", civic_set_user_header, NULL, RSRC_CONF,
                  "a header that is set to REMOTE_USER, as X-Remote-User (default: none)"),
    AP_INIT_TAKE1("CivicWebSocketCheck", civic_set_websocket_check, NULL, RSRC_CONF,
                  "how often open WebSockets are checked against their session (default 5s)"),
    AP_INIT_TAKE1("CivicSessionsPerUser", civic_set_sessions_per_user, NULL, RSRC_CONF,
                  "how many sessions one person may have at an application (default: any)"),

    AP_INIT_TAKE1(
        "CivicLanguage", civic_set_language, NULL, OR_AUTHCFG,
        "auto (the default: what the browser prefers), or the language of all pages"),
    AP_INIT_TAKE2("CivicLanguageFile", civic_set_language_file, NULL, RSRC_CONF,
                  "tag and file of a language: one more, or changes to one that is there"),
    AP_INIT_FLAG("CivicStatusActions", ap_set_flag_slot,
                 (void *)offsetof(civic_dir_conf_t, status_actions), ACCESS_CONF,
                 "On: civic-status lists and ends people's sessions here (default Off)"),

    AP_INIT_TAKE1(
        "CivicSessionStore", civic_set_session_store, NULL, RSRC_CONF,
        "where sessions live: shm, shm(bytes), shm:path(bytes), redis://host:port/db "
        "or socache:provider:arguments"),
    AP_INIT_TAKE1("CivicSessionStoreSecretFile", civic_set_store_secret_file, NULL, RSRC_CONF,
                  "file with the Redis' password, or user and password; second line: the "
                  "Sentinels'"),
    AP_INIT_TAKE1("CivicSessionStoreCACertificateFile", civic_set_store_ca_file, NULL,
                  RSRC_CONF,
                  "PEM file of who vouches for the Redis' certificate (default: the "
                  "system's)"),
    AP_INIT_TAKE12(
        "CivicSealKeyFile", civic_set_seal_key_file, NULL, RSRC_CONF,
        "file with 64 hex digits that seal what browsers carry, optionally the file "
        "of the key before"),
    AP_INIT_TAKE12("CivicAssertionKeyFile", civic_set_assertion_key_file, NULL, RSRC_CONF,
                   "file with the P-256 key that signs assertions, optionally one that is "
                   "published as well"),
    AP_INIT_TAKE_ARGV("CivicCookie", civic_set_cookie, NULL, RSRC_CONF,
                      "name of the cookies, then Domain=, Path=, SameSite="),
    AP_INIT_TAKE1("CivicEndpoint", civic_set_endpoint, NULL, RSRC_CONF,
                  "path below which the module's own addresses are (default /civic)"),
    AP_INIT_TAKE1("CivicExchangeTimeout", civic_set_exchange_timeout, NULL, RSRC_CONF,
                  "how long the exchange of one code may take (default 10s)"),
    AP_INIT_TAKE1("CivicExchangeLimit", civic_set_exchange_limit, NULL, RSRC_CONF,
                  "how many exchanges may be under way at once (default: a quarter of the "
                  "workers)"),
    AP_INIT_TAKE1("CivicCallbackLimit", civic_set_callback_limit, NULL, RSRC_CONF,
                  "how many logins one address may try, as 300/min (the default), or Off"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL}};

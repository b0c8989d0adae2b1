/* conf_application.c - <CivicApplication> and what may stand in it. */
#include "conf.h"

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <http_core.h>
#include <http_log.h>
#include <string.h>

#include "encoding.h"
#include "log.h"
#include "url.h"

enum { FILE_MAX = 65536, APP_ID_MAX = 128, PROXY_SECRET_MAX = 512 };

static const char library_script[] = "https://hosted-sip.civic.com/js/civic.sip.min.js";
static const char library_style[] = "https://hosted-sip.civic.com/css/civic-modal.min.css";

/* The application whose section is being read; NULL with `fault` set when there is none. */
static civic_application_t *section_of(cmd_parms *cmd, void *dir, const char **fault)
{
    civic_application_t *app = dir ? ((civic_dir_conf_t *)dir)->section : NULL;

    if (!app) {
        *fault = apr_pstrcat(cmd->pool, cmd->cmd->name,
                             " is allowed only inside <CivicApplication>", NULL);
    }
    return app;
}

static const char *twice(cmd_parms *cmd, const void *set)
{
    return set ? apr_pstrcat(cmd->pool, cmd->cmd->name, " is given twice in this section",
                             NULL)
               : NULL;
}

static apr_status_t wipe_text(void *text)
{
    OPENSSL_cleanse(text, strlen(text));
    return APR_SUCCESS;
}

static const char *open_fault(cmd_parms *cmd, const char *path, apr_status_t rv)
{
    char buffer[120];

    return apr_psprintf(cmd->pool, "the file %s cannot be read: %s", path,
                        apr_strerror(rv, buffer, sizeof(buffer)));
}

const char *civic_conf_read_secret(const char **text, cmd_parms *cmd, const char *path)
{
    const char *full = ap_server_root_relative(cmd->pool, path);
    apr_finfo_t info;
    apr_file_t *file;
    apr_status_t rv;
    apr_size_t len;
    char *bytes;

    if (!full) {
        return "this is not a path";
    }
    rv = apr_file_open(&file, full, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, cmd->temp_pool);
    if (rv != APR_SUCCESS) {
        return open_fault(cmd, full, rv);
    }
    rv = apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_PROT | APR_FINFO_TYPE, file);
    if (rv != APR_SUCCESS || info.filetype != APR_REG || info.size > FILE_MAX) {
        apr_file_close(file);
        return rv ? open_fault(cmd, full, rv) : "it is not a file of at most 64 KiB";
    }
    len = (apr_size_t)info.size;
    bytes = apr_pcalloc(cmd->pool, len + 1);
    apr_pool_cleanup_register(cmd->pool, bytes, wipe_text, apr_pool_cleanup_null);
    rv = len ? apr_file_read_full(file, bytes, len, NULL) : APR_SUCCESS;
    apr_file_close(file);
    if (rv != APR_SUCCESS) {
        return open_fault(cmd, full, rv);
    }
    if ((info.protection & (APR_FPROT_GREAD | APR_FPROT_WREAD))
        && ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_CONFIG) {
        /* A virtual host has no log level yet: of the process. */
        ap_log_perror(APLOG_MARK, APLOG_WARNING, 0, cmd->pool,
                      CIVIC_LOG_PREFIX "%s: others than its owner may read %s: chmod 600 it",
                      cmd->cmd->name, full);
    }
    *text = bytes;
    return NULL;
}

const char *civic_set_private_key_file(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = NULL, *text;
    civic_application_t *app = section_of(cmd, dir, &fault);
    civic_key_t *key;

    if (!app || (fault = twice(cmd, app->sip.private_key))) {
        return fault;
    }
    fault = civic_conf_read_secret(&text, cmd, arg);
    if (!fault) {
        fault = civic_key_read_private(&key, text, cmd->pool);
    }
    if (fault) {
        return civic_conf_fault(cmd, arg, fault);
    }
    app->sip.private_key = key;
    app->sip.private_key_file = arg;
    return NULL;
}

const char *civic_set_secret_file(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = NULL, *text;
    civic_application_t *app = section_of(cmd, dir, &fault);
    unsigned char *secret;

    if (!app || (fault = twice(cmd, app->sip.secret))) {
        return fault;
    }
    fault = civic_conf_read_secret(&text, cmd, arg);
    if (!fault) {
        fault = civic_secret_read(&secret, text, cmd->pool);
    }
    if (fault) {
        return civic_conf_fault(cmd, arg, fault);
    }
    app->sip.secret = secret;
    app->sip.secret_file = arg;
    /* The HMAC's key is the text as the portal gave it. */
    while (apr_isspace(*text)) {
        text++;
    }
    app->sip.secret_hex = apr_pstrmemdup(cmd->pool, text, 2 * CIVIC_SECRET_LEN);
    apr_pool_cleanup_register(cmd->pool, app->sip.secret_hex, wipe_text,
                              apr_pool_cleanup_null);
    return NULL;
}

const char *civic_set_environment(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = NULL;
    civic_application_t *app = section_of(cmd, dir, &fault);

    if (!app || (fault = twice(cmd, app->sip.environment))) {
        return fault;
    }
    if (!*arg || strlen(arg) > 32
        || strspn(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
               != strlen(arg)) {
        return civic_conf_fault(cmd, arg, "it must be one segment of a path, as prod or dev");
    }
    app->sip.environment = arg;
    return NULL;
}

static const char *url_fault(cmd_parms *cmd, const char *url)
{
    const char *fault = civic_url_check(url, NULL, cmd->temp_pool);

    return fault ? civic_conf_fault(cmd, url, fault) : NULL;
}

const char *civic_set_api_url(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = NULL;
    civic_application_t *app = section_of(cmd, dir, &fault);
    apr_size_t len = strlen(arg);

    if (!app || (fault = twice(cmd, app->sip.api_url)) || (fault = url_fault(cmd, arg))) {
        return fault;
    }
    if (strpbrk(arg, "?#")) {
        return civic_conf_fault(cmd, arg, "it is a base: no query, no fragment");
    }
    while (len > 0 && arg[len - 1] == '/') {
        len--;
    }
    app->sip.api_url = apr_pstrmemdup(cmd->pool, arg, len);
    return NULL;
}

const char *civic_set_public_key(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = NULL, *text = arg;
    civic_application_t *app = section_of(cmd, dir, &fault);
    civic_key_t *key;

    if (!app || (fault = twice(cmd, app->sip.civic_key))) {
        return fault;
    }
    if (!strncmp(arg, "file:", 5)) {
        apr_size_t len = FILE_MAX;
        const char *path = ap_server_root_relative(cmd->pool, arg + 5);
        char *bytes = apr_pcalloc(cmd->pool, len + 1);
        apr_status_t rv = APR_EBADPATH;
        apr_file_t *file;

        if (path
            && (rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT,
                                   cmd->temp_pool))
                   == APR_SUCCESS) {
            rv = apr_file_read_full(file, bytes, len, &len);
            apr_file_close(file);
        }
        if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
            return civic_conf_fault(cmd, arg, open_fault(cmd, path ? path : arg + 5, rv));
        }
        text = bytes;
    }
    fault = civic_key_read_public(&key, text, cmd->pool);
    if (fault) {
        if (text == arg && strpbrk(arg, "./")) {
            fault = apr_pstrcat(cmd->pool, fault, "; a file is named as file:", arg, NULL);
        }
        return civic_conf_fault(cmd, arg, fault);
    }
    app->sip.civic_key = key;
    return NULL;
}

static int has_certificate(const char *path)
{
    BIO *bio = BIO_new_file(path, "r");
    X509 *certificate = bio ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL;
    int has = certificate != NULL;

    X509_free(certificate);
    BIO_free(bio);
    ERR_clear_error();
    return has;
}

const char *civic_set_ca_certificate_file(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = NULL, *path = ap_server_root_relative(cmd->pool, arg);
    civic_application_t *app = section_of(cmd, dir, &fault);
    apr_file_t *file;
    apr_status_t rv;

    if (!app || (fault = twice(cmd, app->sip.ca_file))) {
        return fault;
    }
    /* Children, which are not root, read it. */
    rv = path
             ? apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, cmd->temp_pool)
             : APR_EBADPATH;
    if (rv != APR_SUCCESS) {
        return civic_conf_fault(cmd, arg, open_fault(cmd, path ? path : arg, rv));
    }
    apr_file_close(file);
    if (!has_certificate(path)) {
        return civic_conf_fault(cmd, arg, "it has no certificate in PEM form");
    }
    app->sip.ca_file = path;
    return NULL;
}

const char *civic_set_proxy(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = NULL;
    civic_application_t *app = section_of(cmd, dir, &fault);

    if (!app || (fault = twice(cmd, app->sip.proxy))) {
        return fault;
    }
    if (!civic_url_is_proxy(arg, cmd->temp_pool)) {
        return civic_conf_fault(cmd, arg, "it must be of the form http://host:port");
    }
    app->sip.proxy = arg;
    return NULL;
}

const char *civic_set_proxy_secret_file(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = NULL, *text;
    civic_application_t *app = section_of(cmd, dir, &fault);
    char *secret;
    apr_size_t len;

    if (!app || (fault = twice(cmd, app->sip.proxy_secret))) {
        return fault;
    }
    fault = civic_conf_read_secret(&text, cmd, arg);
    if (fault) {
        return civic_conf_fault(cmd, arg, fault);
    }
    len = strcspn(text, "\r\n");
    secret = apr_pstrmemdup(cmd->pool, text, len);
    apr_pool_cleanup_register(cmd->pool, secret, wipe_text, apr_pool_cleanup_null);
    if (len > PROXY_SECRET_MAX || !strchr(secret, ':') || *secret == ':'
        || text[len + strspn(text + len, "\r\n")]) {
        return civic_conf_fault(
            cmd, arg,
            apr_psprintf(cmd->pool,
                         "it must hold one line user:password of at most %d "
                         "characters",
                         PROXY_SECRET_MAX));
    }
    app->sip.proxy_secret = secret;
    return NULL;
}

/* A subresource integrity value: which digest, then its base64. NULL, or what is wrong. */
static const char *integrity_fault(const char *value)
{
    static const struct {
        const char *prefix;
        apr_size_t characters, padding;
    } known[] = {{"sha256-", 43, 1}, {"sha384-", 64, 0}, {"sha512-", 86, 2}};

    for (int i = 0; i < 3; i++) {
        const char *digits = value + strlen(known[i].prefix);

        if (!strncmp(value, known[i].prefix, strlen(known[i].prefix))
            && strlen(digits) == known[i].characters + known[i].padding
            && strspn(digits, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                              "0123456789+/")
                   == known[i].characters
            && strspn(digits + known[i].characters, "=") == known[i].padding) {
            return NULL;
        }
    }
    return "an integrity value must be sha256-, sha384- or sha512- and base64";
}

const char *civic_set_browser_library(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    const char *fault = NULL;
    civic_application_t *app = section_of(cmd, dir, &fault);
    int has_integrity;

    if (!app || (fault = twice(cmd, app->library_script))) {
        return fault;
    }
    has_integrity = argc > 1 && !strncmp(argv[argc - 1], "sha", 3);
    if (argc < 1 || argc - has_integrity > 2) {
        return "CivicBrowserLibrary takes the URL of the script, then optionally that of the "
               "style sheet and an integrity value";
    }
    for (int i = 0; i < argc - has_integrity; i++) {
        if ((fault = url_fault(cmd, argv[i]))) {
            return fault;
        }
    }
    if (has_integrity) {
        app->library_integrity = argv[argc - 1];
        if ((fault = integrity_fault(app->library_integrity))) {
            return civic_conf_fault(cmd, app->library_integrity, fault);
        }
    }
    app->library_script = argv[0];
    app->library_style = argc - has_integrity > 1 ? argv[1] : NULL;
    return NULL;
}

/* A name, an address of IPv4, or one of IPv6 in brackets; `*.` before a name. */
static int is_host_pattern(const char *pattern)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-.";
    apr_size_t len = strlen(pattern);

    if (*pattern == '[') {
        return len > 2 && strspn(pattern + 1, "0123456789abcdefABCDEF:.") == len - 2
               && pattern[len - 1] == ']';
    }
    if (!strncmp(pattern, "*.", 2)) {
        pattern += 2;
        len -= 2;
    }
    return len > 0 && strspn(pattern, letters) == len;
}

const char *civic_set_payload_hosts(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    const char *fault = NULL;
    civic_application_t *app = section_of(cmd, dir, &fault);
    apr_array_header_t *hosts;

    if (!app || (fault = twice(cmd, app->sip.payload_hosts))) {
        return fault;
    }
    hosts = apr_array_make(cmd->pool, argc, sizeof(const char *));
    for (int i = 0; i < argc; i++) {
        if (!is_host_pattern(argv[i])) {
            return civic_conf_fault(cmd, argv[i],
                                    "it must be a host's name, or *. and a domain; no scheme, "
                                    "no path, no port");
        }
        APR_ARRAY_PUSH(hosts, const char *) = argv[i];
    }
    if (argc == 0) {
        return "CivicPayloadHosts takes at least one host";
    }
    app->sip.payload_hosts = hosts;
    return NULL;
}

/* ---- the section ---- */

static const char *page_policy(const civic_application_t *app, int is_default,
                               apr_pool_t *pool)
{
    const char *origin = civic_url_origin(app->library_script, pool), *room;

    /* The library builds its modal in our page: styles, frames, pictures and calls of its own.
     */
    room = is_default ? "https://*.civic.com" : origin;
    return apr_pstrcat(pool, "default-src 'none'; script-src 'self' ", origin,
                       "; style-src 'self' 'unsafe-inline' ", room,
                       "; img-src 'self' data: ", room, "; font-src ", room,
                       "; connect-src 'self' ", room, "; frame-src ", room,
                       "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", NULL);
}

/* What stands for a text in a cookie's name and in the login cookie. @return 1, 0 when OpenSSL
 * fails */
static int name_cookie(const char **suffix, unsigned char cut[8], const char *text,
                       apr_pool_t *pool)
{
    unsigned char digest[CIVIC_SHA256_LEN];

    if (!civic_sha256(digest, text, strlen(text))) {
        return 0;
    }
    memcpy(cut, digest, 8);
    *suffix = apr_pstrcat(pool, "-", civic_hex_encode(digest, 4, pool), NULL);
    return 1;
}

static const char *complete(civic_application_t *app, apr_pool_t *pool)
{
    int is_default = !app->library_script;
    civic_key_t *key;

    if (!app->sip.private_key) {
        return "has no CivicPrivateKeyFile: name the file with the application's signing key";
    }
    if (!app->sip.secret) {
        return "has no CivicSecretFile: name the file with the application's secret";
    }
    if (app->sip.proxy_secret && !app->sip.proxy) {
        return "has a CivicProxySecretFile, but no CivicProxy";
    }
    if (!app->sip.civic_key) {
        const char *fault = civic_key_read_public(&key, CIVIC_SIP_PUBLIC_KEY, pool);

        if (fault) {
            return fault;
        }
        app->sip.civic_key = key;
    }
    if (!app->sip.payload_hosts) {
        apr_array_header_t *hosts = apr_array_make(pool, 1, sizeof(const char *));

        APR_ARRAY_PUSH(hosts, const char *) = CIVIC_SIP_PAYLOAD_HOST;
        app->sip.payload_hosts = hosts;
    }
    if (!app->sip.api_url) {
        app->sip.api_url = CIVIC_SIP_API;
    }
    if (!app->sip.environment) {
        app->sip.environment = CIVIC_SIP_ENVIRONMENT;
    }
    if (is_default) {
        app->library_script = library_script;
        app->library_style = library_style;
    }
    if (!name_cookie(&app->cookie_suffix, app->digest, app->sip.app_id, pool)
        || !name_cookie(&app->factor_suffix, app->factor_digest,
                        apr_pstrcat(pool, "second factor ", app->sip.app_id, NULL), pool)) {
        return "could not be digested by OpenSSL";
    }
    app->page_policy = page_policy(app, is_default, pool);
    return NULL;
}

static const char *id_fault(const char *id)
{
    apr_size_t len = strlen(id);

    if (len == 0 || len > APP_ID_MAX) {
        return "the id must have 1 to 128 characters";
    }
    for (const char *p = id; *p; p++) {
        if (!apr_isascii(*p) || !(apr_isalnum(*p) || strchr("-_.", *p))) {
            return "an id has letters, digits, - _ and . only";
        }
    }
    return NULL;
}

static const char *own_directives(apr_pool_t *pool)
{
    const char *names = "";

    for (const command_rec *known = civic_directives; known->name; known++) {
        if (known->cmd_data == CIVIC_IN_APPLICATION) {
            names = apr_pstrcat(pool, names, *names ? ", " : "", known->name, NULL);
        }
    }
    return names;
}

/* Only what belongs to an application may stand in its section. */
static const char *children_fault(cmd_parms *cmd)
{
    for (ap_directive_t *child = cmd->directive->first_child; child; child = child->next) {
        const command_rec *known = civic_directives;

        while (known->name
               && (known->cmd_data != CIVIC_IN_APPLICATION
                   || strcasecmp(known->name, child->directive))) {
            known++;
        }
        if (!known->name) {
            cmd->err_directive = child;
            return apr_pstrcat(cmd->pool, child->directive,
                               " is not allowed inside <CivicApplication>, only ",
                               own_directives(cmd->pool), NULL);
        }
    }
    return NULL;
}

static const char *read_section(cmd_parms *cmd, civic_application_t *app)
{
    ap_conf_vector_t *vector = ap_create_per_dir_config(cmd->pool);
    civic_dir_conf_t *dir;
    const char *fault = children_fault(cmd);

    if (fault) {
        return fault;
    }
    dir = ap_set_config_vectors(cmd->server, vector, cmd->path, &auth_civic_module, cmd->pool);
    dir->section = app;
    return ap_walk_config(cmd->directive->first_child, cmd, vector);
}

const char *civic_set_application(cmd_parms *cmd, void *mconfig, const char *arg)
{
    civic_server_conf_t *conf = civic_server_conf(cmd->server);
    const char *fault = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT), *end, *id;
    civic_application_t *app = apr_pcalloc(cmd->pool, sizeof(*app));
    const civic_application_t *other;

    if (fault) {
        return fault;
    }
    end = ap_strrchr_c(arg, '>');
    if (!end) {
        return "<CivicApplication> has no closing >";
    }
    arg = apr_pstrmemdup(cmd->pool, arg, end - arg);
    id = ap_getword_conf(cmd->pool, &arg);
    fault = *arg ? "one id only" : id_fault(id);
    if (fault) {
        return apr_psprintf(cmd->pool, "<CivicApplication %.100s>: %s", id, fault);
    }
    other = civic_conf_application(conf, id);
    if (other) {
        return apr_psprintf(cmd->pool, "<CivicApplication %s> is already there, at %s:%d", id,
                            other->file, other->line);
    }
    app->sip.app_id = id;
    app->keep_picture = CIVIC_UNSET;
    app->file = cmd->directive->filename;
    app->line = cmd->directive->line_num;
    fault = read_section(cmd, app);
    if (fault) {
        return fault;
    }
    fault = complete(app, cmd->pool);
    if (fault) {
        return apr_psprintf(cmd->pool, "<CivicApplication %s> %s", id, fault);
    }
    APR_ARRAY_PUSH(conf->applications, civic_application_t *) = app;
    return NULL;
}

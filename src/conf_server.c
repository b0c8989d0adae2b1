/* conf_server.c - directives of the server: seal keys, cookies, endpoint, limits of
 * exchanges. */
#include "conf.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <string.h>

#include "encoding.h"
#include "return_path.h"
#include "state.h"

enum { CALLBACKS_PER_SEC_MAX = 1000 };

const char *civic_conf_global_fault(cmd_parms *cmd, const char *arg)
{
    return cmd->server->is_virtual
               ? civic_conf_fault(cmd, arg,
                                  "it belongs to the whole server: move it out of the virtual "
                                  "host")
               : ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);
}

/* ---- CivicSealKeyFile ---- */

/* A file with a seal key: 64 hex digits, white space around them. */
static const char *seal_key_read(const char **hex, cmd_parms *cmd, const char *path)
{
    const char *text, *fault = civic_conf_read_secret(&text, cmd, path);
    civic_bytes_t key;
    apr_size_t len;

    if (fault) {
        return civic_conf_fault(cmd, path, fault);
    }
    while (apr_isspace(*text)) {
        text++;
    }
    len = strcspn(text, " \t\r\n");
    if (len != 2 * CIVIC_SEAL_KEY_LEN || text[len + strspn(text + len, " \t\r\n")]
        || !civic_hex_decode(&key, text, len, cmd->temp_pool)) {
        return civic_conf_fault(cmd, path,
                                apr_psprintf(cmd->pool,
                                             "a seal key has 64 hex digits, this has %d "
                                             "characters: make one with openssl rand -hex 32",
                                             (int)len));
    }
    *hex = apr_pstrmemdup(cmd->pool, text, len);
    return NULL;
}

const char *civic_set_seal_key_file(cmd_parms *cmd, void *dir, const char *current,
                                    const char *previous)
{
    const char *fault = civic_conf_global_fault(cmd, current), *now, *before = NULL;

    if (!fault) {
        fault = seal_key_read(&now, cmd, current);
    }
    if (!fault && previous) {
        fault = seal_key_read(&before, cmd, previous);
    }
    if (!fault) {
        civic_server_conf(cmd->server)->seal_keys =
            apr_pstrcat(cmd->pool, now, before ? " " : NULL, before, NULL);
    }
    return fault;
}

/* ---- CivicCookie ---- */

static int is_token(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (!apr_isascii(*p) || !(apr_isalnum(*p) || strchr("-_.", *p))) {
            return 0;
        }
    }
    return *text != '\0' && strlen(text) <= 64;
}

static const char *cookie_domain(civic_server_conf_t *conf, const char *domain)
{
    domain += *domain == '.';
    if (!is_token(domain) || !strchr(domain, '.') || strchr(domain, '_')) {
        return "Domain must be a domain name with a dot in it, as example.org";
    }
    conf->cookie_domain = domain;
    return NULL;
}

static const char *cookie_path(civic_server_conf_t *conf, const char *path)
{
    if (!civic_return_path_is_local(path) || strpbrk(path, ";, ?#")) {
        return "Path must start with a slash and have no ; , or space";
    }
    conf->cookie_path = path;
    return NULL;
}

static const char *cookie_same_site(civic_server_conf_t *conf, const char *value)
{
    static const char *const values[] = {"Lax", "Strict", "None", NULL};

    for (int i = 0; values[i]; i++) {
        if (!strcasecmp(value, values[i])) {
            conf->cookie_same_site = values[i];
            return NULL;
        }
    }
    return "SameSite must be Lax, Strict or None";
}

static const char *cookie_attribute(civic_server_conf_t *conf, const char *arg)
{
    if (!strncasecmp(arg, "Domain=", 7)) {
        return conf->cookie_domain ? "Domain= is given twice" : cookie_domain(conf, arg + 7);
    }
    if (!strncasecmp(arg, "Path=", 5)) {
        return conf->cookie_path ? "Path= is given twice" : cookie_path(conf, arg + 5);
    }
    if (!strncasecmp(arg, "SameSite=", 9)) {
        return conf->cookie_same_site ? "SameSite= is given twice"
                                      : cookie_same_site(conf, arg + 9);
    }
    return "it must be Domain=, Path= or SameSite=; Secure and HttpOnly are always set";
}

const char *civic_set_cookie(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    civic_server_conf_t *conf = civic_server_conf(cmd->server);

    if (argc < 1 || !is_token(argv[0])) {
        return "CivicCookie takes a name of letters, digits, - _ and . first, as __Host-civic";
    }
    conf->cookie_name = argv[0];
    conf->cookie_domain = conf->cookie_path = conf->cookie_same_site = NULL;
    for (int i = 1; i < argc; i++) {
        const char *fault = cookie_attribute(conf, argv[i]);

        if (fault) {
            return civic_conf_fault(cmd, argv[i], fault);
        }
    }
    if (!strncmp(conf->cookie_name, "__Host-", 7)
        && (conf->cookie_domain || (conf->cookie_path && strcmp(conf->cookie_path, "/")))) {
        return civic_conf_fault(cmd, conf->cookie_name,
                                "browsers take __Host- cookies only without Domain and with "
                                "Path=/: choose another name, as civic");
    }
    return NULL;
}

/* ---- the rest ---- */

const char *civic_set_endpoint(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_size_t len = strlen(arg);

    if (len < 2 || len > 100 || *arg != '/' || arg[len - 1] == '/' || strstr(arg, "//")
        || strspn(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/")
               != len) {
        return civic_conf_fault(cmd, arg,
                                "it must be a path such as /civic: letters, digits, "
                                "- _ and /, no slash at its end");
    }
    civic_server_conf(cmd->server)->endpoint = arg;
    return NULL;
}

const char *civic_set_exchange_timeout(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault =
        civic_conf_interval(&civic_server_conf(cmd->server)->exchange_timeout, arg);

    return fault ? civic_conf_fault(cmd, arg, fault) : NULL;
}

const char *civic_set_exchange_limit(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = civic_conf_global_fault(cmd, arg);
    apr_size_t digits = strspn(arg, "0123456789");

    if (fault) {
        return fault;
    }
    if (digits == 0 || digits > 5 || arg[digits] || atoi(arg) < 1) {
        return civic_conf_fault(cmd, arg, "it must be a number of 1 to 99999");
    }
    civic_server_conf(cmd->server)->exchange_limit = atoi(arg);
    return NULL;
}

const char *civic_set_callback_limit(cmd_parms *cmd, void *dir, const char *arg)
{
    static const struct {
        const char *unit;
        int seconds;
    } units[] = {{"/s", 1}, {"/min", 60}, {"/h", 3600}};
    civic_rate_t *limit = &civic_server_conf(cmd->server)->callback_limit;
    apr_size_t digits = strspn(arg, "0123456789");
    int count = digits > 0 && digits < 8 ? atoi(arg) : 0;

    if (!strcasecmp(arg, "Off")) {
        limit->count = 0;
        return NULL;
    }
    for (int i = 0; i < 3; i++) {
        if (!strcasecmp(arg + digits, units[i].unit) && count > 0
            && count <= units[i].seconds * CALLBACKS_PER_SEC_MAX) {
            limit->count = count;
            limit->per = apr_time_from_sec(units[i].seconds);
            return NULL;
        }
    }
    return civic_conf_fault(
        cmd, arg,
        "it must be a number by /s, /min or /h, as 300/min, at most 1000 a "
        "second, or Off");
}

const char *civic_set_sessions_per_user(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_size_t digits = strspn(arg, "0123456789");

    if (digits == 0 || digits > 5 || arg[digits]) {
        return civic_conf_fault(cmd, arg, "it must be a number of 1 to 99999, or 0 for any");
    }
    civic_server_conf(cmd->server)->sessions_per_user = atoi(arg);
    return NULL;
}

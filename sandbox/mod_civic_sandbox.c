/* mod_civic_sandbox.c - hooks, directives and addresses of the sandbox. See sandbox.h and
 * doc/sandbox.md. */
#include "sandbox.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <string.h>

#include "body.h"
#include "json.h"
#include "url.h"

/* ---- answers ---- */

static int send_body(request_rec *r, int status, const char *type, const char *body,
                     apr_size_t len)
{
    r->status = status;
    ap_set_content_type(r, type);
    ap_set_content_length(r, (apr_off_t)len);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    if (!r->header_only) {
        ap_rwrite(body, (int)len, r);
    }
    return OK;
}

int sandbox_json(request_rec *r, int status, json_t *value)
{
    const char *text = value ? civic_json_text(civic_json_own(value, r->pool), r->pool) : NULL;

    if (!text) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return send_body(r, status, "application/json", text, strlen(text));
}

int sandbox_message(request_rec *r, int status, const char *message)
{
    return sandbox_json(r, status, json_pack("{s:s}", "message", message));
}

int sandbox_page(request_rec *r, int status, const char *html, const char *policy)
{
    apr_table_setn(r->headers_out, "Content-Security-Policy", policy);
    return send_body(r, status, "text/html; charset=utf-8", html, strlen(html));
}

json_t *sandbox_body(request_rec *r, int *status)
{
    const char *text;
    apr_size_t len;
    json_t *body;

    if (civic_body_read(r, &text, &len).reason != CIVIC_OK) {
        *status = sandbox_message(r, HTTP_REQUEST_ENTITY_TOO_LARGE, "the body cannot be read");
        return NULL;
    }
    body = civic_json_parse(len ? text : "{}", len ? len : 2, r->pool);
    if (!json_is_object(body)) {
        *status = sandbox_message(r, HTTP_BAD_REQUEST, "the body is not a JSON object");
        return NULL;
    }
    return body;
}

/* ---- addresses ---- */

static int asset(request_rec *r, const char *type, const char *text)
{
    return r->method_number == M_GET ? send_body(r, HTTP_OK, type, text, strlen(text))
                                     : HTTP_METHOD_NOT_ALLOWED;
}

static int library(request_rec *r, const char *rest)
{
    return *rest ? HTTP_NOT_FOUND
                 : asset(r, "text/javascript; charset=utf-8", civic_sandbox_library_js);
}

static int modal(request_rec *r, const char *rest)
{
    return *rest ? HTTP_NOT_FOUND
                 : asset(r, "text/css; charset=utf-8", civic_sandbox_modal_css);
}

static int pages_style(request_rec *r, const char *rest)
{
    return *rest ? HTTP_NOT_FOUND
                 : asset(r, "text/css; charset=utf-8", civic_sandbox_pages_css);
}

static int hosted_script(request_rec *r, const char *rest)
{
    return *rest ? HTTP_NOT_FOUND
                 : asset(r, "text/javascript; charset=utf-8", civic_sandbox_hosted_js);
}

static const struct {
    const char *prefix;
    int (*handle)(request_rec *r, const char *rest);
} addresses[] = {
    {"/js/civic.sip.min.js", library},
    {"/css/civic-modal.min.css", modal},
    {"/assets/pages.css", pages_style},
    {"/assets/hosted.js", hosted_script},
    {"/hosted", sandbox_hosted},
    {"/phone", sandbox_phone},
    {"/sip", sandbox_api},
    {"/payload", sandbox_payload},
    {"/sandbox", sandbox_control},
};

static int handler(request_rec *r)
{
    const sandbox_conf_t *conf = sandbox_conf(r->server);

    if (conf->enabled != 1) {
        return DECLINED;
    }
    /* Neither the connection nor whom a proxy speaks for (mod_remoteip). */
    if (!civic_host_is_loopback(r->connection->client_ip)
        || !civic_host_is_loopback(r->useragent_ip)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "civic_sandbox: a client that is not on this machine was refused");
        return HTTP_FORBIDDEN;
    }
    for (apr_size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        apr_size_t len = strlen(addresses[i].prefix);

        if (!strncmp(r->uri, addresses[i].prefix, len)
            && (r->uri[len] == '\0' || r->uri[len] == '/')) {
            return addresses[i].handle(r, r->uri + len);
        }
    }
    return HTTP_NOT_FOUND;
}

const char *sandbox_url(request_rec *r)
{
    const sandbox_conf_t *conf = sandbox_conf(r->server);
    const char *host = apr_table_get(r->headers_in, "Host");

    if (conf->public_url) {
        return conf->public_url;
    }
    return apr_pstrcat(r->pool, ap_http_scheme(r), "://", host ? host : "localhost", NULL);
}

/* ---- configuration ---- */

sandbox_conf_t *sandbox_conf(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &civic_sandbox_module);
}

const sandbox_application_t *sandbox_application(const server_rec *s, const char *id)
{
    const sandbox_conf_t *conf = sandbox_conf(s);

    for (int i = 0; id && i < conf->applications->nelts; i++) {
        sandbox_application_t *app =
            APR_ARRAY_IDX(conf->applications, i, sandbox_application_t *);

        if (!strcmp(app->id, id)) {
            return app;
        }
    }
    return NULL;
}

static void *conf_create(apr_pool_t *pool, server_rec *s)
{
    sandbox_conf_t *conf = apr_pcalloc(pool, sizeof(*conf));

    conf->applications = apr_array_make(pool, 2, sizeof(sandbox_application_t *));
    return conf;
}

/* A sandbox is one host's alone: nothing is inherited. */
static void *conf_merge(apr_pool_t *pool, void *base, void *add)
{
    return add;
}

static const char *file_read(const char **text, cmd_parms *cmd, const char *path)
{
    const char *full = ap_server_root_relative(cmd->pool, path);
    apr_size_t len = 8192;
    char *bytes = apr_pcalloc(cmd->pool, len + 1);
    apr_file_t *file;
    apr_status_t rv;

    if (!full
        || apr_file_open(&file, full, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, cmd->temp_pool)) {
        return apr_psprintf(cmd->pool, "%s: the file %s cannot be read", cmd->cmd->name, path);
    }
    rv = apr_file_read_full(file, bytes, len, &len);
    apr_file_close(file);
    if (rv && !APR_STATUS_IS_EOF(rv)) {
        return apr_psprintf(cmd->pool, "%s: the file %s cannot be read", cmd->cmd->name, path);
    }
    *text = bytes;
    return NULL;
}

static const char *set_enabled(cmd_parms *cmd, void *dir, int on)
{
    sandbox_conf(cmd->server)->enabled = on;
    return NULL;
}

static const char *set_key_file(cmd_parms *cmd, void *dir, const char *path)
{
    const char *text, *fault = file_read(&text, cmd, path);

    if (!fault) {
        fault = civic_key_read_private(&sandbox_conf(cmd->server)->key, text, cmd->pool);
    }
    return fault ? apr_psprintf(cmd->pool, "CivicSandboxKeyFile %s: %s", path, fault) : NULL;
}

static const char *set_application(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    sandbox_application_t *app = apr_pcalloc(cmd->pool, sizeof(*app));
    const char *text, *fault;
    unsigned char *secret;

    if (argc < 4) {
        return "CivicSandboxApplication takes an id, a file with its public key, a file with "
               "its "
               "secret, and origins that may ask (http://localhost:8080, or * for any)";
    }
    app->id = argv[0];
    if (sandbox_application(cmd->server, app->id)) {
        return apr_psprintf(cmd->pool, "CivicSandboxApplication %s: it is there already",
                            app->id);
    }
    fault = file_read(&text, cmd, argv[1]);
    if (!fault) {
        fault = civic_key_read_public(&app->public_key, text, cmd->pool);
    }
    if (!fault) {
        fault = file_read(&text, cmd, argv[2]);
    }
    if (!fault) {
        fault = civic_secret_read(&secret, text, cmd->pool);
    }
    if (fault) {
        return apr_psprintf(cmd->pool, "CivicSandboxApplication %s: %s", app->id, fault);
    }
    app->secret = secret;
    app->secret_hex =
        apr_pstrmemdup(cmd->pool, text + strspn(text, " \t\r\n"), 2 * CIVIC_SECRET_LEN);
    app->origins = apr_array_make(cmd->pool, argc, sizeof(const char *));
    for (int i = 3; i < argc; i++) {
        APR_ARRAY_PUSH(app->origins, const char *) = argv[i];
    }
    APR_ARRAY_PUSH(sandbox_conf(cmd->server)->applications, sandbox_application_t *) = app;
    return NULL;
}

static const char *set_public_url(cmd_parms *cmd, void *dir, const char *url)
{
    const char *fault = civic_url_check(url, NULL, cmd->temp_pool);

    if (!fault && strcmp(civic_url_origin(url, cmd->temp_pool), url)) {
        fault = "it must be scheme, host and port alone, as http://localhost:8081";
    }
    if (fault) {
        return apr_psprintf(cmd->pool, "CivicSandboxPublicUrl %s: %s", url, fault);
    }
    sandbox_conf(cmd->server)->public_url = url;
    return NULL;
}

static const command_rec directives[] = {
    AP_INIT_FLAG("CivicSandbox", set_enabled, NULL, RSRC_CONF,
                 "On: this virtual host is a local Civic"),
    AP_INIT_TAKE1("CivicSandboxKeyFile", set_key_file, NULL, RSRC_CONF,
                  "file with the private key that signs in Civic's place"),
    AP_INIT_TAKE_ARGV("CivicSandboxApplication", set_application, NULL, RSRC_CONF,
                      "id, public key file, secret file, origins that may ask"),
    AP_INIT_TAKE1("CivicSandboxPublicUrl", set_public_url, NULL, RSRC_CONF,
                  "scheme, host and port under which clients see the sandbox"),
    {NULL, {NULL}, NULL, 0, RAW_ARGS, NULL}};

/* ---- startup ---- */

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    return sandbox_asks_register(pconf);
}

/* What `-t` finds, and a start before it detaches. */
static int check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    for (server_rec *each = s; each; each = each->next) {
        const sandbox_conf_t *conf = sandbox_conf(each);

        if (conf->enabled == 1 && !conf->key) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, 0, each,
                         "civic_sandbox: CivicSandbox On needs CivicSandboxKeyFile");
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    int enabled = 0;

    for (server_rec *each = s; each; each = each->next) {
        enabled = enabled || sandbox_conf(each)->enabled == 1;
    }
    if (!enabled || ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                 "civic_sandbox: THIS IS NOT CIVIC. The people are made up; anybody on this "
                 "machine can be any of them. For development only.");
    return sandbox_asks_create(pconf, s);
}

static void register_hooks(apr_pool_t *pool)
{
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(sandbox_asks_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_FIRST);
}

module AP_MODULE_DECLARE_DATA civic_sandbox_module = {
    STANDARD20_MODULE_STUFF,
    NULL,
    NULL,
    conf_create,
    conf_merge,
    directives,
    register_hooks,
    AP_MODULE_FLAG_ALWAYS_MERGE, /* conf_merge has the last word */
};

/* endpoints.c - see endpoints.h. */
#include "endpoints.h"

#include <apr_fnmatch.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <string.h>

#include "assets.h"
#include "conf.h"
#include "refuse.h"
#include "request.h"
#include "respond.h"

static int send_asset(request_rec *r, const char *type, const char *text)
{
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));

    if (r->method_number != M_GET) {
        return civic_endpoint_method(r, "GET");
    }
    reply->content_type = type;
    reply->body = text;
    reply->etag = apr_pstrcat(r->pool, "W/\"", civic_asset_version, "\"", NULL);
    /* "v=" and the version: what our pages ask for. */
    reply->keep =
        r->args && !strncmp(r->args, "v=", 2) && !strcmp(r->args + 2, civic_asset_version)
            ? CIVIC_KEEP_FOREVER
            : CIVIC_KEEP_SHORTLY;
    return civic_respond_asset(r, reply);
}

static int login_script(request_rec *r)
{
    return send_asset(r, "text/javascript; charset=utf-8", civic_asset_login_js);
}

static int page_style(request_rec *r)
{
    return send_asset(r, "text/css; charset=utf-8", civic_asset_page_css);
}

static int factor_style(request_rec *r)
{
    return send_asset(r, "text/css; charset=utf-8", civic_asset_factor_css);
}

static int form_script(request_rec *r)
{
    return send_asset(r, "text/javascript; charset=utf-8", civic_asset_form_js);
}

static int button_script(request_rec *r)
{
    return send_asset(r, "text/javascript; charset=utf-8", civic_asset_button_js);
}

static int done_script(request_rec *r)
{
    return send_asset(r, "text/javascript; charset=utf-8", civic_asset_done_js);
}

static const civic_endpoint_t endpoints[] = {
    {"callback", civic_callback},
    {"logout", civic_logout},
    {"session", civic_session_info},
    {"login", civic_login},
    {"link", civic_link},
    {"recover", civic_recover},
    {"jwks.json", civic_jwks},
    {"login.js", login_script},
    {"page.css", page_style},
    {"factor.css", factor_style},
    {"form.js", form_script},
    {"button.js", button_script},
    {"done.js", done_script},
    {"renew", civic_renew},
    {"report", civic_report},
    {"image", civic_document_image},
    {NULL, NULL},
};

int civic_endpoint_method(request_rec *r, const char *allowed)
{
    civic_refusal_t refusal = {CIVIC_METHOD, apr_pstrcat(r->pool, "allowed: ", allowed, NULL)};
    const char *first = ap_getword(r->pool, &allowed, ' ');

    ap_allow_methods(r, REPLACE_ALLOW, first, *allowed ? allowed : NULL, NULL);
    return civic_refuse(r, "endpoint", refusal,
                        civic_request_is_navigation(r) ? CIVIC_AS_PAGE : CIVIC_AS_PROBLEM);
}

static const civic_endpoint_t *find(const request_rec *r)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    const char *prefix = civic_conf_endpoint(conf);
    apr_size_t len = strlen(prefix);

    if (r->main || r->prev || conf->applications->nelts == 0 || !r->uri
        || strncmp(r->uri, prefix, len) || r->uri[len] != '/') {
        return NULL;
    }
    for (const civic_endpoint_t *e = endpoints; e->name; e++) {
        if (!strcmp(e->name, r->uri + len + 1)) {
            return e;
        }
    }
    return NULL;
}

int civic_endpoints_claim(request_rec *r)
{
    const civic_endpoint_t *endpoint = find(r);

    if (!endpoint) {
        return DECLINED;
    }
    civic_request(r)->endpoint = endpoint;
    /* Something for those who look at the name: no suffix that mod_mime would know. */
    r->filename = apr_pstrdup(r->pool, "/civic-endpoint");
    return OK;
}

int civic_endpoints_map(request_rec *r)
{
    return civic_request(r)->endpoint ? OK : DECLINED;
}

/* Is this section for a path of ours, and does it cover the one asked for? */
static int section_applies(const request_rec *r, const core_dir_config *section,
                           const char *prefix)
{
    apr_size_t own = strlen(prefix), len;

    if (section->r || !section->d || strncmp(section->d, prefix, own)
        || (section->d[own] && section->d[own] != '/')) {
        return 0;
    }
    if (section->d_is_fnmatch) {
        return apr_fnmatch(section->d, r->uri, APR_FNM_PATHNAME) == APR_SUCCESS;
    }
    len = strlen(section->d);
    while (len > 1 && section->d[len - 1] == '/') {
        len--;
    }
    return !strncmp(section->d, r->uri, len) && (!r->uri[len] || r->uri[len] == '/');
}

/* The server's defaults, and on them what the endpoint's own sections say, <If> within them
 * included. Conditions of the whole server belong to what surrounds. */
static int configure(request_rec *r, ap_conf_vector_t *own)
{
    core_dir_config *core;

    r->per_dir_config = r->server->lookup_defaults;
    if (!own) {
        return OK;
    }
    r->per_dir_config = ap_merge_per_dir_configs(r->pool, r->per_dir_config, own);
    core = ap_get_core_module_config(r->per_dir_config); /* merged for this request alone */
    core->sec_if = ((core_dir_config *)ap_get_core_module_config(own))->sec_if;
    return ap_if_walk(r);
}

int civic_endpoints_configure(request_rec *r)
{
    ap_conf_vector_t **sections, *own = NULL;
    const core_server_config *core;
    const char *prefix;
    int status;

    if (!civic_request(r)->endpoint) {
        return DECLINED;
    }
    core = ap_get_core_module_config(r->server->module_config);
    prefix = civic_conf_endpoint(civic_server_conf(r->server));
    sections = (ap_conf_vector_t **)core->sec_url->elts;
    for (int i = 0; i < core->sec_url->nelts; i++) {
        if (section_applies(r, ap_get_core_module_config(sections[i]), prefix)) {
            own = own ? ap_merge_per_dir_configs(r->pool, own, sections[i]) : sections[i];
        }
    }
    status = configure(r, own);
    r->handler = "civic-endpoint"; /* keeps FallbackResource and the like away */
    return status == OK ? DECLINED : status;
}

int civic_endpoints_handle(request_rec *r)
{
    const civic_endpoint_t *endpoint = civic_request(r)->endpoint;

    return endpoint ? endpoint->handle(r) : DECLINED;
}

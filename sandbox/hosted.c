/* hosted.c - the frame with the QR code, and what it polls. */
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <qrencode.h>
#include <string.h>

#include "json.h"
#include "return_path.h"
#include "sandbox.h"
#include "scope.h"
#include "template.h"

/* ---- what the library asks with ---- */

/* A query's parameters, decoded; a name given twice keeps the first. */
static apr_table_t *query(request_rec *r)
{
    apr_table_t *values = apr_table_make(r->pool, 8);
    char *last, *copy = apr_pstrdup(r->pool, r->args ? r->args : "");

    for (char *pair = apr_strtok(copy, "&", &last); pair;
         pair = apr_strtok(NULL, "&", &last)) {
        char *value = strchr(pair, '=');

        if (value) {
            *value++ = '\0';
            if (ap_unescape_urlencoded(value) == OK && !apr_table_get(values, pair)) {
                apr_table_setn(values, pair, value);
            }
        }
    }
    return values;
}

/* Scheme, host and port of the page that embeds or sends us, as the browser says. */
static const char *asking_origin(request_rec *r)
{
    const char *referer = apr_table_get(r->headers_in, "Referer");
    const char *host = referer ? strstr(referer, "://") : NULL;

    return host ? apr_pstrmemdup(r->pool, referer,
                                 (apr_size_t)(host + 3 - referer) + strcspn(host + 3, "/?#"))
                : NULL;
}

static int is_listed(const sandbox_application_t *app, const char *origin)
{
    for (int i = 0; i < app->origins->nelts; i++) {
        const char *listed = APR_ARRAY_IDX(app->origins, i, const char *);

        if (!strcmp(listed, "*") || !strcasecmp(listed, origin)) {
            return 1;
        }
    }
    return 0;
}

/* Is the address one of that site? What follows the origin must not be part of its name. */
static int is_page_of(const char *page, const char *origin)
{
    apr_size_t len = strlen(origin);

    return !strncmp(page, origin, len) && (!page[len] || strchr("/?#", page[len]));
}

/* ---- pages ---- */

static int frame(request_rec *r, const apr_table_t *values, const char *origin)
{
    const char *policy =
        apr_pstrcat(r->pool,
                    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                    "connect-src 'self'; frame-ancestors ",
                    origin ? origin : "*", NULL);

    return sandbox_page(
        r, HTTP_OK, civic_template_render(civic_sandbox_hosted_html, values, r->pool), policy);
}

static int frame_error(request_rec *r, const char *type, const char *message)
{
    apr_table_t *values = apr_table_make(r->pool, 4);

    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "civic_sandbox: no QR code: %s", message);
    apr_table_setn(values, "error", message);
    apr_table_setn(values, "error-type", type);
    apr_table_setn(values, "origin", "*");
    return frame(r, values, NULL);
}

static int frame_ask(request_rec *r, const sandbox_ask_t *ask, int intro)
{
    apr_table_t *values = apr_table_make(r->pool, 8);

    apr_table_setn(values, "id", ask->id);
    apr_table_setn(values, "origin", ask->origin);
    apr_table_setn(values, "application", ask->application);
    apr_table_setn(values, "scope", ask->scope);
    apr_table_setn(values, "phone",
                   apr_pstrcat(r->pool, sandbox_url(r), "/phone/", ask->id, NULL));
    apr_table_setn(values, "intro", intro ? "true" : "false");
    return frame(r, values, ask->origin);
}

static const char *ask_fill(sandbox_ask_t *ask, request_rec *r, const apr_table_t *args,
                            const char *origin)
{
    const char *scope = apr_table_get(args, "scope"), *page = apr_table_get(args, "page");
    const char *id = apr_table_get(args, "appId");
    const sandbox_application_t *app = sandbox_application(r->server, id);

    memset(ask, 0, sizeof(*ask));
    if (!app) {
        return "the application id is not known";
    }
    if (!origin || !is_listed(app, origin)) {
        return apr_psprintf(r->pool, "the domain %s is not on the white list of %s",
                            origin ? origin : "(no Referer)", app->id);
    }
    if (!scope || !civic_scope_is_name(scope)) {
        return "the scope request is missing";
    }
    if (!page || !is_page_of(page, origin) || strlen(page) >= sizeof(ask->page)) {
        page = apr_pstrcat(r->pool, origin, "/", NULL);
    }
    apr_cpystrn(ask->application, app->id, sizeof(ask->application));
    apr_cpystrn(ask->scope, scope, sizeof(ask->scope));
    apr_cpystrn(ask->origin, origin, sizeof(ask->origin));
    apr_cpystrn(ask->page, page, sizeof(ask->page));
    ask->status = ASK_WAITING;
    return NULL;
}

static int start(request_rec *r)
{
    const apr_table_t *args = query(r);
    const char *uuid = apr_table_get(args, "uuid"), *origin = asking_origin(r), *fault;
    const char *hide = apr_table_get(args, "hideIntro");
    sandbox_ask_t ask;

    /* Back from the telephone: the page that asks now must be the one that asked. */
    if (uuid) {
        if (!sandbox_ask_get(&ask, uuid) || !origin || strcmp(ask.origin, origin)) {
            return frame_error(r, "unknown-request", "this login is not known any more");
        }
        return frame_ask(r, &ask, 0);
    }
    fault = ask_fill(&ask, r, args, origin);
    if (fault) {
        return frame_error(r, "unauthorized-domain", fault);
    }
    if (!sandbox_ask_add(&ask)) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return frame_ask(
        r, &ask, !strcmp(ask.scope, "PROOF_OF_IDENTITY") && (!hide || strcmp(hide, "true")));
}

/* A mobile browser has no use for a QR code: it goes to the app, and comes back with
 * a uuid. */
static int deep_link(request_rec *r)
{
    sandbox_ask_t ask;
    const char *fault = ask_fill(&ask, r, query(r), asking_origin(r));

    if (fault) {
        return frame_error(r, "unauthorized-domain", fault);
    }
    ask.mobile = 1;
    if (!sandbox_ask_add(&ask)) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    apr_table_setn(r->headers_out, "Location",
                   apr_pstrcat(r->pool, sandbox_url(r), "/phone/", ask.id, NULL));
    return HTTP_SEE_OTHER;
}

/* ---- the QR code ---- */

static int qr(request_rec *r, const char *id)
{
    sandbox_ask_t ask;
    QRcode *code;

    if (!sandbox_ask_get(&ask, id)) {
        return HTTP_NOT_FOUND;
    }
    code = QRcode_encodeString8bit(
        apr_pstrcat(r->pool, sandbox_url(r), "/phone/", ask.id, NULL), 0, QR_ECLEVEL_M);
    if (!code) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    ap_set_content_type(r, "image/svg+xml");
    ap_rprintf(r,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-4 -4 %d %d\" "
               "shape-rendering=\"crispEdges\"><rect x=\"-4\" y=\"-4\" width=\"100%%\" "
               "height=\"100%%\" fill=\"#fff\"/><path d=\"",
               code->width + 8, code->width + 8);
    for (int i = 0; i < code->width * code->width; i++) {
        if (code->data[i] & 1) {
            ap_rprintf(r, "M%d %dh1v1h-1z", i % code->width, i / code->width);
        }
    }
    ap_rputs("\"/></svg>\n", r);
    QRcode_free(code);
    return OK;
}

/* ---- polling ---- */

static int poll(request_rec *r, const char *id)
{
    static const char *const names[] = {"", "waiting", "read", "approved", "denied"};
    sandbox_ask_t ask;
    const char *token;

    if (!sandbox_ask_get(&ask, id)
        || (ask.status < ASK_APPROVED
            && apr_time_now() - ask.created > apr_time_from_sec(SANDBOX_ASK_LIFE))) {
        return sandbox_json(r, HTTP_OK, json_pack("{s:s}", "status", "expired"));
    }
    if (ask.status != ASK_APPROVED) {
        return sandbox_json(r, HTTP_OK, json_pack("{s:s}", "status", names[ask.status]));
    }
    token = sandbox_code_token(r, &ask, NULL, NULL, sandbox_conf(r->server)->key);
    return token ? sandbox_json(r, HTTP_OK,
                                json_pack("{s:s, s:s}", "status", "approved", "token", token))
                 : HTTP_INTERNAL_SERVER_ERROR;
}

static int cancel(request_rec *r, const char *id)
{
    if (r->method_number != M_POST) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    sandbox_ask_advance(id, ASK_DENIED, 0);
    return sandbox_json(r, HTTP_OK, json_object());
}

int sandbox_hosted(request_rec *r, const char *rest)
{
    if (!strcmp(rest, "/frame")) {
        return start(r);
    }
    if (!strcmp(rest, "/app")) {
        return deep_link(r);
    }
    if (!strncmp(rest, "/qr/", 4)) {
        return qr(r, rest + 4);
    }
    if (!strncmp(rest, "/poll/", 6)) {
        return poll(r, rest + 6);
    }
    return strncmp(rest, "/cancel/", 8) ? HTTP_NOT_FOUND : cancel(r, rest + 8);
}

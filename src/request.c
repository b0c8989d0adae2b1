/* request.c - see request.h. */
#include "request.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <string.h>

#include "accept_language.h"
#include "body.h"
#include "cookie.h"
#include "return_path.h"
#include "runtime.h"
#include "url.h"

civic_request_t *civic_request(request_rec *r)
{
    civic_request_t *known = ap_get_module_config(r->request_config, &auth_civic_module);

    if (!known) {
        known = apr_pcalloc(r->pool, sizeof(*known));
        ap_set_module_config(r->request_config, &auth_civic_module, known);
    }
    return known;
}

request_rec *civic_request_first(request_rec *r)
{
    while (r->main || r->prev) {
        r = r->main ? r->main : r->prev;
    }
    return r;
}

/* The session of one cookie. What a stranger sends takes memory of the request alone. */
static civic_reason find(civic_lookup_t *lookup, request_rec *first, const char *id)
{
    const civic_server_conf_t *conf = civic_server_conf(first->server);
    civic_store_t *store = conf->runtime->store;
    civic_acquaintance_t *known;
    civic_reason reason;

    if (!civic_session_id_is_sane(id)) {
        return CIVIC_LOGIN_REQUIRED;
    }
    known = civic_connection_meet(first->connection, lookup->application, conf->realm, id);
    if (known && known->kept) {
        reason = civic_session_look(&known->session, store, first->pool);
    }
    else {
        reason = civic_session_find(&lookup->session, store, id, conf->realm,
                                    lookup->application->sip.app_id, first->pool);
        if (known && reason == CIVIC_OK) {
            civic_connection_keep(first->connection, known, &lookup->session, first->pool);
        }
    }
    if (reason == CIVIC_OK && known && known->kept) {
        lookup->session = known->session;
        lookup->known = known;
    }
    else if (reason == CIVIC_LOGIN_REQUIRED && known) {
        civic_connection_forget(known);
    }
    return reason;
}

/* One name may come several times (a parent domain's cookie): any that opens a session is
 * good. */
static void look_up(civic_lookup_t *lookup, request_rec *first)
{
    const char *name = civic_cookie_name(first, civic_lookup_suffix(lookup));
    const apr_array_header_t *cookies = civic_request(first)->cookies;

    lookup->reason = CIVIC_LOGIN_REQUIRED;
    for (int i = 0; cookies && i < cookies->nelts; i++) {
        const civic_cookie_t *cookie = &APR_ARRAY_IDX(cookies, i, civic_cookie_t);
        civic_reason reason;

        if (strcmp(cookie->name, name)) {
            continue;
        }
        lookup->cookies++;
        reason = find(lookup, first, cookie->value);
        /* Neither kind passes for the other, whatever its cookie is called. */
        if (reason == CIVIC_OK
            && (lookup->session.record.account != NULL) != lookup->is_factor) {
            reason = CIVIC_LOGIN_REQUIRED;
        }
        if (reason != CIVIC_LOGIN_REQUIRED) {
            lookup->reason = reason;
            return;
        }
    }
}

const char *civic_lookup_suffix(const civic_lookup_t *lookup)
{
    return lookup->is_factor ? lookup->application->factor_suffix
                             : lookup->application->cookie_suffix;
}

const unsigned char *civic_lookup_digest(const civic_lookup_t *lookup)
{
    return lookup->is_factor ? lookup->application->factor_digest
                             : lookup->application->digest;
}

static civic_lookup_t *lookup_get(request_rec *r, const civic_application_t *application,
                                  int is_factor)
{
    request_rec *first = civic_request_first(r);
    civic_request_t *known = civic_request(first);
    civic_lookup_t *lookup;

    if (!known->lookups) {
        known->lookups = apr_array_make(first->pool, 2, sizeof(civic_lookup_t *));
    }
    for (int i = 0; i < known->lookups->nelts; i++) {
        lookup = APR_ARRAY_IDX(known->lookups, i, civic_lookup_t *);
        if (lookup->application == application && lookup->is_factor == is_factor) {
            return lookup;
        }
    }
    lookup = apr_pcalloc(first->pool, sizeof(*lookup));
    lookup->application = application;
    lookup->is_factor = is_factor;
    look_up(lookup, first);
    APR_ARRAY_PUSH(known->lookups, civic_lookup_t *) = lookup;
    return lookup;
}

civic_lookup_t *civic_request_session(request_rec *r, const civic_application_t *application)
{
    return lookup_get(r, application, 0);
}

civic_lookup_t *civic_request_factor(request_rec *r, const civic_application_t *application)
{
    return lookup_get(r, application, 1);
}

/* No 0 O 1 I: people read it out over the telephone. */
static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

void civic_request_refer(request_rec *r, const char *word)
{
    if (word && strlen(word) == 8 && strspn(word, letters) == 8) {
        civic_request(civic_request_first(r))->reference = apr_pstrdup(r->pool, word);
    }
}

const char *civic_request_reference(request_rec *r)
{
    request_rec *first = civic_request_first(r);
    civic_request_t *known = civic_request(first);
    unsigned char random[8];
    char word[9] = {0};

    if (!known->reference) {
        if (!civic_random(random, sizeof(random))) {
            memset(random, 0, sizeof(random));
        }
        for (int i = 0; i < 8; i++) {
            word[i] = letters[random[i] & 31];
        }
        known->reference = apr_pstrdup(first->pool, word);
    }
    return known->reference;
}

const civic_language_t *civic_request_language(request_rec *r)
{
    const apr_array_header_t *languages = civic_server_conf(r->server)->languages;
    const char *said = civic_dir_conf(r)->language;
    const civic_language_t *fixed = said ? civic_language_find(languages, said) : NULL;

    return fixed ? fixed
                 : civic_language_choose(languages,
                                         apr_table_get(r->headers_in, "Accept-Language"));
}

int civic_request_is_https(request_rec *r)
{
    return !strcmp(ap_http_scheme(r), "https");
}

const char *civic_request_site(request_rec *r)
{
    const char *scheme = ap_http_scheme(r), *name = r->server->server_hostname;
    apr_port_t port = r->server->port;
    char *host = apr_pstrdup(r->pool, name ? name : "");

    ap_str_tolower(host);
    return port && port != apr_uri_port_of_scheme(scheme)
               ? apr_psprintf(r->pool, "%s://%s:%u", scheme, host, port)
               : apr_pstrcat(r->pool, scheme, "://", host, NULL);
}

int civic_request_is_loopback(request_rec *r)
{
    return r->hostname && civic_host_is_loopback(r->hostname);
}

/* "GET http://host/path" asks for the path as well. */
static const char *origin_form(const char *target)
{
    const char *path;

    if (*target == '/') {
        return target;
    }
    path = strstr(target, "://");
    path = path ? strpbrk(path + 3, "/?#") : NULL;
    return path && *path == '/' ? path : "/";
}

const char *civic_request_return_path(request_rec *r)
{
    request_rec *first = civic_request_first(r);
    const char *path = origin_form(first->unparsed_uri ? first->unparsed_uri : "/");

    return civic_return_path_is_local(path) ? civic_return_path_strip_uuid(path, r->pool)
                                            : NULL;
}

int civic_request_is_own_origin(request_rec *r, const char *origin)
{
    const char *host = apr_table_get(r->headers_in, "Host");

    if (host
        && !strcasecmp(origin, apr_pstrcat(r->pool, ap_http_scheme(r), "://", host, NULL))) {
        return 1;
    }
    return !strcasecmp(origin, ap_construct_url(r->pool, "", r));
}

/* Browsers set Sec-Fetch-Site themselves; where it is missing, Origin must be our own. */
int civic_request_is_same_origin(request_rec *r)
{
    const char *site = apr_table_get(r->headers_in, "Sec-Fetch-Site");
    const char *origin = apr_table_get(r->headers_in, "Origin");

    if (site) {
        return !strcmp(site, "same-origin");
    }
    return origin && civic_request_is_own_origin(r, origin);
}

/* Some frameworks take these for the method, whatever the request's own is. */
static int has_other_method(const apr_table_t *in)
{
    return apr_table_get(in, "X-HTTP-Method-Override") || apr_table_get(in, "X-HTTP-Method")
           || apr_table_get(in, "X-Method-Override");
}

int civic_request_is_preflight(request_rec *r)
{
    const apr_table_t *in = r->headers_in;
    const char *mode = apr_table_get(in, "Sec-Fetch-Mode");
    const apr_array_header_t *cookies = civic_request(civic_request_first(r))->cookies;

    return r->method_number == M_OPTIONS && apr_table_get(in, "Origin")
           && apr_table_get(in, "Access-Control-Request-Method")
           && (!mode || !strcmp(mode, "cors")) && !apr_table_get(in, "Cookie")
           && (!cookies || cookies->nelts == 0) && !apr_table_get(in, "Authorization")
           && !apr_table_get(in, "Upgrade") && !has_other_method(in)
           && !ap_request_has_body(r);
}

civic_refusal_t civic_request_body_of_own_page(request_rec *r, const char *type,
                                               const char **text, apr_size_t *len)
{
    if (!civic_request_is_same_origin(r)) {
        return civic_refusal(CIVIC_CROSS_ORIGIN,
                             "Sec-Fetch-Site or Origin is of another site");
    }
    if (type && !civic_body_is(r, type)) {
        return civic_refusal(CIVIC_CONTENT_TYPE,
                             apr_pstrcat(r->pool, type, " is expected", NULL));
    }
    return civic_body_read(r, text, len);
}

int civic_request_is_framed(request_rec *r)
{
    static const char *const frames[] = {"iframe", "frame", "embed", "object", "fencedframe"};
    const char *dest = apr_table_get(r->headers_in, "Sec-Fetch-Dest");

    for (apr_size_t i = 0; dest && i < sizeof(frames) / sizeof(*frames); i++) {
        if (!strcmp(dest, frames[i])) {
            return 1;
        }
    }
    return 0;
}

int civic_request_is_navigation(request_rec *r)
{
    const char *mode = apr_table_get(r->headers_in, "Sec-Fetch-Mode");
    const char *dest = apr_table_get(r->headers_in, "Sec-Fetch-Dest");
    const char *accept = apr_table_get(r->headers_in, "Accept");

    if (apr_table_get(r->headers_in, "Upgrade")) {
        return 0;
    }
    if (mode || dest) {
        return mode && !strcmp(mode, "navigate")
               && (!dest || !strcmp(dest, "document") || !strcmp(dest, "iframe")
                   || !strcmp(dest, "frame"));
    }
    return accept && ap_strcasestr(accept, "text/html")
           && !apr_table_get(r->headers_in, "X-Requested-With");
}

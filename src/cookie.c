/* cookie.c - see cookie.h. */
#include "cookie.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "request.h"
#include "runtime.h"

enum { COOKIES_KEPT = 16 }; /* of ours; a browser has one or two */

static const char login_suffix[] = "-login";

/* The configured name without what only https may carry. */
static const char *bare_name(request_rec *r)
{
    const char *name = civic_conf_cookie_name(civic_server_conf(r->server));

    if (!strncmp(name, "__Host-", 7)) {
        return name + 7;
    }
    return strncmp(name, "__Secure-", 9) ? name : name + 9;
}

static const char *base_name(request_rec *r)
{
    return civic_request_is_https(r) ? civic_conf_cookie_name(civic_server_conf(r->server))
                                     : bare_name(r);
}

const char *civic_cookie_name(request_rec *r, const char *suffix)
{
    return apr_pstrcat(r->pool, base_name(r), suffix, NULL);
}

/* ---- taking them out ---- */

/* Is "name=…" one of ours: the name with or without its prefix, then -login or 8 hex digits?
 */
static int is_ours(const char *bare, const char *name, apr_size_t len)
{
    static const char *const prefixes[] = {"__Host-", "__Secure-", NULL};
    const char *base = bare;
    apr_size_t base_len = strlen(bare);

    for (int i = 0; prefixes[i]; i++) {
        apr_size_t n = strlen(prefixes[i]);

        if (len > n && !memcmp(name, prefixes[i], n) && strncmp(bare, prefixes[i], n)) {
            name += n;
            len -= n;
        }
    }
    if (len <= base_len || memcmp(name, base, base_len)) {
        return 0;
    }
    name += base_len;
    len -= base_len;
    if (len == sizeof(login_suffix) - 1 && !memcmp(name, login_suffix, len)) {
        return 1;
    }
    if (len != 9 || name[0] != '-') {
        return 0;
    }
    for (int i = 1; i < 9; i++) {
        if (!apr_isxdigit(name[i])) {
            return 0;
        }
    }
    return 1;
}

/* Is it one that is looked for here? Others of our form may have been planted by a host beside
 * this one: they do not take the room of those that count. */
static int is_awaited(request_rec *r, const char *name)
{
    const apr_array_header_t *apps = civic_server_conf(r->server)->applications;

    if (!strcmp(name, civic_cookie_name(r, login_suffix))) {
        return 1;
    }
    for (int i = 0; i < apps->nelts; i++) {
        const civic_application_t *app = APR_ARRAY_IDX(apps, i, const civic_application_t *);

        if (!strcmp(name, civic_cookie_name(r, app->cookie_suffix))
            || !strcmp(name, civic_cookie_name(r, app->factor_suffix))) {
            return 1;
        }
    }
    return 0;
}

static void keep(request_rec *r, const char *name, const char *value, apr_size_t value_len)
{
    civic_request_t *known = civic_request(r);
    civic_cookie_t *cookie;

    if (!is_awaited(r, name)) {
        return;
    }
    if (!known->cookies) {
        known->cookies = apr_array_make(r->pool, 2, sizeof(civic_cookie_t));
    }
    if (known->cookies->nelts < COOKIES_KEPT && value_len <= CIVIC_LOGIN_COOKIE_LEN) {
        cookie = apr_array_push(known->cookies);
        cookie->name = name;
        cookie->value = apr_pstrmemdup(r->pool, value, value_len);
    }
}

/* Does "name=..." of ours start here, white space aside? */
static int starts_ours(const char *bare, const char *pair)
{
    pair += strspn(pair, " \t");
    return is_ours(bare, pair, strcspn(pair, "=;, \t"));
}

/* Pairs end at a semicolon. httpd joins several Cookie headers by commas, which count beside
 * ours alone: elsewhere a comma may be part of a value. */
static apr_size_t pair_length(const char *bare, const char *pair)
{
    int ours = starts_ours(bare, pair);
    apr_size_t len = 0;

    while (pair[len] && pair[len] != ';'
           && !(pair[len] == ',' && (ours || starts_ours(bare, pair + len + 1)))) {
        len++;
    }
    return len;
}

/* Note a cookie of ours, `len` bytes without the separator. */
static void take_pair(request_rec *r, const char *pair, apr_size_t len)
{
    const char *equals;

    while (len > 0 && apr_isspace(*pair)) {
        pair++;
        len--;
    }
    while (len > 0 && apr_isspace(pair[len - 1])) {
        len--;
    }
    equals = memchr(pair, '=', len);
    if (equals) {
        keep(r, apr_pstrmemdup(r->pool, pair, equals - pair), equals + 1,
             len - (equals - pair) - 1);
    }
}

void civic_cookie_take(request_rec *r)
{
    const char *header = apr_table_get(r->headers_in, "Cookie");
    const char *bare = bare_name(r);
    char *rest, *out;
    int taken = 0;

    if (!header || !strstr(header, bare)) {
        return;
    }
    rest = out = apr_palloc(r->pool, strlen(header) + 3);
    for (const char *pair = header; *pair;) {
        apr_size_t len = pair_length(bare, pair);

        if (starts_ours(bare, pair)) {
            take_pair(r, pair, len);
            taken = 1;
        }
        else {
            if (out != rest) {
                *out++ = ';';
            }
            memcpy(out, pair, len);
            out += len;
        }
        pair += len;
        pair += *pair != '\0';
    }
    *out = '\0';
    if (!taken) {
        return;
    }
    while (apr_isspace(*rest)) {
        rest++;
    }
    if (*rest) {
        apr_table_setn(r->headers_in, "Cookie", rest);
    }
    else {
        apr_table_unset(r->headers_in, "Cookie");
    }
}

/* ---- sending them ---- */

static const char *attributes(request_rec *r, const char *same_site)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);

    return apr_pstrcat(r->pool, "; Path=", civic_conf_cookie_path(conf),
                       conf->cookie_domain ? "; Domain=" : "",
                       conf->cookie_domain ? conf->cookie_domain : "", "; HttpOnly",
                       civic_request_is_https(r) ? "; Secure" : "", "; SameSite=", same_site,
                       NULL);
}

void civic_cookie_set_session(request_rec *r, const civic_lookup_t *lookup, const char *id)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    const char *same_site = conf->cookie_same_site ? conf->cookie_same_site : "Lax";

    apr_table_addn(r->err_headers_out, "Set-Cookie",
                   apr_pstrcat(r->pool, civic_cookie_name(r, civic_lookup_suffix(lookup)), "=",
                               id ? id : "", attributes(r, same_site), id ? "" : "; Max-Age=0",
                               NULL));
}

int civic_cookie_get_browser(civic_browser_t *browser, request_rec *r)
{
    request_rec *first = civic_request_first(r);
    const apr_array_header_t *cookies = civic_request(first)->cookies;
    const char *name = civic_cookie_name(first, login_suffix);

    for (int i = 0; cookies && i < cookies->nelts; i++) {
        const civic_cookie_t *cookie = &APR_ARRAY_IDX(cookies, i, civic_cookie_t);

        if (!strcmp(cookie->name, name)
            && civic_browser_open(browser, cookie->value,
                                  &civic_server_conf(r->server)->runtime->seal_keys,
                                  r->pool)) {
            return 1;
        }
    }
    return 0;
}

int civic_cookie_set_browser(request_rec *r, const civic_browser_t *browser)
{
    const char *sealed = civic_browser_seal(
        browser, &civic_server_conf(r->server)->runtime->seal_keys, r->pool);

    if (!sealed) {
        return 0;
    }
    apr_table_addn(r->err_headers_out, "Set-Cookie",
                   apr_psprintf(r->pool, "%s=%s%s; Max-Age=%d",
                                civic_cookie_name(r, login_suffix), sealed,
                                attributes(r, "Lax"), (int)apr_time_sec(CIVIC_STATE_LIFE)));
    return 1;
}

/* on_login.c - see on_login.h. */
#include "on_login.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "encoding.h"
#include "return_path.h"

/* ---- what is configured ---- */

static int has_parameter_return(const char *path)
{
    const char *pair = strchr(path, '?');

    while (pair) {
        pair++;
        if (!strncmp(pair, "return", 6) && strchr("=&", pair[6])) {
            return 1;
        }
        pair = strchr(pair, '&');
    }
    return 0;
}

static const char *path_fault(const char *path)
{
    if (!civic_return_path_is_local(path)) {
        return "it must be a path of this site with one slash first, as /welcome, or an URL "
               "of "
               "this site, in printable ASCII";
    }
    if (strchr(path, '#')) {
        return "an address with # cannot have the parameter return behind it";
    }
    return has_parameter_return(path) ? "its parameter return is added by the module" : NULL;
}

/* Length of "https://" or "http://"; 0 for anything else. */
static apr_size_t scheme_length(const char *value)
{
    return !strncasecmp(value, "https://", 8) ? 8 : !strncasecmp(value, "http://", 7) ? 7 : 0;
}

const char *civic_on_login_read(const char **path, const char **origin, const char *value,
                                apr_pool_t *pool)
{
    apr_size_t scheme = scheme_length(value), len = strcspn(value + scheme, "/?#\\");
    const char *rest = value, *fault;

    if (scheme) {
        rest = value + scheme + len;
        if (len == 0 || strcspn(value + scheme, "@%") < len) {
            return "the URL must have a host, and no user";
        }
        rest = *rest == '\0' ? "/" : rest;
    }
    fault = path_fault(rest);
    if (!fault) {
        *path = rest;
        *origin = scheme ? apr_pstrmemdup(pool, value, scheme + len) : NULL;
    }
    return fault;
}

int civic_on_login_is_origin(const char *origin, const char *scheme, const char *host,
                             unsigned port, apr_pool_t *pool)
{
    unsigned usual = !strcmp(scheme, "https") ? 443 : 80;
    const char *plain = apr_pstrcat(pool, scheme, "://", host, NULL);

    port = port ? port : usual;
    return !strcasecmp(origin, apr_psprintf(pool, "%s:%u", plain, port))
           || (port == usual && !strcasecmp(origin, plain));
}

/* ---- where to go ---- */

/* The next byte of a path, decoded; -1 at its end or at its query. */
static int next_byte(const char **at)
{
    const char *p = *at;

    if (*p == '\0' || *p == '?') {
        return -1;
    }
    if (*p == '%' && civic_hex_value(p[1]) >= 0 && civic_hex_value(p[2]) >= 0) {
        *at += 3;
        return civic_hex_value(p[1]) * 16 + civic_hex_value(p[2]);
    }
    *at += 1;
    return (unsigned char)*p;
}

static int is_same_page(const char *a, const char *b)
{
    int left, right;

    do {
        left = next_byte(&a);
        right = next_byte(&b);
    } while (left == right && left != -1);
    return left == right;
}

/* RFC 3986: what is unreserved stays, and the slash, which a query may have. */
static const char *encode(const char *text, apr_pool_t *pool)
{
    static const char digits[] = "0123456789ABCDEF";
    char *encoded = apr_palloc(pool, 3 * strlen(text) + 1), *out = encoded;

    for (const char *p = text; *p; p++) {
        unsigned char byte = (unsigned char)*p;

        if (apr_isascii(byte) && (apr_isalnum(byte) || strchr("-._~/", byte))) {
            *out++ = *p;
        }
        else {
            *out++ = '%';
            *out++ = digits[byte >> 4];
            *out++ = digits[byte & 15];
        }
    }
    *out = '\0';
    return encoded;
}

const char *civic_on_login_path(const char *on_login, const char *return_path, apr_size_t most,
                                int *too_long, apr_pool_t *pool)
{
    const char *path;

    *too_long = 0;
    if (is_same_page(on_login, return_path)) {
        return return_path;
    }
    path = apr_pstrcat(pool, on_login, strchr(on_login, '?') ? "&return=" : "?return=",
                       encode(return_path, pool), NULL);
    *too_long = strlen(path) > most;
    return *too_long ? return_path : path;
}

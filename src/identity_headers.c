/* identity_headers.c - see identity_headers.h. */
#include "identity_headers.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "claims.h"

enum { AROUND = sizeof(": \r\n") - 1 };

static const char default_prefix[] = "civic_"; /* folded */

/* ---- which are ours ---- */

static char fold(char c)
{
    return apr_isascii(c) && apr_isalnum(c) ? (char)apr_tolower(c) : '_';
}

char *civic_header_fold(const char *name, apr_pool_t *pool)
{
    char *folded = apr_pstrdup(pool, name);

    for (char *p = folded; *p; p++) {
        *p = fold(*p);
    }
    return folded;
}

int civic_header_has_prefix(const char *name, const char *prefix)
{
    apr_size_t i = 0;

    for (; prefix[i]; i++) {
        if (!name[i]) {
            return prefix[i + 1] == '\0';
        }
        if (fold(name[i]) != prefix[i]) {
            return 0;
        }
    }
    return 1;
}

static int is_same(const char *name, const char *folded)
{
    apr_size_t i = 0;

    while (name[i] && fold(name[i]) == folded[i]) {
        i++;
    }
    return name[i] == folded[i]; /* both at their end */
}

int civic_header_is_ours(const civic_server_conf_t *conf, const char *name)
{
    return civic_header_has_prefix(name, default_prefix)
           || (conf->folded_prefix && civic_header_has_prefix(name, conf->folded_prefix))
           || (conf->folded_user && is_same(name, conf->folded_user));
}

typedef struct {
    const civic_server_conf_t *conf;
    apr_array_header_t *names;
} found_t;

static int collect(void *data, const char *name, const char *value)
{
    found_t *found = data;

    if (civic_header_is_ours(found->conf, name)) {
        APR_ARRAY_PUSH(found->names, const char *) = name;
    }
    return 1;
}

static int is_separator(char c)
{
    return strchr(" ,;\"", c) != NULL || apr_iscntrl(c); /* or the end */
}

/* A proxy takes away what `Connection` names. Releases of mod_proxy differ in where a name in
 * it ends: here at whatever is no part of one. */
static void drop_from_connection(request_rec *r)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    const char *list = apr_table_get(r->headers_in, "Connection");
    apr_size_t room = list ? 2 * strlen(list) + 1 : 0; /* a separator becomes two characters */
    char *kept = list ? apr_pcalloc(r->pool, room) : NULL, *end = kept;
    int taken = 0;

    while (list && *list) {
        apr_size_t len = 0;

        while (!is_separator(list[len])) {
            len++;
        }
        if (len > 0 && civic_header_is_ours(conf, apr_pstrmemdup(r->pool, list, len))) {
            taken = 1;
        }
        else if (len > 0) {
            end += apr_snprintf(end, room - (apr_size_t)(end - kept), "%s%.*s",
                                end > kept ? ", " : "", (int)len, list);
        }
        list += len + (list[len] != '\0');
    }
    if (taken && *kept) {
        apr_table_setn(r->headers_in, "Connection", kept);
    }
    else if (taken) {
        apr_table_unset(r->headers_in, "Connection");
    }
}

void civic_headers_drop(request_rec *r)
{
    found_t found = {civic_server_conf(r->server),
                     apr_array_make(r->pool, 1, sizeof(const char *))};

    apr_table_do(collect, &found, r->headers_in, NULL);
    for (int i = 0; i < found.names->nelts; i++) {
        apr_table_unset(r->headers_in, APR_ARRAY_IDX(found.names, i, const char *));
    }
    drop_from_connection(r);
}

/* ---- setting them ---- */

static int is_plain(char c)
{
    return c > ' ' && c <= '~' && c != '%';
}

static char *encode(const char *value, apr_size_t *len, apr_pool_t *pool)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = apr_palloc(pool, 3 * strlen(value) + 1), *out = text;

    for (const char *p = value; *p; p++) {
        if (is_plain(*p)) {
            *out++ = *p;
        }
        else {
            *out++ = '%';
            *out++ = digits[(unsigned char)*p >> 4];
            *out++ = digits[(unsigned char)*p & 15];
        }
    }
    *out = '\0';
    *len = (apr_size_t)(out - text);
    return text;
}

void civic_parcel_leave_out(civic_parcel_t *parcel, const char *name)
{
    parcel->left_out = parcel->left_out
                           ? apr_pstrcat(parcel->r->pool, parcel->left_out, " ", name, NULL)
                           : name;
}

static void set(civic_parcel_t *parcel, const char *header, const char *value)
{
    apr_size_t len, size;
    const char *text;

    if (civic_value_is_unsafe(value)) {
        return;
    }
    if (strlen(value) > CIVIC_HEADER_VALUE_MAX) { /* not worth encoding */
        civic_parcel_leave_out(parcel, header);
        return;
    }
    text = encode(value, &len, parcel->r->pool);
    size = strlen(header) + len + AROUND;
    if (len > CIVIC_HEADER_VALUE_MAX || size > parcel->room) {
        civic_parcel_leave_out(parcel, header);
        return;
    }
    parcel->room -= size;
    apr_table_setn(parcel->r->headers_in, header, text);
}

void civic_headers_set(civic_parcel_t *parcel, const char *kind, const char *name,
                       const char *value)
{
    char *header = apr_pstrcat(parcel->r->pool,
                               civic_conf_header_prefix(civic_server_conf(parcel->r->server)),
                               kind, name, NULL);
    int first = 1;

    for (char *p = header + strlen(header) - strlen(name); *p; p++) {
        if (*p == '_') {
            *p = '-';
            first = 1;
        }
        else if (!first) {
            *p = (char)apr_tolower(*p);
        }
        else {
            first = 0;
        }
    }
    set(parcel, header, value);
}

void civic_headers_set_assertion(civic_parcel_t *parcel, const char *token)
{
    request_rec *r = parcel->r;
    const char *header = apr_pstrcat(
        r->pool, civic_conf_header_prefix(civic_server_conf(r->server)), "Assertion", NULL);

    parcel->room -= strlen(header) + strlen(token) + AROUND;
    apr_table_setn(r->headers_in, header, token);
}

void civic_headers_set_user(civic_parcel_t *parcel, const char *user)
{
    const char *header = civic_server_conf(parcel->r->server)->user_header;

    if (header && user) {
        set(parcel, header, user);
    }
}

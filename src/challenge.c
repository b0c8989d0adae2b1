/* challenge.c - see challenge.h. */
#include "challenge.h"

#include <apr_strings.h>
#include <apr_time.h>
#include <http_core.h>
#include <string.h>

#include "conf.h"
#include "page.h"
#include "request.h"

enum { REALM_MAX = 256, LOGIN_MAX = 2000 /* bytes: proxies bound the headers of an answer */ };

/* A quoted-string (RFC 9110, 5.6.4) of at most so many bytes. AuthName may be an expression,
 * and hold what a request does. */
static const char *quote(const char *text, apr_size_t most, apr_pool_t *pool)
{
    apr_size_t len = strnlen(text, most);
    char *quoted = apr_palloc(pool, 2 * len + 3), *out = quoted;

    *out++ = '"';
    for (apr_size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\') {
            *out++ = '\\';
        }
        *out++ = c < ' ' || c == 0x7f ? ' ' : (char)c;
    }
    *out++ = '"';
    *out = '\0';
    return quoted;
}

/* By the strictest rule; 0: none asks for a recent login. */
static apr_interval_time_t max_age(const apr_array_header_t *unmet)
{
    apr_interval_time_t least = 0;

    for (int i = 0; unmet && i < unmet->nelts; i++) {
        apr_interval_time_t age = APR_ARRAY_IDX(unmet, i, civic_unmet_t).max_age;

        least = age && (!least || age < least) ? age : least;
    }
    return least;
}

/* A new login is asked of somebody who has one. */
static const char *insufficient(request_rec *r)
{
    apr_interval_time_t age = max_age(civic_request(r)->unmet);
    const char *error = ", error=\"insufficient_user_authentication\"";

    return age ? apr_psprintf(r->pool, "%s, max_age=\"%" APR_INT64_T_FMT "\"", error,
                              apr_time_sec(age))
               : error;
}

void civic_challenge(request_rec *r, civic_reason reason)
{
    const char *realm = ap_auth_name(r) ? civic_page_site(r) : "Civic";
    const char *login = civic_page_login_address(r);
    int is_insufficient = reason == CIVIC_STEP_UP_REQUIRED || reason == CIVIC_LOGIN_NOT_FRESH;

    if (login && strlen(login) > LOGIN_MAX) {
        login = NULL;
    }
    apr_table_setn(
        r->err_headers_out, "WWW-Authenticate",
        apr_pstrcat(r->pool, CIVIC_AUTH_TYPE " realm=", quote(realm, REALM_MAX, r->pool),
                    login ? ", login=" : "", login ? quote(login, LOGIN_MAX, r->pool) : "",
                    is_insufficient ? insufficient(r) : "", NULL));
}

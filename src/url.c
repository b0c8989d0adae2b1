/* url.c - see url.h. */
#include "url.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>

int civic_host_is_loopback(const char *host)
{
    apr_size_t len = strlen(host);
    struct in_addr address;

    if (!strcasecmp(host, "localhost") || !strcmp(host, "::1") || !strcmp(host, "[::1]")) {
        return 1;
    }
    if (len > 10 && !strcasecmp(host + len - 10, ".localhost")) {
        return 1;
    }
    /* Four numbers, nothing else: 127.evil.example is a name like any other, and so is
     * 127.999.0.1, which a resolver would be asked for. */
    return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

int civic_host_is_address(const char *host)
{
    struct in_addr v4;

    return *host == '[' || strchr(host, ':') || inet_pton(AF_INET, host, &v4) == 1;
}

/* IANA's registry of special-purpose addresses, as far as packets go anywhere; and
 * multicast. */
static int v4_is_public(apr_uint32_t address)
{
    static const struct {
        apr_uint32_t network;
        int bits;
    } special[] = {
        {0x00000000, 8},  /* this host */
        {0x0a000000, 8},  /* private */
        {0x64400000, 10}, /* a provider's own */
        {0x7f000000, 8},  /* loopback */
        {0xa9fe0000, 16}, /* link-local, and what clouds tell their machines */
        {0xac100000, 12}, /* private */
        {0xc0000000, 24}, /* protocol assignments */
        {0xc0a80000, 16}, /* private */
        {0xc6120000, 15}, /* benchmarks */
        {0xe0000000, 3},  /* multicast, reserved, broadcast */
    };

    for (apr_size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
        if ((address ^ special[i].network) >> (32 - special[i].bits) == 0) {
            return 0;
        }
    }
    return 1;
}

static int v6_is_public(const unsigned char *a)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    apr_uint32_t last = (apr_uint32_t)a[12] << 24 | a[13] << 16 | a[14] << 8 | a[15];

    if (!memcmp(a, mapped, 12) || !memcmp(a, nat64, 12)) {
        return v4_is_public(last);
    }
    if (a[0] == 0x20 && a[1] == 0x02) { /* 6to4 */
        return v4_is_public((apr_uint32_t)a[2] << 24 | a[3] << 16 | a[4] << 8 | a[5]);
    }
    return a[0] >> 5 == 1; /* 2000::/3, all that is given out */
}

int civic_address_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        return v4_is_public(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
    }
    return address->sa_family == AF_INET6
           && v6_is_public(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
}

int civic_host_is_allowed(const char *host, const apr_array_header_t *patterns)
{
    apr_size_t len = strlen(host);

    for (int i = 0; i < patterns->nelts; i++) {
        const char *pattern = APR_ARRAY_IDX(patterns, i, const char *);

        if (!strncmp(pattern, "*.", 2)) {
            apr_size_t tail = strlen(pattern + 1);

            if (len > tail && !strcasecmp(host + len - tail, pattern + 1)) {
                return 1;
            }
        }
        else if (!strcasecmp(host, pattern)) {
            return 1;
        }
    }
    return 0;
}

/* A part of a URL, in the pool; NULL when it has none. */
static const char *url_part(CURLU *url, CURLUPart part, unsigned int flags, apr_pool_t *pool)
{
    char *text = NULL;
    const char *copy;

    if (curl_url_get(url, part, &text, flags) != CURLUE_OK) {
        return NULL;
    }
    copy = apr_pstrdup(pool, text);
    curl_free(text);
    return copy;
}

static CURLU *url_parse(const char *text)
{
    CURLU *url = curl_url();

    if (url && curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK) {
        curl_url_cleanup(url);
        return NULL;
    }
    return url;
}

/* libcurl decodes %xx in a host: what comes out must still be a name or an address. */
static int is_host(const char *name)
{
    apr_size_t len = strlen(name);

    return len > 0
           && strspn(name,
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:[]")
                  == len;
}

const char *civic_url_check(const char *url, const char **host, apr_pool_t *pool)
{
    int is_http = !strncasecmp(url, "http://", 7);
    const char *name;
    CURLU *parsed;

    if (!is_http && strncasecmp(url, "https://", 8)) {
        return "it must start with https://";
    }
    for (const char *p = url; *p; p++) {
        if (!apr_isgraph(*p)) {
            return "it has a character that no URL may have";
        }
    }
    parsed = url_parse(url);
    if (!parsed) {
        return "it is not a URL of the form https://host[:port]/path (a user is not allowed)";
    }
    name = url_part(parsed, CURLUPART_HOST, 0, pool);
    curl_url_cleanup(parsed);
    if (!name || !is_host(name)) {
        return "it has no host, or one with a character that no host has";
    }
    if (is_http && !civic_host_is_loopback(name)) {
        return "plain http is allowed to loopback (localhost) only: use https";
    }
    if (host) {
        *host = name;
    }
    return NULL;
}

const char *civic_url_origin(const char *url, apr_pool_t *pool)
{
    CURLU *parsed = url_parse(url);
    const char *scheme, *host, *port;

    if (!parsed) {
        return NULL;
    }
    scheme = url_part(parsed, CURLUPART_SCHEME, 0, pool);
    host = url_part(parsed, CURLUPART_HOST, 0, pool);
    port = url_part(parsed, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT, pool);
    curl_url_cleanup(parsed);
    return apr_pstrcat(pool, scheme, "://", host, port ? ":" : NULL, port, NULL);
}

int civic_url_is_proxy(const char *url, apr_pool_t *pool)
{
    CURLU *parsed = url_parse(url);
    const char *scheme, *path;
    int fits;

    if (!parsed) {
        return 0;
    }
    scheme = url_part(parsed, CURLUPART_SCHEME, 0, pool);
    path = url_part(parsed, CURLUPART_PATH, 0, pool);
    fits = scheme && (!strcmp(scheme, "http") || !strcmp(scheme, "https"))
           && (!path || !strcmp(path, "/")) && !url_part(parsed, CURLUPART_QUERY, 0, pool)
           && !url_part(parsed, CURLUPART_FRAGMENT, 0, pool);
    curl_url_cleanup(parsed);
    return fits;
}

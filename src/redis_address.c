/* redis_address.c - see redis_address.h. */
#include "redis_address.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 1024,
    HOSTS_MAX = 16,
    DB_MAX = 65535,
    SOCKET_MAX = 107, /* sun_path */
    REDIS_PORT = 6379,
    SENTINEL_PORT = 26379
};

typedef enum { OF_HOST, OF_SOCKET, OF_SENTINELS } kind_t;

static const struct {
    const char *scheme;
    kind_t kind;
    int tls;
} schemes[] = {
    {"redis://", OF_HOST, 0},
    {"rediss://", OF_HOST, 1},
    {"redis+unix://", OF_SOCKET, 0},
    {"redis+sentinel://", OF_SENTINELS, 0},
    {"rediss+sentinel://", OF_SENTINELS, 1},
};

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static int consists_of(const char *text, const char *letters)
{
    return *text && !text[strspn(text, letters)];
}

/* @return the number, -1 when it is none of 0 to `most` */
static int number_of(const char *text, int most)
{
    apr_size_t len = strlen(text);
    int value;

    if (len == 0 || len > 6 || strspn(text, "0123456789") != len) {
        return -1;
    }
    value = atoi(text);
    return value <= most ? value : -1;
}

/* host, host:port, [address], [address]:port */
static const char *host_parse(civic_redis_host_t *host, char *text, int port)
{
    char *colon, *end = *text == '[' ? strchr(text, ']') : NULL;

    host->port = port;
    if (*text == '[') {
        if (!end || (end[1] && end[1] != ':')) {
            return "an IPv6 address stands in brackets, as in [::1]:6379";
        }
        colon = end[1] ? end + 1 : NULL;
        *end = '\0';
        host->name = text + 1;
        if (!consists_of(host->name, "0123456789abcdefABCDEF:.") || !strchr(host->name, ':')) {
            return "what stands in brackets is not an IPv6 address";
        }
    }
    else {
        colon = strchr(text, ':');
        if (colon) {
            *colon = '\0';
        }
        host->name = text;
        if (!consists_of(host->name, LETTERS "-_.")) {
            return "the host is missing, or has other characters than letters, digits, - _ "
                   "and .";
        }
    }
    if (colon) {
        host->port = number_of(colon + 1, 65535);
    }
    if (host->port < 1) {
        return "a port is a number of 1 to 65535";
    }
    return strlen(host->name) <= CIVIC_REDIS_HOST_MAX ? NULL : "the host's name is too long";
}

static const char *hosts_parse(civic_redis_address_t *address, char *text, int port, int most,
                               apr_pool_t *pool)
{
    const char *fault = NULL;

    address->hosts = apr_pcalloc(pool, HOSTS_MAX * sizeof(civic_redis_host_t));
    while (!fault && text) {
        char *comma = strchr(text, ',');

        if (comma) {
            *comma++ = '\0';
        }
        if (address->host_count == most) {
            return most == 1 ? "it names one server: several are for redis+sentinel://"
                             : "it names more than 16 Sentinels";
        }
        fault = host_parse(&address->hosts[address->host_count++], text, port);
        text = comma;
    }
    return fault;
}

static const char *db_set(civic_redis_address_t *address, const char *text)
{
    address->db = number_of(text, DB_MAX);
    return address->db >= 0 ? NULL : "the database is a number of 0 to 65535";
}

/* One name=value behind the question mark. */
static const char *option_set(civic_redis_address_t *address, const char *option, kind_t kind,
                              int *seen)
{
    if (!strncmp(option, "prefix=", 7) && !(*seen & 1)) {
        *seen |= 1;
        address->prefix = option + 7;
        return consists_of(address->prefix, LETTERS "-_.:")
                       && strlen(address->prefix) <= CIVIC_REDIS_PREFIX_MAX
                   ? NULL
                   : "the prefix has 1 to 64 letters, digits, : - _ and .";
    }
    if (!strncmp(option, "db=", 3) && kind == OF_SOCKET && !(*seen & 2)) {
        *seen |= 2;
        return db_set(address, option + 3);
    }
    return kind == OF_SOCKET ? "behind the question mark stand db= and prefix=, each once"
                             : "behind the question mark stands prefix=, once";
}

static const char *options_parse(civic_redis_address_t *address, char *text, kind_t kind)
{
    const char *fault = NULL;
    int seen = 0;

    while (!fault && text) {
        char *next = strchr(text, '&');

        if (next) {
            *next++ = '\0';
        }
        fault = option_set(address, text, kind, &seen);
        text = next;
    }
    return fault;
}

/* What stands behind the hosts: /db, or /name and /db. */
static const char *path_parse(civic_redis_address_t *address, char *path, kind_t kind)
{
    char *db = path;

    if (kind == OF_SENTINELS) {
        db = path ? strchr(path, '/') : NULL;
        if (db) {
            *db++ = '\0';
        }
        address->master = path;
        if (!path || !consists_of(path, LETTERS "-_.")) {
            return "the name that the Sentinels give the master is missing, as in "
                   "redis+sentinel://host1,host2/mymaster";
        }
    }
    return db && *db ? db_set(address, db) : NULL;
}

static const char *rest_parse(civic_redis_address_t *address, char *rest, kind_t kind,
                              apr_pool_t *pool)
{
    char *options = strchr(rest, '?'), *path;
    const char *fault = NULL;

    if (options) {
        *options++ = '\0';
        fault = options_parse(address, options, kind);
    }
    if (!fault && kind == OF_SOCKET) {
        address->socket = rest;
        return *rest == '/' && rest[1] && strlen(rest) <= SOCKET_MAX
                   ? NULL
                   : "the socket is a full path of at most 107 characters, as in "
                     "redis+unix:///run/redis/redis.sock";
    }
    path = strchr(rest, '/');
    if (path) {
        *path++ = '\0';
    }
    if (!fault) {
        fault = hosts_parse(address, rest, kind == OF_HOST ? REDIS_PORT : SENTINEL_PORT,
                            kind == OF_HOST ? 1 : HOSTS_MAX, pool);
    }
    return fault ? fault : path_parse(address, path, kind);
}

const char *civic_redis_address_parse(civic_redis_address_t **address, const char *text,
                                      apr_pool_t *pool)
{
    civic_redis_address_t *made = apr_pcalloc(pool, sizeof(*made));
    const char *fault;

    made->text = apr_pstrdup(pool, text);
    made->prefix = CIVIC_REDIS_PREFIX;
    if (strlen(text) > TEXT_MAX) {
        return "it is longer than 1024 characters";
    }
    if (strchr(text, '@')) {
        return "user and password have no place in it: CivicSessionStoreSecretFile names a "
               "file with them";
    }
    for (apr_size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        apr_size_t len = strlen(schemes[i].scheme);

        if (!strncmp(text, schemes[i].scheme, len)) {
            made->tls = schemes[i].tls;
            fault = rest_parse(made, apr_pstrdup(pool, text + len), schemes[i].kind, pool);
            if (!fault) {
                *address = made;
            }
            return fault;
        }
    }
    return "it must be redis://host:port/db, redis+unix:///path, "
           "redis+sentinel://host1,host2/name or the same with rediss";
}

const char *civic_redis_address_shown(const char *text, apr_pool_t *pool)
{
    const char *colon = strchr(text, ':');
    apr_size_t len = strcspn(text, "?");

    if (strchr(text, '@')) {
        len = colon ? (apr_size_t)(colon - text) : 0;
    }
    return len == strlen(text) && len <= 100
               ? text
               : apr_pstrcat(pool, apr_pstrmemdup(pool, text, len < 100 ? len : 100), "...",
                             NULL);
}

/* ---- the secret ---- */

static void login_wipe(civic_redis_login_t *login)
{
    if (login->user) {
        OPENSSL_cleanse(login->user, strlen(login->user));
    }
    if (login->password) {
        OPENSSL_cleanse(login->password, strlen(login->password));
    }
}

static apr_status_t secret_wipe(void *data)
{
    civic_redis_secret_t *secret = data;

    login_wipe(&secret->server);
    login_wipe(&secret->sentinel);
    return APR_SUCCESS;
}

/* `password` or `user password`; cuts the line to pieces. */
static const char *login_parse(civic_redis_login_t *login, char *line)
{
    char *blank;

    for (const char *p = line; *p; p++) {
        if (apr_iscntrl(*p) && *p != '\t') {
            return "it holds control characters";
        }
    }
    blank = strpbrk(line, " \t");
    if (blank) {
        *blank++ = '\0';
        login->user = line;
        blank += strspn(blank, " \t");
    }
    login->password = blank ? blank : line;
    return NULL;
}

/* The next line without the blanks around it; NULL when nothing is left. */
static char *line_next(char **text)
{
    char *line = *text, *end;

    if (!line) {
        return NULL;
    }
    end = strchr(line, '\n');
    *text = end ? end + 1 : NULL;
    end = end ? end : line + strlen(line);
    line += strspn(line, " \t");
    while (end > line && strchr(" \t\r", end[-1])) {
        end--;
    }
    *end = '\0';
    return line;
}

const char *civic_redis_secret_parse(civic_redis_secret_t **secret, const char *text,
                                     apr_pool_t *pool)
{
    civic_redis_secret_t *made = apr_pcalloc(pool, sizeof(*made));
    char *rest = apr_pstrdup(pool, text);
    char *server = line_next(&rest), *sentinel = line_next(&rest);
    const char *fault;

    if (!*server) {
        return "its first line is empty: it must be a password, or a user and a password";
    }
    if (rest && rest[strspn(rest, " \t\r\n")]) {
        return "it has more than two lines";
    }
    fault = login_parse(&made->server, server);
    if (!fault && sentinel && *sentinel) {
        fault = login_parse(&made->sentinel, sentinel);
    }
    if (!fault) {
        apr_pool_cleanup_register(pool, made, secret_wipe, apr_pool_cleanup_null);
        *secret = made;
    }
    return fault;
}

/* redis_address.h - where a Redis is and who may use it, as CivicSessionStore and
 * CivicSessionStoreSecretFile say it. Pure: text in, structs out.
 *
 *   redis://host[:port][/db]                     one server
 *   redis+unix:///path/of/socket[?db=n]          one server of this machine
 *   redis+sentinel://host[:port],.../name[/db]   the master that Sentinels call `name`
 *   rediss://... and rediss+sentinel://...       the same over TLS
 *
 * and behind it ?prefix=text, what all keys begin with. An IPv6 address stands in brackets.
 * Passwords have no place in it.
 */
#ifndef CIVIC_REDIS_ADDRESS_H
#define CIVIC_REDIS_ADDRESS_H

#include <apr_pools.h>

#define CIVIC_REDIS_PREFIX     "civic:"
#define CIVIC_REDIS_PREFIX_MAX 64
#define CIVIC_REDIS_HOST_MAX   255

typedef struct {
    const char *name; /* host name or address, without brackets */
    int port;
} civic_redis_host_t;

typedef struct {
    const char *text;          /* as it was said, for the log */
    int tls;                   /* 1: all connections */
    const char *socket;        /* path; NULL: by TCP */
    const char *master;        /* what Sentinels call it; NULL: no Sentinel is asked */
    civic_redis_host_t *hosts; /* the server, or the Sentinels; none with a socket */
    int host_count;
    int db;
    const char *prefix; /* never NULL */
} civic_redis_address_t;

/** Who logs in, to one kind of server. `password` NULL: nobody does. */
typedef struct {
    char *user; /* NULL: the default user */
    char *password;
} civic_redis_login_t;

typedef struct {
    civic_redis_login_t server, sentinel;
} civic_redis_secret_t;

/**
 * @param address set on success, in the pool
 * @return NULL, or what is wrong, fit for an operator: holds nothing of the text
 */
const char *civic_redis_address_parse(civic_redis_address_t **address, const char *text,
                                      apr_pool_t *pool);

/** What may be shown of a text that may hold a password by mistake: at most 100 characters. */
const char *civic_redis_address_shown(const char *text, apr_pool_t *pool);

/**
 * First line: `password` or `user password` for the server; second line: the same for the
 * Sentinels, which have no password of their own when it is missing.
 *
 * @param secret set on success, in the pool, wiped with it
 * @return NULL, or what is wrong
 */
const char *civic_redis_secret_parse(civic_redis_secret_t **secret, const char *text,
                                     apr_pool_t *pool);

#endif

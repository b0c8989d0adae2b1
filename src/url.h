/* url.h - which addresses may be talked to. URLs are taken apart by libcurl, which also uses
 * them, so that there is one opinion on what the host is. */
#ifndef CIVIC_URL_H
#define CIVIC_URL_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <sys/socket.h>

/** @return 1 for localhost, names below it, 127.0.0.0/8 and ::1 (with or without brackets) */
int civic_host_is_loopback(const char *host);

/** Is this an address of the public Internet: neither this machine nor a private, link-local
 * or otherwise special network, also where an IPv4 address is wrapped in one of IPv6?
 * @param address of IPv4 or IPv6; 0 for every other family */
int civic_address_is_public(const struct sockaddr *address);

/** @return 1 for an address rather than a name; those of IPv6 with or without brackets */
int civic_host_is_address(const char *host);

/** Does a host fit one of the patterns (of const char *)? "*.example.org" fits every name
 * below it, never example.org itself. @return 1 or 0 */
int civic_host_is_allowed(const char *host, const apr_array_header_t *patterns);

/**
 * Judge an absolute URL: https, or http to loopback; with a host, without a user.
 * @param host NULL, or set to the host's name in the pool when the URL is fine
 * @return NULL, or what is wrong with it, fit for an operator
 */
const char *civic_url_check(const char *url, const char **host, apr_pool_t *pool);

/** "scheme://host[:port]" of a URL that civic_url_check accepted, in the pool; the scheme's
 * own port is left out. */
const char *civic_url_origin(const char *url, apr_pool_t *pool);

/** Is this a forward proxy: http or https, host, perhaps a port, nothing else? */
int civic_url_is_proxy(const char *url, apr_pool_t *pool);

#endif

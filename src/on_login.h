/* on_login.h - CivicOnLogin: the page of the site where people go first after a login. It is
 * told where they wanted to go by its parameter `return`, and takes them there.
 */
#ifndef CIVIC_ON_LOGIN_H
#define CIVIC_ON_LOGIN_H

#include <apr_pools.h>

/**
 * Read a path, or an URL of the site's own, of which only the path counts.
 *
 * @param path   set on success: for civic_on_login_path
 * @param origin set on success: what is left to be compared with the site's own origin, as it
 *               stands there (`https://www.example.org:8443`); NULL for a path
 * @return NULL, or what is wrong
 */
const char *civic_on_login_read(const char **path, const char **origin, const char *value,
                                apr_pool_t *pool);

/** Is this (civic_on_login_read) the origin of a site? @param port 0: the scheme's own */
int civic_on_login_is_origin(const char *origin, const char *scheme, const char *host,
                             unsigned port, apr_pool_t *pool);

/**
 * Where to go after a login: `on_login` with the parameter `return`, percent-encoded; the
 * return path itself where that is a path to `on_login` already, or where both together would
 * be too long for a request (with `too_long` set).
 *
 * @param return_path return_path.h
 * @param most        bytes
 * @return in the pool
 */
const char *civic_on_login_path(const char *on_login, const char *return_path, apr_size_t most,
                                int *too_long, apr_pool_t *pool);

#endif

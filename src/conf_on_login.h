/* conf_on_login.h - CivicOnLogin's check at startup, when ServerName is known. */
#ifndef CIVIC_CONF_ON_LOGIN_H
#define CIVIC_CONF_ON_LOGIN_H

#include <httpd.h>
#include <http_config.h>

/**
 * Is the URL that a CivicOnLogin names one of the site's own?
 * @param node the directive
 * @param host the virtual host it stands in, or the main server
 * @return NULL, or what is wrong
 */
const char *civic_conf_on_login_fault(const ap_directive_t *node, const server_rec *host,
                                      apr_pool_t *pool);

#endif

/* conf_on_login.c - CivicOnLogin. See conf_on_login.h. */
#include "conf_on_login.h"

#include <apr_strings.h>
#include <string.h>

#include "conf.h"
#include "on_login.h"

const char *civic_set_on_login(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *path = "", *origin = NULL, *fault = NULL;

    if (strcasecmp(arg, "Off")) {
        fault = civic_on_login_read(&path, &origin, arg, cmd->pool);
    }
    /* Elsewhere it is compared with the site's own when all is read. */
    if (!fault && origin && ap_check_cmd_context(cmd, NOT_IN_HTACCESS)) {
        fault = "in .htaccess it must be a path, as /welcome";
    }
    if (fault) {
        return civic_conf_fault(cmd, arg, fault);
    }
    ((civic_dir_conf_t *)dir)->on_login = path;
    return NULL;
}

/* Does the text of a host, or of the server around it, switch TLS on? The last one counts. */
static int says_tls(const ap_directive_t *node, int so_far)
{
    for (; node; node = node->next) {
        if (!strcasecmp(node->directive, "SSLEngine")) {
            so_far = !strcasecmp(node->args, "on");
        }
    }
    return so_far;
}

static const char *scheme_of(const ap_directive_t *node, const server_rec *host)
{
    int tls = says_tls(ap_conftree, 0);

    if (host->server_scheme) {
        return host->server_scheme;
    }
    while (node && strcasecmp(node->directive, "<VirtualHost")) {
        node = node->parent;
    }
    return (node ? says_tls(node->first_child, tls) : tls) ? "https" : "http";
}

/* As browsers know it: a ServerName with a scheme speaks of what stands before httpd. 0: the
 * scheme's own */
static unsigned port_of(const server_rec *host)
{
    if (host->port || host->server_scheme) {
        return host->port;
    }
    return host->addrs ? host->addrs->host_port : 0;
}

const char *civic_conf_on_login_fault(const ap_directive_t *node, const server_rec *host,
                                      apr_pool_t *pool)
{
    const char *args = node->args, *path, *origin = NULL;
    const char *value = ap_getword_conf(pool, &args);

    if (!strcasecmp(value, "Off") || civic_on_login_read(&path, &origin, value, pool)
        || !origin) {
        return NULL; /* what was wrong of itself has been said when it was read */
    }
    if (host->server_hostname
        && civic_on_login_is_origin(origin, scheme_of(node, host), host->server_hostname,
                                    port_of(host), pool)) {
        return NULL;
    }
    return apr_psprintf(pool,
                        "CivicOnLogin %.100s: %s is not this site, which is %s://%s by its "
                        "ServerName: name a path, as %.100s",
                        value, origin, scheme_of(node, host),
                        host->server_hostname ? host->server_hostname : "(no ServerName)",
                        path);
}

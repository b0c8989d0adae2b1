/* websocket.c - see websocket.h. */
#include "websocket.h"

#include <apr_strings.h>
#include <http_protocol.h>
#include <string.h>
#include <util_filter.h>

#include "log.h"
#include "runtime.h"
#include "tunnels.h"

enum {
    STATUS_AT = sizeof("HTTP/1.1 ") - 1,
    STATUS_END = STATUS_AT + 1 /* its first digit tells */
};

/* A connection that may be upgraded; lives as long as the connection. */
typedef struct {
    request_rec *r; /* NULL once it is gone */
    civic_tunnel_t tunnel;
    char seen[STATUS_END]; /* how the answer begins */
    apr_size_t len;
} upgrade_t;

static ap_filter_rec_t *filter;

int civic_websocket_is(request_rec *r)
{
    const char *upgrade = apr_table_get(r->headers_in, "Upgrade");

    return upgrade && ap_find_token(r->pool, upgrade, "websocket");
}

int civic_websocket_is_foreign(request_rec *r)
{
    const char *origin = apr_table_get(r->headers_in, "Origin");

    return civic_websocket_is(r) && origin && !civic_request_is_own_origin(r, origin);
}

static apr_status_t watch(upgrade_t *upgrade)
{
    request_rec *r = upgrade->r;
    civic_tunnels_t *tunnels = civic_server_conf(r->server)->runtime->tunnels;
    apr_status_t rv =
        tunnels ? civic_tunnels_watch(tunnels, &upgrade->tunnel, r) : APR_ENOLOCK;

    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r,
                      CIVIC_LOG_PREFIX "websocket refused: it cannot be watched ref=%s",
                      upgrade->tunnel.reference);
        r->connection->aborted = 1;
        return APR_ECONNABORTED;
    }
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, CIVIC_LOG_PREFIX "websocket opened ref=%s",
                  upgrade->tunnel.reference);
    return APR_SUCCESS;
}

/* Does it say how this request was answered, for good? 101 does not, nor does what may come
 * before it in the same piece (103), nor what is no answer at all. */
static int is_final(const char *seen)
{
    return !memcmp(seen, "HTTP/1.", 7) && seen[STATUS_AT] >= '2' && seen[STATUS_AT] <= '5';
}

/* Behind everything that makes an answer, whichever module that is: looks at how it begins. */
static apr_status_t upgrade_filter(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    upgrade_t *upgrade = f->ctx;
    apr_size_t more = STATUS_END - upgrade->len;
    apr_status_t rv = APR_SUCCESS;

    if (upgrade->r) {
        rv = apr_brigade_flatten(brigade, upgrade->seen + upgrade->len, &more);
        upgrade->len += rv == APR_SUCCESS ? more : 0;
        if (rv == APR_SUCCESS && upgrade->len < STATUS_END) {
            return ap_pass_brigade(f->next, brigade);
        }
        if (rv == APR_SUCCESS && !is_final(upgrade->seen)) {
            rv = watch(upgrade);
        }
    }
    ap_remove_output_filter(f);
    return rv == APR_SUCCESS ? ap_pass_brigade(f->next, brigade) : rv;
}

static apr_status_t request_ends(void *data)
{
    ((upgrade_t *)data)->r = NULL;
    return APR_SUCCESS;
}

void civic_websocket_expect(request_rec *r, const civic_lookup_t *lookup)
{
    const civic_dir_conf_t *dir = civic_dir_conf(r);
    const civic_session_t *session = &lookup->session;
    upgrade_t *upgrade;

    if (r->main || !apr_table_get(r->headers_in, "Upgrade")) {
        return;
    }
    upgrade = apr_pcalloc(r->connection->pool, sizeof(*upgrade));
    upgrade->r = r;
    upgrade->tunnel.session.record.created = session->record.created;
    upgrade->tunnel.session.expires = session->expires;
    upgrade->tunnel.session.last_used = session->last_used;
    memcpy(upgrade->tunnel.session.key, session->key, sizeof(session->key));
    upgrade->tunnel.idle = civic_conf_idle(dir);
    upgrade->tunnel.life = civic_conf_life(dir);
    upgrade->tunnel.reference = civic_request_reference(r);
    ap_add_output_filter_handle(filter, upgrade, r, r->connection);
    apr_pool_cleanup_register(r->pool, upgrade, request_ends, apr_pool_cleanup_null);
    /* mod_proxy: when the client's side is down, so is the whole tunnel. */
    apr_table_setn(r->subprocess_env, "proxy-nohalfclose", "1");
}

void civic_websocket_register(void)
{
    filter =
        ap_register_output_filter("CIVIC_UPGRADE", upgrade_filter, NULL, AP_FTYPE_CONNECTION);
}

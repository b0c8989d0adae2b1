/* startup_kept.c - memory of the parent that outlives its restarts, as the configuration does
 * not: children of the last generation may still be at work in it, and nothing that it knows
 * is forgotten.
 */
#include "runtime.h"

#include <ap_mpm.h>
#include <apr_strings.h>
#include <http_core.h>
#include <string.h>

#include "conf.h"
#include "url.h"

typedef struct {
    void *memory;
    apr_uint32_t layout;
} kept_t;

/* A module of another version, loaded at a restart, starts anew. */
static kept_t *kept_of(const char *key, apr_uint32_t layout)
{
    kept_t *kept = ap_retained_data_get(key);

    if (!kept) {
        kept = ap_retained_data_create(key, sizeof(*kept));
    }
    if (kept->layout != layout) {
        kept->memory = NULL;
        kept->layout = layout;
    }
    return kept;
}

static civic_counters_t *counters_keep(apr_pool_t *pool)
{
    kept_t *kept = kept_of("auth_civic.counters", civic_counters_layout());

    if (!kept->memory) {
        kept->memory = civic_counters_create(apr_time_now(), pool);
    }
    return kept->memory;
}

static int default_limit(void)
{
    int daemons = 1, threads = 1;

    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &daemons);
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    return daemons * (threads > 0 ? threads : 1) / 4 > 1
               ? daemons * (threads > 0 ? threads : 1) / 4
               : 1;
}

/* The limit counts at once for children of before as well. */
static civic_slots_t *slots_keep(const civic_server_conf_t *conf, apr_pool_t *pool)
{
    kept_t *kept = kept_of("auth_civic.slots", CIVIC_SLOTS_LAYOUT);

    if (!kept->memory) {
        kept->memory = civic_slots_create(pool);
    }
    if (kept->memory) {
        civic_slots_set_limit(kept->memory, conf->exchange_limit != CIVIC_UNSET
                                                ? conf->exchange_limit
                                                : default_limit());
    }
    return kept->memory;
}

static int upstream_of(apr_array_header_t *upstreams, const civic_sip_application_t *sip)
{
    const char *api = civic_url_origin(sip->api_url, upstreams->pool);
    const char *proxy = sip->proxy ? sip->proxy : "";
    civic_upstream_t *added;

    for (int i = 0; i < upstreams->nelts; i++) {
        const civic_upstream_t *known = &APR_ARRAY_IDX(upstreams, i, civic_upstream_t);

        if (!strcmp(known->api, api) && !strcmp(known->proxy, proxy)) {
            return i;
        }
    }
    added = apr_array_push(upstreams);
    added->api = api;
    added->proxy = proxy;
    return upstreams->nelts - 1;
}

/* Applications that go the same way to the same service share what is known of it. */
static const apr_array_header_t *upstreams_make(server_rec *s, apr_pool_t *pconf)
{
    apr_array_header_t *upstreams = apr_array_make(pconf, 2, sizeof(civic_upstream_t));

    for (; s; s = s->next) {
        const apr_array_header_t *all = civic_server_conf(s)->applications;

        for (int i = 0; i < all->nelts; i++) {
            civic_application_t *app = APR_ARRAY_IDX(all, i, civic_application_t *);

            app->upstream = upstream_of(upstreams, &app->sip);
        }
    }
    return upstreams;
}

static civic_breakers_t *breakers_keep(const apr_array_header_t *upstreams, apr_pool_t *pool,
                                       apr_pool_t *pconf)
{
    kept_t *kept = kept_of("auth_civic.breakers", CIVIC_BREAKER_LAYOUT);
    apr_array_header_t *names = apr_array_make(pconf, upstreams->nelts, sizeof(char *));

    for (int i = 0; i < upstreams->nelts; i++) {
        const civic_upstream_t *upstream = &APR_ARRAY_IDX(upstreams, i, civic_upstream_t);

        APR_ARRAY_PUSH(names, const char *) =
            apr_pstrcat(pconf, upstream->api, " ", upstream->proxy, NULL);
    }
    if (!kept->memory) {
        kept->memory = civic_breaker_memory_create(pool);
    }
    return civic_breakers_create(kept->memory, names, pconf);
}

int civic_startup_kept(civic_runtime_t *runtime, server_rec *s, apr_pool_t *pconf)
{
    apr_pool_t *pool = s->process->pool;

    runtime->counters = counters_keep(pool);
    runtime->slots = slots_keep(civic_server_conf(s), pool);
    runtime->upstreams = upstreams_make(s, pconf);
    runtime->breakers = breakers_keep(runtime->upstreams, pool, pconf);
    return runtime->counters && runtime->slots && runtime->breakers;
}

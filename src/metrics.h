/* metrics.h - counters and gauges at one moment, as Prometheus text and as JSON. Numbers
 * alone: nothing in it comes from a request or tells of a person. */
#ifndef CIVIC_METRICS_H
#define CIVIC_METRICS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include "counters.h"
#include "slots.h"
#include "store.h"

struct json_t;

/** Whether logins go through, for each service. */
typedef struct {
    const char *api, *proxy; /* proxy "": none */
    int up;
} civic_metrics_upstream_t;

typedef struct {
    civic_counts_t counts;
    int exchanges, exchange_limit;       /* under way now, and at most */
    const apr_array_header_t *upstreams; /* of civic_metrics_upstream_t; the caller's to set */
    const char *store;                   /* its name */
    int store_up;                        /* 0: `stats` is not known */
    civic_store_stats_t stats;
} civic_metrics_t;

/** Asks the store, which may take its time when that is another machine.
 * @param now wall clock */
void civic_metrics_gather(civic_metrics_t *metrics, const civic_counters_t *counters,
                          const civic_slots_t *slots, civic_store_t *store, apr_time_t now);

/** How many exchanges there were. */
apr_uint64_t civic_metrics_exchanges(const civic_metrics_t *metrics);

/** Prometheus' text format 0.0.4, in the pool. */
const char *civic_metrics_prometheus(const civic_metrics_t *metrics, apr_pool_t *pool);

/** @return owned by the pool; NULL when out of memory */
struct json_t *civic_metrics_json(const civic_metrics_t *metrics, apr_pool_t *pool);

#endif

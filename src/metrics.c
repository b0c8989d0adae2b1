/* metrics.c - see metrics.h. Names are stable: dashboards are made of them (doc/status.md). */
#include "metrics.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <jansson.h>
#include <stdarg.h>

#include "config.h"
#include "json.h"

#define BOUND_TEXT(limit, text) text,
static const char *const bounds[] = {CIVIC_EXCHANGE_BOUNDS(BOUND_TEXT)};
#undef BOUND_TEXT

static const struct {
    const char *name;
    civic_count count;
} outcomes[] = {
    {"valid", CIVIC_COUNT_SESSION_VALID},
    {"none", CIVIC_COUNT_SESSION_NONE},
    {"expired", CIVIC_COUNT_SESSION_EXPIRED},
    {"unavailable", CIVIC_COUNT_SESSION_UNAVAILABLE},
};
enum { OUTCOME_COUNT = sizeof(outcomes) / sizeof(outcomes[0]) };

void civic_metrics_gather(civic_metrics_t *metrics, const civic_counters_t *counters,
                          civic_slots_t *slots, civic_store_t *store, apr_time_t now)
{
    civic_counters_read(&metrics->counts, counters);
    metrics->exchanges = civic_slots_taken(slots, now);
    metrics->exchange_limit = civic_slots_limit(slots);
    metrics->store = store->ops->name;
    metrics->store_up = store->ops->stats(store, &metrics->stats) == CIVIC_STORE_OK;
}

apr_uint64_t civic_metrics_exchanges(const civic_metrics_t *metrics)
{
    apr_uint64_t sum = 0;

    for (int i = 0; i <= CIVIC_EXCHANGE_BOUND_COUNT; i++) {
        sum += metrics->counts.value[CIVIC_COUNT_EXCHANGES + i];
    }
    return sum;
}

/* ---- Prometheus ---- */

typedef struct {
    apr_array_header_t *lines; /* of const char * */
    apr_pool_t *pool;
} text_t;

static void write_line(text_t *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void write_line(text_t *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    APR_ARRAY_PUSH(text->lines, const char *) = apr_pvsprintf(text->pool, format, args);
    va_end(args);
}

static void describe(text_t *text, const char *name, const char *type, const char *help)
{
    write_line(text, "# HELP auth_civic_%s %s\n# TYPE auth_civic_%s %s\n", name, help, name,
               type);
}

static void sample(text_t *text, const char *name, const char *labels, apr_uint64_t value)
{
    write_line(text, "auth_civic_%s%s %" APR_UINT64_T_FMT "\n", name, labels, value);
}

/* A metric with one sample. */
static void single(text_t *text, const char *name, const char *type, const char *help,
                   apr_uint64_t value)
{
    describe(text, name, type, help);
    sample(text, name, "", value);
}

/* {name="value"}, with what the format wants escaped. */
static const char *label(text_t *text, const char *name, const char *value)
{
    char *escaped = apr_palloc(text->pool, 2 * strlen(value) + 1), *out = escaped;

    for (; *value; value++) {
        if (*value == '\\' || *value == '"' || *value == '\n') {
            *out++ = '\\';
        }
        *out++ = *value == '\n' ? 'n' : *value;
    }
    *out = '\0';
    return apr_psprintf(text->pool, "{%s=\"%s\"}", name, escaped);
}

static void write_requests(text_t *text, const civic_metrics_t *metrics)
{
    const apr_uint64_t *value = metrics->counts.value;

    describe(text, "requests_total", "counter",
             "Requests to protected locations, by what the session of the browser was.");
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        sample(text, "requests_total", label(text, "session", outcomes[i].name),
               value[outcomes[i].count]);
    }
    single(text, "logins_total", "counter", "Logins that succeeded.",
           value[CIVIC_COUNT_LOGINS]);
    single(text, "links_total", "counter",
           "Accounts of other logins that their people linked to a Civic identity.",
           value[CIVIC_COUNT_LINKS]);
    single(text, "recoveries_total", "counter", "Logins by a recovery code.",
           value[CIVIC_COUNT_RECOVERIES]);
    single(text, "logouts_total", "counter", "Logouts of somebody who was logged in.",
           value[CIVIC_COUNT_LOGOUTS]);
    single(text, "sessions_ended_total", "counter", "Sessions that an operator ended.",
           value[CIVIC_COUNT_ENDED]);
    single(text, "websockets_closed_total", "counter",
           "WebSockets that were closed because their session had ended.",
           value[CIVIC_COUNT_WEBSOCKETS_CLOSED]);
    describe(text, "refusals_total", "counter",
             "Requests and logins that were turned away, by reason.");
    for (int reason = CIVIC_OK + 1; reason < CIVIC_REASON_COUNT; reason++) {
        sample(text, "refusals_total",
               label(text, "reason", civic_reason_info((civic_reason)reason)->name),
               value[CIVIC_COUNT_REFUSALS + reason]);
    }
}

static void write_exchanges(text_t *text, const civic_metrics_t *metrics)
{
    const apr_uint64_t *value = metrics->counts.value;
    apr_uint64_t usec = value[CIVIC_COUNT_EXCHANGE_USEC], sum = 0;

    describe(text, "exchange_duration_seconds", "histogram",
             "How long Civic took to exchange an authorization code, whatever came of it.");
    for (int i = 0; i < CIVIC_EXCHANGE_BOUND_COUNT; i++) {
        sum += value[CIVIC_COUNT_EXCHANGES + i];
        sample(text, "exchange_duration_seconds_bucket", label(text, "le", bounds[i]), sum);
    }
    sum = civic_metrics_exchanges(metrics);
    sample(text, "exchange_duration_seconds_bucket", label(text, "le", "+Inf"), sum);
    write_line(text,
               "auth_civic_exchange_duration_seconds_sum %" APR_UINT64_T_FMT
               ".%06" APR_UINT64_T_FMT "\n",
               usec / APR_USEC_PER_SEC, usec % APR_USEC_PER_SEC);
    sample(text, "exchange_duration_seconds_count", "", sum);
    single(text, "exchanges_in_progress", "gauge", "Exchanges under way.",
           (apr_uint64_t)metrics->exchanges);
    single(text, "exchanges_limit", "gauge", "Exchanges that may be under way at once.",
           (apr_uint64_t)metrics->exchange_limit);
}

static void write_upstreams(text_t *text, const civic_metrics_t *metrics)
{
    describe(text, "upstream_up", "gauge",
             "Whether logins go through: 0 while a service is taken for down.");
    for (int i = 0; i < metrics->upstreams->nelts; i++) {
        const civic_metrics_upstream_t *upstream =
            &APR_ARRAY_IDX(metrics->upstreams, i, civic_metrics_upstream_t);
        const char *api = label(text, "api", upstream->api);

        sample(text, "upstream_up",
               apr_pstrcat(text->pool, apr_pstrndup(text->pool, api, strlen(api) - 1), ",",
                           label(text, "proxy", upstream->proxy) + 1, NULL),
               upstream->up ? 1 : 0);
    }
}

static void write_store(text_t *text, const civic_metrics_t *metrics)
{
    const civic_store_stats_t *stats = &metrics->stats;

    single(text, "store_up", "gauge", "Whether the session store answers.",
           metrics->store_up ? 1 : 0);
    if (!metrics->store_up) {
        return;
    }
    if (stats->sessions != CIVIC_STORE_UNKNOWN) {
        single(text, "sessions", "gauge",
               "Sessions in the store, expired ones that were not reclaimed yet included.",
               stats->sessions);
    }
    if (stats->bytes_total) {
        single(text, "store_used_bytes", "gauge", "Room in the store that is taken.",
               stats->bytes_used);
        single(text, "store_size_bytes", "gauge", "Room in the store.", stats->bytes_total);
    }
    single(text, "store_evictions_total", "counter",
           "Sessions that had to go before their time, for want of room.", stats->evicted);
    single(text, "store_mends_total", "counter",
           "Times that a part of the store was put in order again.", stats->mended);
}

const char *civic_metrics_prometheus(const civic_metrics_t *metrics, apr_pool_t *pool)
{
    text_t text = {apr_array_make(pool, 128, sizeof(const char *)), pool};

    describe(&text, "info", "gauge", "Version of mod_auth_civic and kind of its store.");
    write_line(&text, "auth_civic_info{version=\"" PACKAGE_VERSION "\",%s 1\n",
               label(&text, "store", metrics->store) + 1);
    single(&text, "counting_since_seconds", "gauge",
           "When counting began, seconds since the epoch.",
           (apr_uint64_t)apr_time_sec(metrics->counts.since));
    write_requests(&text, metrics);
    write_exchanges(&text, metrics);
    write_upstreams(&text, metrics);
    write_store(&text, metrics);
    return apr_array_pstrcat(pool, text.lines, 0);
}

/* ---- JSON ---- */

static json_t *number(apr_uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *requests_json(const civic_metrics_t *metrics)
{
    json_t *requests = json_object();

    for (int i = 0; i < OUTCOME_COUNT; i++) {
        json_object_set_new(requests, outcomes[i].name,
                            number(metrics->counts.value[outcomes[i].count]));
    }
    return requests;
}

static json_t *refusals_json(const civic_metrics_t *metrics)
{
    json_t *refusals = json_object();

    for (int reason = CIVIC_OK + 1; reason < CIVIC_REASON_COUNT; reason++) {
        json_object_set_new(refusals, civic_reason_info((civic_reason)reason)->name,
                            number(metrics->counts.value[CIVIC_COUNT_REFUSALS + reason]));
    }
    return refusals;
}

static json_t *exchanges_json(const civic_metrics_t *metrics)
{
    const apr_uint64_t *value = metrics->counts.value;
    json_t *within = json_object();
    apr_uint64_t sum = 0;

    for (int i = 0; i < CIVIC_EXCHANGE_BOUND_COUNT; i++) {
        sum += value[CIVIC_COUNT_EXCHANGES + i];
        json_object_set_new(within, bounds[i], number(sum));
    }
    return json_pack(
        "{s:i, s:i, s:o, s:f, s:o}", "underWay", metrics->exchanges, "limit",
        metrics->exchange_limit, "count", number(civic_metrics_exchanges(metrics)), "seconds",
        (double)value[CIVIC_COUNT_EXCHANGE_USEC] / APR_USEC_PER_SEC, "withinSeconds", within);
}

static json_t *upstreams_json(const civic_metrics_t *metrics)
{
    json_t *all = json_array();

    for (int i = 0; i < metrics->upstreams->nelts; i++) {
        const civic_metrics_upstream_t *upstream =
            &APR_ARRAY_IDX(metrics->upstreams, i, civic_metrics_upstream_t);

        json_array_append_new(
            all, json_pack("{s:s, s:o, s:b}", "api", upstream->api, "proxy",
                           *upstream->proxy ? json_string(upstream->proxy) : json_null(), "up",
                           upstream->up));
    }
    return all;
}

static json_t *store_json(const civic_metrics_t *metrics)
{
    const civic_store_stats_t *stats = &metrics->stats;

    if (!metrics->store_up) {
        return json_pack("{s:s, s:b}", "kind", metrics->store, "up", 0);
    }
    return json_pack(
        "{s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "kind", metrics->store, "up", 1, "sessions",
        stats->sessions != CIVIC_STORE_UNKNOWN ? number(stats->sessions) : json_null(),
        "usedBytes", number(stats->bytes_used), "sizeBytes", number(stats->bytes_total),
        "evictions", number(stats->evicted), "mends", number(stats->mended));
}

json_t *civic_metrics_json(const civic_metrics_t *metrics, apr_pool_t *pool)
{
    const apr_uint64_t *value = metrics->counts.value;
    json_t *all = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version",
        PACKAGE_VERSION, "links", number(value[CIVIC_COUNT_LINKS]), "recoveries",
        number(value[CIVIC_COUNT_RECOVERIES]), "countingSince",
        json_integer(apr_time_sec(metrics->counts.since)), "requests", requests_json(metrics),
        "logins", number(value[CIVIC_COUNT_LOGINS]), "logouts",
        number(value[CIVIC_COUNT_LOGOUTS]), "sessionsEnded", number(value[CIVIC_COUNT_ENDED]),
        "websocketsClosed", number(value[CIVIC_COUNT_WEBSOCKETS_CLOSED]), "refusals",
        refusals_json(metrics), "exchanges", exchanges_json(metrics), "upstreams",
        upstreams_json(metrics), "store", store_json(metrics));

    return civic_json_own(all, pool);
}

/* status.c - see status.h: which format, and the block of mod_status. */
#include "status.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <mod_status.h>
#include <stdlib.h>
#include <string.h>

#include "assets.h"
#include "body.h"
#include "endpoints.h"
#include "json.h"
#include "refuse.h"
#include "request.h"
#include "runtime.h"

#define TYPE_PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"

static const apr_array_header_t *upstreams(const civic_runtime_t *runtime, apr_pool_t *pool)
{
    apr_array_header_t *all = apr_array_make(pool, 2, sizeof(civic_metrics_upstream_t));

    for (int i = 0; i < runtime->upstreams->nelts; i++) {
        const civic_upstream_t *known =
            &APR_ARRAY_IDX(runtime->upstreams, i, civic_upstream_t);
        civic_metrics_upstream_t *upstream = apr_array_push(all);

        upstream->api = known->api;
        upstream->proxy = known->proxy;
        upstream->up = civic_breaker_is_closed(runtime->breakers, i);
    }
    return all;
}

const civic_metrics_t *civic_status_metrics(request_rec *r)
{
    const civic_runtime_t *runtime = civic_server_conf(r->server)->runtime;
    civic_metrics_t *metrics = apr_pcalloc(r->pool, sizeof(*metrics));

    civic_metrics_gather(metrics, runtime->counters, runtime->slots, runtime->store,
                         apr_time_now());
    metrics->upstreams = upstreams(runtime, r->pool);
    return metrics;
}

/* ---- formats ---- */

static const civic_reply_t *reply_make(request_rec *r, const char *type, const char *body)
{
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));

    reply->content_type = type;
    reply->body = body ? body : "";
    return reply;
}

static const civic_reply_t *html(request_rec *r)
{
    static const civic_status_person_t nobody = {0};

    return civic_status_page(r, civic_dir_conf(r)->status_actions == 1 ? &nobody : NULL);
}

static const civic_reply_t *json(request_rec *r)
{
    const json_t *all = civic_metrics_json(civic_status_metrics(r), r->pool);

    return reply_make(r, CIVIC_TYPE_JSON, all ? civic_json_text(all, r->pool) : NULL);
}

static const civic_reply_t *prometheus(request_rec *r)
{
    return reply_make(r, TYPE_PROMETHEUS,
                      civic_metrics_prometheus(civic_status_metrics(r), r->pool));
}

/* The page's own, since CivicEndpoint need not exist on this host. */
static const civic_reply_t *css(request_rec *r)
{
    return reply_make(
        r, "text/css; charset=utf-8",
        apr_pstrcat(r->pool, civic_asset_page_css, civic_asset_status_css, NULL));
}

/* In the order in which they are preferred; without a type, only by name. */
static const struct {
    const char *name, *type;
    const civic_reply_t *(*make)(request_rec *r);
} formats[] = {
    {"html", "text/html", html},
    {"json", "application/json", json},
    {"prometheus", "text/plain", prometheus},
    {"css", NULL, css},
};
enum { FORMAT_COUNT = sizeof(formats) / sizeof(formats[0]) };

/* How well a media range of an Accept header fits a type: 0 not at all, 3 exactly. */
static int specificity(const char *range, const char *type)
{
    apr_size_t main_len = (apr_size_t)(strchr(type, '/') - type) + 1;

    if (!strcasecmp(range, type)) {
        return 3;
    }
    if (!strncasecmp(range, type, main_len) && !strcmp(range + main_len, "*")) {
        return 2;
    }
    return !strcmp(range, "*/*") ? 1 : 0;
}

/* What an Accept header gives to a type, to compare: the quality that the range which fits it
 * best has, and of the same quality, how well it fits. 0: nothing. */
static double rank(request_rec *r, const char *accept, const char *type)
{
    double q = 0;
    int best = 0;

    while (*accept) {
        char *range = ap_getword(r->pool, &accept, ',');
        char *parameters = strchr(range, ';');
        const char *weight = parameters ? ap_strcasestr(parameters, "q=") : NULL;
        int fit;

        range[parameters ? parameters - range : (apr_ssize_t)strlen(range)] = '\0';
        apr_collapse_spaces(range, range);
        fit = specificity(range, type);
        if (fit > best) {
            best = fit;
            q = weight ? strtod(weight + 2, NULL) : 1;
        }
    }
    return q > 0 ? q * 1000 + best : 0;
}

/* @return an index of formats; -1 when the query asks for one that there is not */
static int choose(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");
    apr_table_t *query = apr_table_make(r->pool, 2);
    const char *name;
    int chosen = 0;

    if (r->args && civic_form_parse(query, r->args, r->pool).reason != CIVIC_OK) {
        return -1;
    }
    name = apr_table_get(query, "format");
    for (int i = 0; name && i < FORMAT_COUNT; i++) {
        if (!strcmp(formats[i].name, name)) {
            return i;
        }
    }
    if (name || !accept) {
        return name ? -1 : 0;
    }
    for (int i = 1; i < FORMAT_COUNT && formats[i].type; i++) {
        if (rank(r, accept, formats[i].type) > rank(r, accept, formats[chosen].type)) {
            chosen = i;
        }
    }
    return chosen;
}

int civic_status_handle(request_rec *r)
{
    int format, may_act;

    if (!r->handler || strcmp(r->handler, "civic-status")) {
        return DECLINED;
    }
    may_act = civic_dir_conf(r)->status_actions == 1;
    if (r->method_number == M_POST && may_act) {
        return civic_status_act(r);
    }
    if (r->method_number != M_GET) {
        return civic_endpoint_method(r, may_act ? "GET POST" : "GET");
    }
    format = choose(r);
    if (format < 0) {
        return civic_refuse(
            r, "status",
            civic_refusal(CIVIC_BODY_MALFORMED, "format is html, json or prometheus"),
            civic_request_is_navigation(r) ? CIVIC_AS_PAGE : CIVIC_AS_PROBLEM);
    }
    return civic_respond(r, HTTP_OK, formats[format].make(r));
}

/* ---- mod_status ---- */

int civic_status_block(request_rec *r, int flags)
{
    const civic_metrics_t *metrics = civic_status_metrics(r);
    const apr_uint64_t *value = metrics->counts.value;
    const struct {
        const char *key, *words;
        apr_uint64_t number;
    } lines[] = {
        {"CivicRequestsValid", "requests with a session", value[CIVIC_COUNT_SESSION_VALID]},
        {"CivicRequestsNone", "without one", value[CIVIC_COUNT_SESSION_NONE]},
        {"CivicRequestsExpired", "with one that has ended",
         value[CIVIC_COUNT_SESSION_EXPIRED]},
        {"CivicRequestsUnavailable", "while the store did not answer",
         value[CIVIC_COUNT_SESSION_UNAVAILABLE]},
        {"CivicLogins", "logins", value[CIVIC_COUNT_LOGINS]},
        {"CivicLogouts", "logouts", value[CIVIC_COUNT_LOGOUTS]},
        {"CivicExchanges", "exchanges with Civic", civic_metrics_exchanges(metrics)},
        {"CivicExchangesUnderWay", "exchanges under way", (apr_uint64_t)metrics->exchanges},
        {"CivicSessions", "sessions", metrics->stats.sessions}, /* where that is known */
    };
    int is_known = metrics->store_up && metrics->stats.sessions != CIVIC_STORE_UNKNOWN;
    apr_size_t count = sizeof(lines) / sizeof(lines[0]) - (is_known ? 0 : 1);

    if (!(flags & AP_STATUS_SHORT)) {
        ap_rputs("<hr />\n<h1>mod_auth_civic</h1>\n<dl>\n", r);
    }
    for (apr_size_t i = 0; i < count; i++) {
        if (flags & AP_STATUS_SHORT) {
            ap_rprintf(r, "%s: %" APR_UINT64_T_FMT "\n", lines[i].key, lines[i].number);
        }
        else {
            ap_rprintf(r, "<dt>%s: %" APR_UINT64_T_FMT "</dt>\n", lines[i].words,
                       lines[i].number);
        }
    }
    if (!(flags & AP_STATUS_SHORT)) {
        ap_rputs("</dl>\n", r);
    }
    return OK;
}

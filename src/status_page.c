/* status_page.c - civic-status for people: src/assets/status.html with its numbers
 * and lists. */
#include <apr_strings.h>
#include <apr_time.h>
#include <http_core.h>

#include "assets.h"
#include "page.h"
#include "request.h"
#include "runtime.h"
#include "status.h"
#include "template.h"

static const char *number_text(apr_uint64_t number, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%" APR_UINT64_T_FMT, number);
}

static const char *time_text(apr_time_t time, apr_pool_t *pool)
{
    apr_time_exp_t exploded;

    apr_time_exp_gmt(&exploded, time);
    return apr_psprintf(pool, "%d-%02d-%02d %02d:%02d:%02d UTC", exploded.tm_year + 1900,
                        exploded.tm_mon + 1, exploded.tm_mday, exploded.tm_hour,
                        exploded.tm_min, exploded.tm_sec);
}

static const char *bytes_text(apr_uint64_t bytes, apr_pool_t *pool)
{
    return bytes < 1024 * 1024 ? apr_psprintf(pool, "%.1f KiB", (double)bytes / 1024)
                               : apr_psprintf(pool, "%.1f MiB", (double)bytes / (1024 * 1024));
}

/* ---- lists ---- */

static apr_array_header_t *rows_make(apr_pool_t *pool)
{
    return apr_array_make(pool, 16, sizeof(apr_table_t *));
}

static apr_table_t *row_add(apr_array_header_t *rows)
{
    apr_table_t *row = apr_table_make(rows->pool, 6);

    APR_ARRAY_PUSH(rows, apr_table_t *) = row;
    return row;
}

static void number_add(apr_array_header_t *rows, const char *name, const char *value)
{
    apr_table_t *row = row_add(rows);

    apr_table_setn(row, "name", name);
    apr_table_setn(row, "value", value);
}

static void add_exchanges(apr_array_header_t *rows, const civic_metrics_t *metrics)
{
    apr_uint64_t count = civic_metrics_exchanges(metrics);
    double usec = (double)metrics->counts.value[CIVIC_COUNT_EXCHANGE_USEC];
    apr_pool_t *pool = rows->pool;

    number_add(rows, "Exchanges with Civic", number_text(count, pool));
    if (count) {
        number_add(rows, "An exchange takes on average",
                   apr_psprintf(pool, "%.3f s", usec / (double)count / APR_USEC_PER_SEC));
    }
    number_add(
        rows, "Exchanges under way",
        apr_psprintf(pool, "%d of at most %d", metrics->exchanges, metrics->exchange_limit));
}

static void add_upstreams(apr_array_header_t *rows, const civic_metrics_t *metrics)
{
    for (int i = 0; i < metrics->upstreams->nelts; i++) {
        const civic_metrics_upstream_t *upstream =
            &APR_ARRAY_IDX(metrics->upstreams, i, civic_metrics_upstream_t);

        number_add(rows,
                   apr_pstrcat(rows->pool, "Civic at ", upstream->api,
                               *upstream->proxy ? " by way of " : NULL, upstream->proxy, NULL),
                   upstream->up ? "up" : "down: logins are refused");
    }
}

static void add_store(apr_array_header_t *rows, const civic_metrics_t *metrics)
{
    const civic_store_stats_t *stats = &metrics->stats;
    apr_pool_t *pool = rows->pool;

    if (!metrics->store_up) {
        number_add(rows, "Session store",
                   apr_pstrcat(pool, metrics->store, ": it does not answer", NULL));
        return;
    }
    number_add(rows, "Session store", metrics->store);
    number_add(rows, "Sessions in it",
               stats->sessions == CIVIC_STORE_UNKNOWN ? "it does not count them"
                                                      : number_text(stats->sessions, pool));
    if (stats->bytes_total) {
        number_add(rows, "Room taken",
                   apr_psprintf(pool, "%s of %s (%d %%)", bytes_text(stats->bytes_used, pool),
                                bytes_text(stats->bytes_total, pool),
                                (int)(stats->bytes_used * 100 / stats->bytes_total)));
    }
    number_add(rows, "Ended early for want of room", number_text(stats->evicted, pool));
    number_add(rows, "Parts put in order again", number_text(stats->mended, pool));
}

static apr_array_header_t *numbers(const civic_metrics_t *metrics, apr_pool_t *pool)
{
    static const struct {
        const char *name;
        civic_count count;
    } counters[] = {
        {"Requests with a session", CIVIC_COUNT_SESSION_VALID},
        {"Requests without one", CIVIC_COUNT_SESSION_NONE},
        {"Requests with one that has ended", CIVIC_COUNT_SESSION_EXPIRED},
        {"Requests while the store did not answer", CIVIC_COUNT_SESSION_UNAVAILABLE},
        {"Logins", CIVIC_COUNT_LOGINS},
        {"Accounts linked", CIVIC_COUNT_LINKS},
        {"Logins by a recovery code", CIVIC_COUNT_RECOVERIES},
        {"Logouts", CIVIC_COUNT_LOGOUTS},
        {"Sessions ended by operators", CIVIC_COUNT_ENDED},
        {"WebSockets closed with their session", CIVIC_COUNT_WEBSOCKETS_CLOSED},
    };
    apr_array_header_t *rows = rows_make(pool);

    for (apr_size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        number_add(rows, counters[i].name,
                   number_text(metrics->counts.value[counters[i].count], pool));
    }
    add_exchanges(rows, metrics);
    add_upstreams(rows, metrics);
    add_store(rows, metrics);
    return rows;
}

/* Those that occurred. The page is the operator's, in English throughout. */
static apr_array_header_t *reasons(const civic_metrics_t *metrics,
                                   const civic_language_t *english, apr_pool_t *pool)
{
    apr_array_header_t *rows = rows_make(pool);

    for (int reason = CIVIC_OK + 1; reason < CIVIC_REASON_COUNT; reason++) {
        const civic_reason_info_t *info = civic_reason_info((civic_reason)reason);
        apr_uint64_t times = metrics->counts.value[CIVIC_COUNT_REFUSALS + reason];

        if (times) {
            apr_table_t *row = row_add(rows);

            apr_table_setn(row, "name", info->name);
            apr_table_setn(row, "times", number_text(times, pool));
            apr_table_setn(row, "status", apr_itoa(pool, info->status));
            apr_table_setn(row, "words", civic_words_reason(english, (civic_reason)reason));
        }
    }
    return rows;
}

static apr_array_header_t *applications(request_rec *r)
{
    const apr_array_header_t *all = civic_server_conf(r->server)->applications;
    apr_array_header_t *rows = rows_make(r->pool);

    for (int i = 0; i < all->nelts; i++) {
        apr_table_setn(row_add(rows), "id",
                       APR_ARRAY_IDX(all, i, const civic_application_t *)->sip.app_id);
    }
    return rows;
}

static apr_array_header_t *sessions(request_rec *r, const apr_array_header_t *list)
{
    civic_store_t *store = civic_server_conf(r->server)->runtime->store;
    apr_interval_time_t life = civic_conf_longest_life();
    apr_array_header_t *rows = rows_make(r->pool);

    for (int i = 0; i < list->nelts; i++) {
        const civic_session_t *session = &APR_ARRAY_IDX(list, i, civic_session_t);
        apr_time_t ends = civic_session_ends(session, life, life).absolute;
        const char *reference = civic_session_reference(session, r->pool);
        apr_table_t *row = row_add(rows);

        apr_table_setn(row, "reference", reference ? reference : "");
        apr_table_setn(row, "scope", session->record.scope);
        apr_table_setn(row, "created",
                       time_text(civic_session_wall(store, session->record.created), r->pool));
        apr_table_setn(row, "last-used",
                       time_text(civic_session_wall(store, session->last_used), r->pool));
        apr_table_setn(row, "ends", time_text(civic_session_wall(store, ends), r->pool));
    }
    return rows;
}

/* ---- the page ---- */

static void set_when(apr_table_t *values, const char *name, const char *value)
{
    if (value) {
        apr_table_setn(values, name, value);
    }
}

static void set_person(request_rec *r, apr_table_t *values, apr_hash_t *lists,
                       const civic_status_person_t *person)
{
    apr_table_setn(values, "actions", "");
    apr_hash_set(lists, "applications", APR_HASH_KEY_STRING, applications(r));
    set_when(values, "application", person->application);
    set_when(values, "user-id", person->user_id);
    set_when(values, "notice", person->notice);
    if (person->may_end_all) {
        apr_table_setn(values, "unlisted", "");
    }
    if (person->sessions) {
        apr_table_setn(values, person->sessions->nelts ? "listed" : "none", "");
        apr_hash_set(lists, "sessions", APR_HASH_KEY_STRING, sessions(r, person->sessions));
    }
}

const civic_reply_t *civic_status_page(request_rec *r, const civic_status_person_t *person)
{
    const civic_metrics_t *metrics = civic_status_metrics(r);
    civic_reply_t *reply = apr_pcalloc(r->pool, sizeof(*reply));
    apr_table_t *values = apr_table_make(r->pool, 12);
    apr_hash_t *lists = apr_hash_make(r->pool);
    apr_array_header_t *occurred = reasons(
        metrics, APR_ARRAY_IDX(civic_server_conf(r->server)->languages, 0, civic_language_t *),
        r->pool);

    apr_table_setn(values, "site", ap_get_server_name(r));
    apr_table_setn(values, "version", civic_asset_version);
    apr_table_setn(values, "since", time_text(metrics->counts.since, r->pool));
    apr_table_setn(values, occurred->nelts ? "refused" : "nobody", "");
    apr_hash_set(lists, "numbers", APR_HASH_KEY_STRING, numbers(metrics, r->pool));
    apr_hash_set(lists, "reasons", APR_HASH_KEY_STRING, occurred);
    if (person) {
        set_person(r, values, lists, person);
    }
    reply->content_type = CIVIC_TYPE_HTML;
    reply->policy = CIVIC_PAGE_POLICY;
    reply->body = civic_template_render_lists(civic_asset_status_html, values, lists, r->pool);
    return reply;
}

/* startup_factor.c - the enrollment stores that the configuration asks for. */
#include <apr_dbd.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <ap_mpm.h>
#include <httpd.h>
#include <http_config.h>
#include <mod_dbd.h>
#include <string.h>

#include "conf.h"
#include "enrollment.h"
#include "log.h"
#include "outage.h"
#include "runtime.h"

/* ---- mod_dbd's connections ---- */

static APR_OPTIONAL_FN_TYPE(ap_dbd_open) * dbd_open(void)
{
    return APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
}

static void release(void *baton, void *connection)
{
    APR_OPTIONAL_FN_TYPE(ap_dbd_close) *dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);

    dbd_close(baton, connection);
}

/* mod_dbd makes a lost connection anew when it gives one out. */
static void *acquire(void *baton, const apr_dbd_driver_t **driver, apr_dbd_t **handle,
                     const char **error, apr_pool_t *pool)
{
    ap_dbd_t *connection = dbd_open()(pool, baton);

    if (!connection) {
        *error = "the database of mod_dbd cannot be reached";
        return NULL;
    }
    *driver = connection->driver;
    *handle = connection->handle;
    return connection;
}

static apr_hash_t *prepared(void *connection)
{
    return ((ap_dbd_t *)connection)->prepared;
}

/* Made before the fork: each child has its own. */
static civic_outage_t *outage_create(server_rec *s, apr_pool_t *pool)
{
    civic_store_env_t *env = apr_pcalloc(pool, sizeof(*env));
    civic_outage_t *outage;
    int threads = 0;

    env->say = civic_startup_say;
    env->say_baton = s;
    outage = civic_outage_create(env, "CivicEnrollmentStore dbd",
                                 "requests behind a second factor", pool);
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    civic_outage_bound(outage, threads);
    return outage;
}

static civic_enrollments_t *dbd_store(const civic_enrollment_choice_t *choice, server_rec *s,
                                      apr_pool_t *pool)
{
    civic_enrollment_dbd_t dbd = {.acquire = acquire,
                                  .release = release,
                                  .prepared = prepared,
                                  .baton = s,
                                  .outage = outage_create(s, pool)};

    for (int i = 0; choice->queries && i < CIVIC_QUERIES; i++) {
        dbd.queries[i] = apr_table_get(choice->queries, civic_enrollment_query_names[i]);
    }
    return civic_enrollment_dbd_open(&dbd, pool);
}

/* ---- startup ---- */

const char *civic_startup_factor_fault(const server_rec *host, const char *directive)
{
    const civic_enrollment_choice_t *choice = &civic_server_conf(host)->enrollment;

    if (!strcasecmp(directive, "CivicSecondFactor")) {
        return choice->said ? NULL
                            : "it needs a place for who is who: say CivicEnrollmentStore "
                              "dbm:/var/lib/civic/enrollments";
    }
    if (!strcasecmp(directive, "CivicEnrollmentQuery") && (!choice->said || choice->path)) {
        return "it has no use without CivicEnrollmentStore dbd";
    }
    return choice->said && !choice->path && !dbd_open()
               ? "dbd is the database of mod_dbd, which is not loaded"
               : NULL;
}

/* Hosts with the same files share what a child has open of them. */
static civic_enrollments_t *dbm_store(const char *path, server_rec *first, const server_rec *s,
                                      const char **error, apr_pool_t *pool)
{
    for (; first != s; first = first->next) {
        const civic_server_conf_t *conf = civic_server_conf(first);

        if (conf->enrollments && conf->enrollment.path
            && !strcmp(conf->enrollment.path, path)) {
            return conf->enrollments;
        }
    }
    return civic_enrollment_dbm_open(path, error, pool);
}

/* A database is each host's own: its server_rec says which of mod_dbd's connections it has,
 * the main server's where it says nothing else. */
int civic_startup_factor(server_rec *main_server, apr_pool_t *pconf)
{
    for (server_rec *s = main_server; s; s = s->next) {
        civic_server_conf_t *conf = civic_server_conf(s);
        const char *error = NULL;

        if (!conf->enrollment.said) {
            continue;
        }
        conf->enrollments = conf->enrollment.path ? dbm_store(conf->enrollment.path,
                                                              main_server, s, &error, pconf)
                                                  : dbd_store(&conf->enrollment, s, pconf);
        if (!conf->enrollments) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                         CIVIC_LOG_PREFIX "CivicEnrollmentStore %s: %s",
                         conf->enrollment.path ? conf->enrollment.path : "dbd", error);
            return 0;
        }
    }
    return 1;
}

/* scan.c - what a configuration file says of applications, keys and the store of enrollments.
 * See htcivic.h. */
#include <apr_strings.h>
#include <string.h>

#include "htcivic.h"
#include "source.h"

const char **htcivic_member(htcivic_application_t *app, const char *directive)
{
    const struct {
        const char *name, **member;
    } known[] = {
        {"CivicPrivateKeyFile", &app->private_key},
        {"CivicSecretFile", &app->secret},
        {"CivicApiUrl", &app->api},
        {"CivicEnvironment", &app->environment},
        {"CivicPublicKey", &app->public_key},
        {"CivicCACertificateFile", &app->ca_file},
        {"CivicProxy", &app->proxy},
        {"CivicProxySecretFile", &app->proxy_secret},
    };

    for (apr_size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!strcasecmp(known[i].name, directive)) {
            return known[i].member;
        }
    }
    return NULL;
}

typedef struct {
    htcivic_conf_t *conf;
    htcivic_application_t *app; /* whose section is being read, NULL outside */
    htcivic_store_t store;      /* but for which one it is */
    apr_pool_t *pool;
} scan_t;

/* Each one once. */
static void store_name(apr_array_header_t *stores, const char *name)
{
    for (int i = 0; i < stores->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(stores, i, htcivic_store_t).store, name)) {
            return;
        }
    }
    APR_ARRAY_PUSH(stores, htcivic_store_t) = (htcivic_store_t){.store = name};
}

/* @return 1 when the directive is about the store of enrollments */
static int take_store(scan_t *scan, const char *directive, const char *value, const char *line)
{
    htcivic_store_t *store = &scan->store;

    if (!strcasecmp(directive, "CivicEnrollmentStore")) {
        store_name(scan->conf->stores, value);
    }
    else if (!strcasecmp(directive, "DBDriver")) {
        store->driver = value;
    }
    else if (!strcasecmp(directive, "DBDParams")) {
        store->params = value;
    }
    else if (!strcasecmp(directive, "CivicEnrollmentQuery")) {
        for (int i = 0; i < CIVIC_QUERIES; i++) {
            if (!strcasecmp(value, civic_enrollment_query_names[i])) {
                store->queries[i] = htcivic_word(&line, scan->pool);
            }
        }
    }
    else {
        return 0;
    }
    return 1;
}

static void take(void *baton, const char *line)
{
    scan_t *scan = baton;
    const char *directive = htcivic_word(&line, scan->pool), **member,
               *value = htcivic_word(&line, scan->pool);

    if (!strcasecmp(directive, "CivicAssertionKeyFile")) {
        const char *other = htcivic_word(&line, scan->pool);

        scan->conf->assertion_key = value;
        scan->conf->other_key = *other ? other : NULL;
    }
    else if (!strcasecmp(directive, "User")) {
        scan->conf->user = value;
    }
    else if (!strcasecmp(directive, "<CivicApplication")) {
        scan->app = apr_array_push(scan->conf->applications);
        memset(scan->app, 0, sizeof(*scan->app));
        scan->app->id = value;
    }
    else if (!strcasecmp(directive, "</CivicApplication")) {
        scan->app = NULL;
    }
    else if (take_store(scan, directive, value, line)) {
        return;
    }
    else if (scan->app && (member = htcivic_member(scan->app, directive))) {
        *member = value;
    }
}

static const char *scan_file(scan_t *scan, const char *path, const char *root)
{
    htcivic_source_t source = {.take = take, .baton = scan, .root = root};
    const char *fault;

    *scan->conf = (htcivic_conf_t){0};
    scan->conf->applications = apr_array_make(scan->pool, 4, sizeof(htcivic_application_t));
    scan->conf->stores = apr_array_make(scan->pool, 2, sizeof(htcivic_store_t));
    fault = htcivic_source_read(&source, path, scan->pool);
    scan->conf->root = source.root;
    for (int i = 0; i < scan->conf->stores->nelts; i++) {
        htcivic_store_t *store = &APR_ARRAY_IDX(scan->conf->stores, i, htcivic_store_t);
        const char *name = store->store;

        *store = scan->store;
        store->store = name;
        store->root = source.root;
    }
    return fault;
}

const char *htcivic_scan(htcivic_conf_t *conf, const char *path, const char *root,
                         apr_pool_t *pool)
{
    scan_t scan = {.conf = conf, .pool = pool};
    const char *fault = scan_file(&scan, path, root);

    if (fault) {
        return fault;
    }
    for (int i = 0; i < conf->applications->nelts; i++) {
        APR_ARRAY_IDX(conf->applications, i, htcivic_application_t).root = conf->root;
    }
    return conf->applications->nelts
               ? NULL
               : apr_pstrcat(pool, path,
                             " has no <CivicApplication>, nor have the files that it includes",
                             NULL);
}

const char *htcivic_scan_store(htcivic_store_t *store, const char *path, const char *root,
                               apr_pool_t *pool)
{
    htcivic_conf_t conf;
    scan_t scan = {.conf = &conf, .pool = pool};
    const char *fault = scan_file(&scan, path, root);

    if (fault) {
        return fault;
    }
    if (conf.stores->nelts == 0) {
        fault = "neither it nor a file that it includes has CivicEnrollmentStore";
    }
    else if (conf.stores->nelts > 1) {
        fault = "it names several stores: say which one";
    }
    else {
        *store = APR_ARRAY_IDX(conf.stores, 0, htcivic_store_t);
        fault = !strcmp(store->store, "dbd") && (!store->driver || !store->params)
                    ? "neither it nor a file that it includes has DBDriver and DBDParams"
                    : NULL;
    }
    return fault ? apr_pstrcat(pool, path, ": ", fault, NULL) : NULL;
}

/* scan.c - what a configuration file says of applications, keys and the store of enrollments. See
 * htcivic.h. */
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "htcivic.h"

enum { LINE_MAX_LEN = 8192 };

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

/* ${NAME}, as far as it is an environment variable or a Define of this file. */
static const char *expand(const char *text, apr_table_t *defined, apr_pool_t *pool)
{
    const char *open = strstr(text, "${"), *close = open ? strchr(open, '}') : NULL;
    const char *name, *value;

    if (!close) {
        return text;
    }
    name = apr_pstrmemdup(pool, open + 2, (apr_size_t)(close - open - 2));
    value = apr_table_get(defined, name);
    value = value ? value : getenv(name);
    return apr_pstrcat(pool, apr_pstrmemdup(pool, text, (apr_size_t)(open - text)),
                       value ? value : "", expand(close + 1, defined, pool), NULL);
}

/* The next word, quoted or not; `*line` moves behind it. */
static const char *word(const char **line, apr_pool_t *pool)
{
    const char *from, *to;
    char quote;

    while (apr_isspace(**line)) {
        (*line)++;
    }
    from = *line;
    quote = *from == '"' || *from == '\'' ? *from : '\0';
    if (quote) {
        to = strchr(++from, quote);
        to = to ? to : from + strlen(from);
        *line = *to ? to + 1 : to;
    }
    else {
        to = from + strcspn(from, " \t>");
        *line = to;
    }
    return apr_pstrmemdup(pool, from, (apr_size_t)(to - from));
}

typedef struct {
    htcivic_conf_t *conf;
    htcivic_application_t *app; /* whose section is being read, NULL outside */
    apr_table_t *defined;
    htcivic_store_t store;
    const char *fault; /* of the store */
    apr_pool_t *pool;
} scan_t;

/* @return 1 when the directive is about the store of enrollments */
static int take_store(scan_t *scan, const char *directive, const char *value, const char *line)
{
    htcivic_store_t *store = &scan->store;

    if (!strcasecmp(directive, "CivicEnrollmentStore")) {
        if (store->store && strcmp(store->store, value)) {
            scan->fault = "it names several stores: say which one";
        }
        store->store = value;
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
                store->queries[i] = word(&line, scan->pool);
            }
        }
    }
    else {
        return 0;
    }
    return 1;
}

static void take(scan_t *scan, const char *line)
{
    const char *directive = word(&line, scan->pool), **member,
               *value = word(&line, scan->pool);

    if (!strcasecmp(directive, "Define") && *value) {
        apr_table_set(scan->defined, value, word(&line, scan->pool));
    }
    else if (!strcasecmp(directive, "ServerRoot") && !scan->conf->root) {
        scan->conf->root = value;
    }
    else if (!strcasecmp(directive, "CivicAssertionKeyFile")) {
        const char *other = word(&line, scan->pool);

        scan->conf->assertion_key = value;
        scan->conf->other_key = *other ? other : NULL;
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

/* Lines that end in a backslash go on. @return NULL at the end */
static char *line_read(apr_file_t *file, char *line)
{
    apr_size_t len = 0;

    while (apr_file_gets(line + len, (int)(LINE_MAX_LEN - len), file) == APR_SUCCESS) {
        len += strlen(line + len);
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) {
            line[--len] = '\0';
        }
        if (len == 0 || line[len - 1] != '\\') {
            return line;
        }
        line[--len] = '\0';
    }
    return len ? line : NULL;
}

static const char *scan_file(scan_t *scan, const char *path, const char *root)
{
    char *line = apr_palloc(scan->pool, LINE_MAX_LEN), reason[120];
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BUFFERED,
                                    APR_FPROT_OS_DEFAULT, scan->pool);

    if (rv != APR_SUCCESS) {
        return apr_psprintf(scan->pool, "%s cannot be read: %s", path,
                            apr_strerror(rv, reason, sizeof(reason)));
    }
    *scan->conf = (htcivic_conf_t){.root = root};
    scan->conf->applications = apr_array_make(scan->pool, 4, sizeof(htcivic_application_t));
    scan->defined = apr_table_make(scan->pool, 8);
    while (line_read(file, line)) {
        const char *text = line + strspn(line, " \t");

        if (*text != '#' && *text) {
            take(scan, expand(text, scan->defined, scan->pool));
        }
    }
    apr_file_close(file);
    return NULL;
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
                             " has no <CivicApplication>; Include is not followed: "
                             "name the file that has it",
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
    if (!scan.store.store) {
        scan.fault = "it has no CivicEnrollmentStore; Include is not followed";
    }
    else if (!strcmp(scan.store.store, "dbd") && (!scan.store.driver || !scan.store.params)) {
        scan.fault = "it has no DBDriver and DBDParams; Include is not followed";
    }
    *store = scan.store;
    store->root = conf.root;
    return scan.fault ? apr_pstrcat(pool, path, ": ", scan.fault, NULL) : NULL;
}

/* enroll_store.c - which store, and as whom. See htcivic.h. */
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "htcivic.h"
#include "owned_file.h"

enum { PARAMS_MOST = 4096 };

/* ---- what was said ---- */

static const char *params_read(const char **params, const char *path, apr_pool_t *pool)
{
    char *text = apr_pcalloc(pool, PARAMS_MOST + 1), reason[120];
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool);

    if (rv == APR_SUCCESS) {
        rv = apr_file_read_full(file, text, PARAMS_MOST, NULL);
        apr_file_close(file);
    }
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return apr_psprintf(pool, "%s cannot be read: %s", path,
                            apr_strerror(rv, reason, sizeof(reason)));
    }
    *params = apr_pstrmemdup(pool, text, strcspn(text, "\r\n"));
    return NULL;
}

const char *htcivic_store_parse(htcivic_store_t *store, const char *text, apr_pool_t *pool)
{
    const char *colon;

    store->store = text;
    if (!strncmp(text, "dbm:", 4) && text[4]) {
        return NULL;
    }
    colon = strncmp(text, "dbd:", 4) ? NULL : strchr(text + 4, ':');
    if (!colon || colon == text + 4 || !colon[1]) {
        return apr_pstrcat(pool, text,
                           ": a store is dbm:PATH, dbd:DRIVER:PARAMS or "
                           "dbd:DRIVER:@FILE",
                           NULL);
    }
    store->store = "dbd";
    store->driver = apr_pstrmemdup(pool, text + 4, (apr_size_t)(colon - text - 4));
    store->params = colon + 1;
    return colon[1] == '@' ? params_read(&store->params, colon + 2, pool) : NULL;
}

static const char *path_of(const htcivic_store_t *named, const char *path, apr_pool_t *pool)
{
    char *root = NULL;

    if (*path == '/') {
        return path;
    }
    if (named->root) {
        return apr_pstrcat(pool, named->root, "/", path, NULL);
    }
    return apr_filepath_get(&root, 0, pool) == APR_SUCCESS
               ? apr_pstrcat(pool, root, "/", path, NULL)
               : path;
}

const char *htcivic_store_file(const htcivic_store_t *named, apr_pool_t *pool)
{
    if (!strncmp(named->store, "dbm:", 4)) {
        return path_of(named, named->store + 4, pool);
    }
    return named->driver && named->params && !strcmp(named->driver, "sqlite3")
               ? path_of(named, named->params, pool)
               : NULL;
}

/* ---- as whom ---- */

/* For good: the command does nothing afterwards that would need root. */
static const char *become_owner(const char *path, apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/');
    const char *folder =
        slash > path ? apr_pstrmemdup(pool, path, (apr_size_t)(slash - path)) : "/";
    struct stat info;

    if (geteuid() != 0 || stat(folder, &info) || info.st_uid == 0) {
        return NULL;
    }
    if (setgroups(1, &info.st_gid) || setgid(info.st_gid) || setuid(info.st_uid)) {
        return apr_psprintf(pool, "%s belongs to user %u, whom this process cannot become",
                            folder, (unsigned)info.st_uid);
    }
    return NULL;
}

/* ---- the store ---- */

/* The driver would make what is not there, readable by all. @return NULL, or what is wrong */
static const char *sqlite_prepare(const char *path, int create, apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/'), *fault = NULL;
    const char *folder =
        slash > path ? apr_pstrmemdup(pool, path, (apr_size_t)(slash - path)) : "/";
    struct stat info;
    int fd;

    if (!stat(path, &info)) {
        return NULL;
    }
    if (!create) {
        return apr_psprintf(
            pool, "%s is not there: make it with htcivic create dbd:sqlite3:%s", path, path);
    }
    fd = civic_owned_file_make(path, folder, &fault, pool);
    if (fd >= 0) {
        close(fd);
    }
    return fault;
}

/* @param dbm set for files: their path; else `dbd` */
static const char *prepare(const char **dbm, civic_enrollment_dbd_t **dbd,
                           const htcivic_store_t *named, int create, apr_pool_t *pool)
{
    const char *path = htcivic_store_file(named, pool), *error = NULL;
    int is_dbm = !strncmp(named->store, "dbm:", 4);

    *dbm = is_dbm ? path : NULL;
    if (!is_dbm && strcmp(named->store, "dbd")) {
        return apr_pstrcat(pool, named->store, ": a store is dbm:PATH or dbd", NULL);
    }
    error = path ? become_owner(path, pool) : NULL;
    if (!error && path && !is_dbm) {
        error = sqlite_prepare(path, create, pool);
    }
    if (error || is_dbm) {
        return error;
    }
    *dbd =
        civic_enrollment_connection(named->driver, path ? path : named->params, &error, pool);
    if (*dbd) {
        memcpy((*dbd)->queries, named->queries, sizeof(named->queries));
    }
    return error;
}

const char *htcivic_store_open(civic_enrollments_t **store, const htcivic_store_t *named,
                               apr_pool_t *pool)
{
    civic_enrollment_dbd_t *dbd;
    const char *dbm, *fault = prepare(&dbm, &dbd, named, 0, pool);

    if (fault) {
        return fault;
    }
    *store = dbm ? civic_enrollment_dbm_open(dbm, &fault, pool)
                 : civic_enrollment_dbd_open(dbd, pool);
    return *store ? NULL : fault;
}

const char *htcivic_store_create(const htcivic_store_t *named, apr_pool_t *pool)
{
    civic_enrollment_dbd_t *dbd;
    const char *dbm, *fault = prepare(&dbm, &dbd, named, 1, pool);

    if (fault) {
        return fault;
    }
    return dbm ? civic_enrollment_dbm_create(dbm, pool)
               : civic_enrollment_dbd_create(dbd, pool);
}

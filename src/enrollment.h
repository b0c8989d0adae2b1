/* enrollment.h - who is who: which Civic identity belongs to which account of another login.
 *
 * An enrollment links an account (what the first login calls a person) to a Civic user id,
 * within one application, since Civic's user ids belong to an application. States of an
 * account:
 *
 *     none --add, import--> linked --remove--> none
 *
 * An account has one identity at most. An identity has one account, unless `shared` is said
 * when it is linked. Both are judged and written in one step, whoever else does the same at
 * the same moment.
 *
 * Stores: enrollment_dbm.c, files of this machine; enrollment_dbd.c, an SQL database. Opened
 * once, then used by all threads, and by all processes that are forked afterwards. What cannot
 * be known is CIVIC_ENROLLMENT_UNAVAILABLE, never CIVIC_ENROLLMENT_NONE: a store that is not
 * there must not look like one that is empty, where anybody could link himself anew. No httpd
 * here.
 *
 * Each call that can be UNAVAILABLE then sets `*error`: a text for the log, in the pool,
 * without secrets. Results are set on CIVIC_ENROLLMENT_OK alone.
 */
#ifndef CIVIC_ENROLLMENT_H
#define CIVIC_ENROLLMENT_H

#include <apr_dbd.h>
#include <apr_hash.h>
#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

/* Bytes, without the NUL. What is longer, empty, or has control characters cannot be linked;
 * nor an application that begins with #, which begins comments in exports. */
#define CIVIC_ENROLLMENT_APPLICATION_MAX 128
#define CIVIC_ENROLLMENT_ACCOUNT_MAX     255
#define CIVIC_ENROLLMENT_USER_MAX        128
#define CIVIC_ENROLLMENT_HASH_MAX        22 /* recovery.h */
#define CIVIC_ENROLLMENT_RECOVERY_MAX    16 /* recovery codes of an account */

typedef struct civic_enrollments civic_enrollments_t; /* a store */

typedef struct {
    const char *application; /* appId */
    const char *account;     /* what the first login calls the person, r->user */
    const char *user_id;     /* Civic's */
    apr_time_t linked;       /* when; stores keep whole seconds */
    /* of const char *: the hash of each recovery code that was not used yet, sorted when it
     * comes from a store; NULL is as good as empty */
    apr_array_header_t *recovery;
} civic_enrollment_t;

typedef enum {
    CIVIC_ENROLLMENT_OK,
    CIVIC_ENROLLMENT_NONE,           /* no such account; use_recovery: no such code, or used */
    CIVIC_ENROLLMENT_ACCOUNT_TAKEN,  /* the account is linked to another identity */
    CIVIC_ENROLLMENT_IDENTITY_TAKEN, /* the identity is linked to another account */
    CIVIC_ENROLLMENT_UNAVAILABLE     /* the store cannot be reached or is damaged, or what was
                                        given cannot be linked: fail closed */
} civic_enrollment_result;

/** May an identity serve several accounts? */
enum { CIVIC_ENROLLMENT_SOLE = 0, CIVIC_ENROLLMENT_SHARED = 1 };

/* ---- use, by any thread ---- */

/** @param enrollment everything in the pool. @return OK, NONE, UNAVAILABLE */
civic_enrollment_result civic_enrollment_find(civic_enrollments_t *store,
                                              civic_enrollment_t *enrollment,
                                              const char *application, const char *account,
                                              const char **error, apr_pool_t *pool);

/**
 * Link. The same pair again is OK and changes nothing, neither its time nor its recovery
 * codes.
 * @param shared CIVIC_ENROLLMENT_SOLE or CIVIC_ENROLLMENT_SHARED
 * @return OK once it is on disk; ACCOUNT_TAKEN, IDENTITY_TAKEN, UNAVAILABLE
 */
civic_enrollment_result civic_enrollment_add(civic_enrollments_t *store,
                                             const civic_enrollment_t *enrollment, int shared,
                                             const char **error, apr_pool_t *pool);

/**
 * As add for many: all or none.
 * @param list  of civic_enrollment_t
 * @param at    set when it is not OK: index of what is in the way; -1 when it is none of them
 */
civic_enrollment_result civic_enrollment_import(civic_enrollments_t *store,
                                                const apr_array_header_t *list, int shared,
                                                int *at, const char **error, apr_pool_t *pool);

/** @return OK, NONE, UNAVAILABLE */
civic_enrollment_result civic_enrollment_remove(civic_enrollments_t *store,
                                                const char *application, const char *account,
                                                const char **error, apr_pool_t *pool);

/** Use up a recovery code. Of several callers at once one gets OK. @return OK, NONE,
 * UNAVAILABLE */
civic_enrollment_result civic_enrollment_use_recovery(civic_enrollments_t *store,
                                                      const char *application,
                                                      const char *account, const char *hash,
                                                      const char **error, apr_pool_t *pool);

/** Replace all recovery codes. @param hashes of const char *. @return OK, NONE, UNAVAILABLE */
civic_enrollment_result civic_enrollment_set_recovery(civic_enrollments_t *store,
                                                      const char *application,
                                                      const char *account,
                                                      const apr_array_header_t *hashes,
                                                      const char **error, apr_pool_t *pool);

/** What an enrollment is shown to; it lives as long as the pool of the list. @return 0 to stop
 */
typedef int civic_enrollment_visit_fn(void *baton, const civic_enrollment_t *enrollment);

/** Show all of them as they are at one moment, in any order. @return OK, UNAVAILABLE */
civic_enrollment_result civic_enrollment_list(civic_enrollments_t *store,
                                              civic_enrollment_visit_fn *each, void *baton,
                                              const char **error, apr_pool_t *pool);

/** Look at everything that is stored. @return OK, or UNAVAILABLE with the first fault as
 * `*error` */
civic_enrollment_result civic_enrollment_verify(civic_enrollments_t *store, const char **error,
                                                apr_pool_t *pool);

/** Has it this recovery code? Compared in constant time. @param hash see recovery.h */
int civic_enrollment_has_recovery(const civic_enrollment_t *enrollment, const char *hash);

/** @return NULL when this can be linked, else what is wrong with it */
const char *civic_enrollment_fault(const civic_enrollment_t *enrollment);

/* ---- files: `dbm:path` ---- */

/**
 * The store at `path`; nothing is opened yet, but the folder is looked at.
 * @param path absolute
 * @return NULL with `*error` when the folder is not fit for it: not there, or writable by
 * others
 */
civic_enrollments_t *civic_enrollment_dbm_open(const char *path, const char **error,
                                               apr_pool_t *pool);

/**
 * Make an empty store, as the current user. @return NULL, or what is wrong: a store is there
 * already
 */
const char *civic_enrollment_dbm_create(const char *path, apr_pool_t *pool);

/* ---- SQL: apr_dbd ---- */

/** What is asked. An administrator may say each otherwise, with the same parameters in the
 * same order (see doc/enrollment.md), written as in apr_dbd_prepare: %s, %lld. */
typedef enum {
    CIVIC_QUERY_FIND,
    CIVIC_QUERY_IDENTITY,
    CIVIC_QUERY_ADD,
    CIVIC_QUERY_ADD_RECOVERY,
    CIVIC_QUERY_LOCK,
    CIVIC_QUERY_REMOVE,
    CIVIC_QUERY_REMOVE_RECOVERY,
    CIVIC_QUERY_USE_RECOVERY,
    CIVIC_QUERY_LIST,
    CIVIC_QUERIES
} civic_enrollment_query;

/** As an administrator names them, and what is asked where he says nothing. */
extern const char *const civic_enrollment_query_names[CIVIC_QUERIES];
extern const char *const civic_enrollment_query_defaults[CIVIC_QUERIES];

/** The tables that the default queries expect, in a driver's SQL: statements, NULL behind the
 * last. */
const char *const *civic_enrollment_schema(const char *driver);

/** Where connections come from. */
typedef struct {
    /**
     * A connection for this thread, until release. One that is known to be broken is opened
     * again.
     * @param error set when it fails: a text without password
     * @return what release gets back, never NULL; NULL when there is none
     */
    void *(*acquire)(void *baton, const apr_dbd_driver_t **driver, apr_dbd_t **handle,
                     const char **error, apr_pool_t *pool);
    void (*release)(void *baton, void *connection);
    /** A table of apr_dbd_prepared_t by texts, in a pool that lives as long as the connection.
     */
    apr_hash_t *(*prepared)(void *connection);
    void *baton;
    struct civic_outage *outage; /* outage.h; NULL: everybody may wait for the database */
    const char *queries[CIVIC_QUERIES]; /* NULL: the default */
} civic_enrollment_dbd_t;

/** @param dbd copied. @return never NULL */
civic_enrollments_t *civic_enrollment_dbd_open(const civic_enrollment_dbd_t *dbd,
                                               apr_pool_t *pool);

/** Make the tables. @return NULL, or what is wrong */
const char *civic_enrollment_dbd_create(const civic_enrollment_dbd_t *dbd, apr_pool_t *pool);

/**
 * One connection of our own, for one thread, opened when it is wanted: for programs that are
 * not httpd.
 * @param params as DBDParams, the driver's own
 * @return NULL with `*error` when APR has no such driver
 */
civic_enrollment_dbd_t *civic_enrollment_connection(const char *driver, const char *params,
                                                    const char **error, apr_pool_t *pool);

/* ---- what a store implements ---- */

typedef struct {
    civic_enrollment_result (*find)(civic_enrollments_t *, civic_enrollment_t *, const char *,
                                    const char *, const char **, apr_pool_t *);
    civic_enrollment_result (*import)(civic_enrollments_t *, const apr_array_header_t *, int,
                                      int *, const char **, apr_pool_t *);
    civic_enrollment_result (*remove)(civic_enrollments_t *, const char *, const char *,
                                      const char **, apr_pool_t *);
    civic_enrollment_result (*use_recovery)(civic_enrollments_t *, const char *, const char *,
                                            const char *, const char **, apr_pool_t *);
    civic_enrollment_result (*set_recovery)(civic_enrollments_t *, const char *, const char *,
                                            const apr_array_header_t *, const char **,
                                            apr_pool_t *);
    civic_enrollment_result (*list)(civic_enrollments_t *, civic_enrollment_visit_fn *, void *,
                                    const char **, apr_pool_t *);
    civic_enrollment_result (*verify)(civic_enrollments_t *, const char **, apr_pool_t *);
} civic_enrollment_ops_t;

/** Into the order that stores give recovery codes in. */
void civic_enrollment_sort(apr_array_header_t *hashes);

struct civic_enrollments {
    const civic_enrollment_ops_t *ops;
    void *state; /* the store's own */
};

#endif

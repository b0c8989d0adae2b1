/* enrollment_dbd.c - enrollments in an SQL database, by apr_dbd. See enrollment.h.
 *
 * Uniqueness is the database's: a primary key for accounts, a unique index for identities.
 * What is in the way is asked before a row is inserted. A row that the database refuses, since
 * somebody else was faster, is tried again, and then that shows.
 *
 * Statements are prepared without a name, each time: a driver keeps nothing of them in the
 * database that would be gone after it was started anew (SQLite's are kept:
 * enrollment_statement.c). A call that failed before anything can have been decided is tried
 * again, on a connection that was opened again where it was broken.
 */
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "enrollment.h"
#include "enrollment_sqlite.h"
#include "enrollment_statement.h"
#include "outage.h"

/* What a call is about; members that it does not use are unset. */
typedef struct {
    const apr_array_header_t *list; /* of civic_enrollment_t */
    int shared, *at;
    const char *application, *account, *hash;
    const apr_array_header_t *hashes;
    civic_enrollment_t *found;
    civic_enrollment_visit_fn *each;
    void *baton;
} call_t;

typedef civic_enrollment_result call_fn(civic_sql_t *link, const call_t *call);

#define LONG apr_time_from_sec(3)

enum { TRIES = 3 };

/* ---- rows ---- */

static int damaged(civic_sql_t *link, const char *what)
{
    *link->error =
        apr_pstrcat(link->pool, "the database of enrollments: a row is not fit: ", what, NULL);
    return CIVIC_SQL_FAILED;
}

/* A row's user id and time from `column` on. @return CIVIC_SQL_OK, CIVIC_SQL_FAILED */
static int row_read(civic_sql_t *link, civic_enrollment_t *found, apr_dbd_row_t *row,
                    int column)
{
    const char *linked = civic_sql_entry(link, row, column + 1), *fault;
    char *end = NULL;

    found->user_id = civic_sql_entry(link, row, column);
    found->linked = linked ? apr_time_from_sec(strtoll(linked, &end, 10)) : 0;
    found->recovery = apr_array_make(link->pool, 10, sizeof(const char *));
    if (!linked || *end) {
        return damaged(link, "its time of linking is no number");
    }
    fault = civic_enrollment_fault(found);
    return fault ? damaged(link, fault) : CIVIC_SQL_OK;
}

static int recovery_done(civic_sql_t *link, civic_enrollment_t *found)
{
    const char *fault = civic_enrollment_fault(found);

    civic_enrollment_sort(found->recovery);
    return fault ? damaged(link, fault) : CIVIC_SQL_OK;
}

/* Whether it found what it was asked for is not left to the database: to many a collation,
 * Alice is alice.
 * @return CIVIC_SQL_OK, CIVIC_SQL_FAILED */
static int same(civic_sql_t *link, const char *asked, apr_dbd_row_t *row, int column)
{
    const char *is = civic_sql_entry(link, row, column);

    return is && !strcmp(is, asked)
               ? CIVIC_SQL_OK
               : damaged(link, "it is not of the account or user id that was asked for: "
                               "text must be compared exactly, by a binary collation");
}

/* @return CIVIC_SQL_OK, CIVIC_SQL_NONE, CIVIC_SQL_FAILED */
static int account_get(civic_sql_t *link, civic_enrollment_t *found, const char *application,
                       const char *account)
{
    const char *args[] = {application, account};
    apr_dbd_results_t *results;
    apr_dbd_row_t *row = NULL;
    int got = CIVIC_SQL_NONE, next;

    if (civic_sql_ask(link, CIVIC_QUERY_FIND, args, 2, 4, &results) == CIVIC_SQL_FAILED) {
        return CIVIC_SQL_FAILED;
    }
    found->application = application;
    found->account = account;
    while ((next = civic_sql_next(link, results, &row)) == CIVIC_SQL_OK) {
        const char *hash = civic_sql_entry(link, row, 2);

        if (same(link, account, row, 3) == CIVIC_SQL_FAILED
            || (got == CIVIC_SQL_NONE && row_read(link, found, row, 0) == CIVIC_SQL_FAILED)) {
            return CIVIC_SQL_FAILED;
        }
        got = CIVIC_SQL_OK;
        if (hash) {
            APR_ARRAY_PUSH(found->recovery, const char *) = hash;
        }
    }
    if (next == CIVIC_SQL_FAILED) {
        return CIVIC_SQL_FAILED;
    }
    return got == CIVIC_SQL_OK ? recovery_done(link, found) : CIVIC_SQL_NONE;
}

/* Has the identity an account? @return CIVIC_SQL_OK, CIVIC_SQL_NONE, CIVIC_SQL_FAILED */
static int identity_get(civic_sql_t *link, const civic_enrollment_t *enrollment)
{
    const char *args[] = {enrollment->application, enrollment->user_id};
    apr_dbd_results_t *results;
    apr_dbd_row_t *row = NULL;
    int got = CIVIC_SQL_NONE, next;

    if (civic_sql_ask(link, CIVIC_QUERY_IDENTITY, args, 2, 2, &results) == CIVIC_SQL_FAILED) {
        return CIVIC_SQL_FAILED;
    }
    while ((next = civic_sql_next(link, results, &row)) == CIVIC_SQL_OK) {
        if (same(link, enrollment->user_id, row, 1) == CIVIC_SQL_FAILED) {
            return CIVIC_SQL_FAILED;
        }
        got = CIVIC_SQL_OK;
    }
    return next == CIVIC_SQL_FAILED ? CIVIC_SQL_FAILED : got;
}

/* ---- calls ---- */

static civic_enrollment_result call_find(civic_sql_t *link, const call_t *call)
{
    int got = account_get(link, call->found, call->application, call->account);

    return got == CIVIC_SQL_OK     ? CIVIC_ENROLLMENT_OK
           : got == CIVIC_SQL_NONE ? CIVIC_ENROLLMENT_NONE
                                   : CIVIC_ENROLLMENT_UNAVAILABLE;
}

/* @param exists the very same pair is there */
static civic_enrollment_result judge(civic_sql_t *link, const civic_enrollment_t *enrollment,
                                     int shared, int *exists)
{
    civic_enrollment_t found;
    int got = account_get(link, &found, enrollment->application, enrollment->account);

    *exists = got == CIVIC_SQL_OK;
    if (got == CIVIC_SQL_OK) {
        return strcmp(found.user_id, enrollment->user_id) ? CIVIC_ENROLLMENT_ACCOUNT_TAKEN
                                                          : CIVIC_ENROLLMENT_OK;
    }
    if (got == CIVIC_SQL_NONE && !shared) {
        got = identity_get(link, enrollment);
    }
    return got == CIVIC_SQL_FAILED ? CIVIC_ENROLLMENT_UNAVAILABLE
           : got == CIVIC_SQL_OK   ? CIVIC_ENROLLMENT_IDENTITY_TAKEN
                                   : CIVIC_ENROLLMENT_OK;
}

static int codes_insert(civic_sql_t *link, const char *application, const char *account,
                        const apr_array_header_t *hashes)
{
    for (int i = 0; i < hashes->nelts; i++) {
        const char *args[] = {application, account, APR_ARRAY_IDX(hashes, i, const char *)};

        if (civic_sql_change(link, CIVIC_QUERY_ADD_RECOVERY, args, 3, NULL)
            == CIVIC_SQL_FAILED) {
            return CIVIC_SQL_FAILED;
        }
    }
    return CIVIC_SQL_OK;
}

static int account_insert(civic_sql_t *link, const civic_enrollment_t *enrollment)
{
    const char *linked =
        apr_psprintf(link->pool, "%" APR_TIME_T_FMT, apr_time_sec(enrollment->linked));
    const char *args[] = {enrollment->application, enrollment->account, enrollment->user_id,
                          linked};

    return civic_sql_change(link, CIVIC_QUERY_ADD, args, 4, NULL) == CIVIC_SQL_OK
               ? codes_insert(link, enrollment->application, enrollment->account,
                              enrollment->recovery)
               : CIVIC_SQL_FAILED;
}

/* All of them, in one transaction. @param refused set when the database refused a row: index
 * in `call->at` */
static civic_enrollment_result import_once(civic_sql_t *link, const call_t *call, int *refused)
{
    civic_enrollment_result result = CIVIC_ENROLLMENT_OK;

    *refused = 0;
    if (civic_sql_begin(link) == CIVIC_SQL_FAILED) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    for (int i = 0; i < call->list->nelts && result == CIVIC_ENROLLMENT_OK; i++) {
        const civic_enrollment_t *one = &APR_ARRAY_IDX(call->list, i, civic_enrollment_t);
        int exists;

        *call->at = i;
        result = judge(link, one, call->shared, &exists);
        if (result == CIVIC_ENROLLMENT_OK && !exists
            && account_insert(link, one) == CIVIC_SQL_FAILED) {
            *refused = 1;
            result = CIVIC_ENROLLMENT_UNAVAILABLE;
        }
    }
    if (result != CIVIC_ENROLLMENT_OK) {
        civic_sql_roll_back(link);
        return result;
    }
    *call->at = -1;
    return civic_sql_commit(link) == CIVIC_SQL_OK ? CIVIC_ENROLLMENT_OK
                                                  : CIVIC_ENROLLMENT_UNAVAILABLE;
}

/* Refused since somebody else was faster: the next try shows it (run). Refused by an index
 * that is there although identities may be shared: no try will do. */
static civic_enrollment_result call_import(civic_sql_t *link, const call_t *call)
{
    int refused, exists;
    civic_enrollment_result result = import_once(link, call, &refused);

    if (refused && call->shared
        && judge(link, &APR_ARRAY_IDX(call->list, *call->at, civic_enrollment_t),
                 CIVIC_ENROLLMENT_SOLE, &exists)
               == CIVIC_ENROLLMENT_IDENTITY_TAKEN) {
        link->failed = 0;
        *link->error = "the database of enrollments does not let identities be shared: drop "
                       "the unique index civic_enrollments_identity";
    }
    return result;
}

/* ---- changes of an account that is there ---- */

typedef int step_fn(civic_sql_t *link, const call_t *call);

/* What is there is read within the transaction, since the database's own comparison decides
 * nothing, nor does the number of rows that an UPDATE which changes nothing has changed: MySQL
 * says 0. */
static civic_enrollment_result change_account(civic_sql_t *link, const call_t *call,
                                              step_fn *lock, step_fn *apply)
{
    civic_enrollment_t found;
    int got;

    if (civic_sql_begin(link) == CIVIC_SQL_FAILED) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    got = lock ? lock(link, call) : CIVIC_SQL_OK;
    if (got == CIVIC_SQL_OK) {
        got = account_get(link, &found, call->application, call->account);
    }
    if (got == CIVIC_SQL_OK && call->hash) {
        got =
            civic_enrollment_has_recovery(&found, call->hash) ? CIVIC_SQL_OK : CIVIC_SQL_NONE;
    }
    if (got == CIVIC_SQL_OK) {
        got = apply(link, call);
    }
    if (got != CIVIC_SQL_OK) {
        civic_sql_roll_back(link);
        return got == CIVIC_SQL_NONE ? CIVIC_ENROLLMENT_NONE : CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    return civic_sql_commit(link) == CIVIC_SQL_OK ? CIVIC_ENROLLMENT_OK
                                                  : CIVIC_ENROLLMENT_UNAVAILABLE;
}

/* Or the codes of two calls at once would both be there. */
static int lock_account(civic_sql_t *link, const call_t *call)
{
    const char *args[] = {call->application, call->account};

    return civic_sql_change(link, CIVIC_QUERY_LOCK, args, 2, NULL);
}

static int apply_remove(civic_sql_t *link, const call_t *call)
{
    const char *args[] = {call->application, call->account};
    int rows = 0;

    if (civic_sql_change(link, CIVIC_QUERY_REMOVE_RECOVERY, args, 2, NULL) == CIVIC_SQL_FAILED
        || civic_sql_change(link, CIVIC_QUERY_REMOVE, args, 2, &rows) == CIVIC_SQL_FAILED) {
        return CIVIC_SQL_FAILED;
    }
    return rows > 0 ? CIVIC_SQL_OK : CIVIC_SQL_NONE;
}

static civic_enrollment_result call_remove(civic_sql_t *link, const call_t *call)
{
    return change_account(link, call, lock_account, apply_remove);
}

/* Of several at once one deletes the row. */
static int apply_use(civic_sql_t *link, const call_t *call)
{
    const char *args[] = {call->application, call->account, call->hash};
    int rows = 0;

    if (civic_sql_change(link, CIVIC_QUERY_USE_RECOVERY, args, 3, &rows) == CIVIC_SQL_FAILED) {
        return CIVIC_SQL_FAILED;
    }
    return rows > 0 ? CIVIC_SQL_OK : CIVIC_SQL_NONE;
}

/* In a transaction, since SQLite's driver holds a lock that stops all others while it waits
 * outside of one. */
static civic_enrollment_result call_use_recovery(civic_sql_t *link, const call_t *call)
{
    return change_account(link, call, NULL, apply_use);
}

static int apply_set(civic_sql_t *link, const call_t *call)
{
    const char *args[] = {call->application, call->account};

    return civic_sql_change(link, CIVIC_QUERY_REMOVE_RECOVERY, args, 2, NULL) == CIVIC_SQL_OK
               ? codes_insert(link, call->application, call->account, call->hashes)
               : CIVIC_SQL_FAILED;
}

static civic_enrollment_result call_set_recovery(civic_sql_t *link, const call_t *call)
{
    return change_account(link, call, lock_account, apply_set);
}

/* One row for each code, or one without: rows of one account follow each other. */
static int rows_collect(civic_sql_t *link, apr_array_header_t *list,
                        apr_dbd_results_t *results)
{
    civic_enrollment_t *last = NULL;
    apr_dbd_row_t *row = NULL;
    int next;

    while ((next = civic_sql_next(link, results, &row)) == CIVIC_SQL_OK) {
        const char *application = civic_sql_entry(link, row, 0),
                   *account = civic_sql_entry(link, row, 1);
        const char *hash = civic_sql_entry(link, row, 4);

        if (!application || !account) {
            return damaged(link, "it has no account");
        }
        if (!last || strcmp(last->application, application)
            || strcmp(last->account, account)) {
            if (last && recovery_done(link, last) == CIVIC_SQL_FAILED) {
                return CIVIC_SQL_FAILED;
            }
            last = apr_array_push(list);
            last->application = application;
            last->account = account;
            if (row_read(link, last, row, 2) == CIVIC_SQL_FAILED) {
                return CIVIC_SQL_FAILED;
            }
        }
        if (hash) {
            APR_ARRAY_PUSH(last->recovery, const char *) = hash;
        }
    }
    if (next == CIVIC_SQL_FAILED) {
        return CIVIC_SQL_FAILED;
    }
    return last ? recovery_done(link, last) : CIVIC_SQL_OK;
}

static civic_enrollment_result call_list(civic_sql_t *link, const call_t *call)
{
    apr_array_header_t *list = apr_array_make(link->pool, 64, sizeof(civic_enrollment_t));
    apr_dbd_results_t *results;

    if (civic_sql_ask(link, CIVIC_QUERY_LIST, NULL, 0, 5, &results) == CIVIC_SQL_FAILED
        || rows_collect(link, list, results) == CIVIC_SQL_FAILED) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    for (int i = 0; i < list->nelts; i++) {
        if (!call->each(call->baton, &APR_ARRAY_IDX(list, i, civic_enrollment_t))) {
            break;
        }
    }
    return CIVIC_ENROLLMENT_OK;
}

/* ---- connections ---- */

/* How far a call got. */
typedef struct {
    int answered; /* the database did, whatever it said */
    int again;    /* the connection can be used, and nothing was decided */
} attempt_t;

static civic_enrollment_result run_once(const civic_enrollment_dbd_t *dbd, call_fn *function,
                                        const call_t *call, const char **error,
                                        attempt_t *attempt, apr_pool_t *pool)
{
    civic_sql_t link = {.dbd = dbd, .error = error, .pool = pool};
    void *connection = dbd->acquire(dbd->baton, &link.driver, &link.handle, error, pool);
    civic_enrollment_result result = CIVIC_ENROLLMENT_UNAVAILABLE;
    const char *fault;

    *attempt = (attempt_t){0};
    if (!connection) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    attempt->answered = 1;
    fault = civic_enrollment_sqlite_fault(link.driver, link.handle, pool);
    if (fault) {
        *error = fault;
    }
    else {
        link.prepared = dbd->prepared(connection);
        apr_pool_create(&link.statements, pool);
        result = function(&link, call);
        apr_pool_destroy(link.statements);
    }
    if (link.failed) {
        attempt->answered = apr_dbd_check_conn(link.driver, pool, link.handle) == APR_SUCCESS;
        attempt->again = attempt->answered && !link.undecided;
    }
    dbd->release(dbd->baton, connection);
    return result;
}

/* Tried again: a call that somebody else overtook, and one whose connection was broken.
 * Drivers open a connection again once they have seen that it is broken, which PostgreSQL's
 * sees at the second failure when the server was killed. A call that took long to fail, as one
 * whose statement timed out, is not, and is no answer. */
static civic_enrollment_result run(civic_enrollments_t *store, call_fn *function,
                                   const call_t *call, const char **error, apr_pool_t *pool)
{
    const civic_enrollment_dbd_t *dbd = store->state;
    civic_enrollment_result result = CIVIC_ENROLLMENT_UNAVAILABLE;
    attempt_t attempt = {.again = 1};
    apr_time_t begun = apr_time_now();

    if (dbd->outage && !civic_outage_may_ask(dbd->outage)) {
        *error = "the database of enrollments is down or hangs: it is not asked";
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    for (int i = 0; i < TRIES && attempt.again; i++) {
        result = run_once(dbd, function, call, error, &attempt, pool);
        if (result != CIVIC_ENROLLMENT_UNAVAILABLE) {
            break;
        }
        if (dbd->outage && apr_time_now() - begun >= LONG) {
            attempt = (attempt_t){0};
        }
    }
    if (dbd->outage && attempt.answered) {
        civic_outage_up(dbd->outage);
    }
    else if (dbd->outage) {
        civic_outage_down(dbd->outage, *error);
    }
    return result;
}

/* ---- the interface ---- */

static civic_enrollment_result dbd_find(civic_enrollments_t *store,
                                        civic_enrollment_t *enrollment,
                                        const char *application, const char *account,
                                        const char **error, apr_pool_t *pool)
{
    civic_enrollment_t found;
    const call_t call = {.found = &found,
                         .application = apr_pstrdup(pool, application),
                         .account = apr_pstrdup(pool, account)};
    civic_enrollment_result result = run(store, call_find, &call, error, pool);

    if (result == CIVIC_ENROLLMENT_OK) {
        *enrollment = found;
    }
    return result;
}

static civic_enrollment_result dbd_import(civic_enrollments_t *store,
                                          const apr_array_header_t *list, int shared, int *at,
                                          const char **error, apr_pool_t *pool)
{
    const call_t call = {.list = list, .shared = shared, .at = at};
    civic_enrollment_result result = run(store, call_import, &call, error, pool);

    if (result == CIVIC_ENROLLMENT_UNAVAILABLE) {
        *at = -1;
    }
    return result;
}

static civic_enrollment_result dbd_remove(civic_enrollments_t *store, const char *application,
                                          const char *account, const char **error,
                                          apr_pool_t *pool)
{
    const call_t call = {.application = application, .account = account};

    return run(store, call_remove, &call, error, pool);
}

static civic_enrollment_result dbd_use_recovery(civic_enrollments_t *store,
                                                const char *application, const char *account,
                                                const char *hash, const char **error,
                                                apr_pool_t *pool)
{
    const call_t call = {.application = application, .account = account, .hash = hash};

    return run(store, call_use_recovery, &call, error, pool);
}

static civic_enrollment_result dbd_set_recovery(civic_enrollments_t *store,
                                                const char *application, const char *account,
                                                const apr_array_header_t *hashes,
                                                const char **error, apr_pool_t *pool)
{
    const call_t call = {.application = application, .account = account, .hashes = hashes};

    return run(store, call_set_recovery, &call, error, pool);
}

static civic_enrollment_result dbd_list(civic_enrollments_t *store,
                                        civic_enrollment_visit_fn *each, void *baton,
                                        const char **error, apr_pool_t *pool)
{
    const call_t call = {.each = each, .baton = baton};

    return run(store, call_list, &call, error, pool);
}

/* Keys are the database's to keep; rows are judged when they are read. */
static int pass_by(void *baton, const civic_enrollment_t *enrollment)
{
    return 1;
}

static civic_enrollment_result dbd_verify(civic_enrollments_t *store, const char **error,
                                          apr_pool_t *pool)
{
    return dbd_list(store, pass_by, NULL, error, pool);
}

static const civic_enrollment_ops_t ops = {dbd_find,         dbd_import,       dbd_remove,
                                           dbd_use_recovery, dbd_set_recovery, dbd_list,
                                           dbd_verify};

civic_enrollments_t *civic_enrollment_dbd_open(const civic_enrollment_dbd_t *dbd,
                                               apr_pool_t *pool)
{
    civic_enrollments_t *store = apr_pcalloc(pool, sizeof(*store));

    store->ops = &ops;
    store->state = apr_pmemdup(pool, dbd, sizeof(*dbd));
    return store;
}

static civic_enrollment_result call_create(civic_sql_t *link, const call_t *call)
{
    if (civic_sql_begin(link) == CIVIC_SQL_FAILED) {
        return CIVIC_ENROLLMENT_UNAVAILABLE;
    }
    for (const char *const *text = civic_enrollment_schema(apr_dbd_name(link->driver)); *text;
         text++) {
        if (civic_sql_say(link, *text) == CIVIC_SQL_FAILED) {
            civic_sql_roll_back(link);
            return CIVIC_ENROLLMENT_UNAVAILABLE;
        }
    }
    return civic_sql_commit(link) == CIVIC_SQL_OK ? CIVIC_ENROLLMENT_OK
                                                  : CIVIC_ENROLLMENT_UNAVAILABLE;
}

const char *civic_enrollment_dbd_create(const civic_enrollment_dbd_t *dbd, apr_pool_t *pool)
{
    civic_enrollments_t store = {&ops, apr_pmemdup(pool, dbd, sizeof(*dbd))};
    const call_t call = {0};
    const char *error = NULL;

    return run(&store, call_create, &call, &error, pool) == CIVIC_ENROLLMENT_OK ? NULL : error;
}

/* enrollment_statement.h - statements and transactions on a connection, for enrollment_dbd.c.
 *
 * Calls return CIVIC_SQL_OK or CIVIC_SQL_FAILED, with `*error` set and `failed`. A transaction that failed is to be
 * rolled back by the caller.
 */
#ifndef CIVIC_ENROLLMENT_STATEMENT_H
#define CIVIC_ENROLLMENT_STATEMENT_H

#include "enrollment.h"

enum { CIVIC_SQL_FAILED = -1, CIVIC_SQL_NONE = 0, CIVIC_SQL_OK = 1 };

/* A connection while it is ours. */
typedef struct {
    const civic_enrollment_dbd_t *dbd;
    const apr_dbd_driver_t *driver;
    apr_dbd_t *handle;
    int failed;    /* the database refused something, or cannot be reached */
    int undecided; /* it may have happened nevertheless: not to be tried again */
    const char **error;
    apr_pool_t *pool;
} civic_sql_t;

/** @param rows how many were changed; may be NULL */
int civic_sql_change(civic_sql_t *link, civic_enrollment_query query, const char **args,
                     int count, int *rows);

/** @param results in the pool, all rows fetched */
int civic_sql_ask(civic_sql_t *link, civic_enrollment_query query, const char **args,
                  int count, apr_dbd_results_t **results);

/** A column of a row, in the pool; NULL for SQL's NULL and for nothing. */
const char *civic_sql_entry(const civic_sql_t *link, apr_dbd_row_t *row, int column);

/** A statement without parameters. */
int civic_sql_say(civic_sql_t *link, const char *statement);

int civic_sql_begin(civic_sql_t *link);
void civic_sql_roll_back(civic_sql_t *link);

/** Rolls back itself when it fails. */
int civic_sql_commit(civic_sql_t *link);

#endif

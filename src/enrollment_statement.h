/* enrollment_statement.h - statements and transactions on a connection, for enrollment_dbd.c.
 *
 * Calls return CIVIC_SQL_OK or CIVIC_SQL_FAILED, with `*error` set and `failed`. A transaction
 * that failed is to be rolled back by the caller.
 *
 * What drivers of apr_dbd differ in is known here alone.
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
    int unread;    /* a column of the results could not be read */
    const char **error;
    apr_hash_t *prepared;   /* the connection's */
    apr_pool_t *pool;       /* results */
    apr_pool_t *statements; /* gone before the connection is given back: MySQL's driver speaks
                               to the database when a statement goes */
} civic_sql_t;

/** @param rows how many were changed; may be NULL */
int civic_sql_change(civic_sql_t *link, civic_enrollment_query query, const char **args,
                     int count, int *rows);

/** @param columns that rows must have at least
 * @param results all rows are fetched, and read by civic_sql_next */
int civic_sql_ask(civic_sql_t *link, civic_enrollment_query query, const char **args,
                  int count, int columns, apr_dbd_results_t **results);

/** The first row, then the next ones. @param row NULL before the first
 * @return CIVIC_SQL_OK, CIVIC_SQL_NONE behind the last, CIVIC_SQL_FAILED */
int civic_sql_next(civic_sql_t *link, apr_dbd_results_t *results, apr_dbd_row_t **row);

/** A column of a row, in the pool; NULL for SQL's NULL and for nothing. One that cannot be
 * read is NULL, and the next civic_sql_next is CIVIC_SQL_FAILED. */
const char *civic_sql_entry(civic_sql_t *link, apr_dbd_row_t *row, int column);

/** A statement without parameters. */
int civic_sql_say(civic_sql_t *link, const char *statement);

int civic_sql_begin(civic_sql_t *link);
void civic_sql_roll_back(civic_sql_t *link);

/** Rolls back itself when it fails. */
int civic_sql_commit(civic_sql_t *link);

#endif

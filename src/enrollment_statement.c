/* enrollment_statement.c - see enrollment_statement.h. */
#include "enrollment_statement.h"

#include <apr_strings.h>
#include <string.h>

static int is_driver(const civic_sql_t *link, const char *name)
{
    return !strcmp(apr_dbd_name(link->driver), name);
}

static int fault(civic_sql_t *link, const char *what, const char *text)
{
    *link->error = apr_psprintf(link->pool, "the database of enrollments: %s: %s", what,
                                apr_pstrmemdup(link->pool, text, strcspn(text, "\r\n")));
    link->failed = 1;
    return CIVIC_SQL_FAILED;
}

/* The first line of what the driver says: the next ones may show values. */
static int failed(civic_sql_t *link, const char *what, int code)
{
    const char *text = apr_dbd_error(link->driver, link->handle, code);

    return fault(link, what, text && *text ? text : "no reason given");
}

/* A statement with values failed: MySQL shows some of them, in quotation marks. */
static int failed_with_values(civic_sql_t *link, const char *what, int code)
{
    const char *text = apr_dbd_error(link->driver, link->handle, code);
    const char *from = text ? strchr(text, '\'') : NULL,
               *to = from ? strrchr(from, '\'') : NULL;

    if (!from || !is_driver(link, "mysql")) {
        return failed(link, what, code);
    }
    return fault(link, what,
                 apr_pstrcat(link->pool,
                             apr_pstrmemdup(link->pool, text, (apr_size_t)(from - text)),
                             "...", to + 1, NULL));
}

static const char *text_of(const civic_sql_t *link, civic_enrollment_query query)
{
    const char *text = link->dbd->queries[query];

    return text ? text : civic_enrollment_query_defaults[query];
}

/* SQLite's driver frees a statement when the connection is closed: one of each has to do for
 * all of its life. */
static apr_dbd_prepared_t *prepare(civic_sql_t *link, civic_enrollment_query query)
{
    int kept = is_driver(link, "sqlite3");
    const char *text = text_of(link, query);
    apr_dbd_prepared_t *statement =
        kept ? apr_hash_get(link->prepared, text, APR_HASH_KEY_STRING) : NULL;
    int code;

    if (statement) {
        return statement;
    }
    code = apr_dbd_prepare(link->driver,
                           kept ? apr_hash_pool_get(link->prepared) : link->statements,
                           link->handle, text, NULL, &statement);
    if (code) {
        failed(link, civic_enrollment_query_names[query], code);
        return NULL;
    }
    if (kept) {
        apr_hash_set(link->prepared, text, APR_HASH_KEY_STRING, statement);
    }
    return statement;
}

/* One that failed is prepared anew: its tables may have changed. */
static int forget(civic_sql_t *link, civic_enrollment_query query, int code)
{
    apr_hash_set(link->prepared, text_of(link, query), APR_HASH_KEY_STRING, NULL);
    return failed_with_values(link, civic_enrollment_query_names[query], code);
}

int civic_sql_change(civic_sql_t *link, civic_enrollment_query query, const char **args,
                     int count, int *rows)
{
    apr_dbd_prepared_t *statement = prepare(link, query);
    int ignored = 0, code;

    if (!statement) {
        return CIVIC_SQL_FAILED;
    }
    code = apr_dbd_pquery(link->driver, link->statements, link->handle, rows ? rows : &ignored,
                          statement, count, args);
    return code ? forget(link, query, code) : CIVIC_SQL_OK;
}

/* The next row is row -1. MySQL's driver knows no next one where rows were asked for in any
 * order, and answers as behind the last; it fetches all of them in either case. */
int civic_sql_ask(civic_sql_t *link, civic_enrollment_query query, const char **args,
                  int count, int columns, apr_dbd_results_t **results)
{
    apr_dbd_prepared_t *statement = prepare(link, query);
    int code;

    if (!statement) {
        return CIVIC_SQL_FAILED;
    }
    *results = NULL;
    link->unread = 0;
    code = apr_dbd_pselect(link->driver, link->statements, link->handle, results, statement,
                           !is_driver(link, "mysql"), count, args);
    if (code) {
        return forget(link, query, code);
    }
    return apr_dbd_num_cols(link->driver, *results) < columns
               ? fault(link, civic_enrollment_query_names[query],
                       apr_psprintf(link->pool, "a row must have %d columns", columns))
               : CIVIC_SQL_OK;
}

int civic_sql_next(civic_sql_t *link, apr_dbd_results_t *results, apr_dbd_row_t **row)
{
    int code;

    if (link->unread) {
        return CIVIC_SQL_FAILED;
    }
    code = apr_dbd_get_row(link->driver, link->statements, results, row, -1);
    return code == 0    ? CIVIC_SQL_OK
           : code == -1 ? CIVIC_SQL_NONE
                        : failed_with_values(link, "a row", code);
}

const char *civic_sql_entry(civic_sql_t *link, apr_dbd_row_t *row, int column)
{
    const char *text = NULL;
    apr_status_t rv = apr_dbd_datum_get(link->driver, row, column, APR_DBD_TYPE_STRING, &text);

    if (rv != APR_SUCCESS && rv != APR_ENOENT) {
        failed_with_values(link, "a column", rv);
        link->unread = 1;
        return NULL;
    }
    return rv == APR_SUCCESS && text && *text ? apr_pstrdup(link->pool, text) : NULL;
}

/* ---- transactions ----
 *
 * As statements: PostgreSQL's driver writes to a null pointer when it is asked to start a
 * transaction on a connection that is broken. */

int civic_sql_say(civic_sql_t *link, const char *statement)
{
    int ignored = 0;
    int code = apr_dbd_query(link->driver, link->handle, &ignored, statement);

    const char *what = apr_pstrmemdup(link->pool, statement, strcspn(statement, "(\n"));

    return code ? failed(link, what, code) : CIVIC_SQL_OK;
}

/* SQLite has its lock from the start: two that read first and write then would wait for each
 * other. */
int civic_sql_begin(civic_sql_t *link)
{
    return civic_sql_say(link, is_driver(link, "sqlite3") ? "BEGIN IMMEDIATE" : "BEGIN");
}

/* The error that stays is that which came before. */
void civic_sql_roll_back(civic_sql_t *link)
{
    int ignored = 0;

    apr_dbd_query(link->driver, link->handle, &ignored, "ROLLBACK");
}

int civic_sql_commit(civic_sql_t *link)
{
    if (civic_sql_say(link, "COMMIT") == CIVIC_SQL_OK) {
        return CIVIC_SQL_OK;
    }
    link->undecided = 1;
    civic_sql_roll_back(link);
    return CIVIC_SQL_FAILED;
}

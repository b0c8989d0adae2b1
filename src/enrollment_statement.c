/* enrollment_statement.c - see enrollment_statement.h. */
#include "enrollment_statement.h"

#include <apr_strings.h>
#include <string.h>

/* The first line of what the driver says: the next ones may show values. */
static int failed(civic_sql_t *link, const char *what, int code)
{
    const char *text = apr_dbd_error(link->driver, link->handle, code);

    text = text ? text : "no reason given";
    *link->error = apr_psprintf(link->pool, "the database of enrollments: %s: %s", what,
                                apr_pstrmemdup(link->pool, text, strcspn(text, "\r\n")));
    link->failed = 1;
    return CIVIC_SQL_FAILED;
}

static apr_dbd_prepared_t *prepare(civic_sql_t *link, civic_enrollment_query query)
{
    const char *text = link->dbd->queries[query];
    apr_dbd_prepared_t *statement = NULL;
    int code;

    text = text ? text : civic_enrollment_query_defaults[query];
    code = apr_dbd_prepare(link->driver, link->pool, link->handle, text, NULL, &statement);
    if (code) {
        failed(link, civic_enrollment_query_names[query], code);
        return NULL;
    }
    return statement;
}

int civic_sql_change(civic_sql_t *link, civic_enrollment_query query, const char **args,
                     int count, int *rows)
{
    apr_dbd_prepared_t *statement = prepare(link, query);
    int ignored = 0, code;

    if (!statement) {
        return CIVIC_SQL_FAILED;
    }
    code = apr_dbd_pquery(link->driver, link->pool, link->handle, rows ? rows : &ignored,
                          statement, count, args);
    return code ? failed(link, civic_enrollment_query_names[query], code) : CIVIC_SQL_OK;
}

int civic_sql_ask(civic_sql_t *link, civic_enrollment_query query, const char **args,
                  int count, apr_dbd_results_t **results)
{
    apr_dbd_prepared_t *statement = prepare(link, query);
    int code;

    if (!statement) {
        return CIVIC_SQL_FAILED;
    }
    *results = NULL;
    code = apr_dbd_pselect(link->driver, link->pool, link->handle, results, statement, 1,
                           count, args);
    return code ? failed(link, civic_enrollment_query_names[query], code) : CIVIC_SQL_OK;
}

const char *civic_sql_entry(const civic_sql_t *link, apr_dbd_row_t *row, int column)
{
    const char *text = apr_dbd_get_entry(link->driver, row, column);

    return text && *text ? apr_pstrdup(link->pool, text) : NULL;
}

/* ---- transactions ----
 *
 * As statements: PostgreSQL's driver writes to a null pointer when it is asked to start a transaction on
 * a connection that is broken. */

int civic_sql_say(civic_sql_t *link, const char *statement)
{
    int ignored = 0;
    int code = apr_dbd_query(link->driver, link->handle, &ignored, statement);

    const char *what = apr_pstrmemdup(link->pool, statement, strcspn(statement, "(\n"));

    return code ? failed(link, what, code) : CIVIC_SQL_OK;
}

/* SQLite has its lock from the start: two that read first and write then would wait for each other. */
int civic_sql_begin(civic_sql_t *link)
{
    return civic_sql_say(
        link, strcmp(apr_dbd_name(link->driver), "sqlite3") ? "BEGIN" : "BEGIN IMMEDIATE");
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

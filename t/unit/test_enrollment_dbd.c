/* Enrollments in SQL: the same as in files, on SQLite; queries of the administrator's own;
 * what a database refuses. */
#include <apr_strings.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enrollments.h"

/* In memory where that can be: what a kill leaves is the same, and no disk is waited for. */
static char folder[] = "/dev/shm/civic-enrollments-XXXXXX";
static char path[sizeof(folder) + 8];
static civic_enrollment_dbd_t *database;

static int database_start(void **state)
{
    if (access("/dev/shm", W_OK) != 0) {
        strcpy(folder, "/tmp/civic-enrollments-XXXXXX");
    }
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(path, sizeof(path), "%s/sql", folder);
    return unit_start(state);
}

static int database_end(void **state)
{
    unlink(path);
    rmdir(folder);
    return unit_end(state);
}

/* A connection of its own for each. */
static civic_enrollment_dbd_t *connect_to(const char *file, apr_pool_t *pool)
{
    const char *error = NULL;
    civic_enrollment_dbd_t *dbd = civic_enrollment_connection("sqlite3", file, &error, pool);

    assert_case(dbd, error ? error : "no connection");
    return dbd;
}

static civic_enrollments_t *store_open(apr_pool_t *pool)
{
    return civic_enrollment_dbd_open(connect_to(path, pool), pool);
}

static int database_setup(void **state)
{
    const char *error;

    unlink(path);
    if (unit_setup(state)) {
        return 1;
    }
    database = connect_to(path, *state);
    error = civic_enrollment_dbd_create(database, *state);
    if (error) {
        print_error("%s\n", error);
    }
    return error != NULL;
}

#define STORED(test) cmocka_unit_test_setup_teardown(test, database_setup, unit_teardown)

static void sql(const char *text, apr_pool_t *pool)
{
    const apr_dbd_driver_t *driver;
    const char *error = NULL;
    apr_dbd_t *handle;
    void *connection;
    int rows;

    connection = database->acquire(database->baton, &driver, &handle, &error, pool);
    assert_case(connection, error);
    assert_case(apr_dbd_query(driver, handle, &rows, text) == 0, text);
    database->release(database->baton, connection);
}

/* Statements of the connection, by the library that its driver has loaded. */
static int statements_count(apr_pool_t *pool)
{
    void *(*next)(void *, void *) = (void *(*)(void *, void *))dlsym(
        dlopen("libsqlite3.so.0", RTLD_NOW), "sqlite3_next_stmt");
    const apr_dbd_driver_t *driver;
    const char *error = NULL;
    apr_dbd_t *handle;
    int count = 0;

    assert_non_null(next);
    assert_case(database->acquire(database->baton, &driver, &handle, &error, pool), error);
    for (void *one = NULL; (one = next(apr_dbd_native_handle(driver, handle), one));) {
        count++;
    }
    return count;
}

/* ---- the administrator's own ---- */

static void shared_without_the_index(void **state)
{
    civic_enrollments_t *store = store_open(*state);
    civic_enrollment_t second = enrollment_of("admin", "id-1");
    const char *error = NULL;

    enrollments_add(store, "alice", "id-1", 0, *state);
    assert_int_equal(
        civic_enrollment_add(store, &second, CIVIC_ENROLLMENT_SHARED, &error, *state),
        CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_case(strstr(error, "drop the unique index civic_enrollments_identity"), error);
    sql("DELETE FROM civic_enrollments", *state);
    sql("DROP INDEX civic_enrollments_identity", *state);
    enrollments_may_be_shared(store, *state);
}

static civic_enrollments_t *people_open(apr_pool_t *pool)
{
    civic_enrollment_dbd_t *dbd = connect_to(path, pool);

    dbd->queries[CIVIC_QUERY_FIND] = "SELECT civic, at, code, people.name FROM people LEFT "
                                     "JOIN codes ON codes.name = people.name"
                                     " WHERE %s = 'CO-ALPHA' AND people.name = %s";
    dbd->queries[CIVIC_QUERY_IDENTITY] =
        "SELECT name, civic FROM people WHERE %s = 'CO-ALPHA' AND civic = %s";
    dbd->queries[CIVIC_QUERY_ADD] =
        "INSERT INTO people (application, name, civic, at) VALUES (%s, %s, %s, %lld)";
    dbd->queries[CIVIC_QUERY_ADD_RECOVERY] =
        "INSERT INTO codes (application, name, code) VALUES (%s, %s, %s)";
    dbd->queries[CIVIC_QUERY_LOCK] =
        "UPDATE people SET at = at WHERE %s = 'CO-ALPHA' AND name = %s";
    dbd->queries[CIVIC_QUERY_REMOVE] =
        "DELETE FROM people WHERE %s = 'CO-ALPHA' AND name = %s";
    dbd->queries[CIVIC_QUERY_REMOVE_RECOVERY] =
        "DELETE FROM codes WHERE %s = 'CO-ALPHA' AND name = %s";
    dbd->queries[CIVIC_QUERY_USE_RECOVERY] =
        "DELETE FROM codes WHERE %s = 'CO-ALPHA' AND name = %s AND code = %s";
    dbd->queries[CIVIC_QUERY_LIST] =
        "SELECT 'CO-ALPHA', people.name, civic, at, code FROM people"
        " LEFT JOIN codes ON codes.name = people.name ORDER BY people.name";
    return civic_enrollment_dbd_open(dbd, pool);
}

static void other_queries(void **state)
{
    civic_enrollments_t *store = people_open(*state);

    sql("DROP TABLE civic_recovery", *state);
    sql("DROP TABLE civic_enrollments", *state);
    sql("CREATE TABLE people (application TEXT, name TEXT UNIQUE, civic TEXT UNIQUE, at INT)",
        *state);
    sql("CREATE TABLE codes (application TEXT, name TEXT, code TEXT)", *state);
    enrollments_are_found_until_removed(store, *state);
    enrollments_use_each_code_once(store, *state);
    sql("DELETE FROM people", *state);
    sql("DELETE FROM codes", *state);
    enrollments_are_imported_together_or_not(store, *state);
    sql("DELETE FROM people", *state);
    sql("DELETE FROM codes", *state);
    enrollments_have_one_winner(people_open, 1, *state);
}

/* ---- a connection that is kept ---- */

/* SQLite's driver keeps what was prepared until its connection is closed. */
static void statements_do_not_heap_up(void **state)
{
    civic_enrollments_t *store = civic_enrollment_dbd_open(database, *state);
    civic_enrollment_t found;

    enrollments_add(store, "alice", "id-1", 0, *state);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(enrollments_find(store, &found, "alice", *state),
                         CIVIC_ENROLLMENT_OK);
        assert_int_equal(enrollments_add(store, "alice", "id-1", 0, *state),
                         CIVIC_ENROLLMENT_OK);
    }
    assert_in_range(statements_count(*state), 1, CIVIC_QUERIES);
}

/* What is kept of a statement may be of tables that have changed since. */
static void tables_that_change(void **state)
{
    civic_enrollments_t *store = civic_enrollment_dbd_open(database, *state);
    civic_enrollments_t *other = store_open(*state);
    civic_enrollment_t found;

    for (int i = 0; i < 3; i++) {
        const char *account = apr_psprintf(*state, "account-%d", i);

        enrollments_add(store, account, account, 0, *state);
        assert_int_equal(enrollments_find(other, &found, account, *state),
                         CIVIC_ENROLLMENT_OK);
        sql(apr_psprintf(*state, "ALTER TABLE civic_enrollments ADD COLUMN more_%d INT", i),
            *state);
        assert_int_equal(enrollments_find(other, &found, account, *state),
                         CIVIC_ENROLLMENT_OK);
        assert_int_equal(enrollments_find(store, &found, account, *state),
                         CIVIC_ENROLLMENT_OK);
    }
}

/* ---- what is wrong ---- */

static const char *assert_unavailable(civic_enrollments_t *store, apr_pool_t *pool)
{
    civic_enrollment_t found, new = enrollment_of("mallory", "id-9");
    const char *error = NULL, *first;

    assert_int_equal(civic_enrollment_find(store, &found, APPLICATION, "alice", &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_non_null(error);
    first = error;
    assert_int_equal(civic_enrollment_add(store, &new, 0, &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_int_equal(
        civic_enrollment_use_recovery(store, APPLICATION, "alice", "one", &error, pool),
        CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_int_equal(civic_enrollment_remove(store, APPLICATION, "alice", &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_int_equal(civic_enrollment_verify(store, &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    return first;
}

static void no_database_is_not_an_empty_one(void **state)
{
    const char *file = apr_pstrcat(*state, folder, "/later/sql", NULL), *error;
    civic_enrollment_dbd_t *dbd = connect_to(file, *state);
    civic_enrollments_t *store = civic_enrollment_dbd_open(dbd, *state);

    error = assert_unavailable(store, *state);
    assert_case(strstr(error, "cannot be opened"), error);
    mkdir(apr_pstrcat(*state, folder, "/later", NULL), 0700);
    error = assert_unavailable(store, *state);
    assert_case(strstr(error, "find: no such table: civic_enrollments"), error);
    assert_null(civic_enrollment_dbd_create(dbd, *state));
    enrollments_are_found_until_removed(store, *state);
    error = civic_enrollment_dbd_create(dbd, *state);
    assert_case(error && strstr(error, "already exists"), "made twice");
    unlink(file);
    rmdir(apr_pstrcat(*state, folder, "/later", NULL));
}

static void rows_that_do_not_fit(void **state)
{
    static const char *const values[] = {
        "'CO-ALPHA', 'alice', '', 1", "'CO-ALPHA', 'alice', 'id' || char(10), 1",
        "'CO-ALPHA', 'alice', 'id', 'yesterday'", "'CO-ALPHA', 'alice', 'id', -1"};
    civic_enrollments_t *store = store_open(*state);
    civic_enrollment_t found;
    const char *error = NULL;

    for (apr_size_t i = 0; i < COUNT(values); i++) {
        sql(apr_pstrcat(*state, "INSERT INTO civic_enrollments VALUES (", values[i], ")",
                        NULL),
            *state);
        assert_int_equal(
            civic_enrollment_find(store, &found, APPLICATION, "alice", &error, *state),
            CIVIC_ENROLLMENT_UNAVAILABLE);
        assert_case(strstr(error, "a row is not fit"), error);
        assert_int_equal(civic_enrollment_verify(store, &error, *state),
                         CIVIC_ENROLLMENT_UNAVAILABLE);
        sql("DELETE FROM civic_enrollments", *state);
    }
}

/* A row is refused, for a reason that is none of ours: nothing of the others stays. */
static void a_refused_row_takes_all_back(void **state)
{
    apr_array_header_t *list = apr_array_make(*state, 2, sizeof(civic_enrollment_t));
    civic_enrollments_t *store = store_open(*state);
    const char *error = NULL;
    int at;

    sql("CREATE TRIGGER refuse BEFORE INSERT ON civic_enrollments WHEN NEW.account = 'bob'"
        " BEGIN SELECT RAISE(ABORT, 'not bob'); END",
        *state);
    APR_ARRAY_PUSH(list, civic_enrollment_t) = enrollment_of("alice", "id-1");
    APR_ARRAY_PUSH(list, civic_enrollment_t) = enrollment_of("bob", "id-2");
    assert_int_equal(civic_enrollment_import(store, list, 0, &at, &error, *state),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_case(strstr(error, "add: "), error);
    enrollments_assert_whole(store, 0, *state);
}

static void no_such_driver(void **state)
{
    const char *error = NULL;

    assert_null(civic_enrollment_connection("abacus", "", &error, *state));
    assert_case(strstr(error, "APR has no driver abacus"), error);
}

/* What people copy from the documentation is what the code expects. */
static void the_documented_schema(void **state)
{
    static const char *const drivers[] = {"pgsql", "sqlite3", "mysql"};
    const char *text = (const char *)unit_read("doc/enrollment.md", *state).data;

    for (apr_size_t i = 0; i < COUNT(drivers); i++) {
        for (const char *const *statement = civic_enrollment_schema(drivers[i]); *statement;
             statement++) {
            assert_case(strstr(text, apr_pstrcat(*state, *statement, ";\n", NULL)),
                        *statement);
        }
    }
    for (int i = 0; i < CIVIC_QUERIES; i++) {
        assert_case(strstr(text, apr_pstrcat(*state, "\n", civic_enrollment_query_defaults[i],
                                             ";\n", NULL)),
                    civic_enrollment_query_defaults[i]);
        assert_case(strstr(text, apr_pstrcat(*state, "| `", civic_enrollment_query_names[i],
                                             "` |", NULL)),
                    civic_enrollment_query_names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_EVERY_STORE,
        STORED(shared_without_the_index),
        STORED(other_queries),
        STORED(statements_do_not_heap_up),
        STORED(tables_that_change),
        STORED(no_database_is_not_an_empty_one),
        STORED(rows_that_do_not_fit),
        STORED(a_refused_row_takes_all_back),
        UNIT(no_such_driver),
        UNIT(the_documented_schema),
    };

    enrollments_opened = store_open;
    return cmocka_run_group_tests_name("enrollment_dbd", tests, database_start, database_end);
}

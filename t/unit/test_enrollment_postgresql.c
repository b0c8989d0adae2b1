/* Enrollments in a PostgreSQL of our own: as in files, and through its stops and starts. */
#include <apr_strings.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enrollments.h"

static char folder[] = "/tmp/civic-postgresql-XXXXXX";
static char programs[200]; /* where PostgreSQL's are, with a slash */
static civic_enrollment_dbd_t *database;

/* ---- the server: no user but root may not start it, and root may not ---- */

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *format, ...)
{
    char command[900], *at = command;
    va_list args;

    at +=
        snprintf(command, sizeof(command), "cd %s && %s %s", folder,
                 geteuid() == 0 ? "setpriv --reuid=nobody --regid=nogroup --clear-groups" : "",
                 programs);
    va_start(args, format);
    at += vsnprintf(at, 500, format, args);
    va_end(args);
    snprintf(at, 100, " >>%s/log 2>&1", folder);
    return system(command);
}

static int server_start(void)
{
    return run(
        "pg_ctl -D %s/data -w -t 120 -l %s/server.log"
        " -o \"-c fsync=off -c listen_addresses='' -c unix_socket_directories=%s\" start",
        folder, folder, folder);
}

static int server_stop(const char *how)
{
    return run("pg_ctl -D %s/data -w -t 120 -m %s stop", folder, how);
}

static void programs_find(void)
{
    glob_t found;

    if (glob("/usr/lib/postgresql/*/bin/pg_ctl", 0, NULL, &found) == 0) {
        const char *last = found.gl_pathv[found.gl_pathc - 1];

        snprintf(programs, sizeof(programs), "%.*s", (int)(strlen(last) - strlen("pg_ctl")),
                 last);
        globfree(&found);
    }
}

static int postgresql_start(void **state)
{
    const struct passwd *nobody = getpwnam("nobody");

    programs_find();
    if (!mkdtemp(folder) || (geteuid() == 0 && chown(folder, nobody->pw_uid, nobody->pw_gid))
        || run("initdb -D %s/data -U civic -A trust -E UTF8 --no-sync", folder)
        || server_start()) {
        print_error("PostgreSQL could not be started; its words are in %s\n", folder);
        return 1;
    }
    return unit_start(state);
}

static int postgresql_end(void **state)
{
    char command[100];

    server_stop("fast");
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) || unit_end(state);
}

/* ---- the database ---- */

static civic_enrollment_dbd_t *connect_as(apr_pool_t *pool)
{
    const char *params =
        apr_psprintf(pool, "host=%s user=civic dbname=postgres connect_timeout=5", folder);
    const char *error = NULL;
    civic_enrollment_dbd_t *dbd = civic_enrollment_connection("pgsql", params, &error, pool);

    assert_case(dbd, error ? error : "no connection");
    return dbd;
}

static civic_enrollments_t *store_open(apr_pool_t *pool)
{
    return civic_enrollment_dbd_open(connect_as(pool), pool);
}

static int sql(const char *text, apr_pool_t *pool)
{
    const apr_dbd_driver_t *driver;
    const char *error = NULL;
    apr_dbd_t *handle;
    void *connection;
    int rows, code;

    connection = database->acquire(database->baton, &driver, &handle, &error, pool);
    assert_case(connection, error);
    code = apr_dbd_query(driver, handle, &rows, text);
    if (code) {
        print_error("%s: %s\n", text, apr_dbd_error(driver, handle, code));
    }
    database->release(database->baton, connection);
    return code;
}

static int database_setup(void **state)
{
    if (unit_setup(state)) {
        return 1;
    }
    database = connect_as(*state);
    return sql("DROP TABLE IF EXISTS civic_recovery, civic_enrollments", *state)
           || civic_enrollment_dbd_create(database, *state);
}

#define STORED(test) cmocka_unit_test_setup_teardown(test, database_setup, unit_teardown)

static void shared_without_the_index(void **state)
{
    assert_int_equal(sql("DROP INDEX civic_enrollments_identity", *state), 0);
    enrollments_may_be_shared(store_open(*state), *state);
}

/* ---- somebody else is faster ---- */

/* Another process links, and has looked whether anybody is in the way by the time that
 * `account` with `id-1` is committed here. @return what it is told */
static civic_enrollment_result overtaken(const char *account, const char *user_id,
                                         apr_pool_t *pool)
{
    unsigned char answer = CIVIC_ENROLLMENT_UNAVAILABLE;
    int answers[2];

    assert_int_equal(pipe(answers), 0);
    assert_int_equal(sql("BEGIN", pool), 0);
    assert_int_equal(
        sql("INSERT INTO civic_enrollments VALUES ('CO-ALPHA', 'alice', 'id-1', 1)", pool), 0);
    if (fork() == 0) {
        civic_enrollment_t enrollment = enrollment_of(account, user_id);
        const char *error = NULL;

        answer = (unsigned char)civic_enrollment_add(store_open(pool), &enrollment, 0, &error,
                                                     pool);
        (void)!write(answers[1], &answer, 1);
        _exit(0);
    }
    /* Until it waits for the row of this transaction. */
    assert_int_equal(sql("DO $$ BEGIN FOR i IN 1..3000 LOOP"
                         " EXIT WHEN EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted);"
                         " PERFORM pg_sleep(0.01); END LOOP; END $$",
                         pool),
                     0);
    assert_int_equal(sql("COMMIT", pool), 0);
    assert_int_equal(read(answers[0], &answer, 1), 1);
    assert_true(wait(NULL) > 0);
    close(answers[0]);
    close(answers[1]);
    assert_int_equal(sql("DELETE FROM civic_enrollments", pool), 0);
    return answer;
}

static void somebody_is_faster(void **state)
{
    assert_int_equal(overtaken("alice", "id-2", *state), CIVIC_ENROLLMENT_ACCOUNT_TAKEN);
    assert_int_equal(overtaken("bob", "id-1", *state), CIVIC_ENROLLMENT_IDENTITY_TAKEN);
    assert_int_equal(overtaken("alice", "id-1", *state), CIVIC_ENROLLMENT_OK);
}

/* ---- stopped and started ---- */

/* The same store works again, nothing is opened anew by hand. */
static void down_and_up_again(void **state)
{
    civic_enrollments_t *store = store_open(*state);
    civic_enrollment_t found;

    enrollments_add(store, "alice", "id-1", 0, *state);
    assert_int_equal(server_stop("fast"), 0);
    enrollments_assert_down(store, *state);
    enrollments_assert_down(store, *state);
    assert_int_equal(server_start(), 0);
    assert_int_equal(enrollments_find(store, &found, "alice", *state), CIVIC_ENROLLMENT_OK);
    assert_string_equal(found.user_id, "id-1");
    assert_int_equal(enrollments_add(store, "bob", "id-2", 0, *state), CIVIC_ENROLLMENT_OK);
    enrollments_assert_whole(store, 2, *state);
}

/* Started anew between two calls: the second one does not fail. What was confirmed before the
 * server's processes were killed is there. */
static void started_anew_unnoticed(void **state)
{
    static const char *const how[] = {"fast", "immediate"};
    civic_enrollments_t *store = store_open(*state);
    civic_enrollment_t found;

    for (int i = 0; i < unit_rounds(4, 2); i++) {
        const char *account = apr_psprintf(*state, "account-%d", i);

        enrollments_add(store, account, account, 0, *state);
        assert_int_equal(server_stop(how[i % 2]), 0);
        assert_int_equal(server_start(), 0);
        assert_int_equal(enrollments_find(store, &found, account, *state),
                         CIVIC_ENROLLMENT_OK);
        assert_int_equal(server_stop(how[i % 2]), 0);
        assert_int_equal(server_start(), 0);
        assert_int_equal(enrollments_add(store, account, account, 0, *state),
                         CIVIC_ENROLLMENT_OK);
    }
}

/* Values of the row that is in the way are in what the database says. */
static void errors_show_no_values(void **state)
{
    civic_enrollment_t new = enrollment_of("secret-account", "secret-id");
    civic_enrollments_t *store = store_open(*state);
    const char *error = NULL;

    assert_int_equal(
        sql("ALTER TABLE civic_enrollments ADD CONSTRAINT none CHECK (linked < 5)", *state),
        0);
    assert_int_equal(civic_enrollment_add(store, &new, 0, &error, *state),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_case(strstr(error, "violates check constraint"), error);
    assert_case(!strstr(error, "secret"), error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_EVERY_STORE,
        STORED(shared_without_the_index),
        STORED(somebody_is_faster),
        STORED(down_and_up_again),
        STORED(started_anew_unnoticed),
        STORED(errors_show_no_values),
    };

    enrollments_opened = store_open;
    return cmocka_run_group_tests_name("enrollment_postgresql", tests, postgresql_start,
                                       postgresql_end);
}

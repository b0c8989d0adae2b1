/* Enrollments in a MariaDB of our own: as in files, through its stops and starts, and whatever
 * its collations call the same. */
#include <apr_strings.h>
#include <dlfcn.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enrollments.h"

/* In memory where that can be: what a kill leaves is the same, and no disk is waited for. */
static char folder[] = "/dev/shm/civic-mysql-XXXXXX";
static pid_t server;
static civic_enrollment_dbd_t *database;

/* ---- the server: reached by a socket in its folder alone ---- */

/* It does not outlive this program, however that ends. */
#define AS_ME     "setpriv --pdeathsig=KILL "
#define AS_NOBODY AS_ME "--reuid=nobody --regid=nogroup --clear-groups "

/* @return its process, which is the program's own */
static pid_t spawn(const char *program, const char *more)
{
    char command[900];
    pid_t pid;

    snprintf(command, sizeof(command),
             "cd %s && exec %s%s --no-defaults --datadir=%s/data --innodb-log-file-size=8M"
             " --innodb-buffer-pool-size=16M --innodb-flush-log-at-trx-commit=0 %s >>log 2>&1",
             folder, geteuid() == 0 ? AS_NOBODY : AS_ME, program, folder, more);
    pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    return pid;
}

static int connects(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int connected = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;

    close(fd);
    return connected;
}

static int server_start(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char more[200];

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
    snprintf(more, sizeof(more), "--skip-networking --socket=%s/socket --pid-file=%s/pid",
             folder, folder);
    server = spawn("/usr/sbin/mariadbd", more);
    while (server > 0 && !connects(&address)) {
        if (waitpid(server, NULL, WNOHANG) != 0) {
            server = 0;
        }
        usleep(20000);
    }
    return server <= 0;
}

static int server_stop(int signal)
{
    int failed = kill(server, signal) || waitpid(server, NULL, 0) != server;

    server = 0;
    return failed;
}

/* ---- the database ---- */

static civic_enrollment_dbd_t *connect_as(const char *more, apr_pool_t *pool)
{
    const char *params = apr_psprintf(pool, "sock=%s/socket user=root %s", folder, more);
    const char *error = NULL;
    civic_enrollment_dbd_t *dbd = civic_enrollment_connection("mysql", params, &error, pool);

    assert_case(dbd, error ? error : "no connection");
    return dbd;
}

static civic_enrollments_t *store_open(apr_pool_t *pool)
{
    return civic_enrollment_dbd_open(connect_as("dbname=civic", pool), pool);
}

static int sql_on(civic_enrollment_dbd_t *dbd, const char *text, apr_pool_t *pool)
{
    const apr_dbd_driver_t *driver;
    const char *error = NULL;
    apr_dbd_t *handle;
    void *connection;
    int rows, code;

    connection = dbd->acquire(dbd->baton, &driver, &handle, &error, pool);
    assert_case(connection, error);
    code = apr_dbd_query(driver, handle, &rows, text);
    if (code) {
        print_error("%s: %s\n", text, apr_dbd_error(driver, handle, code));
    }
    dbd->release(dbd->baton, connection);
    return code;
}

static int sql(const char *text, apr_pool_t *pool)
{
    return sql_on(database, text, pool);
}

static int mysql_start(void **state)
{
    const struct passwd *nobody = getpwnam("nobody");
    int status = 1;

    /* APR unloads it with each pool, and the library loses what it has made only once. */
    dlopen("libmariadb.so.3", RTLD_NOW | RTLD_NODELETE);
    if (access("/dev/shm", W_OK) != 0) {
        strcpy(folder, "/tmp/civic-mysql-XXXXXX");
    }
    if (!mkdtemp(folder) || (geteuid() == 0 && chown(folder, nobody->pw_uid, nobody->pw_gid))
        || waitpid(spawn("mariadb-install-db", "--auth-root-authentication-method=normal"
                                               " --skip-test-db"),
                   &status, 0)
               < 0
        || status || server_start()) {
        print_error("MariaDB could not be started; its words are in %s\n", folder);
        return 1;
    }
    return unit_start(state);
}

static int mysql_end(void **state)
{
    char command[100];

    server_stop(SIGTERM);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command) || unit_end(state);
}

/* Where nothing else is said text is compared as MySQL does, blind to case. */
static int database_setup(void **state)
{
    const char *error;

    if (unit_setup(state)
        || sql_on(connect_as("dbname=mysql", *state), "DROP DATABASE IF EXISTS civic", *state)
        || sql_on(connect_as("dbname=mysql", *state),
                  "CREATE DATABASE civic CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
                  *state)) {
        return 1;
    }
    database = connect_as("dbname=civic", *state);
    error = civic_enrollment_dbd_create(database, *state);
    if (error) {
        print_error("%s\n", error);
    }
    return error != NULL;
}

#define STORED(test) cmocka_unit_test_setup_teardown(test, database_setup, unit_teardown)

/* ---- as every store ---- */

/* A driver that counts rows which were found counts others. */
static void codes_once_with_found_rows(void **state)
{
    enrollments_use_each_code_once(
        civic_enrollment_dbd_open(connect_as("dbname=civic flags=CLIENT_FOUND_ROWS", *state),
                                  *state),
        *state);
}

static void shared_without_the_index(void **state)
{
    assert_int_equal(sql("DROP INDEX civic_enrollments_identity ON civic_enrollments", *state),
                     0);
    enrollments_may_be_shared(store_open(*state), *state);
}

/* ---- what is the same text ---- */

static void text_is_compared_exactly(void **state)
{
    static const char *const accounts[] = {"jorg", "Jorg", "jorg ", "j\xc3\xb6rg",
                                           "J\xc3\x96RG"};
    civic_enrollments_t *store = store_open(*state);
    civic_enrollment_t found;

    for (apr_size_t i = 0; i < COUNT(accounts); i++) {
        assert_int_equal(enrollments_find(store, &found, accounts[i], *state),
                         CIVIC_ENROLLMENT_NONE);
        assert_int_equal(enrollments_add(store, accounts[i], accounts[i], 0, *state),
                         CIVIC_ENROLLMENT_OK);
    }
    for (apr_size_t i = 0; i < COUNT(accounts); i++) {
        assert_int_equal(enrollments_find(store, &found, accounts[i], *state),
                         CIVIC_ENROLLMENT_OK);
        assert_string_equal(found.user_id, accounts[i]);
    }
    enrollments_assert_whole(store, COUNT(accounts), *state);
}

/* Nothing may happen to `account`, of which another's row is found. */
static void assert_unfit(civic_enrollments_t *store, const char *account, apr_pool_t *pool)
{
    apr_array_header_t *codes = apr_array_make(pool, 1, sizeof(const char *));
    civic_enrollment_t new = enrollment_of(account, "id-2"), found;
    const char *error = NULL;

    APR_ARRAY_PUSH(codes, const char *) = "new";
    assert_int_equal(civic_enrollment_find(store, &found, APPLICATION, account, &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_case(strstr(error, "by a binary collation"), error);
    assert_int_equal(civic_enrollment_add(store, &new, 0, &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_int_equal(
        civic_enrollment_use_recovery(store, APPLICATION, account, "one", &error, pool),
        CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_int_equal(
        civic_enrollment_set_recovery(store, APPLICATION, account, codes, &error, pool),
        CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_int_equal(civic_enrollment_remove(store, APPLICATION, account, &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
}

/* Tables that somebody made with text as MySQL has it. */
static void a_collation_that_is_blind(void **state)
{
    static const char *const alike[] = {"Jorg", "jorg ", "j\xc3\xb6rg"};
    civic_enrollments_t *store = store_open(*state);
    civic_enrollment_t found, same = enrollment_of("carol", "ID-1");
    const char *error = NULL;

    assert_int_equal(sql("DROP TABLE civic_recovery", *state), 0);
    assert_int_equal(sql("CREATE TABLE civic_recovery (application VARCHAR(128),"
                         " account VARCHAR(255), hash VARCHAR(22))",
                         *state),
                     0);
    assert_int_equal(sql("ALTER TABLE civic_enrollments MODIFY account VARCHAR(255) NOT NULL,"
                         " MODIFY user_id VARCHAR(128) NOT NULL",
                         *state),
                     0);
    enrollments_add(store, "jorg", "id-1", 0, *state);
    assert_int_equal(
        sql("INSERT INTO civic_recovery VALUES ('CO-ALPHA', 'jorg', 'one')", *state), 0);
    for (apr_size_t i = 0; i < COUNT(alike); i++) {
        assert_unfit(store, alike[i], *state);
    }
    assert_int_equal(civic_enrollment_add(store, &same, 0, &error, *state),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_case(strstr(error, "by a binary collation"), error);
    assert_int_equal(
        civic_enrollment_use_recovery(store, APPLICATION, "jorg", "ONE", &error, *state),
        CIVIC_ENROLLMENT_NONE);
    assert_int_equal(enrollments_find(store, &found, "jorg", *state), CIVIC_ENROLLMENT_OK);
    assert_string_equal(found.user_id, "id-1");
    assert_int_equal(found.recovery->nelts, 1);
}

/* Queries of the administrator's own, on columns of any kind of text. */
static void columns_of_any_kind(void **state)
{
    static const char *const kinds[] = {"TEXT", "CHAR(40)", "VARCHAR(40) COLLATE latin1_bin",
                                        "LONGTEXT", "VARBINARY(40)"};
    civic_enrollment_dbd_t *dbd = connect_as("dbname=civic", *state);
    civic_enrollments_t *store;
    civic_enrollment_t found;

    dbd->queries[CIVIC_QUERY_FIND] = "SELECT civic, since, NULL, name FROM people"
                                     " WHERE %s = 'CO-ALPHA' AND name = %s";
    store = civic_enrollment_dbd_open(dbd, *state);
    for (apr_size_t i = 0; i < COUNT(kinds); i++) {
        assert_int_equal(
            sql(apr_psprintf(*state, "CREATE TABLE people (name %s, civic %s, since INT)",
                             kinds[i], kinds[i]),
                *state),
            0);
        assert_int_equal(
            sql("INSERT INTO people VALUES ('a long name of somebody', 'id-9', 7),"
                " ('bob', 'id-2', 1795561200)",
                *state),
            0);
        assert_int_equal(enrollments_find(store, &found, "bob", *state), CIVIC_ENROLLMENT_OK);
        assert_string_equal(found.user_id, "id-2");
        assert_int_equal(apr_time_sec(found.linked), 1795561200);
        assert_int_equal(enrollments_find(store, &found, "carol", *state),
                         CIVIC_ENROLLMENT_NONE);
        assert_int_equal(sql("DROP TABLE people", *state), 0);
    }
}

/* ---- somebody else is faster ---- */

/* Another process links, and has looked whether anybody is in the way by the time that
 * `account` with `id-1` is committed here. @return what it is told */
static civic_enrollment_result overtaken(const char *account, const char *user_id,
                                         apr_pool_t *pool)
{
    unsigned char answer = CIVIC_ENROLLMENT_UNAVAILABLE;
    int answers[2];
    pid_t other;

    assert_int_equal(pipe(answers), 0);
    assert_int_equal(sql("BEGIN", pool), 0);
    assert_int_equal(
        sql("INSERT INTO civic_enrollments VALUES ('CO-ALPHA', 'alice', 'id-1', 1)", pool), 0);
    other = fork();
    if (other == 0) {
        civic_enrollment_t enrollment = enrollment_of(account, user_id);
        const char *error = NULL;

        answer = (unsigned char)civic_enrollment_add(store_open(pool), &enrollment, 0, &error,
                                                     pool);
        (void)!write(answers[1], &answer, 1);
        _exit(0);
    }
    /* Until it waits for the row of this transaction. */
    assert_int_equal(sql("BEGIN NOT ATOMIC DECLARE i INT DEFAULT 0;"
                         " WHILE i < 200 AND NOT EXISTS (SELECT 1 FROM"
                         " information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT')"
                         " DO DO SLEEP(0.15); SET i = i + 1; END WHILE; END",
                         pool),
                     0);
    assert_int_equal(sql("COMMIT", pool), 0);
    assert_int_equal(read(answers[0], &answer, 1), 1);
    assert_int_equal(waitpid(other, NULL, 0), other);
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

/* The same store works again, nothing is opened anew by hand. What was confirmed before the
 * server was killed is there. */
static void down_and_up_again(void **state)
{
    static const int how[] = {SIGTERM, SIGKILL};
    civic_enrollments_t *store = store_open(*state);
    civic_enrollment_t found;

    for (apr_size_t i = 0; i < COUNT(how); i++) {
        const char *account = apr_psprintf(*state, "account-%d", (int)i);

        enrollments_add(store, account, account, 0, *state);
        assert_int_equal(server_stop(how[i]), 0);
        enrollments_assert_down(store, *state);
        assert_int_equal(server_start(), 0);
        assert_int_equal(enrollments_find(store, &found, account, *state),
                         CIVIC_ENROLLMENT_OK);
        assert_int_equal(server_stop(how[i]), 0);
        assert_int_equal(server_start(), 0);
        assert_int_equal(enrollments_add(store, account, account, 0, *state),
                         CIVIC_ENROLLMENT_OK);
    }
    enrollments_assert_whole(store, COUNT(how), *state);
}

/* ---- what is said ---- */

/* Values of the row that is in the way are in what the database says. */
static void errors_show_no_values(void **state)
{
    civic_enrollment_t new = enrollment_of("secret-account", "secret-id");
    civic_enrollments_t *store = store_open(*state);
    const char *error = NULL;

    assert_int_equal(sql("ALTER TABLE civic_enrollments ADD UNIQUE (linked)", *state), 0);
    enrollments_add(store, "alice", "id-1", 0, *state);
    assert_int_equal(civic_enrollment_add(store, &new, 0, &error, *state),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_case(strstr(error, "add: Duplicate entry ..."), error);
    assert_int_equal(
        sql("CREATE TRIGGER refuse BEFORE INSERT ON civic_enrollments FOR EACH ROW"
            " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not ''secret'''",
            *state),
        0);
    assert_int_equal(civic_enrollment_add(store, &new, 0, &error, *state),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_case(strstr(error, "add: not ..."), error);
    assert_case(!strstr(error, "secret"), error);
    assert_int_equal(sql("DROP TABLE civic_recovery, civic_enrollments", *state), 0);
    assert_int_equal(civic_enrollment_verify(store, &error, *state),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_case(strstr(error, "list: Table 'civic.civic_enrollments' doesn't exist"), error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_EVERY_STORE,
        STORED(codes_once_with_found_rows),
        STORED(shared_without_the_index),
        STORED(text_is_compared_exactly),
        STORED(a_collation_that_is_blind),
        STORED(columns_of_any_kind),
        STORED(somebody_is_faster),
        STORED(down_and_up_again),
        STORED(errors_show_no_values),
    };

    enrollments_opened = store_open;
    return cmocka_run_group_tests_name("enrollment_mysql", tests, mysql_start, mysql_end);
}

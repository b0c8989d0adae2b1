/* Enrollments in files: whole and complete whatever dies, whoever else writes, and never taken
 * for empty. */
#include <apr_strings.h>
#include <apr_time.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "enrollments.h"

/* In memory where that can be: what a kill leaves is the same, and no disk is waited for. */
static char folder[] = "/dev/shm/civic-enrollments-XXXXXX";
static char path[sizeof(folder) + 8];

/* ---- a folder for each test ---- */

static void folder_empty(void)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    char name[sizeof(folder) + 300];

    while (dir && (entry = readdir(dir))) {
        snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
        unlink(name);
    }
    if (dir) {
        closedir(dir);
    }
}

static int store_start(void **state)
{
    if (access("/dev/shm", W_OK) != 0) {
        strcpy(folder, "/tmp/civic-enrollments-XXXXXX");
    }
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(path, sizeof(path), "%s/store", folder);
    return unit_start(state);
}

static int store_end(void **state)
{
    folder_empty();
    rmdir(folder);
    return unit_end(state);
}

static int store_setup(void **state)
{
    folder_empty();
    chmod(folder, 0700);
    return unit_setup(state) || civic_enrollment_dbm_create(path, *state);
}

#define STORED(test) cmocka_unit_test_setup_teardown(test, store_setup, unit_teardown)

static civic_enrollments_t *store_open(apr_pool_t *pool)
{
    const char *error = NULL;
    civic_enrollments_t *store = civic_enrollment_dbm_open(path, &error, pool);

    assert_case(store, error ? error : "no store");
    return store;
}

static const char *beside(const char *suffix, apr_pool_t *pool)
{
    return apr_pstrcat(pool, path, suffix, NULL);
}

static int is_there(const char *suffix, apr_pool_t *pool)
{
    return access(beside(suffix, pool), F_OK) == 0;
}

/* ---- as every store ---- */

static void shared_where_said(void **state)
{
    enrollments_may_be_shared(store_open(*state), *state);
}

/* ---- many ---- */

static void thousands(void **state)
{
    int count = unit_rounds(5000, 300), at;
    apr_array_header_t *list = apr_array_make(*state, count, sizeof(civic_enrollment_t));
    civic_enrollments_t *store = store_open(*state);
    const char *error = NULL;
    civic_enrollment_t found;

    for (int i = 0; i < count; i++) {
        APR_ARRAY_PUSH(list, civic_enrollment_t) = enrollment_of(
            apr_psprintf(*state, "account-%d", i), apr_psprintf(*state, "id-%d", i));
    }
    assert_int_equal(civic_enrollment_import(store, list, 0, &at, &error, *state),
                     CIVIC_ENROLLMENT_OK);
    for (int i = 0; i < count; i++) {
        const civic_enrollment_t *one = &APR_ARRAY_IDX(list, i, civic_enrollment_t);

        assert_int_equal(enrollments_find(store, &found, one->account, *state),
                         CIVIC_ENROLLMENT_OK);
        assert_string_equal(found.user_id, one->user_id);
    }
    for (int i = 0; i < count; i += count / 10) {
        assert_int_equal(civic_enrollment_remove(store, APPLICATION,
                                                 apr_psprintf(*state, "account-%d", i), &error,
                                                 *state),
                         CIVIC_ENROLLMENT_OK);
    }
    enrollments_assert_whole(store, count - 10, *state);
}

/* ---- a store that is not there, not whole, or not to be trusted ---- */

/* Nothing is read and nothing written. */
static void assert_unavailable(civic_enrollments_t *store, const char *what, apr_pool_t *pool)
{
    civic_enrollment_t found, new = enrollment_of("mallory", "id-9");
    const char *error = NULL;

    assert_int_equal(civic_enrollment_find(store, &found, APPLICATION, "alice", &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_case(error && strstr(error, what), error ? error : "no error");
    assert_int_equal(civic_enrollment_add(store, &new, 0, &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
    assert_int_equal(civic_enrollment_verify(store, &error, pool),
                     CIVIC_ENROLLMENT_UNAVAILABLE);
}

static void missing_is_not_empty(void **state)
{
    civic_enrollments_t *store = store_open(*state);

    enrollments_add(store, "alice", "id-1", 0, *state);
    assert_non_null(strstr(civic_enrollment_dbm_create(path, *state), "is there already"));
    assert_int_equal(rename(path, beside(".away", *state)), 0);
    assert_unavailable(store, "is not there: make it with htcivic create", *state);
    /* What it named is not swept away for an empty one. */
    assert_non_null(strstr(civic_enrollment_dbm_create(path, *state), "remove or restore"));
    assert_int_equal(rename(beside(".away", *state), path), 0);
    enrollments_assert_whole(store, 1, *state);
}

/* A process that died while it made the store. */
static void half_made_is_made_again(void **state)
{
    folder_empty();
    close(open(beside(".1.pag", *state), O_CREAT | O_WRONLY, 0600));
    close(open(beside(".new", *state), O_CREAT | O_WRONLY, 0600));
    assert_null(civic_enrollment_dbm_create(path, *state));
    enrollments_assert_whole(store_open(*state), 0, *state);
}

static void damage_is_noticed(void **state)
{
    static const struct {
        const char *file;
        off_t at;
    } damages[] = {{".2.pag", 4}, {".2.pag", 1000}, {"", 20}, {"", 0}, {"", 40}};
    civic_enrollments_t *store = store_open(*state);
    const char *file;

    enrollments_add(store, "alice", "id-1", 0, *state);
    for (apr_size_t i = 0; i < COUNT(damages); i++) {
        int fd = open(beside(damages[i].file, *state), O_RDWR);
        char byte = 'x', was;

        assert_int_equal(pread(fd, &was, 1, damages[i].at), 1);
        assert_int_equal(pwrite(fd, &byte, 1, damages[i].at), 1);
        assert_unavailable(store_open(*state), "damaged", *state);
        assert_int_equal(pwrite(fd, &was, 1, damages[i].at), 1);
        close(fd);
        enrollments_assert_whole(store_open(*state), 1, *state);
    }
    file = beside(".2.dir", *state);
    assert_int_equal(unlink(file), 0);
    assert_unavailable(store_open(*state), ".2.dir cannot be opened", *state);
    close(open(file, O_CREAT | O_WRONLY, 0600));
    file = beside(".2.pag", *state);
    assert_int_equal(truncate(file, 100), 0);
    assert_unavailable(store_open(*state), "damaged", *state);
}

static void others_may_neither_read_nor_write(void **state)
{
    static const mode_t modes[] = {0644, 0660, 0602, 0604};
    static const char *const files[] = {"", ".2.dir", ".2.pag"};
    civic_enrollments_t *store = store_open(*state);
    const char *error = NULL;

    enrollments_add(store, "alice", "id-1", 0, *state);
    for (apr_size_t i = 0; i < COUNT(modes) * COUNT(files); i++) {
        const char *file = beside(files[i % COUNT(files)], *state);

        chmod(file, modes[i / COUNT(files)]);
        assert_unavailable(store_open(*state), "by others", *state);
        chmod(file, 0600);
    }
    for (int i = 0; i < 3; i++) {
        static const mode_t wrong[] = {0770, 0777, 01777};

        chmod(folder, wrong[i]);
        assert_unavailable(store, "can be written by others than its owner", *state);
        assert_null(civic_enrollment_dbm_open(path, &error, *state));
    }
    chmod(folder, 0700);
    rename(path, beside(".away", *state));
    assert_int_equal(symlink(beside(".away", *state), path), 0);
    assert_unavailable(store_open(*state), "cannot be opened", *state);
    unlink(path);
    rename(beside(".away", *state), path);
    enrollments_assert_whole(store, 1, *state);
}

static mode_t mode_of(const char *suffix, apr_pool_t *pool)
{
    struct stat info;

    assert_int_equal(stat(beside(suffix, pool), &info), 0);
    return info.st_mode & 07777;
}

static void modes(void **state)
{
    civic_enrollments_t *store = store_open(*state);

    enrollments_add(store, "alice", "id-1", 0, *state);
    assert_int_equal(mode_of("", *state), 0600);
    assert_int_equal(mode_of(".2.dir", *state), 0600);
    assert_int_equal(mode_of(".2.pag", *state), 0600);
    /* Readers of the folder's group. */
    chmod(folder, 0750);
    enrollments_add(store, "bob", "id-2", 0, *state);
    assert_int_equal(mode_of("", *state), 0640);
    assert_int_equal(mode_of(".3.dir", *state), 0640);
    assert_int_equal(mode_of(".3.pag", *state), 0640);
}

/* As nobody: reads what root lets its group read, and cannot write. */
static int as_nobody(void **state)
{
    civic_enrollment_t new = enrollment_of("mallory", "id-9"), found;
    civic_enrollments_t *store;
    const char *error = NULL;

    if (setgid(65534) || setuid(65534)) {
        return 2;
    }
    store = civic_enrollment_dbm_open(path, &error, *state);
    if (!store
        || civic_enrollment_find(store, &found, APPLICATION, "alice", &error, *state)
               != CIVIC_ENROLLMENT_OK) {
        return 3;
    }
    return civic_enrollment_add(store, &new, 0, &error, *state) == CIVIC_ENROLLMENT_UNAVAILABLE
                   && strstr(error, "only he may write there")
               ? 0
               : 4;
}

static void the_group_reads_what_root_writes(void **state)
{
    civic_enrollments_t *store = store_open(*state);
    int status;

    if (geteuid() != 0) {
        return; /* there is no other user to become */
    }
    assert_int_equal(chown(folder, 0, 65534), 0);
    chmod(folder, 0750);
    enrollments_add(store, "alice", "id-1", 0, *state);
    if (fork() == 0) {
        _exit(as_nobody(state));
    }
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
    assert_int_equal(chown(folder, 0, 0), 0);
}

static void paths(void **state)
{
    static const char *const wrong[] = {"relative/store", "/tmp/", "/nonexistent/store",
                                        "/etc/passwd/store"};
    const char *error;

    for (apr_size_t i = 0; i < COUNT(wrong); i++) {
        error = NULL;
        assert_case(!civic_enrollment_dbm_open(wrong[i], &error, *state), wrong[i]);
        assert_case(error, wrong[i]);
    }
}

/* ---- several at once ---- */

/* What a parent opened before the fork has one position for all: each child has to open its
 * own. */
static void readers_after_a_fork(void **state)
{
    civic_enrollments_t *store = store_open(*state);
    civic_enrollment_t found;
    int status;

    for (int i = 0; i < 40; i++) {
        enrollments_add(store, apr_psprintf(*state, "account-%d", i),
                        apr_psprintf(*state, "id-%d", i), 0, *state);
    }
    enrollments_find(store, &found, "account-0", *state);
    for (int n = 0; n < 4; n++) {
        if (fork() == 0) {
            int wrong = 0;

            for (int i = 0; i < unit_rounds(4000, 100); i++) {
                const char *account = apr_psprintf(*state, "account-%d", (i * 7 + n) % 40);
                const char *error = NULL;

                wrong +=
                    civic_enrollment_find(store, &found, APPLICATION, account, &error, *state)
                        != CIVIC_ENROLLMENT_OK
                    || strcmp(found.user_id + 3, account + 8);
            }
            _exit(wrong != 0);
        }
    }
    for (int n = 0; n < 4; n++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
}

typedef struct {
    civic_enrollments_t *store;
    int stop, wrong, looked;
} reader_t;

static void *read_on(void *data)
{
    reader_t *reader = data;
    apr_pool_t *pool;

    apr_pool_create_unmanaged_ex(&pool, NULL, NULL);
    while (!__atomic_load_n(&reader->stop, __ATOMIC_ACQUIRE)) {
        civic_enrollment_t found;
        const char *error = NULL;

        if (civic_enrollment_find(reader->store, &found, APPLICATION, "alice", &error, pool)
            != CIVIC_ENROLLMENT_OK) {
            __atomic_add_fetch(&reader->wrong, 1, __ATOMIC_ACQ_REL);
        }
        __atomic_add_fetch(&reader->looked, 1, __ATOMIC_ACQ_REL);
        apr_pool_clear(pool);
    }
    apr_pool_destroy(pool);
    return NULL;
}

/* Threads of one process read while others write: they never miss somebody who is there all
 * the time. */
static void readers_never_see_half(void **state)
{
    reader_t reader = {store_open(*state), 0, 0, 0};
    civic_enrollments_t *writer = store_open(*state);
    pthread_t threads[3];

    enrollments_add(writer, "alice", "id-1", 0, *state);
    for (apr_size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &reader), 0);
    }
    for (int i = 0; i < unit_rounds(200, 20); i++) {
        enrollments_add(writer, apr_psprintf(*state, "account-%d", i),
                        apr_psprintf(*state, "id-%d-", i), 0, *state);
    }
    while (__atomic_load_n(&reader.looked, __ATOMIC_ACQUIRE) < 100) {
        apr_sleep(1000);
    }
    __atomic_store_n(&reader.stop, 1, __ATOMIC_RELEASE);
    for (apr_size_t i = 0; i < COUNT(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(reader.wrong, 0);
}

/* ---- kill -9 ---- */

/* Links account after account, and says so on the pipe as soon as each is confirmed. */
static void write_until_killed(int confirmed, int round, apr_pool_t *pool)
{
    civic_enrollments_t *store = store_open(pool);

    for (int i = 0;; i++) {
        char name[40];

        snprintf(name, sizeof(name), "%d-%d", round, i);
        if (enrollments_add(store, name, name, 0, pool) != CIVIC_ENROLLMENT_OK) {
            _exit(1);
        }
        /* Every third one is taken back, and not confirmed. */
        if (i % 3 == 2) {
            const char *error;

            if (civic_enrollment_remove(store, APPLICATION, name, &error, pool)
                != CIVIC_ENROLLMENT_OK) {
                _exit(1);
            }
        }
        else if (write(confirmed, &i, sizeof(i)) != sizeof(i)) {
            _exit(1);
        }
    }
}

/* @return how many were confirmed before it was killed, each of which must be there */
static int kill_one(int round, unsigned usec, apr_pool_t *pool)
{
    int confirmed[2], status, i, count = 0;
    civic_enrollments_t *store;
    pid_t pid;

    assert_int_equal(pipe(confirmed), 0);
    pid = fork();
    if (pid == 0) {
        close(confirmed[0]);
        write_until_killed(confirmed[1], round, pool);
    }
    assert_true(pid > 0);
    close(confirmed[1]);
    usleep(usec);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    store = store_open(pool);
    while (read(confirmed[0], &i, sizeof(i)) == sizeof(i)) {
        civic_enrollment_t found;

        count++;
        assert_int_equal(
            enrollments_find(store, &found, apr_psprintf(pool, "%d-%d", round, i), pool),
            CIVIC_ENROLLMENT_OK);
    }
    close(confirmed[0]);
    return count;
}

static void killed_writers_leave_it_whole(void **state)
{
    int rounds = unit_rounds(300, 10), confirmed = 0;
    apr_uint64_t seed = 42;

    for (int round = 0; round < rounds; round++) {
        civic_enrollments_t *store;
        const char *error = NULL;
        apr_pool_t *pool;

        apr_pool_create(&pool, *state);
        confirmed += kill_one(round, (unsigned)(unit_random(&seed) % 20000), pool);
        store = store_open(pool);
        assert_int_equal(civic_enrollment_verify(store, &error, pool), CIVIC_ENROLLMENT_OK);
        /* And it goes on. */
        enrollments_add(store, apr_psprintf(pool, "after-%d", round),
                        apr_psprintf(pool, "after-%d", round), 0, pool);
        confirmed++;
        apr_pool_destroy(pool);
    }
    assert_true(confirmed > rounds);
}

/* What a dead writer left goes with the next change. */
static void leftovers_are_removed(void **state)
{
    civic_enrollments_t *store = store_open(*state);

    close(open(beside(".2.pag", *state), O_CREAT | O_WRONLY, 0600));
    close(open(beside(".9.dir", *state), O_CREAT | O_WRONLY, 0600));
    close(open(beside(".new", *state), O_CREAT | O_WRONLY, 0600));
    close(open(beside(".notes", *state), O_CREAT | O_WRONLY, 0600));
    close(open(beside("s.9.dir", *state), O_CREAT | O_WRONLY, 0600));
    enrollments_add(store, "alice", "id-1", 0, *state);
    assert_true(is_there(".2.pag", *state) && is_there(".2.dir", *state));
    assert_false(is_there(".1.pag", *state) || is_there(".1.dir", *state));
    assert_false(is_there(".9.dir", *state) || is_there(".new", *state));
    assert_true(is_there(".notes", *state) && is_there("s.9.dir", *state));
    enrollments_assert_whole(store, 1, *state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_EVERY_STORE,
        STORED(shared_where_said),
        STORED(thousands),
        STORED(missing_is_not_empty),
        STORED(half_made_is_made_again),
        STORED(damage_is_noticed),
        STORED(others_may_neither_read_nor_write),
        STORED(modes),
        STORED(the_group_reads_what_root_writes),
        STORED(paths),
        STORED(readers_after_a_fork),
        STORED(readers_never_see_half),
        STORED(killed_writers_leave_it_whole),
        STORED(leftovers_are_removed),
    };

    enrollments_opened = store_open;
    return cmocka_run_group_tests_name("enrollment_dbm", tests, store_start, store_end);
}

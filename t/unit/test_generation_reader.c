/* The generation that threads read: whole until each has returned it, opened by one of them,
 * and never an old one for who comes after a change. */
#include <apr_strings.h>
#include <apr_time.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enrollment_pairs.h"
#include "enrollments.h"
#include "generation_reader.h"

static char folder[] = "/dev/shm/civic-readers-XXXXXX";
static char path[sizeof(folder) + 8];
static civic_generations_t all;
static civic_readers_t readers;

static void folder_remove(void)
{
    char command[100];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    (void)!system(command);
}

static int readers_setup(void **state)
{
    strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/civic-readers-XXXXXX"
                                                 : "/tmp/civic-readers-XXXXXX");
    if (!mkdtemp(folder) || unit_setup(state)) {
        return 1;
    }
    snprintf(path, sizeof(path), "%s/store", folder);
    return civic_enrollment_dbm_create(path, *state)
           || civic_generations_init(&all, path, *state) || civic_readers_init(&readers, &all);
}

static int readers_teardown(void **state)
{
    civic_readers_close(&readers);
    folder_remove();
    return unit_teardown(state);
}

#define READERS(test) cmocka_unit_test_setup_teardown(test, readers_setup, readers_teardown)

/* A change, by a store of its own. */
static void add(const char *account, apr_pool_t *pool)
{
    const char *error = NULL;
    civic_enrollments_t *store = civic_enrollment_dbm_open(path, &error, pool);

    enrollments_add(store, account, account, 0, pool);
}

static civic_borrowed_t *borrow(apr_pool_t *pool)
{
    civic_borrowed_t *borrowed = NULL;
    const char *fault = civic_readers_borrow(&borrowed, &readers, pool);

    assert_case(!fault, fault);
    return borrowed;
}

static int has(civic_borrowed_t *borrowed, const char *account, apr_pool_t *pool)
{
    civic_enrollment_t found;
    const char *error = NULL;

    return civic_pairs_account(borrowed->generation->sdbm, &found, APPLICATION, account,
                               &error, pool)
           == CIVIC_PAIR_FOUND;
}

static int is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* ---- one thread is enough to show it: nothing is held that a second borrowing would wait for
 * ---- */

static void an_old_one_lives_until_it_is_returned(void **state)
{
    civic_borrowed_t *old, *new, *newest;
    int fd;

    add("alice", *state);
    old = borrow(*state);
    fd = old->generation->pointer;
    add("bob", *state);
    new = borrow(*state);
    assert_ptr_not_equal(new, old);
    assert_true(has(new, "alice", *state) && has(new, "bob", *state));
    add("carol", *state);
    newest = borrow(*state);
    assert_true(has(old, "alice", *state) && !has(old, "bob", *state));
    assert_true(has(newest, "carol", *state) && !has(new, "carol", *state));
    civic_readers_return(&readers, newest, 0);
    civic_readers_return(&readers, new, 0);
    assert_true(is_open(fd));
    assert_true(has(old, "alice", *state));
    civic_readers_return(&readers, old, 0);
    assert_false(is_open(fd));
}

static void it_is_opened_once(void **state)
{
    for (int i = 0; i < 5; i++) {
        civic_readers_return(&readers, borrow(*state), 0);
    }
    assert_int_equal(readers.tries, 1);
    add("alice", *state);
    for (int i = 0; i < 5; i++) {
        civic_readers_return(&readers, borrow(*state), 0);
    }
    assert_int_equal(readers.tries, 2);
}

static void a_damaged_one_is_not_borrowed_again(void **state)
{
    civic_borrowed_t *first = borrow(*state);
    int fd = first->generation->pointer;

    civic_readers_return(&readers, first, 1);
    assert_false(is_open(fd));
    civic_readers_return(&readers, borrow(*state), 0);
    assert_int_equal(readers.tries, 2);
}

/* ---- threads ---- */

enum { THREADS = 8 };

static int confirmed, stop, wrong, looked; /* by everybody, atomically */

static int load(const int *number)
{
    return __atomic_load_n(number, __ATOMIC_ACQUIRE);
}

static void *read_on(void *data)
{
    apr_pool_t *pool;

    apr_pool_create_unmanaged_ex(&pool, NULL, NULL);
    while (!load(&stop)) {
        int last = load(&confirmed), is_wrong = 1;
        civic_borrowed_t *borrowed;

        if (!civic_readers_borrow(&borrowed, &readers, pool)) {
            is_wrong = !has(borrowed, apr_psprintf(pool, "account-%d", last), pool)
                       || !has(borrowed, "account-0", pool);
            civic_readers_return(&readers, borrowed, 0);
        }
        __atomic_add_fetch(&wrong, is_wrong, __ATOMIC_ACQ_REL);
        __atomic_add_fetch(&looked, 1, __ATOMIC_ACQ_REL);
        apr_pool_clear(pool);
    }
    apr_pool_destroy(pool);
    return NULL;
}

/* Whoever asks after a change was confirmed sees it, and each generation is opened by one
 * thread. */
static void threads_see_each_change(void **state)
{
    int rounds = unit_rounds(200, 20);
    pthread_t threads[THREADS];

    add("account-0", *state);
    confirmed = stop = wrong = looked = 0;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, NULL), 0);
    }
    for (int round = 1; round <= rounds; round++) {
        int before = load(&looked);

        add(apr_psprintf(*state, "account-%d", round), *state);
        __atomic_store_n(&confirmed, round, __ATOMIC_RELEASE);
        while (load(&looked) < before + THREADS) {
            apr_sleep(100);
        }
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(wrong, 0);
    assert_in_range(readers.tries, 2, (unsigned long)rounds + 1);
}

static void *borrow_once(void *data)
{
    apr_pool_t *pool;
    civic_borrowed_t *borrowed;
    const char *fault;

    apr_pool_create_unmanaged_ex(&pool, NULL, NULL);
    fault = civic_readers_borrow(&borrowed, &readers, pool);
    if (!fault) {
        civic_readers_return(&readers, borrowed, 0);
    }
    __atomic_add_fetch(&wrong, !fault || !strstr(fault, "is not there"), __ATOMIC_ACQ_REL);
    apr_pool_destroy(pool);
    return NULL;
}

/* What cannot be opened is so for all who wait, and what is mended is mended for all. */
static void threads_share_a_fault(void **state)
{
    const char *away = apr_pstrcat(*state, path, "-away", NULL);
    pthread_t threads[THREADS];

    add("alice", *state);
    civic_readers_return(&readers, borrow(*state), 0);
    assert_int_equal(rename(path, away), 0);
    wrong = 0;
    for (int round = 0; round < unit_rounds(100, 5); round++) {
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, borrow_once, NULL), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
        }
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(rename(away, path), 0);
    civic_readers_return(&readers, borrow(*state), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        READERS(an_old_one_lives_until_it_is_returned),
        READERS(it_is_opened_once),
        READERS(a_damaged_one_is_not_borrowed_again),
        READERS(threads_see_each_change),
        READERS(threads_share_a_fault),
    };

    return UNIT_RUN("generation_reader", tests);
}

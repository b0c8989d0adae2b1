/* How many exchanges may be under way at once. */
#include "unit.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slots.h"

#define SEC(n) apr_time_from_sec(n)

static civic_slots_t *slots_of(int limit, apr_pool_t *pool)
{
    civic_slots_t *slots = civic_slots_create(pool);

    civic_slots_set_limit(slots, limit);
    return slots;
}

static void as_many_as_there_are_and_no_more(void **state)
{
    civic_slots_t *slots = slots_of(3, *state);
    civic_slot_t slot[4];

    for (int i = 0; i < 3; i++) {
        assert_true(civic_slots_take(&slot[i], slots, SEC(1)));
    }
    assert_int_not_equal(slot[0].index, slot[1].index);
    assert_int_not_equal(slot[0].index, slot[2].index);
    assert_int_not_equal(slot[1].index, slot[2].index);
    assert_false(civic_slots_take(&slot[3], slots, SEC(1)));
    assert_int_equal(slot[3].index, -1);
    assert_int_equal(civic_slots_taken(slots, SEC(1)), 3);
}

static void a_slot_given_back_is_free_again(void **state)
{
    civic_slots_t *slots = slots_of(1, *state);
    civic_slot_t slot, none;

    assert_true(civic_slots_take(&slot, slots, SEC(1)));
    assert_false(civic_slots_take(&none, slots, SEC(1)));
    civic_slots_give_back(&none, slots);
    assert_false(civic_slots_take(&none, slots, SEC(1)));
    civic_slots_give_back(&slot, slots);
    assert_true(civic_slots_take(&slot, slots, SEC(1)));
}

/* A call that overruns its time is still under way. */
static void no_time_frees_a_slot(void **state)
{
    civic_slots_t *slots = slots_of(1, *state);
    civic_slot_t slot;

    assert_true(civic_slots_take(&slot, slots, SEC(1)));
    for (int days = 1; days < 5; days++) {
        assert_false(civic_slots_take(&slot, slots, SEC(86400 * days)));
    }
    assert_int_equal(civic_slots_taken(slots, SEC(86400 * 6)), 1);
}

/* Takes `count` slots and tells so; goes away without giving them back when it is killed. */
static pid_t holder(civic_slots_t *slots, int count)
{
    pid_t pid;
    int told[2];
    char taken = 0;

    assert_int_equal(pipe(told), 0);
    pid = fork();
    if (pid == 0) {
        civic_slot_t slot;

        for (int i = 0; i < count; i++) {
            taken = (char)(taken + civic_slots_take(&slot, slots, SEC(1)));
        }
        _exit(write(told[1], &taken, 1) == 1 ? pause() : 1);
    }
    assert_true(pid > 0);
    close(told[1]);
    assert_int_equal(read(told[0], &taken, 1), 1);
    close(told[0]);
    assert_int_equal(taken, count);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_process_that_is_gone_holds_none(void **state)
{
    civic_slots_t *slots = slots_of(3, *state);
    civic_slot_t mine, slot;
    pid_t other;

    assert_true(civic_slots_take(&mine, slots, SEC(1)));
    other = holder(slots, 2);
    assert_false(civic_slots_take(&slot, slots, SEC(10)));
    assert_int_equal(civic_slots_taken(slots, SEC(20)), 3);
    end(other);
    assert_false(civic_slots_take(&slot, slots, SEC(20))); /* looked a moment ago */
    assert_true(civic_slots_take(&slot, slots, SEC(21)));
    assert_int_equal(civic_slots_taken(slots, SEC(22)), 2);
}

static void a_process_that_is_gone_does_not_count(void **state)
{
    civic_slots_t *slots = slots_of(3, *state);

    end(holder(slots, 2));
    assert_int_equal(civic_slots_taken(slots, SEC(10)), 0);
}

/* A new process may get the number of one that is gone. Here the number is ours, and the time
 * at which its owner began is not. */
static void a_process_of_the_same_number_is_another(void **state)
{
    civic_slots_t *slots = slots_of(1, *state);
    civic_slot_t slot;
    apr_uint64_t *word = (apr_uint64_t *)slots;

    assert_true(civic_slots_take(&slot, slots, SEC(1)));
    while ((*word & 0x3fffff) != (apr_uint64_t)getpid() || *word >> 22 == 0) {
        word++;
    }
    *word += 1 << 22;
    assert_int_equal(civic_slots_taken(slots, SEC(10)), 0);
    assert_true(civic_slots_take(&slot, slots, SEC(10)));
    assert_int_equal(civic_slots_taken(slots, SEC(20)), 1);
}

/* What was taken when the limit was higher counts, wherever it is. */
static void the_limit_may_change_while_slots_are_taken(void **state)
{
    civic_slots_t *slots = slots_of(4, *state);
    civic_slot_t slot[5], none;

    for (int i = 0; i < 4; i++) {
        assert_true(civic_slots_take(&slot[i], slots, SEC(1)));
    }
    civic_slots_set_limit(slots, 2);
    assert_int_equal(civic_slots_limit(slots), 2);
    assert_int_equal(civic_slots_taken(slots, SEC(1)), 4);
    civic_slots_give_back(&slot[0], slots);
    civic_slots_give_back(&slot[1], slots);
    assert_false(civic_slots_take(&none, slots, SEC(1)));
    assert_int_equal(civic_slots_taken(slots, SEC(1)), 2);
    civic_slots_give_back(&slot[3], slots);
    assert_true(civic_slots_take(&slot[0], slots, SEC(1)));
    assert_false(civic_slots_take(&none, slots, SEC(1)));
    civic_slots_set_limit(slots, CIVIC_SLOTS_MAX + 1);
    assert_int_equal(civic_slots_limit(slots), CIVIC_SLOTS_MAX);
    for (int i = 2; i < 1000; i++) {
        assert_true(civic_slots_take(&slot[1], slots, SEC(1)));
    }
    assert_int_equal(civic_slots_taken(slots, SEC(1)), 1000);
}

/* The log has a line for each change, however many are turned away in between. */
static void a_crowd_is_news_once_and_its_end_as_well(void **state)
{
    civic_slots_t *slots = slots_of(4, *state);
    civic_slot_t slot[5];
    int crowded;

    for (int i = 0; i < 4; i++) {
        assert_true(civic_slots_take(&slot[i], slots, SEC(1)));
        assert_false(civic_slots_is_news(&crowded, slots, 1, SEC(1)));
    }
    assert_true(civic_slots_is_news(&crowded, slots, 0, SEC(1)));
    assert_true(crowded);
    assert_false(civic_slots_is_news(&crowded, slots, 0, SEC(2)));
    for (int i = 0; i < 4; i++) {
        civic_slots_give_back(&slot[i], slots);
    }
    assert_true(civic_slots_take(&slot[0], slots, SEC(3)));
    assert_false(civic_slots_is_news(&crowded, slots, 1, SEC(10))); /* too soon */
    assert_true(civic_slots_take(&slot[1], slots, SEC(3)));
    assert_true(civic_slots_take(&slot[2], slots, SEC(3)));
    assert_false(civic_slots_is_news(&crowded, slots, 1, SEC(11))); /* half are taken */
    civic_slots_give_back(&slot[1], slots);
    assert_true(civic_slots_is_news(&crowded, slots, 1, SEC(11)));
    assert_false(crowded);
    assert_false(civic_slots_is_news(&crowded, slots, 1, SEC(12)));
    assert_true(civic_slots_is_news(&crowded, slots, 0, SEC(12)));
    assert_true(crowded);
}

/* Takes and gives back, looking all the time; says how often more than `limit` had a slot at
 * once. */
static int compete(civic_slots_t *slots, _Atomic int *holders, int limit, int rounds)
{
    int crowded = 0;

    for (int i = 0; i < rounds; i++) {
        civic_slot_t slot;

        if (civic_slots_take(&slot, slots, SEC(i))) {
            crowded += ++*holders > limit;
            --*holders;
            civic_slots_give_back(&slot, slots);
        }
    }
    return crowded;
}

static void processes_never_hold_more_than_there_are(void **state)
{
    civic_slots_t *slots = slots_of(2, *state);
    _Atomic int *holders = mmap(NULL, sizeof(*holders), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    civic_slot_t slot;

    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            _exit(compete(slots, holders, 2, unit_rounds(50000, 2000)) ? 1 : 0);
        }
    }
    for (int i = 0; i < 4; i++) {
        int status = -1;

        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_true(civic_slots_take(&slot, slots, SEC(1)));
    assert_true(civic_slots_take(&slot, slots, SEC(1)));
    munmap((void *)holders, sizeof(*holders));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(as_many_as_there_are_and_no_more),
        UNIT(a_slot_given_back_is_free_again),
        UNIT(no_time_frees_a_slot),
        UNIT(a_process_that_is_gone_holds_none),
        UNIT(a_process_that_is_gone_does_not_count),
        UNIT(a_process_of_the_same_number_is_another),
        UNIT(the_limit_may_change_while_slots_are_taken),
        UNIT(a_crowd_is_news_once_and_its_end_as_well),
        UNIT(processes_never_hold_more_than_there_are),
    };

    return UNIT_RUN("slots", tests);
}

/* How many exchanges may be under way at once. */
#include "unit.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "slots.h"

static void as_many_as_there_are_and_no_more(void **state)
{
    civic_slots_t *slots = civic_slots_create(3, *state);
    civic_slot_t slot[4];

    for (int i = 0; i < 3; i++) {
        assert_true(civic_slots_take(&slot[i], slots, 100, 200));
        assert_int_equal(slot[i].until, 200);
    }
    assert_int_not_equal(slot[0].index, slot[1].index);
    assert_int_not_equal(slot[0].index, slot[2].index);
    assert_int_not_equal(slot[1].index, slot[2].index);
    assert_false(civic_slots_take(&slot[3], slots, 100, 200));
    assert_int_equal(slot[3].index, -1);
}

static void a_slot_given_back_is_free_again(void **state)
{
    civic_slots_t *slots = civic_slots_create(1, *state);
    civic_slot_t slot, none;

    assert_true(civic_slots_take(&slot, slots, 100, 200));
    assert_false(civic_slots_take(&none, slots, 100, 200));
    civic_slots_give_back(&none, slots);
    assert_false(civic_slots_take(&none, slots, 100, 200));
    civic_slots_give_back(&slot, slots);
    assert_true(civic_slots_take(&slot, slots, 100, 200));
}

static void a_slot_frees_itself_when_its_time_has_come(void **state)
{
    civic_slots_t *slots = civic_slots_create(1, *state);
    civic_slot_t slot;

    assert_true(civic_slots_take(&slot, slots, 100, 200));
    assert_false(civic_slots_take(&slot, slots, 199, 300));
    assert_true(civic_slots_take(&slot, slots, 200, 300));
}

/* Who overran the time has lost the slot, and must not free it for its next holder. */
static void a_late_holder_does_not_free_anothers_slot(void **state)
{
    civic_slots_t *slots = civic_slots_create(1, *state);
    civic_slot_t late, mine, none;

    assert_true(civic_slots_take(&late, slots, 100, 200));
    assert_true(civic_slots_take(&mine, slots, 250, 350));
    civic_slots_give_back(&late, slots);
    assert_false(civic_slots_take(&none, slots, 260, 360));
    civic_slots_give_back(&mine, slots);
    assert_true(civic_slots_take(&none, slots, 260, 360));
}

/* The log has a line for each change, however many are turned away in between. */
static void a_crowd_is_news_once_and_its_end_as_well(void **state)
{
    civic_slots_t *slots = civic_slots_create(4, *state);
    apr_time_t second = APR_USEC_PER_SEC, far = 1000 * second;
    civic_slot_t slot[5];
    int crowded;

    for (int i = 0; i < 4; i++) {
        assert_true(civic_slots_take(&slot[i], slots, second, far));
        assert_false(civic_slots_is_news(&crowded, slots, 1, second));
    }
    assert_true(civic_slots_is_news(&crowded, slots, 0, second));
    assert_true(crowded);
    assert_false(civic_slots_is_news(&crowded, slots, 0, 2 * second));
    for (int i = 0; i < 4; i++) {
        civic_slots_give_back(&slot[i], slots);
    }
    assert_true(civic_slots_take(&slot[0], slots, 3 * second, far));
    assert_false(civic_slots_is_news(&crowded, slots, 1, 10 * second)); /* too soon */
    assert_true(civic_slots_take(&slot[1], slots, 3 * second, far));
    assert_true(civic_slots_take(&slot[2], slots, 3 * second, far));
    assert_false(civic_slots_is_news(&crowded, slots, 1, 11 * second)); /* half are taken */
    civic_slots_give_back(&slot[1], slots);
    assert_true(civic_slots_is_news(&crowded, slots, 1, 11 * second));
    assert_false(crowded);
    assert_false(civic_slots_is_news(&crowded, slots, 1, 12 * second));
    assert_true(civic_slots_is_news(&crowded, slots, 0, 12 * second));
    assert_true(crowded);
}

/* Takes and gives back; says how often more than `limit` had a slot at once. */
static int compete(civic_slots_t *slots, _Atomic int *holders, int limit, int rounds)
{
    int crowded = 0;

    for (int i = 0; i < rounds; i++) {
        civic_slot_t slot;

        if (civic_slots_take(&slot, slots, 100, 200 + (i & 7))) {
            crowded += ++*holders > limit;
            --*holders;
            civic_slots_give_back(&slot, slots);
        }
    }
    return crowded;
}

static void processes_never_hold_more_than_there_are(void **state)
{
    civic_slots_t *slots = civic_slots_create(2, *state);
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
    assert_true(civic_slots_take(&slot, slots, 100, 200));
    assert_true(civic_slots_take(&slot, slots, 100, 200));
    munmap((void *)holders, sizeof(*holders));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(as_many_as_there_are_and_no_more),
        UNIT(a_slot_given_back_is_free_again),
        UNIT(a_slot_frees_itself_when_its_time_has_come),
        UNIT(a_late_holder_does_not_free_anothers_slot),
        UNIT(a_crowd_is_news_once_and_its_end_as_well),
        UNIT(processes_never_hold_more_than_there_are),
    };

    return UNIT_RUN("slots", tests);
}

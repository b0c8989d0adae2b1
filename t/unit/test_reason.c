/* The one list of reasons, and the documentation's table of it. */
#include "unit.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#define ERRORS "doc/errors.md"

static const char *const loudness[] = {"debug", "info", "warn", "error"};

static void names_are_lower_case_kebab(void **state)
{
    for (int i = CIVIC_OK + 1; i < CIVIC_REASON_COUNT; i++) {
        const char *name = civic_reason_info(i)->name;
        apr_size_t len = strlen(name);

        assert_case(len > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz-") == len, name);
        assert_case(name[0] != '-' && name[len - 1] != '-' && !strstr(name, "--"), name);
    }
}

static void names_are_unique(void **state)
{
    for (int i = CIVIC_OK + 1; i < CIVIC_REASON_COUNT; i++) {
        for (int j = i + 1; j < CIVIC_REASON_COUNT; j++) {
            assert_string_not_equal(civic_reason_info(i)->name, civic_reason_info(j)->name);
        }
    }
}

static void every_row_is_whole(void **state)
{
    for (int i = CIVIC_OK + 1; i < CIVIC_REASON_COUNT; i++) {
        const civic_reason_info_t *info = civic_reason_info(i);

        assert_case(info->status >= 400 && info->status <= 599, info->name);
        assert_case(info->loudness >= CIVIC_LOUD_DEBUG && info->loudness <= CIVIC_LOUD_ERROR,
                    info->name);
        assert_case(info->retry >= CIVIC_RETRY_NEVER && info->retry <= CIVIC_RETRY_LATER,
                    info->name);
    }
}

/* Retry-After belongs to what the server will get over by itself. */
static void busy_answers_can_be_tried_later(void **state)
{
    for (int i = CIVIC_OK + 1; i < CIVIC_REASON_COUNT; i++) {
        const civic_reason_info_t *info = civic_reason_info(i);

        assert_case((info->status != 503 && info->status != 504)
                        || info->retry == CIVIC_RETRY_LATER,
                    info->name);
    }
}

static void what_is_no_reason_is_internal(void **state)
{
    const civic_reason_info_t *internal = civic_reason_info(CIVIC_INTERNAL);

    assert_string_equal(internal->name, "internal");
    assert_ptr_equal(civic_reason_info(CIVIC_OK), internal);
    assert_ptr_equal(civic_reason_info(CIVIC_REASON_COUNT), internal);
    assert_ptr_equal(civic_reason_info((civic_reason)-1), internal);
    assert_ptr_equal(civic_reason_info((civic_reason)100000), internal);
}

/* ---- doc/errors.md ---- */

static int reason_of(const char *name)
{
    for (int i = CIVIC_OK + 1; i < CIVIC_REASON_COUNT; i++) {
        if (!strcmp(civic_reason_info(i)->name, name)) {
            return i;
        }
    }
    return CIVIC_OK;
}

/* A row "| `name` | status | level | ...": its reason, CIVIC_OK when the line is no
 * such row. */
static int row_check(char *line)
{
    const char *name, *status, *level;
    char *last;
    int reason;

    if (strncmp(line, "| `", 3)) {
        return CIVIC_OK;
    }
    name = apr_strtok(line, " |`", &last);
    status = apr_strtok(NULL, " |", &last);
    level = apr_strtok(NULL, " |", &last);
    reason = reason_of(name);
    assert_case(reason != CIVIC_OK, name);
    assert_case(status && atoi(status) == civic_reason_info(reason)->status, name);
    assert_case(level && !strcmp(level, loudness[civic_reason_info(reason)->loudness]), name);
    assert_case(last && strchr(last, '|'), name);
    return reason;
}

/* And every row there is a reason here, since row_check finds each. */
static void each_reason_has_one_row_in_the_documentation(void **state)
{
    char *last, *text = (char *)unit_read(ERRORS, *state).data;
    int rows[CIVIC_REASON_COUNT] = {0};

    for (char *line = apr_strtok(text, "\n", &last); line;
         line = apr_strtok(NULL, "\n", &last)) {
        rows[row_check(line)]++;
    }
    for (int i = CIVIC_OK + 1; i < CIVIC_REASON_COUNT; i++) {
        assert_case(rows[i] == 1, civic_reason_info(i)->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(names_are_lower_case_kebab),
        UNIT(names_are_unique),
        UNIT(every_row_is_whole),
        UNIT(busy_answers_can_be_tried_later),
        UNIT(what_is_no_reason_is_internal),
        UNIT(each_reason_has_one_row_in_the_documentation),
    };

    return UNIT_RUN("reason", tests);
}

/* Dates as documents carry them; ages on the days around birthdays, leap days among them. */
#include "unit.h"

#include "dates.h"

static civic_date_t date(const char *text)
{
    civic_date_t read;

    assert_case(civic_date_parse(&read, text), text);
    return read;
}

static void dates_are_year_month_day(void **state)
{
    static const struct {
        const char *text;
        civic_date_t date;
    } good[] = {
        {"1980-01-30", {1980, 1, 30}}, {"2021-1-01", {2021, 1, 1}},
        {"2021-01-1", {2021, 1, 1}},   {"2021-1-1", {2021, 1, 1}},
        {"2000-02-29", {2000, 2, 29}}, {"2024-2-29", {2024, 2, 29}},
        {"0001-01-01", {1, 1, 1}},     {"9999-12-31", {9999, 12, 31}},
    };

    for (apr_size_t i = 0; i < COUNT(good); i++) {
        civic_date_t read = date(good[i].text);

        assert_case(civic_date_compare(&read, &good[i].date) == 0, good[i].text);
    }
}

static void anything_else_is_no_date(void **state)
{
    static const char *const bad[] = {
        "",
        "-",
        "--",
        "2021",
        "2021-",
        "2021-01",
        "2021-01-",
        "2021--01",
        "-2021-01-01",
        "21-01-01",
        "02021-01-01",
        "20210101",
        "2021-01-01 ",
        " 2021-01-01",
        "2021-01-01T00:00:00Z",
        "2021/01/01",
        "01.02.2021",
        "2021-00-01",
        "2021-13-01",
        "2021-01-00",
        "2021-01-32",
        "2021-04-31",
        "2021-001-01",
        "2021-01-001",
        "2021-+1-01",
        "2021- 1-01",
        "0000-01-01",
        "2023-02-29",
        "1900-02-29",
        "2100-02-29",
        "2024-02-30",
        "2021-0x-01",
        "never",
        "unknown",
        "2021-1-01\n",
        "\xd9\xa2\xd9\xa0\xd9\xa2\xd9\xa1-01-01",
    };

    for (apr_size_t i = 0; i < COUNT(bad); i++) {
        civic_date_t read = {7, 7, 7};

        assert_case(!civic_date_parse(&read, bad[i]), bad[i]);
        assert_case(read.year == 7 && read.month == 7 && read.day == 7, bad[i]);
    }
}

static void days_are_in_order(void **state)
{
    static const char *const rising[] = {"1999-12-31", "2000-01-01", "2000-01-02", "2000-2-01",
                                         "2000-02-29", "2000-03-01", "2001-01-01"};

    for (apr_size_t i = 0; i < COUNT(rising); i++) {
        for (apr_size_t j = 0; j < COUNT(rising); j++) {
            civic_date_t a = date(rising[i]), b = date(rising[j]);
            int order = civic_date_compare(&a, &b);

            assert_case((order < 0) == (i < j) && (order == 0) == (i == j), rising[i]);
        }
    }
}

static void ages_change_on_the_birthday(void **state)
{
    static const struct {
        const char *born, *day;
        int age;
    } cases[] = {
        {"2000-06-15", "2018-06-14", 17},
        {"2000-06-15", "2018-06-15", 18},
        {"2000-06-15", "2018-06-16", 18},
        {"2000-06-15", "2018-05-31", 17},
        {"2000-06-15", "2018-07-01", 18},
        {"2000-06-15", "2000-06-15", 0},
        {"2000-06-15", "2001-06-14", 0},
        {"2000-06-15", "2000-06-14", -1},
        {"2000-06-15", "1999-06-15", -1},
        {"2000-12-31", "2018-12-30", 17},
        {"2000-12-31", "2018-12-31", 18},
        {"2000-01-01", "2017-12-31", 17},
        {"2000-01-01", "2018-01-01", 18},
        {"2000-1-1", "2018-1-1", 18},
        /* born on a leap day: in common years older on 1 March */
        {"2004-02-29", "2022-02-28", 17},
        {"2004-02-29", "2022-03-01", 18},
        {"2004-02-29", "2008-02-28", 3},
        {"2004-02-29", "2008-02-29", 4},
        {"2000-02-29", "2100-02-28", 99},
        {"2000-02-29", "2100-03-01", 100},
        /* born beside one */
        {"2004-02-28", "2022-02-28", 18},
        {"2004-03-01", "2022-02-28", 17},
        {"2004-03-01", "2024-02-29", 19},
        {"2004-03-01", "2024-03-01", 20},
        {"2003-02-28", "2024-02-27", 20},
        {"2003-02-28", "2024-02-28", 21},
    };

    for (apr_size_t i = 0; i < COUNT(cases); i++) {
        civic_date_t born = date(cases[i].born), day = date(cases[i].day);

        assert_case(civic_date_age(&born, &day) == cases[i].age, cases[i].day);
    }
}

/* Whatever the day of birth, an age goes up by one a year, and never before as many years have
 * gone by. */
static void ages_rise_once_a_year(void **state)
{
    const apr_time_t a_day = apr_time_from_sec(86400);
    apr_time_t start = apr_time_from_sec(1072915200); /* 2004-01-01 */

    for (int born_after = 0; born_after < 366; born_after++) {
        civic_date_t born = civic_date_of(start + born_after * a_day);
        int before = 0, steps = 0;

        for (int days = born_after; days < born_after + 20 * 365 + 6; days++) {
            civic_date_t day = civic_date_of(start + days * a_day);
            int age = civic_date_age(&born, &day);

            assert_true(age == before || age == before + 1);
            assert_true(days - born_after >= age * 365 + age / 4);
            steps += age - before;
            before = age;
        }
        assert_int_equal(steps, 20);
    }
}

static void the_day_is_that_of_utc(void **state)
{
    civic_date_t last = civic_date_of(apr_time_from_sec(1709251199)); /* 23:59:59 */
    civic_date_t next = civic_date_of(apr_time_from_sec(1709251200));
    civic_date_t leap = {2024, 2, 29}, march = {2024, 3, 1};

    assert_int_equal(civic_date_compare(&last, &leap), 0);
    assert_int_equal(civic_date_compare(&next, &march), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(dates_are_year_month_day), UNIT(anything_else_is_no_date),
        UNIT(days_are_in_order),        UNIT(ages_change_on_the_birthday),
        UNIT(ages_rise_once_a_year),    UNIT(the_day_is_that_of_utc),
    };

    return UNIT_RUN("dates", tests);
}

/* dates.c - see dates.h. */
#include "dates.h"

static int is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Between `least` and `most` decimal digits. Moves on behind them; -1 when they are
 * not there. */
static int number(const char **text, int least, int most)
{
    int value = 0, digits = 0;

    for (; digits < most && **text >= '0' && **text <= '9'; digits++, (*text)++) {
        value = value * 10 + (**text - '0');
    }
    return digits >= least ? value : -1;
}

static int dash(const char **text)
{
    return *(*text)++ == '-';
}

int civic_date_parse(civic_date_t *date, const char *text)
{
    civic_date_t read;

    read.year = number(&text, 4, 4);
    if (read.year < 1 || !dash(&text)) {
        return 0;
    }
    read.month = number(&text, 1, 2);
    if (read.month < 1 || read.month > 12 || !dash(&text)) {
        return 0;
    }
    read.day = number(&text, 1, 2);
    if (read.day < 1 || read.day > days_of(read.year, read.month) || *text) {
        return 0;
    }
    *date = read;
    return 1;
}

civic_date_t civic_date_of(apr_time_t time)
{
    apr_time_exp_t parts;

    apr_time_exp_gmt(&parts, time);
    return (civic_date_t){parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday};
}

static int compare_in_year(const civic_date_t *a, const civic_date_t *b)
{
    return a->month != b->month ? a->month - b->month : a->day - b->day;
}

int civic_date_compare(const civic_date_t *a, const civic_date_t *b)
{
    return a->year != b->year ? a->year - b->year : compare_in_year(a, b);
}

int civic_date_age(const civic_date_t *born, const civic_date_t *day)
{
    return day->year - born->year - (compare_in_year(day, born) < 0);
}

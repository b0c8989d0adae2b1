/* dates.h - calendar dates as documents carry them, and ages.
 *
 * Days of the Gregorian calendar, no time of day, no zone: no clock is read here.
 */
#ifndef CIVIC_DATES_H
#define CIVIC_DATES_H

#include <apr_time.h>

typedef struct {
    int year, month, day; /* 1 to 9999, 1 to 12, 1 to 31 */
} civic_date_t;

/**
 * Read year-month-day. The year has four digits, the others one or two: `2021-1-01` occurs.
 * @param date set on success alone
 * @return 1; 0 for any other text and for days that no calendar has
 */
int civic_date_parse(civic_date_t *date, const char *text);

/** The day in UTC. */
civic_date_t civic_date_of(apr_time_t time);

/** @return below 0 when a is before b, 0 when they are one day, above 0 when a is after b */
int civic_date_compare(const civic_date_t *a, const civic_date_t *b);

/**
 * Whole years. Who was born on 29 February is a year older on 29 February, or on 1 March in
 * years that have none: never a day early.
 * @return below 0 for somebody who is born after `day`
 */
int civic_date_age(const civic_date_t *born, const civic_date_t *day);

#endif

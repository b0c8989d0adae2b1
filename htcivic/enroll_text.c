/* enroll_text.c - enrollments as lines of fields with tabs between them:
 *
 *     application, account, user id, time of linking, hashes of recovery codes with commas
 * between them
 *
 * between a line that names them and `# end`: what is cut off shows. Lines of somebody else's
 * may do without both. The time may be missing (now), and the hashes (none). No name has
 * control characters and no hash a comma, so that nothing has to be escaped.
 */
#include <apr_lib.h>
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "account.h"
#include "htcivic.h"

enum { FIELDS_LEAST = 3, FIELDS_MOST = 5, LINE_MOST = 8192 };

const char htcivic_export_begin[] = "# application\taccount\tuserId\tlinked\trecovery";
const char htcivic_export_end[] = "# end";

/* ---- to write ---- */

const char *htcivic_time(apr_time_t when, apr_pool_t *pool)
{
    time_t seconds = (time_t)apr_time_sec(when);
    struct tm tm;
    char text[40];

    if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm)) {
        return "?";
    }
    return apr_pstrdup(pool, text);
}

const char *htcivic_line_write(const civic_enrollment_t *enrollment, apr_pool_t *pool)
{
    return apr_pstrcat(pool, enrollment->application, "\t", enrollment->account, "\t",
                       enrollment->user_id, "\t", htcivic_time(enrollment->linked, pool), "\t",
                       apr_array_pstrcat(pool, enrollment->recovery, ','), NULL);
}

/* ---- to read ---- */

/* @return 1 when it is exactly what htcivic_time writes */
static int time_read(apr_time_t *when, const char *text, apr_pool_t *pool)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    time_t seconds;

    if (!end || *end) {
        return 0;
    }
    seconds = timegm(&tm);
    *when = apr_time_from_sec(seconds);
    return seconds >= 0 && !strcmp(htcivic_time(*when, pool), text);
}

/* @return how many; one more than there may be when there are more */
static int split(char **fields, int most, char *text, char separator)
{
    int count = 0;

    for (char *at = text; at && count <= most; count++) {
        char *stop = strchr(at, separator);

        if (count < most) {
            fields[count] = at;
        }
        if (stop) {
            *stop = '\0';
        }
        at = stop ? stop + 1 : NULL;
    }
    return count;
}

static const char *line_read(civic_enrollment_t *read, char *line, apr_pool_t *pool)
{
    char *fields[FIELDS_MOST], *hashes[CIVIC_ENROLLMENT_RECOVERY_MAX];
    int count = split(fields, FIELDS_MOST, line, '\t'), codes = 0;

    if (count < FIELDS_LEAST || count > FIELDS_MOST) {
        return "it must be application, account, userId, and then time and recovery codes or "
               "not, "
               "with a tab between two of them";
    }
    *read =
        (civic_enrollment_t){fields[0], civic_account_fold(fields[1], pool), fields[2],
                             apr_time_now(), apr_array_make(pool, 10, sizeof(const char *))};
    if (count > 3 && *fields[3] && !time_read(&read->linked, fields[3], pool)) {
        return "its time must be like 2026-11-24T22:59:00Z";
    }
    if (count > 4 && *fields[4]) {
        codes = split(hashes, CIVIC_ENROLLMENT_RECOVERY_MAX, fields[4], ',');
    }
    if (codes > CIVIC_ENROLLMENT_RECOVERY_MAX) {
        return "it has more than 16 recovery codes";
    }
    for (int i = 0; i < codes; i++) {
        APR_ARRAY_PUSH(read->recovery, const char *) = hashes[i];
    }
    return civic_enrollment_fault(read);
}

/* @param text moved behind the line. @return the line without its end; NULL: it is no text */
static char *line_next(const char **text, const char *end, apr_pool_t *pool)
{
    const char *stop = memchr(*text, '\n', (apr_size_t)(end - *text));
    apr_size_t size = (apr_size_t)((stop ? stop : end) - *text);
    char *line;

    if (size > LINE_MOST || memchr(*text, '\0', size)) {
        return NULL;
    }
    line = apr_pstrmemdup(pool, *text, size);
    if (size && line[size - 1] == '\r') {
        line[size - 1] = '\0';
    }
    *text += size + (stop != NULL);
    return line;
}

const char *htcivic_lines_read(apr_array_header_t *list, apr_array_header_t *lines, int *line,
                               const char *text, apr_size_t len, apr_pool_t *pool)
{
    const char *end = text + len, *fault;
    int begun = 0, open = 0; /* exports */

    for (*line = 1; text < end; (*line)++) {
        char *one = line_next(&text, end, pool);
        civic_enrollment_t read;

        if (!one) {
            return "it is no text";
        }
        if (!strcmp(one, htcivic_export_end)) {
            open = 0;
        }
        else if (!strcmp(one, htcivic_export_begin) && !open) {
            begun = open = 1;
        }
        else if (*one && *one != '#') {
            fault = line_read(&read, one, pool);
            if (fault) {
                return fault;
            }
            APR_ARRAY_PUSH(list, civic_enrollment_t) = read;
            APR_ARRAY_PUSH(lines, int) = *line;
        }
    }
    if (open) {
        return "the export was cut off: its last line is \"# end\"";
    }
    return begun || list->nelts ? NULL : "there is nothing: no export, and no enrollment";
}

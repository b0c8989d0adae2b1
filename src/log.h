/* log.h - how this module writes to the error log.
 *
 * Every line starts with CIVIC_LOG_PREFIX. No line ever holds a token, a cookie, a secret or
 * the value of a claim: Civic's identities appear as a reference or not at all. Accounts of
 * another login, which a second factor is about, have the name that httpd logs as well.
 */
#ifndef CIVIC_LOG_H
#define CIVIC_LOG_H

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

/* The module record is the one symbol that is exported; each reference must agree. */
#pragma GCC visibility push(default)
APLOG_USE_MODULE(auth_civic);
#pragma GCC visibility pop

#define CIVIC_LOG_PREFIX "auth_civic: "

/** For lines that would fill the log: 1 once in so many seconds and process, for one thread.
 * @param last when it was, 0 at first */
int civic_log_is_due(volatile apr_uint32_t *last, apr_uint32_t seconds);

#endif

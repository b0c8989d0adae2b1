/* log.h - how this module writes to the error log.
 *
 * Every line starts with CIVIC_LOG_PREFIX. No line ever holds a token, a cookie, a secret or
 * the value of a claim: identities appear as a reference or not at all.
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

#endif

/* refuse.h - one way to turn somebody away: a log line, an answer, one reference on both. */
#ifndef CIVIC_REFUSE_H
#define CIVIC_REFUSE_H

#include <httpd.h>
#include "reason.h"

typedef enum {
    CIVIC_AS_PAGE,   /* a person reads it */
    CIVIC_AS_PROBLEM /* a program reads it: problem+json */
} civic_audience;

/** Counts, and writes one line: "auth_civic: <what> refused: <reason> (<detail>)
 * ref=<reference>". Warnings and errors of one reason appear as such once in ten seconds and
 * child, else at level info. */
void civic_refusal_log(request_rec *r, const char *what, civic_refusal_t refusal);

/** The status of a refusal here. Behind another login, 403 stands for 401, at which browsers
 * forget its password. */
int civic_refusal_status(request_rec *r, civic_reason reason);

/**
 * Log and answer. Sets CIVIC_ERROR_CODE and CIVIC_ERROR_REFERENCE for the site's own
 * ErrorDocument, which is used for pages when there is one.
 * @return what the hook or handler is to return
 */
int civic_refuse(request_rec *r, const char *what, civic_refusal_t refusal,
                 civic_audience audience);

#endif

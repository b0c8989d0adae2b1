/* body.h - reading what a client sends, bounded, with every way in which it can end. */
#ifndef CIVIC_BODY_H
#define CIVIC_BODY_H

#include <httpd.h>
#include "reason.h"

#define CIVIC_BODY_MAX (64 * 1024) /* bytes */

/** The media type of the body is `type`, parameters aside. @return 1 or 0 */
int civic_body_is(request_rec *r, const char *type);

/**
 * Read the whole body, at most `limit` bytes.
 * @param text set on success alone, NUL-terminated, in the request's pool
 * @return CIVIC_OK; CIVIC_BODY_TOO_LARGE (before anything is read, where the length is known),
 *         CIVIC_BODY_INCOMPLETE
 */
civic_refusal_t civic_body_read_within(request_rec *r, apr_size_t limit, const char **text,
                                       apr_size_t *len);

/** The same, at most CIVIC_BODY_MAX. */
civic_refusal_t civic_body_read(request_rec *r, const char **text, apr_size_t *len);

/**
 * Take a URL-encoded form (or a query) apart into `form`, decoded.
 * @return CIVIC_OK; CIVIC_BODY_MALFORMED when it cannot be decoded or gives a field twice
 */
civic_refusal_t civic_form_parse(apr_table_t *form, const char *text, apr_pool_t *pool);

#endif

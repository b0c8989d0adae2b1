/* expression.h - civic('label') and %{CIVIC:label} in httpd's expressions (ap_expr).
 *
 * The value of a verified claim of the session that opens this location; `userId`, `scope`
 * and `application` are what the login itself says. Empty when there is no such session, no
 * such claim, two values that differ, or a value that is not fit for headers. Behind `-in`,
 * civic('label') is the list of all values of that label.
 *
 * The session is looked up when an expression is evaluated, once a request, and the answer is
 * marked as private. Nobody is logged in by it.
 */
#ifndef CIVIC_EXPRESSION_H
#define CIVIC_EXPRESSION_H

#include <httpd.h>
#include <ap_expr.h>
#include "session.h"

/** expr_lookup. @return OK, DECLINED for other names, HTTP_BAD_REQUEST with *parms->err for a
 * label that is none */
int civic_expression_lookup(ap_expr_lookup_parms *parms);

/** What civic('label') is of a session. @return NULL for what it is empty for */
const char *civic_expression_value(const civic_session_t *session, const char *label);

#endif

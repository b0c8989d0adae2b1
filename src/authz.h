/* authz.h - `Require civic-...`: rules about what a person has shown.
 *
 *   civic-user userId...            civic-age years
 *   civic-claim label value...      civic-document-valid
 *   civic-claim label ~ regex       civic-country code...
 *   civic-scope scope...            civic-fresh interval
 *
 * They are judged on the session that authn.c has found to fit here
 * (civic_request_t.identity), and on verified claims alone. Three answers are possible: met,
 * not met, and not known, when a claim is missing, ambiguous or cannot be read. What is not
 * known lets nobody in, under `Require not` and in <RequireNone> neither: there the rule is
 * taken as met. For that a rule knows, from where it stands in the configuration, whether it
 * is negated.
 *
 * Without a session the answer is AUTHZ_DENIED_NO_USER, so that httpd asks for one. httpd
 * turns that into "neutral" where the rule is negated, see civic_authn_access.
 *
 * A rule that keeps somebody out leaves a civic_unmet_t in the request: what the page says.
 */
#ifndef CIVIC_AUTHZ_H
#define CIVIC_AUTHZ_H

#include <apr_pools.h>

/** Register the providers. */
void civic_authz_register(apr_pool_t *pool);

#endif

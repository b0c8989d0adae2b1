/* policy.h - Content-Security-Policy: what may be said of it, and adding to it. */
#ifndef CIVIC_POLICY_H
#define CIVIC_POLICY_H

#include <apr_pools.h>

typedef enum {
    CIVIC_POLICY_ADD, /* more sources for what the policy has already */
    CIVIC_POLICY_SET  /* a policy of its own */
} civic_policy_use;

/**
 * Judge "directive source ...; directive source ...".
 *
 * To add, the directives are those of which it can be said what more sources do, and nothing
 * is allowed that would let scripts in which somebody else has written into the page.
 * @return NULL, or what is wrong with it, in the pool
 */
const char *civic_policy_fault(const char *text, civic_policy_use use, apr_pool_t *pool);

/**
 * Add sources to a policy.
 * @param more what civic_policy_fault has accepted; a source that is there is not added again,
 * and 'none' goes where one is added
 * @return in the pool
 */
const char *civic_policy_add(const char *policy, const char *more, apr_pool_t *pool);

#endif

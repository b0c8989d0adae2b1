/* account.h - the name of an account of another login, as enrollments and sessions know it. */
#ifndef CIVIC_ACCOUNT_H
#define CIVIC_ACCOUNT_H

#include <apr_pools.h>

/**
 * One spelling for all that a first login may take for the same account: directories ignore
 * case and white space, and "BOB " must not be another account than "bob", which could be
 * linked anew. ASCII letters become lower case; white space goes at both ends and is one space
 * elsewhere.
 *
 * @param name as the first login sets it (r->user); NULL is as good as empty
 * @return in the pool; NULL when it cannot be linked: empty, longer than
 * CIVIC_ENROLLMENT_ACCOUNT_MAX, with control characters, or not UTF-8
 */
const char *civic_account_fold(const char *name, apr_pool_t *pool);

/**
 * May its person link it himself? Only one of ASCII: a first login may know "alice" by letters
 * that Unicode holds for the same (directories normalise names), which is another account
 * here, not linked yet. @param account folded. @return 1 or 0
 */
int civic_account_is_plain(const char *account);

/** The same account? In a time that depends on the length alone. Folded names.
 * @return 1 or 0 */
int civic_account_equal(const char *a, const char *b);

#endif

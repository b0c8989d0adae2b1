/* key_file.h - keys that the module makes for itself at the first start: a file of mode 0600
 * that belongs to the user who starts httpd, beside the session store.
 */
#ifndef CIVIC_KEY_FILE_H
#define CIVIC_KEY_FILE_H

#include <apr_pools.h>

/** What such a file holds. */
typedef struct {
    const char *name;                /* for the operator, as "the seal key" */
    char *(*make)(apr_pool_t *pool); /* the text of a new one; NULL when OpenSSL fails */
} civic_key_kind_t;

/**
 * Read a key's file; make it first when there is none.
 *
 * @param text set on success, NUL-terminated, wiped with the pool; whether it is a key is for
 *             the caller to judge
 * @return NULL, or what is wrong, fit for an operator
 */
const char *civic_key_file(char **text, const char *path, const civic_key_kind_t *kind,
                           apr_pool_t *pool);

/** What to say of a file whose text is no key of its kind, in the pool. */
const char *civic_key_file_unfit(const char *path, const civic_key_kind_t *kind,
                                 const char *what, apr_pool_t *pool);

#endif

/* return_path.h - where a person may be sent after login or logout: this server's paths only.
 *
 * One allow-list instead of parsing as browsers might: a path starts with exactly one slash,
 * no backslash, printable ASCII, bounded. Nothing is repaired and nothing cut.
 */
#ifndef CIVIC_RETURN_PATH_H
#define CIVIC_RETURN_PATH_H

#include <apr_pools.h>

#define CIVIC_RETURN_PATH_MAX 8192 /* bytes, path and query */

/** @return 1 when a browser can only understand `path` as a path of this origin, else 0 */
int civic_return_path_is_local(const char *path);

/**
 * Take out of the query what Civic's app added for the library: every `uuid` parameter.
 * All other bytes stay as they are; a query that becomes empty goes with its `?`.
 * @return `path` itself when there is none, else a copy in the pool
 */
const char *civic_return_path_strip_uuid(const char *path, apr_pool_t *pool);

#endif

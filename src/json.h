/* json.h - jansson with our rules: bounded, no duplicate members, freed with a pool. */
#ifndef CIVIC_JSON_H
#define CIVIC_JSON_H

#include <apr_pools.h>
#include <jansson.h>

/**
 * Parse one JSON text. Duplicate members, NULs in strings, bytes behind the text and nesting
 * deeper than CIVIC_JSON_DEPTH (counted before jansson sees it) are refused.
 * @return the value, owned by the pool (do not decref); NULL when it is not acceptable JSON
 */
#define CIVIC_JSON_DEPTH 16
json_t *civic_json_parse(const char *text, apr_size_t len, apr_pool_t *pool);

/** Hand a new reference to the pool. @return `value`, NULL for NULL */
json_t *civic_json_own(json_t *value, apr_pool_t *pool);

/** Compact text with sorted keys, in the pool, NUL-terminated; NULL when out of memory. */
const char *civic_json_text(const json_t *value, apr_pool_t *pool);

/** Member `name` when it is a non-empty string, else NULL; lives as long as `object`. */
const char *civic_json_string(const json_t *object, const char *name);

#endif

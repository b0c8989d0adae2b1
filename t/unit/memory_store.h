/* memory_store.h - a store as simple as can be, with a clock that the test sets and failures
 * at will: for what is built upon stores.
 */
#ifndef CIVIC_UNIT_MEMORY_STORE_H
#define CIVIC_UNIT_MEMORY_STORE_H

#include "store.h"

enum { MEMORY_STORE_ROOM = 64 };

typedef struct {
    civic_store_t store;
    apr_time_t now;
    apr_pool_t *pool;
    civic_store_result put_result, get_result; /* CIVIC_STORE_OK: as it should be */
    civic_store_result picture_result;         /* of putting one */
    int is_down;
    apr_size_t bytes_read; /* by get, of records, so far */
    civic_stored_t sessions[MEMORY_STORE_ROOM];
    int count;
} memory_store_t;

memory_store_t *memory_store_new(apr_time_t now, apr_pool_t *pool);

#endif

/* memory_store.c - see memory_store.h. */
#include "memory_store.h"

#include <apr_strings.h>
#include <string.h>

static memory_store_t *of(civic_store_t *store)
{
    return store->state;
}

static civic_stored_t *find(civic_store_t *store, const unsigned char *key)
{
    memory_store_t *memory = of(store);

    for (int i = 0; i < memory->count; i++) {
        if (!memcmp(memory->sessions[i].key, key, CIVIC_STORE_KEY_LEN)
            && memory->sessions[i].expires > memory->now) {
            return &memory->sessions[i];
        }
    }
    return NULL;
}

static apr_time_t memory_now(civic_store_t *store)
{
    return of(store)->now;
}

static civic_store_result memory_put(civic_store_t *store, const civic_stored_t *session)
{
    memory_store_t *memory = of(store);
    civic_stored_t *copy;

    if (memory->is_down || memory->count == MEMORY_STORE_ROOM) {
        return CIVIC_STORE_DOWN;
    }
    if (session->kind == CIVIC_STORED_PICTURE && memory->picture_result != CIVIC_STORE_OK) {
        return memory->picture_result;
    }
    if (memory->put_result == CIVIC_STORE_OK) {
        copy = &memory->sessions[memory->count++];
        *copy = *session;
        copy->record.data =
            apr_pmemdup(memory->pool, session->record.data, session->record.len + 1);
    }
    return memory->put_result;
}

static civic_store_result memory_get(civic_store_t *store, civic_stored_t *session,
                                     const unsigned char *key, apr_pool_t *pool)
{
    memory_store_t *memory = of(store);
    const civic_stored_t *found = find(store, key);

    if (memory->is_down || memory->get_result != CIVIC_STORE_OK) {
        return memory->is_down ? CIVIC_STORE_DOWN : memory->get_result;
    }
    if (found) {
        memory->bytes_read += found->record.len;
        *session = *found;
    }
    return found ? CIVIC_STORE_OK : CIVIC_STORE_MISSING;
}

static civic_store_result memory_touch(civic_store_t *store, const unsigned char *key,
                                       apr_pool_t *pool)
{
    civic_stored_t *found = find(store, key);

    if (of(store)->is_down) {
        return CIVIC_STORE_DOWN;
    }
    if (found) {
        found->last_used = of(store)->now;
    }
    return found ? CIVIC_STORE_OK : CIVIC_STORE_MISSING;
}

static civic_store_result memory_remove(civic_store_t *store, const unsigned char *key,
                                        const unsigned char *user, apr_pool_t *pool)
{
    civic_stored_t *found = find(store, key);

    if (of(store)->is_down) {
        return CIVIC_STORE_DOWN;
    }
    if (found && !memcmp(found->user, user, CIVIC_STORE_USER_LEN)) {
        found->expires = 0;
    }
    return found ? CIVIC_STORE_OK : CIVIC_STORE_MISSING;
}

static civic_store_result memory_remove_user(civic_store_t *store, const unsigned char *user,
                                             int *count, apr_pool_t *pool)
{
    memory_store_t *memory = of(store);

    for (int i = 0; i < memory->count && !memory->is_down; i++) {
        if (!memcmp(memory->sessions[i].user, user, CIVIC_STORE_USER_LEN)) {
            *count += memory->sessions[i].expires > memory->now;
            memory->sessions[i].expires = 0;
        }
    }
    return memory->is_down ? CIVIC_STORE_DOWN : CIVIC_STORE_OK;
}

static civic_store_result memory_visit_user(civic_store_t *store, const unsigned char *user,
                                            civic_store_visit_fn *visit, void *baton,
                                            apr_pool_t *pool)
{
    memory_store_t *memory = of(store);

    for (int i = 0; i < memory->count && !memory->is_down; i++) {
        if (!memcmp(memory->sessions[i].user, user, CIVIC_STORE_USER_LEN)
            && memory->sessions[i].expires > memory->now) {
            visit(baton, &memory->sessions[i]);
        }
    }
    return memory->is_down ? CIVIC_STORE_DOWN : CIVIC_STORE_OK;
}

static const civic_store_ops_t memory_ops = {.name = "memory",
                                             .now = memory_now,
                                             .put = memory_put,
                                             .get = memory_get,
                                             .touch = memory_touch,
                                             .remove = memory_remove,
                                             .remove_user = memory_remove_user,
                                             .visit_user = memory_visit_user};

memory_store_t *memory_store_new(apr_time_t now, apr_pool_t *pool)
{
    memory_store_t *memory = apr_pcalloc(pool, sizeof(*memory));

    memory->store.ops = &memory_ops;
    memory->store.state = memory;
    memory->now = now;
    memory->pool = pool;
    return memory;
}

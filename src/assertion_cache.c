/* assertion_cache.c - see assertion_cache.h. */
#include "assertion_cache.h"

#include <apr_strings.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 512, WAYS = 2 };

typedef struct {
    unsigned char digest[CIVIC_SHA256_LEN];
    apr_time_t issued; /* 0: empty */
    char token[CIVIC_ASSERTION_MAX + 1];
} slot_t;

struct civic_assertion_cache {
    pthread_mutex_t lock; /* of all slots */
    slot_t *slots;
};

static apr_status_t destroy(void *data)
{
    civic_assertion_cache_t *cache = data;

    pthread_mutex_destroy(&cache->lock);
    free(cache->slots);
    return APR_SUCCESS;
}

civic_assertion_cache_t *civic_assertion_cache_create(apr_pool_t *pool)
{
    civic_assertion_cache_t *cache = apr_palloc(pool, sizeof(*cache));

    cache->slots = calloc((size_t)SETS * WAYS, sizeof(slot_t));
    if (!cache->slots) {
        return NULL;
    }
    pthread_mutex_init(&cache->lock, NULL);
    apr_pool_cleanup_register(pool, cache, destroy, apr_pool_cleanup_null);
    return cache;
}

static slot_t *set_of(const civic_assertion_cache_t *cache, const unsigned char *digest)
{
    return cache->slots + (size_t)WAYS * ((digest[0] << 8 | digest[1]) % SETS);
}

/* A clock that was set back makes it as old as one that was not. */
static int is_fresh(const slot_t *slot, apr_time_t now)
{
    return slot->issued && now >= slot->issued
           && now - slot->issued < apr_time_from_sec(CIVIC_ASSERTION_LIFE) / 2;
}

const char *civic_assertion_cache_get(civic_assertion_cache_t *cache,
                                      const unsigned char digest[CIVIC_SHA256_LEN],
                                      apr_time_t now, apr_pool_t *pool)
{
    const slot_t *set = set_of(cache, digest);
    const char *token = NULL;

    pthread_mutex_lock(&cache->lock);
    for (int i = 0; i < WAYS && !token; i++) {
        if (is_fresh(&set[i], now) && !memcmp(set[i].digest, digest, CIVIC_SHA256_LEN)) {
            token = apr_pstrdup(pool, set[i].token);
        }
    }
    pthread_mutex_unlock(&cache->lock);
    return token;
}

void civic_assertion_cache_put(civic_assertion_cache_t *cache,
                               const unsigned char digest[CIVIC_SHA256_LEN], const char *token,
                               apr_time_t issued)
{
    slot_t *set = set_of(cache, digest), *slot = set;

    if (strlen(token) > CIVIC_ASSERTION_MAX) {
        return;
    }
    pthread_mutex_lock(&cache->lock);
    for (int i = 0; i < WAYS; i++) {
        if (!memcmp(set[i].digest, digest, CIVIC_SHA256_LEN)) {
            slot = &set[i];
            break;
        }
        if (set[i].issued < slot->issued) {
            slot = &set[i];
        }
    }
    memcpy(slot->digest, digest, CIVIC_SHA256_LEN);
    slot->issued = issued;
    strcpy(slot->token, token);
    pthread_mutex_unlock(&cache->lock);
}

/* generation_reader.c - see generation_reader.h. */
#include "generation_reader.h"

#include <apr_strings.h>

const char *civic_readers_init(civic_readers_t *readers, const civic_generations_t *all)
{
    *readers = (civic_readers_t){.all = all};
    return pthread_mutex_init(&readers->mutex, NULL)
                   || pthread_cond_init(&readers->opened, NULL)
               ? "a mutex cannot be made"
               : NULL;
}

static civic_borrowed_t *make(civic_generation_t *generation)
{
    civic_borrowed_t *made = apr_pcalloc(generation->pool, sizeof(*made));

    made->generation = generation;
    made->users = 1;
    pthread_mutex_init(&made->alone, NULL);
    return made;
}

/* Under the mutex, which is let go while files are closed. */
static void leave(civic_readers_t *readers, civic_borrowed_t *one)
{
    if (--one->users == 0) {
        pthread_mutex_unlock(&readers->mutex);
        pthread_mutex_destroy(&one->alone);
        civic_generation_close(one->generation);
        pthread_mutex_lock(&readers->mutex);
    }
}

/* Under the mutex: nobody borrows it any more. */
static void retire(civic_readers_t *readers, civic_borrowed_t *one)
{
    if (readers->current == one) {
        readers->current = NULL;
        leave(readers, one);
    }
}

void civic_readers_close(civic_readers_t *readers)
{
    pthread_mutex_lock(&readers->mutex);
    if (readers->current) {
        retire(readers, readers->current);
    }
    pthread_mutex_unlock(&readers->mutex);
    pthread_cond_destroy(&readers->opened);
    pthread_mutex_destroy(&readers->mutex);
}

/* Under the mutex, which is let go meanwhile. */
static const char *open_next(civic_readers_t *readers, apr_pool_t *pool)
{
    unsigned long try = ++readers->tries;
    civic_generation_t *generation;
    const char *fault;

    readers->opening = 1;
    pthread_mutex_unlock(&readers->mutex);
    fault = civic_generation_open(&generation, readers->all, pool);
    pthread_mutex_lock(&readers->mutex);
    readers->opening = 0;
    if (fault) {
        readers->failed = try;
        apr_cpystrn(readers->fault, fault, sizeof(readers->fault));
    }
    else {
        readers->current = make(generation);
    }
    pthread_cond_broadcast(&readers->opened);
    return fault;
}

/* Under the mutex: what others have opened, which counts still; NULL when it is the caller who
 * has to. It is entered as a user. @param fault set when a try failed that began after the
 * caller came: his would, too */
static civic_borrowed_t *take_current(civic_readers_t *readers, const char **fault,
                                      apr_pool_t *pool)
{
    unsigned long came = readers->tries;

    *fault = NULL;
    while (readers->current || readers->opening) {
        civic_borrowed_t *one = readers->current;
        int counts;

        if (!one) {
            pthread_cond_wait(&readers->opened, &readers->mutex);
            if (!readers->current && readers->failed > came) {
                *fault = apr_pstrdup(pool, readers->fault);
                return NULL;
            }
            continue;
        }
        one->users++;
        pthread_mutex_unlock(&readers->mutex);
        counts = civic_generation_is_current(one->generation, readers->all);
        pthread_mutex_lock(&readers->mutex);
        if (counts) {
            return one;
        }
        retire(readers, one);
        leave(readers, one);
    }
    return NULL;
}

const char *civic_readers_borrow(civic_borrowed_t **borrowed, civic_readers_t *readers,
                                 apr_pool_t *pool)
{
    civic_borrowed_t *one;
    const char *fault;

    pthread_mutex_lock(&readers->mutex);
    one = take_current(readers, &fault, pool);
    if (!one && !fault) {
        fault = open_next(readers, pool);
        if (!fault) {
            one = readers->current;
            one->users++;
        }
    }
    pthread_mutex_unlock(&readers->mutex);
    if (fault) {
        return fault;
    }
    pthread_mutex_lock(&one->alone);
    *borrowed = one;
    return NULL;
}

void civic_readers_return(civic_readers_t *readers, civic_borrowed_t *borrowed, int damaged)
{
    pthread_mutex_unlock(&borrowed->alone);
    pthread_mutex_lock(&readers->mutex);
    if (damaged) {
        retire(readers, borrowed);
    }
    leave(readers, borrowed);
    pthread_mutex_unlock(&readers->mutex);
}

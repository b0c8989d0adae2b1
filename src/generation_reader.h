/* generation_reader.h - the generation that the threads of a process read (generation.h).
 *
 * One of them is open at a time. A thread borrows it: it has it alone, since SDBM has one
 * buffer, and it stays whole until it is returned, also when PATH names another one meanwhile.
 * Whoever comes then has one thread open that; those behind him wait for it instead of reading
 * the same files again, since what a writer has been told is done holds from the next
 * borrowing on. No lock is held while files are opened or looked at.
 *
 * All of it may be called by any thread. After a fork a child opens its own.
 */
#ifndef CIVIC_GENERATION_READER_H
#define CIVIC_GENERATION_READER_H

#include <pthread.h>

#include "generation.h"

typedef struct {
    civic_generation_t *generation;
    pthread_mutex_t alone; /* held by the borrower */
    int users; /* borrowers, those who wait, and the readers themselves; at 0 it is closed */
} civic_borrowed_t;

typedef struct {
    const civic_generations_t *all;
    pthread_mutex_t mutex; /* guards users and what is below */
    pthread_cond_t opened;
    civic_borrowed_t *current;   /* the latest that was opened; NULL: none */
    int opening;                 /* a thread is at it */
    unsigned long tries, failed; /* how often it was opened; which try failed last */
    char fault[300];             /* of that one */
} civic_readers_t;

/** @param all lives as long @return NULL, or what is wrong */
const char *civic_readers_init(civic_readers_t *readers, const civic_generations_t *all);

/** Nobody may have borrowed anything. */
void civic_readers_close(civic_readers_t *readers);

/** What counts now. @return NULL, or a text for the log in the pool */
const char *civic_readers_borrow(civic_borrowed_t **borrowed, civic_readers_t *readers,
                                 apr_pool_t *pool);

/** @param damaged nobody shall borrow it again */
void civic_readers_return(civic_readers_t *readers, civic_borrowed_t *borrowed, int damaged);

#endif

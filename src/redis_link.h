/* redis_link.h - one connection to a Redis that is a master and accepts us: opened, asked,
 * closed. Used by one thread at a time. Times out after half a second (connecting) and a
 * second (each answer).
 */
#ifndef CIVIC_REDIS_LINK_H
#define CIVIC_REDIS_LINK_H

#include <hiredis/hiredis.h>
#include "redis_address.h"
#include "redis_fault.h"
#include "redis_tls.h"

#define CIVIC_REDIS_ARGS_MAX 16

/** Where connections lead. Never changes but for `likely`. */
typedef struct {
    const civic_redis_address_t *address;
    const civic_redis_secret_t *secret; /* NULL: no password */
    civic_redis_tls_t *tls;             /* NULL: plain */
    int likely;                         /* the Sentinel that answered last, by its number */
} civic_redis_site_t;

/** A command: words with their lengths. */
typedef struct {
    const char *words[CIVIC_REDIS_ARGS_MAX];
    size_t lengths[CIVIC_REDIS_ARGS_MAX];
    int count;
} civic_redis_command_t;

/** Add a word; what it points to must outlive the command. */
void civic_redis_command_add(civic_redis_command_t *command, const char *word, size_t length);

/**
 * Connect, ask Sentinels where the master is if there are any, log in, choose the database,
 * and see that it is a master.
 * @return to be given to redisFree; NULL with `fault` set
 */
redisContext *civic_redis_link_open(civic_redis_site_t *site, civic_redis_fault_t *fault);

/**
 * @return the answer, to be given to freeReplyObject; NULL with `fault` set, also for an error
 *         that Redis answers. Whether the connection may be used again: `!context->err`.
 */
redisReply *civic_redis_link_ask(redisContext *context, const civic_redis_command_t *command,
                                 civic_redis_fault_t *fault);

#endif

/* redis_pool.h - a child's connections to its Redis, shared by all its threads.
 *
 * Made when they are needed, used last used first. When one is found dead, all that lie idle
 * are closed and the command goes out once more over a new one: commands must be such that
 * twice is as good as once.
 */
#ifndef CIVIC_REDIS_POOL_H
#define CIVIC_REDIS_POOL_H

#include "outage.h"
#include "redis_link.h"
#include "store.h"

typedef struct civic_redis_pool civic_redis_pool_t;

/** After the fork. Connections are closed with the pool. */
civic_redis_pool_t *civic_redis_pool_create(civic_redis_site_t *site,
                                            const civic_store_env_t *env, apr_pool_t *pchild);

/**
 * @param reply set on success, to be given to freeReplyObject
 * @return OK, EXHAUSTED (Redis is full), DOWN
 */
civic_store_result civic_redis_pool_ask(civic_redis_pool_t *pool, redisReply **reply,
                                        const civic_redis_command_t *command);

/** For what a store notices itself: an answer of a form that cannot be. @return DOWN */
civic_store_result civic_redis_pool_strange(civic_redis_pool_t *pool);

civic_outage_t *civic_redis_pool_outage(civic_redis_pool_t *pool);

#endif

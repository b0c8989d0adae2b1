/* redis_fault.h - what can go wrong with a Redis, told apart. Pure.
 */
#ifndef CIVIC_REDIS_FAULT_H
#define CIVIC_REDIS_FAULT_H

typedef enum {
    CIVIC_REDIS_FINE,
    CIVIC_REDIS_UNREACHABLE,    /* no connection */
    CIVIC_REDIS_BROKEN,         /* the connection broke */
    CIVIC_REDIS_SILENT,         /* no answer in time */
    CIVIC_REDIS_UNTRUSTED,      /* TLS failed */
    CIVIC_REDIS_STRANGE,        /* an answer that is none of Redis' */
    CIVIC_REDIS_LOADING,        /* it reads its data from disk */
    CIVIC_REDIS_REPLICA,        /* it is no master, or no more */
    CIVIC_REDIS_SENTINEL,       /* it is a Sentinel */
    CIVIC_REDIS_MASTER_UNKNOWN, /* the Sentinel knows none of this name */
    CIVIC_REDIS_CLUSTER,        /* keys are spread over several masters */
    CIVIC_REDIS_LOGIN_MISSING,  /* it wants a password */
    CIVIC_REDIS_LOGIN_WRONG,    /* user or password */
    CIVIC_REDIS_LOGIN_NEEDLESS, /* it has no password */
    CIVIC_REDIS_FORBIDDEN,      /* a command or key is not allowed to this user */
    CIVIC_REDIS_FULL,           /* maxmemory */
    CIVIC_REDIS_BUSY,           /* with a script of somebody else's */
    CIVIC_REDIS_WRITES_REFUSED, /* for want of disk space or replicas */
    CIVIC_REDIS_REFUSED,        /* any other error */
    CIVIC_REDIS_CAUSES
} civic_redis_cause;

/** What happened, on the caller's stack. */
typedef struct {
    civic_redis_cause cause;
    char detail[160]; /* for the log; may be empty */
} civic_redis_fault_t;

/** Fill in the cause of an error that Redis answered (the text behind the `-`), with as much
 * of the text as repeats nothing of what it was sent. */
void civic_redis_fault_judge(civic_redis_fault_t *fault, const char *error);

/** Set a cause and detail. @return 0, for `return` */
int civic_redis_fault_set(civic_redis_fault_t *fault, civic_redis_cause cause,
                          const char *detail);

/** In words, with the detail. @return `text` */
const char *civic_redis_fault_words(const civic_redis_fault_t *fault, char *text, int size);

/** 1: nothing works (the store is down); 0: this command does not. */
int civic_redis_fault_is_outage(civic_redis_cause cause);

/** 1: another connection may do better. */
int civic_redis_fault_wants_another(civic_redis_cause cause);

#endif

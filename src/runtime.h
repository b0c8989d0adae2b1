/* runtime.h - what a running server shares: made at startup, read by requests. */
#ifndef CIVIC_RUNTIME_H
#define CIVIC_RUNTIME_H

#include <httpd.h>
#include <http_config.h>
#include "assertion.h"
#include "attempts.h"
#include "breaker.h"
#include "conf.h"
#include "counters.h"
#include "slots.h"
#include "state.h"
#include "store.h"
#include "transport.h"

struct civic_assertion_cache;
struct civic_tunnels;

/** A service that logins go through. What fails at one way to it need not fail at another. */
typedef struct {
    const char *api;   /* scheme://host[:port] */
    const char *proxy; /* "": none */
} civic_upstream_t;

typedef struct civic_runtime {
    civic_store_t *store;
    civic_seal_keys_t seal_keys;
    civic_assertion_keys_t assertion_keys;
    civic_slots_t *slots;
    const apr_array_header_t *upstreams; /* of civic_upstream_t */
    civic_breakers_t *breakers;          /* one for each of them */
    civic_attempts_t *attempts;
    civic_counters_t *counters;               /* of all restarts */
    civic_transport_t *transport;             /* of this child */
    struct civic_tunnels *tunnels;            /* of this child; tunnels.h */
    struct civic_assertion_cache *assertions; /* of this child; NULL: no memory */
} civic_runtime_t;

/** Open the store and read or make the seal keys: startup_store.c. @return 1; 0 after the
 * reason was logged */
int civic_startup_store(civic_runtime_t *runtime, server_rec *s, apr_pool_t *pconf);

/** What does not go together about a directive of the store (startup_store.c). @return NULL,
 * or what is wrong */
const char *civic_startup_store_fault(server_rec *s, const char *directive);

/** Where the store is, or would be, when it is a file: keys of our own making are beside it.
 * @return in the pool; NULL when httpd's runtime folder is not known */
const char *civic_startup_store_path(const civic_server_conf_t *conf, apr_pool_t *pool);

/** Open the enrollment stores of all hosts: startup_factor.c. @return 1; 0 after the reason
 * was logged */
int civic_startup_factor(server_rec *main_server, apr_pool_t *pconf);

/** What is missing for CivicSecondFactor, CivicEnrollmentStore or CivicEnrollmentQuery of this
 * host (startup_factor.c). @return NULL, or what is wrong */
const char *civic_startup_factor_fault(const server_rec *host, const char *directive);

/** Read or make the key that signs assertions: startup_assertion.c. @return 1; 0 after the
 * reason was logged */
int civic_startup_assertion(civic_runtime_t *runtime, server_rec *s, apr_pool_t *pconf);

/** As civic_startup_store_fault, of a directive of assertions. */
const char *civic_startup_assertion_fault(server_rec *s, const char *directive);

/* Hooks, in the order in which httpd runs them. */
int civic_startup_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp);
int civic_startup_check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                               server_rec *s);
int civic_startup_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                              server_rec *s);
void civic_startup_child_init(apr_pool_t *pchild, server_rec *s);

#endif

/* asks.c - scope requests on their way, the log, the faults: one segment, one lock. */
#include <apr_shm.h>
#include <apr_strings.h>
#include <stddef.h>
#include <string.h>
#include <util_mutex.h>

#include "sandbox.h"

enum { ASKS = 512, JTIS = 4096, JTI_LEN = 16 };

typedef struct {
    apr_uint32_t next_ask, next_jti;
    sandbox_log_t log;
    unsigned char jtis[JTIS][JTI_LEN];
    sandbox_ask_t asks[ASKS];
} table_t;

static const char mutex_type[] = "civic-sandbox";
static apr_global_mutex_t *mutex;
static table_t *table;

int sandbox_asks_register(apr_pool_t *pconf)
{
    return ap_mutex_register(pconf, mutex_type, NULL, APR_LOCK_DEFAULT, 0)
               ? HTTP_INTERNAL_SERVER_ERROR
               : OK;
}

int sandbox_asks_create(apr_pool_t *pconf, server_rec *s)
{
    apr_shm_t *shm;

    if (ap_global_mutex_create(&mutex, NULL, mutex_type, NULL, s, pconf, 0)
        || apr_shm_create(&shm, sizeof(table_t), NULL, pconf)) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "civic_sandbox: no shared memory or lock");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    table = apr_shm_baseaddr_get(shm);
    memset(table, 0, sizeof(*table));
    return OK;
}

void sandbox_asks_child_init(apr_pool_t *pchild, server_rec *s)
{
    if (mutex
        && apr_global_mutex_child_init(&mutex, apr_global_mutex_lockfile(mutex), pchild)) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, "civic_sandbox: the lock is lost");
    }
}

static int lock(void)
{
    return apr_global_mutex_lock(mutex) == APR_SUCCESS;
}

static void unlock(void)
{
    apr_global_mutex_unlock(mutex);
}

/* Under the lock. */
static sandbox_ask_t *find(const char *id, apr_size_t offset)
{
    for (int i = 0; i < ASKS; i++) {
        sandbox_ask_t *ask = &table->asks[i];

        if (ask->created && !strcmp((const char *)ask + offset, id)) {
            return ask;
        }
    }
    return NULL;
}

int sandbox_ask_add(sandbox_ask_t *ask)
{
    apr_pool_t *pool;
    const char *id, *code;

    if (apr_pool_create(&pool, NULL)) {
        return 0;
    }
    id = civic_uuid(pool);
    code = civic_uuid(pool);
    if (id && code) {
        apr_cpystrn(ask->id, id, sizeof(ask->id));
        apr_cpystrn(ask->code, code, sizeof(ask->code));
    }
    apr_pool_destroy(pool);
    ask->created = apr_time_now();
    if (!id || !code || !lock()) {
        return 0;
    }
    table->asks[table->next_ask++ % ASKS] = *ask;
    unlock();
    return 1;
}

static int get(sandbox_ask_t *out, const char *id, apr_size_t offset)
{
    const sandbox_ask_t *ask;

    if (!*id || !lock()) {
        return 0;
    }
    ask = find(id, offset);
    if (ask) {
        *out = *ask;
    }
    unlock();
    return ask != NULL;
}

int sandbox_ask_get(sandbox_ask_t *ask, const char *id)
{
    return get(ask, id, offsetof(sandbox_ask_t, id));
}

int sandbox_ask_by_code(sandbox_ask_t *ask, const char *code)
{
    return get(ask, code, offsetof(sandbox_ask_t, code));
}

int sandbox_ask_advance(const char *id, sandbox_status status, int person)
{
    sandbox_ask_t *ask;
    int moved = 0;

    if (!lock()) {
        return 0;
    }
    ask = find(id, offsetof(sandbox_ask_t, id));
    if (ask && ask->status < ASK_APPROVED && ask->status < (int)status) {
        ask->status = status;
        ask->person = person;
        moved = 1;
    }
    unlock();
    return moved;
}

int sandbox_ask_use(const char *code)
{
    sandbox_ask_t *ask;
    int first = 0;

    if (!lock()) {
        return 0;
    }
    ask = find(code, offsetof(sandbox_ask_t, code));
    if (ask && !ask->used) {
        ask->used = first = 1;
    }
    unlock();
    return first;
}

void sandbox_ask_offer_payload(const sandbox_ask_t *exchanged, apr_time_t until)
{
    sandbox_ask_t *ask;

    if (lock()) {
        ask = find(exchanged->code, offsetof(sandbox_ask_t, code));
        if (ask) {
            apr_cpystrn(ask->fault, exchanged->fault, sizeof(ask->fault));
            ask->payload_until = until;
        }
        unlock();
    }
}

int sandbox_jti_once(const char *jti)
{
    unsigned char digest[CIVIC_SHA256_LEN];
    int seen = 0;

    if (!civic_sha256(digest, jti, strlen(jti)) || !lock()) {
        return 0;
    }
    for (int i = 0; i < JTIS && !seen; i++) {
        seen = !memcmp(table->jtis[i], digest, JTI_LEN);
    }
    if (!seen) {
        memcpy(table->jtis[table->next_jti++ % JTIS], digest, JTI_LEN);
    }
    unlock();
    return !seen;
}

/* ---- log and faults ---- */

void sandbox_log_get(sandbox_log_t *log)
{
    memset(log, 0, sizeof(*log));
    if (lock()) {
        *log = table->log;
        unlock();
    }
}

void sandbox_log_exchange(int status, const char *error)
{
    if (lock()) {
        table->log.exchanges++;
        table->log.last_status = status;
        apr_cpystrn(table->log.last_error, error ? error : "", sizeof(table->log.last_error));
        unlock();
    }
}

void sandbox_log_payload(void)
{
    if (lock()) {
        table->log.payloads++;
        unlock();
    }
}

void sandbox_fault_set(const char *fault, int count)
{
    if (lock()) {
        apr_cpystrn(table->log.fault, fault, sizeof(table->log.fault));
        table->log.fault_count = count;
        unlock();
    }
}

void sandbox_fault_take(char *fault)
{
    *fault = '\0';
    if (lock()) {
        if (table->log.fault_count > 0) {
            table->log.fault_count--;
            apr_cpystrn(fault, table->log.fault, sizeof(table->log.fault));
        }
        unlock();
    }
}

void sandbox_reset(void)
{
    if (lock()) {
        memset(table, 0, sizeof(*table));
        unlock();
    }
}

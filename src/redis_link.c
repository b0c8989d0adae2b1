/* redis_link.c - see redis_link.h. */
#include "redis_link.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static const struct timeval connect_time = {.tv_usec = 500000};
static const struct timeval answer_time = {.tv_sec = 1};

void civic_redis_command_add(civic_redis_command_t *command, const char *word, size_t length)
{
    command->words[command->count] = word;
    command->lengths[command->count++] = length;
}

/* ---- asking ---- */

/* `error` is errno as the call left it. */
static int broken(civic_redis_fault_t *fault, const redisContext *context, int error)
{
    if (context->err == REDIS_ERR_PROTOCOL) {
        return civic_redis_fault_set(fault, CIVIC_REDIS_STRANGE, NULL);
    }
    if (context->err == REDIS_ERR_IO
        && (error == EAGAIN || error == EWOULDBLOCK || error == ETIMEDOUT)) {
        return civic_redis_fault_set(fault, CIVIC_REDIS_SILENT,
                                     "it hangs or the network does");
    }
    return civic_redis_fault_set(fault, CIVIC_REDIS_BROKEN, context->errstr);
}

static redisReply *reply_next(redisContext *context, civic_redis_fault_t *fault)
{
    void *got = NULL;
    redisReply *reply;

    errno = 0;
    if (redisGetReply(context, &got) != REDIS_OK) {
        broken(fault, context, errno);
        return NULL;
    }
    reply = got;
    if (reply->type == REDIS_REPLY_ERROR) {
        civic_redis_fault_judge(fault, reply->str);
        freeReplyObject(reply);
        return NULL;
    }
    return reply;
}

redisReply *civic_redis_link_ask(redisContext *context, const civic_redis_command_t *command,
                                 civic_redis_fault_t *fault)
{
    const char *words[CIVIC_REDIS_ARGS_MAX];

    memcpy(words, command->words, sizeof(words));
    if (redisAppendCommandArgv(context, command->count, words, command->lengths) != REDIS_OK) {
        civic_redis_fault_set(fault, CIVIC_REDIS_BROKEN, "out of memory");
        return NULL;
    }
    return reply_next(context, fault);
}

/* ---- opening ---- */

static redisContext *reach(const civic_redis_site_t *site, const civic_redis_host_t *host,
                           civic_redis_fault_t *fault)
{
    redisContext *context =
        host ? redisConnectWithTimeout(host->name, host->port, connect_time)
             : redisConnectUnixWithTimeout(site->address->socket, connect_time);
    const char *untrusted;

    if (!context || context->err) {
        civic_redis_fault_set(fault, CIVIC_REDIS_UNREACHABLE,
                              context ? context->errstr : "out of memory");
        redisFree(context);
        return NULL;
    }
    /* A program that httpd starts must not get it: who has it may do as we may. */
    fcntl(context->fd, F_SETFD, FD_CLOEXEC);
    redisSetTimeout(context, answer_time);
    if (host) {
        redisEnableKeepAlive(context);
    }
    untrusted =
        site->tls && host ? civic_redis_tls_start(site->tls, context, host->name) : NULL;
    if (untrusted) {
        civic_redis_fault_set(fault, CIVIC_REDIS_UNTRUSTED, untrusted);
        redisFree(context);
        return NULL;
    }
    return context;
}

static int is_string(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
}

/* @return 1; 0 with `fault` set */
static int obeyed(redisContext *context, civic_redis_fault_t *fault)
{
    redisReply *reply = reply_next(context, fault);

    if (!reply) {
        return 0;
    }
    freeReplyObject(reply);
    return 1;
}

static int role_judge(redisContext *context, civic_redis_fault_t *fault)
{
    redisReply *reply = reply_next(context, fault);
    const char *role;

    if (!reply) {
        return 0;
    }
    role =
        reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 && is_string(reply->element[0])
            ? reply->element[0]->str
            : "";
    civic_redis_fault_set(fault,
                          !strcmp(role, "master")     ? CIVIC_REDIS_FINE
                          : !strcmp(role, "slave")    ? CIVIC_REDIS_REPLICA
                          : !strcmp(role, "sentinel") ? CIVIC_REDIS_SENTINEL
                                                      : CIVIC_REDIS_STRANGE,
                          NULL);
    freeReplyObject(reply);
    return fault->cause == CIVIC_REDIS_FINE;
}

static void log_in_append(redisContext *context, const civic_redis_login_t *login)
{
    if (login->user) {
        redisAppendCommand(context, "AUTH %s %s", login->user, login->password);
    }
    else if (login->password) {
        redisAppendCommand(context, "AUTH %s", login->password);
    }
}

/* All in one round trip; the first fault counts. */
static int greet(redisContext *context, const civic_redis_site_t *site,
                 civic_redis_fault_t *fault)
{
    static const civic_redis_login_t nobody = {NULL, NULL};
    const civic_redis_login_t *login = site->secret ? &site->secret->server : &nobody;

    log_in_append(context, login);
    if (site->address->db) {
        redisAppendCommand(context, "SELECT %d", site->address->db);
    }
    redisAppendCommand(context, "ROLE");
    return (!login->password || obeyed(context, fault))
           && (!site->address->db || obeyed(context, fault)) && role_judge(context, fault);
}

static redisContext *open_at(const civic_redis_site_t *site, const civic_redis_host_t *host,
                             civic_redis_fault_t *fault)
{
    redisContext *context = reach(site, host, fault);

    if (context && !greet(context, site, fault)) {
        redisFree(context);
        return NULL;
    }
    return context;
}

/* ---- Sentinels ---- */

typedef struct {
    char name[CIVIC_REDIS_HOST_MAX + 1];
    int port;
} place_t;

static int place_read(place_t *place, const redisReply *reply, civic_redis_fault_t *fault)
{
    if (reply->type == REDIS_REPLY_NIL) {
        return civic_redis_fault_set(fault, CIVIC_REDIS_MASTER_UNKNOWN, NULL);
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || !is_string(reply->element[0]) || !is_string(reply->element[1])
        || reply->element[0]->len > CIVIC_REDIS_HOST_MAX) {
        return civic_redis_fault_set(fault, CIVIC_REDIS_STRANGE, NULL);
    }
    apr_cpystrn(place->name, reply->element[0]->str, sizeof(place->name));
    place->port = atoi(reply->element[1]->str);
    return 1;
}

static int sentinel_ask(place_t *place, const civic_redis_site_t *site,
                        const civic_redis_host_t *sentinel, civic_redis_fault_t *fault)
{
    redisContext *context = reach(site, sentinel, fault);
    redisReply *reply = NULL;
    int found = 0;

    if (!context) {
        return 0;
    }
    if (site->secret) {
        log_in_append(context, &site->secret->sentinel);
    }
    redisAppendCommand(context, "SENTINEL get-master-addr-by-name %s", site->address->master);
    if (!site->secret || !site->secret->sentinel.password || obeyed(context, fault)) {
        reply = reply_next(context, fault);
    }
    if (reply) {
        found = place_read(place, reply, fault);
        freeReplyObject(reply);
    }
    redisFree(context);
    return found;
}

/* A Sentinel may still tell of the master that was: then the next one may know better. */
static redisContext *open_master(civic_redis_site_t *site, civic_redis_fault_t *fault)
{
    int count = site->address->host_count;
    int first = __atomic_load_n(&site->likely, __ATOMIC_RELAXED);

    for (int i = 0; i < count; i++) {
        int n = (first + i) % count;
        civic_redis_host_t master;
        redisContext *context;
        place_t place;

        if (!sentinel_ask(&place, site, &site->address->hosts[n], fault)) {
            continue;
        }
        master = (civic_redis_host_t){place.name, place.port};
        context = open_at(site, &master, fault);
        if (context) {
            __atomic_store_n(&site->likely, n, __ATOMIC_RELAXED);
            return context;
        }
    }
    return NULL;
}

redisContext *civic_redis_link_open(civic_redis_site_t *site, civic_redis_fault_t *fault)
{
    const civic_redis_address_t *address = site->address;

    if (address->master) {
        return open_master(site, fault);
    }
    return open_at(site, address->socket ? NULL : &address->hosts[0], fault);
}

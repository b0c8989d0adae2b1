/* transport.c - see transport.h. */
#include "transport.h"

#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "url.h"

enum {
    HANDLES_KEPT = 32, /* idle handles of a child, each with its warm connection */
    CONNECT_TIMEOUT_MS = 3000,
    CONNECTION_AGE_SEC = 20 /* API gateways cut idle connections after 60 s or so */
};

struct civic_transport {
    apr_thread_mutex_t *lock; /* guards the stack of idle handles */
    CURL *idle[HANDLES_KEPT];
    int idle_count;
};

/* What one request collects. */
typedef struct {
    const char *body; /* what is still to be sent */
    apr_size_t body_left;
    int body_touched; /* libcurl has asked for the body: it may be on its way */
    char *answer;     /* malloc'd, freed with the pool */
    apr_size_t len, room;
    int too_large;
} exchange_t;

static size_t send_body(char *buffer, size_t size, size_t count, void *data)
{
    exchange_t *x = data;
    size_t n = size * count;

    x->body_touched = 1;
    if (n > x->body_left) {
        n = x->body_left;
    }
    memcpy(buffer, x->body, n);
    x->body += n;
    x->body_left -= n;
    return n;
}

/* An authorization code works once: libcurl must never send a body a second time by itself. */
static int refuse_rewind(void *data, curl_off_t offset, int origin)
{
    return CURL_SEEKFUNC_FAIL;
}

static size_t receive_body(char *bytes, size_t size, size_t count, void *data)
{
    exchange_t *x = data;
    size_t n = size * count;

    if (n > CIVIC_ANSWER_MAX - x->len) {
        x->too_large = 1;
        return 0;
    }
    if (x->len + n + 1 > x->room) {
        apr_size_t room = x->room ? x->room : 4096;
        char *grown;

        while (room < x->len + n + 1) {
            room *= 2;
        }
        grown = realloc(x->answer, room);
        if (!grown) {
            return 0;
        }
        x->answer = grown;
        x->room = room;
    }
    memcpy(x->answer + x->len, bytes, n);
    x->len += n;
    x->answer[x->len] = '\0';
    return n;
}

static CURL *handle_take(civic_transport_t *t)
{
    CURL *handle = NULL;

    apr_thread_mutex_lock(t->lock);
    if (t->idle_count > 0) {
        handle = t->idle[--t->idle_count];
    }
    apr_thread_mutex_unlock(t->lock);
    return handle ? handle : curl_easy_init();
}

static void handle_give_back(civic_transport_t *t, CURL *handle)
{
    curl_easy_reset(handle); /* options go, the connection stays */
    apr_thread_mutex_lock(t->lock);
    if (t->idle_count < HANDLES_KEPT) {
        t->idle[t->idle_count++] = handle;
        handle = NULL;
    }
    apr_thread_mutex_unlock(t->lock);
    if (handle) {
        curl_easy_cleanup(handle);
    }
}

static apr_status_t answer_free(void *data)
{
    free(((exchange_t *)data)->answer);
    return APR_SUCCESS;
}

static apr_status_t transport_cleanup(void *data)
{
    civic_transport_t *t = data;

    while (t->idle_count > 0) {
        curl_easy_cleanup(t->idle[--t->idle_count]);
    }
    curl_global_cleanup();
    return APR_SUCCESS;
}

civic_transport_t *civic_transport_create(apr_pool_t *pool)
{
    civic_transport_t *t = apr_pcalloc(pool, sizeof(*t));

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NULL;
    }
    if (apr_thread_mutex_create(&t->lock, APR_THREAD_MUTEX_DEFAULT, pool) != APR_SUCCESS) {
        curl_global_cleanup();
        return NULL;
    }
    /* Registered after the mutex, so it runs before the mutex goes. */
    apr_pool_cleanup_register(pool, t, transport_cleanup, apr_pool_cleanup_null);
    return t;
}

static struct curl_slist *headers_make(const civic_http_request_t *request, apr_pool_t *pool)
{
    static const char *const fixed[] = {"Accept: */*", "Expect:", NULL};
    struct curl_slist *list = NULL, *longer;
    const char *lines[5];
    int n = 0;

    for (int i = 0; fixed[i]; i++) {
        lines[n++] = fixed[i];
    }
    if (request->body) {
        lines[n++] = "Content-Type: application/json";
    }
    if (request->authorization) {
        lines[n++] = apr_pstrcat(pool, "Authorization: ", request->authorization, NULL);
    }
    for (int i = 0; i < n; i++) {
        longer = curl_slist_append(list, lines[i]);
        if (!longer) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

/* The rules of every connection; each failed setopt leaves the transfer refused. */
static int options_set(CURL *h, const civic_http_request_t *request, exchange_t *x,
                       struct curl_slist *headers, long timeout_ms)
{
    int is_http = !strncasecmp(request->url, "http://", 7); /* loopback, see url.h */
    int ok = 1;

#define SET(option, value) (ok = ok && curl_easy_setopt(h, option, value) == CURLE_OK)
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_PROTOCOLS_STR, is_http ? "http" : "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_PROXY, request->proxy ? request->proxy : "");
    SET(CURLOPT_MAXAGE_CONN, (long)CONNECTION_AGE_SEC);
    SET(CURLOPT_MAXFILESIZE, (long)CIVIC_ANSWER_MAX);
    SET(CURLOPT_TIMEOUT_MS, timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : (long)CONNECT_TIMEOUT_MS);
    SET(CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_WRITEFUNCTION, receive_body);
    SET(CURLOPT_WRITEDATA, x);
    if (request->ca_file) {
        SET(CURLOPT_CAINFO, request->ca_file);
        SET(CURLOPT_CAPATH, (char *)NULL); /* this file alone vouches */
    }
    if (request->body) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body_left);
        SET(CURLOPT_READFUNCTION, send_body);
        SET(CURLOPT_READDATA, x);
        SET(CURLOPT_SEEKFUNCTION, refuse_rewind);
    }
#undef SET
    return ok;
}

static civic_refusal_t judge(CURLcode code, const exchange_t *x)
{
    civic_refusal_t refusal = {CIVIC_UPSTREAM_CUT, curl_easy_strerror(code)};

    switch (code) {
    case CURLE_OK:
        refusal.reason = CIVIC_OK;
        break;
    case CURLE_OPERATION_TIMEDOUT:
        refusal.reason = CIVIC_UPSTREAM_TIMEOUT;
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PROXY:
        refusal.reason = CIVIC_UPSTREAM_UNREACHABLE;
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        refusal.reason = CIVIC_UPSTREAM_UNTRUSTED;
        break;
    case CURLE_FILESIZE_EXCEEDED:
        refusal.reason = CIVIC_UPSTREAM_TOO_LARGE;
        break;
    case CURLE_WRITE_ERROR:
        refusal.reason = x->too_large ? CIVIC_UPSTREAM_TOO_LARGE : CIVIC_INTERNAL;
        break;
    default:
        break;
    }
    return refusal;
}

static civic_refusal_t attempt(civic_http_answer_t *answer, CURL *handle, exchange_t *x,
                               const civic_http_request_t *request, struct curl_slist *headers)
{
    apr_time_t left = request->deadline - apr_time_now();
    civic_refusal_t refusal = {CIVIC_UPSTREAM_TIMEOUT, "no time was left"};
    long status = 0;

    if (left < apr_time_from_msec(1)) {
        return refusal;
    }
    if (!options_set(handle, request, x, headers, (long)apr_time_as_msec(left))) {
        refusal.reason = CIVIC_INTERNAL;
        refusal.detail = "libcurl refused an option";
        return refusal;
    }
    refusal = judge(curl_easy_perform(handle), x);
    if (refusal.reason == CIVIC_OK) {
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
        answer->status = (int)status;
        answer->body = x->answer ? x->answer : (char *)"";
        answer->len = x->len;
    }
    return refusal;
}

civic_refusal_t civic_transport_send(civic_http_answer_t *answer, civic_transport_t *transport,
                                     const civic_http_request_t *request, apr_pool_t *pool)
{
    civic_refusal_t refusal = {CIVIC_INTERNAL, "out of memory"};
    struct curl_slist *headers = headers_make(request, pool);
    CURL *handle = handle_take(transport);
    exchange_t *x = apr_pcalloc(pool, sizeof(*x));

    apr_pool_cleanup_register(pool, x, answer_free, apr_pool_cleanup_null);
    if (headers && handle) {
        x->body = request->body;
        x->body_left = request->body ? strlen(request->body) : 0;
        refusal = attempt(answer, handle, x, request, headers);
        if (refusal.reason == CIVIC_UPSTREAM_UNREACHABLE && !x->body_touched) {
            refusal = attempt(answer, handle, x, request, headers);
        }
    }
    if (handle) {
        handle_give_back(transport, handle);
    }
    curl_slist_free_all(headers);
    return refusal;
}

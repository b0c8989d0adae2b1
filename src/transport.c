/* transport.c - see transport.h. */
#include "transport.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "config.h"
#include "encoding.h"
#include "url.h"

enum {
    HANDLES_KEPT = 32,        /* idle handles of a child, each with its warm connections */
    CONNECTIONS_KEPT = 2,     /* of a handle: to the API, and to storage or a second API */
    CONNECT_SEC = 3,          /* once the address is known, TLS included */
    CONNECTION_AGE_SEC = 20,  /* API gateways cut idle connections after 60 s or so */
    HEADERS_MAX = 128 * 1024, /* bytes of all header lines */
    TRICKLE_AFTER_SEC = 3,    /* an answer that has begun must then have come at */
    TRICKLE_RATE = 128        /* bytes a second, on average */
};

struct civic_transport {
    apr_thread_mutex_t *lock; /* guards the stack of idle handles */
    CURL *idle[HANDLES_KEPT];
    int idle_count;
    CURLSH *share; /* resolved addresses and TLS sessions */
    apr_thread_mutex_t *share_locks[CURL_LOCK_DATA_LAST];
};

/* What one request collects. */
typedef struct {
    const char *body; /* what is still to be sent */
    apr_size_t body_left;
    int body_touched; /* libcurl has asked for the body: it may be on its way */
    int public_only, was_private, refused_by_proxy, too_large;
    int kept_back;         /* libcurl wanted to send the body once more */
    apr_time_t begun;      /* when the first byte of the answer came; 0: not yet */
    apr_time_t connecting; /* since when; 0: not */
    const char *too_slow;  /* what was, so that it was left */
    apr_size_t header_bytes;
    const char *date, *retry_after, *encoding; /* headers, NULL: not there */
    char *answer;                              /* malloc'd, freed with the pool */
    apr_size_t len, room, most;
    char error[CURL_ERROR_SIZE];
    apr_pool_t *pool;
} exchange_t;

/* ---- while it runs ---- */

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

/* An authorization code works once: libcurl must never send a body a second time by itself, as
 * it does when a warm connection dies under a request. */
static int refuse_rewind(void *data, curl_off_t offset, int origin)
{
    ((exchange_t *)data)->kept_back = 1;
    return CURL_SEEKFUNC_FAIL;
}

/* A header line's value, without white space around it, when it is of this name. */
static int header_take(const char **value, const char *name, const char *line, size_t len,
                       apr_pool_t *pool)
{
    size_t name_len = strlen(name);

    if (len <= name_len || strncasecmp(line, name, name_len) || line[name_len] != ':') {
        return 0;
    }
    line += name_len + 1;
    len -= name_len + 1;
    while (len > 0 && apr_isspace(*line)) {
        line++;
        len--;
    }
    while (len > 0 && apr_isspace(line[len - 1])) {
        len--;
    }
    *value = apr_pstrmemdup(pool, line, len);
    return 1;
}

static size_t receive_header(char *line, size_t size, size_t count, void *data)
{
    exchange_t *x = data;
    size_t n = size * count;

    x->begun = x->begun ? x->begun : civic_clock_steady();
    x->header_bytes += n;
    if (x->header_bytes > HEADERS_MAX) {
        return 0;
    }
    /* Another status line: what came before it was an interim answer. */
    if (n > 5 && !memcmp(line, "HTTP/", 5)) {
        x->date = x->retry_after = x->encoding = NULL;
    }
    else if (!header_take(&x->date, "Date", line, n, x->pool)
             && !header_take(&x->retry_after, "Retry-After", line, n, x->pool)) {
        header_take(&x->encoding, "Content-Encoding", line, n, x->pool);
    }
    return n;
}

static size_t receive_body(char *bytes, size_t size, size_t count, void *data)
{
    exchange_t *x = data;
    size_t n = size * count;

    if (n > x->most - x->len) {
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

/* Neither an answer that comes drop by drop nor a host where nobody answers holds a worker for
 * long. Finding an address, and what the service thinks about, may take the whole time. */
static int watch(void *data, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                 curl_off_t up)
{
    exchange_t *x = data;
    apr_time_t now = civic_clock_steady(), took = x->begun ? now - x->begun : 0;

    if (x->connecting && now - x->connecting > apr_time_from_sec(CONNECT_SEC)) {
        x->too_slow = "no connection was made in time";
    }
    else if (took > apr_time_from_sec(TRICKLE_AFTER_SEC)
             && (apr_time_t)(x->header_bytes + x->len) < apr_time_sec(took) * TRICKLE_RATE) {
        x->too_slow = "the answer comes too slowly";
    }
    return x->too_slow != NULL;
}

/* Before a connection is made; and no program that httpd starts inherits it. */
static curl_socket_t open_socket(void *data, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
    exchange_t *x = data;

    if (x->public_only && !civic_address_is_public(&address->addr)) {
        x->was_private = 1;
        return CURL_SOCKET_BAD;
    }
    x->connecting = x->connecting ? x->connecting : civic_clock_steady();
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Before a request goes out, also on a connection that was made for another one. */
static int judge_connection(void *data, char *remote, char *local, int remote_port,
                            int local_port)
{
    exchange_t *x = data;
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    int is_public = 0;

    x->connecting = 0;
    if (inet_pton(AF_INET, remote, &v4.sin_addr) == 1) {
        is_public = civic_address_is_public((struct sockaddr *)&v4);
    }
    else if (inet_pton(AF_INET6, remote, &v6.sin6_addr) == 1) {
        is_public = civic_address_is_public((struct sockaddr *)&v6);
    }
    if (x->public_only && !is_public) {
        x->was_private = 1;
        return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
}

/* ---- handles ---- */

static void share_lock(CURL *handle, curl_lock_data what, curl_lock_access how, void *data)
{
    apr_thread_mutex_lock(((civic_transport_t *)data)->share_locks[what]);
}

static void share_unlock(CURL *handle, curl_lock_data what, void *data)
{
    apr_thread_mutex_unlock(((civic_transport_t *)data)->share_locks[what]);
}

static int share_make(civic_transport_t *t, apr_pool_t *pool)
{
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++) {
        if (apr_thread_mutex_create(&t->share_locks[i], APR_THREAD_MUTEX_DEFAULT, pool)
            != APR_SUCCESS) {
            return 0;
        }
    }
    t->share = curl_share_init();
    return t->share && !curl_share_setopt(t->share, CURLSHOPT_LOCKFUNC, share_lock)
           && !curl_share_setopt(t->share, CURLSHOPT_UNLOCKFUNC, share_unlock)
           && !curl_share_setopt(t->share, CURLSHOPT_USERDATA, t)
           && !curl_share_setopt(t->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS)
           && !curl_share_setopt(t->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

static CURL *handle_take(civic_transport_t *t)
{
    CURL *handle = NULL;

    apr_thread_mutex_lock(t->lock);
    if (t->idle_count > 0) {
        handle = t->idle[--t->idle_count];
    }
    apr_thread_mutex_unlock(t->lock);
    if (!handle) {
        handle = curl_easy_init();
        if (handle && curl_easy_setopt(handle, CURLOPT_SHARE, t->share) != CURLE_OK) {
            curl_easy_cleanup(handle);
            handle = NULL;
        }
    }
    return handle;
}

static void handle_give_back(civic_transport_t *t, CURL *handle)
{
    curl_easy_reset(handle); /* options go; connections and what is shared stay */
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
    if (t->share) {
        curl_share_cleanup(t->share);
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
    if (apr_thread_mutex_create(&t->lock, APR_THREAD_MUTEX_DEFAULT, pool) != APR_SUCCESS
        || !share_make(t, pool)) {
        transport_cleanup(t);
        return NULL;
    }
    /* Registered after the mutexes, so it runs before they go. */
    apr_pool_cleanup_register(pool, t, transport_cleanup, apr_pool_cleanup_null);
    return t;
}

/* ---- a request ---- */

/* @return 0 when out of memory; what there is of the list is still the caller's */
static int header_add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    *list = longer ? longer : *list;
    return longer != NULL;
}

static int headers_make(struct curl_slist **list, const civic_http_request_t *request,
                        apr_pool_t *pool)
{
    return header_add(list, "Accept: */*") && header_add(list, "Expect:")
           && (!request->body || header_add(list, "Content-Type: application/json"))
           && (!request->authorization
               || header_add(
                   list, apr_pstrcat(pool, "Authorization: ", request->authorization, NULL)));
}

/* A header of our own, as libcurl takes a user or password with % in it for encoded. */
static int proxy_headers_make(struct curl_slist **list, const civic_http_request_t *request,
                              apr_pool_t *pool)
{
    const char *secret = request->proxy_secret;

    return !secret
           || header_add(list, apr_pstrcat(pool, "Proxy-Authorization: Basic ",
                                           civic_base64_encode((const unsigned char *)secret,
                                                               strlen(secret), pool),
                                           NULL));
}

/* The two lists of headers. */
typedef struct {
    struct curl_slist *service, *proxy;
} headers_t;

#define SET(option, value) (ok = ok && curl_easy_setopt(h, option, value) == CURLE_OK)

/* Where to, and who must be there. */
static int set_target(CURL *h, const civic_http_request_t *request)
{
    int is_http = !strncasecmp(request->url, "http://", 7); /* loopback, see url.h */
    int ok = 1;

    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_PROTOCOLS_STR, is_http ? "http" : "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_PROXY, request->proxy ? request->proxy : "");
    SET(CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
    if (request->ca_file) {
        SET(CURLOPT_CAINFO, request->ca_file);
        SET(CURLOPT_CAPATH, (char *)NULL); /* this file alone vouches */
    }
    /* 1.1 also where the service offers 2. A handle has one request under way, so there is
     * nothing to be multiplexed; and after a GOAWAY or REFUSED_STREAM libcurl sends a request
     * again by itself, when a code must be sent once. */
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    return ok;
}

static int set_limits(CURL *h, exchange_t *x, long timeout_ms)
{
    int ok = 1;

    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    SET(CURLOPT_MAXAGE_CONN, (long)CONNECTION_AGE_SEC);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)x->most);
    SET(CURLOPT_TIMEOUT_MS, timeout_ms);
    /* A name server that hangs: else libcurl, when the time is over, waits for the thread in
     * which it asks it. That thread is left to itself, and goes when the resolver gives up. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, watch);
    SET(CURLOPT_XFERINFODATA, x);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, x);
    SET(CURLOPT_PREREQFUNCTION, judge_connection);
    SET(CURLOPT_PREREQDATA, x);
    return ok;
}

/* The rules of every request; each failed setopt leaves the transfer refused. */
static int options_set(CURL *h, const civic_http_request_t *request, exchange_t *x,
                       const headers_t *headers, long timeout_ms)
{
    int ok = set_target(h, request) && set_limits(h, x, timeout_ms);

    SET(CURLOPT_ERRORBUFFER, x->error);
    SET(CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
    /* What is for the service is not for the proxy, nor the other way round. */
    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_HTTPHEADER, headers->service);
    SET(CURLOPT_PROXYHEADER, headers->proxy);
    SET(CURLOPT_HEADERFUNCTION, receive_header);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_WRITEFUNCTION, receive_body);
    SET(CURLOPT_WRITEDATA, x);
    if (request->body) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body_left);
        SET(CURLOPT_READFUNCTION, send_body);
        SET(CURLOPT_READDATA, x);
        SET(CURLOPT_SEEKFUNCTION, refuse_rewind);
        SET(CURLOPT_SEEKDATA, x);
    }
    return ok;
}
#undef SET

/* ---- what came of it ---- */

/* libcurl's words are for the log alone: one line of visible ASCII. They may quote what the
 * other side said. What ended it comes first: the rest is libcurl's first trouble, which may
 * have been that of a warm connection that it then made anew. */
static const char *words(const exchange_t *x, CURLcode code)
{
    char *line = apr_pstrcat(x->pool, curl_easy_strerror(code), x->error[0] ? ": " : "",
                             x->error, NULL);

    for (char *p = line; *p; p++) {
        if (!apr_isascii(*p) || !apr_isprint(*p)) {
            *p = '?';
        }
    }
    return line;
}

static civic_refusal_t too_large(const exchange_t *x, const char *what, apr_size_t most)
{
    return civic_refusal(
        CIVIC_UPSTREAM_TOO_LARGE,
        apr_psprintf(x->pool, "%s over %" APR_SIZE_T_FMT " bytes", what, most));
}

static civic_refusal_t judge(CURLcode code, const exchange_t *x)
{
    civic_refusal_t refusal = {CIVIC_UPSTREAM_CUT, words(x, code)};

    /* Where another address of the host was public, libcurl has gone there. */
    if (x->was_private && code != CURLE_OK) {
        refusal.reason = CIVIC_PAYLOAD_HOST;
        refusal.detail = "its address is this machine's or of a private network";
        return refusal;
    }
    if (x->kept_back && code != CURLE_OK) {
        refusal.detail =
            "the connection broke when the request was on its way, which is not sent again";
        return refusal;
    }
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
        return too_large(x, "the answer is", x->most);
    case CURLE_OUT_OF_MEMORY: /* also a header line that is longer than libcurl takes */
        refusal.reason = x->begun ? CIVIC_UPSTREAM_TOO_LARGE : CIVIC_INTERNAL;
        refusal.detail = x->begun ? "a header line is too long" : refusal.detail;
        break;
    case CURLE_ABORTED_BY_CALLBACK:
        refusal.reason = x->too_slow ? CIVIC_UPSTREAM_TIMEOUT : CIVIC_INTERNAL;
        refusal.detail = x->too_slow ? x->too_slow : refusal.detail;
        break;
    case CURLE_WRITE_ERROR:
        if (x->header_bytes > HEADERS_MAX) {
            return too_large(x, "the header lines are", HEADERS_MAX);
        }
        if (x->too_large) {
            return too_large(x, "the answer is", x->most);
        }
        refusal.reason = CIVIC_INTERNAL;
        break;
    default:
        break;
    }
    return refusal;
}

/* A proxy that does not let us through: asking it again would not help. */
static civic_refusal_t judge_proxy(CURL *handle, exchange_t *x,
                                   const civic_http_request_t *request,
                                   civic_refusal_t refusal)
{
    long status = 0;

    curl_easy_getinfo(handle, CURLINFO_HTTP_CONNECTCODE, &status);
    if (status >= 300) {
        x->refused_by_proxy = 1;
        refusal.reason = CIVIC_UPSTREAM_UNREACHABLE;
        refusal.detail =
            apr_psprintf(x->pool, "the proxy answers with status %ld%s", status,
                         status != 407           ? ""
                         : request->proxy_secret ? ": it does not take CivicProxySecretFile"
                                                 : ": it wants CivicProxySecretFile");
    }
    return refusal;
}

static int seconds_of(const char *text)
{
    apr_size_t digits = text ? strspn(text, "0123456789") : 0;

    return digits > 0 && digits < 9 && !text[digits] ? atoi(text) : -1;
}

static void answer_set(civic_http_answer_t *answer, CURL *handle, const exchange_t *x)
{
    time_t date = x->date ? curl_getdate(x->date, NULL) : -1;
    long status = 0;

    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->body = x->answer ? x->answer : (char *)"";
    answer->len = x->len;
    answer->date = date > 0 ? apr_time_from_sec(date) : 0;
    answer->retry_after = seconds_of(x->retry_after);
    answer->encoding = x->encoding && strcasecmp(x->encoding, "identity") ? x->encoding : NULL;
}

static civic_refusal_t attempt(civic_http_answer_t *answer, CURL *handle, exchange_t *x,
                               const civic_http_request_t *request, const headers_t *headers)
{
    apr_time_t left = request->deadline - civic_clock_steady();
    civic_refusal_t refusal = {CIVIC_UPSTREAM_TIMEOUT, "no time was left"};

    if (left < apr_time_from_msec(1)) {
        return refusal;
    }
    x->error[0] = '\0';
    x->connecting = 0;
    if (!options_set(handle, request, x, headers, (long)apr_time_as_msec(left))) {
        refusal.reason = CIVIC_INTERNAL;
        refusal.detail = "libcurl refused an option";
        return refusal;
    }
    refusal = judge(curl_easy_perform(handle), x);
    if (refusal.reason == CIVIC_OK) {
        answer_set(answer, handle, x);
        return refusal;
    }
    return judge_proxy(handle, x, request, refusal);
}

civic_refusal_t civic_transport_send(civic_http_answer_t *answer, civic_transport_t *transport,
                                     const civic_http_request_t *request, apr_pool_t *pool)
{
    civic_refusal_t refusal = {CIVIC_INTERNAL, "out of memory"};
    CURL *handle = handle_take(transport);
    exchange_t *x = apr_pcalloc(pool, sizeof(*x));
    headers_t headers = {NULL, NULL};

    apr_pool_cleanup_register(pool, x, answer_free, apr_pool_cleanup_null);
    x->pool = pool;
    x->most = request->answer_max ? request->answer_max : CIVIC_ANSWER_MAX;
    x->public_only = request->public_only && !request->proxy;
    if (handle && headers_make(&headers.service, request, pool)
        && proxy_headers_make(&headers.proxy, request, pool)) {
        x->body = request->body;
        x->body_left = request->body ? strlen(request->body) : 0;
        refusal = attempt(answer, handle, x, request, &headers);
        if (refusal.reason == CIVIC_UPSTREAM_UNREACHABLE && !x->body_touched
            && !x->refused_by_proxy) {
            refusal = attempt(answer, handle, x, request, &headers);
        }
    }
    if (handle) {
        handle_give_back(transport, handle);
    }
    curl_slist_free_all(headers.service);
    curl_slist_free_all(headers.proxy);
    return refusal;
}

/* check.c - one application: files, keys, API, clock. See htcivic.h. */
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "assertion.h"
#include "clock.h"
#include "encoding.h"
#include "htcivic.h"
#include "sip.h"
#include "transport.h"
#include "url.h"

enum { FILE_MAX = 65536, TIMEOUT_SEC = 10 };

/* What is known while an application is judged. */
typedef struct {
    const htcivic_application_t *app;
    civic_sip_application_t sip;
    int faults;
    apr_pool_t *pool;
} check_t;

/* ---- what is printed ---- */

#define FINE(...)         htcivic_say("ok", __VA_ARGS__)
#define NOTE(...)         htcivic_say("", __VA_ARGS__)
#define FAULT(check, ...) ((check)->faults++, htcivic_say("FAULT", __VA_ARGS__))

/* ---- files ---- */

static const char *path_of(const check_t *check, const char *path)
{
    if (*path == '/' || !check->app->root) {
        return path;
    }
    return apr_pstrcat(check->pool, check->app->root, "/", path, NULL);
}

/* Where everybody may rename files and folders, anybody's file may be in their place. */
static void folders_check(check_t *check, const char *what, const char *path)
{
    char *folder = apr_pstrdup(check->pool, path), *slash;
    struct stat info;

    while ((slash = strrchr(folder, '/'))) {
        slash[slash == folder] = '\0';
        if (!stat(folder, &info) && (info.st_mode & S_IWOTH) && !(info.st_mode & S_ISVTX)) {
            FAULT(check, "%s: everybody may put another file in its place: chmod o-w %s", what,
                  folder);
            return;
        }
        if (slash == folder) {
            return;
        }
    }
}

/* @return its text; NULL after the fault was printed */
static const char *file_read(check_t *check, const char *what, const char *path, int is_secret)
{
    const char *full = path_of(check, path);
    char *text = apr_pcalloc(check->pool, FILE_MAX + 1), reason[120], *real;
    apr_size_t len = FILE_MAX;
    apr_finfo_t info;
    apr_file_t *file;
    apr_status_t rv =
        apr_file_open(&file, full, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, check->pool);

    if (rv == APR_SUCCESS) {
        rv = apr_file_info_get(&info, APR_FINFO_PROT | APR_FINFO_SIZE, file);
    }
    if (rv == APR_SUCCESS && info.size > 0) {
        rv = info.size > FILE_MAX ? APR_ENOSPC : apr_file_read_full(file, text, len, &len);
        rv = APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
    }
    if (rv != APR_SUCCESS) {
        FAULT(check, "%s: the file %s cannot be read: %s", what, full,
              apr_strerror(rv, reason, sizeof(reason)));
        return NULL;
    }
    apr_file_close(file);
    if (is_secret && (info.protection & (APR_FPROT_GREAD | APR_FPROT_WREAD))) {
        FAULT(check, "%s: others than its owner may read %s: chmod 600 it", what, full);
    }
    else if (info.protection & APR_FPROT_WWRITE) {
        FAULT(check, "%s: everybody may write to %s: chmod o-w it", what, full);
    }
    real = realpath(full, NULL);
    folders_check(check, what, real ? real : full);
    free(real);
    return text;
}

static void key_print(check_t *check, const civic_key_t *key)
{
    const char *hex = civic_key_public_hex(key, check->pool);
    unsigned char digest[CIVIC_SHA256_LEN];
    civic_bytes_t point;

    if (hex && civic_hex_decode(&point, hex, strlen(hex), check->pool)
        && civic_sha256(digest, point.data, point.len)) {
        NOTE("public key  %s", hex);
        NOTE("fingerprint %s", civic_hex_encode(digest, 8, check->pool));
    }
}

static void check_private_key(check_t *check)
{
    const char *text, *fault;
    civic_key_t *key;

    if (!check->app->private_key) {
        FAULT(check, "private key: none is named");
        return;
    }
    text = file_read(check, "private key", check->app->private_key, 1);
    if (!text) {
        return;
    }
    fault = civic_key_read_private(&key, text, check->pool);
    if (fault) {
        FAULT(check, "private key: %s: %s", check->app->private_key, fault);
        return;
    }
    check->sip.private_key = key;
    FINE("private key: %s. Compare its public half with the Integration Portal's:",
         check->app->private_key);
    key_print(check, key);
}

static void check_secret(check_t *check)
{
    const char *text, *fault;
    unsigned char *secret;

    if (!check->app->secret) {
        FAULT(check, "secret: none is named");
        return;
    }
    text = file_read(check, "secret", check->app->secret, 1);
    if (!text) {
        return;
    }
    fault = civic_secret_read(&secret, text, check->pool);
    if (fault) {
        FAULT(check, "secret: %s: %s", check->app->secret, fault);
        return;
    }
    while (apr_isspace(*text)) {
        text++;
    }
    check->sip.secret = secret;
    check->sip.secret_hex = apr_pstrmemdup(check->pool, text, 2 * CIVIC_SECRET_LEN);
    FINE("secret: %s", check->app->secret);
}

static void check_public_key(check_t *check)
{
    const char *text = check->app->public_key, *fault;
    civic_key_t *key;

    if (!strncmp(text, "file:", 5)) {
        text = file_read(check, "Civic's key", text + 5, 0);
        if (!text) {
            return;
        }
    }
    fault = civic_key_read_public(&key, text, check->pool);
    if (fault) {
        FAULT(check, "Civic's key: %s", fault);
        return;
    }
    check->sip.civic_key = key;
    FINE("Civic's key%s",
         strcmp(check->app->public_key, CIVIC_SIP_PUBLIC_KEY) ? "" : ": that of production");
    key_print(check, key);
}

/* ---- the service ---- */

static int check_addresses(check_t *check)
{
    const htcivic_application_t *app = check->app;
    const char *fault = civic_url_check(app->api, NULL, check->pool), *text;
    apr_size_t len = strlen(app->api);

    while (len > 0 && app->api[len - 1] == '/') {
        len--;
    }
    if (fault) {
        FAULT(check, "API: %s: %s", app->api, fault);
        return 0;
    }
    if (app->proxy && !civic_url_is_proxy(app->proxy, check->pool)) {
        FAULT(check, "proxy: %s: it must be of the form http://host:port", app->proxy);
        return 0;
    }
    check->sip.app_id = app->id;
    check->sip.api_url = apr_pstrmemdup(check->pool, app->api, len);
    check->sip.environment = app->environment;
    check->sip.proxy = app->proxy;
    if (app->proxy_secret) {
        text = file_read(check, "proxy's secret", app->proxy_secret, 1);
        if (!text) {
            return 0;
        }
        check->sip.proxy_secret = apr_pstrmemdup(check->pool, text, strcspn(text, "\r\n"));
    }
    if (app->ca_file) {
        if (!file_read(check, "CA certificate", app->ca_file, 0)) {
            return 0;
        }
        check->sip.ca_file = path_of(check, app->ca_file);
    }
    return 1;
}

/* @return 1 with `answer`; 0 after the fault was printed */
static int ask(check_t *check, civic_http_answer_t *answer, civic_transport_t *transport,
               civic_http_request_t *request)
{
    civic_refusal_t refusal;

    request->ca_file = check->sip.ca_file;
    request->proxy = check->sip.proxy;
    request->proxy_secret = check->sip.proxy_secret;
    request->deadline = civic_clock_steady() + apr_time_from_sec(TIMEOUT_SEC);
    refusal = civic_transport_send(answer, transport, request, check->pool);
    if (refusal.reason != CIVIC_OK) {
        FAULT(check, "API: %s: %s (%s)", request->url, civic_reason_info(refusal.reason)->name,
              refusal.detail ? refusal.detail : "no detail");
        return 0;
    }
    return 1;
}

static void check_clock(check_t *check, apr_time_t date)
{
    apr_time_t apart = date - apr_time_now();

    if (!date) {
        NOTE("clock: the API does not say what time it has");
    }
    else if (apart > apr_time_from_sec(CIVIC_CLOCK_TOLERANCE)
             || apart < -apr_time_from_sec(CIVIC_CLOCK_TOLERANCE)) {
        FAULT(check,
              "clock: this machine's is %" APR_TIME_T_FMT
              " seconds %s the API's: set it right "
              "(NTP)",
              apr_time_sec(apart > 0 ? apart : -apart), apart > 0 ? "behind" : "ahead of");
    }
    else {
        FINE("clock: no more than a minute apart from the API's");
    }
}

/* A code that is none: a service that first judges who asks says 401 to a wrong signature, and
 * 400 to the code where all else is right. */
static void check_accepts(check_t *check, civic_transport_t *transport)
{
    civic_http_request_t request = {0};
    civic_sip_request_t sip;
    civic_http_answer_t answer;

    if (!check->sip.private_key || !check->sip.secret) {
        return;
    }
    if (!civic_sip_request(&sip, &check->sip, "htcivic", (double)apr_time_sec(apr_time_now()),
                           check->pool)) {
        FAULT(check, "API: the request could not be signed");
        return;
    }
    request.url = sip.url;
    request.body = sip.body;
    request.authorization = sip.authorization;
    if (!ask(check, &answer, transport, &request)) {
        return;
    }
    if (answer.status == 401) {
        FAULT(check,
              "API: it does not accept this private key, secret, id or environment (401)");
    }
    else {
        FINE("API: it takes our signature (status %d to a code that is none)", answer.status);
    }
    NOTE("it says: %s", civic_sip_message(answer.body, answer.len, check->pool));
}

static void check_api(check_t *check, int ask_accepts)
{
    civic_transport_t *transport = civic_transport_create(check->pool);
    civic_http_request_t request = {0};
    civic_http_answer_t answer;

    request.url = apr_pstrcat(check->pool, check->sip.api_url, "/", check->sip.environment,
                              "/scopeRequest/authCode", NULL);
    if (!transport) {
        FAULT(check, "API: libcurl cannot be set up");
        return;
    }
    if (!ask(check, &answer, transport, &request)) {
        return;
    }
    FINE("API: %s can be reached (status %d to a GET)", check->app->api, answer.status);
    if (answer.status == 404) {
        FAULT(check, "API: it does not know this address (404): check URL and environment");
    }
    check_clock(check, answer.date);
    if (ask_accepts) {
        check_accepts(check, transport);
    }
}

void htcivic_complete(htcivic_application_t *app)
{
    app->api = app->api ? app->api : CIVIC_SIP_API;
    app->environment = app->environment ? app->environment : CIVIC_SIP_ENVIRONMENT;
    app->public_key = app->public_key ? app->public_key : CIVIC_SIP_PUBLIC_KEY;
}

int htcivic_check(const htcivic_application_t *app, int ask_api, int ask_accepts,
                  apr_pool_t *pool)
{
    check_t check = {.app = app, .pool = pool};

    printf("application %s\n", app->id);
    check_private_key(&check);
    check_secret(&check);
    check_public_key(&check);
    if (check_addresses(&check) && ask_api) {
        check_api(&check, ask_accepts);
    }
    return check.faults;
}

/* ---- assertions ---- */

static civic_key_t *assertion_key(check_t *check, const char *path)
{
    const char *text = path ? file_read(check, "key", path, 1) : NULL, *fault;
    civic_assertion_keys_t keys = {0};
    civic_key_t *key;

    if (!text) {
        return NULL;
    }
    fault = civic_key_read_private(&key, text, check->pool);
    fault = fault ? fault : civic_assertion_keys_set(&keys, key, NULL, check->pool);
    if (fault) {
        FAULT(check, "key: %s: %s", path, fault);
        return NULL;
    }
    FINE("key: %s", path);
    NOTE("kid %s", keys.kid);
    return key;
}

int htcivic_check_assertion(const htcivic_conf_t *conf, apr_pool_t *pool)
{
    htcivic_application_t place = {.root = conf->root};
    check_t check = {.app = &place, .pool = pool};
    civic_assertion_keys_t keys = {0};
    civic_key_t *current, *other;
    const char *fault;

    if (!conf->assertion_key) {
        return 0;
    }
    printf("assertions\n");
    current = assertion_key(&check, conf->assertion_key);
    other = assertion_key(&check, conf->other_key);
    if (current && other && (fault = civic_assertion_keys_set(&keys, current, other, pool))) {
        FAULT(&check, "keys: %s", fault);
    }
    return check.faults;
}

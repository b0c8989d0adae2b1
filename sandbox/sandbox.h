/* sandbox.h - a local Civic as an httpd module: for trying out, testing and benchmarking.
 *
 * It plays every part of the service (browser library, frame with QR code, telephone, API) for
 * made-up people. It is not Civic, keeps nothing on disk and answers loopback clients only.
 *
 * What it remembers is in shared memory: a fixed table of requests, oldest replaced first.
 */
#ifndef CIVIC_SANDBOX_H
#define CIVIC_SANDBOX_H

#include <apr_global_mutex.h>
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <jansson.h>
#include "claims.h"
#include "crypto.h"

#pragma GCC visibility push(default) /* the one symbol that is exported */
extern module AP_MODULE_DECLARE_DATA civic_sandbox_module;
APLOG_USE_MODULE(civic_sandbox);
#pragma GCC visibility pop

#define SANDBOX_ISSUER       "civic-sip-hosted-service"
#define SANDBOX_CODE_LIFE    (30 * 60)         /* seconds of an authorization code */
#define SANDBOX_ASK_LIFE     (10 * 60)         /* seconds until a scan must have happened */
#define SANDBOX_PAYLOAD_LIFE 60                /* seconds of a payload's URL */
#define SANDBOX_IMAGE_MAX    (4 * 1024 * 1024) /* bytes */

/* ---- configuration ---- */

typedef struct {
    const char *id;
    civic_key_t *public_key;
    const unsigned char *secret; /* CIVIC_SECRET_LEN bytes */
    const char *secret_hex;
    apr_array_header_t *origins; /* of const char *; "*" stands for any */
} sandbox_application_t;

typedef struct {
    int enabled;
    civic_key_t *key;                 /* Civic's private key here */
    apr_array_header_t *applications; /* of sandbox_application_t * */
    const char *public_url;           /* NULL: as the request says */
} sandbox_conf_t;

sandbox_conf_t *sandbox_conf(const server_rec *s);
const sandbox_application_t *sandbox_application(const server_rec *s, const char *id);

/** Scheme, host and port under which clients see the sandbox, in the request's pool. */
const char *sandbox_url(request_rec *r);

/* ---- people.c ---- */

typedef struct {
    const char *key;     /* in forms and tests */
    const char *user_id; /* 64 hex digits */
    const char *name, *email, *phone;
    const char *document, *number, *born, *issued, *expires, *country;
    int email_valid;
} sandbox_person_t;

extern const sandbox_person_t sandbox_people[]; /* ends with a NULL key */

/** @return index, -1 for nobody */
int sandbox_person_find(const char *key);

/** What a person shows for a scope request, as the API's JSON list; new reference. */
json_t *sandbox_person_data(const sandbox_person_t *person, const char *scope,
                            apr_pool_t *pool);

/* ---- asks.c: scope requests on their way, in shared memory ---- */

typedef enum { ASK_WAITING = 1, ASK_READ, ASK_APPROVED, ASK_DENIED } sandbox_status;

typedef struct {
    char id[37];   /* of the QR code; also the uuid that mobile browsers come back with */
    char code[37]; /* the authorization code proper */
    char application[129];
    char scope[65];
    char origin[256]; /* of the page that asks */
    char page[2048];  /* its address, for the way back on a telephone */
    char fault[32];   /* plays at the exchange of this code alone */
    char data[4096];  /* JSON list shown in place of the person's items; "" for those */
    int image;        /* bytes of the picture that is shown; 0: the person's */
    apr_time_t created, payload_until;
    int status, person, mobile, used;
} sandbox_ask_t;

typedef struct {
    apr_uint64_t exchanges, payloads;
    int last_status;
    char last_error[128];
    char fault[32]; /* plays at the next `fault_count` exchanges */
    int fault_count;
} sandbox_log_t;

int sandbox_asks_register(apr_pool_t *pconf);
int sandbox_asks_create(apr_pool_t *pconf, server_rec *s);
void sandbox_asks_child_init(apr_pool_t *pchild, server_rec *s);

/** Store a new one; id and code are filled in. @return 1, 0 without random numbers or lock */
int sandbox_ask_add(sandbox_ask_t *ask);

/** Copy out by id or code. @return 1, 0 when there is none */
int sandbox_ask_get(sandbox_ask_t *ask, const char *id);
int sandbox_ask_by_code(sandbox_ask_t *ask, const char *code);

/** Move on: `read` and decisions only from where they make sense. @return 1 when it did */
int sandbox_ask_advance(const char *id, sandbox_status status, int person);

/** Mark a code as used. @return 1 the first time */
int sandbox_ask_use(const char *code);

/** From an exchange on, its payload can be fetched, with the fault that plays there. */
void sandbox_ask_offer_payload(const sandbox_ask_t *exchanged, apr_time_t until);

/** @return 1 the first time a request token's id is seen */
int sandbox_jti_once(const char *jti);

void sandbox_log_get(sandbox_log_t *log);
void sandbox_log_exchange(int status, const char *error);
void sandbox_log_payload(void);
void sandbox_fault_set(const char *fault, int count);
/** The fault for the next exchange, counted down; "" for none. At least 32 bytes. */
void sandbox_fault_take(char *fault);
void sandbox_reset(void);

/* ---- tokens.c ---- */

/** Token one for an approved ask. @param overrides of payload members (null removes), may be
 * NULL
 *  @param header replaces the JOSE header, may be NULL @param key who signs */
const char *sandbox_code_token(request_rec *r, const sandbox_ask_t *ask,
                               const json_t *overrides, const json_t *header,
                               const civic_key_t *key);

/** Token two: user data, encrypted and signed; the ask's fault may spoil it. NULL on failure.
 */
const char *sandbox_data_token(request_rec *r, const sandbox_ask_t *ask);

/** A key that is nobody's. */
const civic_key_t *sandbox_other_key(apr_pool_t *pool);

/* ---- answers ---- */

int sandbox_json(request_rec *r, int status, json_t *value); /* steals the reference */
int sandbox_message(request_rec *r, int status, const char *message); /* {"message": ...} */
int sandbox_page(request_rec *r, int status, const char *html, const char *policy);
/** The body as a JSON object; NULL with `status` set after an answer was sent. */
json_t *sandbox_body(request_rec *r, int *status);

/* ---- handlers: each gets what follows its prefix, "" or "/..." ---- */

int sandbox_api(request_rec *r, const char *rest);
int sandbox_payload(request_rec *r, const char *rest);
int sandbox_hosted(request_rec *r, const char *rest);
int sandbox_phone(request_rec *r, const char *rest);
int sandbox_control(request_rec *r, const char *rest);

/* ---- assets ---- */

extern const char civic_sandbox_library_js[], civic_sandbox_modal_css[];
extern const char civic_sandbox_hosted_html[], civic_sandbox_hosted_js[];
extern const char civic_sandbox_phone_html[], civic_sandbox_note_html[];
extern const char civic_sandbox_pages_css[];
extern const unsigned char civic_sandbox_specimen_png[];
extern const unsigned int civic_sandbox_specimen_png_len;

#endif

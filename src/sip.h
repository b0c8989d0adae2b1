/* sip.h - the exchange of an authorization code for user data at Civic's SIP API.
 *
 * What must be judged before a call (the code itself), what is sent (request), and what comes
 * back (status, answer, payload). Sources: Civic's documentation and the behaviour of its
 * server SDK, npm civic-sip-api 1.2.1. Only civic_sip_exchange touches the network, through
 * transport.h.
 */
#ifndef CIVIC_SIP_H
#define CIVIC_SIP_H

#include <apr_pools.h>
#include <apr_tables.h>
#include "claims.h"
#include "crypto.h"
#include "jws.h"
#include "reason.h"

struct civic_transport;

#define CIVIC_SIP_API         "https://api.civic.com/sip"
#define CIVIC_SIP_ENVIRONMENT "prod"
/** The key that Civic's production service signs with (civic-sip-api 1.2.1). */
#define CIVIC_SIP_PUBLIC_KEY                                                                  \
    "049a45998638cfb3c4b211d72030d9ae8329a242db63bfb0076a54e7647370a8ac5708b57af6065805d5a6"  \
    "be72332620932dbb35e8d318fce18e7c980a0eb26aa1"
/** S3, where Civic puts large payloads. */
#define CIVIC_SIP_PAYLOAD_HOST "*.amazonaws.com"
#define CIVIC_CODE_MAX         (16 * 1024) /* characters of an authorization code's token */

/** One appId with what it takes to speak for it. Made at startup, never changed after. */
typedef struct {
    const char *app_id;
    const char *api_url;                        /* without a slash at its end */
    const char *environment;                    /* path segment: prod, dev */
    const civic_key_t *private_key;             /* signs our requests */
    const unsigned char *secret;                /* CIVIC_SECRET_LEN bytes: the AES key */
    const char *secret_hex;                     /* the same as 32 characters: the HMAC key */
    const civic_key_t *civic_key;               /* verifies what Civic signs */
    const apr_array_header_t *payload_hosts;    /* of const char *: names or *.suffix */
    const char *ca_file;                        /* NULL: the system's */
    const char *proxy;                          /* NULL: none, whatever the environment says */
    const char *proxy_secret;                   /* "user:password"; NULL: none */
    const char *private_key_file, *secret_file; /* as configured, for the log; NULL: none */
} civic_sip_application_t;

/** What a POST to the API carries. */
typedef struct {
    const char *url;
    const char *authorization; /* "Civic …", four parts */
    const char *body;
} civic_sip_request_t;

/** The outer, unsigned part of the answer. */
typedef struct {
    const char *user_id;     /* 1 to 128 visible ASCII characters */
    const char *token;       /* token two; NULL when it must be fetched from payload_url */
    const char *payload_url; /* https, host allowed */
    int payload_public;      /* it must lie at an address of the public Internet */
} civic_sip_answer_t;

/** What a login yields. */
typedef struct {
    const char *user_id;
    civic_claims_t claims;
} civic_sip_identity_t;

/**
 * Judge an authorization code without asking Civic: signature, issuer, application, times.
 * Whether it was used before is the caller's to know.
 *
 * @param now  seconds since the epoch
 * @param code set on success alone
 * @return reason CIVIC_OK; CIVIC_TOKEN_FORMAT, _ALGORITHM, _SIGNATURE, _ISSUER, _AUDIENCE,
 *         _EXPIRED, _EARLY; the detail lives in the pool
 */
civic_refusal_t civic_sip_check_code(civic_jws_t *code, const civic_sip_application_t *app,
                                     const char *token, apr_size_t len, double now,
                                     apr_pool_t *pool);

/** Build the request for a code that was judged. @return 1, 0 when OpenSSL fails */
int civic_sip_request(civic_sip_request_t *request, const civic_sip_application_t *app,
                      const char *token, double now, apr_pool_t *pool);

/** The service's own words, its member `message`, for a log or a terminal: one line of visible
 * ASCII, of at most 120 bytes. @return "no message" where there is none */
const char *civic_sip_message(const char *body, apr_size_t len, apr_pool_t *pool);

/**
 * What a status of the API means; the body's `message`, cut to its visible ASCII, becomes the
 * detail.
 * @return reason CIVIC_OK for 200
 */
civic_refusal_t civic_sip_judge_status(int status, const char *body, apr_size_t len,
                                       apr_pool_t *pool);

/**
 * Why the API does not take our request (401): it does not say, so what can be known is
 * compared for it. CIVIC_CLOCK_SKEW when its clock and ours are too far apart for our token to
 * be valid, with both times; else `refusal` with which key and files were used.
 *
 * @param refusal of civic_sip_judge_status
 * @param date what the API's clock said, 0: nothing
 * @param now  our clock
 */
civic_refusal_t civic_sip_explain_refused(civic_refusal_t refusal,
                                          const civic_sip_application_t *app, apr_time_t date,
                                          apr_time_t now, apr_pool_t *pool);

/** Take the body of a 200 apart. @return CIVIC_OK; CIVIC_ANSWER_FORMAT, _UNENCRYPTED,
 * _USER_ID, CIVIC_PAYLOAD_HOST */
civic_refusal_t civic_sip_read_answer(civic_sip_answer_t *answer,
                                      const civic_sip_application_t *app, const char *body,
                                      apr_size_t len, apr_pool_t *pool);

/**
 * Verify and decrypt token two.
 * @return CIVIC_OK; CIVIC_ANSWER_SIGNATURE, _FORMAT, _EXPIRED, _DECRYPT
 */
civic_refusal_t civic_sip_open_payload(civic_claims_t *claims,
                                       const civic_sip_application_t *app, const char *token,
                                       apr_size_t len, double now, apr_pool_t *pool);

/**
 * The whole exchange, in at most `timeout` (payload fetch included).
 *
 * A code is sent once, whatever becomes of it. The one exception is a service that says 429
 * and when to come back: it has turned the request away before looking at it, so the code was
 * not used. It is asked once more where it asks for two seconds at most and these are left.
 *
 * @param token a code that civic_sip_check_code accepted
 * @param identity set on success alone, in the pool
 */
civic_refusal_t civic_sip_exchange(civic_sip_identity_t *identity,
                                   const civic_sip_application_t *app,
                                   struct civic_transport *transport, const char *token,
                                   apr_interval_time_t timeout, apr_pool_t *pool);

#endif

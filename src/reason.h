/* reason.h - everything that can go wrong in a login or a request, one line each.
 *
 * Pure code returns a reason; whoever holds the request turns it into the log line, the
 * page, the problem+json, the counter. All of those, and the table in doc/errors.md,
 * speak from this one list (doc/errors.md is checked against it by t/unit/test_reason.c).
 *
 * What the person reads is in src/languages, as reason.<name> (words.h).
 *
 * To add a failure, add a line here, its words, a row in doc/errors.md and a test that reaches
 * it.
 */
#ifndef CIVIC_REASON_H
#define CIVIC_REASON_H

#include <stddef.h>

/** How loud the log line is. */
typedef enum {
    CIVIC_LOUD_DEBUG, /* decisions, seen only when asked for */
    CIVIC_LOUD_INFO,  /* what people do: logins, refusals they caused themselves */
    CIVIC_LOUD_WARN,  /* the operator may have to act */
    CIVIC_LOUD_ERROR  /* the operator must act */
} civic_loudness;

/** Whether the person can do something about it, and what the page offers. */
typedef enum {
    CIVIC_RETRY_NEVER, /* trying again leads to the same answer */
    CIVIC_RETRY_LOGIN, /* start the login anew */
    CIVIC_RETRY_LATER  /* the same again in a while: Retry-After is sent */
} civic_retry;

/* X(symbol, name, HTTP status, loudness, retry) */
#define CIVIC_REASONS(X)                                                                      \
    /* no session */                                                                          \
    X(CIVIC_LOGIN_REQUIRED, "login-required", 401, CIVIC_LOUD_DEBUG, CIVIC_RETRY_LOGIN)       \
    X(CIVIC_STEP_UP_REQUIRED, "step-up-required", 401, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)    \
    X(CIVIC_SESSION_EXPIRED, "session-expired", 401, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)      \
    X(CIVIC_SESSION_NOT_KEPT, "session-not-kept", 401, CIVIC_LOUD_WARN, CIVIC_RETRY_LOGIN)    \
    X(CIVIC_ORIGIN_INSECURE, "origin-insecure", 403, CIVIC_LOUD_WARN, CIVIC_RETRY_NEVER)      \
    X(CIVIC_RETURN_PATH, "return-path", 400, CIVIC_LOUD_INFO, CIVIC_RETRY_NEVER)              \
    X(CIVIC_REMOTE_USER_MISSING, "remote-user-missing", 403, CIVIC_LOUD_WARN,                 \
      CIVIC_RETRY_LOGIN)                                                                      \
    X(CIVIC_LOGIN_NOT_FRESH, "login-not-fresh", 401, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)      \
    X(CIVIC_RULE_NOT_MET, "rule-not-met", 403, CIVIC_LOUD_INFO, CIVIC_RETRY_NEVER)            \
    X(CIVIC_NO_PICTURE, "no-picture", 404, CIVIC_LOUD_INFO, CIVIC_RETRY_NEVER)                \
    /* behind another login */                                                                \
    X(CIVIC_SECOND_FACTOR_REQUIRED, "second-factor-required", 403, CIVIC_LOUD_DEBUG,          \
      CIVIC_RETRY_LOGIN)                                                                      \
    X(CIVIC_LINK_REQUIRED, "link-required", 403, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)          \
    X(CIVIC_NOT_ENROLLED, "not-enrolled", 403, CIVIC_LOUD_INFO, CIVIC_RETRY_NEVER)            \
    X(CIVIC_SECOND_FACTOR_FOREIGN, "second-factor-foreign", 403, CIVIC_LOUD_WARN,             \
      CIVIC_RETRY_LOGIN)                                                                      \
    X(CIVIC_IDENTITY_TAKEN, "identity-taken", 403, CIVIC_LOUD_WARN, CIVIC_RETRY_LOGIN)        \
    X(CIVIC_RECOVERY_REFUSED, "recovery-refused", 403, CIVIC_LOUD_WARN, CIVIC_RETRY_LOGIN)    \
    /* what the page posts back */                                                            \
    X(CIVIC_METHOD, "method", 405, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)                        \
    X(CIVIC_CROSS_ORIGIN, "cross-origin", 403, CIVIC_LOUD_INFO, CIVIC_RETRY_NEVER)            \
    X(CIVIC_TOO_MANY_ATTEMPTS, "too-many-attempts", 429, CIVIC_LOUD_WARN, CIVIC_RETRY_LATER)  \
    X(CIVIC_CONTENT_TYPE, "content-type", 415, CIVIC_LOUD_INFO, CIVIC_RETRY_NEVER)            \
    X(CIVIC_BODY_TOO_LARGE, "body-too-large", 413, CIVIC_LOUD_INFO, CIVIC_RETRY_NEVER)        \
    X(CIVIC_BODY_INCOMPLETE, "body-incomplete", 400, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)      \
    X(CIVIC_BODY_MALFORMED, "body-malformed", 400, CIVIC_LOUD_INFO, CIVIC_RETRY_NEVER)        \
    X(CIVIC_STATE_INVALID, "state-invalid", 400, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)          \
    X(CIVIC_STATE_EXPIRED, "state-expired", 400, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)          \
    X(CIVIC_STATE_FOREIGN, "state-foreign", 403, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)          \
    X(CIVIC_TOKEN_FORMAT, "token-format", 400, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)            \
    X(CIVIC_TOKEN_ALGORITHM, "token-algorithm", 400, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)      \
    X(CIVIC_TOKEN_SIGNATURE, "token-signature", 400, CIVIC_LOUD_WARN, CIVIC_RETRY_LOGIN)      \
    X(CIVIC_TOKEN_ISSUER, "token-issuer", 400, CIVIC_LOUD_WARN, CIVIC_RETRY_LOGIN)            \
    X(CIVIC_TOKEN_AUDIENCE, "token-audience", 400, CIVIC_LOUD_WARN, CIVIC_RETRY_LOGIN)        \
    X(CIVIC_TOKEN_EXPIRED, "token-expired", 401, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)          \
    X(CIVIC_TOKEN_EARLY, "token-early", 401, CIVIC_LOUD_WARN, CIVIC_RETRY_LOGIN)              \
    X(CIVIC_TOKEN_REPLAYED, "token-replayed", 401, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)        \
    /* the exchange at Civic */                                                               \
    X(CIVIC_EXCHANGE_BUSY, "exchange-busy", 503, CIVIC_LOUD_WARN, CIVIC_RETRY_LATER)          \
    X(CIVIC_UPSTREAM_DOWN, "upstream-down", 503, CIVIC_LOUD_INFO, CIVIC_RETRY_LATER)          \
    X(CIVIC_CODE_USED, "code-used", 401, CIVIC_LOUD_INFO, CIVIC_RETRY_LOGIN)                  \
    X(CIVIC_UPSTREAM_REFUSED, "upstream-refused", 502, CIVIC_LOUD_ERROR, CIVIC_RETRY_NEVER)   \
    X(CIVIC_CLOCK_SKEW, "clock-skew", 502, CIVIC_LOUD_ERROR, CIVIC_RETRY_NEVER)               \
    X(CIVIC_UPSTREAM_BAD_REQUEST, "upstream-bad-request", 502, CIVIC_LOUD_ERROR,              \
      CIVIC_RETRY_LOGIN)                                                                      \
    X(CIVIC_UPSTREAM_THROTTLED, "upstream-throttled", 503, CIVIC_LOUD_WARN,                   \
      CIVIC_RETRY_LATER)                                                                      \
    X(CIVIC_UPSTREAM_ERROR, "upstream-error", 502, CIVIC_LOUD_WARN, CIVIC_RETRY_LATER)        \
    X(CIVIC_UPSTREAM_TIMEOUT, "upstream-timeout", 504, CIVIC_LOUD_WARN, CIVIC_RETRY_LATER)    \
    X(CIVIC_UPSTREAM_UNREACHABLE, "upstream-unreachable", 502, CIVIC_LOUD_ERROR,              \
      CIVIC_RETRY_LATER)                                                                      \
    X(CIVIC_UPSTREAM_CUT, "upstream-cut", 502, CIVIC_LOUD_WARN, CIVIC_RETRY_LATER)            \
    X(CIVIC_UPSTREAM_UNTRUSTED, "upstream-untrusted", 502, CIVIC_LOUD_ERROR,                  \
      CIVIC_RETRY_NEVER)                                                                      \
    X(CIVIC_UPSTREAM_TOO_LARGE, "upstream-too-large", 502, CIVIC_LOUD_WARN,                   \
      CIVIC_RETRY_LOGIN)                                                                      \
    X(CIVIC_ANSWER_FORMAT, "answer-format", 502, CIVIC_LOUD_ERROR, CIVIC_RETRY_LATER)         \
    X(CIVIC_ANSWER_SIGNATURE, "answer-signature", 502, CIVIC_LOUD_ERROR, CIVIC_RETRY_NEVER)   \
    X(CIVIC_ANSWER_EXPIRED, "answer-expired", 502, CIVIC_LOUD_ERROR, CIVIC_RETRY_LOGIN)       \
    X(CIVIC_ANSWER_UNENCRYPTED, "answer-unencrypted", 502, CIVIC_LOUD_ERROR,                  \
      CIVIC_RETRY_NEVER)                                                                      \
    X(CIVIC_ANSWER_DECRYPT, "answer-decrypt", 502, CIVIC_LOUD_ERROR, CIVIC_RETRY_NEVER)       \
    X(CIVIC_ANSWER_USER_ID, "answer-user-id", 502, CIVIC_LOUD_ERROR, CIVIC_RETRY_LATER)       \
    X(CIVIC_SCOPE_NOT_SHOWN, "scope-not-shown", 403, CIVIC_LOUD_WARN, CIVIC_RETRY_LOGIN)      \
    X(CIVIC_PAYLOAD_HOST, "payload-host", 502, CIVIC_LOUD_ERROR, CIVIC_RETRY_NEVER)           \
    /* this server */                                                                         \
    X(CIVIC_SESSION_TOO_LARGE, "session-too-large", 500, CIVIC_LOUD_ERROR, CIVIC_RETRY_NEVER) \
    X(CIVIC_STORE_UNAVAILABLE, "store-unavailable", 503, CIVIC_LOUD_ERROR, CIVIC_RETRY_LATER) \
    X(CIVIC_ENROLLMENT_DOWN, "enrollment-unavailable", 503, CIVIC_LOUD_ERROR,                 \
      CIVIC_RETRY_LATER)                                                                      \
    X(CIVIC_NOT_CONFIGURED, "not-configured", 500, CIVIC_LOUD_ERROR, CIVIC_RETRY_NEVER)       \
    X(CIVIC_INTERNAL, "internal", 500, CIVIC_LOUD_ERROR, CIVIC_RETRY_LATER)

typedef enum {
    CIVIC_OK = 0,
#define CIVIC_REASON_SYMBOL(symbol, name, status, loudness, retry) symbol,
    CIVIC_REASONS(CIVIC_REASON_SYMBOL)
#undef CIVIC_REASON_SYMBOL
        CIVIC_REASON_COUNT
} civic_reason;

typedef struct {
    const char *name;        /* stable: logs, problem+json and documentation use it */
    int status;              /* HTTP status of the answer */
    civic_loudness loudness; /* level of the log line */
    civic_retry retry;
} civic_reason_info_t;

/** What is known of a reason. CIVIC_OK and values out of range give the row of CIVIC_INTERNAL.
 */
const civic_reason_info_t *civic_reason_info(civic_reason reason);

/** A refusal with what the log may say of it; the detail never holds a secret or a claim. */
typedef struct {
    civic_reason reason;
    const char *detail; /* NULL, or a few words in the pool of whoever made it */
} civic_refusal_t;

/** A refusal for this reason. */
static inline civic_refusal_t civic_refusal(civic_reason reason, const char *detail)
{
    return (civic_refusal_t){reason, detail};
}

/** No refusal. */
static inline civic_refusal_t civic_accepted(void)
{
    return civic_refusal(CIVIC_OK, NULL);
}

#endif

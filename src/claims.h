/* claims.h - user data as Civic answers it: a list of labelled values.
 *
 * Only an item that is valid and owned is a claim in the sense of the documentation; the
 * others are kept, so that the person can see them, and never count.
 */
#ifndef CIVIC_CLAIMS_H
#define CIVIC_CLAIMS_H

#include <apr_pools.h>
#include "reason.h"

#define CIVIC_CLAIMS_MAX 256               /* items */
#define CIVIC_LABEL_MAX  256               /* bytes, visible ASCII */
#define CIVIC_VALUE_MAX  (4 * 1024 * 1024) /* bytes, UTF-8 */

#define CIVIC_LABEL_IMAGE     "documents.genericId.image"
#define CIVIC_LABEL_IMAGE_MD5 "documents.genericId.image_md5"

enum { CIVIC_CLAIM_VALID = 1, CIVIC_CLAIM_OWNED = 2, CIVIC_CLAIM_VERIFIED = 3 };

typedef struct {
    const char *label;
    const char *value;
    unsigned char flags; /* CIVIC_CLAIM_… */
} civic_claim_t;

typedef struct {
    civic_claim_t *items; /* in the order of the answer */
    int count;
} civic_claims_t;

/**
 * Parse the clear text of an answer: a JSON list of {"label", "value", "isValid", "isOwner"}.
 * A value may be a string, a number or a boolean (kept as its JSON text). isValid and isOwner
 * count only when they are `true` itself. Unknown members are ignored, unknown labels kept.
 *
 * @param claims set on success, in the pool
 * @param detail on refusal: what is wrong, without any label or value
 * @return CIVIC_OK, CIVIC_ANSWER_FORMAT
 */
civic_reason civic_claims_parse(civic_claims_t *claims, const char *text, apr_size_t len,
                                const char **detail, apr_pool_t *pool);

/** Is there an item, verified or not, whose label begins so? @return 1 or 0 */
int civic_claims_have(const civic_claims_t *claims, const char *prefix);

/** The value of a verified claim. @return NULL when there is none, or two differ */
const char *civic_claims_get(const civic_claims_t *claims, const char *label);

/**
 * Judge the document's picture (each, should there be several) against its md5 and take it out
 * of the list.
 * @return 1 when there is none or it fits; 0 when it does not: its md5, which stays in the
 *         list, is then no longer marked valid
 */
int civic_claims_drop_picture(civic_claims_t *claims, apr_pool_t *pool);

/** 1 to CIVIC_LABEL_MAX visible ASCII characters. @return 1 or 0 */
int civic_label_is_name(const char *label);

/** The environment's form of a label: upper case, every other character `_`, in the pool. */
char *civic_label_fold(const char *label, apr_pool_t *pool);

/** Is a folded name one that the module itself gives (CIVIC_USER_ID and the like)? */
int civic_claim_name_is_reserved(const char *folded);

/** 1 when the value has a control character (C0, DEL, C1) or is not UTF-8; such a value is
 * never passed on to an application. */
int civic_value_is_unsafe(const char *value);

#endif

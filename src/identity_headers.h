/* identity_headers.h - who somebody is, told to back ends by headers of the request.
 *
 * A header is ours when its name begins with CivicHeaderPrefix or with the default prefix, or
 * is that of CivicUserHeader. CGI, WSGI and the like map every odd character to one, so names
 * are compared folded: lower case, and `_` for whatever is neither letter nor digit. What a
 * client sends under such a name is dropped from every request before anybody reads it.
 */
#ifndef CIVIC_IDENTITY_HEADERS_H
#define CIVIC_IDENTITY_HEADERS_H

#include <httpd.h>
#include "conf.h"

#define CIVIC_HEADER_VALUE_MAX 2048 /* bytes, encoded */
#define CIVIC_HEADERS_MAX      4096 /* bytes, all of ours with their names */

/** A name or prefix as it is compared, in the pool. */
char *civic_header_fold(const char *name, apr_pool_t *pool);

/** Could a header of this name pass for one that begins with the (folded) prefix? `Civic`
 * itself could for `civic_`. */
int civic_header_has_prefix(const char *name, const char *prefix);

/** Could a header, or a variable behind its HTTP_, of this name pass for one of ours? */
int civic_header_is_ours(const civic_server_conf_t *conf, const char *name);

/** Drop whatever could pass for ours from r->headers_in, and what names ours in `Connection`,
 * so that no proxy takes them away. */
void civic_headers_drop(request_rec *r);

/** Headers under way to one request. */
typedef struct {
    request_rec *r;
    apr_size_t room;      /* bytes that may still be added */
    const char *left_out; /* names of what did not fit; NULL: all did */
} civic_parcel_t;

/**
 * Set a header; its value is percent-encoded where it is not visible ASCII, and at `%`. One
 * with a control character, or that is not UTF-8, is never sent; one that does not fit is
 * noted.
 *
 * @param kind "" or "Claim-": what stands between prefix and name
 * @param name upper case, digits and `_`, as in variables: sent as Contact-Personal-Email
 */
void civic_headers_set(civic_parcel_t *parcel, const char *kind, const char *name,
                       const char *value);

/** Set CivicUserHeader, where there is one; user: NULL sets nothing. */
void civic_headers_set_user(civic_parcel_t *parcel, const char *user);

/** Set the header of a token of at most CIVIC_ASSERTION_MAX characters (assertion.h), before
 * all others: it has room then. */
void civic_headers_set_assertion(civic_parcel_t *parcel, const char *token);

/** Note that something did not fit. */
void civic_parcel_leave_out(civic_parcel_t *parcel, const char *name);

#endif

/* document_image.h - the picture of a person's document, for its owner and for applications.
 *
 * CivicEndpoint/image shows it to the browser whose session it belongs to, and to an
 * application that brings a ticket, `Authorization: Civic <ticket>`: our cookies, which open
 * everything, never reach applications; a ticket opens one picture for a minute (picture.h).
 */
#ifndef CIVIC_DOCUMENT_IMAGE_H
#define CIVIC_DOCUMENT_IMAGE_H

#include <httpd.h>
#include "session.h"

/** A ticket for a session's picture. @return in the request's pool; NULL when it has none */
const char *civic_document_image_ticket(request_rec *r, const civic_session_t *session);

/** Where the picture of a session is; NULL when it has none. */
const char *civic_document_image_path(request_rec *r, const civic_session_t *session);

#endif

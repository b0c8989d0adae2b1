/* posted.h - a form that met no session, on its way into the login page.
 *
 * The page carries what was sent, as it was: the server keeps nothing and takes nothing apart.
 * The browser sends it again after the login (assets/form.js), before CivicOnLogin. Only a
 * form that a page of this very site has sent is kept: else another site could have something
 * done in the name of whoever logs in.
 */
#ifndef CIVIC_POSTED_H
#define CIVIC_POSTED_H

#include <apr_tables.h>
#include <httpd.h>
#include "words.h"

typedef struct civic_posted {
    const char *type; /* its Content-Type; NULL: it is not kept */
    const char *body; /* base64 */
    const char *lost; /* why it is not kept: a key of words */
    int is_foreign;   /* of another site: cookies of SameSite=Lax did not come with it */
} civic_posted_t;

/** Read the form that came with a navigation. @return NULL when there is none, or none is to
 * be kept here */
const civic_posted_t *civic_posted_read(request_rec *r);

/** Values for the login page: form-type and form, or form-lost. */
void civic_posted_values(const civic_posted_t *posted, const civic_language_t *language,
                         apr_table_t *values);

#endif

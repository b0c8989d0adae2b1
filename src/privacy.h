/* privacy.h - what a session has opened is for one person: no shared cache keeps it.
 *
 * Caches know of Authorization, not of our cookie. httpd's own, mod_cache, answers before
 * anybody's login is judged. So answers that were made for somebody say `private`, as they
 * would implicitly with Authorization, unless the site says itself that they are not.
 */
#ifndef CIVIC_PRIVACY_H
#define CIVIC_PRIVACY_H

#include <httpd.h>

/** What this request gets depends on who asks, even where nobody has logged in. */
void civic_privacy_guard(request_rec *r);

/** insert_filter and insert_error_filter: for answers of guarded locations. */
void civic_privacy_insert_filter(request_rec *r);

/** Register the filter. */
void civic_privacy_register(void);

#endif

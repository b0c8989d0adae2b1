/* page_own.h - what a site's own looks (CivicLoginPage, CivicStyle, CivicPagePolicy) make of a
 * page. */
#ifndef CIVIC_PAGE_OWN_H
#define CIVIC_PAGE_OWN_H

#include <apr_tables.h>
#include <httpd.h>
#include "words.h"

/** The template of the login page here. */
const char *civic_page_template_of(request_rec *r, const civic_language_t *language);

/** Values for the style sheet and the logo of this location. */
void civic_page_style(request_rec *r, apr_table_t *values);

/** The policy of a page here. @param built_in what it is where nothing else is said */
const char *civic_page_policy(request_rec *r, const char *built_in);

#endif

/* template.h - pages from templates: every value is escaped, there is no way around it.
 *
 *   {{name}}            the value, as HTML text or attribute value; nothing when it is not set
 *   {{?name}}...{{/}}   what is between, only when the value is set (not nested)
 *   {{*name}}...{{*}}   what is between, once for each row of a list (not nested, and not
 *                       within {{?...}}); it has the values of the row alone
 */
#ifndef CIVIC_TEMPLATE_H
#define CIVIC_TEMPLATE_H

#include <apr_hash.h>
#include <apr_pools.h>
#include <apr_tables.h>

/** A value as it stands in a page: HTML text or attribute value. @return in the pool */
const char *civic_template_escape(const char *value, apr_pool_t *pool);

/** @param values names to values. @return the page, in the pool */
const char *civic_template_render(const char *page, const apr_table_t *values,
                                  apr_pool_t *pool);

/** The same for a page with lists.
 * @param lists names to apr_array_header_t of apr_table_t *: the rows */
const char *civic_template_render_lists(const char *page, const apr_table_t *values,
                                        apr_hash_t *lists, apr_pool_t *pool);

#endif

/* template.h - pages from templates: every value is escaped, there is no way around it.
 *
 *   {{name}}            the value, as HTML text or attribute value; nothing when it is not set
 *   {{?name}}...{{/}}   what is between, only when the value is set (not nested)
 */
#ifndef CIVIC_TEMPLATE_H
#define CIVIC_TEMPLATE_H

#include <apr_pools.h>
#include <apr_tables.h>

/** @param values names to values. @return the page, in the pool */
const char *civic_template_render(const char *page, const apr_table_t *values,
                                  apr_pool_t *pool);

#endif

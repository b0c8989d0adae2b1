/* log_format.h - `%{label}^CV` in a site's own LogFormat: what civic('label') is
 * (expression.h), for logs. mod_log_config knows no expressions.
 *
 * It is looked up when the line is written, and only where a format asks; the module itself
 * never logs a value of a claim.
 */
#ifndef CIVIC_LOG_FORMAT_H
#define CIVIC_LOG_FORMAT_H

#include <apr_pools.h>

/** In pre_config: make it known to mod_log_config, where that is loaded. */
void civic_log_format_register(apr_pool_t *pconf);

#endif

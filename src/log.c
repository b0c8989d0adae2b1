/* log.c - see log.h. */
#include "log.h"

#include <apr_atomic.h>
#include <apr_time.h>

int civic_log_is_due(volatile apr_uint32_t *last, apr_uint32_t seconds)
{
    apr_uint32_t now = (apr_uint32_t)apr_time_sec(apr_time_now());
    apr_uint32_t before = apr_atomic_read32(last);

    return now - before >= seconds && apr_atomic_cas32(last, now, before) == before;
}

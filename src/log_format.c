/* log_format.c - see log_format.h. */
#include "log_format.h"

#include <apr_optional.h>
#include <httpd.h>
#include <mod_log_config.h>

#include "authn.h"
#include "expression.h"

/* Its answer has gone, so nothing of it is to be marked. NULL is logged as -. */
static const char *value(request_rec *r, char *label)
{
    const civic_session_t *session = civic_authn_session(r);
    const char *found = session ? civic_expression_value(session, label) : NULL;

    return found ? ap_escape_logitem(r->pool, found) : NULL;
}

void civic_log_format_register(apr_pool_t *pconf)
{
    static char tag[] = "^CV";
    APR_OPTIONAL_FN_TYPE(ap_register_log_handler) *enter =
        APR_RETRIEVE_OPTIONAL_FN(ap_register_log_handler);

    if (enter) {
        enter(pconf, tag, value, 0);
    }
}

/* refuse.c - see refuse.h. */
#include "refuse.h"

#include <apr_atomic.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <mod_core.h>

#include "log.h"
#include "page.h"
#include "request.h"
#include "runtime.h"

enum { LOUD_EVERY_SEC = 10, RETRY_AFTER_SEC = 10 };

/* Of this child: when a reason was last logged at its own level, and how often since. */
static volatile apr_uint32_t last_loud[CIVIC_REASON_COUNT];
static volatile apr_uint32_t hushed[CIVIC_REASON_COUNT];

static int level_of(civic_reason reason, apr_uint32_t *more)
{
    static const int levels[] = {APLOG_DEBUG, APLOG_INFO, APLOG_WARNING, APLOG_ERR};
    int level = levels[civic_reason_info(reason)->loudness];

    *more = 0;
    if (level > APLOG_WARNING) {
        return level;
    }
    if (civic_log_is_due(&last_loud[reason], LOUD_EVERY_SEC)) {
        *more = apr_atomic_xchg32(&hushed[reason], 0);
        return level;
    }
    apr_atomic_inc32(&hushed[reason]);
    return APLOG_INFO;
}

void civic_refusal_log(request_rec *r, const char *what, civic_refusal_t refusal)
{
    apr_uint32_t more;
    int level = level_of(refusal.reason, &more);
    const char *repeated =
        more ? apr_psprintf(r->pool, "; %u more like this before", more) : "";

    civic_counters_refused(civic_server_conf(r->server)->runtime->counters, refusal.reason);
    ap_log_rerror(APLOG_MARK, level, 0, r, CIVIC_LOG_PREFIX "%s refused: %s (%s%s) ref=%s",
                  what, civic_reason_info(refusal.reason)->name,
                  refusal.detail ? refusal.detail : "no detail", repeated,
                  civic_request_reference(r));
}

int civic_refusal_status(request_rec *r, civic_reason reason)
{
    int status = civic_reason_info(reason)->status;

    return status == HTTP_UNAUTHORIZED && civic_dir_conf(r)->factor.on == 1 ? HTTP_FORBIDDEN
                                                                            : status;
}

/* Has the site an ErrorDocument of its own for this status? */
static int site_answers(request_rec *r, int status)
{
    return ap_response_code_string(r, ap_index_of_response(status)) != NULL;
}

int civic_refuse(request_rec *r, const char *what, civic_refusal_t refusal,
                 civic_audience audience)
{
    const civic_reason_info_t *info = civic_reason_info(refusal.reason);
    int later = civic_request(civic_request_first(r))->retry_after;
    int status = civic_refusal_status(r, refusal.reason);
    const char *retry = NULL;

    civic_refusal_log(r, what, refusal);
    apr_table_setn(r->subprocess_env, "CIVIC_ERROR_CODE", info->name);
    apr_table_setn(r->subprocess_env, "CIVIC_ERROR_REFERENCE", civic_request_reference(r));
    if (info->retry == CIVIC_RETRY_LATER) {
        apr_table_setn(r->err_headers_out, "Retry-After",
                       apr_itoa(r->pool, later ? later : RETRY_AFTER_SEC));
    }
    if (audience == CIVIC_AS_PROBLEM) {
        return civic_respond(r, status, civic_page_problem(r, refusal.reason));
    }
    if (site_answers(r, status)) {
        return status;
    }
    if (info->retry != CIVIC_RETRY_NEVER) {
        retry = civic_request(r)->endpoint ? "/" : civic_request_return_path(r);
    }
    return civic_respond(r, status, civic_page_refusal(r, refusal.reason, retry));
}

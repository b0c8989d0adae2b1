/* assertion_header.c - see assertion_header.h. */
#include "assertion_header.h"

#include <apr_strings.h>
#include <http_log.h>

#include "assertion_cache.h"
#include "log.h"
#include "request.h"
#include "runtime.h"

/* CivicClaims, as labels; NULL: all. */
static apr_array_header_t *labels_of(const civic_claim_choice_t *choice, apr_pool_t *pool)
{
    apr_array_header_t *labels;

    if (!choice || choice->all) {
        return NULL;
    }
    labels = apr_array_make(pool, choice->names->nelts, sizeof(const char *));
    for (int i = 0; i < choice->names->nelts; i++) {
        APR_ARRAY_PUSH(labels, const char *) =
            APR_ARRAY_IDX(choice->names, i, civic_claim_name_t).label;
    }
    return labels;
}

static const char *sign(civic_parcel_t *parcel, const civic_assertion_t *assertion,
                        const civic_runtime_t *runtime)
{
    const char *left_out = NULL, *token = NULL;

    if (runtime->assertion_keys.key) {
        token = civic_assertion_sign(assertion, &runtime->assertion_keys, &left_out,
                                     parcel->r->pool);
    }
    if (!token) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, parcel->r,
                      CIVIC_LOG_PREFIX "identity: no assertion can be signed: the application "
                                       "gets none ref=%s",
                      civic_request_reference(parcel->r));
    }
    if (left_out) {
        civic_parcel_leave_out(parcel, left_out);
    }
    return token;
}

void civic_assertion_tell(civic_parcel_t *parcel, const civic_session_t *session)
{
    request_rec *r = parcel->r;
    const civic_dir_conf_t *dir = civic_dir_conf(r);
    const civic_runtime_t *runtime = civic_server_conf(r->server)->runtime;
    unsigned char digest[CIVIC_SHA256_LEN];
    civic_assertion_t assertion = {
        .issuer = civic_request_site(r),
        .record = &session->record,
        .labels = labels_of(dir->claims, r->pool),
        .now = apr_time_now(),
        .login = civic_session_wall(runtime->store, session->record.created)};
    const char *token = NULL;
    int known;

    assertion.audience = dir->audience ? dir->audience : assertion.issuer;
    known = runtime->assertions
            && civic_assertion_digest(digest, &assertion, session->key, r->pool);
    if (known) {
        token = civic_assertion_cache_get(runtime->assertions, digest, assertion.now, r->pool);
    }
    if (!token && (token = sign(parcel, &assertion, runtime)) && known) {
        civic_assertion_cache_put(runtime->assertions, digest, token, assertion.now);
    }
    if (token) {
        civic_headers_set_assertion(parcel, token);
    }
}

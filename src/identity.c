/* identity.c - see identity.h. */
#include "identity.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <string.h>
#include <util_filter.h>

#include "cookie.h"
#include "runtime.h"

static const char prefix[] = "CIVIC_";
static ap_filter_rec_t *trailers;

/* ---- what comes in ---- */

/* CGI, WSGI and the like map every odd character to one: so are names compared. */
static int passes_for_ours(const char *name)
{
    static const char ours[] = "civic_";
    apr_size_t i = 0;

    for (; ours[i]; i++) {
        int c = (unsigned char)name[i];

        if (!c) {
            return i == sizeof(ours) - 2; /* "Civic" itself */
        }
        c = apr_isascii(c) && apr_isalnum(c) ? apr_tolower(c) : '_';
        if (c != ours[i]) {
            return 0;
        }
    }
    return 1;
}

static int drop_ours(void *data, const char *name, const char *value)
{
    if (passes_for_ours(name)) {
        APR_ARRAY_PUSH((apr_array_header_t *)data, const char *) = name;
    }
    return 1;
}

static void scrub(request_rec *r)
{
    apr_array_header_t *names = apr_array_make(r->pool, 1, sizeof(const char *));

    apr_table_do(drop_ours, names, r->headers_in, NULL);
    for (int i = 0; i < names->nelts; i++) {
        apr_table_unset(r->headers_in, APR_ARRAY_IDX(names, i, const char *));
    }
}

/* Behind every piece of the body: the last one may have brought trailers. */
static apr_status_t trailers_filter(ap_filter_t *f, apr_bucket_brigade *brigade,
                                    ap_input_mode_t mode, apr_read_type_e block,
                                    apr_off_t bytes)
{
    apr_status_t rv = ap_get_brigade(f->next, brigade, mode, block, bytes);

    scrub(f->r);
    return rv;
}

/* MergeTrailers On: what follows a chunked body becomes headers once it is read. */
static int may_bring_trailers(const request_rec *r)
{
    const core_server_config *core = ap_get_core_module_config(r->server->module_config);

    return core->merge_trailers == AP_MERGE_TRAILERS_ENABLE
           && apr_table_get(r->headers_in, "Transfer-Encoding");
}

int civic_identity_scrub(request_rec *r)
{
    if (civic_server_conf(r->server)->applications->nelts == 0) {
        return DECLINED;
    }
    scrub(r);
    civic_cookie_take(r);
    if (may_bring_trailers(r)) {
        ap_add_input_filter_handle(trailers, NULL, r, r->connection);
    }
    return DECLINED;
}

void civic_identity_register(void)
{
    trailers =
        ap_register_input_filter("CIVIC_TRAILERS", trailers_filter, NULL, AP_FTYPE_RESOURCE);
}

/* ---- what goes to the application ---- */

/* Does `label` fold to one of the module's own variables? */
static int is_reserved(const char *folded)
{
    return !strcmp(folded, "USER_ID") || !strcmp(folded, "APPLICATION")
           || !strcmp(folded, "SCOPE") || !strcmp(folded, "ERROR_CODE")
           || !strcmp(folded, "ERROR_REFERENCE") || !strcmp(folded, "SESSION_ENDS");
}

static const char collision[] = ""; /* marks, by its address, a name that two labels claim */

/* Folded names of verified claims to their values. */
static apr_table_t *fold_claims(const civic_claims_t *claims, apr_pool_t *pool)
{
    apr_table_t *values = apr_table_make(pool, claims->count);

    for (int i = 0; i < claims->count; i++) {
        const civic_claim_t *claim = &claims->items[i];
        const char *folded;

        if (claim->flags != CIVIC_CLAIM_VERIFIED) {
            continue;
        }
        folded = civic_label_fold(claim->label, pool);
        if (apr_table_get(values, folded) || is_reserved(folded)) {
            apr_table_setn(values, folded, collision);
        }
        else {
            apr_table_setn(values, folded, claim->value);
        }
    }
    return values;
}

const char *civic_identity_collisions(const civic_claims_t *claims, apr_pool_t *pool)
{
    const apr_array_header_t *all = apr_table_elts(fold_claims(claims, pool));
    const char *names = NULL;

    for (int i = 0; i < all->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(all, i, apr_table_entry_t);

        if (entry->val == collision) {
            names = apr_pstrcat(pool, names ? names : "", names ? " " : "", prefix, entry->key,
                                NULL);
        }
    }
    return names;
}

const char *civic_identity_user(request_rec *r, const civic_session_t *session)
{
    const char *label = civic_dir_conf(r)->remote_user, *value;

    if (!label || !strcmp(label, "userId")) {
        return session->record.user_id;
    }
    value = civic_claims_get(&session->record.claims, label);
    return value && *value && !civic_value_is_unsafe(value) ? value : NULL;
}

/* When it ends here if nothing more happens, seconds since the epoch. */
static const char *session_ends(request_rec *r, const civic_session_t *session)
{
    const civic_dir_conf_t *dir = civic_dir_conf(r);
    civic_session_ends_t ends =
        civic_session_ends(session, civic_conf_idle(dir), civic_conf_life(dir));
    apr_time_t end = civic_session_wall(civic_server_conf(r->server)->runtime->store,
                                        ends.idle < ends.absolute ? ends.idle : ends.absolute);

    return apr_off_t_toa(r->pool, (apr_off_t)apr_time_sec(end));
}

static void export(request_rec *r, const civic_session_t *session)
{
    const civic_record_t *record = &session->record;
    const apr_array_header_t *all = apr_table_elts(fold_claims(&record->claims, r->pool));
    apr_table_t *env = r->subprocess_env;

    apr_table_setn(env, "CIVIC_USER_ID", record->user_id);
    apr_table_setn(env, "CIVIC_APPLICATION", record->application);
    apr_table_setn(env, "CIVIC_SCOPE", record->scope);
    apr_table_setn(env, "CIVIC_SESSION_ENDS", session_ends(r, session));
    for (int i = 0; i < all->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(all, i, apr_table_entry_t);

        if (entry->val != collision && !civic_value_is_unsafe(entry->val)) {
            apr_table_setn(env, apr_pstrcat(r->pool, prefix, entry->key, NULL), entry->val);
        }
    }
}

void civic_identity_set(request_rec *r, civic_lookup_t *lookup, const char *user)
{
    civic_request(r)->identity = lookup;
    r->user = apr_pstrdup(r->pool, user);
    r->ap_auth_type = (char *)CIVIC_AUTH_TYPE;
    export(r, &lookup->session);
}

int civic_identity_restore(request_rec *r)
{
    request_rec *before = r;

    if (civic_request(r)->identity || !(r->main || r->prev)) {
        return DECLINED;
    }
    while (before && !civic_request(before)->identity) {
        before = before->main ? before->main : before->prev;
    }
    /* Somebody who logged in here by other means is left alone. */
    if (!before || !before->user || (r->user && strcmp(r->user, before->user))) {
        return DECLINED;
    }
    civic_identity_set(r, civic_request(before)->identity, before->user);
    return DECLINED;
}

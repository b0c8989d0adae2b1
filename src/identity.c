/* identity.c - see identity.h. */
#include "identity.h"

#include <apr_strings.h>
#include <http_core.h>
#include <string.h>
#include <util_filter.h>

#include "assertion_header.h"
#include "cookie.h"
#include "document_image.h"
#include "identity_headers.h"
#include "log.h"
#include "runtime.h"

enum { LEFT_OUT_EVERY_SEC = 60 };

#define CIVIC_ENV_MAX       (64 * 1024) /* bytes of claims, with their names */
#define CIVIC_UWSGI_ENV_MAX 2048 /* uWSGI reads 4 KiB of a request, unless told to read more */

static const char prefix[] = "CIVIC_";
static const char redirected[] = "REDIRECT_";
static ap_filter_rec_t *trailers;

static void tell_headers(request_rec *r);

/* ---- what comes in ---- */

/* Behind every piece of the body: the last one may have brought trailers. */
static apr_status_t trailers_filter(ap_filter_t *f, apr_bucket_brigade *brigade,
                                    ap_input_mode_t mode, apr_read_type_e block,
                                    apr_off_t bytes)
{
    apr_status_t rv = ap_get_brigade(f->next, brigade, mode, block, bytes);

    if (!apr_is_empty_table(f->r->trailers_in)) {
        civic_headers_drop(f->r);
        tell_headers(f->r); /* those that were set were among them */
    }
    return rv;
}

/* MergeTrailers On: what follows a body becomes headers once it is read. HTTP/1.1 has trailers
 * behind chunked ones alone, HTTP/2 (whose streams have a connection above theirs) behind
 * any. */
static int may_bring_trailers(const request_rec *r)
{
    const core_server_config *core = ap_get_core_module_config(r->server->module_config);

    return core->merge_trailers == AP_MERGE_TRAILERS_ENABLE
           && (r->connection->master || apr_table_get(r->headers_in, "Transfer-Encoding"));
}

int civic_identity_scrub(request_rec *r)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);

    if (conf->applications->nelts == 0 && !conf->folded_prefix && !conf->folded_user) {
        return DECLINED;
    }
    civic_headers_drop(r);
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

static const char collision[] = ""; /* marks, by its address, a name that two labels claim */

/* What a claim is called here; NULL when it is not passed on. */
static const char *name_of(const char *label, const civic_claim_choice_t *choice,
                           apr_pool_t *pool)
{
    if (!choice || choice->all) {
        return civic_label_fold(label, pool);
    }
    for (int i = 0; i < choice->names->nelts; i++) {
        const civic_claim_name_t *claim = &APR_ARRAY_IDX(choice->names, i, civic_claim_name_t);

        if (!strcmp(claim->label, label)) {
            return claim->name;
        }
    }
    return NULL;
}

/* Names of verified claims to their values. */
static apr_table_t *fold_claims(const civic_claims_t *claims,
                                const civic_claim_choice_t *choice, apr_pool_t *pool)
{
    apr_table_t *values = apr_table_make(pool, claims->count);

    for (int i = 0; i < claims->count; i++) {
        const civic_claim_t *claim = &claims->items[i];
        const char *folded;

        if (claim->flags != CIVIC_CLAIM_VERIFIED) {
            continue;
        }
        folded = name_of(claim->label, choice, pool);
        if (!folded) {
            continue;
        }
        if (apr_table_get(values, folded) || civic_claim_name_is_reserved(folded)) {
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
    const apr_array_header_t *all = apr_table_elts(fold_claims(claims, NULL, pool));
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

/* What was too large, by name: once in a while for each child.
 * last: when that was said of the environment or of headers */
static void say_left_out(request_rec *r, const civic_parcel_t *parcel, const char *where,
                         volatile apr_uint32_t *last)
{
    if (parcel->left_out && civic_log_is_due(last, LEFT_OUT_EVERY_SEC)) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      CIVIC_LOG_PREFIX "identity: too large for %s, left out: %s; say by "
                                       "CivicClaims what is needed ref=%s",
                      where, parcel->left_out, civic_request_reference(r));
    }
}

/* Take a name's room; 0 when there is not enough. */
static int takes(civic_parcel_t *parcel, const char *name, const char *value)
{
    apr_size_t size = sizeof(prefix) + strlen(name) + strlen(value) + sizeof("=") - 1;

    if (size > parcel->room) {
        civic_parcel_leave_out(parcel, name);
        return 0;
    }
    parcel->room -= size;
    return 1;
}

/* NULL where none is to be given. */
static const char *ticket_for(request_rec *r, const civic_session_t *session)
{
    civic_request_t *known = civic_request(r);
    const char *ticket = known->told.ticket ? civic_document_image_ticket(r, session) : NULL;

    if (ticket) {
        civic_request(civic_request_first(r))->in_ticket = 1;
    }
    return ticket;
}

static const char *proof_name(const civic_record_t *record)
{
    return record->proof == CIVIC_PROOF_RECOVERY ? "recovery" : "civic";
}

/* All that does not change while a session lives. */
static apr_table_t *variables_make(civic_parcel_t *parcel, const civic_record_t *record,
                                   const civic_claim_choice_t *choice, apr_pool_t *pool)
{
    const apr_array_header_t *all = apr_table_elts(fold_claims(&record->claims, choice, pool));
    apr_table_t *variables = apr_table_make(pool, all->nelts + 4);

    apr_table_setn(variables, "CIVIC_USER_ID", record->user_id);
    apr_table_setn(variables, "CIVIC_APPLICATION", record->application);
    apr_table_setn(variables, "CIVIC_SCOPE", record->scope);
    if (record->account) {
        apr_table_setn(variables, "CIVIC_SECOND_FACTOR", proof_name(record));
    }
    for (int i = 0; i < all->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(all, i, apr_table_entry_t);

        if (entry->val != collision && !civic_value_is_unsafe(entry->val)
            && takes(parcel, entry->key, entry->val)) {
            apr_table_setn(variables, apr_pstrcat(pool, prefix, entry->key, NULL), entry->val);
        }
    }
    return variables;
}

/* Where variables may be kept: with the connection, as long as its place is still this
 * session's, for a choice that no other will ever have the address of. */
static civic_variables_t *keeper_of(const civic_lookup_t *lookup,
                                    const civic_claim_choice_t *choice)
{
    civic_acquaintance_t *known = lookup->known;

    return known && known->kept && (!choice || choice->lasts)
                   && !memcmp(known->session.key, lookup->session.key,
                              sizeof(lookup->session.key))
               ? &known->variables
               : NULL;
}

/* By ProxyPass or RewriteRule, or by SetHandler, which counts only later. */
static int goes_to_uwsgi(const request_rec *r)
{
    static const char uwsgi[] = "proxy:uwsgi:";
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);

    return (r->filename && !strncmp(r->filename, uwsgi, sizeof(uwsgi) - 1))
           || (core->handler && !strncmp(core->handler, uwsgi, sizeof(uwsgi) - 1));
}

/* Made once for a session that the connection keeps, for the first choice of claims that
 * comes. */
static const apr_table_t *variables_of(request_rec *r, const civic_lookup_t *lookup)
{
    static volatile apr_uint32_t told;
    const civic_claim_choice_t *choice = civic_dir_conf(r)->claims;
    int is_small = goes_to_uwsgi(r);
    civic_variables_t *kept = is_small ? NULL : keeper_of(lookup, choice);
    civic_parcel_t parcel = {.r = r, .room = is_small ? CIVIC_UWSGI_ENV_MAX : CIVIC_ENV_MAX};
    const apr_table_t *made;

    if (kept && kept->table && kept->choice == choice) {
        return kept->table;
    }
    if (!kept || kept->table) {
        made = variables_make(&parcel, &lookup->session.record, choice, r->pool);
    }
    else {
        made = variables_make(&parcel, &lookup->session.record, choice, lookup->known->pool);
        kept->choice = choice;
        kept->table = made;
    }
    say_left_out(r, &parcel, "the environment", &told);
    return made;
}

static void tell_env(request_rec *r, const civic_lookup_t *lookup)
{
    const apr_array_header_t *all = apr_table_elts(variables_of(r, lookup));
    const char *ticket = ticket_for(r, &lookup->session);

    for (int i = 0; i < all->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(all, i, apr_table_entry_t);

        apr_table_setn(r->subprocess_env, entry->key, entry->val);
    }
    apr_table_setn(r->subprocess_env, "CIVIC_SESSION_ENDS", session_ends(r, &lookup->session));
    if (ticket) {
        apr_table_setn(r->subprocess_env, "CIVIC_DOCUMENT_IMAGE_TICKET", ticket);
    }
}

static void tell_claims(civic_parcel_t *parcel, const civic_session_t *session)
{
    const civic_record_t *record = &session->record;
    request_rec *r = parcel->r;
    const char *ticket = ticket_for(r, session);
    const apr_array_header_t *all =
        apr_table_elts(fold_claims(&record->claims, civic_dir_conf(r)->claims, r->pool));

    civic_headers_set(parcel, "", "USER_ID", record->user_id);
    civic_headers_set(parcel, "", "APPLICATION", record->application);
    civic_headers_set(parcel, "", "SCOPE", record->scope);
    civic_headers_set(parcel, "", "SESSION_ENDS", session_ends(r, session));
    if (record->account) {
        civic_headers_set(parcel, "", "SECOND_FACTOR", proof_name(record));
    }
    if (ticket) {
        civic_headers_set(parcel, "", "DOCUMENT_IMAGE_TICKET", ticket);
    }
    for (int i = 0; i < all->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(all, i, apr_table_entry_t);

        if (entry->val != collision) {
            civic_headers_set(parcel, "Claim-", entry->key, entry->val);
        }
    }
}

/* Is this a location that we protect? */
static int guards(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return civic_dir_conf(r)->factor.on == 1 || (type && !strcasecmp(type, CIVIC_AUTH_TYPE));
}

/* What a location may be told. Headers lead out of the server: they are for locations that are
 * protected by us alone. */
static civic_told_t may_tell(request_rec *r)
{
    const civic_dir_conf_t *dir = civic_dir_conf(r);
    int channels = civic_conf_identity(dir);
    int is_ours = guards(r);

    return (civic_told_t){.env = channels & CIVIC_IDENTITY_ENV,
                          .headers = is_ours ? channels : CIVIC_IDENTITY_NONE,
                          .claims = dir->claims,
                          .assertion = is_ours && dir->assertion == 1,
                          .audience = dir->audience,
                          .ticket = dir->picture_ticket == 1};
}

static void tell_headers(request_rec *r)
{
    static volatile apr_uint32_t told;
    const civic_request_t *known = civic_request(r);
    civic_parcel_t parcel = {.r = r, .room = CIVIC_HEADERS_MAX};

    if (!known->identity) {
        return;
    }
    if (known->told.assertion) { /* first: it must have room */
        civic_assertion_tell(&parcel, &known->identity->session);
    }
    if (known->told.headers != CIVIC_IDENTITY_NONE) {
        civic_headers_set_user(&parcel, r->user);
    }
    if (known->told.headers & CIVIC_IDENTITY_HEADERS) {
        tell_claims(&parcel, &known->identity->session);
    }
    if (parcel.room < CIVIC_HEADERS_MAX) {
        civic_request(civic_request_first(r))->in_headers = 1;
    }
    say_left_out(r, &parcel, "headers", &told);
}

static void tell(request_rec *r)
{
    civic_request_t *known = civic_request(r);

    known->told = may_tell(r);
    if (known->told.env) {
        tell_env(r, known->identity);
    }
    tell_headers(r);
}

/* ---- inside the server ---- */

static int is_ours(const civic_server_conf_t *conf, const char *name)
{
    static const char header[] = "HTTP_", error[] = "CIVIC_ERROR_";

    while (!strncmp(name, redirected, sizeof(redirected) - 1)) {
        name += sizeof(redirected) - 1;
    }
    if (!strncmp(name, header, sizeof(header) - 1)) {
        return civic_header_is_ours(conf, name + sizeof(header) - 1);
    }
    return !strncmp(name, prefix, sizeof(prefix) - 1)
           && strncmp(name, error, sizeof(error) - 1);
}

/* Take away what says who somebody is. Variables may have been made of headers, too. */
static void forget(request_rec *r)
{
    const civic_server_conf_t *conf = civic_server_conf(r->server);
    const apr_array_header_t *all = apr_table_elts(r->subprocess_env);
    apr_array_header_t *names = apr_array_make(r->pool, 8, sizeof(const char *));

    for (int i = 0; i < all->nelts; i++) {
        const char *name = APR_ARRAY_IDX(all, i, apr_table_entry_t).key;

        if (is_ours(conf, name)) {
            APR_ARRAY_PUSH(names, const char *) = name;
        }
    }
    for (int i = 0; i < names->nelts; i++) {
        apr_table_unset(r->subprocess_env, APR_ARRAY_IDX(names, i, const char *));
    }
    civic_headers_drop(r);
}

/* A sub-request or an internal redirect has inherited what the request before was told: too
 * much, where it may have less. */
static void forget_inherited(request_rec *r)
{
    const civic_request_t *first = civic_request(civic_request_first(r));
    civic_told_t may = may_tell(r);

    if ((r->main || r->prev)
        && (may.claims || !may.env || first->in_headers
            || (first->in_ticket && !may.ticket))) {
        forget(r);
    }
}

void civic_identity_set(request_rec *r, civic_lookup_t *lookup, const char *user)
{
    civic_request(r)->identity = lookup;
    if (user) {
        r->user = apr_pstrdup(r->pool, user);
        r->ap_auth_type = (char *)CIVIC_AUTH_TYPE;
    }
    forget_inherited(r);
    tell(r);
}

int civic_identity_settle(request_rec *r)
{
    const civic_request_t *known = civic_request(r);
    civic_told_t may;

    if (!known->identity) {
        return DECLINED;
    }
    may = may_tell(r);
    if (may.env != known->told.env || may.headers != known->told.headers
        || may.claims != known->told.claims || may.assertion != known->told.assertion
        || may.audience != known->told.audience || may.ticket != known->told.ticket) {
        forget(r);
        tell(r);
    }
    return DECLINED;
}

int civic_identity_restore(request_rec *r)
{
    request_rec *before = r;
    civic_lookup_t *identity;

    if (civic_request(r)->identity || !(r->main || r->prev)) {
        return DECLINED;
    }
    forget_inherited(r);
    while (before && !civic_request(before)->identity) {
        before = before->main ? before->main : before->prev;
    }
    /* Somebody who logged in here by other means is left alone. */
    if (!before || !before->user || (r->user && strcmp(r->user, before->user))) {
        return DECLINED;
    }
    identity = civic_request(before)->identity;
    civic_identity_set(r, identity, identity->is_factor ? NULL : before->user);
    return DECLINED;
}

/* expression.c - see expression.h. */
#include "expression.h"

#include <string.h>

#include "authn.h"
#include "privacy.h"
#include "request.h"

static const civic_session_t *session_of(request_rec *r)
{
    if (!r) {
        return NULL; /* evaluated for a connection */
    }
    civic_request(r)->asked = 1;
    civic_privacy_guard(r);
    return civic_authn_session(r);
}

static int is_fit(const char *value)
{
    return value && !civic_value_is_unsafe(value);
}

/* What the login itself says. NULL: it is the label of a claim. */
static const char *of_login(const civic_record_t *record, const char *label)
{
    return !strcmp(label, "userId")        ? record->user_id
           : !strcmp(label, "scope")       ? record->scope
           : !strcmp(label, "application") ? record->application
                                           : NULL;
}

const char *civic_expression_value(const civic_session_t *session, const char *label)
{
    const char *found = of_login(&session->record, label);

    if (!found) {
        found = civic_claims_get(&session->record.claims, label);
    }
    return is_fit(found) ? found : NULL;
}

static const char *value(ap_expr_eval_ctx_t *ctx, const void *data, const char *label)
{
    const civic_session_t *session = session_of(ctx->r);
    const char *found = session ? civic_expression_value(session, label) : NULL;

    return found ? found : "";
}

static apr_array_header_t *values(ap_expr_eval_ctx_t *ctx, const void *data, const char *label)
{
    const civic_session_t *session = session_of(ctx->r);
    apr_array_header_t *all = apr_array_make(ctx->p, 2, sizeof(const char *));
    const civic_claims_t *claims;
    const char *found;

    if (!session) {
        return all;
    }
    found = of_login(&session->record, label);
    if (found) {
        APR_ARRAY_PUSH(all, const char *) = found;
        return all;
    }
    claims = &session->record.claims;
    for (int i = 0; i < claims->count; i++) {
        const civic_claim_t *claim = &claims->items[i];

        if (claim->flags == CIVIC_CLAIM_VERIFIED && !strcmp(claim->label, label)
            && is_fit(claim->value)) {
            APR_ARRAY_PUSH(all, const char *) = claim->value;
        }
    }
    return all;
}

int civic_expression_lookup(ap_expr_lookup_parms *parms)
{
    if (strcasecmp(parms->name, "civic")
        || (parms->type != AP_EXPR_FUNC_STRING && parms->type != AP_EXPR_FUNC_LIST)) {
        return DECLINED;
    }
    if (parms->arg && !civic_label_is_name(parms->arg)) {
        *parms->err = "civic() takes a label, as contact.personal.email, or userId, scope, "
                      "application";
        return HTTP_BAD_REQUEST;
    }
    civic_authn_rules_may_need_login();
    *parms->func =
        parms->type == AP_EXPR_FUNC_STRING ? (const void *)value : (const void *)values;
    *parms->data = NULL;
    return OK;
}

/* page_factor.c - see page_factor.h. */
#include "page_factor.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_core.h>
#include <string.h>

#include "claim_words.h"
#include "page.h"
#include "page_own.h"
#include "template.h"

void civic_page_factor_values(request_rec *r, apr_table_t *values,
                              const civic_first_factor_t *factor)
{
    const civic_language_t *language = civic_request_language(r);

    apr_table_setn(values, "account", factor->name);
    if (!factor->linked) {
        apr_table_setn(values, "title", civic_words_text(language, "page.title.protect"));
        apr_table_setn(values, "words", civic_words_text(language, "page.protect"));
        return;
    }
    apr_table_setn(values, "title", civic_words_text(language, "page.title.confirm"));
    apr_table_setn(values, "button", civic_words_text(language, "page.button.confirm"));
    if (factor->state.codes > 0) {
        apr_table_setn(values, "recover", "");
    }
}

const char *civic_page_contact(request_rec *r)
{
    const char *admin = r->server->server_admin;

    /* httpd's own word for nobody is in brackets. */
    return admin && *admin && *admin != '[' ? admin : NULL;
}

/* A row for each verified claim that is fit to be shown, and says something of the person. */
static apr_array_header_t *claims_make(request_rec *r, const civic_claims_t *claims)
{
    static const char levels[] = "verifications.";
    apr_array_header_t *rows = apr_array_make(r->pool, 8, sizeof(apr_table_t *));

    for (int i = 0; i < claims->count; i++) {
        const civic_claim_t *claim = &claims->items[i];
        apr_table_t *row;

        if (claim->flags != CIVIC_CLAIM_VERIFIED || civic_value_is_unsafe(claim->value)
            || !strncmp(claim->label, levels, sizeof(levels) - 1)) {
            continue;
        }
        row = apr_table_make(r->pool, 2);
        apr_table_setn(row, "label",
                       civic_claim_words(civic_request_language(r), claim->label));
        apr_table_setn(row, "value", claim->value);
        APR_ARRAY_PUSH(rows, apr_table_t *) = row;
    }
    return rows;
}

const civic_reply_t *civic_page_link(request_rec *r, const civic_first_factor_t *factor,
                                     const civic_session_t *session, const char *state)
{
    apr_array_header_t *claims = claims_make(r, &session->record.claims);
    apr_table_t *values = civic_page_values(r);
    apr_hash_t *lists = apr_hash_make(r->pool);

    apr_hash_set(lists, "claims", APR_HASH_KEY_STRING, claims);
    apr_table_setn(values, "account", factor->name);
    apr_table_setn(values, "host", ap_get_server_name(r));
    apr_table_setn(values, "state", state);
    apr_table_setn(values, "reason", civic_reason_info(CIVIC_LINK_REQUIRED)->name);
    apr_table_setn(values, "reference", civic_request_reference(r));
    if (claims->nelts == 0) {
        apr_table_setn(values, "anonymous", "");
    }
    return civic_page_form(r,
                           civic_template_render_lists(civic_request_language(r)->pages->link,
                                                       values, lists, r->pool));
}

const civic_reply_t *civic_page_codes(request_rec *r, const char *account,
                                      const apr_array_header_t *codes, const char *back)
{
    apr_table_t *values = civic_page_values(r);
    apr_array_header_t *rows = apr_array_make(r->pool, codes->nelts, sizeof(apr_table_t *));
    apr_hash_t *lists = apr_hash_make(r->pool);

    for (int i = 0; i < codes->nelts; i++) {
        apr_table_t *row = apr_table_make(r->pool, 1);

        apr_table_setn(row, "code", APR_ARRAY_IDX(codes, i, const char *));
        APR_ARRAY_PUSH(rows, apr_table_t *) = row;
    }
    apr_hash_set(lists, "codes", APR_HASH_KEY_STRING, rows);
    apr_table_setn(values, "account", account);
    apr_table_setn(values, "back", back);
    return civic_page_form(r,
                           civic_template_render_lists(civic_request_language(r)->pages->codes,
                                                       values, lists, r->pool));
}

const civic_reply_t *civic_page_not_linked(request_rec *r, const char *account,
                                           const char *back)
{
    const civic_language_t *language = civic_request_language(r);
    apr_table_t *values = civic_page_values(r);

    apr_table_setn(values, "title", civic_words_text(language, "page.title.not-linked"));
    apr_table_setn(
        values, "words",
        civic_words_fill(r->pool, language, "page.not-linked", "account", account, NULL));
    apr_table_setn(values, "retry", back);
    return civic_page_form(r,
                           civic_template_render(language->pages->message, values, r->pool));
}

const civic_reply_t *civic_page_recovery(request_rec *r, const civic_state_t *about,
                                         const char *state, int refused)
{
    const civic_language_t *language = civic_request_language(r);
    const civic_reason_info_t *info = civic_reason_info(CIVIC_RECOVERY_REFUSED);
    apr_table_t *values = civic_page_values(r);

    apr_table_setn(values, "account", about->factor.account);
    apr_table_setn(values, "back", about->return_path);
    apr_table_setn(values, "state", state);
    if (refused) {
        apr_table_setn(values, "reason", info->name);
        apr_table_setn(values, "words", civic_words_reason(language, CIVIC_RECOVERY_REFUSED));
        apr_table_setn(values, "reference", civic_request_reference(r));
    }
    return civic_page_form(r,
                           civic_template_render(language->pages->recovery, values, r->pool));
}

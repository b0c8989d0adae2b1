/* phone.c - the pretended telephone: pick a person, approve or deny. */
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <string.h>

#include "body.h"
#include "sandbox.h"
#include "template.h"

static int note(request_rec *r, int status, const char *title, const char *words)
{
    apr_table_t *values = apr_table_make(r->pool, 4);

    apr_table_setn(values, "title", title);
    apr_table_setn(values, "words", words);
    return sandbox_page(r, status,
                        civic_template_render(civic_sandbox_note_html, values, r->pool),
                        "default-src 'none'; style-src 'self'; frame-ancestors 'none'");
}

static const char *wants(const char *scope)
{
    return !strcmp(scope, "ANONYMOUS_LOGIN") ? "that you are a verified person"
           : !strcmp(scope, "BASIC_SIGNUP")  ? "your email address and telephone number"
           : !strcmp(scope, "PROOF_OF_IDENTITY")
               ? "your identity document with its picture, email "
                 "address and telephone number"
               : "what belongs to this scope request";
}

static int ask_page(request_rec *r, const sandbox_ask_t *ask)
{
    apr_table_t *values = apr_table_make(r->pool, 16);

    apr_table_setn(values, "origin", ask->origin);
    apr_table_setn(values, "application", ask->application);
    apr_table_setn(values, "scope", ask->scope);
    apr_table_setn(values, "wants", wants(ask->scope));
    if (ask->mobile) {
        apr_table_setn(values, "mobile", "1");
    }
    for (int i = 0; sandbox_people[i].key; i++) {
        apr_table_setn(values, apr_pstrcat(r->pool, "name-", sandbox_people[i].key, NULL),
                       sandbox_people[i].name);
    }
    return sandbox_page(r, HTTP_OK,
                        civic_template_render(civic_sandbox_phone_html, values, r->pool),
                        apr_pstrcat(r->pool,
                                    "default-src 'none'; style-src 'self'; "
                                    "frame-ancestors 'none'; form-action 'self' ",
                                    ask->origin, NULL));
}

/* The app opens the page's own address in a new tab, with the uuid added. */
static int back_to_page(request_rec *r, const sandbox_ask_t *ask)
{
    const char *hash = strchr(ask->page, '#');
    const char *base =
        hash ? apr_pstrmemdup(r->pool, ask->page, (apr_size_t)(hash - ask->page)) : ask->page;

    apr_table_setn(r->headers_out, "Location",
                   apr_pstrcat(r->pool, base, strchr(base, '?') ? "&" : "?", "uuid=", ask->id,
                               hash, NULL));
    return HTTP_SEE_OTHER;
}

/* The value of a field that holds a plain word. */
static const char *field(request_rec *r, const char *form, const char *name)
{
    char *last, *copy = apr_pstrdup(r->pool, form);
    apr_size_t len = strlen(name);

    for (char *pair = apr_strtok(copy, "&", &last); pair;
         pair = apr_strtok(NULL, "&", &last)) {
        if (!strncmp(pair, name, len) && pair[len] == '=') {
            return pair + len + 1;
        }
    }
    return "";
}

static int decide(request_rec *r, const sandbox_ask_t *ask)
{
    const char *form;
    apr_size_t len;
    int person, approved;

    if (!civic_body_is(r, "application/x-www-form-urlencoded")
        || civic_body_read(r, &form, &len).reason != CIVIC_OK) {
        return note(r, HTTP_BAD_REQUEST, "This did not work", "The form cannot be read.");
    }
    approved = !strcmp(field(r, form, "decision"), "approve");
    person = sandbox_person_find(field(r, form, "person"));
    if (approved && person < 0) {
        return note(r, HTTP_BAD_REQUEST, "Who are you?", "Go back and choose a person.");
    }
    if (!sandbox_ask_advance(ask->id, approved ? ASK_APPROVED : ASK_DENIED,
                             person < 0 ? 0 : person)) {
        return note(r, HTTP_CONFLICT, "Already decided",
                    "This request has been answered before.");
    }
    if (approved && ask->mobile) {
        return back_to_page(r, ask);
    }
    return approved ? note(r, HTTP_OK, "Approved", "Go on in your browser.")
                    : note(r, HTTP_OK, "Denied", "Nothing was shared.");
}

int sandbox_phone(request_rec *r, const char *rest)
{
    sandbox_ask_t ask;

    if (*rest != '/' || !sandbox_ask_get(&ask, rest + 1)) {
        return note(r, HTTP_NOT_FOUND, "Unknown code",
                    "Load the login page again and scan anew.");
    }
    if (ask.status >= ASK_APPROVED) {
        return note(r, HTTP_CONFLICT, "Already decided",
                    "This request has been answered before.");
    }
    if (apr_time_now() - ask.created > apr_time_from_sec(SANDBOX_ASK_LIFE)) {
        return note(r, HTTP_GONE, "Too old", "Load the login page again and scan anew.");
    }
    if (r->method_number == M_POST) {
        return decide(r, &ask);
    }
    sandbox_ask_advance(ask.id, ASK_READ, 0);
    return ask_page(r, &ask);
}

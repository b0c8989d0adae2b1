/* authz.c - see authz.h. */
#include "authz.h"

#include <httpd.h>
#include <ap_provider.h>
#include <ap_regex.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_request.h>
#include <mod_auth.h>
#include <stdlib.h>
#include <string.h>

#include "authn.h"
#include "claim_words.h"
#include "dates.h"
#include "request.h"
#include "runtime.h"
#include "scope.h"

#define LABEL_BIRTH   "documents.genericId.dateOfBirth"
#define LABEL_EXPIRY  "documents.genericId.dateOfExpiry"
#define LABEL_COUNTRY "documents.genericId.country"
#define AGE_MAX       150 /* years; whoever is older has a date of birth that is none */

typedef enum { NOT_MET, MET, UNKNOWN } verdict_t;

struct kind;

/** One Require line, judged when it was read. */
typedef struct {
    const struct kind *kind;
    int negated;                      /* by `not`, <RequireNone> or any odd number of them */
    const ap_directive_t *section;    /* where it stands */
    const char *label;                /* the claim that it is about; NULL: none */
    const apr_array_header_t *values; /* of const char * */
    const ap_regex_t *regex;          /* in place of values; NULL: none */
    int years;
    apr_interval_time_t limit;
    const char *words;   /* key of what the person reads who is kept out */
    const char *missing; /* of what his login does not show, when that is the reason */
} rule_t;

/** What a rule is judged on. */
typedef struct {
    const civic_session_t *session;
    apr_time_t now; /* civic_session_now */
    civic_date_t today;
} evidence_t;

typedef struct kind {
    const char *name;
    /* Fills in the rule. @return NULL, or what is wrong */
    const char *(*parse)(rule_t *rule, apr_pool_t *pool);
    verdict_t (*judge)(const rule_t *rule, const evidence_t *evidence);
} kind_t;

static const char *value_at(const rule_t *rule, int i)
{
    return APR_ARRAY_IDX(rule->values, i, const char *);
}

/* A verified claim that is fit to be judged. NULL: not known. */
static const char *claim_of(const rule_t *rule, const evidence_t *evidence)
{
    const char *value = civic_claims_get(&evidence->session->record.claims, rule->label);

    return value && *value && !civic_value_is_unsafe(value) ? value : NULL;
}

/* ---- civic-user ---- */

static const char *user_parse(rule_t *rule, apr_pool_t *pool)
{
    if (rule->values->nelts == 0) {
        return "it takes at least one userId";
    }
    rule->words = rule->negated ? "rule.not-user" : "rule.user";
    return NULL;
}

static verdict_t user_judge(const rule_t *rule, const evidence_t *evidence)
{
    for (int i = 0; i < rule->values->nelts; i++) {
        if (!strcmp(value_at(rule, i), evidence->session->record.user_id)) {
            return MET;
        }
    }
    return NOT_MET;
}

/* ---- civic-claim ---- */

static const char *claim_parse(rule_t *rule, apr_pool_t *pool)
{
    if (rule->values->nelts < 2) {
        return "it takes a label and values, or a label, ~ and a regular expression";
    }
    rule->label = value_at(rule, 0);
    if (!civic_label_is_name(rule->label)) {
        return "a label is visible ASCII, as contact.personal.email";
    }
    if (!strcmp(value_at(rule, 1), "~")) {
        if (rule->values->nelts != 3) {
            return "~ takes one regular expression: put it in quotes";
        }
        rule->regex = ap_pregcomp(pool, value_at(rule, 2), 0);
        if (!rule->regex) {
            return "this is no regular expression";
        }
    }
    rule->words = rule->negated ? "rule.not-claim" : "rule.claim";
    rule->missing = "rule.missing.claim";
    return NULL;
}

static verdict_t regex_judge(const ap_regex_t *regex, const char *value)
{
    switch (ap_regexec(regex, value, 0, NULL, 0)) {
    case 0:
        return MET;
    case AP_REG_NOMATCH:
        return NOT_MET;
    default:
        return UNKNOWN; /* it took too much time or memory */
    }
}

static verdict_t claim_judge(const rule_t *rule, const evidence_t *evidence)
{
    const char *value = claim_of(rule, evidence);

    if (!value) {
        return UNKNOWN;
    }
    if (rule->regex) {
        return regex_judge(rule->regex, value);
    }
    for (int i = 1; i < rule->values->nelts; i++) {
        if (!strcmp(value_at(rule, i), value)) {
            return MET;
        }
    }
    return NOT_MET;
}

/* ---- civic-scope ---- */

static const char *scope_parse(rule_t *rule, apr_pool_t *pool)
{
    for (int i = 0; i < rule->values->nelts; i++) {
        if (!civic_scope_is_name(value_at(rule, i))) {
            return "it must be names of scope requests, as ANONYMOUS_LOGIN, BASIC_SIGNUP or "
                   "PROOF_OF_IDENTITY";
        }
    }
    if (rule->values->nelts == 0) {
        return "it takes at least one scope request, as PROOF_OF_IDENTITY";
    }
    rule->words = rule->negated ? "rule.not-scope" : "rule.scope";
    return NULL;
}

static verdict_t scope_judge(const rule_t *rule, const evidence_t *evidence)
{
    for (int i = 0; i < rule->values->nelts; i++) {
        if (civic_scope_covers(evidence->session->record.scope, value_at(rule, i))) {
            return MET;
        }
    }
    return NOT_MET;
}

/* ---- civic-age ---- */

static const char *age_parse(rule_t *rule, apr_pool_t *pool)
{
    const char *text = rule->values->nelts == 1 ? value_at(rule, 0) : "";
    apr_size_t len = strlen(text);

    if (len > 0 && len <= 3 && strspn(text, "0123456789") == len) {
        rule->years = atoi(text);
    }
    if (rule->years < 1 || rule->years > AGE_MAX) {
        return "it must be one number of years, 1 to 150";
    }
    rule->label = LABEL_BIRTH;
    rule->words = rule->negated ? "rule.not-age" : "rule.age";
    rule->missing = "rule.missing.birth";
    return NULL;
}

static verdict_t age_judge(const rule_t *rule, const evidence_t *evidence)
{
    const char *value = claim_of(rule, evidence);
    civic_date_t born;
    int age;

    if (!value || !civic_date_parse(&born, value)) {
        return UNKNOWN;
    }
    age = civic_date_age(&born, &evidence->today);
    if (age < 0 || age > AGE_MAX) {
        return UNKNOWN;
    }
    return age >= rule->years ? MET : NOT_MET;
}

/* ---- civic-document-valid ---- */

static const char *document_parse(rule_t *rule, apr_pool_t *pool)
{
    if (rule->values->nelts > 0) {
        return "it takes nothing more";
    }
    rule->label = LABEL_EXPIRY;
    rule->words = rule->negated ? "rule.not-document" : "rule.document";
    rule->missing = "rule.missing.expiry";
    return NULL;
}

static verdict_t document_judge(const rule_t *rule, const evidence_t *evidence)
{
    const char *value = claim_of(rule, evidence);
    civic_date_t expiry;

    if (!value || !civic_date_parse(&expiry, value)) {
        return UNKNOWN;
    }
    return civic_date_compare(&expiry, &evidence->today) >= 0 ? MET : NOT_MET;
}

/* ---- civic-country ---- */

static int is_country(const char *code)
{
    return strlen(code) == 3
           && strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == 3;
}

static const char *country_parse(rule_t *rule, apr_pool_t *pool)
{
    for (int i = 0; i < rule->values->nelts; i++) {
        if (!is_country(value_at(rule, i))) {
            return "countries have three letters (ISO 3166-1 alpha-3), as USA";
        }
    }
    if (rule->values->nelts == 0) {
        return "it takes at least one country, as USA";
    }
    rule->label = LABEL_COUNTRY;
    rule->words = rule->negated ? "rule.not-country" : "rule.country";
    rule->missing = "rule.missing.country";
    return NULL;
}

static verdict_t country_judge(const rule_t *rule, const evidence_t *evidence)
{
    const char *value = claim_of(rule, evidence);

    if (!value || !is_country(value)) {
        return UNKNOWN;
    }
    for (int i = 0; i < rule->values->nelts; i++) {
        if (!strcasecmp(value_at(rule, i), value)) {
            return MET;
        }
    }
    return NOT_MET;
}

/* ---- civic-fresh ---- */

static const char *fresh_parse(rule_t *rule, apr_pool_t *pool)
{
    if (rule->values->nelts != 1) {
        return "it takes one interval, as 5min";
    }
    if (rule->negated) {
        return "it cannot be negated: that would keep out whoever has just logged in";
    }
    rule->words = "rule.fresh";
    return civic_conf_interval(&rule->limit, value_at(rule, 0));
}

static verdict_t fresh_judge(const rule_t *rule, const evidence_t *evidence)
{
    return evidence->now - evidence->session->record.created <= rule->limit ? MET : NOT_MET;
}

/* ---- the providers ---- */

static const kind_t kinds[] = {
    {"civic-user", user_parse, user_judge},
    {"civic-claim", claim_parse, claim_judge},
    {"civic-scope", scope_parse, scope_judge},
    {"civic-age", age_parse, age_judge},
    {"civic-document-valid", document_parse, document_judge},
    {"civic-country", country_parse, country_judge},
    {"civic-fresh", fresh_parse, fresh_judge},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* Which scope request may show what keeps this person out? NULL: none would, or one would that
 * this location does not take. */
static const char *step_up_of(const rule_t *rule, verdict_t verdict, const char *held,
                              const char *here)
{
    const char *scope = NULL;

    if (rule->label && verdict == UNKNOWN) {
        scope = civic_scope_showing(rule->label);
    }
    else if (rule->kind->judge == scope_judge && !rule->negated) {
        scope = value_at(rule, 0);
    }
    return scope && !civic_scope_covers(held, scope) && civic_scope_covers(scope, here) ? scope
                                                                                        : NULL;
}

/* "5 minutes": in the largest unit that fits. */
static const char *duration(const civic_language_t *language, apr_interval_time_t time,
                            apr_pool_t *pool)
{
    static const struct {
        apr_int64_t seconds;
        const char *one, *more;
    } units[] = {{86400, "rule.day", "rule.days"},
                 {3600, "rule.hour", "rule.hours"},
                 {60, "rule.minute", "rule.minutes"},
                 {1, "rule.second", "rule.seconds"}};
    apr_int64_t seconds = apr_time_sec(time), count;
    int i = 0;

    while (seconds % units[i].seconds) {
        i++;
    }
    count = seconds / units[i].seconds;
    return civic_words_fill(pool, language, count == 1 ? units[i].one : units[i].more, "count",
                            apr_psprintf(pool, "%" APR_INT64_T_FMT, count), NULL);
}

/* What the person reads. */
static const char *words_for(request_rec *r, const rule_t *rule, verdict_t verdict)
{
    const civic_language_t *language = civic_request_language(r);
    const char *duration_of = rule->limit ? duration(language, rule->limit, r->pool) : "";
    const char *claim = civic_claim_words(language, rule->label);
    const char *words =
        civic_words_fill(r->pool, language, rule->words, "claim", claim, "years",
                         apr_itoa(r->pool, rule->years), "duration", duration_of, NULL);

    if (verdict != UNKNOWN) {
        return words;
    }
    return civic_words_fill(
        r->pool, language, "rule.unknown", "rule", words, "missing",
        civic_words_fill(r->pool, language, rule->missing, "claim", claim, NULL), NULL);
}

static void unmet_add(request_rec *r, const rule_t *rule, verdict_t verdict,
                      const civic_session_t *session)
{
    civic_request_t *known = civic_request(r);
    civic_unmet_t *unmet;

    if (!known->unmet) {
        known->unmet = apr_array_make(r->pool, 2, sizeof(civic_unmet_t));
    }
    unmet = apr_array_push(known->unmet);
    unmet->section = rule->section;
    unmet->name = rule->kind->name;
    unmet->is_known = verdict != UNKNOWN;
    unmet->words = words_for(r, rule, verdict);
    unmet->step_up =
        step_up_of(rule, verdict, session->record.scope, civic_conf_scope(civic_dir_conf(r)));
    unmet->max_age = rule->kind->judge == fresh_judge ? rule->limit : 0;
}

static int is_within(const ap_directive_t *node, const ap_directive_t *section)
{
    while (node && node != section) {
        node = node->parent;
    }
    return node == section;
}

/* One line of a section of alternatives is met: the others, with the sections among them, do
 * not matter. (Of those that must all be met, httpd asks none behind the first that
 * is not.) */
static void unmet_forget(request_rec *r, const rule_t *rule)
{
    apr_array_header_t *unmet = civic_request(r)->unmet;

    while (unmet && unmet->nelts > 0
           && is_within(APR_ARRAY_IDX(unmet, unmet->nelts - 1, civic_unmet_t).section,
                        rule->section)) {
        apr_array_pop(unmet);
    }
}

/* Nobody has logged in with Civic, or not yet. */
static authz_status judge_nobody(request_rec *r, const rule_t *rule)
{
    civic_request_t *known = civic_request(r);

    if (civic_dir_conf(r)->factor.on == 1) { /* asked again once it was shown */
        known->doubtful = known->doubtful || rule->negated;
        return AUTHZ_DENIED_NO_USER;
    }
    if (r->user || !civic_authn_is_ours(r)) {
        /* Nor will he: what is not known keeps out. */
        return rule->negated ? AUTHZ_GRANTED : r->user ? AUTHZ_DENIED : AUTHZ_DENIED_NO_USER;
    }
    known->doubtful = known->doubtful || rule->negated;
    return rule->negated && known->strict ? AUTHZ_GRANTED : AUTHZ_DENIED_NO_USER;
}

static authz_status judge(request_rec *r, const char *line, const void *parsed)
{
    const rule_t *rule = parsed;
    const civic_lookup_t *identity = civic_request(r)->identity;
    evidence_t evidence = {.today = civic_date_of(apr_time_now())};
    verdict_t verdict;

    if (!identity) {
        return judge_nobody(r, rule);
    }
    evidence.session = &identity->session;
    evidence.now = civic_session_now(civic_server_conf(r->server)->runtime->store);
    verdict = rule->kind->judge(rule, &evidence);
    if (verdict == (rule->negated ? NOT_MET : MET)) {
        unmet_forget(r, rule);
    }
    else {
        unmet_add(r, rule, verdict, evidence.session);
    }
    if (verdict == UNKNOWN) {
        verdict = rule->negated ? MET : NOT_MET;
    }
    return verdict == MET ? AUTHZ_GRANTED : AUTHZ_DENIED;
}

/* ---- a line of the configuration ---- */

static int is_negated(const ap_directive_t *line, int is_not)
{
    for (const ap_directive_t *node = line->parent; node; node = node->parent) {
        is_not ^= !strcasecmp(node->directive, "<RequireNone");
    }
    return is_not;
}

static const kind_t *kind_named(const char *name)
{
    for (int i = 0; i < KINDS; i++) {
        if (!strcmp(kinds[i].name, name)) {
            return &kinds[i];
        }
    }
    return NULL;
}

static const apr_array_header_t *words_of(const char *line, apr_pool_t *pool)
{
    apr_array_header_t *words = apr_array_make(pool, 4, sizeof(const char *));

    while (*line) {
        APR_ARRAY_PUSH(words, const char *) = ap_getword_conf(pool, &line);
    }
    return words;
}

static int has_empty(const apr_array_header_t *words)
{
    for (int i = 0; i < words->nelts; i++) {
        if (!*APR_ARRAY_IDX(words, i, const char *)) {
            return 1;
        }
    }
    return 0;
}

static const char *parse(cmd_parms *cmd, const char *line, const void **parsed)
{
    const char *args = cmd->directive->args, *fault;
    const char *name = ap_getword_conf(cmd->pool, &args);
    rule_t *rule = apr_pcalloc(cmd->pool, sizeof(*rule));
    int is_not = !strcasecmp(name, "not");

    rule->kind = kind_named(is_not ? ap_getword_conf(cmd->pool, &args) : name);
    rule->negated = is_negated(cmd->directive, is_not);
    rule->section = cmd->directive->parent;
    if (rule->negated) {
        civic_authn_rules_may_need_login();
    }
    rule->values = words_of(line, cmd->pool);
    if (!rule->kind || strcasecmp(cmd->directive->directive, "Require")) {
        /* Used as `Require not alias`, it could not know that it is negated. */
        return "Require civic-... cannot be called by an <AuthzProviderAlias>: write the rule "
               "where it is used";
    }
    fault = has_empty(rule->values) ? "a value is empty" : rule->kind->parse(rule, cmd->pool);
    if (fault) {
        return apr_psprintf(cmd->pool, "Require %s%s%s%.100s: %s", is_not ? "not " : "",
                            rule->kind->name, *line ? " " : "", line, fault);
    }
    *parsed = rule;
    return NULL;
}

void civic_authz_register(apr_pool_t *pool)
{
    static const authz_provider provider = {judge, parse};

    for (int i = 0; i < KINDS; i++) {
        ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, kinds[i].name,
                                  AUTHZ_PROVIDER_VERSION, &provider,
                                  AP_AUTH_INTERNAL_PER_CONF);
    }
}

/* conf_identity.c - directives of who somebody is, as applications are told; and of
 * WebSockets. */
#include "conf.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <string.h>

#include "claims.h"
#include "identity_headers.h"
#include "log.h"

enum { HEADER_NAME_MAX = 64 };

/* ---- per location ---- */

const char *civic_set_identity(cmd_parms *cmd, void *dir, const char *arg)
{
    static const struct {
        const char *name;
        civic_identity_channels value;
    } known[] = {
        {"env", CIVIC_IDENTITY_ENV},
        {"headers", CIVIC_IDENTITY_HEADERS},
        {"both", CIVIC_IDENTITY_BOTH},
        {"none", CIVIC_IDENTITY_NONE},
    };

    for (apr_size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!strcasecmp(arg, known[i].name)) {
            ((civic_dir_conf_t *)dir)->identity = known[i].value;
            return NULL;
        }
    }
    return civic_conf_fault(cmd, arg, "it must be env, headers, both or none");
}

/* letters, digits, and what else is allowed */
static int consists_of(const char *text, const char *more)
{
    for (const char *p = text; *p; p++) {
        if (!apr_isascii(*p) || !(apr_isalnum(*p) || strchr(more, *p))) {
            return 0;
        }
    }
    return *text != '\0';
}

static const char *label_fault(const char *label)
{
    if (!*label || strlen(label) > CIVIC_LABEL_MAX) {
        return "it must be the label of a claim, as contact.personal.email, or label=NAME";
    }
    for (const char *p = label; *p; p++) {
        if (*p <= ' ' || *p > '~') {
            return "a label is visible ASCII";
        }
    }
    return strcmp(label, CIVIC_LABEL_IMAGE) ? NULL
                                            : "the document's picture is never passed on";
}

void civic_conf_label_hint(cmd_parms *cmd, const char *label)
{
    if (!strchr(label, '.') && ap_state_query(AP_SQ_MAIN_STATE) < AP_SQ_MS_RUN_MPM) {
        ap_log_perror(APLOG_MARK, APLOG_WARNING, 0, cmd->pool,
                      CIVIC_LOG_PREFIX
                      "%s %s: Civic's labels have dots, as contact.personal.email; "
                      "nobody's claims may have this one",
                      cmd->cmd->name, label);
    }
}

/* Take "label" or "label=NAME" apart. */
static const char *claim_read(civic_claim_name_t *claim, const char *arg, apr_pool_t *pool)
{
    const char *equals = strrchr(arg, '=');
    const char *fault;

    if (!strcasecmp(arg, "all") || !strcasecmp(arg, "none")) {
        return "all and none stand alone";
    }
    claim->label = equals ? apr_pstrmemdup(pool, arg, equals - arg) : arg;
    fault = label_fault(claim->label);
    if (fault) {
        return fault;
    }
    if (equals && (strlen(equals + 1) > HEADER_NAME_MAX || !consists_of(equals + 1, "_-"))) {
        return "behind the = stands a name of letters, digits, _ and -, as EMAIL";
    }
    claim->name = civic_label_fold(equals ? equals + 1 : arg, pool);
    return civic_claim_name_is_reserved(claim->name)
               ? apr_pstrcat(pool, "CIVIC_", claim->name, " is the module's own", NULL)
               : NULL;
}

static const char *claim_clash(const apr_array_header_t *names,
                               const civic_claim_name_t *claim, apr_pool_t *pool)
{
    for (int i = 0; i < names->nelts; i++) {
        const civic_claim_name_t *other = &APR_ARRAY_IDX(names, i, civic_claim_name_t);

        if (!strcmp(other->label, claim->label)) {
            return "this label is listed twice";
        }
        if (!strcmp(other->name, claim->name)) {
            return apr_psprintf(pool,
                                "%.100s has the name CIVIC_%s already: give one of them "
                                "another, as label=NAME",
                                other->label, other->name);
        }
    }
    return NULL;
}

const char *civic_set_claims(cmd_parms *cmd, void *dir, int argc, char *const argv[])
{
    civic_claim_choice_t *choice = apr_pcalloc(cmd->pool, sizeof(*choice));

    if (argc < 1) {
        return "CivicClaims takes all, none, or the labels of claims";
    }
    choice->names = apr_array_make(cmd->pool, argc, sizeof(civic_claim_name_t));
    choice->all = !strcasecmp(argv[0], "all");
    choice->lasts = ap_check_cmd_context(cmd, NOT_IN_HTACCESS) == NULL;
    if (argc == 1 && (choice->all || !strcasecmp(argv[0], "none"))) {
        argc = 0;
    }
    for (int i = 0; i < argc; i++) {
        civic_claim_name_t claim;
        const char *fault = claim_read(&claim, argv[i], cmd->pool);

        if (!fault) {
            fault = claim_clash(choice->names, &claim, cmd->pool);
        }
        if (fault) {
            return civic_conf_fault(cmd, argv[i], fault);
        }
        civic_conf_label_hint(cmd, claim.label);
        APR_ARRAY_PUSH(choice->names, civic_claim_name_t) = claim;
    }
    ((civic_dir_conf_t *)dir)->claims = choice;
    return NULL;
}

/* ---- per host ---- */

/* Since whatever passes for one of ours is dropped from requests: what HTTP itself, and those
 * between browser and server, say by headers must not. */
static const char *const others[] = {"Accept",
                                     "Accept-Encoding",
                                     "Access-Control-Request-Method",
                                     "Authorization",
                                     "Cache-Control",
                                     "Connection",
                                     "Content-Length",
                                     "Content-Type",
                                     "Cookie",
                                     "Date",
                                     "Expect",
                                     "Forwarded",
                                     "Host",
                                     "If-Match",
                                     "Keep-Alive",
                                     "Last-Event-ID",
                                     "Max-Forwards",
                                     "Origin",
                                     "Pragma",
                                     "Proxy-Authorization",
                                     "Proxy-Connection",
                                     "Range",
                                     "Referer",
                                     "Sec-Fetch-Mode",
                                     "Sec-WebSocket-Key",
                                     "TE",
                                     "Trailer",
                                     "Transfer-Encoding",
                                     "Upgrade",
                                     "Upgrade-Insecure-Requests",
                                     "User-Agent",
                                     "Via",
                                     "X-Forwarded-For",
                                     "X-Requested-With",
                                     NULL};

static const char *header_fault(const char *name)
{
    if (!consists_of(name, "-") || !apr_isalpha(*name) || strlen(name) > HEADER_NAME_MAX) {
        return "a header's name has letters, digits and -, a letter first";
    }
    return NULL;
}

const char *civic_set_header_prefix(cmd_parms *cmd, void *dir, const char *arg)
{
    civic_server_conf_t *conf = civic_server_conf(cmd->server);
    apr_size_t len = strlen(arg);
    const char *folded = civic_header_fold(arg, cmd->pool);
    const char *fault = header_fault(arg);

    if (!fault && arg[len - 1] != '-') {
        fault = "it must end in -, as Civic-";
    }
    for (int i = 0; !fault && others[i]; i++) {
        if (civic_header_has_prefix(others[i], folded)) {
            fault = apr_pstrcat(cmd->pool, "it would take away ", others[i], NULL);
        }
    }
    if (fault) {
        return civic_conf_fault(cmd, arg, fault);
    }
    conf->header_prefix = arg;
    conf->folded_prefix = folded;
    return NULL;
}

const char *civic_set_user_header(cmd_parms *cmd, void *dir, const char *arg)
{
    civic_server_conf_t *conf = civic_server_conf(cmd->server);
    const char *fault = header_fault(arg);

    for (int i = 0; !fault && others[i]; i++) {
        if (!strcasecmp(others[i], arg)) {
            fault = "it would take away a header that HTTP needs";
        }
    }
    if (fault) {
        return civic_conf_fault(cmd, arg, fault);
    }
    conf->user_header = arg;
    conf->folded_user = civic_header_fold(arg, cmd->pool);
    return NULL;
}

const char *civic_set_websocket_check(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = civic_conf_global_fault(cmd, arg);

    if (fault) {
        return fault;
    }
    fault = civic_conf_interval(&civic_server_conf(cmd->server)->websocket_check, arg);
    return fault ? civic_conf_fault(cmd, arg, fault) : NULL;
}

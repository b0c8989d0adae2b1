/* conf_factor.c - directives of the second factor. What needs more than one of them is judged
 * by startup_factor.c. */
#include "conf.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <stdlib.h>
#include <string.h>

#include "enrollment.h"

/* Whoever has just logged in must not be asked again: a login may take that long to
 * lead back. */
enum { MAX_AGE_LEAST_SEC = 30 };

/* ---- <If> about who is logged in ---- */

static int is_part_of_name(char c)
{
    return apr_isalnum(c) || c == '_';
}

/* What of an expression is known only behind a login: the word, or NULL. */
static const char *known_behind_login(const char *args)
{
    static const char *const words[] = {"REMOTE_USER", "AUTH_TYPE", "CIVIC_",
                                        "OIDC_",       "civic(",    "%{CIVIC:"};

    for (apr_size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        apr_size_t len = strlen(words[i]);

        for (const char *at = args; args && *at; at++) {
            if (!strncasecmp(at, words[i], len) && (at == args || !is_part_of_name(at[-1]))
                && (i > 1 || !is_part_of_name(at[len]))) {
                return words[i];
            }
        }
    }
    return NULL;
}

static int is_section(const ap_directive_t *at, const char *name)
{
    return !strcasecmp(at->directive, name);
}

/* <ElseIf> and <Else> depend on the conditions before them as well. */
static const char *condition_of(const ap_directive_t *section, cmd_parms *cmd)
{
    const ap_directive_t *at = section->parent ? section->parent->first_child : ap_conftree;
    const char *word = known_behind_login(section->args);

    if (word || is_section(section, "<If")) {
        return word;
    }
    if (!section->parent && ap_check_cmd_context(cmd, NOT_IN_HTACCESS)) {
        return "what stands before it in .htaccess"; /* whose tree has no root for us */
    }
    for (const char *before = NULL; at; at = at->next) {
        if (at == section) {
            return before;
        }
        if (is_section(at, "<If")) {
            before = known_behind_login(at->args);
        }
        else if (is_section(at, "<ElseIf") && !before) {
            before = known_behind_login(at->args);
        }
    }
    return NULL;
}

/* httpd judges <If> before anybody is logged in, and never again: where it asks who that is, a
 * directive would never count, and the password alone would do. */
static const char *condition_fault(cmd_parms *cmd)
{
    for (const ap_directive_t *at = cmd->directive->parent; at; at = at->parent) {
        if (is_section(at, "<If") || is_section(at, "<ElseIf") || is_section(at, "<Else")) {
            const char *word = condition_of(at, cmd);

            if (word) {
                return apr_psprintf(
                    cmd->pool,
                    "%s cannot depend on %s: httpd judges %s> (%s:%d) before anybody is "
                    "logged in, so it would never count; say it outside, for everybody",
                    cmd->cmd->name, word, at->directive, at->filename, at->line_num);
            }
        }
    }
    return NULL;
}

/* ---- of a location ---- */

/* A second factor behind ourselves would never be met. What comes from a section around this
 * one is seen at the first request. */
static const char *first_factor_fault(cmd_parms *cmd)
{
    const ap_directive_t *section = cmd->directive->parent, *type = NULL;
    const char *args;

    for (const ap_directive_t *at = section ? section->first_child : NULL; at; at = at->next) {
        if (!strcasecmp(at->directive, "AuthType")) {
            type = at; /* the last one counts */
        }
    }
    args = type ? type->args : "";
    if (strcasecmp(ap_getword_conf(cmd->temp_pool, &args), CIVIC_AUTH_TYPE)) {
        return NULL;
    }
    return apr_psprintf(cmd->pool,
                        "CivicSecondFactor stands behind another login, and AuthType Civic "
                        "(%s:%d) is none: name the first one, as AuthType Basic",
                        type->filename, type->line_num);
}

const char *civic_set_factor_flag(cmd_parms *cmd, void *dir, int on)
{
    const char *fault = condition_fault(cmd);

    fault = !fault && on ? first_factor_fault(cmd) : fault;
    return fault ? fault : ap_set_flag_slot(cmd, dir, on);
}

const char *civic_set_enroll(cmd_parms *cmd, void *dir, const char *arg)
{
    civic_dir_conf_t *conf = dir;
    const char *fault = condition_fault(cmd);

    if (fault) {
        return fault;
    }
    if (!strcasecmp(arg, "closed")) {
        conf->factor.enroll = CIVIC_ENROLL_CLOSED;
        return NULL;
    }
    if (!strcasecmp(arg, "self")) {
        conf->factor.enroll = CIVIC_ENROLL_SELF;
        return NULL;
    }
    return civic_conf_fault(cmd, arg, "it must be closed or self");
}

const char *civic_set_recovery(cmd_parms *cmd, void *dir, const char *arg)
{
    civic_dir_conf_t *conf = dir;
    apr_size_t digits = strspn(arg, "0123456789");
    int codes = digits > 0 && digits < 4 && !arg[digits] ? atoi(arg) : -1;
    const char *fault = condition_fault(cmd);

    if (fault) {
        return fault;
    }
    if (!strcasecmp(arg, "Off")) {
        codes = 0;
    }
    if (codes < 0 || codes > CIVIC_ENROLLMENT_RECOVERY_MAX) {
        return civic_conf_fault(cmd, arg,
                                apr_psprintf(cmd->pool,
                                             "it must be a number of codes, 1 to %d, or Off",
                                             CIVIC_ENROLLMENT_RECOVERY_MAX));
    }
    conf->factor.codes = codes;
    return NULL;
}

const char *civic_set_factor_max_age(cmd_parms *cmd, void *dir, const char *arg)
{
    civic_dir_conf_t *conf = dir;
    const char *fault = condition_fault(cmd);

    if (fault) {
        return fault;
    }
    fault = civic_conf_interval(&conf->factor.max_age, arg);
    if (!fault && conf->factor.max_age < apr_time_from_sec(MAX_AGE_LEAST_SEC)) {
        fault = "it must be at least 30 seconds, or a login would be too old at once";
    }
    return fault ? civic_conf_fault(cmd, arg, fault) : NULL;
}

/* ---- the store ---- */

const char *civic_set_enrollment_store(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);
    civic_enrollment_choice_t *choice = &civic_server_conf(cmd->server)->enrollment;

    if (fault) {
        return fault;
    }
    choice->path = NULL;
    if (!strncmp(arg, "dbm:", 4) && arg[4]) {
        choice->path = ap_server_root_relative(cmd->pool, arg + 4);
    }
    if (!choice->path && strcmp(arg, "dbd")) {
        return civic_conf_fault(cmd, arg,
                                "it must be dbm:path, as dbm:/var/lib/civic/enrollments, or "
                                "dbd for the database of mod_dbd");
    }
    choice->said = 1;
    return NULL;
}

const char *civic_set_enrollment_query(cmd_parms *cmd, void *dir, const char *name,
                                       const char *sql)
{
    const char *fault = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT), *names = NULL;
    civic_enrollment_choice_t *choice = &civic_server_conf(cmd->server)->enrollment;

    if (fault) {
        return fault;
    }
    for (int i = 0; i < CIVIC_QUERIES; i++) {
        if (!strcasecmp(name, civic_enrollment_query_names[i])) {
            if (!*sql) {
                return civic_conf_fault(cmd, name, "the SQL is missing");
            }
            if (!choice->queries) {
                choice->queries = apr_table_make(cmd->pool, CIVIC_QUERIES);
            }
            apr_table_setn(choice->queries, civic_enrollment_query_names[i], sql);
            return NULL;
        }
        names = apr_pstrcat(cmd->pool, names ? names : "", names ? ", " : "",
                            civic_enrollment_query_names[i], NULL);
    }
    return civic_conf_fault(cmd, name,
                            apr_pstrcat(cmd->pool, "there is no such query: ", names, NULL));
}

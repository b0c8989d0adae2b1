/* conf_factor.c - directives of the second factor. What needs more than one of them is judged
 * by startup_factor.c. */
#include "conf.h"

#include <apr_strings.h>
#include <http_core.h>
#include <stdlib.h>
#include <string.h>

#include "enrollment.h"

/* Whoever has just logged in must not be asked again: a login may take that long to
 * lead back. */
enum { MAX_AGE_LEAST_SEC = 30 };

const char *civic_set_enroll(cmd_parms *cmd, void *dir, const char *arg)
{
    civic_dir_conf_t *conf = dir;

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
    const char *fault = civic_conf_interval(&conf->factor.max_age, arg);

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

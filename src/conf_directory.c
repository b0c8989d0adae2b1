/* conf_directory.c - directives of locations, directories and .htaccess. */
#include "conf.h"

#include <string.h>

#include "claims.h"
#include "log.h"
#include "scope.h"

const char *civic_set_use(cmd_parms *cmd, void *dir, const char *arg)
{
    /* Whether the server has it is judged by startup.c, when all applications are known. */
    if (!*arg) {
        return civic_conf_fault(cmd, arg, "it must be the id of a <CivicApplication>");
    }
    ((civic_dir_conf_t *)dir)->use = arg;
    return NULL;
}

const char *civic_set_scope(cmd_parms *cmd, void *dir, const char *arg)
{
    if (!civic_scope_is_name(arg)) {
        return civic_conf_fault(cmd, arg,
                                "it must be the name of a scope request, as "
                                "ANONYMOUS_LOGIN, BASIC_SIGNUP or PROOF_OF_IDENTITY");
    }
    ((civic_dir_conf_t *)dir)->scope = arg;
    return NULL;
}

const char *civic_set_unauthenticated(cmd_parms *cmd, void *dir, const char *arg)
{
    static const struct {
        const char *name;
        civic_unauthenticated value;
    } known[] = {
        {"auto", CIVIC_UNAUTHENTICATED_AUTO},
        {"page", CIVIC_UNAUTHENTICATED_PAGE},
        {"401", CIVIC_UNAUTHENTICATED_401},
        {"pass", CIVIC_UNAUTHENTICATED_PASS},
    };

    for (apr_size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!strcasecmp(arg, known[i].name)) {
            ((civic_dir_conf_t *)dir)->unauthenticated = known[i].value;
            return NULL;
        }
    }
    return civic_conf_fault(cmd, arg, "it must be auto, page, 401 or pass");
}

const char *civic_set_remote_user(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_size_t len = strlen(arg);

    if (len == 0 || len > CIVIC_LABEL_MAX) {
        return civic_conf_fault(cmd, arg,
                                "it must be userId or the label of a claim, as "
                                "contact.personal.email");
    }
    for (const char *p = arg; *p; p++) {
        if (*p <= ' ' || *p > '~') {
            return civic_conf_fault(cmd, arg, "a label is visible ASCII");
        }
    }
    if (strcmp(arg, "userId")) {
        civic_conf_label_hint(cmd, arg);
    }
    ((civic_dir_conf_t *)dir)->remote_user = arg;
    return NULL;
}

const char *civic_set_session_activity(cmd_parms *cmd, void *dir, const char *arg)
{
    civic_activity_t *activity = apr_pcalloc(cmd->pool, sizeof(*activity));
    const char *fault = NULL;

    activity->on = !strcasecmp(arg, "On");
    if (!strncasecmp(arg, "expr=", 5)) {
        activity->expr = ap_expr_parse_cmd(cmd, arg + 5, 0, &fault, NULL);
    }
    else if (!activity->on && strcasecmp(arg, "Off")) {
        fault = "it must be On, Off or expr=...";
    }
    if (fault) {
        return civic_conf_fault(cmd, arg, fault);
    }
    ((civic_dir_conf_t *)dir)->activity = activity;
    return NULL;
}

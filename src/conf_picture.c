/* conf_picture.c - CivicDocumentImage. */
#include "conf.h"

#include <apr_strings.h>

/* Of the application: it is for the application's purposes that Civic's people let it see a
 * document, and it is the application's session that the picture lives with. */
const char *civic_set_document_image(cmd_parms *cmd, void *dir, int on)
{
    civic_application_t *app = dir ? ((civic_dir_conf_t *)dir)->section : NULL;

    if (!app) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name,
                           " is allowed only inside <CivicApplication>", NULL);
    }
    if (app->keep_picture != CIVIC_UNSET) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name, " is given twice in this section", NULL);
    }
    app->keep_picture = on;
    return NULL;
}

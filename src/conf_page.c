/* conf_page.c - directives about the login page: its looks, its policy, what it keeps. */
#include "conf.h"

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <jansson.h>
#include <string.h>

#include "assets.h"
#include "page_template.h"
#include "policy.h"
#include "url.h"

enum { PRESERVE_MAX = 1024 * 1024 };

/* ---- CivicLoginPage ---- */

/* The first line that is not UTF-8, or has a NUL; 0: none. */
static int unreadable_line(const char *text, apr_size_t len)
{
    const char *end = text + len, *line_end;

    for (int number = 1; text < end; number++, text = line_end + 1) {
        json_t *line;

        line_end = memchr(text, '\n', end - text);
        line_end = line_end ? line_end : end;
        line = json_stringn(text, line_end - text); /* jansson takes UTF-8 alone */
        json_decref(line);
        if (!line || memchr(text, '\0', line_end - text)) {
            return number;
        }
    }
    return 0;
}

static civic_template_fault_t read_page(const char **text, const char *path, apr_pool_t *pool)
{
    char *bytes = apr_palloc(pool, CIVIC_PAGE_TEMPLATE_MAX + 2);
    apr_size_t len = CIVIC_PAGE_TEMPLATE_MAX + 1;
    civic_template_fault_t fault = {NULL, 0};
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool);
    char buffer[120];

    if (rv == APR_SUCCESS) {
        rv = apr_file_read_full(file, bytes, len, &len);
        apr_file_close(file);
    }
    if (rv != APR_SUCCESS && rv != APR_EOF) {
        fault.text = apr_psprintf(pool, "it cannot be read: %s",
                                  apr_strerror(rv, buffer, sizeof(buffer)));
    }
    else if (len > CIVIC_PAGE_TEMPLATE_MAX) {
        fault.text = "it is larger than 64 KiB";
    }
    else if ((fault.line = unreadable_line(bytes, len))) {
        fault.text = "this is not UTF-8";
    }
    else {
        bytes[len] = '\0';
        *text = bytes;
    }
    return fault;
}

const char *civic_set_login_page(cmd_parms *cmd, void *dir, const char *arg)
{
    civic_dir_conf_t *conf = dir;
    civic_template_fault_t fault = {NULL, 0};
    const char *path, *text = NULL;

    if (!strcasecmp(arg, "Off")) {
        conf->login_page = "";
        return NULL;
    }
    path = *arg ? ap_server_root_relative(cmd->pool, arg) : NULL;
    if (!path) {
        return civic_conf_fault(cmd, arg, "it must be the path of a template, or Off");
    }
    fault = read_page(&text, path, cmd->pool);
    if (!fault.text) {
        fault = civic_page_template(&conf->login_page, text, civic_asset_login_html,
                                    civic_conf_english(), cmd->pool);
    }
    if (!fault.text) {
        return NULL;
    }
    return fault.line ? apr_psprintf(cmd->pool, "CivicLoginPage %s:%d: %s", path, fault.line,
                                     fault.text)
                      : apr_psprintf(cmd->pool, "CivicLoginPage %s: %s", path, fault.text);
}

/* ---- CivicStyle ---- */

/* A path of this site or an https URL. `origin` is that of a URL, else NULL. */
static const char *address_fault(const char *address, const char **origin, apr_pool_t *pool)
{
    const char *fault;

    *origin = NULL;
    if (*address == '/') {
        if (address[1] == '/' || strpbrk(address, " \t\\\"'<>")) {
            return "a path begins with one slash and has no space, quote or backslash";
        }
        for (const char *p = address; *p; p++) {
            if (!apr_isgraph(*p)) {
                return "a path is ASCII: write the rest percent-encoded";
            }
        }
        return NULL;
    }
    fault = civic_url_check(address, NULL, pool);
    if (!fault) {
        *origin = civic_url_origin(address, pool);
    }
    return fault ? apr_pstrcat(pool, fault, ", or be a path of this site as /style.css", NULL)
                 : NULL;
}

const char *civic_set_style(cmd_parms *cmd, void *dir, const char *sheet, const char *logo)
{
    civic_style_t *style = apr_pcalloc(cmd->pool, sizeof(*style));
    const char *origin, *fault;

    ((civic_dir_conf_t *)dir)->style = style;
    if (!strcasecmp(sheet, "Off") && !logo) {
        return NULL;
    }
    fault = address_fault(sheet, &origin, cmd->pool);
    if (fault) {
        return civic_conf_fault(cmd, sheet, fault);
    }
    style->sheet = sheet;
    style->sources = origin ? apr_pstrcat(cmd->pool, "style-src ", origin, NULL) : "";
    if (!logo) {
        return NULL;
    }
    fault = address_fault(logo, &origin, cmd->pool);
    if (fault) {
        return civic_conf_fault(cmd, logo, fault);
    }
    style->logo = logo;
    style->sources =
        apr_pstrcat(cmd->pool, style->sources, ";img-src ", origin ? origin : "'self'", NULL);
    return NULL;
}

/* ---- CivicPagePolicy ---- */

const char *civic_set_page_policy(cmd_parms *cmd, void *dir, const char *how,
                                  const char *policy)
{
    civic_dir_conf_t *conf = dir;
    civic_policy_use use = CIVIC_POLICY_ADD;
    const char *fault;

    if (!strcasecmp(how, "set")) {
        use = CIVIC_POLICY_SET;
    }
    else if (strcasecmp(how, "add")) {
        return civic_conf_fault(cmd, how, "it must be add or set, and then a policy");
    }
    fault = civic_policy_fault(policy, use, cmd->pool);
    if (fault) {
        return civic_conf_fault(cmd, policy, fault);
    }
    if (use == CIVIC_POLICY_SET) {
        conf->policy.own = policy;
        conf->policy.more = NULL;
        return NULL;
    }
    conf->policy.more = conf->policy.more
                            ? apr_pstrcat(cmd->pool, conf->policy.more, ";", policy, NULL)
                            : policy;
    return NULL;
}

civic_page_policy_t civic_page_policy_merge(apr_pool_t *pool, const civic_page_policy_t *base,
                                            const civic_page_policy_t *add)
{
    civic_page_policy_t merged = *base;

    if (add->own) {
        return *add;
    }
    if (add->more) {
        merged.more =
            base->more ? apr_pstrcat(pool, base->more, ";", add->more, NULL) : add->more;
    }
    return merged;
}

/* ---- CivicPreservePost ---- */

const char *civic_set_preserve_post(cmd_parms *cmd, void *dir, const char *arg)
{
    civic_dir_conf_t *conf = dir;
    apr_size_t len = strlen(arg);
    long bytes = len && len < 8 && strspn(arg, "0123456789") == len ? atol(arg) : 0;

    if (!strcasecmp(arg, "Off")) {
        conf->preserve_post = 0;
        return NULL;
    }
    if (bytes < 1 || bytes > PRESERVE_MAX) {
        return civic_conf_fault(cmd, arg,
                                "it must be a number of bytes, 1 to 1048576, or Off");
    }
    conf->preserve_post = (int)bytes;
    return NULL;
}

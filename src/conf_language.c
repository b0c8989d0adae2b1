/* conf_language.c - CivicLanguage and CivicLanguageFile: which languages a site has. */
#include "conf.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <string.h>

#include "accept_language.h"
#include "log.h"
#include "page.h"

#define AUTO "auto"

/* Made before the directives are read, in the pool of the configuration. */
static apr_array_header_t *built_in;

const civic_language_t *civic_conf_english(void)
{
    return APR_ARRAY_IDX(built_in, 0, civic_language_t *);
}

int civic_conf_languages_start(apr_pool_t *pconf)
{
    const char *fault;

    built_in = civic_words_all(civic_language_sources, &fault, pconf);
    if (!built_in) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_CRIT, 0, NULL, CIVIC_LOG_PREFIX "%s",
                     fault);
    }
    return built_in != NULL;
}

/* ---- CivicLanguageFile ---- */

static const char *file_read(civic_language_file_t *file, apr_pool_t *pool)
{
    apr_file_t *opened;
    char *text = apr_palloc(pool, CIVIC_WORDS_FILE_MAX + 2);
    apr_status_t rv =
        apr_file_open(&opened, file->path, APR_READ | APR_BINARY, APR_FPROT_OS_DEFAULT, pool);

    file->len = 0;
    if (rv == APR_SUCCESS) {
        rv = apr_file_read_full(opened, text, CIVIC_WORDS_FILE_MAX + 1, &file->len);
        apr_file_close(opened);
    }
    if (rv != APR_SUCCESS && rv != APR_EOF) {
        return apr_psprintf(pool, "it cannot be read: %pm", &rv);
    }
    text[file->len] = '\0';
    file->text = text;
    return NULL;
}

const char *civic_set_language_file(cmd_parms *cmd, void *dir, const char *tag,
                                    const char *path)
{
    civic_server_conf_t *conf = civic_server_conf(cmd->server);
    const char *fault = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);
    civic_language_file_t file = {.tag = tag};
    int missing;

    if (fault) {
        return fault;
    }
    if (!civic_words_is_tag(tag) || !strcasecmp(tag, AUTO)) {
        return civic_conf_fault(cmd, tag, "it must be the tag of a language, as it or pt-BR");
    }
    file.path = ap_server_root_relative(cmd->pool, path);
    if (!file.path) {
        return civic_conf_fault(cmd, path, "it is no path of a file");
    }
    fault = file_read(&file, cmd->pool);
    if (!fault) {
        civic_words_read(tag, file.text, file.len, civic_conf_english(), &missing, &fault,
                         cmd->temp_pool);
    }
    if (fault) {
        return apr_psprintf(cmd->pool, "%s %s %.200s: %s", cmd->cmd->name, tag, file.path,
                            fault);
    }
    if (!conf->language_files) {
        conf->language_files = apr_array_make(cmd->pool, 2, sizeof(file));
    }
    APR_ARRAY_PUSH(conf->language_files, civic_language_file_t) = file;
    return NULL;
}

/* ---- CivicLanguage ---- */

const char *civic_conf_language_fault(const server_rec *s, const char *tag, apr_pool_t *pool)
{
    if (!strcasecmp(tag, AUTO) || civic_language_find(civic_server_conf(s)->languages, tag)) {
        return NULL;
    }
    return "this language is not there: add it by CivicLanguageFile, or say auto";
}

const char *civic_set_language(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *fault = NULL;

    if (!civic_words_is_tag(arg)) {
        fault = "it must be auto or the tag of a language, as de";
    }
    else if (ap_check_cmd_context(cmd, NOT_IN_HTACCESS)) {
        /* Elsewhere, startup.c looks when all languages are known. */
        fault = civic_conf_language_fault(cmd->server, arg, cmd->pool);
    }
    if (fault) {
        return civic_conf_fault(cmd, arg, fault);
    }
    ((civic_dir_conf_t *)dir)->language = arg;
    return NULL;
}

/* ---- once all is read ---- */

static void file_add(apr_array_header_t *languages, civic_language_file_t *file)
{
    const civic_language_t *base = civic_language_find(languages, file->tag);
    int missing, is_new = !base;
    const char *fault;
    civic_language_t *language;

    if (is_new) {
        base = APR_ARRAY_IDX(languages, 0, civic_language_t *);
    }
    language = civic_words_read(file->tag, file->text, file->len, base, &missing, &fault,
                                languages->pool);
    if (language) { /* the directive has seen to it */
        civic_words_add(languages, language);
        file->missing = is_new ? missing : 0;
    }
}

static apr_array_header_t *languages_of(const civic_server_conf_t *conf, apr_pool_t *pool)
{
    apr_array_header_t *languages = apr_array_copy(pool, built_in);

    for (int i = 0; conf->language_files && i < conf->language_files->nelts; i++) {
        file_add(languages, &APR_ARRAY_IDX(conf->language_files, i, civic_language_file_t));
    }
    for (int i = 0; i < languages->nelts; i++) {
        civic_language_t *language = APR_ARRAY_IDX(languages, i, civic_language_t *);

        if (!language->pages) {
            language->pages = civic_pages_make(language, pool);
        }
    }
    return languages;
}

void civic_conf_languages_make(server_rec *main_server, apr_pool_t *pconf)
{
    const civic_server_conf_t *main_conf = civic_server_conf(main_server);

    for (server_rec *s = main_server; s; s = s->next) {
        civic_server_conf_t *conf = civic_server_conf(s);

        conf->languages = s != main_server && conf->language_files == main_conf->language_files
                              ? main_conf->languages
                              : languages_of(conf, pconf);
    }
}

void civic_conf_languages_tell(server_rec *main_server)
{
    const apr_array_header_t *above = civic_server_conf(main_server)->language_files;

    for (server_rec *s = main_server; s; s = s->next) {
        const apr_array_header_t *files = civic_server_conf(s)->language_files;

        for (int i = s != main_server && above ? above->nelts : 0; files && i < files->nelts;
             i++) {
            const civic_language_file_t *file =
                &APR_ARRAY_IDX(files, i, civic_language_file_t);

            if (file->missing > 0) {
                ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s,
                             CIVIC_LOG_PREFIX "CivicLanguageFile %s %s: %d of %u texts are "
                                              "missing, people read them in English",
                             file->tag, file->path, file->missing,
                             apr_hash_count(civic_conf_english()->texts));
            }
        }
    }
}

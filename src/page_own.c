/* page_own.c - see page_own.h. */
#include "page_own.h"

#include "conf.h"
#include "page.h"
#include "policy.h"

const char *civic_page_template_of(request_rec *r, const civic_language_t *language)
{
    const char *own = civic_dir_conf(r)->login_page;

    return own && *own ? civic_words_page(language, own, r->pool) : language->pages->login;
}

void civic_page_style(request_rec *r, apr_table_t *values)
{
    const civic_style_t *style = civic_dir_conf(r)->style;

    if (style && style->sheet) {
        apr_table_setn(values, "site-style", style->sheet);
    }
    if (style && style->logo) {
        apr_table_setn(values, "logo", style->logo);
    }
}

const char *civic_page_policy(request_rec *r, const char *built_in)
{
    const civic_dir_conf_t *dir = civic_dir_conf(r);
    const char *policy = dir->policy.own ? dir->policy.own : built_in;

    if (dir->style && dir->style->sources) {
        policy = civic_policy_add(policy, dir->style->sources, r->pool);
    }
    return dir->policy.more ? civic_policy_add(policy, dir->policy.more, r->pool) : policy;
}

/* mod_auth_civic.c - "Log in with Civic" for Apache httpd: the module's hooks, in the order in
 * which they run. What they do is in src/, see doc/architecture.md. */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <apr_optional_hooks.h>
#include <mod_status.h>

#include "authn.h"
#include "authz.h"
#include "conf.h"
#include "endpoints.h"
#include "expression.h"
#include "factor.h"
#include "factor_end.h"
#include "identity.h"
#include "privacy.h"
#include "respond.h"
#include "runtime.h"
#include "status.h"
#include "websocket.h"

static void register_hooks(apr_pool_t *pool)
{
    /* ---- startup ---- */
    ap_hook_pre_config(civic_startup_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(civic_startup_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(civic_startup_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(civic_startup_child_init, NULL, NULL, APR_HOOK_MIDDLE);

    /* ---- a request ---- */
    /* Before anybody reads a header: mod_setenvif and mod_headers (early) run here, too. */
    ap_hook_post_read_request(civic_identity_scrub, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* Before mod_rewrite and mod_proxy, which would take our addresses for theirs. */
    ap_hook_pre_translate_name(civic_endpoints_claim, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(civic_endpoints_claim, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* Before the core looks for a file, and before TRACE is answered. */
    ap_hook_map_to_storage(civic_endpoints_map, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* The first hook behind the last walk of the sections. */
    ap_hook_header_parser(civic_endpoints_configure, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_access(civic_authn_pass, NULL, NULL, APR_HOOK_FIRST,
                         AP_AUTH_INTERNAL_PER_CONF);
    /* Around mod_authz_core, as below. */
    ap_hook_check_access_ex(civic_authn_access, NULL, NULL, APR_HOOK_REALLY_FIRST,
                            AP_AUTH_INTERNAL_PER_CONF);
    /* The same around the first login, which it asks first. */
    ap_hook_check_access_ex(civic_factor_access, NULL, NULL, APR_HOOK_REALLY_FIRST,
                            AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authn(civic_authn_check, NULL, NULL, APR_HOOK_MIDDLE,
                        AP_AUTH_INTERNAL_PER_CONF);
    /* Around mod_authz_core: it asks the others first and then gives its verdict. */
    ap_hook_check_authz(civic_authn_authorize, NULL, NULL, APR_HOOK_REALLY_FIRST,
                        AP_AUTH_INTERNAL_PER_CONF);
    /* Where httpd has not asked the hooks above: `Satisfy Any`. */
    ap_hook_fixups(civic_factor_insist, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* Before mod_rewrite's and mod_headers' fixups, which may use the identity. */
    ap_hook_fixups(civic_identity_restore, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* Before mod_auth_form's. */
    ap_hook_handler(civic_factor_end_form, NULL, NULL, APR_HOOK_REALLY_FIRST);
    /* Before mod_proxy and the default handler. */
    ap_hook_handler(civic_identity_settle, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(civic_endpoints_handle, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(civic_status_handle, NULL, NULL, APR_HOOK_MIDDLE);
    /* Heard where mod_status is loaded, before or after us. */
    APR_OPTIONAL_HOOK(ap, status_hook, civic_status_block, NULL, NULL, APR_HOOK_MIDDLE);
    /* Behind mod_headers, which may have said already who may keep an answer. */
    ap_hook_insert_filter(civic_privacy_insert_filter, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_insert_error_filter(civic_privacy_insert_filter, NULL, NULL, APR_HOOK_REALLY_LAST);
    civic_privacy_register();
    /* For answers that httpd sends as errors: the login page is one. */
    ap_hook_insert_error_filter(civic_respond_insert_filter, NULL, NULL, APR_HOOK_LAST);
    civic_respond_register(pool);
    civic_identity_register();
    civic_websocket_register();

    /* ---- what the configuration may say beside directives ---- */
    civic_authz_register(pool);
    ap_hook_expr_lookup(civic_expression_lookup, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(auth_civic) = {
    STANDARD20_MODULE_STUFF, civic_dir_conf_create, civic_dir_conf_merge,
    civic_server_conf_create, civic_server_conf_merge, civic_directives, register_hooks,
    /* A host without a directive of ours has a realm of its own, too. */
    AP_MODULE_FLAG_ALWAYS_MERGE};

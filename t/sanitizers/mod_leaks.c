/* mod_leaks.c - has LeakSanitizer look for what a child process lost, when it ends.
 *
 * A child is watched from its first hook on, and judged when its pool was cleaned up, while
 * all that is in use can still be reached. What the parent leaves behind when it reads its
 * configuration is httpd's own and not looked at.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include <http_main.h>
#include <sanitizer/lsan_interface.h>
#include <stdlib.h>

static apr_status_t judge(void *server)
{
    int lost = __lsan_do_recoverable_leak_check();

    ap_log_error(APLOG_MARK, APLOG_INFO, 0, server, "leaks: %s", lost ? "found" : "none");
    return APR_SUCCESS;
}

/* On demand a child loses something, to show that it would be found. */
static void *volatile held;

static void lose(void)
{
    if (getenv("CIVIC_LOSE")) {
        held = malloc(77);
        held = NULL;
    }
}

static void child_init(apr_pool_t *pool, server_rec *s)
{
    __lsan_enable();
    apr_pool_cleanup_register(pool, s, judge, apr_pool_cleanup_null);
    lose();
}

/* At the start the configuration is read twice, and again at each restart. */
static void register_hooks(apr_pool_t *pool)
{
    static const char key[] = "mod_leaks";
    void *disabled;

    apr_pool_userdata_get(&disabled, key, ap_pglobal);
    if (!disabled) {
        __lsan_disable();
        apr_pool_userdata_set(pool, key, NULL, ap_pglobal);
    }
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

module AP_MODULE_DECLARE_DATA leaks_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, 0};

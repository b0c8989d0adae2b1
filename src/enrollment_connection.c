/* enrollment_connection.c - one connection to a database, for programs that are not httpd. See
 * enrollment.h: civic_enrollment_connection. */
#include <apr_dbd.h>
#include <apr_strings.h>
#include <string.h>

#include "enrollment.h"

typedef struct {
    const apr_dbd_driver_t *driver;
    const char *params;
    apr_dbd_t *handle; /* NULL while there is none */
    apr_hash_t *prepared;
    apr_pool_t *parent, *pool;
} connection_t;

static apr_status_t shut(void *data)
{
    connection_t *connection = data;

    apr_dbd_close(connection->driver, connection->handle);
    connection->handle = NULL;
    return APR_SUCCESS;
}

static void *acquire(void *baton, const apr_dbd_driver_t **driver, apr_dbd_t **handle,
                     const char **error, apr_pool_t *pool)
{
    connection_t *connection = baton;
    const char *why = NULL;

    if (connection->handle
        && apr_dbd_check_conn(connection->driver, connection->pool, connection->handle)
               != APR_SUCCESS) {
        apr_pool_destroy(connection->pool);
    }
    if (!connection->handle) {
        apr_pool_create(&connection->pool, connection->parent);
        if (apr_dbd_open_ex(connection->driver, connection->pool, connection->params,
                            &connection->handle, &why)
            != APR_SUCCESS) {
            why = why ? why : "no reason given";
            *error = apr_psprintf(pool, "the database of enrollments cannot be opened: %s",
                                  apr_pstrmemdup(pool, why, strcspn(why, "\r\n")));
            apr_pool_destroy(connection->pool);
            connection->handle = NULL;
            return NULL;
        }
        connection->prepared = apr_hash_make(connection->pool);
        apr_pool_cleanup_register(connection->pool, connection, shut, apr_pool_cleanup_null);
    }
    *driver = connection->driver;
    *handle = connection->handle;
    return connection;
}

static void release(void *baton, void *connection)
{
}

static apr_hash_t *prepared(void *connection)
{
    return ((connection_t *)connection)->prepared;
}

civic_enrollment_dbd_t *civic_enrollment_connection(const char *driver, const char *params,
                                                    const char **error, apr_pool_t *pool)
{
    civic_enrollment_dbd_t *dbd = apr_pcalloc(pool, sizeof(*dbd));
    connection_t *connection = apr_pcalloc(pool, sizeof(*connection));

    apr_dbd_init(pool);
    if (apr_dbd_get_driver(pool, driver, &connection->driver) != APR_SUCCESS) {
        *error = apr_psprintf(pool, "APR has no driver %s (Debian: libaprutil1-dbd-%s)",
                              driver, driver);
        return NULL;
    }
    connection->params = apr_pstrdup(pool, params);
    connection->parent = pool;
    dbd->acquire = acquire;
    dbd->release = release;
    dbd->prepared = prepared;
    dbd->baton = connection;
    return dbd;
}

/* redis_tls.c - see redis_tls.h. hiredis_ssl checks no host name by itself in all its
 * versions, so the TLS object is made here. */
#include "redis_tls.h"

#include <apr_strings.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct civic_redis_tls {
    SSL_CTX *context;
};

const char *civic_redis_tls_missing(void)
{
    return NULL;
}

static apr_status_t destroy(void *data)
{
    SSL_CTX_free(data);
    return APR_SUCCESS;
}

civic_redis_tls_t *civic_redis_tls_create(const char *ca_file, apr_pool_t *pool,
                                          const char **fault)
{
    civic_redis_tls_t *tls = apr_palloc(pool, sizeof(*tls));

    tls->context = SSL_CTX_new(TLS_client_method());
    if (!tls->context) {
        *fault = "OpenSSL cannot set up TLS";
        return NULL;
    }
    apr_pool_cleanup_register(pool, tls->context, destroy, apr_pool_cleanup_null);
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1
        || (ca_file ? SSL_CTX_load_verify_locations(tls->context, ca_file, NULL)
                    : SSL_CTX_set_default_verify_paths(tls->context))
               != 1) {
        *fault = ca_file ? "CivicSessionStoreCACertificateFile holds no certificates that "
                           "OpenSSL can read"
                         : "OpenSSL cannot find the system's certificates";
        ERR_clear_error();
        return NULL;
    }
    return tls;
}

/* An address must be in the certificate as one. */
static int expect(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1) {
        return 1;
    }
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1
           && SSL_set_tlsext_host_name(ssl, host) == 1;
}

const char *civic_redis_tls_start(civic_redis_tls_t *tls, struct redisContext *connection,
                                  const char *host)
{
    SSL *ssl = SSL_new(tls->context);
    long verdict;

    if (!ssl || !expect(ssl, host)) {
        SSL_free(ssl);
        ERR_clear_error();
        return "OpenSSL failed";
    }
    if (redisInitiateSSL(connection, ssl) == REDIS_OK) {
        return NULL; /* the connection's now */
    }
    verdict = SSL_get_verify_result(ssl);
    SSL_free(ssl);
    ERR_clear_error();
    return verdict != X509_V_OK    ? X509_verify_cert_error_string(verdict)
           : connection->errstr[0] ? connection->errstr
                                   : "no handshake";
}

#include "serving/redis_tls.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>

struct mr_redis_tls {
    SSL_CTX *context;
};

static mr_status load(SSL_CTX *context, const char *ca_file, const char *certificate_file,
                      const char *key_file, mr_error *ret_error)
{
    const int trusted = ca_file != NULL ? SSL_CTX_load_verify_file(context, ca_file)
                                        : SSL_CTX_set_default_verify_paths(context);
    if (trusted != 1)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "TLS to Redis: cannot load the CA %s",
                            ca_file != NULL ? ca_file : "of the system");
    if (certificate_file == NULL)
        return MR_OK;
    if (key_file == NULL ||
        SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "TLS to Redis: cannot load the certificate %s or its key",
                            certificate_file);
    return MR_OK;
}

mr_status mr_redis_tls_create(const char *ca_file, const char *certificate_file,
                              const char *key_file, mr_redis_tls **ret_tls,
                              mr_error *ret_error)
{
    mr_redis_tls *tls = calloc(1, sizeof(*tls));
    if (tls == NULL)
        return MR_ERR_NO_MEMORY;
    mr_status status = MR_ERR_NO_MEMORY;
    tls->context = SSL_CTX_new(TLS_client_method());
    if (tls->context != NULL &&
        SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) == 1) {
        SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
        status = load(tls->context, ca_file, certificate_file, key_file, ret_error);
    }
    if (status != MR_OK) {
        mr_redis_tls_destroy(tls);
        return status;
    }
    *ret_tls = tls;
    return MR_OK;
}

void mr_redis_tls_destroy(mr_redis_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    free(tls);
}

/* hiredis's own context checks who signed a certificate and not whom it names. */
struct ssl_st *mr_redis_tls_session(const mr_redis_tls *tls, const char *host)
{
    SSL *ssl = SSL_new(tls->context);
    if (ssl == NULL)
        return NULL;
    const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    if (!is_address &&
        (SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1)) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

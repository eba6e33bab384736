#include "serving/http_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

enum { CHUNK_BYTES = 16384 };

struct mr_tls_context {
    SSL_CTX *ssl;
};

struct mr_tls_session {
    SSL *ssl;
    BIO *in;  /* what came from the socket; owned by `ssl` */
    BIO *out; /* what must go out; owned by `ssl`          */
};

static mr_status refuse_file(const char *what, const char *file, mr_error *ret_error)
{
    char reason[120] = "";
    ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
    ERR_clear_error();
    return mr_error_set(ret_error, MR_ERR_INVALID, "%s %s: %s", what, file, reason);
}

mr_status mr_tls_context_create(const char *certificate_file, const char *key_file,
                                mr_tls_context **ret_context, mr_error *ret_error)
{
    mr_status status = MR_ERR_NO_MEMORY;
    mr_tls_context *context = calloc(1, sizeof(*context));
    if (context == NULL)
        return MR_ERR_NO_MEMORY;
    context->ssl = SSL_CTX_new(TLS_server_method());
    if (context->ssl == NULL ||
        SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION) != 1)
        goto fail;
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context->ssl,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    status = MR_ERR_INVALID;
    if (SSL_CTX_use_certificate_chain_file(context->ssl, certificate_file) != 1) {
        status = refuse_file("certificate", certificate_file, ret_error);
        goto fail;
    }
    if (SSL_CTX_use_PrivateKey_file(context->ssl, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context->ssl) != 1) {
        status = refuse_file("private key", key_file, ret_error);
        goto fail;
    }
    *ret_context = context;
    return MR_OK;
fail:
    mr_tls_context_destroy(context);
    return status;
}

void mr_tls_context_destroy(mr_tls_context *context)
{
    if (context == NULL)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

mr_status mr_tls_session_create(mr_tls_context *context, mr_tls_session **ret_session)
{
    mr_tls_session *session = calloc(1, sizeof(*session));
    if (session == NULL)
        return MR_ERR_NO_MEMORY;
    session->ssl = SSL_new(context->ssl);
    session->in = BIO_new(BIO_s_mem());
    session->out = BIO_new(BIO_s_mem());
    if (session->ssl == NULL || session->in == NULL || session->out == NULL) {
        BIO_free(session->in);
        BIO_free(session->out);
        SSL_free(session->ssl);
        free(session);
        return MR_ERR_NO_MEMORY;
    }
    SSL_set_bio(session->ssl, session->in, session->out);
    SSL_set_accept_state(session->ssl);
    *ret_session = session;
    return MR_OK;
}

void mr_tls_session_destroy(mr_tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    free(session);
}

/* Move what OpenSSL wants sent to `wire`. */
static mr_status drain(mr_tls_session *session, mr_buffer *wire)
{
    char *bytes = NULL;
    const long length = BIO_get_mem_data(session->out, &bytes);
    if (length > 0)
        mr_buffer_put(wire, bytes, (size_t)length);
    (void)BIO_reset(session->out);
    return mr_buffer_status(wire);
}

/* Read records until there is no whole one left. */
static mr_status read_clear(mr_tls_session *session, mr_buffer *clear)
{
    for (;;) {
        void *room = mr_buffer_extend(clear, CHUNK_BYTES);
        if (room == NULL)
            return MR_ERR_NO_MEMORY;
        const int got = SSL_read(session->ssl, room, CHUNK_BYTES);
        clear->length -= (size_t)(CHUNK_BYTES - (got > 0 ? got : 0));
        if (got > 0)
            continue;
        const int error = SSL_get_error(session->ssl, got);
        ERR_clear_error();
        return error == SSL_ERROR_WANT_READ ? MR_OK : MR_ERR_CORRUPT;
    }
}

mr_status mr_tls_session_read(mr_tls_session *session, const void *bytes, size_t length,
                              mr_buffer *clear, mr_buffer *wire)
{
    if (length > INT32_MAX || BIO_write(session->in, bytes, (int)length) != (int)length)
        return MR_ERR_NO_MEMORY;
    const mr_status status = read_clear(session, clear);
    const mr_status drained = drain(session, wire);
    return status != MR_OK ? status : drained;
}

mr_status mr_tls_session_write(mr_tls_session *session, const void *bytes, size_t length,
                               mr_buffer *wire)
{
    size_t written = 0;
    if (length > 0 && SSL_write_ex(session->ssl, bytes, length, &written) != 1) {
        ERR_clear_error();
        return MR_ERR_CORRUPT;
    }
    return drain(session, wire);
}

void mr_tls_session_close(mr_tls_session *session, mr_buffer *wire)
{
    (void)SSL_shutdown(session->ssl);
    ERR_clear_error();
    (void)drain(session, wire);
}

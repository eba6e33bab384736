/*
 * Signed text: a few bytes that a stranger carries for us and cannot change.
 *
 *     prefix base64url( bytes, the first 8 bytes of their HMAC-SHA-256 )
 *
 * The first of the bytes says what they are: no two uses may begin with the same one, so that a
 * text of one cannot be passed off as one of the other.
 *
 * Units      Sizes in bytes.
 * Ownership  A signer owns its key, which is derived from the deployment's secret.
 * Threads    A signer: one thread.
 * Cost       One HMAC-SHA-256, about 1 us.
 */
#ifndef MR_SERVING_SIGNED_TEXT_H
#define MR_SERVING_SIGNED_TEXT_H

#include "core/status.h"
#include "core/text.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_SIGNED_BYTES_MAX = 756, MR_SIGNED_MAC_BYTES = 8 };

/* What an array for the text needs, its NUL and a prefix of two characters included. */
#define MR_SIGNED_TEXT_BYTES(bytes)                                                      \
    (2 + (((bytes) + MR_SIGNED_MAC_BYTES) * 8 + 5) / 6 + 1)

typedef struct mr_signer mr_signer;

/* MR_ERR_NO_MEMORY.  Any secret length, 0 included. */
MR_MUST_USE mr_status mr_signer_create(const void *secret, size_t bytes,
                                       mr_signer **ret_signer);
void mr_signer_destroy(mr_signer *signer); /* NULL allowed */

/* NUL-terminated; `ret_text` has room.  `prefix` has two characters, `bytes` at least 1 and at
 * most MR_SIGNED_BYTES_MAX bytes.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_signer_write(mr_signer *signer, const char *prefix,
                                      const void *bytes, size_t length, char *ret_text);

/* MR_ERR_CORRUPT for a text that write did not make: every other spelling of the same bytes is
 * refused as well. */
MR_MUST_USE mr_status mr_signer_read(mr_signer *signer, const char *prefix, mr_text text,
                                     uint8_t ret_bytes[MR_SIGNED_BYTES_MAX],
                                     size_t *ret_length);

#endif

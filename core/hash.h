/*
 * Hash: keyed hashes for tables that strangers fill, and checksums for files.
 *
 * Table keys come from outside, so every table hash is keyed with a secret of the deployment
 * (hash flooding), and ids are always compared in full behind it.  Nothing that is written to a
 * hashed output may depend on hash order.
 *
 * Units      Lengths in bytes.
 * Ownership  Plain values.
 * Threads    Any: pure functions; a key is immutable once made.
 * Cost       XXH3: about 2 ns for an id.  CRC32C: one pass, hardware where there is any.
 */
#ifndef MR_CORE_HASH_H
#define MR_CORE_HASH_H

#include "core/text.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_hash128 {
    uint64_t high;
    uint64_t low;
} mr_hash128;

enum { MR_HASH_KEY_BYTES = 192 };

/* The expanded deployment secret; make it once with mr_hash_key_init(). */
typedef struct mr_hash_key {
    uint8_t bytes[MR_HASH_KEY_BYTES]; /* private */
} mr_hash_key;

/* Expand a secret of any length (empty allowed: tests and the keyless demo) into a key. */
void mr_hash_key_init(mr_hash_key *ret_key, const void *secret, size_t secret_bytes);

/* The profile key of a user id: 128 bits under the deployment's secret. */
mr_hash128 mr_hash_user(const mr_hash_key *key, mr_text id);

/* The key of an item id: 64 bits under the deployment's secret. */
uint64_t mr_hash_item(const mr_hash_key *key, mr_text id);

/* The fingerprint of line `line` of an event: 64 bits under the deployment's secret, different
 * for the lines of one event. */
uint64_t mr_hash_line(const mr_hash_key *key, mr_text event_id, uint32_t line);

/* Unkeyed XXH3-64, for our own data only. */
uint64_t mr_hash_bytes(const void *data, size_t bytes);

/* CRC32C (Castagnoli), as Kafka and iSCSI use it; `seed` is a former result or 0. */
uint32_t mr_crc32c(uint32_t seed, const void *data, size_t bytes);

/* The same by table: what mr_crc32c() does on a machine without the instruction. */
uint32_t mr_crc32c_portable(uint32_t seed, const void *data, size_t bytes);

enum { MR_SHA256_HEX_BYTES = 65 };

/* SHA-256 of several pieces fed one after the other; lower-case hex, NUL-terminated. */
typedef struct mr_sha256 mr_sha256;
mr_sha256 *mr_sha256_create(void); /* NULL when out of memory */
void mr_sha256_add(mr_sha256 *sha, const void *data, size_t bytes);
void mr_sha256_hex(mr_sha256 *sha, char ret_hex[MR_SHA256_HEX_BYTES]); /* ends the sum */
void mr_sha256_destroy(mr_sha256 *sha);

#endif

/*
 * Checksums are checked against published vectors and a bit-at-a-time reference, keyed hashes
 * by what they must depend on: every byte of the id and every secret.
 */
#include "core/hash.h"
#include "tests/support.h"

#include <string.h>

static uint8_t bytes[4096];

static int set_up(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        seed = seed * 1664525U + 1013904223U;
        bytes[i] = (uint8_t)(seed >> 24);
    }
    return 0;
}

static uint32_t crc32c_by_bits(uint32_t seed, const uint8_t *from, size_t count)
{
    uint32_t crc = ~seed;
    for (size_t i = 0; i < count; i++) {
        crc ^= from[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78U : crc >> 1;
    }
    return ~crc;
}

/* RFC 3720, appendix B.4, and the check value of the CRC catalogues. */
static void test_crc32c_gives_the_published_values(void **state)
{
    (void)state;
    uint8_t block[32] = {0};
    assert_int_equal(mr_crc32c(0, "123456789", 9), 0xE3069283U);
    assert_int_equal(mr_crc32c(0, block, sizeof(block)), 0x8A9136AAU);
    memset(block, 0xFF, sizeof(block));
    assert_int_equal(mr_crc32c(0, block, sizeof(block)), 0x62A8AB43U);
    assert_int_equal(mr_crc32c(0, NULL, 0), 0);
}

static void test_crc32c_with_and_without_hardware_equals_the_definition(void **state)
{
    (void)state;
    for (size_t from = 0; from < 9; from++) {
        for (size_t count = 0; count < 200; count++) {
            const uint32_t expected =
                crc32c_by_bits((uint32_t)count, bytes + from, count);
            assert_int_equal(mr_crc32c((uint32_t)count, bytes + from, count), expected);
            assert_int_equal(mr_crc32c_portable((uint32_t)count, bytes + from, count),
                             expected);
        }
    }
}

static void test_crc32c_of_pieces_is_that_of_the_whole(void **state)
{
    (void)state;
    const uint32_t whole = mr_crc32c(0, bytes, sizeof(bytes));
    for (size_t cut = 0; cut < sizeof(bytes); cut += 13) {
        const uint32_t head = mr_crc32c(0, bytes, cut);
        assert_int_equal(mr_crc32c(head, bytes + cut, sizeof(bytes) - cut), whole);
    }
}

/* FIPS 180-4's examples, and the empty message. */
static void test_sha256_gives_the_published_sums(void **state)
{
    (void)state;
    const struct {
        const char *message;
        const char *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char hex[MR_SHA256_HEX_BYTES];
        mr_sha256 *sha = mr_sha256_create();
        assert_non_null(sha);
        for (const char *each = cases[i].message; *each != '\0'; each++)
            mr_sha256_add(sha, each, 1);
        mr_sha256_hex(sha, hex);
        assert_string_equal(hex, cases[i].hex);
        mr_sha256_destroy(sha);
    }
    mr_sha256_destroy(NULL);
}

static mr_text id_of(size_t length)
{
    return (mr_text){.bytes = (const char *)bytes, .length = (uint32_t)length};
}

static void test_a_hash_depends_on_every_byte_of_the_id(void **state)
{
    (void)state;
    mr_hash_key key;
    mr_hash_key_init(&key, "secret", 6);

    for (size_t length = 1; length <= 300; length++) {
        const uint64_t item = mr_hash_item(&key, id_of(length));
        const mr_hash128 user = mr_hash_user(&key, id_of(length));
        assert_true(item != mr_hash_item(&key, id_of(length - 1)));
        for (size_t at = 0; at < length; at++) {
            bytes[at] ^= 0x10;
            const mr_hash128 changed = mr_hash_user(&key, id_of(length));
            assert_true(item != mr_hash_item(&key, id_of(length)));
            assert_true(user.high != changed.high);
            assert_true(user.low != changed.low);
            bytes[at] ^= 0x10;
        }
        assert_true(item == mr_hash_item(&key, id_of(length)));
    }
}

static void test_equal_secrets_give_equal_keys_and_others_do_not(void **state)
{
    (void)state;
    const char *const secrets[] = {"", "a", "b", "ab",
                                   "a much longer secret than the others"};
    mr_hash_key keys[5];

    for (int i = 0; i < 5; i++) {
        mr_hash_key again;
        mr_hash_key_init(&keys[i], secrets[i], strlen(secrets[i]));
        mr_hash_key_init(&again, secrets[i], strlen(secrets[i]));
        assert_memory_equal(&keys[i], &again, sizeof(again));
        for (int j = 0; j < i; j++) {
            assert_true(mr_hash_item(&keys[i], MR_TEXT("item")) !=
                        mr_hash_item(&keys[j], MR_TEXT("item")));
            assert_true(mr_hash_user(&keys[i], MR_TEXT("user")).low !=
                        mr_hash_user(&keys[j], MR_TEXT("user")).low);
        }
    }
}

/* A block that came twice would halve what the key hides. */
static void test_a_key_repeats_no_block(void **state)
{
    (void)state;
    mr_hash_key key;
    mr_hash_key_init(&key, NULL, 0);
    for (size_t a = 0; a < MR_HASH_KEY_BYTES; a += 8) {
        for (size_t b = 0; b < a; b += 8)
            assert_memory_not_equal(key.bytes + a, key.bytes + b, 8);
    }
}

/* From xxHash's own self test: XXH3-64 of nothing, unseeded. */
static void test_the_unkeyed_hash_is_xxh3(void **state)
{
    (void)state;
    assert_true(mr_hash_bytes(NULL, 0) == UINT64_C(0x2D06800538D394C2));
    assert_true(mr_hash_bytes("a", 1) != mr_hash_bytes("b", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c_gives_the_published_values),
        cmocka_unit_test(test_crc32c_with_and_without_hardware_equals_the_definition),
        cmocka_unit_test(test_crc32c_of_pieces_is_that_of_the_whole),
        cmocka_unit_test(test_sha256_gives_the_published_sums),
        cmocka_unit_test(test_a_hash_depends_on_every_byte_of_the_id),
        cmocka_unit_test(test_equal_secrets_give_equal_keys_and_others_do_not),
        cmocka_unit_test(test_a_key_repeats_no_block),
        cmocka_unit_test(test_the_unkeyed_hash_is_xxh3),
    };
    return cmocka_run_group_tests_name("hash", tests, set_up, NULL);
}

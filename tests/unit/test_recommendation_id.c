/*
 * Round trips of every length, and every change of a character refused.
 */
#include "serving/recommendation_id.h"

#include "core/scored_item.h"
#include "tests/support.h"

#include <string.h>

static mr_signer *signer;

static int set_up(void **state)
{
    (void)state;
    return mr_signer_create("secret", 6, &signer) == MR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mr_signer_destroy(signer);
    return 0;
}

static mr_recommendation_id sample(uint8_t count)
{
    mr_recommendation_id id = {.placement =
                                   mr_recommendation_placement_hash(MR_TEXT("home")),
                               .model = 0xdeadbeef,
                               .time_ms = 1764000000123,
                               .page = 3,
                               .variant = 1,
                               .count = count};
    for (uint8_t i = 0; i < count; i++)
        id.sources[i] = i % MR_SOURCE_KINDS;
    return id;
}

static void test_what_is_written_is_read_at_every_length(void **state)
{
    (void)state;
    for (uint8_t count = 0; count <= 100; count++) {
        const mr_recommendation_id id = sample(count);
        mr_recommendation_id read;
        char text[MR_RECOMMENDATION_ID_TEXT_BYTES];
        assert_ok(mr_recommendation_id_write(signer, &id, text));
        assert_true(strlen(text) < MR_RECOMMENDATION_ID_TEXT_BYTES);
        assert_ok(mr_recommendation_id_read(signer, mr_text_from(text), &read));
        assert_memory_equal(&read, &id, sizeof(id));
    }
}

static void test_every_changed_character_is_refused(void **state)
{
    (void)state;
    static const char others[] = "Aaz09-_=+/ r";
    const mr_recommendation_id id = sample(7);
    mr_recommendation_id read;
    char text[MR_RECOMMENDATION_ID_TEXT_BYTES];
    assert_ok(mr_recommendation_id_write(signer, &id, text));
    const size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        const char was = text[i];
        for (const char *other = others; *other != '\0'; other++) {
            if (*other == was)
                continue;
            text[i] = *other;
            assert_int_equal(mr_recommendation_id_read(signer, mr_text_from(text), &read),
                             MR_ERR_CORRUPT);
        }
        text[i] = was;
    }
    for (uint32_t cut = 0; cut < length; cut++)
        assert_int_equal(mr_recommendation_id_read(signer, (mr_text){text, cut}, &read),
                         MR_ERR_CORRUPT);
}

static void test_another_deployments_id_is_refused(void **state)
{
    (void)state;
    mr_signer *other;
    const mr_recommendation_id id = sample(7);
    mr_recommendation_id read;
    char text[MR_RECOMMENDATION_ID_TEXT_BYTES];
    assert_ok(mr_signer_create("", 0, &other));
    assert_ok(mr_recommendation_id_write(other, &id, text));
    assert_int_equal(mr_recommendation_id_read(signer, mr_text_from(text), &read),
                     MR_ERR_CORRUPT);
    mr_signer_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read_at_every_length),
        cmocka_unit_test(test_every_changed_character_is_refused),
        cmocka_unit_test(test_another_deployments_id_is_refused),
    };
    return cmocka_run_group_tests_name("recommendation_id", tests, set_up, tear_down);
}

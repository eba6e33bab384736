/*
 * A model on disk against every way it can be wrong.
 *
 * One version with all the files a recommender can have is trained and then damaged, a place at a
 * time: each byte of the manifest, each file cut at many lengths and flipped at many places.  No
 * damage may open, and repaired it must open again.  Then versions that were written whole, with
 * right checksums, but must not be served: not-a-number and infinity in each array, a dictionary of
 * another length, another format.
 */
#include "core/file.h"
#include "models/blas.h"
#include "models/random.h"
#include "models/recommender.h"
#include "models/recommender_files.h"
#include "models/recommender_train.h"
#include "tests/overwrite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { USERS = 160, ITEMS = 40, EACH = 8, PLACES = 64, PATH_BYTES = 512 };

typedef struct shop {
    char directory[64];
    char version[MR_MODEL_VERSION_BYTES];
    mr_buffer manifest;
} shop;

static const mr_interactions *rows_of_the_shop(void)
{
    static uint64_t ptr[USERS + 1];
    static uint32_t item[USERS * EACH];
    static uint32_t time_s[USERS * EACH];
    static mr_interactions rows;
    for (uint32_t u = 0; u < USERS; u++) {
        ptr[u + 1] = (uint64_t)(u + 1) * EACH;
        for (uint32_t n = 0; n < EACH; n++) {
            const uint32_t e = u * EACH + n;
            item[e] = (uint32_t)(mr_random_bits(1, e) % (ITEMS / 2)) * 2 + u % 2;
            time_s[e] = 1000000 + (uint32_t)(mr_random_bits(2, e) % 1000000);
        }
    }
    rows = (mr_interactions){
        .users = USERS, .items = ITEMS, .ptr = ptr, .item = item, .time_s = time_s};
    return &rows;
}

static int open_shop(void **state)
{
    static char names[ITEMS][16];
    mr_text ids[ITEMS];
    char path[PATH_BYTES];
    mr_training_result result;
    mr_error error = {{0}};
    shop *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    (void)snprintf(s->directory, sizeof(s->directory),
                   "/tmp/test_model_directory-XXXXXX");
    assert_non_null(mkdtemp(s->directory));
    for (int i = 0; i < ITEMS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "item-%d", i);
        ids[i] = mr_text_from(names[i]);
    }
    const mr_training_set set = {.interactions = *rows_of_the_shop(),
                                 .item_ids = ids,
                                 .plan_hash = "abc",
                                 .data_to_ms = INT64_C(1795230000000),
                                 .seed = 7,
                                 .threads = 1,
                                 .budget = 3};
    assert_non_null(mr_blas_start());
    if (mr_recommender_train(&set, s->directory, &result, &error) != MR_OK)
        fail_msg("%s", error.message);
    (void)snprintf(s->version, sizeof(s->version), "%s", result.version);
    (void)snprintf(path, sizeof(path), "%s/%s/manifest.json", s->directory, s->version);
    assert_ok(mr_file_read(path, &s->manifest, NULL));
    mr_buffer_put_u8(&s->manifest, 0); /* for strstr() */
    assert_ok(mr_buffer_status(&s->manifest));
    s->manifest.length--;
    *state = s;
    return 0;
}

static int close_shop(void **state)
{
    shop *s = *state;
    mr_buffer_deinit(&s->manifest);
    assert_ok(mr_directory_remove(s->directory, NULL));
    free(s);
    return 0;
}

static mr_status try_to_open(const shop *s, const char *version)
{
    char path[PATH_BYTES];
    mr_recommender *recommender = NULL;
    mr_error error = {{0}};
    (void)snprintf(path, sizeof(path), "%s/%s", s->directory, version);
    const mr_status status = mr_recommender_open(path, &recommender, &error);
    assert_int_equal(status == MR_OK, error.message[0] == '\0');
    assert_int_equal(status == MR_OK, recommender != NULL);
    mr_recommender_destroy(recommender);
    return status;
}

static void assert_refused(const shop *s, const char *file, const char *how, size_t place)
{
    const mr_status status = try_to_open(s, s->version);
    if (status != MR_ERR_CORRUPT && status != MR_ERR_INVALID)
        fail_msg("%s %s at byte %zu: %s", file, how, place, mr_status_name(status));
}

static void write_file(const shop *s, const char *name, const void *bytes, size_t length)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/%s/%s", s->directory, s->version, name);
    test_overwrite(path, bytes, length);
}

static void read_file(const shop *s, const char *name, mr_buffer *bytes)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/%s/%s", s->directory, s->version, name);
    assert_ok(mr_file_read(path, bytes, NULL));
}

/* The n-th file of the manifest; false after the last. */
static bool file_name(const shop *s, size_t index, char ret_name[MR_MODEL_NAME_BYTES])
{
    mr_json *document = NULL;
    const mr_text text = {(const char *)s->manifest.bytes, (uint32_t)s->manifest.length};
    assert_ok(mr_json_parse(text, &document, NULL));
    mr_json_value *files = mr_json_get(mr_json_root(document), "files");
    const bool is_there = index < mr_json_count(files);
    const mr_text name =
        mr_json_text(mr_json_get(mr_json_at(files, index), "name"), MR_TEXT(""));
    (void)snprintf(ret_name, MR_MODEL_NAME_BYTES, "%.*s", (int)name.length, name.bytes);
    mr_json_destroy(document);
    return is_there;
}

static void test_each_byte_of_the_manifest_counts(void **state)
{
    const shop *s = *state;
    mr_buffer damaged = {0};
    mr_buffer_put(&damaged, s->manifest.bytes, s->manifest.length);
    assert_ok(try_to_open(s, s->version));
    for (size_t place = 0; place < damaged.length; place++) {
        const uint8_t flip = (uint8_t)(1 << mr_random_bits(3, place) % 8);
        damaged.bytes[place] ^= flip;
        write_file(s, "manifest.json", damaged.bytes, damaged.length);
        assert_refused(s, "manifest.json", "flipped", place);
        damaged.bytes[place] ^= flip;
    }
    for (size_t length = 0; length < damaged.length; length++) {
        write_file(s, "manifest.json", damaged.bytes, length);
        assert_refused(s, "manifest.json", "cut", length);
    }
    write_file(s, "manifest.json", damaged.bytes, damaged.length);
    assert_ok(try_to_open(s, s->version));
    mr_buffer_deinit(&damaged);
}

static void test_each_file_counts_to_its_last_byte(void **state)
{
    const shop *s = *state;
    char name[MR_MODEL_NAME_BYTES];
    size_t files = 0;
    for (; file_name(s, files, name); files++) {
        mr_buffer bytes = {0};
        read_file(s, name, &bytes);
        for (size_t i = 0; i <= PLACES; i++) {
            const size_t place = (bytes.length - 1) * i / PLACES;
            bytes.bytes[place] ^= 0x01;
            write_file(s, name, bytes.bytes, bytes.length);
            assert_refused(s, name, "flipped", place);
            bytes.bytes[place] ^= 0x01;
            write_file(s, name, bytes.bytes, place);
            assert_refused(s, name, "cut", place);
        }
        mr_buffer_put_u8(&bytes, 0);
        write_file(s, name, bytes.bytes, bytes.length);
        assert_refused(s, name, "longer", bytes.length);
        write_file(s, name, bytes.bytes, bytes.length - 1);
        assert_ok(try_to_open(s, s->version));
        mr_buffer_deinit(&bytes);
    }
    assert_true(files >= 3);
}

/* -- written whole, and wrong ------------------------------------------------------------ */

typedef void change(mr_buffer *bytes);

/* The manifest's "model" object as text. */
static mr_text model_text(const shop *s)
{
    const char *text = (const char *)s->manifest.bytes;
    const char *start = strstr(text, "\"model\":") + strlen("\"model\":");
    const char *end = strstr(start, ",\"metrics\":");
    assert_non_null(end);
    return (mr_text){.bytes = start, .length = (uint32_t)(end - start)};
}

/* A version like the shop's, its checksums right, with one file changed.  Is it served? */
static mr_status forge(const shop *s, const char *changed, change *make)
{
    char name[MR_MODEL_NAME_BYTES];
    char path[MR_MODEL_PATH_BYTES];
    char version[MR_MODEL_VERSION_BYTES];
    mr_model_writer *writer = NULL;
    const mr_model_description description = {
        .kind = MR_RECOMMENDER_KIND, .data_to_ms = 1000, .model = model_text(s)};
    assert_ok(mr_model_writer_create(s->directory, &writer, NULL));
    for (size_t i = 0; file_name(s, i, name); i++) {
        mr_buffer bytes = {0};
        read_file(s, name, &bytes);
        if (make != NULL && strcmp(name, changed) == 0)
            make(&bytes);
        mr_model_writer_path(writer, name, path);
        assert_ok(mr_file_replace(path, bytes.bytes, bytes.length, NULL));
        assert_ok(mr_model_writer_note(writer, name, NULL));
        mr_buffer_deinit(&bytes);
    }
    assert_ok(mr_model_writer_finish(writer, &description, version, NULL));
    mr_model_writer_destroy(writer);
    return try_to_open(s, version);
}

/* The last float of the file. */
static void put_float(mr_buffer *bytes, float value)
{
    memcpy(bytes->bytes + bytes->length - sizeof(value), &value, sizeof(value));
}

static void make_nan(mr_buffer *bytes)
{
    put_float(bytes, (float)NAN);
}

static void make_infinite(mr_buffer *bytes)
{
    put_float(bytes, -(float)INFINITY);
}

static void test_numbers_that_are_none_are_refused_in_every_array(void **state)
{
    const shop *s = *state;
    static const char *const floats[] = {MR_FILE_NEIGHBOUR_VALUES, MR_FILE_FACTORS,
                                         MR_FILE_EIGENVALUES, MR_FILE_POPULARITY};
    char name[MR_MODEL_NAME_BYTES];
    size_t checked = 0;
    assert_ok(forge(s, "", NULL)); /* forged without a change it is served */
    for (size_t i = 0; file_name(s, i, name); i++) {
        for (size_t f = 0; f < sizeof(floats) / sizeof(floats[0]); f++) {
            if (strcmp(name, floats[f]) != 0)
                continue;
            assert_int_equal(forge(s, name, make_nan), MR_ERR_CORRUPT);
            assert_int_equal(forge(s, name, make_infinite), MR_ERR_CORRUPT);
            checked++;
        }
    }
    assert_true(checked >= 2);
}

/* The dictionary of a shop with an item more, or of another order of offsets. */
static void drop_an_item(mr_buffer *bytes)
{
    const uint64_t items = ITEMS; /* one offset fewer: the header's shape says so */
    char *digits = strstr((char *)bytes->bytes + 10, "(41");
    assert_non_null(digits);
    memcpy(digits, "(40", 3);
    bytes->length -= sizeof(items);
}

static void swap_offsets(mr_buffer *bytes)
{
    uint8_t *last = bytes->bytes + bytes->length - sizeof(uint64_t);
    memset(last, 0, sizeof(uint64_t)); /* the end before the beginning */
}

static void test_a_dictionary_of_another_model_is_refused(void **state)
{
    const shop *s = *state;
    assert_int_equal(forge(s, MR_FILE_ITEM_OFFSETS, drop_an_item), MR_ERR_CORRUPT);
    assert_int_equal(forge(s, MR_FILE_ITEM_OFFSETS, swap_offsets), MR_ERR_CORRUPT);
}

static void test_older_and_newer_formats_are_refused_by_name(void **state)
{
    const shop *s = *state;
    static const char formats[] = {'0', '2', '9'};
    mr_buffer text = {0};
    mr_buffer_put(&text, s->manifest.bytes, s->manifest.length + 1);
    text.length--;
    char *digit = strstr((char *)text.bytes, "\"format\":") + strlen("\"format\":");
    for (size_t i = 0; i < sizeof(formats); i++) {
        char path[PATH_BYTES];
        mr_recommender *recommender = NULL;
        mr_error error = {{0}};
        *digit = formats[i];
        write_file(s, "manifest.json", text.bytes, text.length);
        (void)snprintf(path, sizeof(path), "%s/%s", s->directory, s->version);
        assert_int_equal(mr_recommender_open(path, &recommender, &error), MR_ERR_INVALID);
        assert_non_null(strstr(error.message, "format"));
    }
    write_file(s, "manifest.json", s->manifest.bytes, s->manifest.length);
    mr_buffer_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_byte_of_the_manifest_counts),
        cmocka_unit_test(test_each_file_counts_to_its_last_byte),
        cmocka_unit_test(test_numbers_that_are_none_are_refused_in_every_array),
        cmocka_unit_test(test_a_dictionary_of_another_model_is_refused),
        cmocka_unit_test(test_older_and_newer_formats_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, open_shop, close_shop);
}

/*
 * Files that were written once, read by today's program.
 *
 * What went into each file stands here; what comes out must equal it.  With `--make DIRECTORY` the
 * files that are not there yet are written: see formats/README.md.  A copy whose version is raised
 * must be refused by an error that names both.
 */
#include "tests/feature_batch.h"
#include "tests/golden/golden.h"
#include "tests/model_version.h"

#include "app/beginning.h"
#include "core/file.h"
#include "features/day_file.h"
#include "features/trending.h"
#include "ingest/control_record.h"
#include "ingest/dead_letter.h"
#include "ingest/log_directory.h"
#include "ingest/log_segment.h"
#include "models/churn_model.h"
#include "models/recommender.h"
#include "serving/recommendation_id.h"
#include "serving/result_codec.h"
#include "serving/user_state_codec.h"

#include <unistd.h>

enum { PATH_BYTES = 1200, LARGE_BYTES = 3000, RECORDS = 4 };

static const char control_key[] = "a control key of thirty-two byte";
static const char deployment_secret[] = "the secret of a deployment";
static const mr_hash128 alice = {0x0123456789abcdef, 0xfedcba9876543210};

/* ---- what is in the log ---- */

static const char event_value[] =
    "{\"type\":\"view\",\"user_id\":\"ann\",\"item_id\":\"tea\",\"time\":1700000000000}";

static void append_all(mr_log *log)
{
    char large[LARGE_BYTES];
    memset(large, 'x', sizeof(large));
    const mr_log_header trace = {MR_TEXT("trace"), MR_TEXT("abc")};
    const mr_control_record tick = {.kind = MR_CONTROL_TICK, .time_ms = 1700000001000};
    mr_buffer value = {0};
    uint8_t mac[MR_CONTROL_HEADER_BYTES];
    assert_ok(mr_control_encode(&tick, "events", control_key, sizeof(control_key) - 1,
                                (mr_text){0}, &value, mac));
    const mr_log_header control = {MR_TEXT(MR_CONTROL_HEADER),
                                   {(const char *)mac, sizeof(mac)}};
    const mr_log_record broken = {.key = MR_TEXT("bob"),
                                  .value = MR_TEXT("not json"),
                                  .offset = 41,
                                  .time_ms = 1700000000001};
    mr_dead_letter letter;
    mr_log_entry entries[RECORDS] = {
        {.key = MR_TEXT("ann"),
         .value = MR_TEXT(event_value),
         .headers = &trace,
         .header_count = 1,
         .time_ms = 1700000000000},
        {.value = {(const char *)value.bytes, (uint32_t)value.length},
         .headers = &control,
         .header_count = 1,
         .time_ms = 1700000001000},
        {.partition = 0},
        {.key = MR_TEXT("large"),
         .value = {large, LARGE_BYTES},
         .time_ms = 1700000003000}};
    mr_dead_letter_entry(&letter, &broken, "events", 3,
                         mr_poison_name(MR_POISON_NOT_JSON), &entries[2]);
    entries[2].partition = 0;
    entries[2].time_ms = 1700000002000;
    assert_ok(mr_log_append(log, entries, RECORDS, NULL, NULL));
    mr_buffer_deinit(&value);
}

static void check_record(const mr_log_record *record)
{
    mr_control_record tick;
    mr_dead_letter_source source;
    assert_int_equal(record->time_ms, 1700000000000 + record->offset * 1000);
    switch (record->offset) {
    case 0:
        assert_true(mr_text_is(record->key, "ann"));
        assert_true(mr_text_is(record->value, event_value));
        assert_int_equal(record->header_count, 1);
        assert_true(mr_text_is(record->headers[0].name, "trace"));
        assert_true(mr_text_is(record->headers[0].value, "abc"));
        return;
    case 1:
        assert_ok(mr_control_decode(record, "events", control_key,
                                    sizeof(control_key) - 1, NULL, &tick));
        assert_int_equal(tick.kind, MR_CONTROL_TICK);
        assert_int_equal(tick.time_ms, 1700000001000);
        return;
    case 2:
        assert_ok(mr_dead_letter_read(record, &source));
        assert_true(mr_text_is(source.reason, "not_json"));
        assert_true(mr_text_is(source.topic, "events"));
        assert_int_equal(source.partition, 3);
        assert_int_equal(source.offset, 41);
        assert_int_equal(source.time_ms, 1700000000001);
        assert_true(mr_text_is(record->key, "bob"));
        assert_true(mr_text_is(record->value, "not json"));
        return;
    default:
        assert_true(mr_text_is(record->key, "large"));
        assert_int_equal(record->value.length, LARGE_BYTES);
        for (uint32_t i = 0; i < LARGE_BYTES; i++)
            assert_int_equal(record->value.bytes[i], 'x');
    }
}

static mr_status open_frozen(const char *directory, const char *topic, mr_log **ret_log,
                             mr_error *ret_error)
{
    const mr_log_file_options options = {
        .path = directory, .topic = topic, .read_only = true};
    return mr_log_open_file(&options, ret_log, NULL, ret_error);
}

static void read_topic(const char *topic, uint64_t least_bytes, uint64_t most_bytes)
{
    char directory[GOLDEN_PATH_BYTES];
    char path[MR_LOG_PATH_BYTES];
    golden_path("formats/log-1", directory);
    mr_log *log = NULL;
    mr_log_reader *reader = NULL;
    mr_error error = {{0}};
    if (open_frozen(directory, topic, &log, &error) != MR_OK)
        fail_msg("%s", error.message);
    assert_int_equal(mr_log_partitions(log), 1);
    assert_ok(mr_log_reader_open(log, &(mr_log_reader_options){0}, &reader, NULL));
    mr_log_batch batch = {0};
    int64_t next = 0;
    while (batch.signal != MR_LOG_END) {
        assert_ok(mr_log_reader_poll(reader, 1000, &batch));
        if (batch.signal == MR_LOG_ASSIGNED)
            assert_ok(mr_log_reader_start(reader, 0, 0));
        for (size_t i = 0; batch.signal == MR_LOG_RECORDS && i < batch.count; i++) {
            assert_int_equal(batch.records[i].offset, next++);
            check_record(&batch.records[i]);
        }
    }
    assert_int_equal(next, RECORDS);
    mr_log_reader_close(reader);
    mr_log_close(log);

    mr_buffer segment = {0};
    char topic_directory[GOLDEN_PATH_BYTES + 16];
    (void)snprintf(topic_directory, sizeof(topic_directory), "%s/%s", directory, topic);
    mr_log_segment_path(topic_directory, 0, 0, path);
    assert_ok(mr_file_read(path, &segment, NULL));
    assert_in_range(segment.length, least_bytes, most_bytes);
    mr_buffer_deinit(&segment);
}

static void test_a_segment_of_batches_as_they_are(void **state)
{
    (void)state;
    read_topic("plain", LARGE_BYTES, 2 * LARGE_BYTES);
}

static void test_a_segment_of_compressed_batches(void **state)
{
    (void)state;
    read_topic("zstd", MR_SEGMENT_HEADER_BYTES, LARGE_BYTES / 2);
}

/* ---- the others ---- */

static void read_frozen(const char *name, mr_buffer *bytes)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "formats/%s", name);
    golden_read(path, bytes);
}

static mr_text text_of(const mr_buffer *buffer)
{
    return (mr_text){(const char *)buffer->bytes, (uint32_t)buffer->length};
}

static mr_result result_of_alice(void)
{
    mr_result result = {.epoch = 1764000000,
                        .offset = 123456789,
                        .model = mr_model_hash(MR_TEXT("20261121T0300Z-7f3a")),
                        .dictionary = 4000,
                        .profile_as_of_ms = 1764000000123,
                        .expires_ms = 1764600000123,
                        .count = 3};
    for (uint32_t i = 0; i < result.count; i++)
        result.items[i] = (mr_scored_item){
            .item = 3999 - 7 * i,
            .score = 1.0F / (float)(1U << i),
            .because = i == 1 ? MR_ITEM_NONE : 17 + i,
            .source = (uint8_t)(i == 1 ? MR_SOURCE_POPULAR : MR_SOURCE_BLEND)};
    return result;
}

static void test_the_recommendations_of_a_user(void **state)
{
    (void)state;
    const mr_result expected = result_of_alice();
    mr_result result;
    mr_buffer value = {0};
    read_frozen("result-1.bin", &value);
    assert_ok(mr_result_decode(alice, text_of(&value), &result));
    assert_int_equal(result.epoch, expected.epoch);
    assert_int_equal(result.offset, expected.offset);
    assert_int_equal(result.model, expected.model);
    assert_int_equal(result.dictionary, expected.dictionary);
    assert_int_equal(result.profile_as_of_ms, expected.profile_as_of_ms);
    assert_int_equal(result.expires_ms, expected.expires_ms);
    assert_int_equal(result.count, expected.count);
    for (uint32_t i = 0; i < expected.count; i++) {
        assert_int_equal(result.items[i].item, expected.items[i].item);
        assert_int_equal(result.items[i].because, expected.items[i].because);
        assert_int_equal(result.items[i].source, expected.items[i].source);
        assert_close(result.items[i].score, expected.items[i].score, 0.0);
    }
    /* A newer one counts as absent: it is made again. */
    value.bytes[18]++;
    assert_int_equal(mr_result_decode(alice, text_of(&value), &result), MR_ERR_CORRUPT);
    mr_buffer_deinit(&value);
}

static mr_user_state state_of_alice(void)
{
    return (mr_user_state){.user_id = MR_TEXT("alice"),
                           .epoch = 1764000000,
                           .offset = 77,
                           .as_of_ms = 1764000000123,
                           .first_ms = 1700000000000,
                           .spend_minor = -250,
                           .events = 12,
                           .purchases = 3,
                           .churn_permille = 412,
                           .churn_tier = 2,
                           .item_count = 2,
                           .items = {{MR_TEXT("tea"), 1764000000, MR_EVENT_PURCHASE, 2},
                                     {MR_TEXT("milk"), 1763999999, MR_EVENT_VIEW, 1}}};
}

static void init_key(mr_hash_key *key)
{
    mr_hash_key_init(key, deployment_secret, sizeof(deployment_secret) - 1);
}

static mr_text resolve(void *context, uint64_t hash)
{
    mr_hash_key key;
    init_key(&key);
    (void)context;
    static const char *const ids[] = {"milk", "tea"};
    for (size_t i = 0; i < 2; i++)
        if (mr_hash_item(&key, mr_text_from(ids[i])) == hash)
            return mr_text_from(ids[i]);
    return (mr_text){0};
}

static void test_the_picture_of_a_user(void **state)
{
    (void)state;
    const mr_user_state expected = state_of_alice();
    mr_user_state found;
    mr_buffer value = {0};
    read_frozen("state-1.bin", &value);
    assert_ok(mr_user_state_decode(alice, text_of(&value), resolve, NULL, &found));
    assert_int_equal(found.epoch, expected.epoch);
    assert_int_equal(found.offset, expected.offset);
    assert_int_equal(found.as_of_ms, expected.as_of_ms);
    assert_int_equal(found.first_ms, expected.first_ms);
    assert_int_equal(found.spend_minor, expected.spend_minor);
    assert_int_equal(found.events, expected.events);
    assert_int_equal(found.purchases, expected.purchases);
    assert_int_equal(found.churn_permille, expected.churn_permille);
    assert_int_equal(found.churn_tier, expected.churn_tier);
    assert_int_equal(found.item_count, expected.item_count);
    for (uint8_t i = 0; i < expected.item_count; i++) {
        assert_true(mr_text_equal(found.items[i].item_id, expected.items[i].item_id));
        assert_int_equal(found.items[i].time_s, expected.items[i].time_s);
        assert_int_equal(found.items[i].type, expected.items[i].type);
        assert_int_equal(found.items[i].weight, expected.items[i].weight);
    }
    value.bytes[18]++;
    assert_int_equal(mr_user_state_decode(alice, text_of(&value), resolve, NULL, &found),
                     MR_ERR_CORRUPT);
    mr_buffer_deinit(&value);
}

/* Three views of tea, one of milk, within the hour; both are said to be drinks. */
static void encode_share(mr_buffer *share)
{
    mr_plan *plan = NULL;
    assert_ok(mr_plan_create_default(&plan));
    mr_shard *shard = test_shard(plan, 2);
    for (int i = 0; i < 4; i++) {
        mr_event event = test_event(MR_EVENT_VIEW, "ann", i == 1 ? "milk" : "tea",
                                    START_MS + i * MINUTE_MS);
        event.category = MR_TEXT("drinks");
        test_apply(shard, event);
    }
    assert_ok(mr_trending_encode(shard, 1764000000, START_MS + 3 * MINUTE_MS, share));
    mr_shard_destroy(shard);
    mr_plan_destroy(plan);
}

/* Version 1 has no categories. */
static void check_share(const char *name, size_t categories)
{
    mr_buffer share = {0};
    mr_trending_header header;
    mr_trending_entry entries[4];
    size_t count = 0;
    read_frozen(name, &share);
    const mr_text encoded = text_of(&share);
    assert_ok(mr_trending_read_header(encoded, &header));
    assert_int_equal(header.epoch, 1764000000);
    assert_int_equal(header.offset, 4);
    assert_int_equal(header.partition, 2);
    assert_int_equal(header.at_ms, START_MS + 3 * MINUTE_MS);
    assert_ok(mr_trending_merge(&encoded, 1, MR_TRENDING_ITEMS, MR_TRENDING_HOT, 4,
                                entries, &count));
    assert_int_equal(count, 2);
    assert_true(mr_text_is(entries[0].item_id, "tea"));
    assert_int_equal(entries[0].count, 3);
    assert_true(mr_text_is(entries[1].item_id, "milk"));
    assert_int_equal(entries[1].count, 1);
    assert_ok(mr_trending_merge(&encoded, 1, MR_TRENDING_CATEGORIES, MR_TRENDING_EVER, 4,
                                entries, &count));
    assert_int_equal(count, categories);
    if (categories > 0) {
        assert_true(mr_text_is(entries[0].item_id, "drinks"));
        assert_int_equal(entries[0].count, 4);
    }
    mr_buffer_deinit(&share);
}

static void test_a_share_of_what_is_trending(void **state)
{
    (void)state;
    check_share("share-1.bin", 0);
    check_share("share-2.bin", 1);
}

static mr_recommendation_id shown_to_alice(void)
{
    return (mr_recommendation_id){
        .placement = mr_recommendation_placement_hash(MR_TEXT("home")),
        .model = mr_model_hash(MR_TEXT("20261121T0300Z-7f3a")),
        .time_ms = 1764000000123,
        .page = 2,
        .variant = 1,
        .count = 5,
        .sources = {MR_SOURCE_BLEND, MR_SOURCE_IALS, MR_SOURCE_POPULAR,
                    MR_SOURCE_TRENDING, MR_SOURCE_PINNED}};
}

static void test_a_recommendation_id(void **state)
{
    (void)state;
    const mr_recommendation_id expected = shown_to_alice();
    mr_signer *signer = NULL;
    mr_recommendation_id found;
    mr_buffer text = {0};
    read_frozen("recommendation-id-1.txt", &text);
    assert_ok(
        mr_signer_create(deployment_secret, sizeof(deployment_secret) - 1, &signer));
    const mr_text id = {(const char *)text.bytes, (uint32_t)text.length - 1};
    assert_ok(mr_recommendation_id_read(signer, id, &found));
    assert_int_equal(found.placement, expected.placement);
    assert_int_equal(found.model, expected.model);
    assert_int_equal(found.time_ms, expected.time_ms);
    assert_int_equal(found.page, expected.page);
    assert_int_equal(found.variant, expected.variant);
    assert_int_equal(found.count, expected.count);
    assert_memory_equal(found.sources, expected.sources, expected.count);
    mr_signer_destroy(signer);
    mr_buffer_deinit(&text);
}

static void test_the_notes_of_a_beginning_and_of_a_reader(void **state)
{
    (void)state;
    char directory[] = "/tmp/millrace-notes-XXXXXX";
    char path[PATH_BYTES];
    mr_buffer text = {0};
    mr_beginning found;
    int64_t offset = 0;
    mr_error error = {{0}};
    assert_non_null(mkdtemp(directory));
    mr_config config = {.state = {.path = directory}, .log = {.topic = (char[]){"0"}}};
    (void)snprintf(path, sizeof(path), "%s/0", directory);
    assert_ok(mr_directory_make(path, NULL));
    read_frozen("beginning-1.json", &text);
    (void)snprintf(path, sizeof(path), "%s/0/p00003.json", directory);
    assert_ok(mr_file_replace(path, text.bytes, text.length, NULL));
    assert_ok(mr_beginning_read(&config, 3, &found, NULL));
    assert_true(found.topic_id == 0x0123456789abcdef);
    assert_int_equal(found.partitions, 6);

    mr_buffer_clear(&text);
    read_frozen("reader-1.json", &text);
    (void)snprintf(path, sizeof(path), "%s/0/reader-%08x.json", directory,
                   mr_crc32c(0, "millrace", 8));
    assert_ok(mr_file_replace(path, text.bytes, text.length, NULL));
    assert_ok(mr_log_group_noted(directory, 0, "millrace", &offset, NULL));
    assert_int_equal(offset, 1234);
    assert_ok(mr_file_replace(path, "{\"format\":2}", 12, NULL));
    assert_int_equal(mr_log_group_noted(directory, 0, "millrace", &offset, &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "of format 2, this program reads up to 1"));
    mr_buffer_deinit(&text);
    assert_ok(mr_directory_remove(directory, NULL));
}

/* ---- a day ---- */

/* Two users of a day, vectors of three columns. */
static void fill_day(mr_day_rows *rows)
{
    static const mr_day_numbers numbers[] = {{START_MS, 41}, {MR_TIME_NONE, 52}};
    static const float vectors[] = {1.5F, 0.0F, -0.25F, 1e-9F, 4096.0F, 0.1F};
    *rows = (mr_day_rows){.plan_hash = 0x0123456789abcdef,
                          .partition = 3,
                          .width = 3,
                          .count = 2,
                          .day = mr_time_day(START_MS),
                          .at_ms = START_MS + 12 * HOUR_MS - 1,
                          .since_offset = 40,
                          .next_offset = 60,
                          .crossed_ms = START_MS + 13 * HOUR_MS};
    mr_buffer_put_text(&rows->ids, MR_TEXT("\003ann\005clock"));
    mr_buffer_put(&rows->numbers, numbers, sizeof(numbers));
    mr_buffer_put(&rows->vectors, vectors, sizeof(vectors));
}

static void encode_day(mr_buffer *rows_file, mr_buffer *labels_file)
{
    static const uint8_t labels[] = {MR_LABEL_STAYED, MR_LABEL_LOST};
    mr_day_rows rows;
    mr_day_rows read = {0};
    uint32_t crc = 0;
    fill_day(&rows);
    assert_ok(mr_day_file_encode(&rows, rows_file));
    assert_ok(mr_day_file_decode(rows_file->bytes, rows_file->length, MR_DAY_ALL, &read,
                                 &crc, NULL));
    mr_day_labels_encode(&(mr_day_labels){.partition = 3,
                                          .window_days = 90,
                                          .day = rows.day,
                                          .rows_crc = crc,
                                          .count = 2,
                                          .labels = labels},
                         labels_file);
    mr_day_rows_deinit(&read);
    mr_day_rows_deinit(&rows);
}

static void assert_same_bytes(const mr_buffer *a, const mr_buffer *b)
{
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->bytes, b->bytes, a->length);
}

static void test_a_day_and_its_labels(void **state)
{
    (void)state;
    mr_day_rows expected;
    mr_day_rows found = {0};
    mr_day_labels labels;
    mr_buffer rows_file = {0};
    mr_buffer labels_file = {0};
    mr_error error = {{0}};
    uint32_t crc = 0;
    fill_day(&expected);
    read_frozen("day-1.rows", &rows_file);
    read_frozen("day-1.labels", &labels_file);
    assert_ok(mr_day_file_decode(rows_file.bytes, rows_file.length, MR_DAY_ALL, &found,
                                 &crc, NULL));
    assert_true(found.plan_hash == expected.plan_hash);
    assert_int_equal(found.partition, expected.partition);
    assert_int_equal(found.width, expected.width);
    assert_int_equal(found.count, expected.count);
    assert_int_equal(found.day, expected.day);
    assert_int_equal(found.at_ms, expected.at_ms);
    assert_int_equal(found.since_offset, expected.since_offset);
    assert_int_equal(found.next_offset, expected.next_offset);
    assert_int_equal(found.crossed_ms, expected.crossed_ms);
    assert_same_bytes(&found.ids, &expected.ids);
    assert_same_bytes(&found.numbers, &expected.numbers);
    assert_same_bytes(&found.vectors, &expected.vectors);
    assert_ok(mr_day_labels_decode(labels_file.bytes, labels_file.length, &labels, NULL));
    assert_int_equal(labels.window_days, 90);
    assert_int_equal(labels.rows_crc, crc);
    assert_int_equal(labels.count, 2);
    assert_int_equal(labels.labels[0], MR_LABEL_STAYED);
    assert_int_equal(labels.labels[1], MR_LABEL_LOST);
    rows_file.bytes[8]++;
    assert_int_equal(mr_day_file_decode(rows_file.bytes, rows_file.length, MR_DAY_ALL,
                                        &found, &crc, &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "of version 2, this program reads up to 1"));
    mr_day_rows_deinit(&found);
    mr_day_rows_deinit(&expected);
    mr_buffer_deinit(&rows_file);
    mr_buffer_deinit(&labels_file);
}

/* ---- the model ---- */

static void find_model(const char *path, char ret_path[PATH_BYTES])
{
    char version[MR_MODEL_VERSION_BYTES];
    mr_error error = {{0}};
    if (mr_models_current(path, version, &error) != MR_OK)
        fail_msg("%s", error.message);
    assert_in_range(snprintf(ret_path, PATH_BYTES, "%s/%s", path, version), 1,
                    PATH_BYTES - 1);
}

static void test_a_model_directory(void **state)
{
    (void)state;
    char models[GOLDEN_PATH_BYTES];
    char path[PATH_BYTES];
    char file[PATH_BYTES + 32];
    mr_recommender *recommender = NULL;
    mr_churn_model *churn = NULL;
    mr_buffer json = {0};
    mr_error error = {{0}};
    golden_path("formats/model-1", models);
    find_model(models, path);
    if (mr_recommender_open(path, &recommender, &error) != MR_OK)
        fail_msg("%s", error.message);
    assert_non_null(strstr(path, mr_recommender_version(recommender)));
    assert_int_equal(mr_recommender_item_count(recommender), 8);
    for (uint32_t i = 0; i < 8; i++) {
        char id[8];
        (void)snprintf(id, sizeof(id), "i%u", i);
        assert_int_not_equal(mr_recommender_find_item(recommender, mr_text_from(id)),
                             MR_ITEM_NONE);
    }
    mr_recommender_destroy(recommender);
    (void)snprintf(file, sizeof(file), "%s/churn.json", path);
    assert_ok(mr_file_read(file, &json, NULL));
    if (mr_churn_model_from_json(text_of(&json), &churn, &error) != MR_OK)
        fail_msg("%s", error.message);
    assert_true(mr_churn_model_columns(churn) > 0);
    mr_churn_model_destroy(churn);
    mr_buffer_deinit(&json);
}

/* ---- newer ones ---- */

/* A copy of a frozen file in `directory`, with the text `from` made `to`. */
static void copy_changed(const char *name, const char *directory, const char *as,
                         const char *from, const char *to)
{
    char path[PATH_BYTES];
    mr_buffer bytes = {0};
    read_frozen(name, &bytes);
    char *place = memmem(bytes.bytes, bytes.length, from, strlen(from));
    assert_non_null(place);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(place, to, strlen(to));
    (void)snprintf(path, sizeof(path), "%s/%s", directory, as);
    assert_ok(mr_file_replace(path, bytes.bytes, bytes.length, NULL));
    mr_buffer_deinit(&bytes);
}

static void expect_both(mr_status status, const mr_error *error, const char *theirs,
                        const char *ours)
{
    assert_int_equal(status, MR_ERR_INVALID);
    if (strstr(error->message, theirs) == NULL || strstr(error->message, ours) == NULL)
        fail_msg("no '%s' and '%s' in: %s", theirs, ours, error->message);
}

static void test_a_newer_log_is_refused_naming_both_versions(void **state)
{
    (void)state;
    char directory[] = "/tmp/millrace-newer-XXXXXX";
    char path[PATH_BYTES];
    mr_error error = {{0}};
    mr_log *log = NULL;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/t/0", directory);
    assert_ok(mr_directory_make(path, NULL));
    copy_changed("log-1/plain/topic.json", directory, "t/topic.json", "\"format\":1",
                 "\"format\":2");
    expect_both(open_frozen(directory, "t", &log, &error), &error, "format 2", "up to 1");

    /* A segment whose header says 2 and sums right. */
    static const char segment[] = "00000000000000000000.log";
    copy_changed("log-1/plain/topic.json", directory, "t/topic.json", "1", "1");
    copy_changed("log-1/plain/0/00000000000000000000.log", path, segment, "MRSEG",
                 "MRSEG");
    char name[PATH_BYTES + 64];
    mr_buffer bytes = {0};
    (void)snprintf(name, sizeof(name), "%s/%s", path, segment);
    assert_ok(mr_file_read(name, &bytes, NULL));
    bytes.bytes[8] = 2;
    const uint32_t crc = mr_crc32c(0, bytes.bytes, MR_SEGMENT_HEADER_BYTES - 4);
    for (size_t i = 0; i < 4; i++)
        bytes.bytes[MR_SEGMENT_HEADER_BYTES - 4 + i] = (uint8_t)(crc >> (8 * i));
    assert_ok(mr_file_replace(name, bytes.bytes, bytes.length, NULL));
    mr_buffer_deinit(&bytes);
    expect_both(open_frozen(directory, "t", &log, &error), &error, "version 2",
                "up to 1");
    assert_ok(mr_directory_remove(directory, NULL));
}

static void test_a_newer_model_is_refused_naming_both_formats(void **state)
{
    (void)state;
    char models[GOLDEN_PATH_BYTES];
    char found[PATH_BYTES];
    char name[PATH_BYTES];
    char directory[] = "/tmp/millrace-newer-XXXXXX";
    mr_error error = {{0}};
    mr_recommender *recommender = NULL;
    assert_non_null(mkdtemp(directory));
    golden_path("formats/model-1", models);
    find_model(models, found);
    assert_in_range(
        snprintf(name, sizeof(name), "model-1%s/manifest.json", strrchr(found, '/')), 1,
        63);
    copy_changed(name, directory, "manifest.json", "\"format\":1", "\"format\":2");
    expect_both(mr_recommender_open(directory, &recommender, &error), &error, "format 2",
                "reads 1");
    assert_ok(mr_directory_remove(directory, NULL));
}

/* ---- making what is not there ---- */

static const char *made(const char *directory, const char *name, char path[PATH_BYTES])
{
    assert_in_range(snprintf(path, PATH_BYTES, "%s/%s", directory, name), 1,
                    PATH_BYTES - 1);
    return access(path, F_OK) == 0 ? NULL : path;
}

static void make_file(const char *directory, const char *name, const void *bytes,
                      size_t length)
{
    char path[PATH_BYTES];
    if (made(directory, name, path) != NULL)
        assert_ok(mr_file_replace(path, bytes, length, NULL));
}

static void make_log(const char *directory, const char *topic, bool compress)
{
    char path[PATH_BYTES];
    char name[64];
    (void)snprintf(name, sizeof(name), "log-1/%s", topic);
    if (made(directory, name, path) == NULL)
        return;
    (void)snprintf(path, sizeof(path), "%s/log-1", directory);
    const mr_log_file_options options = {
        .path = path, .topic = topic, .partitions = 1, .compress = compress};
    mr_log *log = NULL;
    assert_ok(mr_log_open_file(&options, &log, NULL, NULL));
    append_all(log);
    mr_log_close(log);
    (void)snprintf(path, sizeof(path), "%s/log-1/%s/lock", directory, topic);
    assert_int_equal(unlink(path), 0);
}

/* Forty users who look at three items of eight. */
static void make_model(const char *directory)
{
    char path[PATH_BYTES];
    char version[MR_MODEL_VERSION_BYTES];
    char users[40][8];
    static const char *const items[8] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"};
    if (made(directory, "model-1", path) == NULL)
        return;
    mr_plan *plan = NULL;
    mr_hash_key key;
    mr_hash_key_init(&key, "secret", 6);
    assert_ok(mr_plan_create_default(&plan));
    mr_shard *shard = test_shard(plan, 0);
    for (int i = 0; i < 120; i++) {
        (void)snprintf(users[i % 40], sizeof(users[0]), "u%d", i % 40);
        test_apply(shard,
                   test_event(MR_EVENT_VIEW, users[i % 40], items[(i * 3 + i / 40) % 8],
                              START_MS + i * HOUR_MS));
    }
    test_model_train(path, plan, &key, shard, 1, version);
    assert_ok(mr_models_activate(path, version, NULL));
    mr_shard_destroy(shard);
    mr_plan_destroy(plan);
}

static void make_values(const char *directory)
{
    mr_buffer bytes = {0};
    mr_hash_key key;
    init_key(&key);
    const mr_result result = result_of_alice();
    assert_ok(mr_result_encode(alice, &result, &bytes));
    make_file(directory, "result-1.bin", bytes.bytes, bytes.length);
    mr_buffer_clear(&bytes);
    const mr_user_state picture = state_of_alice();
    assert_ok(mr_user_state_encode(&key, alice, &picture, &bytes));
    make_file(directory, "state-1.bin", bytes.bytes, bytes.length);
    mr_buffer_clear(&bytes);
    encode_share(&bytes);
    make_file(directory, "share-2.bin", bytes.bytes, bytes.length);
    mr_buffer_deinit(&bytes);

    char text[MR_RECOMMENDATION_ID_TEXT_BYTES + 1];
    mr_signer *signer = NULL;
    const mr_recommendation_id id = shown_to_alice();
    assert_ok(
        mr_signer_create(deployment_secret, sizeof(deployment_secret) - 1, &signer));
    assert_ok(mr_recommendation_id_write(signer, &id, text));
    mr_signer_destroy(signer);
    (void)strcat(text, "\n");
    make_file(directory, "recommendation-id-1.txt", text, strlen(text));
}

static void make(const char *directory)
{
    static const char beginning[] =
        "{\"format\":1,\"topic_id\":\"0123456789abcdef\",\"partitions\":6}\n";
    static const char reader[] = "{\"format\":1,\"group\":\"millrace\",\"offset\":1234}";
    make_log(directory, "plain", false);
    make_log(directory, "zstd", true);
    make_values(directory);
    mr_buffer rows = {0};
    mr_buffer labels = {0};
    encode_day(&rows, &labels);
    make_file(directory, "day-1.rows", rows.bytes, rows.length);
    make_file(directory, "day-1.labels", labels.bytes, labels.length);
    mr_buffer_deinit(&rows);
    mr_buffer_deinit(&labels);
    make_file(directory, "beginning-1.json", beginning, sizeof(beginning) - 1);
    make_file(directory, "reader-1.json", reader, sizeof(reader) - 1);
    make_model(directory);
}

static const char *make_where;

static void make_what_is_not_there(void **state)
{
    (void)state;
    make(make_where);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--make") == 0) {
        make_where = argv[2];
        const struct CMUnitTest maker[] = {cmocka_unit_test(make_what_is_not_there)};
        return cmocka_run_group_tests(maker, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_segment_of_batches_as_they_are),
        cmocka_unit_test(test_a_segment_of_compressed_batches),
        cmocka_unit_test(test_the_recommendations_of_a_user),
        cmocka_unit_test(test_the_picture_of_a_user),
        cmocka_unit_test(test_a_share_of_what_is_trending),
        cmocka_unit_test(test_a_recommendation_id),
        cmocka_unit_test(test_the_notes_of_a_beginning_and_of_a_reader),
        cmocka_unit_test(test_a_day_and_its_labels),
        cmocka_unit_test(test_a_model_directory),
        cmocka_unit_test(test_a_newer_log_is_refused_naming_both_versions),
        cmocka_unit_test(test_a_newer_model_is_refused_naming_both_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

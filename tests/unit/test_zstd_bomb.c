/*
 * Method: batches that a stranger has put into a segment, with every checksum right, whose few bytes
 * of zstd become a gigabyte, or say that they will, or ask for a window of two.  Each is refused,
 * and the process grows by no more than 64 MB, by the kernel's own count.
 */
#include "tests/support.h"

#include "core/file.h"
#include "core/hash.h"
#include "ingest/log_segment.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <zstd.h>

enum { GROWTH_KB_MAX = 64 << 10, CHUNK = 1 << 20, CHUNKS = 1024 };

static int64_t peak_kb(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* A gigabyte of zeros; the frame says so or leaves its size open. */
static void put_bomb(mr_buffer *frame, bool says_size, int window_log)
{
    static uint8_t zeros[CHUNK];
    static uint8_t out[CHUNK];
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    assert_false(
        ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 1)));
    if (window_log > 0)
        assert_false(
            ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log)));
    if (says_size)
        assert_false(
            ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, (uint64_t)CHUNK * CHUNKS)));
    for (int i = 0; i < CHUNKS; i++) {
        ZSTD_inBuffer in = {zeros, CHUNK, 0};
        size_t left = 1;
        while (in.pos < in.size || (i == CHUNKS - 1 && left > 0)) {
            ZSTD_outBuffer to = {out, CHUNK, 0};
            left = ZSTD_compressStream2(context, &to, &in,
                                        i == CHUNKS - 1 ? ZSTD_e_end : ZSTD_e_continue);
            assert_false(ZSTD_isError(left));
            mr_buffer_put(frame, out, to.pos);
        }
    }
    assert_ok(mr_buffer_status(frame));
    (void)ZSTD_freeCCtx(context);
}

static void store_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

/* A batch with this body, of which the header says `raw_bytes`; every sum is right. */
static void forge(mr_buffer *batch, const mr_buffer *frame, uint32_t raw_bytes)
{
    const mr_batch_header header = {.record_count = 1, .synced = MR_SEGMENT_HEADER_BYTES};
    mr_buffer_clear(batch);
    assert_ok(mr_batch_encode(&header, MR_TEXT("x"), NULL, batch));
    batch->length = MR_BATCH_HEADER_BYTES;
    mr_buffer_put(batch, frame->bytes, frame->length);
    assert_ok(mr_buffer_status(batch));
    store_u32(&batch->bytes[8], (uint32_t)frame->length);
    store_u32(&batch->bytes[12], raw_bytes);
    store_u32(&batch->bytes[28], mr_crc32c(0, frame->bytes, frame->length));
    batch->bytes[48] = MR_CODEC_ZSTD;
    store_u32(&batch->bytes[4],
              mr_crc32c(0, &batch->bytes[8], MR_BATCH_HEADER_BYTES - 8));
}

static mr_status open_batch(const mr_buffer *batch, uint8_t *scratch)
{
    mr_batch_header header;
    mr_reader records;
    MR_TRY(mr_batch_header_decode(batch->bytes, batch->length, &header));
    const uint8_t *body = &batch->bytes[MR_BATCH_HEADER_BYTES];
    assert_ok(mr_batch_verify(&header, body));
    mr_batch_codecs *codecs = mr_batch_codecs_create();
    assert_non_null(codecs);
    const mr_status status = mr_batch_open(&header, body, codecs, scratch, &records);
    mr_batch_codecs_destroy(codecs);
    return status;
}

static void test_a_frame_that_becomes_a_gigabyte_is_refused_in_little_memory(void **state)
{
    (void)state;
    static uint8_t scratch[MR_BATCH_RAW_BYTES_MAX];
    mr_buffer frame = {0};
    mr_buffer batch = {0};
    for (int i = 0; i < 3; i++) {
        mr_buffer_clear(&frame);
        put_bomb(&frame, i == 1, i == 2 ? 23 : 0);
        assert_in_range(frame.length, 1000, MR_BATCH_RAW_BYTES_MAX - 1);
        const int64_t before_kb = peak_kb();
        forge(&batch, &frame, MR_BATCH_RAW_BYTES_MAX);
        assert_int_equal(open_batch(&batch, scratch), MR_ERR_CORRUPT);
        assert_true(peak_kb() - before_kb <= GROWTH_KB_MAX);
    }
    /* A header that owns up to it is refused before anything is unpacked. */
    forge(&batch, &frame, (uint32_t)1 << 30);
    assert_int_equal(open_batch(&batch, scratch), MR_ERR_CORRUPT);
    mr_buffer_deinit(&frame);
    mr_buffer_deinit(&batch);
}

static void test_a_frame_that_only_says_so_is_refused(void **state)
{
    (void)state;
    static uint8_t scratch[MR_BATCH_RAW_BYTES_MAX];
    /* Magic; single segment with a size of 8 bytes, 2^62; one empty last block. */
    static const uint8_t liar[] = {0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0,
                                   0,    0,    0,    0,    0x40, 1, 0, 0};
    /* Magic; a window of 2 GB and more (exponent 21); one empty last block. */
    static const uint8_t wide[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 1, 0, 0};
    mr_buffer frame = {0};
    mr_buffer batch = {0};
    const int64_t before_kb = peak_kb();
    mr_buffer_put(&frame, liar, sizeof(liar));
    forge(&batch, &frame, MR_BATCH_RAW_BYTES_MAX);
    assert_int_equal(open_batch(&batch, scratch), MR_ERR_CORRUPT);
    mr_buffer_clear(&frame);
    mr_buffer_put(&frame, wide, sizeof(wide));
    forge(&batch, &frame, MR_BATCH_RAW_BYTES_MAX);
    assert_int_equal(open_batch(&batch, scratch), MR_ERR_CORRUPT);
    assert_true(peak_kb() - before_kb <= GROWTH_KB_MAX);
    mr_buffer_deinit(&frame);
    mr_buffer_deinit(&batch);
}

static void append_raw(const char *path, const mr_buffer *bytes)
{
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes->bytes, 1, bytes->length, file), bytes->length);
    assert_int_equal(fclose(file), 0);
}

static void put_one(const char *directory)
{
    const mr_log_file_options options = {
        .path = directory, .topic = "t", .partitions = 1};
    const mr_log_entry entry = {.value = MR_TEXT("good")};
    mr_log *log = NULL;
    assert_ok(mr_log_open_file(&options, &log, NULL, NULL));
    assert_ok(mr_log_append(log, &entry, 1, NULL, NULL));
    mr_log_close(log);
}

/* The forged batch takes the place of the one that would come next. */
static void test_a_log_with_a_bomb_in_it_is_read_up_to_it(void **state)
{
    (void)state;
    char directory[] = "/tmp/millrace-bomb-XXXXXX";
    char path[128];
    mr_buffer frame = {0};
    mr_buffer batch = {0};
    assert_non_null(mkdtemp(directory));
    put_one(directory);
    put_bomb(&frame, false, 0);
    forge(&batch, &frame, MR_BATCH_RAW_BYTES_MAX);
    store_u32(&batch.bytes[16], 1); /* its base offset */
    store_u32(&batch.bytes[4], mr_crc32c(0, &batch.bytes[8], MR_BATCH_HEADER_BYTES - 8));
    (void)snprintf(path, sizeof(path), "%s/t/0/00000000000000000000.log", directory);
    append_raw(path, &batch);

    const int64_t before_kb = peak_kb();
    const mr_log_file_options options = {
        .path = directory, .topic = "t", .read_only = true};
    mr_log *log = NULL;
    mr_log_reader *reader = NULL;
    mr_log_batch read = {0};
    mr_status status = MR_OK;
    size_t records = 0;
    assert_ok(mr_log_open_file(&options, &log, NULL, NULL));
    assert_ok(mr_log_reader_open(log, &(mr_log_reader_options){0}, &reader, NULL));
    for (int i = 0; i < 10 && status == MR_OK; i++) {
        status = mr_log_reader_poll(reader, 10, &read);
        if (status == MR_OK && read.signal == MR_LOG_ASSIGNED)
            assert_ok(mr_log_reader_start(reader, 0, 0));
        records += status == MR_OK && read.signal == MR_LOG_RECORDS ? read.count : 0;
    }
    assert_int_equal(records, 1);
    assert_int_equal(status, MR_ERR_CORRUPT);
    assert_true(peak_kb() - before_kb <= GROWTH_KB_MAX);
    mr_log_reader_close(reader);
    mr_log_close(log);
    mr_buffer_deinit(&frame);
    mr_buffer_deinit(&batch);
    assert_ok(mr_directory_remove(directory, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_frame_that_becomes_a_gigabyte_is_refused_in_little_memory),
        cmocka_unit_test(test_a_frame_that_only_says_so_is_refused),
        cmocka_unit_test(test_a_log_with_a_bomb_in_it_is_read_up_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "features/day_file.h"

#include "core/hash.h"
#include "features/plan_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define ROWS_MAGIC 0x5357525941444d00ULL   /* "\0MDAYRWS" */
#define LABELS_MAGIC 0x4c424c5941444d00ULL /* "\0MDAYLBL" */

enum { COMPRESSION_LEVEL = 3, ID_BYTES_MIN = 2, CRC_BYTES = 4, NUMBERS_BYTES = 16 };

/* What a rows file says of its body. */
typedef struct body {
    uint32_t ids_bytes;
    uint32_t raw_bytes;
} body;

static void put_zeros_up_to(mr_buffer *buffer, size_t length)
{
    while (!buffer->failed && buffer->length < length)
        mr_buffer_put_u8(buffer, 0);
}

static void put_crc(mr_buffer *buffer, size_t start)
{
    if (!buffer->failed)
        mr_buffer_put_u32(buffer,
                          mr_crc32c(0, buffer->bytes + start, buffer->length - start));
}

/* -- rows ------------------------------------------------------------------------------------- */

static void put_number_columns(const mr_day_rows *rows, mr_buffer *raw)
{
    const mr_day_numbers *numbers = mr_day_rows_numbers(rows);
    for (uint32_t i = 0; i < rows->count; i++)
        mr_buffer_put_i64(raw, numbers[i].last_purchase_ms);
    for (uint32_t i = 0; i < rows->count; i++)
        mr_buffer_put_i64(raw, numbers[i].offset);
}

static void put_columns(const mr_day_rows *rows, mr_buffer *raw)
{
    for (uint32_t c = 0; c < rows->width; c++) {
        for (uint32_t i = 0; i < rows->count; i++) {
            uint32_t bits;
            memcpy(&bits, mr_day_rows_vector(rows, i) + c, sizeof(bits));
            mr_buffer_put_u32(raw, bits);
        }
    }
}

static void put_header(const mr_day_rows *rows, const body *b, mr_buffer *buffer)
{
    const size_t start = buffer->length;
    mr_buffer_put_u64(buffer, ROWS_MAGIC);
    mr_buffer_put_u32(buffer, MR_DAY_FILE_VERSION);
    mr_buffer_put_u32(buffer, MR_DAY_FILE_HEADER_BYTES);
    mr_buffer_put_u64(buffer, rows->plan_hash);
    mr_buffer_put_u32(buffer, rows->partition);
    mr_buffer_put_u32(buffer, rows->width);
    mr_buffer_put_i64(buffer, rows->day);
    mr_buffer_put_i64(buffer, rows->at_ms);
    mr_buffer_put_i64(buffer, rows->since_offset);
    mr_buffer_put_i64(buffer, rows->next_offset);
    mr_buffer_put_i64(buffer, rows->crossed_ms);
    mr_buffer_put_u32(buffer, rows->count);
    mr_buffer_put_u32(buffer, b->ids_bytes);
    mr_buffer_put_u32(buffer, b->raw_bytes);
    put_zeros_up_to(buffer, start + MR_DAY_FILE_HEADER_BYTES);
}

static mr_status put_packed(const mr_buffer *raw, mr_buffer *buffer)
{
    const size_t start = buffer->length;
    const size_t bound = ZSTD_compressBound(raw->length);
    void *end = mr_buffer_extend(buffer, bound);
    if (end == NULL)
        return MR_ERR_NO_MEMORY;
    const size_t packed = ZSTD_compress(end, bound, raw->length > 0 ? raw->bytes : end,
                                        raw->length, COMPRESSION_LEVEL);
    if (ZSTD_isError(packed))
        return MR_ERR_NO_MEMORY; /* the room is enough: nothing else can fail */
    buffer->length = start + packed;
    return MR_OK;
}

mr_status mr_day_file_encode(const mr_day_rows *rows, mr_buffer *buffer)
{
    const size_t start = buffer->length;
    const uint64_t raw_bytes =
        rows->ids.length +
        (uint64_t)rows->count * (NUMBERS_BYTES + sizeof(float) * rows->width);
    if (raw_bytes > MR_DAY_FILE_RAW_BYTES_MAX)
        return MR_ERR_FULL;
    const body b = {(uint32_t)rows->ids.length, (uint32_t)raw_bytes};
    mr_buffer raw = {0};
    mr_buffer_put(&raw, rows->ids.bytes, rows->ids.length);
    put_number_columns(rows, &raw);
    put_columns(rows, &raw);
    put_header(rows, &b, buffer);
    mr_status status = mr_buffer_status(&raw);
    if (status == MR_OK)
        status = put_packed(&raw, buffer);
    mr_buffer_deinit(&raw);
    MR_TRY(status);
    put_crc(buffer, start);
    return mr_buffer_status(buffer);
}

static mr_status corrupt(mr_error *error, const char *why)
{
    return mr_error_set(error, MR_ERR_CORRUPT, "%s", why);
}

/* What both kinds of file begin and end with. */
static mr_status check_frame(const void *data, size_t bytes, uint64_t magic,
                             uint32_t version, uint32_t header_bytes, uint32_t *ret_crc,
                             mr_error *error)
{
    if (bytes < header_bytes + CRC_BYTES)
        return corrupt(error, "shorter than its header");
    mr_reader reader = mr_reader_of(data, bytes);
    if (mr_reader_u64(&reader) != magic)
        return corrupt(error, "not a file of a day");
    const uint32_t found = mr_reader_u32(&reader);
    if (found == 0)
        return corrupt(error, "of no version");
    if (found > version)
        return mr_error_set(error, MR_ERR_INVALID,
                            "of version %u, this program reads up to %u", found, version);
    mr_reader end = mr_reader_of((const uint8_t *)data + bytes - CRC_BYTES, CRC_BYTES);
    *ret_crc = mr_reader_u32(&end);
    if (mr_reader_u32(&reader) != header_bytes ||
        *ret_crc != mr_crc32c(0, data, bytes - CRC_BYTES))
        return corrupt(error, "its checksum is wrong");
    return MR_OK;
}

static bool is_time(int64_t time_ms)
{
    return time_ms >= 0 || time_ms == MR_TIME_NONE;
}

static mr_status get_header(mr_reader *reader, mr_day_rows *rows, body *b,
                            mr_error *error)
{
    rows->plan_hash = mr_reader_u64(reader);
    rows->partition = mr_reader_u32(reader);
    rows->width = mr_reader_u32(reader);
    rows->day = mr_reader_i64(reader);
    rows->at_ms = mr_reader_i64(reader);
    rows->since_offset = mr_reader_i64(reader);
    rows->next_offset = mr_reader_i64(reader);
    rows->crossed_ms = mr_reader_i64(reader);
    rows->count = mr_reader_u32(reader);
    b->ids_bytes = mr_reader_u32(reader);
    b->raw_bytes = mr_reader_u32(reader);
    const uint64_t fixed = NUMBERS_BYTES + sizeof(float) * (uint64_t)rows->width;
    if (reader->failed || rows->width > MR_PLAN_COLUMNS_MAX || rows->day < 0 ||
        rows->at_ms < 0 || rows->since_offset < 0 ||
        rows->next_offset < rows->since_offset || rows->crossed_ms <= rows->at_ms ||
        b->raw_bytes > MR_DAY_FILE_RAW_BYTES_MAX ||
        b->raw_bytes != b->ids_bytes + rows->count * fixed ||
        b->ids_bytes < (uint64_t)rows->count * ID_BYTES_MIN ||
        (rows->count == 0 && b->ids_bytes > 0))
        return corrupt(error, "its header's fields do not fit");
    return MR_OK;
}

/* The first `wanted` bytes of the frame; of the whole of it, no more may follow. */
static mr_status unpack(const uint8_t *packed, size_t packed_bytes, const body *b,
                        size_t wanted, uint8_t *raw, mr_error *error)
{
    if (ZSTD_getFrameContentSize(packed, packed_bytes) != b->raw_bytes ||
        ZSTD_findFrameCompressedSize(packed, packed_bytes) != packed_bytes)
        return corrupt(error, "its body is not the one frame it says");
    ZSTD_DStream *stream = ZSTD_createDStream();
    if (stream == NULL)
        return MR_ERR_NO_MEMORY;
    ZSTD_inBuffer in = {packed, packed_bytes, 0};
    ZSTD_outBuffer out = {raw, wanted, 0};
    size_t left = 1;
    while (out.pos < out.size && left != 0) {
        const size_t read_before = in.pos;
        const size_t made_before = out.pos;
        left = ZSTD_decompressStream(stream, &out, &in);
        if (ZSTD_isError(left) || (in.pos == read_before && out.pos == made_before))
            break;
    }
    const bool is_whole = out.pos == wanted && !ZSTD_isError(left);
    (void)ZSTD_freeDStream(stream);
    return is_whole ? MR_OK : corrupt(error, "its body cannot be unpacked");
}

static mr_status get_ids(mr_reader *reader, uint32_t bytes, mr_day_rows *rows,
                         mr_error *error)
{
    const void *ids = mr_reader_bytes(reader, bytes);
    mr_reader walk = mr_reader_of(ids, bytes);
    for (uint32_t i = 0; i < rows->count; i++) {
        const uint8_t length = mr_reader_u8(&walk);
        if (mr_reader_bytes(&walk, length) == NULL || length == 0)
            return corrupt(error, "its ids do not fit");
    }
    if (walk.position != bytes)
        return corrupt(error, "its ids do not fit");
    mr_buffer_put(&rows->ids, ids, bytes);
    return mr_buffer_status(&rows->ids);
}

static mr_status get_numbers(mr_reader *reader, mr_day_rows *rows, mr_error *error)
{
    mr_day_numbers *numbers =
        mr_buffer_extend(&rows->numbers, rows->count * sizeof(*numbers));
    if (numbers == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < rows->count; i++)
        numbers[i].last_purchase_ms = mr_reader_i64(reader);
    for (uint32_t i = 0; i < rows->count; i++) {
        numbers[i].offset = mr_reader_i64(reader);
        if (!is_time(numbers[i].last_purchase_ms) ||
            numbers[i].offset < rows->since_offset ||
            numbers[i].offset >= rows->next_offset)
            return corrupt(error, "a row's numbers do not fit");
    }
    return MR_OK;
}

static mr_status get_columns(mr_reader *reader, mr_day_rows *rows, mr_error *error)
{
    const size_t values = (size_t)rows->count * rows->width;
    if (values == 0)
        return MR_OK;
    float *vectors = mr_buffer_extend(&rows->vectors, values * sizeof(*vectors));
    if (vectors == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t c = 0; c < rows->width; c++) {
        for (uint32_t i = 0; i < rows->count; i++) {
            const uint32_t bits = mr_reader_u32(reader);
            float *value = &vectors[(size_t)i * rows->width + c];
            memcpy(value, &bits, sizeof(bits));
            if (!isfinite(*value))
                return corrupt(error, "a value is not finite");
        }
    }
    return MR_OK;
}

static mr_status get_body(mr_reader *file, const body *b, mr_day_part part,
                          mr_day_rows *rows, mr_error *error)
{
    const size_t wanted = part == MR_DAY_ALL
                              ? b->raw_bytes
                              : b->ids_bytes + (size_t)rows->count * NUMBERS_BYTES;
    const size_t packed_bytes = file->length - CRC_BYTES - MR_DAY_FILE_HEADER_BYTES;
    uint8_t *raw = malloc(wanted + 1);
    if (raw == NULL)
        return MR_ERR_NO_MEMORY;
    mr_status status = unpack(file->bytes + MR_DAY_FILE_HEADER_BYTES, packed_bytes, b,
                              wanted, raw, error);
    mr_reader reader = mr_reader_of(raw, wanted);
    if (status == MR_OK && rows->count > 0)
        status = get_ids(&reader, b->ids_bytes, rows, error);
    if (status == MR_OK && rows->count > 0)
        status = get_numbers(&reader, rows, error);
    if (status == MR_OK && rows->count > 0 && part == MR_DAY_ALL)
        status = get_columns(&reader, rows, error);
    free(raw);
    return status;
}

mr_status mr_day_file_decode(const void *data, size_t bytes, mr_day_part part,
                             mr_day_rows *ret_rows, uint32_t *ret_crc,
                             mr_error *ret_error)
{
    mr_day_rows rows = {0};
    body b;
    MR_TRY(check_frame(data, bytes, ROWS_MAGIC, MR_DAY_FILE_VERSION,
                       MR_DAY_FILE_HEADER_BYTES, ret_crc, ret_error));
    mr_reader reader = mr_reader_of(data, bytes);
    reader.position = 16;
    MR_TRY(get_header(&reader, &rows, &b, ret_error));
    const mr_status status =
        part == MR_DAY_HEAD ? MR_OK : get_body(&reader, &b, part, &rows, ret_error);
    if (status != MR_OK) {
        mr_day_rows_deinit(&rows);
        return status;
    }
    *ret_rows = rows;
    return MR_OK;
}

/* -- labels ----------------------------------------------------------------------------------- */

void mr_day_labels_encode(const mr_day_labels *labels, mr_buffer *buffer)
{
    const size_t start = buffer->length;
    mr_buffer_put_u64(buffer, LABELS_MAGIC);
    mr_buffer_put_u32(buffer, MR_DAY_LABELS_VERSION);
    mr_buffer_put_u32(buffer, MR_DAY_LABELS_HEADER_BYTES);
    mr_buffer_put_u32(buffer, labels->partition);
    mr_buffer_put_u32(buffer, labels->window_days);
    mr_buffer_put_i64(buffer, labels->day);
    mr_buffer_put_u32(buffer, labels->rows_crc);
    mr_buffer_put_u32(buffer, labels->count);
    put_zeros_up_to(buffer, start + MR_DAY_LABELS_HEADER_BYTES);
    mr_buffer_put(buffer, labels->labels, labels->count);
    put_crc(buffer, start);
}

mr_status mr_day_labels_decode(const void *data, size_t bytes, mr_day_labels *ret_labels,
                               mr_error *ret_error)
{
    uint32_t crc;
    MR_TRY(check_frame(data, bytes, LABELS_MAGIC, MR_DAY_LABELS_VERSION,
                       MR_DAY_LABELS_HEADER_BYTES, &crc, ret_error));
    mr_reader reader = mr_reader_of(data, bytes - CRC_BYTES);
    reader.position = 16;
    mr_day_labels labels = {.partition = mr_reader_u32(&reader),
                            .window_days = mr_reader_u32(&reader)};
    labels.day = mr_reader_i64(&reader);
    labels.rows_crc = mr_reader_u32(&reader);
    labels.count = mr_reader_u32(&reader);
    reader.position = MR_DAY_LABELS_HEADER_BYTES;
    labels.labels = mr_reader_bytes(&reader, labels.count);
    if (reader.failed || reader.position != reader.length || labels.window_days == 0 ||
        labels.day < 0)
        return corrupt(ret_error, "its header's fields do not fit");
    for (uint32_t i = 0; i < labels.count; i++)
        if (labels.labels[i] > MR_LABEL_LOST)
            return corrupt(ret_error, "a label is none");
    *ret_labels = labels;
    return MR_OK;
}

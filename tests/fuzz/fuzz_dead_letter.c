/*
 * Target: a dead letter that comes back.
 *
 * The input is cut into key, value and headers, each with its length in a byte before it (the
 * value has two), as somebody's record in the dead letters topic.  What reads as a letter is
 * restored and made a letter again, which must say the same; nothing points outside the input.
 */
#include "core/assert.h"
#include "ingest/dead_letter.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct input {
    const uint8_t *data;
    size_t left;
} input;

static mr_text take(input *in, size_t bytes)
{
    const size_t length = bytes < in->left ? bytes : in->left;
    const mr_text text = {(const char *)in->data, (uint32_t)length};
    in->data += length;
    in->left -= length;
    return text;
}

static size_t take_number(input *in)
{
    const mr_text byte = take(in, 1);
    return byte.length == 1 ? (uint8_t)byte.bytes[0] : 0;
}

/* The five names of a letter are what matters: a small number stands for each. */
static mr_text take_name(input *in)
{
    static const char *const names[] = {"mr-reason", "mr-topic", "mr-partition",
                                        "mr-offset", "mr-time",  "mr-control"};
    const size_t number = take_number(in);
    return number < sizeof(names) / sizeof(names[0]) ? mr_text_from(names[number])
                                                     : take(in, number);
}

static bool is_letters_own(mr_text name)
{
    return mr_text_is(name, "mr-reason") || mr_text_is(name, "mr-topic") ||
           mr_text_is(name, "mr-partition") || mr_text_is(name, "mr-offset") ||
           mr_text_is(name, "mr-time");
}

static void check_restored(const mr_log_record *record,
                           const mr_dead_letter_source *source)
{
    mr_dead_letter letter;
    mr_log_entry entry;
    MR_ASSERT(mr_dead_letter_restore(&letter, record, &entry) == MR_OK);
    MR_ASSERT(mr_text_equal(entry.key, record->key));
    MR_ASSERT(mr_text_equal(entry.value, record->value));
    /* A time before the epoch is none: the log stamps it. */
    MR_ASSERT(entry.time_ms == (source->time_ms > 0 ? source->time_ms : 0));
    MR_ASSERT(entry.header_count <= record->header_count);
    for (uint32_t i = 0; i < entry.header_count; i++)
        MR_ASSERT(!is_letters_own(entry.headers[i].name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size};
    mr_log_header headers[MR_LOG_HEADERS_MAX];
    mr_log_record record = {.offset = 3, .time_ms = 1700000000000, .headers = headers};
    record.key = take(&in, take_number(&in));
    const size_t high = take_number(&in);
    record.value = take(&in, high * 256 + take_number(&in));
    while (in.left > 0 && record.header_count < MR_LOG_HEADERS_MAX) {
        const mr_text name = take_name(&in);
        headers[record.header_count++] =
            (mr_log_header){name, take(&in, take_number(&in))};
    }
    mr_dead_letter_source source;
    const mr_status status = mr_dead_letter_read(&record, &source);
    MR_ASSERT(status == MR_OK || status == MR_ERR_CORRUPT);
    if (status == MR_OK)
        check_restored(&record, &source);
    return 0;
}

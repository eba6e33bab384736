#include "ingest/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { REASON, TOPIC, PARTITION, OFFSET, TIME };

static const char *const names[MR_DEAD_LETTER_HEADERS] = {
    [REASON] = "mr-reason", [TOPIC] = "mr-topic", [PARTITION] = "mr-partition",
    [OFFSET] = "mr-offset", [TIME] = "mr-time",
};

/* Which of our headers it is; MR_DEAD_LETTER_HEADERS when it is the record's own. */
static size_t own_header(mr_text name)
{
    size_t i = 0;
    while (i < MR_DEAD_LETTER_HEADERS && !mr_text_is(name, names[i]))
        i++;
    return i;
}

/* Copy the record's own headers, at most `room`. */
static uint32_t copy_headers(const mr_log_record *record, mr_log_header *ret_headers,
                             uint32_t room)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < record->header_count && count < room; i++) {
        if (own_header(record->headers[i].name) == MR_DEAD_LETTER_HEADERS)
            ret_headers[count++] = record->headers[i];
    }
    return count;
}

static mr_text number_text(char text[MR_DEAD_LETTER_NUMBER_BYTES], int64_t number)
{
    (void)snprintf(text, MR_DEAD_LETTER_NUMBER_BYTES, "%" PRId64, number);
    return mr_text_from(text);
}

void mr_dead_letter_entry(mr_dead_letter *letter, const mr_log_record *record,
                          const char *topic, uint32_t partition, const char *reason,
                          mr_log_entry *ret_entry)
{
    const mr_text values[MR_DEAD_LETTER_HEADERS] = {
        [REASON] = mr_text_from(reason),
        [TOPIC] = mr_text_from(topic),
        [PARTITION] = number_text(letter->numbers[PARTITION], partition),
        [OFFSET] = number_text(letter->numbers[OFFSET], record->offset),
        [TIME] = number_text(letter->numbers[TIME], record->time_ms),
    };
    for (size_t i = 0; i < MR_DEAD_LETTER_HEADERS; i++)
        letter->headers[i] =
            (mr_log_header){.name = mr_text_from(names[i]), .value = values[i]};
    const uint32_t copied = copy_headers(record, &letter->headers[MR_DEAD_LETTER_HEADERS],
                                         MR_LOG_HEADERS_MAX - MR_DEAD_LETTER_HEADERS);
    *ret_entry = (mr_log_entry){
        .partition = MR_LOG_ANY_PARTITION,
        .key = record->key,
        .value = record->value,
        .headers = letter->headers,
        .header_count = MR_DEAD_LETTER_HEADERS + copied,
    };
}

mr_status mr_dead_letter_read(const mr_log_record *record,
                              mr_dead_letter_source *ret_source)
{
    mr_text values[MR_DEAD_LETTER_HEADERS] = {{0}};
    for (uint32_t i = 0; i < record->header_count; i++) {
        const size_t own = own_header(record->headers[i].name);
        if (own < MR_DEAD_LETTER_HEADERS)
            values[own] = record->headers[i].value;
    }
    int64_t partition;
    mr_dead_letter_source source = {.reason = values[REASON], .topic = values[TOPIC]};
    if (source.reason.length == 0 || source.topic.length == 0)
        return MR_ERR_CORRUPT;
    MR_TRY(mr_text_to_int64(values[PARTITION], &partition));
    MR_TRY(mr_text_to_int64(values[OFFSET], &source.offset));
    MR_TRY(mr_text_to_int64(values[TIME], &source.time_ms));
    if (partition < 0 || partition >= UINT32_MAX || source.offset < 0)
        return MR_ERR_CORRUPT;
    source.partition = (uint32_t)partition;
    *ret_source = source;
    return MR_OK;
}

mr_status mr_dead_letter_restore(mr_dead_letter *letter, const mr_log_record *record,
                                 mr_log_entry *ret_entry)
{
    mr_dead_letter_source source;
    MR_TRY(mr_dead_letter_read(record, &source));
    const uint32_t count = copy_headers(record, letter->headers, MR_LOG_HEADERS_MAX);
    *ret_entry = (mr_log_entry){
        .partition = MR_LOG_ANY_PARTITION,
        .key = record->key,
        .value = record->value,
        .headers = letter->headers,
        .header_count = count,
        .time_ms = source.time_ms > 0 ? source.time_ms : 0,
    };
    return MR_OK;
}

/*
 * What may lie where a day's file is looked for: anything at all.
 *
 * Invariants: decoding reads only the file, whole or in part, and what it takes is written again
 * and read as the same rows; labels likewise.  A checksum would keep a fuzzer out, so a file is
 * also tried with its last four bytes made the right sum.
 */
#include "core/hash.h"
#include "features/day_file.h"

#include <stdlib.h>
#include <string.h>

enum { CRC_BYTES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool same(const mr_buffer *a, const mr_buffer *b)
{
    return a->length == b->length &&
           (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static void try_again(const mr_day_rows *rows)
{
    mr_buffer written = {0};
    mr_day_rows again = {0};
    uint32_t crc;
    require(mr_day_file_encode(rows, &written) == MR_OK);
    require(mr_day_file_decode(written.bytes, written.length, MR_DAY_ALL, &again, &crc,
                               NULL) == MR_OK);
    require(again.count == rows->count && again.day == rows->day &&
            same(&again.ids, &rows->ids) && same(&again.numbers, &rows->numbers) &&
            same(&again.vectors, &rows->vectors));
    mr_day_rows_deinit(&again);
    mr_buffer_deinit(&written);
}

static void try_rows(const uint8_t *file, size_t size)
{
    for (int part = MR_DAY_HEAD; part <= MR_DAY_ALL; part++) {
        mr_day_rows rows = {0};
        mr_error error;
        uint32_t crc;
        if (mr_day_file_decode(file, size, (mr_day_part)part, &rows, &crc, &error) !=
            MR_OK)
            continue;
        mr_text *ids = part > MR_DAY_HEAD ? mr_day_rows_ids(&rows) : NULL;
        for (uint32_t i = 0; ids != NULL && i < rows.count; i++)
            require(ids[i].length > 0);
        free(ids);
        if (part == MR_DAY_ALL)
            try_again(&rows);
        mr_day_rows_deinit(&rows);
    }
}

static void try_labels(const uint8_t *file, size_t size)
{
    mr_day_labels labels;
    mr_buffer written = {0};
    if (mr_day_labels_decode(file, size, &labels, NULL) != MR_OK)
        return;
    mr_day_labels_encode(&labels, &written);
    mr_day_labels again;
    require(mr_day_labels_decode(written.bytes, written.length, &again, NULL) == MR_OK);
    require(again.count == labels.count && again.window_days == labels.window_days);
    mr_buffer_deinit(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = calloc(1, size + 1);
    require(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    try_rows(copy, size);
    try_labels(copy, size);
    if (size >= CRC_BYTES) {
        const uint32_t crc = mr_crc32c(0, copy, size - CRC_BYTES);
        for (int i = 0; i < CRC_BYTES; i++)
            copy[size - CRC_BYTES + (size_t)i] = (uint8_t)(crc >> (8 * i));
        try_rows(copy, size);
        try_labels(copy, size);
    }
    free(copy);
    return 0;
}

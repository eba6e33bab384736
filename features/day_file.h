/*
 * Day file: day rows, and which of them were lost, as bytes.
 *
 * A `.rows` file is a header, one zstd frame and a checksum over both: ids first, then the two
 * numbers of each row, then column after column, so that who needs no columns stops before them.
 * A `.labels` file names the rows file it belongs to by that checksum, and has a byte a row.
 * docs/FORMATS.md has every field.
 *
 * Units      Sizes in bytes, windows in days.
 * Ownership  Buffers are the caller's; decoded rows own their memory.
 * Threads    Any: nothing here is shared.
 * Cost       zstd level 3 and one CRC32C pass.
 */
#ifndef MR_FEATURES_DAY_FILE_H
#define MR_FEATURES_DAY_FILE_H

#include "features/day_rows.h"

enum {
    MR_DAY_FILE_VERSION = 1,
    MR_DAY_LABELS_VERSION = 1,
    MR_DAY_FILE_HEADER_BYTES = 128,
    MR_DAY_LABELS_HEADER_BYTES = 64,
    MR_DAY_FILE_RAW_BYTES_MAX = 1 << 30,
};

/* What a label says. */
typedef enum mr_day_label {
    MR_LABEL_STAYED = 0,  /* bought within the window after the day */
    MR_LABEL_LOST = 1,    /* did not                                */
    MR_LABEL_UNKNOWN = 2, /* the window is not over; never in a file */
} mr_day_label;

/* Append the file.  MR_ERR_FULL: larger than MR_DAY_FILE_RAW_BYTES_MAX; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_day_file_encode(const mr_day_rows *rows, mr_buffer *buffer);

typedef enum mr_day_part {
    MR_DAY_HEAD,      /* the fixed fields alone  */
    MR_DAY_CUSTOMERS, /* ids and numbers, too    */
    MR_DAY_ALL,
} mr_day_part;

/* MR_ERR_CORRUPT with the reason; MR_ERR_INVALID for a newer version; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_day_file_decode(const void *data, size_t bytes, mr_day_part part,
                                         mr_day_rows *ret_rows, uint32_t *ret_crc,
                                         mr_error *ret_error);

typedef struct mr_day_labels {
    uint32_t partition;
    uint32_t window_days;
    int64_t day;
    uint32_t rows_crc; /* of the rows file */
    uint32_t count;
    const uint8_t *labels; /* lent: mr_day_label of each row */
} mr_day_labels;

void mr_day_labels_encode(const mr_day_labels *labels, mr_buffer *buffer);

/* Labels are lent by the data.  As mr_day_file_decode(). */
MR_MUST_USE mr_status mr_day_labels_decode(const void *data, size_t bytes,
                                           mr_day_labels *ret_labels,
                                           mr_error *ret_error);

#endif

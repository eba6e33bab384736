/*
 * Day files: a partition's days on disk, and the labels that later days give them.
 *
 * The checkpoint thread writes the rows of a day (features/day_rows.h) before the checkpoint that
 * passes its cut: after a crash in between the same cut is made again, from the log, and the same
 * bytes are written.
 *
 * A customer of day D is lost when no purchase follows within the window: when the latest one, as
 * of the cut at midnight(D + 1 + window), is before midnight(D + 1).  Every purchase touches its
 * user's row and a day's cut is also the cut of every midnight up to the record that made it, so
 * the rows of the days D + 1 to D + window say all there is to know, once a file says that its
 * record had reached that midnight.  Then the labels of D are written beside its rows; files whose
 * labels are due and absent are looked for each time a day is written and once after a start, so
 * that a crash in between costs nothing.
 *
 * Units      Days of the plan's zone; windows and ages in days.
 * Ownership  Borrows its texts and the zone.
 * Threads    Writing: the checkpoint thread.  Reading: any process.
 * Cost       Writing a day: its bytes, and for each day whose labels fall due ids and numbers of
 *            the days of its window.
 */
#ifndef MR_APP_DAY_FILES_H
#define MR_APP_DAY_FILES_H

#include "features/day_file.h"
#include "features/time_zone.h"

typedef struct mr_day_files {
    const char *state_path;
    const char *topic;
    const mr_time_zone *zone;
    int64_t
        retention_days; /* older files, against the newest, are removed; 0: no day files */
    uint32_t window_days; /* of labels */
} mr_day_files;

/*
 * Before the first write of a process: the partition's directory, durable whoever made it, and the
 * labels that an earlier process left due.
 */
MR_MUST_USE mr_status mr_day_files_prepare(const mr_day_files *files, uint32_t partition,
                                           mr_error *ret_error);

/* Write the rows of a day, the labels that are due, and remove what is too old. */
MR_MUST_USE mr_status mr_day_files_write(const mr_day_files *files,
                                         const mr_day_rows *rows, mr_error *ret_error);

typedef struct mr_day_list {
    int64_t *days; /* ascending */
    size_t count;
} mr_day_list;

/* The days of which the partition has rows, to be freed.  None: an empty list. */
MR_MUST_USE mr_status mr_day_files_list(const mr_day_files *files, uint32_t partition,
                                        mr_day_list *ret_list, mr_error *ret_error);
void mr_day_list_deinit(mr_day_list *list);

/* How many partitions there may be days of: one more than the highest with a directory. */
MR_MUST_USE mr_status mr_day_files_partitions(const mr_day_files *files,
                                              uint32_t *ret_count, mr_error *ret_error);

/* MR_ERR_NOT_FOUND: there is no such day. */
MR_MUST_USE mr_status mr_day_files_read(const mr_day_files *files, uint32_t partition,
                                        int64_t day, mr_day_part part,
                                        mr_day_rows *ret_rows, uint32_t *ret_crc,
                                        mr_error *ret_error);

/*
 * A label for each of the rows, of `files->window_days`: out of the file beside them when it is of
 * that window, else from the days that followed.  `ret_labels` has room for all.
 */
MR_MUST_USE mr_status mr_day_files_labels_of(const mr_day_files *files,
                                             const mr_day_rows *rows, uint32_t crc,
                                             uint8_t *ret_labels, mr_error *ret_error);

#endif

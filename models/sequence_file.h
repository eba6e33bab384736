/*
 * Sequence file: the text files in which ordered data is handed around.
 *
 * Three shapes: users with their items in order, sessions with theirs, and a log of one event a
 * row.  Ids are any text without blanks; items are numbered by first appearance in a table that
 * the caller keeps from the training file to the test file, so that an item only the test file
 * has stands above all that can be learnt and cannot be found.
 *
 * Units      Times in seconds since the epoch; lines counted from 1.
 * Ownership  Lists are the caller's once read; nothing is kept of the file.
 * Threads    Owner-only: the table grows.
 * Cost       One pass and a probe an id; users and logs are sorted as well, 24 bytes an event.
 *
 * Everywhere empty lines are passed over, lines may end in CR LF and the last need not end; a
 * byte-order mark is not an id.  MR_ERR_NOT_FOUND and MR_ERR_UNAVAILABLE for the file,
 * MR_ERR_CORRUPT naming file and line, MR_ERR_FULL past 4 GiB or 2^32 - 2 events, MR_ERR_NO_MEMORY.
 */
#ifndef MR_MODELS_SEQUENCE_FILE_H
#define MR_MODELS_SEQUENCE_FILE_H

#include "core/id_table.h"
#include "core/status.h"
#include "models/sequences.h"

/* An empty table of items. */
MR_MUST_USE mr_status mr_sequence_file_items(mr_id_table **ret_items);

/* `user item item …`: a sequence a user in order of first appearance; a user's further lines
 * continue the first.  A user without items has no sequence. */
MR_MUST_USE mr_status mr_sequence_file_read_users(const char *path, mr_id_table *items,
                                                  mr_sequence_list *ret_list,
                                                  mr_error *ret_error);

/* `item item …`: a sequence a line. */
MR_MUST_USE mr_status mr_sequence_file_read_sessions(const char *path, mr_id_table *items,
                                                     mr_sequence_list *ret_list,
                                                     mr_error *ret_error);

/* `item item …<TAB>item`: what was known, and in `ret_next`, as a sequence of one, what came
 * next.  The last tab of the line is the border. */
MR_MUST_USE mr_status mr_sequence_file_read_examples(const char *path, mr_id_table *items,
                                                     mr_sequence_list *ret_given,
                                                     mr_sequence_list *ret_next,
                                                     mr_error *ret_error);

/*
 * A header with SessionId, ItemId and Time (case, `_` and what follows a `:` do not matter; other
 * columns are passed over), then an event a row, separated by commas, semicolons or tabs.
 *
 * A session is the rows of one id, wherever they stand, by time and then by row; sessions come in
 * order of their last event and then of their first row.  Times are seconds, with a fraction or
 * not, milliseconds when beyond 2^32, or dates as in core/text.h; the list has them in whole
 * seconds.
 */
MR_MUST_USE mr_status mr_sequence_file_read_log(const char *path, mr_id_table *items,
                                                mr_sequence_list *ret_list,
                                                mr_error *ret_error);

#endif

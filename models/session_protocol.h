/*
 * Session protocol: what is clicked next.
 *
 * Sessions to learn from, and questions: what follows these clicks?  In the format `prefix` the
 * test file holds the questions ready made; in `log` each place of a test session but its first
 * is one, given what came before it in the session.  Repeats are asked for as they come.
 *
 * Units      Metrics hr@20 and mrr@20, as fractions.  Counts sessions, items and train (events) of
 *            the training file, test_sessions (of a log), test (questions), unseen (targets that
 *            training lacks, which are misses), tries.
 * Ownership  Options are borrowed for the call; the result is a value.
 * Threads    One caller; work is spread over a pool of its own.
 * Cost       The ranker's; a question of a log copies what was given, of which the last
 *            MR_SESSION_GIVEN_MAX are kept.
 */
#ifndef MR_MODELS_SESSION_PROTOCOL_H
#define MR_MODELS_SESSION_PROTOCOL_H

#include "models/ranking_protocol.h"

enum { MR_SESSION_GIVEN_MAX = 512 };

typedef enum mr_session_format {
    MR_SESSION_PREFIX = 0, /* `item item …`; `item item …<TAB>item`    */
    MR_SESSION_LOG,        /* rows of SessionId, ItemId, Time, a header */
} mr_session_format;

typedef struct mr_session_options {
    const char *train_path;
    const char *test_path;
    mr_session_format format;
    mr_ranking_options ranking;
} mr_session_options;

/* "prefix" or "log"; MR_ERR_INVALID for another name. */
MR_MUST_USE mr_status mr_session_format_from(const char *name,
                                             mr_session_format *ret_format);

/* MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE, MR_ERR_CORRUPT and MR_ERR_FULL for files; otherwise as
 * mr_ranking_protocol_run(). */
MR_MUST_USE mr_status mr_session_protocol_run(const mr_session_options *options,
                                              mr_ranking_result *ret_result,
                                              mr_error *ret_error);

#endif

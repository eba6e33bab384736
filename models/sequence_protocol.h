/*
 * Sequence protocol: leave the last one out.
 *
 * A file of `user item item …` in order.  All but the last item of each user may be learnt from;
 * then each user is asked for the last, which is ranked among all items of the file.  A user of one item
 * is learnt from and not asked.  [Kang and McAuley 2018, with full ranking]
 *
 * Units      Metrics hr@5, hr@10, hr@20, ndcg@5, ndcg@10, ndcg@20.  Counts users, items, train
 *            (events), test (questions), tries.
 * Ownership  Options are borrowed for the call; the result is a value.
 * Threads    One caller; work is spread over a pool of its own.
 * Cost       The ranker's.
 */
#ifndef MR_MODELS_SEQUENCE_PROTOCOL_H
#define MR_MODELS_SEQUENCE_PROTOCOL_H

#include "models/ranking_protocol.h"

typedef struct mr_sequence_options {
    const char *data_path;
    mr_ranking_options ranking;
} mr_sequence_options;

/* MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE, MR_ERR_CORRUPT and MR_ERR_FULL for the file; otherwise as
 * mr_ranking_protocol_run(). */
MR_MUST_USE mr_status mr_sequence_protocol_run(const mr_sequence_options *options,
                                               mr_ranking_result *ret_result,
                                               mr_error *ret_error);

#endif

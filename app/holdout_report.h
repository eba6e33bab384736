/*
 * Hold-out report: what a model of the past would have been worth to the customers that came
 * back.
 *
 * The log is replayed to the cut; the histories there are a training set of their own, and a
 * model trained on them, with everything it chooses, is asked for each customer's list at that
 * moment, from the newest history items a live request would have.  Judged on what was bought
 * afterwards, beside two lists that need no model: the most popular items, under the same rule on
 * repeats, and the customer's own items of that history, the most frequent first.
 *
 * Two questions: all purchases, where a shop with loyal customers is largely asked to remind;
 * and new items only, where everything a customer had before is left out of lists and truth.
 *
 * Units      Recall, NDCG and hit rate as in models/ranking_metrics.h, of lists of
 *            MR_HOLDOUT_REPORT_K.
 * Ownership  The report owns the rows and the purchases it collects.
 * Threads    Owner-only.
 * Cost       Measuring: four lists a customer, at most MR_HOLDOUT_REPORT_USERS_MAX of them.
 */
#ifndef MR_APP_HOLDOUT_REPORT_H
#define MR_APP_HOLDOUT_REPORT_H

#include "app/training_set.h"
#include "core/event.h"
#include "core/json.h"
#include "models/ranking_metrics.h"
#include "models/recommender.h"

#include <stdbool.h>
#include <stdio.h>

enum {
    MR_HOLDOUT_REPORT_K = 20,
    MR_HOLDOUT_REPORT_USERS_MAX = 20000, /* evenly picked when there are more */
};

typedef struct mr_holdout_report mr_holdout_report;

MR_MUST_USE mr_status mr_holdout_report_create(const mr_hash_key *key, int64_t cut_ms,
                                               mr_holdout_report **ret_report);
void mr_holdout_report_destroy(mr_holdout_report *report); /* NULL allowed */

/* Rows are another shard's from now on, and its cut is still to come. */
void mr_holdout_report_next_partition(mr_holdout_report *report);

/* The shard as it stands at the cut: its histories are what the model may learn from. */
MR_MUST_USE mr_status mr_holdout_report_cut(mr_holdout_report *report,
                                            const mr_shard *shard);

/* What has just been applied; before the cut nothing is taken. */
MR_MUST_USE mr_status mr_holdout_report_applied(mr_holdout_report *report,
                                                const mr_shard *shard,
                                                const mr_event_batch *batch);

/* After the last partition: the rows before the cut, finished; lent. */
MR_MUST_USE mr_status mr_holdout_report_finish(mr_holdout_report *report,
                                               const mr_training_rows **ret_rows);

/* Customers with a history before the cut and a purchase after it. */
size_t mr_holdout_report_users(const mr_holdout_report *report);

typedef struct mr_holdout_lists {
    mr_ranking_metrics personal;
    mr_ranking_metrics popular;
    mr_ranking_metrics own; /* all 0 where repeats are not asked for */
} mr_holdout_lists;

typedef struct mr_holdout_figures {
    int64_t cut_ms;
    uint64_t customers;   /* asked                                              */
    uint64_t purchases;   /* different items they bought after the cut, summed  */
    double repeat_share;  /* of them: in the customer's history before          */
    bool repeats_allowed; /* the model's choice, applied to both kinds of list  */
    mr_holdout_lists all;
    mr_holdout_lists fresh; /* items new to the customer */
} mr_holdout_figures;

/* Ask a model that was trained on the finished rows.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_holdout_report_measure(const mr_holdout_report *report,
                                                const mr_recommender *recommender,
                                                mr_holdout_figures *ret_figures);

void mr_holdout_figures_write(const mr_holdout_figures *figures, mr_json_writer *writer);
void mr_holdout_figures_print(const mr_holdout_figures *figures, FILE *out);

#endif

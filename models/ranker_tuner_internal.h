/*
 * Ranker tuner, inside: what the flow of a tuning (models/ranker_tuner.c), the sizing of an encoder
 * (models/ranker_tuner_encoder.c) and the choice among what was tried
 * (models/ranker_tuner_choice.c) share.
 *
 * Units      See models/ranker_tuner.h.
 * Ownership  A tuning owns its cut; the rest is lent.
 * Threads    One caller.
 * Cost       See models/ranker_tuner.h.
 */
#ifndef MR_MODELS_RANKER_TUNER_INTERNAL_H
#define MR_MODELS_RANKER_TUNER_INTERNAL_H

#include "models/ranker_tuner.h"

typedef struct mr_ranker_tuning {
    const mr_ranker_tuner_options *options;
    mr_worker_pool *pool;
    mr_ranker_cut cut;
    mr_sequences train;
    mr_questions questions;
    mr_ranker_tuner_result *result;
    mr_ranker_recipe best[MR_SIGNALS]; /* of each family, as a single   */
    double value[MR_SIGNALS];
} mr_ranker_tuning;

void mr_ranker_tuning_report(const mr_ranker_tuning *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void mr_ranker_tuning_report_try(const mr_ranker_tuning *t,
                                 const mr_ranker_recipe *recipe,
                                 const mr_ranking_metrics *metrics);

/* A family as it comes.  Own items are let in where an answer was among them. */
mr_ranker_recipe mr_ranker_tuning_single(const mr_ranker_tuning *t, mr_signal signal);

/* With the caller's content and rows. */
MR_MUST_USE mr_status mr_ranker_tuning_train(const mr_ranker_tuning *t,
                                             const mr_ranker_recipe *recipe,
                                             const mr_sequences *sequences,
                                             mr_ranker_members *ret_members);

/* The value is the objective: larger is better. */
MR_MUST_USE mr_status mr_ranker_tuning_judge(const mr_ranker_tuning *t,
                                             const mr_ranker_members *members,
                                             const mr_ranker_recipe *recipe,
                                             const mr_questions *questions,
                                             mr_ranking_metrics *ret_metrics,
                                             double *ret_value);

/* The same of a single, whose row cannot tell what a repeat is worth: where few answers are repeats
 * it is judged without own items, too, and the recipe left as it is better. */
MR_MUST_USE mr_status mr_ranker_tuning_judge_single(
    const mr_ranker_tuning *t, const mr_ranker_members *members, mr_ranker_recipe *recipe,
    const mr_questions *questions, mr_ranking_metrics *ret_metrics, double *ret_value);

/* Train and judge one candidate, a single, and keep it if it is its family's best. */
MR_MUST_USE mr_status mr_ranker_tuning_try(mr_ranker_tuning *t,
                                           const mr_ranker_recipe *recipe,
                                           const mr_sequences *sequences,
                                           double *ret_value);

/* The encoder's settings, on a part of the data, and its size. */
MR_MUST_USE mr_status mr_ranker_tuning_encoder(mr_ranker_tuning *t, uint32_t looks);

/* The recipe, out of the best of each family that was tried. */
MR_MUST_USE mr_status mr_ranker_tuning_choose(mr_ranker_tuning *t);

#endif

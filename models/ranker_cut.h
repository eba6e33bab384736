/*
 * Ranker cut: questions with known answers, taken from the training part.
 *
 * What a model is asked for decides how its hold-out is cut: the next click of a new session,
 * what a known user takes next, the next basket, all that follows a moment.  The rest is what
 * candidates learn from, in order of the last event that is left where times are known.  A test set
 * never comes near this.
 *
 * AFTER_CUT asks a second set of questions, with short queries: a sequence that lies behind the cut
 * as a whole is a newcomer's, who is asked for all that follows the first element, the second, …;
 * one with a past of no more elements than that stands beside them with its own question.
 *
 * Units      Shares in 0 … 1; times in seconds since the epoch.
 * Ownership  A cut owns its lists until deinit.
 * Threads    Immutable once made.
 * Cost       A few passes; AFTER_CUT sorts the times once.
 */
#ifndef MR_MODELS_RANKER_CUT_H
#define MR_MODELS_RANKER_CUT_H

#include "core/status.h"
#include "models/sequences.h"

#include <stdint.h>

typedef enum mr_ranking_form {
    MR_RANKING_NEXT_ITEM =
        0,                /* every place of the newest sequences but the first          */
    MR_RANKING_LAST_ITEM, /* the last element of every sequence                         */
    MR_RANKING_NEXT_BASKET, /* the last basket of every sequence                          */
    MR_RANKING_AFTER_CUT, /* what comes after the time that cuts off the newest share   */
} mr_ranking_form;

/* Question q: what follows sequence q of `given`?  targets[target_ptr[q]] … [target_ptr[q + 1]],
 * each once.  A view. */
typedef struct mr_questions {
    mr_sequences given;
    const uint64_t *target_ptr; /* [given.count + 1] */
    const uint32_t *targets;
} mr_questions;

/* What owns the questions. */
typedef struct mr_question_list {
    mr_sequence_list given;
    uint64_t *target_ptr;
    uint32_t *targets;
    size_t target_count;
    size_t target_room;
} mr_question_list;

/* All-zero is an empty one. */
typedef struct mr_ranker_cut {
    mr_sequence_list train;
    mr_question_list asked;
    mr_question_list newcomers; /* of AFTER_CUT; those of one sequence stand together */
    double repeat_share; /* of the targets in `asked`: those the query holds already */
} mr_ranker_cut;

enum {
    MR_RANKER_CUT_QUESTIONS_MAX =
        16000, /* about so many, by a hash, when there are more */
    MR_RANKER_CUT_QUESTIONS_MIN = 50,
    MR_RANKER_CUT_QUERY_MAX = 4096, /* newest elements that a question is asked with */
    /* A first visit's worth; what a longer query is weighed by can be learnt from those who came
     * again, most of whose pasts are longer. */
    MR_RANKER_NEWCOMER_ELEMENTS = 5,
    MR_RANKER_CUT_NEWCOMERS_MAX = 1000, /* sequences, about, by a hash */
};

/*
 * Cut.  NEXT_ITEM and AFTER_CUT hold out `share` of the sequences or events; the other forms one
 * element or basket a sequence.  MR_ERR_NOT_FOUND when fewer than MR_RANKER_CUT_QUESTIONS_MIN
 * questions come out; MR_ERR_INVALID for a share outside 0 … 1 and for AFTER_CUT
 * without times; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_ranker_cut_make(const mr_sequences *sequences,
                                         mr_ranking_form form, double share,
                                         uint64_t seed, mr_ranker_cut *ret_cut);
void mr_ranker_cut_deinit(mr_ranker_cut *cut);

mr_questions mr_ranker_cut_questions(const mr_ranker_cut *cut);

/* Queries of 1 … MR_RANKER_NEWCOMER_ELEMENTS; there may be none.  An element is given together with
 * the others of its second. */
mr_questions mr_ranker_cut_newcomers(const mr_ranker_cut *cut);

#endif

/*
 * Ratings cut: one moment in a file of ratings, and the questions it poses.
 *
 * What was rated before the cut is known; what follows is to be found, as far as it was liked
 * (MR_RATINGS_LIKED and more) and is not among what the question gives.  Five kinds:
 *
 *     HISTORY           users with a past: given is all of it
 *     COLD_USER_1/3/5   users whose first rating lies behind the cut: given are their first 1, 3, 5
 *     COLD_ITEM         items whose first rating lies behind the cut, asked of every user who came
 *                       to like one: given is the user's past or, without one, the first 5
 *
 * A training part that is cut once more gives the hold-out on which parameters are chosen.
 *
 * Units      Times in seconds since the epoch; shares in 0 … 1.
 * Ownership  A cut owns its arrays until deinit.
 * Threads    Immutable once made.
 * Cost       A few passes over the ratings.
 */
#ifndef MR_MODELS_RATINGS_CUT_H
#define MR_MODELS_RATINGS_CUT_H

#include "core/status.h"
#include "models/rating_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_RATINGS_LIKED 4.0F

typedef enum mr_ratings_kind {
    MR_RATINGS_HISTORY = 0,
    MR_RATINGS_COLD_USER_1,
    MR_RATINGS_COLD_USER_3,
    MR_RATINGS_COLD_USER_5,
    MR_RATINGS_COLD_ITEM,
    MR_RATINGS_KINDS,
} mr_ratings_kind;

typedef struct mr_ratings_question {
    mr_ratings_kind kind;
    uint32_t user;
    uint32_t given;        /* so many of the user's events, the oldest, are told */
    uint32_t target_count; /* at least one                                       */
    size_t target_begin;   /* in `targets`, which ascend                         */
} mr_ratings_question;

/* All-zero is an empty one. */
typedef struct mr_ratings_cut {
    uint32_t users;
    uint32_t items;
    uint32_t cut_s;      /* the first second behind the cut               */
    size_t known_count;  /* ratings before it                             */
    size_t count;        /* ratings in all                                */
    uint64_t *ptr;       /* [users + 1]: each user's events, oldest first */
    uint32_t *item;      /* [count] */
    float *value;        /* [count] */
    uint32_t *time_s;    /* [count] */
    uint32_t *known;     /* [users]: how many of them lie before the cut  */
    bool *is_known_item; /* [items]: rated before the cut                 */
    uint32_t cold_users;
    uint32_t cold_items; /* rated, but not before the cut                 */
    mr_ratings_question *questions;
    size_t question_count;
    uint32_t *targets;
} mr_ratings_cut;

/*
 * Cut off the newest `share` of the ratings, which are ordered by time.  Those of one second stay
 * together, behind the cut.
 *
 * MR_ERR_INVALID for a share outside (0, 1); MR_ERR_NOT_FOUND when nothing is left before the cut
 * or nothing is to be found behind it; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_ratings_cut_make(const mr_rating *ratings, size_t count,
                                          uint32_t users, uint32_t items, double share,
                                          mr_ratings_cut *ret_cut);
void mr_ratings_cut_deinit(mr_ratings_cut *cut);

#endif

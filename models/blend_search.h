/*
 * Blend search: the weights of several members, on what could come into a list at all.
 *
 * A list of 20 is made of items that some member puts near its own top.  So each user's best of
 * every member are kept once, with all members' scores, brought to their scales; after that any
 * weights cost a few microseconds a user instead of passes over the catalogue, and hundreds of
 * them can be tried on every user of a hold-out.  From equal weights one at a time is moved by
 * powers of two that become finer, or to zero, as long as that clearly helps: what a hold-out
 * barely prefers is an accident of it, and several members err less together than one.  For the
 * same reason each weight ends in the middle of the stretch over which the result stays as good.
 *
 * Units      Values are (recall@k + NDCG@k) / 2 over the candidates, a little below the figures
 *            over all items at most.
 * Ownership  A search owns its candidates and borrows the task.
 * Threads    One caller; users are spread over the pool, sums merged in order of users.
 * Cost       Making: the members' rows once.  Memory: about 8 KB a user and five members.
 *            A judgement: 2 to 5 us a user and blend.
 */
#ifndef MR_MODELS_BLEND_SEARCH_H
#define MR_MODELS_BLEND_SEARCH_H

#include "core/status.h"
#include "models/blend.h"
#include "models/evaluation.h"
#include "models/worker_pool.h"

#include <stdbool.h>
#include <stddef.h>

enum { MR_BLEND_SEARCH_DEPTH = 100 }; /* candidates taken from each member's top */

/* A move must raise the value by this part of it: about a standard error of the difference of two
 * good blends over ten thousand users. */
#define MR_BLEND_SEARCH_MARGIN 2e-3

typedef struct mr_blend_search mr_blend_search;

/* MR_ERR_INVALID for shapes that do not match or without a member, MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_blend_search_create(const mr_evaluation_task *task,
                                             const bool uses[MR_MEMBERS],
                                             mr_worker_pool *pool,
                                             mr_blend_search **ret_search);
void mr_blend_search_destroy(mr_blend_search *search); /* NULL allowed */

/* The values of some blends of the members in use.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_blend_search_judge(const mr_blend_search *search,
                                            const mr_blend *blends, size_t count,
                                            double *ret_values);

/*
 * The blend to take and its value.  With `all` every member keeps a weight, else those that do
 * not help are left out.  The largest weight is 1.  MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_blend_search_run(const mr_blend_search *search, bool all,
                                          mr_blend *ret_blend, double *ret_value);

/*
 * Another candidate for a member in use: its scores stand in for the member's in all judgements
 * until mr_blend_search_settle() keeps them or lets them go.  The items in question stay those of
 * the first collection.  MR_ERR_INVALID when the member is not in use or the shape differs.
 */
MR_MUST_USE mr_status mr_blend_search_try(mr_blend_search *search, mr_member member,
                                          const mr_member_set *candidate);
void mr_blend_search_settle(mr_blend_search *search, bool keep);

/* Move the weights of a good blend once more, on its own scale; `value` is its value and becomes
 * the result's.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_blend_search_refine(const mr_blend_search *search, bool all,
                                             mr_blend *blend, double *value);

#endif

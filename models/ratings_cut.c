#include "models/ratings_cut.h"

#include <stdlib.h>
#include <string.h>

enum { COLD_ITEM_GIVEN = 5 };

static const uint32_t COLD_USER_GIVEN[] = {1, 3, 5};

/* The questions while they are being made. */
typedef struct asking {
    mr_ratings_cut *cut;
    uint64_t *given_to;  /* [items]: the last question (+ 1) that gives the item  */
    uint64_t *target_of; /* [items]: the last that looks for it                   */
    size_t question_room;
    size_t target_count;
    size_t target_room;
} asking;

/* ---- events user by user ---- */

static mr_status allocate(mr_ratings_cut *cut)
{
    cut->ptr = calloc((size_t)cut->users + 1, sizeof(*cut->ptr));
    cut->item = malloc(cut->count * sizeof(*cut->item));
    cut->value = malloc(cut->count * sizeof(*cut->value));
    cut->time_s = malloc(cut->count * sizeof(*cut->time_s));
    cut->known = calloc((size_t)cut->users + 1, sizeof(*cut->known));
    cut->is_known_item = calloc((size_t)cut->items + 1, sizeof(*cut->is_known_item));
    return cut->ptr == NULL || cut->item == NULL || cut->value == NULL ||
                   cut->time_s == NULL || cut->known == NULL || cut->is_known_item == NULL
               ? MR_ERR_NO_MEMORY
               : MR_OK;
}

/* Ratings come in order of time, so each user's do, too. */
static mr_status group_by_user(const mr_rating *ratings, mr_ratings_cut *cut)
{
    uint64_t *next = calloc((size_t)cut->users + 1, sizeof(*next));
    if (next == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t r = 0; r < cut->count; r++)
        cut->ptr[ratings[r].user + 1]++;
    for (uint32_t u = 0; u < cut->users; u++)
        cut->ptr[u + 1] += cut->ptr[u];
    memcpy(next, cut->ptr, ((size_t)cut->users + 1) * sizeof(*next));
    for (size_t r = 0; r < cut->count; r++) {
        const uint64_t at = next[ratings[r].user]++;
        cut->item[at] = ratings[r].item;
        cut->value[at] = ratings[r].value;
        cut->time_s[at] = ratings[r].time_s;
        if (r < cut->known_count) {
            cut->known[ratings[r].user]++;
            cut->is_known_item[ratings[r].item] = true;
        }
    }
    free(next);
    return MR_OK;
}

static mr_status count_cold(mr_ratings_cut *cut)
{
    bool *is_counted = calloc((size_t)cut->items + 1, sizeof(*is_counted));
    if (is_counted == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t u = 0; u < cut->users; u++)
        cut->cold_users += cut->known[u] == 0 && cut->ptr[u + 1] > cut->ptr[u];
    for (size_t e = 0; e < cut->count; e++) {
        const uint32_t item = cut->item[e];
        cut->cold_items += !cut->is_known_item[item] && !is_counted[item];
        is_counted[item] = true;
    }
    free(is_counted);
    return MR_OK;
}

/* ---- questions ---- */

static mr_status reserve(asking *a, size_t targets)
{
    mr_ratings_cut *cut = a->cut;
    if (cut->question_count == a->question_room) {
        const size_t room = 2 * a->question_room + 64;
        mr_ratings_question *more = realloc(cut->questions, room * sizeof(*more));
        if (more == NULL)
            return MR_ERR_NO_MEMORY;
        cut->questions = more;
        a->question_room = room;
    }
    if (a->target_count + targets > a->target_room) {
        const size_t room = 2 * (a->target_count + targets) + 64;
        uint32_t *more = realloc(cut->targets, room * sizeof(*more));
        if (more == NULL)
            return MR_ERR_NO_MEMORY;
        cut->targets = more;
        a->target_room = room;
    }
    return MR_OK;
}

static int ascending(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

static bool is_target(const asking *a, mr_ratings_kind kind, uint64_t event,
                      uint64_t question)
{
    const uint32_t item = a->cut->item[event];
    return a->cut->value[event] >= MR_RATINGS_LIKED && a->given_to[item] != question &&
           a->target_of[item] != question &&
           (kind != MR_RATINGS_COLD_ITEM || !a->cut->is_known_item[item]);
}

/* A question without targets is none. */
static mr_status ask(asking *a, mr_ratings_kind kind, uint32_t user, uint32_t given)
{
    mr_ratings_cut *cut = a->cut;
    const uint64_t begin = cut->ptr[user];
    const uint64_t end = cut->ptr[user + 1];
    /* one number a user and kind, so that marks need no clearing */
    const uint64_t question = (uint64_t)user * MR_RATINGS_KINDS + (uint64_t)kind + 1;
    const size_t first = a->target_count;
    if (begin + given >= end)
        return MR_OK;
    MR_TRY(reserve(a, (size_t)(end - begin - given)));
    for (uint64_t e = begin; e < begin + given; e++)
        a->given_to[cut->item[e]] = question;
    for (uint64_t e = begin + given; e < end; e++) {
        if (!is_target(a, kind, e, question))
            continue;
        a->target_of[cut->item[e]] = question;
        cut->targets[a->target_count++] = cut->item[e];
    }
    if (a->target_count == first)
        return MR_OK;
    qsort(cut->targets + first, a->target_count - first, sizeof(*cut->targets),
          ascending);
    cut->questions[cut->question_count++] =
        (mr_ratings_question){.kind = kind,
                              .user = user,
                              .given = given,
                              .target_count = (uint32_t)(a->target_count - first),
                              .target_begin = first};
    return MR_OK;
}

static mr_status ask_user(asking *a, uint32_t user)
{
    const uint32_t known = a->cut->known[user];
    if (known > 0) {
        MR_TRY(ask(a, MR_RATINGS_HISTORY, user, known));
        return ask(a, MR_RATINGS_COLD_ITEM, user, known);
    }
    for (uint32_t c = 0; c < 3; c++)
        MR_TRY(ask(a, (mr_ratings_kind)(MR_RATINGS_COLD_USER_1 + c), user,
                   COLD_USER_GIVEN[c]));
    return ask(a, MR_RATINGS_COLD_ITEM, user, COLD_ITEM_GIVEN);
}

static mr_status ask_all(mr_ratings_cut *cut)
{
    asking a = {.cut = cut,
                .given_to = calloc((size_t)cut->items + 1, sizeof(uint64_t)),
                .target_of = calloc((size_t)cut->items + 1, sizeof(uint64_t))};
    mr_status status =
        a.given_to == NULL || a.target_of == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    for (uint32_t u = 0; u < cut->users && status == MR_OK; u++)
        status = ask_user(&a, u);
    free(a.given_to);
    free(a.target_of);
    if (status == MR_OK && cut->question_count == 0)
        status = MR_ERR_NOT_FOUND;
    return status;
}

/* ---- the cut ---- */

mr_status mr_ratings_cut_make(const mr_rating *ratings, size_t count, uint32_t users,
                              uint32_t items, double share, mr_ratings_cut *ret_cut)
{
    if (!(share > 0.0 && share < 1.0))
        return MR_ERR_INVALID;
    size_t known = (size_t)((double)count * (1.0 - share));
    while (known > 0 && known < count &&
           ratings[known - 1].time_s == ratings[known].time_s)
        known--;
    if (known == 0 || known == count)
        return MR_ERR_NOT_FOUND;
    mr_ratings_cut cut = {.users = users,
                          .items = items,
                          .cut_s = ratings[known].time_s,
                          .known_count = known,
                          .count = count};
    mr_status status = allocate(&cut);
    if (status == MR_OK)
        status = group_by_user(ratings, &cut);
    if (status == MR_OK)
        status = count_cold(&cut);
    if (status == MR_OK)
        status = ask_all(&cut);
    if (status != MR_OK) {
        mr_ratings_cut_deinit(&cut);
        return status;
    }
    *ret_cut = cut;
    return MR_OK;
}

void mr_ratings_cut_deinit(mr_ratings_cut *cut)
{
    free(cut->ptr);
    free(cut->item);
    free(cut->value);
    free(cut->time_s);
    free(cut->known);
    free(cut->is_known_item);
    free(cut->questions);
    free(cut->targets);
    *cut = (mr_ratings_cut){0};
}

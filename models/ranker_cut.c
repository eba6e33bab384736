#include "models/ranker_cut.h"

#include "models/holdout.h"
#include "models/random.h"

#include <math.h>
#include <stdlib.h>

/* What is learnt from one sequence: elements begin … end - 1. */
typedef struct lesson {
    uint64_t begin;
    uint64_t end;
    uint32_t last_s; /* when the last of them was; 0 when unknown */
} lesson;

/* Of one cut being made. */
typedef struct cutting {
    const mr_sequences *from;
    mr_ranking_form form;
    uint64_t seed;
    uint32_t first_held;  /* NEXT_ITEM: sequences from here on are asked about */
    uint32_t cut_s;       /* AFTER_CUT: the first second held out              */
    uint32_t baskets_min; /* NEXT_BASKET: sequences with fewer are not asked    */
    double kept;          /* the share of questions that is taken               */
    size_t target_room;
    uint64_t repeats;
    lesson *lessons; /* [sequences] */
    uint32_t lesson_count;
    mr_ranker_cut cut;
} cutting;

static uint32_t basket_at(const mr_sequences *from, uint64_t element)
{
    return from->basket != NULL ? from->basket[element] : (uint32_t)element;
}

static uint32_t time_at(const mr_sequences *from, uint64_t element)
{
    return from->time_s != NULL ? from->time_s[element] : 0;
}

static mr_status copy(const mr_sequences *from, uint64_t begin, uint64_t end,
                      mr_sequence_list *list)
{
    for (uint64_t e = begin; e < end; e++) {
        MR_TRY(mr_sequence_list_add(list, from->item[e], basket_at(from, e),
                                    time_at(from, e)));
        if (from->weight != NULL)
            mr_sequence_list_weigh(list, from->weight[e]);
    }
    return mr_sequence_list_end(list);
}

static bool holds(const uint32_t *items, uint64_t count, uint32_t item)
{
    for (uint64_t i = 0; i < count; i++)
        if (items[i] == item)
            return true;
    return false;
}

static mr_status add_target(cutting *c, uint64_t begin, uint64_t split, uint32_t item)
{
    mr_ranker_cut *cut = &c->cut;
    const uint64_t first = cut->target_ptr[cut->given.count];
    if (holds(cut->targets + first, cut->target_count - first, item))
        return MR_OK;
    if (cut->target_count == c->target_room) {
        const size_t room = c->target_room > 0 ? 2 * c->target_room : 1024;
        uint32_t *larger = realloc(cut->targets, room * sizeof(*larger));
        if (larger == NULL)
            return MR_ERR_NO_MEMORY;
        cut->targets = larger;
        c->target_room = room;
    }
    c->repeats += holds(c->from->item + begin, split - begin, item);
    cut->targets[cut->target_count++] = item;
    return MR_OK;
}

/* What follows elements begin … split - 1 is split … end - 1. */
static mr_status ask(cutting *c, uint64_t begin, uint64_t split, uint64_t end)
{
    mr_ranker_cut *cut = &c->cut;
    if (mr_random_uniform(c->seed, split) >= c->kept)
        return MR_OK;
    for (uint64_t e = split; e < end; e++)
        MR_TRY(add_target(c, begin, split, c->from->item[e]));
    const uint64_t oldest =
        split - begin > MR_RANKER_CUT_QUERY_MAX ? split - MR_RANKER_CUT_QUERY_MAX : begin;
    MR_TRY(copy(c->from, oldest, split, &cut->given));
    cut->target_ptr[cut->given.count] = cut->target_count;
    return MR_OK;
}

/* ---- where a sequence is split ---- */

static uint64_t last_basket(const mr_sequences *from, uint64_t begin, uint64_t end,
                            uint32_t *ret_baskets)
{
    uint64_t split = begin;
    *ret_baskets = end > begin ? 1 : 0;
    for (uint64_t e = begin + 1; e < end; e++)
        if (basket_at(from, e) != basket_at(from, e - 1)) {
            split = e;
            (*ret_baskets)++;
        }
    return split;
}

/* The first element that is held out; `end` when nothing is. */
static uint64_t split_of(const cutting *c, uint64_t begin, uint64_t end)
{
    uint32_t baskets = 0;
    uint64_t split = end;
    switch (c->form) {
    case MR_RANKING_LAST_ITEM: return end - begin >= 2 ? end - 1 : end;
    case MR_RANKING_NEXT_BASKET:
        split = last_basket(c->from, begin, end, &baskets);
        return baskets >= c->baskets_min ? split : end;
    case MR_RANKING_AFTER_CUT:
        while (split > begin && c->from->time_s[split - 1] >= c->cut_s)
            split--;
        return split;
    case MR_RANKING_NEXT_ITEM: break;
    }
    return end;
}

static uint64_t count_questions(const cutting *c)
{
    uint64_t count = 0;
    for (uint32_t s = 0; s < c->from->count; s++) {
        const uint64_t begin = c->from->ptr[s];
        const uint64_t end = c->from->ptr[s + 1];
        if (c->form == MR_RANKING_NEXT_ITEM) {
            count += s >= c->first_held && end > begin + 1 ? end - begin - 1 : 0;
        } else {
            const uint64_t split = split_of(c, begin, end);
            count += split > begin && split < end;
        }
    }
    return count;
}

static void keep(cutting *c, uint64_t begin, uint64_t end)
{
    if (end > begin)
        c->lessons[c->lesson_count++] =
            (lesson){.begin = begin, .end = end, .last_s = time_at(c->from, end - 1)};
}

static mr_status cut_sequence(cutting *c, uint32_t sequence)
{
    const uint64_t begin = c->from->ptr[sequence];
    const uint64_t end = c->from->ptr[sequence + 1];
    if (c->form == MR_RANKING_NEXT_ITEM) {
        if (sequence < c->first_held)
            keep(c, begin, end);
        else
            for (uint64_t split = begin + 1; split < end; split++)
                MR_TRY(ask(c, begin, split, split + 1));
        return MR_OK;
    }
    const uint64_t split = split_of(c, begin, end);
    keep(c, begin, split);
    return split > begin && split < end ? ask(c, begin, split, end) : MR_OK;
}

/* ---- what is left to learn from ---- */

static int by_time(const void *a, const void *b)
{
    const lesson *left = a;
    const lesson *right = b;
    if (left->last_s != right->last_s)
        return left->last_s < right->last_s ? -1 : 1;
    return left->begin < right->begin ? -1 : left->begin > right->begin ? 1 : 0;
}

/*
 * In order of the last event that is left: the order by the one that was taken away would tell who
 * came again.
 */
static mr_status copy_lessons(cutting *c)
{
    if (c->from->time_s != NULL)
        qsort(c->lessons, c->lesson_count, sizeof(*c->lessons), by_time);
    for (uint32_t i = 0; i < c->lesson_count; i++)
        MR_TRY(copy(c->from, c->lessons[i].begin, c->lessons[i].end, &c->cut.train));
    return MR_OK;
}

/* ---- where time is cut ---- */

/* The same second as a hold-out of these events has (models/holdout.h): a ranker's signals are
 * trained before one and judged behind the other. */
static mr_status find_cut(cutting *c, double share)
{
    if (c->from->time_s == NULL)
        return MR_ERR_INVALID;
    if (c->from->count == 0)
        return MR_ERR_NOT_FOUND;
    const uint64_t first = c->from->ptr[0];
    return mr_holdout_cut_time(c->from->time_s + first,
                               (size_t)(c->from->ptr[c->from->count] - first), share,
                               &c->cut_s);
}

/* ---- all of it ---- */

static mr_status prepare(cutting *c, double share)
{
    const bool has_baskets = c->from->basket != NULL;
    const bool has_times = c->from->time_s != NULL;
    if (!(share >= 0.0 && share <= 1.0))
        return MR_ERR_INVALID;
    c->cut.train.has_baskets = c->cut.given.has_baskets = has_baskets;
    c->cut.train.has_times = c->cut.given.has_times = has_times;
    c->cut.train.has_weights = c->cut.given.has_weights = c->from->weight != NULL;
    c->first_held = c->from->count - (uint32_t)llround(share * (double)c->from->count);
    if (c->form == MR_RANKING_AFTER_CUT)
        MR_TRY(find_cut(c, share));
    c->baskets_min = 3;
    uint64_t questions = count_questions(c);
    if (c->form == MR_RANKING_NEXT_BASKET && questions < MR_RANKER_CUT_QUESTIONS_MIN) {
        c->baskets_min = 2;
        questions = count_questions(c);
    }
    if (questions < MR_RANKER_CUT_QUESTIONS_MIN)
        return MR_ERR_NOT_FOUND;
    c->kept = (double)MR_RANKER_CUT_QUESTIONS_MAX / (double)questions;
    c->cut.target_ptr = calloc((size_t)questions + 1, sizeof(*c->cut.target_ptr));
    c->lessons = calloc((size_t)c->from->count, sizeof(*c->lessons));
    return c->cut.target_ptr != NULL && c->lessons != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

mr_status mr_ranker_cut_make(const mr_sequences *sequences, mr_ranking_form form,
                             double share, uint64_t seed, mr_ranker_cut *ret_cut)
{
    cutting c = {.from = sequences, .form = form, .seed = seed};
    mr_status status = prepare(&c, share);
    for (uint32_t s = 0; s < sequences->count && status == MR_OK; s++)
        status = cut_sequence(&c, s);
    if (status == MR_OK && c.cut.given.count == 0)
        status = MR_ERR_NOT_FOUND;
    if (status == MR_OK)
        status = copy_lessons(&c);
    free(c.lessons);
    if (status != MR_OK) {
        mr_ranker_cut_deinit(&c.cut);
        return status;
    }
    c.cut.train.items = sequences->items;
    c.cut.given.items = sequences->items;
    c.cut.repeat_share = (double)c.repeats / (double)c.cut.target_count;
    *ret_cut = c.cut;
    return MR_OK;
}

void mr_ranker_cut_deinit(mr_ranker_cut *cut)
{
    mr_sequence_list_deinit(&cut->train);
    mr_sequence_list_deinit(&cut->given);
    free(cut->target_ptr);
    free(cut->targets);
    *cut = (mr_ranker_cut){0};
}

mr_questions mr_ranker_cut_questions(const mr_ranker_cut *cut)
{
    return (mr_questions){.given = mr_sequence_list_view(&cut->given),
                          .target_ptr = cut->target_ptr,
                          .targets = cut->targets};
}

#include "models/ranker_cut.h"

#include "models/holdout.h"
#include "models/random.h"

#include <math.h>
#include <stdlib.h>

/* Who is picked among newcomers has nothing to do with who is among the others. */
static const uint64_t NEWCOMER_SEED = 0x6e6577;

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
    uint32_t first_held;   /* NEXT_ITEM: sequences from here on are asked about */
    uint32_t cut_s;        /* AFTER_CUT: the first second held out              */
    uint32_t baskets_min;  /* NEXT_BASKET: sequences with fewer are not asked    */
    double kept;           /* the share of questions that is taken               */
    double newcomers_kept; /* the share of short sequences that is               */
    uint64_t repeats;      /* of targets that the query holds already             */
    lesson *lessons;       /* [sequences] */
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

/* Each item once. */
static mr_status add_target(mr_question_list *list, uint32_t item)
{
    const uint64_t first = list->target_ptr[list->given.count];
    if (holds(list->targets + first, list->target_count - first, item))
        return MR_OK;
    if (list->target_count == list->target_room) {
        const size_t room = list->target_room > 0 ? 2 * list->target_room : 1024;
        uint32_t *larger = realloc(list->targets, room * sizeof(*larger));
        if (larger == NULL)
            return MR_ERR_NO_MEMORY;
        list->targets = larger;
        list->target_room = room;
    }
    list->targets[list->target_count++] = item;
    return MR_OK;
}

/* What follows elements begin … split - 1 is split … end - 1. */
static mr_status add_question(const cutting *c, uint64_t begin, uint64_t split,
                              uint64_t end, mr_question_list *list)
{
    const uint64_t oldest =
        split - begin > MR_RANKER_CUT_QUERY_MAX ? split - MR_RANKER_CUT_QUERY_MAX : begin;
    for (uint64_t e = split; e < end; e++)
        MR_TRY(add_target(list, c->from->item[e]));
    MR_TRY(copy(c->from, oldest, split, &list->given));
    list->target_ptr[list->given.count] = list->target_count;
    return MR_OK;
}

static mr_status ask(cutting *c, uint64_t begin, uint64_t split, uint64_t end)
{
    mr_question_list *list = &c->cut.asked;
    if (mr_random_uniform(c->seed, split) >= c->kept)
        return MR_OK;
    const size_t first = list->target_count;
    MR_TRY(add_question(c, begin, split, end, list));
    for (size_t t = first; t < list->target_count; t++)
        c->repeats += holds(c->from->item + begin, split - begin, list->targets[t]);
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

/* ---- newcomers ---- */

/* Whether a question with the first `given` elements is one of the short ones: a newcomer's, where
 * nothing lies before `split`, or that of a short past.  What came at one second came together. */
static bool is_short(const cutting *c, uint64_t begin, uint64_t split, uint64_t end,
                     uint64_t given)
{
    const uint64_t at = begin + given;
    if (c->form != MR_RANKING_AFTER_CUT || at >= end)
        return false;
    return split > begin ? at == split : c->from->time_s[at] > c->from->time_s[at - 1];
}

static uint32_t count_short(const cutting *c, uint64_t begin, uint64_t split,
                            uint64_t end)
{
    uint32_t count = 0;
    for (uint64_t given = 1; given <= MR_RANKER_NEWCOMER_ELEMENTS; given++)
        count += is_short(c, begin, split, end, given);
    return count;
}

/* All of a sequence's or none, so that no user stands in two halves of the questions. */
static mr_status ask_short(cutting *c, uint64_t begin, uint64_t split, uint64_t end)
{
    if (mr_random_uniform(c->seed ^ NEWCOMER_SEED, begin) >= c->newcomers_kept)
        return MR_OK;
    for (uint64_t given = 1; given <= MR_RANKER_NEWCOMER_ELEMENTS; given++)
        if (is_short(c, begin, split, end, given))
            MR_TRY(add_question(c, begin, begin + given, end, &c->cut.newcomers));
    return MR_OK;
}

/* ---- the passes ---- */

/* Before anything is left out. */
typedef struct tally {
    uint64_t questions;
    uint64_t short_ones;
    uint32_t short_sequences;
} tally;

static tally count_questions(const cutting *c)
{
    tally t = {0};
    for (uint32_t s = 0; s < c->from->count; s++) {
        const uint64_t begin = c->from->ptr[s];
        const uint64_t end = c->from->ptr[s + 1];
        if (c->form == MR_RANKING_NEXT_ITEM) {
            t.questions += s >= c->first_held && end > begin + 1 ? end - begin - 1 : 0;
        } else {
            const uint64_t split = split_of(c, begin, end);
            const uint32_t short_ones = count_short(c, begin, split, end);
            t.questions += split > begin && split < end;
            t.short_ones += short_ones;
            t.short_sequences += short_ones > 0;
        }
    }
    return t;
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
    MR_TRY(ask_short(c, begin, split, end));
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

/* What the elements have, the lists have. */
static mr_sequence_list list_like(const mr_sequences *from)
{
    return (mr_sequence_list){.has_baskets = from->basket != NULL,
                              .has_times = from->time_s != NULL,
                              .has_weights = from->weight != NULL};
}

static mr_status make_room(cutting *c, const tally *t)
{
    mr_question_list *asked = &c->cut.asked;
    mr_question_list *newcomers = &c->cut.newcomers;
    asked->target_ptr = calloc((size_t)t->questions + 1, sizeof(*asked->target_ptr));
    newcomers->target_ptr =
        calloc((size_t)t->short_ones + 1, sizeof(*newcomers->target_ptr));
    c->lessons = calloc((size_t)c->from->count, sizeof(*c->lessons));
    return asked->target_ptr != NULL && newcomers->target_ptr != NULL &&
                   c->lessons != NULL
               ? MR_OK
               : MR_ERR_NO_MEMORY;
}

static mr_status prepare(cutting *c, double share)
{
    if (!(share >= 0.0 && share <= 1.0))
        return MR_ERR_INVALID;
    c->cut.train = c->cut.asked.given = c->cut.newcomers.given = list_like(c->from);
    c->first_held = c->from->count - (uint32_t)llround(share * (double)c->from->count);
    if (c->form == MR_RANKING_AFTER_CUT)
        MR_TRY(find_cut(c, share));
    c->baskets_min = 3;
    tally t = count_questions(c);
    if (c->form == MR_RANKING_NEXT_BASKET && t.questions < MR_RANKER_CUT_QUESTIONS_MIN) {
        c->baskets_min = 2;
        t = count_questions(c);
    }
    if (t.questions < MR_RANKER_CUT_QUESTIONS_MIN)
        return MR_ERR_NOT_FOUND;
    c->kept = (double)MR_RANKER_CUT_QUESTIONS_MAX / (double)t.questions;
    if (t.short_sequences > 0)
        c->newcomers_kept = (double)MR_RANKER_CUT_NEWCOMERS_MAX / t.short_sequences;
    return make_room(c, &t);
}

mr_status mr_ranker_cut_make(const mr_sequences *sequences, mr_ranking_form form,
                             double share, uint64_t seed, mr_ranker_cut *ret_cut)
{
    cutting c = {.from = sequences, .form = form, .seed = seed};
    mr_status status = prepare(&c, share);
    for (uint32_t s = 0; s < sequences->count && status == MR_OK; s++)
        status = cut_sequence(&c, s);
    if (status == MR_OK && c.cut.asked.given.count == 0)
        status = MR_ERR_NOT_FOUND;
    if (status == MR_OK)
        status = copy_lessons(&c);
    free(c.lessons);
    if (status != MR_OK) {
        mr_ranker_cut_deinit(&c.cut);
        return status;
    }
    c.cut.train.items = sequences->items;
    c.cut.asked.given.items = sequences->items;
    c.cut.newcomers.given.items = sequences->items;
    c.cut.repeat_share = (double)c.repeats / (double)c.cut.asked.target_count;
    *ret_cut = c.cut;
    return MR_OK;
}

static void deinit_questions(mr_question_list *list)
{
    mr_sequence_list_deinit(&list->given);
    free(list->target_ptr);
    free(list->targets);
}

void mr_ranker_cut_deinit(mr_ranker_cut *cut)
{
    mr_sequence_list_deinit(&cut->train);
    deinit_questions(&cut->asked);
    deinit_questions(&cut->newcomers);
    *cut = (mr_ranker_cut){0};
}

static mr_questions view_of(const mr_question_list *list)
{
    return (mr_questions){.given = mr_sequence_list_view(&list->given),
                          .target_ptr = list->target_ptr,
                          .targets = list->targets};
}

mr_questions mr_ranker_cut_questions(const mr_ranker_cut *cut)
{
    return view_of(&cut->asked);
}

mr_questions mr_ranker_cut_newcomers(const mr_ranker_cut *cut)
{
    return view_of(&cut->newcomers);
}

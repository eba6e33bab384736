#include "models/session_knn.h"

#include "models/dense.h"
#include "models/session_knn_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An item that almost every sequence has still says a little. */
static const double ITEM_WEIGHT_LEAST = 0.01;

/* Of a neighbour's first vote: fainter ones are not worth their time. */
static const float VOTE_LEAST = 1e-3F;

/* Above what building can give, and far below where a sum of products overflows. */
static const float WEIGHT_MAX = 1e6F;

mr_session_knn_options mr_session_knn_defaults(void)
{
    return (mr_session_knn_options){.neighbours = 500,
                                    .recent = 2500,
                                    .idf = true,
                                    .age_scale = 0.0F,
                                    .length_exponent = 0.25F,
                                    .rank_scale = 3.0F,
                                    .backward = 0.7F,
                                    .shared = 1.0F,
                                    .query_scale = 1.5F};
}

void mr_session_knn_axes(mr_pattern_axis ret_axes[MR_SESSION_KNN_AXES])
{
    const mr_session_knn_options start = mr_session_knn_defaults();
    ret_axes[0] = (mr_pattern_axis){
        .start = log2((double)start.query_scale), .step = 1.0, .low = -1.0, .high = 6.0};
    ret_axes[1] = (mr_pattern_axis){
        .start = (double)start.length_exponent, .step = 0.25, .low = 0.0, .high = 2.0};
    ret_axes[2] = (mr_pattern_axis){
        .start = (double)start.backward, .step = -0.3, .low = 0.0, .high = 1.5};
}

void mr_session_knn_at(const double *point, mr_session_knn_options *options)
{
    options->query_scale = (float)exp2(point[0]);
    options->length_exponent = (float)point[1];
    options->backward = (float)point[2];
}

static bool within(float value, float high)
{
    return value >= 0.0F && value <= high; /* false for NaN */
}

static bool are_sound(const mr_session_knn_options *o)
{
    return o->neighbours >= 1 && o->neighbours <= MR_SESSION_KNN_NEIGHBOURS_MAX &&
           o->recent >= 1 && o->recent <= MR_SESSION_KNN_RECENT_MAX &&
           within(o->age_scale, 1e12F) && within(o->length_exponent, 2.0F) &&
           within(o->rank_scale, 1e12F) && within(o->backward, 8.0F) &&
           within(o->shared, 8.0F) && within(o->query_scale, 1e12F);
}

mr_status mr_session_knn_options_check(const mr_session_knn_options *options)
{
    return are_sound(options) ? MR_OK : MR_ERR_INVALID;
}

/* ---- building ---- */

/* Arrays in the making, under the names of mr_session_knn_arrays. */
typedef struct build {
    const mr_sequences *sequences;
    const mr_session_knn_options *options;
    uint32_t *frequency;   /* [items]: sequences with it                            */
    uint32_t *listed;      /* [items]: of those, how many its list has              */
    uint32_t *newest_seen; /* [items]: the last sequence that was counted, plus one */
    uint32_t *renumbered;  /* [sequences]: plus one; 0: on no list                  */
    uint32_t kept;
    size_t kept_elements;
    mr_session_knn_owned owned;
} build;

/* Lengths of the lists, and which sequences are on one. */
static void count_lists(build *b)
{
    const mr_sequences *sequences = b->sequences;
    for (uint32_t s = sequences->count; s-- > 0;) {
        bool keep = false;
        for (uint64_t e = sequences->ptr[s]; e < sequences->ptr[s + 1]; e++) {
            const uint32_t item = sequences->item[e];
            if (b->newest_seen[item] == s + 1)
                continue;
            b->newest_seen[item] = s + 1;
            b->frequency[item]++;
            if (b->listed[item] < b->options->recent) {
                b->listed[item]++;
                keep = true;
            }
        }
        if (keep) {
            b->renumbered[s] = 1;
            b->kept++;
            b->kept_elements += mr_sequences_length(sequences, s);
        }
    }
}

static mr_status make_room(build *b)
{
    const size_t items = b->sequences->items;
    mr_session_knn_owned *own = &b->owned;
    own->item_ptr = calloc(items + 1, sizeof(*own->item_ptr));
    own->item_weight = mr_dense_floats(items);
    own->sequence_ptr = calloc((size_t)b->kept + 1, sizeof(*own->sequence_ptr));
    own->sequence_weight = mr_dense_floats((size_t)b->kept + 1);
    own->element = calloc(b->kept_elements + 1, sizeof(*own->element));
    if (b->sequences->basket != NULL)
        own->basket = calloc(b->kept_elements + 1, sizeof(*own->basket));
    if (own->item_ptr == NULL || own->item_weight == NULL || own->sequence_ptr == NULL ||
        own->sequence_weight == NULL || own->element == NULL ||
        (b->sequences->basket != NULL && own->basket == NULL))
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < items; i++)
        own->item_ptr[i + 1] = own->item_ptr[i] + b->listed[i];
    const size_t postings = (size_t)own->item_ptr[items];
    own->posting = calloc(postings + 1, sizeof(*own->posting));
    own->last_place = calloc(postings + 1, sizeof(*own->last_place));
    return own->posting != NULL && own->last_place != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

/* Copy the sequences that are on a list, and number them anew. */
static void copy_sequences(build *b)
{
    const mr_sequences *sequences = b->sequences;
    mr_session_knn_owned *own = &b->owned;
    uint64_t at = 0;
    uint32_t number = 0;
    for (uint32_t s = 0; s < sequences->count; s++) {
        if (b->renumbered[s] == 0)
            continue;
        const uint64_t begin = sequences->ptr[s];
        const size_t length = mr_sequences_length(sequences, s);
        double weight = pow((double)length, -(double)b->options->length_exponent);
        if (b->options->age_scale > 0.0F)
            weight *=
                exp(-(double)(sequences->count - 1 - s) / (double)b->options->age_scale);
        own->sequence_weight[number] = (float)weight;
        memcpy(own->element + at, sequences->item + begin,
               length * sizeof(*own->element));
        if (own->basket != NULL)
            memcpy(own->basket + at, sequences->basket + begin,
                   length * sizeof(*own->basket));
        at += length;
        own->sequence_ptr[++number] = at;
        b->renumbered[s] = number;
    }
}

/* Newest sequence first, and of each the last place of an item first. */
static void fill_lists(build *b)
{
    const mr_sequences *sequences = b->sequences;
    mr_session_knn_owned *own = &b->owned;
    memset(b->newest_seen, 0, sequences->items * sizeof(*b->newest_seen));
    memset(b->listed, 0, sequences->items * sizeof(*b->listed));
    for (uint32_t s = sequences->count; s-- > 0;)
        for (uint64_t e = sequences->ptr[s + 1]; e-- > sequences->ptr[s];) {
            const uint32_t item = sequences->item[e];
            if (b->newest_seen[item] == s + 1 || b->listed[item] == b->options->recent)
                continue;
            b->newest_seen[item] = s + 1;
            const uint64_t place = own->item_ptr[item] + b->listed[item]++;
            own->posting[place] = b->renumbered[s] - 1;
            own->last_place[place] = (uint32_t)(e - sequences->ptr[s]);
        }
}

static void weigh_items(build *b)
{
    const double all = (double)b->sequences->count;
    for (uint32_t i = 0; i < b->sequences->items; i++)
        b->owned.item_weight[i] =
            b->options->idf ? (float)fmax(log(all / ((double)b->frequency[i] + 1.0)),
                                          ITEM_WEIGHT_LEAST)
                            : 1.0F;
}

static mr_status make_index(build *b)
{
    const size_t items = b->sequences->items;
    b->frequency = calloc(items, sizeof(*b->frequency));
    b->listed = calloc(items, sizeof(*b->listed));
    b->newest_seen = calloc(items, sizeof(*b->newest_seen));
    b->renumbered = calloc((size_t)b->sequences->count + 1, sizeof(*b->renumbered));
    if (b->frequency == NULL || b->listed == NULL || b->newest_seen == NULL ||
        b->renumbered == NULL)
        return MR_ERR_NO_MEMORY;
    count_lists(b);
    MR_TRY(make_room(b));
    copy_sequences(b);
    fill_lists(b);
    weigh_items(b);
    return MR_OK;
}

static void free_owned(mr_session_knn_owned *own)
{
    free(own->item_ptr);
    free(own->posting);
    free(own->last_place);
    free(own->item_weight);
    free(own->sequence_ptr);
    free(own->element);
    free(own->basket);
    free(own->sequence_weight);
}

static bool are_sequences_short(const mr_sequences *sequences)
{
    for (uint32_t s = 0; s < sequences->count; s++)
        if (mr_sequences_length(sequences, s) > UINT32_MAX)
            return false;
    return true;
}

/* exp(-d / scale), or all ones without a scale. */
static void fade(float *weights, uint32_t count, float scale)
{
    for (uint32_t d = 0; d < count; d++)
        weights[d] = scale > 0.0F ? (float)exp(-(double)d / (double)scale) : 1.0F;
}

static void weigh_places(mr_session_knn *model)
{
    fade(model->query_weights, MR_SESSION_KNN_QUERY_MAX, model->options.query_scale);
    fade(model->after + 1, MR_SESSION_KNN_SPAN, model->options.rank_scale);
    while (model->reach < MR_SESSION_KNN_SPAN &&
           model->after[model->reach + 1] >= VOTE_LEAST)
        model->reach++;
    for (uint32_t d = 1; d <= MR_SESSION_KNN_SPAN; d++)
        model->before[d] = model->after[d] * model->options.backward;
    model->after[0] = model->after[1]; /* the basket of the shared item itself */
    model->before[0] = model->after[1];
}

mr_status mr_session_knn_build(const mr_sequences *sequences,
                               const mr_session_knn_options *options,
                               mr_session_knn **ret_model)
{
    if (!are_sound(options) || sequences->items == 0 || sequences->count == 0 ||
        !are_sequences_short(sequences))
        return MR_ERR_INVALID;
    mr_session_knn *model = calloc(1, sizeof(*model));
    if (model == NULL)
        return MR_ERR_NO_MEMORY;
    build b = {.sequences = sequences, .options = options};
    const mr_status status = make_index(&b);
    free(b.frequency);
    free(b.listed);
    free(b.newest_seen);
    free(b.renumbered);
    if (status != MR_OK) {
        free_owned(&b.owned);
        free(model);
        return status;
    }
    model->options = *options;
    model->owned = b.owned;
    model->arrays = (mr_session_knn_arrays){.items = sequences->items,
                                            .sequences = b.kept,
                                            .item_ptr = b.owned.item_ptr,
                                            .posting = b.owned.posting,
                                            .last_place = b.owned.last_place,
                                            .item_weight = b.owned.item_weight,
                                            .sequence_ptr = b.owned.sequence_ptr,
                                            .element = b.owned.element,
                                            .basket = b.owned.basket,
                                            .sequence_weight = b.owned.sequence_weight};
    weigh_places(model);
    *ret_model = model;
    return MR_OK;
}

/* ---- opening ---- */

static bool ascends(const uint64_t *ptr, uint32_t count, uint64_t largest_step)
{
    if (ptr[0] != 0)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (ptr[i + 1] < ptr[i] || ptr[i + 1] - ptr[i] > largest_step)
            return false;
    return true;
}

static bool are_weights(const float *weights, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!within(weights[i], WEIGHT_MAX))
            return false;
    return true;
}

static bool are_sequences_sound(const mr_session_knn_arrays *a)
{
    for (uint32_t s = 0; s < a->sequences; s++)
        for (uint64_t e = a->sequence_ptr[s]; e < a->sequence_ptr[s + 1]; e++)
            if (a->element[e] >= a->items ||
                (a->basket != NULL && e > a->sequence_ptr[s] &&
                 a->basket[e] < a->basket[e - 1]))
                return false;
    return true;
}

/* Lists run from new to old, and each posting points at its item. */
static bool are_lists_sound(const mr_session_knn_arrays *a)
{
    for (uint32_t i = 0; i < a->items; i++)
        for (uint64_t p = a->item_ptr[i]; p < a->item_ptr[i + 1]; p++) {
            const uint32_t s = a->posting[p];
            if (s >= a->sequences || (p > a->item_ptr[i] && s >= a->posting[p - 1]))
                return false;
            const uint64_t element = a->sequence_ptr[s] + a->last_place[p];
            if (element >= a->sequence_ptr[s + 1] || a->element[element] != i)
                return false;
        }
    return true;
}

mr_status mr_session_knn_open(const mr_session_knn_arrays *arrays,
                              const mr_session_knn_options *options,
                              mr_session_knn **ret_model)
{
    if (!are_sound(options))
        return MR_ERR_INVALID;
    if (arrays->items == 0 ||
        !ascends(arrays->item_ptr, arrays->items, options->recent) ||
        !ascends(arrays->sequence_ptr, arrays->sequences, UINT32_MAX) ||
        !are_weights(arrays->item_weight, arrays->items) ||
        !are_weights(arrays->sequence_weight, arrays->sequences) ||
        !are_sequences_sound(arrays) || !are_lists_sound(arrays))
        return MR_ERR_CORRUPT;
    mr_session_knn *model = calloc(1, sizeof(*model));
    if (model == NULL)
        return MR_ERR_NO_MEMORY;
    model->options = *options;
    model->arrays = *arrays;
    weigh_places(model);
    *ret_model = model;
    return MR_OK;
}

void mr_session_knn_destroy(mr_session_knn *model)
{
    if (model == NULL)
        return;
    free_owned(&model->owned);
    free(model);
}

const mr_session_knn_arrays *mr_session_knn_arrays_of(const mr_session_knn *model)
{
    return &model->arrays;
}

const mr_session_knn_options *mr_session_knn_options_of(const mr_session_knn *model)
{
    return &model->options;
}

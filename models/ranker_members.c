#include "models/ranker_members.h"

#include "models/dense.h"
#include "models/top_k.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is new in a catalogue shows in the newest part of the sequences. */
static const double RECENT_SHARE = 0.1;

void mr_ranker_votes(const mr_sequences *sequences, float fade, float *ret_votes)
{
    memset(ret_votes, 0, sequences->items * sizeof(*ret_votes));
    for (uint32_t s = 0; s < sequences->count; s++) {
        const uint64_t begin = sequences->ptr[s];
        float vote = 1.0F;
        for (uint64_t e = sequences->ptr[s + 1]; e > begin; e--) {
            const bool is_newest = e == sequences->ptr[s + 1];
            if (!is_newest && (sequences->basket == NULL ||
                               sequences->basket[e - 1] != sequences->basket[e]))
                vote *= fade;
            ret_votes[sequences->item[e - 1]] += vote;
        }
    }
}

mr_status mr_ranker_members_order(mr_ranker_members *members)
{
    const uint32_t kept = members->items < MR_RANKER_POPULAR_KEPT
                              ? members->items
                              : (uint32_t)MR_RANKER_POPULAR_KEPT;
    mr_top_k_selector *selector = malloc(sizeof(*selector));
    mr_ranked *best = malloc(MR_TOP_K_MAX * sizeof(*best));
    members->most_popular = malloc(((size_t)kept + 1) * sizeof(*members->most_popular));
    const bool has_room =
        selector != NULL && best != NULL && members->most_popular != NULL;
    if (has_room && kept > 0) {
        mr_top_k_selector_init(selector, kept, MR_TOP_K_AUTO);
        mr_top_k_selector_add(selector, members->popular, members->items, 0);
        members->most_popular_count = mr_top_k_selector_finish(selector, best);
        for (uint32_t i = 0; i < members->most_popular_count; i++)
            members->most_popular[i] = best[i].index;
    }
    free(selector);
    free(best);
    return has_room ? MR_OK : MR_ERR_NO_MEMORY;
}

static mr_status train_popular(const mr_ranker_recipe *recipe,
                               const mr_sequences *sequences, mr_ranker_members *members)
{
    const uint32_t newest = (uint32_t)lround(RECENT_SHARE * (double)sequences->count);
    const mr_sequences recent =
        mr_sequences_slice(sequences, sequences->count - newest, newest);
    members->popular = mr_dense_floats((size_t)members->items + 1);
    members->recent = mr_dense_floats((size_t)members->items + 1);
    if (members->popular == NULL || members->recent == NULL)
        return MR_ERR_NO_MEMORY;
    mr_ranker_votes(sequences, recipe->popular_fade, members->popular);
    mr_ranker_votes(&recent, 1.0F, members->recent);
    return mr_ranker_members_order(members);
}

static void report_encoder(void *context, uint32_t epoch, uint64_t done, uint64_t all,
                           double loss)
{
    const mr_ranker_training *training = context;
    (void)epoch;
    (void)loss;
    training->progress(training->context, "encoder", done, all);
}

static mr_status train_encoder(const mr_ranker_recipe *recipe,
                               const mr_ranker_training *training,
                               mr_encoder **ret_encoder)
{
    mr_encoder_options options = recipe->encoder;
    if (training->progress != NULL) {
        options.report = report_encoder;
        options.report_context = (void *)(uintptr_t)training;
    }
    return mr_encoder_train(training->sequences, &options, training->pool, ret_encoder);
}

static mr_status train_all(const mr_ranker_recipe *recipe,
                           const mr_ranker_training *training, mr_ranker_members *members)
{
    const mr_sequences *sequences = training->sequences;
    members->items = sequences->items;
    MR_TRY(train_popular(recipe, sequences, members));
    if (recipe->uses[MR_SIGNAL_SEQUENCE])
        MR_TRY(mr_covisitation_build(sequences, &recipe->sequence, training->pool,
                                     &members->sequence));
    if (recipe->uses[MR_SIGNAL_SESSION_KNN])
        MR_TRY(
            mr_session_knn_build(sequences, &recipe->session_knn, &members->session_knn));
    if (recipe->uses[MR_SIGNAL_REPEAT])
        MR_TRY(mr_next_basket_build(sequences, &recipe->repeat, training->pool,
                                    &members->repeat));
    return recipe->uses[MR_SIGNAL_ENCODER]
               ? train_encoder(recipe, training, &members->encoder)
               : MR_OK;
}

mr_status mr_ranker_members_train(const mr_ranker_recipe *recipe,
                                  const mr_ranker_training *training,
                                  mr_ranker_members *ret_members)
{
    mr_ranker_members members = {0};
    const mr_status status = train_all(recipe, training, &members);
    if (status != MR_OK) {
        mr_ranker_members_deinit(&members);
        return status;
    }
    *ret_members = members;
    return MR_OK;
}

mr_status mr_ranker_members_code(mr_ranker_members *members)
{
    if (members->encoder == NULL || members->items == 0 ||
        (uintptr_t)mr_encoder_view(members->encoder)->units % MR_DENSE_ALIGN_BYTES != 0)
        return MR_OK;
    return mr_int8_table_build(mr_encoder_items(members->encoder),
                               &members->encoder_codes);
}

void mr_ranker_members_deinit(mr_ranker_members *members)
{
    mr_int8_table_destroy(members->encoder_codes);
    mr_encoder_destroy(members->encoder);
    mr_covisitation_destroy(members->sequence);
    mr_session_knn_destroy(members->session_knn);
    mr_next_basket_destroy(members->repeat);
    free(members->popular);
    free(members->recent);
    free(members->most_popular);
    *members = (mr_ranker_members){0};
}

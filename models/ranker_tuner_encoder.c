#include "models/ranker_tuner_internal.h"

#include <math.h>

/* Multiply-adds, twice: what an encoder's products may cost in all, at the default budget. */
static const double ENCODER_FLOPS_MAX = 6e12;
static const double ENCODER_TRIAL_FLOPS_MAX = 1e12;

static uint64_t count_examples(const mr_sequences *sequences)
{
    uint64_t count = 0;
    for (uint32_t s = 0; s < sequences->count; s++) {
        const size_t length = mr_sequences_length(sequences, s);
        count += length > 1 ? length - 1 : 0;
    }
    return count;
}

/* Of the three products of an epoch. */
static double epoch_flops(const mr_sequences *sequences,
                          const mr_encoder_options *options)
{
    return 6.0 * (double)count_examples(sequences) * (double)options->negatives *
           (double)options->dimension;
}

/* The newest sequences, as many as one trial epoch may cost. */
static mr_sequences trial_part(const mr_sequences *sequences,
                               const mr_encoder_options *options)
{
    const double share = ENCODER_TRIAL_FLOPS_MAX / epoch_flops(sequences, options);
    if (share >= 1.0)
        return *sequences;
    const uint32_t count = (uint32_t)(share * (double)sequences->count);
    const mr_sequences part =
        mr_sequences_slice(sequences, sequences->count - count, count);
    return count_examples(&part) > 0 ? part : *sequences;
}

static uint32_t epochs_within(double flops_max, double flops, uint32_t most)
{
    const double epochs = floor(flops_max / flops);
    return epochs < 1.0 ? 1 : epochs > (double)most ? most : (uint32_t)epochs;
}

/* More negatives than items say everything twice. */
static uint32_t negatives_of(const mr_ranker_tuning *t, uint32_t wanted)
{
    return t->train.items < wanted ? t->train.items : wanted;
}

/* As large and as long as the bound allows: more of either has not been seen to harm. */
static void size_encoder(const mr_ranker_tuning *t, mr_encoder_options *options)
{
    static const uint32_t dimensions[] = {256, 128, 64};
    static const uint32_t epochs_wanted[] = {8, 6, 4};
    const bool is_economy = t->options->budget > 0 && t->options->budget < 12;
    const double bound = is_economy ? ENCODER_FLOPS_MAX / 6.0 : ENCODER_FLOPS_MAX;
    for (size_t d = 0; d < 3; d++) {
        options->dimension = dimensions[d];
        options->batch = dimensions[d] == 128 ? 512 : 256;
        options->negatives = negatives_of(t, dimensions[d] == 64 ? 1024 : 2048);
        const double flops = epoch_flops(&t->train, options);
        options->epochs = epochs_within(bound, flops, epochs_wanted[d]);
        if (options->epochs == epochs_wanted[d])
            return;
    }
}

mr_status mr_ranker_tuning_encoder(mr_ranker_tuning *t, uint32_t looks)
{
    static const struct {
        float temperature;
        float dropout;
    } settings[] = {{0.07F, 0.2F}, {0.1F, 0.4F}, {0.085F, 0.3F}};
    mr_ranker_recipe recipe = mr_ranker_tuning_single(t, MR_SIGNAL_ENCODER);
    if (count_examples(&t->train) == 0)
        return MR_OK; /* the cut left no sequence of two: nothing to train on */
    recipe.encoder.seed = t->options->seed;
    recipe.encoder.negatives_skip_prefix = !recipe.choice.repeats_allowed;
    for (uint32_t i = 0; i < 3 && i < looks && looks > 1; i++) {
        double value = 0.0;
        recipe.encoder.dimension = 128;
        recipe.encoder.batch = 256;
        recipe.encoder.negatives = negatives_of(t, 2048);
        const mr_sequences part = trial_part(&t->train, &recipe.encoder);
        recipe.encoder.epochs = epochs_within(ENCODER_TRIAL_FLOPS_MAX,
                                              epoch_flops(&part, &recipe.encoder), 5);
        recipe.encoder.temperature = settings[i].temperature;
        recipe.encoder.dropout = settings[i].dropout;
        MR_TRY(mr_ranker_tuning_try(t, &recipe, &part, &value));
    }
    if (t->result->tried[MR_SIGNAL_ENCODER]) {
        recipe.encoder.temperature = t->best[MR_SIGNAL_ENCODER].encoder.temperature;
        recipe.encoder.dropout = t->best[MR_SIGNAL_ENCODER].encoder.dropout;
    }
    size_encoder(t, &recipe.encoder);
    t->best[MR_SIGNAL_ENCODER] = recipe;
    t->result->tried[MR_SIGNAL_ENCODER] = true;
    return MR_OK;
}

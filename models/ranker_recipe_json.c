#include "models/ranker_recipe_json.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef enum field_kind { FIELD_COUNT, FIELD_NUMBER, FIELD_FLAG, FIELD_SEED } field_kind;

/* An option by its name, and where it lies in a recipe. */
typedef struct field {
    const char *name;
    field_kind kind;
    size_t offset;
} field;

#define FIELD(kind, family, option)                                                      \
    {                                                                                    \
#option, kind, offsetof(mr_ranker_recipe, family.option)                         \
    }

static const field ENCODER_FIELDS[] = {
    FIELD(FIELD_COUNT, encoder, dimension),
    FIELD(FIELD_COUNT, encoder, epochs),
    FIELD(FIELD_COUNT, encoder, batch),
    FIELD(FIELD_COUNT, encoder, negatives),
    FIELD(FIELD_COUNT, encoder, length_max),
    FIELD(FIELD_NUMBER, encoder, temperature),
    FIELD(FIELD_NUMBER, encoder, dropout),
    FIELD(FIELD_NUMBER, encoder, learning_rate),
    FIELD(FIELD_FLAG, encoder, negatives_skip_prefix),
    FIELD(FIELD_SEED, encoder, seed),
};

static const field SEQUENCE_FIELDS[] = {
    FIELD(FIELD_COUNT, sequence, span),
    FIELD(FIELD_NUMBER, sequence, distance_exponent),
    FIELD(FIELD_NUMBER, sequence, backward),
    FIELD(FIELD_NUMBER, sequence, together),
    FIELD(FIELD_NUMBER, sequence, own),
    FIELD(FIELD_FLAG, sequence, self),
    FIELD(FIELD_NUMBER, sequence, age_scale),
    FIELD(FIELD_NUMBER, sequence, length_exponent),
    FIELD(FIELD_NUMBER, sequence, row_exponent),
    FIELD(FIELD_NUMBER, sequence, column_exponent),
    FIELD(FIELD_COUNT, sequence, neighbours),
    FIELD(FIELD_NUMBER, sequence, query_scale),
    FIELD(FIELD_COUNT, sequence, query_span),
};

static const field SESSION_KNN_FIELDS[] = {
    FIELD(FIELD_COUNT, session_knn, neighbours),
    FIELD(FIELD_COUNT, session_knn, recent),
    FIELD(FIELD_FLAG, session_knn, idf),
    FIELD(FIELD_NUMBER, session_knn, age_scale),
    FIELD(FIELD_NUMBER, session_knn, length_exponent),
    FIELD(FIELD_NUMBER, session_knn, rank_scale),
    FIELD(FIELD_NUMBER, session_knn, backward),
    FIELD(FIELD_NUMBER, session_knn, shared),
    FIELD(FIELD_NUMBER, session_knn, query_scale),
};

static const field REPEAT_FIELDS[] = {
    FIELD(FIELD_COUNT, repeat, span),
    FIELD(FIELD_NUMBER, repeat, fading),
    FIELD(FIELD_NUMBER, repeat, source_exponent),
    FIELD(FIELD_NUMBER, repeat, target_exponent),
    FIELD(FIELD_NUMBER, repeat, row_exponent),
    FIELD(FIELD_NUMBER, repeat, column_exponent),
    FIELD(FIELD_NUMBER, repeat, smoothing),
    FIELD(FIELD_COUNT, repeat, neighbours),
    FIELD(FIELD_NUMBER, repeat, repeat_shrinkage),
    FIELD(FIELD_NUMBER, repeat, popularity_fading),
};

static mr_status check_encoder(const mr_ranker_recipe *recipe)
{
    return mr_encoder_options_check(&recipe->encoder, NULL);
}

static mr_status check_sequence(const mr_ranker_recipe *recipe)
{
    return mr_covisitation_options_check(&recipe->sequence);
}

static mr_status check_session_knn(const mr_ranker_recipe *recipe)
{
    return mr_session_knn_options_check(&recipe->session_knn);
}

static mr_status check_repeat(const mr_ranker_recipe *recipe)
{
    return mr_next_basket_options_check(&recipe->repeat);
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct family {
    mr_signal signal;
    const field *fields;
    size_t count;
    mr_status (*check)(const mr_ranker_recipe *recipe);
} FAMILIES[] = {
    {MR_SIGNAL_ENCODER, ENCODER_FIELDS, COUNT_OF(ENCODER_FIELDS), check_encoder},
    {MR_SIGNAL_SEQUENCE, SEQUENCE_FIELDS, COUNT_OF(SEQUENCE_FIELDS), check_sequence},
    {MR_SIGNAL_SESSION_KNN, SESSION_KNN_FIELDS, COUNT_OF(SESSION_KNN_FIELDS),
     check_session_knn},
    {MR_SIGNAL_REPEAT, REPEAT_FIELDS, COUNT_OF(REPEAT_FIELDS), check_repeat},
};

/* ---- writing ---- */

static void put_field(mr_json_writer *json, const mr_ranker_recipe *recipe,
                      const field *f)
{
    const void *at = (const char *)recipe + f->offset;
    uint32_t count;
    uint64_t seed;
    float number;
    bool flag;
    mr_json_key(json, f->name);
    switch (f->kind) {
    case FIELD_COUNT:
        memcpy(&count, at, sizeof(count));
        mr_json_put_uint(json, count);
        return;
    case FIELD_NUMBER:
        memcpy(&number, at, sizeof(number));
        mr_json_put_double(json, (double)number);
        return;
    case FIELD_FLAG:
        memcpy(&flag, at, sizeof(flag));
        mr_json_put_bool(json, flag);
        return;
    case FIELD_SEED:
        memcpy(&seed, at, sizeof(seed));
        mr_json_put_int(json, (int64_t)seed);
        return;
    }
}

static void put_families(mr_json_writer *json, const mr_ranker_recipe *recipe)
{
    for (size_t f = 0; f < COUNT_OF(FAMILIES); f++) {
        if (!recipe->uses[FAMILIES[f].signal])
            continue;
        mr_json_key(json, mr_signal_name(FAMILIES[f].signal));
        mr_json_begin_object(json);
        for (size_t i = 0; i < FAMILIES[f].count; i++)
            put_field(json, recipe, &FAMILIES[f].fields[i]);
        mr_json_end_object(json);
    }
}

/* The members of a choice, in the object that is open. */
static void put_choice(mr_json_writer *json, const mr_ranker_choice *choice)
{
    mr_json_key(json, "single");
    mr_json_put_string(json, choice->single != MR_SIGNALS ? mr_signal_name(choice->single)
                                                          : NULL);
    mr_json_key(json, "repeats_allowed");
    mr_json_put_bool(json, choice->repeats_allowed);
    mr_json_key(json, "weights");
    mr_json_begin_object(json);
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++) {
        mr_json_key(json, mr_rank_feature_name((mr_rank_feature)f));
        mr_json_put_double(json, (double)choice->weights[f]);
    }
    mr_json_end_object(json);
}

static void put_newcomers(mr_json_writer *json, const mr_ranker_recipe *recipe)
{
    if (recipe->newcomers_max == 0)
        return;
    mr_json_key(json, "newcomers");
    mr_json_begin_object(json);
    mr_json_key(json, "elements_max");
    mr_json_put_uint(json, recipe->newcomers_max);
    put_choice(json, &recipe->newcomers);
    mr_json_end_object(json);
}

void mr_ranker_recipe_write(const mr_ranker_recipe *recipe, mr_buffer *buffer)
{
    char text[MR_RANKER_TEXT_BYTES];
    mr_json_writer json = mr_json_writer_of(buffer);
    mr_ranker_recipe_text(recipe, text);
    mr_json_begin_object(&json);
    mr_json_key(&json, "name");
    mr_json_put_string(&json, mr_ranker_choice_name(&recipe->choice));
    mr_json_key(&json, "text");
    mr_json_put_string(&json, text);
    put_choice(&json, &recipe->choice);
    put_newcomers(&json, recipe);
    mr_json_key(&json, "popular_fade");
    mr_json_put_double(&json, (double)recipe->popular_fade);
    mr_json_key(&json, "uses");
    mr_json_begin_object(&json);
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        mr_json_key(&json, mr_signal_name((mr_signal)s));
        mr_json_put_bool(&json, recipe->uses[s]);
    }
    mr_json_end_object(&json);
    put_families(&json, recipe);
    mr_json_end_object(&json);
}

/* ---- reading ---- */

static mr_status refuse(mr_error *ret_error, const char *of, const char *name)
{
    return mr_error_set(ret_error, MR_ERR_CORRUPT,
                        "manifest: ranker: %s%s%s is missing or out of range", of,
                        of[0] != '\0' ? "." : "", name);
}

static bool get_number(mr_json_value *object, const char *name, float *ret_number)
{
    const double number = mr_json_double(mr_json_get(object, name), (double)NAN);
    if (!(fabs(number) <= (double)FLT_MAX))
        return false;
    *ret_number = (float)number;
    return true;
}

static bool get_flag(mr_json_value *object, const char *name, bool *ret_flag)
{
    mr_json_value *value = mr_json_get(object, name);
    if (!mr_json_is_bool(value))
        return false;
    *ret_flag = mr_json_bool(value, false);
    return true;
}

static bool get_count(mr_json_value *object, const char *name, uint32_t *ret_count)
{
    const int64_t count = mr_json_int(mr_json_get(object, name), -1);
    if (count < 0 || count > UINT32_MAX)
        return false;
    *ret_count = (uint32_t)count;
    return true;
}

/* Two defaults tell a number that is there from one that is not. */
static bool get_seed(mr_json_value *object, const char *name, uint64_t *ret_seed)
{
    mr_json_value *value = mr_json_get(object, name);
    const int64_t seed = mr_json_int(value, 0);
    if (seed != mr_json_int(value, 1))
        return false;
    *ret_seed = (uint64_t)seed;
    return true;
}

static bool get_field(mr_json_value *object, const field *f, mr_ranker_recipe *recipe)
{
    void *at = (char *)recipe + f->offset;
    switch (f->kind) {
    case FIELD_COUNT: return get_count(object, f->name, at);
    case FIELD_NUMBER: return get_number(object, f->name, at);
    case FIELD_FLAG: return get_flag(object, f->name, at);
    case FIELD_SEED: return get_seed(object, f->name, at);
    }
    return false;
}

static mr_status get_families(mr_json_value *object, mr_ranker_recipe *recipe,
                              mr_error *ret_error)
{
    for (size_t f = 0; f < COUNT_OF(FAMILIES); f++) {
        const struct family *family = &FAMILIES[f];
        const char *name = mr_signal_name(family->signal);
        mr_json_value *options = mr_json_get(object, name);
        if (!recipe->uses[family->signal])
            continue;
        for (size_t i = 0; i < family->count; i++)
            if (!get_field(options, &family->fields[i], recipe))
                return refuse(ret_error, name, family->fields[i].name);
        if (family->check(recipe) != MR_OK)
            return refuse(ret_error, name, "an option");
    }
    return MR_OK;
}

static mr_status get_uses(mr_json_value *object, mr_ranker_recipe *recipe,
                          mr_error *ret_error)
{
    mr_json_value *uses = mr_json_get(object, "uses");
    bool any = false;
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        if (!get_flag(uses, mr_signal_name((mr_signal)s), &recipe->uses[s]))
            return refuse(ret_error, "uses", mr_signal_name((mr_signal)s));
        any |= recipe->uses[s];
    }
    return any ? MR_OK : refuse(ret_error, "uses", "a signal");
}

/* Null is a blend; anything else the name of a signal in use. */
static bool get_single(mr_json_value *object, const bool uses[MR_SIGNALS],
                       mr_signal *ret_single)
{
    mr_json_value *single = mr_json_get(object, "single");
    *ret_single = MR_SIGNALS;
    if (!mr_json_is_text(single))
        return single != NULL && !mr_json_is_number(single) && !mr_json_is_bool(single) &&
               !mr_json_is_array(single) && !mr_json_is_object(single);
    const mr_text name = mr_json_text(single, MR_TEXT(""));
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        if (uses[s] && mr_text_is(name, mr_signal_name((mr_signal)s)))
            *ret_single = (mr_signal)s;
    return *ret_single != MR_SIGNALS;
}

/* What a signal that is not in use says nothing of weighs nothing: no reason could be given for it. */
static bool may_weigh(const bool uses[MR_SIGNALS], mr_rank_feature feature, float weight)
{
    const mr_signal signal = mr_rank_feature_signal(feature);
    return signal == MR_SIGNALS || signal == MR_SIGNAL_POPULAR || uses[signal] ||
           (weight <= 0.0F && weight >= 0.0F);
}

/* `of` is the object's own name, for messages. */
static mr_status get_choice(mr_json_value *object, const char *of,
                            const bool uses[MR_SIGNALS], mr_ranker_choice *ret_choice,
                            mr_error *ret_error)
{
    mr_json_value *weights = mr_json_get(object, "weights");
    if (!get_single(object, uses, &ret_choice->single))
        return refuse(ret_error, of, "single");
    if (!get_flag(object, "repeats_allowed", &ret_choice->repeats_allowed))
        return refuse(ret_error, of, "repeats_allowed");
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++) {
        const mr_rank_feature feature = (mr_rank_feature)f;
        const char *name = mr_rank_feature_name(feature);
        float *weight = &ret_choice->weights[f];
        if (!get_number(weights, name, weight) || !may_weigh(uses, feature, *weight))
            return refuse(ret_error, of[0] != '\0' ? of : "weights", name);
    }
    return MR_OK;
}

/* Where there is none, which older versions never have, all queries go by the one choice. */
static mr_status get_newcomers(mr_json_value *object, mr_ranker_recipe *recipe,
                               mr_error *ret_error)
{
    mr_json_value *newcomers = mr_json_get(object, "newcomers");
    if (newcomers == NULL)
        return MR_OK;
    if (!get_count(newcomers, "elements_max", &recipe->newcomers_max) ||
        recipe->newcomers_max == 0)
        return refuse(ret_error, "newcomers", "elements_max");
    return get_choice(newcomers, "newcomers", recipe->uses, &recipe->newcomers,
                      ret_error);
}

mr_status mr_ranker_recipe_read(mr_json_value *object, mr_ranker_recipe *ret_recipe,
                                mr_error *ret_error)
{
    mr_ranker_recipe recipe = {.encoder = mr_encoder_options_default(),
                               .sequence = mr_covisitation_defaults(),
                               .session_knn = mr_session_knn_defaults(),
                               .repeat = mr_next_basket_defaults()};
    MR_TRY(get_uses(object, &recipe, ret_error));
    MR_TRY(get_choice(object, "", recipe.uses, &recipe.choice, ret_error));
    MR_TRY(get_newcomers(object, &recipe, ret_error));
    if (!get_number(object, "popular_fade", &recipe.popular_fade) ||
        recipe.popular_fade < 0.0F || recipe.popular_fade > 1.0F)
        return refuse(ret_error, "", "popular_fade");
    MR_TRY(get_families(object, &recipe, ret_error));
    *ret_recipe = recipe;
    return MR_OK;
}

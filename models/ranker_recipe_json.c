#include "models/ranker_recipe_json.h"

#include <math.h>
#include <stddef.h>

typedef enum field_type { FIELD_FLOAT, FIELD_COUNT, FIELD_FLAG, FIELD_SEED } field_type;

/* A family's option: its name and where it stands in the recipe. */
typedef struct field {
    const char *name;
    field_type type;
    size_t offset;
} field;

#define AT(member) offsetof(mr_ranker_recipe, member)

static const field ENCODER_FIELDS[] = {
    {"dimension", FIELD_COUNT, AT(encoder.dimension)},
    {"epochs", FIELD_COUNT, AT(encoder.epochs)},
    {"batch", FIELD_COUNT, AT(encoder.batch)},
    {"negatives", FIELD_COUNT, AT(encoder.negatives)},
    {"length_max", FIELD_COUNT, AT(encoder.length_max)},
    {"temperature", FIELD_FLOAT, AT(encoder.temperature)},
    {"dropout", FIELD_FLOAT, AT(encoder.dropout)},
    {"learning_rate", FIELD_FLOAT, AT(encoder.learning_rate)},
    {"negatives_skip_prefix", FIELD_FLAG, AT(encoder.negatives_skip_prefix)},
    {"seed", FIELD_SEED, AT(encoder.seed)},
    {NULL, FIELD_FLOAT, 0},
};

static const field SEQUENCE_FIELDS[] = {
    {"span", FIELD_COUNT, AT(sequence.span)},
    {"distance_exponent", FIELD_FLOAT, AT(sequence.distance_exponent)},
    {"backward", FIELD_FLOAT, AT(sequence.backward)},
    {"together", FIELD_FLOAT, AT(sequence.together)},
    {"own", FIELD_FLOAT, AT(sequence.own)},
    {"self", FIELD_FLAG, AT(sequence.self)},
    {"age_scale", FIELD_FLOAT, AT(sequence.age_scale)},
    {"length_exponent", FIELD_FLOAT, AT(sequence.length_exponent)},
    {"row_exponent", FIELD_FLOAT, AT(sequence.row_exponent)},
    {"column_exponent", FIELD_FLOAT, AT(sequence.column_exponent)},
    {"neighbours", FIELD_COUNT, AT(sequence.neighbours)},
    {"query_scale", FIELD_FLOAT, AT(sequence.query_scale)},
    {"query_span", FIELD_COUNT, AT(sequence.query_span)},
    {NULL, FIELD_FLOAT, 0},
};

static const field SESSION_KNN_FIELDS[] = {
    {"neighbours", FIELD_COUNT, AT(session_knn.neighbours)},
    {"recent", FIELD_COUNT, AT(session_knn.recent)},
    {"idf", FIELD_FLAG, AT(session_knn.idf)},
    {"age_scale", FIELD_FLOAT, AT(session_knn.age_scale)},
    {"length_exponent", FIELD_FLOAT, AT(session_knn.length_exponent)},
    {"rank_scale", FIELD_FLOAT, AT(session_knn.rank_scale)},
    {"backward", FIELD_FLOAT, AT(session_knn.backward)},
    {"shared", FIELD_FLOAT, AT(session_knn.shared)},
    {"query_scale", FIELD_FLOAT, AT(session_knn.query_scale)},
    {NULL, FIELD_FLOAT, 0},
};

static const field REPEAT_FIELDS[] = {
    {"span", FIELD_COUNT, AT(repeat.span)},
    {"fading", FIELD_FLOAT, AT(repeat.fading)},
    {"source_exponent", FIELD_FLOAT, AT(repeat.source_exponent)},
    {"target_exponent", FIELD_FLOAT, AT(repeat.target_exponent)},
    {"row_exponent", FIELD_FLOAT, AT(repeat.row_exponent)},
    {"column_exponent", FIELD_FLOAT, AT(repeat.column_exponent)},
    {"smoothing", FIELD_FLOAT, AT(repeat.smoothing)},
    {"neighbours", FIELD_COUNT, AT(repeat.neighbours)},
    {"repeat_shrinkage", FIELD_FLOAT, AT(repeat.repeat_shrinkage)},
    {"popularity_fading", FIELD_FLOAT, AT(repeat.popularity_fading)},
    {NULL, FIELD_FLOAT, 0},
};

static const field POPULAR_FIELDS[] = {
    {"fade", FIELD_FLOAT, AT(popular_fade)},
    {NULL, FIELD_FLOAT, 0},
};

/* A signal in use is an object of its options in "signals"; some have none. */
static const field NO_FIELDS[] = {{NULL, FIELD_FLOAT, 0}};
static const field *const FIELDS[MR_SIGNALS] = {
    [MR_SIGNAL_ENCODER] = ENCODER_FIELDS,
    [MR_SIGNAL_SEQUENCE] = SEQUENCE_FIELDS,
    [MR_SIGNAL_SESSION_KNN] = SESSION_KNN_FIELDS,
    [MR_SIGNAL_REPEAT] = REPEAT_FIELDS,
    [MR_SIGNAL_CONTENT] = NO_FIELDS,
    [MR_SIGNAL_ROWS] = NO_FIELDS,
    [MR_SIGNAL_POPULAR] = POPULAR_FIELDS,
};

/* ---- writing ---- */

static void put_field(mr_json_writer *json, const mr_ranker_recipe *recipe,
                      const field *f)
{
    const char *at = (const char *)recipe + f->offset;
    mr_json_key(json, f->name);
    switch (f->type) {
    case FIELD_FLOAT:
        mr_json_put_double(json, (double)*(const float *)(const void *)at);
        return;
    case FIELD_COUNT: mr_json_put_uint(json, *(const uint32_t *)(const void *)at); return;
    case FIELD_FLAG: mr_json_put_bool(json, *(const bool *)(const void *)at); return;
    case FIELD_SEED: mr_json_put_uint(json, *(const uint64_t *)(const void *)at); return;
    }
}

void mr_ranker_recipe_write(const mr_ranker_recipe *recipe, mr_buffer *buffer)
{
    mr_json_writer json = mr_json_writer_of(buffer);
    char text[MR_RANKER_TEXT_BYTES];
    mr_ranker_recipe_text(recipe, text);
    mr_json_begin_object(&json);
    mr_json_key(&json, "name");
    mr_json_put_string(&json, mr_ranker_recipe_name(recipe));
    mr_json_key(&json, "text");
    mr_json_put_string(&json, text);
    mr_json_key(&json, "repeats_allowed");
    mr_json_put_bool(&json, recipe->repeats_allowed);
    mr_json_key(&json, "signals");
    mr_json_begin_object(&json);
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        if (!recipe->uses[s])
            continue;
        mr_json_key(&json, mr_signal_name((mr_signal)s));
        mr_json_begin_object(&json);
        for (const field *f = FIELDS[s]; f->name != NULL; f++)
            put_field(&json, recipe, f);
        mr_json_end_object(&json);
    }
    mr_json_end_object(&json);
    mr_json_key(&json, "weights");
    mr_json_begin_object(&json);
    for (uint32_t w = 0; w < MR_RANK_FEATURES; w++) {
        mr_json_key(&json, mr_rank_feature_name((mr_rank_feature)w));
        mr_json_put_double(&json, (double)recipe->weights[w]);
    }
    mr_json_end_object(&json);
    mr_json_end_object(&json);
}

/* ---- reading ---- */

static bool get_field(mr_json_value *object, const field *f, mr_ranker_recipe *recipe)
{
    char *at = (char *)recipe + f->offset;
    mr_json_value *value = mr_json_get(object, f->name);
    const double number = mr_json_double(value, (double)NAN);
    switch (f->type) {
    case FIELD_FLOAT:
        *(float *)(void *)at = (float)number;
        return isfinite((float)number);
    case FIELD_COUNT:
        if (!(number >= 0.0 && number <= (double)UINT32_MAX))
            return false;
        *(uint32_t *)(void *)at = (uint32_t)number;
        return true;
    case FIELD_FLAG:
        *(bool *)(void *)at = mr_json_bool(value, false);
        return value != NULL;
    case FIELD_SEED:
        *(uint64_t *)(void *)at = (uint64_t)mr_json_int(value, 0);
        return value != NULL;
    }
    return false;
}

static mr_status refuse(mr_error *ret_error, const char *what, const char *name)
{
    return mr_error_set(ret_error, MR_ERR_CORRUPT, "manifest: \"ranker\": %s %s", what,
                        name);
}

static mr_status read_signals(mr_json_value *signals, mr_ranker_recipe *recipe,
                              mr_error *ret_error)
{
    bool any = false;
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        mr_json_value *options = mr_json_get(signals, mr_signal_name((mr_signal)s));
        recipe->uses[s] = options != NULL;
        any |= recipe->uses[s];
        for (const field *f = FIELDS[s]; options != NULL && f->name != NULL; f++)
            if (!get_field(options, f, recipe))
                return refuse(ret_error, "missing or wrong option", f->name);
    }
    return any ? MR_OK : refuse(ret_error, "without", "signals");
}

/* "blend", or the signal that decides alone. */
static mr_status read_name(mr_text name, mr_ranker_recipe *recipe, mr_error *ret_error)
{
    recipe->single = MR_SIGNALS;
    if (mr_text_is(name, "blend"))
        return MR_OK;
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        if (mr_text_is(name, mr_signal_name((mr_signal)s)) && recipe->uses[s]) {
            recipe->single = (mr_signal)s;
            return MR_OK;
        }
    return refuse(ret_error, "unknown", "name");
}

mr_status mr_ranker_recipe_read(mr_json_value *object, mr_ranker_recipe *ret_recipe,
                                mr_error *ret_error)
{
    mr_ranker_recipe recipe = {0};
    mr_json_value *weights = mr_json_get(object, "weights");
    MR_TRY(read_signals(mr_json_get(object, "signals"), &recipe, ret_error));
    MR_TRY(read_name(mr_json_text(mr_json_get(object, "name"), MR_TEXT("")), &recipe,
                     ret_error));
    for (uint32_t w = 0; w < MR_RANK_FEATURES; w++) {
        const char *name = mr_rank_feature_name((mr_rank_feature)w);
        recipe.weights[w] =
            (float)mr_json_double(mr_json_get(weights, name), (double)NAN);
        if (!isfinite(recipe.weights[w]))
            return refuse(ret_error, "no weight of", name);
    }
    recipe.repeats_allowed = mr_json_bool(mr_json_get(object, "repeats_allowed"), false);
    *ret_recipe = recipe;
    return MR_OK;
}

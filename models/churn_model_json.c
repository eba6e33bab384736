#include "models/churn_model_internal.h"

#include "core/json.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Beyond any fit, and far from where a product overflows. */
static const double PLATT_MAX = 1e12;

enum { NAME_BYTES_MAX = 256, WINDOW_DAYS_MAX = 36500 };

/* "-0" reads back as the integer 0: both zeros are written, and read, as that one. */
static double without_sign_of_zero(double number)
{
    return number + 0.0;
}

static void put_numbers(mr_json_writer *writer, const char *key, const double *numbers,
                        uint32_t count)
{
    mr_json_key(writer, key);
    mr_json_begin_array(writer);
    for (uint32_t i = 0; i < count; i++)
        mr_json_put_double(writer, without_sign_of_zero(numbers[i]));
    mr_json_end_array(writer);
}

static void put_number(mr_json_writer *writer, const char *key, double number)
{
    mr_json_key(writer, key);
    mr_json_put_double(writer, without_sign_of_zero(number));
}

static void put_calibration(mr_json_writer *writer, const mr_calibration *calibration)
{
    mr_json_key(writer, "calibration");
    mr_json_begin_object(writer);
    mr_json_key(writer, "kind");
    mr_json_put_string(writer, mr_calibration_kind_name(calibration->kind));
    put_number(writer, "slope", calibration->slope);
    put_number(writer, "offset", calibration->offset);
    put_numbers(writer, "score", calibration->score, calibration->knots);
    put_numbers(writer, "logit", calibration->logit, calibration->knots);
    mr_json_end_object(writer);
}

static void put_summary(mr_json_writer *writer, const mr_churn_summary *summary)
{
    mr_json_key(writer, "training");
    mr_json_begin_object(writer);
    mr_json_key(writer, "rows");
    mr_json_put_uint(writer, summary->rows);
    mr_json_key(writer, "origins");
    mr_json_put_uint(writer, summary->origins);
    put_number(writer, "churn_rate", summary->churn_rate);
    put_number(writer, "l2", summary->l2);
    put_number(writer, "auc", summary->expected.auc);
    put_number(writer, "log_loss", summary->expected.log_loss);
    put_number(writer, "brier", summary->expected.brier);
    put_number(writer, "ece", summary->expected.ece);
    put_number(writer, "lift_at_10", summary->expected.lift_at_10);
    mr_json_end_object(writer);
}

void mr_churn_model_to_json(const mr_churn_model *model, mr_buffer *buffer)
{
    const uint32_t columns = model->logistic.columns;
    mr_json_writer writer = mr_json_writer_of(buffer);
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "version");
    mr_json_put_int(&writer, MR_CHURN_MODEL_VERSION);
    mr_json_key(&writer, "label_window_days");
    mr_json_put_uint(&writer, model->label_window_days);
    mr_json_key(&writer, "features");
    mr_json_begin_array(&writer);
    for (uint32_t j = 0; j < columns; j++)
        mr_json_put_string(&writer, model->names[j]);
    mr_json_end_array(&writer);
    put_number(&writer, "intercept", model->logistic.intercept);
    put_numbers(&writer, "mean", model->logistic.mean, columns);
    put_numbers(&writer, "scale", model->logistic.scale, columns);
    put_numbers(&writer, "weight", model->logistic.weight, columns);
    put_calibration(&writer, &model->calibration);
    put_numbers(&writer, "tier_begins", model->tier_begins, MR_CHURN_TIERS);
    put_summary(&writer, &model->summary);
    mr_json_end_object(&writer);
}

/* ---- reading ---- */

static mr_status bad_field(mr_error *ret_error, const char *key)
{
    return mr_error_set(ret_error, MR_ERR_CORRUPT,
                        "churn model: \"%s\" is missing or wrong", key);
}

/* A finite number under `key`. */
static mr_status get_number(mr_json_value *object, const char *key, double *ret_number,
                            mr_error *ret_error)
{
    const double number = mr_json_double(mr_json_get(object, key), (double)NAN);
    if (!isfinite(number))
        return bad_field(ret_error, key);
    *ret_number = number;
    return MR_OK;
}

/* Exactly `count` finite numbers under `key`. */
static mr_status get_numbers(mr_json_value *object, const char *key, uint32_t count,
                             double *ret_numbers, mr_error *ret_error)
{
    mr_json_value *array = mr_json_get(object, key);
    if (!mr_json_is_array(array) || mr_json_count(array) != count)
        return bad_field(ret_error, key);
    for (uint32_t i = 0; i < count; i++) {
        ret_numbers[i] = mr_json_double(mr_json_at(array, i), (double)NAN);
        if (!isfinite(ret_numbers[i]))
            return bad_field(ret_error, key);
    }
    return MR_OK;
}

static mr_status get_logistic(mr_json_value *root, mr_churn_model *model,
                              mr_error *ret_error)
{
    const size_t columns = mr_json_count(mr_json_get(root, "features"));
    if (columns == 0 || columns > MR_LOGISTIC_COLUMNS_MAX)
        return bad_field(ret_error, "features");
    const uint32_t p = (uint32_t)columns;
    double *numbers = malloc(3 * columns * sizeof(double));
    if (numbers == NULL)
        return MR_ERR_NO_MEMORY;
    double intercept = 0.0;
    mr_status status = get_number(root, "intercept", &intercept, ret_error);
    if (status == MR_OK)
        status = get_numbers(root, "mean", p, numbers, ret_error);
    if (status == MR_OK)
        status = get_numbers(root, "scale", p, numbers + p, ret_error);
    if (status == MR_OK)
        status = get_numbers(root, "weight", p, numbers + 2 * p, ret_error);
    if (status == MR_OK)
        status = mr_logistic_init(p, intercept, numbers, numbers + p, numbers + 2 * p,
                                  &model->logistic);
    free(numbers);
    return status == MR_ERR_INVALID ? bad_field(ret_error, "scale") : status;
}

static mr_status get_names(mr_json_value *root, mr_churn_model *model,
                           mr_error *ret_error)
{
    mr_json_value *features = mr_json_get(root, "features");
    model->names = calloc(model->logistic.columns, sizeof(*model->names));
    if (model->names == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t j = 0; j < model->logistic.columns; j++) {
        const mr_text name = mr_json_text(mr_json_at(features, j), (mr_text){0});
        if (name.length == 0 || name.length > NAME_BYTES_MAX ||
            memchr(name.bytes, '\0', name.length) != NULL)
            return bad_field(ret_error, "features");
        model->names[j] = strndup(name.bytes, name.length);
        if (model->names[j] == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

static mr_status get_isotonic(mr_json_value *object, mr_calibration *ret_calibration,
                              mr_error *ret_error)
{
    double score[MR_ISOTONIC_GROUPS_MAX];
    double logit[MR_ISOTONIC_GROUPS_MAX];
    const size_t knots = mr_json_count(mr_json_get(object, "score"));
    if (knots == 0 || knots > MR_ISOTONIC_GROUPS_MAX)
        return bad_field(ret_error, "score");
    MR_TRY(get_numbers(object, "score", (uint32_t)knots, score, ret_error));
    MR_TRY(get_numbers(object, "logit", (uint32_t)knots, logit, ret_error));
    const mr_status status =
        mr_calibration_init_isotonic((uint32_t)knots, score, logit, ret_calibration);
    return status == MR_ERR_INVALID ? bad_field(ret_error, "score") : status;
}

static mr_status get_calibration(mr_json_value *root, mr_calibration *ret_calibration,
                                 mr_error *ret_error)
{
    mr_json_value *object = mr_json_get(root, "calibration");
    const mr_text kind = mr_json_text(mr_json_get(object, "kind"), (mr_text){0});
    if (mr_text_is(kind, mr_calibration_kind_name(MR_CALIBRATION_NONE))) {
        *ret_calibration = (mr_calibration){0};
        return MR_OK;
    }
    if (mr_text_is(kind, mr_calibration_kind_name(MR_CALIBRATION_ISOTONIC)))
        return get_isotonic(object, ret_calibration, ret_error);
    if (!mr_text_is(kind, mr_calibration_kind_name(MR_CALIBRATION_PLATT)))
        return bad_field(ret_error, "kind");
    mr_calibration platt = {.kind = MR_CALIBRATION_PLATT};
    MR_TRY(get_number(object, "slope", &platt.slope, ret_error));
    MR_TRY(get_number(object, "offset", &platt.offset, ret_error));
    if (platt.slope < 0.0 || platt.slope > PLATT_MAX)
        return bad_field(ret_error, "slope");
    if (fabs(platt.offset) > PLATT_MAX)
        return bad_field(ret_error, "offset");
    *ret_calibration = platt;
    return MR_OK;
}

static mr_status get_tiers(mr_json_value *root, double *ret_begins, mr_error *ret_error)
{
    MR_TRY(get_numbers(root, "tier_begins", MR_CHURN_TIERS, ret_begins, ret_error));
    for (int tier = 0; tier < MR_CHURN_TIERS; tier++) {
        const double before = tier > 0 ? ret_begins[tier - 1] : 0.0;
        if (ret_begins[tier] < before || ret_begins[tier] > 1.0)
            return bad_field(ret_error, "tier_begins");
    }
    return MR_OK;
}

static mr_status get_summary(mr_json_value *root, mr_churn_summary *ret_summary,
                             mr_error *ret_error)
{
    mr_json_value *object = mr_json_get(root, "training");
    const int64_t rows = mr_json_int(mr_json_get(object, "rows"), -1);
    const int64_t origins = mr_json_int(mr_json_get(object, "origins"), -1);
    if (rows < 0 || origins < 0 || origins > UINT16_MAX + 1)
        return bad_field(ret_error, "training");
    ret_summary->rows = (uint64_t)rows;
    ret_summary->origins = (uint32_t)origins;
    MR_TRY(get_number(object, "churn_rate", &ret_summary->churn_rate, ret_error));
    MR_TRY(get_number(object, "l2", &ret_summary->l2, ret_error));
    MR_TRY(get_number(object, "auc", &ret_summary->expected.auc, ret_error));
    MR_TRY(get_number(object, "log_loss", &ret_summary->expected.log_loss, ret_error));
    MR_TRY(get_number(object, "brier", &ret_summary->expected.brier, ret_error));
    MR_TRY(get_number(object, "ece", &ret_summary->expected.ece, ret_error));
    return get_number(object, "lift_at_10", &ret_summary->expected.lift_at_10, ret_error);
}

static mr_status read_model(mr_json_value *root, mr_churn_model *model,
                            mr_error *ret_error)
{
    if (mr_json_int(mr_json_get(root, "version"), -1) != MR_CHURN_MODEL_VERSION)
        return bad_field(ret_error, "version");
    const int64_t window = mr_json_int(mr_json_get(root, "label_window_days"), -1);
    if (window < 0 || window > WINDOW_DAYS_MAX)
        return bad_field(ret_error, "label_window_days");
    model->label_window_days = (uint32_t)window;
    MR_TRY(get_logistic(root, model, ret_error));
    MR_TRY(get_names(root, model, ret_error));
    MR_TRY(get_calibration(root, &model->calibration, ret_error));
    MR_TRY(get_tiers(root, model->tier_begins, ret_error));
    MR_TRY(get_summary(root, &model->summary, ret_error));
    model->summary.calibration = model->calibration.kind;
    return MR_OK;
}

mr_status mr_churn_model_from_json(mr_text json, mr_churn_model **ret_model,
                                   mr_error *ret_error)
{
    mr_json *document = NULL;
    MR_TRY(mr_json_parse(json, &document, ret_error));
    mr_churn_model *model = calloc(1, sizeof(*model));
    const mr_status status = model != NULL
                                 ? read_model(mr_json_root(document), model, ret_error)
                                 : MR_ERR_NO_MEMORY;
    mr_json_destroy(document);
    if (status != MR_OK) {
        mr_churn_model_destroy(model);
        return status;
    }
    *ret_model = model;
    return MR_OK;
}

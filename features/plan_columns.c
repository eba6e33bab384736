#include "features/plan_columns.h"

#include <stdio.h>
#include <string.h>

enum { PHRASE_BYTES = 96 };

static const mr_series *series_of(const mr_plan *plan, const mr_operation *operation)
{
    return mr_operation_reads_series(operation) ? &plan->series[operation->series] : NULL;
}

/* Whether a feature is what a column of the kind reads. */
static bool reads(const mr_plan *plan, const mr_operation *operation, mr_vector_kind kind,
                  int days)
{
    const mr_aggregate aggregate = operation->spec.aggregate;
    const mr_series *series = series_of(plan, operation);
    const bool reaches =
        series != NULL && series->keep_days >= days && !series->is_hourly;
    switch (kind) {
    case MR_VECTOR_RECENCY: return aggregate == MR_AGGREGATE_LAST_TIME;
    case MR_VECTOR_NUMBER:
    case MR_VECTOR_RATIO:
        return operation->stores &&
               (aggregate == MR_AGGREGATE_COUNT || aggregate == MR_AGGREGATE_SUM ||
                aggregate == MR_AGGREGATE_DISTINCT);
    case MR_VECTOR_WINDOW_COUNT: return reaches && aggregate == MR_AGGREGATE_COUNT;
    case MR_VECTOR_WINDOW_SUM:
    case MR_VECTOR_SPEND_TREND: return reaches && aggregate == MR_AGGREGATE_SUM;
    case MR_VECTOR_FADING: return aggregate == MR_AGGREGATE_FADING_SUM;
    case MR_VECTOR_GAP_MEAN:
    case MR_VECTOR_GAP_DEVIATION:
    case MR_VECTOR_GAP_OVERDUE: return aggregate == MR_AGGREGATE_LAST_TIMES;
    case MR_VECTOR_ACTIVE_DAYS:
    case MR_VECTOR_ACTIVE_TREND: return aggregate == MR_AGGREGATE_DAY_BITMAP;
    case MR_VECTOR_HISTORY_ITEMS: return aggregate == MR_AGGREGATE_RECENT_ITEMS;
    default: return true;
    }
}

static bool has_source(const mr_plan *plan, const char *name,
                       const mr_vector_spec *column)
{
    if (name == NULL)
        return true;
    const mr_operation *operation = mr_plan_operation_named(plan, name);
    return operation != NULL &&
           reads(plan, operation, column->kind, mr_vector_days(column));
}

static bool is_read_by(const mr_vector_spec *columns, size_t count, const char *feature)
{
    for (size_t i = 0; i < count; i++) {
        if ((columns[i].first != NULL && strcmp(columns[i].first, feature) == 0) ||
            (columns[i].second != NULL && strcmp(columns[i].second, feature) == 0))
            return true;
    }
    return false;
}

static bool is_named(const mr_vector_spec *columns, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(columns[i].column.name, name) == 0)
            return true;
    }
    return false;
}

/* The kind that reads a feature as one number; false where there is none. */
static bool kind_of(const mr_operation *operation, mr_vector_kind *ret_kind)
{
    const bool stores = operation->stores;
    switch (operation->spec.aggregate) {
    case MR_AGGREGATE_COUNT:
        *ret_kind = stores ? MR_VECTOR_NUMBER : MR_VECTOR_WINDOW_COUNT;
        return true;
    case MR_AGGREGATE_SUM:
        *ret_kind = stores ? MR_VECTOR_NUMBER : MR_VECTOR_WINDOW_SUM;
        return true;
    case MR_AGGREGATE_DISTINCT: *ret_kind = MR_VECTOR_NUMBER; return true;
    case MR_AGGREGATE_SKETCH: *ret_kind = MR_VECTOR_READ; return true;
    case MR_AGGREGATE_FADING_SUM: *ret_kind = MR_VECTOR_FADING; return true;
    case MR_AGGREGATE_FADING_MEAN: *ret_kind = MR_VECTOR_FADING_MEAN; return true;
    case MR_AGGREGATE_EXPRESSION: *ret_kind = MR_VECTOR_EXPRESSION; return true;
    case MR_AGGREGATE_LAST_TIME: *ret_kind = MR_VECTOR_RECENCY; return true;
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
        *ret_kind = stores ? MR_VECTOR_PAIR : MR_VECTOR_WINDOW_EXTREME;
        return true;
    case MR_AGGREGATE_MEAN:
        *ret_kind = stores ? MR_VECTOR_PAIR : MR_VECTOR_WINDOW_MEAN;
        return true;
    default: return false;
    }
}

static mr_status add_column(const mr_operation *operation, mr_vector_kind kind,
                            mr_arena *texts, mr_vector_spec *ret_column)
{
    const mr_feature_spec *spec = &operation->spec;
    const mr_value_type type = operation->feature.columns[0].type;
    char phrase[PHRASE_BYTES];
    const bool is_recency = kind == MR_VECTOR_RECENCY;
    (void)snprintf(phrase, sizeof(phrase), "%.48s %s", spec->name,
                   is_recency ? "{} days ago" : "of {}");
    const mr_text copy =
        mr_arena_copy(texts, (mr_text){phrase, (uint32_t)strlen(phrase) + 1});
    if (copy.bytes == NULL)
        return MR_ERR_NO_MEMORY;
    const bool is_scaled = type == MR_VALUE_MONEY || type == MR_VALUE_HUNDREDTHS;
    *ret_column = (mr_vector_spec){
        .column = {.name = spec->name,
                   .meaning = spec->meaning,
                   .unit = is_recency               ? "days"
                           : type == MR_VALUE_MONEY ? "money"
                                                    : spec->unit,
                   .phrase = copy.bytes,
                   .decimals = is_scaled || kind == MR_VECTOR_EXPRESSION ? 2 : 0},
        .kind = kind,
        .days = spec->window_hours > 0 ? spec->window_hours : spec->window_days,
        .scale = is_scaled ? 100.0F : 1.0F,
        .first = spec->name};
    return MR_OK;
}

mr_status mr_plan_columns_of(const mr_plan *plan, mr_arena *texts,
                             mr_vector_spec ret_columns[MR_PLAN_COLUMNS_MAX],
                             size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < mr_default_column_count; i++) {
        const mr_vector_spec *column = &mr_default_columns[i];
        if (has_source(plan, column->first, column) &&
            has_source(plan, column->second, column))
            ret_columns[count++] = *column;
    }
    for (size_t i = 0; i < plan->operation_count && count < MR_PLAN_COLUMNS_MAX; i++) {
        const mr_operation *operation = &plan->operations[i];
        mr_vector_kind kind;
        if (kind_of(operation, &kind) &&
            !is_read_by(ret_columns, count, operation->spec.name) &&
            !is_named(ret_columns, count, operation->spec.name))
            MR_TRY(add_column(operation, kind, texts, &ret_columns[count++]));
    }
    *ret_count = count;
    return MR_OK;
}

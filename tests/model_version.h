/*
 * Model version: what the tests of scoring and alerts serve.
 *
 * A recommender trained on a shard's histories with a fixed seed, and a churn model that is
 * written by hand, so that its probabilities are known: log-odds = (days since the latest
 * purchase - 20) / 8, cut at -8 and 8, and nothing else counts.
 */
#ifndef MR_TESTS_MODEL_VERSION_H
#define MR_TESTS_MODEL_VERSION_H

#include "app/model_slot.h"
#include "app/training_set.h"
#include "core/file.h"
#include "models/blas.h"
#include "models/recommender_train.h"
#include "tests/support.h"

#include <stdio.h>

static inline void test_churn_numbers(mr_json_writer *writer, const mr_plan *plan,
                                      const char *key, double of_recency,
                                      double of_others)
{
    mr_json_key(writer, key);
    mr_json_begin_array(writer);
    for (size_t j = 0; j < mr_plan_vector_width(plan); j++)
        mr_json_put_double(writer, j == mr_plan_vector_find(plan, "recency_days")
                                       ? of_recency
                                       : of_others);
    mr_json_end_array(writer);
}

/* A month's window; tiers begin at 0.3, 0.6 and 0.9. */
static inline void test_churn_json(const mr_plan *plan, mr_buffer *json)
{
    mr_json_writer writer = mr_json_writer_of(json);
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "version");
    mr_json_put_int(&writer, MR_CHURN_MODEL_VERSION);
    mr_json_key(&writer, "label_window_days");
    mr_json_put_int(&writer, 30);
    mr_json_key(&writer, "features");
    mr_json_begin_array(&writer);
    for (size_t j = 0; j < mr_plan_vector_width(plan); j++)
        mr_json_put_string(&writer, mr_plan_vector_column(plan, j)->name);
    mr_json_end_array(&writer);
    mr_json_key(&writer, "intercept");
    mr_json_put_double(&writer, 0.0);
    test_churn_numbers(&writer, plan, "mean", 20.0, 0.0);
    test_churn_numbers(&writer, plan, "scale", 16.0, 1.0);
    test_churn_numbers(&writer, plan, "weight", 2.0, 0.0);
    mr_json_key(&writer, "calibration");
    mr_json_put_raw(&writer, MR_TEXT("{\"kind\":\"none\"}"));
    mr_json_key(&writer, "tier_begins");
    mr_json_put_raw(&writer, MR_TEXT("[0.3,0.6,0.9]"));
    mr_json_key(&writer, "training");
    mr_json_put_raw(&writer, MR_TEXT("{\"rows\":1,\"origins\":1,\"churn_rate\":0.5,"
                                     "\"l2\":1,\"auc\":0.5,\"log_loss\":0.5,"
                                     "\"brier\":0.5,\"ece\":0,\"lift_at_10\":1}"));
    mr_json_end_object(&writer);
    assert_ok(mr_buffer_status(json));
}

static inline mr_status test_churn_add(void *context, mr_model_writer *writer,
                                       mr_error *ret_error)
{
    char path[MR_MODEL_PATH_BYTES];
    mr_buffer json = {0};
    test_churn_json(context, &json);
    mr_model_writer_path(writer, MR_MODEL_CHURN_FILE, path);
    assert_ok(mr_file_replace(path, json.bytes, json.length, ret_error));
    mr_buffer_deinit(&json);
    return mr_model_writer_note(writer, MR_MODEL_CHURN_FILE, ret_error);
}

static inline void test_model_train(const char *models_path, mr_plan *plan,
                                    const mr_hash_key *key, const mr_shard *shard,
                                    uint32_t threads,
                                    char ret_version[MR_MODEL_VERSION_BYTES])
{
    mr_training_rows *rows = NULL;
    mr_training_result result;
    mr_error error = {{0}};
    assert_ok(mr_training_rows_create(key, &rows));
    assert_ok(mr_training_rows_add(rows, shard, NULL));
    assert_ok(mr_training_rows_finish(rows));
    const mr_training_set set = {.interactions = mr_training_rows_view(rows),
                                 .item_ids = mr_training_rows_item_ids(rows),
                                 .plan_hash = "test",
                                 .data_to_ms = mr_shard_newest_ms(shard),
                                 .seed = 17,
                                 .threads = threads,
                                 .budget = 4,
                                 .add_files = test_churn_add,
                                 .context = plan};
    assert_non_null(mr_blas_start());
    if (mr_recommender_train(&set, models_path, &result, &error) != MR_OK)
        fail_msg("%s", error.message);
    (void)snprintf(ret_version, MR_MODEL_VERSION_BYTES, "%s", result.version);
    mr_training_rows_destroy(rows);
}

static inline mr_model_slot *test_model_slot(const char *models_path, const char *version,
                                             const mr_plan *plan, const mr_hash_key *key)
{
    mr_model_slot *slot = NULL;
    mr_error error = {{0}};
    if (mr_model_slot_open(models_path, version, key, plan, &slot, &error) != MR_OK)
        fail_msg("%s", error.message);
    assert_string_equal(mr_model_slot_churn_refused(slot), "");
    return slot;
}

#endif

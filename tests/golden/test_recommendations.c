/*
 * What the frozen log makes the engine say: lists of recommendations and churn alerts, by id.
 *
 * A recommender is trained on the log's histories, beside the churn model of
 * tests/model_version.h.  Lists must be the frozen ones and those that recompute_lists.py works
 * out from the definition of the model: items and reasons by id,
 * scores to 1e-4 (another BLAS adds in another order); alerts must be the frozen ones to the
 * byte.  One thread and two train the same version.
 *
 * `test_recommendations --print` writes both answers to standard output instead.
 */
#include "app/churn_sweep.h"
#include "app/scoring.h"
#include "tests/golden/golden.h"
#include "tests/model_version.h"

#include <inttypes.h>

enum { LIST_ITEMS = 8, FIELDS = 6 };

static const double SCORE_TOLERANCE = 1e-4;

typedef struct world {
    golden_log *log;
    mr_shard *shard;
    mr_model_slot *slot;
    char version[MR_MODEL_VERSION_BYTES];
} world;

static void train(const world *w, uint32_t threads,
                  char ret_version[MR_MODEL_VERSION_BYTES])
{
    test_model_train(w->log->directory, w->log->plan, &w->log->key, w->shard, threads,
                     ret_version);
}

static int open_world(void **state)
{
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->log = golden_open();
    golden_replay(w->log, 1, 1024, &w->shard);
    train(w, 1, w->version);
    w->slot = test_model_slot(w->log->directory, w->version, w->log->plan, &w->log->key);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;
    mr_model_slot_destroy(w->slot);
    mr_shard_destroy(w->shard);
    golden_close(w->log);
    free(w);
    return 0;
}

/* -- recommendations -------------------------------------------------------------------- */

static const char *const askers[] = {"shopper-00", "shopper-01", "shopper-02",
                                     "shopper-13", "heavy",      "cents",
                                     "twin",       "guest-4",    "nobody"};

static uint32_t row_of(const world *w, const char *name)
{
    const uint32_t row = mr_shard_find(w->shard, mr_text_from(name));
    return row != MR_ROW_NONE ? row
                              : mr_shard_find_anonymous(w->shard, mr_text_from(name));
}

static void put_item(const mr_recommender *model, uint32_t item, mr_buffer *text)
{
    mr_buffer_put_text(text, item == MR_ITEM_NONE ? MR_TEXT("-")
                                                  : mr_recommender_item_id(model, item));
}

/* name, rank, item, score, source, reason */
static void recommend(const world *w, mr_scoring *scoring, const char *name,
                      mr_buffer *text)
{
    const mr_recommender *model = mr_model_slot_recommender(w->slot);
    const uint32_t row = row_of(w, name);
    mr_user_state user;
    mr_scored_item items[LIST_ITEMS];
    size_t count = 0;
    if (row != MR_ROW_NONE)
        mr_shard_user_state(w->shard, row, 1, &user);
    assert_ok(mr_scoring_score(scoring, w->slot, row != MR_ROW_NONE ? &user : NULL, NULL,
                               0, mr_shard_newest_ms(w->shard), LIST_ITEMS, items,
                               &count));
    for (size_t i = 0; i < count; i++) {
        mr_buffer_printf(text, "%s\t%zu\t", name, i + 1);
        put_item(model, items[i].item, text);
        mr_buffer_printf(text, "\t%.6f\t%s\t", (double)items[i].score,
                         mr_source_name((mr_source)items[i].source));
        put_item(model, items[i].because, text);
        mr_buffer_put_u8(text, '\n');
    }
}

static void recommend_all(const world *w, mr_buffer *text)
{
    mr_scoring scoring = {0};
    for (size_t i = 0; i < sizeof(askers) / sizeof(askers[0]); i++)
        recommend(w, &scoring, askers[i], text);
    mr_scoring_deinit(&scoring);
    assert_ok(mr_buffer_status(text));
}

static mr_text next_field(mr_text *rest)
{
    uint32_t length = 0;
    while (length < rest->length && rest->bytes[length] != '\t')
        length++;
    const mr_text field = {.bytes = rest->bytes, .length = length};
    const uint32_t taken = length < rest->length ? length + 1 : length;
    *rest = (mr_text){.bytes = rest->bytes + taken, .length = rest->length - taken};
    return field;
}

/* Equal but for the score, the fourth field. */
static bool lines_agree(mr_text actual, mr_text expected)
{
    for (int field = 1; field <= FIELDS; field++) {
        const mr_text a = next_field(&actual);
        const mr_text e = next_field(&expected);
        double score;
        double frozen;
        if (field != 4 && !mr_text_equal(a, e))
            return false;
        if (field == 4 && (mr_text_to_double(a, &score) != MR_OK ||
                           mr_text_to_double(e, &frozen) != MR_OK ||
                           !(fabs(score - frozen) <= SCORE_TOLERANCE)))
            return false;
    }
    return actual.length == 0 && expected.length == 0;
}

static void compare_lists(const mr_buffer *actual, const char *expected_name,
                          const mr_buffer *expected)
{
    mr_text mine = golden_text(actual);
    mr_text theirs = golden_text(expected);
    assert_true(theirs.length > 0);
    for (size_t number = 1; mine.length > 0 || theirs.length > 0; number++) {
        const mr_text a = golden_line(&mine);
        const mr_text e = golden_line(&theirs);
        if (!lines_agree(a, e))
            fail_msg("line %zu differs\nthe engine:\n%.*s\n%s:\n%.*s", number,
                     (int)a.length, a.bytes, expected_name, (int)e.length, e.bytes);
    }
}

static void test_lists_are_the_frozen_ones_by_id(void **state)
{
    mr_buffer actual = {0};
    mr_buffer expected = {0};
    golden_read("recommendations.txt", &expected);
    recommend_all(*state, &actual);
    compare_lists(&actual, "recommendations.txt", &expected);
    mr_buffer_deinit(&actual);
    mr_buffer_deinit(&expected);
}

static void test_lists_are_those_of_the_definition(void **state)
{
    char names[512] = "";
    mr_buffer actual = {0};
    mr_buffer expected = {0};
    for (size_t i = 0; i < sizeof(askers) / sizeof(askers[0]); i++) {
        const size_t length = strlen(names);
        (void)snprintf(names + length, sizeof(names) - length, " %s", askers[i]);
    }
    golden_run("recompute_lists.py", names, &expected);
    recommend_all(*state, &actual);
    compare_lists(&actual, "recompute_lists.py", &expected);
    mr_buffer_deinit(&actual);
    mr_buffer_deinit(&expected);
}

static void test_two_threads_train_the_same_version(void **state)
{
    const world *w = *state;
    char version[MR_MODEL_VERSION_BYTES];
    train(w, 2, version);
    assert_string_equal(version, w->version);
}

static void test_equal_scores_stand_in_order_of_their_ids(void **state)
{
    const world *w = *state;
    const mr_recommender *model = mr_model_slot_recommender(w->slot);
    mr_scoring scoring = {0};
    size_t ties = 0;
    for (size_t u = 0; u < sizeof(askers) / sizeof(askers[0]); u++) {
        mr_user_state user;
        mr_scored_item items[64];
        size_t count = 0;
        const uint32_t row = row_of(w, askers[u]);
        if (row == MR_ROW_NONE)
            continue;
        mr_shard_user_state(w->shard, row, 1, &user);
        assert_ok(mr_scoring_score(&scoring, w->slot, &user, NULL, 0,
                                   mr_shard_newest_ms(w->shard), 64, items, &count));
        for (size_t i = 1; i < count; i++) {
            if (items[i].source == MR_SOURCE_POPULAR ||
                items[i].score < items[i - 1].score)
                continue;
            ties++;
            assert_true(items[i].score <= items[i - 1].score);
            assert_true(mr_text_compare(mr_recommender_item_id(model, items[i - 1].item),
                                        mr_recommender_item_id(model, items[i].item)) <
                        0);
        }
    }
    assert_true(ties > 0);
    mr_scoring_deinit(&scoring);
}

/* -- alerts ----------------------------------------------------------------------------- */

static void put_member(mr_json_value *alert, const char *key, mr_buffer *text)
{
    mr_json_value *value = mr_json_get(alert, key);
    assert_non_null(value);
    mr_buffer_put_text(text, mr_json_text(value, (mr_text){0}));
    mr_buffer_put_u8(text, '\t');
}

/* All but the version, whose name holds checksums of floating point arrays. */
static bool put_alert(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    mr_buffer *text = context;
    mr_json *document = NULL;
    assert_ok(mr_json_parse(record, &document, NULL));
    mr_json_value *alert = mr_json_root(document);
    assert_true(mr_text_equal(mr_json_text(mr_json_get(alert, "alert_id"), id), id));
    mr_buffer_printf(text, "%" PRIu64 "\t", sequence);
    put_member(alert, "alert_id", text);
    put_member(alert, "user_id", text);
    put_member(alert, "tier", text);
    put_member(alert, "previous_tier", text);
    put_member(alert, "time", text);
    mr_json_value *reasons = mr_json_get(alert, "reasons");
    mr_buffer_printf(text, "%.3f\t%.2f\t%" PRId64 "\t",
                     mr_json_double(mr_json_get(alert, "probability"), -1.0),
                     mr_json_double(mr_json_get(alert, "value_at_risk"), -1.0),
                     mr_json_int(mr_json_get(alert, "horizon_days"), -1));
    for (size_t i = 0; i < mr_json_count(reasons); i++)
        put_member(mr_json_at(reasons, i), "text", text);
    text->length--; /* the last tab */
    mr_buffer_put_u8(text, '\n');
    mr_json_destroy(document);
    return true;
}

static void sweep(const world *w, mr_buffer *text)
{
    mr_engine engine = {.plan = w->log->plan, .key = w->log->key};
    mr_owned_shard owned = {
        .engine = &engine, .shard = w->shard, .epoch = 1, .is_at_end = true};
    do
        assert_ok(mr_churn_sweep(&owned, w->slot));
    while (owned.churn_sweep.is_under_way);
    mr_shard_outbox_pending(w->shard, 0, put_alert, text);
}

static void test_alerts_are_the_frozen_ones_by_id(void **state)
{
    mr_buffer actual = {0};
    mr_buffer expected = {0};
    golden_read("alerts.txt", &expected);
    sweep(*state, &actual);
    golden_compare("the engine", &actual, "alerts.txt", &expected);
    mr_buffer_deinit(&actual);
    mr_buffer_deinit(&expected);
}

static void print_answers(void)
{
    void *state = NULL;
    mr_buffer lists = {0};
    mr_buffer alerts = {0};
    (void)open_world(&state);
    recommend_all(state, &lists);
    sweep(state, &alerts);
    (void)printf("%.*s-- alerts\n%.*s", (int)lists.length, (const char *)lists.bytes,
                 (int)alerts.length, (const char *)alerts.bytes);
    mr_buffer_deinit(&lists);
    mr_buffer_deinit(&alerts);
    (void)close_world(&state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_are_the_frozen_ones_by_id),
        cmocka_unit_test(test_lists_are_those_of_the_definition),
        cmocka_unit_test(test_two_threads_train_the_same_version),
        cmocka_unit_test(test_equal_scores_stand_in_order_of_their_ids),
        cmocka_unit_test(test_alerts_are_the_frozen_ones_by_id),
    };
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        print_answers();
        return 0;
    }
    return cmocka_run_group_tests(tests, open_world, close_world);
}

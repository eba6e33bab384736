/*
 * Method: files so small that the votes, the ranks and the metrics are counted by hand, judged by
 * the one model whose answer needs no training.
 */
#include "tests/text_file.h"

#include "models/basket_protocol.h"
#include "models/sequence_protocol.h"
#include "models/session_protocol.h"

static mr_ranking_options popular(void)
{
    return (mr_ranking_options){
        .model = "popular", .seed = 5, .threads = 1, .clock = mr_clock_system()};
}

static double value_of(const mr_named_value *values, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(values[i].name, name) == 0)
            return values[i].value;
    fail_msg("no %s", name);
    return 0.0;
}

static double metric(const mr_ranking_result *result, const char *name)
{
    return value_of(result->metrics, result->metric_count, name);
}

static int count_of(const mr_ranking_result *result, const char *name)
{
    return (int)value_of(result->data, result->data_count, name);
}

/* Without the last of each, a has 3 votes, b 2, c 1, d 0, and e, whose user is not asked, 1. */
static const char *const USERS = "1 b c a\n2 a b d\n3 a a c\n4 e\n";

static mr_ranking_result run_sequence(const char *text, const mr_ranking_options *ranking)
{
    char path[TEXT_PATH_BYTES];
    mr_ranking_result result;
    mr_error error = {{0}};
    const mr_sequence_options options = {.data_path = text_write("data", text, path),
                                         .ranking = *ranking};
    if (mr_sequence_protocol_run(&options, &result, &error) != MR_OK)
        fail_msg("%s", error.message);
    return result;
}

static void test_the_last_item_of_each_user_is_asked_for(void **state)
{
    (void)state;
    const mr_ranking_options ranking = popular();
    const mr_ranking_result result = run_sequence(USERS, &ranking);
    assert_string_equal(result.protocol, "sequence");
    assert_string_equal(result.model, "popular");
    assert_int_equal(result.seed, 5);
    assert_int_equal(count_of(&result, "users"), 4);
    assert_int_equal(count_of(&result, "items"), 5);
    assert_int_equal(count_of(&result, "train"), 7);
    assert_int_equal(count_of(&result, "test"), 3);
    assert_close(metric(&result, "hr@5"), 1.0, 1e-12);
    assert_close(metric(&result, "hr@20"), 1.0, 1e-12);
    /* Asked for: a, d, and c, whose tie with e counts against it. */
    assert_close(metric(&result, "ndcg@5"),
                 (1.0 / log2(2) + 1.0 / log2(6) + 1.0 / log2(5)) / 3, 1e-12);
    assert_close(metric(&result, "ndcg@10"), metric(&result, "ndcg@20"), 1e-12);
}

static void test_a_model_without_a_name_is_chosen(void **state)
{
    (void)state;
    mr_ranking_options ranking = popular();
    ranking.model = NULL;
    const mr_ranking_result result = run_sequence(USERS, &ranking);
    assert_int_equal(count_of(&result, "test"), 3);
    assert_true(strlen(result.model) > 0 && strlen(result.parameters) > 0);
}

static void test_threads_do_not_show(void **state)
{
    (void)state;
    static char text[64 * 1024];
    size_t used = 0;
    for (uint32_t u = 0; u < 2000; u++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%u %u %u %u\n", u,
                                 u * u % 83, u * 7 % 61, u * u * 3 % 71);
    mr_ranking_options ranking = popular();
    const mr_ranking_result one = run_sequence(text, &ranking);
    ranking.threads = 3;
    const mr_ranking_result three = run_sequence(text, &ranking);
    assert_memory_equal(one.metrics, three.metrics,
                        one.metric_count * sizeof(one.metrics[0]));
}

/* Users keep to one of ten shelves of twelve items and have no item twice. */
static void test_a_set_type_member_is_asked_in_order(void **state)
{
    (void)state;
    static char text[64 * 1024];
    size_t used = 0;
    for (uint32_t u = 0; u < 900; u++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%u", u);
        for (uint32_t i = 0; i < 5; i++)
            used += (size_t)snprintf(text + used, sizeof(text) - used, " %u",
                                     u % 10 * 12 + (u / 10 + i * (1 + u % 5)) % 12);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "\n");
    }
    mr_ranking_options ranking = popular();
    ranking.model = "item_item";
    ranking.budget = 2;
    const mr_ranking_result one = run_sequence(text, &ranking);
    assert_string_equal(one.model, "item_item");
    assert_int_equal(one.tries, 2);
    assert_true(metric(&one, "hr@20") > 0.95); /* the shelf's other items fit into 20 */
    ranking.threads = 3;
    const mr_ranking_result three = run_sequence(text, &ranking);
    assert_memory_equal(one.metrics, three.metrics,
                        one.metric_count * sizeof(one.metrics[0]));
}

static mr_status run_session(const char *train, const char *test,
                             mr_session_format format, mr_ranking_result *ret_result,
                             mr_error *ret_error)
{
    char train_path[TEXT_PATH_BYTES];
    char test_path[TEXT_PATH_BYTES];
    const mr_session_options options = {.train_path =
                                            text_write("train", train, train_path),
                                        .test_path = text_write("test", test, test_path),
                                        .format = format,
                                        .ranking = popular()};
    return mr_session_protocol_run(&options, ret_result, ret_error);
}

static void test_a_prefix_asks_for_its_next_item(void **state)
{
    (void)state;
    mr_ranking_result result;
    assert_ok(run_session("a b\na c b\n", "c\ta\nz c\tc\nb\tz\n", MR_SESSION_PREFIX,
                          &result, NULL));
    assert_int_equal(count_of(&result, "sessions"), 2);
    assert_int_equal(count_of(&result, "items"), 3);
    assert_int_equal(count_of(&result, "train"), 5);
    assert_int_equal(count_of(&result, "test"), 3);
    assert_int_equal(count_of(&result, "unseen"), 1);
    /* a and b tie at 2, c follows, z cannot be found. */
    assert_close(metric(&result, "hr@20"), 2.0 / 3.0, 1e-12);
    assert_close(metric(&result, "mrr@20"), (1.0 / 2 + 1.0 / 3 + 0) / 3, 1e-12);
}

static void test_every_place_of_a_log_but_the_first_is_asked_for(void **state)
{
    (void)state;
    mr_ranking_result result;
    assert_ok(run_session("SessionId,ItemId,Time\n1,a,1\n1,a,2\n1,b,3\n",
                          "SessionId,ItemId,Time\n7,b,9\n8,a,5\n7,a,8\n8,b,6\n8,x,7\n"
                          "9,a,1\n",
                          MR_SESSION_LOG, &result, NULL));
    assert_int_equal(count_of(&result, "test_sessions"), 3);
    assert_int_equal(count_of(&result, "test"),
                     3); /* b after a, x after a b, b after a */
    assert_int_equal(count_of(&result, "unseen"), 1);
    assert_close(metric(&result, "mrr@20"), (1.0 / 2 + 1.0 / 2) / 3, 1e-12);
}

static void test_a_format_has_a_name(void **state)
{
    (void)state;
    mr_session_format format;
    assert_ok(mr_session_format_from("log", &format));
    assert_int_equal(format, MR_SESSION_LOG);
    assert_ok(mr_session_format_from("prefix", &format));
    assert_int_equal(format, MR_SESSION_PREFIX);
    assert_int_equal(mr_session_format_from("Log", &format), MR_ERR_INVALID);
}

static void test_the_next_basket_is_asked_for(void **state)
{
    (void)state;
    char history[TEXT_PATH_BYTES];
    char future[TEXT_PATH_BYTES];
    mr_ranking_result result;
    mr_error error = {{0}};
    const mr_basket_options options = {
        .history_path = text_write("history",
                                   "{\"1\": [[-1], [0, 1], [0], [-1]],"
                                   " \"2\": [[-1], [0, 1], [2], [-1]]}",
                                   history),
        .future_path = text_write("future",
                                  "{\"1\": [[-1], [0, 2, 9], [-1]],"
                                  " \"2\": [[-1], [1], [-1]]}",
                                  future),
        .ranking = popular()};
    if (mr_basket_protocol_run(&options, &result, &error) != MR_OK)
        fail_msg("%s", error.message);
    assert_int_equal(count_of(&result, "users"), 2);
    assert_int_equal(count_of(&result, "items"), 3);
    assert_int_equal(count_of(&result, "test_users"), 2);
    assert_int_equal(count_of(&result, "test"), 4);
    assert_int_equal(count_of(&result, "unseen"), 1);
    assert_close(metric(&result, "recall@10"), (2.0 / 3 + 1.0) / 2, 1e-12);
    assert_close(metric(&result, "phr@10"), 1.0, 1e-12);
    assert_close(metric(&result, "ndcg@10"),
                 ((1.0 / log2(2) + 1.0 / log2(4)) /
                      (1.0 / log2(2) + 1.0 / log2(3) + 1.0 / log2(4)) +
                  1.0 / log2(3)) /
                     2,
                 1e-12);
}

static void test_nothing_to_learn_or_to_ask_is_said(void **state)
{
    (void)state;
    mr_ranking_result result;
    mr_error error = {{0}};
    assert_int_equal(run_session("", "a\tb\n", MR_SESSION_PREFIX, &result, &error),
                     MR_ERR_INVALID);
    assert_string_equal(error.message, "session: nothing to learn from");
    assert_int_equal(run_session("a b\n", "\n", MR_SESSION_PREFIX, &result, &error),
                     MR_ERR_INVALID);
    assert_string_equal(error.message, "session: nothing to ask");
}

static void test_a_model_that_is_not_there_is_refused_before_files_are_read(void **state)
{
    (void)state;
    mr_ranking_result result;
    mr_error error = {{0}};
    mr_sequence_options options = {.data_path = "/nowhere", .ranking = popular()};
    options.ranking.model = "astrology";
    assert_int_equal(mr_sequence_protocol_run(&options, &result, &error), MR_ERR_INVALID);
    assert_string_equal(error.message, "sequence has no model 'astrology'");
    options.ranking.model = "popular";
    assert_int_equal(mr_sequence_protocol_run(&options, &result, &error),
                     MR_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_item_of_each_user_is_asked_for),
        cmocka_unit_test(test_a_model_without_a_name_is_chosen),
        cmocka_unit_test(test_threads_do_not_show),
        cmocka_unit_test(test_a_set_type_member_is_asked_in_order),
        cmocka_unit_test(test_a_prefix_asks_for_its_next_item),
        cmocka_unit_test(test_every_place_of_a_log_but_the_first_is_asked_for),
        cmocka_unit_test(test_a_format_has_a_name),
        cmocka_unit_test(test_the_next_basket_is_asked_for),
        cmocka_unit_test(test_nothing_to_learn_or_to_ask_is_said),
        cmocka_unit_test(test_a_model_that_is_not_there_is_refused_before_files_are_read),
    };
    return cmocka_run_group_tests(tests, text_set_up, text_tear_down);
}

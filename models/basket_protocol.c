#include "models/basket_protocol.h"

#include "models/basket_file.h"

static const uint32_t K = 10;

static mr_status judge(const mr_sequence_list *history, const mr_basket_targets *targets,
                       const mr_basket_options *options, mr_ranking_result *result,
                       mr_error *ret_error)
{
    const mr_sequences train = mr_sequence_list_view(history);
    const mr_questions questions = {
        .given = train, .target_ptr = targets->ptr, .targets = targets->item};
    const mr_ranking_task task = {.protocol = "basket",
                                  .form = MR_RANKING_NEXT_BASKET,
                                  .train = &train,
                                  .questions = &questions,
                                  .ks = &K,
                                  .k_count = 1};
    mr_ranking_metrics metrics;
    MR_TRY(
        mr_ranking_protocol_run(&task, &options->ranking, result, &metrics, ret_error));
    mr_ranking_result_add_data(result, "users", train.count);
    mr_ranking_result_add_data(result, "items", train.items);
    mr_ranking_result_add_data(result, "train", (double)history->elements);
    mr_ranking_result_add_data(result, "test_users", (double)metrics.users);
    mr_ranking_result_add_data(result, "test", (double)targets->ptr[train.count]);
    mr_ranking_result_add_data(result, "unseen",
                               (double)mr_ranking_unseen_targets(&task));
    mr_ranking_result_add_data(result, "tries", result->tries);
    mr_ranking_result_add_metric(result, "recall@10", metrics.recall);
    mr_ranking_result_add_metric(result, "ndcg@10", metrics.ndcg);
    mr_ranking_result_add_metric(result, "phr@10", metrics.hit);
    return MR_OK;
}

mr_status mr_basket_protocol_run(const mr_basket_options *options,
                                 mr_ranking_result *ret_result, mr_error *ret_error)
{
    mr_sequence_list history = {0};
    mr_basket_targets targets = {0};
    mr_ranking_result result;
    MR_TRY(mr_ranking_options_check(&options->ranking, "basket", ret_error));
    mr_status status = mr_basket_file_read(options->history_path, options->future_path,
                                           &history, &targets, ret_error);
    if (status == MR_OK)
        status = judge(&history, &targets, options, &result, ret_error);
    mr_sequence_list_deinit(&history);
    mr_basket_targets_deinit(&targets);
    if (status == MR_OK)
        *ret_result = result;
    return status;
}

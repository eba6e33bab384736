#include "models/sequence_protocol.h"

#include "models/sequence_file.h"

static const uint32_t KS[] = {5, 10, 20};
enum { K_COUNT = sizeof(KS) / sizeof(KS[0]) };
static const char *const HIT_NAMES[K_COUNT] = {"hr@5", "hr@10", "hr@20"};
static const char *const NDCG_NAMES[K_COUNT] = {"ndcg@5", "ndcg@10", "ndcg@20"};

/* The file, cut. */
typedef struct sequence_cut {
    mr_sequence_list all;
    mr_sequence_list train;
    mr_sequence_list given;
    mr_sequence_list next;
} sequence_cut;

static mr_status copy_head(const mr_sequences *from, uint32_t sequence, size_t count,
                           mr_sequence_list *to)
{
    const mr_query head = mr_sequences_query(from, sequence, count);
    for (size_t i = 0; i < head.count; i++)
        MR_TRY(mr_sequence_list_add(to, head.item[i], 0, 0));
    return mr_sequence_list_end(to);
}

static mr_status cut(sequence_cut *run)
{
    const mr_sequences all = mr_sequence_list_view(&run->all);
    for (uint32_t s = 0; s < all.count; s++) {
        const size_t length = mr_sequences_length(&all, s);
        MR_TRY(copy_head(&all, s, length > 1 ? length - 1 : 1, &run->train));
        if (length < 2)
            continue;
        MR_TRY(copy_head(&all, s, length - 1, &run->given));
        MR_TRY(mr_sequence_list_add(&run->next, all.item[all.ptr[s + 1] - 1], 0, 0));
        MR_TRY(mr_sequence_list_end(&run->next));
    }
    run->train.items = run->given.items = run->next.items = all.items;
    return MR_OK;
}

static mr_status read_and_cut(const char *path, sequence_cut *run, mr_error *ret_error)
{
    mr_id_table *items = NULL;
    MR_TRY(mr_sequence_file_items(&items));
    mr_status status = mr_sequence_file_read_users(path, items, &run->all, ret_error);
    mr_id_table_destroy(items);
    return status == MR_OK ? cut(run) : status;
}

static mr_status judge(const sequence_cut *run, const mr_sequence_options *options,
                       mr_ranking_result *result, mr_error *ret_error)
{
    const mr_sequences train = mr_sequence_list_view(&run->train);
    const mr_questions questions = {.given = mr_sequence_list_view(&run->given),
                                    .target_ptr = run->next.ptr,
                                    .targets = run->next.item};
    const mr_ranking_task task = {.protocol = "sequence",
                                  .form = MR_RANKING_LAST_ITEM,
                                  .train = &train,
                                  .questions = &questions,
                                  .ks = KS,
                                  .k_count = K_COUNT};
    mr_ranking_metrics metrics[K_COUNT];
    MR_TRY(mr_ranking_protocol_run(&task, &options->ranking, result, metrics, ret_error));
    mr_ranking_result_add_data(result, "users", train.count);
    mr_ranking_result_add_data(result, "items", train.items);
    mr_ranking_result_add_data(result, "train", (double)run->train.elements);
    mr_ranking_result_add_data(result, "test", questions.given.count);
    mr_ranking_result_add_data(result, "tries", result->tries);
    for (size_t i = 0; i < K_COUNT; i++)
        mr_ranking_result_add_metric(result, HIT_NAMES[i], metrics[i].hit);
    for (size_t i = 0; i < K_COUNT; i++)
        mr_ranking_result_add_metric(result, NDCG_NAMES[i], metrics[i].ndcg);
    return MR_OK;
}

mr_status mr_sequence_protocol_run(const mr_sequence_options *options,
                                   mr_ranking_result *ret_result, mr_error *ret_error)
{
    sequence_cut run = {0};
    mr_ranking_result result;
    MR_TRY(mr_ranking_options_check(&options->ranking, "sequence", ret_error));
    mr_status status = read_and_cut(options->data_path, &run, ret_error);
    if (status == MR_OK)
        status = judge(&run, options, &result, ret_error);
    mr_sequence_list_deinit(&run.all);
    mr_sequence_list_deinit(&run.train);
    mr_sequence_list_deinit(&run.given);
    mr_sequence_list_deinit(&run.next);
    if (status == MR_OK)
        *ret_result = result;
    return status;
}

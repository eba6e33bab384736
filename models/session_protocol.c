#include "models/session_protocol.h"

#include "models/sequence_file.h"

#include <string.h>

static const uint32_t K = 20;

/* What was read. */
typedef struct session_files {
    mr_sequence_list train;
    mr_sequence_list given;
    mr_sequence_list next;
    uint32_t test_sessions; /* 0: the questions came ready made */
} session_files;

mr_status mr_session_format_from(const char *name, mr_session_format *ret_format)
{
    static const char *const names[] = {"prefix", "log"};
    for (uint32_t f = 0; f < sizeof(names) / sizeof(names[0]); f++)
        if (strcmp(name, names[f]) == 0) {
            *ret_format = (mr_session_format)f;
            return MR_OK;
        }
    return MR_ERR_INVALID;
}

/* The question for place `at` of a session. */
static mr_status ask(const mr_sequences *sessions, uint32_t session, size_t at,
                     session_files *files)
{
    const uint32_t *item = sessions->item + sessions->ptr[session];
    for (size_t i = at > MR_SESSION_GIVEN_MAX ? at - MR_SESSION_GIVEN_MAX : 0; i < at;
         i++)
        MR_TRY(mr_sequence_list_add(&files->given, item[i], 0, 0));
    MR_TRY(mr_sequence_list_end(&files->given));
    MR_TRY(mr_sequence_list_add(&files->next, item[at], 0, 0));
    return mr_sequence_list_end(&files->next);
}

static mr_status ask_all(const mr_sequence_list *test, session_files *files)
{
    const mr_sequences sessions = mr_sequence_list_view(test);
    for (uint32_t s = 0; s < sessions.count; s++)
        for (size_t at = 1; at < mr_sequences_length(&sessions, s); at++)
            MR_TRY(ask(&sessions, s, at, files));
    files->test_sessions = sessions.count;
    files->given.items = files->next.items = sessions.items;
    return MR_OK;
}

static mr_status read_log(const mr_session_options *options, mr_id_table *items,
                          session_files *files, mr_error *ret_error)
{
    mr_sequence_list test = {0};
    MR_TRY(
        mr_sequence_file_read_log(options->train_path, items, &files->train, ret_error));
    MR_TRY(mr_sequence_file_read_log(options->test_path, items, &test, ret_error));
    const mr_status status = ask_all(&test, files);
    mr_sequence_list_deinit(&test);
    return status;
}

static mr_status read_files(const mr_session_options *options, session_files *files,
                            mr_error *ret_error)
{
    mr_id_table *items = NULL;
    mr_status status = mr_sequence_file_items(&items);
    if (status == MR_OK && options->format == MR_SESSION_LOG)
        status = read_log(options, items, files, ret_error);
    else if (status == MR_OK) {
        status = mr_sequence_file_read_sessions(options->train_path, items, &files->train,
                                                ret_error);
        if (status == MR_OK)
            status = mr_sequence_file_read_examples(
                options->test_path, items, &files->given, &files->next, ret_error);
    }
    mr_id_table_destroy(items);
    return status;
}

static mr_status judge(const session_files *files, const mr_session_options *options,
                       mr_ranking_result *result, mr_error *ret_error)
{
    const mr_sequences train = mr_sequence_list_view(&files->train);
    const mr_questions questions = {.given = mr_sequence_list_view(&files->given),
                                    .target_ptr = files->next.ptr,
                                    .targets = files->next.item};
    const mr_ranking_task task = {.protocol = "session",
                                  .form = MR_RANKING_NEXT_ITEM,
                                  .train = &train,
                                  .questions = &questions,
                                  .ks = &K,
                                  .k_count = 1};
    mr_ranking_metrics metrics;
    MR_TRY(
        mr_ranking_protocol_run(&task, &options->ranking, result, &metrics, ret_error));
    mr_ranking_result_add_data(result, "sessions", train.count);
    mr_ranking_result_add_data(result, "items", train.items);
    mr_ranking_result_add_data(result, "train", (double)files->train.elements);
    if (options->format == MR_SESSION_LOG)
        mr_ranking_result_add_data(result, "test_sessions", files->test_sessions);
    mr_ranking_result_add_data(result, "test", questions.given.count);
    mr_ranking_result_add_data(result, "unseen",
                               (double)mr_ranking_unseen_targets(&task));
    mr_ranking_result_add_data(result, "tries", result->tries);
    mr_ranking_result_add_metric(result, "hr@20", metrics.hit);
    mr_ranking_result_add_metric(result, "mrr@20", metrics.mrr);
    return MR_OK;
}

mr_status mr_session_protocol_run(const mr_session_options *options,
                                  mr_ranking_result *ret_result, mr_error *ret_error)
{
    session_files files = {0};
    mr_ranking_result result;
    MR_TRY(mr_ranking_options_check(&options->ranking, "session", ret_error));
    mr_status status = read_files(options, &files, ret_error);
    if (status == MR_OK)
        status = judge(&files, options, &result, ret_error);
    mr_sequence_list_deinit(&files.train);
    mr_sequence_list_deinit(&files.given);
    mr_sequence_list_deinit(&files.next);
    if (status == MR_OK)
        *ret_result = result;
    return status;
}

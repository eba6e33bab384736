/*
 * Checkpointer: real files below a temporary directory.  What must hold is an order: dead letters
 * before the state that has passed them, links and alerts after the state they speak of; so each of
 * them is made to fail in turn, and nothing that comes later may be there.
 */
#include "app/checkpointer.h"
#include "core/file.h"
#include "tests/feature_batch.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { PARTITIONS = 6, LETTER_TOO_LARGE = 2000000 };

typedef struct fixture {
    char directory[64];
    mr_plan *plan;
    mr_checkpoint_store *store;
    mr_log *dead_letters;
    mr_log *late;
    mr_log *events;
    mr_log *alerts;
    mr_checkpointer *checkpointer;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int done;
} fixture;

static mr_log *open_log(const fixture *f, const char *topic)
{
    mr_log *log = NULL;
    const mr_log_file_options options = {.path = f->directory,
                                         .topic = topic,
                                         .partitions = 1,
                                         .clock = mr_clock_system()};
    assert_ok(mr_log_open_file(&options, &log, NULL, NULL));
    return log;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->directory, sizeof(f->directory), "/tmp/test_checkpointer-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    assert_ok(mr_plan_create_default(&f->plan));
    assert_ok(mr_checkpoint_store_open(f->directory, "events", 2, &f->store, NULL));
    f->dead_letters = open_log(f, "dead");
    f->late = open_log(f, "late");
    f->events = open_log(f, "events");
    f->alerts = open_log(f, "alerts");
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->changed, NULL);
    assert_ok(mr_checkpointer_create(f->store, f->dead_letters, f->late, f->events,
                                     f->alerts, &f->checkpointer));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_checkpointer_destroy(f->checkpointer);
    mr_log_close(f->alerts);
    mr_log_close(f->events);
    mr_log_close(f->dead_letters);
    mr_log_close(f->late);
    mr_checkpoint_store_close(f->store);
    mr_plan_destroy(f->plan);
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
    assert_ok(mr_directory_remove(f->directory, NULL));
    free(f);
    return 0;
}

static void count_done(mr_checkpoint_job *job, void *context)
{
    fixture *f = context;
    (void)job;
    (void)pthread_mutex_lock(&f->lock);
    f->done++;
    (void)pthread_cond_signal(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

static void wait_for(fixture *f, int done)
{
    (void)pthread_mutex_lock(&f->lock);
    while (f->done < done)
        (void)pthread_cond_wait(&f->changed, &f->lock);
    (void)pthread_mutex_unlock(&f->lock);
}

/* The state of a shard with one purchase, a dead letter, a link and an alert. */
static void fill(fixture *f, mr_checkpoint_job *job, uint32_t partition)
{
    mr_shard *shard = test_shard(f->plan, partition);
    test_apply(shard, test_purchase("ann", "tea", START_MS, "o1", 100));
    *job = (mr_checkpoint_job){
        .partition = partition, .generation = 1, .done = count_done, .context = f};
    assert_ok(mr_checkpoint_take_epoch(f->store, partition, 100, &job->epoch, NULL));
    assert_ok(mr_checkpoint_encode(shard, job->epoch, job->generation, &job->state));
    job->next_offset = mr_shard_next_offset(shard);
    mr_shard_destroy(shard);
    assert_ok(mr_letter_box_init(&job->dead_letters));
    assert_ok(mr_letter_box_init(&job->late));
    assert_ok(mr_letter_box_init(&job->alerts));
    assert_ok(mr_letter_box_init(&job->links));
    const mr_log_entry link = {.value = MR_TEXT("link")};
    const mr_log_entry letter = {.value = MR_TEXT("dead")};
    const mr_log_entry late = {.value = MR_TEXT("late")};
    const mr_log_entry alert = {.value = MR_TEXT("alert")};
    assert_ok(mr_letter_box_put(&job->dead_letters, &letter));
    assert_ok(mr_letter_box_put(&job->late, &late));
    assert_ok(mr_letter_box_put(&job->alerts, &alert));
    assert_ok(mr_letter_box_put(&job->links, &link));
}

static void empty(mr_checkpoint_job *job)
{
    mr_buffer_deinit(&job->state);
    mr_letter_box_deinit(&job->dead_letters);
    mr_letter_box_deinit(&job->late);
    mr_letter_box_deinit(&job->alerts);
    mr_letter_box_deinit(&job->links);
}

static void put_refused_letter(mr_letter_box *box)
{
    char *value = malloc(LETTER_TOO_LARGE);
    assert_non_null(value);
    memset(value, 'v', LETTER_TOO_LARGE);
    mr_letter_box_clear(box);
    const mr_log_entry entry = {.value = {.bytes = value, .length = LETTER_TOO_LARGE}};
    assert_ok(mr_letter_box_put(box, &entry));
    free(value);
}

static int64_t end_of(mr_log *log)
{
    int64_t end;
    assert_ok(mr_log_resolve(log, 0, MR_LOG_LATEST, 0, &end, NULL));
    return end;
}

static mr_status restored(const fixture *f, uint32_t partition, uint32_t *ret_users)
{
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    mr_hash_key key;
    mr_hash_key_init(&key, "secret", 6);
    const mr_status status =
        mr_checkpoint_restore(f->store, partition, f->plan, &key, 0, &shard, &info, NULL);
    *ret_users = status == MR_OK ? mr_shard_user_count(shard) : 0;
    mr_shard_destroy(shard);
    return status;
}

static void run_job(fixture *f, mr_checkpoint_job *job)
{
    const int done = f->done;
    mr_checkpointer_submit(f->checkpointer, job);
    wait_for(f, done + 1);
}

static void test_state_letters_and_alerts_are_durable_when_it_is_done(void **state)
{
    fixture *f = *state;
    mr_checkpoint_job job;
    uint32_t users;
    fill(f, &job, 0);
    run_job(f, &job);
    assert_ok(job.status);
    assert_true(job.alerts_sent);
    assert_true(job.links_sent);
    assert_int_equal(end_of(f->events), 1);
    assert_int_equal(job.oldest_offset, job.next_offset);
    assert_true(job.took_ns > 0);
    assert_int_equal(end_of(f->dead_letters), 1);
    assert_int_equal(end_of(f->late), 1);
    assert_int_equal(end_of(f->alerts), 1);
    assert_ok(restored(f, 0, &users));
    assert_int_equal(users, 1);
    empty(&job);
}

static void test_no_state_passes_a_dead_letter_that_is_not_durable(void **state)
{
    fixture *f = *state;
    mr_checkpoint_job job;
    uint32_t users;
    fill(f, &job, 0);
    put_refused_letter(&job.dead_letters);
    run_job(f, &job);
    assert_int_equal(job.status, MR_ERR_INVALID);
    assert_true(job.error.message[0] != '\0');
    assert_false(job.alerts_sent);
    assert_false(job.links_sent);
    assert_int_equal(end_of(f->alerts), 0);
    assert_int_equal(end_of(f->events), 0);
    assert_int_equal(restored(f, 0, &users), MR_ERR_NOT_FOUND);
    empty(&job);
}

static void test_no_state_passes_a_late_record_that_is_not_durable(void **state)
{
    fixture *f = *state;
    mr_checkpoint_job job;
    uint32_t users;
    fill(f, &job, 0);
    put_refused_letter(&job.late);
    run_job(f, &job);
    assert_int_equal(job.status, MR_ERR_INVALID);
    assert_int_equal(end_of(f->alerts), 0);
    assert_int_equal(restored(f, 0, &users), MR_ERR_NOT_FOUND);
    empty(&job);
}

static void test_no_link_or_alert_speaks_of_a_state_that_was_refused(void **state)
{
    fixture *f = *state;
    mr_checkpoint_job job;
    uint64_t later;
    fill(f, &job, 0);
    assert_ok(mr_checkpoint_take_epoch(f->store, 0, 200, &later, NULL)); /* a successor */
    run_job(f, &job);
    assert_int_equal(job.status, MR_ERR_STALE);
    assert_false(job.alerts_sent);
    assert_false(job.links_sent);
    assert_int_equal(end_of(f->alerts), 0);
    assert_int_equal(end_of(f->events), 0);
    empty(&job);
}

static void test_links_that_do_not_go_out_hold_nothing_else_up(void **state)
{
    fixture *f = *state;
    mr_checkpoint_job job;
    uint32_t users;
    fill(f, &job, 0);
    put_refused_letter(&job.links);
    run_job(f, &job);
    assert_ok(job.status);
    assert_false(job.links_sent);
    assert_true(job.alerts_sent);
    assert_int_equal(end_of(f->events), 0);
    assert_ok(restored(f, 0, &users));
    empty(&job);
}

static void test_alerts_that_do_not_go_out_leave_the_state_valid(void **state)
{
    fixture *f = *state;
    mr_checkpoint_job job;
    uint32_t users;
    fill(f, &job, 0);
    put_refused_letter(&job.alerts);
    run_job(f, &job);
    assert_ok(job.status);
    assert_false(job.alerts_sent);
    assert_ok(restored(f, 0, &users));
    /* Tried again with the next generation. */
    const mr_log_entry alert = {.value = MR_TEXT("alert")};
    mr_letter_box_clear(&job.alerts);
    assert_ok(mr_letter_box_put(&job.alerts, &alert));
    mr_letter_box_clear(&job.dead_letters);
    mr_letter_box_clear(&job.late);
    mr_shard *shard = test_shard(f->plan, 0);
    assert_ok(mr_checkpoint_encode(shard, job.epoch, ++job.generation, &job.state));
    mr_shard_destroy(shard);
    run_job(f, &job);
    assert_ok(job.status);
    assert_true(job.alerts_sent);
    assert_int_equal(end_of(f->alerts), 1);
    empty(&job);
}

static void test_destroy_works_off_everything_submitted(void **state)
{
    fixture *f = *state;
    mr_checkpoint_job jobs[PARTITIONS];
    uint32_t users;
    for (uint32_t p = 0; p < PARTITIONS; p++)
        fill(f, &jobs[p], p);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        mr_checkpointer_submit(f->checkpointer, &jobs[p]);
    mr_checkpointer_destroy(f->checkpointer);
    f->checkpointer = NULL;
    assert_int_equal(f->done, PARTITIONS);
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        assert_ok(jobs[p].status);
        assert_ok(restored(f, p, &users));
        empty(&jobs[p]);
    }
    assert_int_equal(end_of(f->alerts), PARTITIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_state_letters_and_alerts_are_durable_when_it_is_done, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_no_state_passes_a_dead_letter_that_is_not_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_no_state_passes_a_late_record_that_is_not_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_no_link_or_alert_speaks_of_a_state_that_was_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_links_that_do_not_go_out_hold_nothing_else_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_alerts_that_do_not_go_out_leave_the_state_valid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_destroy_works_off_everything_submitted,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

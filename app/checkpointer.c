#include "app/checkpointer.h"

#include "core/clock.h"

#include <pthread.h>
#include <stdlib.h>

enum { STATE_BYTES_KEPT = 32 << 20 };

struct mr_checkpointer {
    const mr_checkpoint_store *store;
    mr_log *dead_letters;
    mr_log *late;
    mr_log *events;
    mr_log *alerts;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t submitted;
    mr_checkpoint_job *first;
    mr_checkpoint_job **last;
    bool stopping;
};

static mr_status write_days(mr_checkpoint_job *job)
{
    if (job->day_files == NULL)
        return MR_OK;
    if (!job->has_prepared_days)
        MR_TRY(mr_day_files_prepare(job->day_files, job->partition, &job->error));
    job->has_prepared_days = true;
    return mr_day_box_write(&job->days, job->day_files, &job->error);
}

static mr_status write_state(const mr_checkpointer *checkpointer, mr_checkpoint_job *job)
{
    MR_TRY(mr_letter_box_append(&job->dead_letters, checkpointer->dead_letters,
                                &job->error));
    MR_TRY(mr_letter_box_append(&job->late, checkpointer->late, &job->error));
    MR_TRY(write_days(job));
    MR_TRY(mr_checkpoint_write(checkpointer->store, job->partition, job->epoch,
                               job->generation, &job->state, &job->error));
    if (mr_checkpoint_oldest_offset(checkpointer->store, job->partition,
                                    &job->oldest_offset, NULL) != MR_OK)
        job->oldest_offset = -1; /* advisory: the group is then told nothing */
    return MR_OK;
}

/* A base is rare and large: its memory goes back here, where nobody waits for it. */
static void give_back(mr_buffer *state)
{
    if (state->capacity > STATE_BYTES_KEPT)
        mr_buffer_deinit(state);
}

static void work_off(const mr_checkpointer *checkpointer, mr_checkpoint_job *job)
{
    const int64_t start_ns = mr_clock_monotonic_ns(mr_clock_system());
    job->error.message[0] = '\0';
    job->links_sent = false;
    job->alerts_sent = false;
    job->bytes = job->state.length;
    job->status = write_state(checkpointer, job);
    if (job->status == MR_OK) {
        job->links_sent = mr_letter_box_append_in_order(&job->links, checkpointer->events,
                                                        &job->error) == MR_OK;
        job->alerts_sent = mr_letter_box_append(&job->alerts, checkpointer->alerts,
                                                &job->error) == MR_OK;
    }
    give_back(&job->state);
    job->took_ns = mr_clock_monotonic_ns(mr_clock_system()) - start_ns;
    job->done(job, job->context);
}

static void *run(void *context)
{
    mr_checkpointer *checkpointer = context;
    (void)pthread_mutex_lock(&checkpointer->lock);
    for (;;) {
        while (checkpointer->first == NULL && !checkpointer->stopping)
            (void)pthread_cond_wait(&checkpointer->submitted, &checkpointer->lock);
        mr_checkpoint_job *job = checkpointer->first;
        if (job == NULL)
            break;
        checkpointer->first = job->next;
        if (checkpointer->first == NULL)
            checkpointer->last = &checkpointer->first;
        (void)pthread_mutex_unlock(&checkpointer->lock);
        work_off(checkpointer, job);
        (void)pthread_mutex_lock(&checkpointer->lock);
    }
    (void)pthread_mutex_unlock(&checkpointer->lock);
    return NULL;
}

mr_status mr_checkpointer_create(const mr_checkpoint_store *store, mr_log *dead_letters,
                                 mr_log *late, mr_log *events, mr_log *alerts,
                                 mr_checkpointer **ret_checkpointer)
{
    mr_checkpointer *checkpointer = calloc(1, sizeof(*checkpointer));
    if (checkpointer == NULL)
        return MR_ERR_NO_MEMORY;
    checkpointer->store = store;
    checkpointer->dead_letters = dead_letters;
    checkpointer->late = late;
    checkpointer->events = events;
    checkpointer->alerts = alerts;
    checkpointer->last = &checkpointer->first;
    (void)pthread_mutex_init(&checkpointer->lock, NULL);
    (void)pthread_cond_init(&checkpointer->submitted, NULL);
    if (pthread_create(&checkpointer->thread, NULL, run, checkpointer) != 0) {
        (void)pthread_cond_destroy(&checkpointer->submitted);
        (void)pthread_mutex_destroy(&checkpointer->lock);
        free(checkpointer);
        return MR_ERR_UNAVAILABLE;
    }
    *ret_checkpointer = checkpointer;
    return MR_OK;
}

void mr_checkpointer_destroy(mr_checkpointer *checkpointer)
{
    if (checkpointer == NULL)
        return;
    (void)pthread_mutex_lock(&checkpointer->lock);
    checkpointer->stopping = true;
    (void)pthread_cond_signal(&checkpointer->submitted);
    (void)pthread_mutex_unlock(&checkpointer->lock);
    (void)pthread_join(checkpointer->thread, NULL);
    (void)pthread_cond_destroy(&checkpointer->submitted);
    (void)pthread_mutex_destroy(&checkpointer->lock);
    free(checkpointer);
}

void mr_checkpointer_submit(mr_checkpointer *checkpointer, mr_checkpoint_job *job)
{
    job->next = NULL;
    (void)pthread_mutex_lock(&checkpointer->lock);
    *checkpointer->last = job;
    checkpointer->last = &job->next;
    (void)pthread_cond_signal(&checkpointer->submitted);
    (void)pthread_mutex_unlock(&checkpointer->lock);
}

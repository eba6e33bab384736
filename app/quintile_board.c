#include "app/quintile_board.h"

#include "core/assert.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct place {
    bool is_expected;
    bool is_changed; /* `next`, or nothing, is to take the place of `kept` */
    bool has_next;
    mr_rfm_sample next; /* as it was put */
    int64_t next_ms;

    /* The board's thread alone. */
    bool has_kept;
    bool is_sorted;
    bool is_fresh;     /* left since the thresholds were published */
    bool begins_round; /* as the second since then                 */
    mr_rfm_sample kept;
    int64_t kept_ms;
    mr_rfm_sample gone; /* to be freed */
} place;

struct mr_quintile_board {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    place *places; /* by partition */
    uint32_t count;
    const mr_rfm_sample **samples; /* of the thread: room for one a partition */
    bool is_changed;
    bool is_working;
    bool is_complete; /* all that are expected have left a sample  */
    bool has_begun;   /* they had once                             */
    bool stopping;
    mr_quintile_reading reading;
};

/* ---- the board's thread ---- */

/* Take what was put or withdrawn; whether the thresholds are of other partitions from now on, or
 * this one leaves its second sample since they were published. */
static bool take(place *at)
{
    const bool is_due = !at->has_next || !at->has_kept || at->is_fresh;
    at->begins_round = at->is_fresh;
    at->gone = at->kept;
    at->kept = at->next;
    at->kept_ms = at->next_ms;
    at->has_kept = at->has_next;
    at->is_fresh = at->has_next;
    at->is_sorted = false;
    at->next = (mr_rfm_sample){.count = 0};
    at->has_next = false;
    at->is_changed = false;
    return is_due;
}

/* Under the lock: take all changes; whether the thresholds are to be published anew. */
static bool take_changes(mr_quintile_board *board)
{
    bool is_due = false;
    bool is_round = true; /* each has left a sample since they were published */
    board->is_complete = true;
    board->is_changed = false;
    for (uint32_t p = 0; p < board->count; p++) {
        place *at = &board->places[p];
        if (at->is_changed)
            is_due |= take(at);
        board->is_complete &= !at->is_expected || at->has_kept;
        is_round &= !at->has_kept || at->is_fresh;
    }
    return is_due || is_round;
}

static void tidy(mr_quintile_board *board)
{
    for (uint32_t p = 0; p < board->count; p++) {
        place *at = &board->places[p];
        mr_rfm_sample_deinit(&at->gone);
        if (at->has_kept && !at->is_sorted)
            mr_rfm_sample_sort(&at->kept);
        at->is_sorted = at->has_kept;
    }
}

static void compute(mr_quintile_board *board, mr_quintile_reading *ret_reading)
{
    int64_t at_ms = INT64_MIN;
    uint32_t count = 0;
    for (uint32_t p = 0; p < board->count; p++) {
        place *at = &board->places[p];
        at->is_fresh = at->begins_round;
        at->begins_round = false;
        if (!at->has_kept)
            continue;
        at_ms = at->kept_ms > at_ms ? at->kept_ms : at_ms;
        board->samples[count++] = &at->kept;
    }
    ret_reading->partitions = count;
    mr_quintiles_of_sorted(board->samples, count, at_ms, &ret_reading->quintiles);
}

/* Under the lock. */
static void publish(mr_quintile_board *board, mr_quintile_reading reading)
{
    board->has_begun = reading.partitions > 0 && (board->has_begun || board->is_complete);
    if (!board->has_begun)
        reading = (mr_quintile_reading){.partitions = 0};
    reading.of = board->reading.of; /* it may have changed meanwhile */
    board->reading = reading;
}

static void work(mr_quintile_board *board)
{
    mr_quintile_reading reading = {.partitions = 0};
    const bool is_due = take_changes(board);
    board->is_working = true;
    (void)pthread_mutex_unlock(&board->lock);
    tidy(board);
    if (is_due)
        compute(board, &reading);
    (void)pthread_mutex_lock(&board->lock);
    board->is_working = false;
    if (is_due)
        publish(board, reading);
}

static void *run(void *context)
{
    mr_quintile_board *board = context;
    (void)pthread_mutex_lock(&board->lock);
    while (!board->stopping) {
        if (board->is_changed)
            work(board);
        else
            (void)pthread_cond_wait(&board->changed, &board->lock);
    }
    (void)pthread_mutex_unlock(&board->lock);
    return NULL;
}

/* ---- for everybody ---- */

mr_status mr_quintile_board_create(uint32_t partitions, mr_quintile_board **ret_board)
{
    mr_quintile_board *board = calloc(1, sizeof(*board));
    if (board == NULL)
        return MR_ERR_NO_MEMORY;
    board->count = partitions;
    board->places = calloc((size_t)partitions + 1, sizeof(*board->places));
    board->samples = calloc((size_t)partitions + 1, sizeof(const mr_rfm_sample *));
    (void)pthread_mutex_init(&board->lock, NULL);
    (void)pthread_cond_init(&board->changed, NULL);
    mr_status status =
        board->places != NULL && board->samples != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    if (status == MR_OK && pthread_create(&board->thread, NULL, run, board) != 0)
        status = MR_ERR_UNAVAILABLE;
    if (status != MR_OK) {
        (void)pthread_cond_destroy(&board->changed);
        (void)pthread_mutex_destroy(&board->lock);
        free(board->samples);
        free(board->places);
        free(board);
        return status;
    }
    *ret_board = board;
    return MR_OK;
}

void mr_quintile_board_destroy(mr_quintile_board *board)
{
    if (board == NULL)
        return;
    (void)pthread_mutex_lock(&board->lock);
    board->stopping = true;
    (void)pthread_cond_signal(&board->changed);
    (void)pthread_mutex_unlock(&board->lock);
    (void)pthread_join(board->thread, NULL);
    for (uint32_t p = 0; p < board->count; p++) {
        mr_rfm_sample_deinit(&board->places[p].next);
        mr_rfm_sample_deinit(&board->places[p].kept);
    }
    (void)pthread_cond_destroy(&board->changed);
    (void)pthread_mutex_destroy(&board->lock);
    free(board->samples);
    free(board->places);
    free(board);
}

void mr_quintile_board_expect(mr_quintile_board *board, uint32_t partition)
{
    MR_ASSERT(partition < board->count);
    (void)pthread_mutex_lock(&board->lock);
    place *at = &board->places[partition];
    board->reading.of += !at->is_expected;
    at->is_expected = true;
    (void)pthread_mutex_unlock(&board->lock);
}

/* Under the lock: what is to take the place of the sample there is; what it replaces in turn. */
static mr_rfm_sample replace(mr_quintile_board *board, uint32_t partition,
                             const mr_rfm_sample *sample, int64_t at_ms)
{
    place *at = &board->places[partition];
    const mr_rfm_sample unread = at->next;
    at->next = sample != NULL ? *sample : (mr_rfm_sample){.count = 0};
    at->next_ms = at_ms;
    at->has_next = sample != NULL;
    at->is_changed = true;
    board->is_changed = true;
    (void)pthread_cond_signal(&board->changed);
    return unread;
}

void mr_quintile_board_withdraw(mr_quintile_board *board, uint32_t partition)
{
    MR_ASSERT(partition < board->count);
    (void)pthread_mutex_lock(&board->lock);
    board->reading.of -= board->places[partition].is_expected;
    board->places[partition].is_expected = false;
    mr_rfm_sample unread = replace(board, partition, NULL, 0);
    (void)pthread_mutex_unlock(&board->lock);
    mr_rfm_sample_deinit(&unread);
}

void mr_quintile_board_put(mr_quintile_board *board, uint32_t partition,
                           mr_rfm_sample *sample, int64_t at_ms)
{
    MR_ASSERT(partition < board->count);
    (void)pthread_mutex_lock(&board->lock);
    mr_rfm_sample unread = replace(board, partition, sample, at_ms);
    (void)pthread_mutex_unlock(&board->lock);
    *sample = (mr_rfm_sample){.count = 0};
    mr_rfm_sample_deinit(&unread);
}

bool mr_quintile_board_read(mr_quintile_board *board, mr_quintile_reading *ret_reading)
{
    (void)pthread_mutex_lock(&board->lock);
    *ret_reading = board->reading;
    (void)pthread_mutex_unlock(&board->lock);
    return ret_reading->quintiles.customers > 0;
}

bool mr_quintile_board_is_settled(mr_quintile_board *board)
{
    (void)pthread_mutex_lock(&board->lock);
    const bool is_settled = !board->is_changed && !board->is_working;
    (void)pthread_mutex_unlock(&board->lock);
    return is_settled;
}

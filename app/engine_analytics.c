#include "app/engine_analytics.h"

#include "app/analytics_request.h"

#include "core/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define KEPT_NS (10 * SECOND_NS)

struct mr_analytics_desk {
    const mr_engine *engine;
    pthread_t thread; /* puts away a census that nobody asks any more */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    mr_census *census; /* NULL: none is open */
    int64_t opened_ns;
    bool stopping;
};

static int64_t now_ns(void)
{
    return mr_clock_monotonic_ns(mr_clock_system());
}

static void put_away(mr_analytics_desk *desk)
{
    mr_census_close(desk->census);
    desk->census = NULL;
}

static void wait_until(mr_analytics_desk *desk, int64_t until_ns)
{
    const struct timespec until = {.tv_sec = until_ns / SECOND_NS,
                                   .tv_nsec = until_ns % SECOND_NS};
    (void)pthread_cond_timedwait(&desk->changed, &desk->lock, &until);
}

static void *run(void *context)
{
    mr_analytics_desk *desk = context;
    (void)pthread_mutex_lock(&desk->lock);
    while (!desk->stopping) {
        if (desk->census == NULL)
            (void)pthread_cond_wait(&desk->changed, &desk->lock);
        else if (now_ns() - desk->opened_ns >= KEPT_NS)
            put_away(desk);
        else
            wait_until(desk, desk->opened_ns + KEPT_NS);
    }
    (void)pthread_mutex_unlock(&desk->lock);
    return NULL;
}

mr_status mr_analytics_desk_create(const mr_engine *engine, mr_analytics_desk **ret_desk)
{
    mr_analytics_desk *desk = calloc(1, sizeof(*desk));
    pthread_condattr_t monotonic;
    if (desk == NULL)
        return MR_ERR_NO_MEMORY;
    desk->engine = engine;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&desk->lock, NULL);
    (void)pthread_cond_init(&desk->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    if (pthread_create(&desk->thread, NULL, run, desk) != 0) {
        (void)pthread_cond_destroy(&desk->changed);
        (void)pthread_mutex_destroy(&desk->lock);
        free(desk);
        return MR_ERR_UNAVAILABLE;
    }
    *ret_desk = desk;
    return MR_OK;
}

void mr_analytics_desk_destroy(mr_analytics_desk *desk)
{
    if (desk == NULL)
        return;
    (void)pthread_mutex_lock(&desk->lock);
    desk->stopping = true;
    (void)pthread_cond_signal(&desk->changed);
    (void)pthread_mutex_unlock(&desk->lock);
    (void)pthread_join(desk->thread, NULL);
    put_away(desk);
    (void)pthread_cond_destroy(&desk->changed);
    (void)pthread_mutex_destroy(&desk->lock);
    free(desk);
}

/* Locked until given back: two at once would take the memory of two. */
static mr_status take_census(mr_analytics_desk *desk, mr_census **ret_census,
                             mr_error *ret_error)
{
    const mr_engine *engine = desk->engine;
    const mr_census_source source = {.config = engine->config,
                                     .plan = engine->plan,
                                     .key = &engine->key,
                                     .partitions =
                                         mr_log_partitions(engine->topics.events)};
    if (access(engine->config->state.path, F_OK) != 0) /* opening it would make it */
        return mr_error_set(
            ret_error, MR_ERR_NOT_FOUND,
            "users are counted from the state, which is not here: ask the "
            "node that runs the engine, or share its state.path");
    (void)pthread_mutex_lock(&desk->lock);
    if (desk->census != NULL && now_ns() - desk->opened_ns >= KEPT_NS)
        put_away(desk);
    if (desk->census == NULL) {
        const mr_status status = mr_census_open(&source, &desk->census, ret_error);
        if (status != MR_OK) {
            desk->census = NULL;
            (void)pthread_mutex_unlock(&desk->lock);
            return status;
        }
        desk->opened_ns = now_ns();
        (void)pthread_cond_signal(&desk->changed);
    }
    *ret_census = desk->census;
    return MR_OK;
}

static void give_back(mr_analytics_desk *desk)
{
    (void)pthread_mutex_unlock(&desk->lock);
}

mr_status mr_analytics_desk_answer(mr_analytics_desk *desk,
                                   const mr_analytics_request *request,
                                   mr_json_writer *writer, mr_error *ret_error)
{
    mr_census *census = NULL;
    MR_TRY(take_census(desk, &census, ret_error));
    const mr_status status = mr_analytics_answer(census, request, writer, ret_error);
    give_back(desk);
    return status;
}

mr_status mr_analytics_desk_audiences(mr_analytics_desk *desk, mr_json_writer *writer,
                                      mr_error *ret_error)
{
    mr_census *census = NULL;
    MR_TRY(take_census(desk, &census, ret_error));
    const mr_status status = mr_audience_write_all(census, writer);
    give_back(desk);
    return status;
}

mr_status mr_analytics_desk_members(mr_analytics_desk *desk,
                                    const mr_members_request *request,
                                    mr_json_writer *writer,
                                    char ret_next[MR_ALERT_CURSOR_BYTES],
                                    mr_error *ret_error)
{
    mr_census *census = NULL;
    mr_audience audience;
    if (!mr_audience_find(desk->engine->plan, request->audience, &audience))
        return MR_ERR_NOT_FOUND;
    MR_TRY(take_census(desk, &census, ret_error));
    const mr_audience_page page = {request->since, request->limit};
    const mr_status status =
        mr_audience_write_members(census, &audience, &page, writer, ret_next);
    give_back(desk);
    return status == MR_ERR_INVALID
               ? mr_error_set(ret_error, status,
                              "since: must be a cursor that this call gave")
               : status;
}

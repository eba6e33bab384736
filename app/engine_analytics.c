#include "app/engine_analytics.h"

#include "app/analytics_request.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct mr_analytics_desk {
    const mr_engine *engine;
    pthread_mutex_t lock;
};

mr_status mr_analytics_desk_create(const mr_engine *engine, mr_analytics_desk **ret_desk)
{
    mr_analytics_desk *desk = calloc(1, sizeof(*desk));
    if (desk == NULL)
        return MR_ERR_NO_MEMORY;
    desk->engine = engine;
    (void)pthread_mutex_init(&desk->lock, NULL);
    *ret_desk = desk;
    return MR_OK;
}

void mr_analytics_desk_destroy(mr_analytics_desk *desk)
{
    if (desk == NULL)
        return;
    (void)pthread_mutex_destroy(&desk->lock);
    free(desk);
}

/* Locked until closed: two at once would take the memory of two. */
static mr_status open_census(mr_analytics_desk *desk, mr_census **ret_census,
                             mr_error *ret_error)
{
    const mr_engine *engine = desk->engine;
    const mr_census_source source = {.state_path = engine->config->state.path,
                                     .topic = engine->config->log.topic,
                                     .plan = engine->plan,
                                     .key = &engine->key,
                                     .config = engine->config,
                                     .partitions =
                                         mr_log_partitions(engine->topics.events)};
    if (access(source.state_path, F_OK) != 0) /* opening it would make it */
        return mr_error_set(ret_error, MR_ERR_NOT_FOUND, "there is no %s here",
                            source.state_path);
    (void)pthread_mutex_lock(&desk->lock);
    const mr_status status = mr_census_open(&source, ret_census, ret_error);
    if (status != MR_OK)
        (void)pthread_mutex_unlock(&desk->lock);
    return status;
}

static void close_census(mr_analytics_desk *desk, mr_census *census)
{
    mr_census_close(census);
    (void)pthread_mutex_unlock(&desk->lock);
}

mr_status mr_analytics_desk_answer(mr_analytics_desk *desk,
                                   const mr_analytics_request *request,
                                   mr_json_writer *writer, mr_error *ret_error)
{
    mr_census *census;
    MR_TRY(open_census(desk, &census, ret_error));
    const mr_status status = mr_analytics_answer(census, request, writer, ret_error);
    close_census(desk, census);
    return status;
}

mr_status mr_analytics_desk_audiences(mr_analytics_desk *desk, mr_json_writer *writer,
                                      mr_error *ret_error)
{
    mr_census *census;
    MR_TRY(open_census(desk, &census, ret_error));
    const mr_status status = mr_audience_write_all(census, writer);
    close_census(desk, census);
    return status;
}

mr_status mr_analytics_desk_members(mr_analytics_desk *desk,
                                    const mr_members_request *request,
                                    mr_json_writer *writer,
                                    char ret_next[MR_ALERT_CURSOR_BYTES],
                                    mr_error *ret_error)
{
    mr_census *census;
    mr_audience audience;
    if (!mr_audience_find(desk->engine->plan, request->audience, &audience))
        return MR_ERR_NOT_FOUND;
    MR_TRY(open_census(desk, &census, ret_error));
    const mr_audience_page page = {request->since, request->limit};
    const mr_status status =
        mr_audience_write_members(census, &audience, &page, writer, ret_next);
    close_census(desk, census);
    return status == MR_ERR_INVALID
               ? mr_error_set(ret_error, status,
                              "since: must be a cursor that this call gave")
               : status;
}

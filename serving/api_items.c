#include "serving/api_list.h"
#include "serving/api_requests.h"
#include "serving/model_view.h"

/* ---- GET /v1/items/{id} ---- */

/* What lists do not show. */
static void put_rest(mr_json_writer *writer, const mr_catalogue_item *item)
{
    if (item->category_count > 1) {
        mr_json_key(writer, "categories");
        mr_json_begin_array(writer);
        for (uint8_t i = 0; i < item->category_count; i++)
            mr_json_put_text(writer, item->categories[i]);
        mr_json_end_array(writer);
    }
    if (item->created_ms != MR_CREATED_UNKNOWN) {
        char time[MR_TIME_TEXT_BYTES];
        mr_time_to_text(item->created_ms, time);
        mr_api_show_string(writer, "created", time);
    }
    mr_api_show_flag(writer, "hidden", item->hidden);
}

void mr_api_get_item(mr_api_call *call)
{
    mr_status status = mr_api_check_id(call, "item_id", call->id);
    if (status == MR_OK)
        status = mr_api_read_query(call, NULL, NULL);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
        return;
    }
    const mr_catalogue *catalogue;
    mr_snapshot *snapshot = mr_api_acquire_catalogue(call->api, &catalogue);
    const mr_catalogue_item *item = mr_catalogue_find(catalogue, call->id);
    if (item == NULL) {
        mr_problem_write(call->response, 404, "the catalogue does not have this item");
    } else {
        mr_json_writer writer = mr_api_begin(call);
        mr_api_show_item(&writer, call->id, item, MR_API_SHOW_ALL);
        put_rest(&writer, item);
        mr_json_end_object(&writer);
    }
    mr_snapshot_release(snapshot);
}

/* ---- GET /v1/items/{id}/similar and /bought-together ---- */

typedef mr_status neighbours_of(void *context, uint32_t thread, const mr_model_view *view,
                                uint32_t item, size_t k, mr_scored_item *ret_items,
                                size_t *ret_count);

/* The neighbours as candidates.  MR_ERR_NOT_FOUND for an item the model does not know. */
static mr_status find_neighbours(mr_api_call *call, neighbours_of *ask,
                                 const mr_model_view *view, size_t *ret_count)
{
    const mr_backend *backend = call->api->options.backend;
    mr_api_worker *worker = call->worker;
    const uint32_t item = backend->item_index(backend->context, view, call->id);
    size_t found = 0;
    if (item == MR_ITEM_NONE)
        return MR_ERR_NOT_FOUND;
    if (ask == NULL)
        return MR_ERR_UNAVAILABLE;
    MR_TRY(ask(backend->context, call->request->thread, view, item, MR_API_CANDIDATES_MAX,
               worker->scored, &found));
    size_t count = 0;
    for (size_t i = 0; i < found; i++) {
        const mr_scored_item *scored = &worker->scored[i];
        if (!mr_model_view_can_use(view, scored))
            continue;
        worker->candidates[count++] = (mr_candidate){
            .item_id = backend->item_id(backend->context, view, scored->item),
            .score = scored->score,
            .source = scored->source,
        };
    }
    *ret_count = count;
    return MR_OK;
}

static void write_neighbours(mr_api_call *call, const mr_api_list *list,
                             neighbours_of *ask, const mr_model_view *view)
{
    const mr_catalogue *catalogue;
    mr_snapshot *snapshot = mr_api_acquire_catalogue(call->api, &catalogue);
    size_t count = 0;
    mr_status status = find_neighbours(call, ask, view, &count);
    if (status == MR_OK)
        status = mr_api_list_choose(call, list, catalogue, call->id, count, &count);
    if (status != MR_OK) {
        mr_api_write_failure(
            call, status,
            status == MR_ERR_NOT_FOUND
                ? "the model does not know this item, or has no such list"
                : "its neighbours cannot be had at the moment");
        mr_snapshot_release(snapshot);
        return;
    }
    mr_json_writer writer = mr_api_begin(call);
    mr_json_key(&writer, "item");
    mr_json_begin_object(&writer);
    mr_api_show_item(&writer, call->id, mr_catalogue_find(catalogue, call->id),
                     list->wishes.fields);
    mr_json_end_object(&writer);
    mr_api_list_put(call, &writer, list, count);
    mr_json_key(&writer, "model_version");
    mr_json_put_text(&writer, view->version);
    mr_api_list_end(call, &writer);
    mr_snapshot_release(snapshot);
}

static void answer_neighbours(mr_api_call *call, neighbours_of *ask)
{
    const mr_backend *backend = call->api->options.backend;
    mr_api_list list;
    mr_model_view view;
    if (mr_api_check_id(call, "item_id", call->id) != MR_OK) {
        mr_api_refuse(call);
        return;
    }
    if (!mr_api_list_read(call, &list))
        return;
    if (backend->acquire == NULL || backend->acquire(backend->context, &view) != MR_OK) {
        mr_api_write_failure(call, MR_ERR_UNAVAILABLE, "there is no model yet");
        return;
    }
    write_neighbours(call, &list, ask, &view);
    backend->release(backend->context, &view);
}

void mr_api_similar(mr_api_call *call)
{
    answer_neighbours(call, call->api->options.backend->similar);
}

void mr_api_bought_together(mr_api_call *call)
{
    answer_neighbours(call, call->api->options.backend->bought_together);
}

/* ---- GET /v1/items?q= ---- */

typedef struct search {
    mr_text needle;
    int64_t n;
} search;

static const mr_field search_fields[] = {
    {.name = "q",
     .kind = MR_FIELD_ID,
     .flags = MR_IN_QUERY | MR_REQUIRED,
     .offset = offsetof(search, needle),
     .about = "a part of the id or the title; the case of ASCII letters is ignored",
     .example = "\"lantern\""},
    {.name = "n",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_IN_QUERY,
     .offset = offsetof(search, n),
     .least = 1,
     .most = MR_PLACEMENT_N_MAX,
     .about = "items wanted; absent: 10"},
};
const mr_schema mr_api_search_schema = {MR_SCHEMA("search", search_fields)};

void mr_api_find_items(mr_api_call *call)
{
    search asked = {.n = MR_API_LIST_DEFAULT};
    const mr_status status = mr_api_read_query(call, &mr_api_search_schema, &asked);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
        return;
    }
    const mr_catalogue_item *found[MR_PLACEMENT_N_MAX];
    const mr_catalogue *catalogue;
    mr_snapshot *snapshot = mr_api_acquire_catalogue(call->api, &catalogue);
    const size_t count =
        mr_catalogue_search(catalogue, asked.needle, found, (size_t)asked.n);
    mr_json_writer writer = mr_api_begin(call);
    mr_json_key(&writer, "items");
    mr_json_begin_array(&writer);
    for (size_t i = 0; i < count; i++) {
        mr_json_begin_object(&writer);
        mr_api_show_item(&writer, found[i]->id, found[i], MR_FIELDS_DEFAULT);
        mr_api_show_flag(&writer, "hidden", !mr_catalogue_item_can_show(found[i]));
        mr_json_end_object(&writer);
    }
    mr_json_end_array(&writer);
    mr_api_list_end(call, &writer);
    mr_snapshot_release(snapshot);
}

static const mr_field neighbours_fields[] = {MR_API_LIST_FIELDS};
const mr_schema mr_api_neighbours_schema = {
    MR_SCHEMA("neighbours_query", neighbours_fields)};

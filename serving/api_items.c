#include "serving/api_call.h"

#include <math.h>

enum { LIST_DEFAULT = 10, LIST_MAX = 100, CATEGORY_BYTES_MAX = 256 };

/* Items found by a search, or neighbours of one: what may be shown, in their order. */
static void put_candidates(mr_json_writer *writer, const mr_candidate *candidates,
                           size_t count, size_t n, const mr_catalogue *catalogue)
{
    size_t written = 0;
    mr_json_key(writer, "items");
    mr_json_begin_array(writer);
    for (size_t i = 0; i < count && written < n; i++) {
        const mr_catalogue_item *item =
            mr_catalogue_find(catalogue, candidates[i].item_id);
        if (item != NULL && !mr_catalogue_item_can_show(item))
            continue;
        mr_json_begin_object(writer);
        mr_api_put_item(writer, candidates[i].item_id, item);
        mr_json_key(writer, "score");
        mr_json_put_fixed(writer, (double)candidates[i].score, 6);
        mr_json_key(writer, "source");
        mr_json_put_string(writer, mr_source_name(candidates[i].source));
        mr_json_end_object(writer);
        written++;
    }
    mr_json_end_array(writer);
}

static void put_took(mr_api_call *call, mr_json_writer *writer)
{
    mr_json_key(writer, "took_us");
    mr_json_put_int(writer, mr_api_elapsed_us(call));
    mr_json_end_object(writer);
}

/* ---- GET /v1/items/{id}/similar ---- */

/* The neighbours as candidates.  MR_ERR_NOT_FOUND for an item the model does not know. */
static mr_status find_similar(mr_api_call *call, const mr_model_view *view,
                              size_t *ret_count)
{
    const mr_backend *backend = call->api->options.backend;
    mr_api_worker *worker = call->worker;
    const uint32_t item = backend->item_index(backend->context, view, call->id);
    size_t found = 0;
    if (item == MR_ITEM_NONE)
        return MR_ERR_NOT_FOUND;
    if (backend->similar == NULL)
        return MR_ERR_UNAVAILABLE;
    MR_TRY(backend->similar(backend->context, call->request->thread, view, item,
                            MR_API_CANDIDATES_MAX, worker->scored, &found));
    size_t count = 0;
    for (size_t i = 0; i < found; i++) {
        const mr_scored_item *scored = &worker->scored[i];
        if (scored->item >= view->dictionary || scored->item == item ||
            !isfinite(scored->score) || scored->source >= MR_SOURCE_KINDS)
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

static void write_similar(mr_api_call *call, const mr_model_view *view, size_t n)
{
    size_t count = 0;
    const mr_status status = find_similar(call, view, &count);
    if (status != MR_OK) {
        mr_api_write_failure(call, status,
                             status == MR_ERR_NOT_FOUND
                                 ? "the model does not know this item"
                                 : "similar items cannot be had at the moment");
        return;
    }
    const mr_catalogue *catalogue;
    mr_snapshot *snapshot = mr_api_acquire_catalogue(call, &catalogue);
    mr_json_writer writer = mr_api_begin(call);
    mr_json_key(&writer, "item");
    mr_json_begin_object(&writer);
    mr_api_put_item(&writer, call->id, mr_catalogue_find(catalogue, call->id));
    mr_json_end_object(&writer);
    put_candidates(&writer, call->worker->candidates, count, n, catalogue);
    mr_json_key(&writer, "model_version");
    mr_json_put_text(&writer, view->version);
    put_took(call, &writer);
    mr_snapshot_release(snapshot);
}

void mr_api_similar(mr_api_call *call)
{
    const mr_backend *backend = call->api->options.backend;
    int64_t n = LIST_DEFAULT;
    mr_model_view view;
    if (mr_api_check_id(call, "item_id", call->id) != MR_OK ||
        mr_api_take_number(call, "n", 1, LIST_MAX, &n) != MR_OK ||
        mr_api_check_all_taken(call) != MR_OK) {
        mr_api_refuse(call);
        return;
    }
    if (backend->acquire == NULL || backend->acquire(backend->context, &view) != MR_OK) {
        mr_api_write_failure(call, MR_ERR_UNAVAILABLE, "there is no model yet");
        return;
    }
    write_similar(call, &view, (size_t)n);
    backend->release(backend->context, &view);
}

/* ---- GET /v1/trending ---- */

static mr_status take_kind(mr_api_call *call, mr_trending_kind *ret_kind,
                           const char **ret_name)
{
    static const char *const names[] = {
        [MR_TRENDING_HOT] = "hot",
        [MR_TRENDING_POPULAR] = "popular",
        [MR_TRENDING_RISING] = "rising",
    };
    mr_text kind = MR_TEXT("hot");
    (void)mr_api_take(call, "kind", &kind);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (mr_text_is(kind, names[i])) {
            *ret_kind = (mr_trending_kind)i;
            *ret_name = names[i];
            return MR_OK;
        }
    }
    mr_field_error_set(&call->error, MR_TEXT("kind"), "must be hot, popular or rising");
    return MR_ERR_INVALID;
}

static mr_status take_category(mr_api_call *call, mr_text *ret_category)
{
    *ret_category = (mr_text){0};
    if (!mr_api_take(call, "category", ret_category) ||
        (ret_category->length > 0 && ret_category->length <= CATEGORY_BYTES_MAX))
        return MR_OK;
    mr_field_error_set(&call->error, MR_TEXT("category"), "must be 1 to %d bytes",
                       CATEGORY_BYTES_MAX);
    return MR_ERR_INVALID;
}

void mr_api_trending(mr_api_call *call)
{
    const mr_backend *backend = call->api->options.backend;
    mr_trending_kind kind;
    const char *kind_name;
    mr_text category;
    int64_t n = LIST_DEFAULT;
    if (take_kind(call, &kind, &kind_name) != MR_OK ||
        take_category(call, &category) != MR_OK ||
        mr_api_take_number(call, "n", 1, LIST_MAX, &n) != MR_OK ||
        mr_api_check_all_taken(call) != MR_OK) {
        mr_api_refuse(call);
        return;
    }
    size_t count = 0;
    if (backend->trending == NULL ||
        backend->trending(backend->context, call->request->thread, kind, category,
                          MR_API_CANDIDATES_MAX, call->worker->arena,
                          call->worker->candidates, &count) != MR_OK) {
        mr_api_write_failure(call, MR_ERR_UNAVAILABLE,
                             "trending items cannot be had at the moment");
        return;
    }
    const mr_catalogue *catalogue;
    mr_snapshot *snapshot = mr_api_acquire_catalogue(call, &catalogue);
    mr_json_writer writer = mr_api_begin(call);
    mr_json_key(&writer, "kind");
    mr_json_put_string(&writer, kind_name);
    if (category.length > 0) {
        mr_json_key(&writer, "category");
        mr_json_put_text(&writer, category);
    }
    put_candidates(&writer, call->worker->candidates, count, (size_t)n, catalogue);
    put_took(call, &writer);
    mr_snapshot_release(snapshot);
}

/* ---- GET /v1/items?q= ---- */

void mr_api_find_items(mr_api_call *call)
{
    mr_text needle = {0};
    int64_t n = LIST_DEFAULT;
    (void)mr_api_take(call, "q", &needle);
    if (mr_api_check_id(call, "q", needle) != MR_OK ||
        mr_api_take_number(call, "n", 1, LIST_MAX, &n) != MR_OK ||
        mr_api_check_all_taken(call) != MR_OK) {
        mr_api_refuse(call);
        return;
    }
    const mr_catalogue_item *found[LIST_MAX];
    const mr_catalogue *catalogue;
    mr_snapshot *snapshot = mr_api_acquire_catalogue(call, &catalogue);
    const size_t count = mr_catalogue_search(catalogue, needle, found, (size_t)n);
    mr_json_writer writer = mr_api_begin(call);
    mr_json_key(&writer, "items");
    mr_json_begin_array(&writer);
    for (size_t i = 0; i < count; i++) {
        mr_json_begin_object(&writer);
        mr_api_put_item(&writer, found[i]->id, found[i]);
        mr_json_key(&writer, "hidden");
        mr_json_put_bool(&writer, !mr_catalogue_item_can_show(found[i]));
        mr_json_end_object(&writer);
    }
    mr_json_end_array(&writer);
    put_took(call, &writer);
    mr_snapshot_release(snapshot);
}

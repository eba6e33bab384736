#include "serving/api_list.h"
#include "serving/api_requests.h"
#include "serving/rules.h"

/*
 * The windows that the board counts over, and the words for them.  Kinds of trending that have
 * one window only take its word and no other.
 */
static const char *const kind_words[] = {"hot", "popular", "rising", NULL};
static const char *const window_words[] = {"6h", "7d", "ever", NULL};
static const char *const popular_window_words[] = {"7d", "ever", NULL};

enum { NEWEST_LOOKED_AT = 10000 }; /* of a filter that lets little through */
enum { KIND_HOT, KIND_POPULAR, KIND_RISING };
enum { WINDOW_6H, WINDOW_7D, WINDOW_EVER };

static const mr_field trending_fields[] = {
    {.name = "kind",
     .kind = MR_FIELD_WORD,
     .flags = MR_IN_QUERY,
     .offset = offsetof(mr_api_list, kind),
     .words = kind_words,
     .about =
         "hot: the last 6 hours; popular: the last 7 days or all time; rising: the last "
         "6 hours against the same of a week ago.  Absent: hot"},
    {.name = "window",
     .kind = MR_FIELD_WORD,
     .flags = MR_IN_QUERY,
     .offset = offsetof(mr_api_list, window),
     .words = window_words,
     .about =
         "6h with hot and rising, 7d or ever with popular; absent: the first of these"},
    MR_API_LIST_FIELDS,
};
const mr_schema mr_api_trending_schema = {MR_SCHEMA("trending_query", trending_fields)};

static const mr_field popular_fields[] = {
    {.name = "window",
     .kind = MR_FIELD_WORD,
     .flags = MR_IN_QUERY,
     .offset = offsetof(mr_api_list, window),
     .words = popular_window_words,
     .about = "absent: 7d"},
    MR_API_LIST_FIELDS,
};
const mr_schema mr_api_popular_schema = {MR_SCHEMA("popular_query", popular_fields)};

/* One category alone goes to the board, which has more of it than a list of all would. */
static mr_text board_category(const mr_api_list *list)
{
    const mr_filter_values *categories = &list->wishes.set.filter.categories;
    return categories->count == 1 ? categories->texts[0] : (mr_text){0};
}

static mr_status find_board(mr_api_call *call, const mr_api_list *list,
                            mr_trending_kind kind, const mr_catalogue *catalogue,
                            size_t *ret_count)
{
    const mr_backend *backend = call->api->options.backend;
    size_t count = 0;
    if (backend->trending == NULL)
        return MR_ERR_UNAVAILABLE;
    MR_TRY(backend->trending(backend->context, call->request->thread, kind,
                             board_category(list), MR_API_CANDIDATES_MAX,
                             call->worker->arena, call->worker->candidates, &count));
    return mr_api_list_choose(call, list, catalogue, (mr_text){0}, count, ret_count);
}

static void write_board(mr_api_call *call, const mr_api_list *list, mr_trending_kind kind,
                        const char *kind_name, const char *window)
{
    size_t count;
    const mr_catalogue *catalogue;
    mr_snapshot *snapshot = mr_api_acquire_catalogue(call->api, &catalogue);
    if (find_board(call, list, kind, catalogue, &count) != MR_OK) {
        mr_api_write_failure(call, MR_ERR_UNAVAILABLE,
                             "trending items cannot be had at the moment");
    } else {
        mr_json_writer writer = mr_api_begin(call);
        mr_api_show_string(&writer, "kind", kind_name);
        mr_api_show_string(&writer, "window", window);
        mr_api_show_text(&writer, "category", board_category(list));
        mr_api_list_put(call, &writer, list, count);
        mr_api_list_end(call, &writer);
    }
    mr_snapshot_release(snapshot);
}

void mr_api_trending(mr_api_call *call)
{
    mr_api_list list;
    if (!mr_api_list_read(call, &list))
        return;
    const bool is_popular = list.kind == KIND_POPULAR;
    if (list.window == MR_API_WINDOW_ABSENT)
        list.window = is_popular ? WINDOW_7D : WINDOW_6H;
    if ((list.window == WINDOW_6H) == is_popular) {
        mr_field_error_set(&call->error, MR_TEXT("window"), "of %s must be %s",
                           kind_words[list.kind], is_popular ? "7d or ever" : "6h");
        mr_api_refuse(call);
        return;
    }
    const mr_trending_kind kind = list.kind == KIND_HOT      ? MR_TRENDING_HOT
                                  : list.kind == KIND_RISING ? MR_TRENDING_RISING
                                  : list.window == WINDOW_7D ? MR_TRENDING_POPULAR
                                                             : MR_TRENDING_EVER;
    write_board(call, &list, kind, kind_words[list.kind], window_words[list.window]);
}

void mr_api_popular(mr_api_call *call)
{
    mr_api_list list;
    if (!mr_api_list_read(call, &list))
        return;
    if (list.window == MR_API_WINDOW_ABSENT)
        list.window = 0;
    write_board(call, &list, list.window == 0 ? MR_TRENDING_POPULAR : MR_TRENDING_EVER,
                "popular", popular_window_words[list.window]);
}

/* ---- GET /v1/new ---- */

static const mr_field new_fields[] = {MR_API_LIST_FIELDS};
const mr_schema mr_api_new_schema = {MR_SCHEMA("new_query", new_fields)};

/* The newest that may be shown, of one category where the filter names just one. */
static mr_status put_newest(mr_api_call *call, const mr_api_list *list,
                            const mr_catalogue *catalogue, mr_json_writer *writer)
{
    const uint32_t *places = NULL;
    const size_t count = mr_catalogue_newest(catalogue, board_category(list), &places);
    mr_rules rules = {
        .catalogue = catalogue,
        .exclude = list->exclude.texts,
        .exclude_count = list->exclude.count,
        .now_ms = mr_api_now_ms(call),
        .set = &list->wishes.set,
    };
    MR_TRY(mr_rules_bind(&rules, (size_t)list->n, call->worker->arena));
    *writer = mr_api_begin(call);
    mr_json_key(writer, "items");
    mr_json_begin_array(writer);
    int64_t shown = 0;
    for (size_t i = 0; i < count && i < NEWEST_LOOKED_AT && shown < list->n; i++) {
        const mr_catalogue_item *item = mr_catalogue_at(catalogue, places[i]);
        if (mr_rules_refusal(&rules, item->id, &item) != MR_REFUSAL_NONE)
            continue;
        mr_json_begin_object(writer);
        mr_api_show_item(writer, item->id, item, list->wishes.fields);
        mr_json_end_object(writer);
        shown++;
    }
    mr_json_end_array(writer);
    return MR_OK;
}

void mr_api_new(mr_api_call *call)
{
    mr_api_list list;
    mr_json_writer writer;
    if (!mr_api_list_read(call, &list))
        return;
    const mr_catalogue *catalogue;
    mr_snapshot *snapshot = mr_api_acquire_catalogue(call->api, &catalogue);
    const mr_status status = put_newest(call, &list, catalogue, &writer);
    if (status == MR_OK)
        mr_api_list_end(call, &writer);
    else
        mr_api_write_unread(call, status);
    mr_snapshot_release(snapshot);
}

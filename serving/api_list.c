#include "serving/api_list.h"

#include "serving/rules.h"

#include <string.h>

bool mr_api_list_read(mr_api_call *call, mr_api_list *list)
{
    *list = (mr_api_list){.n = MR_API_LIST_DEFAULT, .window = MR_API_WINDOW_ABSENT};
    const mr_status status = mr_api_read_query(call, call->route->parameters, list);
    if (list->wishes.fields == 0)
        list->wishes.fields = MR_FIELDS_DEFAULT;
    if (status != MR_OK)
        mr_api_write_unread(call, status);
    return status == MR_OK;
}

mr_status mr_api_list_choose(mr_api_call *call, const mr_api_list *list,
                             const mr_catalogue *catalogue, mr_text item, size_t count,
                             size_t *ret_count)
{
    mr_candidate *candidates = call->worker->candidates;
    mr_rules rules = {
        .catalogue = catalogue,
        .exclude = list->exclude.texts,
        .exclude_count = list->exclude.count,
        .context = &item,
        .context_count = item.length > 0,
        .now_ms = mr_api_now_ms(call),
        .set = &list->wishes.set,
    };
    mr_candidate *chosen =
        mr_arena_allocate(call->worker->arena, (size_t)list->n * sizeof(*chosen));
    if (chosen == NULL)
        return MR_ERR_NO_MEMORY;
    MR_TRY(mr_rules_bind(&rules, (size_t)list->n, call->worker->arena));
    *ret_count = mr_rules_apply(&rules, candidates, count, chosen, 0, (size_t)list->n);
    memcpy(candidates, chosen, *ret_count * sizeof(*chosen));
    return MR_OK;
}

void mr_api_list_put(mr_api_call *call, mr_json_writer *writer, const mr_api_list *list,
                     size_t count)
{
    const mr_candidate *candidates = call->worker->candidates;
    mr_json_key(writer, "items");
    mr_json_begin_array(writer);
    for (size_t i = 0; i < count; i++) {
        mr_json_begin_object(writer);
        mr_api_show_item(writer, candidates[i].item_id, candidates[i].item,
                         list->wishes.fields);
        mr_api_show_score(writer, candidates[i].score, candidates[i].source);
        mr_json_end_object(writer);
    }
    mr_json_end_array(writer);
}

void mr_api_list_end(mr_api_call *call, mr_json_writer *writer)
{
    mr_api_show_number(writer, "took_us", mr_api_elapsed_us(call));
    mr_json_end_object(writer);
}

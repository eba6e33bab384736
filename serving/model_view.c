#include "serving/model_view.h"

#include <math.h>

typedef struct names {
    const mr_backend *backend;
    const mr_model_view *view; /* NULL: no model is held */
} names;

static mr_text name_hash(void *context, uint64_t hash)
{
    const names *n = context;
    if (n->view == NULL)
        return (mr_text){0};
    const uint32_t item = n->backend->item_by_hash(n->backend->context, n->view, hash);
    return item == MR_ITEM_NONE ? (mr_text){0}
                                : n->backend->item_id(n->backend->context, n->view, item);
}

void mr_model_view_resolve(const mr_backend *backend, const mr_model_view *view,
                           const mr_user_state_view *stored, mr_user_state *ret_state)
{
    names n = {backend, view};
    mr_user_state_resolve(stored, name_hash, &n, ret_state);
}

size_t mr_model_view_find(const mr_backend *backend, const mr_model_view *view,
                          const mr_text *ids, size_t count, uint32_t *ret_items)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t item = backend->item_index(backend->context, view, ids[i]);
        if (item != MR_ITEM_NONE)
            ret_items[found++] = item;
    }
    return found;
}

mr_text mr_model_view_because(const mr_backend *backend, const mr_model_view *view,
                              uint32_t because)
{
    return because < view->dictionary ? backend->item_id(backend->context, view, because)
                                      : (mr_text){0};
}

bool mr_model_view_can_use(const mr_model_view *view, const mr_scored_item *scored)
{
    return scored->item < view->dictionary && isfinite(scored->score) &&
           scored->source < MR_SOURCE_KINDS;
}

bool mr_score_request_knows_anything(const mr_score_request *request)
{
    return (request->state != NULL && request->state->item_count > 0) ||
           request->context_count > 0;
}

#include "serving/api_recommendations.h"
#include "serving/api_requests.h"
#include "serving/api_show.h"
#include "serving/api_wishes.h"
#include "serving/model_view.h"
#include "serving/rules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RANK_MAX = 500 };

typedef struct rank_request {
    mr_text user_id;
    mr_text placement_name;
    mr_text_list items;
    mr_text_list context;
    mr_text_list exclude;
    mr_rule_wishes wishes;
    bool explain;
    int64_t n; /* 0: all */
} rank_request;

static const mr_field rank_fields[] = {
    {.name = "items",
     .kind = MR_FIELD_IDS,
     .flags = MR_IN_BODY | MR_REQUIRED,
     .offset = offsetof(rank_request, items),
     .least = 1,
     .most = RANK_MAX,
     .about =
         "what is to be put in order; an item given twice counts where it stands first",
     .example = "[\"85123A\",\"22423\"]"},
    {.name = "user_id",
     .kind = MR_FIELD_ID,
     .flags = MR_IN_BODY,
     .offset = offsetof(rank_request, user_id),
     .about = "for whom; absent: by the context alone",
     .example = "\"17850\""},
    {.name = "context",
     .kind = MR_FIELD_IDS,
     .flags = MR_IN_BODY,
     .offset = offsetof(rank_request, context),
     .most = MR_API_CONTEXT_MAX,
     .about = "the items in view or in the cart, newest first"},
    {.name = "exclude",
     .kind = MR_FIELD_IDS,
     .flags = MR_IN_BODY,
     .offset = offsetof(rank_request, exclude),
     .most = MR_API_IDS_MAX,
     .about = "items to leave out"},
    {.name = "placement",
     .kind = MR_FIELD_TEXT,
     .flags = MR_IN_BODY,
     .offset = offsetof(rank_request, placement_name),
     .least = 1,
     .most = MR_PLACEMENT_NAME_BYTES_MAX,
     .about = "a configured placement, whose rules hold; absent: the first one"},
    {.name = "rules",
     .kind = MR_FIELD_OBJECT,
     MR_API_WISH(rank_request, MR_IN_BODY),
     .schema = &mr_api_rules_schema,
     .about =
         "on top of the placement's; a pin of an item that is not given does nothing"},
    {.name = "fields",
     .kind = MR_FIELD_WORDS,
     MR_API_WISH(rank_request, MR_IN_BODY),
     .least = 1,
     .most = MR_FILTER_VALUES_MAX,
     .words = mr_api_field_words,
     .about = "what is shown of an item beside its id"},
    {.name = "explain",
     .kind = MR_FIELD_FLAG,
     .flags = MR_IN_BODY,
     .offset = offsetof(rank_request, explain),
     .about = "true: each item that the model knows says why it stands there"},
    {.name = "n",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_IN_BODY,
     .offset = offsetof(rank_request, n),
     .least = 1,
     .most = RANK_MAX,
     .about = "how many are wanted; absent: all"},
};
const mr_schema mr_api_rank_schema = {MR_SCHEMA("rank_request", rank_fields)};

/* One given item. */
typedef struct given {
    const mr_catalogue_item *item;
    mr_refusal refusal;
    bool is_second; /* stands before as well */
    bool is_placed;
    mr_scored_item scored;
} given;

/* A call on its way from the reading to the answer. */
typedef struct ranking {
    mr_api_call *call;
    rank_request asked;
    mr_json *json;
    const mr_placement *placement;
    mr_rule_set set;
    mr_rules rules;
    mr_model_view view;
    bool has_view;
    bool has_state; /* worker->state */
    bool is_scored;
    bool is_capped; /* there are rules on the list as a whole */
    const mr_catalogue *catalogue;
    given *given;             /* [items.count] */
    mr_candidate *candidates; /* [items.count] */
    size_t candidate_count;
} ranking;

/* ---- Reading ---- */

static mr_status refuse(mr_api_call *call, const char *field, const char *message)
{
    mr_field_error_set(&call->error, mr_text_from(field), "%s", message);
    return MR_ERR_INVALID;
}

static mr_status read_rank(ranking *r)
{
    mr_api_call *call = r->call;
    mr_schema_reader reader = {.arena = call->worker->arena, .error = &call->error};
    MR_TRY(mr_api_read_query(call, NULL, NULL));
    MR_TRY(mr_api_parse_body(call, false, &r->json));
    MR_TRY(mr_schema_read_object(&mr_api_rank_schema, mr_json_root(r->json), "", &reader,
                                 &r->asked));
    r->placement =
        mr_placement_find(call->api->placements, call->api->options.placement_count,
                          r->asked.placement_name);
    if (r->placement == NULL)
        return MR_ERR_NOT_FOUND;
    if (r->asked.wishes.fields == 0)
        r->asked.wishes.fields =
            r->placement->fields != 0 ? r->placement->fields : MR_FIELDS_DEFAULT;
    const mr_status status = mr_rule_set_merge(&r->placement->rules, &r->asked.wishes.set,
                                               reader.arena, &r->set);
    if (status == MR_ERR_FULL)
        return refuse(call, "rules", "are too many with the placement's own");
    MR_TRY(status);
    const size_t count = r->asked.items.count;
    r->given = mr_arena_allocate(reader.arena, count * sizeof(*r->given));
    r->candidates = mr_arena_allocate(reader.arena, count * sizeof(*r->candidates));
    return r->given != NULL && r->candidates != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

/* ---- What is known ---- */

static bool read_state(ranking *r)
{
    if (r->asked.user_id.length == 0 || !r->call->user.has_state)
        return false;
    mr_model_view_resolve(r->call->api->options.backend, r->has_view ? &r->view : NULL,
                          &r->call->user.state, &r->call->worker->state);
    return true;
}

/* The scores of all given items; without any, they keep their order. */
static mr_status score(ranking *r)
{
    const mr_backend *backend = r->call->api->options.backend;
    const size_t count = r->asked.items.count;
    mr_arena *arena = r->call->worker->arena;
    const mr_user_state *state = r->has_state ? &r->call->worker->state : NULL;
    uint32_t *items = mr_arena_allocate(arena, count * sizeof(*items));
    mr_scored_item *scored = mr_arena_allocate(arena, count * sizeof(*scored));
    if (items == NULL || scored == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        r->given[i] = (given){
            .scored = {.item = MR_ITEM_NONE, .score = NAN, .because = MR_ITEM_NONE}};
    if (!r->has_view || backend->rank == NULL)
        return MR_OK;
    const mr_score_request request = {
        .state = state,
        .context_items = r->call->worker->context_items,
        .context_count =
            mr_model_view_find(backend, &r->view, r->asked.context.texts,
                               r->asked.context.count, r->call->worker->context_items)};
    if (!mr_score_request_knows_anything(&request))
        return MR_OK;
    for (size_t i = 0; i < count; i++)
        items[i] =
            backend->item_index(backend->context, &r->view, r->asked.items.texts[i]);
    if (backend->rank(backend->context, r->call->request->thread, &r->view, &request,
                      items, count, scored) != MR_OK)
        return MR_OK;
    for (size_t i = 0; i < count; i++) {
        scored[i].item = items[i];
        if (!mr_model_view_can_use(&r->view, &scored[i]))
            continue;
        r->given[i].scored = scored[i];
        r->is_scored = true;
    }
    return MR_OK;
}

/* ---- The order ---- */

/* Pins of items that were given, by the texts they were given as. */
static mr_status keep_given_pins(ranking *r)
{
    mr_pin *pins =
        mr_arena_allocate(r->call->worker->arena, (r->set.pin_count + 1) * sizeof(*pins));
    size_t kept = 0;
    if (pins == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t p = 0; p < r->set.pin_count; p++) {
        for (size_t i = 0; i < r->asked.items.count; i++) {
            if (mr_text_equal(r->set.pins[p].item, r->asked.items.texts[i])) {
                pins[kept] = r->set.pins[p];
                pins[kept++].item = r->asked.items.texts[i];
                break;
            }
        }
    }
    r->set.pins = pins;
    r->set.pin_count = kept;
    return MR_OK;
}

static mr_status bind_rules(ranking *r)
{
    MR_TRY(keep_given_pins(r));
    r->is_capped = r->set.pin_count > 0 || r->set.cap_count > 0;
    r->rules = (mr_rules){
        .placement = r->placement,
        .catalogue = r->catalogue,
        .purchases = r->call->worker->purchases,
        .purchase_count = r->has_state
                              ? mr_user_state_purchases(&r->call->user.state,
                                                        r->call->worker->purchases)
                              : 0,
        .key = &r->call->api->key,
        .exclude = r->asked.exclude.texts,
        .exclude_count = r->asked.exclude.count,
        .now_ms = mr_api_now_ms(r->call),
        .set = &r->set,
    };
    return mr_rules_bind(&r->rules, r->asked.items.count, r->call->worker->arena);
}

/* By id, and the one that stands first before the others. */
static int compare_ids(const void *a, const void *b)
{
    const mr_text *const *left = a;
    const mr_text *const *right = b;
    const int order = mr_text_compare(**left, **right);
    return order != 0 ? order : (*left > *right) - (*left < *right);
}

static mr_status mark_seconds(ranking *r)
{
    const mr_text_list *items = &r->asked.items;
    const mr_text **order =
        mr_arena_allocate(r->call->worker->arena, items->count * sizeof(*order));
    if (order == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < items->count; i++)
        order[i] = &items->texts[i];
    qsort(order, items->count, sizeof(*order), compare_ids);
    for (size_t i = 1; i < items->count; i++) {
        if (mr_text_equal(*order[i], *order[i - 1]))
            r->given[order[i] - items->texts].is_second = true;
    }
    return MR_OK;
}

static void add_candidate(ranking *r, size_t index)
{
    const mr_backend *backend = r->call->api->options.backend;
    const given *g = &r->given[index];
    r->candidates[r->candidate_count++] = (mr_candidate){
        .item_id = r->asked.items.texts[index],
        .because = r->has_view
                       ? mr_model_view_because(backend, &r->view, g->scored.because)
                       : (mr_text){0},
        .item = g->item,
        .score = g->scored.score,
        .source = g->scored.source,
    };
}

typedef struct place {
    float score;
    uint32_t index;
} place;

/* Best first, equal ones as they were given. */
static int compare_places(const void *a, const void *b)
{
    const place *left = a;
    const place *right = b;
    if (left->score > right->score || left->score < right->score)
        return left->score > right->score ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

static bool may_stand(const given *g)
{
    return !g->is_second && g->refusal == MR_REFUSAL_NONE;
}

/* What the model knows, best first. */
static mr_status add_known(ranking *r)
{
    const size_t count = r->asked.items.count;
    place *places = mr_arena_allocate(r->call->worker->arena, count * sizeof(*places));
    size_t known = 0;
    if (places == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        if (may_stand(&r->given[i]) && !isnan(r->given[i].scored.score))
            places[known++] = (place){r->given[i].scored.score, (uint32_t)i};
    }
    qsort(places, known, sizeof(*places), compare_places);
    for (size_t i = 0; i < known; i++)
        add_candidate(r, places[i].index);
    return MR_OK;
}

/* The others, as they were given. */
static void add_unknown(ranking *r)
{
    for (size_t i = 0; i < r->asked.items.count; i++) {
        if (may_stand(&r->given[i]) && isnan(r->given[i].scored.score))
            add_candidate(r, i);
    }
}

static mr_status put_in_order(ranking *r)
{
    MR_TRY(mark_seconds(r));
    for (size_t i = 0; i < r->asked.items.count; i++)
        r->given[i].refusal =
            mr_rules_refusal(&r->rules, r->asked.items.texts[i], &r->given[i].item);
    MR_TRY(add_known(r));
    if (mr_rules_reorders(&r->rules))
        r->candidate_count = mr_rules_reorder(
            &r->rules, r->candidates, r->candidate_count, NULL, 0, r->candidate_count);
    add_unknown(r);
    if (!r->is_capped)
        return MR_OK;
    mr_candidate *list =
        mr_arena_allocate(r->call->worker->arena, r->asked.items.count * sizeof(*list));
    if (list == NULL)
        return MR_ERR_NO_MEMORY;
    const size_t n = r->candidate_count;
    const size_t count = mr_rules_apply(&r->rules, r->candidates, n, list, 0, n);
    r->candidates = list;
    r->candidate_count = mr_rules_pin(&r->rules, list, count, n);
    return MR_OK;
}

/* ---- The answer ---- */

/* Where the item was given. */
static size_t index_of(const ranking *r, mr_text id)
{
    size_t i = 0;
    while (r->asked.items.texts[i].bytes != id.bytes)
        i++;
    return i;
}

static void put_ranked(ranking *r, mr_json_writer *writer, const mr_candidate *candidate)
{
    const size_t index = index_of(r, candidate->item_id);
    given *g = &r->given[index];
    g->is_placed = true;
    mr_json_begin_object(writer);
    mr_api_show_item(writer, candidate->item_id, g->item, r->asked.wishes.fields);
    mr_json_key(writer, "score");
    mr_json_put_fixed(writer, (double)g->scored.score, 6); /* NaN: null */
    const char *source = mr_source_name(g->scored.source);
    mr_api_show_string(writer, "source", source != NULL ? source : "none");
    mr_api_show_number(writer, "position_before", (int64_t)index + 1);
    if (candidate->source == MR_SOURCE_PINNED)
        mr_api_show_flag(writer, "pinned", true);
    if (r->asked.explain && !isnan(g->scored.score))
        mr_api_show_reason(writer, candidate, r->catalogue);
    mr_json_end_object(writer);
}

static void put_left_out(ranking *r, mr_json_writer *writer)
{
    mr_json_key(writer, "left_out");
    mr_json_begin_array(writer);
    for (size_t i = 0; i < r->asked.items.count; i++) {
        const given *g = &r->given[i];
        if (g->is_second || (g->is_placed && g->refusal == MR_REFUSAL_NONE))
            continue;
        mr_json_begin_object(writer);
        mr_api_show_text(writer, "id", r->asked.items.texts[i]);
        mr_api_show_string(writer, "why",
                           g->refusal != MR_REFUSAL_NONE ? mr_refusal_name(g->refusal)
                                                         : "capped");
        mr_json_end_object(writer);
    }
    mr_json_end_array(writer);
}

static void put_items(ranking *r, mr_json_writer *writer)
{
    const size_t n = r->asked.n > 0 ? (size_t)r->asked.n : r->candidate_count;
    mr_json_key(writer, "items");
    mr_json_begin_array(writer);
    for (size_t i = 0; i < r->candidate_count; i++) {
        if (i < n)
            put_ranked(r, writer, &r->candidates[i]);
        else
            r->given[index_of(r, r->candidates[i].item_id)].is_placed = true;
    }
    mr_json_end_array(writer);
}

static void put_facts(ranking *r, mr_json_writer *writer)
{
    mr_api_call *call = r->call;
    const mr_backend *backend = call->api->options.backend;
    const char *reason = !r->has_view ? "model" : NULL;
    if (reason == NULL && r->asked.user_id.length > 0) {
        if (mr_cache_down_since_ms(call->worker->cache) != 0)
            reason = "cache";
        else if (call->user.is_owner_out)
            reason = "owner";
    }
    if (reason == NULL && backend->degraded != NULL)
        reason = backend->degraded(backend->context);
    if (r->has_view) {
        mr_json_key(writer, "model_version");
        mr_json_put_text(writer, r->view.version);
    }
    if (r->has_state) {
        char time[MR_TIME_TEXT_BYTES];
        mr_time_to_text(call->worker->state.as_of_ms, time);
        mr_api_show_string(writer, "profile_as_of", time);
    }
    mr_api_show_string(writer, "served_from", r->is_scored ? "live" : "fallback");
    if (!r->is_scored)
        mr_api_show_string(writer, "fallback", "given_order");
    else if (!r->has_state && r->asked.user_id.length > 0)
        mr_api_show_string(writer, "fallback", "session");
    mr_api_show_flag(writer, "degraded", reason != NULL);
    mr_api_show_string(writer, "degraded_reason", reason);
    mr_api_show_number(writer, "took_us", mr_api_elapsed_us(call));
}

static mr_status rank(ranking *r)
{
    MR_TRY(score(r));
    MR_TRY(bind_rules(r));
    return put_in_order(r);
}

/* The second half: the user's values have come, if there is a user. */
static void finish(mr_api_call *call)
{
    ranking *r = call->state;
    const mr_backend *backend = call->api->options.backend;
    mr_snapshot *snapshot = mr_api_acquire_catalogue(call->api, &r->catalogue);
    r->has_view =
        backend->acquire != NULL && backend->acquire(backend->context, &r->view) == MR_OK;
    r->has_state = read_state(r);
    const mr_status status = rank(r);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
    } else {
        mr_json_writer writer = mr_api_begin(call);
        put_items(r, &writer);
        put_left_out(r, &writer);
        put_facts(r, &writer);
        mr_json_end_object(&writer);
    }
    if (r->has_view)
        backend->release(backend->context, &r->view);
    mr_snapshot_release(snapshot);
    mr_json_destroy(r->json);
}

void mr_api_rank(mr_api_call *call)
{
    ranking *r = mr_arena_allocate(call->worker->arena, sizeof(*r));
    if (r == NULL) {
        mr_api_write_unread(call, MR_ERR_NO_MEMORY);
        return;
    }
    memset(r, 0, sizeof(*r));
    r->call = call;
    const mr_status status = read_rank(r);
    if (status == MR_OK) {
        mr_api_wait_for_user(call, r->asked.user_id, finish, r);
    } else {
        mr_api_write_unread(call, status);
        mr_json_destroy(r->json);
    }
}

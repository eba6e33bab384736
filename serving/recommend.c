#include "serving/recommend.h"

#include "core/event.h"
#include "core/prefetch.h"
#include "serving/model_view.h"

#include <stdlib.h>
#include <string.h>

enum { NAMED_AT_ONCE = 12 };

/* One request on its way down the chain. */
typedef struct chain {
    mr_api_call *call;
    const mr_recommend_request *request;
    mr_recommend_answer *answer;
    int64_t now_ms;
    bool has_result;
    mr_result_view result;
    bool has_state;
    mr_rules rules;
    bool is_bound;
} chain;

static const mr_backend *backend_of(const chain *c)
{
    return c->call->api->options.backend;
}

/* The first thing that is missing names the reason. */
static void degrade(chain *c, const char *reason)
{
    if (c->answer->degraded_reason == NULL)
        c->answer->degraded_reason = reason;
}

/* ---- What is known ---- */

static void acquire_view(chain *c)
{
    const mr_backend *backend = backend_of(c);
    c->answer->has_view = backend->acquire != NULL &&
                          backend->acquire(backend->context, &c->answer->view) == MR_OK;
    if (!c->answer->has_view)
        degrade(c, "model");
}

static void take_values(chain *c)
{
    const mr_backend *backend = backend_of(c);
    const mr_user_values *values = c->request->values;
    if (backend->was_read != NULL)
        backend->was_read(backend->context, values->user);
    if (values->is_owner_out) /* before all else: it is why the list is not personal */
        c->answer->degraded_reason = "owner";
    if (mr_cache_down_since_ms(c->call->worker->cache) != 0)
        degrade(c, "cache");
    c->has_result = values->has_result;
    c->result = values->result;
    c->has_state = values->has_state;
}

/* The stored list will not do: now the whole history is wanted. */
static void resolve_state(chain *c)
{
    if (c->has_state)
        mr_model_view_resolve(backend_of(c),
                              c->answer->has_view ? &c->answer->view : NULL,
                              &c->request->values->state, &c->call->worker->state);
}

/* ---- Candidates ---- */

/* What the user bought, where the placement hides it. */
static size_t take_purchases(chain *c)
{
    if (!c->has_state || c->request->placement->purchased == MR_PURCHASED_SHOW)
        return 0;
    return mr_user_state_purchases(&c->request->values->state,
                                   c->call->worker->purchases);
}

/* The rules, made ready at their first use. */
static bool bind_rules(chain *c)
{
    const mr_recommend_request *request = c->request;
    if (c->is_bound)
        return true;
    c->rules = (mr_rules){
        .placement = request->placement,
        .catalogue = request->catalogue,
        .purchases = c->call->worker->purchases,
        .purchase_count = take_purchases(c),
        .exclude = request->exclude,
        .exclude_count = request->exclude_count,
        .context = request->context,
        .context_count = request->context_count,
        .now_ms = c->now_ms,
        .include = request->include,
        .include_count = request->include_count,
        .set = request->rules,
        .shown = request->shown,
        .key = &c->call->api->key,
    };
    c->is_bound = mr_rules_bind(&c->rules, request->n, c->call->worker->arena) == MR_OK;
    return c->is_bound;
}

static bool is_full(chain *c)
{
    return !bind_rules(c) ||
           c->answer->count >= mr_rules_places(&c->rules, c->request->n);
}

/* Take candidates of one list, or all of it where the order is to be changed. */
static void take(chain *c, mr_candidate *candidates, size_t count)
{
    mr_recommend_answer *answer = c->answer;
    answer->was_proposed = answer->was_proposed || count > 0;
    if (!bind_rules(c))
        return;
    if (mr_rules_reorders(&c->rules))
        count = mr_rules_reorder(&c->rules, candidates, count, answer->items,
                                 answer->count, c->request->n);
    answer->count = mr_rules_apply(&c->rules, candidates, count, answer->items,
                                   answer->count, c->request->n);
}

static mr_candidate name_item(const chain *c, const mr_scored_item *scored)
{
    const mr_backend *backend = backend_of(c);
    const mr_model_view *view = &c->answer->view;
    return (mr_candidate){
        .item_id = backend->item_id(backend->context, view, scored->item),
        .because = mr_model_view_because(backend, view, scored->because),
        .score = scored->score,
        .source = scored->source,
    };
}

/* Name and take `count` items, of which the rules may let all through or none. */
static void take_some(chain *c, const mr_scored_item *scored, size_t count)
{
    mr_candidate *candidates = c->call->worker->candidates;
    for (size_t i = 0; i < count; i++) {
        candidates[i] = name_item(c, &scored[i]);
        mr_prefetch(candidates[i].item_id.bytes); /* the rules are about to read it */
    }
    take(c, candidates, count);
}

/* Of `left` items: a few, or all when they are to be put in another order. */
static size_t at_once(chain *c, size_t left)
{
    const size_t most = mr_rules_reorders(&c->rules) ? (size_t)MR_API_CANDIDATES_MAX
                                                     : (size_t)NAMED_AT_ONCE;
    return left < most ? left : most;
}

/* A few at a time: of a hundred stored items a page shows ten, and each name is a cache miss. */
static void take_scored(chain *c, const mr_scored_item *scored, size_t count)
{
    for (size_t at = 0; at < count && !is_full(c);) {
        const size_t some = at_once(c, count - at);
        take_some(c, &scored[at], some);
        at += some;
    }
}

/* The same from the packed list: rows behind the last one shown are never read. */
static void take_stored(chain *c)
{
    mr_scored_item *rows = c->call->worker->scored;
    for (uint32_t at = 0; at < c->result.count && !is_full(c);) {
        const uint32_t some = (uint32_t)at_once(c, c->result.count - at);
        if (mr_result_rows(&c->result, at, some, rows) != MR_OK) {
            mr_api_count(&c->call->api->metrics.corrupt_values, 1);
            return;
        }
        take_some(c, rows, some);
        at += some;
    }
}

static bool is_newer(const mr_user_state_view *state, const mr_result_view *result)
{
    return state->epoch != result->epoch ? state->epoch > result->epoch
                                         : state->offset > result->offset;
}

static bool can_use_result(const chain *c)
{
    const mr_result_view *result = &c->result;
    return c->has_result && c->answer->has_view && c->request->context_count == 0 &&
           result->model == c->answer->view.hash &&
           result->dictionary <= c->answer->view.dictionary &&
           result->expires_ms > c->now_ms &&
           !(c->has_state && is_newer(&c->request->values->state, result));
}

static size_t drop_unusable(const chain *c, mr_scored_item *scored, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (mr_model_view_can_use(&c->answer->view, &scored[i]))
            scored[kept++] = scored[i];
    }
    return kept;
}

static size_t index_context(chain *c)
{
    const mr_recommend_request *asked = c->request;
    const size_t count = asked->context_count < MR_API_CONTEXT_MAX ? asked->context_count
                                                                   : MR_API_CONTEXT_MAX;
    return mr_model_view_find(backend_of(c), &c->answer->view, asked->context, count,
                              c->call->worker->context_items);
}

/* Score the best `k` of what is known of the user and of the visit; how many came of it. */
static size_t score_live(chain *c, size_t k)
{
    const mr_backend *backend = backend_of(c);
    mr_api_worker *worker = c->call->worker;
    if (!c->answer->has_view || backend->score == NULL)
        return 0;
    const mr_score_request request = {
        .state = c->has_state ? &worker->state : NULL,
        .context_items = worker->context_items,
        .context_count = index_context(c),
        .k = k,
    };
    size_t count = 0;
    if (!mr_score_request_knows_anything(&request))
        return 0;
    if (backend->score(backend->context, c->call->request->thread, &c->answer->view,
                       &request, worker->scored, &count) != MR_OK)
        return 0;
    return drop_unusable(c, worker->scored, count);
}

/* Remember the list, to be written when the answer is on its way. */
static void remember(chain *c, size_t count)
{
    mr_api_worker *worker = c->call->worker;
    const int64_t ttl_ms = c->call->api->options.result_ttl_ms;
    const mr_hash128 user = c->request->values->user;
    mr_result *result = &worker->result;
    if (worker->write_back_count == MR_API_WRITE_BACKS_MAX ||
        mr_cache_down_since_ms(worker->cache) != 0)
        return;
    result->epoch = worker->state.epoch;
    result->offset = worker->state.offset;
    result->model = c->answer->view.hash;
    result->dictionary = c->answer->view.dictionary;
    result->profile_as_of_ms = worker->state.as_of_ms;
    result->expires_ms = c->now_ms + ttl_ms;
    result->count = (uint32_t)(count < MR_RESULT_ITEMS_MAX ? count : MR_RESULT_ITEMS_MAX);
    memcpy(result->items, worker->scored, result->count * sizeof(mr_scored_item));
    const size_t offset = worker->write_backs.length;
    if (mr_result_encode(user, result, &worker->write_backs) != MR_OK)
        return;
    worker->write_back[worker->write_back_count++] = (mr_write_back){
        .user = user,
        .offset = offset,
        .length = (uint32_t)(worker->write_backs.length - offset),
        .ttl_ms = ttl_ms,
    };
}

/* Somebody else of this turn may have asked for the same user: one scoring serves them all. */
static bool find_remembered(chain *c)
{
    const mr_api_worker *worker = c->call->worker;
    const mr_hash128 user = c->request->values->user;
    for (size_t i = 0; i < worker->write_back_count; i++) {
        const mr_write_back *stored = &worker->write_back[i];
        if (stored->user.high != user.high || stored->user.low != user.low)
            continue;
        const mr_text value = {(const char *)worker->write_backs.bytes + stored->offset,
                               stored->length};
        c->has_result = mr_result_open(user, value, &c->result) == MR_OK;
        return can_use_result(c);
    }
    return false;
}

/* Whether the rules may have left so little of a list that more of it is worth scoring. */
static bool wants_more(chain *c)
{
    return !is_full(c) && c->rules.bound != NULL;
}

/* A filter, or the pages before, have used a hundred up: now as many as a model gives. */
static void serve_deeper(chain *c)
{
    if (!wants_more(c))
        return;
    const size_t before = c->answer->count;
    resolve_state(c);
    take_scored(c, c->call->worker->scored, score_live(c, MR_API_CANDIDATES_MAX));
    if (c->answer->count > before)
        c->answer->served_from = "live";
}

static void serve_stored(chain *c, const char *from)
{
    const mr_user_state_view *state = &c->request->values->state;
    c->answer->served_from = from;
    c->answer->profile_as_of_ms = c->result.profile_as_of_ms;
    /* A state that was not written when the list was: the rules know no more than it says. */
    if (c->has_state && state->as_of_ms < c->result.profile_as_of_ms)
        c->answer->profile_as_of_ms = state->as_of_ms;
    take_stored(c);
    serve_deeper(c);
}

static int compare_scores(const void *a, const void *b)
{
    const mr_scored_item *left = a;
    const mr_scored_item *right = b;
    if (left->score != right->score)
        return left->score > right->score ? -1 : 1;
    return (left->item > right->item) - (left->item < right->item);
}

/* Only these may be shown: they are scored, and not the catalogue in the hope that they come up.
 * How many of them the model knows. */
static size_t score_included(chain *c)
{
    const mr_backend *backend = backend_of(c);
    const mr_recommend_request *asked = c->request;
    mr_api_worker *worker = c->call->worker;
    uint32_t *items =
        mr_arena_allocate(worker->arena, asked->include_count * sizeof(*items));
    const mr_score_request request = {
        .state = c->has_state ? &worker->state : NULL,
        .context_items = worker->context_items,
        .context_count = index_context(c),
    };
    if (items == NULL || !mr_score_request_knows_anything(&request))
        return 0;
    size_t count = mr_model_view_find(backend, &c->answer->view, asked->include,
                                      asked->include_count, items);
    if (count == 0 ||
        backend->rank(backend->context, c->call->request->thread, &c->answer->view,
                      &request, items, count, worker->scored) != MR_OK)
        return 0;
    for (size_t i = 0; i < count; i++)
        worker->scored[i].item = items[i];
    count = drop_unusable(c, worker->scored, count);
    qsort(worker->scored, count, sizeof(worker->scored[0]), compare_scores);
    return count;
}

/* What was scored for this very request. */
static void serve_scored(chain *c, size_t count)
{
    if (c->has_state)
        c->answer->profile_as_of_ms = c->request->values->state.as_of_ms;
    if (count == 0)
        return;
    c->answer->served_from = "live";
    if (!c->has_state && c->request->values != NULL) /* a visit gets what it asks for */
        c->answer->fallback = "session";
    take_scored(c, c->call->worker->scored, count);
}

static void serve_live(chain *c)
{
    resolve_state(c);
    const size_t count = score_live(c, MR_RESULT_ITEMS_MAX);
    if (count > 0 && c->has_state && c->request->context_count == 0)
        remember(c, count);
    serve_scored(c, count);
    if (count == MR_RESULT_ITEMS_MAX)
        serve_deeper(c);
}

static void serve_personal(chain *c)
{
    const mr_backend *backend = backend_of(c);
    if (c->request->include_count > 0 && c->answer->has_view && backend->rank != NULL) {
        resolve_state(c);
        serve_scored(c, score_included(c));
    } else if (can_use_result(c)) {
        serve_stored(c, "cache");
    } else if (c->request->values != NULL && find_remembered(c)) {
        serve_stored(c, "live");
    } else {
        serve_live(c);
    }
}

/* Fill what is still empty; the first step to give anything names the fallback. */
static void serve_list(chain *c, const char *name, mr_status status, size_t count)
{
    const size_t before = c->answer->count;
    if (status != MR_OK)
        return;
    take(c, c->call->worker->candidates, count);
    if (before == 0 && c->answer->count > 0) {
        c->answer->served_from = "fallback";
        c->answer->fallback = name;
    }
}

static void serve_trending(chain *c, const char *name, mr_trending_kind kind)
{
    const mr_backend *backend = backend_of(c);
    mr_api_worker *worker = c->call->worker;
    size_t count = 0;
    if (is_full(c) || backend->trending == NULL)
        return;
    const mr_status status = backend->trending(backend->context, c->call->request->thread,
                                               kind, (mr_text){0}, MR_API_CANDIDATES_MAX,
                                               worker->arena, worker->candidates, &count);
    serve_list(c, name, status, count);
}

static void serve_static(chain *c)
{
    const mr_backend *backend = backend_of(c);
    mr_api_worker *worker = c->call->worker;
    size_t count = 0;
    if (is_full(c) || backend->static_list == NULL)
        return;
    const mr_status status =
        backend->static_list(backend->context, MR_API_CANDIDATES_MAX, worker->arena,
                             worker->candidates, &count);
    serve_list(c, "static", status, count);
}

void mr_recommend(mr_api_call *call, const mr_recommend_request *request,
                  mr_recommend_answer *ret_answer)
{
    chain c = {
        .call = call,
        .request = request,
        .answer = ret_answer,
        .now_ms = mr_api_now_ms(call),
    };
    const mr_backend *backend = backend_of(&c);
    /* Not all of it: a hundred items are not wiped for a page of ten. */
    ret_answer->count = 0;
    ret_answer->was_proposed = false;
    ret_answer->served_from = "fallback";
    ret_answer->fallback = NULL;
    ret_answer->degraded_reason = NULL;
    ret_answer->profile_as_of_ms = 0;
    acquire_view(&c);
    if (request->values != NULL)
        take_values(&c);
    if (backend->degraded != NULL)
        degrade(&c, backend->degraded(backend->context));
    serve_personal(&c);
    serve_trending(&c, "popular", MR_TRENDING_POPULAR);
    serve_trending(&c, "trending", MR_TRENDING_HOT);
    serve_static(&c);
    if (bind_rules(&c))
        ret_answer->count =
            mr_rules_pin(&c.rules, ret_answer->items, ret_answer->count, request->n);
}

void mr_recommend_release(mr_api_call *call, mr_recommend_answer *answer)
{
    const mr_backend *backend = call->api->options.backend;
    if (answer->has_view)
        backend->release(backend->context, &answer->view);
    answer->has_view = false;
}

#include "app/associations.h"

#include "core/id_table.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 1 << 12 };

/* Two items by their numbers, the smaller first; 0: free, since a pair's are different. */
typedef struct pair {
    uint64_t items;
    uint32_t baskets;
    uint32_t round; /* of letting go when it came: what it may have lost */
} pair;

typedef struct counting {
    mr_census *census;
    mr_id_table *items;
    uint32_t *with; /* baskets, by item */
    size_t capacity;
    uint64_t baskets;
    pair *slots;
    size_t slot_count;
    size_t pair_count;
    size_t pairs_max;
    uint32_t rounds;
} counting;

static size_t home(const counting *c, uint64_t items)
{
    return (size_t)((items * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (c->slot_count - 1);
}

static pair *find(const counting *c, uint64_t items)
{
    size_t at = home(c, items);
    while (c->slots[at].baskets != 0 && c->slots[at].items != items)
        at = (at + 1) & (c->slot_count - 1);
    return &c->slots[at];
}

/* Into a table of so many slots, but for pairs that may be let go. */
static mr_status rebuild(counting *c, size_t slot_count, bool lets_go)
{
    counting before = *c;
    c->slots = calloc(slot_count, sizeof(*c->slots));
    if (c->slots == NULL) {
        *c = before;
        return MR_ERR_NO_MEMORY;
    }
    c->slot_count = slot_count;
    c->pair_count = 0;
    for (size_t i = 0; i < before.slot_count; i++) {
        const pair *p = &before.slots[i];
        if (p->baskets == 0 || (lets_go && p->baskets + p->round <= c->rounds))
            continue;
        *find(c, p->items) = *p;
        c->pair_count++;
    }
    free(before.slots);
    return MR_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Let the rarest quarter go, or more where counts are equal: of each pair that goes it is known that it
 * was in no more baskets than `rounds` is then. */
static mr_status let_go(counting *c)
{
    uint64_t *most = malloc(c->pair_count * sizeof(*most));
    size_t count = 0;
    if (most == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < c->slot_count; i++) {
        if (c->slots[i].baskets > 0)
            most[count++] = (uint64_t)c->slots[i].baskets + c->slots[i].round;
    }
    qsort(most, count, sizeof(*most), compare_numbers);
    c->rounds = (uint32_t)most[count / 4];
    free(most);
    return rebuild(c, c->slot_count, true);
}

static mr_status count_pair(counting *c, uint32_t a, uint32_t b)
{
    const uint64_t items = a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
    pair *p = find(c, items);
    if (p->baskets > 0) {
        p->baskets++;
        return MR_OK;
    }
    if (c->pair_count >= c->pairs_max) {
        MR_TRY(let_go(c));
    } else if (2 * c->pair_count >= c->slot_count) {
        MR_TRY(rebuild(c, 2 * c->slot_count, false));
    }
    *find(c, items) = (pair){.items = items, .baskets = 1, .round = c->rounds};
    c->pair_count++;
    return MR_OK;
}

static mr_status number_of(counting *c, mr_text id, uint32_t *ret_number)
{
    MR_TRY(mr_id_table_put(c->items, id, ret_number));
    if (*ret_number < c->capacity)
        return MR_OK;
    const size_t capacity = c->capacity == 0 ? SLOTS_MIN : 2 * c->capacity;
    uint32_t *with = realloc(c->with, capacity * sizeof(*with));
    if (with == NULL)
        return MR_ERR_NO_MEMORY;
    memset(with + c->capacity, 0, (capacity - c->capacity) * sizeof(*with));
    c->with = with;
    c->capacity = capacity;
    return MR_OK;
}

static bool holds(const uint32_t *items, size_t count, uint32_t item)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i] == item)
            return true;
    }
    return false;
}

static mr_status count_basket(counting *c, const mr_shard *shard,
                              const mr_history_entry *entries, size_t count,
                              uint16_t session)
{
    uint32_t items[MR_SHARD_HISTORY_MAX];
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t item;
        if (entries[i].type != MR_EVENT_PURCHASE || entries[i].session != session)
            continue;
        MR_TRY(number_of(c, mr_shard_item_id(shard, entries[i].item), &item));
        if (!holds(items, different, item))
            items[different++] = item;
    }
    c->baskets++;
    for (size_t i = 0; i < different; i++) {
        c->with[items[i]]++;
        for (size_t j = i + 1; j < different; j++)
            MR_TRY(count_pair(c, items[i], items[j]));
    }
    return MR_OK;
}

static mr_status count_user(void *context, const mr_shard *shard, uint32_t row)
{
    counting *c = context;
    mr_history_entry entries[MR_SHARD_HISTORY_MAX];
    const size_t count = mr_shard_history(shard, row, entries, MR_SHARD_HISTORY_MAX);
    for (size_t i = 0; i < count; i++) {
        bool is_first = entries[i].type == MR_EVENT_PURCHASE;
        for (size_t j = 0; j < i && is_first; j++)
            is_first = entries[j].type != MR_EVENT_PURCHASE ||
                       entries[j].session != entries[i].session;
        if (is_first)
            MR_TRY(count_basket(c, shard, entries, count, entries[i].session));
    }
    return MR_OK;
}

static double lift_of(const counting *c, const pair *p)
{
    return (double)p->baskets * (double)c->baskets /
           ((double)c->with[p->items >> 32] * (double)c->with[(uint32_t)p->items]);
}

typedef struct ranked {
    const pair *pair;
    double lift;
    mr_text a;
    mr_text b;
} ranked;

static int compare(const void *x, const void *y)
{
    const ranked *a = x;
    const ranked *b = y;
    if (a->lift < b->lift || a->lift > b->lift)
        return a->lift > b->lift ? -1 : 1;
    if (a->pair->baskets != b->pair->baskets)
        return a->pair->baskets > b->pair->baskets ? -1 : 1;
    const int order = mr_text_compare(a->a, b->a);
    return order != 0 ? order : mr_text_compare(a->b, b->b);
}

/* Those that are asked for, the first by lift first. */
static mr_status rank(const counting *c, const mr_associations_query *query,
                      ranked **ret_pairs, size_t *ret_count)
{
    ranked *pairs = calloc(c->pair_count + 1, sizeof(*pairs));
    const uint32_t item =
        query->item.length > 0 ? mr_id_table_find(c->items, query->item) : MR_ID_NONE;
    size_t count = 0;
    if (pairs == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < c->slot_count; i++) {
        const pair *p = &c->slots[i];
        const uint32_t a = (uint32_t)(p->items >> 32);
        const uint32_t b = (uint32_t)p->items;
        if (p->baskets < query->least || p->baskets == 0 ||
            (query->item.length > 0 && a != item && b != item))
            continue;
        mr_text first = mr_id_table_id(c->items, a);
        mr_text second = mr_id_table_id(c->items, b);
        const bool is_turned =
            query->item.length > 0 ? b == item : mr_text_compare(first, second) > 0;
        pairs[count++] = (ranked){p, lift_of(c, p), is_turned ? second : first,
                                  is_turned ? first : second};
    }
    qsort(pairs, count, sizeof(*pairs), compare);
    *ret_pairs = pairs;
    *ret_count = count < query->limit ? count : query->limit;
    return MR_OK;
}

static void put_pair(const counting *c, const ranked *r, mr_json_writer *writer)
{
    const double both = r->pair->baskets;
    const uint32_t a = mr_id_table_find(c->items, r->a);
    const uint32_t b = mr_id_table_find(c->items, r->b);
    mr_json_begin_object(writer);
    mr_json_member_text(writer, "a", r->a);
    mr_json_member_text(writer, "b", r->b);
    mr_json_member_uint(writer, "baskets", r->pair->baskets);
    mr_json_key(writer, "support");
    mr_json_put_fixed(writer, both / (double)c->baskets, 6);
    mr_json_key(writer, "confidence_a_to_b");
    mr_json_put_fixed(writer, both / (double)c->with[a], 4);
    mr_json_key(writer, "confidence_b_to_a");
    mr_json_put_fixed(writer, both / (double)c->with[b], 4);
    mr_json_key(writer, "lift");
    mr_json_put_fixed(writer, r->lift, 3);
    mr_json_end_object(writer);
}

static mr_status put_answer(const counting *c, const mr_associations_query *query,
                            mr_json_writer *writer)
{
    ranked *pairs = NULL;
    size_t count = 0;
    MR_TRY(rank(c, query, &pairs, &count));
    mr_json_begin_object(writer);
    mr_census_put_scope(c->census, writer);
    mr_json_member_string(writer, "basket",
                          "what one user bought in one visit, as far as kept");
    mr_json_member_uint(writer, "baskets", c->baskets);
    mr_json_member_uint(writer, "pairs", c->pair_count);
    mr_json_member_uint(writer, "short_by_at_most", c->rounds);
    mr_json_key(writer, "associations");
    mr_json_begin_array(writer);
    for (size_t i = 0; i < count; i++)
        put_pair(c, &pairs[i], writer);
    mr_json_end_array(writer);
    mr_json_end_object(writer);
    free(pairs);
    return MR_OK;
}

mr_status mr_associations_write(mr_census *census, const mr_associations_query *query,
                                mr_json_writer *writer)
{
    counting c = {.census = census,
                  .pairs_max = query->pairs_max > 0 ? query->pairs_max
                                                    : (size_t)MR_ASSOCIATION_PAIRS_MAX};
    mr_hash_key key;
    mr_hash_key_init(&key, "associations", 12);
    mr_status status = mr_id_table_create(&key, &c.items);
    if (status == MR_OK)
        status = rebuild(&c, SLOTS_MIN, false);
    if (status == MR_OK)
        status = mr_census_walk(census, count_user, &c);
    if (status == MR_OK)
        status = put_answer(&c, query, writer);
    mr_id_table_destroy(c.items);
    free(c.with);
    free(c.slots);
    return status;
}

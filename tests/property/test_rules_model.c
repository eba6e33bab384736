/*
 * Random shops, users, rule sets and lists.  A model of the definitions, over texts and without any
 * table or order kept, makes each answer anew: the two must be the same item for item, three pages
 * long.  Beside it the promises are checked one by one on the answer itself.
 */
#include "serving/rules.h"

#include "core/event.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

enum {
    WORLDS = 2000,
    ITEMS = 60,
    IDS = 70, /* the last ten are in no catalogue */
    LISTS = 3,
    LIST_MAX = 50,
    N_MAX = 20,
    PAGES = 3,
    STANDING_MAX = N_MAX + 2 * MR_RULES_MAX,
};

static const char *const categories[] = {"lamps", "chairs", "desks", "red"};
static const char *const brands[] = {"x", "y", "red"};
static const char *const colors[] = {"red", "blue", "green"};
static const char *const sizes[] = {"S", "M"};

typedef struct world {
    mr_catalogue *shop;
    mr_catalogue_item items[ITEMS]; /* as they were put */
    mr_text item_categories[ITEMS][3];
    mr_attribute item_attributes[ITEMS][5];
    mr_placement placement;
    mr_text bought_ids[20];
    mr_purchase bought[20];
    mr_rule_set set;
    mr_pin pins[5];
    mr_boost boosts[4];
    mr_cap caps[3];
    mr_text exclude[30];
    mr_text context[5];
    mr_text include[40];
    mr_rules rules;
    mr_candidate lists[LISTS][LIST_MAX];
    size_t list_counts[LISTS];
    size_t n;
} world;

static uint64_t random_state = 20261121;
static char names[IDS][8];
static mr_hash_key key;
static mr_arena *arena;
static mr_signer *signer;
static world w;

static uint32_t below(uint32_t bound)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) % bound);
}

static bool one_in(uint32_t times)
{
    return below(times) == 0;
}

static mr_text any_id(void)
{
    return mr_text_from(names[below(IDS)]);
}

static mr_text one_of(const char *const *words, uint32_t count)
{
    return mr_text_from(words[below(count)]);
}

/* ---- A random world ---- */

static void make_item(size_t i)
{
    mr_catalogue_item item = {
        .id = mr_text_from(names[i]),
        .categories = w.item_categories[i],
        .attributes = w.item_attributes[i],
        .price_minor = one_in(5) ? MR_PRICE_UNKNOWN : (int64_t)below(1000),
        .stock = one_in(3) ? MR_STOCK_UNKNOWN : (int64_t)below(8),
        .created_ms = MR_CREATED_UNKNOWN,
        .hidden = one_in(12),
    };
    item.category_count = (uint8_t)below(3);
    const uint32_t first = below(4);
    for (uint32_t c = 0; c < item.category_count; c++)
        w.item_categories[i][c] = mr_text_from(categories[(first + c) % 4]);
    if (item.category_count > 0)
        item.category = w.item_categories[i][0];
    if (!one_in(4))
        item.brand = one_of(brands, 3);
    for (uint32_t c = 0; c < 3; c++)
        if (one_in(3))
            w.item_attributes[i][item.attribute_count++] =
                (mr_attribute){MR_TEXT("color"), mr_text_from(colors[c])};
    if (one_in(2))
        w.item_attributes[i][item.attribute_count++] =
            (mr_attribute){MR_TEXT("size"), one_of(sizes, 2)};
    w.items[i] = item;
}

static void make_shop(void)
{
    mr_catalogue_builder *builder;
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    for (size_t i = 0; i < ITEMS; i++)
        make_item(i);
    for (size_t i = ITEMS; i-- > 0;)
        assert_ok(mr_catalogue_builder_put(builder, &w.items[i]));
    assert_ok(mr_catalogue_build(builder, &w.shop));
    mr_catalogue_builder_destroy(builder);
}

static mr_item_filter make_filter(uint32_t rarity)
{
    mr_item_filter filter = {0};
    if (one_in(rarity))
        for (uint32_t i = 0; i < 30; i++)
            assert_ok(mr_item_filter_add_item(&filter, arena, any_id()));
    for (uint32_t i = one_in(rarity) ? 1 + below(3) : 0; i > 0; i--)
        assert_ok(mr_item_filter_add_category(&filter, arena, one_of(categories, 4)));
    for (uint32_t i = one_in(rarity) ? 1 + below(2) : 0; i > 0; i--)
        assert_ok(mr_item_filter_add_brand(&filter, arena, one_of(brands, 3)));
    for (uint32_t i = one_in(rarity) ? 1 + below(2) : 0; i > 0; i--)
        assert_ok(mr_item_filter_add_attribute(&filter, arena, MR_TEXT("color"),
                                               one_of(colors, 3)));
    if (one_in(2 * rarity))
        assert_ok(mr_item_filter_add_attribute(&filter, arena, MR_TEXT("size"),
                                               one_of(sizes, 2)));
    filter.has_price_min = one_in(2 * rarity);
    filter.price_min_minor = (int64_t)below(300);
    filter.has_price_max = one_in(2 * rarity);
    filter.price_max_minor = 600 + (int64_t)below(300);
    filter.min_stock = one_in(2 * rarity) ? (int64_t)(1 + below(3)) : 0;
    return filter;
}

static void make_set(void)
{
    static const float bys[] = {0.0F, 0.3F, 0.5F, 1.5F, 3.0F};
    w.set = (mr_rule_set){
        .filter = make_filter(8), .pins = w.pins, .boosts = w.boosts, .caps = w.caps};
    w.set.pin_count = one_in(2) ? below(6) : 0;
    for (size_t i = 0; i < w.set.pin_count; i++)
        w.pins[i] = (mr_pin){any_id(), 1 + below(N_MAX + 2)};
    w.set.boost_count = one_in(2) ? below(5) : 0;
    for (size_t i = 0; i < w.set.boost_count; i++)
        w.boosts[i] = (mr_boost){make_filter(3), bys[below(5)]};
    w.set.cap_count = one_in(2) ? below(4) : 0;
    for (size_t i = 0; i < w.set.cap_count; i++)
        w.caps[i] = (mr_cap){.by = (mr_cap_kind)below(3),
                             .attribute = one_in(2) ? MR_TEXT("color") : MR_TEXT("size"),
                             .most = 1 + below(4)};
    w.set.has_diversity = one_in(2);
    w.set.diversity = w.set.has_diversity ? (float)below(11) / 10.0F : 0.0F;
}

static void make_user(void)
{
    w.placement = (mr_placement){.name = "home",
                                 .n = 10,
                                 .purchased = (mr_purchased_rule)below(3),
                                 .hide_for_ms = 500000};
    for (size_t i = 0; i < 20; i++) {
        w.bought_ids[i] = any_id();
        w.bought[i] = (mr_purchase){mr_hash_item(&key, w.bought_ids[i]), below(1000)};
    }
}

/* Scores fall within a list, now and then by nothing; an id may come twice. */
static void make_lists(void)
{
    for (size_t l = 0; l < LISTS; l++) {
        float score = 5.0F;
        w.list_counts[l] = below(LIST_MAX + 1);
        for (size_t i = 0; i < w.list_counts[l]; i++) {
            score -= (float)below(4) / 16.0F;
            w.lists[l][i] = (mr_candidate){
                .item_id = any_id(), .score = score, .source = MR_SOURCE_BLEND};
        }
    }
}

static void make_world(void)
{
    make_shop();
    make_set();
    make_user();
    make_lists();
    w.n = 1 + below(N_MAX);
    w.rules = (mr_rules){
        .placement = &w.placement,
        .catalogue = w.shop,
        .purchases = w.bought,
        .purchase_count = one_in(4) ? 0 : below(21),
        .exclude = w.exclude,
        .exclude_count = one_in(2) ? below(31) : 0,
        .context = w.context,
        .context_count = below(6),
        .now_ms = 1000000,
        .include = w.include,
        .include_count = one_in(6) ? 1 + below(40) : 0,
        .set = &w.set,
        .key = &key,
    };
    for (size_t i = 0; i < 30; i++)
        w.exclude[i] = any_id();
    for (size_t i = 0; i < 5; i++)
        w.context[i] = any_id();
    for (size_t i = 0; i < 40; i++)
        w.include[i] = any_id();
}

/* ---- The definitions, over texts ---- */

static const mr_catalogue_item *model_item(mr_text id)
{
    for (size_t i = 0; i < ITEMS; i++) {
        if (mr_text_equal(w.items[i].id, id))
            return &w.items[i];
    }
    return NULL;
}

static bool is_among(const mr_text *texts, size_t count, mr_text text)
{
    for (size_t i = 0; i < count; i++) {
        if (mr_text_equal(texts[i], text))
            return true;
    }
    return false;
}

static bool has_pair(const mr_catalogue_item *item, mr_text name, mr_text value)
{
    for (size_t i = 0; i < item->attribute_count; i++) {
        if (mr_text_equal(item->attributes[i].name, name) &&
            mr_text_equal(item->attributes[i].value, value))
            return true;
    }
    return false;
}

static bool model_has_attributes(const mr_item_filter *f, const mr_catalogue_item *item)
{
    for (size_t a = 0; a < f->attribute_count; a++) {
        bool has_one = false;
        for (size_t v = 0; v < f->attributes[a].values.count; v++)
            has_one |=
                has_pair(item, f->attributes[a].name, f->attributes[a].values.texts[v]);
        if (!has_one)
            return false;
    }
    return true;
}

static bool model_matches(const mr_item_filter *f, mr_text id)
{
    const mr_catalogue_item *item = model_item(id);
    bool is_of_category = f->categories.count == 0;
    if (f->items.count > 0 && !is_among(f->items.texts, f->items.count, id))
        return false;
    if (item == NULL)
        return f->categories.count == 0 && f->brands.count == 0 &&
               f->attribute_count == 0 && !f->has_price_min && !f->has_price_max &&
               f->min_stock == 0;
    for (size_t c = 0; c < item->category_count; c++)
        is_of_category |=
            is_among(f->categories.texts, f->categories.count, item->categories[c]);
    const bool has_price = item->price_minor != MR_PRICE_UNKNOWN;
    return is_of_category &&
           (f->brands.count == 0 ||
            (item->brand.length > 0 &&
             is_among(f->brands.texts, f->brands.count, item->brand))) &&
           (!f->has_price_min ||
            (has_price && item->price_minor >= f->price_min_minor)) &&
           (!f->has_price_max ||
            (has_price && item->price_minor <= f->price_max_minor)) &&
           (f->min_stock == 0 ||
            (item->stock != MR_STOCK_UNKNOWN && item->stock >= f->min_stock)) &&
           model_has_attributes(f, item);
}

static bool model_is_bought(mr_text id)
{
    const mr_placement *placement = w.rules.placement;
    if (placement->purchased == MR_PURCHASED_SHOW)
        return false;
    for (size_t i = 0; i < w.rules.purchase_count; i++) {
        const int64_t age_ms = w.rules.now_ms - (int64_t)w.bought[i].time_s * 1000;
        if (mr_text_equal(w.bought_ids[i], id) &&
            (placement->purchased == MR_PURCHASED_HIDE ||
             age_ms < placement->hide_for_ms))
            return true;
    }
    return false;
}

static double model_boost(mr_text id)
{
    double by = 1.0;
    for (size_t i = 0; i < w.set.boost_count; i++)
        if (model_matches(&w.boosts[i].where, id))
            by *= (double)w.boosts[i].by;
    return by;
}

static bool model_may_show(mr_text id)
{
    const mr_catalogue_item *item = model_item(id);
    return (item == NULL || (!item->hidden && item->stock != 0)) &&
           !is_among(w.exclude, w.rules.exclude_count, id) &&
           !is_among(w.context, w.rules.context_count, id) &&
           (w.rules.include_count == 0 ||
            is_among(w.include, w.rules.include_count, id)) &&
           !model_is_bought(id) && model_matches(&w.set.filter, id) &&
           model_boost(id) > 0.0 &&
           (w.rules.shown == NULL || !mr_shown_items_contains(w.rules.shown, &key, id));
}

/* The items that stand there, or will. */
typedef struct standing {
    mr_text ids[STANDING_MAX];
    size_t count;
} standing;

static void stand(standing *s, mr_text id)
{
    assert_true(s->count < STANDING_MAX);
    s->ids[s->count++] = id;
}

/* The values of an item that a cap counts by. */
static size_t capped_values(const mr_cap *cap, mr_text id, mr_text ret_values[5])
{
    const mr_catalogue_item *item = model_item(id);
    size_t count = 0;
    if (item == NULL)
        return 0;
    if (cap->by == MR_CAP_CATEGORY && item->category_count > 0)
        ret_values[count++] = item->category;
    if (cap->by == MR_CAP_BRAND && item->brand.length > 0)
        ret_values[count++] = item->brand;
    for (size_t i = 0; cap->by == MR_CAP_ATTRIBUTE && i < item->attribute_count; i++)
        if (mr_text_equal(item->attributes[i].name, cap->attribute))
            ret_values[count++] = item->attributes[i].value;
    return count;
}

static size_t count_of_value(const mr_cap *cap, mr_text value, const standing *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        mr_text values[5];
        const size_t has = capped_values(cap, s->ids[i], values);
        count += is_among(values, has, value);
    }
    return count;
}

static bool model_keeps_caps(const standing *s, mr_text id)
{
    for (size_t c = 0; c < w.set.cap_count; c++) {
        mr_text values[5];
        const size_t count = capped_values(&w.caps[c], id, values);
        for (size_t i = 0; i < count; i++)
            if (count_of_value(&w.caps[c], values[i], s) + 1 > w.caps[c].most)
                return false;
    }
    return true;
}

/* In the order of the formula of diversity.h, so that the floats are the same to the bit. */
static float model_similarity(mr_text left, mr_text right)
{
    const mr_catalogue_item *a = model_item(left);
    const mr_catalogue_item *b = model_item(right);
    size_t shared = 0;
    if (a == NULL || b == NULL)
        return 0.0F;
    for (size_t i = 0; i < a->attribute_count; i++)
        shared += has_pair(b, a->attributes[i].name, a->attributes[i].value);
    const size_t either = (size_t)a->attribute_count + b->attribute_count - shared;
    float similarity = 0.25F * (either == 0 ? 0.0F : (float)shared / (float)either);
    if (a->category_count > 0 && b->category_count > 0 &&
        mr_text_equal(a->category, b->category))
        similarity += 0.5F;
    if (a->brand.length > 0 && mr_text_equal(a->brand, b->brand))
        similarity += 0.25F;
    return similarity;
}

/* ---- The model's answer ---- */

typedef struct model {
    mr_text ids[N_MAX]; /* without the pins */
    size_t count;
    mr_text pins[5];
    uint32_t positions[5];
    size_t pin_count;
} model;

static standing all_standing(const model *m)
{
    standing s = {.count = 0};
    for (size_t i = 0; i < m->count; i++)
        stand(&s, m->ids[i]);
    for (size_t i = 0; i < m->pin_count; i++)
        stand(&s, m->pins[i]);
    return s;
}

static void choose_pins(model *m)
{
    for (size_t i = 0; i < w.set.pin_count; i++) {
        const standing s = all_standing(m);
        const mr_text id = w.pins[i].item;
        if (w.pins[i].position > w.n || m->pin_count == w.n ||
            is_among(m->pins, m->pin_count, id) || model_item(id) == NULL ||
            !model_may_show(id) || !model_keeps_caps(&s, id))
            continue;
        m->pins[m->pin_count] = id;
        m->positions[m->pin_count++] = w.pins[i].position;
    }
}

typedef struct ranked {
    mr_text id;
    float relevance;
} ranked;

/* What of a list may be shown, with its relevance, in the order of the list. */
static size_t rank_list(const model *m, const mr_candidate *list, size_t count,
                        ranked *ret_list)
{
    const standing s = all_standing(m);
    double least = 0.0;
    double most = 0.0;
    size_t kept = 0;
    float scores[LIST_MAX];
    for (size_t i = 0; i < count; i++) {
        bool is_new = !is_among(s.ids, s.count, list[i].item_id);
        for (size_t k = 0; k < kept; k++)
            is_new &= !mr_text_equal(ret_list[k].id, list[i].item_id);
        if (!is_new || !model_may_show(list[i].item_id))
            continue;
        const double score = (double)list[i].score;
        least = kept == 0 || score < least ? score : least;
        most = kept == 0 || score > most ? score : most;
        scores[kept] = list[i].score;
        ret_list[kept++].id = list[i].item_id;
    }
    for (size_t i = 0; i < kept; i++) {
        const double part =
            most > least ? ((double)scores[i] - least) / (most - least) : 1.0;
        ret_list[i].relevance =
            (float)(model_boost(ret_list[i].id) * (0.01 + 0.99 * part));
    }
    return kept;
}

/* Insertion sort: stable. */
static void sort_ranked(ranked *list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const ranked one = list[i];
        size_t at = i;
        for (; at > 0 && list[at - 1].relevance < one.relevance; at--)
            list[at] = list[at - 1];
        list[at] = one;
    }
}

static float model_worth(const ranked *one, const standing *s)
{
    float nearest = 0.0F;
    for (size_t i = 0; i < s->count; i++)
        nearest = fmaxf(nearest, model_similarity(one->id, s->ids[i]));
    return (1.0F - w.set.diversity) * one->relevance - w.set.diversity * nearest;
}

static void remove_ranked(ranked *list, size_t *count, size_t at)
{
    memmove(list + at, list + at + 1, (*count - at - 1) * sizeof(*list));
    (*count)--;
}

/* The definition: each pick looks at every candidate and all that stands there. */
static void pick_by_definition(const model *m, ranked *list, size_t count, size_t n,
                               ranked *ret_list)
{
    standing s = all_standing(m);
    ranked refused[LIST_MAX];
    ranked left[LIST_MAX];
    size_t left_count = count;
    size_t picked = 0;
    size_t refused_count = 0;
    memcpy(left, list, count * sizeof(*list));
    while (picked < n && left_count > 0) {
        size_t best = 0;
        for (size_t i = 1; i < left_count; i++)
            if (model_worth(&left[i], &s) > model_worth(&left[best], &s))
                best = i;
        if (model_keeps_caps(&s, left[best].id)) {
            ret_list[picked++] = left[best];
            stand(&s, left[best].id);
        } else {
            refused[refused_count++] = left[best];
        }
        remove_ranked(left, &left_count, best);
    }
    /* All others by relevance: those refused are over a cap, wherever they stand. */
    memcpy(ret_list + picked, left, left_count * sizeof(*left));
    memcpy(ret_list + picked + left_count, refused, refused_count * sizeof(*refused));
}

static void take_list(model *m, const mr_candidate *list, size_t count)
{
    ranked by_list[LIST_MAX];
    ranked picked[LIST_MAX];
    ranked *order = by_list;
    const size_t places = w.n - m->pin_count;
    const size_t kept = rank_list(m, list, count, by_list);
    if (w.set.boost_count > 0 || w.set.diversity > 0.0F)
        sort_ranked(by_list, kept);
    if (w.set.diversity > 0.0F && m->count < places) {
        pick_by_definition(m, by_list, kept, places - m->count, picked);
        order = picked;
    }
    for (size_t i = 0; i < kept && m->count < places; i++) {
        const standing s = all_standing(m);
        if (!is_among(s.ids, s.count, order[i].id) && model_keeps_caps(&s, order[i].id))
            m->ids[m->count++] = order[i].id;
    }
}

/* Pins by position, each behind the one before, none past the end. */
static size_t place_pins(model *m, mr_text ret_ids[N_MAX])
{
    const size_t all = m->count + m->pin_count;
    bool is_pin[N_MAX + 1] = {false};
    for (size_t i = 1; i < m->pin_count; i++) { /* stable by position */
        for (size_t at = i; at > 0 && m->positions[at - 1] > m->positions[at]; at--) {
            const uint32_t position = m->positions[at];
            const mr_text id = m->pins[at];
            m->positions[at] = m->positions[at - 1];
            m->pins[at] = m->pins[at - 1];
            m->positions[at - 1] = position;
            m->pins[at - 1] = id;
        }
    }
    uint32_t least = 1;
    for (size_t i = 0; i < m->pin_count; i++) {
        const uint32_t wanted = m->positions[i] > least ? m->positions[i] : least;
        const uint32_t last = (uint32_t)(all - (m->pin_count - 1 - i));
        const uint32_t place = wanted < last ? wanted : last;
        ret_ids[place - 1] = m->pins[i];
        is_pin[place - 1] = true;
        least = wanted + 1;
    }
    size_t next = 0;
    for (size_t at = 0; at < all; at++)
        if (!is_pin[at])
            ret_ids[at] = m->ids[next++];
    return all;
}

/* ---- The answer itself ---- */

static size_t answer(mr_candidate items[N_MAX])
{
    mr_rules rules = w.rules;
    mr_candidate list[LIST_MAX];
    size_t count = 0;
    assert_ok(mr_rules_bind(&rules, w.n, arena));
    for (size_t l = 0; l < LISTS; l++) {
        size_t left = w.list_counts[l];
        memcpy(list, w.lists[l], sizeof(list));
        if (mr_rules_reorders(&rules)) {
            left = mr_rules_reorder(&rules, list, left, items, count, w.n);
            count = mr_rules_apply(&rules, list, left, items, count, w.n);
            continue;
        }
        for (size_t i = 0; i < left; i += 7) /* a few at a time, as requests do */
            count = mr_rules_apply(&rules, list + i, left - i < 7 ? left - i : 7, items,
                                   count, w.n);
    }
    assert_true(count <= mr_rules_places(&rules, w.n));
    return mr_rules_pin(&rules, items, count, w.n);
}

static void check_promises(const mr_candidate *items, size_t count)
{
    standing s = {.count = 0};
    assert_true(count <= w.n);
    for (size_t i = 0; i < count; i++) {
        const mr_text id = items[i].item_id;
        assert_true(model_may_show(id));
        assert_false(is_among(s.ids, s.count, id));
        assert_true(model_keeps_caps(&s, id));
        assert_ptr_equal(items[i].item, mr_catalogue_find(w.shop, id));
        stand(&s, id);
    }
}

static void check_page(const mr_candidate *items, size_t count)
{
    mr_candidate again[N_MAX];
    mr_text expected[N_MAX];
    model m = {.count = 0};
    check_promises(items, count);
    choose_pins(&m);
    for (size_t l = 0; l < LISTS; l++)
        take_list(&m, w.lists[l], w.list_counts[l]);
    assert_int_equal(count, place_pins(&m, expected));
    for (size_t i = 0; i < count; i++) {
        if (!mr_text_equal(items[i].item_id, expected[i]))
            fail_msg("place %zu: %.*s instead of %.*s", i + 1,
                     MR_TEXT_ARG(items[i].item_id), MR_TEXT_ARG(expected[i]));
        assert_int_equal(items[i].source == MR_SOURCE_PINNED,
                         is_among(m.pins, m.pin_count, items[i].item_id));
    }
    assert_int_equal(answer(again), count);
    for (size_t i = 0; i < count; i++)
        assert_true(mr_text_equal(again[i].item_id, items[i].item_id));
}

/* Each page by the token of the one before. */
static void check_pages(void)
{
    mr_shown_items shown = {0};
    standing before = {.count = 0};
    for (int page = 0; page < PAGES; page++) {
        char token[MR_SHOWN_ITEMS_TEXT_BYTES];
        mr_candidate items[N_MAX];
        mr_text ids[N_MAX];
        w.rules.shown = page > 0 ? &shown : NULL;
        const size_t count = answer(items);
        check_page(items, count);
        for (size_t i = 0; i < count; i++) {
            ids[i] = items[i].item_id;
            assert_false(is_among(before.ids, before.count, ids[i]));
        }
        before.count = 0; /* one page back is enough: the set only grows */
        for (size_t i = 0; i < count; i++)
            stand(&before, ids[i]);
        assert_ok(mr_shown_items_add_page(&shown, &key, ids, count));
        assert_ok(mr_shown_items_write(signer, &shown, token));
        assert_ok(mr_shown_items_read(signer, mr_text_from(token), &shown));
        assert_int_equal(shown.page, page + 1);
    }
}

static void test_answers_are_those_of_the_definitions(void **state)
{
    (void)state;
    for (int i = 0; i < IDS; i++)
        (void)snprintf(names[i], sizeof(names[i]), "i%d", i);
    mr_hash_key_init(&key, "secret", 6);
    arena = mr_arena_create(65536);
    assert_non_null(arena);
    assert_ok(mr_signer_create("secret", 6, &signer));
    for (int i = 0; i < WORLDS; i++) {
        mr_arena_reset(arena);
        memset(&w, 0, sizeof(w));
        make_world();
        check_pages();
        mr_catalogue_destroy(w.shop);
    }
    mr_signer_destroy(signer);
    mr_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_those_of_the_definitions),
    };
    return cmocka_run_group_tests_name("rules_model", tests, NULL, NULL);
}

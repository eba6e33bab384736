#include "serving/rules_json.h"

#include "core/event.h"
#include "serving/item_fields.h"

#include <stdio.h>
#include <string.h>

#define STOCK_MAX INT64_C(1000000000000000)

/* Where the reading is, for what is wrong there. */
typedef struct reader {
    mr_arena *arena;
    mr_field_error *error;
    char path[sizeof(((mr_field_error *)0)->field)];
    size_t length;
} reader;

typedef mr_status read_element(reader *r, mr_json_value *value, void *into);

#define REFUSE(r, ...)                                                                   \
    (mr_field_error_set((r)->error, (mr_text){(r)->path, (uint32_t)(r)->length},         \
                        __VA_ARGS__),                                                    \
     (mr_status)MR_ERR_INVALID)

/* ---- The path ---- */

static void append(reader *r, mr_text text)
{
    const size_t room = sizeof(r->path) - 1 - r->length;
    const size_t bytes = text.length < room ? text.length : room;
    if (bytes > 0)
        memcpy(r->path + r->length, text.bytes, bytes);
    r->length += bytes;
}

/* Go into a member or an element; returns what leave() needs. */
static size_t enter(reader *r, mr_text name)
{
    const size_t before = r->length;
    if (before > 0)
        append(r, MR_TEXT("."));
    append(r, name);
    return before;
}

static size_t enter_element(reader *r, size_t index)
{
    char text[24];
    const size_t before = r->length;
    const int length = snprintf(text, sizeof(text), "[%zu]", index);
    append(r, (mr_text){text, (uint32_t)length});
    return before;
}

static void leave(reader *r, size_t before)
{
    r->length = before;
}

/* A member that nobody knows. */
static mr_status refuse_member(reader *r, mr_text name, const char *known)
{
    (void)enter(r, name);
    return REFUSE(r, "is not known here: there are %s", known);
}

/* ---- Single values ---- */

static mr_status keep(reader *r, mr_text text, mr_text *ret_text)
{
    *ret_text = mr_arena_copy(r->arena, text);
    return ret_text->bytes == NULL ? MR_ERR_NO_MEMORY : MR_OK;
}

static mr_status keep_text(reader *r, mr_text text, size_t bytes_max, mr_text *ret_text)
{
    if (text.length == 0 || text.length > bytes_max || !mr_text_is_utf8(text))
        return REFUSE(r, "must be a string of 1 to %zu bytes", bytes_max);
    return keep(r, text, ret_text);
}

static mr_status read_text(reader *r, mr_json_value *value, size_t bytes_max,
                           mr_text *ret_text)
{
    return keep_text(r, mr_json_text(value, (mr_text){0}), bytes_max, ret_text);
}

static mr_status read_whole(reader *r, mr_json_value *value, int64_t least, int64_t most,
                            int64_t *ret_number)
{
    const int64_t number = mr_json_int(value, least - 1);
    if (number < least || number > most)
        return REFUSE(r, "must be a whole number from %lld to %lld", (long long)least,
                      (long long)most);
    *ret_number = number;
    return MR_OK;
}

static mr_status read_small(reader *r, mr_json_value *value, uint32_t *ret_number)
{
    int64_t number = 0;
    MR_TRY(read_whole(r, value, 1, MR_RULE_POSITION_MAX, &number));
    *ret_number = (uint32_t)number;
    return MR_OK;
}

static mr_status set_diversity(reader *r, double diversity, mr_rule_set *set)
{
    if (!(diversity >= 0.0 && diversity <= 1.0))
        return REFUSE(r, "must be a number from 0 to 1");
    set->diversity = (float)diversity;
    set->has_diversity = true;
    return MR_OK;
}

/* ---- Lists ---- */

/* One value, or an array of a few. */
static mr_status read_one_or_more(reader *r, mr_json_value *value, size_t most,
                                  read_element *read, void *into)
{
    if (!mr_json_is_array(value))
        return read(r, value, into);
    if (mr_json_count(value) == 0 || mr_json_count(value) > most)
        return REFUSE(r, "must have 1 to %zu entries", most);
    for (size_t i = 0; i < mr_json_count(value); i++) {
        const size_t before = enter_element(r, i);
        MR_TRY(read(r, mr_json_at(value, i), into));
        leave(r, before);
    }
    return MR_OK;
}

/* The same of a comma-separated text. */
static mr_status read_commas(reader *r, mr_text list,
                             mr_status (*read)(reader *r, mr_text text, void *into),
                             void *into)
{
    for (uint32_t start = 0; start <= list.length;) {
        const char *comma = start < list.length
                                ? memchr(list.bytes + start, ',', list.length - start)
                                : NULL;
        const uint32_t end = comma != NULL ? (uint32_t)(comma - list.bytes) : list.length;
        MR_TRY(read(r, (mr_text){list.bytes + start, end - start}, into));
        start = end + 1;
    }
    return MR_OK;
}

/* What an add to a filter came to. */
static mr_status added(reader *r, mr_status status, size_t most)
{
    if (status == MR_ERR_FULL)
        return REFUSE(r, "has more than %zu entries", most);
    return status;
}

/* ---- The filter ---- */

static mr_status take_category(reader *r, mr_text text, void *filter)
{
    mr_text kept;
    MR_TRY(keep_text(r, text, MR_CATALOGUE_FIELD_BYTES_MAX, &kept));
    return added(r, mr_item_filter_add_category(filter, r->arena, kept),
                 MR_FILTER_VALUES_MAX);
}

static mr_status take_brand(reader *r, mr_text text, void *filter)
{
    mr_text kept;
    MR_TRY(keep_text(r, text, MR_CATALOGUE_FIELD_BYTES_MAX, &kept));
    return added(r, mr_item_filter_add_brand(filter, r->arena, kept),
                 MR_FILTER_VALUES_MAX);
}

static mr_status read_category(reader *r, mr_json_value *value, void *filter)
{
    return take_category(r, mr_json_text(value, (mr_text){0}), filter);
}

static mr_status read_brand(reader *r, mr_json_value *value, void *filter)
{
    return take_brand(r, mr_json_text(value, (mr_text){0}), filter);
}

static mr_status read_item(reader *r, mr_json_value *value, void *filter)
{
    mr_text id;
    MR_TRY(read_text(r, value, MR_EVENT_ID_BYTES_MAX, &id));
    return added(r, mr_item_filter_add_item(filter, r->arena, id), MR_FILTER_ITEMS_MAX);
}

static mr_status check_price_range(reader *r, const mr_item_filter *filter)
{
    if (filter->has_price_min && filter->has_price_max &&
        filter->price_min_minor > filter->price_max_minor)
        return REFUSE(r, "leaves no price: the least is more than the most");
    return MR_OK;
}

static mr_status set_price(reader *r, mr_status status, int64_t minor, bool is_min,
                           mr_item_filter *filter)
{
    if (status == MR_ERR_CORRUPT)
        return REFUSE(r, "must be a price, as number or decimal text, not negative");
    MR_TRY(status);
    if (is_min) {
        filter->price_min_minor = minor;
        filter->has_price_min = true;
    } else {
        filter->price_max_minor = minor;
        filter->has_price_max = true;
    }
    return check_price_range(r, filter);
}

static mr_status read_price_end(reader *r, mr_json_value *value, bool is_min,
                                mr_item_filter *filter)
{
    int64_t minor = 0;
    const mr_status status = mr_price_from_json(value, &minor);
    return set_price(r, status, minor, is_min, filter);
}

static mr_status read_price(reader *r, mr_json_value *value, mr_item_filter *filter)
{
    size_t cursor = 0;
    mr_text name;
    mr_json_value *end;
    if (!mr_json_is_object(value) || mr_json_count(value) == 0)
        return REFUSE(r, "must be an object with min, max or both");
    while (mr_json_next(value, &cursor, &name, &end)) {
        const bool is_min = mr_text_is(name, "min");
        if (!is_min && !mr_text_is(name, "max"))
            return refuse_member(r, name, "min and max");
        const size_t before = enter(r, name);
        MR_TRY(read_price_end(r, end, is_min, filter));
        leave(r, before);
    }
    return MR_OK;
}

static void need_stock(mr_item_filter *filter, int64_t stock)
{
    if (filter->min_stock < stock)
        filter->min_stock = stock;
}

static mr_status read_in_stock(reader *r, mr_json_value *value, mr_item_filter *filter)
{
    if (!mr_json_is_bool(value))
        return REFUSE(r, "must be true or false");
    if (mr_json_bool(value, false))
        need_stock(filter, 1);
    return MR_OK;
}

static mr_status read_min_stock(reader *r, mr_json_value *value, mr_item_filter *filter)
{
    int64_t stock = 0;
    MR_TRY(read_whole(r, value, 1, STOCK_MAX, &stock));
    need_stock(filter, stock);
    return MR_OK;
}

/* The values of one attribute. */
typedef struct named_values {
    mr_item_filter *filter;
    mr_text name;
} named_values;

static mr_status add_attribute(reader *r, const named_values *values, mr_text value)
{
    return added(
        r, mr_item_filter_add_attribute(values->filter, r->arena, values->name, value),
        MR_FILTER_VALUES_MAX);
}

static mr_status read_attribute_value(reader *r, mr_json_value *value, void *into)
{
    mr_text text;
    const mr_status status = mr_attribute_value_from_json(value, r->arena, &text);
    if (status == MR_ERR_CORRUPT)
        return REFUSE(r, "must be a string of 1 to %d bytes, a number, true or false",
                      MR_ATTRIBUTE_VALUE_BYTES_MAX);
    MR_TRY(status);
    return add_attribute(r, into, text);
}

static mr_status keep_name(reader *r, mr_text name, mr_text *ret_name)
{
    if (!mr_attribute_name_is_valid(name))
        return REFUSE(r, "must have a name of 1 to %d bytes",
                      MR_ATTRIBUTE_NAME_BYTES_MAX);
    return keep(r, name, ret_name);
}

static mr_status read_attributes(reader *r, mr_json_value *value, mr_item_filter *filter)
{
    size_t cursor = 0;
    named_values values = {.filter = filter};
    mr_text name;
    mr_json_value *member;
    if (!mr_json_is_object(value) || mr_json_count(value) == 0 ||
        mr_json_count(value) > MR_FILTER_ATTRIBUTES_MAX)
        return REFUSE(r, "must be an object of 1 to %d names", MR_FILTER_ATTRIBUTES_MAX);
    while (mr_json_next(value, &cursor, &name, &member)) {
        const size_t before = enter(r, name);
        MR_TRY(keep_name(r, name, &values.name));
        MR_TRY(read_one_or_more(r, member, MR_FILTER_VALUES_MAX, read_attribute_value,
                                &values));
        leave(r, before);
    }
    return MR_OK;
}

/* MR_ERR_NOT_FOUND when it is none of a filter's members; the path is the member's. */
static mr_status read_filter_member(reader *r, mr_text name, mr_json_value *value,
                                    mr_item_filter *filter)
{
    if (mr_text_is(name, "category"))
        return read_one_or_more(r, value, MR_FILTER_VALUES_MAX, read_category, filter);
    if (mr_text_is(name, "brand"))
        return read_one_or_more(r, value, MR_FILTER_VALUES_MAX, read_brand, filter);
    if (mr_text_is(name, "price"))
        return read_price(r, value, filter);
    if (mr_text_is(name, "price_min") || mr_text_is(name, "price_max"))
        return read_price_end(r, value, mr_text_is(name, "price_min"), filter);
    if (mr_text_is(name, "in_stock"))
        return read_in_stock(r, value, filter);
    if (mr_text_is(name, "min_stock"))
        return read_min_stock(r, value, filter);
    if (mr_text_is(name, "attributes"))
        return read_attributes(r, value, filter);
    return MR_ERR_NOT_FOUND;
}

/* A filter as an object of its own: a `where`, or a placement's. */
static mr_status read_filter(reader *r, mr_json_value *value, mr_item_filter *filter)
{
    static const char known[] =
        "items, category, brand, price, in_stock, min_stock, attributes";
    size_t cursor = 0;
    mr_text name;
    mr_json_value *member;
    if (!mr_json_is_object(value))
        return REFUSE(r, "must be an object of %s", known);
    while (mr_json_next(value, &cursor, &name, &member)) {
        const size_t before = enter(r, name);
        const mr_status status =
            mr_text_is(name, "items")
                ? read_one_or_more(r, member, MR_FILTER_ITEMS_MAX, read_item, filter)
                : read_filter_member(r, name, member, filter);
        if (status == MR_ERR_NOT_FOUND)
            return REFUSE(r, "is not known here: there are %s", known);
        MR_TRY(status);
        leave(r, before);
    }
    return MR_OK;
}

/* ---- Rules ---- */

/* The members of one rule: two, both of which must be there. */
static mr_status read_pair(reader *r, mr_json_value *value, const char *first,
                           const char *second)
{
    size_t cursor = 0;
    mr_text name;
    mr_json_value *member;
    if (!mr_json_is_object(value) || mr_json_get(value, first) == NULL ||
        mr_json_get(value, second) == NULL)
        return REFUSE(r, "must be an object with %s and %s", first, second);
    while (mr_json_next(value, &cursor, &name, &member)) {
        if (!mr_text_is(name, first) && !mr_text_is(name, second)) {
            (void)enter(r, name);
            return REFUSE(r, "is not known here: there are %s and %s", first, second);
        }
    }
    return MR_OK;
}

static mr_status read_pin(reader *r, mr_json_value *value, mr_pin *pin)
{
    MR_TRY(read_pair(r, value, "item", "position"));
    size_t before = enter(r, MR_TEXT("item"));
    MR_TRY(read_text(r, mr_json_get(value, "item"), MR_EVENT_ID_BYTES_MAX, &pin->item));
    leave(r, before);
    before = enter(r, MR_TEXT("position"));
    MR_TRY(read_small(r, mr_json_get(value, "position"), &pin->position));
    leave(r, before);
    return MR_OK;
}

static mr_status read_by(reader *r, mr_json_value *value, bool is_boost, float *ret_by)
{
    const double by = mr_json_double(value, -1.0);
    if (is_boost && !(by > 1.0 && by <= MR_RULE_BOOST_MAX))
        return REFUSE(r, "must be a number above 1 and up to %d", MR_RULE_BOOST_MAX);
    if (!is_boost && !(by >= 0.0 && by < 1.0))
        return REFUSE(r, "must be a number from 0 to below 1");
    *ret_by = (float)by;
    return MR_OK;
}

static mr_status read_boost(reader *r, mr_json_value *value, bool is_boost,
                            mr_boost *ret_boost)
{
    mr_boost boost = {.by = 1.0F};
    MR_TRY(read_pair(r, value, "where", "by"));
    size_t before = enter(r, MR_TEXT("where"));
    MR_TRY(read_filter(r, mr_json_get(value, "where"), &boost.where));
    if (mr_item_filter_is_empty(&boost.where))
        return REFUSE(r, "must say which items are meant");
    leave(r, before);
    before = enter(r, MR_TEXT("by"));
    MR_TRY(read_by(r, mr_json_get(value, "by"), is_boost, &boost.by));
    leave(r, before);
    *ret_boost = boost;
    return MR_OK;
}

static mr_status read_cap_by(reader *r, mr_json_value *value, mr_cap *cap)
{
    static const char attribute[] = "attribute:";
    const uint32_t prefix = sizeof(attribute) - 1;
    const mr_text by = mr_json_text(value, (mr_text){0});
    if (mr_text_is(by, "category")) {
        cap->by = MR_CAP_CATEGORY;
        return MR_OK;
    }
    if (mr_text_is(by, "brand")) {
        cap->by = MR_CAP_BRAND;
        return MR_OK;
    }
    const mr_text name = by.length > prefix
                             ? (mr_text){by.bytes + prefix, by.length - prefix}
                             : (mr_text){0};
    if (name.length == 0 || memcmp(by.bytes, attribute, prefix) != 0 ||
        !mr_attribute_name_is_valid(name))
        return REFUSE(r, "must be category, brand, or attribute: and its name");
    cap->by = MR_CAP_ATTRIBUTE;
    return keep(r, name, &cap->attribute);
}

static mr_status read_cap(reader *r, mr_json_value *value, mr_cap *ret_cap)
{
    mr_cap cap = {0};
    MR_TRY(read_pair(r, value, "by", "most"));
    size_t before = enter(r, MR_TEXT("by"));
    MR_TRY(read_cap_by(r, mr_json_get(value, "by"), &cap));
    leave(r, before);
    before = enter(r, MR_TEXT("most"));
    MR_TRY(read_small(r, mr_json_get(value, "most"), &cap.most));
    leave(r, before);
    *ret_cap = cap;
    return MR_OK;
}

/* The rules on their way in. */
typedef struct rule_lists {
    mr_pin pins[MR_RULES_MAX];
    mr_boost boosts[2 * MR_RULES_MAX];
    mr_cap caps[MR_RULES_MAX];
    size_t pin_count;
    size_t boost_count;
    size_t cap_count;
} rule_lists;

static mr_status read_rule(reader *r, mr_text kind, mr_json_value *value,
                           rule_lists *lists)
{
    if (mr_text_is(kind, "pin"))
        return read_pin(r, value, &lists->pins[lists->pin_count++]);
    if (mr_text_is(kind, "cap"))
        return read_cap(r, value, &lists->caps[lists->cap_count++]);
    return read_boost(r, value, mr_text_is(kind, "boost"),
                      &lists->boosts[lists->boost_count++]);
}

/* `seen` keeps a kind that stands there twice from being read twice. */
static mr_status read_rules_of(reader *r, mr_text kind, mr_json_value *value,
                               unsigned *seen, rule_lists *lists)
{
    static const char *const kinds[] = {"pin", "boost", "bury", "cap"};
    unsigned bit = 0;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (mr_text_is(kind, kinds[i]))
            bit = 1U << i;
    }
    if (bit == 0)
        return REFUSE(r, "is not known here: there are pin, boost, bury and cap");
    if ((*seen & bit) != 0)
        return REFUSE(r, "is there twice");
    *seen |= bit;
    if (!mr_json_is_array(value) || mr_json_count(value) > MR_RULES_MAX)
        return REFUSE(r, "must be an array of at most %d rules", MR_RULES_MAX);
    for (size_t i = 0; i < mr_json_count(value); i++) {
        const size_t before = enter_element(r, i);
        MR_TRY(read_rule(r, kind, mr_json_at(value, i), lists));
        leave(r, before);
    }
    return MR_OK;
}

static void *copy_array(mr_arena *arena, const void *from, size_t bytes)
{
    void *copy = mr_arena_allocate(arena, bytes);
    if (copy != NULL)
        memcpy(copy, from, bytes);
    return copy;
}

static mr_status read_rules(reader *r, mr_json_value *value, mr_rule_set *set)
{
    rule_lists lists = {0};
    unsigned seen = 0;
    size_t cursor = 0;
    mr_text kind;
    mr_json_value *rules;
    if (!mr_json_is_object(value))
        return REFUSE(r, "must be an object of pin, boost, bury and cap");
    while (mr_json_next(value, &cursor, &kind, &rules)) {
        const size_t before = enter(r, kind);
        MR_TRY(read_rules_of(r, kind, rules, &seen, &lists));
        leave(r, before);
    }
    set->pins = copy_array(r->arena, lists.pins, lists.pin_count * sizeof(lists.pins[0]));
    set->boosts =
        copy_array(r->arena, lists.boosts, lists.boost_count * sizeof(lists.boosts[0]));
    set->caps = copy_array(r->arena, lists.caps, lists.cap_count * sizeof(lists.caps[0]));
    if (set->pins == NULL || set->boosts == NULL || set->caps == NULL)
        return MR_ERR_NO_MEMORY;
    set->pin_count = lists.pin_count;
    set->boost_count = lists.boost_count;
    set->cap_count = lists.cap_count;
    return MR_OK;
}

/* ---- Fields ---- */

static mr_status take_field(reader *r, mr_text name, void *fields)
{
    return mr_item_fields_add(fields, name) == MR_OK
               ? MR_OK
               : REFUSE(r, "must be of %s", mr_item_fields_names);
}

static mr_status read_field(reader *r, mr_json_value *value, void *fields)
{
    return take_field(r, mr_json_text(value, (mr_text){0}), fields);
}

static mr_status read_fields(reader *r, mr_json_value *value, uint32_t *fields)
{
    *fields = 0;
    return mr_json_is_array(value)
               ? read_one_or_more(r, value, MR_FILTER_VALUES_MAX, read_field, fields)
               : read_commas(r, mr_json_text(value, (mr_text){0}), take_field, fields);
}

/* ---- Requests ---- */

static mr_status read_rule_member(reader *r, mr_text name, mr_json_value *value,
                                  mr_rule_set *set, uint32_t *fields)
{
    if (mr_text_is(name, "rules"))
        return read_rules(r, value, set);
    if (mr_text_is(name, "diversity"))
        return set_diversity(r, mr_json_double(value, -1.0), set);
    if (mr_text_is(name, "fields"))
        return read_fields(r, value, fields);
    return MR_ERR_NOT_FOUND;
}

mr_status mr_rules_json_read(mr_text name, mr_json_value *value, mr_arena *arena,
                             mr_rule_set *set, uint32_t *fields,
                             mr_field_error *ret_error)
{
    reader r = {.arena = arena, .error = ret_error};
    (void)enter(&r, name);
    const mr_status status = read_rule_member(&r, name, value, set, fields);
    return status == MR_ERR_NOT_FOUND ? read_filter_member(&r, name, value, &set->filter)
                                      : status;
}

/* ---- Queries ---- */

static mr_status query_flag(reader *r, mr_text value, mr_item_filter *filter)
{
    const bool yes = mr_text_is(value, "true") || mr_text_is(value, "1");
    if (!yes && !mr_text_is(value, "false") && !mr_text_is(value, "0"))
        return REFUSE(r, "must be true or false");
    if (yes)
        need_stock(filter, 1);
    return MR_OK;
}

static mr_status query_stock(reader *r, mr_text value, mr_item_filter *filter)
{
    int64_t stock = 0;
    if (mr_text_to_int64(value, &stock) != MR_OK || stock < 1 || stock > STOCK_MAX)
        return REFUSE(r, "must be a whole number from 1 to %lld", (long long)STOCK_MAX);
    need_stock(filter, stock);
    return MR_OK;
}

static mr_status query_price(reader *r, mr_text value, bool is_min,
                             mr_item_filter *filter)
{
    int64_t minor = 0;
    mr_status status = mr_text_to_minor(value, 1, MR_MINOR_DIGITS, &minor);
    if (minor < 0)
        status = MR_ERR_CORRUPT;
    return set_price(r, status, minor, is_min, filter);
}

static mr_status query_attribute(reader *r, mr_text name, mr_text value,
                                 mr_item_filter *filter)
{
    named_values values = {.filter = filter};
    mr_text text;
    MR_TRY(keep_name(r, name, &values.name));
    MR_TRY(keep_text(r, value, MR_ATTRIBUTE_VALUE_BYTES_MAX, &text));
    return add_attribute(r, &values, text);
}

static mr_status query_diversity(reader *r, mr_text value, mr_rule_set *set)
{
    double diversity = -1.0;
    if (mr_text_to_double(value, &diversity) != MR_OK)
        diversity = -1.0;
    return set_diversity(r, diversity, set);
}

mr_status mr_rules_query_read(mr_text name, mr_text value, mr_arena *arena,
                              mr_rule_set *set, uint32_t *fields,
                              mr_field_error *ret_error)
{
    static const char attribute[] = "attr.";
    const uint32_t prefix = sizeof(attribute) - 1;
    reader r = {.arena = arena, .error = ret_error};
    (void)enter(&r, name);
    if (mr_text_is(name, "category"))
        return read_commas(&r, value, take_category, &set->filter);
    if (mr_text_is(name, "brand"))
        return read_commas(&r, value, take_brand, &set->filter);
    if (mr_text_is(name, "price_min") || mr_text_is(name, "price_max"))
        return query_price(&r, value, mr_text_is(name, "price_min"), &set->filter);
    if (mr_text_is(name, "in_stock"))
        return query_flag(&r, value, &set->filter);
    if (mr_text_is(name, "min_stock"))
        return query_stock(&r, value, &set->filter);
    if (mr_text_is(name, "diversity"))
        return query_diversity(&r, value, set);
    if (mr_text_is(name, "fields"))
        return read_commas(&r, value, take_field, fields);
    if (name.length >= prefix && memcmp(name.bytes, attribute, prefix) == 0)
        return query_attribute(&r, (mr_text){name.bytes + prefix, name.length - prefix},
                               value, &set->filter);
    return MR_ERR_NOT_FOUND;
}

/* ---- Placements ---- */

static mr_status read_purchased(reader *r, mr_json_value *value, mr_placement *placement)
{
    mr_error error;
    const mr_text text = mr_json_text(value, (mr_text){0});
    return mr_placement_parse_purchased(text, placement, &error) == MR_OK
               ? MR_OK
               : REFUSE(r, "%s", error.message);
}

static mr_status read_setting(reader *r, mr_text name, mr_json_value *value,
                              mr_placement *placement)
{
    if (mr_text_is(name, "n"))
        return read_small(r, value, &placement->n);
    if (mr_text_is(name, "purchased"))
        return read_purchased(r, value, placement);
    if (mr_text_is(name, "filter"))
        return read_filter(r, value, &placement->rules.filter);
    return read_rule_member(r, name, value, &placement->rules, &placement->fields);
}

mr_status mr_placement_json_read(mr_json_value *value, mr_arena *arena,
                                 mr_placement *placement, mr_field_error *ret_error)
{
    reader r = {.arena = arena, .error = ret_error};
    size_t cursor = 0;
    mr_text name;
    mr_json_value *member;
    if (value == NULL)
        return MR_OK;
    if (!mr_json_is_object(value))
        return REFUSE(&r, "must be an object");
    while (mr_json_next(value, &cursor, &name, &member)) {
        const size_t before = enter(&r, name);
        const mr_status status = read_setting(&r, name, member, placement);
        if (status == MR_ERR_NOT_FOUND)
            return REFUSE(&r, "is not known here: a placement has n, purchased, filter, "
                              "rules, diversity and fields");
        MR_TRY(status);
        leave(&r, before);
    }
    return MR_OK;
}

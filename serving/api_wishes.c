#include "serving/api_wishes.h"

#include "serving/item_fields.h"

/* The tables of what rules_json.c reads. */

static const mr_field price_fields[] = {
    {.name = "min", .kind = MR_FIELD_DECIMAL, .about = "in major units"},
    {.name = "max", .kind = MR_FIELD_DECIMAL, .about = "in major units"},
};
const mr_schema mr_api_price_schema = {MR_SCHEMA("price_range", price_fields),
                                       .is_empty_refused = true};

/* ---- What rules look like, for the document ---- */

static const mr_field where_fields[] = {
    {.name = "items",
     .kind = MR_FIELD_IDS,
     .most = MR_FILTER_ITEMS_MAX,
     .about = "one of these items"},
    {.name = "category",
     .kind = MR_FIELD_TEXTS,
     .least = 1,
     .most = MR_FILTER_VALUES_MAX,
     .about = "of one of these categories"},
    {.name = "brand",
     .kind = MR_FIELD_TEXTS,
     .least = 1,
     .most = MR_FILTER_VALUES_MAX,
     .about = "of one of these brands"},
    {.name = "price",
     .kind = MR_FIELD_OBJECT,
     .schema = &mr_api_price_schema,
     .about = "of a price between these, both included"},
    {.name = "min_stock",
     .kind = MR_FIELD_INTEGER,
     .least = 1,
     .most = MR_API_STOCK_MAX,
     .about = "of which at least so many are known to be in stock"},
    {.name = "attributes",
     .kind = MR_FIELD_ATTRIBUTES,
     .about = "with one of the values under each of the names"},
};
static const mr_schema where_schema = {MR_SCHEMA("where", where_fields),
                                       .is_empty_refused = true,
                                       .about = "the items that a rule is about"};

static const mr_field pin_fields[] = {
    {.name = "item", .kind = MR_FIELD_ID, .flags = MR_REQUIRED},
    {.name = "position",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_REQUIRED,
     .least = 1,
     .most = MR_RULE_POSITION_MAX},
};
static const mr_schema pin_schema = {MR_SCHEMA("pin", pin_fields)};

static const mr_field boost_fields[] = {
    {.name = "where",
     .kind = MR_FIELD_OBJECT,
     .flags = MR_REQUIRED,
     .schema = &where_schema},
    {.name = "by",
     .kind = MR_FIELD_NUMBER,
     .flags = MR_REQUIRED | MR_ABOVE_LEAST,
     .least = 1,
     .most = MR_RULE_BOOST_MAX,
     .about = "how many times as good"},
};
static const mr_schema boost_schema = {MR_SCHEMA("boost", boost_fields)};

static const mr_field bury_fields[] = {
    {.name = "where",
     .kind = MR_FIELD_OBJECT,
     .flags = MR_REQUIRED,
     .schema = &where_schema},
    {.name = "by",
     .kind = MR_FIELD_NUMBER,
     .flags = MR_REQUIRED | MR_BELOW_MOST,
     .most = 1,
     .about = "how many times as good; 0: never shown"},
};
static const mr_schema bury_schema = {MR_SCHEMA("bury", bury_fields)};

static const mr_field cap_fields[] = {
    {.name = "by",
     .kind = MR_FIELD_TEXT,
     .flags = MR_REQUIRED,
     .least = 1,
     .most = 256,
     .about = "category, brand or attribute:NAME",
     .pattern = "^(category|brand|attribute:.+)$",
     .example = "\"category\""},
    {.name = "most",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_REQUIRED,
     .least = 1,
     .most = MR_RULE_POSITION_MAX,
     .about = "items of one value in a page"},
};
static const mr_schema cap_schema = {MR_SCHEMA("cap", cap_fields)};

static const mr_field rules_fields[] = {
    {.name = "pin",
     .kind = MR_FIELD_OBJECTS,
     .most = MR_RULES_MAX,
     .schema = &pin_schema,
     .about = "items at fixed positions"},
    {.name = "boost",
     .kind = MR_FIELD_OBJECTS,
     .most = MR_RULES_MAX,
     .schema = &boost_schema,
     .about = "items to come earlier"},
    {.name = "bury",
     .kind = MR_FIELD_OBJECTS,
     .most = MR_RULES_MAX,
     .schema = &bury_schema,
     .about = "items to come later, or never"},
    {.name = "cap",
     .kind = MR_FIELD_OBJECTS,
     .most = MR_RULES_MAX,
     .schema = &cap_schema,
     .about = "at most so many of one kind"},
};
const mr_schema mr_api_rules_schema = {MR_SCHEMA("rules", rules_fields)};

const char *const mr_api_field_words[] = {"title",      "category", "brand", "price",
                                          "currency",   "image",    "url",   "stock",
                                          "attributes", "none",     NULL};

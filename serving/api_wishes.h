/*
 * API wishes: the members by which a call says which items it wants, and in which order.
 *
 * They are the same wherever items are listed, and rules_json.h reads them all; here are their
 * rows, for any struct with an mr_rule_wishes in it.
 *
 * Units      Prices in major units, as they are sent.
 * Ownership  Static.
 * Threads    Any.
 * Cost       None.
 */
#ifndef MR_SERVING_API_WISHES_H
#define MR_SERVING_API_WISHES_H

#include "serving/api_schema.h"

#define MR_API_STOCK_MAX INT64_C(1000000000000000)

extern const mr_schema mr_api_price_schema;
extern const mr_schema mr_api_rules_schema;
extern const char *const mr_api_field_words[]; /* of `fields` */

#define MR_API_WISH(type, in)                                                            \
    .flags = (in) | MR_BY_RULES, .offset = offsetof(type, wishes)
#define MR_API_WISH_BOTH(type) MR_API_WISH(type, MR_IN_QUERY | MR_IN_BODY)

/* The filter, and what is shown, for a request of `type` with a member `wishes`. */
#define MR_API_FILTER_FIELDS(type)                                                       \
    {.name = "category",                                                                 \
     .kind = MR_FIELD_TEXTS,                                                             \
     MR_API_WISH_BOTH(type),                                                             \
     .least = 1,                                                                         \
     .most = MR_FILTER_VALUES_MAX,                                                       \
     .about = "only items of one of these categories",                                   \
     .example = "[\"lamps\"]"},                                                          \
        {.name = "brand",                                                                \
         .kind = MR_FIELD_TEXTS,                                                         \
         MR_API_WISH_BOTH(type),                                                         \
         .least = 1,                                                                     \
         .most = MR_FILTER_VALUES_MAX,                                                   \
         .about = "only items of one of these brands"},                                  \
        {.name = "price_min",                                                            \
         .kind = MR_FIELD_DECIMAL,                                                       \
         MR_API_WISH_BOTH(type),                                                         \
         .about = "only items that cost this or more, in major units"},                  \
        {.name = "price_max",                                                            \
         .kind = MR_FIELD_DECIMAL,                                                       \
         MR_API_WISH_BOTH(type),                                                         \
         .about = "only items that cost this or less, in major units"},                  \
        {.name = "price",                                                                \
         .kind = MR_FIELD_OBJECT,                                                        \
         MR_API_WISH(type, MR_IN_BODY),                                                  \
         .schema = &mr_api_price_schema,                                                 \
         .about = "price_min and price_max in one member"},                              \
        {.name = "in_stock",                                                             \
         .kind = MR_FIELD_FLAG,                                                          \
         MR_API_WISH_BOTH(type),                                                         \
         .about = "true: only items whose stock is known and not 0"},                    \
        {.name = "min_stock",                                                            \
         .kind = MR_FIELD_INTEGER,                                                       \
         MR_API_WISH_BOTH(type),                                                         \
         .least = 1,                                                                     \
         .most = MR_API_STOCK_MAX,                                                       \
         .about = "only items of which at least so many are known to be in stock"},      \
        {.name = "attributes",                                                           \
         .kind = MR_FIELD_ATTRIBUTES,                                                    \
         MR_API_WISH_BOTH(type),                                                         \
         .least = 1,                                                                     \
         .about = "only items that have, under each of these names, one of its values",  \
         .example = "{\"color\":[\"red\",\"blue\"]}"},                                   \
    {                                                                                    \
        .name = "fields", .kind = MR_FIELD_WORDS, MR_API_WISH_BOTH(type), .least = 1,    \
        .most = MR_FILTER_VALUES_MAX, .words = mr_api_field_words,                       \
        .about = "what is shown of an item beside its id; none: nothing.  Absent: "      \
                 "title, category, brand, price, currency, image and url",               \
        .example = "[\"title\",\"price\"]"                                               \
    }

/* The order, likewise. */
#define MR_API_ORDER_FIELDS(type)                                                        \
    {.name = "rules",                                                                    \
     .kind = MR_FIELD_OBJECT,                                                            \
     MR_API_WISH(type, MR_IN_BODY),                                                      \
     .schema = &mr_api_rules_schema,                                                     \
     .about = "pins, boosts, buries and caps, on top of the placement's",                \
     .example = "{\"boost\":[{\"where\":{\"brand\":\"Acme\"},\"by\":1.5}]}"},            \
    {                                                                                    \
        .name = "diversity", .kind = MR_FIELD_NUMBER, MR_API_WISH_BOTH(type), .most = 1, \
        .about = "0: by relevance alone, 1: as different as can be"                      \
    }

#endif

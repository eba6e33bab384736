/*
 * Item fields: which members of the catalogue an answer shows beside an item's id.
 *
 * Units      A set is a bit a field.
 * Ownership  Plain values.
 * Threads    Any.
 * Cost       None.
 */
#ifndef MR_SERVING_ITEM_FIELDS_H
#define MR_SERVING_ITEM_FIELDS_H

#include "core/status.h"
#include "core/text.h"

#include <stdint.h>

typedef enum mr_item_field {
    MR_FIELD_OF_TITLE = 1U << 0,
    MR_FIELD_OF_CATEGORY = 1U << 1,
    MR_FIELD_OF_BRAND = 1U << 2,
    MR_FIELD_OF_PRICE = 1U << 3,
    MR_FIELD_OF_CURRENCY = 1U << 4,
    MR_FIELD_OF_IMAGE = 1U << 5,
    MR_FIELD_OF_URL = 1U << 6,
    MR_FIELD_OF_STOCK = 1U << 7,
    MR_FIELD_OF_ATTRIBUTES = 1U << 8,
    MR_FIELDS_NONE =
        1U << 9, /* said, and none: tells "none" from nothing said, which is 0 */
} mr_item_field;

/* What is shown when nobody says anything. */
#define MR_FIELDS_DEFAULT                                                                \
    ((uint32_t)(MR_FIELD_OF_TITLE | MR_FIELD_OF_CATEGORY | MR_FIELD_OF_BRAND |           \
                MR_FIELD_OF_PRICE | MR_FIELD_OF_CURRENCY | MR_FIELD_OF_IMAGE |           \
                MR_FIELD_OF_URL))

/* Add the field of that name, or "none".  MR_ERR_INVALID when there is none of that name, or
 * "none" is not alone. */
MR_MUST_USE mr_status mr_item_fields_add(uint32_t *fields, mr_text name);

/* The names, for a message: "title, category, …". */
extern const char mr_item_fields_names[];

#endif

#include "serving/item_fields.h"

static const struct {
    const char *name;
    uint32_t field;
} known[] = {
    {"title", MR_FIELD_OF_TITLE},
    {"category", MR_FIELD_OF_CATEGORY},
    {"brand", MR_FIELD_OF_BRAND},
    {"price", MR_FIELD_OF_PRICE},
    {"currency", MR_FIELD_OF_CURRENCY},
    {"image", MR_FIELD_OF_IMAGE},
    {"url", MR_FIELD_OF_URL},
    {"stock", MR_FIELD_OF_STOCK},
    {"attributes", MR_FIELD_OF_ATTRIBUTES},
};

const char mr_item_fields_names[] = "title, category, brand, price, currency, image, "
                                    "url, stock, attributes, or none alone";

mr_status mr_item_fields_add(uint32_t *fields, mr_text name)
{
    if (*fields == MR_FIELDS_NONE)
        return MR_ERR_INVALID;
    if (mr_text_is(name, "none")) {
        if (*fields != 0)
            return MR_ERR_INVALID;
        *fields = MR_FIELDS_NONE;
        return MR_OK;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (mr_text_is(name, known[i].name)) {
            *fields |= known[i].field;
            return MR_OK;
        }
    }
    return MR_ERR_INVALID;
}

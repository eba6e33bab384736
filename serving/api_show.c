#include "serving/api_show.h"

#include "core/event.h"

#include <stdio.h>

void mr_api_show_text(mr_json_writer *writer, const char *name, mr_text text)
{
    if (text.length == 0)
        return;
    mr_json_key(writer, name);
    mr_json_put_text(writer, text);
}

void mr_api_show_string(mr_json_writer *writer, const char *name, const char *value)
{
    if (value == NULL)
        return;
    mr_json_key(writer, name);
    mr_json_put_string(writer, value);
}

void mr_api_show_number(mr_json_writer *writer, const char *name, int64_t value)
{
    mr_json_key(writer, name);
    mr_json_put_int(writer, value);
}

void mr_api_show_flag(mr_json_writer *writer, const char *name, bool value)
{
    mr_json_key(writer, name);
    mr_json_put_bool(writer, value);
}

/* The values of the name that stands at `first`, which lie together; returns the place behind. */
static size_t put_values(mr_json_writer *writer, const mr_catalogue_item *item,
                         size_t first)
{
    const mr_attribute *attributes = item->attributes;
    size_t end = first + 1;
    while (end < item->attribute_count &&
           mr_text_equal(attributes[end].name, attributes[first].name))
        end++;
    mr_json_key_text(writer, attributes[first].name);
    if (end == first + 1) {
        mr_json_put_text(writer, attributes[first].value);
        return end;
    }
    mr_json_begin_array(writer);
    for (size_t i = first; i < end; i++)
        mr_json_put_text(writer, attributes[i].value);
    mr_json_end_array(writer);
    return end;
}

void mr_api_show_attributes(mr_json_writer *writer, const mr_catalogue_item *item)
{
    if (item->attribute_count == 0)
        return;
    mr_json_key(writer, "attributes");
    mr_json_begin_object(writer);
    for (size_t i = 0; i < item->attribute_count;)
        i = put_values(writer, item, i);
    mr_json_end_object(writer);
}

void mr_api_show_item(mr_json_writer *writer, mr_text id, const mr_catalogue_item *item,
                      uint32_t fields)
{
    mr_api_show_text(writer, "id", id);
    if (item == NULL)
        return;
    if ((fields & MR_FIELD_OF_TITLE) != 0)
        mr_api_show_text(writer, "title", item->title);
    if ((fields & MR_FIELD_OF_CATEGORY) != 0)
        mr_api_show_text(writer, "category", item->category);
    if ((fields & MR_FIELD_OF_BRAND) != 0)
        mr_api_show_text(writer, "brand", item->brand);
    if ((fields & MR_FIELD_OF_PRICE) != 0 && item->price_minor != MR_PRICE_UNKNOWN) {
        mr_json_key(writer, "price");
        mr_json_put_money(writer, item->price_minor, MR_MINOR_DIGITS);
    }
    if ((fields & MR_FIELD_OF_CURRENCY) != 0)
        mr_api_show_text(writer, "currency", item->currency);
    if ((fields & MR_FIELD_OF_IMAGE) != 0)
        mr_api_show_text(writer, "image", item->image);
    if ((fields & MR_FIELD_OF_URL) != 0)
        mr_api_show_text(writer, "url", item->url);
    if ((fields & MR_FIELD_OF_STOCK) != 0 && item->stock != MR_STOCK_UNKNOWN)
        mr_api_show_number(writer, "stock", item->stock);
    if ((fields & MR_FIELD_OF_ATTRIBUTES) != 0)
        mr_api_show_attributes(writer, item);
}

void mr_api_show_score(mr_json_writer *writer, float score, uint8_t source)
{
    mr_json_key(writer, "score");
    mr_json_put_fixed(writer, (double)score, 6);
    mr_json_key(writer, "source");
    mr_json_put_string(writer, mr_source_name(source));
}

static void put_reason_text(mr_json_writer *writer, const mr_candidate *item,
                            const mr_catalogue *catalogue)
{
    static const char *const phrases[MR_SOURCE_KINDS] = {
        [MR_SOURCE_ITEM_ITEM] = "bought with ", [MR_SOURCE_IALS] = "because of ",
        [MR_SOURCE_BLEND] = "because of ",      [MR_SOURCE_SESSION] = "goes with ",
        [MR_SOURCE_CONTENT] = "similar to ",    [MR_SOURCE_REPEAT] = "bought before: ",
    };
    static const char *const alone[MR_SOURCE_KINDS] = {
        [MR_SOURCE_POPULAR] = "popular",
        [MR_SOURCE_TRENDING] = "trending",
        [MR_SOURCE_REPEAT] = "bought before",
        [MR_SOURCE_PINNED] = "chosen by the shop",
    };
    const char *phrase = phrases[item->source];
    if (item->because.length == 0 || phrase == NULL) {
        mr_json_put_string(writer,
                           alone[item->source] != NULL ? alone[item->source] : "for you");
        return;
    }
    const mr_catalogue_item *because = mr_catalogue_find(catalogue, item->because);
    const mr_text title =
        because != NULL && because->title.length > 0 ? because->title : item->because;
    char text[256];
    const int length = snprintf(text, sizeof(text), "%s%.*s", phrase, MR_TEXT_ARG(title));
    /* A title cut inside a character would not be UTF-8: the writer mends it. */
    mr_json_put_text(writer,
                     (mr_text){text, length < (int)sizeof(text) ? (uint32_t)length
                                                                : sizeof(text) - 1});
}

void mr_api_show_reason(mr_json_writer *writer, const mr_candidate *item,
                        const mr_catalogue *catalogue)
{
    mr_json_key(writer, "reason");
    mr_json_begin_object(writer);
    mr_json_key(writer, "because");
    mr_json_begin_array(writer);
    if (item->because.length > 0)
        mr_json_put_text(writer, item->because);
    mr_json_end_array(writer);
    mr_json_key(writer, "text");
    put_reason_text(writer, item, catalogue);
    mr_json_end_object(writer);
}

#include "app/generator_record.h"

#include "core/json.h"
#include "models/random.h"

#include <stdio.h>
#include <string.h>

enum {
    CATEGORIES = 97,
    BRANDS = 41,
    STYLE_KINDS = 32,
    TIME_UTC = 0,
    TIME_ZONE,
    TIME_TEXT,
    TIME_ABSENT,
    CLOCK_SKEW_MS = 86400000, /* of a sender whose clock is wrong */
    FILLER_KEY_BYTES = 32,    /* what stands round the filler      */
};

/* Which of the 32 ways of writing is taken, for each question its own bits of `variety`. */
typedef enum question {
    HOW_TIME = 0,
    HOW_NUMBERS = 5,
    HOW_VALUE = 10,
    HOW_NEW = 15
} question;

static uint32_t way(const mr_shop_event *event, question about)
{
    return (uint32_t)(event->variety >> about) % STYLE_KINDS;
}

bool mr_record_is_untimed(const mr_shop_event *event)
{
    return way(event, HOW_TIME) == TIME_ABSENT;
}

mr_text mr_record_event_id(const mr_record_style *style, uint64_t number,
                           char ret_id[MR_RECORD_EVENT_ID_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = mr_random_bits(style->seed, number); /* a bijection of the number */
    ret_id[0] = 'e';
    for (int i = 1; i <= 16; i++, bits <<= 4)
        ret_id[i] = digits[bits >> 60];
    return (mr_text){ret_id, 17};
}

static void put(mr_buffer *buffer, const char *text)
{
    mr_buffer_put(buffer, text, strlen(text));
}

/* ,"key":"value", escaped. */
static void put_text(mr_buffer *buffer, const char *key, mr_text value)
{
    put(buffer, key);
    mr_json_writer writer = mr_json_writer_of(buffer);
    mr_json_put_text(&writer, value);
}

static void put_numbered(mr_buffer *buffer, const char *key, uint64_t number)
{
    put(buffer, key);
    mr_buffer_put_decimal(buffer, (int64_t)number);
    mr_buffer_put_u8(buffer, '"');
}

/* A number as it is, or as text. */
static void put_number(mr_buffer *buffer, const mr_shop_event *event, const char *key,
                       int64_t number)
{
    const bool is_text = way(event, HOW_NUMBERS) == 0;
    put(buffer, key);
    if (is_text)
        mr_buffer_put_u8(buffer, '"');
    mr_buffer_put_decimal(buffer, number);
    if (is_text)
        mr_buffer_put_u8(buffer, '"');
}

static void put_money(mr_buffer *buffer, const mr_shop_event *event, const char *key,
                      int64_t minor)
{
    const bool is_text = way(event, HOW_NUMBERS) < 2;
    put(buffer, key);
    if (is_text)
        mr_buffer_put_u8(buffer, '"');
    mr_json_writer writer = mr_json_writer_of(buffer);
    mr_json_put_money(&writer, minor, MR_MINOR_DIGITS);
    if (is_text)
        mr_buffer_put_u8(buffer, '"');
}

static void put_stamp(mr_buffer *buffer, int64_t time_ms, int64_t zone_minutes)
{
    char text[MR_TIME_TEXT_BYTES];
    mr_time_to_text(time_ms + zone_minutes * 60000, text);
    mr_buffer_put_u8(buffer, '"');
    if (zone_minutes == 0) {
        put(buffer, text);
    } else {
        mr_buffer_put(buffer, text, strlen(text) - 1); /* without the Z */
        put(buffer, zone_minutes < 0 ? "-03:30" : "+05:30");
    }
    mr_buffer_put_u8(buffer, '"');
}

enum { ZONE_EAST_MINUTES = 330, ZONE_WEST_MINUTES = -210 };

/* Years of four digits alone can be written as text. */
static bool fits_text(int64_t time_ms)
{
    return time_ms < INT64_C(250000000000000);
}

static void put_time(mr_buffer *buffer, const mr_shop_event *event, const char *key)
{
    const uint32_t how = way(event, HOW_TIME);
    put(buffer, key);
    if (how <= TIME_ZONE && fits_text(event->time_ms)) {
        const int64_t zone =
            (event->variety >> 41 & 1) != 0 ? ZONE_EAST_MINUTES : ZONE_WEST_MINUTES;
        put_stamp(buffer, event->time_ms, how == TIME_ZONE ? zone : 0);
        return;
    }
    if (how == TIME_TEXT)
        mr_buffer_put_u8(buffer, '"');
    mr_buffer_put_decimal(buffer, event->time_ms);
    if (how == TIME_TEXT)
        mr_buffer_put_u8(buffer, '"');
}

/* Text of no meaning that zstd finds about as hard as the rest. */
static void put_filler(const mr_record_style *style, const mr_shop_event *event,
                       const char *key, size_t start, mr_buffer *buffer)
{
    const size_t length = buffer->length - start + FILLER_KEY_BYTES;
    if (length >= style->about_bytes)
        return;
    size_t left = style->about_bytes - length;
    put(buffer, key);
    uint64_t bits = 0;
    char *text = mr_buffer_extend(buffer, left);
    for (size_t i = 0; text != NULL && i < left; i++, bits >>= 4) {
        if (i % 16 == 0)
            bits = mr_random_bits(event->variety, i);
        text[i] = "etaoin shrdlu/-_"[bits & 15];
    }
    mr_buffer_put_u8(buffer, '"');
}

static int64_t value_of(const mr_shop_event *event)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < event->line_count; i++)
        sum += (int64_t)event->lines[i].quantity * event->lines[i].price_minor;
    return sum;
}

static bool has_prices(const mr_shop_event *event)
{
    return event->type == MR_EVENT_PURCHASE || event->type == MR_EVENT_REFUND ||
           event->type == MR_EVENT_CART_ADD || event->is_adjustment;
}

/* The order says what it costs, its lines do not. */
static bool is_priced_whole(const mr_shop_event *event)
{
    return event->line_count > 1 && way(event, HOW_VALUE) == 0;
}

/* -- native -------------------------------------------------------------------------------- */

static void put_native_line(const mr_shop_event *event, const mr_shop_line *line,
                            mr_buffer *buffer)
{
    put_numbered(buffer, "\"item_id\":\"i", line->item);
    if (way(event, HOW_VALUE) % 2 == 0)
        put_numbered(buffer, ",\"category\":\"c", line->item % CATEGORIES);
    if (way(event, HOW_VALUE) % 4 == 0)
        put_numbered(buffer, ",\"brand\":\"b", line->item % BRANDS);
    if (line->quantity != 1 || event->is_adjustment)
        put_number(buffer, event, ",\"quantity\":",
                   event->is_adjustment ? -(int64_t)line->quantity : line->quantity);
    if (has_prices(event) && !is_priced_whole(event))
        put_money(buffer, event, ",\"price\":", line->price_minor);
}

static void put_native_lines(const mr_shop_event *event, mr_buffer *buffer)
{
    if (event->line_count == 0)
        return;
    mr_buffer_put_u8(buffer, ',');
    if (event->line_count == 1) {
        put_native_line(event, &event->lines[0], buffer);
        return;
    }
    if (is_priced_whole(event)) {
        put_money(buffer, event, "\"value\":", value_of(event));
        mr_buffer_put_u8(buffer, ',');
    }
    put(buffer, way(event, HOW_VALUE) % 2 == 0 ? "\"items\":[" : "\"lines\":[");
    for (uint32_t i = 0; i < event->line_count; i++) {
        put(buffer, i > 0 ? ",{" : "{");
        put_native_line(event, &event->lines[i], buffer);
        mr_buffer_put_u8(buffer, '}');
    }
    mr_buffer_put_u8(buffer, ']');
}

static void put_native_attributes(const mr_shop_event *event, mr_buffer *buffer)
{
    static const char *const devices[] = {"phone", "desktop", "tablet", "tv"};
    const uint32_t how = way(event, HOW_NEW);
    if (event->order > 0)
        put_numbered(buffer, ",\"order_id\":\"o", event->order);
    if (event->type == MR_EVENT_SEARCH)
        put_numbered(buffer, ",\"query\":\"a thing like ", event->variety % CATEGORIES);
    if (event->rating > 0)
        put_number(buffer, event, ",\"rating\":", event->rating);
    if (event->type == MR_EVENT_CUSTOM)
        put(buffer, event->is_adjustment ? ",\"name\":\"adjustment\""
                                         : ",\"name\":\"newsletter\"");
    put_text(buffer, ",\"device\":", mr_text_from(devices[event->variety >> 50 & 3]));
    if (how == 0)
        put(buffer, ",\"schema\":{\"version\":[2,{\"since\":null}]},\"is_new\":true");
    else if (how == 1)
        put(buffer, ",\"campaign\":\"spring \\u2665\",\"channel\":null,\"geo\":\"DE\"");
    else if (event->type == MR_EVENT_PURCHASE)
        put(buffer, ",\"currency\":\"EUR\"");
}

static void write_native(const mr_record_style *style, const mr_shop_event *event,
                         mr_text user_id, mr_text anonymous_id, mr_buffer *buffer)
{
    char id[MR_RECORD_EVENT_ID_BYTES];
    const size_t start = buffer->length;
    put_text(buffer, "{\"type\":", mr_text_from(mr_event_type_name(event->type)));
    if (!mr_record_is_untimed(event))
        put_time(buffer, event, ",\"time\":");
    put_text(buffer, ",\"event_id\":", mr_record_event_id(style, event->number, id));
    if (user_id.length > 0)
        put_text(buffer, ",\"user_id\":", user_id);
    if (anonymous_id.length > 0)
        put_text(buffer, ",\"anonymous_id\":", anonymous_id);
    put_numbered(buffer, ",\"session_id\":\"s", event->session);
    put_native_attributes(event, buffer);
    put_native_lines(event, buffer);
    put_filler(style, event, ",\"page\":\"https://shop.example/", start, buffer);
    mr_buffer_put_u8(buffer, '}');
}

/* -- segment ------------------------------------------------------------------------------- */

/* The call and its event; NULL: it has none in this dialect and is sent under its own name. */
static const char *segment_name(mr_event_type type)
{
    switch (type) {
    case MR_EVENT_VIEW: return "Product Viewed";
    case MR_EVENT_CLICK: return "Product Clicked";
    case MR_EVENT_SEARCH: return "Products Searched";
    case MR_EVENT_LIST_VIEW: return "Product List Viewed";
    case MR_EVENT_CART_ADD: return "Product Added";
    case MR_EVENT_CART_REMOVE: return "Product Removed";
    case MR_EVENT_WISHLIST: return "Product Added to Wishlist";
    case MR_EVENT_CHECKOUT: return "Checkout Started";
    case MR_EVENT_PURCHASE: return "Order Completed";
    case MR_EVENT_REFUND: return "Order Refunded";
    case MR_EVENT_RATE:
    case MR_EVENT_REVIEW: return "Product Reviewed";
    case MR_EVENT_SHARE: return "Product Shared";
    default: return NULL;
    }
}

static void put_segment_product(const mr_shop_event *event, const mr_shop_line *line,
                                mr_buffer *buffer)
{
    static const char *const keys[] = {"\"product_id\":\"i", "\"sku\":\"i", "\"id\":\"i"};
    put_numbered(buffer, keys[way(event, HOW_VALUE) % 3], line->item);
    put_numbered(buffer, ",\"category\":\"c", line->item % CATEGORIES);
    if (line->quantity != 1)
        put_number(buffer, event, ",\"quantity\":", line->quantity);
    if (has_prices(event) && !is_priced_whole(event))
        put_money(buffer, event, ",\"price\":", line->price_minor);
}

static void put_segment_properties(const mr_shop_event *event, mr_buffer *buffer)
{
    put(buffer, ",\"properties\":{");
    put_numbered(buffer, "\"session_id\":\"s", event->session);
    if (event->order > 0)
        put_numbered(buffer, ",\"order_id\":\"o", event->order);
    if (event->type == MR_EVENT_SEARCH)
        put_numbered(buffer, ",\"query\":\"a thing like ", event->variety % CATEGORIES);
    if (event->rating > 0)
        put_number(buffer, event, ",\"rating\":", event->rating);
    if (is_priced_whole(event))
        put_money(buffer, event,
                  way(event, HOW_NEW) % 2 == 0 ? ",\"revenue\":" : ",\"total\":",
                  value_of(event));
    if (event->line_count == 1) {
        mr_buffer_put_u8(buffer, ',');
        put_segment_product(event, &event->lines[0], buffer);
    }
    for (uint32_t i = 0; event->line_count > 1 && i < event->line_count; i++) {
        put(buffer, i == 0 ? ",\"products\":[{" : ",{");
        put_segment_product(event, &event->lines[i], buffer);
        put(buffer, i + 1 < event->line_count ? "}" : "}]");
    }
    mr_buffer_put_u8(buffer, '}');
}

/* The sender's clock is a day off: what counts is how long before sending it happened. */
static void put_skewed_times(const mr_shop_event *event, mr_buffer *buffer)
{
    put(buffer, ",\"originalTimestamp\":");
    put_stamp(buffer, event->time_ms + CLOCK_SKEW_MS, 0);
    put(buffer, ",\"sentAt\":");
    put_stamp(buffer, event->now_ms + CLOCK_SKEW_MS, 0);
    put(buffer, ",\"receivedAt\":");
    put_stamp(buffer, event->now_ms, 0);
}

static void put_segment_time(const mr_shop_event *event, mr_buffer *buffer)
{
    if (mr_record_is_untimed(event))
        return;
    if (way(event, HOW_NEW) == 0 && fits_text(event->time_ms))
        put_skewed_times(event, buffer);
    else
        put_time(buffer, event, ",\"timestamp\":");
}

static void put_segment_call(const mr_shop_event *event, mr_text anonymous_id,
                             mr_buffer *buffer)
{
    const char *name = segment_name(event->type);
    if (event->type == MR_EVENT_IDENTIFY || event->type == MR_EVENT_LOGIN) {
        const bool is_alias = event->person != MR_SHOP_NOBODY &&
                              anonymous_id.length > 0 && way(event, HOW_VALUE) % 2 == 0;
        put(buffer, is_alias ? "{\"type\":\"alias\"" : "{\"type\":\"identify\"");
        if (anonymous_id.length > 0)
            put_text(buffer,
                     is_alias ? ",\"previousId\":" : ",\"anonymousId\":", anonymous_id);
        return;
    }
    put(buffer, "{\"type\":\"track\",\"event\":\"");
    put(buffer, name != NULL ? name : "Newsletter Opened");
    mr_buffer_put_u8(buffer, '"');
    if (anonymous_id.length > 0)
        put_text(buffer, ",\"anonymousId\":", anonymous_id);
}

static void write_segment(const mr_record_style *style, const mr_shop_event *event,
                          mr_text user_id, mr_text anonymous_id, mr_buffer *buffer)
{
    char id[MR_RECORD_EVENT_ID_BYTES];
    const size_t start = buffer->length;
    put_segment_call(event, anonymous_id, buffer);
    if (user_id.length > 0)
        put_text(buffer, ",\"userId\":", user_id);
    put_text(buffer, ",\"messageId\":", mr_record_event_id(style, event->number, id));
    put_segment_time(event, buffer);
    put_segment_properties(event, buffer);
    put(buffer, ",\"context\":{\"device\":{\"type\":\"ios\"},\"locale\":\"de\"");
    put_filler(style, event, ",\"userAgent\":\"", start, buffer);
    put(buffer, "}}");
}

void mr_record_write(const mr_record_style *style, const mr_shop_event *event,
                     mr_text user_id, mr_text anonymous_id, mr_buffer *buffer)
{
    if (style->dialect == MR_DIALECT_SEGMENT)
        write_segment(style, event, user_id, anonymous_id, buffer);
    else
        write_native(style, event, user_id, anonymous_id, buffer);
}

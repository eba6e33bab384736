#include "ingest/decode_csv.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 8 };

typedef struct csv_fields {
    mr_text field[COLUMNS_MAX + 1]; /* one more, to notice a line that is too long */
    size_t count;
} csv_fields;

struct mr_csv_profile {
    const char *name;
    const char *separators; /* ",": RFC 4180; " ": runs of blanks; else any one of them */
    bool has_header;        /* always; else a first line of data is taken as such       */
    size_t column_count;
    const char *columns[COLUMNS_MAX];
    mr_poison (*decode)(const csv_fields *fields, mr_decode_output *output);
    mr_status (*catalogue)(const csv_fields *fields, mr_csv_item *ret_item);
};

static mr_text cut(mr_text text, uint32_t from, uint32_t to)
{
    return (mr_text){.bytes = text.bytes + from, .length = to - from};
}

static mr_text without_line_end(mr_text line)
{
    if (line.length > 0 && line.bytes[line.length - 1] == '\n')
        line.length--;
    if (line.length > 0 && line.bytes[line.length - 1] == '\r')
        line.length--;
    return line;
}

/* The quoted field that begins at *at; leaves *at behind its closing quote.  Only a field with
 * a doubled quote is copied. */
static mr_status take_quoted(mr_text line, uint32_t *at, mr_arena *arena,
                             mr_text *ret_field)
{
    const uint32_t start = *at + 1;
    uint32_t end = start;
    uint32_t doubled = 0;
    for (; end < line.length; end++) {
        if (line.bytes[end] != '"')
            continue;
        if (end + 1 == line.length || line.bytes[end + 1] != '"')
            break;
        doubled++;
        end++;
    }
    if (end == line.length)
        return MR_ERR_CORRUPT; /* no closing quote */
    *at = end + 1;
    *ret_field = cut(line, start, end);
    if (doubled == 0)
        return MR_OK;
    char *copy = mr_arena_allocate(arena, end - start);
    if (copy == NULL)
        return MR_ERR_NO_MEMORY;
    uint32_t length = 0;
    for (uint32_t i = start; i < end; i++) {
        copy[length++] = line.bytes[i];
        if (line.bytes[i] == '"')
            i++; /* its twin */
    }
    *ret_field = (mr_text){.bytes = copy, .length = length};
    return MR_OK;
}

/* RFC 4180: fields between commas, quoted ones with doubled quotes inside. */
static mr_status split_commas(mr_text line, mr_arena *arena, csv_fields *ret_fields)
{
    uint32_t at = 0;
    for (;;) {
        if (ret_fields->count > COLUMNS_MAX)
            return MR_ERR_CORRUPT;
        mr_text *field = &ret_fields->field[ret_fields->count++];
        if (at < line.length && line.bytes[at] == '"') {
            MR_TRY(take_quoted(line, &at, arena, field));
        } else {
            const uint32_t start = at;
            while (at < line.length && line.bytes[at] != ',') {
                if (line.bytes[at] == '"')
                    return MR_ERR_CORRUPT; /* a quote inside a bare field */
                at++;
            }
            *field = cut(line, start, at);
        }
        if (at == line.length)
            return MR_OK;
        if (line.bytes[at] != ',')
            return MR_ERR_CORRUPT;
        at++;
    }
}

static mr_status split_blanks(mr_text line, csv_fields *ret_fields)
{
    for (uint32_t at = 0; at < line.length;) {
        while (at < line.length && (line.bytes[at] == ' ' || line.bytes[at] == '\t'))
            at++;
        const uint32_t start = at;
        while (at < line.length && line.bytes[at] != ' ' && line.bytes[at] != '\t')
            at++;
        if (at == start)
            break;
        if (ret_fields->count > COLUMNS_MAX)
            return MR_ERR_CORRUPT;
        ret_fields->field[ret_fields->count++] = cut(line, start, at);
    }
    return MR_OK;
}

static mr_status split_at(mr_text line, mr_text separator, csv_fields *ret_fields)
{
    for (;;) {
        if (ret_fields->count > COLUMNS_MAX)
            return MR_ERR_CORRUPT;
        const char *next = line.length > 0 ? memmem(line.bytes, line.length,
                                                    separator.bytes, separator.length)
                                           : NULL;
        const uint32_t end = next != NULL ? (uint32_t)(next - line.bytes) : line.length;
        ret_fields->field[ret_fields->count++] = cut(line, 0, end);
        if (next == NULL)
            return MR_OK;
        line = cut(line, end + separator.length, line.length);
    }
}

static bool contains(mr_text text, const char *part)
{
    return text.length > 0 && memmem(text.bytes, text.length, part, strlen(part)) != NULL;
}

static mr_status split(const mr_csv_profile *profile, mr_text line, mr_arena *arena,
                       csv_fields *ret_fields)
{
    ret_fields->count = 0;
    if (strcmp(profile->separators, " ") == 0)
        return split_blanks(line, ret_fields);
    if (strchr(profile->separators, '\t') != NULL && contains(line, "\t"))
        return split_at(line, MR_TEXT("\t"), ret_fields);
    if (strchr(profile->separators, ':') != NULL && contains(line, "::"))
        return split_at(line, MR_TEXT("::"), ret_fields);
    return split_commas(line, arena, ret_fields);
}

/* `prefix` and `text`, in the arena. */
static mr_text join(mr_decode_output *output, const char *prefix, mr_text text,
                    const char *suffix)
{
    const uint32_t before = (uint32_t)strlen(prefix);
    const uint32_t after = (uint32_t)strlen(suffix);
    char *bytes = mr_arena_allocate(output->arena, (size_t)before + text.length + after);
    if (bytes == NULL) {
        output->status = MR_ERR_NO_MEMORY;
        return (mr_text){0};
    }
    memcpy(bytes, prefix, before);
    if (text.length > 0)
        memcpy(bytes + before, text.bytes, text.length);
    memcpy(bytes + before + text.length, suffix, after);
    return (mr_text){.bytes = bytes, .length = before + text.length + after};
}

static bool is_negative(mr_text number)
{
    return number.length > 0 && number.bytes[0] == '-';
}

/* A decimal of zero, or below. */
static bool is_not_positive(mr_text number)
{
    if (is_negative(number))
        return true;
    for (uint32_t i = 0; i < number.length; i++) {
        if (number.bytes[i] >= '1' && number.bytes[i] <= '9')
            return false;
    }
    return true;
}

/* "17850.0", as a table that knew only floats writes an id, is customer 17850. */
static mr_text without_fraction(mr_text id)
{
    return id.length > 2 && memcmp(id.bytes + id.length - 2, ".0", 2) == 0
               ? cut(id, 0, id.length - 2)
               : id;
}

static mr_poison decode_online_retail(const csv_fields *fields, mr_decode_output *output)
{
    const mr_text invoice = fields->field[0];
    const mr_text quantity = fields->field[3];
    const mr_text price = fields->field[5];
    if (invoice.length == 0 || quantity.length == 0 || price.length == 0)
        return MR_POISON_NOT_JSON;
    mr_draft draft = {
        .user_id = without_fraction(fields->field[6]),
        .order_id = invoice,
        .time = fields->field[4],
        .geo = fields->field[7],
        .line = {.item_id = fields->field[1], .quantity = quantity, .price = price},
    };
    if (draft.user_id.length == 0)
        draft.anonymous_id = join(output, "invoice:", invoice, "");
    mr_event_type type = MR_EVENT_PURCHASE;
    if (invoice.bytes[0] == 'C') {
        type = MR_EVENT_REFUND;
        if (is_negative(quantity))
            draft.line.quantity = cut(quantity, 1, quantity.length);
    } else if (is_negative(quantity) || is_not_positive(price)) {
        type = MR_EVENT_CUSTOM;
        draft.name = MR_TEXT("adjustment");
    }
    return output->status == MR_OK ? mr_draft_emit(&draft, type, output) : MR_POISON_NONE;
}

/* Descriptions were typed in by hand, some with blanks around them. */
static mr_text trimmed(mr_text text)
{
    while (text.length > 0 && text.bytes[0] == ' ')
        text = (mr_text){text.bytes + 1, text.length - 1};
    while (text.length > 0 && text.bytes[text.length - 1] == ' ')
        text.length--;
    return text;
}

static mr_status catalogue_online_retail(const csv_fields *fields, mr_csv_item *ret_item)
{
    /* A line of a cancellation or an adjustment does not describe what is sold. */
    if (fields->field[0].length == 0 || fields->field[0].bytes[0] == 'C' ||
        is_negative(fields->field[3]) || is_not_positive(fields->field[5]) ||
        trimmed(fields->field[2]).length == 0)
        return MR_ERR_NOT_FOUND;
    mr_csv_item item = {.item_id = fields->field[1], .title = trimmed(fields->field[2])};
    MR_TRY(mr_text_to_minor(fields->field[5], 1, MR_MINOR_DIGITS, &item.price_minor));
    *ret_item = item;
    return MR_OK;
}

/* "19970101" as "1997-01-01". */
static mr_text dashed_date(mr_decode_output *output, mr_text date)
{
    if (date.length != 8)
        return date;
    char *bytes = mr_arena_allocate(output->arena, 10);
    if (bytes == NULL) {
        output->status = MR_ERR_NO_MEMORY;
        return date;
    }
    memcpy(bytes, date.bytes, 4);
    bytes[4] = '-';
    memcpy(bytes + 5, date.bytes + 4, 2);
    bytes[7] = '-';
    memcpy(bytes + 8, date.bytes + 6, 2);
    return (mr_text){.bytes = bytes, .length = 10};
}

static mr_poison decode_cdnow(const csv_fields *fields, mr_decode_output *output)
{
    const size_t shift = fields->count == 5 ? 1 : 0; /* the sample's own numbering */
    const mr_draft draft = {
        .user_id = fields->field[0],
        .time = dashed_date(output, fields->field[1 + shift]),
        .line = {.quantity = fields->field[2 + shift], .value = fields->field[3 + shift]},
    };
    return output->status == MR_OK ? mr_draft_emit(&draft, MR_EVENT_PURCHASE, output)
                                   : MR_POISON_NONE;
}

static mr_poison decode_retailrocket(const csv_fields *fields, mr_decode_output *output)
{
    static const struct {
        const char *name;
        mr_event_type type;
    } types[] = {{"view", MR_EVENT_VIEW},
                 {"addtocart", MR_EVENT_CART_ADD},
                 {"transaction", MR_EVENT_PURCHASE}};
    const mr_draft draft = {
        .time = fields->field[0],
        .user_id = fields->field[1],
        .order_id = fields->field[4],
        .line = {.item_id = fields->field[3]},
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (mr_text_is(fields->field[2], types[i].name))
            return mr_draft_emit(&draft, types[i].type, output);
    }
    return MR_POISON_NO_TYPE;
}

static mr_poison decode_yoochoose_clicks(const csv_fields *fields,
                                         mr_decode_output *output)
{
    const mr_draft draft = {
        .anonymous_id = fields->field[0],
        .session_id = fields->field[0],
        .time = fields->field[1],
        .line = {.item_id = fields->field[2], .category = fields->field[3]},
    };
    return mr_draft_emit(&draft, MR_EVENT_VIEW, output);
}

static mr_poison decode_yoochoose_buys(const csv_fields *fields, mr_decode_output *output)
{
    const mr_draft draft = {
        .anonymous_id = fields->field[0],
        .session_id = fields->field[0],
        .order_id = fields->field[0],
        .time = fields->field[1],
        .line = {.item_id = fields->field[2],
                 .price = fields->field[3],
                 .quantity = fields->field[4]},
    };
    return mr_draft_emit(&draft, MR_EVENT_PURCHASE, output);
}

/* Whole seconds to ms: three zeroes behind them. */
static mr_text seconds_to_ms(mr_decode_output *output, mr_text seconds)
{
    return seconds.length > 0 ? join(output, "", without_fraction(seconds), "000")
                              : seconds;
}

static mr_poison decode_taobao(const csv_fields *fields, mr_decode_output *output)
{
    static const struct {
        const char *name;
        mr_event_type type;
    } types[] = {{"pv", MR_EVENT_VIEW},
                 {"cart", MR_EVENT_CART_ADD},
                 {"fav", MR_EVENT_WISHLIST},
                 {"buy", MR_EVENT_PURCHASE}};
    const mr_draft draft = {
        .user_id = fields->field[0],
        .time = seconds_to_ms(output, fields->field[4]),
        .line = {.item_id = fields->field[1], .category = fields->field[2]},
    };
    if (output->status != MR_OK)
        return MR_POISON_NONE;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (mr_text_is(fields->field[3], types[i].name))
            return mr_draft_emit(&draft, types[i].type, output);
    }
    return MR_POISON_NO_TYPE;
}

static mr_poison decode_movielens(const csv_fields *fields, mr_decode_output *output)
{
    const mr_text rating = fields->field[2];
    const mr_draft draft = {
        .user_id = fields->field[0],
        .time = seconds_to_ms(output, fields->field[3]),
        /* Newer sets begin at half a star; the scale here begins at one. */
        .rating = mr_text_is(rating, "0.5") ? MR_TEXT("1") : rating,
        .line = {.item_id = fields->field[1]},
    };
    if (output->status != MR_OK)
        return MR_POISON_NONE;
    return rating.length == 0 ? MR_POISON_BAD_NUMBER
                              : mr_draft_emit(&draft, MR_EVENT_RATE, output);
}

static mr_status catalogue_none(const csv_fields *fields, mr_csv_item *ret_item)
{
    (void)fields;
    (void)ret_item;
    return MR_ERR_NOT_FOUND;
}

static mr_status catalogue_taobao(const csv_fields *fields, mr_csv_item *ret_item)
{
    *ret_item = (mr_csv_item){.item_id = fields->field[1], .category = fields->field[2]};
    return MR_OK;
}

static mr_status catalogue_yoochoose_buys(const csv_fields *fields, mr_csv_item *ret_item)
{
    mr_csv_item item = {.item_id = fields->field[2]};
    MR_TRY(mr_text_to_minor(fields->field[3], 1, MR_MINOR_DIGITS, &item.price_minor));
    if (item.price_minor <= 0)
        return MR_ERR_NOT_FOUND;
    *ret_item = item;
    return MR_OK;
}

static const mr_csv_profile profiles[] = {
    {"online-retail",
     ",",
     true,
     8,
     {"InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
      "CustomerID", "Country"},
     decode_online_retail,
     catalogue_online_retail},
    {"cdnow",
     " ",
     false,
     4,
     {"customer_id", "date", "number_of_cds", "dollar_value"},
     decode_cdnow,
     catalogue_none},
    {"retailrocket",
     ",",
     true,
     5,
     {"timestamp", "visitorid", "event", "itemid", "transactionid"},
     decode_retailrocket,
     catalogue_none},
    {"yoochoose-clicks",
     ",",
     false,
     4,
     {"session", "timestamp", "item", "category"},
     decode_yoochoose_clicks,
     catalogue_none},
    {"yoochoose-buys",
     ",",
     false,
     5,
     {"session", "timestamp", "item", "price", "quantity"},
     decode_yoochoose_buys,
     catalogue_yoochoose_buys},
    {"taobao",
     ",",
     false,
     5,
     {"user_id", "item_id", "category_id", "behavior", "timestamp"},
     decode_taobao,
     catalogue_taobao},
    {"movielens",
     "\t:,",
     false,
     4,
     {"user", "item|movie", "rating", "timestamp"},
     decode_movielens,
     catalogue_none},
};

enum { PROFILES = sizeof(profiles) / sizeof(profiles[0]) };

const mr_csv_profile *mr_csv_profile_find(const char *name)
{
    for (size_t i = 0; i < PROFILES; i++) {
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    }
    return NULL;
}

const char *mr_csv_profile_name(const mr_csv_profile *profile)
{
    return profile->name;
}

const char *mr_csv_profile_names(void)
{
    return "online-retail, cdnow, retailrocket, yoochoose-clicks, yoochoose-buys, "
           "taobao, "
           "movielens";
}

/* The fields of a line of data; cdnow's sample alone may have one more. */
static mr_poison fields_of(const mr_csv_profile *profile, mr_text line, mr_arena *arena,
                           csv_fields *ret_fields, mr_status *ret_status)
{
    const mr_status status = split(profile, without_line_end(line), arena, ret_fields);
    if (status == MR_ERR_NO_MEMORY) {
        *ret_status = status;
        return MR_POISON_NONE;
    }
    const bool is_longer =
        ret_fields->count == profile->column_count + 1 && profile->decode == decode_cdnow;
    if (status != MR_OK || (ret_fields->count != profile->column_count && !is_longer))
        return MR_POISON_NOT_JSON;
    return MR_POISON_NONE;
}

mr_poison mr_csv_decode(const mr_csv_profile *profile, mr_text line,
                        mr_decode_output *output)
{
    if (!mr_text_is_utf8(line))
        return MR_POISON_NOT_UTF8;
    csv_fields fields;
    const mr_poison poison =
        fields_of(profile, line, output->arena, &fields, &output->status);
    if (poison != MR_POISON_NONE || output->status != MR_OK)
        return poison;
    return profile->decode(&fields, output);
}

mr_status mr_csv_catalogue(const mr_csv_profile *profile, mr_text line, mr_arena *arena,
                           mr_csv_item *ret_item)
{
    csv_fields fields;
    mr_status status = MR_OK;
    if (fields_of(profile, line, arena, &fields, &status) != MR_POISON_NONE)
        return MR_ERR_NOT_FOUND;
    MR_TRY(status);
    status = profile->catalogue(&fields, ret_item);
    return status == MR_ERR_CORRUPT ? MR_ERR_NOT_FOUND : status;
}

/* Letters and digits alone, in lower case, and no ":type" behind: "User_ID:token" is "userid". */
static size_t bare_name(mr_text name, char *ret_bare, size_t capacity)
{
    size_t length = 0;
    for (uint32_t i = 0; i < name.length && name.bytes[i] != ':'; i++) {
        const unsigned char byte = (unsigned char)name.bytes[i];
        if (isalnum(byte) && length < capacity)
            ret_bare[length++] = (char)tolower(byte);
    }
    return length;
}

/* A header may say more than the column's name ("Session ID" for session), so a name is known
 * by its beginning; other names of a column stand behind a '|'. */
static bool is_column(mr_text field, const char *column)
{
    char found[64];
    const size_t found_length = bare_name(field, found, sizeof(found));
    mr_text names = mr_text_from(column);
    while (names.length > 0) {
        const char *bar = memchr(names.bytes, '|', names.length);
        const uint32_t end = bar != NULL ? (uint32_t)(bar - names.bytes) : names.length;
        char expected[64];
        const size_t length = bare_name(cut(names, 0, end), expected, sizeof(expected));
        if (found_length >= length && memcmp(expected, found, length) == 0)
            return true;
        names = cut(names, bar != NULL ? end + 1 : end, names.length);
    }
    return false;
}

static bool has_column(const csv_fields *fields, const char *column)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (is_column(fields->field[i], column))
            return true;
    }
    return false;
}

mr_status mr_csv_header_check(const mr_csv_profile *profile, mr_text line,
                              mr_error *ret_error)
{
    if (line.length >= 3 && memcmp(line.bytes, "\xef\xbb\xbf", 3) == 0)
        line = cut(line, 3, line.length); /* a byte order mark */
    csv_fields fields = {.count = 0};
    mr_arena *arena = mr_arena_create(256);
    if (arena == NULL)
        return MR_ERR_NO_MEMORY;
    const mr_status status = split(profile, without_line_end(line), arena, &fields);
    size_t known = 0;
    for (size_t i = 0; status == MR_OK && i < profile->column_count; i++)
        known += has_column(&fields, profile->columns[i]);
    mr_status result = MR_OK;
    if (known == 0 && !profile->has_header)
        result = MR_ERR_NOT_FOUND;
    for (size_t i = 0; result == MR_OK && i < profile->column_count; i++) {
        const char *column = profile->columns[i];
        if (status != MR_OK || !has_column(&fields, column))
            result =
                mr_error_set(ret_error, MR_ERR_INVALID,
                             "csv:%s: no column %s in \"%.*s\"", profile->name, column,
                             (int)(line.length < 120 ? line.length : 120), line.bytes);
        else if (!is_column(fields.field[i], column))
            result = mr_error_set(ret_error, MR_ERR_INVALID,
                                  "csv:%s: column %s is not number %zu", profile->name,
                                  column, i + 1);
    }
    mr_arena_destroy(arena);
    return result;
}

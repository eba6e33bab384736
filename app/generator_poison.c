#include "app/generator_poison.h"

#include "core/json.h"
#include "models/random.h"

#include <string.h>

typedef enum bulk {
    NO_BULK = 0,
    LETTERS,  /* so many times x          */
    LEVELS,   /* so many levels of arrays */
    OBJECTS,  /* so many empty objects    */
    FORGED,   /* a header of random bytes */
    OTHERS,   /* signed with another key  */
    REPLACED, /* signed, then changed     */
} bulk;

/* In a template @ stands for the member with the user's id, ~ for the bulk. */
struct mr_poison_row {
    mr_poison reason;
    const char *native; /* NULL: the dialect cannot be wrong so */
    const char *segment;
    bulk bulk;
    uint32_t count;
};

#define VIEW "{\"type\":\"view\",@,\"item_id\":\"i1\""
#define BUY "{\"type\":\"purchase\",@,\"item_id\":\"i1\""
#define TRACK "{\"type\":\"track\",\"event\":\"Product Viewed\",@"
#define VIEWED TRACK ",\"properties\":{\"product_id\":\"i1\""
#define BOUGHT "{\"type\":\"track\",\"event\":\"Order Completed\",@,\"properties\":{"

static const mr_poison_row rows[] = {
    {MR_POISON_EMPTY, "", "", NO_BULK, 0},
    {MR_POISON_TOO_LARGE, VIEW ",\"text\":\"~\"}", TRACK ",\"text\":\"~\"}", LETTERS,
     MR_EVENT_RECORD_BYTES_MAX},
    {MR_POISON_TOO_LARGE, "~", "~", LETTERS, 300000},
    {MR_POISON_NOT_JSON, "view", "view", NO_BULK, 0},
    {MR_POISON_NOT_JSON, "null", "null", NO_BULK, 0},
    {MR_POISON_NOT_JSON, "[" VIEW "}]", "[" TRACK "}]", NO_BULK, 0},
    {MR_POISON_NOT_JSON, VIEW, TRACK, NO_BULK, 0},
    {MR_POISON_NOT_JSON, VIEW "}}", TRACK "}}", NO_BULK, 0},
    {MR_POISON_NOT_JSON, VIEW "}{\"a\":1}", TRACK "}\n" TRACK "}", NO_BULK, 0},
    {MR_POISON_NOT_JSON, VIEW ",}", TRACK ",}", NO_BULK, 0},
    {MR_POISON_NOT_JSON, "\xef\xbb\xbf" VIEW "}", "\xef\xbb\xbf" TRACK "}", NO_BULK, 0},
    {MR_POISON_NOT_JSON, VIEW ",\"price\":NaN}", VIEWED ",\"price\":NaN}}", NO_BULK, 0},
    {MR_POISON_NOT_JSON, VIEW ",\"price\":-Infinity}", VIEWED ",\"price\":Infinity}}",
     NO_BULK, 0},
    {MR_POISON_NOT_JSON, VIEW ",\"quantity\":0x10}", VIEWED ",\"quantity\":0x10}}",
     NO_BULK, 0},
    {MR_POISON_NOT_JSON, VIEW ",\"quantity\":01}", VIEWED ",\"quantity\":+1}}", NO_BULK,
     0},
    {MR_POISON_NOT_JSON, VIEW ",\"name\":\"\\ud800\"}", TRACK ",\"name\":\"\\udc00x\"}",
     NO_BULK, 0},
    {MR_POISON_NOT_JSON, VIEW ",\"name\":\"a\tb\"}", TRACK ",\"name\":\"a\nb\"}", NO_BULK,
     0},
    {MR_POISON_NOT_JSON, BUY ",\"items\":{\"item_id\":\"i1\"}}",
     BOUGHT "\"products\":{\"sku\":\"i1\"}}}", NO_BULK, 0},
    {MR_POISON_NOT_JSON, BUY ",\"items\":[1]}", BOUGHT "\"products\":[\"i1\"]}}", NO_BULK,
     0},
    {MR_POISON_NOT_UTF8, VIEW ",\"name\":\"\xff\"}", TRACK ",\"name\":\"\xff\"}", NO_BULK,
     0},
    {MR_POISON_NOT_UTF8, VIEW ",\"name\":\"\xc0\xaf\"}",
     TRACK ",\"name\":\"\xe0\x80\xaf\"}", NO_BULK, 0},
    {MR_POISON_NOT_UTF8, VIEW ",\"name\":\"\xed\xa0\x80\"}",
     TRACK ",\"name\":\"\xf4\x90\x80\x80\"}", NO_BULK, 0},
    {MR_POISON_TOO_DEEP, VIEW ",\"x\":~}", TRACK ",\"x\":~}", LEVELS, MR_EVENT_DEPTH_MAX},
    {MR_POISON_TOO_DEEP, VIEW ",\"x\":~}", TRACK ",\"x\":~}", LEVELS, 10000},
    {MR_POISON_DUPLICATE_KEY, VIEW ",\"type\":\"view\"}", TRACK ",\"type\":\"track\"}",
     NO_BULK, 0},
    {MR_POISON_DUPLICATE_KEY, VIEW ",\"x\":{\"a\":1,\"b\":2,\"\\u0061\":3}}",
     TRACK ",\"x\":{\"a\":1,\"b\":2,\"\\u0061\":3}}", NO_BULK, 0},
    {MR_POISON_NO_USER, "{\"type\":\"view\",\"item_id\":\"i1\"}",
     "{\"type\":\"track\",\"event\":\"Product Viewed\"}", NO_BULK, 0},
    {MR_POISON_NO_USER, "{\"type\":\"view\",\"user_id\":\"\",\"anonymous_id\":null}",
     "{\"type\":\"identify\",\"userId\":\"\"}", NO_BULK, 0},
    {MR_POISON_BAD_ID, VIEW ",\"session_id\":\"~\"}", TRACK ",\"messageId\":\"~\"}",
     LETTERS, MR_EVENT_ID_BYTES_MAX + 1},
    {MR_POISON_BAD_ID, "{\"type\":\"view\",\"user_id\":\"~\"}",
     "{\"type\":\"identify\",\"userId\":\"~\"}", LETTERS, 10000},
    {MR_POISON_BAD_ID, "{\"type\":\"view\",\"user_id\":true}",
     "{\"type\":\"identify\",\"userId\":{}}", NO_BULK, 0},
    {MR_POISON_BAD_ID, VIEW ",\"order_id\":[]}", VIEWED ",\"order_id\":{\"a\":1}}}",
     NO_BULK, 0},
    {MR_POISON_NO_TYPE, "{@,\"item_id\":\"i1\"}", "{@,\"event\":\"Product Viewed\"}",
     NO_BULK, 0},
    {MR_POISON_NO_TYPE, "{\"type\":\"stare\",@}", "{\"type\":\"track\",@}", NO_BULK, 0},
    {MR_POISON_BAD_TIME, VIEW ",\"time\":\"yesterday\"}",
     TRACK ",\"timestamp\":\"yesterday\"}", NO_BULK, 0},
    {MR_POISON_BAD_TIME, VIEW ",\"time\":-1}", TRACK ",\"timestamp\":-1}", NO_BULK, 0},
    {MR_POISON_BAD_TIME, VIEW ",\"time\":\"1969-12-31T23:59:59Z\"}",
     TRACK ",\"timestamp\":\"1969-12-31T23:59:59.999Z\"}", NO_BULK, 0},
    {MR_POISON_BAD_TIME, VIEW ",\"time\":9223372036854775808}",
     TRACK ",\"timestamp\":9223372036854775808}", NO_BULK, 0},
    {MR_POISON_BAD_TIME, VIEW ",\"time\":\"2026-02-30T00:00:00Z\"}",
     TRACK ",\"timestamp\":\"2026-13-01T00:00:00Z\"}", NO_BULK, 0},
    {MR_POISON_BAD_TIME, VIEW ",\"time\":1.7e12}", TRACK ",\"timestamp\":1.7e12}",
     NO_BULK, 0},
    {MR_POISON_BAD_NUMBER, VIEW ",\"quantity\":1.5}", VIEWED ",\"quantity\":1.5}}",
     NO_BULK, 0},
    {MR_POISON_BAD_NUMBER, VIEW ",\"quantity\":9223372036854775808}",
     VIEWED ",\"quantity\":9223372036854775808}}", NO_BULK, 0},
    {MR_POISON_BAD_NUMBER, VIEW ",\"price\":1e308}", VIEWED ",\"price\":1e308}}", NO_BULK,
     0},
    {MR_POISON_BAD_NUMBER, VIEW ",\"price\":\"NaN\"}", VIEWED ",\"price\":\"Infinity\"}}",
     NO_BULK, 0},
    {MR_POISON_BAD_NUMBER, VIEW ",\"price\":\"0x10\"}", VIEWED ",\"price\":\"1,50\"}}",
     NO_BULK, 0},
    {MR_POISON_BAD_NUMBER, BUY ",\"price\":-0.01}", BOUGHT "\"revenue\":-0.01}}", NO_BULK,
     0},
    {MR_POISON_BAD_NUMBER, "{\"type\":\"rate\",@,\"rating\":5.01}",
     "{\"type\":\"track\",\"event\":\"Product "
     "Reviewed\",@,\"properties\":{\"rating\":6}}",
     NO_BULK, 0},
    {MR_POISON_BAD_NUMBER, BUY ",\"items\":[{\"price\":1},{\"price\":\"free\"}]}",
     BOUGHT "\"products\":[{\"price\":1},{\"price\":\"free\"}]}}", NO_BULK, 0},
    {MR_POISON_TOO_MANY_LINES, BUY ",\"items\":[~]}", BOUGHT "\"products\":[~]}}",
     OBJECTS, MR_EVENT_LINES_MAX + 1},
    {MR_POISON_PRIVILEGED, "{\"type\":\"erase\",@}", NULL, NO_BULK, 0},
    {MR_POISON_PRIVILEGED, "{\"type\":\"link\",@,\"anonymous_id\":\"v1\"}", NULL, NO_BULK,
     0},
    {MR_POISON_PRIVILEGED, "{\"type\":\"tick\",@,\"time\":1}", NULL, NO_BULK, 0},
    {MR_POISON_BAD_CONTROL, "", "", FORGED, 0},
    {MR_POISON_BAD_CONTROL, "", "", OTHERS, 0},
    {MR_POISON_BAD_CONTROL, " ", " ", REPLACED, 0},
    {MR_POISON_WRONG_DIALECT,
     "{\"type\":\"track\",\"event\":\"Product Viewed\","
     "\"userId\":\"u1\"}",
     "{\"type\":\"view\",\"user_id\":\"u1\"}", NO_BULK, 0},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const char *template_of(const mr_poison_row *row, mr_dialect dialect)
{
    return dialect == MR_DIALECT_SEGMENT ? row->segment : row->native;
}

const mr_poison_row *mr_poison_row_at(mr_dialect dialect, size_t index)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (template_of(&rows[i], dialect) != NULL && index-- == 0)
            return &rows[i];
    }
    return NULL;
}

bool mr_poison_row_may_be_first(const mr_poison_row *row)
{
    return row->reason != MR_POISON_WRONG_DIALECT;
}

static void put_repeated(mr_buffer *buffer, const char *piece, uint32_t count)
{
    const size_t length = strlen(piece);
    for (uint32_t i = 0; i < count; i++)
        mr_buffer_put(buffer, piece, length);
}

static void put_bulk(const mr_poison_row *row, mr_buffer *buffer)
{
    switch (row->bulk) {
    case LETTERS: put_repeated(buffer, "x", row->count); return;
    case LEVELS:
        put_repeated(buffer, "[", row->count);
        put_repeated(buffer, "]", row->count);
        return;
    case OBJECTS:
        put_repeated(buffer, "{},", row->count - 1);
        mr_buffer_put(buffer, "{}", 2);
        return;
    default: return; /* a header, no bulk */
    }
}

static void put_user(mr_dialect dialect, mr_text user_id, mr_buffer *buffer)
{
    const mr_text key =
        dialect == MR_DIALECT_SEGMENT ? MR_TEXT("\"userId\":") : MR_TEXT("\"user_id\":");
    mr_json_writer writer = mr_json_writer_of(buffer);
    mr_buffer_put_text(buffer, key);
    mr_json_put_text(&writer, user_id);
}

/* An order to forget somebody, from nobody who may give it. */
static mr_status put_control(const mr_poison_row *row, mr_text user_id, const char *topic,
                             uint64_t variety, mr_buffer *buffer, mr_made_poison *made)
{
    static const char key[] = "the generator's own key, no deployment's";
    static const mr_control_kind kinds[] = {MR_CONTROL_ERASE, MR_CONTROL_OPT_OUT,
                                            MR_CONTROL_OPT_IN};
    const mr_control_record record = {.kind = kinds[variety % 3],
                                      .user_id = user_id,
                                      .time_ms = (int64_t)(variety >> 24)};
    made->has_header = true;
    MR_TRY(mr_control_encode(&record, topic, key, sizeof(key) - 1, user_id, buffer,
                             made->header));
    for (size_t i = 0; row->bulk == FORGED && i < sizeof(made->header); i++)
        made->header[i] = (uint8_t)mr_random_bits(variety, i);
    if (row->bulk == FORGED)
        made->header[0] = MR_CONTROL_VERSION;
    return MR_OK;
}

mr_status mr_poison_make(const mr_poison_row *row, mr_dialect dialect, mr_text user_id,
                         const char *topic, uint64_t variety, mr_buffer *buffer,
                         mr_made_poison *ret_made)
{
    mr_made_poison made = {.reason = row->reason};
    if (row->bulk >= FORGED)
        MR_TRY(put_control(row, user_id, topic, variety, buffer, &made));
    for (const char *at = template_of(row, dialect); *at != '\0'; at++) {
        if (*at == '@')
            put_user(dialect, user_id, buffer);
        else if (*at == '~')
            put_bulk(row, buffer);
        else
            mr_buffer_put_u8(buffer, (uint8_t)*at);
    }
    *ret_made = made;
    return mr_buffer_status(buffer);
}

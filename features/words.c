#include "features/words.h"

#include <string.h>

static mr_text price_band(int64_t price_minor)
{
    static const struct {
        int64_t below_minor;
        const char *name;
    } bands[] = {
        {500, "0-5"},          {1000, "5-10"},       {2000, "10-20"},
        {5000, "20-50"},       {10000, "50-100"},    {20000, "100-200"},
        {50000, "200-500"},    {100000, "500-1000"}, {200000, "1000-2000"},
        {500000, "2000-5000"}, {INT64_MAX, "5000-"},
    };
    size_t i = 0;
    if (price_minor <= 0)
        return (mr_text){0};
    while (price_minor >= bands[i].below_minor && bands[i].below_minor != INT64_MAX)
        i++;
    return mr_text_from(bands[i].name);
}

mr_text mr_event_text(const mr_event *event, mr_of of)
{
    switch (of) {
    case MR_OF_ORDER_ID: return event->order_id;
    case MR_OF_ITEM_ID: return event->item_id;
    case MR_OF_CATEGORY: return event->category;
    case MR_OF_BRAND: return event->brand;
    case MR_OF_PRICE_BAND: return price_band(event->price_minor);
    case MR_OF_DEVICE: return event->device;
    case MR_OF_CHANNEL: return event->channel;
    case MR_OF_CAMPAIGN: return event->campaign;
    case MR_OF_GEO: return event->geo;
    default: return (mr_text){0};
    }
}

mr_status mr_words_put(mr_id_table *words, mr_text text, uint32_t *ret_number)
{
    if (mr_id_table_count(words) == MR_WORDS_MAX) {
        *ret_number = mr_id_table_find(words, text);
        return *ret_number != MR_ID_NONE ? MR_OK : MR_ERR_FULL;
    }
    return mr_id_table_put(words, text, ret_number);
}

/* ---- the memo ---- */

enum { MEMO_BITS = 9, MEMO_TEXT_BYTES_MAX = 16 };

_Static_assert(1 << MEMO_BITS == MR_WORD_MEMO_ENTRIES,
               "an entry is chosen by so many bits");

static uint64_t load(const char *bytes, size_t count)
{
    uint64_t word = 0;
    memcpy(&word, bytes, count);
    return word;
}

/* All bytes of a text of 1 to 16: with the length, two texts are the same where these are. */
static struct mr_known_word spell(mr_text text)
{
    const uint32_t length = text.length;
    struct mr_known_word word = {.length = length};
    if (length >= sizeof(uint64_t)) {
        word.first = load(text.bytes, sizeof(uint64_t));
        word.last = load(text.bytes + length - sizeof(uint64_t), sizeof(uint64_t));
    } else if (length >= sizeof(uint32_t)) {
        word.first = load(text.bytes, sizeof(uint32_t));
        word.last = load(text.bytes + length - sizeof(uint32_t), sizeof(uint32_t));
    } else {
        word.first = (uint64_t)(uint8_t)text.bytes[0] << 16 |
                     (uint64_t)(uint8_t)text.bytes[length / 2] << 8 |
                     (uint8_t)text.bytes[length - 1];
    }
    return word;
}

static struct mr_known_word *place_of(mr_word_memo *memo,
                                      const struct mr_known_word *word)
{
    const uint64_t mixed =
        (word->first ^ word->last * UINT64_C(0x9e3779b97f4a7c15) ^ word->length) *
        UINT64_C(0xd6e8feb86659fd93);
    return &memo->known[mixed >> (64 - MEMO_BITS)];
}

static mr_status number_text(mr_id_table *words, mr_word_memo *memo, mr_text text,
                             uint32_t *ret_number)
{
    if (text.length > MEMO_TEXT_BYTES_MAX)
        return mr_words_put(words, text, ret_number);
    struct mr_known_word word = spell(text);
    struct mr_known_word *known = place_of(memo, &word);
    if (known->first == word.first && known->last == word.last &&
        known->length == word.length) {
        *ret_number = known->number;
        return MR_OK;
    }
    MR_TRY(mr_words_put(words, text, &word.number));
    *known = word;
    *ret_number = word.number;
    return MR_OK;
}

/* Tallies have a placement's checksum: its name is kept among the words, to be found by it. */
static mr_status remember_placement(mr_id_table *words, mr_word_memo *memo,
                                    const mr_event *event)
{
    uint32_t number;
    if (event->placement.length == 0)
        return MR_OK;
    const mr_status status = number_text(words, memo, event->placement, &number);
    return status == MR_ERR_FULL ? MR_OK : status;
}

mr_status mr_words_number(mr_id_table *words, mr_word_memo *memo, const mr_plan *plan,
                          const mr_event *event, uint32_t *ret_numbers)
{
    const uint8_t fields = plan->runs[event->type].word_fields;
    for (int field = 0; field < MR_WORD_FIELDS; field++) {
        if ((fields >> field & 1) == 0)
            continue;
        const mr_text text = mr_event_text(event, (mr_of)(MR_OF_CATEGORY + field));
        ret_numbers[field] = MR_ID_NONE;
        const mr_status status =
            text.length > 0 ? number_text(words, memo, text, &ret_numbers[field]) : MR_OK;
        if (status != MR_OK && status != MR_ERR_FULL)
            return status;
    }
    return remember_placement(words, memo, event);
}

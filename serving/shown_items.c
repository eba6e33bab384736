#include "serving/shown_items.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

enum {
    KIND = 2, /* no other signed text begins with it */
    HEAD_BYTES = 5,
    RICE_MIN = 12, /* 2^12 places an item when the set is full */
    RICE_MAX = 20,
    /* Every number has its low bits and a stop bit; the unary parts together are no longer than
     * the largest number is high. */
    CODED_BYTES_MAX =
        (MR_SHOWN_ITEMS_MAX * (RICE_MIN + 1) + MR_SHOWN_PLACES / (1 << RICE_MIN) + 7) / 8,
    BYTES_MAX = HEAD_BYTES + CODED_BYTES_MAX,
};
_Static_assert((int)BYTES_MAX <= (int)MR_SIGNED_BYTES_MAX,
               "the largest set can be signed");
_Static_assert(MR_SIGNED_TEXT_BYTES(BYTES_MAX) <= MR_SHOWN_ITEMS_TEXT_BYTES,
               "the largest set fits");

static const char prefix[] = "n_";

/* ---- The set ---- */

/* The finaliser of SplitMix64 [Steele, Lea and Flood 2014], a bijection: a client who sees the
 * number learns no bits of the hash that tables are probed with. */
static uint64_t spread(uint64_t hash)
{
    hash += 0x9E3779B97F4A7C15ULL;
    hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9ULL;
    hash = (hash ^ hash >> 27) * 0x94D049BB133111EBULL;
    return hash ^ hash >> 31;
}

static uint32_t place_of(const mr_hash_key *key, mr_text id)
{
    const uint64_t high = spread(mr_hash_item(key, id)) >> 32;
    return (uint32_t)(high * MR_SHOWN_PLACES >> 32);
}

static int compare_places(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

bool mr_shown_items_contains(const mr_shown_items *shown, const mr_hash_key *key,
                             mr_text id)
{
    const uint32_t place = place_of(key, id);
    return bsearch(&place, shown->places, shown->count, sizeof(place), compare_places) !=
           NULL;
}

/* Into an ascending list, unless it is there.  By insertion: a page is short, and qsort() would
 * allocate. */
static size_t insert_place(uint32_t *places, size_t count, uint32_t place)
{
    size_t at = count;
    while (at > 0 && places[at - 1] > place)
        at--;
    if (at > 0 && places[at - 1] == place)
        return count;
    memmove(places + at + 1, places + at, (count - at) * sizeof(places[0]));
    places[at] = place;
    return count + 1;
}

mr_status mr_shown_items_add_page(mr_shown_items *shown, const mr_hash_key *key,
                                  const mr_text *ids, size_t count)
{
    uint32_t places[2 * MR_SHOWN_ITEMS_MAX];
    size_t all = shown->count;
    if (count > MR_SHOWN_ITEMS_MAX || shown->page == MR_SHOWN_PAGE_MAX)
        return MR_ERR_FULL;
    memcpy(places, shown->places, all * sizeof(places[0]));
    for (size_t i = 0; i < count; i++)
        all = insert_place(places, all, place_of(key, ids[i]));
    if (all > MR_SHOWN_ITEMS_MAX)
        return MR_ERR_FULL;
    memcpy(shown->places, places, all * sizeof(places[0]));
    shown->count = (uint32_t)all;
    shown->page++;
    return MR_OK;
}

/* ---- Bits, the high ones first ---- */

/* Bits on their way out: whole bytes are written, up to seven bits wait. */
typedef struct bits_out {
    uint8_t *end;
    uint64_t waiting; /* in the low bits */
    unsigned count;   /* of them         */
} bits_out;

/* The low `count` bits of `value`, at most 32. */
static void put_bits(bits_out *to, uint32_t value, unsigned count)
{
    to->waiting = to->waiting << count | (value & ((UINT64_C(1) << count) - 1));
    for (to->count += count; to->count >= 8; to->count -= 8)
        *to->end++ = (uint8_t)(to->waiting >> (to->count - 8));
}

/* The last byte is filled up with zeros. */
static uint8_t *end_bits(bits_out *to)
{
    if (to->count > 0)
        put_bits(to, 0, 8 - to->count);
    return to->end;
}

typedef struct bits {
    const uint8_t *bytes;
    size_t length; /* in bits */
    size_t at;
} bits;

/* Past the end: zeros, and `at` stays beyond `length`. */
static uint32_t get_bits(bits *from, unsigned count)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < count; i++, from->at++) {
        const bool is_set = from->at < from->length &&
                            (from->bytes[from->at / 8] & 0x80U >> from->at % 8) != 0;
        value = value << 1 | is_set;
    }
    return value;
}

/* ---- The code ---- */

/* What is coded of each number: how far it is from the one before, less the 1 it must be. */
static uint32_t gap_at(const mr_shown_items *shown, uint32_t i)
{
    return i == 0 ? shown->places[0] : shown->places[i] - shown->places[i - 1] - 1;
}

/* The binary logarithm of the mean gap, rounded down: within half a bit an item of the best [Rice
 * and Plaunt 1971], and the unary parts are then at most two bits an item. */
static unsigned rice_for(uint32_t count)
{
    unsigned rice = RICE_MIN;
    while (rice < RICE_MAX && (uint32_t)MR_SHOWN_PLACES / (count + 1) >> (rice + 1) > 0)
        rice++;
    return rice;
}

mr_status mr_shown_items_write(mr_signer *signer, const mr_shown_items *shown,
                               char ret_text[MR_SHOWN_ITEMS_TEXT_BYTES])
{
    MR_ASSERT(shown->count <= MR_SHOWN_ITEMS_MAX);
    uint8_t bytes[BYTES_MAX];
    const unsigned rice = rice_for(shown->count);
    bits_out to = {.end = bytes + HEAD_BYTES};
    bytes[0] = KIND;
    bytes[1] = (uint8_t)shown->page;
    bytes[2] = (uint8_t)shown->count;
    bytes[3] = (uint8_t)(shown->count >> 8);
    bytes[4] = (uint8_t)rice;
    for (uint32_t i = 0; i < shown->count; i++) {
        const uint32_t gap = gap_at(shown, i);
        for (uint32_t ones = gap >> rice; ones > 0; ones--)
            put_bits(&to, 1, 1);
        put_bits(&to, 0, 1);
        put_bits(&to, gap, rice);
    }
    return mr_signer_write(signer, prefix, bytes, (size_t)(end_bits(&to) - bytes),
                           ret_text);
}

/* False where the code is none of ours; the MAC has been checked, so this is our own mistake or
 * another version's. */
static bool decode(bits *from, unsigned rice, mr_shown_items *shown)
{
    uint32_t next = 0; /* the least that the number can be */
    for (uint32_t i = 0; i < shown->count; i++) {
        uint32_t ones = 0;
        while (get_bits(from, 1) != 0)
            ones++;
        const uint64_t place = next + ((uint64_t)ones << rice) + get_bits(from, rice);
        if (place >= MR_SHOWN_PLACES)
            return false;
        shown->places[i] = (uint32_t)place;
        next = (uint32_t)place + 1;
    }
    return from->at <= from->length && from->length - from->at < 8;
}

mr_status mr_shown_items_read(mr_signer *signer, mr_text text, mr_shown_items *ret_shown)
{
    uint8_t bytes[MR_SIGNED_BYTES_MAX];
    size_t length;
    MR_TRY(mr_signer_read(signer, prefix, text, bytes, &length));
    if (length < HEAD_BYTES || bytes[0] != KIND)
        return MR_ERR_CORRUPT;
    mr_shown_items shown = {
        .page = bytes[1],
        .count = bytes[2] | (uint32_t)bytes[3] << 8,
    };
    const unsigned rice = bytes[4];
    bits from = {.bytes = bytes + HEAD_BYTES, .length = (length - HEAD_BYTES) * 8};
    if (shown.count > MR_SHOWN_ITEMS_MAX || rice < RICE_MIN || rice > RICE_MAX ||
        !decode(&from, rice, &shown))
        return MR_ERR_CORRUPT;
    *ret_shown = shown;
    return MR_OK;
}

/*
 * The words a user comes back to, each with a weight that fades: categories, brands, devices.
 *
 * An event adds one to its word.  When all places are taken, a new word gets the place of the
 * weakest, if that is no stronger than one event of today.  So the list is a function of the
 * order of arrival, and a word that lost its place begins anew.
 *
 * All such features of a row share one list.  An entry is 64 bits: the feature's number, the word's,
 * its weight in 1/256 as of a day, and that day.
 */
#include "features/aggregate.h"

#include "features/words.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum {
    WORD_SHIFT = MR_TOP_WEIGHT_BITS + 16,
    TOP_SHIFT = WORD_SHIFT + 20,
    ONE = 1 << MR_TOP_FRACTION_BITS,
    WEIGHT_MAX = (1 << MR_TOP_WEIGHT_BITS) - 1,
    DAY_MAX = UINT16_MAX,
    JSON_MEMBERS = 3,
};

typedef struct entry {
    uint32_t top;
    uint32_t word;
    uint32_t weight; /* in 1/256, as of `day` */
    int64_t day;
} entry;

static entry unpack(uint64_t packed)
{
    return (entry){.top = (uint32_t)(packed >> TOP_SHIFT),
                   .word = (uint32_t)(packed >> WORD_SHIFT) & (MR_WORDS_MAX - 1),
                   .weight = (uint32_t)(packed >> 16) & WEIGHT_MAX,
                   .day = (int64_t)(packed & DAY_MAX)};
}

static uint64_t pack(entry e)
{
    return (uint64_t)e.top << TOP_SHIFT | (uint64_t)e.word << WORD_SHIFT |
           (uint64_t)e.weight << 16 | (uint64_t)e.day;
}

/* What is left after some days, rounded to nearest. */
static uint32_t faded(uint32_t weight, uint16_t half_life_days, int64_t age_days)
{
    if (age_days <= 0)
        return weight;
    const uint64_t share = mr_plan_fade(half_life_days, age_days);
    const uint64_t half = UINT64_C(1) << (MR_PLAN_FADE_BITS - 1);
    return (uint32_t)((weight * share + half) >> MR_PLAN_FADE_BITS);
}

/* Two weights of a word as of the later day. */
static entry sum_of(entry a, entry b, uint16_t half_life_days)
{
    const int64_t day = a.day > b.day ? a.day : b.day;
    const uint32_t weight = faded(a.weight, half_life_days, day - a.day) +
                            faded(b.weight, half_life_days, day - b.day);
    return (entry){.top = a.top,
                   .word = a.word,
                   .weight = weight < WEIGHT_MAX ? weight : (uint32_t)WEIGHT_MAX,
                   .day = day};
}

/* The entries of one feature, among others'. */
typedef struct own {
    uint64_t *entries; /* of all */
    size_t count;      /* of all */
    size_t own_count;
    size_t place; /* of the word looked for; `count` where it is not */
} own;

static own look(uint64_t *entries, size_t count, uint32_t top, uint32_t word)
{
    own found = {.entries = entries, .count = count, .place = count};
    const uint64_t key = (uint64_t)top << 20 | word;
    for (size_t i = 0; i < count; i++) {
        found.own_count += entries[i] >> TOP_SHIFT == top;
        if (entries[i] >> WORD_SHIFT == key)
            found.place = i;
    }
    return found;
}

static int64_t newest_of(const uint64_t *entries, size_t count, uint32_t top, int64_t day)
{
    for (size_t i = 0; i < count; i++) {
        const entry e = unpack(entries[i]);
        day = e.top == top && e.day > day ? e.day : day;
    }
    return day;
}

/* The place of the weakest of a feature as of a day; of equals the first. */
static size_t weakest_of(const uint64_t *entries, size_t count, uint32_t top,
                         uint16_t half_life_days, int64_t day, uint32_t *ret_weight)
{
    size_t place = count;
    for (size_t i = 0; i < count; i++) {
        const entry e = unpack(entries[i]);
        const uint32_t weight = faded(e.weight, half_life_days, day - e.day);
        if (e.top != top || (place < count && weight >= *ret_weight))
            continue;
        *ret_weight = weight;
        place = i;
    }
    return place;
}

/* A full feature: in the place of one that is no stronger. */
static void take_place(uint64_t *entries, size_t count, entry fresh,
                       uint16_t half_life_days)
{
    uint32_t weight = 0;
    const int64_t day = newest_of(entries, count, fresh.top, fresh.day);
    const size_t place =
        weakest_of(entries, count, fresh.top, half_life_days, day, &weight);
    if (weight <= faded(fresh.weight, half_life_days, day - fresh.day))
        entries[place] = pack(fresh);
}

static void append(mr_block_pool *pool, mr_list *list, entry e)
{
    uint64_t *gap = mr_list_insert(pool, list, list->count, sizeof(*gap));
    *gap = pack(e);
}

void mr_fading_top_apply(mr_applying *applying, const mr_step *step)
{
    const mr_operation *operation = &applying->plan->operations[step->operation];
    const uint16_t half_life = operation->spec.half_life_days;
    const uint32_t word = mr_applying_word(applying, (mr_of)step->of);
    if (word == MR_ID_NONE)
        return;
    const int64_t day = applying->day;
    const entry fresh = {.top = operation->top,
                         .word = word,
                         .weight = ONE,
                         .day = day < DAY_MAX ? day : DAY_MAX};
    mr_list *list = mr_row_list(*applying->row, step->list_offset);
    const own found =
        look(mr_list_elements(applying->pool, list), list->count, fresh.top, word);
    if (found.place < found.count)
        found.entries[found.place] =
            pack(sum_of(unpack(found.entries[found.place]), fresh, half_life));
    else if (found.own_count < step->length)
        append(applying->pool, list, fresh);
    else
        take_place(found.entries, found.count, fresh, half_life);
}

/* Together they may be twice as many; the weakest go. */
void mr_fading_top_merge(const mr_merging *merging, const mr_operation *operation)
{
    uint64_t entries[MR_TOPS_MAX * MR_TOP_WORDS_MAX + MR_TOP_WORDS_MAX];
    const uint16_t half_life = operation->spec.half_life_days;
    mr_list *list = mr_row_list(merging->into, operation->list_offset);
    const mr_list *added = mr_row_list(merging->from, operation->list_offset);
    const uint64_t *others = mr_list_elements(merging->pool, added);
    size_t count = list->count;
    if (count > 0)
        memcpy(entries, mr_list_elements(merging->pool, list), count * sizeof(*entries));
    for (size_t i = 0; i < added->count; i++) {
        const entry other = unpack(others[i]);
        if (other.top != operation->top)
            continue;
        const own found = look(entries, count, other.top, other.word);
        if (found.place < count)
            entries[found.place] =
                pack(sum_of(unpack(entries[found.place]), other, half_life));
        else
            entries[count++] = others[i];
    }
    while (look(entries, count, operation->top, 0).own_count > operation->spec.length) {
        uint32_t weight = 0;
        const size_t place =
            weakest_of(entries, count, operation->top, half_life,
                       newest_of(entries, count, operation->top, 0), &weight);
        count--;
        memmove(&entries[place], &entries[place + 1], (count - place) * sizeof(*entries));
    }
    mr_list_replace(merging->pool, list, entries, count, sizeof(*entries));
}

void mr_fading_top_encode(const mr_operation *operation, const mr_block_pool *pool,
                          mr_row row, mr_buffer *buffer)
{
    const mr_list *list = mr_row_list(row, operation->list_offset);
    uint64_t *entries = mr_list_elements(pool, list);
    mr_put_varint(buffer, look(entries, list->count, operation->top, 0).own_count);
    for (size_t i = 0; i < list->count; i++) {
        const entry e = unpack(entries[i]);
        if (e.top != operation->top)
            continue;
        mr_put_varint(buffer, e.word);
        mr_put_varint(buffer, e.weight);
        mr_put_varint(buffer, (uint64_t)e.day);
    }
}

/* Words are held against the table when the profile has been read: mr_fading_top_is_sound(). */
mr_status mr_fading_top_decode(const mr_operation *operation, mr_block_pool *pool,
                               mr_row row, mr_reader *reader)
{
    mr_list *list = mr_row_list(row, operation->list_offset);
    const uint64_t count = mr_get_varint(reader);
    if (count > operation->spec.length)
        return MR_ERR_CORRUPT;
    for (size_t i = 0; i < (size_t)count; i++) {
        const uint64_t word = mr_get_varint(reader);
        const uint64_t weight = mr_get_varint(reader);
        const uint64_t day = mr_get_varint(reader);
        if (reader->failed || word >= MR_WORDS_MAX || weight > WEIGHT_MAX ||
            day > DAY_MAX ||
            look(mr_list_elements(pool, list), list->count, operation->top,
                 (uint32_t)word)
                    .place < list->count)
            return MR_ERR_CORRUPT;
        append(pool, list,
               (entry){operation->top, (uint32_t)word, (uint32_t)weight, (int64_t)day});
    }
    return MR_OK;
}

bool mr_fading_top_is_sound(const mr_operation *operation, const mr_block_pool *pool,
                            mr_row row, uint32_t words)
{
    const mr_list *list = mr_row_list(row, operation->list_offset);
    const uint64_t *entries = mr_list_elements(pool, list);
    for (size_t i = 0; i < list->count; i++) {
        if (unpack(entries[i]).word >= words)
            return false;
    }
    return true;
}

void mr_fading_top_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const mr_list *list = mr_row_list(w->row, operation->list_offset);
    const uint64_t *entries = mr_list_elements(w->pool, list);
    mr_json_begin_array(&w->json);
    for (size_t i = 0; i < list->count; i++) {
        const entry e = unpack(entries[i]);
        if (e.top != operation->top)
            continue;
        mr_json_begin_array(&w->json);
        mr_json_put_text(&w->json, mr_id_table_id(w->names->words, e.word));
        mr_json_put_uint(&w->json, e.weight);
        mr_json_put_int(&w->json, e.day);
        mr_json_end_array(&w->json);
    }
    mr_json_end_array(&w->json);
}

static bool read_entry(mr_json_value *value, mr_text *ret_text, entry *ret_entry)
{
    int64_t weight;
    if (!mr_json_is_array(value) || mr_json_count(value) != JSON_MEMBERS ||
        !mr_json_int_within(mr_json_at(value, 1), 0, WEIGHT_MAX, &weight) ||
        !mr_json_int_within(mr_json_at(value, 2), 0, DAY_MAX, &ret_entry->day))
        return false;
    ret_entry->weight = (uint32_t)weight;
    *ret_text = mr_json_text(mr_json_at(value, 0), (mr_text){0});
    return ret_text->length > 0 && ret_text->length <= MR_EVENT_ID_BYTES_MAX;
}

bool mr_fading_top_read_json(const mr_link_reading *r, const mr_operation *operation,
                             mr_json_value *value)
{
    mr_list *list = mr_row_list(r->row, operation->list_offset);
    if (!mr_link_is_array(value, operation->spec.length))
        return false;
    for (size_t i = 0; i < mr_json_count(value); i++) {
        entry e = {.top = operation->top};
        mr_text text;
        if (!read_entry(mr_json_at(value, i), &text, &e))
            return false;
        const mr_status status = mr_words_put(r->names->words, text, &e.word);
        if (status == MR_ERR_FULL)
            continue; /* as an event's word that comes too late */
        if (status != MR_OK ||
            look(mr_list_elements(r->pool, list), list->count, e.top, e.word).place <
                list->count)
            return false;
        append(r->pool, list, e);
    }
    return true;
}

typedef struct ranked {
    mr_text text;
    uint64_t millionths;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a;
    const ranked *y = b;
    if (x->millionths != y->millionths)
        return x->millionths > y->millionths ? -1 : 1;
    return mr_text_compare(x->text, y->text);
}

/* The strongest first; what has faded to nothing is left out. */
void mr_fading_top_read(mr_reading *reading)
{
    ranked words[MR_TOP_WORDS_MAX];
    const mr_operation *operation = reading->operation;
    const mr_list *list = mr_row_list(reading->row, operation->list_offset);
    const uint64_t *entries = mr_list_elements(reading->pool, list);
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const entry e = unpack(entries[i]);
        if (e.top != operation->top)
            continue;
        const int64_t age = reading->at_day - e.day;
        const uint64_t share =
            mr_plan_fade(operation->spec.half_life_days, age > 0 ? age : 0);
        const uint64_t millionths =
            (uint64_t)((wide)e.weight * share * 1000000 >>
                       (MR_PLAN_FADE_BITS + MR_TOP_FRACTION_BITS));
        if (millionths > 0)
            words[count++] =
                (ranked){mr_id_table_id(reading->names->words, e.word), millionths};
    }
    qsort(words, count, sizeof(*words), compare_ranked);
    for (size_t i = 0; i < count; i++) {
        mr_reading_text(reading, 0, words[i].text);
        mr_reading_number(reading, (int64_t)words[i].millionths);
    }
}

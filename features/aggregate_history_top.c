/*
 * What the items of a history have in common: the strongest categories, brands or price bands.
 *
 * Each entry weighs one, halved with its age, for the word that was last said of its item
 * (features/item_words.h).  Nothing of it is kept in a profile.
 */
#include "features/aggregate.h"

#include <stdlib.h>
#include <string.h>

typedef struct weighed {
    uint32_t word;
    uint64_t weight; /* MR_PLAN_FADE_BITS fraction bits */
    mr_text text;
} weighed;

static int compare_words(const void *a, const void *b)
{
    const weighed *x = a;
    const weighed *y = b;
    return (x->word > y->word) - (x->word < y->word);
}

static int compare_weights(const void *a, const void *b)
{
    const weighed *x = a;
    const weighed *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return mr_text_compare(x->text, y->text);
}

/* Words and weights of the entries whose items have any. */
static size_t gather(const mr_reading *reading, weighed *ret_words)
{
    const mr_feature_spec *spec = &reading->operation->spec;
    const mr_list *list = mr_row_list(reading->row, reading->plan->history->list_offset);
    const mr_history_entry *entries = mr_list_elements(reading->pool, list);
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const uint32_t word = mr_item_words_get(
            reading->names->item_words, entries[i].item, (int)spec->of - MR_OF_CATEGORY);
        const int64_t day =
            mr_zone_day(&reading->plan->settings.zone, (int64_t)entries[i].time_s * 1000);
        const int64_t age = reading->at_day - day;
        if (word == MR_ID_NONE || (spec->on & MR_ON(entries[i].type)) == 0)
            continue;
        ret_words[count++] =
            (weighed){.word = word,
                      .weight = mr_plan_fade(spec->half_life_days, age > 0 ? age : 0)};
    }
    return count;
}

/* One entry for each word; returns how many. */
static size_t sum_up(weighed *words, size_t count)
{
    size_t different = 0;
    qsort(words, count, sizeof(*words), compare_words);
    for (size_t i = 0; i < count; i++) {
        if (different > 0 && words[different - 1].word == words[i].word)
            words[different - 1].weight += words[i].weight;
        else
            words[different++] = words[i];
    }
    return different;
}

void mr_history_top_read(mr_reading *reading)
{
    weighed words[MR_SHARD_HISTORY_MAX];
    if (reading->names == NULL || reading->names->item_words == NULL)
        return;
    size_t count = sum_up(words, gather(reading, words));
    for (size_t i = 0; i < count; i++)
        words[i].text = mr_id_table_id(reading->names->words, words[i].word);
    qsort(words, count, sizeof(*words), compare_weights);
    for (size_t i = 0; i < count && i < reading->operation->spec.length; i++) {
        const uint64_t millionths = words[i].weight * 1000000 >> MR_PLAN_FADE_BITS;
        if (millionths == 0)
            break;
        mr_reading_text(reading, 0, words[i].text);
        mr_reading_number(reading, (int64_t)millionths);
    }
}

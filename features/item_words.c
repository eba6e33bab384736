#include "features/item_words.h"

#include "core/assert.h"
#include "features/item_array.h"

void mr_item_words_deinit(mr_item_words *words)
{
    free(words->items);
    *words = (mr_item_words){0};
}

size_t mr_item_words_bytes(const mr_item_words *words)
{
    return words->capacity * sizeof(*words->items);
}

mr_status mr_item_words_reserve(mr_item_words *words, size_t count)
{
    if (count <= words->capacity)
        return MR_OK;
    void *grown =
        mr_item_array_grow(words->items, &words->capacity, sizeof(*words->items), count);
    if (grown == NULL)
        return MR_ERR_NO_MEMORY;
    words->items = grown;
    return MR_OK;
}

bool mr_item_words_is_news(const mr_item_words *words, const mr_id_table *table,
                           uint32_t item, int field, mr_item_word word)
{
    const mr_item_word *kept = &words->items[item][field];
    if (kept->word_plus_one == 0 || word.time_s > kept->time_s)
        return true;
    if (word.time_s < kept->time_s || word.word_plus_one == kept->word_plus_one)
        return false;
    return mr_text_compare(mr_id_table_id(table, word.word_plus_one - 1),
                           mr_id_table_id(table, kept->word_plus_one - 1)) > 0;
}

void mr_item_words_put(mr_item_words *words, uint32_t item, int field, mr_item_word word)
{
    MR_ASSERT(item < words->capacity);
    words->items[item][field] = word;
}

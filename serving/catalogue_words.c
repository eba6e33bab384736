#include "serving/catalogue_words.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

enum {
    WORDS_START = 256,
    PAIR = 'a',
    KEY_BYTES_MAX = 1 + MR_CATALOGUE_FIELD_BYTES_MAX,
};
_Static_assert(MR_WORD_NONE == MR_ID_NONE, "a word is an index of the table");
_Static_assert(2 + MR_ATTRIBUTE_NAME_BYTES_MAX + MR_ATTRIBUTE_VALUE_BYTES_MAX <=
                   KEY_BYTES_MAX,
               "a pair fits");

/* A word is kept under its kind and its text; a pair under 'a', name, NUL and value. */
typedef struct word_key {
    char bytes[KEY_BYTES_MAX];
    uint32_t length;
} word_key;

static void append(word_key *key, mr_text text)
{
    MR_ASSERT(text.length <= KEY_BYTES_MAX - key->length);
    if (text.length > 0)
        memcpy(key->bytes + key->length, text.bytes, text.length);
    key->length += text.length;
}

static mr_text key_of(word_key *key, mr_word_kind kind, mr_text text)
{
    key->bytes[0] = (char)kind;
    key->length = 1;
    append(key, text);
    return (mr_text){key->bytes, key->length};
}

static mr_text key_of_pair(word_key *key, const mr_attribute *attribute)
{
    key->bytes[0] = PAIR;
    key->length = 1;
    append(key, attribute->name);
    append(key, (mr_text){"", 1});
    append(key, attribute->value);
    return (mr_text){key->bytes, key->length};
}

mr_status mr_catalogue_words_init(mr_catalogue_words *words, const mr_hash_key *key)
{
    return mr_id_table_create(key, &words->table);
}

void mr_catalogue_words_deinit(mr_catalogue_words *words)
{
    mr_id_table_destroy(words->table);
    free(words->name_of);
    free(words->uses);
    *words = (mr_catalogue_words){0};
}

uint32_t mr_catalogue_words_count(const mr_catalogue_words *words)
{
    return mr_id_table_count(words->table);
}

/* Room for so many words in the arrays beside the table. */
static mr_status reserve(mr_catalogue_words *words, uint32_t count)
{
    uint32_t capacity = words->capacity > 0 ? words->capacity : WORDS_START;
    while (capacity < count)
        capacity *= 2;
    if (capacity == words->capacity)
        return MR_OK;
    uint32_t *name_of = reallocarray(words->name_of, capacity, sizeof(uint32_t));
    if (name_of == NULL)
        return MR_ERR_NO_MEMORY;
    words->name_of = name_of;
    uint32_t *uses = reallocarray(words->uses, capacity, sizeof(uint32_t));
    if (uses == NULL)
        return MR_ERR_NO_MEMORY;
    words->uses = uses;
    words->capacity = capacity;
    return MR_OK;
}

/* Of a word that the table has just given an index. */
static void note(mr_catalogue_words *words, uint32_t word, uint32_t before,
                 uint32_t name_word)
{
    if (word < before)
        return;
    words->name_of[word] = name_word;
    words->uses[word] = 0;
}

static mr_status put(mr_catalogue_words *words, mr_text key, uint32_t name_word,
                     uint32_t *ret_word)
{
    const uint32_t before = mr_id_table_count(words->table);
    MR_TRY(reserve(words, before + 1));
    MR_TRY(mr_id_table_put(words->table, key, ret_word));
    note(words, *ret_word, before, name_word);
    return MR_OK;
}

mr_status mr_catalogue_words_put(mr_catalogue_words *words, mr_word_kind kind,
                                 mr_text text, uint32_t *ret_word)
{
    word_key key;
    return put(words, key_of(&key, kind, text), MR_WORD_NONE, ret_word);
}

mr_status mr_catalogue_words_put_pair(mr_catalogue_words *words,
                                      const mr_attribute *attribute, uint32_t *ret_word)
{
    word_key key;
    uint32_t name_word;
    MR_TRY(mr_catalogue_words_put(words, MR_WORD_OF_NAME, attribute->name, &name_word));
    return put(words, key_of_pair(&key, attribute), name_word, ret_word);
}

uint32_t mr_catalogue_words_find(const mr_catalogue_words *words, mr_word_kind kind,
                                 mr_text text)
{
    word_key key;
    if (text.length > MR_CATALOGUE_FIELD_BYTES_MAX)
        return MR_WORD_NONE;
    return mr_id_table_find(words->table, key_of(&key, kind, text));
}

uint32_t mr_catalogue_words_find_pair(const mr_catalogue_words *words,
                                      const mr_attribute *attribute)
{
    word_key key;
    if (!mr_attribute_name_is_valid(attribute->name) ||
        attribute->value.length > MR_ATTRIBUTE_VALUE_BYTES_MAX)
        return MR_WORD_NONE;
    return mr_id_table_find(words->table, key_of_pair(&key, attribute));
}

void mr_catalogue_words_use(mr_catalogue_words *words, uint32_t word)
{
    if (word == MR_WORD_NONE)
        return;
    words->used += words->uses[word]++ == 0;
    mr_catalogue_words_use(words, words->name_of[word]);
}

void mr_catalogue_words_release(mr_catalogue_words *words, uint32_t word)
{
    if (word == MR_WORD_NONE)
        return;
    MR_ASSERT(words->uses[word] > 0);
    words->used -= --words->uses[word] == 0;
    mr_catalogue_words_release(words, words->name_of[word]);
}

mr_text mr_catalogue_words_text(const mr_catalogue_words *words, uint32_t word)
{
    const mr_text key = mr_id_table_id(words->table, word);
    return (mr_text){key.bytes + 1, key.length - 1};
}

mr_attribute mr_catalogue_words_pair(const mr_catalogue_words *words, uint32_t word)
{
    const mr_text both = mr_catalogue_words_text(words, word);
    const char *nul = memchr(both.bytes, '\0', both.length);
    MR_ASSERT(nul != NULL);
    const uint32_t name_bytes = (uint32_t)(nul - both.bytes);
    return (mr_attribute){
        .name = {both.bytes, name_bytes},
        .value = {nul + 1, both.length - name_bytes - 1},
    };
}

mr_status mr_catalogue_words_copy(const mr_catalogue_words *words, const mr_hash_key *key,
                                  mr_catalogue_words *ret_words, uint32_t *ret_map)
{
    mr_catalogue_words copy = {0};
    mr_status status = mr_catalogue_words_init(&copy, key);
    if (status == MR_OK)
        status = reserve(&copy, words->used);
    for (uint32_t i = 0; i < mr_catalogue_words_count(words) && status == MR_OK; i++) {
        ret_map[i] = MR_WORD_NONE;
        if (words->uses[i] == 0)
            continue;
        status = mr_id_table_put_hashed(copy.table, mr_id_table_hash(words->table, i),
                                        mr_id_table_id(words->table, i), &ret_map[i]);
        if (status != MR_OK)
            break;
        /* A name came before its pairs. */
        copy.name_of[ret_map[i]] =
            words->name_of[i] == MR_WORD_NONE ? MR_WORD_NONE : ret_map[words->name_of[i]];
        copy.uses[ret_map[i]] = words->uses[i];
    }
    copy.used = words->used;
    if (status == MR_OK)
        *ret_words = copy;
    else
        mr_catalogue_words_deinit(&copy);
    return status;
}

#include "serving/diversity.h"

static const float same_category = 0.5F;
static const float same_brand = 0.25F;
static const float all_attributes = 0.25F;

/* The share of the words of both lists in those of either; both ascend. */
static float shared_part(const mr_catalogue_item *a, const mr_catalogue_item *b)
{
    size_t i = 0;
    size_t j = 0;
    size_t shared = 0;
    while (i < a->attribute_count && j < b->attribute_count) {
        const uint32_t left = a->attribute_words[i];
        const uint32_t right = b->attribute_words[j];
        shared += left == right;
        i += left <= right;
        j += right <= left;
    }
    const size_t either = (size_t)a->attribute_count + b->attribute_count - shared;
    return either == 0 ? 0.0F : (float)shared / (float)either;
}

static bool has_same_category(const mr_catalogue_item *a, const mr_catalogue_item *b)
{
    return a->category_count > 0 && b->category_count > 0 &&
           a->category_words[0] == b->category_words[0];
}

float mr_item_similarity(const mr_catalogue_item *a, const mr_catalogue_item *b)
{
    if (a == NULL || b == NULL)
        return 0.0F;
    float similarity = all_attributes * shared_part(a, b);
    if (has_same_category(a, b))
        similarity += same_category;
    if (a->brand_word != MR_WORD_NONE && a->brand_word == b->brand_word)
        similarity += same_brand;
    return similarity;
}

void mr_diversity_add(mr_diverse_item *pool, size_t count,
                      const mr_catalogue_item *standing)
{
    if (standing == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        if (pool[i].is_gone)
            continue;
        const float similarity = mr_item_similarity(pool[i].item, standing);
        if (similarity > pool[i].nearest)
            pool[i].nearest = similarity;
    }
}

size_t mr_diversity_best(const mr_diverse_item *pool, size_t count, float diversity)
{
    size_t best = SIZE_MAX;
    float best_worth = 0.0F;
    for (size_t i = 0; i < count; i++) {
        if (pool[i].is_gone)
            continue;
        const float worth =
            (1.0F - diversity) * pool[i].relevance - diversity * pool[i].nearest;
        if (best == SIZE_MAX || worth > best_worth) {
            best = i;
            best_worth = worth;
        }
    }
    return best;
}

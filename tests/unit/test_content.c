/*
 * Method: TF-IDF rows, scores and reasons against their definition, in double over a dense table
 * with a column a word of the test's own vocabulary; every way stored arrays can be damaged must
 * be refused.
 */
#include "tests/support.h"

#include "models/blas.h"
#include "models/content.h"
#include "models/npy.h"
#include "models/random.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ITEMS = 40, WORDS = 12, TAGS = 5, FIELDS = 2, DIMENSION = 7, QUERY = 6 };

/* As told: how often word w stands in the title of an item, and which tag it has. */
typedef struct told {
    int words[ITEMS][WORDS];
    int tag[ITEMS];
    double price[ITEMS]; /* 0: unknown */
    float embeddings[ITEMS][DIMENSION];
} told;

/* The last item has nothing; every third has no price. */
static void make_told(told *t)
{
    memset(t, 0, sizeof(*t));
    for (uint32_t i = 0; i < ITEMS - 1; i++) {
        for (uint64_t n = 0; n < 4 + i % 3; n++) {
            const double u = mr_random_uniform(i, n);
            t->words[i][(int)(u * u * WORDS)]++;
        }
        t->tag[i] = (int)(mr_random_bits(7, i) % TAGS);
        t->price[i] = i % 3 == 0 ? 0.0 : exp2(mr_random_normal(8, i));
        for (uint64_t d = 0; d < DIMENSION; d++)
            t->embeddings[i][d] = (float)mr_random_normal(100 + i, d);
    }
}

static mr_content_builder *tell(const told *t, bool embeddings, bool prices)
{
    mr_content_builder *builder = NULL;
    assert_ok(mr_content_builder_create(ITEMS, &builder));
    for (uint32_t i = 0; i < ITEMS; i++) {
        char text[16];
        for (int w = 0; w < WORDS; w++)
            for (int n = 0; n < t->words[i][w]; n++) {
                (void)snprintf(text, sizeof(text), "Word%d", w);
                assert_ok(mr_content_builder_add(builder, i, MR_CONTENT_TITLE,
                                                 mr_text_from(text)));
            }
        (void)snprintf(text, sizeof(text), "tag %d", t->tag[i]);
        if (i < ITEMS - 1)
            assert_ok(
                mr_content_builder_add(builder, i, MR_CONTENT_TAG, mr_text_from(text)));
        if (prices)
            assert_ok(mr_content_builder_price(builder, i, t->price[i]));
    }
    if (embeddings)
        assert_ok(mr_content_builder_embeddings(builder, t->embeddings[0], DIMENSION,
                                                DIMENSION));
    return builder;
}

static mr_content *build(const told *t, const mr_content_options *options,
                         bool embeddings, bool prices)
{
    mr_content *content = NULL;
    mr_content_builder *builder = tell(t, embeddings, prices);
    assert_ok(mr_content_build(builder, options, &content, NULL));
    mr_content_builder_destroy(builder);
    return content;
}

static double length_of(const double *values, int count)
{
    double square = 0.0;
    for (int i = 0; i < count; i++)
        square += values[i] * values[i];
    return square > 0.0 ? sqrt(square) : 1.0;
}

/* The row of an item by definition: title words, then tags. */
static void row_by_definition(const told *t, const mr_content_options *options,
                              uint32_t item, double row[WORDS + TAGS])
{
    memset(row, 0, (WORDS + TAGS) * sizeof(*row));
    for (int w = 0; w < WORDS + TAGS; w++) {
        double having = 0.0;
        for (uint32_t i = 0; i < ITEMS - 1; i++)
            having += w < WORDS ? t->words[i][w] > 0 : t->tag[i] == w - WORDS;
        const int n = item == ITEMS - 1 ? 0
                      : w < WORDS       ? t->words[item][w]
                                        : t->tag[item] == w - WORDS;
        if (n > 0 && having >= options->document_min)
            row[w] = (1.0 + log(n)) * log(1.0 + ITEMS / having);
    }
    const double title = length_of(row, WORDS);
    const double tags = length_of(row + WORDS, TAGS);
    for (int w = 0; w < WORDS + TAGS; w++)
        row[w] *= w < WORDS ? (double)options->field_weights[MR_CONTENT_TITLE] / title
                            : (double)options->field_weights[MR_CONTENT_TAG] / tags;
    const double whole = length_of(row, WORDS + TAGS);
    for (int w = 0; w < WORDS + TAGS; w++)
        row[w] /= whole;
}

static void embedding_by_definition(const told *t, uint32_t item, double row[DIMENSION])
{
    for (int d = 0; d < DIMENSION; d++)
        row[d] = (double)t->embeddings[item][d];
    const double length = length_of(row, DIMENSION);
    for (int d = 0; d < DIMENSION; d++)
        row[d] /= length;
}

static double dot(const double *a, const double *b, int count)
{
    double sum = 0.0;
    for (int i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static double fade(const mr_content_options *options, const mr_query *query, size_t t)
{
    if (query->item[t] >= ITEMS)
        return 0.0;
    return options->query_scale > 0.0F
               ? exp(-(double)(query->count - 1 - t) / (double)options->query_scale)
               : 1.0;
}

static double score_by_definition(const told *t, const mr_content_options *options,
                                  const mr_query *query, uint32_t item)
{
    double terms[WORDS + TAGS] = {0};
    double embedding[DIMENSION] = {0};
    double row[WORDS + TAGS];
    double mean = 0.0;
    double weights = 0.0;
    for (size_t q = 0; q < query->count; q++) {
        const double weight = fade(options, query, q);
        const uint32_t of = query->item[q];
        if (of >= ITEMS)
            continue;
        row_by_definition(t, options, of, row);
        for (int w = 0; w < WORDS + TAGS; w++)
            terms[w] += weight * row[w];
        embedding_by_definition(t, of, row);
        for (int d = 0; d < DIMENSION; d++)
            embedding[d] += weight * row[d];
        mean += t->price[of] > 0.0 ? weight * log2(t->price[of]) : 0.0;
        weights += t->price[of] > 0.0 ? weight : 0.0;
    }
    row_by_definition(t, options, item, row);
    double score = (double)options->sparse_weight * dot(terms, row, WORDS + TAGS) /
                   length_of(terms, WORDS + TAGS);
    embedding_by_definition(t, item, row);
    score += (double)options->dense_weight *
             fmax(0.0, dot(embedding, row, DIMENSION) / length_of(embedding, DIMENSION));
    if (weights > 0.0 && t->price[item] > 0.0)
        score += (double)options->price_weight *
                 fmax(0.0, 1.0 - fabs(log2(t->price[item]) - mean / weights) /
                                     (double)options->price_octaves);
    return score;
}

static const uint32_t HISTORY[QUERY] = {3, 17, ITEMS + 5, 17, ITEMS - 1, 8};
static const mr_query ASKED = {.item = HISTORY, .count = QUERY};

static void score(const mr_content *content, const mr_query *query, float *row)
{
    mr_content_scratch *scratch = NULL;
    assert_ok(mr_content_scratch_create(content, &scratch));
    mr_content_score(content, scratch, query, row);
    mr_content_scratch_destroy(scratch);
}

static void test_scores_equal_the_definition(void **state)
{
    (void)state;
    static const float scales[] = {0.0F, 1.5F};
    told t;
    make_told(&t);
    for (size_t s = 0; s < 2; s++) {
        float row[ITEMS];
        mr_content_options options = mr_content_options_default();
        options.query_scale = scales[s];
        options.dense_weight = 0.4F;
        mr_content *content = build(&t, &options, true, true);
        score(content, &ASKED, row);
        for (uint32_t i = 0; i < ITEMS; i++) {
            const double expected = score_by_definition(&t, &options, &ASKED, i);
            assert_true(fabs((double)row[i] - expected) < 2e-6);
        }
        assert_true(row[ITEMS - 1] <= 0.0F && row[0] > 0.0F);
        mr_content_destroy(content);
    }
}

static void test_the_reason_is_the_item_most_similar(void **state)
{
    (void)state;
    told t;
    make_told(&t);
    mr_content_options options = mr_content_options_default();
    options.query_scale = 4.0F;
    mr_content *content = build(&t, &options, true, false);
    for (uint32_t i = 0; i < ITEMS; i++) {
        double a[WORDS + TAGS];
        double b[WORDS + TAGS];
        double largest = 0.0;
        size_t reason = QUERY;
        for (size_t q = 0; q < QUERY; q++) {
            if (HISTORY[q] >= ITEMS)
                continue;
            row_by_definition(&t, &options, i, a);
            row_by_definition(&t, &options, HISTORY[q], b);
            double term = dot(a, b, WORDS + TAGS);
            embedding_by_definition(&t, i, a);
            embedding_by_definition(&t, HISTORY[q], b);
            term += fmax(0.0, dot(a, b, DIMENSION));
            term *= fade(&options, &ASKED, q);
            if (term > largest * (1.0 + 1e-6)) {
                largest = term;
                reason = q;
            }
        }
        float term = -1.0F;
        assert_int_equal(mr_content_because(content, &ASKED, i, &term), reason);
        assert_true(fabs((double)term - largest) < 2e-6);
    }
    mr_content_destroy(content);
}

static void test_an_item_nobody_touched_is_found_by_its_description(void **state)
{
    (void)state;
    static const char *const titles[] = {"red ceramic mug", "blue garden chair",
                                         "red ceramic bowl", "green garden chair"};
    mr_content_builder *builder = NULL;
    mr_content *content = NULL;
    float row[4];
    const mr_content_options options = mr_content_options_default();
    assert_ok(mr_content_builder_create(4, &builder));
    for (uint32_t i = 0; i < 4; i++)
        assert_ok(mr_content_builder_add(builder, i, MR_CONTENT_TITLE,
                                         mr_text_from(titles[i])));
    assert_ok(mr_content_build(builder, &options, &content, NULL));
    score(content, &(mr_query){.item = (uint32_t[]){0}, .count = 1}, row);
    assert_close(row[0], 1.0, 1e-6);
    assert_close(row[2], 1.0, 1e-6); /* "mug" and "bowl" have one item each: left out */
    assert_true(row[1] <= 0.0F && row[3] <= 0.0F);
    mr_content_destroy(content);
    mr_content_builder_destroy(builder);
}

static void test_an_empty_query_scores_nothing(void **state)
{
    (void)state;
    told t;
    make_told(&t);
    const mr_content_options options = mr_content_options_default();
    mr_content *content = build(&t, &options, true, true);
    static const uint32_t strangers[] = {ITEMS, UINT32_MAX, ITEMS - 1};
    float row[ITEMS];
    for (size_t count = 0; count <= 3; count++) {
        score(content, &(mr_query){.item = strangers, .count = count}, row);
        for (uint32_t i = 0; i < ITEMS; i++)
            assert_true(row[i] <= 0.0F && row[i] >= 0.0F);
    }
    mr_content_destroy(content);
}

static void test_a_scratch_is_clean_after_each_query(void **state)
{
    (void)state;
    told t;
    make_told(&t);
    const mr_content_options options = mr_content_options_default();
    mr_content *content = build(&t, &options, true, true);
    mr_content_scratch *scratch = NULL;
    float first[ITEMS];
    float again[ITEMS];
    assert_ok(mr_content_scratch_create(content, &scratch));
    mr_content_score(content, scratch, &ASKED, first);
    mr_content_score(content, scratch, &(mr_query){.item = HISTORY, .count = 2}, again);
    mr_content_score(content, scratch, &ASKED, again);
    assert_memory_equal(first, again, sizeof(first));
    mr_content_scratch_destroy(scratch);
    mr_content_destroy(content);
}

static void test_the_order_of_telling_makes_no_difference(void **state)
{
    (void)state;
    static const char *const tags[] = {"a", "b", "c"};
    const mr_content_options options = mr_content_options_default();
    mr_content *contents[2];
    for (uint32_t way = 0; way < 2; way++) {
        mr_content_builder *builder = NULL;
        assert_ok(mr_content_builder_create(9, &builder));
        for (uint32_t n = 0; n < 27; n++) {
            const uint32_t at = way == 0 ? n : 26 - n;
            assert_ok(mr_content_builder_add(builder, at / 3, MR_CONTENT_TAG,
                                             mr_text_from(tags[at * at % 3])));
        }
        assert_ok(mr_content_build(builder, &options, &contents[way], NULL));
        mr_content_builder_destroy(builder);
    }
    const mr_content_arrays one = mr_content_arrays_of(contents[0]);
    const mr_content_arrays other = mr_content_arrays_of(contents[1]);
    const uint64_t count = mr_sparse_matrix_count(&one.terms);
    assert_int_equal(count, mr_sparse_matrix_count(&other.terms));
    assert_memory_equal(one.terms.index, other.terms.index, count * sizeof(uint32_t));
    assert_memory_equal(one.terms.values, other.terms.values, count * sizeof(float));
    mr_content_destroy(contents[0]);
    mr_content_destroy(contents[1]);
}

static void test_few_buckets_mix_terms_but_not_the_scale(void **state)
{
    (void)state;
    told t;
    make_told(&t);
    mr_content_options options = mr_content_options_default();
    options.bucket_bits = MR_CONTENT_BUCKET_BITS_MIN;
    mr_content *content = build(&t, &options, false, false);
    float row[ITEMS];
    for (uint32_t i = 0; i < ITEMS - 1; i++) {
        score(content, &(mr_query){.item = &i, .count = 1}, row);
        assert_close(row[i], 1.0, 1e-5);
        for (uint32_t j = 0; j < ITEMS; j++)
            assert_true(row[j] >= 0.0F && row[j] <= 1.0F + 1e-5F);
    }
    mr_content_destroy(content);
}

static void test_opened_arrays_score_the_same_bits(void **state)
{
    (void)state;
    told t;
    make_told(&t);
    const mr_content_options options = mr_content_options_default();
    mr_content *content = build(&t, &options, true, true);
    mr_content *opened = NULL;
    float one[ITEMS];
    float other[ITEMS];
    const mr_content_arrays arrays = mr_content_arrays_of(content);
    assert_ok(mr_content_open(&arrays, &opened, NULL));
    score(content, &ASKED, one);
    score(opened, &ASKED, other);
    assert_memory_equal(one, other, sizeof(one));
    mr_content_destroy(opened); /* which borrowed */
    score(content, &ASKED, other);
    assert_memory_equal(one, other, sizeof(one));
    mr_content_destroy(content);
}

static void assert_refused(const mr_content_arrays *arrays)
{
    mr_content *content = NULL;
    mr_error error = {{0}};
    assert_int_equal(mr_content_open(arrays, &content, &error), MR_ERR_CORRUPT);
    assert_null(content);
    assert_int_equal(strncmp(error.message, "content: ", 9), 0);
}

/* Each kind of damage, and the mending of it. */
#define assert_damage_is_refused(arrays, place, damaged)                                 \
    do {                                                                                 \
        __typeof__(place) kept_ = (place);                                               \
        (place) = (damaged);                                                             \
        assert_refused(arrays);                                                          \
        (place) = kept_;                                                                 \
    } while (0)

static void test_damaged_arrays_are_refused(void **state)
{
    (void)state;
    told t;
    make_told(&t);
    const mr_content_options options = mr_content_options_default();
    mr_content *content = build(&t, &options, true, true);
    mr_content *opened = NULL;
    mr_content_arrays a = mr_content_arrays_of(content);
    assert_damage_is_refused(&a, a.items, 0);
    assert_damage_is_refused(&a, a.items, ITEMS - 1);
    assert_damage_is_refused(&a, a.options.bucket_bits, 17);
    assert_damage_is_refused(&a, a.options.price_octaves, 0.0F);
    assert_damage_is_refused(&a, a.terms.ptr[0], 1);
    assert_damage_is_refused(&a, a.terms.ptr[3], UINT64_MAX / 2);
    assert_damage_is_refused(&a, a.terms.index[0], a.terms.index[1]);
    assert_damage_is_refused(&a, a.terms.index[1], a.terms.columns);
    assert_damage_is_refused(&a, a.terms.values, NULL);
    assert_damage_is_refused(&a, a.terms.values[2], NAN);
    assert_damage_is_refused(&a, a.terms.values[2], -a.terms.values[2]);
    assert_damage_is_refused(&a, a.terms.values[2], 2.0F);
    assert_damage_is_refused(&a, a.dimension, 0);
    assert_damage_is_refused(&a, a.embedding_stride, DIMENSION - 1);
    assert_damage_is_refused(&a, a.embeddings, NULL);
    assert_damage_is_refused(&a, a.embeddings[5], NAN);
    assert_damage_is_refused(&a, a.embeddings[5], 3.0F);
    assert_damage_is_refused(&a, a.price_log2[1], INFINITY);
    assert_damage_is_refused(&a, a.price_log2[1], NAN);
    assert_ok(mr_content_open(&a, &opened, NULL));
    mr_content_destroy(opened);
    mr_content_destroy(content);
}

static void test_embeddings_are_read_from_a_file(void **state)
{
    (void)state;
    char path[64];
    told t;
    make_told(&t);
    (void)snprintf(path, sizeof(path), "/tmp/test_content_%d.npy", (int)getpid());
    assert_ok(mr_npy_write(path, MR_NPY_F4, 2, (uint64_t[]){ITEMS, DIMENSION},
                           t.embeddings, 0, NULL));
    mr_content_builder *builder = NULL;
    mr_content *content = NULL;
    mr_error error = {{0}};
    const mr_content_options options = mr_content_options_default();
    assert_ok(mr_content_builder_create(ITEMS, &builder));
    assert_int_equal(mr_content_build(builder, &options, &content, NULL),
                     MR_ERR_NOT_FOUND);
    assert_ok(mr_content_builder_embeddings_read(builder, path, &error));
    assert_ok(mr_content_build(builder, &options, &content, NULL));
    float row[ITEMS];
    score(content, &(mr_query){.item = (uint32_t[]){4}, .count = 1}, row);
    assert_close(row[4], 1.0, 1e-6);
    mr_content_destroy(content);
    mr_content_builder_destroy(builder);
    assert_ok(mr_content_builder_create(ITEMS + 1, &builder));
    assert_int_equal(mr_content_builder_embeddings_read(builder, path, &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "40 rows for 41 items"));
    mr_content_builder_destroy(builder);
    (void)unlink(path);
}

static void test_what_cannot_be_is_refused(void **state)
{
    (void)state;
    mr_content_builder *builder = NULL;
    mr_content *content = NULL;
    mr_error error;
    assert_int_equal(mr_content_builder_create(0, &builder), MR_ERR_INVALID);
    assert_ok(mr_content_builder_create(2, &builder));
    assert_int_equal(mr_content_builder_add(builder, 2, MR_CONTENT_TAG, MR_TEXT("x")),
                     MR_ERR_INVALID);
    assert_int_equal(mr_content_builder_add(builder, 0, MR_CONTENT_FIELDS, MR_TEXT("x")),
                     MR_ERR_INVALID);
    assert_int_equal(mr_content_builder_price(builder, 0, -1.0), MR_ERR_INVALID);
    assert_int_equal(mr_content_builder_price(builder, 0, (double)NAN), MR_ERR_INVALID);
    assert_int_equal(mr_content_builder_price(builder, 2, 1.0), MR_ERR_INVALID);
    assert_int_equal(mr_content_builder_embeddings(builder, (float[]){1, INFINITY}, 1, 1),
                     MR_ERR_INVALID);
    assert_int_equal(mr_content_builder_embeddings(builder, (float[]){1, 1}, 1, 0),
                     MR_ERR_INVALID);
    assert_ok(mr_content_builder_add(builder, 0, MR_CONTENT_TAG, MR_TEXT("x")));
    mr_content_options options = mr_content_options_default();
    options.bucket_bits = MR_CONTENT_BUCKET_BITS_MAX + 1;
    assert_int_equal(mr_content_build(builder, &options, &content, &error),
                     MR_ERR_INVALID);
    options = mr_content_options_default();
    options.query_scale = -1.0F;
    assert_int_equal(mr_content_build(builder, &options, &content, &error),
                     MR_ERR_INVALID);
    options = mr_content_options_default();
    options.price_octaves = 2.0F * MR_CONTENT_PRICE_OCTAVES_MAX;
    assert_int_equal(mr_content_build(builder, &options, &content, &error),
                     MR_ERR_INVALID);
    options = mr_content_options_default();
    options.field_weights[MR_CONTENT_TAG] = NAN;
    assert_int_equal(mr_content_build(builder, &options, &content, &error),
                     MR_ERR_INVALID);
    mr_content_builder_destroy(builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_equal_the_definition),
        cmocka_unit_test(test_the_reason_is_the_item_most_similar),
        cmocka_unit_test(test_an_item_nobody_touched_is_found_by_its_description),
        cmocka_unit_test(test_an_empty_query_scores_nothing),
        cmocka_unit_test(test_a_scratch_is_clean_after_each_query),
        cmocka_unit_test(test_the_order_of_telling_makes_no_difference),
        cmocka_unit_test(test_few_buckets_mix_terms_but_not_the_scale),
        cmocka_unit_test(test_opened_arrays_score_the_same_bits),
        cmocka_unit_test(test_damaged_arrays_are_refused),
        cmocka_unit_test(test_embeddings_are_read_from_a_file),
        cmocka_unit_test(test_what_cannot_be_is_refused),
    };
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

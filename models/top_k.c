#include "models/top_k.h"

#include "core/assert.h"
#include "models/blas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Scores scanned between two looks at the room left, so a run of survivors always fits. */
enum { SCAN_STEP = 256, INSERTION_MAX = 16 };

_Static_assert(MR_TOP_K_MAX + SCAN_STEP <= MR_TOP_K_BUFFER,
               "a cut leaves room for a step");

/* ---- order ---- */

/* A float's bits in the order of its value: flip all of a negative, the sign of a positive. */
static uint32_t ordered_bits(float score)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof(bits));
    return bits ^ ((uint32_t)((int32_t)bits >> 31) | UINT32_C(0x80000000));
}

static float score_of(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    bits ^= (bits & UINT32_C(0x80000000)) != 0 ? UINT32_C(0x80000000) : UINT32_MAX;
    float score;
    memcpy(&score, &bits, sizeof(score));
    return score;
}

/* Larger is better: the score first, then the smaller index.  0.0F is added so that -0 and +0
 * are one score. */
static uint64_t key_of(float score, uint32_t index)
{
    return (uint64_t)ordered_bits(score + 0.0F) << 32 | (UINT32_MAX - index);
}

static void swap_keys(uint64_t *a, uint64_t *b)
{
    const uint64_t held = *a;
    *a = *b;
    *b = held;
}

/* Of the first, the middle and the last of keys[left … right - 1], the place of the median. */
static size_t median_place(const uint64_t *keys, size_t left, size_t right)
{
    const size_t middle = left + (right - left) / 2;
    const uint64_t a = keys[left];
    const uint64_t b = keys[middle];
    const uint64_t c = keys[right - 1];
    if ((a < b) == (b < c))
        return middle;
    return (b < a) == (a < c) ? left : right - 1;
}

/*
 * Put what is larger than a pivot, among keys[left … right - 1], in front of it; returns its place.
 * [Hoare 1961]  Lomuto's way needs no branch on a comparison: half of those would be foretold
 * wrongly.
 */
static size_t partition(uint64_t *keys, size_t left, size_t right)
{
    swap_keys(&keys[median_place(keys, left, right)], &keys[right - 1]);
    const uint64_t pivot = keys[right - 1];
    size_t larger = left;
    for (size_t i = left; i < right - 1; i++) {
        const uint64_t key = keys[i];
        keys[i] = keys[larger];
        keys[larger] = key;
        larger += key > pivot;
    }
    swap_keys(&keys[larger], &keys[right - 1]);
    return larger;
}

/* Put the largest k of `count` keys in front, in no order. */
static void select_largest(uint64_t *keys, uint32_t count, uint32_t k)
{
    size_t left = 0;
    size_t right = count;
    while (right - left > 1) {
        const size_t larger = partition(keys, left, right);
        if (k < larger)
            right = larger;
        else if (k > larger + 1)
            left = larger + 1;
        else
            return; /* the pivot is the k-th or the one behind it */
    }
}

static void insert_descending(uint64_t *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const uint64_t key = keys[i];
        size_t at = i;
        for (; at > 0 && keys[at - 1] < key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

/* Largest first: the shorter side by recursion, the longer one in the loop. */
static void sort_descending(uint64_t *keys, size_t count)
{
    while (count > INSERTION_MAX) {
        const size_t larger = partition(keys, 0, count);
        const size_t behind = larger + 1;
        if (larger < count - behind) {
            sort_descending(keys, larger);
            keys += behind;
            count -= behind;
        } else {
            sort_descending(keys + behind, count - behind);
            count = larger;
        }
    }
    insert_descending(keys, count);
}

/* Keep the best k; returns the worst of them, 0 when there are fewer. */
static uint64_t cut_back(mr_top_k_selector *selector)
{
    if (selector->held < selector->k)
        return 0;
    select_largest(selector->survivors, selector->held, selector->k);
    selector->held = selector->k;
    uint64_t worst = selector->survivors[0];
    for (uint32_t i = 1; i < selector->k; i++)
        if (selector->survivors[i] < worst)
            worst = selector->survivors[i];
    selector->threshold = score_of(worst);
    return worst;
}

static mr_ranked ranked_of(uint64_t key)
{
    return (mr_ranked){.index = UINT32_MAX - (uint32_t)(key & UINT32_MAX),
                       .score = score_of(key)};
}

/* ---- the scan: keep what is above the threshold ---- */

static uint32_t scan_scalar(const float *scores, size_t count, float threshold,
                            uint32_t base, uint64_t *ret_keys)
{
    uint32_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (scores[i] > threshold)
            ret_keys[kept++] = key_of(scores[i], base + (uint32_t)i);
    return kept;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint32_t scan_avx2(const float *scores,
                                                          size_t count, float threshold,
                                                          uint32_t base,
                                                          uint64_t *ret_keys)
{
    const __m256 limit = _mm256_set1_ps(threshold);
    uint32_t kept = 0;
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        const __m256 above =
            _mm256_cmp_ps(_mm256_loadu_ps(scores + i), limit, _CMP_GT_OQ);
        unsigned mask = (unsigned)_mm256_movemask_ps(above);
        while (mask != 0) {
            const size_t at = i + (size_t)__builtin_ctz(mask);
            ret_keys[kept++] = key_of(scores[at], base + (uint32_t)at);
            mask &= mask - 1;
        }
    }
    return kept + scan_scalar(scores + i, count - i, threshold, base + (uint32_t)i,
                              ret_keys + kept);
}

/*
 * Keys of eight scores at once, compressed to those in `mask`; up to MR_TOP_K_KEYS_A_STORE are
 * written.  Compressing straight into memory is microcode on Zen 4, some hundred cycles.
 */
__attribute__((target("avx512f,avx512dq,avx512vl"))) static inline uint32_t store_keys(
    __m256 scores, __m256i indices, __mmask8 mask, uint64_t *ret_keys)
{
    const __m256i bits = _mm256_castps_si256(_mm256_add_ps(scores, _mm256_setzero_ps()));
    const __m256i flip = _mm256_or_si256(_mm256_srai_epi32(bits, 31),
                                         _mm256_set1_epi32((int)UINT32_C(0x80000000)));
    const __m512i high =
        _mm512_slli_epi64(_mm512_cvtepu32_epi64(_mm256_xor_si256(bits, flip)), 32);
    const __m512i low =
        _mm512_cvtepu32_epi64(_mm256_xor_si256(indices, _mm256_set1_epi32(-1)));
    _mm512_storeu_si512(ret_keys,
                        _mm512_maskz_compress_epi64(mask, _mm512_or_si512(high, low)));
    return (uint32_t)__builtin_popcount(mask);
}

/* Of 64 scores.  NaN compares false and is passed over. */
__attribute__((target("avx512f,avx512dq,avx512vl"))) static inline bool none_above(
    const float *scores, __m512 limit)
{
    unsigned masks = 0;
    for (size_t i = 0; i < 64; i += 16)
        masks |= _mm512_cmp_ps_mask(_mm512_loadu_ps(scores + i), limit, _CMP_GT_OQ);
    return masks == 0;
}

__attribute__((target("avx512f,avx512dq,avx512vl"))) static uint32_t scan_avx512(
    const float *scores, size_t count, float threshold, uint32_t base, uint64_t *ret_keys)
{
    const __m512 limit = _mm512_set1_ps(threshold);
    const __m256i steps = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    uint32_t kept = 0;
    size_t i = 0;
    while (i + 16 <= count) {
        if (i + 64 <= count && none_above(scores + i, limit)) {
            i += 64;
            continue;
        }
        const size_t end = i + 64 <= count ? i + 64 : count / 16 * 16;
        for (; i < end; i += 16) {
            const __mmask16 mask =
                _mm512_cmp_ps_mask(_mm512_loadu_ps(scores + i), limit, _CMP_GT_OQ);
            if (mask == 0)
                continue;
            const int first = (int)(base + (uint32_t)i);
            kept += store_keys(_mm256_loadu_ps(scores + i),
                               _mm256_add_epi32(steps, _mm256_set1_epi32(first)),
                               (__mmask8)(mask & 0xFF), ret_keys + kept);
            kept += store_keys(_mm256_loadu_ps(scores + i + 8),
                               _mm256_add_epi32(steps, _mm256_set1_epi32(first + 8)),
                               (__mmask8)(mask >> 8), ret_keys + kept);
        }
    }
    return kept + scan_scalar(scores + i, count - i, threshold, base + (uint32_t)i,
                              ret_keys + kept);
}
#endif

bool mr_top_k_kernel_runs(mr_top_k_kernel kernel)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (kernel == MR_TOP_K_AVX2)
        return __builtin_cpu_supports("avx2");
    if (kernel == MR_TOP_K_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#endif
    return kernel == MR_TOP_K_AUTO || kernel == MR_TOP_K_SCALAR;
}

static mr_top_k_kernel resolve(mr_top_k_kernel kernel)
{
    if (kernel != MR_TOP_K_AUTO)
        return kernel;
    return mr_top_k_kernel_runs(MR_TOP_K_AVX512) ? MR_TOP_K_AVX512
           : mr_top_k_kernel_runs(MR_TOP_K_AVX2) ? MR_TOP_K_AVX2
                                                 : MR_TOP_K_SCALAR;
}

static uint32_t scan(mr_top_k_kernel kernel, const float *scores, size_t count,
                     float threshold, uint32_t base, uint64_t *ret_keys)
{
#if defined(__x86_64__)
    if (kernel == MR_TOP_K_AVX512)
        return scan_avx512(scores, count, threshold, base, ret_keys);
    if (kernel == MR_TOP_K_AVX2)
        return scan_avx2(scores, count, threshold, base, ret_keys);
#endif
    (void)kernel;
    return scan_scalar(scores, count, threshold, base, ret_keys);
}

/* ---- one row ---- */

void mr_top_k_selector_init(mr_top_k_selector *ret_selector, uint32_t k,
                            mr_top_k_kernel kernel)
{
    MR_ASSERT(k >= 1 && k <= MR_TOP_K_MAX);
    MR_ASSERT(mr_top_k_kernel_runs(kernel));
    ret_selector->k = k;
    ret_selector->held = 0;
    ret_selector->threshold = -INFINITY;
    ret_selector->kernel = resolve(kernel);
}

/* Cut once as soon as k are held, to get a threshold early; later only when full. */
void mr_top_k_selector_add(mr_top_k_selector *selector, const float *scores, size_t count,
                           uint32_t base)
{
    for (size_t i = 0; i < count; i += SCAN_STEP) {
        const size_t step = count - i < SCAN_STEP ? count - i : SCAN_STEP;
        selector->held += scan(selector->kernel, scores + i, step, selector->threshold,
                               base + (uint32_t)i, selector->survivors + selector->held);
        if (selector->held > MR_TOP_K_BUFFER - SCAN_STEP ||
            selector->held >= 4 * selector->k)
            (void)cut_back(selector);
    }
}

/* An index may be smaller than those held, so an equal score is looked at as well. */
static void offer(mr_top_k_selector *selector, uint32_t index, float score)
{
    if (!(score >= selector->threshold) || score == -INFINITY)
        return;
    selector->survivors[selector->held++] = key_of(score, index);
    if (selector->held > MR_TOP_K_BUFFER - SCAN_STEP || selector->held >= 4 * selector->k)
        (void)cut_back(selector);
}

void mr_top_k_selector_offer(mr_top_k_selector *selector, uint32_t index, float score)
{
    offer(selector, index, score);
}

void mr_top_k_selector_add_listed(mr_top_k_selector *selector, const float *row,
                                  const uint32_t *indices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        offer(selector, indices[i], row[indices[i]]);
}

uint32_t mr_top_k_selector_finish(mr_top_k_selector *selector, mr_ranked *ret_best)
{
    (void)cut_back(selector);
    const uint32_t count = selector->held < selector->k ? selector->held : selector->k;
    sort_descending(selector->survivors, count);
    for (uint32_t i = 0; i < count; i++)
        ret_best[i] = ranked_of(selector->survivors[i]);
    selector->held = 0;
    selector->threshold = -INFINITY;
    return count;
}

bool mr_top_k_selector_limit(mr_top_k_selector *selector, mr_ranked *ret_worst)
{
    const uint64_t worst = cut_back(selector);
    if (worst == 0)
        return false;
    *ret_worst = ranked_of(worst);
    return true;
}

uint32_t mr_top_k_row(float *scores, size_t count, uint32_t k, const uint32_t *excluded,
                      size_t excluded_count, mr_top_k_selector *selector,
                      mr_ranked *ret_best)
{
    for (size_t i = 0; i < excluded_count; i++)
        if (excluded[i] < count)
            scores[excluded[i]] = -INFINITY;
    mr_top_k_selector_init(selector, k, MR_TOP_K_AUTO);
    mr_top_k_selector_add(selector, scores, count, 0);
    return mr_top_k_selector_finish(selector, ret_best);
}

/* ---- a product ---- */

typedef struct batch_worker {
    float *tile;                  /* [USER_BLOCK][ITEM_BLOCK] */
    mr_top_k_selector *selectors; /* [USER_BLOCK] */
} batch_worker;

typedef struct batch_job {
    const mr_dense *users;
    const mr_dense *items;
    const mr_sparse_matrix *excluded;
    mr_top_k_kernel kernel;
    uint32_t k;
    batch_worker *workers;
    mr_ranked *best;
    uint32_t *counts;
} batch_job;

static void exclude_in_tile(const batch_job *job, float *row, uint32_t user, size_t first,
                            size_t count, uint64_t *cursor)
{
    const mr_sparse_matrix *excluded = job->excluded;
    for (; *cursor < excluded->ptr[user + 1]; (*cursor)++) {
        const size_t item = excluded->index[*cursor];
        if (item >= first + count)
            return;
        row[item - first] = -INFINITY;
    }
}

static void score_user_block(void *context, uint32_t worker, size_t begin, size_t end)
{
    const batch_job *job = context;
    const batch_worker *own = &job->workers[worker];
    uint64_t cursors[MR_TOP_K_USER_BLOCK];
    for (size_t u = begin; u < end; u++) {
        mr_top_k_selector_init(&own->selectors[u - begin], job->k, job->kernel);
        cursors[u - begin] = job->excluded != NULL ? job->excluded->ptr[u] : 0;
    }
    const size_t items = job->items->rows;
    for (size_t first = 0; first < items; first += MR_TOP_K_ITEM_BLOCK) {
        const size_t count =
            items - first < MR_TOP_K_ITEM_BLOCK ? items - first : MR_TOP_K_ITEM_BLOCK;
        mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_TRANSPOSED, end - begin, count,
                      job->users->columns, 1.0F, mr_dense_row(job->users, begin),
                      job->users->stride, mr_dense_row(job->items, first),
                      job->items->stride, 0.0F, own->tile, MR_TOP_K_ITEM_BLOCK);
        for (size_t u = begin; u < end; u++) {
            float *row = own->tile + (u - begin) * MR_TOP_K_ITEM_BLOCK;
            if (job->excluded != NULL)
                exclude_in_tile(job, row, (uint32_t)u, first, count, &cursors[u - begin]);
            mr_top_k_selector_add(&own->selectors[u - begin], row, count,
                                  (uint32_t)first);
        }
    }
    for (size_t u = begin; u < end; u++)
        job->counts[u] =
            mr_top_k_selector_finish(&own->selectors[u - begin], job->best + u * job->k);
}

mr_status mr_top_k_batch(const mr_dense *users, const mr_dense *items, uint32_t k,
                         const mr_sparse_matrix *excluded, mr_top_k_kernel kernel,
                         mr_worker_pool *pool, mr_ranked *ret_best, uint32_t *ret_counts)
{
    if (k < 1 || k > MR_TOP_K_MAX || users->columns != items->columns ||
        !mr_top_k_kernel_runs(kernel) ||
        (excluded != NULL && excluded->rows != users->rows))
        return MR_ERR_INVALID;
    const uint32_t threads = mr_worker_pool_threads(pool);
    batch_worker *workers = calloc(threads, sizeof(*workers));
    mr_status status = workers == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    for (uint32_t w = 0; w < threads && status == MR_OK; w++) {
        workers[w].tile =
            mr_dense_floats((size_t)MR_TOP_K_USER_BLOCK * MR_TOP_K_ITEM_BLOCK);
        workers[w].selectors =
            malloc(MR_TOP_K_USER_BLOCK * sizeof(*workers[w].selectors));
        if (workers[w].tile == NULL || workers[w].selectors == NULL)
            status = MR_ERR_NO_MEMORY;
    }
    if (status == MR_OK) {
        batch_job job = {.users = users,
                         .items = items,
                         .excluded = excluded,
                         .kernel = kernel,
                         .k = k,
                         .workers = workers,
                         .best = ret_best,
                         .counts = ret_counts};
        mr_worker_pool_run(pool, users->rows, MR_TOP_K_USER_BLOCK, score_user_block,
                           &job);
    }
    for (uint32_t w = 0; workers != NULL && w < threads; w++) {
        free(workers[w].tile);
        free(workers[w].selectors);
    }
    free(workers);
    return status;
}

#include "models/item_item.h"

#include "core/assert.h"
#include "models/dense.h"
#include "models/top_k.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Items built as one piece of work; each piece keeps its rows until all are joined. */
enum {
    ROWS_A_CHUNK = 128,
    SUMS_A_FLAG = 64,
};

/* Which of SUMS_A_FLAG sums are above 0. */
typedef uint64_t (*positive_body)(const float *sums);

typedef struct chunk_rows {
    uint32_t *index;
    float *values;
    size_t count;
    size_t capacity;
    uint32_t row_counts[ROWS_A_CHUNK];
    mr_status status;
} chunk_rows;

typedef struct build_worker {
    float *sums;          /* [items], zero between rows */
    uint8_t *touched;     /* [items / 64 + 1]: in which 64 sums one is not zero */
    uint32_t *candidates; /* [items]: the touched, ascending */
    float *weights;       /* [items]: their weights */
    mr_top_k_selector selector;
} build_worker;

typedef struct build_job {
    const mr_sparse_matrix *users;
    const mr_sparse_matrix *items;
    mr_item_item_options options;
    positive_body positive;
    float *user_factors;   /* n_u^-a, 0 for robots */
    float *row_factors;    /* d_i^-b */
    float *column_factors; /* d_j^-c */
    build_worker *workers;
    chunk_rows *chunks;
} build_job;

static float inverse_power(uint32_t count, float exponent)
{
    return count == 0 ? 0.0F : (float)pow((double)count, -(double)exponent);
}

/* ---- which sums are there ---- */

static uint64_t positive_scalar(const float *sums)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < SUMS_A_FLAG; i++)
        bits |= (uint64_t)(sums[i] > 0.0F) << i;
    return bits;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t positive_avx2(const float *sums)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < SUMS_A_FLAG; i += 8) {
        const __m256 above =
            _mm256_cmp_ps(_mm256_load_ps(sums + i), _mm256_setzero_ps(), _CMP_GT_OQ);
        bits |= (uint64_t)(unsigned)_mm256_movemask_ps(above) << i;
    }
    return bits;
}

__attribute__((target("avx512f"))) static uint64_t positive_avx512(const float *sums)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < SUMS_A_FLAG; i += 16)
        bits |= (uint64_t)_mm512_cmp_ps_mask(_mm512_load_ps(sums + i),
                                             _mm512_setzero_ps(), _CMP_GT_OQ)
                << i;
    return bits;
}
#endif

static positive_body positive_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return positive_avx512;
    if (__builtin_cpu_supports("avx2"))
        return positive_avx2;
#endif
    return positive_scalar;
}

/* ---- one row ---- */

static void add_users(const build_job *job, const build_worker *own, uint32_t item)
{
    const mr_sparse_matrix *users = job->users;
    float *restrict sums = own->sums;
    uint8_t *restrict touched = own->touched;
    const uint64_t end = job->items->ptr[item + 1];
    for (uint64_t e = job->items->ptr[item]; e < end; e++) {
        const uint32_t user = job->items->index[e];
        const float factor = job->user_factors[user];
        if (factor <= 0.0F)
            continue;
        const uint32_t *other = users->index + users->ptr[user];
        const uint32_t *last = users->index + users->ptr[user + 1];
        if (e + 1 < end) /* the next user's items lie anywhere */
            __builtin_prefetch(users->index + users->ptr[job->items->index[e + 1]]);
        for (; other < last; other++) {
            sums[*other] += factor;
            touched[*other / SUMS_A_FLAG] = 1; /* a bit an item would be read before */
        }
    }
}

/* The touched items in ascending order with their weights; leaves the sums zero. */
static uint32_t collect(const build_job *job, const build_worker *own, uint32_t item)
{
    const uint32_t flags = (job->items->rows - 1) / SUMS_A_FLAG + 1;
    const float *column_factors = job->column_factors;
    const float row_factor = job->row_factors[item];
    uint32_t *candidates = own->candidates;
    float *weights = own->weights;
    uint32_t count = 0;
    own->sums[item] = 0.0F;
    for (uint32_t flag = 0; flag < flags; flag++) {
        if (own->touched[flag] == 0)
            continue;
        const uint32_t first = flag * SUMS_A_FLAG;
        float *sums = own->sums + first;
        own->touched[flag] = 0;
        for (uint64_t bits = job->positive(sums); bits != 0; bits &= bits - 1) {
            const uint32_t place = (uint32_t)__builtin_ctzll(bits);
            const float weight = sums[place] * row_factor * column_factors[first + place];
            sums[place] = 0.0F;
            candidates[count] = first + place;
            weights[count] = weight;
            count += weight > 0.0F;
        }
    }
    return count;
}

/* Cut the candidates to the K best, still in ascending order of index. */
static uint32_t keep_best(const build_job *job, build_worker *own, uint32_t count)
{
    mr_ranked worst;
    if (count <= job->options.neighbours)
        return count;
    mr_top_k_selector_init(&own->selector, job->options.neighbours, MR_TOP_K_AUTO);
    mr_top_k_selector_add(&own->selector, own->weights, count, 0);
    if (!mr_top_k_selector_limit(&own->selector, &worst))
        return count;
    uint32_t *candidates = own->candidates;
    float *weights = own->weights;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count;
         i++) { /* without a branch, which nobody could foretell */
        const float weight = weights[i];
        candidates[kept] = candidates[i];
        weights[kept] = weight;
        kept += weight > worst.score || (weight >= worst.score && i <= worst.index);
    }
    return kept;
}

static mr_status append(chunk_rows *chunk, const build_worker *own, uint32_t count)
{
    if (count == 0) /* perhaps nothing is there to copy to */
        return MR_OK;
    if (chunk->count + count > chunk->capacity) {
        const size_t capacity = (chunk->count + count) * 2;
        uint32_t *index = realloc(chunk->index, capacity * sizeof(*index));
        if (index == NULL)
            return MR_ERR_NO_MEMORY;
        chunk->index = index;
        float *values = realloc(chunk->values, capacity * sizeof(*values));
        if (values == NULL)
            return MR_ERR_NO_MEMORY;
        chunk->values = values;
        chunk->capacity = capacity;
    }
    memcpy(chunk->index + chunk->count, own->candidates, count * sizeof(*chunk->index));
    memcpy(chunk->values + chunk->count, own->weights, count * sizeof(*chunk->values));
    chunk->count += count;
    return MR_OK;
}

static void build_rows(void *context, uint32_t worker, size_t begin, size_t end)
{
    const build_job *job = context;
    build_worker *own = &job->workers[worker];
    chunk_rows *chunk = &job->chunks[begin / ROWS_A_CHUNK];
    for (size_t item = begin; item < end && chunk->status == MR_OK; item++) {
        add_users(job, own, (uint32_t)item);
        const uint32_t count = keep_best(job, own, collect(job, own, (uint32_t)item));
        chunk->row_counts[item - begin] = count;
        chunk->status = append(chunk, own, count);
    }
}

/* ---- all rows ---- */

static mr_status prepare(build_job *job, uint32_t threads)
{
    const uint32_t users = job->users->rows;
    const uint32_t items = job->items->rows;
    job->user_factors = mr_dense_floats(users);
    job->row_factors = mr_dense_floats(items);
    job->column_factors = mr_dense_floats(items);
    job->chunks = calloc(items / ROWS_A_CHUNK + 1, sizeof(*job->chunks));
    job->workers = calloc(threads, sizeof(*job->workers));
    if (job->user_factors == NULL || job->row_factors == NULL ||
        job->column_factors == NULL || job->chunks == NULL || job->workers == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t w = 0; w < threads; w++) {
        build_worker *own = &job->workers[w];
        own->sums = mr_dense_floats((size_t)items + SUMS_A_FLAG);
        own->weights = mr_dense_floats((size_t)items + 1);
        own->candidates = calloc((size_t)items + 1, sizeof(*own->candidates));
        own->touched = calloc(items / 64 + 1, sizeof(*own->touched));
        if (own->sums == NULL || own->weights == NULL || own->candidates == NULL ||
            own->touched == NULL)
            return MR_ERR_NO_MEMORY;
    }
    for (uint32_t u = 0; u < users; u++) {
        const uint32_t count = mr_sparse_matrix_row_count(job->users, u);
        if (count <= MR_ITEM_ITEM_USER_ITEMS_MAX)
            job->user_factors[u] = inverse_power(count, job->options.user_exponent);
    }
    for (uint32_t i = 0; i < items; i++) {
        const uint32_t count = mr_sparse_matrix_row_count(job->items, i);
        job->row_factors[i] = inverse_power(count, job->options.row_exponent);
        job->column_factors[i] = inverse_power(count, job->options.column_exponent);
    }
    return MR_OK;
}

static mr_status join(const build_job *job, mr_sparse_matrix *ret_model)
{
    const uint32_t items = job->items->rows;
    const size_t chunks = (items + ROWS_A_CHUNK - 1) / ROWS_A_CHUNK;
    size_t total = 0;
    for (size_t c = 0; c < chunks; c++) {
        MR_TRY(job->chunks[c].status);
        total += job->chunks[c].count;
    }
    mr_sparse_matrix model = {.rows = items, .columns = items};
    model.ptr = calloc((size_t)items + 1, sizeof(*model.ptr));
    model.index = malloc((total + 1) * sizeof(*model.index));
    model.values = malloc((total + 1) * sizeof(*model.values));
    if (model.ptr == NULL || model.index == NULL || model.values == NULL) {
        mr_sparse_matrix_deinit(&model);
        return MR_ERR_NO_MEMORY;
    }
    size_t at = 0;
    for (size_t c = 0; c < chunks; c++) {
        const chunk_rows *chunk = &job->chunks[c];
        if (chunk->count > 0) {
            memcpy(model.index + at, chunk->index, chunk->count * sizeof(*model.index));
            memcpy(model.values + at, chunk->values,
                   chunk->count * sizeof(*model.values));
        }
        at += chunk->count;
        for (size_t r = 0; r < ROWS_A_CHUNK && c * ROWS_A_CHUNK + r < items; r++) {
            const size_t row = c * ROWS_A_CHUNK + r;
            model.ptr[row + 1] = model.ptr[row] + chunk->row_counts[r];
        }
    }
    *ret_model = model;
    return MR_OK;
}

static void release(build_job *job, uint32_t threads)
{
    for (uint32_t w = 0; job->workers != NULL && w < threads; w++) {
        free(job->workers[w].sums);
        free(job->workers[w].weights);
        free(job->workers[w].candidates);
        free(job->workers[w].touched);
    }
    for (size_t c = 0; job->chunks != NULL && c <= job->items->rows / ROWS_A_CHUNK; c++) {
        free(job->chunks[c].index);
        free(job->chunks[c].values);
    }
    free(job->user_factors);
    free(job->row_factors);
    free(job->column_factors);
    free(job->chunks);
    free(job->workers);
}

mr_status mr_item_item_build(const mr_sparse_matrix *users, const mr_sparse_matrix *items,
                             const mr_item_item_options *options, mr_worker_pool *pool,
                             mr_sparse_matrix *ret_model)
{
    if (users->columns != items->rows || users->rows != items->columns ||
        items->rows == 0 || options->neighbours < 1 ||
        options->neighbours > MR_ITEM_ITEM_NEIGHBOURS_MAX ||
        !isfinite(options->user_exponent) || !isfinite(options->row_exponent) ||
        !isfinite(options->column_exponent))
        return MR_ERR_INVALID;
    const uint32_t threads = mr_worker_pool_threads(pool);
    build_job job = {
        .users = users, .items = items, .options = *options, .positive = positive_best()};
    mr_status status = prepare(&job, threads);
    if (status == MR_OK) {
        mr_worker_pool_run(pool, items->rows, ROWS_A_CHUNK, build_rows, &job);
        status = join(&job, ret_model);
    }
    release(&job, threads);
    return status;
}

/* ---- scoring ---- */

void mr_item_item_add(const mr_sparse_matrix *model, const uint32_t *history,
                      const float *weights, size_t count, mr_sparse_row *row)
{
    for (size_t h = 0; h < count; h++) {
        if (history[h] >= model->rows)
            continue;
        const uint64_t first = model->ptr[history[h]];
        mr_sparse_row_add_scaled(row, model->index + first, model->values + first,
                                 (size_t)(model->ptr[history[h] + 1] - first),
                                 weights != NULL ? weights[h] : 1.0F);
    }
}

void mr_item_item_score(const mr_sparse_matrix *model, const uint32_t *history,
                        const float *weights, size_t count, float *ret_scores)
{
    mr_sparse_row row = {.values = ret_scores, .items = model->columns};
    memset(ret_scores, 0, row.items * sizeof(*ret_scores));
    mr_item_item_add(model, history, weights, count, &row);
}

void mr_item_item_reasons(const mr_sparse_matrix *model, const uint32_t *history,
                          const float *weights, size_t count, const uint32_t *items,
                          size_t item_count, uint32_t *marks, size_t *ret_places)
{
    float best[MR_ITEM_ITEM_REASONS_MAX];
    MR_ASSERT(item_count <= MR_ITEM_ITEM_REASONS_MAX);
    for (size_t i = 0; i < item_count; i++) {
        marks[items[i]] = (uint32_t)i + 1;
        ret_places[i] = count;
        best[i] = 0.0F;
    }
    for (size_t h = 0; h < count; h++) {
        if (history[h] >= model->rows)
            continue;
        const float weight = weights != NULL ? weights[h] : 1.0F;
        const uint64_t end = model->ptr[history[h] + 1];
        for (uint64_t e = model->ptr[history[h]]; e < end; e++) {
            const uint32_t mark = marks[model->index[e]];
            if (mark == 0 || !(model->values[e] * weight > best[mark - 1]))
                continue;
            best[mark - 1] = model->values[e] * weight;
            ret_places[mark - 1] = h;
        }
    }
    for (size_t i = 0; i < item_count; i++)
        marks[items[i]] = 0;
}

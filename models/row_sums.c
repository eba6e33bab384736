#include "models/row_sums.h"

#include "core/assert.h"
#include "models/dense.h"
#include "models/top_k.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows made as one piece of work; each piece keeps its rows until all are joined. */
enum { ROWS_A_CHUNK = 128 };

/* A row whose terms have all faded away has nothing to say, and its power would overflow. */
static const double TOTAL_LEAST = 1e-15;

typedef struct chunk_rows {
    uint32_t *index;
    float *values;
    size_t count;
    size_t capacity;
    uint32_t row_counts[ROWS_A_CHUNK];
    mr_status status;
} chunk_rows;

typedef struct row_worker {
    mr_row_sums row;
    uint32_t *columns; /* of the row: where it is not zero, ascending */
    float *weights;
    mr_top_k_selector selector;
} row_worker;

typedef struct row_work {
    const mr_row_sums_job *job;
    row_worker *workers;
    chunk_rows *chunks;
} row_work;

static size_t words_of(size_t bits)
{
    return bits / 64 + 1;
}

/* ---- one row ---- */

/* The touched columns in ascending order with their sums; leaves the row zero. */
static uint32_t take(row_worker *own, uint32_t columns, double *ret_total)
{
    mr_row_sums *row = &own->row;
    uint32_t count = 0;
    double total = 0.0;
    for (size_t top = 0; top < words_of(words_of(columns)); top++) {
        for (uint64_t words = row->words[top]; words != 0; words &= words - 1) {
            const size_t word = top * 64 + (size_t)__builtin_ctzll(words);
            for (uint64_t bits = row->touched[word]; bits != 0; bits &= bits - 1) {
                const size_t column = word * 64 + (size_t)__builtin_ctzll(bits);
                own->columns[count] = (uint32_t)column;
                own->weights[count++] = row->sums[column];
                total += (double)row->sums[column];
                row->sums[column] = 0.0F;
            }
            row->touched[word] = 0;
        }
        row->words[top] = 0;
    }
    *ret_total = total;
    return count;
}

/* Weigh what was taken; weights that vanished are left out. */
static uint32_t weigh(const mr_row_sums_job *job, row_worker *own, uint32_t count,
                      double total)
{
    if (total < TOTAL_LEAST)
        return 0;
    const float factor = (float)pow(total, -(double)job->total_exponent);
    const float *factors = job->column_factors;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t column = own->columns[i];
        const float weight =
            own->weights[i] * factor * (factors != NULL ? factors[column] : 1.0F);
        if (!(weight > 0.0F))
            continue;
        own->columns[kept] = column;
        own->weights[kept++] = weight;
    }
    return kept;
}

/* Cut to the K largest, still in ascending order of column. */
static uint32_t keep_best(uint32_t best, row_worker *own, uint32_t count)
{
    mr_ranked worst;
    if (count <= best)
        return count;
    mr_top_k_selector_init(&own->selector, best, MR_TOP_K_AUTO);
    mr_top_k_selector_add(&own->selector, own->weights, count, 0);
    if (!mr_top_k_selector_limit(&own->selector, &worst))
        return count;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const float weight = own->weights[i];
        if (weight < worst.score || (weight <= worst.score && i > worst.index))
            continue;
        own->columns[kept] = own->columns[i];
        own->weights[kept++] = weight;
    }
    return kept;
}

static mr_status append(chunk_rows *chunk, const row_worker *own, uint32_t count)
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
    memcpy(chunk->index + chunk->count, own->columns, count * sizeof(*chunk->index));
    memcpy(chunk->values + chunk->count, own->weights, count * sizeof(*chunk->values));
    chunk->count += count;
    return MR_OK;
}

static void make_rows(void *context, uint32_t worker, size_t begin, size_t end)
{
    const row_work *work = context;
    const mr_row_sums_job *job = work->job;
    row_worker *own = &work->workers[worker];
    chunk_rows *chunk = &work->chunks[begin / ROWS_A_CHUNK];
    for (size_t row = begin; row < end && chunk->status == MR_OK; row++) {
        double total = 0.0;
        job->body(job->context, (uint32_t)row, &own->row);
        uint32_t count = take(own, job->columns, &total);
        count = keep_best(job->best, own, weigh(job, own, count, total));
        chunk->row_counts[row - begin] = count;
        chunk->status = append(chunk, own, count);
    }
}

/* ---- all rows ---- */

static size_t chunks_of(const mr_row_sums_job *job)
{
    return ((size_t)job->rows + ROWS_A_CHUNK - 1) / ROWS_A_CHUNK;
}

static mr_status prepare(row_work *work, uint32_t threads)
{
    const size_t columns = work->job->columns;
    work->chunks = calloc(chunks_of(work->job) + 1, sizeof(*work->chunks));
    work->workers = calloc(threads, sizeof(*work->workers));
    if (work->chunks == NULL || work->workers == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t w = 0; w < threads; w++) {
        row_worker *own = &work->workers[w];
        own->row.sums = mr_dense_floats(columns);
        own->row.touched = calloc(words_of(columns), sizeof(*own->row.touched));
        own->row.words = calloc(words_of(words_of(columns)), sizeof(*own->row.words));
        own->columns = calloc(columns, sizeof(*own->columns));
        own->weights = mr_dense_floats(columns);
        if (own->row.sums == NULL || own->row.touched == NULL || own->row.words == NULL ||
            own->columns == NULL || own->weights == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

static void release(row_work *work, uint32_t threads)
{
    for (uint32_t w = 0; work->workers != NULL && w < threads; w++) {
        free(work->workers[w].row.sums);
        free(work->workers[w].row.touched);
        free(work->workers[w].row.words);
        free(work->workers[w].columns);
        free(work->workers[w].weights);
    }
    for (size_t c = 0; work->chunks != NULL && c < chunks_of(work->job); c++) {
        free(work->chunks[c].index);
        free(work->chunks[c].values);
    }
    free(work->workers);
    free(work->chunks);
}

/* Copy a chunk's rows behind the `at` elements that are there; returns how many are then. */
static size_t join_chunk(const row_work *work, size_t c, size_t at,
                         mr_sparse_matrix *matrix)
{
    const chunk_rows *chunk = &work->chunks[c];
    if (chunk->count > 0) {
        memcpy(matrix->index + at, chunk->index, chunk->count * sizeof(*chunk->index));
        memcpy(matrix->values + at, chunk->values, chunk->count * sizeof(*chunk->values));
    }
    for (size_t r = 0; r < ROWS_A_CHUNK && c * ROWS_A_CHUNK + r < matrix->rows; r++) {
        const size_t row = c * ROWS_A_CHUNK + r;
        matrix->ptr[row + 1] = matrix->ptr[row] + chunk->row_counts[r];
    }
    return at + chunk->count;
}

static mr_status join(const row_work *work, mr_sparse_matrix *ret_matrix)
{
    size_t total = 0;
    for (size_t c = 0; c < chunks_of(work->job); c++) {
        MR_TRY(work->chunks[c].status);
        total += work->chunks[c].count;
    }
    mr_sparse_matrix matrix = {.rows = work->job->rows, .columns = work->job->columns};
    matrix.ptr = calloc((size_t)matrix.rows + 1, sizeof(*matrix.ptr));
    matrix.index = malloc((total + 1) * sizeof(*matrix.index));
    matrix.values = malloc((total + 1) * sizeof(*matrix.values));
    if (matrix.ptr == NULL || matrix.index == NULL || matrix.values == NULL) {
        mr_sparse_matrix_deinit(&matrix);
        return MR_ERR_NO_MEMORY;
    }
    size_t at = 0;
    for (size_t c = 0; c < chunks_of(work->job); c++)
        at = join_chunk(work, c, at, &matrix);
    *ret_matrix = matrix;
    return MR_OK;
}

mr_status mr_row_sums_run(const mr_row_sums_job *job, mr_worker_pool *pool,
                          mr_sparse_matrix *ret_matrix)
{
    MR_ASSERT(job->columns > 0);
    MR_ASSERT(job->best >= 1 && job->best <= MR_TOP_K_MAX);
    MR_ASSERT(job->total_exponent >= 0.0F && job->total_exponent <= 2.0F);
    const uint32_t threads = mr_worker_pool_threads(pool);
    row_work work = {.job = job};
    mr_status status = prepare(&work, threads);
    if (status == MR_OK) {
        mr_worker_pool_run(pool, job->rows, ROWS_A_CHUNK, make_rows, &work);
        status = join(&work, ret_matrix);
    }
    release(&work, threads);
    return status;
}

#include "models/row_sums.h"

#include "core/assert.h"
#include "models/dense.h"
#include "models/top_k.h"
#include "models/vector.h"

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
    const mr_vector_kernels *kernels;
    row_worker *workers;
    chunk_rows *chunks;
} row_work;

static size_t flags_of(size_t columns)
{
    return columns / MR_ROW_SUMS_A_FLAG + 1;
}

/* ---- one row ---- */

/* The columns above zero in ascending order with their sums; leaves the row zero. */
static uint32_t take(const row_work *work, row_worker *own, double *ret_total)
{
    const size_t flags = flags_of(work->job->columns);
    uint32_t count = 0;
    double total = 0.0;
    for (size_t flag = 0; flag < flags; flag++) {
        if (own->row.touched[flag] == 0)
            continue;
        const size_t first = flag * MR_ROW_SUMS_A_FLAG;
        float *sums = own->row.sums + first;
        own->row.touched[flag] = 0;
        for (uint64_t bits = work->kernels->above_zero(sums); bits != 0;
             bits &= bits - 1) {
            const size_t place = (size_t)__builtin_ctzll(bits);
            own->columns[count] = (uint32_t)(first + place);
            own->weights[count++] = sums[place];
            total += (double)sums[place];
            sums[place] = 0.0F;
        }
    }
    *ret_total = total;
    return count;
}

/* Weigh what was taken; weights that vanished are left out. */
static uint32_t weigh(const mr_row_sums_job *job, row_worker *own, uint32_t row,
                      uint32_t count, double total)
{
    if (total < TOTAL_LEAST)
        return 0;
    const float faded = (float)pow(total, -(double)job->total_exponent);
    const float factor =
        faded * (job->row_factors != NULL ? job->row_factors[row] : 1.0F);
    const float *factors = job->column_factors;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t column = own->columns[i];
        const float weight =
            own->weights[i] * factor * (factors != NULL ? factors[column] : 1.0F);
        own->columns[kept] = column;
        own->weights[kept] = weight;
        kept += weight > 0.0F;
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
    for (uint32_t i = 0; i < count;
         i++) { /* without a branch, which nobody could foretell */
        const float weight = own->weights[i];
        own->columns[kept] = own->columns[i];
        own->weights[kept] = weight;
        kept += weight > worst.score || (weight >= worst.score && i <= worst.index);
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
        uint32_t count = take(work, own, &total);
        count = weigh(job, own, (uint32_t)row, count, total);
        count = keep_best(job->best, own, count);
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
        own->row.sums = mr_dense_floats(flags_of(columns) * MR_ROW_SUMS_A_FLAG);
        own->row.touched = calloc(flags_of(columns), sizeof(*own->row.touched));
        own->columns = calloc(columns + 1, sizeof(*own->columns));
        own->weights = mr_dense_floats(columns + 1);
        if (own->row.sums == NULL || own->row.touched == NULL || own->columns == NULL ||
            own->weights == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

static void release(row_work *work, uint32_t threads)
{
    for (uint32_t w = 0; work->workers != NULL && w < threads; w++) {
        free(work->workers[w].row.sums);
        free(work->workers[w].row.touched);
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
    row_work work = {.job = job, .kernels = mr_vector_kernels_best()};
    mr_status status = prepare(&work, threads);
    if (status == MR_OK) {
        mr_worker_pool_run(pool, job->rows, ROWS_A_CHUNK, make_rows, &work);
        status = join(&work, ret_matrix);
    }
    release(&work, threads);
    return status;
}

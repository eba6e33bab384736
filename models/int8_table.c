#include "models/int8_table.h"

#include "core/assert.h"
#include "models/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_ITEMS = MR_TOP_K_ITEM_BLOCK,
    BLOCK_GROUPS = BLOCK_ITEMS / MR_INT8_GROUP,
    USER_BLOCK = MR_TOP_K_USER_BLOCK,
    PANEL_USERS = 8, /* whose bounds are ranked while they are in the first cache */
    SPARE =
        44, /* bounds kept beyond 2 k: enough for nearly all users, measured by bench_top_k */
    MORE = 4,   /* times as many when they were too few */
    BOUNDS = 2, /* rho and mu, behind the column scales */
};

/* Below it a largest factor is taken for this: its codes are then 0 and the bound still holds. */
static const float SMALLEST = 1e-30F;

/*
 * Column f is multiplied by (its deviation)^-1/2: what wide columns lose by it in the users' codes
 * they gain in the items'.
 */
static const float COLUMN_POWER = -0.5F;
static const float COLUMN_RANGE = 1e-4F; /* of the widest deviation, at least */

/* A float32 dot of 2048 products in 16 lanes is off by less than this x |x| |y|. */
static const double DOT_ROUNDING = 1e-5;
/* Sums past 24 bits and their product with a scale, rounded. */
static const double SUM_ROUNDING = 4e-7;

struct mr_int8_table {
    const mr_dense *items;
    uint8_t *owned_codes;
    float *owned_scales;
    float *owned_columns;
    const uint8_t *codes;
    const float *scales;
    const float *columns;
    size_t groups;
    float rho;
    float mu;
};

/* ---- coding ---- */

static size_t groups_of(const mr_dense *items)
{
    return (items->rows + MR_INT8_GROUP - 1) / MR_INT8_GROUP;
}

static void scale_columns(const mr_dense *items, double *squares, float *ret_columns)
{
    float widest = 0.0F;
    for (size_t i = 0; i < items->rows; i++)
        for (size_t f = 0; f < items->columns; f++)
            squares[f] +=
                (double)mr_dense_row(items, i)[f] * (double)mr_dense_row(items, i)[f];
    for (size_t f = 0; f < items->columns; f++) {
        ret_columns[f] = (float)sqrt(squares[f] / (double)items->rows);
        widest = fmaxf(widest, ret_columns[f]);
    }
    for (size_t f = 0; f < items->stride; f++) {
        const float deviation = fmaxf(ret_columns[f], widest * COLUMN_RANGE);
        ret_columns[f] =
            widest < SMALLEST ? 1.0F : powf(deviation / widest, COLUMN_POWER);
    }
}

/* Codes of one item into its place in its group; returns its scale, and its rho and mu. */
static float code_item(const mr_int8_table *table, size_t item, uint8_t *codes,
                       double *ret_rho, double *ret_mu)
{
    const mr_dense *items = table->items;
    const float *row = mr_dense_row(items, item);
    float largest = SMALLEST;
    double missed = 0.0;
    double length = 0.0;
    for (size_t f = 0; f < items->stride; f++)
        largest = fmaxf(largest, fabsf(row[f] * table->columns[f]));
    const float scale = largest / MR_INT8_CODE_MAX;
    for (size_t f = 0; f < items->stride; f++) {
        const double value = (double)row[f] * (double)table->columns[f];
        const long code = lrint(fmin(fmax(value / (double)scale, -MR_INT8_CODE_MAX),
                                     (double)MR_INT8_CODE_MAX));
        const double rest = value / (double)scale - (double)code;
        missed += rest * rest;
        length += (double)(code * code);
        codes[f / 4 * 4 * MR_INT8_GROUP + item % MR_INT8_GROUP * 4 + f % 4] =
            (uint8_t)(code + MR_INT8_SHIFT);
    }
    *ret_rho = sqrt(missed);
    *ret_mu = sqrt(length);
    return scale;
}

static void code_all(mr_int8_table *table)
{
    double rho = 0.0;
    double mu = 0.0;
    memset(table->owned_codes, MR_INT8_SHIFT,
           table->groups * MR_INT8_GROUP * table->items->stride);
    for (size_t i = 0; i < table->items->rows; i++) {
        double own_rho = 0.0;
        double own_mu = 0.0;
        table->owned_scales[i] = code_item(
            table, i,
            table->owned_codes + i / MR_INT8_GROUP * MR_INT8_GROUP * table->items->stride,
            &own_rho, &own_mu);
        rho = fmax(rho, own_rho);
        mu = fmax(mu, own_mu);
    }
    /* Up, so that what is stored in float32 still bounds. */
    table->rho = (float)(rho * (1.0 + SUM_ROUNDING));
    table->mu = (float)(mu * (1.0 + SUM_ROUNDING));
    table->owned_columns[table->items->stride] = table->rho;
    table->owned_columns[table->items->stride + 1] = table->mu;
}

static mr_status allocate(mr_int8_table *table)
{
    const mr_dense *items = table->items;
    const size_t codes = table->groups * MR_INT8_GROUP * items->stride;
    table->owned_codes = (uint8_t *)mr_dense_floats(codes / sizeof(float));
    table->owned_scales = mr_dense_floats(table->groups * MR_INT8_GROUP);
    table->owned_columns = mr_dense_floats(items->stride + BOUNDS);
    table->codes = table->owned_codes;
    table->scales = table->owned_scales;
    table->columns = table->owned_columns;
    return table->codes == NULL || table->scales == NULL || table->columns == NULL
               ? MR_ERR_NO_MEMORY
               : MR_OK;
}

mr_status mr_int8_table_build(const mr_dense *items, mr_int8_table **ret_table)
{
    if (items->rows == 0 || items->rows >= UINT32_MAX || items->columns == 0 ||
        !mr_dense_all_finite(items->values, items->rows * items->stride))
        return MR_ERR_INVALID;
    mr_int8_table *table = calloc(1, sizeof(*table));
    double *squares = calloc(items->columns, sizeof(*squares));
    mr_status status = table == NULL || squares == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    if (status == MR_OK) {
        table->items = items;
        table->groups = groups_of(items);
        status = allocate(table);
    }
    if (status == MR_OK) {
        scale_columns(items, squares, table->owned_columns);
        code_all(table);
        *ret_table = table;
    } else {
        mr_int8_table_destroy(table);
    }
    free(squares);
    return status;
}

/* One item of each block, coded once more: another model's codes do not pass. */
static bool codes_are_of_the_items(const mr_int8_table *table, uint8_t *codes)
{
    const size_t width = table->items->stride;
    for (size_t i = 0; i < table->items->rows; i += BLOCK_ITEMS) {
        double rho = 0.0;
        double mu = 0.0;
        const float scale = code_item(table, i, codes, &rho, &mu);
        const uint8_t *stored = table->codes + i * width;
        if (memcmp(&scale, &table->scales[i], sizeof(scale)) != 0 ||
            rho > (double)table->rho || mu > (double)table->mu)
            return false;
        for (size_t f = 0; f < width; f += 4)
            if (memcmp(codes + f * MR_INT8_GROUP, stored + f * MR_INT8_GROUP, 4) != 0)
                return false;
    }
    return true;
}

mr_status mr_int8_table_open(const mr_dense *items, const mr_int8_arrays *arrays,
                             mr_int8_table **ret_table)
{
    const size_t groups = groups_of(items);
    if (items->rows == 0 || items->columns == 0 ||
        arrays->code_count != groups * MR_INT8_GROUP * items->stride ||
        arrays->scale_count != groups * MR_INT8_GROUP ||
        arrays->column_count != items->stride + BOUNDS ||
        !mr_dense_all_finite(arrays->scales, arrays->scale_count) ||
        !mr_dense_all_finite(arrays->columns, arrays->column_count))
        return MR_ERR_INVALID;
    for (size_t f = 0; f < items->stride; f++)
        if (!(arrays->columns[f] > 0.0F))
            return MR_ERR_INVALID;
    mr_int8_table *table = calloc(1, sizeof(*table));
    uint8_t *codes = malloc(MR_INT8_GROUP * items->stride);
    mr_status status = table == NULL || codes == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    if (status == MR_OK) {
        *table = (mr_int8_table){.items = items,
                                 .codes = arrays->codes,
                                 .scales = arrays->scales,
                                 .columns = arrays->columns,
                                 .groups = groups,
                                 .rho = arrays->columns[items->stride],
                                 .mu = arrays->columns[items->stride + 1]};
        status = codes_are_of_the_items(table, codes) ? MR_OK : MR_ERR_INVALID;
    }
    free(codes);
    if (status != MR_OK) {
        mr_int8_table_destroy(table);
        return status;
    }
    *ret_table = table;
    return MR_OK;
}

void mr_int8_table_destroy(mr_int8_table *table)
{
    if (table == NULL)
        return;
    free(table->owned_codes);
    free(table->owned_scales);
    free(table->owned_columns);
    free(table);
}

mr_int8_arrays mr_int8_table_arrays(const mr_int8_table *table)
{
    return (mr_int8_arrays){.codes = table->codes,
                            .code_count =
                                table->groups * MR_INT8_GROUP * table->items->stride,
                            .scales = table->scales,
                            .scale_count = table->groups * MR_INT8_GROUP,
                            .columns = table->columns,
                            .column_count = table->items->stride + BOUNDS};
}

const mr_dense *mr_int8_table_items(const mr_int8_table *table)
{
    return table->items;
}

/* ---- scratch ---- */

/* A user's codes and what its sums are off by at most. */
typedef struct coded_user {
    double scale; /* t */
    bool valid;   /* false: only the full scan answers */
} coded_user;

struct mr_int8_scratch {
    const mr_int8_kernel *kernel;
    int8_t *codes; /* [USER_BLOCK][width] */
    int32_t starts[USER_BLOCK];
    coded_user users[USER_BLOCK];
    float *scaled;                /* [width] */
    float *tile;                  /* [PANEL_USERS][BLOCK_ITEMS] */
    mr_top_k_selector *selectors; /* [USER_BLOCK] */
    mr_top_k_selector again;
    mr_ranked *candidates; /* [MR_TOP_K_MAX] */
    bool backwards;        /* the way of the next pass, see next_way() */
    mr_int8_work work;
};

mr_status mr_int8_scratch_create(const mr_int8_table *table, const mr_int8_kernel *kernel,
                                 mr_int8_scratch **ret_scratch)
{
    const size_t width = table->items->stride;
    mr_int8_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return MR_ERR_NO_MEMORY;
    scratch->kernel = kernel != NULL ? kernel : mr_int8_kernel_best();
    scratch->codes = (int8_t *)mr_dense_floats(USER_BLOCK * width / sizeof(float));
    scratch->scaled = mr_dense_floats(width);
    scratch->tile = mr_dense_floats((size_t)PANEL_USERS * BLOCK_ITEMS);
    scratch->selectors = malloc(USER_BLOCK * sizeof(*scratch->selectors));
    scratch->candidates = malloc(MR_TOP_K_MAX * sizeof(*scratch->candidates));
    if (scratch->codes == NULL || scratch->scaled == NULL || scratch->tile == NULL ||
        scratch->selectors == NULL || scratch->candidates == NULL) {
        mr_int8_scratch_destroy(scratch);
        return MR_ERR_NO_MEMORY;
    }
    *ret_scratch = scratch;
    return MR_OK;
}

void mr_int8_scratch_destroy(mr_int8_scratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->codes);
    free(scratch->scaled);
    free(scratch->tile);
    free(scratch->selectors);
    free(scratch->candidates);
    free(scratch);
}

mr_int8_work mr_int8_scratch_work(const mr_int8_scratch *scratch)
{
    return scratch->work;
}

/* Code the user into place `u`; its sums start at minus the items' shift plus the bound. */
static void code_user(const mr_int8_table *table, mr_int8_scratch *scratch, size_t u,
                      const float *x)
{
    const size_t width = table->items->stride;
    const int most = scratch->kernel->user_code_max;
    int8_t *codes = scratch->codes + u * width;
    float largest = 0.0F;
    bool finite = true;
    for (size_t f = 0; f < width; f++) {
        scratch->scaled[f] = x[f] / table->columns[f];
        finite = finite && isfinite(scratch->scaled[f]);
        largest = fmaxf(largest, fabsf(scratch->scaled[f]));
    }
    scratch->users[u].valid = finite && largest > SMALLEST;
    memset(codes, 0, width);
    scratch->starts[u] = 0;
    if (!scratch->users[u].valid)
        return;
    const double scale = (double)largest / most;
    double length = 0.0;
    double missed = 0.0;
    int32_t sum = 0;
    for (size_t f = 0; f < width; f++) {
        const float ratio = scratch->scaled[f] * (float)(1.0 / scale);
        const int code = (int)(ratio + (ratio < 0.0F ? -0.5F : 0.5F));
        codes[f] = (int8_t)(code > most ? most : code < -most ? -most : code);
        const double rest = (double)scratch->scaled[f] / scale - (double)codes[f];
        missed += rest * rest;
        length += ((double)codes[f] + rest) * ((double)codes[f] + rest);
        sum += codes[f];
    }
    const double rho = (double)table->rho;
    const double mu = (double)table->mu;
    const double size = sqrt(length);
    const double bound = size * rho + sqrt(missed) * mu +
                         size * (rho + mu) * (DOT_ROUNDING + SUM_ROUNDING) + 2.0;
    scratch->users[u].scale = scale;
    scratch->starts[u] = (int32_t)ceil(bound) - sum * MR_INT8_SHIFT;
}

/* ---- the second pass ---- */

/* The place of the first that is not below an item. */
static size_t first_from(const uint32_t *excluded, size_t count, size_t item)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (excluded[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_excluded(const uint32_t *excluded, size_t count, uint32_t item)
{
    const size_t at = first_from(excluded, count, item);
    return at < count && excluded[at] == item;
}

/* Every item in float32: for users without codes, and where bounds are all alike. */
static uint32_t scan_all(const mr_int8_table *table, mr_int8_scratch *scratch,
                         const float *user, uint32_t k, const uint32_t *excluded,
                         size_t excluded_count, mr_ranked *ret_best)
{
    const mr_dense *items = table->items;
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    scratch->work.scanned++;
    mr_top_k_selector_init(&scratch->again, k, MR_TOP_K_AUTO);
    for (size_t first = 0; first < items->rows; first += MR_INT8_GROUP) {
        float scores[MR_INT8_GROUP];
        const size_t left = items->rows - first;
        const size_t count = left < MR_INT8_GROUP ? left : MR_INT8_GROUP;
        for (size_t i = 0; i < count; i++)
            scores[i] =
                is_excluded(excluded, excluded_count, (uint32_t)(first + i))
                    ? -INFINITY
                    : kernels->dot(user, mr_dense_row(items, first + i), items->stride);
        mr_top_k_selector_add(&scratch->again, scores, count, (uint32_t)first);
    }
    return mr_top_k_selector_finish(&scratch->again, ret_best);
}

/*
 * Score `found` candidates (best bound first) again.  True when the best k of them are the best
 * k of all: when all were candidates, or the k-th score is above the least bound among them.
 */
static bool rescore(const mr_int8_table *table, mr_int8_scratch *scratch, size_t u,
                    const float *user, uint32_t k, uint32_t found, uint32_t wanted,
                    mr_ranked *ret_best, uint32_t *ret_count)
{
    const mr_dense *items = table->items;
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    const mr_ranked *candidates = scratch->candidates;
    const double left_out =
        found < wanted ? -(double)INFINITY
                       : (double)candidates[found - 1].score * scratch->users[u].scale;
    for (uint32_t c = 0; c < found; c++)
        for (size_t f = 0; f < items->stride; f += MR_VECTOR_FLOATS)
            __builtin_prefetch(mr_dense_row(items, candidates[c].index) + f);
    mr_top_k_selector_init(&scratch->again, k, MR_TOP_K_AUTO);
    for (uint32_t c = 0; c < found; c++) {
        const float score =
            kernels->dot(user, mr_dense_row(items, candidates[c].index), items->stride);
        mr_top_k_selector_offer(&scratch->again, candidates[c].index, score);
    }
    scratch->work.rescored += found;
    *ret_count = mr_top_k_selector_finish(&scratch->again, ret_best);
    return found < wanted ||
           (*ret_count == k && (double)ret_best[k - 1].score > left_out);
}

/* ---- the first pass ---- */

static uint32_t first_wanted(uint32_t k)
{
    const uint32_t wanted = 2 * k + SPARE;
    return wanted < MR_TOP_K_MAX ? wanted : MR_TOP_K_MAX;
}

static size_t block_items(const mr_int8_table *table, size_t first)
{
    const size_t left = table->items->rows - first;
    return left < BLOCK_ITEMS ? left : BLOCK_ITEMS;
}

static void multiply(const mr_int8_table *table, const mr_int8_scratch *scratch,
                     size_t first, size_t user, size_t user_count)
{
    const size_t width = table->items->stride;
    const mr_int8_block block = {
        .codes = table->codes + first * width,
        .scales = table->scales + first,
        .width = width,
        .groups = (block_items(table, first) + MR_INT8_GROUP - 1) / MR_INT8_GROUP};
    const mr_int8_users users = {.codes = scratch->codes + user * width,
                                 .starts = scratch->starts + user,
                                 .count = user_count};
    scratch->kernel->multiply(&block, &users, scratch->tile, BLOCK_ITEMS);
}

static void leave_out(float *row, size_t first, size_t count, const uint32_t *excluded,
                      size_t excluded_count, size_t *cursor)
{
    for (; *cursor < excluded_count && excluded[*cursor] < first + count; (*cursor)++)
        if (excluded[*cursor] >= first)
            row[excluded[*cursor] - first] = -INFINITY;
}

/*
 * Passes for one user at a time go forth and back in turn.  Of a table somewhat larger than the
 * cache, a pass that begins where all others begin finds nothing of the one before; one that turns
 * round finds what was read last.
 */
static bool next_way(mr_int8_scratch *scratch)
{
    scratch->backwards = !scratch->backwards;
    return scratch->backwards;
}

/* The first item of a pass's n-th block. */
static size_t block_first(const mr_int8_table *table, size_t n, bool backwards)
{
    const size_t blocks = (table->items->rows + BLOCK_ITEMS - 1) / BLOCK_ITEMS;
    return (backwards ? blocks - 1 - n : n) * BLOCK_ITEMS;
}

/* The `wanted` best bounds of the one coded user, best first.  Which of equal bounds are kept
 * depends on the way; what rescore() makes of them does not. */
static uint32_t best_bounds(const mr_int8_table *table, mr_int8_scratch *scratch,
                            uint32_t wanted, const uint32_t *excluded,
                            size_t excluded_count)
{
    mr_top_k_selector *selector = &scratch->selectors[0];
    const bool backwards = next_way(scratch);
    mr_top_k_selector_init(selector, wanted, MR_TOP_K_AUTO);
    for (size_t n = 0; n * BLOCK_ITEMS < table->items->rows; n++) {
        const size_t first = block_first(table, n, backwards);
        const size_t count = block_items(table, first);
        size_t cursor = first_from(excluded, excluded_count, first);
        multiply(table, scratch, first, 0, 1);
        leave_out(scratch->tile, first, count, excluded, excluded_count, &cursor);
        mr_top_k_selector_add(selector, scratch->tile, count, (uint32_t)first);
    }
    return mr_top_k_selector_finish(selector, scratch->candidates);
}

/* One user from the start, with more candidates each time. */
static uint32_t search(const mr_int8_table *table, mr_int8_scratch *scratch,
                       const float *user, uint32_t k, uint32_t wanted,
                       const uint32_t *excluded, size_t excluded_count,
                       mr_ranked *ret_best)
{
    uint32_t count = 0;
    code_user(table, scratch, 0, user);
    if (!scratch->users[0].valid)
        return scan_all(table, scratch, user, k, excluded, excluded_count, ret_best);
    for (;;) {
        const uint32_t found =
            best_bounds(table, scratch, wanted, excluded, excluded_count);
        if (rescore(table, scratch, 0, user, k, found, wanted, ret_best, &count))
            return count;
        scratch->work.repeated++;
        if (wanted == MR_TOP_K_MAX)
            return scan_all(table, scratch, user, k, excluded, excluded_count, ret_best);
        wanted = wanted * MORE < MR_TOP_K_MAX ? wanted * MORE : MR_TOP_K_MAX;
    }
}

uint32_t mr_int8_table_top_k(const mr_int8_table *table, mr_int8_scratch *scratch,
                             const float *user, uint32_t k, const uint32_t *excluded,
                             size_t excluded_count, mr_ranked *ret_best)
{
    MR_ASSERT(k >= 1 && k <= MR_TOP_K_MAX);
    scratch->work.users++;
    return search(table, scratch, user, k, first_wanted(k), excluded, excluded_count,
                  ret_best);
}

bool mr_int8_table_upper(const mr_int8_table *table, mr_int8_scratch *scratch,
                         const float *user, float *ret_upper)
{
    code_user(table, scratch, 0, user);
    if (!scratch->users[0].valid)
        return false;
    const float scale = (float)scratch->users[0].scale;
    const bool backwards = next_way(scratch);
    for (size_t n = 0; n * BLOCK_ITEMS < table->items->rows; n++) {
        const size_t first = block_first(table, n, backwards);
        const size_t count = block_items(table, first);
        multiply(table, scratch, first, 0, 1);
        for (size_t i = 0; i < count; i++)
            ret_upper[first + i] = scratch->tile[i] * scale;
    }
    return true;
}

/* ---- many users ---- */

typedef struct batch_job {
    const mr_int8_table *table;
    const mr_dense *users;
    const mr_sparse_matrix *excluded;
    uint32_t k;
    mr_int8_scratch **scratch; /* [threads] */
    mr_ranked *best;
    uint32_t *counts;
} batch_job;

static const uint32_t *excluded_of(const batch_job *job, size_t user, size_t *ret_count)
{
    *ret_count = 0;
    if (job->excluded == NULL)
        return NULL;
    *ret_count = mr_sparse_matrix_row_count(job->excluded, (uint32_t)user);
    return job->excluded->index + job->excluded->ptr[user];
}

static void rank_bounds(const batch_job *job, mr_int8_scratch *scratch, size_t begin,
                        size_t end)
{
    size_t cursors[USER_BLOCK] = {0};
    for (size_t u = begin; u < end; u++) {
        code_user(job->table, scratch, u - begin, mr_dense_row(job->users, u));
        mr_top_k_selector_init(&scratch->selectors[u - begin], first_wanted(job->k),
                               MR_TOP_K_AUTO);
    }
    for (size_t first = 0; first < job->table->items->rows; first += BLOCK_ITEMS) {
        const size_t count = block_items(job->table, first);
        for (size_t u = 0; u < end - begin; u++) {
            const size_t place = u % PANEL_USERS;
            const size_t left = end - begin - u;
            if (place == 0)
                multiply(job->table, scratch, first, u,
                         left < PANEL_USERS ? left : PANEL_USERS);
            size_t excluded_count = 0;
            const uint32_t *excluded = excluded_of(job, begin + u, &excluded_count);
            float *row = scratch->tile + place * BLOCK_ITEMS;
            leave_out(row, first, count, excluded, excluded_count, &cursors[u]);
            mr_top_k_selector_add(&scratch->selectors[u], row, count, (uint32_t)first);
        }
    }
}

static void rank_users(void *context, uint32_t worker, size_t begin, size_t end)
{
    const batch_job *job = context;
    mr_int8_scratch *scratch = job->scratch[worker];
    const uint32_t wanted = first_wanted(job->k);
    bool again[USER_BLOCK];
    rank_bounds(job, scratch, begin, end);
    for (size_t u = begin; u < end; u++) {
        const uint32_t found =
            mr_top_k_selector_finish(&scratch->selectors[u - begin], scratch->candidates);
        scratch->work.users++;
        again[u - begin] =
            !scratch->users[u - begin].valid ||
            !rescore(job->table, scratch, u - begin, mr_dense_row(job->users, u), job->k,
                     found, wanted, job->best + u * job->k, &job->counts[u]);
    }
    for (size_t u = begin; u < end; u++) {
        if (!again[u - begin])
            continue;
        size_t excluded_count = 0;
        const uint32_t *excluded = excluded_of(job, u, &excluded_count);
        const uint32_t more = wanted * MORE;
        scratch->work.repeated++;
        job->counts[u] = search(job->table, scratch, mr_dense_row(job->users, u), job->k,
                                more < MR_TOP_K_MAX ? more : MR_TOP_K_MAX, excluded,
                                excluded_count, job->best + u * job->k);
    }
}

mr_status mr_int8_table_top_k_batch(const mr_int8_table *table, const mr_dense *users,
                                    uint32_t k, const mr_sparse_matrix *excluded,
                                    mr_worker_pool *pool, mr_ranked *ret_best,
                                    uint32_t *ret_counts, mr_int8_work *ret_work)
{
    if (k < 1 || k > MR_TOP_K_MAX || users->columns != table->items->columns ||
        (excluded != NULL && excluded->rows != users->rows))
        return MR_ERR_INVALID;
    const uint32_t threads = mr_worker_pool_threads(pool);
    mr_int8_work work = {0};
    batch_job job = {.table = table,
                     .users = users,
                     .excluded = excluded,
                     .k = k,
                     .scratch = calloc(threads, sizeof(mr_int8_scratch *)),
                     .best = ret_best,
                     .counts = ret_counts};
    mr_status status = job.scratch == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    for (uint32_t w = 0; w < threads && status == MR_OK; w++)
        status = mr_int8_scratch_create(table, NULL, &job.scratch[w]);
    if (status == MR_OK)
        mr_worker_pool_run(pool, users->rows, USER_BLOCK, rank_users, &job);
    for (uint32_t w = 0; job.scratch != NULL && w < threads; w++) {
        if (job.scratch[w] == NULL)
            continue;
        work.users += job.scratch[w]->work.users;
        work.rescored += job.scratch[w]->work.rescored;
        work.repeated += job.scratch[w]->work.repeated;
        work.scanned += job.scratch[w]->work.scanned;
        mr_int8_scratch_destroy(job.scratch[w]);
    }
    free(job.scratch);
    if (status == MR_OK && ret_work != NULL)
        *ret_work = work;
    return status;
}

#include "models/fold_in.h"

#include "models/gram.h"

#include <stdlib.h>
#include <string.h>

struct mr_fold_in {
    const mr_dense *items;
    float *eigenvalues; /* [stride] */
    mr_ials_basis basis;
};

/* Nobody goes on where this stops, so it runs to convergence. */
static const mr_ials_stop STOP = {
    .direct_max = MR_IALS_WOODBURY_MAX, .steps_max = 32, .tolerance = 1e-5F};

static mr_status allocate(const mr_dense *items, const mr_ials_options *options,
                          mr_fold_in **ret_fold_in)
{
    mr_fold_in *fold_in = calloc(1, sizeof(*fold_in));
    if (fold_in == NULL)
        return MR_ERR_NO_MEMORY;
    fold_in->eigenvalues = mr_dense_floats(items->stride);
    if (fold_in->eigenvalues == NULL) {
        mr_fold_in_destroy(fold_in);
        return MR_ERR_NO_MEMORY;
    }
    fold_in->items = items;
    fold_in->basis = (mr_ials_basis){.factors = items,
                                     .eigenvalues = fold_in->eigenvalues,
                                     .alpha0 = options->alpha0,
                                     .lambda = options->lambda,
                                     .nu = options->nu};
    *ret_fold_in = fold_in;
    return MR_OK;
}

mr_status mr_fold_in_create(mr_dense *items, const mr_ials_options *options,
                            mr_worker_pool *pool, mr_fold_in **ret_fold_in)
{
    const size_t d = items->columns;
    mr_fold_in *fold_in = NULL;
    MR_TRY(allocate(items, options, &fold_in));
    double *gram = calloc(d * d, sizeof(*gram));
    float *vectors = mr_dense_floats(d * d);
    mr_status status = gram == NULL || vectors == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    if (status == MR_OK)
        status = mr_gram_of(items, pool, gram);
    if (status == MR_OK)
        status = mr_gram_eigenbasis(gram, d, vectors, fold_in->eigenvalues);
    if (status == MR_OK)
        status = mr_gram_turn(items, vectors, pool);
    free(gram);
    free(vectors);
    if (status != MR_OK) {
        mr_fold_in_destroy(fold_in);
        return status;
    }
    *ret_fold_in = fold_in;
    return MR_OK;
}

mr_status mr_fold_in_open(const mr_dense *items, const float *eigenvalues,
                          const mr_ials_options *options, mr_fold_in **ret_fold_in)
{
    mr_fold_in *fold_in = NULL;
    MR_TRY(allocate(items, options, &fold_in));
    memcpy(fold_in->eigenvalues, eigenvalues, items->columns * sizeof(*eigenvalues));
    *ret_fold_in = fold_in;
    return MR_OK;
}

void mr_fold_in_destroy(mr_fold_in *fold_in)
{
    if (fold_in == NULL)
        return;
    free(fold_in->eigenvalues);
    free(fold_in);
}

const mr_dense *mr_fold_in_items(const mr_fold_in *fold_in)
{
    return fold_in->items;
}

const float *mr_fold_in_eigenvalues(const mr_fold_in *fold_in)
{
    return fold_in->eigenvalues;
}

void mr_fold_in_prefetch(const mr_fold_in *fold_in, const uint32_t *history, size_t count)
{
    mr_ials_prefetch_row(&fold_in->basis, history, count);
}

void mr_fold_in_user(const mr_fold_in *fold_in, mr_ials_scratch *scratch,
                     const uint32_t *history, const float *weights, size_t count,
                     float *ret_factors)
{
    memset(ret_factors, 0, fold_in->items->stride * sizeof(*ret_factors));
    mr_ials_solve_row(&fold_in->basis, scratch, history, weights, count, STOP,
                      ret_factors);
}

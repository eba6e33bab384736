#include "models/ials_solver.h"

#include "core/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PREFETCHED_ROWS = 20 };

struct mr_ials_scratch {
    const mr_vector_kernels *kernels;
    size_t width;
    double flops;
    float *gathered; /* [WOODBURY_MAX][width] */
    float *system;   /* [WOODBURY_MAX][WOODBURY_MAX] */
    float *small;    /* [WOODBURY_MAX] */
    float *diagonal; /* [width] each from here on */
    float *scale;
    float *residual;
    float *direction;
    float *image;
    float *preconditioner;
    float *right_side;
};

mr_status mr_ials_scratch_create(size_t dimension, mr_ials_scratch **ret_scratch)
{
    const size_t width = mr_dense_stride(dimension);
    mr_ials_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return MR_ERR_NO_MEMORY;
    scratch->kernels = mr_vector_kernels_best();
    scratch->width = width;
    const struct {
        float **buffer;
        size_t count;
    } buffers[] = {
        {&scratch->gathered, MR_IALS_WOODBURY_MAX * width},
        {&scratch->system, (size_t)MR_IALS_WOODBURY_MAX * MR_IALS_WOODBURY_MAX},
        {&scratch->small, MR_IALS_WOODBURY_MAX},
        {&scratch->diagonal, width},
        {&scratch->scale, width},
        {&scratch->residual, width},
        {&scratch->direction, width},
        {&scratch->image, width},
        {&scratch->preconditioner, width},
        {&scratch->right_side, width},
    };
    for (size_t b = 0; b < sizeof(buffers) / sizeof(buffers[0]); b++) {
        *buffers[b].buffer = mr_dense_floats(buffers[b].count);
        if (*buffers[b].buffer == NULL) {
            mr_ials_scratch_destroy(scratch);
            return MR_ERR_NO_MEMORY;
        }
    }
    *ret_scratch = scratch;
    return MR_OK;
}

void mr_ials_scratch_destroy(mr_ials_scratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->gathered);
    free(scratch->system);
    free(scratch->small);
    free(scratch->diagonal);
    free(scratch->scale);
    free(scratch->residual);
    free(scratch->direction);
    free(scratch->image);
    free(scratch->preconditioner);
    free(scratch->right_side);
    free(scratch);
}

double mr_ials_scratch_flops(const mr_ials_scratch *scratch)
{
    return scratch->flops;
}

float mr_ials_regularisation(const mr_ials_basis *basis, float weight)
{
    const double size =
        (double)weight + (double)basis->alpha0 * (double)basis->factors->rows;
    return (float)((double)basis->lambda * pow(size, (double)basis->nu));
}

static void fill_diagonal(const mr_ials_basis *basis, mr_ials_scratch *scratch,
                          const float *weights, size_t count)
{
    float total = (float)count;
    if (weights != NULL) {
        total = 0.0F;
        for (size_t i = 0; i < count; i++)
            total += weights[i];
    }
    const float regularisation = mr_ials_regularisation(basis, total);
    for (size_t f = 0; f < scratch->width; f++)
        scratch->diagonal[f] = basis->alpha0 * basis->eigenvalues[f] + regularisation;
}

/*
 * With W = C^1/2 Z D^-1/2:  (I + W W') w = C^1/2 1  and  x = D^-1/2 W' w.
 * [Woodbury 1950; the push-through identity]
 */
static void solve_short(mr_ials_scratch *scratch, const mr_vector_rows *rows, float *x)
{
    const size_t n = rows->count;
    const size_t width = scratch->width;
    const size_t stride = mr_dense_stride(n);
    for (size_t f = 0; f < width; f++)
        scratch->scale[f] = 1.0F / sqrtf(scratch->diagonal[f]);
    scratch->kernels->gather(rows, width, scratch->scale, scratch->gathered);
    scratch->kernels->gram(scratch->gathered, width, n, scratch->system, stride);
    for (size_t i = 0; i < n; i++) {
        scratch->system[i * stride + i] += 1.0F;
        scratch->small[i] = rows->weights != NULL ? sqrtf(rows->weights[i]) : 1.0F;
    }
    /* I + W W' has no eigenvalue below 1, so this cannot fail on finite factors. */
    const bool solved =
        scratch->kernels->solve_upper(scratch->system, stride, n, scratch->small);
    MR_ASSERT(solved);
    scratch->kernels->combine(scratch->gathered, width, scratch->small, n, x);
    for (size_t f = 0; f < width; f++)
        x[f] *= scratch->scale[f];
    const double size = (double)n;
    scratch->flops +=
        size * size * ((double)width + size / 3.0) + 4.0 * size * (double)width;
}

/* Conjugate gradient preconditioned by A's own diagonal.  [Saad 2003, algorithm 9.1] */
static void solve_long(mr_ials_scratch *scratch, const mr_vector_rows *rows,
                       mr_ials_stop stop, float *x)
{
    const mr_vector_kernels *kernels = scratch->kernels;
    const size_t width = scratch->width;
    float *residual = scratch->residual;
    float *direction = scratch->direction;
    float *image = scratch->image;
    kernels->open(rows, width, x, scratch->right_side, scratch->preconditioner, image);
    for (size_t f = 0; f < width; f++) {
        residual[f] = scratch->right_side[f] - image[f] - scratch->diagonal[f] * x[f];
        scratch->preconditioner[f] =
            1.0F / (scratch->preconditioner[f] + scratch->diagonal[f]);
        direction[f] = scratch->preconditioner[f] * residual[f];
        scratch->right_side[f] *= sqrtf(scratch->preconditioner[f]);
    }
    const float size = kernels->dot(scratch->right_side, scratch->right_side, width);
    float rho = kernels->dot(residual, direction, width);
    const double pass = 4.0 * (double)rows->count * (double)width;
    scratch->flops += pass * 2.0; /* beside the product two sums */
    for (uint32_t step = 0; step < stop.steps_max; step++) {
        if (!(rho > stop.tolerance * stop.tolerance * size))
            return;
        kernels->product(rows, width, direction, image);
        scratch->flops += pass;
        for (size_t f = 0; f < width; f++)
            image[f] += scratch->diagonal[f] * direction[f];
        const float length = rho / kernels->dot(direction, image, width);
        for (size_t f = 0; f < width; f++) {
            x[f] += length * direction[f];
            residual[f] -= length * image[f];
            image[f] = scratch->preconditioner[f] * residual[f];
        }
        const float next = kernels->dot(residual, image, width);
        const float turn = next / rho;
        rho = next;
        for (size_t f = 0; f < width; f++)
            direction[f] = image[f] + turn * direction[f];
    }
}

void mr_ials_prefetch_row(const mr_ials_basis *basis, const uint32_t *index, size_t count)
{
    for (size_t i = 0; i < count && i < PREFETCHED_ROWS; i++) {
        const float *row = mr_dense_row(basis->factors, index[i]);
        for (size_t f = 0; f < basis->factors->stride; f += MR_VECTOR_FLOATS)
            __builtin_prefetch(row + f, 0, 2);
    }
}

void mr_ials_solve_row(const mr_ials_basis *basis, mr_ials_scratch *scratch,
                       const uint32_t *index, const float *weights, size_t count,
                       mr_ials_stop stop, float *x)
{
    MR_ASSERT(stop.direct_max <= MR_IALS_WOODBURY_MAX);
    if (count == 0) {
        memset(x, 0, scratch->width * sizeof(*x));
        return;
    }
    const mr_vector_rows rows = {.base = basis->factors->values,
                                 .stride = basis->factors->stride,
                                 .index = index,
                                 .weights = weights,
                                 .count = count};
    fill_diagonal(basis, scratch, weights, count);
    if (count <= stop.direct_max)
        solve_short(scratch, &rows, x);
    else
        solve_long(scratch, &rows, stop, x);
}

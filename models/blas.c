#include "models/blas.h"

#include "core/assert.h"

#include <cblas.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The LAPACK in OpenBLAS is compiled Fortran: arguments by reference, one hidden length a
 * character argument.  Debian's package ships no header for it. */
extern void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info,
                    size_t uplo_length);
extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info,
                    size_t uplo_length);
extern void spotrs_(const char *uplo, const int *n, const int *nrhs, const float *a,
                    const int *lda, float *b, const int *ldb, int *info,
                    size_t uplo_length);
extern void dpotrs_(const char *uplo, const int *n, const int *nrhs, const double *a,
                    const int *lda, double *b, const int *ldb, int *info,
                    size_t uplo_length);
extern void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info,
                    size_t uplo_length);
extern void ssyevd_(const char *jobz, const char *uplo, const int *n, float *a,
                    const int *lda, float *w, float *work, const int *lwork, int *iwork,
                    const int *liwork, int *info, size_t jobz_length, size_t uplo_length);

/* Our lower triangle, row-major, is Fortran's upper one. */
static const char ROW_MAJOR_LOWER[] = "U";

static int as_int(size_t value)
{
    MR_ASSERT(value <= INT32_MAX);
    return (int)value;
}

static CBLAS_TRANSPOSE as_cblas(mr_blas_transpose op)
{
    return op == MR_BLAS_TRANSPOSED ? CblasTrans : CblasNoTrans;
}

/* Small integers, so that every order of summation gives the same bits. */
static bool product_is_right(void)
{
    enum { N = 67 };
    static float a[N * N];
    static float b[N * N];
    static float c[N * N];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i * N + j] = (float)((i * 7 + j * 3) % 11 - 5);
            b[i * N + j] = (float)((i * 5 + j * 2) % 13 - 6);
        }
    mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_PLAIN, N, N, N, 1.0F, a, N, b, N, 0.0F, c, N);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            int sum = 0;
            for (int k = 0; k < N; k++)
                sum += ((i * 7 + k * 3) % 11 - 5) * ((k * 5 + j * 2) % 13 - 6);
            if (fabsf(c[i * N + j] - (float)sum) > 0.0F)
                return false;
        }
    return true;
}

const char *mr_blas_start(void)
{
    openblas_set_num_threads(1);
    return product_is_right() ? mr_blas_core_name() : NULL;
}

const char *mr_blas_core_name(void)
{
    const char *name = openblas_get_corename();
    return name != NULL ? name : "unknown";
}

#if defined(__x86_64__)
static bool name_is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcasecmp(name, *names) == 0)
            return true;
    return false;
}

bool mr_blas_needs_reexec(char *ret_core)
{
    static const char *const avx512[] = {"SkylakeX", "Cooperlake", "SapphireRapids",
                                         NULL};
    static const char *const avx2[] = {"Haswell", "Zen", NULL};
    if (getenv("OPENBLAS_CORETYPE") != NULL)
        return false;
    const char *name = mr_blas_core_name();
    const char *better = NULL;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
        if (!name_is_one_of(name, avx512))
            better = "SkylakeX";
    } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        if (!name_is_one_of(name, avx2))
            better = "Haswell";
    }
    if (better == NULL)
        return false;
    (void)strncpy(ret_core, better, MR_BLAS_CORE_BYTES - 1);
    ret_core[MR_BLAS_CORE_BYTES - 1] = '\0';
    return true;
}
#else
bool mr_blas_needs_reexec(char *ret_core)
{
    (void)ret_core;
    return false;
}
#endif

void mr_blas_sgemm(mr_blas_transpose op_a, mr_blas_transpose op_b, size_t m, size_t n,
                   size_t k, float alpha, const float *a, size_t lda, const float *b,
                   size_t ldb, float beta, float *c, size_t ldc)
{
    cblas_sgemm(CblasRowMajor, as_cblas(op_a), as_cblas(op_b), as_int(m), as_int(n),
                as_int(k), alpha, a, as_int(lda), b, as_int(ldb), beta, c, as_int(ldc));
}

void mr_blas_dgemm(mr_blas_transpose op_a, mr_blas_transpose op_b, size_t m, size_t n,
                   size_t k, double alpha, const double *a, size_t lda, const double *b,
                   size_t ldb, double beta, double *c, size_t ldc)
{
    cblas_dgemm(CblasRowMajor, as_cblas(op_a), as_cblas(op_b), as_int(m), as_int(n),
                as_int(k), alpha, a, as_int(lda), b, as_int(ldb), beta, c, as_int(ldc));
}

void mr_blas_sgemv(mr_blas_transpose op_a, size_t rows, size_t columns, float alpha,
                   const float *a, size_t lda, const float *x, float beta, float *y)
{
    cblas_sgemv(CblasRowMajor, as_cblas(op_a), as_int(rows), as_int(columns), alpha, a,
                as_int(lda), x, 1, beta, y, 1);
}

void mr_blas_dgemv(mr_blas_transpose op_a, size_t rows, size_t columns, double alpha,
                   const double *a, size_t lda, const double *x, double beta, double *y)
{
    cblas_dgemv(CblasRowMajor, as_cblas(op_a), as_int(rows), as_int(columns), alpha, a,
                as_int(lda), x, 1, beta, y, 1);
}

void mr_blas_ssyrk(size_t n, size_t k, float alpha, const float *a, size_t lda,
                   float beta, float *c, size_t ldc)
{
    cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, as_int(n), as_int(k), alpha, a,
                as_int(lda), beta, c, as_int(ldc));
}

void mr_blas_dsyrk(size_t n, size_t k, double alpha, const double *a, size_t lda,
                   double beta, double *c, size_t ldc)
{
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, as_int(n), as_int(k), alpha, a,
                as_int(lda), beta, c, as_int(ldc));
}

mr_status mr_blas_spotrf(size_t n, float *a, size_t lda)
{
    const int order = as_int(n);
    const int stride = as_int(lda);
    int info = 0;
    spotrf_(ROW_MAJOR_LOWER, &order, a, &stride, &info, 1);
    return info == 0 ? MR_OK : MR_ERR_INVALID;
}

mr_status mr_blas_dpotrf(size_t n, double *a, size_t lda)
{
    const int order = as_int(n);
    const int stride = as_int(lda);
    int info = 0;
    dpotrf_(ROW_MAJOR_LOWER, &order, a, &stride, &info, 1);
    return info == 0 ? MR_OK : MR_ERR_INVALID;
}

void mr_blas_spotrs(size_t n, const float *l, size_t lda, float *b)
{
    const int order = as_int(n);
    const int stride = as_int(lda);
    const int one = 1;
    int info = 0;
    spotrs_(ROW_MAJOR_LOWER, &order, &one, l, &stride, b, &order, &info, 1);
    MR_ASSERT(info == 0);
}

void mr_blas_dpotrs(size_t n, const double *l, size_t lda, double *b)
{
    const int order = as_int(n);
    const int stride = as_int(lda);
    const int one = 1;
    int info = 0;
    dpotrs_(ROW_MAJOR_LOWER, &order, &one, l, &stride, b, &order, &info, 1);
    MR_ASSERT(info == 0);
}

mr_status mr_blas_dpotri(size_t n, double *a, size_t lda)
{
    const int order = as_int(n);
    const int stride = as_int(lda);
    int info = 0;
    dpotri_(ROW_MAJOR_LOWER, &order, a, &stride, &info, 1);
    return info == 0 ? MR_OK : MR_ERR_INVALID;
}

mr_status mr_blas_ssyevd(size_t n, float *a, size_t lda, float *ret_values)
{
    const int order = as_int(n);
    const int stride = as_int(lda);
    float best_work = 0.0F;
    int best_iwork = 0;
    const int query = -1;
    int info = 0;
    ssyevd_("V", ROW_MAJOR_LOWER, &order, a, &stride, ret_values, &best_work, &query,
            &best_iwork, &query, &info, 1, 1);
    MR_ASSERT(info == 0);
    /* A size that passed through float32 may have been rounded down. */
    const int work_count = (int)(best_work * 1.001F) + 64;
    float *work = malloc((size_t)work_count * sizeof(*work));
    int *iwork = malloc((size_t)best_iwork * sizeof(*iwork));
    mr_status status = MR_ERR_NO_MEMORY;
    if (work != NULL && iwork != NULL) {
        ssyevd_("V", ROW_MAJOR_LOWER, &order, a, &stride, ret_values, work, &work_count,
                iwork, &best_iwork, &info, 1, 1);
        status = info == 0 ? MR_OK : MR_ERR_INVALID;
    }
    free(work);
    free(iwork);
    return status;
}

/*
 * Method: each wrapper against the definition on small matrices with odd sizes and strides, so
 * that a wrong order, triangle or leading dimension shows.
 */
#include "tests/support.h"

#include "models/blas.h"
#include "models/random.h"

#include <string.h>

static float draw(uint64_t position)
{
    return (float)mr_random_normal(5, position);
}

static void test_start_names_a_core_and_trusts_its_product(void **state)
{
    (void)state;
    const char *name = mr_blas_start();
    assert_non_null(name);
    assert_string_equal(name, mr_blas_core_name());
}

static void test_a_core_the_operator_set_is_respected(void **state)
{
    (void)state;
    char core[MR_BLAS_CORE_BYTES];
    assert_int_equal(setenv("OPENBLAS_CORETYPE", "Prescott", 1), 0);
    assert_false(mr_blas_needs_reexec(core));
    assert_int_equal(unsetenv("OPENBLAS_CORETYPE"), 0);
}

static void test_gemm_and_gemv_equal_the_definition_in_both_orders(void **state)
{
    (void)state;
    enum { M = 5, N = 4, K = 3, LD = 7 };
    float a[LD * LD];
    float b[LD * LD];
    float c[LD * LD];
    for (int i = 0; i < LD * LD; i++) {
        a[i] = draw((uint64_t)i);
        b[i] = draw(1000 + (uint64_t)i);
    }
    for (int ta = 0; ta < 2; ta++)
        for (int tb = 0; tb < 2; tb++) {
            memset(c, 0, sizeof(c));
            mr_blas_sgemm((mr_blas_transpose)ta, (mr_blas_transpose)tb, M, N, K, 2.0F, a,
                          LD, b, LD, 0.0F, c, LD);
            for (int i = 0; i < M; i++)
                for (int j = 0; j < N; j++) {
                    double sum = 0.0;
                    for (int k = 0; k < K; k++)
                        sum += (double)(ta ? a[k * LD + i] : a[i * LD + k]) *
                               (double)(tb ? b[j * LD + k] : b[k * LD + j]);
                    assert_true(fabs((double)c[i * LD + j] - 2.0 * sum) < 1e-5);
                }
        }
    for (int ta = 0; ta < 2; ta++) {
        float y[LD] = {0};
        mr_blas_sgemv((mr_blas_transpose)ta, M, N, 1.0F, a, LD, b, 0.0F, y);
        for (int i = 0; i < (ta ? N : M); i++) {
            double sum = 0.0;
            for (int k = 0; k < (ta ? M : N); k++)
                sum += (double)(ta ? a[k * LD + i] : a[i * LD + k]) * (double)b[k];
            assert_true(fabs((double)y[i] - sum) < 1e-5);
        }
    }
}

static void test_syrk_then_cholesky_solves_the_normal_equations(void **state)
{
    (void)state;
    enum { N = 6, K = 11 };
    double a[K * N];
    double c[N * N] = {0};
    double kept[N * N];
    double x[N];
    double right[N];
    for (int i = 0; i < K * N; i++)
        a[i] = (double)draw(2000 + (uint64_t)i);
    mr_blas_dsyrk(N, K, 1.0, a, N, 0.0, c, N);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j <= i; j++) {
            double sum = 0.0;
            for (int k = 0; k < K; k++)
                sum += a[k * N + i] * a[k * N + j];
            assert_close(c[i * N + j], sum, 1e-12);
        }
        for (int j = i + 1; j < N; j++)
            assert_true(fabs(c[i * N + j]) <=
                        0.0); /* the upper triangle is not touched */
        right[i] = x[i] = (double)(i + 1);
    }
    memcpy(kept, c, sizeof(kept));
    assert_int_equal(mr_blas_dpotrf(N, c, N), MR_OK);
    mr_blas_dpotrs(N, c, N, x);
    for (int i = 0; i < N; i++) {
        double sum = 0.0;
        for (int j = 0; j < N; j++)
            sum += (j <= i ? kept[i * N + j] : kept[j * N + i]) * x[j];
        assert_close(sum, right[i], 1e-9);
    }
    assert_int_equal(mr_blas_dpotri(N, c, N), MR_OK);
    for (int i = 0; i < N; i++) {
        double sum = 0.0;
        for (int j = 0; j < N; j++)
            sum += (j <= i ? c[i * N + j] : c[j * N + i]) * right[j];
        assert_close(sum, x[i], 1e-9);
    }
}

static void test_cholesky_refuses_what_is_not_positive_definite(void **state)
{
    (void)state;
    float a[4] = {1.0F, 0.0F, 2.0F, 1.0F};
    assert_int_equal(mr_blas_spotrf(2, a, 2), MR_ERR_INVALID);
}

static void test_rows_of_the_eigenbasis_rebuild_the_matrix(void **state)
{
    (void)state;
    enum { N = 19 };
    float a[N * N];
    float vectors[N * N];
    float values[N];
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++)
            a[i * N + j] = a[j * N + i] = draw(3000 + (uint64_t)(i * N + j));
    memcpy(vectors, a, sizeof(a));
    for (int i = 0; i < N; i++)
        for (int j = i + 1; j < N; j++)
            vectors[i * N + j] = NAN; /* not read */
    assert_int_equal(mr_blas_ssyevd(N, vectors, N, values), MR_OK);
    for (int i = 0; i < N; i++) {
        assert_true(i == 0 || values[i] >= values[i - 1]);
        for (int j = 0; j < N; j++) {
            double sum = 0.0;
            for (int e = 0; e < N; e++)
                sum += (double)values[e] * (double)vectors[e * N + i] *
                       (double)vectors[e * N + j];
            assert_true(fabs(sum - (double)a[i * N + j]) < 2e-5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_names_a_core_and_trusts_its_product),
        cmocka_unit_test(test_a_core_the_operator_set_is_respected),
        cmocka_unit_test(test_gemm_and_gemv_equal_the_definition_in_both_orders),
        cmocka_unit_test(test_syrk_then_cholesky_solves_the_normal_equations),
        cmocka_unit_test(test_cholesky_refuses_what_is_not_positive_definite),
        cmocka_unit_test(test_rows_of_the_eigenbasis_rebuild_the_matrix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

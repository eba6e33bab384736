#include "app/zipf.h"

#include <math.h>

/* (e^x - 1) / x and ln(1 + x) / x, also near 0, where s = 1 leads. */
static double exp_slope(double x)
{
    return fabs(x) > 1e-8 ? expm1(x) / x : 1.0 + x / 2.0;
}

static double log_slope(double x)
{
    return fabs(x) > 1e-8 ? log1p(x) / x : 1.0 - x / 2.0;
}

static double density(const mr_zipf *zipf, double x)
{
    return exp(-zipf->exponent * log(x));
}

/* H(x) = (x^(1-s) - 1) / (1 - s), the integral of the density; ln x for s = 1. */
static double integral(const mr_zipf *zipf, double x)
{
    const double log_x = log(x);
    return exp_slope((1.0 - zipf->exponent) * log_x) * log_x;
}

static double integral_inverse(const mr_zipf *zipf, double y)
{
    double t = y * (1.0 - zipf->exponent);
    if (t < -1.0)
        t = -1.0; /* rounding only */
    return exp(log_slope(t) * y);
}

mr_zipf mr_zipf_of(uint32_t ranks, double exponent)
{
    mr_zipf zipf = {.exponent = exponent, .ranks = ranks};
    zipf.lowest = integral(&zipf, 1.5) - 1.0;
    zipf.highest = integral(&zipf, ranks + 0.5);
    zipf.squeeze =
        2.0 - integral_inverse(&zipf, integral(&zipf, 2.5) - density(&zipf, 2.0));
    return zipf;
}

bool mr_zipf_rank(const mr_zipf *zipf, double uniform, uint32_t *ret_rank)
{
    const double y = zipf->highest + uniform * (zipf->lowest - zipf->highest);
    const double x = integral_inverse(zipf, y);
    double rank = floor(x + 0.5);
    if (rank < 1.0)
        rank = 1.0;
    else if (rank > zipf->ranks)
        rank = zipf->ranks;
    *ret_rank = (uint32_t)rank;
    return rank - x <= zipf->squeeze ||
           y >= integral(zipf, rank + 0.5) - density(zipf, rank);
}

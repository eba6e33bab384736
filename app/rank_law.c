#include "app/rank_law.h"

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

static double density(const mr_rank_law *law, double x)
{
    return exp(-law->exponent * log(x));
}

/* H(x) = (x^(1-s) - 1) / (1 - s), the integral of the density; ln x for s = 1. */
static double integral(const mr_rank_law *law, double x)
{
    const double log_x = log(x);
    return exp_slope((1.0 - law->exponent) * log_x) * log_x;
}

static double integral_inverse(const mr_rank_law *law, double y)
{
    double t = y * (1.0 - law->exponent);
    if (t < -1.0)
        t = -1.0; /* rounding only */
    return exp(log_slope(t) * y);
}

mr_rank_law mr_rank_law_of(uint32_t ranks, double exponent)
{
    mr_rank_law law = {.exponent = exponent, .ranks = ranks};
    law.lowest = integral(&law, 1.5) - 1.0;
    law.highest = integral(&law, ranks + 0.5);
    law.squeeze = 2.0 - integral_inverse(&law, integral(&law, 2.5) - density(&law, 2.0));
    return law;
}

bool mr_rank_law_draw(const mr_rank_law *law, double uniform, uint32_t *ret_rank)
{
    const double y = law->highest + uniform * (law->lowest - law->highest);
    const double x = integral_inverse(law, y);
    double rank = floor(x + 0.5);
    if (rank < 1.0)
        rank = 1.0;
    else if (rank > law->ranks)
        rank = law->ranks;
    *ret_rank = (uint32_t)rank;
    return rank - x <= law->squeeze ||
           y >= integral(law, rank + 0.5) - density(law, rank);
}

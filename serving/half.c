#include "serving/half.h"

#include <string.h>

/* IEEE 754-2019 table 3.5: binary32 has 8 exponent and 23 fraction bits, binary16 5 and 10. */

/* `fraction` with its low `bits` dropped, rounded to nearest, ties to even. */
static uint32_t round_off(uint32_t fraction, uint32_t bits)
{
    const uint32_t half = UINT32_C(1) << (bits - 1);
    const uint32_t odd = (fraction >> bits) & 1;
    return (fraction + half - 1 + odd) >> bits;
}

uint16_t mr_half_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    const uint32_t sign = (bits >> 16) & 0x8000U;
    const uint32_t magnitude = bits & 0x7fffffffU;
    const int32_t exponent = (int32_t)(magnitude >> 23) - 127;

    if (magnitude > 0x7f800000U)
        return (uint16_t)(sign | 0x7e00U);
    if (exponent > 15)
        return (uint16_t)(sign | 0x7c00U);
    if (exponent >= -14)
        /* A carry out of the fraction lands in the exponent, where it belongs. */
        return (uint16_t)(sign | round_off(magnitude - (UINT32_C(112) << 23), 13));
    if (exponent >= -25)
        return (uint16_t)(sign | round_off((magnitude & 0x7fffffU) | 0x800000U,
                                           (uint32_t)(-1 - exponent)));
    return (uint16_t)sign;
}

float mr_half_to_float(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000U) << 16;
    const uint32_t exponent = (half >> 10) & 31U;
    const uint32_t fraction = half & 0x3ffU;
    uint32_t bits;
    if (exponent == 31) {
        bits = sign | 0x7f800000U | (fraction << 13);
    } else if (exponent > 0) {
        bits = sign | ((exponent + 112) << 23) | (fraction << 13);
    } else {
        /* A subnormal is fraction x 2^-24, exact in binary32. */
        const float small = (float)fraction * 0x1p-24F;
        memcpy(&bits, &small, sizeof(bits));
        bits |= sign;
    }
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* expm1, tanh, sigmoid, log1p and the normal distribution function, branch-free as in exp.h so that plain loops vectorise.

   expm1(x) = 2^n (e^r - 1) + (2^n - 1), exact for n = 0, so small arguments keep their relative accuracy.
   tanh(x)  = e / (e + 2) with e = expm1(2 |x|), and the sign of x.
   log1p(u) = 2 artanh(s) with s = u / (2 + u): s^2 <= 1/9 for u in [0, 1], so the series of artanh is short.
   Phi(-z)  = erfc(z / sqrt 2) / 2 = e^(-z^2/2) P(t) / (1 + z) for z >= 0, t = (z - k) / (z + k): t maps the half-line
   to [-1, 1), where P (interpolated at Chebyshev nodes in 40-digit arithmetic) is smooth. Phi(z) = 1 - Phi(-z).

   Largest errors found (test_elementwise.py holds them): expm1 2 ulp, tanh 3 ulp, sigmoid 3 ulp, log1p 2 ulp; Phi 1e-7 (float) and
   2e-16 (double) absolute. NaN passes through all of them. */
#ifndef TINYDL_SPECIAL_H
#define TINYDL_SPECIAL_H

#include "src/exp.h"

/* Exact enough for x <= 80, all that elu and tanh need. */
TD_INLINE float td_expm1_f(float x) {
    const float magic = 12582912.0f;
    x = x < -30.0f ? -30.0f : x; /* -1 to the last bit */
    float t = x * 1.44269504f + magic;
    float s = td_exp2_f(td_bits_f(t) - td_bits_f(magic));
    t -= magic;
    float r = x - t * 0.693359375f;
    r = r - t * -2.12194440e-4f;
    return s * (td_exp_tail_f(r) * (r * r) + r) + (s - 1.0f);
}

TD_INLINE double td_expm1_d(double x) {
    const double magic = 6755399441055744.0;
    x = x < -60.0 ? -60.0 : x;
    double t = x * 1.4426950408889634 + magic;
    double s = td_exp2_d(td_bits_d(t) - td_bits_d(magic));
    t -= magic;
    double r = x - t * 0.6931467056274414;
    r = r - t * 4.7493250390316723e-7;
    return s * (td_exp_tail_d(r) * (r * r) + r) + (s - 1.0);
}

TD_INLINE float td_tanh_f(float x) {
    float a = __builtin_fabsf(x);
    a = a > 12.0f ? 12.0f : a; /* 1 to the last bit */
    float e = td_expm1_f(2.0f * a);
    return __builtin_copysignf(e / (e + 2.0f), x);
}

TD_INLINE double td_tanh_d(double x) {
    double a = __builtin_fabs(x);
    a = a > 24.0 ? 24.0 : a;
    double e = td_expm1_d(2.0 * a);
    return __builtin_copysign(e / (e + 2.0), x);
}

TD_INLINE float td_sigmoid_f(float x) { return 1.0f / (1.0f + td_exp_f(-x)); }
TD_INLINE double td_sigmoid_d(double x) { return 1.0 / (1.0 + td_exp_d(-x)); }

/* c + log1p(u), for u in [0, 1]. */
TD_INLINE float td_add_log1p_f(float c, float u) {
    const float s = u / (2.0f + u), z = s * s;
    float p = 1.0f / 15.0f;
    p = p * z + 1.0f / 13.0f;
    p = p * z + 1.0f / 11.0f;
    p = p * z + 1.0f / 9.0f;
    p = p * z + 1.0f / 7.0f;
    p = p * z + 1.0f / 5.0f;
    p = p * z + 1.0f / 3.0f;
    p = p * z + 1.0f / 1.0f;
    return td_fma_one_f(2.0f * s, p, c);
}

TD_INLINE double td_add_log1p_d(double c, double u) {
    const double s = u / (2.0 + u), z = s * s;
    double p = 1.0 / 33.0;
    p = p * z + 1.0 / 31.0;
    p = p * z + 1.0 / 29.0;
    p = p * z + 1.0 / 27.0;
    p = p * z + 1.0 / 25.0;
    p = p * z + 1.0 / 23.0;
    p = p * z + 1.0 / 21.0;
    p = p * z + 1.0 / 19.0;
    p = p * z + 1.0 / 17.0;
    p = p * z + 1.0 / 15.0;
    p = p * z + 1.0 / 13.0;
    p = p * z + 1.0 / 11.0;
    p = p * z + 1.0 / 9.0;
    p = p * z + 1.0 / 7.0;
    p = p * z + 1.0 / 5.0;
    p = p * z + 1.0 / 3.0;
    p = p * z + 1.0 / 1.0;
    return td_fma_one_d(2.0 * s, p, c);
}

/* Phi(x) from e = exp(-x^2/2), which its derivative needs too. */
TD_INLINE float td_normal_cdf_from_f(float x, float e) {
    float z = __builtin_fabsf(x);
    z = z > 15.0f ? 15.0f : z; /* 0 in float */
    float t = (z - 4.0f) / (z + 4.0f);
    float p = -7.34134056e-05f;
    p = p * t + -6.448407e-05f;
    p = p * t + 0.000691795832f;
    p = p * t + -0.000301115313f;
    p = p * t + -0.00500300006f;
    p = p * t + 0.017939629f;
    p = p * t + -0.0321976257f;
    p = p * t + 0.0286000262f;
    p = p * t + 0.0139996236f;
    p = p * t + -0.096703468f;
    p = p * t + 0.472053207f;
    float q = e * p / (1.0f + z);
    return x > 0.0f ? 1.0f - q : q;
}
TD_INLINE float td_normal_cdf_f(float x) { return td_normal_cdf_from_f(x, td_exp_f(-0.5f * x * x)); }

TD_INLINE double td_normal_cdf_from_d(double x, double e) {
    double z = __builtin_fabs(x);
    z = z > 39.0 ? 39.0 : z;
    double t = (z - 5.0) / (z + 5.0);
    double p = 7.7194626715840137e-10;
    p = p * t + 4.0376458134958437e-09;
    p = p * t + 3.5281572897395848e-10;
    p = p * t + -3.208575497095596e-08;
    p = p * t + -2.1958115388923179e-08;
    p = p * t + 1.9896232929933335e-07;
    p = p * t + 1.2471420099248941e-07;
    p = p * t + -1.3100089700228854e-06;
    p = p * t + -6.8956834512062499e-08;
    p = p * t + 9.0612057953971218e-06;
    p = p * t + -9.8964688962813402e-06;
    p = p * t + -5.3608038145015818e-05;
    p = p * t + 0.00018233420251531396;
    p = p * t + 7.7916912001437573e-06;
    p = p * t + -0.0016760723488506491;
    p = p * t + 0.0065220006562448458;
    p = p * t + -0.015170415402485999;
    p = p * t + 0.024536963244459763;
    p = p * t + -0.026401042966294957;
    p = p * t + 0.01000235238520508;
    p = p * t + 0.031030368425963229;
    p = p * t + -0.091552281834008806;
    p = p * t + 0.46151582985003775;
    double q = e * p / (1.0 + z);
    return x > 0.0 ? 1.0 - q : q;
}
TD_INLINE double td_normal_cdf_d(double x) { return td_normal_cdf_from_d(x, td_exp_d(-0.5 * x * x)); }

#endif

/* The activations, one row each: its name, what its gradient reads (x or y), y from x, and dx from dy and what it reads,
   as s. Both know the parameter p. elementwise.h includes this file for each element type T and once for the table of names;
   reference/activations.py holds a row of the same name: the same in NumPy, signature, text.

   Readers apply the first two as they load (bend.h). Rows are straight-line loop bodies, in which an `if` guards one assignment, so that they vectorise. Comparisons are
   written so that NaN takes the branch that keeps it. A helper is asked only for arguments in its range, also where its
   result is not used. */

ACTIVATION(relu, y, y = x < 0 ? 0 : x, dx = s <= 0 ? 0 : dy)

ACTIVATION(leaky_relu, x, y = x <= 0 ? p * x : x, dx = s <= 0 ? p * dy : dy)

ACTIVATION(elu, x,
    T z = x;
    if (x > 0) z = 0;
    z = NAME(expm1)(z);
    y = x <= 0 ? p * z : x,

    T z = s;
    if (s > 0) z = 0;
    z = NAME(exp)(z);
    dx = s <= 0 ? p * z * dy : dy)

/* Beyond -50 and 50 results are those of the limits, where inf * 0 would be NaN. */
ACTIVATION(gelu, x,
    const T z = x < -50 ? -50 : x;
    y = z * NAME(normal_cdf)(z),

    T z = s < -50 ? -50 : s;
    z = z > 50 ? 50 : z;
    const T e = NAME(exp)((T)-0.5 * z * z);
    const T slope = NAME(fma_one)(z, (T)0.3989422804014327 * e, 0); /* a product that is not contracted */
    dx = dy * (NAME(normal_cdf_from)(z, e) + slope))

/* The gradients of these two subtract in double. */
ACTIVATION(tanh, y, y = NAME(tanh)(x), dx = dy * (1.0 - s * s))

ACTIVATION(sigmoid, y, y = NAME(sigmoid)(x), dx = dy * (s * (1.0 - s)))

/* tanh(log(1 + e^x)) is n / (n + 2) with n = e^x (e^x + 2): 1 to the last bit from 20 on, 0 long before -800. */
ACTIVATION(mish, x,
    T z = x;
    if (x > 40) z = 40;
    const T e = NAME(exp)(z);
    const T n = e * (e + 2);
    y = (x < -800 ? -800 : x) * (n / (n + 2)),

    T z = s < -800 ? -800 : s;
    if (s > 40) z = 40;
    const T e = NAME(exp)(z);
    const T n = e * (e + 2);
    const T w = 1 / (n + 2);
    dx = dy * NAME(fma_one)(4 * z * (e * w), (e + 1) * w, n * w))

ACTIVATION(hardswish, x,
    y = x * (x + 3) / 6;
    if (x >= 3) y = x;
    if (x <= -3) y = 0,

    dx = dy * ((2 * s + 3) / 6);
    if (s >= 3) dx = dy;
    if (s <= -3) dx = 0)

/* (1 + tanh u) / 2 is sigmoid(2u) with 2u = 2 sqrt(2 / pi) (x + 0.044715 x^3). Beyond -50 and 50 as for gelu. */
ACTIVATION(gelu_tanh, x,
    const T z = x < -50 ? -50 : x;
    const T v = z > 50 ? 50 : z;
    y = z * NAME(sigmoid)((T)1.5957691216057308 * v * (1 + (T)0.044715 * v * v)),

    T z = s < -50 ? -50 : s;
    z = z > 50 ? 50 : z;
    const T v = (T)1.5957691216057308 * z * (1 + (T)0.044715 * z * z);
    const T w = NAME(sigmoid)(v);
    dx = dy * (w + z * (w * NAME(sigmoid)(-v)) * ((T)1.5957691216057308 * (1 + (T)0.134145 * z * z))))

/* Beyond -800 and 800 results are those of the limits, where inf * 0 would be NaN. */
ACTIVATION(silu, x,
    const T z = x < -800 ? -800 : x;
    y = z * NAME(sigmoid)(z),

    T z = s < -800 ? -800 : s;
    z = z > 800 ? 800 : z;
    const T w = NAME(sigmoid)(z);
    dx = dy * (w + z * (w * NAME(sigmoid)(-z))))

ACTIVATION(selu, x,
    T z = x;
    if (x > 0) z = 0;
    z = (T)1.7580993408473766 * NAME(expm1)(z);
    y = x <= 0 ? z : (T)1.0507009873554805 * x,

    T z = s;
    if (s > 0) z = 0;
    z = (T)1.7580993408473766 * NAME(exp)(z);
    dx = s <= 0 ? z * dy : (T)1.0507009873554805 * dy)

ACTIVATION(relu6, y,
    y = x < 0 ? 0 : x;
    if (y > 6) y = 6,

    dx = s <= 0 ? 0 : dy;
    if (s >= 6) dx = 0)

ACTIVATION(hardsigmoid, x,
    y = (x + 3) / 6;
    if (x >= 3) y = 1;
    if (x <= -3) y = 0,

    dx = dy / 6;
    if (s >= 3) dx = 0;
    if (s <= -3) dx = 0)

/* max(z, 0) + log(1 + e^-|z|), z = p x; x itself where e^-z adds nothing that PyTorch adds. */
ACTIVATION(softplus, x,
    const T z = p * x;
    const T a = z < 0 ? z : -z;
    y = ((z < 0 ? 0 : z) + NAME(add_log1p)(0, NAME(exp)(a))) / p;
    if (z > 20) y = x,

    const T z = p * s;
    dx = dy * NAME(sigmoid)(z);
    if (z > 20) dx = dy)

ACTIVATION(log_sigmoid, x,
    const T a = x < 0 ? x : -x;
    y = -NAME(add_log1p)(x < 0 ? -x : 0, NAME(exp)(a)),

    dx = dy * NAME(sigmoid)(-s))

/* Beyond 1e20 results are those of the limits, where inf / inf would be NaN. */
ACTIVATION(softsign, x,
    T a = x < 0 ? -x : x;
    if (a > (T)1e20) a = (T)1e20;
    a = a / (1 + a);
    y = x < 0 ? -a : a,

    T a = s < 0 ? -s : s;
    if (a > (T)1e20) a = (T)1e20;
    const T w = 1 / (1 + a);
    dx = dy * (w * w))

# Windows along one axis as spans (src/pool.h): the taps of each window, or the windows of each input position.
# All sums of sizes below fit 64 bits: windows.pyx refuses a geometry with a number above 2^31 - 1.

from libc.stdint cimport int64_t
from tinydl._core.array cimport NPY_FLOAT32
from tinydl._core.pool.loops cimport td_span

# `size` inputs, `n` windows. window 0 stands for adaptive windows, i size / n .. (i + 1) size / n.
cdef struct Axis:
    Py_ssize_t size, n, window, stride, padding, dilation


cdef inline Py_ssize_t ceil_div(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    # b > 0; C division rounds towards zero.
    return -((-a) // b) if a <= 0 else (a + b - 1) // b


cdef inline Py_ssize_t clip(Py_ssize_t v, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    return low if v < low else (high if v > high else v)


cdef inline Py_ssize_t gcd(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    while b != 0:
        a, b = b, a % b
    return a


cdef inline void taps_of_windows(td_span *s, const Axis *a, int64_t code, bint include_pad) noexcept nogil:
    """For each window its taps inside the input; tap k has the code k * code, or position * code if adaptive.

    A mean counts these, with `include_pad` also those in the padding, but none beyond it.
    """
    cdef Py_ssize_t i, start, first, last
    for i in range(a.n):
        if a.window == 0:
            s[i].start = i * a.size // a.n
            s[i].step = 1
            s[i].n = ceil_div((i + 1) * a.size, a.n) - s[i].start
            s[i].code = s[i].start * code
        else:
            # Taps first <= k < last are those with 0 <= start + k * dilation < size, without a loop over the window.
            start = i * a.stride - a.padding
            first = clip(ceil_div(-start, a.dilation), 0, a.window)
            last = clip(ceil_div(a.size - start, a.dilation), first, a.window)
            s[i].start = start + first * a.dilation
            s[i].step = a.dilation
            s[i].n = last - first
            s[i].code = first * code
        s[i].code_step = code
        s[i].count = s[i].n
        if include_pad and a.window != 0:
            s[i].count = clip(ceil_div(a.size + 2 * a.padding - i * a.stride, a.dilation), 0, a.window)
        if s[i].n == 0:
            s[i].start = 0      # any place inside the input: loops add it to a pointer before they see n


cdef inline void windows_of_taps(td_span *s, const Axis *a, int64_t code) noexcept nogil:
    """For each input position the windows that hold it, with the code it has in each.

    Windows are `step` apart, the least number for which step * stride is a multiple of the dilation.
    """
    cdef Py_ssize_t h, first, last, step = a.dilation // gcd(a.stride, a.dilation) if a.window != 0 else 1
    for h in range(a.size):
        if a.window == 0:
            first = h * a.n // a.size
            last = ceil_div((h + 1) * a.n, a.size)
            s[h].code = h * code
            s[h].code_step = 0      # a code is the position, whichever window it wins
        else:
            # Window i holds h where h = i * stride - padding + k * dilation for a tap 0 <= k < window.
            first = clip(ceil_div(h + a.padding - (a.window - 1) * a.dilation, a.stride), 0, a.n)
            last = clip((h + a.padding) // a.stride + 1, first, a.n)
            while first < last and (h + a.padding - first * a.stride) % a.dilation != 0:
                first += 1
            s[h].code = (h + a.padding - first * a.stride) // a.dilation * code
            s[h].code_step = -(step * a.stride // a.dilation) * code
        s[h].start = first if first < last else 0
        s[h].step = step
        s[h].n = ceil_div(last - first, step)


cdef inline void shares(const td_span *windows, void *out, Py_ssize_t n, int dtype_num) noexcept nogil:
    """1 / count of each window, in the type of the arrays."""
    cdef Py_ssize_t i
    cdef double share
    for i in range(n):
        share = 1.0 / windows[i].count if windows[i].count else 0.0
        if dtype_num == NPY_FLOAT32:
            (<float *> out)[i] = <float> share
        else:
            (<double *> out)[i] = share


cdef inline bint tiled(const Axis *a) noexcept nogil:
    """Whether windows lie side by side from the first position on, so that only a rest at the end belongs to none."""
    return a.window == a.stride and a.dilation == 1 and a.padding == 0 and a.n * a.window <= a.size

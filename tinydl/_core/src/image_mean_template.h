/* The mean of one image and its gradient for one element type; included by image_mean.h with T and NAME(x) defined. */

TD_INLINE void NAME(total)(const td_images im, const T *x, T *sums, const int affine, const int bend) {
    const T *centre = im.on_x.centre, *scale = im.on_x.scale, *shift = im.on_x.shift;
    const ptrdiff_t n = im.size * im.C, L = im.L;
    const T slope = (T)im.on_x.parameter;
    for (ptrdiff_t i = 0; i < n; i += L) {
        const ptrdiff_t m = n - i < L ? n - i : L;
        TD_INDEPENDENT for (ptrdiff_t j = 0; j < m; j++) {
            const T v = affine ? scale[j] * (x[i + j] - centre[j]) + shift[j] : x[i + j];
            sums[j] += NAME(bent_one)(v, bend, slope);
        }
    }
}

/* y of image n = mean over its positions of what on_x makes of x */
static void NAME(image_mean)(const td_images *images, ptrdiff_t n) {
    const td_images im = *images;
    const T *x = (const T *)im.src + n * im.size * im.C;
    T *y = (T *)im.dst + n * im.C, *sums = (T *)im.sums + n * im.L;
    memset(sums, 0, (size_t)im.L * sizeof(T));
    switch ((im.on_x.scale != NULL) + 2 * im.on_x.activation) {
    case 2 * TD_STRAIGHT: NAME(total)(im, x, sums, 0, TD_STRAIGHT); break;
    case 2 * TD_STRAIGHT + 1: NAME(total)(im, x, sums, 1, TD_STRAIGHT); break;
    case 2 * TD_CLAMP: NAME(total)(im, x, sums, 0, TD_CLAMP); break;
    case 2 * TD_CLAMP + 1: NAME(total)(im, x, sums, 1, TD_CLAMP); break;
    case 2 * TD_LEAK: NAME(total)(im, x, sums, 0, TD_LEAK); break;
    default: NAME(total)(im, x, sums, 1, TD_LEAK);
    }
    NAME(fold)(sums, im.C, im.L);
    for (ptrdiff_t c = 0; c < im.C; c++) y[c] = sums[c] / (T)im.size;
}

/* dx of image n = dy / size; the first position is divided, then copied to as many as there are already */
static void NAME(image_spread)(const td_images *images, ptrdiff_t n) {
    const td_images im = *images;
    const ptrdiff_t C = im.C, all = im.size * C, most = 1024 / C * C + C; /* what is copied stays in L1 */
    const T *dy = (const T *)im.src + n * C;
    T *dx = (T *)im.dst + n * all;
    for (ptrdiff_t c = 0; c < C; c++) dx[c] = dy[c] / (T)im.size;
    for (ptrdiff_t done = C, m; done < all; done += m) {
        m = done < most ? done : most;
        m = m < all - done ? m : all - done;
        memcpy(dx + done, dx, (size_t)m * sizeof(T));
    }
}

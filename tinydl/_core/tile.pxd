# Cython's view of the register tiles in src/tile.h, for the kernels that loop over them.

from tinydl._core.array cimport real

cdef extern from "src/tile.h" nogil:
    enum:
        TD_MAX_NB
    const Py_ssize_t TD_LANES_F
    const Py_ssize_t TD_LANES_D
    ctypedef struct td_epilogue_f:
        const float *bias
        const float *add
        const float *origin
        float *sums
        Py_ssize_t sums_stride
        const float *y
        const float *scale
        const float *shift
        Py_ssize_t relu, clamp, stream
    ctypedef struct td_epilogue_d:
        const double *bias
        const double *add
        const double *origin
        double *sums
        Py_ssize_t sums_stride
        const double *y
        const double *scale
        const double *shift
        Py_ssize_t relu, clamp, stream
    ctypedef struct td_pixel_range_f:
        Py_ssize_t n_images, n_rows, n_cols, x_image, x_row, x_col, dy_image, dy_row, dy_col
    ctypedef struct td_pixel_range_d:
        Py_ssize_t n_images, n_rows, n_cols, x_image, x_row, x_col, dy_image, dy_row, dy_col
    void td_tile_pixels_f(Py_ssize_t nb, Py_ssize_t group, Py_ssize_t vectors, const float *src, const Py_ssize_t *a,
                          Py_ssize_t a_step, const Py_ssize_t *row, Py_ssize_t n_rows, Py_ssize_t K, const float *b,
                          Py_ssize_t ldb, float *dst, const Py_ssize_t *d, Py_ssize_t d_step, Py_ssize_t lanes,
                          const td_epilogue_f *) noexcept
    void td_tile_pixels_d(Py_ssize_t nb, Py_ssize_t group, Py_ssize_t vectors, const double *src, const Py_ssize_t *a,
                          Py_ssize_t a_step, const Py_ssize_t *row, Py_ssize_t n_rows, Py_ssize_t K, const double *b,
                          Py_ssize_t ldb, double *dst, const Py_ssize_t *d, Py_ssize_t d_step, Py_ssize_t lanes,
                          const td_epilogue_d *) noexcept
    void td_tile_outer_f(Py_ssize_t size, Py_ssize_t vectors, const float *x, const float *dy,
                         const td_pixel_range_f *, float *dw, Py_ssize_t ldw, Py_ssize_t lanes,
                         Py_ssize_t accumulate) noexcept
    void td_tile_outer_d(Py_ssize_t size, Py_ssize_t vectors, const double *x, const double *dy,
                         const td_pixel_range_d *, double *dw, Py_ssize_t ldw, Py_ssize_t lanes,
                         Py_ssize_t accumulate) noexcept
    int td_tile_outer_rows_f(Py_ssize_t n_rows, Py_ssize_t size, Py_ssize_t vectors, const float *x, Py_ssize_t x_base,
                             const float *dy, const td_pixel_range_f *, float *dw, Py_ssize_t ldw, Py_ssize_t dw_base,
                             Py_ssize_t lanes, Py_ssize_t accumulate) noexcept
    int td_tile_outer_rows_d(Py_ssize_t n_rows, Py_ssize_t size, Py_ssize_t vectors, const double *x, Py_ssize_t x_base,
                             const double *dy, const td_pixel_range_d *, double *dw, Py_ssize_t ldw, Py_ssize_t dw_base,
                             Py_ssize_t lanes, Py_ssize_t accumulate) noexcept
    Py_ssize_t td_outer_size_f(Py_ssize_t left, Py_ssize_t vectors) noexcept
    Py_ssize_t td_outer_size_d(Py_ssize_t left, Py_ssize_t vectors) noexcept
    void td_tile_sums_f(Py_ssize_t nb, Py_ssize_t group, Py_ssize_t vectors, const float *y, const Py_ssize_t *d,
                        Py_ssize_t d_step, Py_ssize_t lanes, const float *origin, float *sums,
                        Py_ssize_t sums_stride) noexcept
    void td_tile_sums_d(Py_ssize_t nb, Py_ssize_t group, Py_ssize_t vectors, const double *y, const Py_ssize_t *d,
                        Py_ssize_t d_step, Py_ssize_t lanes, const double *origin, double *sums,
                        Py_ssize_t sums_stride) noexcept
    void td_tile_gather_f(const float *products, Py_ssize_t step, Py_ssize_t n_cols, Py_ssize_t KW, Py_ssize_t pad,
                          float *dx, Py_ssize_t W, Py_ssize_t C) noexcept
    void td_tile_gather_d(const double *products, Py_ssize_t step, Py_ssize_t n_cols, Py_ssize_t KW, Py_ssize_t pad,
                          double *dx, Py_ssize_t W, Py_ssize_t C) noexcept
    void td_transpose_block_f(const float *src, Py_ssize_t lds, float *dst, Py_ssize_t ldd) noexcept
    void td_transpose_block_d(const double *src, Py_ssize_t lds, double *dst, Py_ssize_t ldd) noexcept
    void td_stream_fence() noexcept
    unsigned int td_flush_denormals() noexcept
    void td_restore_denormals(unsigned int) noexcept

cdef extern from "src/pairs.h" nogil:
    enum:
        TD_PAIRS
    void td_pairs_pixels(Py_ssize_t nb, Py_ssize_t group, const float *src, const Py_ssize_t *a, const Py_ssize_t *row,
                         Py_ssize_t n_rows, Py_ssize_t K, const float *b, Py_ssize_t ldb, float *dst,
                         const Py_ssize_t *d, Py_ssize_t O, const td_epilogue_f *) noexcept
    int td_pairs_outer(Py_ssize_t n_rows, Py_ssize_t size, const float *x, Py_ssize_t x_base, const float *dy,
                       const td_pixel_range_f *, float *dw, Py_ssize_t ldw, Py_ssize_t dw_base, Py_ssize_t O,
                       Py_ssize_t accumulate) noexcept


cdef inline Py_ssize_t lanes_of(real unused) noexcept nogil:
    return TD_LANES_F if real is float else TD_LANES_D

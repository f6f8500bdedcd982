# A convolution as tiles, cut into blocks: how many tiles a task takes through all steps while they stay in L2, and
# their way from the images into the transformed domain. Blocks are a rule of the shape alone.

from tinydl._core.conv.transforms cimport td_wino_gradient, td_wino_input
from tinydl._core.load cimport Window, load_gradient, load_image
from tinydl._core.operands cimport td_map, td_map_from_channel, td_pending, td_pending_from_channel
from tinydl._core.rounding cimport ceil_div, round_up
from tinydl._core.vector cimport TD_LANES_F

cdef enum:
    TILE_FLOATS = 2048  # channels times tiles of a block: its transformed input is 288 KB
    MIN_TILES = 14      # fewer rows leave the register tiles half empty
    MAX_TILES = 128
    MIN_BLOCKS = 16     # blocks are made smaller, down to MIN_TILES, until there are so many

# in (N, H, W, C) -> out (N, P, Q, O).
cdef struct WinogradPlan:
    Py_ssize_t N, C, H, W, O, P, Q, PH, PW
    Py_ssize_t border               # 2: tiles are the 6x6 pixels that a 4x4 block of out reads; 0: those blocks of `in`
    Py_ssize_t TH, TW               # tiles down and across an image
    Py_ssize_t images               # images of a block, or 0 where a block is a band of tile rows
    Py_ssize_t band, n_bands        # tile rows of a band
    Py_ssize_t tiles                # most tiles of a block
    Py_ssize_t n_blocks
    Py_ssize_t Cp                   # channels of a transformed tile: whole vectors
    Py_ssize_t slab                 # elements of the padded rows of a block's image
    Py_ssize_t slice_v, slice_m     # elements from one of the 36 products to the next; a line more than they need, so
    #                                 that the 36 stores of a tile do not fall into one set of the L1 cache

# What tiles are made of: an input through its map, or (x NULL) a gradient that may wait.
cdef struct Source:
    const float *x
    td_map on_x
    td_pending dy

# Where tiles go: element (i, j) of tile t lies at v + (6*i + j)*slice + t*step.
cdef struct TileBuffer:
    float *slab
    float *v
    Py_ssize_t step, slice


cdef inline WinogradPlan plan_blocks(Py_ssize_t N, Py_ssize_t C, Py_ssize_t H, Py_ssize_t W, Py_ssize_t O,
                                     Py_ssize_t PH, Py_ssize_t PW, Py_ssize_t min_blocks) noexcept:
    cdef WinogradPlan p
    cdef Py_ssize_t most, per_image, lanes = TD_LANES_F
    p.N, p.C, p.H, p.W, p.O, p.PH, p.PW, p.border = N, C, H, W, O, PH, PW, 2
    p.P, p.Q = H + 2 * PH - 2, W + 2 * PW - 2
    p.TH, p.TW = ceil_div(p.P, 4), ceil_div(p.Q, 4)
    p.Cp = round_up(C, lanes)
    per_image = p.TH * p.TW
    # Scratch stays within 2 MB a thread up to 512 channels.
    most = max(32 if p.Cp <= 256 else <Py_ssize_t> MIN_TILES, min(<Py_ssize_t> MAX_TILES, TILE_FLOATS // p.Cp))
    while True:
        if per_image <= most:
            p.images = max(1, min(N, most // max(1, per_image)))
            p.band, p.n_bands = p.TH, 1
            p.n_blocks = ceil_div(N, p.images)
        else:
            # Bands of even height.
            p.images = 0
            p.n_bands = ceil_div(p.TH, max(1, most // p.TW))
            p.band = ceil_div(p.TH, p.n_bands)
            p.n_bands = ceil_div(p.TH, p.band)
            p.n_blocks = N * p.n_bands
        if p.n_blocks >= min_blocks or most <= MIN_TILES:
            break
        most = max(<Py_ssize_t> MIN_TILES, most // 2)
    p.tiles = max(1, p.images) * p.band * p.TW
    p.slab = (4 * p.band + 2) * (4 * p.TW + 2) * C
    p.slice_v = p.tiles * p.Cp + lanes
    p.slice_m = p.tiles * 2 * lanes + lanes
    return p


cdef inline Py_ssize_t block_images(const WinogradPlan *p, Py_ssize_t block, Py_ssize_t *first) noexcept nogil:
    """Images of a block and the first of them."""
    if p.images == 0:
        first[0] = block // p.n_bands
        return 1
    first[0] = block * p.images
    return min(p.images, p.N - first[0])


cdef inline Py_ssize_t block_rows(const WinogradPlan *p, Py_ssize_t block, Py_ssize_t *first) noexcept nogil:
    """Tile rows of each image of a block and the first of them."""
    first[0] = block % p.n_bands * p.band if p.images == 0 else 0
    return min(p.band, p.TH - first[0])


cdef inline void load_tiles(const Source *s, const WinogradPlan *p, Py_ssize_t n, Py_ssize_t row, Py_ssize_t n_rows,
                            Py_ssize_t c0, Py_ssize_t n_c, float *slab) noexcept nogil:
    """Channels c0 .. c0 + n_c - 1 of the pixels that tile rows row .. row + n_rows - 1 of image n read, zero padded."""
    cdef Window w
    cdef td_map on_x
    cdef td_pending dy
    w.H, w.W, w.C, w.step = p.H, p.W, n_c, p.C
    w.h0, w.n_rows, w.w0, w.n_cols = 4 * row - p.PH, 4 * n_rows + p.border, -p.PW, 4 * p.TW + p.border
    if s.x != NULL:
        on_x = td_map_from_channel(s.on_x, c0 * sizeof(float))
        load_image(s.x + n * p.H * p.W * p.C + c0, slab, &w, &on_x)
    else:
        dy = td_pending_from_channel(s.dy, c0 * sizeof(float))
        load_gradient(&dy, n, slab, &w)


cdef inline Py_ssize_t transform_block(const Source *s, const WinogradPlan *p, Py_ssize_t block, Py_ssize_t c0,
                                       Py_ssize_t n_c, const TileBuffer *t) noexcept nogil:
    """Transform channels c0 .. c0 + n_c - 1 of a block's tiles into t.v; returns the number of tiles."""
    cdef Py_ssize_t first, row, n_images = block_images(p, block, &first), n_rows = block_rows(p, block, &row)
    cdef Py_ssize_t i, r, q, c, lanes = TD_LANES_F, pixels = 4 * p.TW + p.border
    cdef const float *at
    cdef float *v = t.v
    for i in range(n_images):
        load_tiles(s, p, first + i, row, n_rows, c0, n_c, t.slab)
        for r in range(n_rows):
            for q in range(p.TW):
                at = t.slab + (4 * r * pixels + 4 * q) * n_c
                c = 0
                while c < n_c:
                    if p.border == 0:
                        td_wino_gradient(at + c, pixels * n_c, n_c, v + c, t.slice, min(lanes, n_c - c))
                    else:
                        td_wino_input(at + c, pixels * n_c, n_c, v + c, t.slice, min(lanes, n_c - c))
                    c = c + lanes
                v = v + t.step
    return (v - t.v) // t.step

"""Convolution kernels: the course's numbers, the reference twin, gradients, threads, arguments, NaN, guard cells."""

import dataclasses
import itertools

import numpy as np
import pytest
from tinydl._core.operands import Map, Moments, Pending

from tinydl import layout
from tinydl._core import conv
from tinydl._core.reference import conv as reference
from tinydl._core.reference.conv import geometry
from tinydl.testing.guards import Guards, exact_integers, flawed, laid_out
from tinydl.testing.problems import CONVS, select

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
BOTH = pytest.mark.parametrize("kernels", [conv, reference], ids=["kernel", "reference"])

@dataclasses.dataclass
class Problem:
    """What a test needs of a row of the problem table, from shapes and options."""

    x_shape: tuple
    w_shape: tuple
    stride: object = 1
    padding: object = 0
    dilation: object = 1
    groups: int = 1

    def __post_init__(self):
        self.geometry = geometry(self.x_shape, self.w_shape, self.stride, self.padding, self.dilation, self.groups)
        self.y_shape = (self.x_shape[0], self.w_shape[0], *self.geometry[-(len(self.x_shape) - 2):])


# Paths that the table of layers and odd shapes does not reach: bands of rows and of columns, many groups of images.
OWN = {
    "one image in bands": Problem((1, 16, 40, 41), (17, 16, 3, 3), 1, 1),
    "one large image": Problem((1, 3, 130, 150), (8, 3, 3, 3), 1, 1),
    "large images": Problem((3, 40, 70, 64), (8, 40, 3, 3), 2, 1),
    "long line": Problem((2, 24, 1, 900), (8, 24, 1, 9), 1, (0, 4)),
    "tall": Problem((2, 24, 900, 1), (8, 24, 9, 1), 1, (4, 0)),
    "very wide": Problem((1, 33, 3, 4000), (5, 33, 3, 3), 1, 1),
    "seventy images": Problem((70, 4, 4, 4), (5, 4, 3, 3), 1, 1),
    "long window": Problem((3, 1, 1000), (32, 1, 80), 16),
    "first layer": Problem((3, 1, 12, 12), (6, 1, 5, 5), 1, 2),
    "first layer, odd": Problem((3, 1, 9, 9), (6, 1, 5, 5), 1, 2),
    "first layer, four filters": Problem((2, 1, 9, 10), (4, 1, 3, 3), 1, 1),
    "first layer, dilated down": Problem((2, 1, 12, 10), (8, 1, 3, 3), 1, 2, (2, 1)),
    "first layer on a line": Problem((2, 1, 50), (3, 1, 5), 1, 2),
    "depthwise, wide": Problem((2, 70, 9, 8), (70, 1, 3, 3), 1, 1, 1, 70),
    "depthwise on a line": Problem((2, 18, 50), (18, 1, 5), 1, 2, 1, 18),
}
ODD = {**{p.name: p for p in select(CONVS, "small") if not p.name.endswith("/2")}, **OWN}
LAYERS = {p.name: p for p in select(CONVS, "small") if p.name.endswith("/2")}
EACH = pytest.mark.parametrize("problem", ODD.values(), ids=ODD.keys())
EACH_AND_LAYERS = pytest.mark.parametrize("problem", [*ODD.values(), *LAYERS.values()], ids=[*ODD, *LAYERS])


class Case:
    """All arrays of one problem; `run` gives every result of a set of kernels, with guards checked."""

    def __init__(self, problem, dtype, rng, most=3, exact=True):
        self.geo, self.y_shape, x_shape, w_shape = problem.geometry, problem.y_shape, problem.x_shape, problem.w_shape
        self.dtype, self.most, self.exact, self.rng = dtype, most, exact, rng
        self.x, self.w = self.make(x_shape, "activation"), self.make(w_shape, "weight")
        self.dy = self.make(self.y_shape, "activation")
        self.b, self.b_old = self.make((w_shape[0],)), self.make((w_shape[0],))
        self.w_old = self.make(w_shape, "weight")
        self.scale, self.shift, self.x_about = (self.make((x_shape[1],)) for _ in range(3))
        self.about = self.make((w_shape[0],))

    def map(self, relu):
        return Map(self.scale, self.shift, np.zeros_like(self.scale), relu)

    def make(self, shape, kind="row"):
        if self.exact:
            return exact_integers(self.rng, shape, self.dtype, kind, self.most)
        return laid_out(self.rng.standard_normal(shape), kind, self.dtype)

    def inputs(self):
        return [v for v in vars(self).values() if isinstance(v, np.ndarray)]

    def run(self, kernels, n_threads=1, bias=True, fused=False, relu=False, sums=False):
        guards = Guards()
        before = [a.copy() for a in self.inputs()]
        y, dx = (guards.empty(shape, self.dtype, "activation") for shape in (self.y_shape, self.x.shape))
        dw, db = guards.copy(self.w_old, "weight"), guards.copy(self.b_old)
        s = guards.empty((self.geo[0], 2, self.geo[4]), self.dtype) if sums else None
        on_x, moments = self.map(relu) if fused else None, Moments(self.about, s) if sums else None
        kernels.conv_forward(self.x, self.w, self.b if bias else None, y, self.geo, on_x, moments, n_threads)
        kernels.conv_backward_input(self.dy, self.w, dx, self.geo, n_threads)
        kernels.conv_backward_weight(self.x, self.dy, dw, db if bias else None, self.geo, on_x, n_threads)
        guards.check()
        assert all(np.array_equal(a, b) for a, b in zip(before, self.inputs(), strict=True)), "an input was written"
        results = {"y": y, "dx": dx, "dw": dw}
        if bias:
            results["db"] = db
        else:
            assert np.array_equal(db, self.b_old)
        if sums:
            results["sums"] = s
        return results


def assert_same(got, expected, what):
    for name in expected:
        assert got[name].shape == expected[name].shape
        assert np.array_equal(got[name], expected[name]), (
            f"{what}: {name} differs at {np.argwhere(got[name] != expected[name])[:3].tolist()}")


# --- 1 worked numbers ------------------------------------------------------------------------------------------------

def forward(kernels, x, w, bias=None, dtype=np.float64, **options):
    x, w = laid_out(x, "activation", dtype), laid_out(w, "weight", dtype)
    problem = Problem(x.shape, w.shape, **options)
    y = Guards().empty(problem.y_shape, dtype, "activation")
    bias = None if bias is None else np.asarray(bias, dtype)
    kernels.conv_forward(x, w, bias, y, problem.geometry, None, None, 1)
    return y


@BOTH
@DTYPES
def test_worked_identity_filter(kernels, dtype):
    image = [[[[1, 2, 3], [4, 5, 6], [1, 5, 3]]]]
    assert forward(kernels, image, [[[[1, 0], [0, 1]]]], dtype=dtype).tolist() == [[[[6, 8], [9, 8]]]]


@BOTH
@DTYPES
def test_worked_binary_image(kernels, dtype):
    image = [[[[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]]]
    window = [[[[1, 0, 1], [0, 1, 0], [1, 0, 1]]]]
    assert forward(kernels, image, window, dtype=dtype).tolist() == [[[[4, 3, 4], [2, 4, 3], [2, 3, 4]]]]
    assert forward(kernels, image, window, dtype=dtype, stride=2).tolist() == [[[[4, 4], [2, 4]]]]


@BOTH
def test_worked_second_difference(kernels):
    x = (np.arange(10) * 0.1) ** 2
    y = forward(kernels, x[None, None], [[[1, -2, 1]]])
    assert y.shape == (1, 1, 8)
    np.testing.assert_allclose(y, np.full((1, 1, 8), 0.02), rtol=0, atol=1e-15)


@pytest.mark.parametrize(("size", "options", "expected"), [
    (7, {}, 5), (7, {"padding": 1}, 7), (7, {"stride": 2}, 3), (5, {}, 3), (5, {"stride": 2}, 2)])
def test_worked_output_sizes(size, options, expected):
    assert geometry((1, 1, size, size), (2, 1, 3, 3), **options)[-2:] == (expected, expected)


@BOTH
def test_worked_convolution_is_a_matrix(kernels):
    # Two channels of four samples, two filters of width three; rows of A are outputs (filter, position).
    w = np.array([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]])
    matrix = np.array([
        [1, 2, 3, 0, 4, 5, 6, 0],
        [0, 1, 2, 3, 0, 4, 5, 6],
        [7, 8, 9, 0, 10, 11, 12, 0],
        [0, 7, 8, 9, 0, 10, 11, 12]])
    for k in range(8):
        x = np.zeros(8)
        x[k] = 1
        assert forward(kernels, x.reshape(1, 2, 4), w).ravel().tolist() == matrix[:, k].tolist()
    for k in range(4):
        dy = np.zeros(4)
        dy[k] = 1
        dx = Guards().empty((1, 2, 4), np.float64, "activation")
        kernels.conv_backward_input(laid_out(dy.reshape(1, 2, 2), "activation"), laid_out(w, "weight", np.float64), dx,
                                    geometry((1, 2, 4), w.shape), 1)
        assert dx.ravel().tolist() == matrix[k].tolist()


@BOTH
def test_worked_weight_gradient(kernels):
    # One filter of two taps over (1, 2, 3) with dy = (10, 100): dw = (10*1 + 100*2, 10*2 + 100*3), db = 110.
    x, dy = laid_out([[[1.0, 2, 3]]], "activation"), laid_out([[[10.0, 100]]], "activation")
    dw, db = np.full((1, 1, 2), 0.5), np.full(1, 0.5)  # what was there is no part of it
    kernels.conv_backward_weight(x, dy, dw, db, geometry((1, 1, 3), (1, 1, 2)), None, 1)
    assert dw.tolist() == [[[210, 320]]] and db.tolist() == [110]


# --- 2 equal to the reference ----------------------------------------------------------------------------------------

@EACH_AND_LAYERS
@DTYPES
def test_exact(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(1))
    for bias in (True, False):
        options = {"bias": bias}
        assert_same(case.run(conv, **options), case.run(reference, **options), options)


@EACH
@DTYPES
def test_fused_map_on_load_exact(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(2), most=2)
    for relu in (False, True):
        options = {"fused": True, "relu": relu}
        assert_same(case.run(conv, **options), case.run(reference, **options), options)


@EACH
@DTYPES
def test_sums_exact(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(3), most=1)
    case.x[:, ::2] = 0  # keeps the sums of squares below 2^24, where float32 is exact
    for options in ({}, {"fused": True, "relu": True, "bias": False}):
        expected = case.run(reference, sums=True, **options)
        if dtype == np.float32 and expected["sums"].size and np.abs(expected["sums"]).max() >= 2**24:
            pytest.skip("sums of squares exceed the integers of float32")
        assert_same(case.run(conv, sums=True, **options), expected, options)


@EACH
@DTYPES
def test_statistics_have_the_bits_of_forward(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(4), exact=False)
    results = case.run(conv, sums=True)
    guards = Guards()
    sums = guards.empty(results["sums"].shape, dtype)
    conv.conv_statistics(results["y"], case.geo, Moments(case.about, sums), 2)
    guards.check()
    assert np.array_equal(sums, results["sums"])


@DTYPES
@pytest.mark.parametrize("window", [1, 2, 3])
def test_exact_for_every_channel_count(dtype, window):
    rng = np.random.default_rng(5)
    counts = [*range(1, 41), 47, 48, 49, 63, 64, 65, 80, 96, 97]
    few = [1, 3, 16, 18, 33]
    for c, o in {*itertools.product(counts, few), *itertools.product(few, counts)}:
        case = Case(Problem((2, c, 4, 5), (o, c, window, window), 1, window // 2), dtype, rng)
        assert_same(case.run(conv), case.run(reference), f"{c} -> {o} channels")


@pytest.mark.parametrize("window", [1, 3, 5])
def test_first_layers_have_the_bits_of_wide_ones(window):
    """Two pixels may share a vector where filters are few; with more filters they do not."""
    rng = np.random.default_rng(21)
    for few, width in itertools.product(range(1, 10), (6, 7, 8, 30)):
        wide = Case(Problem((2, 1, 6, width), (20, 1, window, window), 1, window // 2), np.float32, rng, exact=False)
        own = Case(Problem((2, 1, 6, width), (few, 1, window, window), 1, window // 2), np.float32, rng, exact=False)
        own.x, own.w[...], own.b[...] = wide.x, wide.w[:few], wide.b[:few]
        y, among = (case.run(conv)["y"] for case in (own, wide))
        assert np.array_equal(y, among[:, :few]), f"{few} filters, width {width}"


@DTYPES
def test_exact_for_every_width(dtype):
    rng = np.random.default_rng(6)
    for width, channels, stride in itertools.product(range(1, 66), (16, 33), (1, 2)):
        case = Case(Problem((1, 3, 2, width), (channels, 3, 1, 3), stride, (0, 1)), dtype, rng)
        assert_same(case.run(conv), case.run(reference), f"width {width}, {channels} channels, stride {stride}")


@DTYPES
def test_exact_for_random_geometries(dtype):
    rng = np.random.default_rng(7)
    tried = 0
    while tried < 400:
        groups = int(rng.choice([1, 1, 1, 2, 3]))
        c, o = groups * int(rng.integers(1, 12)), groups * int(rng.integers(1, 20))
        kh, kw, sh, sw, ph, pw, dh, dw = rng.integers([1, 1, 1, 1, 0, 0, 1, 1], [8, 8, 5, 5, 5, 5, 4, 4]).tolist()
        shape = (int(rng.integers(1, 6)), c, int(rng.integers(1, 16)), int(rng.integers(1, 16)))
        try:
            problem = Problem(shape, (o, c // groups, kh, kw), (sh, sw), (ph, pw), (dh, dw), groups)
        except ValueError:
            continue
        tried += 1
        case = Case(problem, dtype, rng)
        options = {"fused": bool(rng.integers(2)), "bias": bool(rng.integers(2))}
        options["relu"] = options["fused"] and bool(rng.integers(2))
        assert_same(case.run(conv, 1 + tried % 3, **options), case.run(reference, **options), (problem, options))


@EACH_AND_LAYERS
@DTYPES
def test_close_to_the_reference(problem, dtype):
    """The bounds of oneDNN's benchdnn, norm-wise."""
    case = Case(problem, dtype, np.random.default_rng(8), exact=False)
    wide = Case(problem, np.float64, np.random.default_rng(8), exact=False)
    for name in ("x", "w", "dy", "b", "w_old", "b_old", "about"):
        getattr(wide, name)[...] = getattr(case, name)
    got, expected = case.run(conv, sums=True), wide.run(reference, sums=True)
    n, p, q = case.geo[0], case.geo[-2], case.geo[-1]
    bound = 2e-5 if dtype == np.float32 else 1e-13
    for name, value in expected.items():
        limit = bound * max(1, n * p * q / 8) ** 0.4 if name == "dw" else bound
        error = np.linalg.norm((got[name] - value).ravel())
        assert error <= limit * np.linalg.norm(value.ravel()), name


def pending_gradient(case, relu):
    """A `Pending` of exact values on top of the case's dy."""
    scale, shift, a, b, c = (case.make(case.y_shape[1:2]) for _ in range(5))
    mask = Map(scale, shift, np.zeros_like(scale), relu)
    return Pending(case.dy, case.make(case.y_shape, "activation"), mask, a, b, c)


@EACH
@DTYPES
@pytest.mark.parametrize("wanted", ["dx dw db", "dx", "dw", "dw db", "dx dw"])
def test_both_gradients_in_one_pass(problem, dtype, wanted):
    rng = np.random.default_rng(9)
    case = Case(problem, dtype, rng, most=1)
    case.dy[:, 1::2] = 0
    for pending, sums, relu in itertools.product((False, True), (False, True), (False, True)):
        if sums and "dx" not in wanted:
            continue
        dy, results = pending_gradient(case, relu) if pending else case.dy, []
        for kernels in (conv, reference):
            guards = Guards()
            out = {"dx": guards.empty(case.x.shape, dtype, "activation") if "dx" in wanted else None,
                   "dw": guards.copy(case.w_old, "weight") if "dw" in wanted else None,
                   "db": guards.copy(case.b_old) if "db" in wanted else None}
            if sums:
                out["sums"] = guards.empty((case.geo[0], 2, case.geo[1]), dtype)
            x = case.x if out["dw"] is not None or sums else None
            kernels.conv_backward(x, dy, case.w if "dx" in wanted else None, out["dx"], out["dw"], out["db"], case.geo,
                                  case.map(relu), None, Moments(case.x_about, out["sums"]) if sums else None, 1)
            guards.check()
            results.append({name: value for name, value in out.items() if value is not None})
        assert_same(*results, (pending, sums, relu))


# --- 3 gradients -----------------------------------------------------------------------------------------------------

@EACH
def test_gradients_by_finite_differences(problem):
    """d<dy, conv(x, w, b)> along a random direction; the function is quadratic, so central differences are exact."""
    if problem.x_shape[0] == 0:
        pytest.skip("no image")
    case = Case(problem, np.float64, np.random.default_rng(10), exact=False)
    directions = {name: case.make(getattr(case, name).shape, kind)
                  for name, kind in (("x", "activation"), ("w", "weight"), ("b", "row"))}

    def value(step):
        y = Guards().empty(case.y_shape, np.float64, "activation")
        conv.conv_forward(case.x + step * directions["x"], case.w + step * directions["w"],
                          case.b + step * directions["b"], y, case.geo, None, None, 1)
        return (y * case.dy).sum()

    got = case.run(conv)
    analytic = sum((got[f"d{name}"] * direction).sum() for name, direction in directions.items())
    numeric = (value(0.5) - value(-0.5)) / 1.0
    size = np.sqrt(sum((got[f"d{name}"] ** 2).sum() for name in directions)) + abs(numeric)
    assert abs(analytic - numeric) <= 1e-10 * size


# --- 4 threads -------------------------------------------------------------------------------------------------------

@EACH_AND_LAYERS
@DTYPES
def test_same_bits_for_any_number_of_threads(problem, dtype):
    case = Case(problem, dtype, np.random.default_rng(11), exact=False)
    for options in ({"sums": True}, {"fused": True, "relu": True, "bias": False}):
        first = case.run(conv, 1, **options)
        for n_threads in (1, 2, 3, 7):
            assert_same(case.run(conv, n_threads, **options), first, f"{n_threads} threads")


@EACH
def test_same_bits_of_the_joint_pass_for_any_number_of_threads(problem):
    case = Case(problem, np.float32, np.random.default_rng(12), exact=False)
    dy, results = pending_gradient(case, True), []
    for n_threads in (1, 1, 2, 3, 7):
        out = {"dx": Guards().empty(case.x.shape, kind="activation"), "dw": Guards().copy(case.w_old, "weight"),
               "db": case.b_old.copy()}
        sums = Guards().empty((case.geo[0], 2, case.geo[1]))
        conv.conv_backward(case.x, dy, case.w, out["dx"], out["dw"], out["db"], case.geo, case.map(True), None,
                           Moments(case.x_about, sums), n_threads)
        results.append({**out, "sums": sums})
        assert_same(results[-1], results[0], f"{n_threads} threads")


# --- 5 arguments -----------------------------------------------------------------------------------------------------

SMALL = Problem((2, 3, 6, 6), (4, 3, 3, 3), 1, 1)


def call(kernels, name, case, **replaced):
    """One kernel on the arrays of `case`, some of them replaced."""
    own = {"x": case.x, "w": case.w, "b": case.b, "dy": case.dy, "geo": case.geo, "on_x": None, "moments": None,
           "y": Guards().empty(case.y_shape, case.dtype, "activation"),
           "dx": Guards().empty(case.x.shape, case.dtype, "activation"),
           "dw": Guards().copy(case.w_old, "weight"), "db": case.b_old.copy(), **replaced}
    if name == "conv_forward":
        kernels.conv_forward(own["x"], own["w"], own["b"], own["y"], own["geo"], own["on_x"], own["moments"], 1)
    elif name == "conv_backward_input":
        kernels.conv_backward_input(own["dy"], own["w"], own["dx"], own["geo"], 1)
    else:
        kernels.conv_backward_weight(own["x"], own["dy"], own["dw"], own["db"], own["geo"], None, 1)
    return own


ARRAYS = [("conv_forward", "x"), ("conv_forward", "w"), ("conv_forward", "b"), ("conv_forward", "y"),
          ("conv_backward_input", "dy"), ("conv_backward_input", "w"), ("conv_backward_input", "dx"),
          ("conv_backward_weight", "x"), ("conv_backward_weight", "dy"), ("conv_backward_weight", "dw"),
          ("conv_backward_weight", "db")]
SHOWN = {"b": "bias"}


@pytest.mark.parametrize(("kernel", "name"), ARRAYS)
def test_refused_arrays(kernel, name):
    case = Case(SMALL, np.float32, np.random.default_rng(13))
    good = call(conv, kernel, case)[name]
    shown = SHOWN.get(name, name)
    bad = flawed(good)
    if good.ndim == 4:
        bad["row-major"] = (np.ascontiguousarray(good), ValueError)
        bad["reversed"] = (good[:, :, ::-1], ValueError)
    if name in ("y", "dx", "dw", "db"):
        frozen = good.copy(order="K")
        frozen.flags.writeable = False
        bad["read-only"] = (frozen, ValueError)
    for what, (array, error) in bad.items():
        try:
            call(conv, kernel, case, **{name: array})
        except error as raised:
            # float64 in place of float32 may be noticed at its neighbour, whose type then differs.
            assert what == "other float" or shown in str(raised), what
        else:
            pytest.fail(f"{kernel} took {name}: {what}")


def test_read_only_inputs_are_accepted():
    case = Case(SMALL, np.float32, np.random.default_rng(14))
    expected = case.run(conv)
    for array in (case.x, case.w, case.b, case.dy):
        array.flags.writeable = False
    assert_same(case.run(conv), expected, "read-only")


def test_unaligned_to_the_vector_is_accepted():
    # Arrays of one element's alignment, 4 bytes past a cache line: everything Guards makes, and slices of blocks.
    case = Case(SMALL, np.float32, np.random.default_rng(15))
    expected = case.run(reference)
    for name in ("x", "w", "b", "dy"):
        values = getattr(case, name)
        shifted = np.empty(values.size + 1, np.float32)[1:]
        order = sorted(range(values.ndim), key=lambda axis: -values.strides[axis])
        shifted = shifted.reshape([values.shape[a] for a in order]).transpose(np.argsort(order))
        shifted[...] = values
        setattr(case, name, shifted)
    assert_same(case.run(conv), expected, "off by one element")


@pytest.mark.parametrize(("position", "value"), [
    (5, 0), (6, 0), (7, 0), (8, 0), (9, -1), (11, 0), (12, 0), (13, 0), (13, 2), (14, 7), (15, 5), (15, -1), (0, -1),
    (0, 2**62), (1, 2**62), (7, 2**62), (9, 2**62), (11, 2**62), (0, 2**70)])
def test_refused_geometries(position, value):
    case = Case(SMALL, np.float32, np.random.default_rng(16))
    geo = list(case.geo)
    geo[position] = value
    for kernel in ("conv_forward", "conv_backward_input", "conv_backward_weight"):
        with pytest.raises((ValueError, OverflowError)):
            call(conv, kernel, case, geo=tuple(geo))
    with pytest.raises((ValueError, TypeError)):
        call(conv, "conv_forward", case, geo=case.geo[:-1])


@pytest.mark.parametrize(("name", "bad"), [
    ("scale", Map(np.ones(4, np.float32), np.ones(3, np.float32), np.zeros(3, np.float32))),
    ("shift", Map(np.ones(3, np.float32), np.ones(3), np.zeros(3, np.float32))),
    ("centre", Map(np.ones(3, np.float32), np.ones(3, np.float32), [0, 0, 0]))])
def test_refused_maps(name, bad):
    case = Case(SMALL, np.float32, np.random.default_rng(17))
    with pytest.raises((TypeError, ValueError), match=name):
        call(conv, "conv_forward", case, on_x=bad)
    with pytest.raises(TypeError, match="Map"):
        call(conv, "conv_forward", case, on_x=(bad.scale, bad.shift))


@pytest.mark.parametrize(("name", "bad"), [
    ("about", Moments(None, np.empty((2, 2, 4), np.float32))),
    ("about", Moments(np.zeros(3, np.float32), np.empty((2, 2, 4), np.float32))),
    ("sums", Moments(np.zeros(4, np.float32), np.empty((2, 1, 4), np.float32)))])
def test_refused_moments(name, bad):
    case = Case(SMALL, np.float32, np.random.default_rng(18))
    with pytest.raises((TypeError, ValueError), match=name):
        call(conv, "conv_forward", case, moments=bad)


def test_backward_moments_behind_a_relu_without_scale_are_refused():
    case = Case(SMALL, np.float32, np.random.default_rng(22))
    moments = Moments(case.x_about, np.empty((case.geo[0], 2, case.geo[1]), np.float32))
    with pytest.raises(ValueError, match="scale and shift"):
        conv.conv_backward(case.x, case.dy, case.w, np.empty_like(case.x), None, None, case.geo, Map(relu=True), None,
                           moments, 1)


# --- 6 NaN, inf, denormals -------------------------------------------------------------------------------------------

@EACH
@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_special_values_reach_exactly_the_outputs_that_read_them(problem, special):
    """Not the neighbours in a tile, not the padded lanes, not the zero padding."""
    if problem.x_shape[0] == 0:
        pytest.skip("no image")
    rng = np.random.default_rng(19)
    case = Case(problem, np.float32, rng)
    case.w[...] = np.where(case.w == 0, 1, case.w)
    case.dy[...] = np.where(case.dy == 0, 1, case.dy)
    case.x[...] = np.where(case.x == 0, 1, case.x)
    for name in ("x", "w", "dy", "b"):
        values = getattr(case, name)
        where = tuple(int(rng.integers(n)) for n in values.shape)
        old, values[where] = values[where], special
        with np.errstate(invalid="ignore"):
            got, expected = case.run_unchecked(conv), case.run_unchecked(reference)
        values[where] = old
        for result in expected:
            finite = np.isfinite(expected[result])
            if name == "w" and result == "dx":
                # The padding of dy is made of zeros that take part, and NaN * 0 is NaN: the whole channel may be lost.
                finite = finite.all(axis=(0, *range(2, finite.ndim)), keepdims=True) & finite
                assert np.isfinite(got[result][finite]).all() and not np.isfinite(got[result][~np.isfinite(
                    expected[result])]).any(), f"{special} in {name}: {result}"
            else:
                assert np.array_equal(np.isfinite(got[result]), finite), f"{special} in {name}: {result}"
            assert np.array_equal(got[result][finite], expected[result][finite])


def _run_unchecked(self, kernels):
    y, dx = (Guards().empty(shape, self.dtype, "activation") for shape in (self.y_shape, self.x.shape))
    dw, db = np.zeros_like(self.w), np.zeros_like(self.b)
    kernels.conv_forward(self.x, self.w, self.b, y, self.geo, None, None, 1)
    kernels.conv_backward_input(self.dy, self.w, dx, self.geo, 1)
    kernels.conv_backward_weight(self.x, self.dy, dw, db, self.geo, None, 1)
    return {"y": y, "dx": dx, "dw": dw, "db": db}


Case.run_unchecked = _run_unchecked


def test_nan_passes_the_fused_relu():
    case = Case(SMALL, np.float32, np.random.default_rng(20))
    case.x[0, 0, 2, 2] = np.nan
    y = Guards().empty(case.y_shape, np.float32, "activation")
    one, zero = np.ones(3, np.float32), np.zeros(3, np.float32)
    conv.conv_forward(case.x, np.abs(case.w) + 1, None, y, case.geo, Map(one, zero, zero, True), None, 1)
    assert np.isnan(y[0, :, 1:4, 1:4]).all() and np.isnan(y).sum() == 4 * 9


def test_float_environment_is_restored():
    case = Case(SMALL, np.float32, np.random.default_rng(21))
    case.run(conv, 2)
    tiny = np.array([5e-324])
    assert (tiny / 1 > 0).all() and (tiny * 1.0 != 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stride, groups, channels", [(1, 1, 6), (2, 1, 33), (1, 3, 6), (3, 1, 16)])
def test_residual_and_plain_relu_masks_exact(dtype, stride, groups, channels):
    # The gradient of a plain ReLU above (masked by the sign of y), of one below, and another reader's share of dx.
    rng = np.random.default_rng(2)
    geo = geometry((3, channels, 9, 8), (12, channels // groups, 3, 3), stride, 1, 1, groups)
    P, Q = geo[-2:]
    x, residual, dx = (exact_integers(rng, (3, channels, 9, 8), dtype, "activation", 3) for _ in range(3))
    w = exact_integers(rng, (12, channels // groups, 3, 3), dtype, "weight", 3)
    dy, y = (exact_integers(rng, (3, 12, P, Q), dtype, "activation", 3) for _ in range(2))
    y[0, 0, 0, 0] = np.nan
    dw = np.empty_like(w)
    expected_dx, expected_dw = np.empty(x.shape), np.empty(w.shape)
    masked = np.where(y <= 0, 0, dy)
    reference.conv_backward_input(masked, w, expected_dx, geo, 1)
    reference.conv_backward_weight(np.maximum(x, 0), masked, expected_dw, None, geo, None, 1)
    for kernels, n_threads in ((conv, 1), (conv, 2), (reference, 1)):
        kernels.conv_backward(x, Pending(dy, y, Map(relu=True)), w, dx, dw, None, geo, Map(relu=True), residual, None,
                              n_threads)
        np.testing.assert_array_equal(dx, expected_dx + residual)
        np.testing.assert_array_equal(dw, expected_dw)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_results_larger_than_the_caches_exact(n_threads):
    """They are stored past the caches; 1x1 filters are a matrix product of the pixels, which NumPy checks."""
    rng = np.random.default_rng(23)
    n, c, size, o = 2, 16, 330, 32
    few, many = ((n, k, size, size) for k in (c, o))
    x, w = exact_integers(rng, few, np.float32, "activation"), exact_integers(rng, (o, c, 1, 1), np.float32, "weight")
    y, dx = layout.empty(many), layout.empty(many)
    assert y.nbytes > 24 << 20 and y.ctypes.data % 64 == 0 and dx.ctypes.data % 64 == 0
    b, moments = exact_integers(rng, (o,)), Moments(np.zeros(o, np.float32), np.empty((n, 2, o), np.float32))
    conv.conv_forward(x, w, b, y, geometry(few, w.shape, 1, 0, 1, 1), None, None, n_threads)
    matrix = w[:, :, 0, 0]
    np.testing.assert_array_equal(y, (x.transpose(0, 2, 3, 1) @ matrix.T + b).transpose(0, 3, 1, 2))
    residual, saved_x = (exact_integers(rng, many, np.float32, "activation", 1) for _ in range(2))
    back = exact_integers(rng, (c, o, 1, 1), np.float32, "weight")
    geo = geometry(many, back.shape, 1, 0, 1, 1)
    conv.conv_backward(saved_x, x, back, dx, None, None, geo, None, residual, moments, n_threads)
    expected = (x.transpose(0, 2, 3, 1) @ back[:, :, 0, 0]).transpose(0, 3, 1, 2) + residual
    np.testing.assert_array_equal(dx, expected)
    np.testing.assert_array_equal(moments.sums[:, 1], (expected.astype(np.float64) * saved_x).sum((2, 3)))

"""A program of integers in C."""

import numpy as np

from tinydl.export.c.text import array, copy_loops, record

__all__ = ["KIND", "call", "constants", "functions"]

KIND = "int8_t"
_RESULT = """\
/* zero + floor(v / 2^shift + 1/2) between low and 127; nothing negative is shifted. */
static int8_t NAME_result(int64_t v, int shift, int zero, int low)
{
    v += (int64_t)1 << (shift - 1);
    v = (v < 0 ? ~(~v >> shift) : v >> shift) + zero;
    return (int8_t)(v < low ? low : v > 127 ? 127 : v);
}
"""
_CONV = """\
typedef struct {
    const int8_t *weight;
    const int32_t *bias, *multiplier;
    int32_t residual_multiplier;
    int H, W, C, O, KH, KW, SH, SW, PH, PW, DH, DW, G, P, Q;
    int shift, x_zero, residual_zero, y_zero, low;
} NAME_conv_t;

/* y[p,q,o] = result of bias[o] + sum of weight[o,i,j,c] (x[p SH - PH + i DH, q SW - PW + j DW, c] - zero), and r. */
static void NAME_conv(const NAME_conv_t *s, const int8_t *x, const int8_t *r, int8_t *y)
{
    const int each = s->O / s->G, depth = s->C / s->G;
    for (int p = 0; p < s->P; p++)
        for (int q = 0; q < s->Q; q++) {
            const int8_t *w = s->weight;
            for (int o = 0; o < s->O; o++) {
                const int8_t *from = x + o / each * depth;
                int32_t sum = s->bias[o];
                for (int i = 0; i < s->KH; i++) {
                    const int row = p * s->SH - s->PH + i * s->DH;
                    for (int j = 0; j < s->KW; j++, w += depth) {
                        const int col = q * s->SW - s->PW + j * s->DW;
                        if (row < 0 || row >= s->H || col < 0 || col >= s->W)
                            continue;
                        const int8_t *at = from + (row * s->W + col) * s->C;
                        for (int c = 0; c < depth; c++)
                            sum += (at[c] - s->x_zero) * w[c];
                    }
                }
                int64_t v = (int64_t)sum * s->multiplier[o];
                if (r)
                    v += (int64_t)(*r++ - s->residual_zero) * s->residual_multiplier;
                *y++ = NAME_result(v, s->shift, s->y_zero, s->low);
            }
        }
}
"""
_MAX = """\
typedef struct {
    int H, W, C, KH, KW, SH, SW, PH, PW, DH, DW, P, Q;
} NAME_max_t;

static void NAME_max(const NAME_max_t *s, const int8_t *x, int8_t *y)
{
    for (int p = 0; p < s->P; p++)
        for (int q = 0; q < s->Q; q++)
            for (int c = 0; c < s->C; c++) {
                int8_t most = -128;
                for (int i = 0; i < s->KH; i++)
                    for (int j = 0; j < s->KW; j++) {
                        const int row = p * s->SH - s->PH + i * s->DH, col = q * s->SW - s->PW + j * s->DW;
                        if (row < 0 || row >= s->H || col < 0 || col >= s->W)
                            continue;
                        const int8_t v = x[(row * s->W + col) * s->C + c];
                        most = v > most ? v : most;
                    }
                *y++ = most;
            }
}
"""
_MEAN = """\
typedef struct {
    int H, W, C, KH, KW, SH, SW, PH, PW, P, Q, include;
    int32_t multiplier;
    int shift, x_zero, y_zero, low;
} NAME_mean_t;

static void NAME_mean(const NAME_mean_t *s, const int8_t *x, int8_t *y)
{
    for (int p = 0; p < s->P; p++)
        for (int q = 0; q < s->Q; q++) {
            int top = p * s->SH - s->PH, left = q * s->SW - s->PW, bottom = top + s->KH, right = left + s->KW, n;
            bottom = bottom < s->H + s->PH ? bottom : s->H + s->PH;
            right = right < s->W + s->PW ? right : s->W + s->PW;
            n = (bottom - top) * (right - left);
            top = top > 0 ? top : 0;
            left = left > 0 ? left : 0;
            bottom = bottom < s->H ? bottom : s->H;
            right = right < s->W ? right : s->W;
            n = s->include ? n : (bottom - top) * (right - left);
            const int32_t part = (s->multiplier + n / 2) / n;
            for (int c = 0; c < s->C; c++) {
                int32_t sum = 0;
                for (int row = top; row < bottom; row++)
                    for (int col = left; col < right; col++)
                        sum += x[(row * s->W + col) * s->C + c] - s->x_zero;
                *y++ = NAME_result((int64_t)sum * part, s->shift, s->y_zero, s->low);
            }
        }
}
"""
_MAP = """\
static void NAME_map(const int8_t *table, int n, const int8_t *x, int8_t *y)
{
    for (int k = 0; k < n; k++)
        y[k] = table[x[k] + 128];
}
"""
_FUNCTIONS = {"conv": _CONV, "max": _MAX, "mean": _MEAN, "map": _MAP}


def functions(steps):
    """The functions that the steps need, as templates."""
    kinds = {step.kind for step in steps}
    rescaling = kinds & {"conv", "mean"} or any(step.kind == "copy" and not step.plain for step in steps)
    return ([_RESULT] if rescaling else []) + [text for kind, text in _FUNCTIONS.items() if kind in kinds]


def _geometry(step, without=()):
    return {name: n for name, n in step.geometry._asdict().items() if name not in ("N", *without)}


def constants(step, name, k):
    """The arrays and numbers of step k."""
    if step.kind == "conv":
        arrays = [("int8_t", "weight"), ("int32_t", "bias"), ("int32_t", "multiplier")]
        text = [array(kind, f"{name}_{what}{k}", getattr(step, what)) for kind, what in arrays]
        fields = {what: f"{name}_{what}{k}" for _, what in arrays}
        fields |= {"residual_multiplier": step.residual_multiplier, **_geometry(step), "shift": step.shift,
                   "x_zero": step.x_zero, "residual_zero": step.residual_zero, "y_zero": step.y_zero, "low": step.low}
        return [*text, record(f"{name}_conv_t", f"{name}_step{k}", fields)]
    if step.kind == "max":
        return [record(f"{name}_max_t", f"{name}_step{k}", _geometry(step))]
    if step.kind == "mean":
        fields = _geometry(step, ("DH", "DW")) | {"include": int(step.include), "multiplier": step.multiplier}
        fields |= {"shift": step.shift, "x_zero": step.x_zero, "y_zero": step.y_zero, "low": step.low}
        return [record(f"{name}_mean_t", f"{name}_step{k}", fields)]
    return [array("int8_t", f"{name}_table{k}", np.asarray(step.table))] if step.kind == "map" else []


def call(step, name, k, at, sizes):
    """The statements that do step k; `at` gives the expression of a store."""
    x, y = at(step.x), at(step.y)
    if step.kind == "conv":
        residual = "0" if step.residual is None else at(step.residual)
        return [f"{name}_conv(&{name}_step{k}, {x}, {residual}, {y});"]
    if step.kind in ("max", "mean"):
        return [f"{name}_{step.kind}(&{name}_step{k}, {x}, {y});"]
    if step.kind == "map":
        return [f"{name}_map({name}_table{k}, {sizes[step.x]}, {x}, {y});"]

    def assigned(entry):
        if step.plain:
            return entry
        return (f"{name}_result((int64_t)({entry} - ({step.x_zero})) * {step.multiplier}, {step.shift}, {step.y_zero}, "
                "-128)")
    return copy_loops(step, f"({x})", f"({y})", assigned, sizes[step.y], None if step.fill is None else str(step.fill))

"""A program of float32 in C, without the mathematics of libm: exponentials are polynomials here."""

from tinydl.export.c.text import array, copy_loops, number, record

__all__ = ["KIND", "call", "constants", "functions"]

KIND = "float"
_CONV = """\
typedef struct {
    const float *weight, *bias;
    int H, W, C, O, KH, KW, SH, SW, PH, PW, DH, DW, G, P, Q, relu;
} NAME_conv_t;

/* y[p,q,o] = bias[o] + sum of weight[o,i,j,c] x[p SH - PH + i DH, q SW - PW + j DW, c], and r; then ReLU. */
static void NAME_conv(const NAME_conv_t *s, const float *x, const float *r, float *y)
{
    const int each = s->O / s->G, depth = s->C / s->G;
    for (int p = 0; p < s->P; p++)
        for (int q = 0; q < s->Q; q++) {
            const float *w = s->weight;
            for (int o = 0; o < s->O; o++) {
                const float *from = x + o / each * depth;
                float sum = 0;
                for (int i = 0; i < s->KH; i++) {
                    const int row = p * s->SH - s->PH + i * s->DH;
                    for (int j = 0; j < s->KW; j++, w += depth) {
                        const int col = q * s->SW - s->PW + j * s->DW;
                        if (row < 0 || row >= s->H || col < 0 || col >= s->W)
                            continue;
                        const float *at = from + (row * s->W + col) * s->C;
                        for (int c = 0; c < depth;) { /* sums of 32 first: long ones would lose digits */
                            float part = 0;
                            for (const int stop = depth - c > 32 ? c + 32 : depth; c < stop; c++)
                                part += at[c] * w[c];
                            sum += part;
                        }
                    }
                }
                sum += s->bias[o];
                if (r)
                    sum += *r++;
                *y++ = s->relu && sum < 0 ? 0 : sum;
            }
        }
}
"""
_MAX = """\
typedef struct {
    int H, W, C, KH, KW, SH, SW, PH, PW, DH, DW, P, Q;
} NAME_max_t;

static void NAME_max(const NAME_max_t *s, const float *x, float *y)
{
    for (int p = 0; p < s->P; p++)
        for (int q = 0; q < s->Q; q++)
            for (int c = 0; c < s->C; c++) {
                int found = 0;
                float most = 0;
                for (int i = 0; i < s->KH; i++)
                    for (int j = 0; j < s->KW; j++) {
                        const int row = p * s->SH - s->PH + i * s->DH, col = q * s->SW - s->PW + j * s->DW;
                        if (row < 0 || row >= s->H || col < 0 || col >= s->W)
                            continue;
                        const float v = x[(row * s->W + col) * s->C + c];
                        most = !found || v > most || v != v ? v : most;
                        found = 1;
                    }
                *y++ = most;
            }
}
"""
_MEAN = """\
typedef struct {
    int H, W, C, KH, KW, SH, SW, PH, PW, P, Q, include;
} NAME_mean_t;

static void NAME_mean(const NAME_mean_t *s, const float *x, float *y)
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
            for (int c = 0; c < s->C; c++) {
                float sum = 0;
                for (int row = top; row < bottom; row++) {
                    float part = 0;
                    for (int col = left; col < right; col++)
                        part += x[(row * s->W + col) * s->C + c];
                    sum += part;
                }
                *y++ = sum / (float)n;
            }
        }
}
"""
# Cody and Waite's reduction x = n log 2 + r, and the polynomial of Cephes' expf, right to 2 units in the last place.
_EXP = """\
static float NAME_exp(float x)
{
    union { uint32_t bits; float value; } power;
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    const int n = (int)(x * 1.44269504f + (x < 0 ? -0.5f : 0.5f));
    const float k = (float)n, r = x - k * 0.693359375f + k * 2.12194440e-4f;
    float y = 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    power.bits = (uint32_t)(n + 127) << 23;
    return (y * r * r + r + 1) * power.value;
}
"""
# Of x and the parameter a; what needs an exponential says so by NAME_exp.
_MAPS = {
    "relu": "return x < 0 ? 0 : x;",
    "leaky_relu": "return x <= 0 ? a * x : x;",
    "elu": "return x <= 0 ? a * (NAME_exp(x) - 1) : x;",
    "sigmoid": "return 1 / (1 + NAME_exp(-x));",
    "tanh": "return 1 - 2 / (NAME_exp(2 * x) + 1);",
    "silu": "return x / (1 + NAME_exp(-x));",
    "hardswish": "return x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6;",
    "gelu_tanh": "return x / (1 + NAME_exp(-1.5957691216f * (x + 0.044715f * x * x * x)));",
    "mish": "const float e = NAME_exp(x < 20 ? x : 20), n = e * (e + 2);\n    return x * n / (n + 2);",
    # erf by 7.1.26 of Abramowitz and Stegun, right to 1.5e-7.
    "gelu": """const float z = (x < 0 ? -x : x) * 0.70710678f, t = 1 / (1 + 0.3275911f * z);
    float tail = 1.061405429f;
    tail = tail * t - 1.453152027f;
    tail = tail * t + 1.421413741f;
    tail = tail * t - 0.284496736f;
    tail = (tail * t + 0.254829592f) * t * NAME_exp(-z * z) / 2;
    return x * (x < 0 ? tail : 1 - tail);""",
}
_FUNCTIONS = {"conv": _CONV, "max": _MAX, "mean": _MEAN}


def functions(steps):
    """The functions that the steps need, as templates."""
    kinds, names = {step.kind for step in steps}, {step.name for step in steps if step.kind == "map"}
    unknown = names - _MAPS.keys()
    if unknown:
        raise ValueError(f"to_c: there is no C of {', '.join(sorted(unknown))} in float32; known are "
                         f"{', '.join(sorted(_MAPS))}. In integers every activation is a table: "
                         "td.quantize(net, sample)")
    found = [text for kind, text in _FUNCTIONS.items() if kind in kinds]
    if any("NAME_exp" in _MAPS[name] for name in names):
        found.append(_EXP)
    for name in sorted(names):
        body = _MAPS[name]
        loop = f"    for (int k = 0; k < n; k++)\n        y[k] = NAME_{name}_of(x[k], a);\n"
        unused = "" if " a " in body or " a;" in body else "    (void)a;\n"
        found.append(f"static float NAME_{name}_of(float x, float a)\n{{\n{unused}    {body}\n}}\n\n"
                     f"static void NAME_{name}(float a, int n, const float *x, float *y)\n{{\n{loop}}}\n")
    return found


def _geometry(step, without=()):
    return {name: n for name, n in step.geometry._asdict().items() if name not in ("N", *without)}


def constants(step, name, k):
    """The arrays and numbers of step k."""
    if step.kind == "conv":
        text = [array("float", f"{name}_{what}{k}", getattr(step, what)) for what in ("weight", "bias")]
        fields = {what: f"{name}_{what}{k}" for what in ("weight", "bias")}
        return [*text, record(f"{name}_conv_t", f"{name}_step{k}", fields | _geometry(step) | {"relu": int(step.relu)})]
    if step.kind == "max":
        return [record(f"{name}_max_t", f"{name}_step{k}", _geometry(step))]
    if step.kind == "mean":
        fields = _geometry(step, ("DH", "DW")) | {"include": int(step.include)}
        return [record(f"{name}_mean_t", f"{name}_step{k}", fields)]
    return []


def call(step, name, k, at, sizes):
    """The statements that do step k; `at` gives the expression of a store."""
    x, y = at(step.x), at(step.y)
    if step.kind == "conv":
        residual = "0" if step.residual is None else at(step.residual)
        return [f"{name}_conv(&{name}_step{k}, {x}, {residual}, {y});"]
    if step.kind in ("max", "mean"):
        return [f"{name}_{step.kind}(&{name}_step{k}, {x}, {y});"]
    if step.kind == "map":
        return [f"{name}_{step.name}({number(float(step.parameter))}, {sizes[step.x]}, {x}, {y});"]
    fill = None if step.fill is None else number(step.fill)
    return copy_loops(step, f"({x})", f"({y})", lambda entry: entry, sizes[step.y], fill)

"""Optimiser updates: a rule is a struct of numbers and a function of one chunk of a parameter's arrays.

Each update reads every array once and writes it once, which is all the memory traffic there is; it is bound by memory,
not by arithmetic. A further optimiser is a struct in `Numbers`, a function of a chunk, a line of `update_chunk` and a
function that fills the struct.
"""

from cython.parallel cimport prange
from libc.math cimport pow, sqrt
from tinydl._core.array cimport NPY_FLOAT32, real
from tinydl._core.fma cimport fma
from tinydl._core.math cimport root
from tinydl._core.parallel cimport check_team
from tinydl._core.update.segments cimport CHUNK, MAX_ARRAYS, Segment, Segments, segment_at, segments_of
from tinydl._core.vector cimport td_flush_denormals, td_restore_denormals

__all__ = ["Rule", "adadelta", "adagrad", "adam", "lion", "nadam", "radam", "rmsprop", "sgd", "step"]

cdef enum:
    SLOTS = MAX_ARRAYS - 2  # arrays that an optimiser keeps for a parameter, at most

cdef enum Kind:
    SGD
    ADAM
    RMSPROP
    ADAGRAD
    ADADELTA
    NADAM
    LION

cdef struct Sgd:
    double lr, momentum, gain, weight_decay  # gain = 1 - dampening
    bint nesterov, first

cdef struct Adam:
    double step_size, beta1, beta2, eps
    double inverse_root                      # 1 / sqrt(1 - beta2^step)
    double l2, shrink                        # L2: g += l2 p;  decoupled: p *= shrink

cdef struct RmsProp:
    double lr, alpha, eps, weight_decay, momentum

cdef struct Adagrad:
    double step_size, weight_decay, eps      # step_size = lr / (1 + (step - 1) lr_decay)

cdef struct Adadelta:
    double lr, rho, eps, weight_decay

cdef struct Nadam:
    double m_size, grad_size                 # of the momentum and of the gradient in the step
    double beta1, beta2, eps, inverse_root, l2, shrink

cdef struct Lion:
    double lr, beta1, beta2, shrink

cdef union Numbers:
    Sgd sgd
    Adam adam
    RmsProp rmsprop
    Adagrad adagrad
    Adadelta adadelta
    Nadam nadam
    Lion lion


# --- one chunk -------------------------------------------------------------------------------------------------------
# Numbers are rounded to the type of the arrays once, before the loop: a mix of types inside would double its work.

cdef inline real decayed(real grad, real decay, real p) noexcept nogil:
    """grad + decay p. Without decay p is not looked at: 0 times an infinite weight would be NaN."""
    # Clang would choose between decay p and 0, and add that: a product less fused.
    return fma(decay, p, grad) if decay != 0 else grad


cdef void sgd_chunk(real *p, const real *grad, real *buf, Py_ssize_t n, const Sgd *rule) noexcept nogil:
    cdef real lr = <real> rule.lr, momentum = <real> rule.momentum, gain = <real> rule.gain
    cdef real decay = <real> rule.weight_decay, g, b
    cdef bint nesterov = rule.nesterov
    cdef Py_ssize_t i
    if rule.momentum == 0:
        for i in range(n):
            p[i] = p[i] - lr * decayed(grad[i], decay, p[i])
    elif rule.first:
        # The first gradient enters the buffer whole: dampening weakens only what follows it.
        for i in range(n):
            g = decayed(grad[i], decay, p[i])
            buf[i] = g
            p[i] = p[i] - lr * (g + momentum * g if nesterov else g)
    elif nesterov:
        for i in range(n):
            g = decayed(grad[i], decay, p[i])
            b = fma(momentum, buf[i], gain * g)
            buf[i] = b
            p[i] = p[i] - lr * (g + momentum * b)
    else:
        for i in range(n):
            b = fma(momentum, buf[i], gain * decayed(grad[i], decay, p[i]))
            buf[i] = b
            p[i] = p[i] - lr * b


cdef void adam_chunk(real *p, const real *grad, real *m, real *v, Py_ssize_t n, const Adam *rule) noexcept nogil:
    cdef real step_size = <real> rule.step_size, beta1 = <real> rule.beta1, beta2 = <real> rule.beta2
    # 1 - beta in double: rounded to float first, 1 - 0.999 would be off by 6e-5 of itself.
    cdef real rest1 = <real> (1 - rule.beta1), rest2 = <real> (1 - rule.beta2), eps = <real> rule.eps
    cdef real inverse_root = <real> rule.inverse_root, l2 = <real> rule.l2, shrink = <real> rule.shrink, g
    cdef Py_ssize_t i
    for i in range(n):
        g = decayed(grad[i], l2, p[i])
        m[i] = fma(beta1, m[i], rest1 * g)
        v[i] = fma(beta2, v[i], rest2 * (g * g))
        # RAdam's first steps have no denominator: inverse_root is 0, and v may have overflowed.
        p[i] = shrink * p[i] - step_size * m[i] / ((root(v[i]) * inverse_root if inverse_root != 0 else 0) + eps)


cdef void rmsprop_chunk(real *p, const real *grad, real *square, real *average, real *buf, Py_ssize_t n,
                        const RmsProp *rule) noexcept nogil:
    cdef real lr = <real> rule.lr, alpha = <real> rule.alpha, rest = <real> (1 - rule.alpha), eps = <real> rule.eps
    cdef real decay = <real> rule.weight_decay, momentum = <real> rule.momentum, a, g, s
    cdef Py_ssize_t i
    # One loop a case: a test of a pointer inside keeps the loop from being vectorised.
    if average == NULL and buf == NULL:
        for i in range(n):
            g = decayed(grad[i], decay, p[i])
            s = fma(alpha, square[i], rest * (g * g))
            square[i] = s
            p[i] = p[i] - lr * (g / (root(s) + eps))
    elif average == NULL:
        for i in range(n):
            g = decayed(grad[i], decay, p[i])
            s = fma(alpha, square[i], rest * (g * g))
            square[i] = s
            buf[i] = momentum * buf[i] + g / (root(s) + eps)
            p[i] = p[i] - lr * buf[i]
    else:
        # s - a^2 of the new averages is alpha (s - a^2 + (1-alpha) (g-a)^2) of the old ones: a sum, of which rounding
        # leaves at least what this gradient adds. The difference may be all rounding, and p then leaps by lr g / eps.
        for i in range(n):
            g = decayed(grad[i], decay, p[i])
            a = average[i]
            s = square[i] - a * a
            s = 0 if s < 0 else s  # rounding; NaN passes
            s = alpha * fma(rest * (g - a), g - a, s)
            square[i] = fma(alpha, square[i], rest * (g * g))
            average[i] = fma(alpha, a, rest * g)
            g = g / (root(s) + eps)
            if buf == NULL:
                p[i] = p[i] - lr * g
            else:
                buf[i] = momentum * buf[i] + g
                p[i] = p[i] - lr * buf[i]


cdef void adagrad_chunk(real *p, const real *grad, real *total, Py_ssize_t n, const Adagrad *rule) noexcept nogil:
    cdef real step_size = <real> rule.step_size, decay = <real> rule.weight_decay, eps = <real> rule.eps, g, s
    cdef Py_ssize_t i
    for i in range(n):
        g = decayed(grad[i], decay, p[i])
        s = total[i] + g * g
        total[i] = s
        p[i] = p[i] - step_size * g / (root(s) + eps)


cdef void adadelta_chunk(real *p, const real *grad, real *square, real *change, Py_ssize_t n,
                         const Adadelta *rule) noexcept nogil:
    cdef real lr = <real> rule.lr, rho = <real> rule.rho, rest = <real> (1 - rule.rho), eps = <real> rule.eps
    cdef real decay = <real> rule.weight_decay, g, d
    cdef Py_ssize_t i
    for i in range(n):
        g = decayed(grad[i], decay, p[i])
        square[i] = fma(rho, square[i], rest * (g * g))
        d = root(change[i] + eps) / root(square[i] + eps) * g
        change[i] = fma(rho, change[i], rest * (d * d))
        p[i] = p[i] - lr * d


cdef void nadam_chunk(real *p, const real *grad, real *m, real *v, Py_ssize_t n, const Nadam *rule) noexcept nogil:
    cdef real m_size = <real> rule.m_size, grad_size = <real> rule.grad_size
    cdef real beta1 = <real> rule.beta1, beta2 = <real> rule.beta2
    cdef real rest1 = <real> (1 - rule.beta1), rest2 = <real> (1 - rule.beta2), eps = <real> rule.eps
    cdef real inverse_root = <real> rule.inverse_root, l2 = <real> rule.l2, shrink = <real> rule.shrink, g, w
    cdef Py_ssize_t i
    for i in range(n):
        w = shrink * p[i]
        g = decayed(grad[i], l2, p[i])
        m[i] = fma(beta1, m[i], rest1 * g)
        v[i] = fma(beta2, v[i], rest2 * (g * g))
        p[i] = w - fma(grad_size, g, m_size * m[i]) / (root(v[i]) * inverse_root + eps)


cdef void lion_chunk(real *p, const real *grad, real *m, Py_ssize_t n, const Lion *rule) noexcept nogil:
    cdef real lr = <real> rule.lr, beta1 = <real> rule.beta1, beta2 = <real> rule.beta2
    cdef real rest1 = <real> (1 - rule.beta1), rest2 = <real> (1 - rule.beta2), shrink = <real> rule.shrink, d
    cdef Py_ssize_t i
    for i in range(n):
        d = fma(beta1, m[i], rest1 * grad[i])
        d = d - d if d == 0 or d != d else 1 if d > 0 else -1  # 0 of 0, NaN of NaN
        m[i] = fma(beta2, m[i], rest2 * grad[i])
        p[i] = shrink * p[i] - lr * d


# --- from a step to its chunks ---------------------------------------------------------------------------------------

cdef void update_chunk(Kind kind, const Numbers *numbers, real *p, void *const *array, Py_ssize_t at,
                       Py_ssize_t n) noexcept nogil:
    """The rule of this kind for n elements: p points at them, the parameter's arrays hold them from `at` on."""
    # array[0] is the parameter, array[1] its gradient; what the rule keeps follows.
    cdef const real *grad = <const real *> array[1] + at
    cdef real *slot[SLOTS]
    cdef int k
    for k in range(SLOTS):
        slot[k] = NULL if array[2 + k] == NULL else <real *> array[2 + k] + at
    if kind == SGD:
        sgd_chunk(p, grad, slot[0], n, &numbers.sgd)
    elif kind == ADAM:
        adam_chunk(p, grad, slot[0], slot[1], n, &numbers.adam)
    elif kind == RMSPROP:
        rmsprop_chunk(p, grad, slot[0], slot[1], slot[2], n, &numbers.rmsprop)
    elif kind == ADAGRAD:
        adagrad_chunk(p, grad, slot[0], n, &numbers.adagrad)
    elif kind == ADADELTA:
        adadelta_chunk(p, grad, slot[0], slot[1], n, &numbers.adadelta)
    elif kind == NADAM:
        nadam_chunk(p, grad, slot[0], slot[1], n, &numbers.nadam)
    else:
        lion_chunk(p, grad, slot[0], n, &numbers.lion)


cdef void update_task(Kind kind, const Numbers *numbers, const Segment *segments, Py_ssize_t n_segments,
                      Py_ssize_t task) noexcept nogil:
    cdef unsigned int saved = td_flush_denormals()
    cdef const Segment *s = segment_at(segments, n_segments, task)
    cdef Py_ssize_t at = (task - s.first_task) * CHUNK
    cdef Py_ssize_t n = min(<Py_ssize_t> CHUNK, s.size - at)
    if s.dtype_num == NPY_FLOAT32:
        update_chunk(kind, numbers, <float *> s.array[0] + at, s.array, at, n)
    else:
        update_chunk(kind, numbers, <double *> s.array[0] + at, s.array, at, n)
    td_restore_denormals(saved)


cdef class Rule:
    """The numbers of one step of an optimiser; `step` applies them.

    Attributes
    ----------
    uses : tuple of bool
        For each array that the optimiser may keep for a parameter, whether these numbers need it.
    """

    cdef Kind kind
    cdef Numbers numbers
    cdef readonly tuple uses

    def __cinit__(self, *uses):
        self.uses = uses


def step(Rule rule not None, params, grads, slots, int n_threads=1, /):
    """One step of every parameter by the same rule.

    params : list of IN/OUT arrays.  grads : list of IN arrays.
    slots : for each entry of rule.uses a list of IN/OUT arrays, or None where it is false.

    All arrays of one parameter share its dtype, shape and dense memory order; float32 and float64 may mix in a list.
    """
    check_team(n_threads)
    for name, given in (("params", params), ("grads", grads), ("slots", slots)):
        if not isinstance(given, (list, tuple)):
            raise TypeError(f"{name}: expected a list of arrays, got {type(given).__name__}")
    if len(slots) != len(rule.uses):
        raise ValueError(f"slots: the rule takes {len(rule.uses)} lists, got {len(slots)}")
    for k, used in enumerate(rule.uses):
        if used and slots[k] is None:
            raise ValueError(f"slots[{k}]: the rule needs one array per parameter, got None")
    slots = [lists if used else None for lists, used in zip(slots, rule.uses)]
    cdef Segments segments = segments_of(("params", "grads", *[f"slots[{k}]" for k in range(len(slots))]),
                                         (params, grads, *slots), (True, False, *[True] * len(slots)))
    cdef const Segment *first = segments.first
    cdef Kind kind = rule.kind
    cdef const Numbers *numbers = &rule.numbers
    cdef Py_ssize_t n = segments.n, n_tasks = segments.n_tasks, t
    # A single chunk's worth of work is done before a second thread has woken up.
    cdef bint threads = segments.n_elements > CHUNK
    with nogil:
        for t in prange(n_tasks, num_threads=n_threads, schedule="static", use_threads_if=threads):
            update_task(kind, numbers, first, n, t)


# --- the rules -------------------------------------------------------------------------------------------------------

def sgd(double lr, double momentum, double dampening, double weight_decay, bint nesterov, bint first, /):
    """g = grad + weight_decay p;  b = g on the first step, momentum b + (1-dampening) g later;
    p -= lr (g + momentum b) with nesterov, else lr b; without momentum p -= lr g and b is not used.

    first : write the buffers b instead of reading them.
    """
    cdef Rule rule = Rule(momentum != 0)
    rule.kind = SGD
    rule.numbers.sgd = Sgd(lr, momentum, 1 - dampening, weight_decay, nesterov, first)
    return rule


def adam(double lr, double beta1, double beta2, double eps, double weight_decay, bint decoupled, long long step, /):
    """decoupled (AdamW): p *= 1 - lr weight_decay, g = grad;  else g = grad + weight_decay p (L2);
    m = beta1 m + (1-beta1) g;  v = beta2 v + (1-beta2) g^2;
    p -= lr/(1-beta1^step) m / (sqrt(v)/sqrt(1-beta2^step) + eps).

    step : 1 for the first.
    """
    if step < 1:
        raise ValueError(f"step: counts from 1, got {step}")
    cdef Rule rule = Rule(True, True)
    rule.kind = ADAM
    rule.numbers.adam = Adam(lr / (1 - pow(beta1, <double> step)), beta1, beta2, eps,
                             1 / sqrt(1 - pow(beta2, <double> step)), 0 if decoupled else weight_decay,
                             1 - lr * weight_decay if decoupled else 1)
    return rule


def rmsprop(double lr, double alpha, double eps, double weight_decay, double momentum, bint centered, /):
    """g = grad + weight_decay p;  s = alpha s + (1-alpha) g^2;  centered: a = alpha a + (1-alpha) g,
    d = sqrt(s - a^2) + eps, else d = sqrt(s) + eps;  momentum: b = momentum b + g/d, p -= lr b;  else p -= lr g/d.

    The rule keeps s, a (if centered) and b (if there is momentum).
    """
    cdef Rule rule = Rule(True, centered, momentum != 0)
    rule.kind = RMSPROP
    rule.numbers.rmsprop = RmsProp(lr, alpha, eps, weight_decay, momentum)
    return rule


def adagrad(double lr, double lr_decay, double weight_decay, double eps, long long step, /):
    """g = grad + weight_decay p;  s = s + g^2;  p -= lr / (1 + (step-1) lr_decay) g / (sqrt(s) + eps).

    step : 1 for the first.
    """
    if step < 1:
        raise ValueError(f"step: counts from 1, got {step}")
    cdef Rule rule = Rule(True)
    rule.kind = ADAGRAD
    rule.numbers.adagrad = Adagrad(lr / (1 + (step - 1) * lr_decay), weight_decay, eps)
    return rule


def adadelta(double lr, double rho, double eps, double weight_decay, /):
    """g = grad + weight_decay p;  s = rho s + (1-rho) g^2;  d = sqrt(u + eps) / sqrt(s + eps) g;
    u = rho u + (1-rho) d^2;  p -= lr d.
    """
    cdef Rule rule = Rule(True, True)
    rule.kind = ADADELTA
    rule.numbers.adadelta = Adadelta(lr, rho, eps, weight_decay)
    return rule


def radam(double lr, double beta1, double beta2, double eps, double weight_decay, bint decoupled, long long step, /):
    """As adam, with lr r in the place of lr and eps / sqrt(1-beta2^step) in that of eps; without the denominator while
    the variance of the step is unknown (at most 5 degrees of freedom). With N = 2/(1-beta2) - 1 and
    n = N - 2 step beta2^step / (1-beta2^step):  r = sqrt((n-4) (n-2) N / ((N-4) (N-2) n)).

    step : 1 for the first.
    """
    cdef Rule rule = adam(lr, beta1, beta2, eps, weight_decay, decoupled, step)
    cdef double power2 = pow(beta2, <double> step), most = 2 / (1 - beta2) - 1
    cdef double n = most - 2.0 * step * power2 / (1 - power2)
    if n > 5:
        rule.numbers.adam.step_size *= (sqrt((n - 4) * (n - 2) * most / ((most - 4) * (most - 2) * n))
                                        * sqrt(1 - power2))
        rule.numbers.adam.inverse_root = 1
    else:
        rule.numbers.adam.inverse_root, rule.numbers.adam.eps = 0, 1
    return rule


def nadam(double lr, double beta1, double beta2, double eps, double weight_decay, bint decoupled, long long step,
          (double, double, double) momenta, /):
    """m and v as adam, and its decay;  with momenta mu, mu' of this step and the next and M the product of all so far:
    p -= lr ((1-mu)/(1-M) g + mu'/(1-M mu') m) / (sqrt(v)/sqrt(1-beta2^step) + eps).

    step : 1 for the first.  momenta : (mu, mu', M).
    """
    if step < 1:
        raise ValueError(f"step: counts from 1, got {step}")
    cdef double mu = momenta[0], following = momenta[1], product = momenta[2]
    cdef Rule rule = Rule(True, True)
    rule.kind = NADAM
    rule.numbers.nadam = Nadam(lr * following / (1 - product * following), lr * (1 - mu) / (1 - product), beta1, beta2,
                               eps, 1 / sqrt(1 - pow(beta2, <double> step)), 0 if decoupled else weight_decay,
                               1 - lr * weight_decay if decoupled else 1)
    return rule


def lion(double lr, double beta1, double beta2, double weight_decay, /):
    """d = beta1 m + (1-beta1) grad;  m = beta2 m + (1-beta2) grad;  p = (1 - lr weight_decay) p - lr sign(d)."""
    cdef Rule rule = Rule(True)
    rule.kind = LION
    rule.numbers.lion = Lion(lr, beta1, beta2, 1 - lr * weight_decay)
    return rule

"""Results on intensity: the ridge point, linear layers, attention, and the limit of large batch."""

from __future__ import annotations

import sympy

from roofsym import conventions, polynomial
from roofsym import symbols as sy
from roofsym.derivation import Label
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.limits import limit
from roofsym.results.parts import ATTENTION_BYTES, ATTENTION_FLOPS
from roofsym.results.question import MACHINE, STEP, Inquiry, Question, Result, Unknown, answers
from roofsym.solve import Crossover
from roofsym.transformer.geometry import Geometry
from roofsym.transformer.operators import Linear

RIDGE = Question(
    name="ridge-point", title="ridge point", label=Label("I*", "I^{*}"), phases=(),
    needs=(MACHINE,), left="the rate at which memory can feed compute", right="the peak",
    symbol=sy.intensity,
)  # fmt: skip


@answers(RIDGE)
def ridge_point(machine: Machine, symbol: Unknown = None) -> Result:
    """Intensity at which computing and moving take equally long.

    Parameters
    ----------
    machine : Machine
        The machine.
    symbol : sympy.Symbol or str, optional
        What to solve for instead, as in every named result.

    Returns
    -------
    Result
        The intensity, FLOP/B. Source: Williams, Waterman and Patterson, "Roofline", 2009.

    Examples
    --------
    >>> ridge_point(Machine(peak=312e12, bandwidth=2e12)).value
    156
    """
    q = Inquiry.of(RIDGE, None, machine, symbol)
    q.d.remark("At intensity I, memory of bandwidth β delivers work at the rate β I.")
    return q.answer(sy.bandwidth * sy.intensity, sy.peak)


# --- a lone linear layer -----------------------------------------------------------------------


def _linear_layer(q: Inquiry) -> tuple[sympy.Expr, sympy.Expr]:
    """FLOPs and bytes of one linear layer, as the ledger's operator states them."""
    operator = Linear("linear", "layer", sy.in_features, sy.out_features)
    # One sequence of M new tokens.
    geometry = Geometry(B=sympy.S.One, S=sy.rows, L=sympy.S.Zero)
    rules = conventions.convention("linear-only")
    layer = Ledger(tuple(e for e in operator.entries(geometry) if rules.counts(e)))
    work, moved = layer.symbolic("flops"), layer.symbolic("bytes")
    q.d.define("FLOPs of the layer, (M, K) times (K, N): two per multiply-add", sy.flops, work)
    q.d.define("Its bytes: the weights, the input and the output, once each", sy.bytes_, moved)
    return work, moved


MATMUL_INTENSITY = Question(
    name="matmul-intensity", title="intensity of a linear layer (M, K) × (K, N)",
    label=Label("I", "I"), phases=(), needs=(STEP,), left="intensity times bytes",
    right="the FLOP count", symbol=sy.intensity,
    typical={"rows": 1, "in_features": 4096, "out_features": 4096},
)  # fmt: skip


@answers(MATMUL_INTENSITY)
def matmul_intensity(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Intensity of a linear layer, and its harmonic form.

    ``1/I = b_w/(2 M) + b_a/(2 N) + b_a/(2 K)``: each tensor adds its share to bytes per FLOP. If
    all elements have ``b`` bytes that is ``b/2 (1/M + 1/N + 1/K)``.

    Parameters
    ----------
    ledger : Ledger
        Gives values to ``rows``, ``in_features``, ``out_features``, ``b_w`` and ``b_a``.
    symbol : sympy.Symbol or str, optional
        What to solve for instead: the rows at a given intensity, say.

    Returns
    -------
    Result
        FLOP/B.

    Examples
    --------
    >>> led = Ledger(()).at(rows=32, in_features=4096, out_features=4096, b_w=2, b_a=2)
    >>> matmul_intensity(led).value
    2048/65
    """
    q = Inquiry.of(MATMUL_INTENSITY, ledger, None, symbol)
    work, moved = _linear_layer(q)
    inverse = (
        sy.b_w / (2 * sy.rows) + sy.b_a / (2 * sy.out_features) + sy.b_a / (2 * sy.in_features)
    )
    name = Label("1 / I", r"\frac{1}{I}")
    q.d.identity("Each tensor adds its share to bytes per FLOP", moved / work, inverse, name)
    shares = (1 / sy.rows + 1 / sy.out_features + 1 / sy.in_features) * sy.b_w / 2
    q.d.substitution(
        "With one precision for all three, half a harmonic sum", name, inverse, {sy.b_a: sy.b_w},
        shares,
    )  # fmt: skip
    return q.answer(sy.intensity * moved, work)


MATMUL_ROWS = Question(
    name="matmul-critical-batch", title="rows at which a linear layer (M, K) × (K, N) turns "
    "compute-bound", label=Label("M*", "M^{*}"), phases=(), left="intensity",
    right="the ridge point", symbol=sy.rows, first="first compute-bound number of rows",
    typical={"in_features": 4096, "out_features": 4096},
)  # fmt: skip


@answers(MATMUL_ROWS)
def matmul_critical_batch(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Rows (tokens of the step) at which a linear layer turns compute-bound.

    Returns
    -------
    Result
        The rows; they exist only while the intensity for many rows is above the ridge point.

    Examples
    --------
    >>> led = Ledger(()).at(in_features=4096, out_features=4096, b_w=2, b_a=2)
    >>> matmul_critical_batch(led, Machine(peak=989e12, bandwidth=3.35e12)).whole
    345
    """
    q = Inquiry.of(MATMUL_ROWS, ledger, machine, symbol)
    work, moved = _linear_layer(q)
    q.define_ridge()
    q.d.limit(
        "As the rows grow, the weights' share vanishes and intensity tends to", sy.intensity,
        work / moved, sy.rows, limit(work / moved, sy.rows),
    )  # fmt: skip
    return q.answer(work / moved, sy.ridge)


# --- attention ---------------------------------------------------------------------------------

ATTENTION_INTENSITY = Question(
    name="attention-intensity", title="intensity of attention alone",
    label=Label("I_att", r"I_{\mathrm{att}}"), phases=("decode", "prefill", "chunk"),
    needs=(STEP,),
    left="intensity times the bytes of attention", right="the FLOP count of attention",
    symbol=sy.intensity, typical={"B": 1, "L": 4096},
)  # fmt: skip
# What attention does once queries, keys and values are there.
_ATTENTION_CORE = ("score", "softmax", "value", "sinks")


@answers(ATTENTION_INTENSITY)
def attention_intensity(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Intensity of scores, softmax and values, without the projections around them.

    Fused or unfused is a matter of the ledger's convention. As the context grows it tends, fused,
    to FLOPs over KV bytes per token of context: ``2 n_heads / (n_kv_heads b_kv)``, the number of
    query heads that share one key/value head times 2 FLOP over the bytes of an element.

    Parameters
    ----------
    ledger : Ledger
        A step: asked of its own phase, or of decode if it is a general step.
    symbol : sympy.Symbol or str, optional
        What to solve for instead.

    Returns
    -------
    Result
        FLOP/B.

    Raises
    ------
    InputError
        If the convention counts no attention, or no bytes of it.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(n_heads=32, n_kv_heads=8)).at(b_kv=2, b_a=2, L=10**9)
    >>> round(float(attention_intensity(led).value), 3)
    4.0
    """
    q = Inquiry.of(ATTENTION_INTENSITY, ledger, None, symbol)
    core = q.ledger.keep(e for e in q.ledger.entries if e.operator in _ATTENTION_CORE)
    work = q.total("FLOPs of attention", ATTENTION_FLOPS, core, "flops")
    moved = q.total("Bytes of attention", ATTENTION_BYTES, core, "bytes")
    if work == 0 or moved == 0:
        accepted = "one that counts FLOPs and bytes of attention"
        raise InputError("convention", q.ledger.convention, accepted)
    d, per_sequence = q.d, [x / sy.B for x in (work, moved)]
    length = sy.S if q.ledger.phase == "prefill" else sy.L
    ratio = per_sequence[0] / per_sequence[1]
    if not ratio.has(sympy.floor):
        many = limit(ratio, length)
        what = "the prompt" if length == sy.S else "the context"
        d.limit(f"As {what} grows, intensity tends to", sy.intensity, ratio, length, many)
        if many.is_finite is not False and many.has(sy.alpha):
            explicit = sympy.cancel(many.xreplace(d.definitions))
            d.identity("In dimensions that is", many, explicit, Label("I", "I"))
    explicit = ratio.xreplace(d.definitions)
    if explicit.has(sy.head_dim):
        wide = limit(explicit, sy.head_dim)
        if polynomial.is_zero(explicit - wide):
            text = "At any length, in dimensions, the width of the heads cancels"
            d.identity(text, ratio, wide, sy.intensity)
        else:
            d.limit("As heads grow wider, it tends to", sy.intensity, explicit, sy.head_dim, wide)
    return q.answer(sy.intensity * per_sequence[1], per_sequence[0])


# --- large batch -------------------------------------------------------------------------------

LIMIT_INTENSITY = Question(
    name="limit-intensity", title="intensity that decode approaches as the batch grows",
    label=Label("I_∞", r"I_{\infty}"), needs=(STEP,), left="intensity times traffic per sequence",
    right="work per sequence", symbol=sy.intensity, typical={"L": 0},
)  # fmt: skip


@answers(LIMIT_INTENSITY)
def limit_intensity(ledger: Ledger, symbol: Unknown = None) -> Result:
    """Intensity that decode approaches as the batch grows: weights shared by ever more sequences.

    Returns
    -------
    Result
        The intensity, FLOP/B; ``never`` where no byte grows with the batch, since intensity then
        grows without bound.

    Examples
    --------
    >>> import roofsym as rs
    >>> print(limit_intensity(rs.decode(rs.Transformer())).general.value)
    (L*alpha + phi)/(L*kappa + a)
    """
    q = Inquiry.of(LIMIT_INTENSITY, ledger, None, symbol)
    work, moved = q.work(), q.moved()
    more_work, more_bytes = (limit(x / sy.B, sy.B) for x in (work, moved))
    if more_bytes == 0:
        q.d.remark("No byte grows with the batch: intensity grows without bound.")
        never = Crossover(sympy.S.Zero, more_work, sy.intensity, "never")
        return Result(LIMIT_INTENSITY, never, q.d, never)
    q.d.limit(
        "As the batch grows, the weights' share vanishes and intensity tends to",
        sy.intensity, work / moved, sy.B, more_work / more_bytes,
    )  # fmt: skip
    return q.answer(sy.intensity * more_bytes, more_work)


COMPUTE_BOUND_CONTEXT = Question(
    name="compute-bound-context",
    title="context beyond which decode is compute-bound at no batch",
    label=Label("L_max", r"L_{\max}"), left="intensity at large batch", right="the ridge point",
    symbol=sy.L, last="last context within reach",
)  # fmt: skip


@answers(COMPUTE_BOUND_CONTEXT)
def compute_bound_context(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Context beyond which decode turns compute-bound at no batch.

    Returns
    -------
    Result
        The context in tokens: where the intensity at large batch falls to the ridge point.
        ``never`` or ``always`` where it lies on one side at every context.

    Examples
    --------
    >>> import roofsym as rs
    >>> x = compute_bound_context(rs.decode(rs.Transformer()), rs.Machine())
    >>> x.outcome
    'conditional'
    """
    q = Inquiry.of(COMPUTE_BOUND_CONTEXT, ledger, machine, symbol)
    work, moved = q.work(), q.moved()
    q.define_ridge()
    reached = limit(work / moved, sy.B)
    q.d.limit("As the batch grows, intensity tends to", sy.intensity, work / moved, sy.B, reached)
    if not reached.has(sy.L):
        accepted = "one under which the context matters"
        raise InputError("convention", q.ledger.convention, accepted)
    return q.answer(reached, sy.ridge)

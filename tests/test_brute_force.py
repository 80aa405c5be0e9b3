"""Every crossover of every named result against brute force, on models drawn at random.

Models of every kind (dense with any number of key/value heads, windowed, mixture, latent), small
and of the catalogue, machines, workloads and conventions are drawn; a result is asked for its own
unknown or for any other symbol of its equation. What it answers - how many crossings, where, and
which side is larger where there is none - is compared with the sign changes of a slack function
over a dense grid. That function is made of a ledger's totals, evaluated in floating point: no
closed form, no named constant, no solver, and nothing of the result itself.

A short run, the same each time, is part of the tests. A long one, new each time, draws as many
cases as the environment variable says::

    ROOFSYM_CASES=10000 python -m pytest tests/test_brute_force.py
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from support import dense, sign_changes

import roofsym as rs
from roofsym import phases
from roofsym import symbols as sy
from roofsym.ledger import Entry
from roofsym.results import RESULTS
from roofsym.results.question import Result
from roofsym.transformer import (
    Attention,
    LatentAttention,
    LayerGroup,
    Mixture,
    Structure,
    Transformer,
    Window,
)

CASES = int(os.environ.get("ROOFSYM_CASES", "0"))
PER_RESULT = max(1, CASES // len(RESULTS)) if CASES else 4

Values = Mapping[str, "float | np.ndarray"]
# So many sequences, or so few, that the rest is lost in rounding.
MANY = 1e30


# --- what is drawn --------------------------------------------------------------------------------


def between(low: float, high: float, *, whole: bool = False) -> st.SearchStrategy[Fraction]:
    """Numbers spread evenly over the orders of magnitude, of few digits."""

    def number(step: int) -> Fraction:
        x = low * (high / low) ** (step / 1000)
        return Fraction(round(x)) if whole else Fraction(f"{x:.4g}")

    return st.integers(0, 1000).map(number)


def count(low: int, high: int) -> st.SearchStrategy[Fraction]:
    return between(low, high, whole=True)


def _layers(**blocks: object) -> tuple[LayerGroup, ...]:
    return (LayerGroup(**blocks),)


STRUCTURES = {
    "dense": Structure(),
    "plain": dense(gated=False, tied=True).structure,
    "windowed": Structure(groups=_layers(attention=Attention(window=Window()))),
    "partly windowed": Structure(
        groups=(
            LayerGroup(label="global", count=sy.n_global),
            LayerGroup(label="local", count=sy.n_local, attention=Attention(window=Window())),
        )
    ),
    "mixture": Structure(groups=_layers(feed_forward=Mixture())),
    "shared experts": Structure(groups=_layers(feed_forward=Mixture(shared=sy.d_shared))),
    "windowed mixture": Structure(
        groups=_layers(attention=Attention(window=Window()), feed_forward=Mixture())
    ),
    "chunked": Structure(
        groups=(
            LayerGroup(label="global", count=sy.n_global),
            LayerGroup(
                label="local", count=sy.n_local, attention=Attention(window=Window(chunked=True))
            ),
        )
    ),
    "latent": Structure(groups=_layers(attention=LatentAttention())),
    "latent mixture": Structure(
        groups=(
            LayerGroup(label="dense", count=sy.n_dense, attention=LatentAttention()),
            LayerGroup(
                label="sparse", count=sy.n_sparse, attention=LatentAttention(),
                feed_forward=Mixture(),
            ),
        )
    ),
}  # fmt: skip
CATALOGUED = {
    "dense": ("llama-3.1-8b", "llama-3.1-405b", "qwen2.5-7b", "falcon-7b", "gpt2", "opt-13b"),
    "windowed": ("mistral-7b-v0.1", "gemma-2-9b", "gemma-3-27b", "gpt-oss-20b"),
    "mixture": ("mixtral-8x7b", "qwen3-30b-a3b", "qwen1.5-moe-a2.7b", "gpt-oss-20b", "deepseek-v3"),
    "latent": ("deepseek-v2-lite", "deepseek-v3", "kimi-k2"),
    "chunked": ("llama-4-scout",),
}
CONVENTIONS = (
    "fused-ops", "fused-ops", "unfused-ops", "framework", "activation-multiplier", "residual-io",
    "linear-only", "weights-only",
)  # fmt: skip


def kinds(name: str) -> tuple[str, ...]:
    """Kinds of models of which a result can be asked."""
    if "expert" in name or "mixture" in name:
        return ("mixture",)
    if name.startswith("latent"):
        return ("latent",)
    if name.startswith("window"):
        return ("windowed",)
    return tuple(kind for kind in CATALOGUED if kind != "chunked")


@st.composite
def models(draw: st.DrawFn, name: str, kind: str = "") -> Transformer:
    kind = kind or draw(st.sampled_from(kinds(name)))
    if draw(st.booleans()):
        return rs.model(draw(st.sampled_from(CATALOGUED[kind])))
    structure = STRUCTURES[draw(st.sampled_from([s for s in STRUCTURES if _is(kind, s)]))]
    names = [n for n in sy.names("dimension") if sy.TABLE[n].symbol in structure.symbols]
    sizes = {n: draw(count(1, 2000)) for n in names}
    sizes |= {n: draw(count(1, 100)) for n in names if n.startswith("n_") and n != "n_experts"}
    if "n_kv_heads" in names:
        groups = draw(st.integers(1, 16))
        sizes["n_kv_heads"] = Fraction(draw(st.sampled_from([1, sizes["n_heads"], 8])))
        sizes["n_heads"] = sizes["n_kv_heads"] * groups
    if "n_experts" in names:
        sizes["top_k"] = draw(count(1, 8))
        sizes["n_experts"] = sizes["top_k"] + draw(count(1, 300))
    if "window" in names:
        sizes["window"] = draw(count(2, 8192))
    return Transformer(structure, **sizes)


def _is(kind: str, structure: str) -> bool:
    if kind == "dense":
        return structure in ("dense", "plain")
    return kind in structure or (kind == "mixture" and "experts" in structure)


@dataclass(frozen=True)
class Case:
    """A result, what it is asked of, and with which numbers."""

    name: str
    model: Transformer
    convention: str
    values: dict[str, Fraction]

    @property
    def default(self) -> str:
        return RESULTS[self.name].question.symbol.name

    @property
    def phase(self) -> str:
        return RESULTS[self.name].question.phase

    def floats(self) -> dict[str, float]:
        known = {s.name: x for s, x in self.model.values.items()}
        return {name: float(x) for name, x in (known | self.values).items()}

    def ask(self, symbol: str) -> Result:
        """The answer of the package, in which all but the unknown has a number."""
        given = {n: x for n, x in self.values.items() if n != symbol and n not in MACHINE}
        machine = rs.Machine(**{n: self.values[n] for n in MACHINE if n != symbol})
        ledger = rs.step(self.model, self.convention).at(**given)
        asked = None if symbol == self.default else symbol
        return RESULTS[self.name].answer(ledger, machine, asked)


MACHINE = ("peak", "bandwidth", "capacity")


@st.composite
def cases(draw: st.DrawFn, name: str, kind: str = "") -> Case:
    model = draw(models(name, kind))
    bandwidth = draw(between(1e9, 1e13))
    values = {
        "B": draw(count(1, 5000)),
        "S": draw(count(1, 50000)),
        "L": draw(st.one_of(st.just(Fraction(0)), count(1, 10**6), count(1, 10**6))),
        "peak": Fraction(f"{float(draw(between(0.5, 2000)) * bandwidth):.4g}"),
        "bandwidth": bandwidth,
        "capacity": draw(between(1e9, 1e13)),
        "decode_batch": draw(count(1, 300)),
        "decode_context": draw(count(1, 10**5)),
        "fraction": draw(between(0.01, 0.99)),
        "compression": draw(between(1.1, 8)),
        "error": draw(between(0.001, 1)),
        "ratio": draw(between(0.1, 10)),
        "distinct": draw(between(1, 300)),
        "time": draw(between(1e-6, 10)),
        "throughput": draw(between(1, 1e6)),
        "steps_per_second": draw(between(0.1, 1e5)),
        "intensity": draw(between(0.1, 1e3)),
        "speedup": draw(between(1, 8)),
        "c_act": draw(count(1, 40)),
        "rows": draw(count(1, 10**5)),
        "in_features": draw(count(1, 10**5)),
        "out_features": draw(count(1, 10**5)),
    }
    if draw(st.booleans()):
        values["n_machines"] = draw(count(1, 16))
    same = draw(st.sampled_from([Fraction(1, 2), Fraction(1), Fraction(2)]))
    known = {s.name for s in model.values}
    for b in sy.names("precision"):
        if b not in known and (b in ("b_w", "b_a", "b_kv") or sy.TABLE[b].symbol in _used(model)):
            values[b] = draw(st.sampled_from([same, Fraction(2), Fraction(4)]))
    values |= {b: Fraction(32) for b in ("group_w", "group_kv") if b in values}
    return Case(name, model, draw(st.sampled_from(CONVENTIONS)), values)


def _used(model: Transformer) -> frozenset[sympy.Symbol]:
    return model.structure.symbols


# --- totals of ledgers, in floating point ---------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def compiled(expr: sympy.Expr) -> Callable[..., float | np.ndarray]:
    return rs.compile(expr)


def evaluate(expr: sympy.Expr, v: Values) -> float | np.ndarray:
    function = compiled(expr)
    if "rho" in function.names and "rho" not in v:
        v = {**v, "rho": 1 - v["top_k"] / v["n_experts"]}
    return function(**{name: v[name] for name in function.names})


class Totals:
    """Sums over the entries of a model's ledgers under one convention."""

    def __init__(self, structure: Structure, convention: str) -> None:
        self.model, self.convention = Transformer(structure), convention

    @functools.cache  # noqa: B019 - as many as there are structures and conventions
    def expr(
        self, phase: str, quantity: str, which: Callable[[Entry], bool] | None = None,
        **switches: object,
    ) -> sympy.Expr:  # fmt: skip
        ledger = phases.ledger(self.model, phase, self.convention)
        if switches:
            ledger = ledger.recounted(phase, **switches)
        entries = ledger.held if quantity == "memory" else ledger.entries
        chosen = [e.total for e in entries if e.quantity == quantity and (not which or which(e))]
        # The share of experts that a token leaves alone can be an unknown of its own.
        return sympy.Add(*chosen).xreplace({1 - sy.top_k / sy.n_experts: sy.rho})

    def __call__(
        self, phase: str, quantity: str, v: Values, which: Callable[[Entry], bool] | None = None,
        **switches: object,
    ) -> float | np.ndarray:  # fmt: skip
        return evaluate(self.expr(phase, quantity, which, **switches), v)


totals = functools.lru_cache(maxsize=1024)(Totals)


# Which entries a result is about: by what they are, not by what a closed form calls them.
def weights(e: Entry) -> bool:
    return e.kind in ("weight", "vector", "scale") and e.scheme != "embedding"


def others(e: Entry) -> bool:
    return not weights(e)


def resident(e: Entry) -> bool:
    return e.kind in ("weight", "vector", "scale") and not (
        e.part == "embedding" and e.amount.has(sy.B)
    )


def passing(e: Entry) -> bool:
    return not resident(e)


def kv_read(e: Entry) -> bool:
    return e.kind == "kv" and e.access == "read"


def experts(e: Entry) -> bool:
    return weights(e) and e.operator == "experts"


def attention_core(e: Entry) -> bool:
    return e.operator in ("score", "softmax", "value", "sinks")


def attention(e: Entry) -> bool:
    return e.kind == "attention"


def linear(e: Entry) -> bool:
    return e.kind == "linear"


def latent(e: Entry) -> bool:
    return e.kind == "attention" or e.operator in ("k_up_proj", "v_up_proj")


def stored_weights(e: Entry) -> bool:
    return e.kind == "weight"


def cache(e: Entry) -> bool:
    return e.kind == "kv"


# --- both sides of every result, independently ----------------------------------------------------

Pair = tuple["float | np.ndarray", "float | np.ndarray"]
Sides = Callable[[Totals, str, Values], Pair]
SIDES: dict[str, Sides] = {}


def sides(*names: str) -> Callable[[Sides], Sides]:
    def enter(function: Sides) -> Sides:
        SIDES.update(dict.fromkeys(names, function))
        return function

    return enter


def ridge(v: Values) -> float | np.ndarray:
    return v["peak"] / v["bandwidth"]


def intensity(t: Totals, phase: str, v: Values) -> float | np.ndarray:
    return t(phase, "flops", v) / t(phase, "bytes", v)


def seconds(v: Values, work: float | np.ndarray, moved: float | np.ndarray) -> float | np.ndarray:
    alone = np.maximum(work / v["peak"], moved / v["bandwidth"])
    return alone / v["n_machines"] if "n_machines" in v else alone


def duration(t: Totals, phase: str, v: Values) -> float | np.ndarray:
    return seconds(v, t(phase, "flops", v), t(phase, "bytes", v))


@sides("ridge-point")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return v["bandwidth"] * v["intensity"], v["peak"]


def linear_layer(v: Values) -> Pair:
    m, k, n = (v[x] for x in ("rows", "in_features", "out_features"))
    return 2 * m * k * n, v["b_w"] * k * n + v["b_a"] * m * (k + n)


@sides("matmul-intensity")
def _(t: Totals, phase: str, v: Values) -> Pair:
    work, moved = linear_layer(v)
    return v["intensity"] * moved, work


@sides("matmul-critical-batch")
def _(t: Totals, phase: str, v: Values) -> Pair:
    work, moved = linear_layer(v)
    return work / moved, ridge(v)


@sides("attention-intensity")
def _(t: Totals, phase: str, v: Values) -> Pair:
    moved = t(phase, "bytes", v, attention_core)
    return v["intensity"] * moved, t(phase, "flops", v, attention_core)


@sides(
    "critical-batch", "prefill-critical-length", "compute-bound-chunk", "quantization-payoff-batch"
)
def _(t: Totals, phase: str, v: Values) -> Pair:
    return intensity(t, phase, v), ridge(v)


@sides("ridge-rule-ratio")
def _(t: Totals, phase: str, v: Values) -> Pair:
    # A batch is above the critical one where its intensity is above the ridge point.
    batch = v["ratio"] * ridge(v) * v["b_w"] / 2
    return intensity(t, phase, {**v, "B": batch}), ridge(v)


@sides("limit-intensity")
def _(t: Totals, phase: str, v: Values) -> Pair:
    many = {**v, "B": MANY}
    return v["intensity"] * t(phase, "bytes", many), t(phase, "flops", many)


@sides("compute-bound-context")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return intensity(t, phase, {**v, "B": MANY}), ridge(v)


@sides("kv-overtakes-weights", "kv-overtakes-weights-batch")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return t(phase, "bytes", v, kv_read), t(phase, "bytes", v, weights)


@sides("decode-speed-limit")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return v["steps_per_second"] * t(phase, "bytes", v), v["bandwidth"]


@sides("time-per-token", "time-to-first-token", "bytes-per-weight", "bytes-per-kv-element")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return v["time"], duration(t, phase, v)


@sides("decode-throughput")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return v["throughput"] * duration(t, phase, v), v["B"]


@sides("limit-throughput")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return v["throughput"] * duration(t, phase, {**v, "B": MANY}) / MANY, 1.0


@sides("throughput-fraction-batch")
def _(t: Totals, phase: str, v: Values) -> Pair:
    each = duration(t, phase, {**v, "B": MANY}) / MANY
    return v["B"] * each, v["fraction"] * duration(t, phase, v)


def quantised(t: Totals, phase: str, v: Values) -> float | np.ndarray:
    return t(phase, "bytes", v, passing) + t(phase, "bytes", v, resident) / v["compression"]


@sides("quantization-speedup")
def _(t: Totals, phase: str, v: Values) -> Pair:
    work = t(phase, "flops", v)
    return v["speedup"] * seconds(v, work, quantised(t, phase, v)), duration(t, phase, v)


@sides("quantization-full-batch")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return t(phase, "flops", v) / quantised(t, phase, v), ridge(v)


@sides("attention-overtakes-linear")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return t(phase, "flops", v, attention), t(phase, "flops", v, linear)


def by_rule(t: Totals, phase: str, v: Values) -> float | np.ndarray:
    return t(phase, "flops", v, flops="per-weight")


@sides("parameter-rule-ratio")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return v["ratio"] * by_rule(t, phase, v), t(phase, "flops", v)


@sides("parameter-rule-length")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return t(phase, "flops", v), (1 + v["error"]) * by_rule(t, phase, v)


@sides("piggybacked-chunk")
def _(t: Totals, phase: str, v: Values) -> Pair:
    chunk = {**v, "B": 1.0}
    decode = {**v, "B": v["decode_batch"], "S": 1.0, "L": v["decode_context"]}
    # The weights are those that one sequence of all the step's tokens reads.
    both = {**v, "B": 1.0, "S": v["S"] + v["decode_batch"]}
    work = t(phase, "flops", chunk) + t(phase, "flops", decode)
    moved = t(phase, "bytes", chunk, others) + t(phase, "bytes", decode, others)
    return work / (moved + t(phase, "bytes", both, weights)), ridge(v)


@sides("largest-batch", "largest-context")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return t(phase, "memory", v), v["capacity"]


def at_full_memory(t: Totals, phase: str, v: Values) -> float | np.ndarray:
    """Intensity of the largest batch that fits, whole or not; next to none without room."""
    kept = t(phase, "memory", {**v, "B": 1.0}, cache)
    free = v["capacity"] - t(phase, "memory", v, stored_weights)
    found = intensity(t, phase, {**v, "B": np.maximum(free / kept, 1 / MANY)})
    return np.where(free > 0, found, 1 / MANY)


@sides("critical-batch-capacity")
def _(t: Totals, phase: str, v: Values) -> Pair:
    # A capacity is above the one asked for where its largest batch is above the critical one.
    return at_full_memory(t, phase, v), ridge(v)


@sides("critical-batch-fit-context")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return at_full_memory(t, phase, v), ridge(v)


@sides("distinct-experts")
def _(t: Totals, phase: str, v: Values) -> Pair:
    share = t(phase, "bytes", v, experts) / t(phase, "bytes", {**v, "B": MANY}, experts)
    return v["distinct"], v["n_experts"] * share


@sides("experts-touched-batch")
def _(t: Totals, phase: str, v: Values) -> Pair:
    read = t(phase, "bytes", v, experts)
    return read / t(phase, "bytes", {**v, "B": MANY}, experts), v["fraction"]


@sides("mixture-batch-ratio")
def _(t: Totals, phase: str, v: Values) -> Pair:
    one, many = (t(phase, "bytes", {**v, "B": b}, weights) for b in (1.0, MANY))
    return v["ratio"] * one, many


@sides("window-full-context")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return v["L"] + 1, v["window"]


@sides("window-saving")
def _(t: Totals, phase: str, v: Values) -> Pair:
    whole = t(phase, "memory", {**v, "window": MANY}, cache)
    return v["ratio"] * whole, t(phase, "memory", v, cache)


def executions(t: Totals, v: Values) -> Pair:
    absorbed, expanded = (
        t("chunk", "flops", v, latent, latent=way) for way in ("absorbed", "expanded")
    )
    return absorbed, expanded


@sides("latent-expanded-length")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return executions(t, v)


@sides("latent-absorbed-context")
def _(t: Totals, phase: str, v: Values) -> Pair:
    return executions(t, v)[::-1]


@sides("latent-faster-length")
def _(t: Totals, phase: str, v: Values) -> Pair:
    absorbed, expanded = (
        seconds(v, *(t("chunk", quantity, v, latent=way) for quantity in ("flops", "bytes")))
        for way in ("absorbed", "expanded")
    )
    return absorbed, expanded


ELASTIC = {"time-elasticity": duration, "intensity-elasticity": intensity}


# Results on divided and on speculative steps, which test_parallel.py, test_speculative.py and
# test_activation_multiplier.py check against counts of their own.
ELSEWHERE = {
    "link-bound-degree", "link-bound-prefill-degree", "link-bound-batch", "further-devices-batch",
    "break-even-acceptance", "break-even-batch", "implied-multiplier",
}  # fmt: skip


def test_every_result_has_sides_of_its_own():
    assert SIDES.keys() | ELASTIC.keys() == RESULTS.keys() - ELSEWHERE


# --- the comparison -------------------------------------------------------------------------------


def domain(symbol: str, case: Case, v: Values) -> np.ndarray:
    """Values of an unknown for which the question makes sense, and floating point is enough."""
    low, high = 1e-12, 1e24
    if symbol == "window":
        low = 1.001
    if symbol == "n_experts":
        # Beyond, 1 − (1 − k/E)^T is lost in rounding.
        low, high = v["top_k"] * 1.001, v["top_k"] * 1e9
    if symbol == "fraction":
        high = 0.999
    if symbol == "rho":
        rising = np.geomspace(low, 0.5, 700)
        return np.concatenate([rising, 1 - rising[-2::-1]])
    if symbol == "top_k":
        low, high = v["n_experts"] * 1e-9, v["n_experts"] * 0.999
    lengths = ("S", "L", "decode_context", "window")
    if case.phase in ("prefill", "chunk") and "window" in v and symbol in lengths:
        # What windows cut off is a difference of squares.
        low, high = max(low, 1e-2), 1e8
    return np.geomspace(low, high, max(200, int(np.log10(high / low) * 60)))


def slack_function(
    case: Case, symbol: str
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    t, v = totals(case.model.structure, case.convention), case.floats()

    def slack(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        f, g = SIDES[case.name](t, case.phase, {**v, symbol: x})
        f, g = (np.broadcast_to(side, np.shape(x)) for side in (f, g))
        return f - g, np.abs(f) + np.abs(g)

    return slack


def aim(case: Case, symbol: str, factor: Fraction) -> Case:
    """The case with one of its numbers close to where the sides of its equation meet."""
    grid = domain(symbol, case, case.floats())
    values, _ = slack_function(case, symbol)(grid)
    (changes,) = np.nonzero((values[1:] > 0) != (values[:-1] > 0))
    if not len(changes):
        return case
    near = Fraction(f"{grid[changes[0]] * float(factor):.4g}")
    whole = sy.info(sy.TABLE[symbol].symbol).role == "step"
    value = Fraction(max(1, round(near))) if whole else near
    if symbol == "fraction":
        value = min(value, Fraction(99, 100))
    return Case(case.name, case.model, case.convention, {**case.values, symbol: value})


AIMS = {"bytes-per-weight": "time", "bytes-per-kv-element": "time", "largest-batch": "capacity",
        "largest-context": "capacity", "critical-batch-fit-context": "capacity",
        "critical-batch-capacity": "peak", "critical-batch": "peak",
        "compute-bound-context": "peak", "prefill-critical-length": "peak",
        "compute-bound-chunk": "peak", "piggybacked-chunk": "peak",
        "quantization-full-batch": "peak"}  # fmt: skip


# What the ratio of the two sides is proportional to, or to its inverse: a level to be set freely.
LEVELS = {"quantization-speedup": "speedup"} | dict.fromkeys(
    ("critical-batch-capacity", "critical-batch-fit-context", "prefill-critical-length",
     "compute-bound-chunk", "piggybacked-chunk"), "peak",
)  # fmt: skip


def between_turns(case: Case, symbol: str, where: float) -> Case | None:
    """The case with its level set so that the sides meet both before and behind where they turn.

    None if, as the unknown grows, one side only ever gains on the other.
    """
    t, v = totals(case.model.structure, case.convention), case.floats()
    grid = domain(symbol, case, v)
    with np.errstate(all="ignore"):
        left, right = SIDES[case.name](t, case.phase, {**v, symbol: grid})
        ratio = np.log(left / right) * np.ones_like(grid)
    # Where not even the weights fit, the largest batch is next to nothing: no level to look for.
    ratio = ratio[np.abs(ratio) < np.log(1e8)]
    if not len(ratio):
        return None
    # A turn is as deep as the lower of its two sides.
    for sign in (1, -1):
        top = int(np.argmax(sign * ratio))
        foot = max(np.min(sign * ratio[: top + 1]), np.min(sign * ratio[top:]))
        if sign * ratio[top] - foot > 0.05:
            level = np.exp(sign * (foot + where * (sign * ratio[top] - foot)))
            name = LEVELS[case.name]
            factor = level if name == "peak" else 1 / level
            value = Fraction(f"{v[name] * factor:.6g}")
            return Case(case.name, case.model, case.convention, {**case.values, name: value})
    return None


class Watched(dict):
    """Numbers that remember which of them were looked at."""

    def __init__(self, numbers: Values) -> None:
        super().__init__(numbers)
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> float | np.ndarray:
        self.seen.add(name)
        return super().__getitem__(name)


def unknowns(case: Case) -> list[str]:
    """What an equation can be solved for: the numbers that brute force needs for its sides."""
    watched = Watched(case.floats())
    t = totals(case.model.structure, case.convention)
    with np.errstate(all="ignore"):
        SIDES[case.name](t, case.phase, watched)
    # Sides that put a batch of their own in the place of B have looked at that one.
    found = (watched.seen & case.floats().keys()) | {case.default}
    few, many = (SIDES[case.name](t, case.phase, {**watched, "rho": x}) for x in (0.1, 0.9))
    if few != many:
        found.add("rho")
    # A ridge point asks for a machine alone, which has no intensity to be given.
    return [case.default] if case.name == "ridge-point" else sorted(found)


def refused(error: rs.InputError) -> bool:
    """Whether a question may be refused: where a convention leaves nothing to ask about."""
    return error.field in ("convention", "model", "unknown")


def check(case: Case, symbol: str) -> None:
    slack, grid = slack_function(case, symbol), domain(symbol, case, case.floats())
    try:
        found = case.ask(symbol)
    except rs.InputError as error:
        if not refused(error):
            raise
        assume(False)
        return
    bound = found.bound
    values = [float(b.value) for b in bound.branches]
    expected = sign_changes(slack, grid)
    if bound.given is not None and bound.given.free_symbols:
        # At the border of where the equation is asked, it is not: unless a crossing is beside it.
        ends = [evaluate(bound.given, {symbol: np.array(x)}) > 0 for x in expected]
        expected = [
            (low, high) for (low, high), inside in zip(expected, ends, strict=True)
            if np.all(inside) or any(low <= x <= high for x in values)
        ]  # fmt: skip
    assert values == sorted(values)
    inside = [x for x in values if grid[0] < x < grid[-1]]
    said = f"{case} for {symbol}: {bound.outcome} {values}, brute force {expected}"
    assert len(inside) == len(expected), said
    for value, (low, high) in zip(inside, expected, strict=True):
        assert low * (1 - 1e-6) <= value <= high * (1 + 1e-6), said
    if values:
        assert bound.outcome in ("crosses", "numeric"), said
        return
    assert bound.outcome in ("never", "always"), said
    # Where an equation is asked only under a condition, the rest does not count.
    asked = grid
    if bound.given is not None:
        asked = grid[evaluate(bound.given, {symbol: grid} if bound.given.free_symbols else {}) > 0]
        if not len(asked):
            assert bound.outcome == "never", said
            return
    larger = slack(asked)[0] > 0
    assert np.all(larger == (bound.outcome == "always")), said


# Not shrunk: a case takes a good part of a second, and says itself what it is of.
LONG = settings(
    max_examples=PER_RESULT, deadline=None, database=None, derandomize=not CASES,
    phases=[Phase.generate], suppress_health_check=list(HealthCheck),
)  # fmt: skip


@LONG
@given(data=st.data())
@pytest.mark.parametrize("name", SIDES)
def test_crossings_are_where_brute_force_finds_them(name: str, data: st.DataObject):
    case = data.draw(cases(name))
    default = case.default
    symbol = data.draw(st.one_of(st.just(default), st.sampled_from(unknowns(case))))
    target = AIMS.get(name, "") if symbol == default else default
    if target and target != symbol and data.draw(st.integers(0, 3)):
        case = aim(case, target, data.draw(between(0.3, 3)))
    check(case, symbol)


@LONG
@given(data=st.data())
@pytest.mark.parametrize("name", LEVELS)
def test_sides_that_meet_twice_or_more(name: str, data: st.DataObject):
    case = data.draw(cases(name))
    where = data.draw(st.sampled_from([0.2, 0.5, 0.8]))
    turning = {s: between_turns(case, s, where) for s in unknowns(case) if s != LEVELS[name]}
    turning = {s: c for s, c in turning.items() if c}
    assume(turning)
    symbol = data.draw(st.sampled_from(sorted(turning)))
    check(turning[symbol], symbol)


IDLE = (
    "critical-batch", "kv-overtakes-weights", "time-per-token", "quantization-payoff-batch",
    "compute-bound-chunk", "distinct-experts", "experts-touched-batch", "mixture-batch-ratio",
)  # fmt: skip


@LONG
@given(data=st.data())
@pytest.mark.parametrize("name", IDLE)
def test_the_share_of_experts_that_a_token_leaves_alone(name: str, data: st.DataObject):
    case = data.draw(cases(name, "mixture"))
    assume("rho" in unknowns(case))
    check(aim(case, case.default, data.draw(between(0.9, 1.1))), "rho")


# Where chunks of the context end, attention reads less: the sides meet and part many times.
IN_STEPS = (
    ("kv-overtakes-weights", "L"), ("compute-bound-context", "L"), ("critical-batch", "L"),
    ("time-per-token", "L"), ("throughput-fraction-batch", "L"), ("parameter-rule-length", "L"),
    ("attention-overtakes-linear", "S"), ("prefill-critical-length", "S"),
    ("compute-bound-chunk", "S"), ("time-to-first-token", "S"),
    ("kv-overtakes-weights", "window"), ("critical-batch", "window"),
    ("prefill-critical-length", "window"), ("compute-bound-chunk", "window"),
)  # fmt: skip


def between_steps(case: Case, symbol: str) -> np.ndarray:
    """Eight values of an unknown to a chunk, none of them where one ends."""
    places = (np.arange(8 * 400) + 0.37) / 8
    if symbol != "window":
        return places * float(case.floats()["window"])
    length = case.floats()["S" if case.phase == "prefill" else "L"]
    widths = length / places[::-1]
    return widths[widths > 1]


@LONG
@given(data=st.data())
@pytest.mark.parametrize(("name", "symbol"), IN_STEPS)
def test_steps_of_chunked_attention(name: str, symbol: str, data: st.DataObject):
    case = data.draw(cases(name, "chunked"))
    grid = between_steps(case, symbol)
    assume(len(grid) > 1)
    values, size = slack_function(case, symbol)(grid)
    (changes,) = np.nonzero((values[1:] > 0) != (values[:-1] > 0))
    if not len(changes) and LEVELS.get(name) == "peak":
        # On the level of the sides somewhere along the grid.
        t, v = totals(case.model.structure, case.convention), case.floats()
        left, right = SIDES[name](t, case.phase, {**v, symbol: grid})
        here = data.draw(st.integers(0, len(grid) - 1))
        peak = Fraction(f"{v['peak'] * np.broadcast_to(left / right, grid.shape)[here]:.6g}")
        case = Case(name, case.model, case.convention, {**case.values, "peak": peak})
        values, size = slack_function(case, symbol)(grid)
    try:
        bound = case.ask(symbol).bound
    except rs.InputError as error:
        assert refused(error) or "close to each other" in error.accepted
        assume(False)
        return
    places = np.array([float(b.value) for b in bound.branches])
    assert list(places) == sorted(places)
    clear = np.abs(values) > 1e-9 * size
    odd = np.diff(np.searchsorted(places, grid, side="right")) % 2 == 1
    changed = (values[1:] > 0) != (values[:-1] > 0)
    both = clear[1:] & clear[:-1]
    assert np.array_equal(odd[both], changed[both]), f"{case} for {symbol}: {places}"
    if not len(places):
        assert (bound.outcome == "always") == bool(values[clear][0] > 0)


@LONG
@given(data=st.data())
@pytest.mark.parametrize("name", ELASTIC)
def test_elasticities_are_slopes_between_neighbours(name: str, data: st.DataObject):
    case = data.draw(cases(name))
    t, v = totals(case.model.structure, case.convention), case.floats()
    function = functools.partial(ELASTIC[name], t, case.phase)
    work, moved = (t.expr(case.phase, x) for x in ("flops", "bytes"))
    free = work.free_symbols | moved.free_symbols
    if sy.rho in free:
        free = free - {sy.rho} | {sy.n_experts, sy.top_k}
    assume(work.free_symbols and moved.free_symbols)
    if name.startswith("time"):
        free |= {sy.peak, sy.bandwidth}
    symbol = data.draw(st.sampled_from(sorted(s.name for s in free)))
    assume(v[symbol] > 0)
    given_ = {n: x for n, x in case.values.items() if n not in MACHINE}
    ledger = rs.step(case.model, case.convention).at(**given_)
    machine = rs.Machine(**{n: case.values[n] for n in MACHINE})
    try:
        found = RESULTS[name].answer(ledger, machine, symbol)
    except rs.InputError as error:
        # What cancels out of the intensity under a convention has no elasticity.
        assert error.field == "symbol"
        assume(False)
    step = 1e-5
    here, up, down = (
        np.log(function({**v, symbol: v[symbol] * np.exp(h)})) for h in (0, step, -step)
    )
    # At the border of two regimes the slopes on both sides differ.
    assume(abs((up - here) - (here - down)) < 1e-3 * step)
    assert float(found.value) == pytest.approx((up - down) / (2 * step), rel=1e-3, abs=1e-4)

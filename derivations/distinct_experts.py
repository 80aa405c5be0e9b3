"""
Distinct experts: what a mixture reads
======================================

**Question.** In a mixture of experts each token passes through ``k`` of ``E`` experts. FLOPs follow
the tokens. Bytes follow the experts that the step's tokens choose *together*: how many are these,
and what does that do to the critical batch?
"""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import sympy

import roofsym as rs
from roofsym import symbols as sy
from roofsym.derivation import Derivation
from roofsym.hardware import element_bytes
from roofsym.results.parts import EXPERTS_READ

# %%
# The steps
# ---------
#
# Suppose that each token chooses its experts at random, all sets of ``k`` alike, independently of
# the others. A given expert is left alone by one token with probability ``ρ = 1 − k/E``, by ``B``
# tokens with ``ρ^B``, and so ``1 − ρ^B`` of all experts are read on average. That is what the
# ledger counts under the default convention:

model = rs.model("mixtral-8x7b")
decode = rs.decode(model)
experts = [e for e in decode.entries if e.kind == "weight" and e.amount.has(sy.n_experts)]
routed = decode.keep(e for e in experts if e.operator != "router")
read = EXPERTS_READ
mixture = Derivation("Expert weights read by a decode step", f"{model.name}, counted as fused-ops")
form = mixture.total(
    "Weight bytes of the routed experts: all of them, less those that nobody chooses", read, routed,
    "bytes",
)  # fmt: skip
mixture.identity(
    "where one token leaves an expert alone with probability",
    mixture.definitions[sy.rho],
    1 - sy.top_k / sy.n_experts,
    sy.rho,
)
mixture.identity(
    "An expert is three matrices in each layer, between the residual stream and its own width",
    sy.w_x,
    3 * sy.n_layers * sy.n_experts * sy.d_model * sy.d_expert * sy.b_w,
    sy.w_x,
)
mixture.substitution(
    "One token reads its own",
    read,
    form.expr,
    {sy.B: sympy.S.One},
    sy.w_x * sy.top_k / sy.n_experts,
)
mixture

# %%
# Is the expectation right? For a small mixture, every choice of every token can be listed:

share = sympy.cancel(form.expr / sy.w_x)


def listed(experts: int, chosen: int, tokens: int) -> sympy.Rational:
    """Mean number of distinct experts over all possible choices."""
    sets = list(itertools.combinations(range(experts), chosen))
    counts = [len(set().union(*choice)) for choice in itertools.product(sets, repeat=tokens)]
    return sympy.Rational(sum(counts), len(counts))


for case in ((4, 1, 3), (4, 2, 3), (5, 3, 2), (6, 2, 3)):
    E, k, T = case
    stated = E * share.xreplace({sy.rho: 1 - sympy.Rational(k, E), sy.B: sympy.Integer(T)})
    assert listed(*case) == stated
    print(f"E = {E}, k = {k}, {T} tokens: {stated} of {E}")

# %%
# In numbers
# ----------
#
# That share is what the named result takes, times the experts: the expected number, which a batch
# of eight already brings near to all of Mixtral's.

few = rs.results.distinct_experts(decode.at(B=8))
assert few.value == 8 * share.xreplace({sy.rho: sympy.Rational(3, 4), sy.B: sympy.Integer(8)})
print(f"{model.name}, B = 8: {float(few.value):.2f} of 8 experts")

# %%
# Share of the experts that a decode step reads, by batch.

names = ("mixtral-8x7b", "qwen3-30b-a3b", "deepseek-v3")
batches = np.geomspace(1, 1024, 200)
fig, ax = plt.subplots(layout="constrained")
for name in names:
    values = rs.model(name).values
    E, k = values[sy.n_experts], values[sy.top_k]
    of_batch = share.xreplace({sy.rho: 1 - k / E})
    ax.plot(batches, rs.compile(of_batch)(B=batches), label=f"{rs.model(name).name}: {k} of {E}")
    most = rs.results.experts_touched_batch(rs.decode(rs.model(name)).at(fraction=0.9)).whole
    before, after = (of_batch.xreplace({sy.B: sympy.Integer(n)}) for n in (most - 1, most))
    assert before < sympy.Rational(9, 10) <= after
    print(f"{rs.model(name).name:24} nine tenths from B = {most} on")
ax.set(xscale="log", xlabel="batch B (tokens of the step)", ylabel="share of the experts read")
ax.set_title("expected, by uniform routing")
ax.legend()

# %%
# The critical batch
# ------------------
#
# At a large batch nearly all experts are read, but each token computes with few: the weights' bytes
# are those of a large model, the FLOPs those of a small one. The batch stands beside its own power
# ``ρ^B``: in elementary functions the equation has no closed form, with Lambert's ``W``, the
# solution of ``W e^W = x``, it has one. The last step has it in numbers, and says between which two
# the root certainly lies.

machine = rs.machine("h100-sxm", dtype="bf16")
step = decode.at(**element_bytes("bf16"), L=128)
answer = rs.results.critical_batch(step, machine)
assert answer.general.value.has(sympy.LambertW)
answer.derivation

# %%
# Against its limits: if all experts were read by every step, and if only one token's were.

limits = {"expected": answer}
for way in ("all", "one-token"):
    counted = rs.convention("fused-ops").replace(name=way, experts=way)
    other = rs.decode(model, counted).at(**element_bytes("bf16"), L=128)
    limits[way] = rs.results.critical_batch(other, machine)
for way, found in limits.items():
    print(f"{way:10} B* = {float(found.value):.1f}")
low, high = answer.bound.branches[0].bracket
assert limits["one-token"].value < low <= limits["all"].value < high + sympy.Rational(1, 10)

# %%
# What it means in practice
# -------------------------
#
# At batch 1 a mixture decodes as fast as a dense model of its active parameters. Twenty sequences
# (Mixtral-8x7B) to a hundred (DeepSeek-V3) read nearly every expert: the time of a step grows to
# that of the whole model, while the speed of each sequence falls. The critical batch is that of a
# dense model of the active size, times about the ratio of all weights to active ones.

for name, batch in (("mixtral-8x7b", 20), ("deepseek-v3", 100)):
    routed = rs.model(name).values
    assert 1 - (1 - routed[sy.top_k] / routed[sy.n_experts]) ** batch > sympy.Rational(95, 100)
stated = rs.results.mixture_batch_ratio(step)
ratio = limits["expected"].value / limits["one-token"].value
assert abs(ratio / stated.value - 1) < 0.01
print(f"{model.name}: {stated.reading}")
for name in names:
    weights = rs.decode(rs.model(name)).at(**element_bytes("bf16"))
    found = float(rs.results.mixture_batch_ratio(weights).value)
    total, active = rs.model(name).parameters, rs.model(name).active_parameters
    assert abs(found / float(total / active) - 1) < 0.1
    print(
        f"{weights.model:20} {found:5.2f}; all parameters over active {float(total / active):5.2f}"
    )

# %%
# Where it stops holding
# ----------------------
#
# Routing is not uniform: popular experts are chosen more often, and tokens of one sequence choose
# alike, so fewer distinct experts are read than this says. It is an upper bound on the mean for
# independent tokens: for any given shares ``p`` of the experts, ``Σ (1 − (1 − p)^T)`` is largest
# where all are equal, because ``1 − (1 − p)^T`` bends downwards.

p = sympy.Rational(1, 10)
for skew in (p / 2, p / 4):
    T = 8
    even, uneven = (2 * (1 - (1 - p) ** T), (1 - (1 - p - skew) ** T) + (1 - (1 - p + skew) ** T))
    assert uneven < even

"""
What one per cent of anything is worth
======================================

**Question.** A step can be made faster by more bandwidth, a higher peak, fewer bytes per weight or
per cached element, a shorter context or a smaller batch. Which of these is worth most, and when?
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy

import roofsym as rs
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label
from roofsym.hardware import element_bytes

# %%
# The steps
# ---------
#
# The elasticity ``d ln T / d ln x`` is by how many per cent time changes for one per cent of ``x``.
# A roofline has two regimes, and in each the elasticity is exact:

decode = rs.decode(rs.Transformer())
machine = rs.Machine()
by_context = rs.results.time_elasticity(decode, machine, symbol=sy.L)
by_context.derivation

# %%
# While memory binds, the elasticity in a part of the bytes is the share of that part. So all the
# answers are shares, and they add up:


def memory_bound(symbol):
    """Elasticity of the time of a decode step in the first regime, in which memory binds."""
    found = rs.results.time_elasticity(decode, machine, symbol=symbol)
    return found.general.branches[0].value


by_weights, by_cache, by_own = map(memory_bound, (sy.w, sy.kappa, sy.a))
shares = Derivation(
    "Elasticities while memory binds", "any dense model without windows, counted as fused-ops"
)
shares.identity(
    "Weights, cache and each token's own bytes are all there is",
    by_weights + by_cache + by_own,
    sympy.S.One,
    Label("sum"),
)
shares.identity(
    "One per cent more context costs what one per cent more bytes per cached token does",
    memory_bound(sy.L),
    by_cache,
    Label("d ln T / d ln L", r"\frac{\mathrm{d} \ln T}{\mathrm{d} \ln L}"),
)
shares.identity(
    "One per cent more batch: what is not the share of the weights",
    memory_bound(sy.B),
    1 - by_weights,
    Label("d ln T / d ln B", r"\frac{\mathrm{d} \ln T}{\mathrm{d} \ln B}"),
)
more = rs.results.intensity_elasticity(decode, symbol=sy.B).general.value
shares.identity(
    "The share of the weights is by how much a larger batch raises intensity",
    more,
    by_weights,
    Label("d ln I / d ln B", r"\frac{\mathrm{d} \ln I}{\mathrm{d} \ln B}"),
)
shares.limit(
    "which falls to nothing as the batch grows",
    Label("d ln I / d ln B", r"\frac{\mathrm{d} \ln I}{\mathrm{d} \ln B}"),
    more,
    sy.B,
    sympy.S.Zero,
)
shares

# %%
# In numbers
# ----------
#
# A decode step of Llama-3.1-8B on an H100, by what is changed. The last column is for a prefill,
# where compute binds and bytes are worth nothing:

gpu = rs.machine("h100-sxm", dtype="bf16")
model = rs.model("llama-3.1-8b")
steps = {
    "B = 1, L = 8192": rs.decode(model).at(B=1, L=8192),
    "B = 32, L = 8192": rs.decode(model).at(B=32, L=8192),
    "prefill of 4096": rs.prefill(model).at(B=1, S=4096),
}
worth = {}
print(f"{'':10}" + "".join(f"{name:>18}" for name in steps))
for symbol in ("bandwidth", "peak", "b_w", "b_kv", "b_a", "B"):
    for name, step in steps.items():
        led = step.at(**element_bytes("bf16"))
        worth[symbol, name] = float(rs.results.time_elasticity(led, gpu, symbol=symbol).value)
    print(f"{symbol:10}" + "".join(f"{worth[symbol, name]:18.3f}" for name in steps))
for name in steps:
    sizes = sum(worth[symbol, name] for symbol in ("b_w", "b_kv", "b_a"))
    assert np.isclose(sizes, -worth["bandwidth", name], rtol=1e-12, atol=0)
    assert worth["bandwidth", name] + worth["peak", name] == -1

# %%
# The first two rows of sizes are as the parameters that are read to the elements of the cache, the
# embedding table aside, of which a token reads a row:

size = {s.name: value for s, value in model.values.items()}
for name, step in list(steps.items())[:2]:
    sequences, context = (step.values[s] for s in (sy.B, sy.L))
    parameters = model.parameters - (size["vocab_size"] - sequences) * size["d_model"]
    cached = model.kv_bytes_per_token / sy.b_kv * sequences * (context + 1)
    shared = worth["b_w", name] / worth["b_kv", name]
    assert np.isclose(shared, float(parameters / cached), rtol=1e-12, atol=0)

# %%
# The bytes per weight and per cached element change places as the batch grows. They are worth the
# same, but for what a step writes, at the batch at which KV reads overtake weight reads:

contexts = (1024, 8192, 32768)
batches = np.geomspace(1, 256, 200)
decode = rs.decode(model).at(**element_bytes("bf16"))
fig, ax = plt.subplots(layout="constrained")
for number, context in enumerate(contexts):
    for symbol, style in (("b_w", "-"), ("b_kv", "--")):
        at_context = decode.at(L=context)
        found = rs.results.time_elasticity(at_context, gpu, symbol=symbol).value
        label = f"{symbol}, L = {context}"
        ax.plot(batches, rs.compile(found)(B=batches), style, color=f"C{number}", label=label)
ax.set(
    xscale="log", xlabel="batch B", ylabel="elasticity of the time of a decode step", ylim=(0, 1)
)
ax.set_title(f"{decode.model} on {gpu.label}, {decode.convention}")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
for context in contexts:
    balance = rs.results.kv_overtakes_weights_batch(decode.at(L=context)).value
    there = decode.at(L=context, B=balance)
    one, other = (
        rs.results.time_elasticity(there, gpu, symbol=symbol).value for symbol in ("b_w", "b_kv")
    )
    assert abs(float(one - other)) < 0.001
    print(f"L = {context:5}: B = {float(balance):6.2f}, {float(one):.4f} and {float(other):.4f}")

# %%
# What it means in practice
# -------------------------
#
# Look for the largest number before anything is made smaller: a step in which weights are a third
# of the bytes gains at most a third from however few bytes per weight. While memory binds, one per
# cent of bandwidth is worth one per cent of time and the peak nothing; in prefill it is the other
# way round. An elasticity also says which number of a model or machine has to be known exactly for
# an estimate to be good, and which need not.
#
# Where it stops holding
# ----------------------
#
# It is a slope, exact for a small change. For halves and doubles, ask for the time itself: from two
# bytes per weight to one, at a small batch, is less than the elasticity promises if it is taken
# times the change of the logarithm, since the share of the weights shrinks on the way.

one_sequence = rs.decode(model).at(**element_bytes("bf16"), B=1, L=8192)
halved = rs.decode(model).at(**{**element_bytes("bf16"), "b_w": 1}, B=1, L=8192)
gain = np.log(float(rs.Roofline(halved, gpu).time / rs.Roofline(one_sequence, gpu).time))
promised = worth["b_w", "B = 1, L = 8192"] * np.log(1 / 2)
assert promised < gain < 0
shown = f"{np.exp(gain):.3f} of the time; the slope says {np.exp(promised):.3f}"
print(f"half the bytes per weight: {shown}")

# %%
# And it is different on the two sides of the ridge point: where a change crosses it, one elasticity
# holds before and another one after. At the critical batch itself there is a kink:

batch = rs.results.critical_batch(one_sequence.without(sy.B).at(L=128), gpu).value
around = rs.decode(model).at(**element_bytes("bf16"), L=128)
for sequences in (batch - 1, batch + 1):
    found = rs.results.time_elasticity(around.at(B=sequences), gpu, symbol="bandwidth")
    print(f"B = {float(sequences):.1f}: d ln T / d ln bandwidth = {found.value}")

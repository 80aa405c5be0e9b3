"""
What quantised weights gain
===========================

**Question.** Weights in ``c`` times fewer bytes make a decode step faster where reading them is
what takes the time. By which factor, up to which batch, and when is it the precision of the KV
cache that has to change instead?
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
# Only the weights that every step reads shrink. The peak stays what it was: weights are expanded on
# their way to the matrix units. So the speed-up is a quotient of two maxima.

dense, anywhere = rs.decode(rs.Transformer()), rs.Machine()
gain = rs.results.quantization_speedup(dense, anywhere)
gain.derivation

# %%
# Three regimes
# -------------
#
# While both steps are memory-bound, the speed-up is Amdahl's law: what shrinks is the weights'
# share of the traffic. The step with fewer bytes is the first of the two to turn compute-bound.

before, after = sorted(gain.general.value.atoms(sympy.Max), key=lambda x: x.has(sy.compression))
read, computed = sorted(before.args, key=lambda x: x.has(sy.peak))
read_after, computed_after = sorted(after.args, key=lambda x: x.has(sy.peak))
c, s, own = sy.compression, gain.label, sy.kappa * sy.L + sy.a
three = Derivation("Speed-up by regime", "any dense model without windows, counted as fused-ops")
three.definitions[sy.ridge] = sy.peak / sy.bandwidth
work = three.total("FLOPs of one decode step", sy.flops, dense, "flops").expr
moved = three.total("and its bytes", sy.bytes_, dense, "bytes").expr
text = "Memory-bound before and after"
three.identity(text, read_after / read, 1 - sy.w / moved * (1 - 1 / c), Label("1 / s", r"1 / s"))
text = "There, as the weights take ever fewer bytes, it tends to"
three.limit(text, s, read / read_after, c, 1 + sy.w / (sy.B * own))
text = "At the batch whose own traffic equals that of the weights before, w / (κ L + a), it is"
three.substitution(text, s, read / read_after, {sy.B: sy.w / own}, 2 * c / (c + 1))
assert computed == computed_after
text = "Compute-bound only after: the ridge point over the intensity before"
between = three.identity(text, read / computed_after, sy.ridge * moved / work, s)
three

# %%
# The second regime begins at the critical batch of the step with quantised weights:

full = rs.results.quantization_full_batch(dense, anywhere)
full.derivation

# %%
# It ends at the critical batch of the step without. Where that does not exist, the first regime
# never ends, and the gain wears off all the same.

none = rs.results.quantization_payoff_batch(dense, anywhere)
ends = Derivation("How the speed-up ends", three.subject)
ends.definitions[sy.critical_batch] = none.general.value
text = "The second regime begins at one c-th of the batch at which it ends"
ends.identity(text, full.general.value, sy.critical_batch / c, full.label)
text = "There nothing is left of the speed-up"
ends.substitution(text, s, between, {sy.B: none.general.value}, sympy.S.One)
text = "In the first regime, as the batch grows, it tends to"
ends.limit(text, s, read / read_after, sy.B, sympy.S.One)
ends

# %%
# In numbers
# ----------
#
# Llama-3.1-8B on an H100 at a short context. Both batches are checked on both sides, on ledgers of
# the model with as many bytes per weight. At the end of the first regime the sequences' own traffic
# has already cost between 20% and 35% of ``c``.

machine = rs.machine("h100-sxm", dtype="bf16")
decode = rs.decode(rs.model("llama-3.1-8b")).at(**element_bytes("bf16"))
short = decode.at(L=128)
last = rs.results.quantization_payoff_batch(short, machine)
for factor in (2, 4):
    first = rs.results.quantization_full_batch(short.at(compression=factor), machine)
    quantised = short.at(b_w=sympy.Rational(2, factor))
    checks = (quantised, first.whole, "memory"), (quantised, first.whole + 1, "compute")
    checks += (short, last.whole - 1, "memory"), (short, last.whole, "compute")
    for led, sequences, binds in checks:
        assert rs.Roofline(led.at(B=sequences), machine).bound == binds
    speed = [
        rs.results.quantization_speedup(short.at(B=n, compression=factor), machine).value
        for n in (1, first.whole, last.whole)
    ]
    assert 0.99 * factor < speed[0] < factor
    assert 0.65 < speed[1] / factor < 0.8
    assert speed[2] == 1
    shown = ", ".join(f"{float(x):.2f}" for x in speed)
    print(f"c = {factor}: {shown} at B = 1, {first.whole}, {last.whole}")

# %%
# At a long context there is no such batch.

long = decode.at(L=8192)
assert rs.results.quantization_payoff_batch(long, machine).outcome == "never"
batches = np.geomspace(1, 1024, 400)
fig, ax = plt.subplots(layout="constrained")
for colour, factor in enumerate((2, 4)):
    for led, style in ((short, "-"), (long, "--")):
        curve = rs.results.quantization_speedup(led.at(compression=factor), machine).value
        label = f"c = {factor}, L = {led.values[sy.L]}"
        ax.plot(batches, rs.compile(curve)(B=batches), f"C{colour}{style}", label=label)
        for x in (last.value / factor, last.value) if led is short else ():
            ax.plot(float(x), float(curve.xreplace({sy.B: x})), "ko", markersize=5)
ax.set(xscale="log", xlabel="batch B", ylabel="speed-up by quantised weights")
ax.set_title(f"{long.model} on {machine.label}, {long.convention}")
ax.legend(title="dots: $B_c$ and $B^*$", loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# Which precision a target needs
# ------------------------------
#
# Turned round: the bytes per weight at which a token takes a given time. The condition says what no
# precision of weights can undercut: the FLOPs, and what else travels.

weights = rs.results.bytes_per_weight(dense, anywhere)
weights.derivation

# %%
# The same question to the KV cache has the weights as its limit:

rs.results.bytes_per_kv_element(dense, anywhere).derivation

# %%
# Within these limits one can be had for the other, one percent for as many as the cache's bytes are
# of the weights': it is their balance again that decides which is worth more.

cached = sy.B * sy.kappa * (sy.L + 1)
trade = Derivation("Weights' precision for the cache's", three.subject)
trade.definitions.update(weights.derivation.definitions)
slope = sympy.diff(weights.general.value.xreplace(trade.definitions), sy.b_kv)
label = Label(
    "−∂ ln b_w / ∂ ln b_kv", r"-\partial \ln b_{\mathrm{w}} / \partial \ln b_{\mathrm{kv}}"
)
text = "At the same time per token: cache read and written over weights and gathered rows read"
rows = sy.B * sy.d_model * sy.b_w
trade.identity(text, -slope * sy.b_kv / sy.b_w, cached / (sy.w + rows), label)
trade

# %%
# A token in 2.5 ms for a single sequence takes weights in about a byte; a token in 10 ms for 32
# sequences of 8192 tokens takes a cache in about a byte per element. Neither is met by the other
# precision, however low.

for led, target, chosen in (
    (decode.at(B=1, L=0), sympy.Rational(1, 400), "b_w"),
    (decode.at(B=32, L=8192), sympy.Rational(1, 100), "b_kv"),
):
    asked = led.at(time=target)
    for name, result in (
        ("b_w", rs.results.bytes_per_weight(asked, machine)),
        ("b_kv", rs.results.bytes_per_kv_element(asked, machine)),
    ):
        assert result.outcome == ("crosses" if name == chosen else "never")
        said = f"{float(result.value):.2f} B" if name == chosen else result.reason
        print(f"{float(target) * 1e3:.1f} ms, {name}: {said}")
    low, high = (rs.Roofline(led.at(**{chosen: b}), machine).time for b in (1, 2))
    assert low < target < high

# %%
# What it means in practice
# -------------------------
#
# A single sequence gains nearly all of ``c`` while its cache is small beside the weights. Sequences
# that move as much as the weights leave 1.6 of 4 and 1.33 of 2, more sequences less: at a long
# context there are soon so many. From there on the bytes to save are those of the cache.

half = long.at(fraction=sympy.Rational(1, 2))
even = rs.results.throughput_fraction_batch(half, machine).value
left = [rs.results.quantization_speedup(long.at(B=even, compression=n), machine) for n in (4, 2)]
assert [x.value for x in left] == [sympy.Rational(8, 5), sympy.Rational(4, 3)]
assert 10 < even < 20
print(f"at L = 8192 these are {float(even):.1f} sequences")

# %%
# Where it stops holding
# ----------------------
#
# Formats have scales, and parts that stay as they were. With four bits, a scale of two bytes for
# each group of 128, and embedding, LM head and norms in bf16, ``c`` is less than 4, and for a small
# model less than 2.5.

kept = ("b_w_embedding", "b_w_lm_head", "b_w_vectors")
for name, low, high in (("llama-3.2-1b", 2, 2.5), ("llama-3.1-8b", 3, 3.5), ("qwen3-32b", 3.5, 4)):
    model = rs.model(name)
    mixed = rs.decode(model.with_precisions((*kept, "group_w", "scale_w")))
    mixed = mixed.at(b_w=0.5, group_w=128, scale_w=2, **dict.fromkeys(kept, 2))
    factor = rs.decode(model).at(B=1, b_w=2).weight_bytes / mixed.at(B=1).weight_bytes
    assert low < factor < high
    print(f"{model.name:12} c = {float(factor):.2f}")

# %%
# Where activations are in the low precision, too, the matrix units run at its peak, and a large
# batch gains as much as a small one:

fp8 = rs.decode(rs.model("llama-3.1-8b")).at(**element_bytes("fp8"), L=128)
for sequences in (1, 2 * last.whole):
    slow = rs.Roofline(short.at(B=sequences), machine).time
    fast = rs.Roofline(fp8.at(B=sequences), machine.with_dtype("fp8")).time
    print(f"B = {sequences} at L = 128: {float(slow / fast):.2f} times as fast")
    assert 1.99 < slow / fast < 2.01

"""
The prompt length at which prefill turns compute-bound
======================================================

**Question.** A prefill reads the weights once for ``B S`` tokens. From which length on does
compute bind, and does it stay so?
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
# FLOPs are quadratic in the length, because attention compares every token with those before it;
# bytes are linear, because fused attention keeps the scores on the chip. The equation is quadratic,
# and of its two roots one is positive, unless the batch is of thousands of prompts.

general = rs.results.prefill_critical_length(rs.prefill(rs.Transformer()), rs.Machine())
general.derivation

# %%
# The simple rule and its error
# -----------------------------
#
# Counted as ``weights-only`` the batch and the length enter only as their product, the tokens of
# the step, and the critical number of tokens is the same as the critical batch of decode:

simple = rs.results.prefill_critical_length(
    rs.prefill(rs.Transformer(), "weights-only"), rs.Machine()
)
tokens = Derivation("Tokens of the step", "any dense model, counted as weights-only")
tokens.definitions.update(simple.derivation.definitions)
tokens.identity(
    "Tokens at the crossing",
    sy.B * simple.general.value,
    sy.ridge * sy.b_w / 2,
    Label("B S*", "B S^{*}"),
)
batch = rs.results.critical_batch(rs.decode(rs.Transformer(), "weights-only"), rs.Machine())
assert (
    sympy.cancel(
        (batch.general.value - sy.B * simple.general.value).xreplace(simple.derivation.definitions)
    )
    == 0
)
tokens

# %%
# In numbers, for Llama-3.1-8B: the activations that travel with each token push the crossing out,
# the more so the higher the ridge point.

step = rs.prefill(rs.model("llama-3.1-8b")).at(**element_bytes("bf16"), B=1)
for name in ("a100-80gb-sxm", "h200-sxm", "h100-sxm"):
    machine = rs.machine(name, dtype="bf16")
    found = rs.results.prefill_critical_length(step, machine)
    assert rs.Roofline(step.at(S=found.whole - 1), machine).bound == "memory"
    assert rs.Roofline(step.at(S=found.whole), machine).bound == "compute"
    assert found.value > machine.ridge
    excess = float(found.value / machine.ridge) - 1
    print(f"{machine.label:20} S* = {found.whole:3}, {excess:.0%} above the ridge point")

# %%
# Does it stay so?
# ----------------
#
# With fused attention intensity grows without bound. Unfused, scores and probabilities travel, as
# many bytes as FLOPs of attention up to a factor: intensity rises, falls again, and tends to a
# limit that is below the ridge point of such a machine.

machine = rs.machine("h100-sxm", dtype="bf16")
unfused = rs.prefill(rs.model("llama-3.1-8b"), "unfused-ops").at(**element_bytes("bf16"), B=1)
ends = sympy.limit(unfused.flops / unfused.bytes, sy.S, sympy.oo)
assert sympy.limit(step.flops / step.bytes, sy.S, sympy.oo) == sympy.oo
assert ends < machine.ridge
print(f"unfused attention, at long prompts: {float(ends):.1f} FLOP/B")

# %%

lengths = np.geomspace(8, 131072, 400)
fig, ax = plt.subplots(layout="constrained")
for led in (step, unfused):
    ax.plot(lengths, rs.compile(led.intensity)(S=lengths), label=led.convention)
ax.axhline(float(machine.ridge), color="black", linestyle=":", label="ridge point, H100")
ax.set(
    xscale="log",
    yscale="log",
    xlabel="prompt length S (tokens)",
    ylabel="intensity of prefill (FLOP/B)",
)
ax.set_title(f"{step.model}, one prompt, on {machine.label}")
ax.legend()

# %%
# So the unfused curve crosses twice, and prefill is compute-bound only in between:

first, last = (b.value for b in rs.results.prefill_critical_length(unfused, machine).bound.branches)
assert rs.Roofline(unfused.at(S=int(first) + 1), machine).bound == "compute"
assert rs.Roofline(unfused.at(S=int(last) + 1), machine).bound == "memory"
print(f"from {int(first) + 1} to {int(last)} tokens")

# %%
# What it means in practice
# -------------------------
#
# Below the critical length a prompt costs about one read of the weights, however short it is: put
# several into one step, or a chunk of a long prompt beside decode steps. Above it, time to the
# first token is FLOPs over peak, and only fewer FLOPs or a faster dtype help.
#
# Where it stops holding
# ----------------------
#
# In a mixture of experts each expert sees only ``k/E`` of the tokens, so the crossing is further
# out, by up to ``E/k``; what all tokens pass through, attention and the LM head, keeps it from
# being as far:

mixture = rs.prefill(rs.model("mixtral-8x7b")).at(**element_bytes("bf16"), B=1)
found = rs.results.prefill_critical_length(mixture, machine)
farther = found.value / rs.results.prefill_critical_length(step, machine).value
at_most = mixture.values[sy.n_experts] / mixture.values[sy.top_k]
assert 3.3 < farther < 3.4 < at_most
print(f"{mixture.model}: S* = {found.whole}, {float(farther):.1f} times that of {step.model}")
print(f"E/k = {at_most}")

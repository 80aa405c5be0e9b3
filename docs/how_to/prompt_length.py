"""
How long a prompt until prefill is compute-bound?
=================================================

Prefill reads the weights once for all tokens of the prompt. From some length on it is bound by
compute.
"""

import matplotlib.pyplot as plt
import numpy as np

import roofsym as rs

model = rs.model("llama-3.1-8b")
gpu = rs.machine("h100-sxm", dtype="bf16")
prefill = rs.prefill(model).at(b_w=2, b_a=2, b_kv=2)

# %%
# For one prompt
# --------------

length = rs.results.prefill_critical_length(prefill.at(B=1), gpu)
assert length.outcome == "crosses"
print(f"compute-bound from {length.whole} tokens on")

# %%
# It lies above the machine's ridge point, which is what counting the weights alone would give:

weights_only = rs.prefill(model, convention="weights-only").at(b_w=2, B=1)
simple = rs.results.prefill_critical_length(weights_only, gpu)
assert simple.value == gpu.ridge < length.value
print(f"{float(simple.value):.1f} under weights-only, {float(length.value):.1f} under fused-ops")

# %%
# For several prompts, several models and machines
# ------------------------------------------------
#
# Several prompts in one step share the weights: each may be shorter.

for batch in (1, 2, 4, 8):
    found = rs.results.prefill_critical_length(prefill.at(B=batch), gpu)
    print(f"B = {batch}: {found.whole} tokens each")

# %%

for name in ("a100-80gb-sxm", "h100-sxm", "h200-sxm", "b200"):
    machine = rs.machine(name, dtype="bf16")
    found = rs.results.prefill_critical_length(prefill.at(B=1), machine)
    print(f"{machine.name:16} ridge {float(machine.ridge):6.1f} FLOP/B, S* = {found.whole}")

# %%
# Time to the first token, at least
# ---------------------------------

roof = rs.Roofline(prefill.at(B=1), gpu)
lengths = np.geomspace(16, 32768, 200)
fig, ax = plt.subplots(layout="constrained")
ax.plot(lengths, 1e3 * rs.compile(roof.compute_time)(S=lengths), label="compute")
ax.plot(lengths, 1e3 * rs.compile(roof.memory_time)(S=lengths), label="memory")
ax.axvline(float(length.value), color="black", linestyle=":", label="S*")
ax.set(xscale="log", yscale="log", xlabel="prompt length S (tokens)", ylabel="time of prefill (ms)")
ax.legend()

# %%
# Below the critical length time hardly falls: a short prompt costs one read of the weights. It is
# there that chunks of other prompts, or decode steps of other sequences, ride along for little.
#
# When attention takes over
# -------------------------
#
# Beyond another length attention costs more FLOPs than all linear layers, and time grows with the
# square of the length.

print(rs.results.attention_overtakes_linear(prefill).whole, "tokens")

# %%
# On the command line
# -------------------

from roofsym import cli

command = "solve prefill-critical-length --model llama-3.1-8b --machine h100-sxm --set B=1"
assert cli.main(command.split()) == 0

# %%
# See also
# --------
#
# The derivation:
# `The prompt length at which prefill turns compute-bound
# <../derivations/prefill_critical_length.html>`_.

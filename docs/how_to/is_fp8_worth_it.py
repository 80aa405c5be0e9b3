"""
Is FP8 worth it?
================

One byte in the place of two halves what moves; a machine with FP8 units also computes twice as
fast. Which of the two helps depends on what binds.
"""

import matplotlib.pyplot as plt
import numpy as np

import roofsym as rs
from roofsym.hardware import element_bytes

model = rs.model("llama-3.1-8b")
step = rs.step(model)
bf16, fp8 = (rs.machine("h100-sxm", dtype=dtype) for dtype in ("bf16", "fp8"))

# %%
# Three ways to run it
# --------------------
#
# All in bf16; weights stored in one byte but computed in bf16; and weights, activations and KV in
# FP8, computed in FP8.

runs = {
    "bf16": (step.at(**element_bytes("bf16")), bf16),
    "weights in 1 byte": (step.at(b_w=1, b_a=2, b_kv=2), bf16),
    "all FP8": (step.at(**element_bytes("fp8")), fp8),
}

# %%
# The ridge point doubles with the peak, so FP8 needs twice the intensity, in FLOP per byte, to be
# compute-bound, and has twice the intensity: the critical batch hardly moves.

for name, (led, machine) in runs.items():
    batch = rs.results.critical_batch(led.at(L=128), machine)
    print(f"{name:18} ridge {float(machine.ridge):5.0f} FLOP/B, B* = {batch.whole} at L = 128")

# %%
# With weights alone in one byte, on the other hand, compute binds from about half the batch on:
# there is less to wait for.
#
# How much faster
# ---------------
#
# Time of a step in bf16 over its time otherwise, in decode by batch and context:

times = {
    name: rs.compile(rs.Roofline(led.in_phase("decode"), machine).time)
    for name, (led, machine) in runs.items()
}
batches = np.geomspace(1, 2048, 200)
fig, axes = plt.subplots(1, 2, sharey=True, figsize=(9, 4), layout="constrained")
for ax, context in zip(axes, (128, 8192), strict=True):
    for name in list(runs)[1:]:
        gain = times["bf16"](B=batches, L=context) / times[name](B=batches, L=context)
        ax.plot(batches, gain, label=name)
    ax.set(xscale="log", xlabel="batch B", title=f"decode, L = {context}")
axes[0].set_ylabel("times faster than bf16")
axes[0].legend()

# %%
# Weights in one byte help while weights are most of what is read: at small batch. At long context
# and large batch the KV cache is, and only bytes of KV help.

small, large = (
    times["bf16"](B=B, L=8192) / times["weights in 1 byte"](B=B, L=8192) for B in (1, 1024)
)
assert small > 1.8 > 1.1 > large
print(f"weights in 1 byte at L = 8192: {small:.2f} times faster at B = 1, {large:.2f} at B = 1024")

# %%
# In prefill
# ----------
#
# A long prompt is bound by compute: bytes do not matter, the peak does.

for name, (led, machine) in runs.items():
    roof = rs.Roofline(led.in_phase("prefill").at(B=1, S=4096), machine)
    print(f"{name:18} {roof.bound}-bound, {1e3 * float(roof.time):.1f} ms")

# %%
# Where this stops holding
# ------------------------
#
# Scales of a quantised checkpoint are bytes as well: ``--set group_w=128 --set scale_w=2`` counts
# them. Unpacking weights takes time that no roofline shows, and whether the model's answers
# remain as good is another question.

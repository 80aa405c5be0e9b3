"""
What does long context cost?
============================

Each decode step reads the KV cache of every sequence, and each prefill compares every token with
all before it. From which context on does that dominate?
"""

import matplotlib.pyplot as plt
import numpy as np

import roofsym as rs
from roofsym.hardware import element_bytes

model = rs.model("llama-3.1-8b")
gpu = rs.machine("h100-sxm", dtype="bf16")
step = rs.step(model).at(b_w=2, b_a=2, b_kv=2)

# %%
# In decode: bytes
# ----------------
#
# The context at which the step reads more KV cache than weights, by batch. The last context at
# which weights still dominate:

for batch in (1, 8, 64):
    wall = rs.results.kv_overtakes_weights(step.at(B=batch))
    print(f"B = {batch:2}: L* = {wall.whole}")

# %%
# It is inversely proportional to the batch:

rs.results.kv_overtakes_weights(rs.decode(rs.Transformer())).derivation.view()

# %%
# What a token of output costs in time
# ------------------------------------

time = rs.compile(rs.Roofline(step.in_phase("decode"), gpu).time)
contexts = np.geomspace(128, 131072, 200)
fig, ax = plt.subplots(layout="constrained")
for batch in (1, 8, 64):
    ax.plot(contexts, 1e3 * time(B=batch, L=contexts) / batch, label=f"B = {batch}")
ax.set(
    xscale="log",
    yscale="log",
    xlabel="context L (tokens)",
    ylabel="time of a decode step per sequence (ms)",
)
ax.legend()

# %%
# At a short context a large batch makes tokens cheap; at a long one not even 64 sequences make them
# twice as cheap, because what a sequence reads of its own outweighs what they share.

short, long = (time(B=1, L=L) / (time(B=64, L=L) / 64) for L in (128, 131072))
assert short > 10 * long
assert long < 2
print(f"B = 64 makes a token {short:.1f} times cheaper at L = 128, {long:.2f} times at L = 131072")

# %%
# In prefill: FLOPs
# -----------------
#
# Attention's share of the FLOPs of a prompt:

prefill = step.in_phase("prefill").at(B=1)
for length in (1024, 8192, 32768, 131072):
    asked = prefill.at(S=length)
    print(f"S = {length:6}: {float(asked.filter(kind='attention').flops / asked.flops):.1%}")
print("half at S =", rs.results.attention_overtakes_linear(prefill).whole)

# %%
# What helps
# ----------
#
# Fewer KV heads, a latent instead of keys and values, sliding windows, fewer bytes per element:
# each makes the slope smaller. The context at which KV reads overtake weights, at a batch of 16:

for name in ("llama-2-7b", "llama-3.1-8b", "mistral-7b-v0.1", "deepseek-v3"):
    other = rs.decode(rs.model(name)).at(**element_bytes("bf16"), B=16)
    wall = rs.results.kv_overtakes_weights(other)
    print(f"{other.model:20}{wall.outcome if wall.value is None else f'L* = {wall.whole}'}")

# %%
# *Never* is the model whose layers all have a window: what a sequence can make it read is bounded.

# %%
# On the command line
# -------------------

from roofsym import cli

assert cli.main("solve kv-overtakes-weights --model llama-3.1-8b --set B=64".split()) == 0

# %%
# See also
# --------
#
# The derivations:
#
# - `The context at which KV reads overtake weights
#   <../derivations/kv_overtakes_weights.html>`_
# - `Latent attention: absorbed or expanded
#   <../derivations/latent_attention.html>`_

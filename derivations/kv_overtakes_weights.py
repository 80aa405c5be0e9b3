"""
The context at which KV reads overtake weights
==============================================

**Question.** A decode step reads the weights, which all sequences share, and the KV cache, of which
each sequence reads its own. From which context on is the cache the larger part?
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

general = rs.results.kv_overtakes_weights(rs.decode(rs.Transformer()))
assert general.outcome == "crosses"
general.derivation

# %%
# The product of batch and context is what counts: the tokens cached over all sequences. It is a
# constant of the model, and nothing about the machine enters.

OWN_HEAD = "any dense model without windows, with an LM head of its own, counted as fused-ops"
cached = Derivation("Cached tokens at the balance", OWN_HEAD)
cached.definitions.update(general.derivation.definitions)
cached.identity(
    "Batch times context at the balance",
    sy.B * general.general.value,
    sy.w / sy.kappa,
    Label("B L*", "B L^{*}"),
)
definition = general.derivation.definitions[sy.kappa]
per_head = 2 * sy.n_layers * sy.n_kv_heads * sy.head_dim * sy.b_kv
cached.identity(
    "What one cached token costs: a key and a value of every layer", definition, per_head, sy.kappa
)
everything = rs.Transformer().parameters
cached.identity(
    "What the weights cost: all parameters but the embedding table, of which only rows are read",
    sy.w,
    sy.b_w * (everything - sy.vocab_size * sy.d_model),
    sy.w,
)
cached

# %%
# So grouped queries push the balance out by about the number of heads in a group, and one byte per
# KV element by two.
#
# In numbers
# ----------

for name in ("llama-2-7b", "llama-3.1-8b", "qwen3-8b", "llama-3.1-70b", "llama-3.1-405b"):
    step = rs.decode(rs.model(name)).at(**element_bytes("bf16"))
    alone = rs.results.kv_overtakes_weights(step.at(B=1)).value
    shared = rs.results.kv_overtakes_weights(step.at(B=64)).value
    assert alone == 64 * shared
    print(f"{step.model:16} B L* = {int(alone):7} tokens; at B = 64, L* = {int(shared)}")

# %%
# What a step of Llama-3.1-8B reads at a batch of 64:

step = rs.decode(rs.model("llama-3.1-8b")).at(**element_bytes("bf16"), B=64)
balance = rs.results.kv_overtakes_weights(step)
contexts = np.linspace(0, 3 * float(balance.value), 200)
kv = rs.compile(step.kv_read_bytes)(L=contexts) / 1e9
weights = np.full_like(contexts, float(step.weight_bytes) / 1e9)
fig, ax = plt.subplots(layout="constrained")
ax.stackplot(contexts, weights, kv, labels=["weights", "KV cache"], alpha=0.7)
ax.axvline(float(balance.value), color="black", linestyle=":", label="L*")
ax.set(xlabel="context L (tokens)", ylabel="read by one decode step (GB)")
ax.set_title(f"{step.model}, B = 64, bf16, {step.convention}")
ax.legend(loc="upper left")

# %%
# What it means in practice
# -------------------------
#
# At the balance the read is twice that of the weights, so the step takes twice as long as at an
# empty cache, and the cache takes as much memory as the weights. A machine on which the weights
# fill more than about half of the memory never gets there:

model = rs.model("llama-3.1-8b")
held = step.bind(model.memory_footprint(S=1)).xreplace({sy.L: balance.value})
twice = held / (2 * step.weight_bytes)
assert sympy.Rational(9, 10) < twice < sympy.Rational(11, 10)
print(f"memory at the balance: {float(held) / 1e9:.1f} GB, {float(twice):.3f} of twice the weights")

# %%
# Beyond it, bytes per weight matter less than bytes per KV element, and no batch, however large,
# makes tokens more than about twice as cheap: half of the throughput is reached.
#
# Where it stops holding
# ----------------------
#
# Layers with a sliding window stop growing at the window: a model made of them may never get there.

windowed = rs.decode(rs.model("mistral-7b-v0.1")).at(**element_bytes("bf16"))
for sequences in (16, 64):
    found = rs.results.kv_overtakes_weights(windowed.at(B=sequences))
    print(f"{windowed.model}, B = {sequences}: {found.outcome}")

# %%
# In a mixture of experts the weights read grow with the batch as well, because more sequences
# choose more experts: see the article on distinct experts.

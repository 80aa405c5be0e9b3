"""
The intensity of linear layers and of attention
===============================================

**Question.** A step is linear layers and attention. Which of the two becomes compute-bound when
more tokens go through it, and which never does?
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy

import roofsym as rs
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label
from roofsym.hardware import element_bytes
from roofsym.ledger import Ledger

# %%
# The steps
# ---------
#
# A linear layer multiplies ``M`` rows, one per token, by a matrix of ``K`` inputs and ``N``
# outputs. Each of its three tensors moves once and adds its share to the bytes per FLOP: a harmonic
# sum, in which the smallest of the three sides counts most.

layer = rs.results.matmul_intensity(Ledger(()))
layer.derivation

# %%
# Set equal to the ridge point, that gives the rows from which the layer is compute-bound:

critical = rs.results.matmul_critical_batch(Ledger(()), rs.Machine())
assert critical.outcome == "conditional"
critical.derivation

# %%
# For a square layer, everything in elements of one size, both become plain. While the rows are the
# smallest side by far, the layer has the intensity of its weights alone, and the rows needed are
# the ridge point times half the bytes of a weight; the wider the layer, the longer that holds.

d, b = sy.d_model, sy.b_w
square = {sy.in_features: d, sy.out_features: d, sy.b_a: b}
intensity, rows = (x.general.value.xreplace(square) for x in (layer, critical))
plain = Derivation("A square layer of one precision", "width d_model")
plain.approximation("Few rows", Label("I", "I"), intensity, 2 * sy.rows / b, sy.rows, 0)
plain.limit("With ever more rows it tends to", Label("I", "I"), intensity, sy.rows, d / b)
plain.approximation(
    "Rows at the ridge point", Label("M*", "M^{*}"), rows, sy.ridge * b / 2, d, sympy.oo
)
plain

# %%
# The limit for many rows is what a narrow layer cannot get past. In the layers of Llama-3.1-8B on
# an H100, the narrower a layer, the more rows it needs:

machine = rs.machine("h100-sxm", dtype="bf16")
model = rs.model("llama-3.1-8b")
dimension = {s.name: int(v) for s, v in model.values.items()}
kv = dimension["n_kv_heads"] * dimension["head_dim"]
layers = {
    "query": (dimension["d_model"], dimension["d_model"]),
    "key": (dimension["d_model"], kv),
    "feed-forward, up": (dimension["d_model"], dimension["d_ff"]),
    "LM head": (dimension["d_model"], dimension["vocab_size"]),
}
sizes = {"b_w": 2, "b_a": 2}
needed = {}
for name, (inputs, outputs) in layers.items():
    sides = Ledger(()).at(in_features=inputs, out_features=outputs, **sizes)
    found = rs.results.matmul_critical_batch(sides, machine)
    needed[name] = found.whole
    below, above = (
        rs.results.matmul_intensity(sides.at(rows=found.whole + step)).value for step in (-1, 0)
    )
    assert below < machine.ridge <= above
    print(f"{name:17} {inputs} x {outputs:6}: compute-bound from M = {found.whole} on")
assert max(needed, key=needed.get) == "key"
narrow = Ledger(()).at(in_features=512, out_features=512, **sizes)
assert rs.results.matmul_critical_batch(narrow, machine).outcome == "never"

# %%
# Attention
# ---------
#
# Scores and weighted values multiply a query by keys and values that no other sequence uses. In a
# decode step, work and bytes grow alike with the batch, and alike with the context:

fused = rs.results.attention_intensity(rs.decode(rs.Transformer()))
assert sy.B not in fused.general.value.free_symbols
fused.derivation

# %%
# So neither helps. What is left is how many query heads share one key and value: two FLOP each for
# the bytes of one element. Several new tokens that attend to the same cache share the read as well:

chunk = rs.results.attention_intensity(rs.chunk(rs.Transformer()))
shared = Derivation(
    "Attention of several new tokens", "any dense model without windows, counted as fused-ops"
)
shared.definitions.update(chunk.derivation.definitions)
shared.limit(
    "At a long context, intensity tends to",
    Label("I_att", r"I_{\mathrm{att}}"),
    chunk.general.value,
    sy.L,
    sy.S * sy.alpha / sy.kappa,
)
shared.identity(
    "which is so many FLOPs per byte for each new token",
    sy.S * sy.alpha / sy.kappa,
    sy.S * 2 * sy.n_heads / (sy.n_kv_heads * sy.b_kv),
    Label("I_att", r"I_{\mathrm{att}}"),
)
shared

# %%
# In numbers
# ----------
#
# At 131072 tokens, in bf16, against the ridge point of the H100: one head to itself, groups of
# queries, and latent attention, where all heads share one key.

context = 131072
reach = {}
for name in ("llama-2-7b", "llama-3.1-8b", "llama-3.1-405b", "deepseek-v3"):
    step = rs.decode(rs.model(name)).at(**element_bytes("bf16"), L=context)
    reach[name] = float(rs.results.attention_intensity(step).value)
    print(
        f"{step.model:18} {reach[name]:6.2f} FLOP/B of {float(machine.ridge):.0f}, at L = {context}"
    )
assert max(reach.values()) < machine.ridge
assert reach["deepseek-v3"] > 10 * reach["llama-3.1-405b"]

# %%
# In prefill, fused, the prompt's own tokens share the cache, and intensity grows without bound.
# Unfused, the scores travel, and it tends to a limit that wide heads and few bytes per score raise.
# (Unfused, the work that the mask throws away is done and counted: at short prompts that looks like
# intensity.)

alone = {
    convention: rs.results.attention_intensity(
        rs.prefill(model, convention).at(**element_bytes("bf16"), B=1)
    ).value
    for convention in ("fused-ops", "unfused-ops")
}
edge = rs.crossover(alone["fused-ops"], machine.ridge, sy.S)
assert edge.outcome == "crosses"
assert rs.crossover(alone["unfused-ops"], machine.ridge, sy.S).outcome == "never"
most = sympy.limit(alone["unfused-ops"], sy.S, sympy.oo)
print(f"fused: compute-bound from S = {int(sympy.ceiling(edge.value))} on")
print(f"unfused: never; tends to {float(most):.3f} FLOP/B")

# %%

tokens = np.geomspace(1, 16384, 300)
sides = Ledger(()).at(in_features=dimension["d_model"], out_features=dimension["d_ff"], **sizes)
cached = rs.decode(model).at(**element_bytes("bf16"), L=context)
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
curves = {
    "linear layer, rows M": rs.compile(rs.results.matmul_intensity(sides).value)(rows=tokens),
    "attention of prefill, fused": rs.compile(alone["fused-ops"])(S=tokens),
    "attention of prefill, unfused": rs.compile(alone["unfused-ops"])(S=tokens),
    "attention of decode, batch B": np.full_like(
        tokens, float(rs.results.attention_intensity(cached).value)
    ),
}
for name, values in curves.items():
    ax.plot(tokens, values, label=name)
ax.axhline(float(machine.ridge), color="black", linestyle=":", label="ridge point, H100")
ax.set(xscale="log", yscale="log", xlabel="tokens of the step", ylabel="intensity (FLOP/B)")
ax.set_title(f"{cached.model} on {machine.label}; decode at L = {context}")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %%
# What it means in practice
# -------------------------
#
# Batching is for the linear layers: their weights are shared by all tokens. Attention of decode
# gains nothing from it, so a long context pulls the whole step below the ridge point however large
# the batch. What raises its intensity is in the model (fewer KV heads, a latent), in the number of
# bytes of a cached element, or in more tokens per step and sequence: drafts to be verified, chunks
# of a prompt.
#
# Where it stops holding
# ----------------------
#
# Each sequence is taken to have a cache of its own. Sequences that begin with the same text can
# share one, and their queries then meet it together, as new tokens of one sequence do. The count of
# bytes also takes each tensor to move once: a kernel whose tiles do not fit on the chip moves some
# of them more often, and is below these curves.
#
# And few rows are not always the fault of a small batch. In a mixture each expert sees the rows
# that chose it, so its layers need the more tokens in the step:

mixture = rs.model("mixtral-8x7b")
wide = {s.name: int(v) for s, v in mixture.values.items()}
expert = Ledger(()).at(in_features=wide["d_model"], out_features=wide["d_expert"], **sizes)
needed_rows = rs.results.matmul_critical_batch(expert, machine).whole
in_the_step = needed_rows * wide["n_experts"] // wide["top_k"]
assert in_the_step == 4 * needed_rows
print(f"{mixture.name}: {needed_rows} rows of an expert are {in_the_step} tokens of the step")

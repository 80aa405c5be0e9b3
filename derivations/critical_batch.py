"""
The critical batch of decode, and the context beyond which there is none
========================================================================

**Question.** A decode step reads all weights to produce one token per sequence. More sequences
share that read, so intensity rises with the batch. At which batch does it reach the ridge point,
and does it always?
"""

import matplotlib.pyplot as plt
import numpy as np

import roofsym as rs
from roofsym import catalog
from roofsym import symbols as sy
from roofsym.closed_form import closed_form
from roofsym.derivation import Derivation, Label
from roofsym.hardware import element_bytes
from roofsym.transformer import FeedForward

# %%
# The steps
# ---------
#
# For any dense model without windows on any machine, under the default convention ``fused-ops``:
# FLOPs and bytes are sums over the ledger, intensity is their ratio, and the ratio is set equal to
# the ridge point.

general = rs.results.critical_batch(rs.decode(rs.Transformer()), rs.Machine())
assert general.outcome == "conditional"
general.derivation

# %%
# What the constants stand for, said once more and proved equal to the sums over the ledger: with
# ``q`` and ``kv`` the widths of all query heads and of all key/value heads together, and for models
# built like Llama, with a gated feed-forward block, two norms in each layer, no biases and an LM
# head of its own.

q, kv = sy.n_heads * sy.head_dim, sy.n_kv_heads * sy.head_dim
d, f, n, vocabulary = sy.d_model, sy.d_ff, sy.n_layers, sy.vocab_size
matrices = n * (2 * d * (q + kv) + 3 * d * f) + d * vocabulary
pair = 4 * n * q
constants = Derivation("Constants of decode", "any model built like Llama, counted as fused-ops")
constants.definitions.update(general.derivation.definitions)
constants.identity(
    "Attention: a score and a weighted value per head, each a multiply-add per width",
    sy.alpha,
    pair,
    sy.alpha,
)
constants.identity(
    "The matrices, two FLOP per weight, and the token's attention to itself",
    sy.phi,
    2 * matrices + pair,
    sy.phi,
)
constants.identity(
    "The matrices' weights, with two norms in each layer and one at the end",
    sy.w,
    sy.b_w * (matrices + 2 * n * d + d),
    sy.w,
)
constants.identity("A key and a value in every layer", sy.kappa, 2 * n * kv * sy.b_kv, sy.kappa)
travelling = n * (7 * d + 3 * f + 4 * q + 4 * kv) + d + vocabulary
constants.identity(
    "What goes in and out of each matrix multiplication, the new key and value, the embedding row",
    sy.a,
    sy.b_a * travelling + 2 * n * kv * sy.b_kv + sy.b_w * d,
    sy.a,
)
constants

# %%
# The other dense models of the catalogue have the same constants, made of other sums, unless layers
# have a window. Falcon-7B's block, for one, has two matrices and not three:

for name in catalog.records("models"):
    groups = rs.model(name).structure.groups
    if all(isinstance(g.feed_forward, FeedForward) for g in groups):
        step = rs.decode(rs.model(name))
        forms = [closed_form(step, quantity) for quantity in ("flops", "bytes")]
        windows = any(g.attention.window for g in groups)
        others = set().union(*(form.definitions for form in forms)) - set(constants.definitions)
        assert bool(others) == windows
falcon = rs.decode(rs.model("falcon-7b"))
phi = closed_form(falcon, "flops").definitions[sy.phi].xreplace(dict(falcon.values))
like_llama = (2 * matrices + pair).xreplace(dict(falcon.values))
print(f"{falcon.model}: φ = {float(phi) / 1e9:.2f} GFLOP; "
      f"of a gated block it would be {float(like_llama) / 1e9:.2f}")  # fmt: skip
assert like_llama - phi == (2 * n * d * f).xreplace(dict(falcon.values))

# %%
# Read the solution as a fraction: what the weights need in FLOPs to be worth their bytes, over what
# one more sequence brings beyond what it costs. Both sides of that are linear in the context.

batch, reached = Label("B*", "B^{*}"), Label("I_∞", r"I_{\infty}")
surplus = sy.phi + sy.alpha * sy.L - sy.ridge * (sy.kappa * sy.L + sy.a)
shape = Derivation(
    "Shape of the critical batch", "any dense model without windows, counted as fused-ops"
)
shape.definitions.update(general.derivation.definitions)
shape.identity(
    "The weights' bytes over what a sequence's FLOPs exceed its bytes by, both at the ridge point",
    general.general.value,
    sy.ridge * sy.w / surplus,
    batch,
)
weights = rs.results.critical_batch(rs.decode(rs.Transformer(), "weights-only"), rs.Machine())
shape.identity(
    "Counted as weights-only a sequence brings two FLOP per weight and no bytes",
    weights.general.value.xreplace(weights.derivation.definitions),
    sy.ridge * sy.b_w / 2,
    batch,
)
shape

# %%
# The second line is the well-known rule: with two bytes per weight the critical batch is the ridge
# point. It needs all that ``weights-only`` leaves out to be small.
#
# Why it ends
# -----------
#
# As the batch grows, the weights' share vanishes, and what is left is the intensity of one sequence
# on its own. That falls with the context, from ``φ/a`` to ``α/κ``.

own = (sy.phi + sy.alpha * sy.L) / (sy.kappa * sy.L + sy.a)
slope = (sy.alpha * sy.a - sy.kappa * sy.phi) / (sy.kappa * sy.L + sy.a) ** 2
why = Derivation(
    "Intensity at a large batch", "any dense model without windows, counted as fused-ops"
)
why.identity("Its slope in the context", own.diff(sy.L), slope, Label("I_∞'", r"I_{\infty}'"))
why.limit("At a long context it tends to", reached, own, sy.L, sy.alpha / sy.kappa)
why

# %%
# The slope has one sign at every context. It is negative where linear layers have more FLOPs per
# byte of activations than attention has per byte of KV cache, as in all of these:

machine = rs.machine("h100-sxm", dtype="bf16")
names = ("llama-2-7b", "llama-3.1-8b", "qwen3-8b", "mistral-nemo-12b", "llama-3.1-405b")
ends = []
for name in names:
    step = rs.decode(rs.model(name)).at(**element_bytes("bf16"))
    at_large_batch = rs.compile(rs.results.limit_intensity(step).value)
    near, far = float(at_large_batch(L=0)), float(at_large_batch(L=10**9))
    edge = rs.results.compute_bound_context(step, machine)
    assert near > float(machine.ridge) > far
    ends.append(edge.whole)
    print(
        f"{step.model:18} I_∞ from {near:5.0f} to {far:4.1f} FLOP/B; "
        f"compute-bound decode up to L = {edge.whole}"
    )

# %%
# In numbers
# ----------
#
# Llama-3.1-8B on an H100. The whole number is checked on both sides: one sequence less, and memory
# binds.

decode = rs.decode(rs.model("llama-3.1-8b")).at(**element_bytes("bf16"))
edge = rs.results.compute_bound_context(decode, machine)
for context in (0, 128, 256, 320, int(edge.whole)):
    found = rs.results.critical_batch(decode.at(L=context), machine)
    for sequences, binds in ((found.whole - 1, "memory"), (found.whole, "compute")):
        assert rs.Roofline(decode.at(L=context, B=sequences), machine).bound == binds
    print(f"L = {context:3}: B* = {found.whole}")
beyond = rs.results.critical_batch(decode.at(L=int(edge.whole) + 1), machine)
assert beyond.outcome == "never"
print(f"L = {int(edge.whole) + 1}: {beyond.outcome}")

# %%
# The rule "ridge point times half the bytes of a weight" against that. It is never too high here,
# and there is no context for which it is right: activations alone push the batch out.

for context in (0, 128, 256, 320):
    ratio = rs.results.ridge_rule_ratio(decode.at(L=context), machine)
    exact = rs.results.critical_batch(decode.at(L=context), machine).value
    assert ratio.value * machine.ridge == exact
    assert ratio.value > 1
    print(f"L = {context:3}: {ratio.reading}")

# %%

intensity = rs.compile(decode.intensity)
batches = np.geomspace(1, 20000, 300)
fig, ax = plt.subplots(layout="constrained")
for context in (0, 128, int(edge.whole), 2048, 16384):
    ax.plot(batches, intensity(B=batches, L=context), label=f"L = {context}")
ax.axhline(float(machine.ridge), color="black", linestyle=":", label="ridge point")
ax.set(xscale="log", yscale="log", xlabel="batch B", ylabel="intensity of decode (FLOP/B)")
ax.set_title(f"{decode.model} on {machine.label}, {decode.convention}")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# What it means in practice
# -------------------------
#
# A larger batch always raises throughput of memory-bound decode, but beyond some hundreds of tokens
# of context it makes none of the models above compute-bound on such a machine, the largest aside.
# The peak is then not what one pays for: bandwidth, bytes of KV and capacity are. A rule "batch up
# to the ridge point" holds for short contexts only.

assert max(ends[:-1]) < 500 < ends[-1]

# %%
#
# Where it stops holding
# ----------------------
#
# Machines with more bandwidth per FLOP/s, models with fewer KV bytes per FLOP of attention (few KV
# heads, or a latent) move the edge out or remove it. With latent attention it depends on the ridge
# point whether there is one:

latent = rs.decode(rs.model("deepseek-v3")).at(**element_bytes("bf16"))
for name in ("h100-sxm", "h200-sxm"):
    other = rs.machine(name, dtype="bf16")
    edge = rs.results.compute_bound_context(latent, other)
    reach = f"up to L = {edge.whole}" if edge.outcome == "crosses" else edge.outcome
    print(f"{latent.model}, {other.label}: compute-bound decode {reach}")
assert edge.outcome == "always"

# %%
# Drafts that are verified in one step and prompts processed along with decode raise intensity
# without more sequences: they are other steps, ``(B, γ + 1, L)`` and chunks.

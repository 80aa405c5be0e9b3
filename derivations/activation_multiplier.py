"""
Where does c_act = 12 come from?
================================

**Question.** Estimates of memory traffic often count activations by a rule of thumb: ``c_act``
vectors of the model's width per token and layer, and document 000 says to use 12. Which number do
the operators imply, what does 12 count, and how far off is it for real models?
"""

# %%
# The number that the operators imply
# -----------------------------------
#
# The convention ``activation-multiplier`` is the rule. It moves as many bytes as another
# convention's layers do for one value of ``c_act``: an equation between two sums over ledger
# entries, solved for ``c_act``.

import matplotlib.pyplot as plt
import sympy

import roofsym as rs
from roofsym import catalog
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label
from roofsym.results import implied_multiplier
from roofsym.transformer import Attention, FeedForward, LayerGroup, Structure

general = implied_multiplier(rs.decode(rs.Transformer()))
general.derivation.view()

# %%
# In ratios to the model's width ``d``: 7 for the inputs of the five projections that read the
# residual stream and the outputs of the two that add to it, 4 for the queries' and outputs'
# width, 4 for the keys' and values', 3 for the gated feed-forward block. Fused attention moves
# the same per token in decode and prefill; unfused attention also moves its scores, which grow
# with the context.

d_model, query = sy.d_model, sy.n_heads * sy.head_dim
kv, d_ff, c_act = sy.n_kv_heads * sy.head_dim, sy.d_ff, Label("c_act", r"c_{\mathrm{act}}")
step = rs.step(rs.Transformer())
fused = 7 + 4 * query / d_model + 4 * kv / d_model + 3 * d_ff / d_model
d = Derivation("the implied multiplier", "gated feed-forward block, separate projections")
for phase in ("decode", "prefill", "chunk"):
    d.identity(f"{phase}, fused: each matmul's input and output",
               implied_multiplier(step.in_phase(phase)).general.value, fused, c_act)  # fmt: skip
unfused = rs.step(rs.Transformer(), "unfused-ops")
for phase, context in (("decode", sy.L + 1), ("prefill", sy.S)):
    d.identity(f"{phase}, unfused: and two norms, and four passes over the scores",
               implied_multiplier(unfused.in_phase(phase)).general.value,
               fused + 4 + 4 * sy.n_heads * context / d_model, c_act)  # fmt: skip
d.view()

# %%
# What 12 counts
# --------------
#
# Document 000 has multi-head attention and a plain feed-forward block of ``4 d``. Its bytes count
# the KV cache apart. What does the ledger count for that layer, tensor by tensor: reads, writes
# or both, with one matrix for queries, keys and values or three, with norms or without?

layer = {}
for one_matrix in (True, False):
    block = LayerGroup(
        attention=Attention(fused_qkv=one_matrix), feed_forward=FeedForward(gated=False)
    )
    model = rs.Transformer(
        Structure(groups=(block,)), n_kv_heads=sy.n_heads,
        head_dim=sy.d_model / sy.n_heads, d_ff=4 * sy.d_model,
    )  # fmt: skip
    for activations in ("matmuls", "operators", "pointwise"):
        ledger = rs.decode(model, rs.convention("fused-ops").replace(activations=activations))
        for access in ("read", "write"):
            kept = [e for e in ledger.entries if e.group and e.access == access]
            moved = ledger.keep(kept).activation_bytes / (sy.B * sy.n_layers * sy.b_a * d_model)
            layer[activations, access, one_matrix] = sympy.cancel(moved)
print("activations  Q K V    read  write  both")
for activations in ("matmuls", "operators", "pointwise"):
    for one_matrix in (True, False):
        read, written = (layer[activations, way, one_matrix] for way in ("read", "write"))
        matrices = "one  " if one_matrix else "three"
        print(f"{activations:12} {matrices}  {read!s:>6} {written!s:>6} {read + written!s:>5}")

twelve = {key for key, count in layer.items() if count == 12}
assert twelve == {
    ("operators", "read", True), ("operators", "write", True), ("operators", "write", False),
    ("matmuls", "read", False),
}  # fmt: skip
assert all(
    layer[a, "read", one] + layer[a, "write", one] > 12
    for a in ("matmuls", "operators", "pointwise")
    for one in (True, False)
)

# %%
# Twelve counts each tensor in one direction. With one matrix for queries, keys and values and the
# norms' outputs, the layer writes exactly twelve vectors - norm, query, key, value, attention's
# output, projection, norm, four for the inner width, and the block's output - and reads exactly
# twelve. Two of those written, key and value, go into the cache, which document 000 counts as the
# ``2`` of its ``2 + c_act``. If what is written is what its 12 means, the two are in it twice.

three = LayerGroup(attention=Attention(), feed_forward=FeedForward(gated=False))
model = rs.Transformer(
    Structure(groups=(three,)), n_kv_heads=sy.n_heads, head_dim=sy.d_model / sy.n_heads
)
ledger = rs.decode(model, rs.convention("fused-ops").replace(activations="operators"))
made = ledger.filter(operator=("k_proj", "v_proj"), kind="activation", access="write")
for what, written, element in (
    ("as outputs of their projections", made.activation_bytes, sy.b_a),
    ("into the cache", ledger.kv_write_bytes, sy.b_kv),
):
    vectors = sympy.cancel(written / (sy.B * sy.n_layers * element * d_model))
    print(f"keys and values written {what}: {vectors}")
    assert vectors == 2

# %%
# What goes through memory is both directions: 24. As a formula, for any width of the inner layer:

group = LayerGroup(attention=Attention(fused_qkv=True), feed_forward=FeedForward(gated=False))
plain = rs.Transformer(
    Structure(groups=(group,)), n_kv_heads=sy.n_heads, head_dim=sy.d_model / sy.n_heads
)
both = implied_multiplier(
    rs.decode(plain, rs.convention("fused-ops").replace(activations="operators"))
)
d = Derivation("what a layer of document 000 moves", "one matrix for Q, K and V, norms counted")
ratio = d.identity("Reads and writes", both.value, 16 + 2 * d_ff / d_model, c_act)
d.substitution("With an inner width of 4 d, twice twelve", c_act, ratio, {d_ff: 4 * d_model},
               sympy.Integer(24))  # fmt: skip
d.view()

# %%
smallest = rs.crossover(16 * d_model + 2 * d_ff, 12 * d_model, sy.d_ff)
print(f"More than 12, counted both ways, at every inner width: {smallest.outcome}.")
assert smallest.outcome == "always"

# %%
# Real models
# -----------
#
# Gated blocks, wider inner layers and narrower keys and values move the number; for all dense
# models of the catalogue, under ``fused-ops`` (norms and element-wise operators done on the way):


def dense(made):
    """Whether all layers have plain attention and a dense feed-forward block."""
    return all(
        isinstance(g.attention, Attention) and isinstance(g.feed_forward, FeedForward)
        for g in made.structure.groups
    )


found = {}
for name in catalog.records("models"):
    made = rs.model(name)
    if dense(made):
        multiplier = implied_multiplier(rs.decode(made)).value
        group, known = made.structure.groups[0], dict(made.values)
        inner = (group.feed_forward.d_ff / d_model).xreplace(known)
        share = (group.attention.n_kv_heads / group.attention.n_heads).xreplace(known)
        found[name] = (inner, share, group.feed_forward.gated, multiplier)
print(f"{'model':24} d_ff/d   KV/Q  gated  c_act  over 12")
for name, (inner, share, gated, multiplier) in sorted(found.items(), key=lambda x: x[1][3]):
    print(f"{name:24} {float(inner):6.2f} {float(share):6.3f}  {'yes' if gated else 'no ':5} "
          f"{float(multiplier):6.2f}  {float(multiplier) / 12:6.2f}")  # fmt: skip
assert len(found) > 30
assert all(multiplier > 15 for *_, multiplier in found.values())
assert found["llama-3.1-8b"][3] == sympy.Rational(45, 2)

# %%
# No dense model of the catalogue comes near 12: the rule is low by a quarter for Falcon-7B, with
# its one KV head and plain blocks, and by two thirds for the widest gated blocks.

least, most = (f(found.items(), key=lambda x: x[1][3]) for f in (min, max))
for name, (*_, multiplier) in (least, most):
    print(f"{name}: {float(multiplier):.2f}, 12 is low by {float(1 - 12 / multiplier):.1%}")
assert least[0] == "falcon-7b"
assert rs.model("falcon-7b").values[sy.n_kv_heads] == 1
assert 0.25 < 1 - 12 / least[1][3] < 0.26
assert sympy.Rational(2, 3) < 1 - 12 / most[1][3] < sympy.Rational(68, 100)

# %%
# Does it matter?
# ---------------
#
# In decode hardly: one sequence's activations are small beside the weights, those of many small
# beside their caches, unless these are short. In a prefill of many thousand tokens they are most of
# what is moved, and the bytes are low by nearly as much as ``c_act`` is.

llama = rs.model("llama-3.1-8b")
bf16 = {"b_w": 2, "b_a": 2, "b_kv": 2}
lengths = [2**k for k in range(4, 16)]
own = rs.prefill(llama).at(**bf16, B=1)
rule = rs.prefill(llama, "activation-multiplier").at(**bf16, B=1)
curves = {
    "operators": [float(own.at(S=n).bytes) for n in lengths],
    "c_act = 12": [float(rule.at(S=n, c_act=12).bytes) for n in lengths],
    "c_act = 22.5": [float(rule.at(S=n, c_act=22.5).bytes) for n in lengths],
}
worst = curves["c_act = 12"][-1] / curves["operators"][-1]
fitted = [b / a for a, b in zip(curves["operators"], curves["c_act = 22.5"], strict=True)]
one_token = rs.decode(llama).at(**bf16, B=1, L=4096).bytes
one_by_rule = rs.decode(llama, "activation-multiplier").at(**bf16, B=1, L=4096, c_act=12).bytes
print(f"32768 tokens: the rule with 12 counts {worst:.2f} of the bytes, with 22.5 {fitted[-1]:.4f}")
print(f"one token of decode: {float(one_by_rule / one_token):.5f}")
assert 0.5 < worst < 0.65
assert all(0.999 < x <= 1 for x in fitted)
assert abs(one_by_rule / one_token - 1) < sympy.Rational(1, 1000)


def share(ledger):
    """Activations' share of the bytes."""
    return ledger.activation_bytes / ledger.bytes


many = {context: rs.decode(llama).at(**bf16, L=context) for context in (128, 2048)}
most_of_all = float(sympy.limit(share(many[2048]), sy.B, sympy.oo))
print("activations' share of the bytes")
print(f"  decode at L = 2048: towards {most_of_all:.1%} as the batch grows; "
      f"at L = 128: {float(share(many[128].at(B=1024))):.0%} of 1024 sequences")  # fmt: skip
print(f"  prefill: {float(share(own.at(S=2048))):.0%} of 2048 tokens, "
      f"{float(share(own.at(S=8192))):.0%} of 8192")  # fmt: skip
assert all(share(many[2048].at(B=n)) < most_of_all < 0.025 for n in (1, 256, 1024, 10**6))
assert share(many[128].at(B=1024)) > sympy.Rational(1, 10)
assert share(own.at(S=2048)) < sympy.Rational(1, 2) < sympy.Rational(7, 10) < share(own.at(S=8192))

# %%
# The intensities of the two conventions differ by more than their bytes: the rule's also counts the
# pairs that a causal mask leaves out.

end = lengths[-1]
fewer_bytes = own.at(S=end).bytes / rule.at(S=end, c_act=12).bytes
more_flops = rule.at(S=end).flops / own.at(S=end).flops
times = rule.at(S=end, c_act=12).intensity / own.at(S=end).intensity
print(f"{end} tokens: {float(fewer_bytes):.2f} times fewer bytes, {float(more_flops):.2f} times as "
      f"many FLOPs, {float(times):.2f} times the intensity")  # fmt: skip
assert times == fewer_bytes * more_flops
off = found["llama-3.1-8b"][3] / 12
assert 0.9 * off < fewer_bytes < off < times

# %%
# Figure: the implied multiplier by inner width, and the bytes of a prefill
# -------------------------------------------------------------------------

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.4), layout="constrained")
for gated, colour, label in ((True, "#1f5fa8", "gated"), (False, "#c0561f", "plain")):
    points = [(float(x[0]), float(x[3])) for x in found.values() if x[2] == gated]
    left.plot(*zip(*points, strict=True), "o", color=colour, alpha=0.6, label=label)
left.axhline(12, color="#222222", linewidth=1, label="the rule: 12")
left.set(xlabel="inner width over model width, d_ff/d", ylabel="implied c_act", ylim=(0, None),
         title="dense models of the catalogue, fused-ops")  # fmt: skip
looks = (
    {"color": "#1f5fa8", "linewidth": 5, "alpha": 0.35},
    {"color": "#c0561f", "linestyle": "--"},
    {"color": "#222222", "linestyle": ":"},
)
for (name, values), look in zip(curves.items(), looks, strict=True):
    right.plot(lengths, [x / 1e9 for x in values], label=name, **look)
right.set(xscale="log", yscale="log", xlabel="prompt length S (tokens)",
          ylabel="bytes of a prefill (GB)", title=f"{llama.name}, fused-ops")  # fmt: skip
right.set_yticks([20, 50, 100, 200], ["20", "50", "100", "200"])
right.minorticks_off()
left.legend(frameon=False, loc="lower right")
right.legend(frameon=False)
for axes in (left, right):
    axes.grid(True, alpha=0.25)

# %%
# What it means in practice
# -------------------------
#
# - ``c_act = 12`` can be read as counting each intermediate tensor of a GPT-style layer once,
#   written or read, norms included; if written, the new key and value a second time, beside the
#   cache. Traffic is both directions, so 24 is the number that the same layer moves, and 20 if
#   norms are done on the way.
# - For Llama-style models use ``7 + 4 (q + kv)/d + 3 d_ff/d``: 22.5 for Llama-3.1-8B, with ``q``
#   and ``kv`` the widths of queries and of keys.
# - It decides next to nothing in decode with thousands of tokens cached, and nearly everything in
#   the bytes of a long prefill. There, prefill is compute-bound anyway, unless the machine's ridge
#   point is far above that of an H100.

machine = rs.machine("h100-sxm", dtype="bf16")
assert 6 * machine.ridge < own.at(S=8192).intensity < rule.at(S=8192, c_act=12).intensity

# %%
# Where it stops holding
# ----------------------
#
# The number is a property of the layer and of what is fused, not of models in general: fusing the
# feed-forward block's activation into its matrices, or keeping tensors in a cache between two
# kernels, lowers it; unfused attention adds ``4 n_heads`` per token of context over ``d``. A rule
# in one number cannot have mixtures of experts, where activations follow the experts chosen.

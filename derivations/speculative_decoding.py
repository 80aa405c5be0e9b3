"""
Speculative decoding: when does checking beat writing?
======================================================

**Question.** A small model drafts ``γ`` tokens, and the large one checks them all in one step. The
step reads the weights and the KV cache once, whatever ``γ``: FLOPs that memory-bound decode leaves
idle are spent to save steps. What does a round gain and cost on the roofline, from which acceptance
rate on does it pay, up to which batch, and how many tokens are to be drafted?

Model of acceptance: Leviathan, Kalman and Matias, "Fast Inference from Transformers via Speculative
Decoding" (2023): each draft token is accepted with probability ``p`` if those before it were.
"""

# %%
# The intensity of checking
# -------------------------
#
# Document 004 writes the step with ``S_i`` new tokens on ``S_c`` cached ones. That is
# verification, with ``S_i = γ + 1``. Its FLOPs leave out that the new tokens attend to each
# other, and its bytes count one of K and V.

import matplotlib.pyplot as plt
import sympy

import roofsym as rs
from roofsym import speculative
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label
from roofsym.results import speculative as results_speculative
from roofsym.transformer import FeedForward, LayerGroup, Structure

block = Structure(groups=(LayerGroup(feed_forward=FeedForward(gated=False)),))
model = rs.Transformer(
    block, n_kv_heads=sy.n_heads, head_dim=sy.d_model / sy.n_heads, d_ff=4 * sy.d_model
)
layers = rs.convention("residual-io").replace(
    name="the layers alone", lm_head="none", embedding="none", vectors=False
)
verify = rs.verify(model, layers).at(b_a=2, b_w=2, b_kv=2)

B, L, N, H, gamma = sy.B, sy.L, sy.n_layers, sy.d_model, sy.gamma
new = gamma + 1
KV = sy.extra(
    "cached bytes", "B", "bytes of KV cache read and written", text="Q_kv",
    latex=r"Q_{\mathrm{kv}}", role="quantity",
)  # fmt: skip
d = Derivation("one verification step", "the model of document 004")
d.identity("FLOPs: what document 004 has, and the new tokens' attention to each other",
           verify.flops, N * (24 * B * new * H**2 + 4 * B * new * L * H) + 4 * N * B * new**2 * H,
           sy.flops)  # fmt: skip
d.identity("KV cache: what document 004 has, and the other one of cached K and V", verify.kv_bytes,
           N * (B * L * H + 2 * B * new * H) * 2 + 2 * N * B * L * H,
           KV)  # fmt: skip
quotient = B * new * (6 * H + L + new) / (6 * H + B * (L + 2 * new))
d.identity("Intensity: the layers' weights, the cache, and activations into and out of each layer",
           verify.intensity, quotient, sy.intensity)  # fmt: skip
d.limit("Many sequences of a long context each: of the cache, every new token uses each element",
        sy.intensity, sympy.limit(quotient, B, sympy.oo), L, new)  # fmt: skip
weights = rs.verify(rs.Transformer(), "weights-only").at(b_w=2)
d.identity("As long as only the weights count, intensity grows with the drafts as with the batch",
           weights.intensity, B * new, Label("I_w", r"I_{\mathrm{w}}", "FLOP/B"))  # fmt: skip
d.view()

# %%
# A draft of four is worth a batch five times as large, as far as weights go. The KV cache is
# better still: a larger batch brings its own, drafts share it. Intensity of 64 sequences at 8192
# cached tokens, Llama-3.1-8B, with logits at all positions, as verification needs them:

logits = rs.convention("fused-ops").replace(name="fused-ops, all logits", lm_head="all")
llama = rs.step(rs.model("llama-3.1-8b"), logits).at(b_w=2, b_a=2, b_kv=2)
h100 = rs.machine("h100-sxm", dtype="bf16")
at = {n: llama.in_phase("verify").at(B=64, L=8192, gamma=n).intensity for n in (0, 1, 4, 8)}
for n, intensity in at.items():
    print(f"B = 64, γ = {n}: {float(intensity):6.1f} FLOP/B")
five_fold = llama.in_phase("decode").at(B=320, L=8192).intensity
assert at[4] > 4 * at[0], "drafts raise intensity nearly by their number,"
assert five_fold < 1.5 * at[0], "a batch as much larger hardly does"

# %%
# What a round gains
# ------------------
#
# The expected number of tokens is ``1 + p + p² + … + p^γ``: one that the step itself writes, and
# the first ``i`` drafts are all accepted with probability ``p^i``.

p, c = sy.acceptance, sy.draft_cost
closed = speculative.tokens_per_round()
expanded = {p ** (gamma + 1): p * p**gamma, p ** (gamma + 2): p**2 * p**gamma}
d = Derivation("tokens per round", "acceptance p, γ drafts")
d.define("Expected tokens", sy.tokens_per_round, closed)
longer = speculative.tokens_per_round(gamma + 1).xreplace(expanded)
more = Label("ℰ(γ + 1) − ℰ(γ)", r"\mathcal{E}(\gamma + 1) - \mathcal{E}(\gamma)")
d.identity("One more draft adds the chance that all are accepted",
           longer - closed.xreplace(expanded), p * p**gamma, more)  # fmt: skip
d.identity("And without drafts there is the step's own", closed.xreplace({gamma: sympy.S.Zero}),
           sympy.S.One, Label("ℰ(0)", r"\mathcal{E}(0)"))  # fmt: skip
d.view()

# %%
assert speculative.tokens_per_round(4).xreplace({p: sympy.Rational(4, 5)}) == sympy.Rational(
    2101, 625
)

# %%
# How many drafts
# ---------------
#
# While verification costs what a decode step costs, a round takes ``1 + γ δ`` of them, and the
# speed-up is ``ℰ/(1 + γ δ)``. One more draft pays while ``G(γ) > 0``, with ``G`` as below - and
# ``G`` only falls, so the first number at which another draft does not pay is the best one.

short = closed.xreplace(expanded)
compared = longer * (1 + gamma * c) - short * (1 + (gamma + 1) * c)
d = Derivation("the best number of drafts", "verification at the price of a decode step")
gain = d.identity(
    "ℰ(γ + 1)/(1 + (γ + 1) δ) exceeds ℰ(γ)/(1 + γ δ) just while this is positive",
    compared, p * p**gamma * (1 + gamma * c) - c * short, Label("G(γ)", r"G(\gamma)"),
)  # fmt: skip
after = gain.xreplace({gamma: gamma + 1}).xreplace({p ** (gamma + 1): p * p**gamma})
d.identity("It falls with each draft, p being a probability", after - gain,
           -p * p**gamma * (1 - p) * (1 + (gamma + 1) * c),
           Label("G(γ + 1) − G(γ)", r"G(\gamma + 1) - G(\gamma)"))  # fmt: skip
d.identity("A first draft pays if it is accepted more often than it costs",
           gain.xreplace({gamma: sympy.S.Zero}), p - c, Label("G(0)", "G(0)"))  # fmt: skip
d.view()

# %%
alone = llama.at(B=1, L=128)
best = speculative.best_draft(alone, h100, acceptance=0.8, draft_cost=0.05)
tenths = {p: sympy.Rational(4, 5), c: sympy.Rational(1, 20)}
signs = [gain.xreplace({**tenths, gamma: sympy.Integer(n)}) > 0 for n in range(12)]
print(f"p = 0.8, δ = 0.05: draft {signs.index(False)}")
print(f"on the roofline of {h100.label}: draft {best.gamma} (speed-up {float(best.speed_up):.2f})")
assert best.gamma == signs.index(False) == 8
for n, pays in enumerate(signs):
    speed = sum(0.8**k for k in range(n + 1)) / (1 + 0.05 * n)
    assert (0.8 ** (n + 1) > 0.05 * speed) == pays

# %%
# From which acceptance it pays
# -----------------------------
#
# With a batch, verification costs more than a decode step: the roofline says how much.

four = llama.at(B=64, L=1024, gamma=4, draft_cost=0.05)
acceptance = results_speculative.break_even_acceptance(four, h100)
acceptance.derivation.view()

# %%
# In numbers, a verification takes little more than a decode step of 64 sequences, and little
# acceptance pays for it and for the drafting. Of many more sequences it is compute-bound, and needs
# more.

paid = Derivation(
    "64 sequences of 1024 tokens", acceptance.derivation.subject,
    acceptance.derivation.values, definitions=acceptance.derivation.definitions,
)  # fmt: skip
paid.reproduced("A verification of four drafts takes, in decode steps,",
                [(sy.verify_cost, sy.verify_cost, "1.067")])  # fmt: skip
P_STAR = Label("p*", "p^{*}")
paid.reproduced("Speculation stops paying below", [(P_STAR, acceptance.value, "0.2112")])
wide = four.in_phase("verify").at(B=1024)
from_there = results_speculative.break_even_acceptance(four.at(B=1024), h100)
paid.reproduced("and of 1024 such sequences, below", [(P_STAR, from_there.value, "0.4873")])
paid.below("whose verification is compute-bound", h100.ridge,
           wide.intensity, "FLOP/B")  # fmt: skip
paid.view("numbers")

# %%
for rate, pays in ((acceptance.value - 0.01, False), (acceptance.value + 0.01, True)):
    gained = speculative.speed_up(four, h100, 4, float(rate), 0.05)
    assert (gained > 1) == pays

# %%
# Up to which batch it pays
# -------------------------
#
# A batch large enough makes verification compute-bound, and then each draft costs in full what it
# may gain only in part. Whether such a batch exists is decided by the context: with ``g`` decode
# steps that verification may take, ``f_v`` FLOPs of it and ``q_0`` bytes of a decode step per
# sequence, it is ``B* = I* w g / (f_v − I* g q_0)``, and ``q_0`` grows faster with the context
# than ``f_v`` does on any machine with a high ridge point.

drafts = llama.at(gamma=4, acceptance=0.8, draft_cost=0.05)
batch = results_speculative.break_even_batch(drafts.at(L=128), h100)
batch.derivation.view()

# %%
long = results_speculative.break_even_batch(drafts.at(L=8192), h100)
print(f"At L = 128 it stops paying at {batch.whole} sequences.")
print(f"At L = 8192: {long.outcome}; {long.reason}.")
ridge = sy.peak / sy.bandwidth
stated = ridge * sy.w * sy.allowance / (sy.verify_flops - ridge * sy.allowance * sy.plain_bytes)
assert any(sympy.cancel(branch.value - stated) == 0 for branch in batch.general.branches)
assert batch.outcome == "crosses"
assert speculative.speed_up(llama.at(B=batch.value, L=128), h100, 4, 0.8, 0.05) == 1
assert long.outcome == "never"

# %%
# At long contexts
# ----------------
#
# At a long context both steps are memory-bound at every batch. A verification then takes little
# more than a decode step, and what a round has to gain is bounded: with an acceptance beyond that
# bound it pays at every batch, with one that does not even make up for the drafting at none.

everywhere = Derivation(
    "speculation at every batch", long.derivation.subject,
    {**long.derivation.values, **h100.values}, definitions=long.derivation.definitions,
)  # fmt: skip
every_round = speculative.tokens_per_round(4)
for what, done, read in (
    ("A verification", sy.verify_flops, sy.verify_bytes),
    ("a decode step", sy.plain_flops, sy.plain_bytes),
):
    everywhere.below(f"{what} at 8192 cached tokens is memory-bound in what each sequence adds",
                     done / sy.peak, read / sy.bandwidth, "s")  # fmt: skip
priced = (sy.w + B * sy.verify_bytes) / (sy.w + B * sy.plain_bytes)
everywhere.define("so that a verification takes, in decode steps,", sy.verify_cost, priced)
most = sy.verify_bytes / sy.plain_bytes
everywhere.below("It takes less than", priced, most)
everywhere.below("and more than one", sympy.S.One, priced)
ENOUGH, LEAST = Label("p_every", r"p_{\mathrm{every}}"), Label("p_none", r"p_{\mathrm{none}}")
enough, least = (
    rs.crossover(every_round, everywhere.evaluate(price + 4 * c), p).value
    for price in (most, sympy.S.One)
)
everywhere.reproduced("Four drafts gain q_v/q_0 + 4 δ, with δ = 0.05, at an acceptance of",
                      [(ENOUGH, enough, "0.1827")])  # fmt: skip
everywhere.reproduced("and 1 + 4 δ at",
                      [(LEAST, least, "0.1668")])  # fmt: skip
everywhere.view("numbers")

# %%
outcomes = {
    rate: results_speculative.break_even_batch(drafts.at(L=8192, acceptance=rate), h100).outcome
    for rate in (0.1, 0.166, 0.183, 0.5)
}
for rate, outcome in outcomes.items():
    pays = {"always": "at no batch", "never": "at every batch"}[outcome]
    print(f"At L = 8192 and p = {rate}, it pays {pays}.")
assert list(outcomes.values()) == ["always", "always", "never", "never"]

# %%
# Figure: speed-up by batch, by context and by length of the draft
# ----------------------------------------------------------------

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")
batches = [2**k for k in range(13)]
colours = ("#1f5fa8", "#c0561f", "#3a7d44", "#7b4397")
for context, colour in zip((128, 1024, 8192), colours, strict=False):
    speed = [
        float(speculative.speed_up(llama.at(B=n, L=context), h100, 4, 0.8, 0.05)) for n in batches
    ]
    left.plot(batches, speed, "o-", color=colour, label=f"L = {context}")
left.axhline(1, color="#888888", linewidth=0.8)
left.axvline(float(batch.value), color=colours[0], linewidth=0.8, linestyle=":")
left.set(xscale="log", xlabel="batch B", ylabel="speed-up over plain decode",
         title=f"{llama.model} on H100 SXM: γ = 4, p = 0.8, δ = 0.05")  # fmt: skip
left.legend(frameon=False)
lengths = range(17)
for rate, colour in zip((0.5, 0.7, 0.8, 0.9), colours, strict=True):
    speed = [float(speculative.speed_up(alone, h100, n, rate, 0.05)) for n in lengths]
    right.plot(lengths, speed, "o-", color=colour, label=f"p = {rate}")
    top = max(lengths, key=lambda n, speed=speed: speed[n])
    right.plot(top, speed[top], "o", color=colour, markersize=11, fillstyle="none")
right.axhline(1, color="#888888", linewidth=0.8)
right.set(
    xlabel="draft tokens γ",
    ylabel="speed-up over plain decode",
    title=f"B = 1, δ = 0.05, {alone.convention}",
)
right.legend(frameon=False)
for axes in (left, right):
    axes.grid(True, alpha=0.25)

# %%
# What it means in practice
# -------------------------
#
# - For one sequence or a few, verification is nearly free, and the draft's own time is what
#   limits: draft until the chance that everything so far is accepted has fallen to what a draft
#   costs, times the speed-up so far.
# - At short contexts speculation is for small batches; beyond the break-even batch, switch it
#   off. At 1024 tokens, four drafts pay from an acceptance of 0.21 for 64 sequences, and only from
#   0.49 for 1024.
# - At long contexts what is read is the KV cache, and drafts share it. Verification stays cheap at
#   every batch, and acceptance has to pay for little but the drafting: four drafts at a twentieth
#   of a decode step each pay at every batch from an acceptance of 0.183 on, with 8192 tokens
#   cached, and at none below 0.166.
#
# Where it stops holding
# ----------------------
#
# Acceptance is neither independent nor the same at each position; measured rates fall along the
# draft. ``δ`` is taken as a constant, though a draft model has a KV cache of its own that grows
# with the batch. Both times are the roofline's, without launches and sampling.

"""
Document 000: what bounds prefill and decode, with a multiplier for activations
===============================================================================

Document 000 gives compute and memory time of prefill and decode in closed form, with an activation
multiplier and a feed-forward ratio, and draws them for a 70B model over context and batch.

**Question.** Do the closed forms follow, and is it the context that decides what binds, with the
batch scaling both sides alike, as the document says?
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy

import roofsym as rs
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label, checked
from roofsym.transformer import FeedForward, LayerGroup, Structure

# %%
# Assumptions
# -----------
#
# In its letters a step has ``S`` requests of ``L`` tokens; here ``B`` sequences of ``S`` new tokens
# on ``L`` cached ones, so its ``S`` is ``B`` and its ``L`` is ``S`` in prefill and ``L`` in decode.
# Its convention is ``activation-multiplier``:
#
# - FLOPs are those of matrix multiplications, the whole square of a prompt (``mask="full"``);
# - bytes are weights, cache (``kv="read+write"``) and ``c_act`` activations of the width of the
#   residual stream per token and layer (``activations="multiplier"``);
# - embedding, LM head and norms are left out (``lm_head="none"``, ``embedding="none"``,
#   ``vectors=False``).
#
# All elements have one size ``b``, heads together are as wide as the residual stream, and the
# feed-forward block has two matrices, ``r`` times as wide: ``r = d_ff / d_model``.

B, S, L, d, n = sy.B, sy.S, sy.L, sy.d_model, sy.n_layers
r, b, c = sy.d_ff / sy.d_model, sy.b_w, sy.c_act
PLAIN = {sy.n_kv_heads: sy.n_heads, sy.head_dim: d / sy.n_heads}
ONE_SIZE = {sy.b_a: b, sy.b_kv: b}
IN_VIEW = sy.extra(
    "in_view", "token", "tokens in view per sequence, the new one among them", text="L_v",
    latex=r"L_{\mathrm{v}}", beside=L,
)  # fmt: skip

model = rs.Transformer(
    Structure(groups=(LayerGroup(feed_forward=FeedForward(gated=False), norms=()),)),
    name="plain decoder",
)
rules = rs.convention("activation-multiplier").replace(
    name="document 000", lm_head="none", embedding="none", vectors=False
)
prefill, decode = rs.prefill(model, rules), rs.decode(model, rules)
COMPUTE = Label("T_compute", r"T_{\mathrm{compute}}")
MEMORY = Label("T_memory", r"T_{\mathrm{memory}}")

# %%
# Prefill
# -------
#
# Both times follow. What the document calls the FLOPs "per layer, across S requests" does not: the
# number of requests is missing from that line, and back in the next. Its ``2 m n p`` FLOPs for a
# matrix product are those of the ledger, and of its token budget ``P = S·L`` the linear layers and
# all bytes but the weights are functions, attention is not.

one = Derivation("Times of a prefill", "plain decoder, counted as document 000")
product = prefill.filter(operator="up_proj", quantity="flops").symbolic("flops")
one.identity(
    "A matrix product of B S rows, d_model inputs and d_ff outputs, in every layer", product,
    n * 2 * (B * S) * d * sy.d_ff,
    Label("F_up", r"F_{\mathrm{up}}", "FLOP", "FLOPs of the up projections"),
)  # fmt: skip
work = one.total("FLOPs, summed over the ledger", sy.flops, prefill, "flops")
per_request = (8 + 4 * r) * S * d**2 + 4 * S**2 * d
prompt_flops = one.substitution(
    "In the document's dimensions", sy.flops, work.expr, PLAIN, n * B * per_request
)
one.refuted("Per layer, across the requests", Label("F per layer"), prompt_flops / n, per_request)
moved = one.total("Bytes, summed over the ledger", sy.bytes_, prefill, "bytes")
prompt_bytes = n * ((4 + 2 * r) * d**2 + (2 + c) * B * S * d) * b
prompt_bytes = one.substitution(
    "In the document's dimensions", sy.bytes_, moved.expr, {**PLAIN, **ONE_SIZE}, prompt_bytes
)
one.identity(
    "The token budget P = B S decides on what one prompt of as many tokens would move",
    prompt_bytes.xreplace({S: B * S, B: sympy.S.One}), prompt_bytes,
    Label("Q(B = 1, S = P)", r"Q(B = 1, \, S = P)", "B"),
)  # fmt: skip
one.below(
    "but not on its FLOPs: two prompts take less than one that is twice as long",
    prompt_flops.xreplace({B: sympy.Integer(2)}),
    prompt_flops.xreplace({S: 2 * S, B: sympy.S.One}),
)  # fmt: skip
one.substitution("Compute time", COMPUTE, work.expr / sy.peak, PLAIN, n * B * per_request / sy.peak)
one.substitution(
    "Memory time",
    MEMORY,
    moved.expr / sy.bandwidth,
    {**PLAIN, **ONE_SIZE},
    prompt_bytes / sy.bandwidth,
)
one.view()

# %%
# Decode
# ------
#
# The bytes follow. The FLOPs are short of the token's attention to itself, whose key and value the
# bytes do write. Read with ``L_v = L + 1`` tokens in view, the new one among them and joined to the
# cache first (``new_kv="cached"``), FLOPs and bytes follow together. What the document calls bytes
# "per token" are those of a step, as its heading says, in which every request gets one. "Decode
# grows linearly in L" holds, of both, from the weights and the projections on, which no context
# changes.

two = Derivation("Times of a decode step", "plain decoder, counted as document 000")
work = two.total("FLOPs, summed over the ledger", sy.flops, decode, "flops")
step_flops = n * B * ((8 + 4 * r) * d**2 + 4 * (L + 1) * d)
step_flops = two.substitution(
    "In the document's dimensions", sy.flops, work.expr, PLAIN, step_flops
)
printed = n * B * ((8 + 4 * r) * d**2 + 4 * L * d)
two.refuted("Past tokens alone", sy.flops, step_flops, printed)
two.approximation("For long contexts it is the same", sy.flops, step_flops, printed, L, sympy.oo)
moved = two.total("Bytes, summed over the ledger", sy.bytes_, decode, "bytes")
step_bytes = n * ((4 + 2 * r) * d**2 + (2 * B * L + (2 + c) * B) * d) * b
step_bytes = two.substitution(
    "In the document's dimensions", sy.bytes_, moved.expr, {**PLAIN, **ONE_SIZE}, step_bytes
)
two.substitution(
    "Memory time", MEMORY, moved.expr / sy.bandwidth, {**PLAIN, **ONE_SIZE},
    step_bytes / sy.bandwidth,
)  # fmt: skip
two.refuted(
    "Per layer, across the requests", Label("F per layer"), step_flops / n, printed / (n * B)
)
two.identity(
    "Each of the tokens that a step yields has its part of the weights, and a cache of its own",
    step_bytes / B, n * ((4 + 2 * r) * d**2 / B + (2 * L + 2 + c) * d) * b, Label("Q / B"),
)  # fmt: skip
longer = {L: L + 1}
two.identity(
    "Each token more in the context adds the same FLOPs: they grow linearly",
    step_flops.xreplace(longer) - step_flops, 4 * n * B * d,
    Label("F(L + 1) − F(L)", "F(L + 1) - F(L)"),
)  # fmt: skip
two.identity(
    "and so do the bytes", step_bytes.xreplace(longer) - step_bytes, 2 * n * B * d * b,
    Label("Q(L + 1) − Q(L)", "Q(L + 1) - Q(L)"),
)  # fmt: skip
two.below(
    "which is linear and no proportion: twice the context takes less than twice the FLOPs",
    step_flops.xreplace({L: 2 * L}), 2 * step_flops,
)  # fmt: skip
view, read_so = {L: IN_VIEW - 1}, {L: IN_VIEW}
flops_in_view = two.substitution(
    "With the tokens in view in the place of L", sy.flops, step_flops, view,
    printed.xreplace(read_so),
)  # fmt: skip
two.identity(
    "so that compute time follows", step_flops.xreplace(view) / sy.peak, flops_in_view / sy.peak,
    COMPUTE,
)  # fmt: skip
joined = rs.decode(model, rules.replace(new_kv="cached"))
read = joined.symbolic("bytes").xreplace({**PLAIN, **ONE_SIZE}).xreplace(view)
bytes_in_view = two.identity(
    "and the bytes of the cache that it joined", read, step_bytes.xreplace(read_so),
    Label("Q_joined", r"Q_{\mathrm{joined}}", "B",
          "bytes of a step whose new tokens join the cache first"),
)  # fmt: skip
two.view()

# %%
# In the document's own letters, with ``L_v`` for its ``L``, the two times of a decode step:

lettered = Derivation("Decode in the document's letters", "plain decoder, counted as document 000")
lettered.identity(
    "Compute time", step_flops.xreplace(view) / sy.peak, flops_in_view / sy.peak, COMPUTE
)
lettered.identity("Memory time", read / sy.bandwidth, bytes_in_view / sy.bandwidth, MEMORY)
lettered.view(notation="guesstimator")

# %%
# The model that it draws
# -----------------------
#
# 80 layers of width 8192 with ``r = 4`` and ``c_act = 12`` in two bytes, on an A100 of 40 GB. (The
# document's configuration is in a file of its own; width and depth are those of Llama-3-70B, ratio
# and multiplier those of its text.) Its balance of about 200 FLOP/B is right, from dense peaks,
# which it calls sustained. One such GPU does not hold a third of the weights.

machine = rs.machine("a100-40gb-sxm", dtype="fp16")
llama = rs.model("llama-3-70b")
SIZES = {
    n: llama.values[n], d: llama.values[d], sy.d_ff: 4 * llama.values[d], c: sympy.Integer(12),
    b: sympy.Integer(2),
}  # fmt: skip
KNOWN = {**SIZES, **machine.values, sy.ridge: machine.ridge}
seventy = Derivation("The 70B model", "80 layers of width 8192 on A100 40GB", KNOWN)
seventy.reproduced("Peak", [(sy.peak, sy.peak, "3.12e14")], "FLOP/s")
seventy.reproduced("Bandwidth", [(sy.bandwidth, sy.bandwidth, "1.555e12")], "B/s")
seventy.reproduced(
    "Balance, which it has as about 200", [(sy.ridge, sy.peak / sy.bandwidth, "200.6")], "FLOP/B"
)
weights = n * (4 + 2 * r) * d**2 * b
seventy.reproduced(
    "The weights of the layers", [(Label("Q_w", r"Q_{\mathrm{w}}"), weights, "129e9")], "B"
)
seventy.below("are more than three times the memory", 3 * sy.capacity, weights)
seventy.view()

# %%
# Does the batch scale both sides alike?
# --------------------------------------
#
# "S scales both compute and memory similarly", says the document. Compute time is proportional to
# the batch. Memory time is not: the weights are read once for all. Two batches instead of one never
# take twice the memory time, and in decode of short contexts, where they are small, next to nothing
# more. So the batch moves the intensity, at every size, and ever less as caches and activations
# come to outweigh the weights.

alike = Derivation("Twice the batch", "plain decoder, counted as document 000")
twice, ratio = {B: 2 * B}, Label("ratio")
MORE = sy.extra("more", "1", "sequences, in addition to others", text="m", latex="m")
prompt_growth = 2 * (d * (r + 2) + (2 + c) * B * S) / (2 * d * (r + 2) + (2 + c) * B * S)
step_growth = 2 * (d * (r + 2) + B * (2 * L + 2 + c)) / (2 * d * (r + 2) + B * (2 * L + 2 + c))
for name, computed, moved, growth in (
    ("Prefill", prompt_flops, prompt_bytes, prompt_growth),
    ("Decode", step_flops, step_bytes, step_growth),
):
    doubled = computed.xreplace(twice) / computed
    alike.identity(f"{name}: compute time doubles", doubled, sympy.Integer(2), ratio)
    alike.identity("Memory time grows by", moved.xreplace(twice) / moved, growth, ratio)
    alike.refuted("which is not the same", ratio, growth, sympy.Integer(2))
    alike.below("but less, at every batch and length", growth.cancel(), sympy.Integer(2))
    gain = (computed / moved).xreplace(twice) / (computed / moved)
    alike.identity("Intensity grows by what is left", gain, 2 / growth, ratio)
    larger = (computed / moved).xreplace({B: B + MORE}) / (computed / moved)
    alike.below("and not only when it doubles: m more requests raise it, too", sympy.Integer(1),
                larger.cancel())  # fmt: skip
    alike.below("Doubling a batch that is larger by m raises it less",
                gain.xreplace({B: B + MORE}).cancel(), gain.cancel())  # fmt: skip
for where, growth, length, times in (
    ("Two sequences with 128 cached tokens, over one", step_growth, {L: 128}, "1.003"),
    ("with 32768", step_growth, {L: 32768}, "1.400"),
    ("Two prompts of 16 tokens, over one", prompt_growth, {S: 16}, "1.002"),
    ("of 2048", prompt_growth, {S: 2048}, "1.226"),
):
    grown = growth.xreplace({**SIZES, B: sympy.S.One}).xreplace(length)
    alike.reproduced(f"{where}, in memory time of the 70B model", [(ratio, grown, times)])
alike.view()

# %%
# Where the two times meet, exactly, in place of a band of 5 % on a grid. In decode: the critical
# batch, which exists up to a context of 239 tokens. In prefill: the length, which falls as the
# batch grows, because what is shared is the tokens of the step, whoever they belong to.

bound = model.at(
    n_layers=SIZES[n], d_model=d, d_ff=SIZES[sy.d_ff], n_kv_heads=sy.n_heads,
    head_dim=d / sy.n_heads,
).at(d_model=SIZES[d], head_dim=SIZES[d] / sy.n_heads)  # fmt: skip
bytes_each = {"b_w": 2, "b_a": 2, "b_kv": 2, "c_act": 12}
step = rs.decode(bound, rules).at(**bytes_each)
prompt = rs.prefill(bound, rules).at(**bytes_each)
reach = rs.results.compute_bound_context(step, machine)
critical = rs.results.critical_batch(step, machine)
critical.derivation.view()

# %%
meets = Derivation("Where compute and memory time meet", "80 layers of width 8192", KNOWN)
BATCH, CONTEXT, LENGTH = Label("B*", "B^{*}"), Label("L_max", r"L_{\max}"), Label("S*", "S^{*}")
meets.reproduced("Decode, last context", [(CONTEXT, reach.value, "239")], "token")
for context, batch in ((16, "221"), (128, "444")):
    at = rs.results.critical_batch(step.at(L=context), machine)
    meets.reproduced(f"Decode at {context} cached tokens", [(BATCH, at.value, batch)])
for batch, length in ((1, "206"), (16, "13")):
    first = rs.results.prefill_critical_length(prompt.at(B=batch), machine).whole
    meets.reproduced(
        f"First compute-bound length at a batch of {batch}",
        [(LENGTH, sympy.Integer(first), length)],
    )
there = prompt.at(B=1, S=206)
meets.reproduced(
    "At 206 tokens the ratio of the two times has just passed 1",
    [(Label("ratio"), there.intensity / machine.ridge, "1.002")],
)
meets.reproduced(
    "The document marks that place on its surface of the ratio at a height of the compute time",
    [(Label("height"), there.flops / machine.peak, "0.0854")], "s",
)  # fmt: skip
meets.view()

# %%
# The document's grids: contexts ``arange(a, b + s, s)``, batches of decode ``arange(a, b, s)``. The
# first reach their end ``b``, whether or not the step divides it; the second stop short of it.

for start, end, by in ((1, 65, 1), (1, 64, 8), (8, 512, 8), (128, 8192, 100)):
    batches, contexts = np.arange(start, end, by), np.arange(start, end + by, by)
    if batches[-1] >= end or contexts[-1] < end:
        raise rs.ProofError(f"a grid from {start} to {end} by {by} ends elsewhere")
print("Contexts reach their end, batches of decode do not.")

# %%
# What the context does
# ---------------------
#
# One sequence alone is memory-bound at every context, the empty one included, and until 49152
# tokens it is the weights that it reads, not the cache. The document's 32 sequences read more cache
# than weights from 1536 tokens on, and are memory-bound at every context, too.
#
# Prefill "grows O(L²) due to attention; tends compute-bound for large L": both are so, and the
# first is not why. Its intensity grows without bound, but where it passes the ridge point,
# attention is 0.4 % of the work; and the linear layers alone would pass it, too.

alone = Derivation("The context", "80 layers of width 8192 on A100 40GB", KNOWN)
intensity = (step_flops / step_bytes).cancel()
alone.below("One sequence has an intensity below 1, at every context",
            intensity.xreplace({B: sympy.S.One}), sympy.Integer(1), "FLOP/B")  # fmt: skip
alone.below("32 sequences have one below the ridge point, at every context",
            intensity.xreplace({B: sympy.Integer(32)}), sy.ridge, "FLOP/B")  # fmt: skip
wall = {x: rs.results.kv_overtakes_weights(step.at(B=x)).value for x in (1, 32)}
WALL = Label("L*", "L^{*}")
alone.reproduced("Cache reads overtake weight reads, alone", [(WALL, wall[1], "49152")], "token")
alone.reproduced("and with 32 sequences", [(WALL, wall[32], "1536")], "token")
reads = 2 * n * L * d * b
share = (reads.xreplace({L: sympy.Integer(4096)}) / weights).cancel()
alone.reproduced("Cache over weights, one sequence of 4096", [(Label("share"), share, "0.083")])
linear = prefill.filter(kind="linear").symbolic("flops").xreplace(PLAIN)
quadratic = prefill.filter(kind="attention").symbolic("flops").xreplace(PLAIN)
alone.limit("As a prompt grows, the intensity of its prefill", sy.intensity,
            (prompt_flops / prompt_bytes).cancel(), S, sympy.oo)  # fmt: skip
without = (linear / prompt_bytes).cancel()
ceiling = (8 + 4 * r) * d / ((2 + c) * b)
alone.limit("and that of its linear layers alone", sy.intensity, without, S, ceiling)
alone.below("which is beyond the ridge point as well", sy.ridge, ceiling, "FLOP/B")
part = (quadratic / (linear + quadratic)).cancel().xreplace({S: sympy.Integer(206)})
alone.reproduced(
    "Share of attention in the FLOPs of a prefill that turns compute-bound",
    [(Label("share"), part, "0.004")],
)  # fmt: skip
same = rs.results.attention_overtakes_linear(prompt.at(B=1))
alone.reproduced("Attention overtakes the linear layers", [(LENGTH, same.value, "49152")])
grouped = rs.decode(bound.at(n_kv_heads=sy.n_heads / 8), rules).at(**bytes_each)
farther = rs.results.compute_bound_context(grouped, machine)
alone.below(
    "With eight query heads per key/value head, some batch is compute-bound seven times as far out",
    7 * reach.value, farther.value, "token",
)  # fmt: skip
alone.view()

# %%
# The document's curves (its batches of 1 and 16 in prefill, 1 and 32 in decode), and the boundaries
# that its surfaces mark by dots, as curves.

fig, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
fig.suptitle(f"80 layers of width 8192 on {machine.label}, as document 000 counts")
for ax, ledger, letter, sizes, label in (
    (left, prompt, "S", (1, 16), "tokens per prompt"),
    (middle, step, "L", (1, 32), "cached tokens"),
):
    x = np.geomspace(16, 32768, 200)
    for size, style in zip(sizes, ("-", "--"), strict=True):
        at = ledger.at(B=size)
        for name, expression, colour in (
            ("compute", at.flops / machine.peak, "tab:red"),
            ("memory", at.bytes / machine.bandwidth, "tab:blue"),
        ):
            y = rs.compile(expression)(**{letter: x})
            ax.plot(x, y, style, color=colour, label=f"{name}, B = {size}")
    ax.set(xscale="log", yscale="log", xlabel=label, ylabel="time (s)", title=ledger.phase)
    ax.legend(frameon=False)
contexts = np.linspace(0, 0.99 * float(reach.value), 200)
right.plot(contexts, rs.compile(critical.value)(L=contexts), "k", label="critical batch of decode")
right.axvline(float(reach.value), color="grey", linestyle=":", label="no batch beyond, in decode")
prompts = rs.crossover(prompt.intensity, machine.ridge, B)
lengths = np.linspace(1, 206, 200)
right.plot(lengths, rs.compile(prompts.value)(S=lengths), "k--", label="critical batch of prefill")
right.set(
    yscale="log", xlabel="cached tokens, or tokens per prompt", ylabel="batch",
    title="compute-bound above",
)  # fmt: skip
right.legend(frameon=False)

# %%
# Each of these would have stopped this article, had it not held.

print(checked([one, two, seventy, alike, critical.derivation, meets, alone]))

# %%
# What is wrong in it
# -------------------
#
# The closed forms of both times follow from the ledger. These do not:
#
# - **FLOPs "per layer, across S requests"**, in prefill and in decode, lack the number of requests.
# - **FLOPs of decode** with ``L`` past tokens lack the token's attention to itself, though its key
#   and value are counted in the bytes; the form is exact with the new token counted in ``L``.
# - **"S scales both compute and memory similarly, so L mainly drives boundness"**: compute doubles
#   with the batch, memory never does, in prefill or decode; intensity rises with the batch, always.
#   At 16 cached tokens 222 sequences are compute-bound and 221 are not; 16 prompts turn
#   compute-bound at 13 tokens each, one at 206.
# - **"KV-cache reads dominate memory, so decode tends memory-bound beyond short contexts"**: with
#   its 32 sequences they do from 1536 tokens on, with one not before 49152. Nor is it why: both are
#   memory-bound from the first token. What holds is that beyond 239 tokens no batch is
#   compute-bound.
# - **Sustained FLOP/s** are given as the dense peak.
# - **The boundary on the surface of the ratio** is drawn at heights that are compute times, in
#   seconds, not at ratios of about 1; the grid of batches in decode leaves out its end, those of
#   contexts do not.
#
# Left out by what it sets out to ask, which is what binds: whether the model fits. It draws 129 GB
# on a GPU of 40 GB.
#
# Its sentence on prefill is right in both halves: FLOPs grow as the square of a long prompt, and
# long prompts are compute-bound. They are so long before the square matters. Its bytes and times of
# decode "per token" are right of a step: the time that each request waits for its next token.
#
# What it means in practice
# -------------------------
#
# What binds is decided by how many tokens share one reading of the weights, ``B S``, until the
# caches that they do not share outweigh the weights. The batch is the lever, the context its limit.
#
# Where it stops holding
# ----------------------
#
# Heads are not grouped here; with eight query heads per key/value head, as in Llama-3-70B, decode
# stays within reach of compute seven times as far out. Where the multiplier 12 comes
# from, and how far it is off for real models, is a question of its own, carried through in another
# article.

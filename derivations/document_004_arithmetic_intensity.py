"""
Document 004: intensity of a plain decoder, prefill and decode
==============================================================

Document 004 adds up, operator by operator, the FLOPs and bytes of a decoder whose queries, keys
and values are as wide as the residual stream and whose feed-forward block is four times as wide,
divides the two, and compares with the machine balance of an A100.

**Question.** Which of its closed forms follow from the ledger, and what do those that do not follow
do to the intensity of decode?
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy

import roofsym as rs
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label, checked
from roofsym.results.parts import OWN_ACTIVATIONS, WEIGHTS_READ
from roofsym.transformer import FeedForward, LayerGroup, Structure

# %%
# Assumptions
# -----------
#
# In its letters, ``N`` layers of width ``H``; here ``n_layers`` and ``d_model``. Every assumption
# of the document is a switch of a convention, or a relation between dimensions:
#
# - FLOPs are those of matrix multiplications, and a prompt costs its whole square
#   (``mask="full"``);
# - embedding and LM head are left out of the FLOPs (``lm_head="none"``, ``embedding="none"``),
#   norms out of everything (``vectors=False``);
# - activations travel into and out of each layer, once each (``activations="residual"``);
# - the KV cache is read and written (``kv="read+write"``);
# - all heads together are as wide as the residual stream, queries, keys and values alike, and the
#   feed-forward block has two matrices, ``d_model`` by ``4 d_model``.
#
# One number is not in it: its "~26 GB" of weights needs the size of a vocabulary, and 32,000 is
# taken here.

B, S, L, d, n = sy.B, sy.S, sy.L, sy.d_model, sy.n_layers
PLAIN = {sy.n_kv_heads: sy.n_heads, sy.head_dim: d / sy.n_heads, sy.d_ff: 4 * d}
TWO_BYTES = {sy.b_w: sympy.Integer(2), sy.b_a: sympy.Integer(2), sy.b_kv: sympy.Integer(2)}

model = rs.Transformer(
    Structure(
        groups=(LayerGroup(feed_forward=FeedForward(gated=False), norms=()),), final_norm=False
    ),
    name="plain decoder",
)
rules = rs.convention("residual-io").replace(
    name="document 004", lm_head="none", embedding="none", vectors=False
)
prefill, chunk = rs.prefill(model, rules), rs.chunk(model, rules)

# %%
# FLOPs
# -----
#
# The document's terms one by one, then their sum. Each left side is a sum of ledger entries over
# all layers; ``substitution`` raises if it does not become the right side.

work = Derivation("FLOPs of a prefill", "plain decoder, counted as document 004")
TERMS = {
    "qkv": (("q_proj", "k_proj", "v_proj"), 6 * B * S * d**2),
    "scores": (("score",), 2 * B * S**2 * d),
    "values": (("value",), 2 * B * S**2 * d),
    "output": (("o_proj",), 2 * B * S * d**2),
    "attention": (
        ("q_proj", "k_proj", "v_proj", "score", "value", "o_proj"),
        8 * B * S * d**2 + 4 * B * S**2 * d,
    ),
    "feed-forward": (("up_proj", "down_proj"), 16 * B * S * d**2),
}
for name, (operators, per_layer) in TERMS.items():
    summed = prefill.filter(operator=operators).symbolic("flops")
    label = Label(f"F_{name}", rf"F_{{\mathrm{{{name}}}}}")
    work.substitution(f"The term “{name}”, all layers", label, summed, PLAIN, n * per_layer)
whole = n * (24 * B * S * d**2 + 4 * B * S**2 * d)
form = work.total("All of them, summed over the ledger", sy.flops, prefill, "flops")
prefill_flops = work.substitution("In the document's dimensions", sy.flops, form.expr, PLAIN, whole)
unfused = rules.replace(name="scores in memory", attention="unfused", activations="operators")
written = rs.prefill(model, unfused).filter(operator="score", kind="score", access="write")
work.identity(
    "That is so for any number of heads. S by S scores per sequence are those of one; all have",
    written.symbolic("bytes") / sy.b_a, sy.n_heads * n * B * S**2, Label("scores"),
)  # fmt: skip
work.view()

# %%
# With a cache the document lets ``S`` new tokens attend to the ``L`` cached ones, and forgets that
# they attend to one another. Its form is short by ``4 B S² d_model`` per layer; it is an
# approximation for ``S`` small against ``L + 6 d_model``, and at ``L = 0`` it is not its own
# prefill.

with_cache = Derivation("FLOPs on top of a cache", "plain decoder, counted as document 004")
form = with_cache.total("Summed over the ledger", sy.flops, chunk, "flops")
ours = n * (24 * B * S * d**2 + 4 * B * S * (L + S) * d)
theirs = n * (24 * B * S * d**2 + 4 * B * S * L * d)
ours = with_cache.substitution("In the document's dimensions", sy.flops, form.expr, PLAIN, ours)
with_cache.refuted("New tokens attend to one another, too", sy.flops, ours, theirs)
with_cache.approximation("Without those pairs", sy.flops, ours, theirs, L, sympy.oo)
with_cache.refuted(
    "With nothing cached it has to be the prefill", Label("F(L = 0)", "F(L = 0)", "FLOP"),
    prefill_flops, theirs.xreplace({L: sympy.S.Zero}),
)  # fmt: skip
IN_VIEW = sy.extra(
    "all in view", "token", "tokens in view per sequence, the new ones among them", text="L_v",
    latex=r"L_{\mathrm{v}}", beside=L,
)  # fmt: skip
with_cache.substitution(
    "It is exact if L is read as all tokens in view, the new ones included",
    sy.flops, ours, {L: IN_VIEW - S}, theirs.xreplace({L: IN_VIEW}),
)  # fmt: skip
with_cache.view()

# %%
# Bytes
# -----
#
# Two bytes per element throughout. The activations are right; of the cached keys and values the
# document counts one, not both; and a prefill writes the cache it fills, which the document's own
# KV term says (at no cached tokens) and its total for prefill leaves out.

moved = Derivation("Bytes", "plain decoder, counted as document 004, two bytes per element")


def traffic(ledger: rs.Ledger, **tags: object) -> sympy.Expr:
    """Bytes of part of a ledger in the document's dimensions."""
    kept = ledger.filter(quantity="bytes", **tags)
    return kept.symbolic("bytes").xreplace(PLAIN).xreplace(TWO_BYTES)


activations = moved.identity(
    "Activations, in and out of every layer", traffic(prefill, kind="activation"),
    4 * n * B * S * d, OWN_ACTIVATIONS,
)  # fmt: skip
moved.identity(
    "that is, those of one side of one layer",
    activations / (2 * n),
    2 * B * S * d,
    Label("Q_act / (2 n_layers)", r"Q_{\mathrm{act}} / (2 \, n_{\mathrm{layers}})"),
)
KV = sy.extra(
    "cached bytes", "B", "bytes of KV cache read and written", text="Q_kv",
    latex=r"Q_{\mathrm{kv}}", role="quantity",
)  # fmt: skip
kv = moved.identity(
    "KV cache: read what was cached, write what is new",
    traffic(chunk, kind="kv"), 4 * n * B * (L + S) * d, KV,
)  # fmt: skip
claimed_kv = 2 * n * (B * L * d + 2 * B * S * d)
moved.refuted("One of K and V", KV, kv, claimed_kv)
moved.identity(
    "The difference is one of the two cached matrices of every layer",
    kv - claimed_kv, traffic(chunk, operator="value", kind="kv", access="read"),
    Label("missing"),
)  # fmt: skip
read, stored = (traffic(chunk, kind="kv", access=way) for way in ("read", "write"))
single = {n: sympy.S.One}
moved.identity(
    "A single layer, which has no next one, writes what it reads in the next step beyond this one",
    (read.xreplace({L: L + S}) - read).xreplace(single), stored.xreplace(single), Label("written"),
)  # fmt: skip
weights = WEIGHTS_READ
moved.identity(
    "Weights of the layers, each once", traffic(prefill, kind="weight"), 24 * n * d**2, weights
)
PARTS = {"attention": (4, TERMS["qkv"][0] + TERMS["output"][0]),
         "feed-forward": (8, TERMS["feed-forward"][0])}  # fmt: skip
for name, (squares, operators) in PARTS.items():
    moved.identity(
        f"that is, parameters of {name} per layer",
        traffic(prefill, kind="weight", operator=operators) / (2 * n), squares * d**2,
        Label(f"N_{name}", rf"N_{{\mathrm{{{name}}}}}"),
    )  # fmt: skip
total = traffic(prefill)
PREFILL_BYTES = Label("Q_prefill", r"Q_{\mathrm{prefill}}", "B")
moved.identity("A prefill", total, 24 * n * d**2 + 8 * n * B * S * d, PREFILL_BYTES)
without = 24 * n * d**2 + 4 * n * B * S * d
moved.refuted("The document's prefill does not write its cache", PREFILL_BYTES, total, without)
silent = rs.prefill(model, rules.replace(kv="none"))
moved.identity(
    "It is that of a convention without KV traffic", traffic(silent), without,
    Label("Q_w+act", r"Q_{\mathrm{w+act}}", "B"),
)  # fmt: skip
step = traffic(chunk)
moved.identity(
    "On top of a cache", step, 24 * n * d**2 + 8 * n * B * S * d + 4 * n * B * L * d, sy.bytes_
)
claimed_step = 24 * n * d**2 + 8 * n * B * S * d + 2 * n * B * L * d
moved.refuted("So is the sum, by the missing half of the cache", sy.bytes_, step, claimed_step)
moved.view()

# %%
# The weight term is not one of the layers: the document streams all ``Z`` billion parameters, the
# embedding and the LM head included, whose FLOPs it left out on purpose. Its own example (in a
# comment: 40 layers of width 5120) shows the size of that: 25.17 GB are the layers, the rest to
# about 26 GB, it says, embeddings. With two tables of a vocabulary of 32,000 it is 25.82 GB.

SIZES = {n: sympy.Integer(40), d: sympy.Integer(5120), sy.vocab_size: sympy.Integer(32000)}
machine = rs.machine("a100-80gb-sxm", dtype="fp16")
numbers = Derivation(
    "The numbers of the document", "40 layers of width 5120 on A100 80GB",
    {**SIZES, **TWO_BYTES, **machine.values, sy.ridge: machine.ridge},
)  # fmt: skip
layers = traffic(prefill, kind="weight")
every = traffic(rs.prefill(model, "weights-only"))
numbers.reproduced("Peak of the machine", [(sy.peak, sy.peak, "312e12")], "FLOP/s")
numbers.reproduced("Its bandwidth", [(sy.bandwidth, sy.bandwidth, "2039e9")], "B/s")
numbers.reproduced("Its balance", [(sy.ridge, sy.peak / sy.bandwidth, "153")], "FLOP/B")
numbers.reproduced("Weights of the layers", [(weights, layers, "25.17e9")], "B")
numbers.reproduced("With embeddings", [(weights, every, "26e9")], "B")
numbers.reproduced("That is, with the two tables of a vocabulary of 32,000 that is assumed here",
                   [(weights, every, "25.82e9")], "B")  # fmt: skip
numbers.reproduced("which are, over those of the layers",
                   [(Label("ratio"), every / layers, "1.026")])  # fmt: skip
numbers.view("numbers")

# %%
# Intensity
# ---------
#
# First as printed, with ``Z`` billion parameters of two bytes. That is two conventions in one
# quotient: the layers' FLOPs and activations as above, the weights of ``weights-only``. So read,
# the quotient of a prefill follows; on top of a cache it lacks what was found missing above, the
# pairs among the new tokens and one of the two cached matrices.

Z = sy.extra("Z", "1", "weights read by every step, in billions")
printed = Derivation("The quotients as printed", "plain decoder, counted as document 004",
                     definitions={Z: model.parameters.xreplace(PLAIN) / 10**9})  # fmt: skip
billions = printed.identity("Every parameter is read once, in two bytes", every, 2 * Z * 10**9,
                            weights)  # fmt: skip
powers = 2 * Z * sympy.exp(9)
short = printed.refuted("Where it prints a power of e for one of ten", weights, billions, powers)
if round(float(1 / short), -3) != 123_000:
    raise rs.ProofError(f"a power of e for one of ten is {float(short)} of it")
by_pass = traffic(rs.chunk(model, "weights-only"), kind="weight")
in_one = by_pass.xreplace({S: 2 * S, L: sympy.S.Zero})
in_two = by_pass.xreplace({L: sympy.S.Zero}) + by_pass.xreplace({L: S})
printed.identity(
    "A prompt of 2 S tokens in one pass reads them once", in_one, 2 * Z * 10**9,
    Label("Q_w of one pass", r"Q_{\mathrm{w}} \text{ of one pass}"),
)  # fmt: skip
printed.identity(
    "and in two, S tokens and S more on top of them, twice, though they stay in memory",
    in_two, 4 * Z * 10**9, Label("Q_w of two passes", r"Q_{\mathrm{w}} \text{ of two passes}"),
)  # fmt: skip
through_layers = traffic(silent, kind="activation")
printed.identity(
    "A prefill, its cache not written", prefill_flops / (every + through_layers),
    whole / (billions + 4 * n * B * S * d), sy.intensity,
)  # fmt: skip
printed.refuted(
    "On top of a cache", sy.intensity, ours / (billions + traffic(chunk, kind="activation") + kv),
    theirs / (billions + 8 * n * B * S * d + 2 * n * B * L * d),
)  # fmt: skip
printed.view()

# %%
# In the document's own letters, the intensity of a prefill:

lettered = Derivation("Intensity in the document's letters", "plain decoder, two bytes per element")
lettered.identity(
    "Of a prefill", whole / (2 * Z * 10**9 + through_layers),
    whole / (2 * Z * 10**9 + 4 * n * B * S * d), sy.intensity,
)  # fmt: skip
lettered.view(notation="intensity-estimation")

# %%
# With the layers' weights in the place of ``2 Z`` GB, so that both sides count one model. Half of
# the cache missing doubles the intensity where the cache is what is read: for long contexts one
# sequence's attention reads a 2-byte element of K or V per multiply-add, an intensity of ``S`` for
# ``S`` new tokens. The document's tends to ``2 S``.

ratio = Derivation("Intensity", "plain decoder, counted as document 004, two bytes per element")
prompt = (24 * S * B * d + 4 * B * S**2) / (24 * d + 4 * B * S)
silent_flops = silent.symbolic("flops").xreplace(PLAIN)
ratio.identity(
    "Of a prefill, as the document counts it", silent_flops / traffic(silent), prompt, sy.intensity
)
true = (ours / step).cancel()
claimed = (theirs / claimed_step).cancel()
ratio.refuted("Of a prefill that writes its cache", sy.intensity, prefill_flops / total, prompt)
ratio.refuted("On top of a cache", sy.intensity, true, claimed)
ratio.limit("As the context grows, truly", sy.intensity, true, L, S)
ratio.limit("As the context grows, as claimed", sy.intensity, claimed, L, 2 * S)
ratio.view()

# %%
# Where prefill turns compute-bound
# ---------------------------------
#
# The document gives the machine balance and does not say from which prompt length on prefill is to
# its right. Of one prompt, its quotient with the layers' weights is the number of tokens, as with
# weights alone. What it prints, with the 26 GB of its comment, is somewhat less; so is the quotient
# that writes the cache.

one_prompt = {B: sympy.S.One}
turn = Derivation("Prompt length at the machine balance", numbers.subject, numbers.values)
turn.substitution("Of one prompt, with the layers' weights", sy.intensity, prompt, one_prompt, S)
as_printed = whole / (2 * Z * 10**9 + through_layers)
comment = {**one_prompt, **SIZES, Z: sympy.Integer(13)}
bound = model.at(**{s.name: v for s, v in {**PLAIN, **SIZES}.items()})
of_ledger = rs.prefill(bound, rules).at(b_w=2, b_a=2, b_kv=2, B=1)
FIRST = Label("S*", "S^{*}")
for text, quotient, first in (
    ("so that it is compute-bound from", prompt, "154"),
    ("As printed, with Z = 13, from", as_printed, "159"),
):  # fmt: skip
    (crossing,) = rs.crossover(quotient.xreplace(comment), machine.ridge, S).branches
    turn.reproduced(text, [(FIRST, sympy.ceiling(crossing.value), first)], "token")
solved = rs.results.prefill_critical_length(of_ledger, machine)
turn.reproduced("By the ledger, the cache written, from",
                [(FIRST, sympy.Integer(solved.whole), "154")], "token")  # fmt: skip
turn.view()

# %%
# What that does to decode
# ------------------------
#
# Decode is ``S = 1``. As the batch grows the weights' share vanishes, and what is left decides
# whether any batch is compute-bound. The context up to which one is follows from the ledger; the
# document's forms put it twice as far out.

decode = rs.decode(bound, rules).at(b_w=2, b_a=2, b_kv=2)
reach = rs.results.compute_bound_context(decode, machine)
one = {S: sympy.S.One, **SIZES}
claimed_reach = rs.crossover(
    sympy.limit(claimed.xreplace(one), B, sympy.oo), machine.ridge, sy.L
)  # fmt: skip
consequence = Derivation(
    "Last context at which some batch is compute-bound", reach.derivation.subject
)
L_MAX = Label("L_max", r"L_{\max}")
consequence.reproduced(
    "The document's forms meet the ridge point at", [(L_MAX, claimed_reach.value, "402.8")], "token"
)
consequence.refuted("The ledger's at", L_MAX, reach.value, "402.8", "token")
reach

# %%
consequence

# %%
contexts = np.geomspace(16, 32768, 200)
fixed = {"B": 64, "S": 1, "n_layers": 40, "d_model": 5120}
fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for expression, label in ((true, "both of K and V"), (claimed, "one of K and V")):
    ax.plot(contexts, rs.compile(expression, fixed)(L=contexts), label=label)
ax.axhline(float(machine.ridge), color="grey", linestyle=":", label="ridge point of A100 80GB")
ax.set(
    xscale="log", yscale="log", xlabel="cached tokens per sequence", ylabel="intensity (FLOP/B)",
    title="Decode of 64 sequences, 40 layers of width 5120",
)  # fmt: skip
ax.legend(frameon=False)

# %%
# Each of these would have stopped this article, had it not held.

proofs = [work, with_cache, moved, numbers, printed, ratio, turn, reach.derivation, consequence]
print(checked(proofs))

# %%
# What is wrong in it
# -------------------
#
# Each of these was proved above; the right form is the one derived from the ledger.
#
# - **Cached KV bytes** are half of what they are: K *and* V are read. Everything built on them, the
#   total of decode and its intensity, is off by up to a factor of 2.
# - **Prefill bytes** leave out the writing of the cache, ``4 n_layers B S d_model`` bytes: as much
#   as all of the activations that are counted.
# - **FLOPs on top of a cache** leave out the pairs among the new tokens; with nothing cached the
#   form has no attention at all. (Exact if the context is read as including the new tokens.)
# - **Weights** are those of the whole model and FLOPs those of its layers alone: two countings in
#   one quotient, 2.6 % apart for 40 layers of width 5120 and a vocabulary of 32,000. With
#   its 26 GB one prompt is compute-bound from 159 tokens on, from the ledger from 154.
# - **A power of e**, ``e^9``, stands for ``10^9`` in three of its formulas: 123 thousand times
#   too little; its intensity of a prefill has the right one.
# - New keys and values are said to be cached for the next *layer*; each layer has a cache of its
#   own, and it is the next *step* that reads it.
#
# Not wrong, but said of one head: scores of shape ``(B, S, S)``. Several heads have as many FLOPs
# and a matrix of scores each, of which the document counts no bytes.
#
# Right, though not for the reason that it gives: weights are read once per pass. They are "loaded
# into high-bandwidth memory (HBM) once", but stay there, and each step reads them from there again.
# What reuses a reading is the tokens of one step, all sequences together.
#
# What it means in practice
# -------------------------
#
# An estimate of decode that counts one of K and V promises compute-bound batches at contexts where
# there are none, and a time per token that the memory cannot deliver.
#
# Where it stops holding
# ----------------------
#
# Grouped-query attention reads fewer keys and values than it computes with, gated feed-forward
# blocks have three matrices, a causal kernel skips half of the square, and the residual stream is
# the least that can travel, not all that does: ``fused-ops`` counts those for any model of the
# catalogue. The document's discussion of tensor parallelism, which breaks off, and its speculative
# decoding are carried on in articles of their own.

"""
Document 001: classify prefill and decode from the linear layers alone
======================================================================

Document 001 is a programming exercise: given width, depth, prompt length and a machine, compute the
intensity of prefill and of decode from the linear layers and the residual stream, and say what
binds each.

**Question.** What do the two intensities depend on, when can the verdicts differ, and what does a
model of linear layers alone leave out?
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy

import roofsym as rs
from roofsym import catalog
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label, checked
from roofsym.transformer import FeedForward, LayerGroup, Structure

# %%
# Assumptions
# -----------
#
# - FLOPs are those of the linear layers (``attention="none"``, ``lm_head="none"``);
# - bytes are their weights, once, and the residual stream in and out of each layer
#   (``activations="residual"``); no cache (``kv="none"``), embedding or norms;
# - four square projections and a feed-forward block of two matrices four times as wide: the 12
#   ``d_model²`` weights per layer that the document starts from;
# - one sequence, in both phases; all elements of one size ``b``.

B, S, L, d, n, b = sy.B, sy.S, sy.L, sy.d_model, sy.n_layers, sy.b_w
PLAIN = {sy.n_kv_heads: sy.n_heads, sy.head_dim: d / sy.n_heads, sy.d_ff: 4 * d}
ONE_SIZE = {sy.b_a: b, sy.b_kv: b}

model = rs.Transformer(
    Structure(groups=(LayerGroup(feed_forward=FeedForward(gated=False), norms=()),)),
    name="plain decoder",
)
residual = rs.convention("residual-io").replace(
    name="document 001, with attention", lm_head="none", embedding="none", vectors=False
)
rules = residual.replace(name="document 001", attention="none", kv="none")


def counted(phase: str, quantity: str, convention: rs.Convention = rules) -> sympy.Expr:
    """FLOPs or bytes of a phase of one sequence, in the document's dimensions."""
    ledger = rs.step(model, convention).in_phase(phase)
    return ledger.symbolic(quantity).xreplace(PLAIN).xreplace({**ONE_SIZE, B: sympy.S.One})


# %%
# The two intensities
# -------------------
#
# Depth cancels: the number of layers, which the document asks for, changes nothing. What is left is
# the number of tokens, and its ratio to the width.

made = Derivation("Intensity of prefill and decode", "plain decoder, counted as document 001")
weights = rs.prefill(model, rules).filter(kind="weight").symbolic("bytes").xreplace(PLAIN)
linear = rs.prefill(model, rules).filter(operator="q_proj").symbolic("flops").xreplace(PLAIN)
made.identity(
    "FLOPs of one square projection, in a layer", linear.xreplace({B: sympy.S.One}) / n,
    2 * S * d**2, Label("F of one"),
)  # fmt: skip
made.identity("Weights per layer", weights / (n * b), 12 * d**2, Label("weights"))
PHASES = "prefill", "decode"
FLOPS = {x: Label(f"F_{x}", rf"F_{{\mathrm{{{x}}}}}", "FLOP") for x in PHASES}
BYTES = {x: Label(f"Q_{x}", rf"Q_{{\mathrm{{{x}}}}}", "B") for x in PHASES}
flops = made.identity(
    "FLOPs of a prefill", counted("prefill", "flops"), 24 * n * S * d**2, FLOPS["prefill"]
)
moved = made.identity(
    "Bytes of a prefill", counted("prefill", "bytes"), n * (12 * d**2 + 2 * S * d) * b,
    BYTES["prefill"],
)  # fmt: skip
PREFILL, DECODE = (Label(f"I_{x}", rf"I_{{\mathrm{{{x}}}}}") for x in PHASES)
prefill = made.identity("The layers cancel", flops / moved, 12 * S * d / ((6 * d + S) * b), PREFILL)
made.identity(
    "In the tokens, and their ratio to the width", prefill, 12 * S / ((6 + S / d) * b), PREFILL
)
made.identity("FLOPs of a decode step", counted("decode", "flops"), 24 * n * d**2, FLOPS["decode"])
made.identity(
    "Bytes of a decode step", counted("decode", "bytes"), n * (12 * d**2 + 2 * d) * b,
    BYTES["decode"],
)  # fmt: skip
decode = made.identity(
    "It is a prefill of one token", counted("decode", "flops") / counted("decode", "bytes"),
    prefill.xreplace({S: sympy.S.One}), DECODE,
)  # fmt: skip
made.define("The ridge point", sy.ridge, sy.peak / sy.bandwidth)
made.view()

# %%
# In the names of the document's own program:

lettered = Derivation("Intensities in the document's names", "plain decoder")
lettered.identity("Of a prefill", flops / moved, prefill, PREFILL)
lettered.identity(
    "Of a decode step", counted("decode", "flops") / counted("decode", "bytes"), decode, DECODE
)
lettered.view(notation="deep-ml")

# %%
# The document prints no values; its function rounds to four decimals. Called for a width of 4096
# in two bytes on an A100 (312 TFLOP/s, 2.0 TB/s), and for a width of 8192 in one byte on an H100
# that computes in one byte, too (1979 TFLOP/s, 3.35 TB/s), with 2048 tokens each, it returns these.

CALLS = (
    (4096, 2, 2048, rs.Machine(peak=312e12, bandwidth=2.0e12), "1890.4615 1.0000 156.0000"),
    (8192, 1, 2048, rs.Machine(peak=1979e12, bandwidth=3.35e12), "3932.1600 2.0000 590.7463"),
)
calls = []
for width, size, tokens, machine, returned in CALLS:
    of_prefill, of_decode, ridge = returned.split()
    values = {d: sympy.Integer(width), b: sympy.Integer(size), S: sympy.Integer(tokens)}
    call = Derivation(
        f"A call for a width of {width}", f"{tokens} tokens, bytes per element: {size}",
        {**values, **machine.values},
    )  # fmt: skip
    call.reproduced("Prefill", [(PREFILL, prefill.xreplace(values), of_prefill)], "FLOP/B")
    call.reproduced("Decode", [(DECODE, decode.xreplace(values), of_decode)], "FLOP/B")
    call.reproduced("Ridge point", [(sy.ridge, sy.peak / sy.bandwidth, ridge)], "FLOP/B")
    print(call.text())
    calls.append(call)

# %%
# Decode
# ------
#
# One sequence has an intensity below ``2/b`` whatever the model: 1 in two bytes, 4 in four bits. No
# machine of the catalogue has a ridge point as low as that, so the verdict on decode is known
# before the function is called. It is a verdict on one sequence: to this count ``B`` sequences of
# one token are a prompt of ``B`` tokens, and with as many of them decode is as compute-bound as
# prefill.

single = Derivation("Decode", "plain decoder, counted as document 001")
single.below("Below 2/b, at every width", decode * b, sympy.Integer(2))
lowest = min(
    peak / rs.machine(name).bandwidth
    for name in catalog.records("machines")
    for peak in rs.machine(name).peaks.values()
)
single.below("In half a byte that is 4: below every machine", sympy.Integer(4), lowest, "FLOP/B")
step = rs.decode(model, rules)
many = (step.symbolic("flops") / step.symbolic("bytes")).xreplace(PLAIN).xreplace(ONE_SIZE)
single.identity("B sequences", many, prefill.xreplace({S: B}), DECODE)
single.view()

# %%
# Prefill
# -------
#
# Intensity is said to scale with the prompt. It does while the prompt is short against ``6
# d_model``; then the residual stream is what travels, and it tends to ``12 d_model / b``. A model
# narrower than ``I* b / 12`` is compute-bound at no length.

long = Derivation("Prefill", "plain decoder, counted as document 001")
long.approximation("In proportion to the prompt", PREFILL, prefill, 2 * S / b, S, sympy.S.Zero)
long.limit("As the prompt grows", PREFILL, prefill, S, 12 * d / b)
long.refuted(
    "Twice the prompt is not twice the intensity", Label("gain"),
    (prefill.xreplace({S: 2 * S}) / prefill).cancel(), sympy.Integer(2),
)  # fmt: skip
met = rs.crossover(prefill, sy.ridge, S)
LENGTH, FIRST = Label("S*", "S^{*}"), Label("S")
long.equation("Set it equal to the ridge point", prefill, sy.ridge)
(branch,) = met.branches
long.solution("Solved for the length", LENGTH, met, branch, branch.when)
long.view()

# %%
h100 = rs.machine("h100-sxm", dtype="bf16")
two_bytes = {b: sympy.Integer(2)}
lengths = Derivation(
    "Where prefill turns compute-bound", "two bytes on H100", {sy.ridge: h100.ridge}
)
for width, length in ((768, "316"), (4096, "299")):
    at = met.at({**two_bytes, d: sympy.Integer(width), sy.ridge: h100.ridge})
    lengths.reproduced(f"First length, width {width}", [(FIRST, sympy.ceiling(at.value), length)])
outcomes = [
    met.at({**two_bytes, d: sympy.Integer(width), sy.ridge: h100.ridge}).outcome
    for width in (48, 49, 50)
]
if outcomes != ["never", "never", "crosses"]:
    raise rs.ProofError(f"models of width 48 to 50 on an H100: {outcomes}")
lengths.remark("Widths up to 49: at no length.")
lengths

# %%
# The activations inside a layer
# ------------------------------
#
# Two activations per token and layer are those of a layer whose inside never leaves the chip. The
# six matrix products that the document starts from read and write 18 of them, one after the other:
# the convention ``linear-only``. The limit is then a ninth of the document's, and narrow models
# turn compute-bound much later than it says, or never. With causal attention as well
# (``fused-ops``), the two widths below do so later still.

inside = Derivation(
    "Activations of six matrices", "plain decoder, counted as linear-only, two bytes on H100",
    {**two_bytes, sy.ridge: h100.ridge},
)  # fmt: skip
LAYERS_ONLY = {"lm_head": "none", "embedding": "none", "vectors": False}
by_matrix = rs.convention("linear-only").replace(name="linear-only, layers", **LAYERS_ONLY)
by_operator = rs.convention("fused-ops").replace(name="fused-ops, layers", **LAYERS_ONLY)
ACTIVATIONS = Label("activations")
travelling = rs.prefill(model, by_matrix).filter(kind="activation").symbolic("bytes")
travelling = travelling.xreplace(PLAIN).xreplace(ONE_SIZE) / (n * B * S * d * b)
inside.identity(
    "In and out of each matrix, per token and layer", travelling, sympy.Integer(18), ACTIVATIONS
)
inside.refuted("The document has", ACTIVATIONS, travelling.cancel(), sympy.Integer(2))
every = inside.identity(
    "Intensity of a prefill",
    counted("prefill", "flops", by_matrix) / counted("prefill", "bytes", by_matrix),
    4 * S * d / ((2 * d + 3 * S) * b), PREFILL,
)  # fmt: skip
inside.limit("As the prompt grows", PREFILL, every, S, 4 * d / (3 * b))
inside.identity("A ninth of the document's", 4 * d / (3 * b), 12 * d / b / 9, PREFILL)
for width, said in ((768, "409.6"), (4096, "1170.3")):
    sized = {**two_bytes, S: sympy.Integer(2048), d: sympy.Integer(width)}
    inside.refuted(
        f"2048 tokens at a width of {width}", PREFILL, every.xreplace(sized),
        prefill.xreplace(sized), "FLOP/B", said=said,
    )  # fmt: skip
attended = counted("prefill", "flops", by_operator) / counted("prefill", "bytes", by_operator)
for rule, name, firsts in (
    (every, "linear layers", {768: "698", 4096: "332"}),
    (attended, "with causal attention", {768: "899", 4096: "343"}),
):
    for width, first in firsts.items():
        sized = rule.cancel().xreplace({**two_bytes, d: sympy.Integer(width)})
        turn = sympy.ceiling(rs.crossover(sized, h100.ridge, S).value)
        inside.reproduced(f"First length, width {width}, {name}", [(FIRST, turn, first)])
narrowest = rs.crossover(4 * d / (3 * two_bytes[b]), h100.ridge, d).value
inside.reproduced(
    "Narrowest model that the linear layers make compute-bound at some length",
    [(d, sympy.ceiling(narrowest), "443")],
)
inside.view()

# %%
# What attention and the cache add
# --------------------------------
#
# The document's own convention with attention (``attention="fused"``) and its cache
# (``kv="read+write"``), two activations per token and layer as before. In prefill, if the whole
# square of scores is computed, they only add to the intensity, at every length and width: so
# counted, what the document calls compute-bound is. If the causal half is, they take from it as
# long as the prompt is shorter than about six widths, and close to the ridge point the document is
# wrong. In decode of one sequence they change next to nothing, since the cache has
# an intensity of about 1, too. What they change is decode of many sequences, whose caches are not
# shared.

added = Derivation(
    "With attention and cache", "plain decoder, counted as document 001, with attention"
)
WHOLE, CAUSAL = (
    Label(f"I_{x}", rf"I_{{\mathrm{{{x}}}}}", "FLOP/B", f"intensity of a prefill, {said}")
    for x, said in (
        ("square", "scores of the whole square"),
        ("causal", "scores of its causal half"),
    )
)
whole = counted("prefill", "flops", residual) / counted("prefill", "bytes", residual)
whole = added.identity(
    "Prefill", whole, (24 * S * d**2 + 4 * S**2 * d) / ((12 * d**2 + 4 * S * d) * b), WHOLE
)
added.refuted("Linear layers alone are not all of it", WHOLE, whole, prefill)
one_byte = {b: sympy.S.One}
added.below(
    "but less, whatever the size of an element", prefill.xreplace(one_byte),
    whole.xreplace(one_byte).cancel(),
)  # fmt: skip
half = residual.replace(name="document 001, with causal attention", mask="causal")
causal = counted("prefill", "flops", half) / counted("prefill", "bytes", half)
causal = added.identity(
    "With the causal half of the square", causal,
    (24 * S * d**2 + 2 * S * (S + 1) * d) / ((12 * d**2 + 4 * S * d) * b), CAUSAL,
)  # fmt: skip
GAIN = Label("I_causal − I_prefill", r"I_{\mathrm{causal}} - I_{\mathrm{prefill}}")
added.identity(
    "It is less than the linear layers' where this is negative", causal - prefill,
    S * (S * (S + 1) - 6 * d * (S - 1)) / (2 * (S + 3 * d) * (S + 6 * d) * b), GAIN,
)  # fmt: skip
cached = rs.decode(model, residual)
both = (cached.symbolic("flops") / cached.symbolic("bytes")).xreplace(PLAIN).xreplace(ONE_SIZE)
both = added.identity(
    "Decode of B sequences", both,
    B * (24 * d**2 + 4 * (L + 1) * d) / ((12 * d**2 + 4 * B * d + 2 * B * L * d) * b), DECODE,
)  # fmt: skip
added.limit("Prefill has no limit now", WHOLE, whole, S, sympy.oo)
added.limit("One sequence, as its context grows", DECODE, both.xreplace({B: sympy.S.One}), L, 2 / b)
added.limit("Many sequences, as their contexts grow", DECODE, both, L, 2 / b)
added.limit("Linear layers alone, as the batch grows", DECODE, many, B, 12 * d / b)
added.view()

# %%
example = {d: sympy.Integer(4096), b: sympy.Integer(2)}
near = Derivation("A prompt near the ridge point", "width 4096, two bytes on H100",
                  {**example, sy.ridge: h100.ridge})  # fmt: skip
at_300 = {S: sympy.Integer(300)}
near.below("300 tokens, linear layers alone: compute-bound",
           sy.ridge, prefill.xreplace(at_300), "FLOP/B")  # fmt: skip
near.below("With the whole square: compute-bound", sy.ridge, whole.xreplace(at_300), "FLOP/B")
near.below("With its causal half: memory-bound", causal.xreplace(at_300), sy.ridge, "FLOP/B")
evened = rs.crossover(S * (S + 1), 6 * example[d] * (S - 1), S)
few, many_tokens = sorted(branch.exact for branch in evened.branches)
for rule in (prefill, whole, causal, every, attended):
    turn = rs.crossover(rule.cancel().xreplace(example), h100.ridge, S)
    if len(turn.branches) != 1 or turn.value > 343:
        raise rs.ProofError("a prompt of 343 tokens is not compute-bound by every count")
near.remark("From 343 tokens on, a prompt is compute-bound by every count of this article.")
near.reproduced(
    "Causal attention takes from the intensity of the linear layers for prompts between",
    [(Label("S"), few, "1"), (Label("S"), many_tokens, "24574")], "token",
)  # fmt: skip
near

# %%
at_512 = {B: sympy.Integer(512), L: sympy.Integer(2048)}
far = Derivation("512 sequences of 2048 tokens", "width 4096, two bytes on H100",
                 {**example, sy.ridge: h100.ridge})  # fmt: skip
alone, with_cache = many.xreplace(at_512), both.xreplace(at_512)
far.below("Linear layers alone: compute-bound", sy.ridge, alone, "FLOP/B")
far.below("With their caches: memory-bound", with_cache, sy.ridge, "FLOP/B")
far.number("Linear layers alone", DECODE, alone, far.evaluate(alone), "FLOP/B")
far.number("With their caches", DECODE, with_cache, far.evaluate(with_cache), "FLOP/B")
llama = rs.model("llama-3.1-8b")
per_layer = rs.decode(llama, rules).at(b_w=1).weight_bytes / llama.values[n]
far.reproduced(
    "Weights per layer of Llama-3.1-8B, gated and with grouped queries, over d_model²",
    [(Label("weights"), per_layer / llama.values[d] ** 2, "13.0")],
)  # fmt: skip
far

# %%
lengths_drawn = np.geomspace(1, 65536, 200)
fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for width, colour in ((48, "tab:green"), (768, "tab:orange"), (4096, "tab:blue")):
    for expression, style, name in ((prefill, "-", "linear"), (whole, "--", "with attention")):
        y = rs.compile(expression, {"d_model": width, "b_w": 2})(S=lengths_drawn)
        ax.plot(lengths_drawn, y, style, color=colour, label=f"width {width}, {name}")
ax.axhline(float(h100.ridge), color="grey", linestyle=":", label="ridge point of H100")
ax.set(xscale="log", yscale="log", xlabel="tokens of the prompt", ylabel="intensity (FLOP/B)")
ax.set_title("one layer of document 001 in prefill, two bytes per element")
ax.legend(frameon=False, fontsize=8)

# %%
# Each of these would have stopped this article, had it not held.

print(checked([made, *calls, single, long, lengths, inside, added, near, far]))

# %%
# What is wrong in it
# -------------------
#
# What it computes follows from the ledger. What it says about that is too wide:
#
# - **Intensity scales with the prompt** only while that is short against six widths; in its count
#   it has a limit, ``12 d_model / b``. In two bytes on an H100, a model of width 49 is then
#   memory-bound at every length. With attention there is no such limit.
# - **Two activations per token and layer**: its matrices, one after the other, read and write 18.
#   The limit is ``4 d_model / (3 b)``, a ninth, and 443 the narrowest width at which its linear
#   layers are compute-bound at some length, not 50 (two bytes, H100). At a width of 768 they turn
#   so at 698 tokens, not 316, and at one of 4096 at 332, not 299.
#
# What it leaves out by what it says that it counts, one sequence and its linear layers:
#
# - **The batch of decode**: the verdict holds for one sequence of any model on any machine of the
#   catalogue, so the function decides nothing there; to its own count, in two bytes on an H100, 299
#   sequences of width 4096 are compute-bound.
# - **Caches**: with 512 sequences of 2048 tokens the linear layers say compute-bound, by far; with
#   the caches that those sequences read, decode is memory-bound, by far.
# - **Attention**: where it is causal, a verdict close to the ridge point is not certain. At a width
#   of 4096, 300 tokens are compute-bound to this count on an H100, and memory-bound with attention.
#
# The number of layers is asked for and cancels.
#
# What it means in practice
# -------------------------
#
# For one sequence of a wide model the verdict needs no function: in two bytes on an H100, at a
# width of 4096, a prompt is compute-bound from 343 tokens on, whichever of these counts is taken,
# and a single token is not. Narrow models need longer prompts, and the activations counted. The
# question worth computing is that of many sequences, and it needs the cache.
#
# Where it stops holding
# ----------------------
#
# How many activations travel depends on what is fused: two are of a layer in one piece, 18 of its
# matrices one by one. Mixtures of experts read more weights the more tokens there are. Unfused
# attention moves whole squares, and long prompts are then bound by memory again: document 002.

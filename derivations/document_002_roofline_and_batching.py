"""
Document 002: roofline, attention, and how far batching carries decode
======================================================================

Document 002 is a course notebook. It tabulates the machine balance of five GPUs, computes the
intensity of one linear layer, of unfused attention and of a whole decode step, and sums up in a
cheat sheet.

**Question.** Are its tables right, do its conclusions follow from its own functions, and from which
batch on is decode compute-bound on its H100?
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
# The document counts three things in three ways, its ``bpe`` bytes per element (here ``b``) of one
# size, two where it prints numbers:
#
# - a linear layer by its input, its matrix and its output: ``linear-only``;
# - attention as three kernels that pass whole squares through memory: ``unfused-ops``
#   (``mask="full"``, ``attention="unfused"``, ``softmax_flops=True``), the cache not written
#   (``kv="read"``);
# - a decode step by weights, cache (``kv="read"``, the new token's by way of it,
#   ``new_kv="cached"``) and activations, which turn out to be those of ``activation-multiplier``
#   with ``c_act = 14``; without LM head, embedding and norms.
#
# Of a whole layer in prefill it has no count, though it concludes about it. Where one is needed, it
# is attention as above and the input and output of every matrix, 22 activations per token and
# layer.
#
# A machine is its dense peak, its bandwidth and its memory.
#
# Machines
# --------
#
# The table that the document prints follows from its peaks and bandwidths. These are those of the
# catalogue, where every figure has its source, to the digits that the document's comments give
# them; a bandwidth of two digits does not carry a ratio of four.

B, S, L, d, n, b = sy.B, sy.S, sy.L, sy.d_model, sy.n_layers, sy.b_w
BATCH = Label("B*", "B^{*}")
ONE_SIZE = {sy.b_a: b, sy.b_kv: b}
TWO_BYTES = {size: sympy.Integer(2) for size in (b, *ONE_SIZE)}

# Peak, bandwidth and memory that it computes with or lists; the row that it prints; its first two
# as its comments have them, and the name in the catalogue.
TABULATED = {
    "A100 FP16": (312e12, 2.0e12, 80e9, "312.0e12 2.0e12 156.0", "312e12 2.0e12", "a100-80gb-sxm"),
    "H100 FP16": (989.5e12, 3.35e12, 80e9, "989.5e12 3.4e12 295.4", "~990e12 3.35e12", "h100-sxm"),
    "H100 FP8": (1979e12, 3.35e12, 80e9, "1979.0e12 3.4e12 590.7", "~1979e12 3.35e12", "h100-sxm"),
    "B200 FP16": (2250e12, 8.0e12, 192e9, "2250.0e12 8.0e12 281.2", "2.25e15 8.0e12", "b200"),
    "B200 FP8": (4500e12, 8.0e12, 192e9, "4500.0e12 8.0e12 562.5", "4.5e15 8.0e12", "b200"),
}
MACHINES = {
    name: rs.Machine(name=name, peak=peak, bandwidth=bandwidth, capacity=capacity)
    for name, (peak, bandwidth, capacity, *_) in TABULATED.items()
}
a100, h100, b200 = (MACHINES[f"{name} FP16"] for name in ("A100", "H100", "B200"))

balance = Derivation("Machine balance", "five GPUs of document 002")
for name, (*_, row, comments, catalogued) in TABULATED.items():
    gpu, figures = MACHINES[name], zip((sy.peak, sy.bandwidth, sy.ridge), row.split(), strict=True)
    balance.reproduced(f"{name}: its row", [(x, getattr(gpu, x.name), y) for x, y in figures])
    sheet = rs.machine(catalogued, dtype=name.split()[1].lower())
    peak, bandwidth = comments.split()
    balance.reproduced("Peak in the catalogue", [(sy.peak, sheet.peak, peak)], "FLOP/s")
    balance.reproduced("Its bandwidth", [(sy.bandwidth, sheet.bandwidth, bandwidth)], "B/s")
balance.reproduced(
    "On its charts", [(sy.peak, h100.peak, "990e12"), (sy.bandwidth, h100.bandwidth, "3.4e12"),
                      (sy.ridge, h100.ridge, "295"), (sy.ridge, b200.ridge, "281")],
)  # fmt: skip
balance.reproduced(
    "The two columns of its H100 as printed, one over the other",
    [(Label("ratio"), sympy.Rational("989.5e12") / sympy.Rational("3.4e12"), "291.0")], "FLOP/B",
)  # fmt: skip
balance.refuted(
    "The A100's bandwidth is rounded, and its ratio has that error", sy.ridge,
    rs.machine("a100-80gb-sxm", dtype="fp16").ridge, "156.0", "FLOP/B", said="153",
)  # fmt: skip
balance.refuted(
    "A B200 has less memory than the document lists", sy.capacity, rs.machine("b200").capacity,
    "192e9", "B", said="180e9",
)  # fmt: skip
balance.below(
    "From H100 to B200 bandwidth gains more than compute, so that it helps memory-bound work more",
    b200.peak / h100.peak, b200.bandwidth / h100.bandwidth,
)  # fmt: skip
balance

# %%
# One linear layer
# ----------------
#
# ``B`` rows times a matrix of ``d_model`` by ``d_ff``: the convention ``linear-only``, and of the
# model one operator. Input, matrix and output travel once each.

layer = rs.decode(rs.Transformer(name="one linear layer"), "linear-only").filter(operator="up_proj")
layer = layer.at(n_layers=1, b_a=b)
one = Derivation("Intensity of a linear layer", "one matrix", TWO_BYTES)
rows, inner, outer = B, d, sy.d_ff
product = 2 * rows * inner * outer / ((rows * inner + inner * outer + rows * outer) * b)
one.identity("Rows, inner and outer width", layer.flops / layer.bytes, product, sy.intensity)
one.limit("With many rows", sy.intensity, product, B, 2 * d * sy.d_ff / ((d + sy.d_ff) * b))
layer, raw_layer = layer.at(b_w=2), layer
LAYERS = [
    ("vector dot", (1, 1024, 1), "2,048", "4,098", "0.5", "memory"),
    ("matrix-vector", (1, 4096, 4096), "33,554,432", "33,570,816", "1.0", "memory"),
    ("small", (32, 4096, 4096), "1,073,741,824", "34,078,720", "31.5", "memory"),
    ("medium", (256, 4096, 4096), "8,589,934,592", "37,748,736", "227.6", "memory"),
    ("large", (1024, 4096, 4096), "34,359,738,368", "50,331,648", "682.7", "compute"),
    ("huge", (4096, 4096, 4096), "137,438,953,472", "100,663,296", "1365.3", "compute"),
]
sized = {name: layer.at(B=m, d_model=k, d_ff=columns) for name, (m, k, columns), *_ in LAYERS}
one.reproduced("FLOPs", [(Label(x[0]), sized[x[0]].flops, x[2]) for x in LAYERS], "FLOP")
one.reproduced("Bytes", [(Label(x[0]), sized[x[0]].bytes, x[3]) for x in LAYERS], "B")
one.reproduced("Intensity", [(Label(x[0]), sized[x[0]].intensity, x[4]) for x in LAYERS], "FLOP/B")
for name, *_, bound in LAYERS:
    sides = sized[name].intensity, h100.ridge
    lower, higher = sides if bound == "memory" else reversed(sides)
    one.below(f"On H100, {name}: {bound}-bound, as it says", lower, higher, "FLOP/B")
one.view()

# %%
# Where does a square layer of width 4096 turn compute-bound? "You need batch size ~128+", says the
# document. Its own table has 256 rows memory-bound; the exact answer for its H100 is 346, and not
# even an A100 is there at 128.

square = layer.at(d_model=4096, d_ff=4096)
on_h100 = rs.results.critical_batch(square, h100)
on_h100.derivation.view()

# %%
threshold = Derivation("Critical batch of the layer", "width 4096, two bytes per element")
threshold.refuted("On H100", BATCH, sympy.Integer(on_h100.whole), "~128")
for name, machine, whole in (("H100", h100, "346"), ("A100", a100, "169"), ("B200", b200, "327")):
    first = sympy.Integer(rs.results.critical_batch(square, machine).whole)
    threshold.reproduced(f"First compute-bound batch on {name}", [(BATCH, first, whole)])
eight_bits = raw_layer.at(d_model=4096, d_ff=4096, b_w=1)
first = sympy.Integer(rs.results.critical_batch(eight_bits, MACHINES["H100 FP8"]).whole)
threshold.reproduced(
    "In FP8 intensity and peak both double: the same batch", [(BATCH, first, "346")]
)
threshold

# %%
# Of the B200 the document says that "the bound classification doesn't change much". From H100 to
# B200 it does not: it differs from 327 to 345 rows, and none of the table's or of the chart's lies
# between. The A100, in the same comparison, is another matter: there 256 rows are compute-bound.

alike = Derivation("The same verdict on H100 and B200", "width 4096, two bytes per element")
for drawn in (2**i for i in range(11)):
    older, here, newer = (
        rs.Roofline(square.at(B=drawn), machine).bound for machine in (a100, h100, b200)
    )
    if here != newer or (here == older) == (drawn == 256):
        raise rs.ProofError(f"{drawn} rows are bound by {older}, {here} and {newer}")
medium, between = square.at(B=256).intensity, square.at(B=330).intensity
alike.below("256 rows are memory-bound on B200", medium, b200.ridge, "FLOP/B")
alike.below("as on H100", b200.ridge, h100.ridge, "FLOP/B")
alike.below("and compute-bound on A100", a100.ridge, medium, "FLOP/B")
alike.below("330 rows are compute-bound on B200", b200.ridge, between, "FLOP/B")
alike.below("and not on H100", between, h100.ridge, "FLOP/B")
on_b200 = rs.results.critical_batch(square, b200)
differing = sympy.Integer(on_h100.whole - on_b200.whole)
alike.reproduced("Numbers of rows on which these two differ", [(Label("rows"), differing, "19")])
alike

# %%
# Attention
# ---------
#
# One head of width ``d`` over a prompt of ``S`` tokens, three kernels that each read and write
# memory: the convention ``unfused-ops`` (whole squares, scores and probabilities materialised, five
# FLOP per element of the softmax), with ``kv="read"``, since the document does not write the cache.

CORE = ("score", "softmax", "value")
UNFUSED = rs.convention("unfused-ops").replace(name="document 002, attention", kv="read")
width = sy.head_dim


def head(rules: rs.Convention) -> rs.Ledger:
    """Attention of one head and one sequence, in prefill."""
    made = rs.prefill(rs.Transformer(n_layers=1, n_heads=1, n_kv_heads=1), rules)
    return made.filter(operator=CORE).at(B=1, b_a=b, b_kv=b)


attention = head(UNFUSED)
scores = Derivation("Intensity of unfused attention", "one head", TWO_BYTES)
STEPS = {
    "score": (2 * S**2 * width, (2 * S * width + S**2) * b, "4,294,967,296", "35,651,584", "120.5"),
    "softmax": (5 * S**2, 2 * S**2 * b, "83,886,080", "67,108,864", "1.2"),
    "value": (2 * S**2 * width, (S**2 + 2 * S * width) * b, "4,294,967,296", "35,651,584", "120.5"),
}
BARS = {"score": ("4.3e9", "35.7e6"), "softmax": ("0.1e9", "67.1e6"), "value": ("4.3e9", "35.7e6")}
SIZE = {"S": 4096, "head_dim": 128, "b_w": 2}
for name, (flops, moved, *_) in STEPS.items():
    part = attention.filter(operator=name)
    kernel = rf"_{{\mathrm{{{name}}}}}"
    scores.identity(f"FLOPs of {name}", part.flops, flops, Label(f"F_{name}", f"F{kernel}", "FLOP"))
    scores.identity(f"Bytes of {name}", part.bytes, moved, Label(f"Q_{name}", f"Q{kernel}", "B"))
parts = {name: attention.filter(operator=name).at(**SIZE) for name in STEPS}
whole = attention.at(**SIZE)
scores.reproduced(
    "FLOPs of 4096 tokens, width 128",
    [(Label(x), parts[x].flops, STEPS[x][2]) for x in STEPS]
    + [(Label("all"), whole.flops, "8,673,820,672")], "FLOP",
)  # fmt: skip
scores.reproduced(
    "Bytes", [(Label(x), parts[x].bytes, STEPS[x][3]) for x in STEPS]
    + [(Label("all"), whole.bytes, "138,412,032")], "B",
)  # fmt: skip
scores.reproduced(
    "Intensity", [(Label(x), parts[x].intensity, STEPS[x][4]) for x in STEPS]
    + [(Label("all"), whole.intensity, "62.7")], "FLOP/B",
)  # fmt: skip
scores.reproduced(
    "On its bars, FLOPs", [(Label(x), parts[x].flops, BARS[x][0]) for x in STEPS], "FLOP"
)
scores.reproduced("and bytes", [(Label(x), parts[x].bytes, BARS[x][1]) for x in STEPS], "B")
scores.reproduced(
    "Intensity by length",
    [
        (Label(f"I({tokens})"), attention.at(S=tokens, head_dim=128, b_w=2).intensity, printed)
        for tokens, printed in zip(
            (256, 1024, 4096, 16384, 65536), ("43", "57", "63", "64", "64"), strict=True
        )
    ], "FLOP/B",
)  # fmt: skip
scores.view()

# %%
# As the prompt grows, the document says, intensity approaches ``d/2``, of two bytes, and comes
# closer to compute-bound. It forgets its own softmax: the limit is ``(4 d + 5)/(4 b)``, that is
# ``d/2 + 5/8``, and ``d/2`` is what remains if softmax costs no FLOPs. The document's own curve,
# heads of 128, is beyond its 64 from 13,108 tokens on. Closer it comes, though not close: the limit
# is a fifth of the ridge point of an H100. Fused attention, whose scores never leave the chip, is
# compute-bound from 586 tokens.

bound = Derivation("Attention of long prompts", "one head", TWO_BYTES)
closed = (4 * width + 5) * S / (4 * (S + width) * b)
bound.identity("Unfused", attention.flops / attention.bytes, closed, sy.intensity)
limit = (4 * width + 5) / (4 * b)
bound.limit("As the prompt grows", sy.intensity, closed, S, limit)
LONG = Label("I_∞", r"I_{\infty}")
of_two = limit.xreplace({b: sympy.Integer(2)})
bound.refuted("The document's limit, of two bytes", LONG, of_two, width / 2)
free = head(UNFUSED.replace(softmax_flops=False))
bound.limit("It is that of a softmax without FLOPs", sy.intensity, free.at(b_w=2).intensity, S,
            width / 2)  # fmt: skip
of_128 = closed.xreplace({width: sympy.Integer(128), b: sympy.Integer(2)})
passed = rs.crossover(of_128, sympy.Integer(64), S)
LENGTH = Label("S*", "S^{*}")
bound.reproduced("Its own curve, heads of 128, is above its 64 from", [
    (LENGTH, sympy.floor(passed.value) + 1, "13108")
], "token")  # fmt: skip
share = of_two.xreplace({width: sympy.Integer(128)}) / h100.ridge
bound.reproduced("The limit over the ridge point of its H100", [(Label("share"), share, "0.22")])
for name, machine in (("A100", a100), ("H100", h100)):
    met = rs.crossover(of_128, machine.ridge, S)
    if met.outcome != "never":
        raise rs.ProofError(f"unfused attention meets the ridge point of {name}")
    bound.remark(f"On {name}, heads of 128 are compute-bound at no length.")
fused = head(UNFUSED.replace(attention="fused"))
bound.identity(
    "Fused", fused.flops / fused.bytes, (4 * width + 5) * S / (4 * width * b),
    Label("I_fused", r"I_{\mathrm{fused}}", "FLOP/B"),
)  # fmt: skip
first = rs.results.prefill_critical_length(fused.at(head_dim=128, b_w=2), h100)
bound.reproduced("Compute-bound on H100 from", [(LENGTH, sympy.Integer(first.whole), "586")])
bound.view()

# %%
# A whole decode step
# -------------------
#
# The document's function counts, per layer, four projections and a feed-forward block of two
# matrices four times as wide as the residual stream, ``N`` tokens in view per sequence, the new one
# included (here ``L + 1``: ``L`` cached and one new, which joins the cache first,
# ``new_kv="cached"``), and reads the cache without writing it (``kv="read"``). Its FLOPs and its
# weights and cache follow.

N = L + 1
PLAIN = {sy.n_kv_heads: sy.n_heads, sy.head_dim: d / sy.n_heads, sy.d_ff: 4 * d}
model = rs.Transformer(
    Structure(
        groups=(LayerGroup(feed_forward=FeedForward(gated=False), norms=()),), final_norm=False
    ),
    name="plain decoder",
)
LAYERS_ONLY = {"lm_head": "none", "embedding": "none", "vectors": False, "mask": "full"}
by_operator = rs.convention("fused-ops").replace(
    name="operator by operator", kv="read", new_kv="cached", **LAYERS_ONLY
)
multiplied = rs.convention("activation-multiplier").replace(
    name="document 002, decode", kv="read", new_kv="cached", **LAYERS_ONLY
)


def counted(rules: rs.Convention, quantity: str, **tags: object) -> sympy.Expr:
    """FLOPs or bytes of part of a decode step in the document's dimensions."""
    ledger = rs.decode(model, rules).filter(quantity=quantity, **tags)
    return ledger.symbolic(quantity).xreplace(PLAIN).xreplace(ONE_SIZE)


step = Derivation("FLOPs and bytes of a decode step", "plain decoder", TWO_BYTES)
flops = step.identity(
    "FLOPs", counted(multiplied, "flops"), n * (24 * B * d**2 + 4 * B * N * d), sy.flops
)
step.identity(
    "Weights and cache",
    counted(multiplied, "bytes", kind="weight") + counted(multiplied, "bytes", kind="kv"),
    n * (12 * d**2 + 2 * B * N * d) * b, Label("Q_w+kv", r"Q_{\mathrm{w+kv}}"),
)  # fmt: skip
PARTS = {
    "the projections of Q, K and V": (("q_proj", "k_proj", "v_proj"), 6),
    "attention": (("score", "value"), 3),
    "the output projection": (("o_proj",), 2),
    "the feed-forward block": (("up_proj", "down_proj"), 3),
}
unit = n * B * d * b
ACT = Label("Q_act", r"Q_{\mathrm{act}}")
for name, (operators, claimed) in PARTS.items():
    ours = counted(by_operator, "bytes", operator=operators, kind="activation")
    if name.endswith(("V", "projection")):
        step.identity(f"Activations of {name}", ours, claimed * unit, ACT)
    else:
        step.refuted(f"Activations of {name}", ACT, sympy.factor(ours), claimed * unit)
claimed_sum = sum(claimed for _, claimed in PARTS.values()) * unit
step.refuted("Together", ACT, counted(by_operator, "bytes", kind="activation"), claimed_sum)
by_rule = counted(multiplied, "bytes").xreplace({sy.c_act: sympy.Integer(14)})
document = step.identity(
    "So the document's bytes are those of 14 activations per token and layer, c_act = 14",
    by_rule, n * (12 * d**2 + 2 * B * N * d + 14 * B * d) * b, sy.bytes_,
)  # fmt: skip
step.view()

# %%
# In the names of the document's own program:

SEEN = sy.extra(
    "seq_len_kv", "token", "tokens in view per sequence, the new one among them",
    latex=sy.code_latex("seq_len_kv"), beside=L,
)  # fmt: skip
lettered = Derivation("Intensity of a decode step in the document's names", "plain decoder")
lettered.identity(
    "FLOPs over bytes", (flops / by_rule).xreplace({L: SEEN - 1}),
    (flops / document).xreplace({L: SEEN - 1}), sy.intensity,
)  # fmt: skip
lettered.view(notation="roofline-notebook")

# %%
# Attention reads queries and writes outputs, two and not three; the feed-forward block reads ``d``
# and writes ``4 d``, reads those and writes ``d``, ten and not three. Fourteen for twenty: the
# document's table is that of the convention ``activation-multiplier`` with ``c_act = 14``. It
# prints the following, for 32 layers of width 4096 and 2048 tokens in view.

SEVEN_B = {n: sympy.Integer(32), d: sympy.Integer(4096), b: sympy.Integer(2)}
ratio = (flops / document).xreplace(SEVEN_B).cancel()
TABLE = {1: "1.0", 2: "1.9", 4: "3.2", 8: "5.2", 16: "7.4", 32: "9.4", 64: "10.9", 128: "11.8",
         256: "12.4"}  # fmt: skip
GRID = {
    256: ("1", "2", "4", "7", "14", "24", "38", "55"),
    512: ("1", "2", "4", "7", "12", "19", "28", "35"),
    1024: ("1", "2", "4", "6", "10", "14", "18", "21"),
    2048: ("1", "2", "3", "5", "7", "9", "11", "12"),
    4096: ("1", "2", "3", "4", "5", "6", "6", "7"),
    8192: ("1", "2", "2", "3", "3", "4", "4", "4"),
}


def intensity(batch: int, view: int) -> sympy.Expr:
    """Intensity of a decode step, as the document counts it."""
    return ratio.xreplace({B: sympy.Integer(batch), L: sympy.Integer(view - 1)})


table = Derivation(
    "Intensity of decode", "32 layers of width 4096 on H100", {**h100.values, sy.ridge: h100.ridge}
)
held = counted(multiplied, "bytes", kind="weight").xreplace(SEVEN_B) / 2
table.reproduced(
    'What its "~7B model" has of weights: no embedding, no LM head, no norms',
    [(Label("weights"), held, "6.44e9")],
)  # fmt: skip
table.reproduced(
    "2048 tokens in view",
    [(Label(f"I(B = {x})"), intensity(x, 2048), shown) for x, shown in TABLE.items()], "FLOP/B",
)  # fmt: skip
for view, column in GRID.items():
    table.reproduced(
        f"{view} tokens in view",
        [(Label(f"I(B = {2**i})"), intensity(2**i, view), x) for i, x in enumerate(column)],
        "FLOP/B",
    )  # fmt: skip
full = rs.convention("fused-ops").replace(name="fused-ops, layers only", **LAYERS_ONLY)
every = (counted(full, "flops") / counted(full, "bytes")).xreplace(
    {**SEVEN_B, L: sympy.Integer(2047)}
)
table.reproduced(
    "With every operator's activations and the writing of the cache, at 2048 tokens in view",
    [
        (Label(f"I(B = {x})"), every.xreplace({B: sympy.Integer(x)}), shown)
        for x, shown in TABLE.items()
    ], "FLOP/B",
)  # fmt: skip
highest = max(intensity(2**i, view) for view in GRID for i in range(8))
table.below("No cell of the document's chart reaches the ridge point", highest, sy.ridge)
table

# %%
# Nor would a larger batch help. At this context intensity tends to 13, and some batch is
# compute-bound on the H100 only up to 76 tokens in view.

out_of_reach = Derivation(
    "No batch is compute-bound", "32 layers of width 4096 on H100",
    {**h100.values, sy.ridge: h100.ridge},
)  # fmt: skip
at_2048 = ratio.xreplace({L: sympy.Integer(2047)})
ceiling = sympy.limit(at_2048, B, sympy.oo)
out_of_reach.limit("At 2048 tokens, as the batch grows", sy.intensity, at_2048, B, ceiling)
out_of_reach.reproduced("which is", [(sy.limit_intensity, ceiling, "12.96")], "FLOP/B")
if rs.crossover(at_2048, h100.ridge, B).outcome != "never":
    raise rs.ProofError("some batch is compute-bound at 2048 tokens")
reach = rs.crossover(sympy.limit(ratio, B, sympy.oo), h100.ridge, L)
out_of_reach.reproduced(
    "Tokens in view up to which some batch is",
    [(Label("N_max", r"N_{\max}"), reach.value + 1, "76.5")], "token",
)  # fmt: skip
weights, cache = (
    counted(multiplied, "bytes", kind=kind).xreplace(SEVEN_B) for kind in ("weight", "kv")
)
even = rs.crossover(cache.xreplace({L: sympy.Integer(2047)}), weights, B)
out_of_reach.reproduced(
    "Sequences whose caches weigh as much as the weights", [(Label("B"), even.value, "12")]
)
out_of_reach

# %%
# And a larger batch does not fit. The 80 GB that the document lists for its H100 hold the weights
# and the caches of 62 sequences of 2048 tokens: of its table's batches 64, 128 and 256 do not fit,
# of its chart's 48 cells ten. (Were they GiB, 64 would, and six cells would not.) The model has a
# vocabulary of one word here, since the document counts none.

SIZES = {
    "n_layers": 32, "d_model": 4096, "d_ff": 16384, "n_heads": 32, "n_kv_heads": 32,
    "head_dim": 128, "b_w": 2, "b_a": 2, "b_kv": 2,
}  # fmt: skip
GIB = h100.at(capacity=80 * 2**30)
held_step = rs.decode(model, multiplied).at(**SIZES, vocab_size=1)


def fitting(machine: rs.Machine, view: int) -> int:
    """Largest batch that a machine's memory holds."""
    return rs.results.largest_batch(held_step.at(L=view - 1), machine).whole


fits = Derivation("What fits", "32 layers of width 4096, H100 of 80 GB", h100.values)
MOST, NEEDED = Label("B_max", r"B_{\max}"), Label("M")
fits.reproduced("Largest batch, 2048 tokens", [(MOST, sympy.Integer(fitting(h100, 2048)), "62")])
needed = {}
for batch, shown in ((32, "47.2e9"), (64, "81.6e9"), (128, "150.3e9"), (256, "287.8e9")):
    kept = held_step.at(L=2047, B=batch)
    needed[batch] = kept.bind(kept.memory.symbolic("memory"))
    fits.reproduced(f"{batch} sequences need", [(NEEDED, needed[batch], shown)], "B")
fits.below("32 fit", needed[32], sy.capacity, "B")
fits.below("64 do not", sy.capacity, needed[64], "B")
fits.below("though in GiB they would", needed[64], GIB.capacity, "B")
fits.below("and 128 not even so", GIB.capacity, needed[128], "B")
for machine, size, count in ((h100, "80 GB", "10"), (GIB, "80 GiB", "6")):
    cells = sympy.Integer(sum(2**i > fitting(machine, view) for view in GRID for i in range(8)))
    fits.reproduced(
        f"Of the 48 cells of the chart, beyond {size}", [(Label("cells"), cells, count)]
    )
fits

# %%
# "Larger batch + shorter KV -> more compute-bound", says the document, and "Smaller batch + longer
# KV -> more memory-bound". The batch does that always. The context does it from two sequences on;
# of one sequence alone the cache has a slightly higher intensity than weights and activations.

MORE = sy.extra("more", "1", "sequences, in addition to others", text="m", latex="m")
wider = Derivation("Batch and context", "plain decoder", TWO_BYTES)
quotient = wider.identity(
    "The document's intensity", flops / document,
    2 * B * (6 * d + N) / ((6 * d + B * N + 7 * B) * b),
    sy.intensity,
)  # fmt: skip
added = wider.identity(
    "What m more sequences add", quotient.xreplace({B: B + MORE}) - quotient,
    12 * d * MORE * (6 * d + N)
    / ((6 * d + B * (N + 7)) * (6 * d + (B + MORE) * (N + 7)) * b),
    Label("I(B + m) − I(B)", "I(B + m) - I(B)"),
)  # fmt: skip
wider.below("A larger batch raises it, whatever the two", sympy.S.Zero, added)
change = Label("change", r"I(N + 1) - I(N)")
longer = quotient.xreplace({L: L + 1})
below_line = 6 * d + B * N + 7 * B
wider.identity(
    "What one more token in view adds", longer - quotient,
    2 * B * (6 * d + 7 * B - 6 * d * B) / (below_line * (below_line + B) * b), change,
)  # fmt: skip
turns = rs.crossover(6 * d + 7 * B, 6 * d * B, B)
(branch,) = turns.branches
wider.solution("Its sign turns at a batch of", BATCH, turns, branch, branch.when)
lone = {B: sympy.S.One}
wider.below("One sequence: intensity rises with the context",
            quotient.xreplace(lone), longer.xreplace(lone))  # fmt: skip
wider.below("and stays below 1 in two bytes", quotient.xreplace({**lone, b: sympy.Integer(2)}),
            sympy.S.One)  # fmt: skip
nothing = {**lone, **SEVEN_B, L: sympy.S.Zero}
wider.reproduced("from, at a width of 4096 and with nothing cached,",
                 [(sy.intensity, quotient.xreplace(nothing), "0.9997")], "FLOP/B")  # fmt: skip
for count, some in (("2", sympy.Integer(2)), ("m + 2", MORE + 2)):
    of_some = {**SEVEN_B, B: some}
    wider.below(f"{count} sequences, width 4096: it falls",
                longer.xreplace(of_some), quotient.xreplace(of_some))  # fmt: skip
wider

# %%
# Marks on the roofline
# ---------------------
#
# The roof that the document draws, the lower of a slope and a plateau, is proved in the article on
# document 003. Under it decode is marked twice. Part 4 takes one layer at 60 % of the roof, and has
# larger batches at half of the layer's intensity and at a quarter and a fifth of its rate. Part 8
# sets the same decode 67 and 28 times below the roof of an H100. With the document's own function
# for a whole step, 32 sequences have three intensities, 16, 9.4 and 25; and where Part 4 reaches 60
# % of the bandwidth, Part 7 reaches 80 %. Prefill of 1024 tokens is a linear layer's at 70 % of the
# peak in Part 4; in Part 8 it has three quarters of that intensity, at half of the peak.

PEAK_REACHED, BANDWIDTH_REACHED = sympy.Rational(7, 10), sympy.Rational(8, 10)
IN_PART_4 = sympy.Rational(6, 10)
RATE = Label("P")
single = square.at(B=1).intensity
rate = IN_PART_4 * sy.bandwidth * single
marks = Derivation("Marks on the roofline", "width 4096, two bytes per element on H100",
                   h100.values)  # fmt: skip
for batch, shown, gain, in_step in ((32, "16.0", "8", "1.7"), (128, "64.0", "25", "5.4")):
    marked = batch * single / 2
    marks.reproduced(f"Part 4: decode of {batch} at", [(sy.intensity, marked, shown)], "FLOP/B")
    marks.refuted("The layer has", sy.intensity, square.at(B=batch).intensity, marked)
    marks.reproduced(
        "Over that of the document's whole step, 2048 tokens in view",
        [(Label("ratio"), marked / intensity(batch, 2048), in_step)],
    )
    marks.refuted(f"and its rate, over that of one sequence, is not {gain}", Label("gain"),
                  square.at(B=batch).intensity / single, gain)  # fmt: skip
for batch, at, shown, times, gain in ((1, 2, "1e11", "67", 1), (32, 25, "3e12", "28", 8)):
    above = sy.bandwidth * at / sympy.Rational(shown)
    marks.reproduced(
        f"Part 8: decode of {batch} at {at} FLOP/B, the roof over its mark",
        [(Label("ratio"), above, times)],
    )
    marks.refuted("Its rate in Part 4", RATE, gain * rate, shown, "FLOP/s")
prompt_layer = square.at(B=1024).intensity
marks.reproduced("Part 4: prefill of 1024 tokens at", [(sy.intensity, prompt_layer, "682.7")],
                 "FLOP/B")  # fmt: skip
marks.below("beyond the ridge point", h100.ridge, prompt_layer, "FLOP/B")
marks.reproduced("and 70 % of it", [(RATE, PEAK_REACHED * sy.peak, "693e12")], "FLOP/s")
marks.reproduced(
    "Part 8: prefill of 1024 tokens at 500 FLOP/B, of that",
    [(Label("ratio"), 500 / prompt_layer, "0.73")],
)
marks.reproduced(
    "and at a rate of 500 TFLOP/s: of the plateau,",
    [(Label("ratio"), sympy.Rational("5e14") / sy.peak, "0.51")],
)
marks.reproduced(
    "The rate of one sequence in Part 7, over that in Part 4",
    [(Label("ratio"), BANDWIDTH_REACHED * sy.bandwidth * intensity(1, 2048) / rate, "1.33")],
)
marks

# %%
# The cheat sheet
# ---------------
#
# Its decode rows are not the function's values at the function's context. Two of them are near
# those of contexts of one or two hundred tokens; the first is reached at none. With 4 % of the
# ridge point a batch of 128 is not near it. Nor is the row for prefill its function's value: the
# one prefill of 1024 tokens that the document computes, a linear layer, has 682.7. A whole layer
# with unfused attention would have 502, and may be what is meant, but is nowhere counted. The
# conclusion's "~500+" is right of either. Attention has 62.67: about 62, and 63 in the document's
# own chart.

sheet = Derivation(
    "Rows of the cheat sheet", "32 layers of width 4096 on H100",
    {**h100.values, sy.ridge: h100.ridge},
)  # fmt: skip
for batch, shown, found in ((1, "2", "1.0"), (32, "~25", "9.4"), (128, "~80", "11.8")):
    sheet.refuted(f"Decode of {batch} at 2048 tokens", sy.intensity, intensity(batch, 2048), shown,
                  "FLOP/B", said=found)  # fmt: skip
for batch, shown, where in ((32, 25, "217"), (128, 80, "110")):
    met = rs.crossover(ratio.xreplace({B: sympy.Integer(batch)}), sympy.Integer(shown), L)
    sheet.reproduced(
        f"{batch} sequences have an intensity of {shown} at",
        [(Label("N"), met.value + 1, where)], "token",
    )  # fmt: skip
near = intensity(128, 2048) / sy.ridge
sheet.reproduced("Share of the ridge point at a batch of 128", [(Label("I / I*"), near, "0.04")])
sheet.refuted("Prefill of 1024 tokens, as the document computes it", sy.intensity, prompt_layer,
              "~500", "FLOP/B", said="682.7")  # fmt: skip
BY_LAYER = UNFUSED.replace(name="whole layers, attention as in document 002", **LAYERS_ONLY)
prompts = rs.prefill(model, BY_LAYER).at(B=1, **SIZES)
prompt = prompts.at(S=1024)
sheet.reproduced("Whole layers, attention unfused, which it does not compute",
                 [(sy.intensity, prompt.intensity, "502")], "FLOP/B")  # fmt: skip
for either in (prompt_layer, prompt.intensity):
    sheet.below("More than 500, as it concludes", sympy.Integer(500), either, "FLOP/B")
sheet.reproduced("Attention of 4096", [(sy.intensity, whole.intensity, "~62")], "FLOP/B")
block = layer.at(d_model=4096, d_ff=16384)
turn = rs.results.critical_batch(block, h100).whole
sheet.reproduced("What binds a feed-forward layer varies with the batch, as it says: compute, from",
                 [(BATCH, sympy.Integer(turn), "325")])  # fmt: skip
sheet

# %%
# Is prefill compute-bound?
# -------------------------
#
# "Prefill is compute-bound", says Part 4 of a linear layer and the document's third conclusion of
# all of prefill. Of the linear layer it holds from 346 tokens on. A whole layer has attention as
# well, which the document finds memory-bound at typical lengths: its squares outgrow the matrices,
# and with them the layer is compute-bound in between only. Its chart of attention goes to 65,536
# tokens.

between_roots = rs.results.prefill_critical_length(prompts, h100)
between_roots.derivation.view()

# %%
phase = Derivation(
    "Prefill of whole layers", "32 layers of width 4096 on H100, unfused attention",
    {**h100.values, sy.ridge: h100.ridge},
)  # fmt: skip
in_prefill = (prompts.flops / prompts.bytes).cancel()
met = rs.crossover(in_prefill, h100.ridge, S)
low, high = sorted(branch.exact for branch in met.branches)
start, end = sympy.ceiling(low), sympy.floor(high)
phase.reproduced("First compute-bound prompt", [(LENGTH, start, "363")], "token")
phase.reproduced("and the last", [(LENGTH, end, "5552")], "token")
travelling = prompts.filter(kind="activation", quantity="bytes")
phase.reproduced(
    "Activations in this, per token and layer",
    [(Label("activations"), travelling.bytes / (32 * 4096 * 2 * S), "22")],
)
block = travelling.filter(operator=("up_proj", "down_proj")).bytes
three = 3 * 32 * 4096 * 2 * S
fewer = (prompts.flops / (prompts.bytes - block + three)).cancel()
sooner, later = sorted(branch.exact for branch in rs.crossover(fewer, h100.ridge, S).branches)
phase.reproduced(
    "With the three of the feed-forward block that the document's decode has: first and last",
    [(LENGTH, sympy.ceiling(sooner), "344"), (LENGTH, sympy.floor(later), "5858")], "token",
)  # fmt: skip
for tokens, bound_by in ((start - 1, "memory"), (start, "compute"), (end, "compute"),
                         (end + 1, "memory"), (65536, "memory")):  # fmt: skip
    if rs.Roofline(prompts.at(S=int(tokens)), h100).bound != bound_by:
        raise rs.ProofError(f"a prompt of {tokens} tokens is not bound by {bound_by}")
longest = sympy.limit(in_prefill, S, sympy.oo)
phase.limit("As the prompt grows", sy.intensity, in_prefill, S, longest)
phase.identity("It is that of attention alone, heads of 128", longest,
               of_two.xreplace({width: sympy.Integer(128)}), LONG)  # fmt: skip
phase.below("far below the ridge point", 4 * longest, sy.ridge)
phase.below(
    "The document's longest prompt is memory-bound", in_prefill.xreplace({S: sympy.Integer(65536)}),
    sy.ridge,
)  # fmt: skip
kept = rs.prefill(model, BY_LAYER.replace(name="whole layers, fused", attention="fused"))
kept = kept.at(B=1, **SIZES)
once = rs.results.prefill_critical_length(kept, h100)
phase.reproduced(
    "Fused, from here on always", [(LENGTH, sympy.Integer(once.whole), "336")], "token"
)
phase.limit("since its intensity grows without bound", sy.intensity,
            (kept.flops / kept.bytes).cancel(), S, sympy.oo)  # fmt: skip
phase.view()

# %%
# Two of its rules have lower precision reduce FLOPs. In the ledger precision is bytes per element,
# and no FLOP has it: what halves are the bytes, and what doubles is the peak of the machine.

precision = Derivation("Eight bits in the place of sixteen", "plain decoder, H100")
ONE_BYTE = {b: sympy.S.One}
precision.identity("No FLOP less", counted(multiplied, "flops").xreplace(ONE_BYTE), flops, sy.flops)
precision.identity("Half the bytes", by_rule.xreplace(ONE_BYTE),
                   document.xreplace({b: sympy.Integer(2)}) / 2, sy.bytes_)  # fmt: skip
precision.identity("Twice the peak", MACHINES["H100 FP8"].peak, 2 * h100.peak, sy.peak)
precision.view()

# %%
# Throughput and latency
# ----------------------
#
# The document estimates time as the longer of compute at 70 % of the peak and traffic at 80 % of
# the bandwidth. It divides the time of a step by the batch and calls that the latency per request.
# A request waits for the whole step: its latency rises with the batch. And doubling the batch
# doubles throughput only while the weights are most of the traffic. Alone, a sequence waits longer
# with its context, in a straight line and not much: 64 times the context is 1.65 times the time.
# Its curves go to 256 sequences, of which 62 fit.

reading = document / (BANDWIDTH_REACHED * sy.bandwidth)
memory = reading.xreplace({**SEVEN_B, **h100.values})
compute = (flops / (PEAK_REACHED * h100.peak)).xreplace(SEVEN_B)
VIEW = {L: sympy.Integer(2047)}
timing = Derivation(
    "Time of a decode step", "32 layers of width 4096 on H100, 2048 tokens in view",
    {**h100.values, sy.ridge: h100.ridge, sy.limit_intensity: ceiling, **TWO_BYTES},
)  # fmt: skip
timing.below("Intensity stays below its limit",
             quotient.xreplace({d: SEVEN_B[d], **VIEW}), sy.limit_intensity, "FLOP/B")  # fmt: skip
timing.below(
    "and that below the ridge point, so utilised: memory binds at every batch",
    sy.limit_intensity, sy.ridge * PEAK_REACHED / BANDWIDTH_REACHED,
)  # fmt: skip
time = {x: memory.xreplace(VIEW).xreplace({B: sympy.Integer(x)}) for x in TABLE}
timing.reproduced(
    "Time of a step: the latency of a token, for every request in the batch",
    [(Label("T(B = 1)"), time[1], "5.21e-3"), (Label("T(B = 32)"), time[32], "17.7e-3")], "s",
)  # fmt: skip
timing.below("It rises with the batch", reading, reading.xreplace({B: B + MORE}))
PER_BATCH = ("5.21", "2.81", "1.60", "1.00", "0.703", "0.552", "0.477", "0.440", "0.421")
timing.reproduced(
    "Over the batch: the time per token of all requests together, the inverse of throughput",
    [
        (Label(f"T / B at {x}"), time[x] / x, f"{shown}e-3")
        for x, shown in zip(TABLE, PER_BATCH, strict=True)
    ], "s",
)  # fmt: skip
TOKENS = Label("tokens/s", r"B / T")
timing.identity(
    "Its two formulas for throughput: bandwidth over bytes per token", B * sy.bandwidth / by_rule,
    sy.bandwidth / (n * (12 * d**2 / B + (2 * N + 14) * d) * b), TOKENS,
)  # fmt: skip
timing.identity(
    "and peak over FLOPs per token", B * sy.peak / counted(multiplied, "flops"),
    sy.peak / (n * (24 * d**2 + 4 * N * d)), TOKENS,
)  # fmt: skip
THROUGHPUT = ("192", "356", "623", "997", "1423", "1811", "2096", "2275", "2376")
timing.reproduced(
    "The curve of its throughput",
    [
        (Label(f"at {x}"), x / time[x], shown)
        for x, shown in zip(TABLE, THROUGHPUT, strict=True)
    ], "1/s",
)  # fmt: skip
curve = B / memory.xreplace(VIEW)
most = sympy.limit(curve, B, sympy.oo)
timing.limit("As the batch grows", TOKENS, curve, B, most)
timing.reproduced("which is", [(TOKENS, most, "2487")], "1/s")
share = (curve / most).xreplace({B: sympy.Integer(12)})
timing.reproduced("and of which 12 sequences have", [(Label("share"), share, "0.50")])
for batch, gain in ((1, "1.86"), (16, "1.27"), (32, "1.16"), (128, "1.04")):
    doubled = 2 * time[batch] / time[2 * batch]
    timing.reproduced(
        f"Throughput of {2 * batch} over that of {batch}", [(Label("gain"), doubled, gain)]
    )
timing.refuted("From 16 to 32, which fit, it does not roughly double", Label("gain"),
               2 * time[16] / time[32], "2", said="1.27")  # fmt: skip
CONTEXTS = {256: "4.86e-3", 512: "4.91e-3", 1024: "5.01e-3", 2048: "5.21e-3", 4096: "5.61e-3",
            8192: "6.41e-3", 16384: "8.01e-3"}  # fmt: skip
timing.identity(
    "The time of one sequence is linear in the tokens in view", reading.xreplace(lone),
    2 * n * d * b * (6 * d + 7 + N) / (BANDWIDTH_REACHED * sy.bandwidth), Label("T(B = 1)"),
)  # fmt: skip
alone = {v: memory.xreplace({**lone, L: sympy.Integer(v - 1)}) for v in CONTEXTS}
timing.reproduced(
    "The curve of its latency",
    [(Label(f"T({v})"), alone[v], shown) for v, shown in CONTEXTS.items()], "s",
)  # fmt: skip
timing.reproduced("64 times the context", [(Label("ratio"), alone[16384] / alone[256], "1.65")])
used = PEAK_REACHED * (compute / memory).xreplace(VIEW).xreplace({B: sympy.S.One})
timing.reproduced(
    "What decode of one sequence wastes is compute, not bandwidth: share of the peak in use",
    [(Label("used"), used, "0.0027")],
)  # fmt: skip
timing

# %%
batches = np.geomspace(1, 1024, 200)
fig, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
left.plot(batches, rs.compile(square.intensity)(B=batches), "k", label="linear layer alone")
for view in (64, 256, 2048, 8192):
    curve = rs.compile(ratio, {"L": view - 1})(B=batches)
    left.plot(batches, curve, label=f"decode, {view} tokens in view")
left.axhline(float(h100.ridge), color="grey", linestyle=":", label="ridge point of H100")
left.set(xscale="log", yscale="log", xlabel="batch", ylabel="intensity (FLOP/B)", ylim=(0.8, 1e4))
left.set_title("a layer and 32 layers of width 4096, as document 002 counts", fontsize=10)
left.legend(frameon=False, fontsize=8)
seconds = rs.compile(memory.xreplace(VIEW))(B=batches)
right.plot(batches, 1e3 * seconds, label="time of a step: latency of a token")
right.plot(batches, 1e3 * seconds / batches, label="over the batch: inverse of throughput")
right.set(
    xscale="log",
    yscale="log",
    xlabel="batch",
    ylabel="time (ms)",
    title="a decode step on H100, 2048 tokens in view",
)
right.legend(frameon=False, fontsize=8)

# %%
# Each of these would have stopped this article, had it not held.

print(
    checked(
        [
            balance,
            one,
            on_h100.derivation,
            threshold,
            alike,
            scores,
            bound,
            step,
            table,
            out_of_reach,
            fits,
            wider,
            marks,
            sheet,
            between_roots.derivation,
            phase,
            precision,
            timing,
        ]
    )
)

# %%
# What is wrong in it
# -------------------
#
# - **"batch size ~128+"** for the linear layer on H100: 346 (A100 169, B200 327). Its own table has
#   256 memory-bound.
# - **The limit d/2** of unfused attention: ``(4 d + 5)/(4 b)`` with the softmax that it counts, in
#   two bytes ``d/2 + 5/8``; its own curve passes the 64 that it names at 13,108 tokens. Longer
#   prompts do come closer to compute-bound, to 22 % of it.
# - **Activations**: three for attention, though its own remark lists two; three for the
#   feed-forward block instead of ten. Its bytes are those of ``c_act = 14``, short of the
#   operators' own 20. Next to the cache of 2048 tokens that changes none of the digits it prints.
# - **Batches of 64, 128 and 256** at 2048 tokens need 82, 150 and 288 GB: 62 fit in the 80 GB that
#   it lists for its H100. Ten of the 48 cells of its chart do not fit either.
# - **Cheat sheet, decode**: ~2, ~25 and ~80 for 1.0, 9.4 and 11.8. No batch is compute-bound at
#   that context; "Near threshold" is 4 % of it.
# - **Cheat sheet, prefill**: ~500 for the 682.7 of its own function. It would be right of a whole
#   layer with unfused attention, 502, which the document does not compute.
# - **"Prefill is compute-bound"**: it computes a linear layer, which is so from 346 tokens on.
#   Whole layers, with attention as it counts that and the input and output of every matrix, are so
#   from 363 tokens to 5552, and neither below nor beyond, the 65,536 of its own chart among them;
#   with three activations for the feed-forward block, as in its decode, from 344 to 5858. With
#   fused attention they are so from 336 on.
# - **Marks on the roofline**: Part 4 has batches of 32 and 128 at half of the layer's intensity and
#   at a quarter and a fifth of its rate; for the document's own whole step that intensity is 1.7
#   and 5.4 times too high. Part 8 has batches of 1 and 32 at rates 67 and 28 times below the roof
#   of an H100. So 32 sequences have intensities of 16, 9.4 and 25 in one document, and one sequence
#   reaches 60 % of the bandwidth in Part 4 and 80 % in Part 7.
# - **"Each doubling of batch size roughly doubles throughput"**: by 1.27 from 16 to 32, and at
#   2048 tokens the step is compute-bound at no batch.
# - **"lower per-request latency"** from a larger batch: that is time over batch. Latency rises,
#   from 5.2 ms alone to 17.7 ms with 32.
# - **"wasted memory bandwidth"**: memory-bound decode uses what bandwidth there is, 80 % of it by
#   the document's own estimate. What idles is compute, of which one sequence uses 0.27 %.
# - **"Smaller batch + longer KV -> more memory-bound"** is true of the context from two sequences
#   on. The intensity of one rises with it, if only from 0.9997 towards 1.
# - **"Compute-bound -> reduce FLOPs (lower precision, fewer layers)"**: precision changes no FLOP.
#   It halves the bytes, and doubles the peak where the machine computes in it. The same holds of
#   "reduce arithmetic (lower precision, pruning)".
# - **A ratio of 156.0** for the A100 has two digits more than its bandwidth; the data sheet's 2.039
#   TB/s make it 153. The bandwidth of an H100 is printed as 3.4 TB/s, and 989.5/3.4 is 291, not the
#   295.4 beside it, which is right.
# - A B200 is listed with 192 GB; 180 GB are usable. An A100 is listed with HBM3; it has HBM2e
#   (NVIDIA A100 datasheet).
#
# What it leaves out by its own list of what it counts: embedding, LM head and norms. Its "~7B
# model" is 32 layers of 6.44e9 weights, and its full decode step is theirs.
#
# What it means in practice
# -------------------------
#
# Batching helps most until the caches of the batch weigh as much as the weights: here at a dozen
# sequences of 2048 tokens, with half of the highest throughput. Beyond, what helps is fewer KV
# bytes per token: grouped queries, shorter windows, smaller elements. They also let more sequences
# fit.
#
# Where it stops holding
# ----------------------
#
# The model has as many key/value heads as query heads. Grouped queries multiply the intensity of
# the attention part by their number per key/value head, so current models reach further;
# ``rs.results`` answers for each of the catalogue. Utilisations of 70 and 80 % are the document's
# guess.

"""
Document 003: four numbers from weights alone, and what the KV cache does to them
=================================================================================

Document 003 is an exercise: with two constants of a GPU and two of a model, say what bounds prefill
and decode, how fast decode can be at most, and from which batch on it is bound by compute. It ends
with three things left to do: another GPU, the traffic of the KV cache, and the figure.

**Question.** Do its numbers follow, how far does "weights alone" carry, and what comes out of the
three things left to do?
"""

import matplotlib.pyplot as plt
import sympy

import roofsym as rs
from roofsym import catalog
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label, checked
from roofsym.plot import Point
from roofsym.transformer import Mixture

# %%
# Assumptions
# -----------
#
# The convention ``weights-only`` is the document's model: two FLOP per weight and token
# (``flops="per-weight"``), and of bytes the weights, once (``attention="none"``, ``kv="none"``,
# ``activations="none"``). Its model has 8 billion parameters in two bytes, its GPU is an A100 of
# 312 TFLOP/s and 2.0 TB/s. ``w`` are the weight bytes, ``φ`` the FLOPs per token.

B, S, L = sy.B, sy.S, sy.L
RATE, BATCH, CONTEXT = Label("R_max", r"R_{\max}"), Label("B*", "B^{*}"), Label("L*", "L^{*}")
L_MAX, BATCH_FITS = Label("L_max", r"L_{\max}"), Label("B_max", r"B_{\max}")

a100 = rs.Machine(name="A100", peak=312e12, bandwidth=2.0e12, capacity=80e9)
h100 = rs.Machine(name="H100", peak=990e12, bandwidth=3.35e12)
llama = rs.model("llama-3.1-8b")
EIGHT_BILLION = {"w": 16 * 10**9, "phi": 16 * 10**9, "b_w": 2}


def on(machine: rs.Machine, ledger: rs.Ledger) -> dict[sympy.Symbol, sympy.Expr]:
    """What is known of a step on a machine, the ridge point included."""
    return {**ledger.values, **machine.values, sy.ridge: machine.ridge}


# Left-hand sides of what comes out on two machines.
RIDGE_ON = ("I*_%s", r"I_{\mathrm{%s}}^{*}")
BATCH_ON, CHUNK_ON = ("B*_%s", r"B_{\mathrm{%s}}^{*}"), ("S*_%s", r"S_{\mathrm{%s}}^{*}")
RATE_ON = ("R_max,%s", r"R_{\max, \mathrm{%s}}")
RATE_64_ON = ("R_64,%s", r"R_{\mathrm{64, %s}}")
CONTEXT_ON = ("L_max,%s", r"L_{\max, \mathrm{%s}}")
TIME_ON, LAUNCHES_ON = ("T_%s", r"T_{\mathrm{%s}}"), ("0.3 ms / T on %s", "")


def on_both(title: str, rows, recomputed) -> Derivation:
    """The same questions of both machines: what comes out, and that it rounds to what is said."""
    proof = Derivation(title, "8 billion parameters on A100 and on H100")
    machines = (a100, h100)
    answers = zip(*map(recomputed, machines), strict=True)
    for (text, names, unit, *said), found in zip(rows, answers, strict=True):
        labels = [Label(*(name.replace("%s", m.name) for name in names)) for m in machines]
        proof.reproduced(text, zip(labels, found, said, strict=True), unit)
    return proof


# %%
# The roof
# --------
#
# FLOPs ``F`` and bytes ``Q`` take ``F/π`` to compute and ``Q/β`` to move; the longer one counts.

roof = Derivation("The highest rate", "any work on any machine")
MOVING, COMPUTING = (
    Label(f"P_{x}", rf"P_{{\mathrm{{{x}}}}}", "FLOP/s", f"FLOPs per second, {x}-bound")
    for x in ("memory", "compute")
)
work, moved = sy.flops, sy.bytes_
slope = roof.identity(
    "Where moving takes longer, the rate is bandwidth times intensity",
    work / (moved / sy.bandwidth), sy.bandwidth * (work / moved), MOVING,
)  # fmt: skip
flat = roof.identity("Where computing does, it is the peak", work / (work / sy.peak), sy.peak,
                     COMPUTING)  # fmt: skip
met = rs.crossover(work / moved, sy.peak / sy.bandwidth, sy.flops)
roof.solution("The two times are equal at", sy.flops, met, met.branches[0], met.when)
roof.substitution(
    "which is where the slope has climbed to the peak: one plateau, not two",
    MOVING, slope, {sy.flops: met.value}, flat,
)  # fmt: skip
roof.view()

# %%
# The size of the model cancels
# -----------------------------

general = rs.step(rs.Transformer(), "weights-only")
cancels = Derivation("Intensity of a step", "any dense model, counted as weights-only")
parameters = rs.Transformer().parameters
N = sy.n_active
cancels.definitions[N] = parameters
cancels.identity("Two FLOP per parameter and token", general.flops, 2 * B * S * N, sy.flops)
cancels.identity("Every parameter is read once", general.bytes, sy.b_w * N, sy.bytes_)
intensity = cancels.identity(
    "So the parameters cancel", general.flops / general.bytes, 2 * B * S / sy.b_w, sy.intensity
)
cancels.identity(
    "The rule for training, where the backward pass costs two forward passes",
    3 * general.flops, 6 * B * S * N, Label("F_train", r"F_{\mathrm{train}}"),
)  # fmt: skip
for name in ("llama-3.1-8b", "llama-3.1-70b"):
    one = rs.step(rs.model(name), "weights-only")
    cancels.identity(f"The same for {one.model}", one.intensity, intensity, sy.intensity)
cancels.substitution(
    "In two bytes, intensity is the number of tokens", sy.intensity, intensity,
    {sy.b_w: sympy.Integer(2)}, B * S,
)  # fmt: skip
mixtral = rs.decode(rs.model("mixtral-8x7b"), "weights-only").at(B=64, b_w=2)
cancels.refuted(
    f"Not so of a mixture of experts: 64 sequences of {mixtral.model} read nearly all of them, and "
    "each token uses two", sy.intensity, mixtral.intensity, "64", "FLOP/B", said="17.65",
)  # fmt: skip
for name in catalog.records("models"):
    one = rs.model(name)
    mixture = any(isinstance(group.feed_forward, Mixture) for group in one.structure.groups)
    if mixture == (rs.step(one, "weights-only").at(b_w=2).intensity.cancel() == B * S):
        raise rs.ProofError(f"the parameters of {name} cancel, or they do not")
cancels.remark("They cancel for all dense models of the catalogue, and for no mixture of it.")
cancels.view()

# %%
# In the names of the document's own program, the batch from which on decode is compute-bound:

lettered = rs.results.critical_batch(general, rs.Machine())
lettered.derivation.view(notation="roofline-lab")

# %%
# The four numbers
# ----------------
#
# Ridge point, share of compute that one sequence uses, speed limit, critical batch, and the numbers
# that the document draws from them.

decode = rs.decode(llama, "weights-only").at(**EIGHT_BILLION)
prefill = rs.prefill(llama, "weights-only").at(**EIGHT_BILLION)
critical = rs.results.critical_batch(decode, a100)
fastest = rs.results.decode_speed_limit(decode, a100)
four = Derivation("The numbers of the document", "8 billion parameters on A100", on(a100, decode))
four.reproduced("Ridge point", [(sy.ridge, sy.peak / sy.bandwidth, "156.0")], "FLOP/B")
four.reproduced(
    "Intensity",
    [
        (Label("I(decode, B = 1)", r"I(\mathrm{decode}, \, B = 1)"),
         decode.at(B=1).intensity, "1"),
        (Label("I(prefill, S = 2048)", r"I(\mathrm{prefill}, \, S = 2048)"),
         prefill.at(B=1, S=2048).intensity, "2048"),
    ],
    "FLOP/B",
)  # fmt: skip
four.reproduced(
    "Share of the peak that one sequence uses, and what it leaves idle",
    [
        (Label("used"), decode.at(B=1).intensity / sy.ridge, "0.6 %"),
        (Label("idle"), 1 - decode.at(B=1).intensity / sy.ridge, "99.4 %"),
    ],
)
four.reproduced("Critical batch", [(BATCH, critical.value, "156")])
for batch, bound in ((155, "memory"), (156, "compute")):
    if rs.Roofline(decode.at(B=batch), a100).bound != bound:
        raise rs.ProofError(f"at batch {batch} decode is not bound by {bound}")
four.reproduced("Speed limit", [(RATE, fastest.value, "125")], "1/s")
four.reproduced("Time of such a step", [(Label("T"), sy.w / sy.bandwidth, "8e-3")], "s")
four.reproduced(
    "Tokens per second of 64 sequences",
    [(Label("64 R_max", r"64 \, R_{\max}"), 64 * fastest.value, "8000")], "1/s",
)  # fmt: skip
one = decode.at(B=1)
check = rs.verify(llama, "weights-only").at(**EIGHT_BILLION)
faster = a100.at(peak=2 * a100.peak)
for text, label, (longer, shorter), shown in (
    ("A faster kernel does nothing for it: time with twice the peak, over time with one",
     Label("T(2 π) / T(π)", r"T(2 \pi) / T(\pi)"),
     (rs.Roofline(one, faster).time, rs.Roofline(one, a100).time), "1.000"),
    ("Batching does nothing for prompts of 2048 tokens: time of two, over time of one",
     Label("T_2 / T_1", "T_2 / T_1"),
     [rs.Roofline(prefill.at(B=count, S=2048), a100).time for count in (2, 1)], "2.000"),
    ("To check five drafted tokens, six in a step, spends FLOPs that were idle: time over that of "
     "one", Label("T_6 / T_1", "T_6 / T_1"),
     (rs.Roofline(check.at(B=1, gamma=5), a100).time, rs.Roofline(one, a100).time), "1.000"),
):  # fmt: skip
    four.reproduced(text, [(label, longer / shorter, shown)])
small = sympy.Rational(1, 4) * sy.w
int4 = Label("w_INT4", r"w_{\mathrm{INT4}}")
four.reproduced("In four bits per weight, a quarter is read", [(int4, small, "4e9")], "B")
four.reproduced("so that the speed limit is", [(RATE, sy.bandwidth / small, "500")], "1/s")
four.below(
    "To a prefill of 2048 tokens they do nothing: it waits longer for compute than for its weights",
    sy.w / sy.bandwidth, 2048 * sy.phi / sy.peak, "s",
)  # fmt: skip
four.reproduced(
    "A model of one billion parameters: time of a step",
    [(Label("T"), 2 * 10**9 / sy.bandwidth, "1e-3")], "s",
)  # fmt: skip
overhead = sympy.Rational(3, 10_000)
four.reproduced(
    'Of these steps, 0.3 ms of launches (its "few hundred microseconds") are: noise, and not',
    [
        (
            Label("0.3 ms / 8 ms", r"0.3\,\mathrm{ms} / 8\,\mathrm{ms}"),
            four.evaluate(overhead * sy.bandwidth / sy.w),
            "4 %",
        ),
        (
            Label("0.3 ms / 1 ms", r"0.3\,\mathrm{ms} / 1\,\mathrm{ms}"),
            four.evaluate(overhead * sy.bandwidth / (2 * 10**9)),
            "30 %",
        ),
    ],
)
four

# %%
# Both phases in one step
# -----------------------
#
# Decode leaves FLOPs idle that a prefill would fill: a chunk of a prompt that shares the step
# shares its weights, too. Here the tokens of both add up to the critical batch. (The run of 33s
# that the document prints is a measurement from elsewhere.) With activations and a cache counted,
# chunks are longer: ``chunked_prefill`` is about them.

beside = rs.chunk(llama, "weights-only").at(**EIGHT_BILLION, decode_batch=64)
shared = rs.results.piggybacked_chunk(beside, a100)
shared.derivation.view()

# %%
filled = Derivation("Beside 64 sequences", "8 billion parameters on A100", a100.values)
filled.reproduced("The smallest chunk that fills the step with FLOPs",
                  [(Label("S*", "S^{*}"), sympy.Integer(shared.whole), "92")],
                  "token")  # fmt: skip
BOTH = Label("64 + S*", "64 + S^{*}")
together = sympy.Integer(64 + shared.whole)
filled.reproduced("which makes the tokens of both", [(BOTH, together, "156")], "token")
filled

# %%
# Left to do, first: an H100
# --------------------------
#
# The document has two numbers for it and asks for the rest: the same questions, once for each
# machine.

billion = rs.decode(llama, "weights-only").at(w=2 * 10**9, phi=2 * 10**9, b_w=2, B=1)
quarter = rs.decode(llama, "weights-only").at(w=4 * 10**9, phi=16 * 10**9, b_w=0.5)


def recomputed(machine: rs.Machine) -> list[sympy.Expr]:
    """The numbers that the document has of an A100."""
    used = one.intensity / machine.ridge
    batch = rs.results.critical_batch(decode, machine)
    fastest, in_four_bits, of_billion = (
        rs.results.decode_speed_limit(x, machine).value for x in (decode, quarter, billion)
    )
    chunk = rs.results.piggybacked_chunk(beside, machine)
    return [
        machine.ridge, used, 1 - used, batch.value, sympy.Integer(batch.whole), fastest,
        64 * fastest, in_four_bits, 1 / fastest, overhead * fastest, 1 / of_billion,
        overhead * of_billion, sympy.Integer(chunk.whole),
    ]  # fmt: skip


both = on_both(
    "The same on an H100",
    [
        ("Ridge point", RIDGE_ON, "FLOP/B", "156", "295.5"),
        ("Share of the peak that one sequence uses", ("used on %s", ""), "1", "0.6 %", "0.34 %"),
        ("and what it leaves idle", ("idle on %s", ""), "1", "99.4 %", "99.7 %"),
        ("Critical batch", BATCH_ON, "1", "156", "295.5"),
        ("so that the first compute-bound one is", BATCH_ON, "1", "156", "296"),
        ("Speed limit", RATE_ON, "1/s", "125", "209.4"),
        ("Tokens per second of 64 sequences", RATE_64_ON, "1/s",
         "8000", "13400"),
        ("Speed limit with weights of four bits", RATE_ON, "1/s", "500", "837.5"),
        ("Time of a step", TIME_ON, "s", "8e-3", "4.78e-3"),
        ("and what launches of 0.3 ms are of it", LAUNCHES_ON, "1", "3.75 %", "6.3 %"),
        ("Time of a step with one billion parameters", TIME_ON, "s", "1e-3", "0.597e-3"),
        ("and what launches are of it", LAUNCHES_ON, "1", "30 %", "50 %"),
        ("Smallest chunk that fills a step of 64 sequences with FLOPs", CHUNK_ON,
         "token", "92", "232"),
    ],
    recomputed,
)  # fmt: skip
both

# %%
# The document's two numbers, and what it says of generations:

newer = Derivation("On an H100", "8 billion parameters on H100", on(h100, decode))
newer.reproduced("Ridge point", [(sy.ridge, h100.ridge, "~295")], "FLOP/B")
exact = rs.machine("h100-sxm", dtype="fp16")
newer.reproduced(f"Of a peak of {exact.peak / 10**12} TFLOP/s, as in the data sheet, it is",
                 [(sy.ridge, exact.ridge, "295")], "FLOP/B")  # fmt: skip
newer.reproduced("Of the 990 and 3.35 that the document has, both about, it rounds to",
                 [(sy.ridge, sy.peak / sy.bandwidth, "296")], "FLOP/B")  # fmt: skip
newer.reproduced("Speed limit", [(RATE, sy.bandwidth / sy.w, "~209")], "1/s")
newer.below("A prefill of 2048 tokens is compute-bound on it, too", sy.ridge,
            prefill.at(B=1, S=2048).intensity, "FLOP/B")  # fmt: skip
newer.below("The ridge point rose", a100.ridge, sy.ridge)
b200 = rs.machine("b200", dtype="fp16")
newer.below("but not with every generation: a B200's is lower again", b200.ridge, sy.ridge)
for name in ("rtx-3090", "rtx-4090", "rtx-5090"):
    card = rs.machine(name, dtype="fp16")
    newer.below(f"A consumer card, {card.name}, has less in fp16, accumulated in fp32",
                card.ridge, sy.ridge, "FLOP/B")  # fmt: skip
card = rs.machine("rtx-4090", dtype="fp16")
newer.below(f"though not always less than the A100: {card.name}", a100.ridge, card.ridge, "FLOP/B")
sums_in_fp16 = rs.Machine(peak=330.3e12, bandwidth=card.bandwidth)
newer.below(f"and twice as fast with sums in fp16, the {card.name} has more than an H100",
            sy.ridge, sums_in_fp16.ridge, "FLOP/B")  # fmt: skip
newer

# %%
# Left to do, second: the KV cache
# --------------------------------
#
# Two switches add it: ``attention="fused"``, ``kv="read"``. Everything else stays. Bytes become
# ``w + B κ L``: the second term is the one that it asks for, and ``κ`` the 128 KiB per token that
# it names. The context at which KV reads overtake weight reads for 64 sequences is the wall.

WITH_KV = rs.convention("weights-only").replace(name="weights and KV", attention="fused", kv="read")
cached = rs.decode(llama, WITH_KV).at(**EIGHT_BILLION, b_kv=2)
wall = rs.results.kv_overtakes_weights(cached.at(B=64))
wall.derivation.view()

# %%
cache = Derivation("The wall in numbers", "8 billion parameters on A100", on(a100, cached))
form = cache.total("Weights and cache, summed over the ledger", sy.bytes_, cached, "bytes")
rate = rs.results.decode_speed_limit(cached, a100).general.value
with_term = cache.identity(
    "Tokens per second of all sequences, while memory binds, with the term in it",
    B * rate, B * sy.bandwidth / (sy.w + B * sy.kappa * L), Label("B R_max", r"B \, R_{\max}"),
)  # fmt: skip
cache.limit("As the batch grows, they tend to", Label("B R_max", r"B \, R_{\max}"), with_term, B,
            sy.bandwidth / (sy.kappa * L))  # fmt: skip
cache.reproduced("KV bytes per token", [(sy.kappa, sy.kappa, "131072")], "B/token")
cache.reproduced("Context at which 64 sequences read as much cache as weights",
                 [(CONTEXT, wall.value, "1907")], "token")  # fmt: skip
if wall.general.value.free_symbols != {sy.w, B, sy.kappa}:
    raise rs.ProofError(f"a machine is in the wall: {wall.general.value}")
cache.remark("No machine is in the wall: an H100 has it at the same context.")
at_wall = {B: sympy.Integer(64), L: wall.value}
form_at_wall = form.expr.xreplace(at_wall)
for said, sooner, times in (
    ("At the wall 64 sequences make so many times the tokens that one makes without a cache",
     64 * sy.w / form_at_wall, "32"),
    ("and the step is so many times as fast with a quarter of the bytes of weights",
     form_at_wall / (form_at_wall - sy.w * 3 / 4), "1.6"),
):  # fmt: skip
    cache.reproduced(said, [(Label("speed-up"), cache.evaluate(sooner), times)])
whole = rs.decode(llama).at(B=1, b_w=2).weight_bytes
stays = {"b_w_embedding": 2, "b_w_lm_head": 2, "b_w_vectors": 2}
mixed = rs.decode(llama.with_precisions((*stays, "group_w", "scale_w")))
four_bits = mixed.at(B=1, b_w=0.5, group_w=128, scale_w=2, **stays).weight_bytes
cache.refuted(
    "Nor are four bits a quarter of 16, with a scale of 16 bits for each 128 weights, and "
    "embedding, LM head and norms left in 16", Label("bytes before / after"), whole / four_bits,
    "4", said="3.23",
)  # fmt: skip
cache.view()

# %%
# The document names grouped queries and latent attention as what shrinks the cache, and says by how
# much of neither. A cache with a key and a value for every query head is what both are measured by;
# of latent attention it would hold each head's key, of ``nope_dim + rope_dim``, and its value.


def per_token(model: rs.Transformer) -> sympy.Expr:
    """Bytes of the cache that a decode step reads per sequence and cached token."""
    read = rs.decode(model).filter(kind="kv", access="read")
    return (read.symbolic("bytes") / (B * L)).cancel()


deepseek = rs.model("deepseek-v3")
heads, latents = per_token(rs.Transformer()), per_token(deepseek)
wide = sy.n_heads * (sy.nope_dim + sy.rope_dim + sy.v_dim)
SHARE = Label("κ / κ_full", r"\kappa / \kappa_{\mathrm{full}}")
smaller = {}
for model, own, full, share, parts in (
    (llama, heads, heads.xreplace({sy.n_kv_heads: sy.n_heads}), sy.n_kv_heads / sy.n_heads, "4"),
    (deepseek, latents, (sy.n_dense + sy.n_sparse) * wide * sy.b_kv,
     (sy.kv_rank + sy.rope_dim) / wide, "71"),
):  # fmt: skip
    shrunk = Derivation(
        "What shrinks the cache", model.name, {**model.values, sy.b_kv: sympy.Integer(2)}
    )
    shrunk.define("One token takes, in all layers,", sy.kappa, own)
    shrunk.define("with a key and a value for every query head it would take",
                  Label("κ_full", r"\kappa_{\mathrm{full}}"), full, "B/token")  # fmt: skip
    shrunk.identity("The layers and the bytes of an element cancel", own / full, share, SHARE)
    shrunk.number("In numbers", SHARE, share, shrunk.evaluate(share), "1")
    shrunk.reproduced("One part of", [(Label("parts"), 1 / shrunk.evaluate(share), parts)])
    smaller[model.name] = shrunk
grouped, latent = smaller.values()
grouped.reproduced(
    "So the wall of 64 sequences is four times as far away as it would be, which is at",
    [(CONTEXT, wall.value * grouped.evaluate(sy.n_kv_heads / sy.n_heads), "477")], "token",
)  # fmt: skip
grouped

# %%
latent

# %%
# With the cache counted, the critical batch is no constant of the machine. It grows with the
# context, and beyond a few hundred tokens there is none. (The document's FLOPs are kept: attention
# costs none.)

with_cache = rs.results.critical_batch(cached, a100)
with_cache.derivation.view()

# %%
batches = Derivation(
    "Critical batch with a cache", "8 billion parameters on A100", on(a100, cached)
)
flops = batches.total("FLOPs, summed over the ledger", sy.flops, cached, "flops")
moved = batches.total("Bytes, summed over the ledger", sy.bytes_, cached, "bytes")
batches.identity("The document's intensity has a cache in it now", flops.expr / moved.expr,
                 B * sy.phi / (sy.w + B * sy.kappa * L), sy.intensity)  # fmt: skip
batches.limit("As the batch grows, it tends to", sy.intensity, flops.expr / moved.expr, B,
              sy.phi / (sy.kappa * L))  # fmt: skip
batches.reproduced("Context at which that is the ridge point",
                   [(L_MAX, sy.phi / (sy.ridge * sy.kappa), "782.5")], "token")  # fmt: skip
far, near = (rs.results.critical_batch(cached.at(L=tokens), a100) for tokens in (2048, 256))
if (far.outcome, near.outcome) != ("never", "crosses"):
    raise rs.ProofError("the critical batch is not within reach at 256 tokens and out at 2048")
full = (flops.expr / moved.expr).xreplace({B: sympy.Integer(156)})
batches.below("With any token cached, 156 sequences are too few", full, sy.ridge, "FLOP/B")
batches.refuted("At a context of 256 tokens", BATCH, near.value, "156")
batches.remark(f"At 2048 tokens, {far.outcome}: {far.reason}.")
room = (sy.capacity - sy.w) / (sy.kappa * L)
fits = room.xreplace({L: sympy.Integer(2048)})
batches.reproduced(
    "Sequences of 2048 tokens that fit beside the weights", [(BATCH_FITS, fits, "238")]
)
tail = cached.at(B=512, L=2048).intensity
batches.below("There, the document's largest batch is still on the slope", tail, sy.ridge, "FLOP/B")
batches.view()

# %%
# A cache costs the H100 more: its ridge point is higher, and so less of a cache is enough to keep
# decode below it.


def recomputed_with_cache(machine: rs.Machine) -> list[sympy.Expr]:
    """The wall, and what becomes of the critical batch."""
    at_wall = rs.results.decode_speed_limit(cached.at(B=64, L=wall.value), machine).value
    last = rs.results.compute_bound_context(cached, machine).whole
    near = rs.results.critical_batch(cached.at(L=256), machine).value
    return [64 * at_wall, sympy.Integer(last), near, near / machine.ridge]


both_cached = on_both(
    "The same on an H100, with a cache",
    [
        ("Tokens per second of 64 sequences at the wall, half of those without a cache",
         RATE_64_ON, "1/s", "4000", "6700"),
        ("Last context with a critical batch", CONTEXT_ON, "token", "782", "413"),
        ("Critical batch at a context of 256 tokens", BATCH_ON, "1", "231.9", "777.2"),
        ("over that without a cache", ("ratio on %s", ""), "1", "1.5", "2.6"),
    ],
    recomputed_with_cache,
)  # fmt: skip
both_cached

# %%
# Left to do, third: the figure
# -----------------------------
#
# Decode at the document's five batches and prefill at its two lengths, under the roofs of both
# machines, counted by weights alone; and the same decode steps at a context of 2048 tokens with
# the cache counted. The first series climbs past the ridge, the second crowds together on the
# slope.

BATCHES = (1, 8, 64, 156, 512)
alone = [
    *(Point(f"B = {b}", decode.at(B=b), "decode, weights alone") for b in BATCHES),
    *(Point(f"S = {s}", prefill.at(B=1, S=s), "prefill, weights alone") for s in (128, 2048)),
]
series = "decode, 2048 tokens cached"
with_context = [Point(f"B = {b}", cached.at(B=b, L=2048), series) for b in BATCHES]
fig, axes = plt.subplots(1, 2, figsize=(13, 5), sharey=True, layout="constrained")
for ax, points in zip(axes, (alone, with_context), strict=True):
    rs.plot.roofline([a100, h100], points, ax=ax)
axes[0].set_title("8 billion parameters, weights alone")
axes[1].set_title("8 billion parameters, weights and KV cache")

# %%
# How far the rules of thumb carry
# --------------------------------
#
# Some of the document's sentences are stronger than what it derives. For the counting of a real
# 8B model, ``fused-ops`` is asked instead of ``weights-only``.

llama_16bit = rs.decode(llama).at(b_w=2, b_a=2, b_kv=2)
rules = Derivation("Rules of thumb", "Llama-3.1-8B", {**llama_16bit.values, **a100.values})
linear = llama_16bit.filter(kind="linear").symbolic("flops").xreplace({B: sympy.S.One})
every = 2 * llama.structure.parameters
table = sy.d_model * sy.vocab_size
norms = sy.d_model * (2 * sy.n_layers + 1)
rules.identity(
    "Two FLOP per parameter count the embedding, which is looked up, and the norms",
    every - linear, 2 * (table + norms), Label("too many"),
)  # fmt: skip
rules.refuted("So per token an 8B model costs less", sy.flops, linear, every)
rules.reproduced("in numbers", [(sy.flops, linear, "15.01e9")], "FLOP")
rules.reproduced("which is more by", [(Label("too many"), every / linear - 1, "7.0 %")])
read = rs.convention("fused-ops").replace(activations="none", kv="none")
streamed = rs.decode(llama, read).at(B=1, b_w=2).bytes
rules.refuted(
    "Nor is the embedding streamed: the speed limit that no kernel can beat is higher",
    RATE, sy.bandwidth / streamed, "125", "1/s", said="133",
)  # fmt: skip
prompt = rs.prefill(llama).at(B=1, b_w=2, b_a=2, b_kv=2)
same = rs.results.attention_overtakes_linear(prompt)
rules.reproduced(
    "\"Short to moderate\" contexts: attention costs as much as the linear layers at a prompt of",
    [(Label("S*", "S^{*}"), sympy.Integer(same.whole), "53247")], "token",
)  # fmt: skip
two_per_token = (prompt.flops / (every * S)).xreplace({S: sympy.Integer(2048)})
rules.reproduced(
    "At 2048 tokens a prompt costs, of two FLOP per parameter and token,",
    [(Label("F / (2 N S)", r"F / (2 \, N \, S)"), two_per_token, "0.903")],
)
rules.reproduced("so that these are too many by",
                 [(Label("too many"), 1 / two_per_token - 1, "10.8 %")])  # fmt: skip
rules.refuted(
    "Its intensity is not its number of tokens, with activations, cache and attention counted",
    sy.intensity, prompt.at(S=2048).intensity, "2048", "FLOP/B", said="1085",
)  # fmt: skip
rules.refuted("nor is that of 128 tokens", sy.intensity, prompt.at(S=128).intensity, "128",
              "FLOP/B", said="113.5")  # fmt: skip
rules.below("Both stay on their side of the ridge point, the short one below it",
            prompt.at(S=128).intensity, a100.ridge, "FLOP/B")  # fmt: skip
rules.below("and the long one above", a100.ridge, prompt.at(S=2048).intensity, "FLOP/B")
turn = rs.results.prefill_critical_length(prompt, a100)
rules.reproduced("between which prompts turn compute-bound at",
                 [(Label("S*", "S^{*}"), sympy.Integer(turn.whole), "180")], "token")  # fmt: skip
share = rs.crossover(intensity.xreplace({S: sympy.S.One}), sy.ridge, B)
(branch,) = share.branches
rules.solution("Compute is saturated by", BATCH, share, branch, branch.when)
four_bits = rs.results.critical_batch(rs.decode(llama, "weights-only").at(b_w=0.5), a100).value
rules.refuted(
    "which is the ridge point at two bytes per weight and not at half a byte", BATCH, four_bits,
    "156",
)  # fmt: skip
sheet = rs.machine("a100-80gb-sxm", dtype="fp16")
rules.reproduced("The bandwidth is rounded", [(sy.bandwidth, sheet.bandwidth, "2.0e12")], "B/s")
rules.refuted("and the ridge point has its error", sy.ridge, sheet.ridge, "156.0", "FLOP/B",
              said="153")  # fmt: skip
rules.view()

# %%
# Two regimes do not make two separate menus: where the machine computes in one byte, an element of
# one byte in the place of two halves the time of both.

halves = {}
for phase, given in ((rs.decode, {"B": 1}), (rs.prefill, {"B": 1, "S": 2048})):
    times = []
    for dtype, size in (("bf16", 2), ("fp8", 1)):
        step = phase(llama, "weights-only").at(b_w=size, **given)
        times.append(rs.Roofline(step, rs.machine("h100-sxm", dtype=dtype)).time)
    halves[phase.__name__] = times[0] / times[1]
for name, ratio in halves.items():
    print(f"{name}: {float(ratio):.3f} times as fast in one byte as in two")
assert all(sympy.Rational(199, 100) < ratio < sympy.Rational(201, 100) for ratio in halves.values())

# %%
# Nor are the phases opposite ends "by construction". What FlashAttention does for the time to the
# first token follows from the document's law, if it is asked of every kernel, as it is stated: a
# prefill that is compute-bound as a whole has kernels in it that are not. Scores that pass through
# memory make attention one of these. If each kernel waits for the one before it, their times add
# up, here operator by operator.

ends = Derivation("Phase and bound", "8 billion parameters on A100", on(a100, decode))
of_prompt = general.in_phase("prefill").intensity.xreplace({B: sympy.S.One})
of_batch = general.in_phase("decode").intensity
ends.identity(
    "As many sequences in decode as tokens in a prompt: the same intensity",
    of_batch.xreplace({B: S}), of_prompt, sy.intensity,
)  # fmt: skip
short, wide = prefill.at(B=1, S=128), decode.at(B=2048)
ends.below("Its prefill of 128 tokens is memory-bound", short.intensity, sy.ridge)
ends.below("decode of 2048 sequences is compute-bound, as it says of a prompt of as many tokens",
           sy.ridge, wide.intensity)  # fmt: skip
kernels = {}
for way in ("unfused", "fused"):
    counting = rs.convention("fused-ops").replace(name=f"attention {way}", attention=way)
    kernels[way] = rs.prefill(llama, counting).at(B=1, b_w=2, b_a=2, b_kv=2)
unfused, fused = kernels.values()
ends.identity(
    "Attention that leaves scores on the chip saves no FLOP, at any length",
    unfused.flops - fused.flops, sympy.S.Zero,
    Label("F_unfused − F_fused", r"F_{\mathrm{unfused}} - F_{\mathrm{fused}}"),
)  # fmt: skip
at_2048 = {way: made.at(S=2048) for way, made in kernels.items()}
ends.reproduced(
    "Bytes without it over those with it, Llama-3.1-8B, 2048 tokens",
    [(Label("ratio"), at_2048["unfused"].bytes / at_2048["fused"].bytes, "2.26")],
)
for way, made in at_2048.items():
    ends.below(f"{way}, the whole is compute-bound", sy.ridge, made.intensity, "FLOP/B")
ATTENTION = ("score", "softmax", "value")
by_itself = {
    way: made.keep(e for e in made.entries if e.operator in ATTENTION).intensity
    for way, made in at_2048.items()
}
ends.below(
    "but attention alone is so only where it is fused", sy.ridge, by_itself["fused"], "FLOP/B"
)
ends.below("Unfused, it waits for memory", by_itself["unfused"], sy.ridge, "FLOP/B")


def one_by_one(ledger: rs.Ledger, machine: rs.Machine) -> sympy.Expr:
    """Seconds of a step whose operators wait for one another."""
    parts = ledger.group_by("operator").values()
    return sympy.Add(*(rs.Roofline(part, machine).time for part in parts))


T_KERNELS = {way: Label(f"T_{way}", rf"T_{{\mathrm{{{way}}}}}") for way in kernels}
LONGER = Label("T_unfused / T_fused − 1",
               r"T_{\mathrm{unfused}} / T_{\mathrm{fused}} - 1")  # fmt: skip
for tokens, saved, (slow, fast) in (
    (2048, "15 %", ("110.1e-3", "95.69e-3")), (8192, "52 %", ("645.2e-3", "423.5e-3")),
):  # fmt: skip
    times = {way: one_by_one(made.at(S=tokens), a100) for way, made in kernels.items()}
    ends.reproduced(
        f"Operator after operator, {tokens} tokens take",
        [(T_KERNELS["unfused"], times["unfused"], slow),
         (T_KERNELS["fused"], times["fused"], fast)], "s",
    )  # fmt: skip
    ends.reproduced("so without it they take longer by",
                    [(LONGER, times["unfused"] / times["fused"] - 1, saved)])  # fmt: skip
turns = [b.exact for b in rs.results.prefill_critical_length(unfused, a100).bound.branches]
ends.reproduced(
    "One roof over the whole step hides that: to it, nothing is saved by prompts from",
    [(Label("S*", "S^{*}"), sympy.ceiling(min(turns)), "183"),
     (Label("S*", "S^{*}"), sympy.floor(max(turns)), "12632")], "token",
)  # fmt: skip
ends.view()

# %%
# Each of these would have stopped this article, had it not held.

print(
    checked(
        [
            roof,
            cancels,
            four,
            filled,
            both,
            newer,
            wall.derivation,
            cache,
            grouped,
            latent,
            with_cache.derivation,
            batches,
            both_cached,
            rules,
            ends,
        ]
    )
)

# %%
# What is wrong in it
# -------------------
#
# Its arithmetic for the A100 is right to the last digit, and for the H100 within what it says is
# about. These do not hold:
#
# - **Two plateaus**: a roofline has one, and a slope.
# - **The ceiling of 125 tokens per second that nothing can beat** streams a table that is only
#   looked up. Without it the same bandwidth allows a real 8B model 133; the cache then takes its
#   share.
# - **As many tokens as the ridge point** saturate compute only with two bytes per weight. That the
#   crossover moves with the dtype it says itself; the version that it calls portable is without it,
#   and would be ``I* b_w / 2``.
# - **Every generation is more memory-bound** held from A100 to H100, and no longer for the next.
# - **Two completely disjoint menus** for prefill and decode share FP8: fewer bytes and a higher
#   peak halve the time of either.
# - **Opposite ends "by construction"**: its own prefill of 128 tokens is memory-bound, and decode
#   of 2048 sequences has the intensity of a prefill of 2048 tokens. What decides is how many tokens
#   share a reading of the weights, not the phase.
# - **Weights of four bits are a quarter**: formats have scales, and embedding, LM head and norms
#   mostly stay in 16 bits. For Llama-3.1-8B the factor is then 3.23, not 4.
# - **Consumer cards: lower** holds of fp16 with sums in fp32. With sums in fp16 the RTX 4090 is
#   twice as fast, and its ridge point is higher than that of an H100.
# - The ridge point of 156.0 has two digits more than its bandwidth; the data sheet's 2.039 TB/s
#   make it 153.
#
# Some of its sentences are those of its model: dense, and without cache, activations and attention.
# The document says that these are left out, that the model bends at long contexts, and that its two
# FLOP per parameter are about two. This is by how much:
#
# - **Intensity doesn't care how big the model is**, if every token meets all of the weights. Of a
#   mixture of experts a step reads many that a token does not meet: 64 sequences of Mixtral-8x7B
#   have an intensity of 17.65, not 64.
# - **Startlingly accurate**: prompts of Llama-3.1-8B turn compute-bound at 180 tokens, not 156, and
#   the verdict on 2048 stands. Their intensity is 113.5 at 128 tokens, but at 2048 tokens it is
#   1085, about half of what the document has.
# - **64 sequences make 64 times the tokens**: at 1907 tokens of context, the wall that it asks
#   for, 32 times.
# - **Weights of four bits are four times as fast**: there, 1.6 times, were they a quarter.
# - **Compute-bound from a batch of 156 on**: with a cache 156 is never enough. At 256 tokens it
#   takes half as many sequences again (on an H100, 2.6 times as many as without a cache), and
#   beyond 782 tokens no batch is enough (on an H100, beyond 413).
# - **Two FLOP per parameter** count the table that is looked up: 7 % too many for this model in
#   decode, and 10.8 % in a prompt of 2048 tokens, whose logits are those of its last token.
#
# Right, but not shown in it:
#
# - **Grouped queries and latent attention** shrink the cache, to a quarter for Llama-3.1-8B and to
#   a 71st for DeepSeek-V3. That moves the wall by as much, and removes it for neither.
# - **TTFT responds to FlashAttention**, though the prefill is compute-bound as a whole and the
#   kernel saves bytes and no FLOP: unfused attention is not compute-bound, and with operators one
#   after the other 2048 tokens take 15 % longer without it, 8192 tokens 52 %.
#
# What it means in practice
# -------------------------
#
# How many tokens a single reading of the weights serves is the right first thought; the
# number of cached bytes that each of them reads is the second, and with 64 sequences of more than
# 1907 tokens the larger one. What caps the batch is then the memory, and what caps the speed-up is
# the cache.
#
# Where it stops holding
# ----------------------
#
# Attention FLOPs and activations are still left out here; kernels reach neither roof. The
# document's 60 to 80 % of the ceiling are measurements, its $15k a price: no ledger can prove
# either. Quantised weights that are multiplied in 16 bits keep the peak of 16 bits; where the
# arithmetic is narrower, too, the peak rises with it.

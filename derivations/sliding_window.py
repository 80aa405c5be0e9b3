"""
Where a sliding window stops the cache
======================================

**Question.** A layer with a sliding window attends to the last ``W`` tokens and keeps no others.
From which context on does that stop the cache, and what becomes of the crossovers that depend on
the context?
"""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import sympy

import roofsym as rs
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label
from roofsym.hardware import element_bytes
from roofsym.transformer import Attention, LayerGroup, Structure, Window

# %%
# The steps
# ---------
#
# A model of ``n_global`` layers without a window and ``n_local`` with one. The new token is one of
# the ``W``, so the window is full one cached token earlier.

windowed = LayerGroup(label="local", count=sy.n_local, attention=Attention(window=Window()))
layers = Structure(groups=(LayerGroup(label="global", count=sy.n_global), windowed))
mixed, anywhere = rs.decode(rs.Transformer(layers)), rs.Machine()
full = rs.results.window_full_context(mixed)
full.derivation

# %%
# Beyond it the cache grows in the other layers alone, and its size over what it would be tends to
# their share.

saving = rs.results.window_saving(mixed)
saving.derivation

# %%
# The mean context
# ----------------
#
# FLOPs and bytes of a decode step are linear in the context. So what counts is the mean over the
# layers of what each has in view. At that context a model without windows costs the same.

n = sy.n_global + sy.n_local
seen = (sy.n_global * sy.L + sy.n_local * sympy.Min(sy.L, sy.window - 1)) / n
mean = sy.extra("mean_context", "token", "cached tokens that are read, mean over the layers",
                text="L_mean", latex=r"\bar{L}")  # fmt: skip
plain = rs.decode(rs.Transformer())
stretched = Derivation("The mean context", "a dense model with windows, counted as fused-ops")
totals = {
    "flops": (sy.flops, sy.B * (sy.phi + (sy.alpha + sy.alpha_w) * mean)),
    "bytes": (sy.bytes_, sy.w + sy.B * ((sy.kappa + sy.kappa_w) * mean + sy.a)),
}
for quantity, (symbol, at_mean) in totals.items():
    what = "FLOPs" if quantity == "flops" else "Bytes"
    total = stretched.total(f"{what} of a decode step with windows", symbol, mixed, quantity).expr
    stretched.definitions[mean] = seen
    stretched.identity("which is, in the mean context", total, at_mean, symbol)
    stretched.substitution(
        "and as many as without windows: n_global + n_local layers, at that context",
        symbol, plain.symbolic(quantity), {sy.n_layers: n, sy.L: mean}, at_mean,
    )  # fmt: skip
stretched

# %%
# What that does to the crossovers
# --------------------------------
#
# A model without windows says at which mean context two costs of decode meet. Within the window
# that is the context itself. Beyond it the mean grows more slowly, and the crossover lies further
# out, as that of cache and weights does:

balance = rs.results.kv_overtakes_weights(mixed)
balance.derivation

# %%
# The second case follows from the first, and likewise for the context beyond which decode is
# compute-bound at no batch: what lies beyond the full window is stretched, by all layers over those
# without one.

edge = rs.results.compute_bound_context(mixed, anywhere)
width = sy.window - 1
moved = Derivation("Crossovers beyond the window", stretched.subject)
moved.definitions.update(edge.derivation.definitions | saving.derivation.definitions)
label = Label("(L* − W + 1) / (L₀ − W + 1)", r"(L^{*} - W + 1) / (L_0 - W + 1)")
for result, what in ((balance, "KV overtakes weights"), (edge, "compute-bound decode ends")):
    without, beyond = (branch.value for branch in result.general.branches)
    text = f"How far beyond the full window {what}, over how far it would without windows"
    moved.identity(text, (beyond - width) / (without - width), n / sy.n_global, label)
share = saving.general.value.xreplace({sympy.Min(sy.window, sy.L + 1): sy.window})
rest = sy.n_local / n * (1 - sy.window / (sy.L + 1))
label = Label("1 − M / M_full", r"1 - M / M_{\mathrm{full}}")
moved.identity("Of the cache is saved what those with one do not keep", 1 - share, rest, label)
reading, holding = sy.kappa + sy.kappa_w, sy.kappa_held + sy.kappa_w_held
moved.identity("and of the traffic, too: a token holds what reading it moves", holding, reading)
moved

# %%
# In numbers
# ----------
#
# Models without their windows, and with them. The balance of cache and weights for one sequence
# moves far out. The end of compute-bound decode on an H100, at some hundreds of tokens, stays where
# it is: only the windows of gpt-oss are narrower than that.


def without_windows(model: rs.Transformer) -> rs.Transformer:
    """Model of the same numbers whose layers all attend to the whole context."""
    alike = [
        dataclasses.replace(g, attention=dataclasses.replace(g.attention, window=None))
        for g in model.structure.groups
    ]
    numbers = {s.name: value for s, value in model.values.items() if s != sy.window}
    structure = dataclasses.replace(model.structure, groups=tuple(alike))
    return rs.Transformer(structure, name=model.name, **numbers)


bf16, machine = element_bytes("bf16"), rs.machine("h100-sxm", dtype="bf16")
for name in ("gemma-2-9b", "gemma-3-12b", "gemma-3-27b", "gpt-oss-20b"):
    model = rs.model(name)
    pair = [rs.decode(m).at(**bf16, B=1) for m in (model, without_windows(model))]
    far, near = (rs.results.kv_overtakes_weights(led) for led in pair)
    numbers = model.values
    assert seen.xreplace({sy.L: far.value, **numbers}) == near.value
    ends = [rs.results.compute_bound_context(led.without(sy.B), machine).whole for led in pair]
    assert (ends[0] > ends[1]) == (numbers[sy.window] < ends[1]) == (name == "gpt-oss-20b")
    print(
        f"{model.name:21} W = {int(numbers[sy.window]):4}: balance at {near.whole} -> {far.whole}, "
        f"compute-bound up to {ends[1]} -> {ends[0]} tokens"
    )

# %%
# Between its two ends that model has a critical batch because of its windows: that of the model
# without, at the mean context.

here, length = rs.decode(rs.model("gpt-oss-20b")).at(**bf16), sympy.Integer(400)
plain = rs.decode(without_windows(rs.model("gpt-oss-20b"))).at(**bf16)
at_mean = plain.at(L=seen.xreplace({sy.L: length, **here.values}))
batches = [rs.results.critical_batch(led, machine) for led in (here.at(L=length), at_mean)]
assert abs(batches[0].value / batches[1].value - 1) < 1e-9
assert rs.results.critical_batch(plain.at(L=length), machine).outcome == "never"
print(f"{here.model}, L = {length}: B* = {batches[0].whole}, without windows never")

# %%

contexts = np.geomspace(32, 131072, 400)
fig, ax = plt.subplots(layout="constrained")
for name in ("llama-3.1-8b", "mistral-7b-v0.1", "gemma-3-12b", "gpt-oss-20b"):
    cache = rs.decode(rs.model(name)).at(**bf16, B=1)
    held = cache.bind(cache.memory.filter(kind="kv").symbolic("memory"))
    (line,) = ax.plot(contexts, rs.compile(held)(L=contexts) / 1e9, label=cache.model)
    if held.has(sympy.Min):
        stop = rs.results.window_full_context(cache).value
        height = float(held.xreplace({sy.L: stop})) / 1e9
        ax.plot(float(stop), height, "o", color=line.get_color())
ax.set(
    xscale="log", yscale="log", xlabel="context L (tokens)", ylabel="KV cache of a sequence (GB)"
)
ax.set_title(f"one sequence, bf16, {cache.convention}")
ax.legend(title="dots: the window is full")

# %%
# What it means in practice
# -------------------------
#
# Windows are a matter of long contexts and of memory. At 32768 tokens an H100 holds from twice to
# eight times as many sequences. They leave the crossovers of short contexts and large batches where
# they are: with half of the layers windowed and 32 sequences, cache and weights balance within the
# window, as if there were none.

for name, least in (("gpt-oss-20b", 2), ("gemma-3-12b", 5), ("mistral-7b-v0.1", 8)):
    model = rs.model(name)
    pair = [rs.decode(m).at(**bf16, L=32767) for m in (model, without_windows(model))]
    fits = [rs.results.largest_batch(led, machine) for led in pair]
    assert least * 0.95 < fits[0].value / fits[1].value < least * 1.1
    saved = rs.results.window_saving(pair[0])
    print(f"{model.name:21} {fits[1].whole:3} -> {fits[0].whole:3} sequences: {saved.reading}")
model = rs.model("gemma-2-9b")
pair = [rs.decode(m).at(**bf16, B=32) for m in (model, without_windows(model))]
inside, same = (rs.results.kv_overtakes_weights(led).value for led in pair)
assert inside == same < model.values[sy.window]

# %%
# Where it stops holding
# ----------------------
#
# A model of windowed layers alone has no layers to move a crossover out with. What is not reached
# within the window is never reached: here, up to 26 sequences.

alone = rs.decode(rs.model("mistral-7b-v0.1")).at(**bf16)
outcomes = [
    rs.results.kv_overtakes_weights(alone.at(B=sequences)).outcome for sequences in (26, 27)
]
assert outcomes == ["never", "crosses"]

# %%
# Windows that do not slide, chunks, empty themselves at each border. What is read is then no mean
# context that grows: cache and weights change places several times.

chunked = rs.decode(rs.model("llama-4-scout")).at(**bf16, B=64)
found = rs.results.kv_overtakes_weights(chunked)
assert found.outcome == "numeric"
assert len(found.bound.branches) > 3
print(f"{chunked.model}: {found.reading}")

"""
What fits in memory, and whether the critical batch does
========================================================

**Question.** A machine holds the weights once, and a KV cache for every sequence. How many
sequences fit, of which length, and is that enough for decode to turn compute-bound?
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy

import roofsym as rs
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label
from roofsym.hardware import element_bytes

# %%
# The steps
# ---------
#
# Weights and cache after the step, set equal to the capacity. Working memory is not counted.

dense, anywhere = rs.decode(rs.Transformer()), rs.Machine()
batch = rs.results.largest_batch(dense, anywhere)
assert batch.outcome == "conditional"
batch.derivation

# %%
# Batch against context is a hyperbola: what fits is a number of tokens, of few long sequences or of
# many short ones. The step itself adds one to each, hence ``L + 1``.

context = rs.results.largest_context(dense, anywhere)
free = sy.capacity - sy.w_held
OWN_HEAD = "any dense model without windows, with an LM head of its own, counted as fused-ops"
tokens = Derivation("Tokens that fit", OWN_HEAD)
tokens.definitions.update(batch.derivation.definitions)
moved = tokens.total("Bytes of one decode step", sy.bytes_, dense, "bytes").expr
label = Label("B_max (L + 1)", r"B_{\max} \, (L + 1)")
fit = batch.general.value * (sy.L + 1)
fit = tokens.identity("Tokens that fit, at any context", fit, free / sy.kappa_held, label)
label = Label("B (L_max + 1)", r"B \, (L_{\max} + 1)")
longest = sy.B * (context.general.value + 1)
tokens.identity("The longest context of a batch says the same", longest, fit, label)
tokens.identity("A token holds as many bytes as reading it moves", sy.kappa_held, sy.kappa)
table = sy.b_w * sy.vocab_size * sy.d_model
tokens.identity("Held and not read is the embedding table alone", sy.w_held - sy.w, table)
full = moved.xreplace({sy.B: batch.general.value})
tokens.limit(
    "So with full memory a step reads all that is held but this: as L grows, its bytes tend to",
    sy.bytes_, full.xreplace({sy.kappa_held: sy.kappa}), sy.L, sy.capacity - (sy.w_held - sy.w),
)  # fmt: skip
tokens

# %%
# Where the LM head is the embedding table, that is read, too: with full memory, all that is held.

tied = rs.decode(rs.model("llama-3.2-1b")).at(B=1, b_w=2)
read = tied.weight_bytes - tied.filter(operator="embedding", kind="weight").bytes
held = 2 * rs.model("llama-3.2-1b").parameters
print(f"{tied.model}: {float(read) / 1e9:.2f} GB of weights read, {float(held) / 1e9:.2f} GB held")
assert read == held

# %%
# A step with full memory takes about capacity over bandwidth, whatever the model that fills it:
# here Llama-2-7B, Llama-3.1-8B and Qwen3-32B at ``L = 8191``. That one sequence more does not fit
# is checked on the model's footprint.

bf16, margin = element_bytes("bf16"), sympy.Rational(1, 20)
machines = [rs.machine(n, "bf16") for n in ("a100-80gb-sxm", "h100-sxm", "h200-sxm", "b200")]
for machine in machines:
    sweep = machine.capacity / machine.bandwidth
    print(f"{machine.name:13} C/β = {float(sweep) * 1e3:.1f} ms:", end="")
    for name in ("llama-2-7b", "llama-3.1-8b", "qwen3-32b"):
        model = rs.model(name)
        step = rs.decode(model).at(**bf16, L=8191)
        most = rs.results.largest_batch(step, machine).whole
        held = [step.bind(model.memory_footprint(B=most + n, S=1)) for n in (0, 1)]
        assert held[0] <= machine.capacity < held[1]
        roof = rs.Roofline(step.at(B=most), machine)
        assert roof.bound == "memory"
        assert 1 - margin < roof.time / sweep < 1 + margin
        print(f"  B = {most}, {float(roof.time) * 1e3:.1f} ms", end="")
    print()

# %%
# Does the critical batch fit?
# ----------------------------
#
# Set the intensity of the largest batch that fits equal to the ridge point:

edge = rs.results.critical_batch_fit_context(dense, anywhere)
edge.derivation

# %%
# What a full memory adds to the traffic of a sequence is a share of the weights, in proportion to
# what the sequence holds. A larger memory makes that share small, and leaves the sequence's own
# traffic as it is: so far the context can be moved, and no further.

needed = rs.results.critical_batch_capacity(dense, anywhere)
unreachable = rs.results.compute_bound_context(dense, anywhere)
shared = Derivation(
    "The critical batch in a memory", "any dense model without windows, counted as fused-ops"
)
shared.definitions.update(needed.derivation.definitions)
own, share = sy.kappa * sy.L + sy.a, sy.w / free * sy.kappa_held * (sy.L + 1)
text = "Bytes per sequence with full memory: its own, and its share of the weights"
shared.identity(text, full / batch.general.value, own + share, Label("Q / B_max", r"Q / B_{\max}"))
shared.substitution(
    "At the context above, the memory that the critical batch needs is the memory there is",
    needed.label, needed.general.value, {sy.L: edge.general.value}, sy.capacity,
)  # fmt: skip
far = (sy.phi - sy.ridge * sy.a) / (sy.ridge * sy.kappa - sy.alpha)
text = "Beyond this context there is no critical batch, however large the memory"
shared.identity(text, unreachable.general.value, far, unreachable.label)
text = "and towards it the context above tends as the capacity grows"
shared.limit(text, edge.label, edge.general.value, sy.capacity, far)
shared

# %%
# In numbers
# ----------
#
# Llama-3.1-8B. At the last context the first compute-bound batch still fits; one token further all
# that fits is memory-bound, though there is a critical batch for some tokens yet.

decode = rs.decode(rs.model("llama-3.1-8b")).at(**bf16)
ends = []
for machine in machines:
    last = rs.results.critical_batch_fit_context(decode, machine).whole
    for length, binds in ((last, "compute"), (last + 1, "memory")):
        here = decode.at(L=length)
        most = rs.results.largest_batch(here, machine).whole
        assert (rs.results.critical_batch(here, machine).whole <= most) == (binds == "compute")
        assert rs.Roofline(here.at(B=most), machine).bound == binds
    ends.append(last)
    end = rs.results.compute_bound_context(decode, machine).whole
    assert sympy.Rational(3, 4) < sympy.Rational(last, end) < 1
    room = rs.results.critical_batch_capacity(decode.at(L=128), machine).value
    print(
        f"{machine.name:13} fits up to L = {last}, exists up to L = {end}; "
        f"at L = 128 it takes {float(room) / 1e9:.1f} GB"
    )

# %%

lengths = np.geomspace(32, 32768, 400)
fig, ax = plt.subplots(layout="constrained")
for colour, machine in enumerate(machines[1:]):
    fits = rs.results.largest_batch(decode, machine).value
    ax.plot(lengths, rs.compile(fits)(L=lengths), f"C{colour}", label=f"{machine.name}: fits")
    end = rs.results.compute_bound_context(decode, machine).value
    short = lengths[lengths < 0.999 * float(end)]
    critical = rs.compile(rs.results.critical_batch(decode, machine).value)(L=short)
    ax.plot(short, critical, f"C{colour}--", label=f"{machine.name}: critical")
    meet = rs.results.critical_batch_fit_context(decode, machine).value
    ax.plot(float(meet), float(fits.xreplace({sy.L: meet})), f"C{colour}o")
ax.set(xscale="log", yscale="log", ylim=(10, 20000), xlabel="context L (tokens)", ylabel="batch B")
ax.set_title(f"{decode.model}, bf16, {decode.convention}")
ax.legend()

# %%
# What it means in practice
# -------------------------
#
# From some hundreds of tokens of context on, memory is full before compute binds, and a capacity
# without end would not move that by more than a third. A step at full memory takes 20 to 40 ms on
# any of these machines, and throughput is the sequences that fit over that time: it is bought with
# bytes per token. One byte per KV element makes it twice as many sequences.

assert all(20 < 1000 * machine.capacity / machine.bandwidth < 40 for machine in machines)
assert all(200 < last < 600 for last in ends)
fitting = [rs.results.largest_batch(decode.at(L=8191, b_kv=b), machines[1]).value for b in (2, 1)]
assert fitting[1] == 2 * fitting[0]

# %%
# Where it stops holding
# ----------------------
#
# Where the weights do not fit, nothing does. Where they barely fit, what is left is soon full: in
# one byte per weight, a model of 70 billion parameters leaves room for a few long sequences.

large, machine = rs.decode(rs.model("llama-3.1-70b")).at(**bf16, L=8191), machines[1]
none = rs.results.largest_batch(large, machine)
assert none.outcome == "always"
print(f"{large.model} in bf16 on {machine.name}: {none.reason}")
few = rs.results.largest_batch(large.at(b_w=1), machine)
assert 1 < few.whole < 5
print(f"in one byte per weight, at L = 8191: {few.whole} sequences")

# %%
# Layers with a window hold no more once it is full: see the article on sliding windows. Activations
# need room as well, the more so in a long prefill.

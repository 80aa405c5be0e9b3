"""
Throughput: how much a batch is worth
=====================================

**Question.** Tokens per second over all sequences grow with the batch, towards a limit. Which
fraction of it does a batch reach, and which is left by a target for the time per token, or by the
memory?
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

dense, anywhere = rs.decode(rs.Transformer()), rs.Machine()
throughput = rs.results.decode_throughput(dense, anywhere)
throughput.derivation

# %%
# The limit is one token in the time that one more sequence adds:

limit = rs.results.limit_throughput(dense, anywhere)
limit.derivation

# %%
# The fraction reached is the ratio of what as many sequences take in the limit to what a step
# takes. While memory binds both, that is the sequences' share of the traffic:

reaching = rs.results.throughput_fraction_batch(dense, anywhere)
reaching.derivation

# %%
# What a fraction costs
# ---------------------
#
# That half of the limit costs half of the speed is in the article on the speed limit of decode. It
# is a point of a straight line: the fraction that all sequences have of the limit, and the fraction
# that each has of the speed that the weights alone allow, make 1 at any batch.


def memory_bound(result: rs.results.Result) -> sympy.Expr:
    """Value of a result where memory binds: of a maximum, the arm with the bandwidth in it."""
    value = result.general.value
    longest = {x: [arm for arm in x.args if arm.has(sy.bandwidth)] for x in value.atoms(sympy.Max)}
    return value.xreplace({x: arm for x, (arm,) in longest.items()})


f, own, alone = sy.fraction, sy.kappa * sy.L + sy.a, sy.bandwidth / sy.w
rate, most = memory_bound(throughput), memory_bound(limit)
share = Label("R_tok / R_∞", r"R_{\mathrm{tok}} / R_{\infty}")
costs = Derivation(
    "What a fraction costs", "any dense model without windows, memory-bound, counted as fused-ops"
)
moved = costs.total("Bytes of one decode step", sy.bytes_, dense, "bytes").expr
label = Label(
    share.text + " + (R_tok / B) / (β / w)",
    share.latex + r" + (R_{\mathrm{tok}} / B) / (\beta / w)",
)
costs.identity("The two fractions together", rate / most + rate / sy.B / alone, sympy.S.One, label)
halfway = Label("B_half", r"B_{\mathrm{half}}")
one_half = {f: sympy.Rational(1, 2)}
half = costs.substitution("Half takes", halfway, reaching.general.value, one_half, sy.w / own)
text, label = "A fraction f takes, in these,", Label("B_f / B_half", r"B_f / B_{\mathrm{half}}")
costs.identity(text, reaching.general.value / half, f / (1 - f), label)
price = sy.w / sy.bandwidth / (1 - f)
text, sequences = "and makes a step last, whatever the context,", {sy.B: reaching.general.value}
costs.substitution(text, sy.time, moved / sy.bandwidth, sequences, price)
cache = rs.results.kv_overtakes_weights_batch(dense).general.value
text = "Half is about where the cache is as much to read as the weights"
costs.approximation(text, halfway, half, cache, sy.L, sympy.oo)
text = "There activations, which travel as well, make it a little more"
costs.substitution(text, share, rate / most, {sy.B: cache}, own / (own + sy.kappa * sy.L))
costs

# %%
# What a target leaves
# --------------------
#
# Solved for the batch, the time per token says how many sequences meet a target:

target = rs.results.time_per_token(dense, anywhere, symbol="B")
target.derivation

# %%
# Of the limit it leaves what the weights alone do not take of the time. With more bandwidth the
# limit rises, and this fraction, too: the tighter the target, the more a fast memory is worth.

(allowed,) = (branch.value for branch in target.general.branches if branch.value.has(sy.w))
leaves = Derivation("What a target leaves", costs.subject)
text, left = "A target T leaves", 1 - sy.w / (sy.bandwidth * sy.time)
leaves.substitution(text, share, rate / most, {sy.B: allowed}, left)
text = "Where it left the fraction f, twice the bandwidth leaves so many times the sequences"
faster = allowed.xreplace({sy.bandwidth: 2 * sy.bandwidth}) / allowed
label = Label("B(2 β) / B(β)", r"B(2 \, \beta) / B(\beta)")
leaves.substitution(text, label, faster, {sy.time: price}, 1 + 1 / f)
leaves

# %%
# What memory leaves
# ------------------
#
# With full memory, at a long context, the fraction is about the part of it that is not weights.

largest = rs.results.largest_batch(dense, anywhere)
full = Derivation("Fraction of the limit at full memory", costs.subject)
full.definitions.update(largest.derivation.definitions | costs.definitions)
full.identity("A cached token holds what reading it moves", sy.kappa_held, sy.kappa)
fits = largest.general.value.xreplace({sy.kappa_held: sy.kappa})
free = sy.capacity - sy.w_held
text = "As the context grows, the largest batch that fits reaches"
full.limit(text, share, (rate / most).xreplace({sy.B: fits}), sy.L, free / (free + sy.w))
full

# %%
# In numbers
# ----------
#
# Llama-3.1-8B at a context of 8192 tokens on an H100. The batches are checked on both sides, the
# laws above on times of steps. Nine tenths of the limit do not fit.

bf16, machine = element_bytes("bf16"), rs.machine("h100-sxm", dtype="bf16")
decode = rs.decode(rs.model("llama-3.1-8b")).at(**bf16)
here, double = decode.at(L=8192), machine.at(bandwidth=2 * machine.bandwidth)
best = rs.results.limit_throughput(here, machine).value
room = rs.results.largest_batch(here, machine).whole
fractions = [sympy.Rational(n, d) for n, d in ((1, 2), (3, 4), (9, 10))]
for fraction in fractions:
    found = rs.results.throughput_fraction_batch(here.at(fraction=fraction), machine)
    for n in (found.whole - 1, found.whole):
        got = rs.results.decode_throughput(here.at(B=n), machine).value
        assert (got >= fraction * best) == (n == found.whole)
    time = rs.Roofline(here.at(B=found.value), machine).time
    assert found.derivation.evaluate(sy.w) / machine.bandwidth == (1 - fraction) * time
    more = rs.results.time_per_token(here.at(time=time), double, symbol="B").value
    assert more == (1 + 1 / fraction) * found.value
    assert (found.whole <= room) == (fraction < fractions[-1])
    print(f"{float(fraction):.0%} of {float(best):.0f} tokens/s: B = {found.whole}, "
          f"{float(time) * 1e3:.1f} ms per token")  # fmt: skip

# %%
# A target that a machine misses, asked for the bandwidth, or for machines that share the step:

missed = here.at(B=48, time=sympy.Rational(1, 100))
needed = rs.results.time_per_token(missed, machine, symbol="bandwidth").value
several = rs.results.time_per_token(missed, machine, symbol="n_machines").value
assert rs.Roofline(missed, machine.at(bandwidth=needed)).time == missed.values[sy.time]
assert needed == several * machine.bandwidth
print(f"48 sequences, 10 ms: {float(needed) / 1e12:.2f} TB/s, {float(several):.2f} machines")

# %%

batches = np.geomspace(1, 2000, 200)
fig, ax = plt.subplots(layout="constrained")
for colour, context in enumerate((2048, 8192, 32768)):
    led = decode.at(L=context)
    curve = rs.compile(rs.results.decode_throughput(led, machine).value)
    held = batches[batches < float(rs.results.largest_batch(led, machine).value)]
    ax.plot(batches, curve(B=batches), f"C{colour}:")
    ax.plot(held, curve(B=held), f"C{colour}", label=f"L = {context}")
    for fraction in fractions:
        asked = led.at(fraction=fraction)
        x = float(rs.results.throughput_fraction_batch(asked, machine).value)
        ax.plot(x, float(curve(B=x)), f"C{colour}o", markersize=5)
ax.set(xscale="log", yscale="log", xlabel="batch B", ylabel="tokens per second of all sequences")
ax.set_title(f"{decode.model} on {machine.label}, {decode.convention}")
ax.legend(title="dots: 1/2, 3/4, 9/10 of the limit\ndotted: does not fit")

# %%
# What it means in practice
# -------------------------
#
# The first half of the limit is cheap, the rest is dear: three quarters take three times as many
# sequences as half and twice the time, nine tenths nine times and five times. Where the weights are
# a fifth of the memory, about four fifths of the limit is what there is. More memory or smaller
# weights raise that fraction; more bandwidth raises the limit.

assert [f / (1 - f) for f in fractions] == [1, 3, 9]
assert [(1 - fractions[0]) / (1 - f) for f in fractions] == [1, 2, 5]
assert abs(here.bind(full.definitions[sy.w_held]) / machine.capacity - 0.2) < 0.01
law = (free / (free + sy.w)).xreplace(full.definitions)
for name, tenths in (("h100-sxm", 8), ("h200-sxm", 9), ("b200", 9)):
    other = rs.machine(name, dtype="bf16")
    n = rs.results.largest_batch(here, other).whole
    got = rs.results.decode_throughput(here.at(B=n), other).value
    part = got / rs.results.limit_throughput(here, other).value
    assert abs(part / here.bind(law).xreplace(other.values) - 1) < 0.01
    assert round(10 * part) == tenths
    print(f"{other.name:8} B = {n:3}: {float(part):.1%} of the limit")

# %%
# Where it stops holding
# ----------------------
#
# At a short context compute sets the limit, and it is reached in full at the critical batch: half
# of it at fewer sequences than of a limit that memory sets.

short = decode.at(L=128)
critical = rs.results.critical_batch(short, machine).whole
ceiling = rs.results.limit_throughput(short, machine).value
for n, in_full in ((critical - 1, False), (critical, True)):
    got = rs.results.decode_throughput(short.at(B=n), machine).value
    assert (got == ceiling) == in_full
half, memory = (
    rs.results.throughput_fraction_batch(short.at(fraction=fractions[0]), m).value
    for m in (machine, machine.at(peak=100 * machine.peak))
)
assert half < critical < memory
print(
    f"at L = 128: half of the limit from B = {sympy.ceiling(half)} on, all of it from {critical} on"
)

# %%
# A quarter of the limit takes a third of the sequences of half. A mixture of experts, which reads
# fewer of them for fewer sequences, gets there sooner:

mixture = rs.decode(rs.model("qwen3-30b-a3b")).at(**bf16, L=8192)
asked = [mixture.at(fraction=sympy.Rational(1, n)) for n in (4, 2)]
few, many = (rs.results.throughput_fraction_batch(led, machine).value for led in asked)
assert (f / (1 - f)).xreplace({f: sympy.Rational(1, 4)}) == sympy.Rational(1, 3)
assert few < many / 4
print(f"{mixture.model}: a quarter at B = {float(few):.1f}, half at B = {float(many):.1f}")

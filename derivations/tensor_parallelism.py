"""
Tensor parallelism: when a step is bound by its links
=====================================================

**Question.** Document 004 estimates the cost of a step and breaks off at what happens when the
model is split over several devices. What does each device then compute, read and send, from which
number of devices do the links bind, and where do further devices stop paying?

Counted as in "Megatron-LM" (Shoeybi et al., 2019): matrices divided by columns, then by rows, two
all-reduces per layer, devices in a ring. Latency is not counted, only bytes.
"""

# %%
# What each device has
# --------------------
#
# One device of ``t`` runs a narrower model: ``n_heads/t`` heads, ``d_ff/t`` columns,
# ``vocab_size/t`` logits. What it computes, reads and writes follows from the same operators with
# these widths; the residual stream, and the norms on it, every device has whole. First the model
# of document 004: multi-head attention, two matrices of ``4 d`` per feed-forward block, the
# layers alone, no mask discount. Each device is to have a head at least, ``t ≤ n_heads``.

import itertools

import matplotlib.pyplot as plt
import sympy

import roofsym as rs
from roofsym import parallel
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label
from roofsym.results import parallel as results_parallel
from roofsym.transformer import FeedForward, LayerGroup, Structure

block = Structure(groups=(LayerGroup(feed_forward=FeedForward(gated=False)),))
model = rs.Transformer(
    block, n_kv_heads=sy.n_heads, head_dim=sy.d_model / sy.n_heads, d_ff=4 * sy.d_model
)
layers = rs.convention("residual-io").replace(
    name="the layers alone", lm_head="none", embedding="none", vectors=False
)
whole = rs.prefill(model, layers).at(b_a=2, b_w=2, b_kv=2)
one = parallel.tensor_parallel(whole)

d = Derivation(
    "what one of t devices computes, moves and sends", "the model of document 004, prefill"
)
B, S, N, H, t = sy.B, sy.S, sy.n_layers, sy.d_model, sy.t
in_layers = one.filter(part="residual", quantity="link_bytes")
a_head_each = {sympy.Max(1, sy.n_heads / t): sy.n_heads / t}
flops = one.flops.xreplace(a_head_each)
work = d.identity("FLOPs of one device", flops, N * (24 * B * S * H**2 + 4 * B * S**2 * H) / t,
                  sy.flops)  # fmt: skip
moved = d.identity(
    "Bytes that it reads and writes: its part of weights and cache, the residual stream whole",
    one.bytes.xreplace(a_head_each), 24 * N * H**2 / t + 4 * N * B * S * H * (1 + 1 / t),
    sy.bytes_,
)  # fmt: skip
sent = d.identity(
    "Bytes that it sends: two all-reduces per layer, of 2 (1 − 1/t) times the residual stream each",
    in_layers.link_bytes, 8 * N * B * S * H * (1 - 1 / t), sy.link_bytes,
)  # fmt: skip
ratio = d.identity(
    "Layers, batch and most of the widths cancel out of what it computes per byte that it sends",
    work / sent, (6 * H + S) / (2 * (t - 1)), Label("F / X", "F / X"),
)  # fmt: skip
degree = 1 + sy.link_bandwidth * (6 * H + S) / (2 * sy.peak)
d.identity(
    "On 1 + β_link (6 d_model + S) / (2 π) devices, that is what one can compute while it sends a "
    "byte",
    ratio.xreplace({t: degree}), sy.peak / sy.link_bandwidth, Label("F / X", "F / X"),
)  # fmt: skip
d.view()

# %%
# So a compute-bound prefill stays so up to ``t* = 1 + β_link (6 d + S)/(2 π)`` devices, whatever
# the batch and the depth: what counts is the width of the model and the balance of the device.
# The wider the model and the longer the prompt, the more devices it can use.

h100 = rs.machine("h100-sxm", dtype="bf16")
limits = {}
for width in (4096, 8192, 16384):
    at = {H: sympy.Integer(width), S: sympy.Integer(2048), **h100.values}
    limits[width] = degree.xreplace(at)
    print(f"d = {width:6d}, S = 2048 on {h100.label}: t* = {float(limits[width]):.1f}")
assert 6 < limits[4096] < 8 < limits[8192] < 16 < limits[16384]

# %%
# Beside that, the memory side: from which degree sending takes longer than reading and writing. In
# decode each device has its part of the cache of ``L`` tokens to read, and one token per sequence
# to send.

L = sy.L
decoding = one.in_phase("decode")
memory_side = Derivation("what one of t devices moves and sends", "the model of document 004")
read = memory_side.identity(
    "Bytes that it reads and writes in decode", decoding.bytes.xreplace(a_head_each),
    24 * N * H**2 / t + 4 * N * B * H * (1 + 1 / t) + 4 * N * B * L * H / t, sy.bytes_,
)  # fmt: skip
vectors = memory_side.identity(
    "Bytes that it sends: those of a prefill of one token",
    decoding.filter(part="residual", quantity="link_bytes").link_bytes,
    sent.xreplace({S: sympy.S.One}), sy.link_bytes,
)  # fmt: skip
even = {}
for phase, moves, sends in (("decode", read, vectors), ("prefill", moved, sent)):
    met = rs.crossover(sends / sy.link_bandwidth, moves / sy.bandwidth, t)
    (branch,) = met.branches
    memory_side.solution(f"In {phase} the two take equally long at", Label("t*", "t^{*}"), met,
                         branch, branch.when)  # fmt: skip
    even[phase] = branch.value
memory_side.view()

# %%
# For a prefill of 2048 tokens that is no limit: it lies before the compute side's, and the longer
# of computing and moving is what sending has to outlast. Decode has it far out, as long as weights
# and cache are most of what is read.

reached = {}
for phase, sequences, cached in (("prefill", 1, 0), ("decode", 64, 4096), ("decode", 1024, 128)):
    at = {H: sympy.Integer(8192), S: sympy.Integer(2048), B: sympy.Integer(sequences),
          L: sympy.Integer(cached), **h100.values}  # fmt: skip
    reached[phase, sequences] = even[phase].xreplace(at)
    print(f"{phase}, B = {sequences}, L = {cached}: t* = {float(reached[phase, sequences]):.1f}")
assert reached["prefill", 1] < limits[8192], "the compute side is the limit"
assert reached["decode", 1024] < 64 < reached["decode", 64], "64 heads of 128"

# %%
# A real model: prefill
# ---------------------
#
# Llama-3.1-70B has a gated feed-forward block of 3.5 times its width and eight KV heads. Up to
# eight devices, keys and values are divided, too; beyond, several devices keep the same head,
# which is where ``max(1, n_kv_heads/t)`` comes from. The answer is solved on both sides of that.

llama = rs.model("llama-3.1-70b")
bf16 = {"b_w": 2, "b_a": 2, "b_kv": 2}
device = parallel.tensor_parallel(rs.step(llama)).at(**bf16)

prefill = results_parallel.link_bound_prefill_degree(device.at(B=1, S=8192), h100)
prefill.derivation.view()

# %%
# At 8192 tokens that is beyond the eight KV heads:

print(f"t* = {float(prefill.value):.2f}: {prefill.reading}")
assert prefill.value > 8, "beyond the KV heads"
assert prefill.whole == 14

# %%
# Decode
# ------
#
# Decode divides the reading of weights and of the KV cache, and sends little: two vectors per
# token and layer. Its links bind only when the batch is large, and only while the context is
# short, since the KV cache grows with the batch just as what is sent does. Eight devices, 128
# cached tokens:

batch = results_parallel.link_bound_batch(device.at(t=8, L=128), h100)
batch.derivation.view()

# %%
never = results_parallel.link_bound_batch(device.at(t=8, L=4096), h100)
print(f"At L = 128: {batch.whole} sequences. At L = 4096: {never.outcome}, {never.reason}.")
assert batch.outcome == "crosses"
assert never.outcome == "never"

# %%
# Asked for the degree instead of the batch: at a short context the links bind from some number of
# devices on, at a long one at no number, since each device still reads a whole KV head.

few, none = (
    results_parallel.link_bound_degree(device.at(B=256, L=context), h100) for context in (128, 4096)
)
assert few.outcome == "crosses"
assert none.outcome == "never"
print(f"256 sequences at L = 128: from t = {few.whole} on. At L = 4096: {none.reason}.")

# %%
# On eight devices, at the 912 sequences from which sending overtakes reading, a device is no longer
# memory-bound in the first place: computing has overtaken reading before. With NVLink between eight
# of these devices, decode at this context is not bound by its links at all.

binding = {
    n: rs.Roofline(device.in_phase("decode").at(t=8, L=128, B=n), h100).bound
    for n in (1, 64, batch.whole, 16 * batch.whole)
}
for n, bound in binding.items():
    print(f"B = {n:5} at L = 128, t = 8: bound by {bound}")
assert batch.whole == 912
assert list(binding.values()) == ["memory", "memory", "compute", "compute"]

# %%
# Where further devices stop paying
# ---------------------------------
#
# If sending hides behind reading, the step gets faster up to the degree at which the links bind,
# and slower beyond. If it does not - and an all-reduce is waited for, unless something else can
# be computed meanwhile - the time on ``t`` devices, up to as many as there are KV heads, is
# ``A/t + C``, with one ``A`` where memory binds and another where computing does. While the same of
# the two binds, either each further device helps, or none does, and the sign of ``A`` decides, in
# which ``t`` does not occur. Over a network of 100 Gbit/s:

network = h100.at(link_bandwidth=12.5e9)
pays = results_parallel.further_devices_batch(device.at(L=128), network)
pays.derivation.view()

# %%
slow = h100.at(link_bandwidth=64e9)
always = results_parallel.further_devices_batch(device.at(L=128), slow)
heads = llama.values[sy.n_kv_heads]
print(f"At L = 128 and on up to {heads} devices, each further one pays over the network up to a "
      f"batch of {pays.whole - 1}.")  # fmt: skip
print(f"Over PCIe, it does at every batch: {always.reason}.")
assert always.outcome == "never"


def serial(n, degree, machine):
    """Seconds of a decode step of n sequences, nothing overlapped."""
    return rs.Roofline(device.in_phase("decode").at(B=n, L=128, t=degree), machine).serial_time


for n, machine, faster in (
    (pays.whole - 1, network, True), (pays.whole, network, False),
    (16 * pays.whole, network, False), (16 * pays.whole, slow, True),
):  # fmt: skip
    times = [serial(n, degree, machine) for degree in (1, 2, 4, 8)]
    assert all((after < before) == faster for before, after in itertools.pairwise(times))

# %%
# Beyond eight devices each keeps a whole KV head, so that less is divided, and only smaller batches
# gain. And where what binds changes from one degree to the next, one in between can be the best:

between = h100.at(link_bandwidth=41e9)
for n, machine, degrees in (
    (pays.whole - 1, network, (8, 16)), (16 * pays.whole, slow, (32, 64)), (376, between, (4, 8)),
):  # fmt: skip
    before, after = (serial(n, degree, machine) for degree in degrees)
    rate = float(machine.link_bandwidth) / 1e9
    print(f"{rate:4.1f} GB/s, B = {n:4}: {float(before) * 1e3:6.2f} ms on {degrees[0]:2}, "
          f"{float(after) * 1e3:6.2f} ms on {degrees[1]}")  # fmt: skip
    assert before < after
for n, machine, degrees in ((60, network, (8, 16, 32, 64)), (376, between, (1, 2, 4))):
    times = [serial(n, degree, machine) for degree in degrees]
    assert all(after < before for before, after in itertools.pairwise(times))
roofs = [rs.Roofline(device.in_phase("decode").at(B=376, L=128, t=n), between) for n in (4, 8)]
assert roofs[0].compute_time > roofs[0].memory_time
assert roofs[1].compute_time < roofs[1].memory_time

# %%
# How many devices at all
# -----------------------
#
# Weights and KV cache have to fit, which sets the least number; what is fastest sets the most that
# is worth having. Llama-3.1-70B, 64 sequences of 4096 cached tokens:

decode = rs.decode(llama).at(**bf16, B=64, L=4096)
held = parallel.footprint(llama, B=64, S=1, L=4096).xreplace({sy.b_w: 2, sy.b_kv: 2})
fits = rs.crossover(held, h100.capacity, t)
fewest = min(n for n in parallel.degrees(decode) if n >= fits.value)
print(f"fits from t = {float(fits.value):.2f}: {fewest} devices, of those that divide the heads")
for machine, overlapped in ((h100, False), (slow, False), (slow, True)):
    best = parallel.best_degree(decode, machine, overlapped=overlapped)
    speed = best.speed_up if overlapped else best.serial_speed_up
    waits = "overlapped" if overlapped else "waited for"
    print(f"{float(machine.link_bandwidth) / 1e9:4.0f} GB/s, {waits}: fastest on {best.degree}, "
          f"{float(speed):.1f} times one device")  # fmt: skip
assert fewest == 4
assert parallel.best_degree(decode, slow, overlapped=True).degree == 32, "slower on 64"

# %%
# Figure: three times and the speed-up
# ------------------------------------
#
# Llama-3.1-70B, 64 sequences of 4096 cached tokens. One device could not hold that: its time is
# what the speed-up is measured by, not an offer.

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.4), layout="constrained")
rows = parallel.scaling(decode, slow)
degrees = [row.degree for row in rows]
for name, colour in (("compute", "#1f5fa8"), ("memory", "#c0561f"), ("link", "#3a7d44")):
    seconds = [float(getattr(row.roofline, f"{name}_time")) * 1e3 for row in rows]
    shown = [(n, x) for n, x in zip(degrees, seconds, strict=True) if x > 0]
    left.plot(*zip(*shown, strict=True), "o-", color=colour, label=f"{name} time")
left.set(xscale="log", yscale="log", xlabel="devices t", ylabel="time of a decode step (ms)")
left.set_title(f"{decode.model} on H100, 64 GB/s between devices", fontsize=10)
left.legend(frameon=False)

for machine, colour, name in ((h100, "#1f5fa8", "450 GB/s"), (slow, "#c0561f", "64 GB/s")):
    rows = parallel.scaling(decode, machine)
    ways = (("speed_up", "o-", "overlapped"), ("serial_speed_up", "s--", "waited for"))
    for kind, style, how in ways:
        speed = [float(getattr(row, kind)) for row in rows]
        right.plot(degrees, speed, style, color=colour, label=f"{name}, {how}")
right.plot(degrees, degrees, ":", color="#888888", label="ideal")
right.set(xscale="log", yscale="log", xlabel="devices t", ylabel="speed-up over one device")
right.set_title(f"B = 64, L = 4096, {decode.convention}", fontsize=10)
right.legend(frameon=False)
for axes in (left, right):
    axes.set_xticks(degrees, [str(n) for n in degrees])
    axes.minorticks_off()
    axes.grid(True, alpha=0.25)

fast = {row.degree: row for row in parallel.scaling(decode, h100)}
assert fast[8].serial_speed_up > 7, "eight devices pay nearly in full over NVLink"
assert fast[64].serial_speed_up < 16, "64 do not: beyond 8, each keeps a whole KV head"

# %%
# What it means in practice
# -------------------------
#
# - Within the links of one server, decode divides almost perfectly up to the number of KV heads.
#   Beyond it, the KV cache is no longer divided, and at long contexts that is what is left.
# - Prefill is what needs fast links: the model of document 004 is bound by them from
#   ``1 + β_link (6 d + S)/(2 π)`` devices, which is 12.6 at the width of Llama-3.1-70B and 2048
#   tokens. Llama-3.1-70B itself, counted as ``fused-ops``, is from 13.2.
# - Over slow links, a small batch still divides well, since what is sent grows with the batch and
#   the weights do not. Latency is the limit there, which is not counted here.

itself = results_parallel.link_bound_prefill_degree(device.at(B=1, S=2048), h100)
assert llama.values[H] == 8192
assert (round(float(limits[8192]), 1), round(float(itself.value), 1)) == (12.6, 13.2)
assert serial(1, 1, network) > 7 * serial(1, 8, network), "one sequence divides well"

# %%
# Where it stops holding
# ----------------------
#
# Rings send ``1 − 1/t`` of a tensor twice, which is the least that devices can send that add up
# for themselves; exchanges that reduce in the switch send less. Models that run attention and
# feed-forward side by side need one all-reduce per layer instead of two. Each exchange also costs
# a latency of some microseconds, which small batches notice: the 160 exchanges in the layers of
# Llama-3.1-70B, of 5 µs each, are 0.8 ms, and a step of one sequence on eight devices takes 5.

exchanges = device.filter(part="residual", kind="all-reduce")
latency = sum(entry.count for entry in exchanges.entries).xreplace(dict(llama.values)) * 5e-6
step_of_one = serial(1, 8, h100)
print(f"{float(latency) * 1e3:.1f} ms of latency, a step of {float(step_of_one) * 1e3:.1f} ms")
assert abs(latency - 0.8e-3) < 1e-9
assert 4.5e-3 < step_of_one < 5.5e-3

"""
The roofline and its ridge point
================================

**Question.** A machine computes at most at a peak and moves bytes at most at a bandwidth. Which of
the two binds a step?

Source of the model: Williams, Waterman and Patterson, *Roofline: an insightful visual performance
model for multicore architectures*, Communications of the ACM, 2009.
"""

import sympy

import roofsym as rs
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label
from roofsym.hardware import element_bytes

# %%
# The steps
# ---------
#
# A step of ``F`` FLOPs and ``Q`` bytes takes at least the longer of two times. Where they are
# equal, its intensity ``F/Q`` is the machine's ridge point, and nothing else about the step
# matters.

answer = rs.results.ridge_point(rs.Machine())
assert answer.outcome == "crosses"
answer.derivation

# %%
# So one number of the step and one of the machine decide:

F, Q = sy.flops, sy.bytes_
compute, memory = F / sy.peak, Q / sy.bandwidth
ratio = Derivation("Which time is longer", "any step on any machine")
ratio.identity(
    "The ratio of the two times is the ratio of two intensities",
    (compute / memory).xreplace({F: sy.intensity * Q}),
    sy.intensity / (sy.peak / sy.bandwidth),
    Label("ratio", r"\mathrm{ratio}"),
)
crossing = rs.crossover(compute.xreplace({F: sy.intensity * Q}), memory, sy.intensity)
ratio.identity("They are equal at", crossing.value, answer.general.value, Label("I*", "I^{*}"))
ratio

# %%
# The rate that a step can reach is the lower of the two roofs: at most the peak, and at most
# bandwidth times intensity.

roof = rs.Roofline(rs.decode(rs.Transformer(), "weights-only").at(b_w=2), rs.Machine())
for intensity_over_ridge in (sympy.Rational(1, 2), sympy.Integer(2)):
    B = rs.Machine().ridge * intensity_over_ridge  # counted so, intensity is B
    attained = roof.attainable.xreplace({sy.B: B}) / sy.peak
    assert sympy.simplify(attained) == min(intensity_over_ridge, 1)

# %%
# In numbers
# ----------

catalogue = ("v100-sxm", "a100-80gb-sxm", "h100-sxm", "h200-sxm", "b200", "mi300x", "tpu-v5e")
for name in catalogue:
    machine = rs.machine(name)
    print(f"{machine.label:22}{float(machine.ridge):6.1f} FLOP/B")

# %%
# Prefill and decode of one model under three roofs: a decode step of one sequence has an intensity
# of about one, far to the left of every ridge; a prompt of a few thousand tokens is far to the
# right.

step = rs.step(rs.model("llama-3.1-8b")).at(**element_bytes("bf16"))
machines = [rs.machine(name) for name in ("h100-sxm", "a100-80gb-sxm", "v100-sxm")]
decode, prefill = step.in_phase("decode").at(L=1024), step.in_phase("prefill").at(B=1)
points = [
    *(rs.plot.Point(f"B = {n}", decode.at(B=n), "decode, L = 1024") for n in (1, 8, 64)),
    *(rs.plot.Point(f"S = {n}", prefill.at(S=n), "prefill, B = 1") for n in (64, 512, 4096)),
]
ax = rs.plot.roofline(machines, points)
ax.set_title(f"{step.model}, bf16, {step.convention}")
for machine in machines:
    assert rs.Roofline(decode.at(B=1), machine).bound == "memory"
    assert rs.Roofline(prefill.at(S=4096), machine).bound == "compute"

# %%
# What it means in practice
# -------------------------
#
# Left of the ridge point fewer bytes make a step faster, and fewer FLOPs do not; right of it the
# other way round. A machine with a higher ridge point is harder to keep busy.
#
# The same ratio goes by many names: machine balance, ops:byte ratio, critical intensity. It depends
# on the dtype, because the peak does:

for dtype in ("bf16", "fp8"):
    ridge = rs.machine("h100-sxm", dtype=dtype).ridge
    print(f"H100 SXM, {dtype}: {float(ridge):.1f} FLOP/B")
assert rs.machine("h100-sxm", dtype="fp8").ridge > rs.machine("h100-sxm", dtype="bf16").ridge

# %%
# Where it stops holding
# ----------------------
#
# Both roofs are upper bounds. A step is many kernels: each has its own intensity, and one may wait
# for memory while the next waits for compute, so that the sum takes longer than either total says.
# What stays in caches moves fewer bytes than counted, what is read twice moves more.

near_ridge = prefill.at(S=400)
parts = [rs.Roofline(p, machines[0]).time for p in near_ridge.group_by("part").values()]
whole = rs.Roofline(near_ridge, machines[0]).time
assert sum(parts) > whole
one, by_part = (1e3 * float(t) for t in (whole, sum(parts)))
print(f"prefill, S = 400: {one:.2f} ms as one step, {by_part:.2f} ms part by part")

"""
The speed limit of decode, and what throughput costs
====================================================

**Question.** Memory allows only so many decode steps per second. How fast can one sequence get its
tokens, how many tokens can all get together, and how does one pay for the other?
"""

import matplotlib.pyplot as plt
import numpy as np

import roofsym as rs
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label
from roofsym.hardware import element_bytes

# %%
# The steps
# ---------
#
# The bytes of a step times the steps per second cannot exceed the bandwidth.

general = rs.results.decode_speed_limit(rs.decode(rs.Transformer()), rs.Machine())
assert general.outcome == "crosses"
general.derivation

# %%
# Counted as ``weights-only`` it is the well-known quotient, bandwidth over the bytes of the model:

weights = rs.results.decode_speed_limit(rs.decode(rs.Transformer(), "weights-only"), rs.Machine())
quotient = Derivation("Speed limit from weights alone", "any dense model, counted as weights-only")
quotient.definitions.update(weights.derivation.definitions)
quotient.identity(
    "Every parameter is read once per step",
    weights.general.value,
    sy.bandwidth / (sy.b_w * rs.Transformer().parameters),
    Label("R_max", r"R_{\max}"),
)
quotient

# %%
# From one sequence to many
# -------------------------
#
# Each sequence gains one token per step, so the limit is also the tokens per second of one
# sequence. All together gain ``B`` times as many, and that has a limit of its own as the batch
# grows.

limit, ceiling = general.general.value, sy.bandwidth / (sy.kappa * sy.L + sy.a)
per_sequence = sy.kappa * sy.L + sy.a
throughput = Derivation(
    "Throughput of decode", "any dense model without windows, counted as fused-ops"
)
throughput.definitions.update(general.derivation.definitions)
throughput.identity(
    "The time of a step is one read of the weights, and one of each sequence's own bytes",
    1 / limit,
    sy.w / sy.bandwidth + sy.B * per_sequence / sy.bandwidth,
    Label("T", "T"),
)
throughput.limit(
    "Tokens per second over all sequences tend to",
    Label("B R_max", r"B R_{\max}"),
    sy.B * limit,
    sy.B,
    ceiling,
)
balance = rs.crossover(sy.B * limit, ceiling / 2, sy.B)
throughput.identity(
    "Half of that is reached where all sequences together move as many bytes as the weights",
    balance.value,
    sy.w / per_sequence,
    Label("B_half", r"B_{\mathrm{half}}"),
)
throughput.identity(
    "There each sequence runs at half the speed that it had alone with the weights",
    limit.xreplace({sy.B: balance.value}),
    sy.bandwidth / (2 * sy.w),
    Label("R_half", r"R_{\mathrm{half}}"),
)
throughput

# %%
# So half of the best throughput costs half of the best speed: neither more nor less, for any dense
# model without windows on any machine, as long as memory binds.
#
# In numbers
# ----------

decode = rs.decode(rs.model("llama-3.1-8b")).at(**element_bytes("bf16"))
for name in ("a100-80gb-sxm", "h100-sxm", "h200-sxm", "b200"):
    machine = rs.machine(name, dtype="bf16")
    fastest = rs.results.decode_speed_limit(decode.at(B=1, L=0), machine).value
    crowded = rs.results.decode_speed_limit(decode.at(B=32, L=8192), machine).value
    print(
        f"{machine.label:20}{float(fastest):6.0f} tokens/s alone at L = 0; "
        f"{float(crowded):5.0f} each, {32 * float(crowded):6.0f} in all at B = 32, L = 8192"
    )

# %%

machine = rs.machine("h100-sxm", dtype="bf16")
batches = np.geomspace(1, 512, 200)
fig, ax = plt.subplots(layout="constrained")
for context in (512, 2048, 8192):
    roof = rs.Roofline(decode.at(L=context), machine)
    time = rs.compile(roof.time)(B=batches)
    ax.plot(1 / time, batches / time, label=f"L = {context}")
    half = rs.results.decode_speed_limit(decode.at(L=context), machine).derivation
    halves = [float(half.evaluate(x)) for x in (sy.bandwidth / (2 * sy.w), ceiling / 2)]
    ax.plot(*halves, "ko", markersize=5)
ax.set(
    yscale="log",
    xlabel="tokens per second of one sequence",
    ylabel="tokens per second of all sequences",
)
ax.set_title(f"{decode.model} on {machine.label}, {decode.convention}")
ax.legend(title="the dot: half and half", loc="lower left")

# %%
# What it means in practice
# -------------------------
#
# The limit for one sequence is bandwidth over bytes: a faster machine for single users is one with
# more bandwidth, not with a higher peak. Throughput at a long context is bought with bandwidth too,
# because each sequence's cache has to be read for each of its tokens.
#
# Where it stops holding
# ----------------------
#
# Above the critical batch compute binds, and the step is slower than this limit says. At the batch
# at which that happens the two times are equal:

crossing = rs.results.critical_batch(decode.at(L=128), machine)
for sequences, binds in ((crossing.whole - 1, "memory"), (crossing.whole, "compute")):
    roof = rs.Roofline(decode.at(L=128, B=sequences), machine)
    assert roof.bound == binds
    assert (roof.time == roof.memory_time) == (binds == "memory")
    rate, allowed = (float(1 / t) for t in (roof.time, roof.memory_time))
    print(f"B = {sequences}: {rate:.2f} steps per second, memory allows {allowed:.2f}")

# %%
# It is a limit for one step per token. Speculative decoding gains several tokens in a step and can
# be faster than it; the limit on steps remains. And of a mixture of experts a step does not read
# every parameter, so that one sequence may be faster than bandwidth over the bytes of the model:

mixture = rs.model("mixtral-8x7b")
read = rs.decode(mixture, "weights-only").at(B=1, b_w=2).bytes
print(f"{mixture.name}: one sequence reads {float(read) / 1e9:.1f} GB of "
      f"{float(2 * mixture.parameters) / 1e9:.1f} GB")  # fmt: skip
assert read < 0.3 * 2 * mixture.parameters

"""
What batch?
===========

Throughput of decode rises with the batch while the step is memory-bound, because all sequences
share one read of the weights. How far does that carry, and what does a larger batch cost each
sequence?
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy

import roofsym as rs
from roofsym.symbols import B

model = rs.model("llama-3.1-8b")
gpu = rs.machine("h100-sxm", dtype="bf16")
decode = rs.decode(model).at(b_w=2, b_a=2, b_kv=2)

# %%
# The batch at which decode turns compute-bound
# ---------------------------------------------

short = rs.results.critical_batch(decode.at(L=128), gpu)
assert short.outcome == "crosses"
print(f"L = 128: first compute-bound batch {short.whole}")

long = rs.results.critical_batch(decode.at(L=8192), gpu)
assert long.outcome == "never"
print(f"L = 8192: {long.outcome}: {long.reason}")

# %%
# At most contexts that are of use the answer is *never*: every sequence brings a KV cache that
# only it reads. Then another question decides.
#
# The batch at which half of the throughput is reached
# ----------------------------------------------------
#
# Where the KV read equals the weight read, a step takes about twice as long as one with few
# sequences, and throughput is about half of what it can be. Far below, more sequences cost little
# time; far above, time grows with the batch and throughput is flat. With the context set, the
# equation for that batch:

at_length = decode.at(L=8192)
balance = rs.crossover(at_length.kv_read_bytes, at_length.weight_bytes, "B")
assert balance.outcome == "crosses"
print(f"L = 8192: KV reads equal weight reads at B = {float(balance.value):.1f}")

# %%
# Throughput and time per token
# -----------------------------

roof = rs.Roofline(at_length, gpu)
rate, time = rs.compile(roof.tokens_per_second), rs.compile(roof.time)
batches = np.arange(1, 257)
fig, ax = plt.subplots(layout="constrained")
ax.plot(1e3 * time(B=batches), rate(B=batches))
for batch in (1, 4, 16, 64, 256):
    ax.plot(1e3 * time(B=batch), rate(B=batch), "o", color="C0")
    ax.annotate(
        f"B = {batch}",
        (1e3 * time(B=batch), rate(B=batch)),
        textcoords="offset points",
        xytext=(8, -8),
    )
ax.set(xlim=(0, 110), ylim=(0, None))
ax.set(xlabel="time per decode step (ms)", ylabel="tokens per second, all sequences")
ax.set_title(f"{model.name} on {gpu.label}, L = 8192")

# %%
# However large the batch, throughput stays below a limit: the bandwidth over the bytes that each
# sequence brings.

ceiling = 1 / sympy.limit(roof.memory_time / B, B, sympy.oo)
assert all(rate(B=batches) < float(ceiling))
print(f"{float(ceiling):.4g} tokens/s")

# %%
# The largest batch within a time per token
# -----------------------------------------
#
# A target of 20 ms per step, solved for the batch:

most = rs.crossover(roof.memory_time, 0.02, "B")
print(f"B = {int(most.value)}")
assert time(B=int(most.value)) <= 0.02 < time(B=int(most.value) + 1)

# %%
# Where this stops holding
# ------------------------
#
# The roofline's time is a lower bound: kernels reach part of the peak and of the bandwidth, and a
# step has overheads of its own. The batch must also fit the memory:
# `Will it fit? <will_it_fit.html>`_

# %%
# See also
# --------
#
# The derivations:
#
# - `The critical batch of decode, and the context beyond which there is none
#   <../derivations/critical_batch.html>`_
# - `The speed limit of decode, and what throughput costs
#   <../derivations/decode_speed_limit.html>`_

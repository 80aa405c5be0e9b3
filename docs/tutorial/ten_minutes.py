"""
Ten minutes with one model
==========================

Take Qwen3-8B on an H100. What does one step of it cost, what bounds it, and where does that change?
Every cell below runs as it stands; the page shows what it printed.
"""

import roofsym as rs

model = rs.model("qwen3-8b")
gpu = rs.machine("h100-sxm", dtype="bf16")
print(f"{model.name}: {int(model.parameters):,} parameters")
print(f"{gpu.label}: ridge point {float(gpu.ridge):.1f} FLOP/B")

# %%
# The ridge point is the machine's peak over its bandwidth: a step with fewer FLOPs per byte waits
# for memory, one with more waits for compute.
#
# A step is three numbers
# -----------------------
#
# ``B`` sequences, each with ``S`` new tokens on top of ``L`` cached ones. Prefill is ``(B, S, 0)``,
# decode is ``(B, 1, L)``. What the step costs is a *ledger*: one entry for each thing that an
# operator computes, reads or writes. With two bytes per weight, activation and KV element:

step = rs.step(model).at(b_w=2, b_a=2, b_kv=2)
prompt = step.in_phase("prefill").at(B=1, S=2048)
token = step.in_phase("decode").at(B=1, L=2048)
for name, led in {"prefill of 2048 tokens": prompt, "decode of one token": token}.items():
    print(f"{name:24}{float(led.flops):10.3g} FLOP {float(led.bytes):10.3g} B")

# %%
# Totals are exact: integers in, integers out.

prompt.flops

# %%
# What moves in a decode step? Group the ledger's entries by what is moved.

for kind, part in token.filter(quantity="bytes").group_by("kind").items():
    print(f"{kind:12}{float(part.bytes / token.bytes):8.2%}")
assert token.weight_bytes > token.bytes / 2

# %%
# Nearly all of it is weights: one token reads all of the model but the embedding table.
#
# What binds
# ----------

for name, led in {"prefill": prompt, "decode": token}.items():
    roof = rs.Roofline(led, gpu)
    print(
        f"{name}: {float(roof.intensity):.4g} FLOP/B, bound by {roof.bound}, "
        f"at least {1e3 * float(roof.time):.3g} ms, "
        f"at most {float(roof.tokens_per_second):.4g} tokens/s"
    )
assert rs.Roofline(prompt, gpu).bound == "compute"
assert rs.Roofline(token, gpu).bound == "memory"

# %%
# The formula behind the number
# -----------------------------
#
# What is not bound stays a symbol, so the same ledger gives the formula. A *result* is an equation
# between two quantities, solved: here the batch at which decode turns compute-bound, at a context
# of 128 tokens. It shows its derivation; each step was checked when it was made.

batch = rs.results.critical_batch(step.at(L=128), gpu)
batch

# %%
# The value is exact, and the first whole batch beyond it is what one would run:

print(float(batch.value), batch.whole)

# %%
# The condition matters
# ---------------------
#
# The solution has a condition: it exists only while the context is short. Ask again at a context of
# 4096 tokens, and the answer is *never*, with the reason.

never = rs.results.critical_batch(step.at(L=4096), gpu)
assert never.outcome == "never"
print(never.outcome, "-", never.reason)

# %%
# More sequences share the weights, but each brings a KV cache of its own. So intensity tends to a
# limit, and at this context the limit is below the ridge point. Beyond which context is that so?

edge = rs.results.compute_bound_context(step, gpu)
print(f"{edge.question.title}: {float(edge.value):.1f} tokens")

# %%
# Many values at once
# -------------------
#
# An expression compiles to a NumPy function whose keywords are the symbols that are still free.

import matplotlib.pyplot as plt
import numpy as np

intensity = rs.compile(step.in_phase("decode").intensity)
batches = np.geomspace(1, 4096, 200)
fig, ax = plt.subplots(layout="constrained")
for context in (128, 1024, 8192, 65536):
    ax.plot(batches, intensity(B=batches, L=context), label=f"L = {context}")
ax.axhline(float(gpu.ridge), color="black", linestyle=":", label="ridge point")
ax.set(xscale="log", yscale="log", xlabel="batch B", ylabel="intensity of decode (FLOP/B)")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# Only the shortest context crosses the ridge point.
#
# Counted otherwise
# -----------------
#
# Every number is made under a *convention*. The default counts the causal mask exactly and keeps
# attention fused; a framework's FLOP counter does neither.

counted = {
    name: rs.prefill(model, convention=name).at(B=1, S=2048).flops
    for name in ("fused-ops", "framework", "linear-only", "weights-only")
}
for name, flops in counted.items():
    print(f"{name:14}{float(flops) / 1e12:8.2f} TFLOP")
assert counted["framework"] > counted["fused-ops"] > counted["linear-only"]

# %%
# None of these is wrong: each counts something else, and the conventions page says what.
#
# The same on the command line
# ----------------------------
#
# Each answer above is one command: ``roofsym list results`` prints what there is to ask.

from roofsym import cli

status = cli.main("solve critical-batch --model qwen3-8b --machine h100-sxm --set L=4096".split())
assert status == 0

# %%
# From here: the pages named by questions, the derivations, or a model of your own with
# ``rs.Transformer.from_config("config.json")``.

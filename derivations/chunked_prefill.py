"""
How large a chunk of a prompt has to be
=======================================

**Question.** A long prompt can be processed in chunks, alone or in the same steps as sequences that
decode. How large has a chunk to be for compute to bind, and what do smaller ones cost?
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
# A chunk of ``S`` tokens on ``L`` cached ones reads the weights once, and the cache once. Its
# FLOPs have a square in ``S``, its bytes have none.

chunk = rs.chunk(rs.Transformer()).at(B=1)
alone = rs.results.compute_bound_chunk(chunk, rs.Machine())
alone.derivation

# %%
# The second root is the one in use. The first asks that the LM head, at one position, has more
# FLOPs than the bytes of all weights times the ridge point: no machine has one so low.
#
# What becomes of it far into a prompt
# ------------------------------------
#
# Weights are a fixed number of bytes, the cache grows, and every token of the chunk attends to it.
# Far out only these two count, and the size needed is a constant:

far = Derivation(
    "A chunk far into a prompt", "any dense model without windows, counted as fused-ops"
)
far.definitions.update(alone.derivation.definitions)
tends = sy.S * sy.alpha / sy.kappa
far.limit("As the context grows, intensity tends to", sy.intensity, alone.general.left, sy.L, tends)
enough = rs.crossover(tends, sy.ridge, sy.S).value
size = Label("S*", "S^{*}")
far.identity("That is at the ridge point with", enough, sy.ridge * sy.kappa / sy.alpha, size)
far.identity(
    "The rule for linear layers, divided by the queries that share one key",
    enough,
    sy.ridge * sy.b_kv / 2 * sy.n_kv_heads / sy.n_heads,
    size,
)
far

# %%
# In numbers, on an H100:

machine = rs.machine("h100-sxm", dtype="bf16")
for name in ("llama-2-7b", "llama-3.1-8b", "llama-3.1-405b"):
    step = rs.chunk(rs.model(name)).at(**element_bytes("bf16"), B=1)
    sizes = []
    for context in (0, 4096, 32768, 131072):
        here = step.at(L=context)
        found = rs.results.compute_bound_chunk(here, machine).whole
        assert rs.Roofline(here.at(S=found - 1), machine).bound == "memory"
        assert rs.Roofline(here.at(S=found), machine).bound == "compute"
        sizes.append(found)
    last = rs.results.compute_bound_chunk(step, machine).derivation.evaluate(enough)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] > last
    print(f"{step.model:15} S* = {sizes} at L = 0, 4096, 32768, 131072; tends to {float(last):.1f}")

# %%
# Beside sequences that decode
# ----------------------------
#
# Sequences that decode in the same step use weights that are read anyway, but each brings a cache
# that is read for a single token. The chunk has to make up for that:

beside = rs.results.piggybacked_chunk(rs.chunk(rs.Transformer()), rs.Machine())
beside.derivation

# %%

step = rs.chunk(rs.model("llama-3.1-8b")).at(**element_bytes("bf16"), L=4096)
needed = {}
for sequences in (16, 64):
    for context in (128, 1024, 8192):
        full = step.at(decode_batch=sequences, decode_context=context)
        needed[sequences, context] = rs.results.piggybacked_chunk(full, machine).whole
        print(f"a chunk at L = 4096 beside {sequences} sequences of {context:4}: "
              f"S* = {needed[sequences, context]}")  # fmt: skip
without = rs.results.compute_bound_chunk(step.at(B=1), machine).whole
assert needed[64, 128] < without < needed[64, 1024] < needed[64, 8192]

# %%
# At short contexts sequences that decode are a help: up to the one at which decode has the
# intensity of the ridge point at a large batch. Beyond it each is a burden, the greater the longer
# its context.
#
# What smaller chunks cost
# ------------------------
#
# Two chunks do the work of one of twice the size, but for the LM head, which runs in each. They
# read the weights twice, and the keys and values of the first one again.

split = Derivation(
    "A prompt of 2 S tokens in two chunks", "any dense model without windows, counted as fused-ops"
)
split.definitions.update(alone.derivation.definitions)
whole = {sy.S: 2 * sy.S, sy.L: 0}
flops, read = (chunk.bind(chunk.symbolic(x)) for x in ("flops", "bytes"))
for letter, total, more in (
    ("F", flops, sy.eta),
    ("Q", read, sy.w + sy.kappa * sy.S + sy.epsilon),
):
    two = total.xreplace({sy.L: 0}) + total.xreplace({sy.L: sy.S})
    less = Label(f"{letter}_2 − {letter}_1", f"{letter}_{{2}} - {letter}_{{1}}")
    counted = {"F": "FLOPs", "Q": "bytes"}[letter]
    split.identity(f"What two chunks add in {counted}", two - total.xreplace(whole), more, less)
split

# %%
# Time to the first token is the sum over the chunks of the longer of computing and moving; in one
# chunk it is a result of its own. For a prompt of 32768 tokens:

PROMPT = 32768
prefill = rs.prefill(rs.model("llama-3.1-8b")).at(**element_bytes("bf16"), B=1, S=PROMPT)
at_once = float(rs.results.time_to_first_token(prefill, machine).value)
time = rs.compile(rs.Roofline(step.without(sy.L).at(B=1), machine).time)
chunks = 2 ** np.arange(4, 14)
seconds = [time(S=size, L=np.arange(0, PROMPT, size)).sum() for size in chunks]
fig, ax = plt.subplots(layout="constrained")
ax.plot(chunks, seconds, "o-", label="in chunks")
ax.axhline(at_once, color="black", linewidth=1, label="at once")
first = rs.results.compute_bound_chunk(step.at(B=1, L=0), machine).whole
ax.axvline(first, color="black", linestyle=":", label="S* at L = 0")
ax.set(
    xscale="log",
    yscale="log",
    xlabel="chunk S (tokens)",
    ylabel="time to first token (s)",
    ylim=(0.1, 20),
)
ax.set_title(
    f"{PROMPT} tokens, {prefill.model} on {machine.label}, {prefill.convention}", fontsize=11
)
ax.legend()

# %%

slower = dict(zip(chunks.tolist(), np.array(seconds) / at_once - 1, strict=True))
for size in (128, 256, 512):
    print(f"chunks of {size}: {slower[size]:.2%} later than at once")
assert slower[128] > 0.2 > 0.02 > slower[512] > 0

# %%
# What it means in practice
# -------------------------
#
# Chunks a little above the critical size cost next to nothing in time to first token, and those
# well below it much. What they cost the sequences that decode beside them is the length of the
# step: little up to the critical size, and in proportion to the chunk from there on.

decode = rs.decode(rs.model("llama-3.1-8b")).at(**element_bytes("bf16"), B=16, L=1024)
lonely = rs.Roofline(decode, machine).time
for size in (needed[16, 1024], 4 * needed[16, 1024]):
    own = step.at(B=1, S=size)
    bytes_of_both = decode.bytes + own.bytes - own.weight_bytes
    computing = (decode.flops + own.flops) / machine.peak
    lasts = max(computing, bytes_of_both / machine.bandwidth)
    assert lasts == computing
    print(f"beside a chunk of {size}, a step of 16 takes {float(lasts / lonely):.2f} times as long")
assert lasts > 4 * lonely

# %%
# Where it stops holding
# ----------------------
#
# In a mixture of experts a chunk is shared among the experts, each of which sees few rows: the
# chunk has to be larger by about as much as all experts are more than those of one token.

mixture = rs.chunk(rs.model("mixtral-8x7b")).at(**element_bytes("bf16"), B=1, L=0)
spread = rs.results.compute_bound_chunk(mixture, machine).whole
ratio = rs.model("mixtral-8x7b").parameters / rs.model("mixtral-8x7b").active_parameters
assert 0.8 < spread / first / ratio < 1.2
print(f"{mixture.model}: S* = {spread}, {spread / first:.1f} times that of {step.model}")

# %%
# The LM head is counted once in every chunk. An engine that runs it after the last one only saves
# its weights and its FLOPs in all others, and can do with slightly smaller chunks.
#
# Steps are taken to follow each other without gaps. Each further chunk launches its kernels anew,
# which a roofline does not show: one more reason not to make chunks smaller than they need be.

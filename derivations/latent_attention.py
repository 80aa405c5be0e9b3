"""
Latent attention: absorbed or expanded
======================================

**Question.** Multi-head latent attention caches one latent per token and layer. A step either
rebuilds keys and values of the whole context from the latents (*expanded*), or multiplies the
projections into queries and outputs and attends in the latents' space (*absorbed*). Which of the
two costs fewer FLOPs, and which takes less time?
"""

import matplotlib.pyplot as plt
import numpy as np
import sympy

import roofsym as rs
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label
from roofsym.hardware import element_bytes
from roofsym.results.latent import EXTRA_ATTENTION

# %%
# The steps
# ---------
#
# In latent space each pair of query and key costs more, because the latent is wider than a head.
# The other way, rebuilding costs a matrix product per cached token. Pairs grow with the new
# tokens, rebuilding does not: from some number of new tokens on, expanded is cheaper.

step = rs.step(rs.model("deepseek-v3"))
length = rs.results.latent_expanded_length(step.at(L=4096))
assert length.outcome == "crosses"
length.derivation

# %%
# For a long context the crossing tends to a length that only the widths decide.

new = Label("S*", "S^{*}")
r, nope, v = sy.kv_rank, sy.nope_dim, sy.v_dim
definitions = length.derivation.definitions
tends = Derivation("New tokens at which both cost alike, at a long context", "latent attention")
tends.definitions.update(definitions)
tends.values = dict(step.values)
more, rebuilt = (side / sy.L for side in (length.general.left, length.general.right))
tends.limit(
    "The extra attention of absorption, per cached token, tends to",
    Label("f_att", r"f_{\mathrm{att}}"),
    more,
    sy.L,
    EXTRA_ATTENTION * sy.S,
)
tends.limit(
    "and the rebuilding of expansion to",
    Label("f_up", r"f_{\mathrm{up}}"),
    rebuilt,
    sy.L,
    sy.theta,
)
met = rs.crossover(EXTRA_ATTENTION * sy.S, sy.theta, sy.S)
tends.identity("They are equal at", met.value, r * (nope + v) / (2 * r - nope - v), new)
value = tends.evaluate(met.value)
tends.number("In numbers", new, met.value, value, "1")
tends

# %%
# In numbers
# ----------

chunks = {
    way: step.recounted("chunk", latent=way).at(B=1, L=4096) for way in ("absorbed", "expanded")
}
lengths = np.geomspace(1, 4096, 200)
fig, ax = plt.subplots(layout="constrained")
for way, led in chunks.items():
    flops = led.filter(part="attention").flops
    ax.plot(lengths, rs.compile(flops)(S=lengths) / lengths / 1e9, label=way)
ax.axvline(float(length.value), color="black", linestyle=":", label="S*")
ax.set(
    xscale="log",
    yscale="log",
    xlabel="new tokens S on a context of 4096",
    ylabel="attention, GFLOP per new token",
)
ax.set_title(f"{step.model}, {step.convention}")
ax.legend()

for tokens, cheaper, dearer in (
    (length.whole, "absorbed", "expanded"),
    (length.whole + 1, "expanded", "absorbed"),
):
    assert chunks[cheaper].at(S=tokens).flops < chunks[dearer].at(S=tokens).flops
    print(f"S = {tokens}: {cheaper} costs fewer FLOPs")

# %%
# The other way round
# -------------------
#
# For a given number of new tokens, absorbed is cheaper from some context on - but only if the new
# tokens are few. For more than the limit above, it never is.

for tokens in (1, 64, 128, int(value), int(value) + 1):
    context = rs.results.latent_absorbed_context(step.at(S=tokens))
    whole = f"from L = {context.whole} on" if context.value is not None else context.outcome
    print(f"S = {tokens:3}: absorbed is cheaper {whole}")
assert context.outcome == "never"

# %%
# In time
# -------
#
# On a machine, a step takes as long as the slower one of computing and moving. Expanded execution
# also writes the keys and values that it rebuilds, and reads them again; absorbed execution moves
# wider queries and outputs, of new tokens alone. Where both are memory-bound, the cached tokens
# decide:

ways = {way: step.recounted("chunk", latent=way) for way in ("absorbed", "expanded")}
moved = {way: led.symbolic("bytes") for way, led in ways.items()}
saved = Derivation("New tokens at which both move as many bytes", "latent attention")
met = rs.crossover(moved["absorbed"], moved["expanded"], sy.S)
bytes_met = sy.L * (nope + v) / (2 * r - nope - v)
saved.identity("Bytes are equal at", met.value, bytes_met, new)
saved

# %%
# The same fraction of the context as it was of the latent's width in FLOPs. In between, where one
# way is bound by compute and the other by memory, there is no closed form with experts:

machine = rs.machine("h100-sxm")
for batch, context in ((1, 500), (1, 4096), (8, 4096), (64, 4096)):
    chunk = step.at(**element_bytes("bf16"), B=batch, L=context)
    faster = rs.results.latent_faster_length(chunk, machine)
    print(f"B = {batch:2}, L = {context:4}: expanded is faster from S = {faster.whole} on")
assert faster.value == length.value

# %%
# What it means in practice
# -------------------------
#
# Decode is absorbed: one new token is far below the crossing. A prompt from its start is expanded,
# and so are chunks of more tokens than the limit; verification of a draft is absorbed.
#
# Bytes say the same with more force. Absorbed, a cached token is one latent for all heads, read
# once per layer, and every head works on it: attention alone has an intensity that other models
# reach with no batch, since their sequences share no keys and values, and at no context.

decode = {
    name: rs.decode(rs.model(name)).at(**element_bytes("bf16"), B=1)
    for name in ("llama-2-7b", "llama-3.1-8b", "deepseek-v3")
}
attention = {}
for name, led in decode.items():
    per_byte = led.filter(kind="attention").flops / led.kv_read_bytes
    attention[name] = sympy.limit(per_byte, sy.L, sympy.oo)
    print(f"{led.model:14}{float(attention[name]):6.1f} FLOP per byte of KV read, as L grows")
assert attention["deepseek-v3"] > 50 * attention["llama-3.1-8b"]

# %%
# That is near the ridge point of the machines in use, so latent attention in decode is about to be
# bound by compute, where grouped queries are bound by memory.
#
# Where it stops holding
# ----------------------
#
# A kernel that keeps the rebuilt keys and values on the chip moves fewer bytes than the ledger of
# expanded execution counts; then FLOPs alone decide.

"""
Two FLOP per parameter: how good is the rule?
=============================================

**Question.** "Two FLOP per parameter and token" is the most used estimate of inference cost. It
counts parameters that are only looked up, and no attention. How wrong is it, and from which length
on?
"""

import matplotlib.pyplot as plt
import numpy as np

import roofsym as rs
from roofsym import symbols as sy
from roofsym.derivation import Derivation, Label

# %%
# The steps
# ---------
#
# The ledger's FLOPs of a decode step over what the rule says, for any dense model without windows:

ratio = rs.results.parameter_rule_ratio(rs.decode(rs.Transformer()))
ratio.derivation

# %%
# Two errors pull in opposite directions. In models built like Llama, with an LM head of its own, no
# matrix product has the embedding table in it, of which one row is looked up, nor the norms: with
# nothing cached the rule is too high. Attention to what is cached is in no parameter: in proportion
# to the context the rule becomes too low.

idle = sy.d_model * (sy.vocab_size + 2 * sy.n_layers + 1)
share = Label("F / F_rule", r"\frac{F}{F_{\mathrm{rule}}}")
parts = Derivation("What the rule leaves out", "any model built like Llama, counted as fused-ops")
parts.definitions.update(ratio.derivation.definitions)
parts.identity(
    "The rule is exact but for what is in no matrix product, and for attention",
    ratio.general.value,
    1 - idle / sy.n_active + sy.alpha * (sy.L + 1) / (2 * sy.n_active),
    share,
)
parts.identity(
    "An embedding table, and two norms in each layer and one at the end, are what is idle",
    idle,
    sy.vocab_size * sy.d_model + 2 * sy.n_layers * sy.d_model + sy.d_model,
    Label("N_idle", r"N_{\mathrm{idle}}"),
)
parts

# %%
# The first error is a constant of the model, the second is linear in the context. So is the length
# up to which the FLOPs exceed the rule by no more than a given fraction:

length = rs.results.parameter_rule_length(rs.decode(rs.Transformer()))
further = Derivation(
    "What one more token of context adds", "any dense model without windows, counted as fused-ops"
)
further.definitions.update(length.derivation.definitions)
needed = 2 * sy.n_active / sy.alpha
slope = Label("d L_e / d e", r"\frac{\mathrm{d} L_{e}}{\mathrm{d} e}")
further.identity(
    "For each further error of 1, so many tokens more",
    length.general.value.diff(sy.error), needed, slope,
)  # fmt: skip
further.identity(
    "That is the parameters over the width of all queries, of all layers, twice",
    needed, sy.n_active / (2 * sy.n_layers * sy.n_heads * sy.head_dim), slope,
)  # fmt: skip
further

# %%
# In numbers
# ----------
#
# With nothing cached, at a long context, and the context at which a tenth is missing:

names = ("llama-2-7b", "llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b")
LONG = 131072
excess = {}
for name in names:
    step = rs.decode(rs.model(name))
    excess[name] = rs.compile(rs.results.parameter_rule_ratio(step).value - 1)
    empty, full = (float(excess[name](L=context)) for context in (0, LONG))
    tenth = rs.results.parameter_rule_length(step.at(error=0.1))
    below, above = (float(excess[name](L=tenth.whole + more)) for more in (0, 1))
    assert below <= 0.1 < above
    assert empty < 0 < 1 < full
    assert tenth.whole > 3000
    print(f"{step.model:15} {empty:+6.1%} at L = 0, {full:+5.0%} at L = {LONG}; "
          f"within a tenth up to L = {tenth.whole}")  # fmt: skip

# %%
# Of these the larger a model, the longer the rule holds: parameters grow with the square of the
# width, attention of one token with the width.

reach = [
    rs.results.parameter_rule_length(rs.decode(rs.model(n)).at(error=0.1)).whole for n in names
]
assert reach == sorted(reach)
contexts = np.geomspace(128, LONG, 300)
fig, ax = plt.subplots(layout="constrained")
for name in names:
    ax.plot(contexts, 100 * excess[name](L=contexts), label=rs.model(name).name)
ax.axhline(0, color="black", linewidth=1)
ax.axhline(10, color="black", linestyle=":", label="a tenth too low")
ax.set(
    xscale="log",
    ylim=(-10, 100),
    xlabel="context L (tokens)",
    ylabel="FLOPs of decode above 2 N (%)",
)
ax.set_title(f"one token of decode, {step.convention}")
ax.legend()

# %%
# In prefill
# ----------
#
# A token of a prompt meets half of the prompt on average, so attention weighs half as much as in
# decode at the same length. Attention overtakes all linear layers at

prefill = rs.prefill(rs.model("llama-3.1-8b"))
overtakes = rs.results.attention_overtakes_linear(prefill).whole
for name in names:
    print(
        f"{name:15} S = {rs.results.attention_overtakes_linear(rs.prefill(rs.model(name))).whole}"
    )
assert all(excess[name](L=100_000) > 1 for name in names)
assert excess[names[0]](L=100_000) > 2
of_prompt = rs.compile(rs.results.parameter_rule_ratio(prefill).value)
of_token = excess["llama-3.1-8b"]
assert 0.45 < (of_prompt(S=LONG) - 1) / of_token(L=LONG) < 0.5

# %%
# What it means in practice
# -------------------------
#
# Up to a few thousand tokens of context the rule is within a tenth for dense models such as these.
# At a hundred thousand tokens the FLOPs are two to several times what it says. Time is
# another matter: decode waits for bytes, of which the rule says nothing.
#
# Where it stops holding
# ----------------------
#
# In a mixture of experts a token passes through few of them. The rule is meant for the parameters
# that one token uses; for all of them it is several times too high:

mixture = rs.model("mixtral-8x7b")
active = rs.results.parameter_rule_ratio(rs.decode(mixture).at(L=0)).value
of_all = active * mixture.active_parameters / mixture.parameters
assert 0.95 < active < 1 < 3 < 1 / of_all
print(f"{mixture.name}: {float(active):.3f} of the rule by active parameters, "
      f"{float(of_all):.3f} by all")  # fmt: skip

# %%
# And the fewer parameters a token uses for the width of its attention, the sooner the rule fails,
# soonest where all heads attend to a latent:

early = {}
for name in ("llama-3.1-8b", "qwen3-30b-a3b", "deepseek-v3"):
    ratio_at = rs.results.parameter_rule_ratio(rs.decode(rs.model(name)).at(L=3000)).value
    early[name] = float(ratio_at) - 1
    print(f"{name:14} {early[name]:+.0%} at L = 3000")
assert early["llama-3.1-8b"] < 0.1 < 0.2 < early["qwen3-30b-a3b"] < 0.5 < early["deepseek-v3"]

# %%
# Where the embedding table is the LM head as well, it is multiplied by after all:

assert rs.model("gemma-2-2b").structure.tied_embeddings
for name in ("llama-3.1-8b", "gemma-2-2b"):
    step = rs.decode(rs.model(name)).at(L=0)
    off = float(rs.results.parameter_rule_ratio(step).value) - 1
    print(f"{step.model}: {off:+.2%} at L = 0")
assert abs(off) < 0.002

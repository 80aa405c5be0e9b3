"""
How do I count my own way?
==========================

A convention is a record of switches. Take the nearest named one and set some of them otherwise.
"""

import roofsym as rs
from roofsym.difference import difference
from roofsym.render.expression import render

model = rs.model("llama-3.1-8b")

# %%
# The default, but with the LM head at every position of the prompt and the rectangle of attention
# scores in the place of the causal triangle:

mine = rs.convention("fused-ops").replace(name="mine", lm_head="all", mask="full")
prompt = {c: rs.prefill(model, convention=c).at(B=1, S=2048) for c in ("fused-ops", mine)}
for led in prompt.values():
    print(f"{led.convention:10}{float(led.flops) / 1e12:.3f} TFLOP")

# %%
# What makes the difference? Entry by entry, as formulas:

first, second = prompt.values()
for line in difference(first, second, "flops").lines:
    more = float(first.bind(line.difference)) / 1e12
    print(f"{line.label:20}{more:.3f} TFLOP = {render(line.difference)}")

# %%
# A switch that does not exist, or a value that it does not take, is refused:

for switches in ({"mask": "triangle"}, {"masks": "full"}):
    try:
        rs.convention("fused-ops").replace(**switches)
    except rs.InputError as error:
        print(error)

# %%
# Parts of a step
# ---------------
#
# What no switch selects, a filter does: entries carry tags. The attention of a decode step alone,
# and its intensity:

attention = rs.decode(model).at(b_w=2, b_a=2, b_kv=2, B=1).filter(part="attention")
scores = attention.keep(e for e in attention.entries if e.kind in ("attention", "kv"))
scores.intensity

# %%
# On the command line
# -------------------

from roofsym import cli

command = "eval flops --model llama-3.1-8b --phase prefill --set B=1 --set S=2048"
assert cli.main([*command.split(), "--switch", "lm_head=all", "--switch", "mask=full"]) == 0

# %%
# See also
# --------
#
# All switches: `Counting conventions <../../conventions.html>`_.

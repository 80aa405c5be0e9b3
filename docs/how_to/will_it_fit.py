"""
Will it fit?
============

Weights and KV cache have to fit the machine's memory. How many sequences, and how long, do?
"""

import sympy

import roofsym as rs
from roofsym.derivation import Derivation, Label
from roofsym.symbols import B, L
from roofsym.units import format_quantity

model = rs.model("llama-3.1-8b")
gpu = rs.machine("h100-sxm")
two_bytes = rs.decode(model).at(b_w=2, b_kv=2)

# %%
# What is in memory
# -----------------
#
# The weights once, and for each sequence the cached tokens with the new one.

held = two_bytes.bind(model.memory_footprint(S=1))
per_token = two_bytes.bind(model.kv_bytes_per_token)
memory = Derivation("memory of a decode step", f"{model.name}, two bytes each", two_bytes.values)
memory.identity("Weights, and for each sequence the KV cache of the cached tokens and the new one",
                held, per_token * B * (L + 1) + 2 * model.parameters,
                Label("M", "M", unit="B"))  # fmt: skip
memory.view()

# %%
# How many sequences
# ------------------
#
# The footprint set equal to the capacity, solved for the batch. Round down.

for context in (1024, 8192, 32768, 131072):
    full = rs.crossover(two_bytes.at(L=context).bind(held), gpu.capacity, "B")
    print(f"L = {context:6}: {sympy.floor(full.value)} sequences")

# %%
# How long a context
# ------------------
#
# The same equation solved for the context, at a batch of 16.

longest = rs.crossover(two_bytes.at(B=16).bind(held), gpu.capacity, "L")
assert longest.outcome == "crosses"
print(format_quantity(longest.value, "token"))

# %%
# When the weights are too many
# -----------------------------
#
# Then the left side is above the capacity whatever the batch, and the answer says so.

large = rs.model("llama-3.1-70b")
asked = rs.decode(large).at(b_kv=2, L=1024)
needed = asked.at(b_w=2).bind(large.memory_footprint(S=1))
answer = rs.crossover(needed, gpu.capacity, "B")
assert answer.outcome == "always"
print(f"{large.name} on one {gpu.name}: {answer.outcome} above the capacity")

# %%
# Solved for the bytes per weight instead: what a quantisation would have to reach for 16 sequences.

needed = asked.at(B=16).bind(large.memory_footprint(S=1))
print(f"{float(rs.crossover(needed, gpu.capacity, 'b_w').value):.3f} bytes per weight")

# %%
# On the command line
# -------------------

from roofsym import cli

command = "--phase decode --model llama-3.1-8b --machine h100-sxm --set L=8192"
status = cli.main(["solve", "memory_footprint = capacity", "--for", "B", *command.split()])
assert status == 0

# %%
# What is not counted
# -------------------
#
# Activations, the allocator's reserve, and the runtime itself also take memory: leave room for
# them. A KV cache kept in pages wastes part of each sequence's last page.

# %%
# See also
# --------
#
# - How the footprint grows: `How many bytes of KV? <kv_bytes.html>`_
# - At which context cache and weights take as much:
#   `The context at which KV reads overtake weights
#   <../derivations/kv_overtakes_weights.html>`_

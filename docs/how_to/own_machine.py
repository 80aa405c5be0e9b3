"""
How do I use my own machine?
============================

By numbers, by a TOML file, or by changing a machine of the catalogue.
"""

import tempfile
from pathlib import Path

import roofsym as rs

# %%
# By numbers
# ----------
#
# Dense peak in FLOP/s, bandwidth in B/s, capacity in B. What is not given stays a symbol.

mine = rs.Machine(name="My GPU", peak=312e12, bandwidth=2e12, capacity=80e9)
print(mine.ridge, "FLOP/B")
rs.Machine(peak=312e12).ridge

# %%
# By a file
# ---------
#
# With a peak for each dtype. The same table in a file of ``--catalog`` makes the name available.

table = """
[machines.my-gpu]
name = "My GPU"
bandwidth = 2.0e12
capacity = 80e9
peak = { bf16 = 312e12, int8 = 624e12 }
"""
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "my-gpu.toml"
    file.write_text(table)
    machine = rs.machine(str(file), dtype="int8")
print(machine.label, float(machine.ridge), "FLOP/B")

# %%
# What if
# -------
#
# A machine of the catalogue with another bandwidth. The measured bandwidth and the measured rate
# of large matrix multiplications make a machine whose ridge point is the one that kernels see.

h100 = rs.machine("h100-sxm", dtype="bf16")
measured = h100.at(peak=h100.peak * 7 / 10, bandwidth=h100.bandwidth * 9 / 10)
decode = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, L=128)
for gpu in (h100, measured):
    batch = rs.results.critical_batch(decode, gpu)
    print(f"ridge {float(gpu.ridge):.1f} FLOP/B, B* = {batch.whole}")

# %%
# Which bandwidth would make decode compute-bound at a batch of 64? Leave it open and solve for it.

roof = rs.Roofline(decode.at(B=64), rs.Machine(peak=h100.peak))
wanted = rs.crossover(roof.compute_time, roof.memory_time, "bandwidth")
print(f"{float(wanted.value) / 1e12:.1f} TB/s")

# %%
# Peaks are dense
# ---------------
#
# Many data sheets print the peak with structured sparsity, which is twice the dense one: the
# ridge point and every time would be off by two.

# %%
# See also
# --------
#
# The derivation: `The roofline and its ridge point
# <../derivations/ridge_point.html>`_.

"""
How many bytes of KV?
=====================

Per token, per sequence, and of which tensors.
"""

import roofsym as rs
from roofsym.derivation import Derivation, Label
from roofsym.units import format_quantity

# %%
# The formula
# -----------
#
# Keys and values of every layer, one per key/value head:

formula = Derivation("KV cache of one token", "any dense model without windows")
formula.define("A key and a value per layer and KV head", Label("KV per token"),
               rs.Transformer().kv_bytes_per_token, "B/token")  # fmt: skip
formula.view()

# %%
# Of real models
# --------------
#
# With two bytes per element. Latent attention keeps one latent per layer for all heads; a model
# with sliding windows keeps only the window in some of its layers, but writes each token to all
# of them.

for name in ("llama-2-7b", "llama-3.1-8b", "llama-3.1-405b", "qwen3-8b", "deepseek-v3"):
    model = rs.model(name)
    per_token = model.at(b_kv=2).kv_bytes_per_token
    print(f"{model.name:24}{format_quantity(per_token, 'B/token'):>18}")

# %%
# Of one sequence of 128 Ki tokens
# --------------------------------

model = rs.model("llama-3.1-8b")
per_token = model.at(b_kv=2).kv_bytes_per_token
print(format_quantity(per_token * 131072, "B"), "=", per_token * 131072 / 2**30, "GiB")

# %%
# What a step moves
# -----------------
#
# A decode step reads the cached tokens of each sequence and writes the new one:

decode = rs.decode(model).at(b_w=2, b_a=2, b_kv=2, B=8, L=4096)
assert decode.kv_write_bytes == 8 * per_token
assert decode.kv_read_bytes == 8 * 4096 * per_token
print("read ", format_quantity(decode.kv_read_bytes, "B"))
print("write", format_quantity(decode.kv_write_bytes, "B"))

# %%
# A prefill writes all its tokens, and with fused attention reads none from the cache:

prefill = rs.prefill(model).at(b_w=2, b_a=2, b_kv=2, B=1, S=4096)
assert prefill.kv_read_bytes == 0
print("write", format_quantity(prefill.kv_write_bytes, "B"))

# %%
# A quantised cache
# -----------------
#
# One byte per element, and a scale of two bytes for every 64 of them:

quantised = rs.decode(model).at(b_w=2, b_a=2, b_kv=1, B=8, L=4096)
scaled = rs.decode(model.with_precisions(["group_kv", "scale_kv"])).at(
    b_w=2, b_a=2, b_kv=1, group_kv=64, scale_kv=2, B=8, L=4096
)
for led in (quantised, scaled):
    print(f"{float(led.kv_read_bytes / decode.kv_read_bytes):.3f}")

# %%
# On the command line
# -------------------

from roofsym import cli

assert cli.main("eval kv_bytes_per_token --model llama-3.1-8b".split()) == 0

# %%
# See also
# --------
#
# What that does to a step: `What does long context cost? <long_context.html>`_

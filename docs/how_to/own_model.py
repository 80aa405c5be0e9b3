"""
How do I use my own model?
==========================

Any Hugging Face ``config.json`` of a kind that the package knows, or dimensions by name.
"""

import json
import tempfile
from pathlib import Path

import roofsym as rs

# %%
# From a config
# -------------
#
# A path, the folder that holds the file, or its content.

config = {
    "model_type": "llama",
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_hidden_layers": 28,
    "num_attention_heads": 24,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
}
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "config.json").write_text(json.dumps(config))
    model = rs.Transformer.from_config(folder)
assert model.parameters == rs.Transformer.from_config(config).parameters
print(f"{int(model.parameters):,} parameters")

# %%
# A layer that the cost model does not know is refused by name, and so is a malformed field: no
# number is better than a wrong one.

for change in ({"model_type": "mamba"}, {"hidden_size": -1}):
    try:
        rs.Transformer.from_config({**config, **change})
    except rs.InputError as error:
        print(error)

# %%
# From dimensions
# ---------------
#
# A dense decoder with grouped queries and gated feed-forward. What is not given stays a symbol.

mine = rs.Transformer(
    n_layers=28, d_model=3072, n_heads=24, n_kv_heads=8, head_dim=128, d_ff=8192, vocab_size=128256
)
print(f"{int(mine.parameters):,} parameters with an LM head of its own")

# %%
# What if it had fewer key/value heads?

from roofsym.render.expression import render

for heads in (24, 8, 2):
    print(heads, render(mine.at(n_kv_heads=heads).kv_bytes_per_token))

# %%
# Other structures
# ----------------
#
# Multi-head attention in place of grouped queries is a substitution; a plain feed-forward block
# or tied embeddings are other operators.

from roofsym import symbols as sy
from roofsym.transformer import Attention, FeedForward, LayerGroup, Structure

print(render(rs.Transformer(n_kv_heads=sy.n_heads).kv_bytes_per_token))
layers = LayerGroup(attention=Attention(), feed_forward=FeedForward(gated=False))
plain = rs.Transformer(Structure(groups=(layers,)))
print(render(rs.decode(plain, convention="weights-only").flops))

# %%
# A catalogue of one's own
# ------------------------
#
# A TOML file with ``[models.NAME]`` tables, given with ``--catalog FILE``, named in the
# environment variable ``ROOFSYM_CATALOG`` or added with ``roofsym.catalog.use``, makes models
# available by name.

import subprocess
import sys

entry = """
[models.my-model]
name = "My model"

[models.my-model.config]
model_type = "llama"
hidden_size = 1024
intermediate_size = 4096
num_hidden_layers = 8
num_attention_heads = 8
num_key_value_heads = 2
vocab_size = 32000
hidden_act = "silu"
"""
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "mine.toml"
    file.write_text(entry)
    command = "-m roofsym eval parameters --model my-model --catalog".split()
    print(subprocess.check_output([sys.executable, *command, file], text=True))

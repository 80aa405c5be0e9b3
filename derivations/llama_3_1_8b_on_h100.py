"""
Where Llama-3.1-8B on an H100 stops being bound by memory
=========================================================

The main job of the package on one model and one machine, in bf16: from the dimensions to closed
forms, crossovers with their conditions, numbers and a roofline.

``make demo`` runs this script with ``--output demo``: it then writes the derivations of all results
as Markdown, LaTeX and HTML, and the figure, into that folder.
"""

import argparse
from pathlib import Path

import roofsym as rs
from roofsym import files, hardware, summary
from roofsym.render import document
from roofsym.render.notation import notation

letters = notation("roofsym")
model = rs.model("llama-3.1-8b")
machine = rs.machine("h100-sxm", dtype="bf16")
step = rs.step(model).at(**hardware.element_bytes("bf16"))


def show(*blocks: document.Block) -> None:
    """Print blocks of a document as plain text."""
    print(document.Writer(letters).document(blocks))


# %%
# What a step costs
# -----------------
#
# FLOPs and bytes of prefill and decode, first in the model's named constants, then in its
# dimensions. Both are sums over the ledger's entries.

title = document.Heading(f"{model.name} on {machine.label}")
forms = summary.closed_forms(step, machine, model)
show(title, *forms)

# %%
# Where it changes
# ----------------
#
# Every named result, with what is asked at one sequence or a short context where nothing else is
# said.

made = summary.answers(step, machine)
table = summary.table(made)
show(document.Heading("results", 2), table)

# %%
# How the critical batch follows
# ------------------------------
#
# Each step was checked when it was made; one that did not follow would have raised an error.

batch = next(r for r in made if r.question.name == "critical-batch")
assert batch.outcome == "crosses"
batch.derivation

# %%
# Under the roof
# --------------
#
# At a context of 2048 tokens decode climbs with the batch, but stays left of the ridge point: the
# KV cache grows as fast as the work. Prefill passes it within a few hundred tokens.

beyond = rs.results.critical_batch(step.at(L=2048), machine)
assert beyond.outcome == "never"
summary.roofline(machine, step)

# %%
# The documents
# -------------

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--output", type=Path, help="folder to write documents and figure to")
# A notebook's kernel has arguments of its own: unknown ones are not for this script.
output = parser.parse_known_args()[0].output
if output is not None:
    output.mkdir(exist_ok=True)
    preface = [title, *forms, document.Heading("results", 2), table]
    for suffix, form in (("md", "markdown"), ("tex", "latex"), ("html", "html")):
        text = document.render([r.derivation for r in made], form, letters, preface=preface)
        files.write_text(output / f"llama-3.1-8b-on-h100.{suffix}", text)
    summary.save_roofline(output / "roofline.png", machine, step)
    for path in sorted(output.iterdir()):
        print(path)

"""
Where Llama-3.1-8B on an H100 stops being bound by memory
=========================================================

**Question.** What does one step of this model cost on this machine, in bf16, which of memory and
compute binds it, and at which batch, prompt length and context does that change?

``make demo`` runs this script with ``--output demo``: it then prints closed forms and results, and
writes the derivations of all results as Markdown, LaTeX and HTML, and the figure, into that folder.
"""

import argparse
import dataclasses
from pathlib import Path

import sympy

import roofsym as rs
from roofsym import files, hardware, summary
from roofsym import symbols as sy
from roofsym.derivation import Derivation
from roofsym.render import document
from roofsym.render.notation import notation

letters = notation("roofsym")
model = rs.model("llama-3.1-8b")
machine = rs.machine("h100-sxm", dtype="bf16")
step = rs.step(model).at(**hardware.element_bytes("bf16"))

# %%
# What a step costs
# -----------------
#
# FLOPs and bytes of prefill and decode, in the model's named constants. Both are sums over the
# ledger's entries; below them is what the constants are made of, and what they come to.

prefill, decode = (step.in_phase(phase) for phase in ("prefill", "decode"))
costs = {}
for led in (prefill, decode):
    name = led.phase
    cost = Derivation(f"what {name} costs", f"{model.name}, bf16, counted as {led.convention}",
                      values=led.values)  # fmt: skip
    cost.total(f"FLOPs of {name}, summed over the ledger", sy.flops, led, "flops")
    cost.total("Bytes that it reads and writes", sy.bytes_, led, "bytes")
    costs[name] = cost
costs["prefill"].view("numbers")

# %%
# A decode step has one new token per sequence, and reads the cache of those before it:

costs["decode"].view("numbers")

# %%
# Where it changes
# ----------------
#
# Every named result, with what is asked at one sequence or a short context where nothing else is
# said.


@dataclasses.dataclass(frozen=True)
class Shown:
    """Part of a document, to be shown by a notebook."""

    block: document.Block

    def _repr_html_(self) -> str:
        return document.HtmlWriter(letters).block(self.block)


made = summary.answers(step, machine)
table = summary.table(made)
Shown(table)

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
#
# With a folder, the same answers become documents that can be passed on: in Markdown, LaTeX and
# HTML, with the roofline as a figure. Otherwise nothing is written.

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--output", type=Path, help="folder to write documents and figure to")
# A notebook's kernel has arguments of its own: unknown ones are not for this script.
output = parser.parse_known_args()[0].output
if output is not None:
    output.mkdir(exist_ok=True)
    preface = [
        document.Heading(f"{model.name} on {machine.label}"),
        *summary.closed_forms(step, machine, model),
        document.Heading("results", 2),
        table,
    ]
    print(document.Writer(letters).document(preface))
    for suffix, form in (("md", "markdown"), ("tex", "latex"), ("html", "html")):
        text = document.render([r.derivation for r in made], form, letters, preface=preface)
        files.write_text(output / f"llama-3.1-8b-on-h100.{suffix}", text)
    summary.save_roofline(output / "roofline.png", machine, step)
    for path in sorted(output.iterdir()):
        print(path)
else:
    print(f"With --output FOLDER: {len(made)} derivations as Markdown, LaTeX and HTML.")

# %%
# What it means in practice
# -------------------------
#
# - Beyond 344 tokens of context no batch makes decode compute-bound, and up to there it takes
#   hundreds of sequences: 537 at 128 tokens. Bandwidth is what its speed is bought with.
# - Batch up to about where the KV cache is as much to read as the weights. Up to there, sequences
#   share most of what is read; beyond, each pays for its own.
# - A prompt of 362 tokens or more is compute-bound in prefill, and so are chunks of so many tokens;
#   far into a prompt shorter ones are, too.

edge = rs.results.compute_bound_context(step, machine)
share = rs.results.kv_overtakes_weights(step.at(B=64))
alone = rs.Roofline(decode.at(B=1, L=4096), machine)
prompt = rs.results.prefill_critical_length(prefill.at(B=1), machine)
short = rs.results.critical_batch(step.at(L=128), machine)
farther_in = [
    rs.results.compute_bound_chunk(step.at(B=1, L=context), machine).whole
    for context in (2048, 8192, 32768)
]
print(f"decode of one sequence at L = 4096: {float(1 / alone.time):.0f} tokens/s at most")
print(f"decode compute-bound at some batch: up to L = {edge.whole}")
print(f"64 sequences read as much KV cache as weights from L = {share.whole + 1} on")
print(f"decode compute-bound at L = 128: from B = {short.whole} on")
print(f"prefill compute-bound: from S = {prompt.whole} on")
print(f"chunks on top of 2048, 8192 and 32768 tokens: from S = {farther_in} on")
assert alone.bound == "memory"
assert (edge.whole, short.whole, prompt.whole) == (344, 537, 362)
assert rs.results.critical_batch(step.at(L=0), machine).whole > 300
assert 512 < share.whole < 2048
assert [prompt.whole, *farther_in] == sorted([prompt.whole, *farther_in], reverse=True)

# %%
# Where it stops holding
# ----------------------
#
# Peak and bandwidth are the data sheet's; times are lower bounds, without launches and overheads.
# What decides between memory and compute is the ridge point, and that moves with what kernels
# reach. Where they get seven tenths of the peak and nine tenths of the bandwidth:

reached = machine.at(
    peak=machine.peak * sympy.Rational(7, 10), bandwidth=machine.bandwidth * sympy.Rational(9, 10)
)
further = rs.results.compute_bound_context(step, reached)
print(f"ridge {float(reached.ridge):.0f} FLOP/B: decode compute-bound up to L = {further.whole}")
assert edge.whole < further.whole < 1024

# %%
# All sequences of a step are taken to be equally long, the weights to be in bf16 and on one device.
# Other precisions and several devices are other steps, of which the table of results has some.

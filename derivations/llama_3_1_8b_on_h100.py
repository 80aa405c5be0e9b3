"""Where Llama-3.1-8B on an H100 in bf16 stops being bound by memory.

The main job of the package, as an executable document: from a model's dimensions to closed forms,
crossovers with their conditions, numbers and a roofline. It fails if a step does not hold.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import roofsym as rs
from roofsym import files, hardware, summary
from roofsym.render import document
from roofsym.render.notation import notation


def main(output: Path) -> None:
    """Derive everything, write the documents and the figure, print the table."""
    letters = notation("roofsym")
    model = rs.model("llama-3.1-8b")
    machine = rs.machine("h100-sxm", dtype="bf16")
    step = rs.step(model).at(**hardware.element_bytes("bf16"))
    made = summary.answers(step, machine)
    title = document.Heading(f"{model.name} on {machine.label}")
    forms = summary.closed_forms(step, machine, model)
    table = summary.table(made)

    output.mkdir(exist_ok=True)
    preface = [title, *forms, document.Heading("results", 2), table]
    for suffix, form in (("md", "markdown"), ("tex", "latex"), ("html", "html")):
        text = document.render([r.derivation for r in made], form, letters, preface=preface)
        files.write_text(output / f"llama-3.1-8b-on-h100.{suffix}", text)
    summary.save_roofline(output / "roofline.png", machine, step)

    print(document.Writer(letters).document([title, *forms, document.Heading("results", 2), table]))
    for path in sorted(output.iterdir()):
        print(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder to fill")
    main(parser.parse_args().output)

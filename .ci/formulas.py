"""Writes what the package can print, for `.ci/documents` to compile, parse and open.

One document per notation, format and depth with every named result, of any model and of one with
numbers, and one of LaTeX fragments with the labels referred to, on the page for which their lines
are broken.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import roofsym as rs
from roofsym import hardware
from roofsym.closed_form import DEPTHS
from roofsym.derivation import Derivation, Formula, Label
from roofsym.quantities import QUANTITIES, Subject
from roofsym.render import document, fragments
from roofsym.render.notation import NOTATIONS, Notation
from roofsym.results import RESULTS

BF16 = hardware.element_bytes("bf16")
GIVEN = {"B": 64, "S": 128, "L": 4096}


def derivations() -> list[Derivation]:
    """Every named result, of a symbolic model and of one of the catalogue on a machine."""
    made = []
    for entry in RESULTS.values():
        own = entry.question.example or "llama-3.1-8b"
        symbolic = rs.model(own) if entry.question.example else rs.Transformer()
        made.append(entry.answer(rs.step(symbolic), rs.Machine()).derivation)
        unknown = entry.question.symbol.name
        given = {k: v for k, v in GIVEN.items() if k != unknown}
        known = rs.step(rs.model(own)).at(**BF16, **given)
        made.append(entry.answer(known, rs.machine("h100-sxm")).derivation)
    return made


def quantities(letters: Notation, depth: str) -> list[document.Block]:
    """Every quantity of a step of a symbolic model."""
    subject = Subject(rs.Transformer(), rs.step(rs.Transformer()), rs.Machine())
    formulas = []
    for q in QUANTITIES.values():
        form = q.closed_form(subject)
        formulas.append(Formula(Label(q.name, q.latex), form.at_depth(depth)))
    return [document.Heading(f"quantities in {depth}", 2), document.Math(tuple(formulas), letters)]


def pasted(made: list[Derivation], letters: Notation) -> str:
    """A document that fragments were pasted into, with references to their labels."""
    parts = []
    for i, derivation in enumerate(made):
        for environment in fragments.ENVIRONMENTS:
            for depth in DEPTHS[:2]:
                label = "" if environment == "inline" else f"eq:{environment}-{depth}-{i}"
                parts.append(derivation.fragment(environment, label, letters, depth))
                parts.append(f"See~\\eqref{{{label}}}." if label else "")
        parts.append(derivation.fragment("equation", "", letters, "numbers"))
    body = "\n\n".join(parts)
    return (
        "\\documentclass[11pt,a4paper]{article}\n\\usepackage[margin=25mm]{geometry}\n"
        "\\usepackage{amsmath}\n\\allowdisplaybreaks\n\\raggedright\n"
        f"\\begin{{document}}\n{body}\n\\end{{document}}\n"
    )


def main(output: Path) -> None:
    """Write all documents."""
    made = derivations()
    for name, letters in NOTATIONS.items():
        preface: list[document.Block] = [document.Heading(f"all results, {name}")]
        for depth in DEPTHS[:2]:
            preface += quantities(letters, depth)
        for suffix, form in (("md", "markdown"), ("tex", "latex"), ("html", "html")):
            # A page of HTML has no width to keep to: the deepest has all formulas of the others.
            for depth in DEPTHS if form != "html" else DEPTHS[-1:]:
                text = document.render(made, form, letters, depth, preface)
                (output / f"{name}-{depth}.{suffix}").write_text(text, encoding="utf-8")
        (output / f"{name}-fragments.tex").write_text(pasted(made, letters), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="folder to fill")
    main(parser.parse_args().output)

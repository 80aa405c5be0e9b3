"""Formulas and documents as text, LaTeX, Markdown and HTML."""

from __future__ import annotations

import contextlib
import itertools
import math
import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from support import CONVENTIONS, PHASES, asked_of, models

import roofsym as rs
from roofsym import cli, phases, results, summary
from roofsym import symbols as sy
from roofsym.closed_form import DEPTHS, written_out
from roofsym.derivation import Derivation, Formula, Label
from roofsym.quantities import QUANTITIES, Subject
from roofsym.render import document, fragments
from roofsym.render.document import LatexWriter, Writer
from roofsym.render.expression import render
from roofsym.render.measure import LINE, broken, nesting, width
from roofsym.render.naming import NESTED, TEXT, Names
from roofsym.render.notation import DEFAULT, NOTATIONS, Notation, notation
from roofsym.render.shape import arranged
from roofsym.results import RESULTS
from roofsym.symbols import B, L, S, a, alpha, kappa, phi, ridge, w

W = sy.window
FORMS = ("text", "latex", "mathml")
MODELS = {k: models()[k] for k in ("symbolic", "windowed", "llama-3.1-8b")}


def everything() -> dict[str, sympy.Basic]:
    """Expressions of every shape that the package prints."""
    out: dict[str, sympy.Basic] = {}
    for name, model in MODELS.items():
        for phase in PHASES:
            led = phases.ledger(model, phase)
            subject = Subject(model, led, rs.Machine())
            for q in QUANTITIES.values():
                form = q.closed_form(subject)
                for depth in DEPTHS:
                    out[f"{name} {phase} {q.name} {depth}"] = form.at_depth(depth)
    for name, entry in RESULTS.items():
        model = rs.model(asked_of(name)) if asked_of(name) else rs.Transformer()
        found = entry.answer(rs.step(model), rs.Machine())
        for i, branch in enumerate(found.general.branches):
            out[f"{name} {i}"] = branch.value
            if branch.when != sympy.true:
                out[f"{name} {i} when"] = branch.when
    # Once each: phases and depths have many in common.
    seen: set[sympy.Basic] = set()
    return {k: x for k, x in out.items() if not (x in seen or seen.add(x))}


EVERYTHING = everything()


def balanced(text: str, pairs: str = "{}()[]") -> bool:
    """Whether brackets are closed in the order in which they were opened."""
    closing = dict(zip(pairs[1::2], pairs[::2], strict=True))
    text = re.sub(r"\\[{}]", "", text)
    stack: list[str] = []
    for character in text:
        if character in closing.values():
            stack.append(character)
        elif character in closing and (not stack or stack.pop() != closing[character]):
            return False
    return not stack


def raw_names(latex: str) -> list[str]:
    """Python names with an underscore that are left in LaTeX."""
    bare = re.sub(r"\\(mathtt|mathrm|text)\{(?:[^{}]|\\[{}])*\}", "", latex)
    return re.findall(r"\b[a-zA-Z]{2,}_[a-zA-Z]\w*", bare)


# --- formulas -------------------------------------------------------------------------------------


@pytest.mark.parametrize("letters", NOTATIONS)
def test_latex_is_well_formed(letters: str):
    for name, expr in EVERYTHING.items():
        latex = render(expr, "latex", notation(letters))
        assert balanced(latex), (name, latex)
        assert latex.count(r"\left") == latex.count(r"\right"), (name, latex)
        assert not raw_names(latex), (name, latex)
        assert "None" not in latex
        assert "Symbol" not in latex
        assert latex.isascii(), (name, latex)
        # A superscript on a superscript is an error in TeX.
        assert not re.search(r"\^\{[^{}]*\}\^", latex), (name, latex)
        assert not re.search(r"_\{[^{}]*\}_", latex), (name, latex)


@pytest.mark.parametrize("letters", NOTATIONS)
def test_mathml_is_xml(letters: str):
    for name, expr in EVERYTHING.items():
        mathml = render(expr, "mathml", notation(letters))
        root = ET.fromstring(f"<math>{mathml}</math>")
        tags = {e.tag for e in root.iter()}
        assert tags <= {
            "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "msup", "msub", "msubsup",
            "mfrac", "msqrt",
        }, name  # fmt: skip
        for element in root.iter():
            if element.tag == "msubsup":
                assert len(element) == 3, name
            if element.tag in ("msup", "msub", "mfrac"):
                assert len(element) == 2, (name, element.tag)
            if element.tag in ("mrow", "math", "msup", "mfrac"):
                # Every letter stands in an element of its own.
                assert not (element.text or "").strip(), (name, element.text)
            assert not (element.tail or "").strip(), (name, element.tail)


@pytest.mark.parametrize("letters", NOTATIONS)
def test_text_is_readable(letters: str):
    for name, expr in EVERYTHING.items():
        text = render(expr, "text", notation(letters))
        assert balanced(text), (name, text)
        assert "**" not in text, name
        assert not re.search(r"\*[A-Za-z0-9(]", text), (name, text)
        assert "None" not in text
        assert "\n" not in text


def evaluate(text: str, values: dict[sympy.Symbol, sympy.Rational | int]) -> float:
    """Value of a formula in plain text, in which juxtaposition is a product.

    Everything to the right of a slash up to the next sum is one factor or in parentheses.
    """
    supers = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
    code = re.sub(r"([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "**" + m[1].translate(supers), text)
    names = sorted(((sy.info(s).text, v) for s, v in values.items()), key=lambda x: -len(x[0]))
    for i, (name, _) in enumerate(names):
        code = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", f"@{i}@", code)
    code = re.sub(r"@(\d+)@", lambda m: f"({float(names[int(m[1])][1])})", code)
    code = code.replace("−", "-").replace("√(", "SQRT(").replace("^", "**")
    code = re.sub(r"(?<=[\d)]) (?=[\d(a-zA-Z])", " * ", code)
    scope = {"SQRT": lambda x: x**0.5, "ln": math.log, "max": max, "min": min, "__builtins__": {}}
    return float(eval(code, scope))


@pytest.mark.parametrize("name", [n for n in EVERYTHING if n.endswith(("constants", " 0", " 1"))])
def test_text_says_what_the_expression_says(name: str):
    # Read the printed formula back and compare: parentheses that are missing would show.
    expr = EVERYTHING[name]
    primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61]
    symbols = sorted(expr.free_symbols, key=sy.rank)
    # A root is real where its discriminant is positive: small values or large ones, or a mixture.
    candidates = (primes, [100 - p for p in primes], primes[::-1], [1000 // p for p in primes])
    for numbers in candidates:
        values = dict(zip(symbols, numbers, strict=False))
        values |= {s: sympy.Rational(1, 2) for s in {sy.fraction} & set(symbols)}
        expected = sympy.N(expr.xreplace({s: sympy.sympify(v) for s, v in values.items()}))
        if expected.is_real:
            break
    assert expected.is_real
    assert evaluate(render(expr), values) == pytest.approx(float(expected))


@pytest.mark.parametrize(
    ("expr", "text", "latex"),
    [
        (w + B * (kappa * L + a), "w + B (κ L + a)", r"w + B \, (\kappa \, L + a)"),
        (w / (B * kappa), "w / (B κ)", r"\frac{w}{B \, \kappa}"),
        (B * S**2 / 2, "B S² / 2", r"\frac{B \, S^{2}}{2}"),
        (phi - ridge * a, "φ − I* a", r"\varphi - I^{*} \, a"),
        (-phi, "−φ", r"-\varphi"),
        (ridge**2, "I*²", r"{I^{*}}^{2}"),
        (sympy.sqrt(w), "√(w)", r"\sqrt{w}"),
        (sympy.Rational(1, 3), "1 / 3", r"\frac{1}{3}"),
        (sympy.Integer(-5), "−5", "-5"),
        (sympy.Max(w, a), "max(w, a)", r"\max\left( w, a \right)"),
        (1 / w, "1 / w", r"\frac{1}{w}"),
        ((2 + B) / (24590 + 7 * B), "(B + 2) / (7 B + 24590)", r"\frac{B + 2}{7 \, B + 24590}"),
        (w * sympy.exp(9), "w e⁹", r"w \, \mathrm{e}^{9}"),
        (3 * w / (2 * 10**13), "3 w / (2 × 10¹³)", r"\frac{3 \, w}{2 \times 10^{13}}"),
        (2 * L * (w + a), "2 L (w + a)", r"2 \, L \, (w + a)"),
        ((w + a) ** 2, "(w + a)²", r"(w + a)^{2}"),
        (sympy.oo, "∞", r"\infty"),
    ],
    ids=str,
)
def test_shapes(expr: sympy.Expr, text: str, latex: str):
    assert render(expr) == text
    assert render(expr, "latex") == latex


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (sympy.Lt(L, w / kappa), "L < w / κ"),
        (sympy.Gt(phi - ridge * a, 0), "φ − I* a > 0"),
        (sympy.And(sympy.Gt(w, a), sympy.Gt(a, 1)), "and"),
        (sympy.Or(sympy.Gt(w, a), sympy.Gt(a, 1)), "or"),
        (sympy.true, "always"),
        (sympy.false, "never"),
    ],
    ids=str,
)
def test_conditions(condition: sympy.Basic, text: str):
    assert text in render(condition)
    for form in FORMS:
        assert render(condition, form)


def test_the_order_does_not_depend_on_how_it_was_made():
    terms = [w, B * kappa * L, B * a, -ridge * phi, alpha * L * S]
    for form in FORMS:
        printed = {
            render(sympy.Add(*(terms[(i * k) % 5] for i in range(5))), form) for k in (1, 2, 3, 4)
        }
        assert len(printed) == 1


def test_the_order_is_the_same_in_another_process():
    # Sets and hashes must not decide: print under two hash seeds.
    import os
    import subprocess
    import sys

    from support import ROOT

    code = (
        "import roofsym as rs\n"
        "x = rs.results.prefill_critical_length(rs.step(rs.Transformer()), rs.Machine())\n"
        "print(x.derivation.text()); print(x.derivation.latex())"
    )
    printed = set()
    for seed in ("1", "2"):
        environment = {
            **os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True,
            encoding="utf-8", check=True, timeout=60,
        )  # fmt: skip
        printed.add(done.stdout)
    assert len(printed) == 1


def test_strangers_are_refused():
    for form in FORMS:
        with pytest.raises(rs.InputError):
            render(sympy.Symbol("x") + 1, form)
        with pytest.raises(rs.InputError):
            render(sympy.sin(w), form)


# --- notations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NOTATIONS)
def test_no_two_symbols_of_one_equation_share_a_letter(name: str):
    letters = notation(name)
    # Targets and a lone layer's sizes meet few others; documents look at the symbols they have.
    rare = ("internal", "target", "layer")
    shown = [i.symbol for i in sy.TABLE.values() if i.role not in rare]
    for write in (letters.text, letters.latex):
        written = [write(s) for s in shown]
        twice = {x for x in written if written.count(x) > 1}
        assert not twice


LETTERS_ONLY = [n.name for n in NOTATIONS.values() if n.letters and not n.substitutions]


@pytest.mark.parametrize("name", LETTERS_ONLY)
def test_a_notation_changes_letters_and_nothing_else(name: str):
    expr = EVERYTHING["symbolic step flops dimensions"]
    ours, theirs = render(expr, "text"), render(expr, "text", notation(name))
    assert ours != theirs
    own = {notation(name).text(s): sy.info(s).text for s in expr.free_symbols}
    longest_first = "|".join(re.escape(x) for x in sorted(own, key=len, reverse=True))
    word = rf"(?<!\w)({longest_first})(?![a-zA-Z0-9_])"
    back = re.sub(word, lambda m: own[m[1]], theirs)
    assert back == ours


def test_an_unknown_notation_is_refused():
    with pytest.raises(rs.InputError, match="notation"):
        notation("mine")


# --- documents ------------------------------------------------------------------------------------


def derivations(convention: str = "fused-ops") -> list[rs.Derivation]:
    led, hw = rs.step(rs.model("llama-3.1-8b"), convention), rs.machine("h100-sxm")
    out = []
    for entry in RESULTS.values():
        for ledger, machine in (
            (rs.step(rs.Transformer(), convention), rs.Machine()),
            (led.at(b_w=2, b_a=2, b_kv=2, c_act=14), hw),
        ):
            try:
                out.append(entry.answer(ledger, machine).derivation)
            except rs.InputError:
                continue
    return out


ALL = derivations()


# At the first depth in all notations; at the others in our own letters and in the longest ones.
WRITTEN = [
    (letters, depth) for letters in NOTATIONS for depth in DEPTHS
    if depth == "constants" or letters in ("roofsym", "hugging-face")
]  # fmt: skip


@pytest.mark.parametrize(("letters", "depth"), WRITTEN)
def test_latex_documents(letters: str, depth: str):
    for d in ALL:
        text = d.latex(letters, depth)
        assert text.count(r"\begin{document}") == 1
        assert text.count(r"\end{document}") == 1
        assert text.startswith(r"\documentclass")
        begun = re.findall(r"\\begin\{(.*?)\}", text)
        ended = re.findall(r"\\end\{(.*?)\}", text)
        assert sorted(begun) == sorted(ended)
        assert balanced(text, "{}")
        body = text.split(r"\begin{document}")[1]
        assert len(re.findall(r"(?<!\\)\$", body)) % 2 == 0
        assert body.isascii() or r"\usepackage" in text
        assert "None" not in text
        # Outside of mathematics nothing has a bare underscore or percent sign.
        # Set smaller, a formula stands in a formula.
        prose = re.sub(r"\\text\{\\scriptsize\$.*?\$\}", "", body, flags=re.DOTALL)
        prose = re.sub(r"(?<!\\)\$.*?(?<!\\)\$", "", prose, flags=re.DOTALL)
        prose = re.sub(r"\\begin\{equation\*\}.*?\\end\{equation\*\}", "", prose, flags=re.DOTALL)
        assert not re.search(r"(?<!\\)[_^%#]", prose), prose


@pytest.mark.parametrize("depth", DEPTHS)
def test_html_documents_have_sound_mathml(depth: str):
    for d in ALL:
        page = d.html(depth=depth)
        assert page.count("<html") == page.count("</html>") == 1
        found = re.findall(r"<math\b.*?</math>", page, flags=re.DOTALL)
        assert found
        for mathml in found:
            ET.fromstring(mathml)
        body = page[page.index("<body>") : page.index("</body>") + 7]
        ET.fromstring(body)
        assert "None" not in body


@pytest.mark.parametrize(("letters", "depth"), WRITTEN)
def test_markdown_documents(letters: str, depth: str):
    for d in ALL:
        text = d.markdown(letters, depth)
        assert text.startswith("# ")
        assert "None" not in text
        lines = text.splitlines()
        assert sum(x.strip() == "```math" for x in lines) * 2 == text.count("```") > 0
        fences = re.findall(r"^( *)```math\n(.*?)^( *)```$", text, flags=re.DOTALL | re.MULTILINE)
        inline = re.findall(r"\$`(.*?)`\$", text)
        for indent, formula, outdent in fences:
            # A block of a list's item stands as deep as the item's text.
            assert indent == outdent
            assert len(indent) in (0, 3, 4)
            assert all(line.startswith(indent) for line in formula.splitlines())
        for formula in [*inline, *(f for _, f, _ in fences)]:
            assert balanced(formula)
            assert not raw_names(formula)
        # No dollar sign but around a formula, and no formula that Markdown would read first.
        rest = re.sub(r"\$`.*?`\$", "", text)
        assert not re.search(r"(?<!\\)\$", rest)
        # A cell of a table ends at a bar: none may stand inside.
        bars = {line.count("|") for line in lines if line.startswith("|")}
        assert bars == ({5} if " | value |" in text else {4})


@pytest.mark.parametrize("depth", DEPTHS)
def test_text_documents(depth: str):
    for d in ALL:
        text = d.text(depth=depth)
        assert d.title in text
        shown = [step for step in d.steps if depth == "numbers" or step.kind != "number"]
        assert all(step.text in text for step in shown)
        assert len(shown) == len(re.findall(r"^ ?\d+\. ", text, flags=re.MULTILINE))
        assert "None" not in text
        assert r"\frac" not in text


def test_depth_decides_how_much_is_explained():
    led, hw = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2), rs.machine("h100-sxm")
    d = results.critical_batch(led, hw).derivation
    constants, dimensions, numbers = (d.text(depth=x) for x in DEPTHS)
    assert "n_layers" not in constants
    assert "B* = I* w / (φ + α L − I* (κ L + a))\n         = I* d_model b_w (" in dimensions
    assert "GB" in numbers
    assert len(constants) < min(len(dimensions), len(numbers))


def test_what_a_step_says_in_dimensions_is_what_it_says_in_constants():
    # Lines of the printed page put together again, against the definitions put in.
    d = results.critical_batch(rs.decode(rs.Transformer()), rs.Machine()).derivation
    page = d.text(depth="dimensions")
    joined = re.sub(r"\n {7,}(?=[+−=/])", " ", page)
    said = [step.formulas[0] for step in d.steps if step.kind in ("sum", "limit", "solution")]
    assert len(said) == 4
    for formula in said:
        in_dimensions = render(written_out(formula.right, d.definitions), "text")
        assert f"{render(formula.right, 'text')} = {in_dimensions}\n" in joined
    assert max(map(len, page.partition("where\n  I*")[0].splitlines())) <= 6 + TEXT


@pytest.mark.parametrize("argument", [{"depth": "deep"}, {"notation": "mine"}])
def test_documents_refuse_what_there_is_not(argument: dict[str, str]):
    with pytest.raises(rs.InputError):
        ALL[0].text(**argument)
    with pytest.raises(rs.InputError):
        document.render(ALL, "pdf")


def test_a_notebook_gets_display_latex():
    for d in ALL:
        text = d._repr_latex_()
        assert text.startswith("$")
        assert text.endswith("$")
        assert balanced(text)


@pytest.mark.parametrize("convention", [c for c in CONVENTIONS if c in ("fused-ops", "framework")])
@pytest.mark.parametrize("form", ["latex", "html", "markdown", "text"])
def test_reports(form: str, convention: str):
    led = rs.step(rs.model("llama-3.1-8b"), convention).at(b_w=2, b_a=2, b_kv=2)
    text = summary.report(led, rs.machine("h100-sxm"), form, notation("roofsym"))
    assert "Llama-3.1-8B" in text
    assert convention in text
    for name, entry in RESULTS.items():
        if asked_of(name):
            continue  # of another kind of model
        assert entry.question.title.split()[0].lower() in text.lower()
    if form == "latex":
        assert text.count(r"\begin{document}") == text.count(r"\end{document}") == 1
        assert balanced(text, "{}")
    if form == "html":
        ET.fromstring(text[text.index("<body>") : text.index("</body>") + 7])


def test_names_from_outside_do_not_break_documents():
    name = r"<b>50% of $x_1 & {y}\ #1 ~^|"
    led = rs.step(rs.Transformer(name=name)).at(b_w=2)
    d = results.critical_batch(led, rs.Machine(name="<i>")).derivation
    page = d.html()
    ET.fromstring(page[page.index("<body>") : page.index("</body>") + 7])
    assert "<b>50%" not in page
    body = d.latex().split(r"\begin{document}")[1]
    line = next(x for x in body.splitlines() if "50" in x)
    assert not re.search(r"(?<!\\)[%&#]", line)
    assert balanced(line, "{}")


# --- shape and order ------------------------------------------------------------------------------


DIMENSIONS = [x for k, x in EVERYTHING.items() if k.endswith("dimensions")]


@pytest.mark.parametrize("expr", DIMENSIONS, ids=range(len(DIMENSIONS)))
def test_an_arranged_expression_is_equal_and_not_longer(expr: sympy.Expr):
    made = arranged(expr)
    point = {s: sympy.Integer(3 + 2 * i) for i, s in enumerate(sorted(expr.free_symbols, key=str))}
    assert made.xreplace(point) == expr.xreplace(point)
    # A little more only where max(L − W, 0) is not taken apart.
    assert made.count_ops() <= 1.1 * expr.count_ops()


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (alpha * S**2 + alpha * S, "α S (S + 1)"),
        (alpha * S**2 / 2 + alpha * S * L + alpha * S / 2, "α S (S + 2 L + 1) / 2"),
        (phi * S + alpha * S**2 / 2, "S (φ + α S / 2)"),
        (kappa * (L + 1) + a * (L + 1), "(L + 1) (κ + a)"),
        (w + B * kappa * L + B * a, "w + B (κ L + a)"),
        (alpha * (2 * phi - 2 * ridge * w / B), "2 α (φ − I* w / B)"),
        (w / (2 * phi - 2 * ridge * a), "w / (2 (φ − I* a))"),
        (phi - 2 * alpha * (S + L), "φ − 2 α (S + L)"),
        (w - B * kappa * L - B * a, "w − B (κ L + a)"),
        # Of large numbers only one that leaves small ones, of none a divisor nobody would see.
        (131072 * L + 6302208, "131072 L + 6302208"),
        (39560 * sy.n_layers + 19780, "19780 (2 n_layers + 1)"),
        (10**9 * L + 10**9 * a - 4 * 10**9 * w, "10⁹ (a + L − 4 w)"),
        # A term for the tokens there were stands with that of the new one.
        (w * L + w + a, "w (L + 1) + a"),
        # A sum of constants stands where these do: the context before what does not grow with it.
        (B * (sy.L * (kappa + sy.kappa_w) + a) + w, "w + B (L (κ + κ_w) + a)"),
        (sy.L * (alpha + sy.alpha_w) + phi, "φ + L (α + α_w)"),
        (w + sy.w_x * (1 - sy.rho**B) + a, "w + w_x (1 − ρ^B) + a"),
        # What is a whole sum less another is one sum.
        (7 * (w + a) * B - 7 * (w + phi) * B, "7 B (a − φ)"),
        (-2 * (w + a), "−2 (w + a)"),
        # Powers of one base are one.
        (-sy.acceptance * sy.acceptance**sy.gamma * (1 - sy.acceptance), "−p^(γ + 1) (1 − p)"),
        (1 - sy.acceptance * sy.acceptance**sy.gamma, "1 − p^(γ + 1)"),
        # No fraction is left inside of a quotient, and what both sides of its bar share cancels.
        ((sy.head_dim + sympy.Rational(5, 4)) / 2, "(4 head_dim + 5) / 8"),
        (S * (sy.head_dim + sympy.Rational(5, 4)) / (2 * sy.head_dim),
         "S (4 head_dim + 5) / (8 head_dim)"),
        ((3 * sy.d_model + B * S / 2) / (3 * sy.d_model + B * S),
         "(6 d_model + B S) / (2 (3 d_model + B S))"),
        (2 * (L + 24578) / (2 * L + 24594), "(L + 24578) / (L + 12297)"),
        ((12288 * sy.d_model + 4196352) / (sy.b_w * (12 * sy.d_model + 2099200)),
         "1536 (2 d_model + 683) / (b_w (3 d_model + 524800))"),
        # But numbers that were computed are no fractions of a few.
        (sy.throughput * sympy.Rational(100003, 1009) / (S + sympy.Rational(100003, 1009)),
         "100003 R_tok / (1009 (S + 100003 / 1009))"),
        # The layers stand before what they have in common, not before what grows.
        (sy.n_layers * sy.b_a * sy.d_ff + 2 * sy.n_layers * sy.n_heads * sy.b_kv
         + sy.d_model * sy.b_w, "n_layers (d_ff b_a + 2 n_heads b_kv) + d_model b_w"),
        # Nothing is multiplied out, and quotients are not put over quotients.
        (phi + alpha * (L + 1), "φ + α (L + 1)"),
        (w / (2 * B) + a / (2 * L), "w / (2 B) + a / (2 L)"),
        ((2 * w + 2 * a) ** 2, "(2 w + 2 a)²"),
        (4 * S * sy.d_model * (2 * sy.d_model + sy.d_ff) + 4 * S**2 * sy.d_model,
         "4 S d_model (2 d_model + d_ff + S)"),
        # A constant stands once before the tokens that it is multiplied by.
        (phi + alpha * S + alpha * L, "φ + α (S + L)"),
        (phi + alpha * S**2 + alpha * S, "φ + α S (S + 1)"),
        (phi * S + alpha * S**2 / 2 + alpha * S * L + w, "φ S + α S (S / 2 + L) + w"),
        # So does the KV head of layers with a window and of others.
        (sy.n_kv_heads * sy.b_kv * (L * sy.n_global + sy.n_local * sympy.Min(L, W)) + sy.d_model,
         "n_kv_heads b_kv (L n_global + n_local min(L, W)) + d_model"),
        # And so does a number that was computed.
        (384 * L + 384 * S + 7, "384 (S + L) + 7"),
        # But not the 2 of a quadratic's: it is to be seen again under the root.
        (2 * phi + 2 * sy.eta - 2 * ridge * w + alpha * S, "2 φ + α S + 2 η − 2 I* w"),
        (2 * phi - alpha - 2 * sy.eta, "2 φ − α − 2 η"),
        # A sum that is negative changes sign, and one that is subtracted and mostly negative.
        (phi**2 - 4 * alpha * (sy.alpha_w * W * (1 - W) - 2 * sy.eta),
         "φ² + 4 α (α_w W (W − 1) + 2 η)"),
        (phi - alpha * (w - a - sy.eta), "φ + α (η + a − w)"),
        (phi - alpha * (w + a - sy.eta), "φ − α (w + a − η)"),
        # A polynomial in tokens is the product that it is; halves stand before the sum.
        (alpha * (L**2 - 2 * L * W + W**2 + L - W) + phi, "φ + α (L − W) (L + 1 − W)"),
        (S * (S / 2 + L + sympy.Rational(1, 2)), "S (S + 2 L + 1) / 2"),
        (sympy.Max(L - W, 0) ** 2 + sympy.Max(L - W, 0) + S,
         "max(L − W, 0) (max(L − W, 0) + 1) + S"),
        # More by a share.
        (2 * sy.w * (sy.error + 1) - phi, "2 w (1 + e) − φ"),
    ],
    ids=str,
)  # fmt: skip
def test_what_all_terms_share_stands_before_the_sum(expr: sympy.Expr, text: str):
    assert render(expr) == text


def test_no_sum_is_left_whose_terms_share_a_symbol():
    for name, expr in EVERYTHING.items():
        if isinstance(expr, sympy.logic.boolalg.Boolean):
            continue
        made = arranged(expr)
        powers = {x.base for x in made.atoms(sympy.Pow) if x.exp != -1}
        for total in made.atoms(sympy.Add) - powers:
            parts = [set(sympy.Mul.make_args(x)) for x in total.args]
            assert not any(x.is_Symbol for x in set.intersection(*parts)), (name, total)


def test_arranged_roots_have_one_fraction_bar_and_the_same_value():
    led = rs.step(rs.Transformer())
    lengths = results.attention_overtakes_linear(led).general.branches
    critical = results.prefill_critical_length(led, rs.Machine()).general.branches
    for branch in (*lengths, *critical):
        made = arranged(branch.value)
        symbols = sorted(made.free_symbols, key=str)
        point = {s: sympy.Integer(5 + 3 * i) for i, s in enumerate(symbols)}
        difference = sympy.N((made - branch.value).xreplace(point), 30)
        assert abs(difference) < 1e-20
    assert render(lengths[0].value) == "(2 φ − α + √((2 φ − α)² + 8 α η)) / (2 α)"


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        # A denominator that is negative for all values of its symbols changes sign, and with it
        # what stands above it: the next sum, or the number.
        ((B * a - w) / (-L - 1), "(w − B a) / (L + 1)"),
        (-a / (-L - 1), "a / (L + 1)"),
        ((B * a - w) / (sympy.Rational(31, 32) ** B * S - S), "(w − B a) / (S (1 − (31 / 32)^B))"),
        ((1 - w) * (w - 1) / (-L - 1), "(w − 1)² / (L + 1)"),
        (a / (-L - 1), "−a / (L + 1)"),
        # Where both signs are possible, none is changed.
        ((B * a - w) / (L - S), "(B a − w) / (L − S)"),
        # The sum before a root is as it is in its square, unless all of it is subtracted.
        ((B - L + sympy.sqrt((L - B) ** 2 + a)) / w, "(B − L + √((B − L)² + a)) / w"),
        ((-B - L + sympy.sqrt((L + B) ** 2 + a)) / w, "(√((L + B)² + a) − L − B) / w"),
    ],
    ids=str,
)  # fmt: skip
def test_signs_that_can_be_changed_together_are(expr: sympy.Expr, text: str):
    assert render(expr) == text
    point = {s: sympy.Integer(3 + 2 * i) for i, s in enumerate(sorted(expr.free_symbols, key=str))}
    assert sympy.N((arranged(expr) - expr).xreplace(point), 30, chop=True) == 0


@pytest.mark.parametrize("model", ["gemma-3-27b", "gemma-2-9b"])
def test_no_solution_begins_with_a_minus(model: str):
    # With windows the two roots of a prompt's critical length share a sum, whose letter has a sign.
    led = rs.step(rs.model(model))
    for ask in (results.prefill_critical_length, results.piggybacked_chunk):
        d = ask(led, rs.Machine()).derivation
        short = document.names(d, DEFAULT).shortened
        solutions = [f for s in d.steps if s.kind == "solution" for f in s.formulas if f.left]
        assert solutions
        for formula in [x for f in solutions for x in short(f)]:
            assert not render(formula.right).startswith(("−", "(−")), formula


@pytest.mark.parametrize(
    ("ask", "first"),
    [
        # A token of an 8B model has 15 GFLOP and 6 MB, and 1 to 2 times as many FLOPs as bytes per
        # token of context; a ridge point is some 300 FLOP/B. So φ > I* a, and I* κ > α.
        (results.compute_bound_context, "(φ > I* a and I* κ > α) or "),
        (
            results.critical_batch_fit_context,
            "C > w_m and ((φ (C − w_m) > I* (w κ_m + a (C − w_m)) and ",
        ),
        # A prompt of one token is bound by its weights: 300 FLOP/B times 15 GB against 1 GFLOP.
        (results.prefill_critical_length, "I* (w + B ε) > B η or "),
    ],
)
def test_the_usual_case_comes_first(ask: Callable[..., results.Result], first: str):
    steps = ask(rs.step(rs.Transformer()), rs.Machine()).derivation.steps
    said = ["".join(Writer(DEFAULT).sides(f)) for s in steps for f in s.formulas if f.left is None]
    assert said[-1].startswith(first)


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "html"])
@pytest.mark.parametrize(
    "name", ["compute-bound-chunk", "piggybacked-chunk", "critical-batch-fit-context",
             "break-even-batch", "prefill-critical-length"],
)  # fmt: skip
def test_alternatives_keep_their_parentheses_over_several_lines(name: str, form: str):
    d = RESULTS[name].answer(rs.step(rs.Transformer()), rs.Machine()).derivation
    for letters in ("roofsym", "deep-ml"):
        own = document.settled(d, letters)
        writer = document.WRITERS[form](own)
        shorten = document.names(d, own).shortened
        for formula in (x for step in d.steps for f in step.formulas for x in shorten(f)):
            said = re.sub(r"<mtext>&#160;|&#160;</mtext>|<[^>]*>", " ", writer.formula(formula))
            said = re.sub(r"\\;|[{}]", " ", said)
            while re.search(r"\([^()]*\)", said):
                said = re.sub(r"\([^()]*\)", "", said)
            assert not (" or " in said and " and " in said), said


def test_lines_of_an_alternative_are_in_one_pair_of_parentheses():
    d = results.compute_bound_chunk(rs.step(rs.Transformer()), rs.Machine()).derivation
    said = d.text("deep-ml")
    assert "\n       or (B (φ + α L − ridge_point a)² > " in said
    assert "\n       and ridge_point a > φ + α L)" in said


def test_where_nearly_as_much_is_subtracted_more_digits_are_printed():
    """With four digits, the line for a prompt of 361 tokens gave 364.7."""
    step = rs.prefill(rs.model("llama-3.1-8b")).at(B=1, b_w=2, b_a=2, b_kv=2)
    found = results.prefill_critical_length(step, rs.machine("h100-sxm"))
    (formula,) = next(s for s in found.derivation.steps if s.kind == "number").formulas
    _, _, values, _ = Writer(DEFAULT).sides(formula)
    assert in_numbers(values.removeprefix(" = ")) == pytest.approx(float(found.value), rel=1e-3)


def test_what_is_asked_for_has_a_row_where_its_own_letter_stands():
    step, machine = rs.step(rs.Transformer()), rs.Machine()
    assert (
        "\n  T           s           time of the step\n"
        in results.time_per_token(step, machine).derivation.text()
    )
    # B* is no letter of a symbol, and has a row with what was asked.
    table = results.critical_batch(step, machine).derivation.text().split("where")[-1]
    assert "\n  B*          1           critical batch of decode\n" in table


def test_what_an_author_would_write():
    model = rs.Transformer()
    subject = Subject(model, rs.decode(model), rs.Machine())
    form = QUANTITIES["flops"].closed_form(subject)
    assert render(form.definitions[phi]) == (
        "2 (n_layers (2 head_dim d_model (n_heads + n_kv_heads) + 3 d_model d_ff "
        "+ 2 n_heads head_dim) + d_model vocab_size)"
    )
    assert render(QUANTITIES["parameters"].closed_form(subject).expr) == (
        "d_model (n_layers (2 head_dim (n_heads + n_kv_heads) + 3 d_ff + 2) + 2 vocab_size + 1)"
    )
    gap = rs.step(model, "framework").bytes
    assert "(1 −" not in render(gap)


def in_named_constants(derivation: rs.Derivation) -> bool:
    """Whether it is: two results speak of dimensions themselves."""
    used = set().union(*(f.right.free_symbols for s in derivation.steps for f in s.formulas))
    return not any(sy.info(s).role == "dimension" for s in used - {sy.window})


def lines_too_long(derivation: rs.Derivation) -> Iterator[str]:
    """What would not fit on a line of text or of a page, as documents in constants print it."""
    text, latex = Writer(DEFAULT), LatexWriter(DEFAULT)
    for block in document.blocks(derivation, "constants"):
        for f in block.formulas if isinstance(block, document.Math) else ():
            written = text.math(document.Math((f,))).splitlines()
            yield from (x.strip() for x in written if len(x.removeprefix("      ")) > TEXT)
            left, *parts = latex.sides(f)
            yield from (x for x in parts if width(left + x) > LINE)


@pytest.mark.parametrize(
    ("model", "convention"),
    [
        *((None, convention) for convention in CONVENTIONS),
        *((m, "fused-ops") for m in ("mixtral-8x7b", "gpt-oss-20b")),
        *((m, "fused-ops") for m in ("llama-4-scout", "deepseek-v3")),
    ],
)
def test_results_in_named_constants_are_short_and_flat(model: str | None, convention: str):
    asked = rs.Transformer() if model is None else rs.model(model)
    for name, entry in RESULTS.items():
        own = rs.model(asked_of(name)) if model is None and asked_of(name) else asked
        try:
            found = entry.answer(rs.step(own, convention), rs.Machine()).derivation
        except rs.InputError:
            continue
        if in_named_constants(found):
            assert not list(lines_too_long(found)), name
        # A fraction stands in another, but none in both.
        for line in found.fragment("align").split("\\\\\n"):
            assert nesting(line) <= NESTED == 2, (name, line)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_totals_in_named_constants_fit_on_one_line(convention: str):
    model = rs.Transformer()
    for phase in ("step", "prefill", "decode", "chunk"):
        subject = Subject(model, phases.ledger(model, phase, convention), rs.Machine())
        for q in QUANTITIES.values():
            try:
                expr = q.closed_form(subject).expr
            except rs.InputError:
                continue
            assert len(render(expr)) <= 105, (q.name, phase, render(expr))
            assert width(render(expr, "latex")) < LINE, (q.name, phase)


def shuffled(expr: sympy.Basic, source: random.Random) -> sympy.Basic:
    """The expression with the arguments of its sums and products in another order.

    Inside a Min or Max they stay, so that two of the same stay the same.
    """
    if not expr.args or isinstance(expr, sympy.Min | sympy.Max):
        return expr
    arguments = [shuffled(x, source) for x in expr.args]
    if isinstance(expr, sympy.Add | sympy.Mul):
        source.shuffle(arguments)
        # SymPy keeps the number of a product in front of it.
        arguments.sort(key=lambda x: not x.is_Number)
        return expr.func(*arguments, evaluate=False)
    return expr.func(*arguments)


@given(st.integers(0, 10**6), st.sampled_from(sorted(EVERYTHING)))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_text_does_not_depend_on_the_order_of_arguments(seed: int, name: str):
    expr = EVERYTHING[name]
    if isinstance(expr, sympy.logic.boolalg.Boolean):
        return
    assert render(shuffled(expr, random.Random(seed))) == render(expr)


def test_terms_of_the_same_symbols_have_one_order():
    terms = [sympy.Min(w, a), sympy.Max(w, a), (w + a) * sympy.Rational(1, 3), w * a / phi]
    printed = {render(sympy.Add(*order, evaluate=False)) for order in itertools.permutations(terms)}
    assert len(printed) == 1


@pytest.mark.parametrize(
    ("form", "number", "printed"),
    [
        ("text", "15010000000.5", "1.501e10"),
        ("latex", "15010000000.5", r"1.501 \times 10^{10}"),
        ("mathml", "15010000000.5",
         "<mrow><mn>1.501</mn><mo>×</mo><msup><mn>10</mn><mn>10</mn></msup></mrow>"),
        ("mathml", "0.0000000012345",
         "<mrow><mn>1.235</mn><mo>×</mo><msup><mn>10</mn><mn>−9</mn></msup></mrow>"),
        ("mathml", "12.5", "<mn>12.5</mn>"),
    ],
)  # fmt: skip
def test_powers_of_ten_are_written_as_such(form: str, number: str, printed: str):
    assert render(sympy.Rational(number), form, digits=4) == printed


def test_a_fragment_taller_than_a_page_can_break():
    # An A4 page has some thirty lines of displayed formulas, and an equation does not break.
    model = rs.model("deepseek-v3")
    form = QUANTITIES["intensity"].closed_form(Subject(model, rs.step(model), rs.Machine()))
    names = notation("hugging-face").of(model.config_keys)
    tall = fragments.equation(
        sy.intensity, form.at_depth("dimensions"), label="eq:i", letters=names
    )
    assert tall.count("\\\\\n") > 30
    assert tall.startswith("\\begingroup\\allowdisplaybreaks\n\\begin{align}\n")
    assert tall.count(r"\label{eq:i}") == 1
    assert "aligned" not in tall
    short = fragments.equation(sy.intensity, form.expr, label="eq:i", letters=names)
    assert short.startswith("\\begin{equation}")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("critical batch of decode", "# Critical batch of decode"),
        ("gpt-oss-20b on H100 SXM", "# gpt-oss-20b on H100 SXM"),
        ("transformer on machine", "# Transformer on machine"),
    ],
)
def test_a_title_begins_with_a_capital_unless_it_begins_with_a_name(text: str, title: str):
    heading = document.Heading(text)
    shown = document.MarkdownWriter(DEFAULT).heading(heading).strip()
    assert shown.replace("\\", "") == title
    assert title[2:] in document.HtmlWriter(DEFAULT).heading(heading)


def test_no_page_has_numbers_as_programs_write_them(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["show", "bytes", "--model", "llama-3.1-8b", "--format", "html"]) == 0
    page = capsys.readouterr().out
    assert "<mn>1.501</mn><mo>×</mo>" in page
    assert not re.search(r"<mn>[^<]*e[^<]*</mn>", page)


def test_latex_tables_of_symbols_have_an_equals_sign():
    # As plain text has it: "ridge point of the machine, peak/bandwidth = 295.2 FLOP/B".
    found = results.critical_batch(rs.decode(rs.model("llama-3.1-8b")), rs.machine("h100-sxm"))
    rows = [x for x in found.derivation.latex().splitlines() if x.endswith(r"\\[2pt]")]
    told = [x for x in rows if r"\hfill" in x or r"\newline" in x]
    assert len(told) > 5
    assert all(re.search(r"(\\hfill|\\newline) \$=", x) for x in told)


# --- letters for long sums ------------------------------------------------------------------------


def critical_batch_of_a_mixture() -> rs.Derivation:
    return results.critical_batch(rs.decode(rs.model("mixtral-8x7b")), rs.Machine()).derivation


def test_a_sum_that_comes_again_is_written_once():
    text = critical_batch_of_a_mixture().text(depth="constants")
    assert "B* = z − W₀(I* ρ^z w_x ln(ρ) / Y) / ln(ρ)" in text
    assert text.count("Y = φ + α L − I* (κ L + a)") == 1
    assert text.count("z = I* (w + w_x) / Y") == 1


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "html"])
def test_lamberts_function_is_not_the_window(form: str):
    # Both are a W; of the function the table of symbols says what it is.
    model = rs.model("gpt-oss-20b")
    found = results.critical_batch(rs.decode(model), rs.Machine()).derivation
    page = getattr(found, form)(depth="constants")
    zero = {"text": "W₀(", "html": "<msub><mi>W</mi><mn>0</mn></msub>"}.get(form, "W_{0}\\")
    assert zero in page
    assert "principal branch of Lambert's function" in page.replace("&#x27;", "'")
    dense = results.critical_batch(rs.decode(rs.Transformer()), rs.Machine()).derivation
    assert "Lambert" not in getattr(dense, form)(depth="constants")


def test_a_quotient_of_times_stands_on_one_line():
    # A bar across two maxima of fractions would be the third of bars one in another.
    d = results.quantization_speedup(rs.decode(rs.Transformer()), rs.Machine()).derivation
    times = (
        "max(B (φ + α L) / π, (w + B (κ L + a)) / β) / max(B (φ + α L) / π, (w / c + B (κ L + a))"
    )
    assert f"s = {times} / β)\n" in d.text(depth="constants")
    line = next(x for x in d.latex(depth="constants").splitlines() if x.startswith("s = "))
    assert r"\right) / \max\left(" in line
    assert nesting(line) == NESTED
    assert width(line) <= LINE


def uses(letter: sympy.Symbol, formulas: list[Formula]) -> list[tuple[Formula, int]]:
    """The formulas that have a letter on a side of theirs, and how often."""
    found = []
    for f in formulas:
        sides = [x for x in (f.left, f.right) if isinstance(x, sympy.Basic) and x != letter]
        times = sum(x.count(letter) for x in sides)
        found += [(f, times)] if times else []
    return found


@pytest.mark.parametrize("model", ["llama-3.1-8b", "deepseek-v3", "gemma-3-27b", "gpt-oss-20b"])
def test_a_letter_is_needed_and_no_other_name_of_a_letter(model: str):
    led = rs.step(rs.model(model))
    for name, entry in RESULTS.items():
        try:
            d = entry.answer(led, rs.Machine()).derivation
        except rs.InputError:
            continue
        names, stated = document.names(d, DEFAULT), {}
        groups = [names.shortened(f) for s in document.at_depth(d, "constants") for f in s.formulas]
        printed = [f for group in groups for f in group]
        for short, *told in groups:
            for letter in told:
                assert not letter.right.is_Symbol, name
                assert stated.get(letter.right) is None, (name, letter, stated[letter.right])
                ((host, times), *others) = uses(letter.left, printed)
                if times == 1 and not others and host in (short, *told):
                    # Used once: what has it would be wider than a line without it.
                    whole = host.right.xreplace({letter.left: letter.right})
                    left = host.left.text if isinstance(host.left, Label) else host.left
                    text = f"Y_1 = {render(whole)}" if host in told else f"{left} = {render(whole)}"
                    latex = f"Y_{{1}} = {render(whole, 'latex')}"
                    wide = len(text) > TEXT or width(latex) > LINE
                    assert wide or nesting(latex) > NESTED, (name, letter, host)
            if isinstance(short.left, sympy.Symbol):
                stated[short.right] = short.left


def test_a_long_formula_has_f_and_q_for_what_was_said_of_them():
    # Gemma's causal windows make the FLOPs of a prefill as long as a line.
    d = results.time_to_first_token(rs.step(rs.model("gemma-3-27b")), rs.Machine()).derivation
    text = d.text(depth="constants")
    assert "T = max(F / π, Q / β)\n" in text
    assert "with\n" not in text
    assert text.count("F = ") == text.count("Q = ") == 1


def test_an_equation_that_is_too_long_goes_on_below_its_left_hand_side():
    text = results.implied_multiplier(rs.step(rs.Transformer())).derivation.text(depth="constants")
    layers = "B n_layers b_a (4 head_dim (n_heads + n_kv_heads) + 7 d_model + 3 d_ff)"
    assert f"      B c_act n_layers d_model b_a\n        = {layers}\n" in text


@pytest.mark.parametrize(
    ("form", "said"),
    [("text", "3 · 0.875^B"), ("latex", r"3 \cdot 0.875^{B}"),
     ("mathml", "<mn>3</mn><mo>·</mo><msup><mrow><mn>0.875</mn></mrow><mi>B</mi></msup>")],
)  # fmt: skip
def test_a_power_of_a_number_has_no_parentheses(form: str, said: str):
    assert said in render(3 * sympy.Rational(7, 8) ** B, form, digits=4)


def test_a_table_has_a_column_of_values_where_there_are_any():
    d = results.critical_batch(rs.decode(rs.model("llama-3.1-8b")), rs.Machine()).derivation
    assert "| symbol | unit | meaning |\n" in d.markdown(depth="constants")
    assert "| symbol | unit | meaning | value |\n" in d.markdown(depth="numbers")


def test_a_root_is_broken_only_where_no_letter_helps():
    for name in ("piggybacked-chunk", "compute-bound-chunk"):
        d = RESULTS[name].answer(rs.step(rs.Transformer()), rs.Machine()).derivation
        assert "^{1/2}" not in d.latex("roofline-notebook")


def test_what_stands_alone_is_not_solved_for():
    step, machine = rs.step(rs.Transformer()), rs.Machine()
    d = results.time_to_first_token(step, machine).derivation
    assert len(re.findall(r"\n      T = max\(", d.text("roofsym", "constants"))) == 1
    assert d.steps[-1].kind == "solution"
    assert "Solved for" not in d.steps[-1].text


def test_a_number_without_formula_has_its_unit():
    d = Derivation("a length", "any model", {L: sympy.Rational("540.129")})
    d.number("Given", Label("L*"), sympy.Rational("540.129"), sympy.Rational("540.129"), "token")
    assert "L* = 540.129 tokens" in d.text()


def test_a_letter_stands_where_its_sum_would():
    step = rs.decode(rs.Transformer())
    made = results.critical_batch(step, rs.Machine()).derivation.definitions
    d = Derivation("constants of decode", "any model")
    for symbol in (phi, a):
        d.define("In dimensions", symbol, made[symbol])
    said = d.text()
    assert "φ = 2 (n_layers Y + d_model vocab_size)" in said
    assert "a = b_a Z + 2 n_layers n_kv_heads head_dim b_kv + d_model b_w" in said
    assert r"n_{\mathrm{layers}} \, Y + d" in d.fragment("align")


def test_a_letter_is_none_that_the_derivation_has():
    mine = Notation("mine", letters={"alpha": ("Y", "Y")})
    assert "Z = φ + Y L − I* (κ L + a)" in critical_batch_of_a_mixture().text(mine)


def test_a_hyphen_in_a_letter_is_no_minus():
    for row in sy.TABLE.values():
        assert "-" not in re.sub(r"\\text\{[^{}]*\}", "", row.latex), row
    assert "b_{\\text{w,lm-head}}" in render(sy.b_w_lm_head, "latex")
    assert "<mtext>w,lm-head</mtext>" in render(sy.b_w_lm_head, "mathml")


def test_a_letter_is_none_of_the_table_of_symbols():
    # X are the bytes that a device sends, v the steps that a verification takes, V of another
    # notation the rows of the vocabulary: also where none of them is printed.
    d = results.piggybacked_chunk(rs.step(rs.model("gemma-3-27b")), rs.Machine()).derivation
    for name in ("roofsym", "scaling-book"):
        letters = notation(name)
        told = {letters.text(row.symbol) for row in sy.TABLE.values()}
        names, made = document.names(d, letters), set()
        for formula in [f for step in d.steps for f in step.formulas]:
            made |= {letters.text(x.left) for x in names.shortened(formula)[1:]}
        assert len(made) > 5
        assert made.isdisjoint(told)


@pytest.mark.parametrize("form", FORMS)
def test_every_symbol_of_the_table_has_a_letter_of_its_own(form: str):
    # Nor do two of them look alike once set: a letter's LaTeX is not what HTML shows.
    written = [render(row.symbol, form) for row in sy.TABLE.values()]
    assert not {x for x in written if written.count(x) > 1}


def _with_numbers(ask: Callable[..., results.Result], model: str, **given: object) -> str:
    """The line of a result in which numbers stand for its symbols."""
    found = ask(rs.step(rs.model(model)).at(b_w=2, b_a=2, b_kv=2, **given), rs.machine("h100-sxm"))
    number = next(s for s in found.derivation.steps if s.kind == "number").formulas[-1]
    named = document.names(found.derivation, DEFAULT)
    for step in found.derivation.steps:
        for formula in step.formulas:
            short = named.shortened(formula)[0]
            if formula is number:
                return Writer(named.letters).sides(short)[2].removeprefix(" = ")
    raise AssertionError(found)


def test_terms_that_are_added_have_one_unit_in_numbers():
    # α of one token; α S with S a count; and no minimum of two numbers.
    fits = _with_numbers(results.largest_context, "llama-3-8b", B=8)
    assert fits == "(80 GB − 16.06 GB − 8 · 131.1 kB) / (8 · 131.1 kB/token)"
    waited = _with_numbers(results.time_to_first_token, "llama-3-8b", B=8, S=512)
    assert "13.96 GFLOP · 512 + 524.3 kFLOP · 512² / 2 + 1.051 GFLOP" in waited
    largest = _with_numbers(results.largest_batch, "gemma-2-2b", L=4096)
    assert largest == (
        "(80 GB − 5.229 GB) / (53.25 kB/token · 4097 tokens + 53.25 kB/token · 4096 tokens)"
    )


def test_what_was_named_before_has_a_number_of_its_own():
    shown = _with_numbers(results.decode_throughput, "gemma-2-2b", B=8, L=4096)
    assert shown == "8 / max(48.81 GFLOP / 989 TFLOP/s, 8.746 GB / 3.35 TB/s)"
    # Units that are products, where no other numbers fit.
    assert "FLOP·B" in _with_numbers(results.critical_batch_fit_context, "llama-3-8b")


def test_pages_of_html_raise_above_an_index_and_break_conditions_earlier():
    squared = render(sy.d_model**2 * B**2, "mathml")
    assert "<msubsup><mi>d</mi><mtext>model</mtext><mn>2</mn></msubsup>" in squared
    assert "<msup><mrow><mi>B</mi></mrow><mn>2</mn></msup>" in squared
    found = results.compute_bound_chunk(rs.step(rs.Transformer()), rs.Machine()).general
    conditions = [b.when for b in found.branches]
    text, html = (
        [w.cases(x, w.style) for x in conditions]
        for w in (Writer(DEFAULT), document.HtmlWriter(DEFAULT))
    )
    assert sum(map(len, html)) > sum(map(len, text))


@pytest.mark.parametrize(
    ("claim", "unit", "value", "shown"),
    [
        # As it is printed beside the number, or in its other prefix, it says nothing.
        ("4e9", "B", 4 * 10**9, "4 GB"),
        ("156.0", "FLOP/B", 156, "156 FLOP/B"),
        ("131072", "B", 131072, "131072 B"),
        ("3932.16", "FLOP/B", sympy.Rational(98304, 25), "3932.16 FLOP/B"),
        ("25.2e9", "B", 25166 * 10**6, "25.17 GB ≈ 25.2 GB"),
        ("0.6 %", "1", sympy.Rational(641, 100_000), "0.641 % ≈ 0.6 %"),
    ],
)
def test_a_sources_number_is_said_where_it_says_more(
    claim: str, unit: str, value: sympy.Expr, shown: str
):
    d = Derivation("t", "s")
    d.reproduced("Printed", [(Label("x", "x"), sympy.sympify(value), claim)], unit)
    assert d.text().splitlines()[-1].strip() == f"x = {shown}"
    assert "%" not in claim or r"\mathrm{\%}" in d.latex()


def test_sums_that_a_question_names_are_said_in_the_constants_of_the_answer():
    """Of DeepSeek-V3 each takes 240 characters in dimensions, and derive has them in one line."""
    found = results.piggybacked_chunk(rs.step(rs.model("deepseek-v3")), rs.Machine())
    lines = [x.strip() for x in summary.text(found).splitlines()]
    assert "where F_dec = B_d (φ + α (L_d + 1 / 2) + η)" in lines
    assert "where Q_dec = B_d (κ L_d + a + ε)" in lines
    derived = found.derivation.text(depth="constants")
    assert all(x.removeprefix("where ") in derived for x in lines if x.startswith("where "))


def test_letters_have_no_gaps_and_stand_before_what_they_stood_before():
    model, machine = rs.model("gpt-oss-20b"), rs.machine("h100-sxm")
    chunk = results.compute_bound_chunk(rs.step(model), machine).derivation.text(depth="constants")
    assert "α_w (S (S + 2 L + 1) + Z (Z + 1) − Y (Y + 1)) / 2" in chunk
    assert [line.strip() for line in chunk.splitlines() if re.match(r" +[YZUVJ] = ", line)] == [
        "Y = max(S + L − W, 0)",
        "Z = max(L − W, 0)",
    ]
    # The first letter that is tried is not needed in the end.
    waited = summary.text(results.time_to_first_token(rs.step(model), machine))
    waited, _, in_numbers = waited.partition("  T [s] = ")
    # Nor is a letter of the formula one of the formula in numbers.
    assert "    with Z = max(S − 128, 0)\n" in in_numbers
    assert "with Y" not in in_numbers
    assert "B Y / π" in waited
    assert " Z" not in waited
    # Layers that have a letter stand before what they have in common, as they do without one.
    weight = summary.text(results.bytes_per_weight(rs.decode(model), machine))
    assert "b_a (U V + d_model + vocab_size)" in weight


def test_what_letters_stand_for_is_the_formula():
    d = critical_batch_of_a_mixture()
    solution = next(s for s in d.steps if s.kind == "solution").formulas[0]
    names = document.names(d, DEFAULT)
    short, *letters = names.shortened(solution)
    assert [str(x.left) for x in letters] == ["part_Y", "part_z"]
    back = short.right
    assert back != solution.right
    for letter in reversed(letters):
        back = back.xreplace({letter.left: letter.right})
    assert back == solution.right
    # The next formula with that sum has the letter, and is not told again what it is.
    (again,) = names.shortened(solution)
    assert again == short


def test_a_sum_of_any_sign_may_have_a_letter():
    # max(0, X) with a positive X would be X.
    inside = sy.S + sy.L - sy.window
    long = sympy.Add(*(sympy.Max(0, inside) ** n * sy.w**n for n in range(1, 12)))
    short, *_ = Names(DEFAULT, set()).shortened(Formula(Label("x", "x"), long))
    assert short.right.atoms(sympy.Max)


# --- values with units ----------------------------------------------------------------------------


def known_batch() -> rs.Derivation:
    led = rs.step(rs.model("llama-3.1-8b")).at(L=128, b_w=2, b_a=2, b_kv=2)
    return results.critical_batch(led, rs.machine("h100-sxm")).derivation


def test_a_formula_with_numbers_shows_what_made_them():
    d = known_batch()
    text = d.text()
    assert "I* = π / β = 989 TFLOP/s / 3.35 TB/s = 295.2 FLOP/B" in text
    assert "= 295.2 FLOP/B · 15.01 GB / (15.01 GFLOP + 524.3 kFLOP/token · 128 tokens" in text
    fraction = r"\frac{989\,\mathrm{TFLOP/s}}{3.35\,\mathrm{TB/s}}"
    assert rf"{fraction} = 295.2\,\mathrm{{FLOP/B}}" in d.latex()
    assert "<mn>989</mn><mtext>&#160;TFLOP/s</mtext>" in d.html()
    for depth in DEPTHS[:2]:
        assert "TFLOP/s" not in d.text(depth=depth)
        assert "In numbers" not in d.text(depth=depth)


def test_the_numbers_shown_give_the_result():
    # 989 TFLOP/s / 3.35 TB/s, as printed, is what is printed behind it.
    line = next(x for x in known_batch().text().splitlines() if "I* = π / β = " in x)
    _, _, values, result = line.split(" = ")
    peak, bandwidth = (float(x.split()[0]) for x in values.split(" / "))
    assert peak / bandwidth == pytest.approx(float(result.split()[0]), rel=1e-3)


_UNITS = (
    r" ([pnµmkMGTPE]?)(FLOP·B/token|B²/token|FLOP·B/s|B²/s|FLOP·B|B²|FLOP/token|FLOP/B|FLOP/s|FLOP"
    r"|B/token|B/s|B|per token|tokens|s)(?!\w)"
)
_SCALES = {"p": -12, "n": -9, "µ": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15}


def in_numbers(text: str) -> float:
    """Value of a formula in plain text that has numbers with units in the place of symbols."""
    number = r"([\d.]+(?:e\d+)?)"
    bare = re.sub(number + _UNITS, lambda x: f"({x[1]}*1e{_SCALES[x[2]]})", text)
    code = re.sub(r"⌊(.*?)⌋", r"FLOOR(\1)", bare.replace("·", "*").replace("W₀(", "W("))
    supers = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
    code = re.sub(r"([⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: "**" + m[1].translate(supers), code)
    code = code.replace("−", "-").replace("√(", "SQRT(").replace("^", "**")
    scope = {"SQRT": lambda x: x**0.5, "ln": math.log, "max": max, "min": min, "FLOOR": math.floor,
             "W": lambda x: float(sympy.LambertW(x)), "__builtins__": {}}  # fmt: skip
    return float(eval(code, scope))


SHOWN = ["llama-3.1-8b", "gemma-3-27b", "mixtral-8x7b", "gpt-oss-120b", "llama-4-scout"]
# Too long even with one number for each sum, or as each unit in it is a product of units.
WITHOUT_VALUES = {
    "link-bound-batch", "time-to-first-token",
    # One number less one.
    "window-full-context",
}  # fmt: skip


@pytest.mark.parametrize("model", SHOWN)
def test_a_closed_form_is_shown_with_the_numbers_that_make_its_value(model: str):
    led = rs.step(rs.model(model)).at(L=128, b_a=2, b_kv=2)
    weights = {s for s in led.symbolic("bytes").free_symbols if s.name.startswith("b_w")}
    led = led.at(**{s.name: 2 for s in weights - led.values.keys()})
    hw = rs.machine("h100-sxm")
    writer, shown = Writer(DEFAULT), 0
    for found in summary.answers(led, hw):
        if found.general.outcome == "numeric":
            continue
        for step in (s for s in found.derivation.steps if s.kind == "number"):
            (formula,) = step.formulas
            values = writer.sides(formula)[2:-1]
            name = found.question.name
            assert values or name in WITHOUT_VALUES, name
            if values:
                shown += 1
                assert len(values[0]) <= 143, name
                # Of four digits each; what is subtracted leaves fewer.
                value = in_numbers(values[0].removeprefix(" = "))
                assert value == pytest.approx(float(formula.number), rel=0.05), (name, values)
                for form in ("latex", "html"):
                    assert len(document.WRITERS[form](DEFAULT).sides(formula)) == 4, (name, form)
    assert shown > 20


def test_a_root_is_said_between_two_numbers_that_differ():
    # So short that one sees it, and still one below the root and one above.
    led = rs.step(rs.model("mixtral-8x7b")).at(L=128, b_w=2, b_a=2, b_kv=2)
    found = results.critical_batch(led, rs.machine("h100-sxm"))
    text = found.derivation.text()
    low, high = map(float, re.search(r"between (\S+) and (\S+)\n", text).groups())
    assert low < found.value < high
    assert high - low < 1e-8 * found.value
    # Its closed form is what has that value, and no other is.
    assert "B* = z − W₀(I* ρ^z w_x ln(ρ) / Y) / ln(ρ)\n         = 1555 − W₀(295.2 FLOP/B" in text
    (root,), (branch,) = found.bound.branches, found.general.branches
    with pytest.raises(rs.ProofError):
        found.derivation.root("", found.label, found.bound, root, "1", 2 * branch.value)


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "html"])
def test_where_tables_have_units(form: str):
    document = getattr(known_batch(), form)()
    where = document[document.rindex("symbol" if form != "text" else "\nwhere\n") :]
    for symbol in (sy.phi, sy.kappa, sy.peak, sy.bandwidth, sy.L):
        assert sy.info(symbol).unit in where
    # Of the symbols used, and of no other.
    assert sy.info(sy.capacity).meaning not in document


# --- fragments ------------------------------------------------------------------------------------


def wide() -> list[rs.Derivation]:
    """Every result, of a model that makes its formulas long."""
    made = []
    for entry in RESULTS.values():
        with contextlib.suppress(rs.InputError):
            model = rs.model(entry.question.example or "gpt-oss-20b")
            made.append(entry.answer(rs.step(model), rs.Machine()).derivation)
    return made


WIDE = wide()


def test_fragments_say_how_conditions_and_letters_belong_to_a_solution():
    aligned = critical_batch_of_a_mixture().fragment("align")
    assert r"\text{with }Y & = \varphi" in aligned
    assert r"\text{while }\varphi + \alpha \, L > I^{*}" in aligned
    assert r"\text{that is, }L < " in aligned
    assert r"\text{where }I^{*} \, \kappa > \alpha" in aligned
    # Letters that follow the first need no word of their own.
    assert "\nz & = " in aligned
    assert r"\text{with }Y = " in critical_batch_of_a_mixture().fragment()


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "html"])
def test_a_condition_stands_behind_the_words_that_lead_to_it(form: str):
    known = getattr(known_batch(), form)()
    assert re.search(r"Solved for \W*(<math><mi>)?B\W(?s:.*?)which holds, since\W", known)
    open_ = results.critical_batch(rs.decode(rs.Transformer()), rs.Machine()).derivation
    shown = getattr(open_, form)()
    solution, lead, condition = (
        shown.index(x) for x in ("Solved for ", "which holds only while", "In terms of ")
    )
    assert solution < lead < condition
    if form == "markdown":
        # It belongs to the item of the list.
        assert "\n   which holds only while\n" in shown


@pytest.mark.parametrize("letters", NOTATIONS)
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("environment", ["equation", "align"])
def test_fragments(environment: str, depth: str, letters: str):
    text = known_batch().fragment(environment, "eq:critical-batch", letters, depth)
    assert text.startswith(rf"\begin{{{environment}}}")
    # After an equation, what its constants stand for may take another page.
    told = environment == "equation" and depth == "dimensions"
    assert text.endswith(r"\end{align*}" if told else rf"\end{{{environment}}}")
    assert text.count(r"\label{eq:critical-batch}") == text.count(r"\label") == 1
    assert balanced(text, "{}")
    assert text.isascii()
    assert "documentclass" not in text
    if environment == "align":
        # One number: that of the result.
        lines = text.splitlines()[1:-1]
        assert sum(r"\notag" in x for x in lines) == sum("&" in x for x in lines) - 1
    bare = known_batch().fragment(environment, "", letters, depth)
    assert bare.startswith(rf"\begin{{{environment}*}}")
    assert r"\label" not in bare


def test_a_single_formula_as_a_fragment():
    assert fragments.equation(sy.flops, B * phi, label="eq:f") == (
        "\\begin{equation}\nF = B \\, \\varphi \\label{eq:f}\n\\end{equation}"
    )
    assert fragments.equation(sy.flops, B * phi, "inline") == r"$F = B \, \varphi$"


@pytest.mark.parametrize("environment", fragments.ENVIRONMENTS)
def test_fragments_at_the_depth_of_dimensions_say_what_constants_are(environment: str):
    limit = results.limit_intensity(rs.step(rs.Transformer())).derivation
    short = limit.fragment(environment)
    told = limit.fragment(environment, depth="dimensions")
    assert r"n_{\mathrm{layers}}" in told
    assert r"n_{\mathrm{layers}}" not in short
    plain = told.replace(" &", "")
    for constant in (r"\text{where }\varphi", r"\alpha", r"\kappa", "a"):
        assert f"{constant} = " in plain
    # Of what the formulas do not have, nothing is said.
    assert r"\eta" not in told


def rows_of(fragment: str) -> Iterator[tuple[float, str]]:
    """What each row of a fragment takes of its line, beside the longest left-hand side."""
    for _, inner in re.findall(
        r"\\begin\{(align\*?|equation\*?)\}(.*?)\\end\{\1\}", fragment, re.S
    ):
        bare = re.sub(r"\\label\{[^}]*\}|\\notag|\\(begin|end)\{(gathered|aligned)\}", "", inner)
        rows = [x.partition("&") for x in bare.split("\\\\")]
        left = max((width(x[0]) for x in rows if x[1]), default=0.0)
        yield from ((left + width(x[2]) if x[1] else width(x[0]), "".join(x)) for x in rows)


# In all notations they are typeset by the continuous integration, where nothing may be too wide.
@pytest.mark.parametrize("letters", ["hugging-face"])
def test_no_row_of_a_fragment_is_wider_than_a_page(letters: str):
    for depth, environment in (("constants", "equation"), ("dimensions", "align")):
        for d in WIDE:
            for wide, row in rows_of(d.fragment(environment, "eq:x", letters, depth)):
                assert wide <= LINE, (d.title, depth, row)


def test_a_formula_of_ones_own_is_broken_too():
    subject = Subject(rs.model("deepseek-v3"), rs.decode(rs.model("deepseek-v3")), rs.Machine())
    long = QUANTITIES["bytes"].closed_form(subject).at_depth("dimensions")
    made = fragments.equation(sy.bytes_, long, label="eq:q")
    assert made.startswith("\\begin{equation}\n\\begin{aligned}\nQ & = ")
    assert made.count(r"\label") == 1
    assert all(wide <= LINE for wide, _ in rows_of(made))
    assert not any(re.search(r"[+-]\s*(\\\\|$)", x) for x in made.splitlines())


@pytest.mark.parametrize("room", [8, 75])
def test_a_broken_formula_is_the_formula(room: int):
    for name, expr in EVERYTHING.items():
        latex = render(expr, "latex")
        first, *others = broken(latex, room, 2)
        assert all(balanced(x, "{}") for x in (first, *others)), name
        assert all(x.count(r"\left") == x.count(r"\right") for x in (first, *others)), name
        # Of a product that goes on, a dot is said; nothing else is added or left out.
        whole = " ".join([first, *(x.removeprefix(r"\cdot ") for x in others)])
        space = re.compile(r"\s|\\,|\\;")
        assert space.sub("", whole) == space.sub("", latex), name


def test_each_regime_has_a_number_and_all_have_one():
    d = results.prefill_critical_length(rs.prefill(rs.Transformer()), rs.Machine()).derivation
    aligned = d.fragment("align", "eq:s")
    assert aligned.startswith("\\begin{subequations} \\label{eq:s}\n\\begin{align}\n")
    assert aligned.endswith("\\end{align}\n\\end{subequations}")
    lines = aligned.splitlines()
    for label in ("eq:s-a", "eq:s-b"):
        (line,) = (x for x in lines if rf"\label{{{label}}}" in x)
        assert line.startswith("S^{*} & = ")
        assert r"\notag" not in line
    assert aligned.count(r"\label") == 3
    # An equation has one number, and both values with their conditions.
    equation = d.fragment("equation", "eq:s")
    assert equation.count("S^{*} = ") == 2
    assert equation.count(r"\text{while }") == 2
    assert equation.count(r"\label") == 1
    assert "subequations" not in d.fragment("align")
    assert "subequations" not in known_batch().fragment("align", "eq:b")


@pytest.mark.parametrize(
    "given", [{"environment": "gather"}, {"label": "a}b"}, {"notation": "mine"}, {"depth": "deep"}]
)
def test_fragments_refuse_what_there_is_not(given: dict[str, str]):
    with pytest.raises(rs.InputError):
        known_batch().fragment(**given)


@pytest.mark.parametrize(
    ("command", "starts"),
    [
        ("derive critical-batch --format latex-fragment", r"\begin{align}"),
        ("show flops --format latex-fragment", r"\begin{equation}"),
        ("show flops --format markdown", "```math"),
        ("show flops --format html", '<math display="block">'),
        ("derive critical-batch --format html", "<!DOCTYPE html>"),
    ],
)
def test_formats_of_the_command_line(command: str, starts: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(command.split()) == 0
    out = capsys.readouterr().out
    assert out.startswith(starts)
    if "fragment" in command:
        assert rf"\label{{eq:{command.split()[1]}}}" in out


def test_notebooks_get_formulas_and_pages():
    d = known_batch()
    ET.fromstring(f"<div>{d._repr_html_()}</div>".replace("&#160;", " "))
    found = results.critical_batch(rs.decode(rs.Transformer()), rs.Machine())
    assert found._repr_html_() == found.derivation._repr_html_()
    led = rs.decode(rs.Transformer())
    assert led._repr_latex_().startswith(r"$\displaystyle F = B")
    form = QUANTITIES["bytes"].closed_form(Subject(rs.Transformer(), led, rs.Machine()))
    assert form._repr_latex_() == r"$\displaystyle w + B \, (\kappa \, L + a)$"


def test_decimals_in_a_sum_are_written():
    # What is left of ρ^T with thousands of digits, in a message that refuses an equation.
    many = sympy.Float("0.123456789012345678901234567890", 30)
    assert render(sy.B * (many * sy.L + sy.w), "text") == "B (w + 0.123457 L)"
    assert render((sy.w / 2 + many * sy.a) * sy.B, "text").startswith("B (")


def test_numbers_put_in_the_place_of_units_have_these():
    time, third = sy.flops / sy.peak, sympy.Rational(906018112, 9521484375)
    d = Derivation("units", "numbers", {})
    d.substitution("Put in", sy.time, time, {sy.flops: third * 10**15, sy.peak: 10**15})
    d.substitution("Put in half", sy.flops, sy.B * sy.phi, {sy.phi: sympy.Integer(15009841152)})
    d.substitution("A factor is none", sy.flops, sy.B * sy.phi, {sy.phi: 2 * sy.phi})
    d.limit("Far off", sy.intensity, sympy.Rational(517, 8) * sy.B / (sy.B + 1), sy.B,
            sympy.Rational(517, 8))  # fmt: skip
    d.identity("Held", 131072 * sy.B, 131072 * sy.B, Label("M", "M", "B"))
    d.identity("No unit known", 2 * third, 2 * third, Label("x", "x"))
    d.refuted("A claim", sy.intensity, sympy.Rational(63, 2), "16.0")
    for depth in ("constants", "numbers"):
        lines = [x.strip() for x in d.text(depth=depth).splitlines() if x.startswith("      ")]
        assert lines == [
            "T = 95.1551 ms",
            "F [FLOP] = 15009841152 B",
            "F = 2 B φ",
            "I → 64.625 FLOP/B",
            "M [B] = 131072 B",
            "x = 0.19031",
            "I = 31.5 FLOP/B ≠ 16.0 FLOP/B  (too small by a factor of 1.969)",
        ]


def test_speed_up_in_numbers_is_of_shares_of_the_time():
    step = rs.step(rs.model("llama-3.1-8b")).at(L=4096, B=8, b_w=2, b_a=2, b_kv=2)
    found = results.quantization_speedup(step, rs.machine("h100-sxm", dtype="bf16"))
    assert "s = 1 / (0.2245 + 0.7755 / c)" in summary.text(found)


def test_polynomials_that_are_products_are_printed_as_these():
    d, many = sy.d_model, 10**9 * sy.n_experts
    pairs = 6 * d + sy.L
    product = pairs * (6 * d + B * (2 * S + L))
    assert render(sympy.expand(product)) == "(6 d_model + B (2 S + L)) (6 d_model + L)"
    # What is multiplied by a large number keeps it; no product is longer than the sum that it is.
    billions = sympy.expand(pairs * (many + 2 * B * d * (2 * S + L)))
    assert "(10⁹ n_experts + 2 B d_model (2 S + L))" in render(billions)
    assert render(sympy.expand((d + 1) * (d - 1))) == "d_model² − 1"


@pytest.mark.parametrize("environment", ["equation", "align"])
@pytest.mark.parametrize(
    "name", ["bytes-per-weight", "break-even-acceptance", "piggybacked-chunk",
             "critical-batch-capacity", "further-devices-batch"]
)  # fmt: skip
def test_a_fragment_says_what_its_letters_stand_for(name, environment):
    d = RESULTS[name].answer(rs.step(rs.Transformer()), rs.Machine()).derivation
    made = d.fragment(environment)
    named = {x.removeprefix(r"\text{where }").removeprefix(r"\text{with }").strip(" &")
             for line in made.splitlines() for x in line.split("=")[:1]}  # fmt: skip
    for symbol in d.parts(d.definitions):
        latex = sy.info(symbol).latex
        assert latex not in made or latex in named, latex


def test_the_number_of_drafts_is_said_where_it_is_put_in():
    step, machine = rs.step(rs.model("llama-3.1-8b")), rs.machine("h100-sxm", dtype="bf16")
    plain = results.break_even_acceptance(rs.step(rs.Transformer()), rs.Machine())
    assert "    with γ = 4\n" in summary.text(plain)
    assert "Tokens that a round of γ = 4 drafts is expected to gain" in plain.derivation.text()
    found = step.at(b_w=2, b_a=2, b_kv=2, B=1, L=1024, draft_cost=0.05, gamma=3)
    assert summary.text(results.break_even_acceptance(found, machine)).count("γ = 3") == 1

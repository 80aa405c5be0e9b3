"""The command line.

Only argparse is imported at the top: ``roofsym --help`` needs neither SymPy nor Matplotlib.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from roofsym import __version__
from roofsym.errors import InputError, ProofError

if TYPE_CHECKING:
    import sympy

    from roofsym.closed_form import ClosedForm
    from roofsym.conventions import Convention
    from roofsym.derivation import Formula
    from roofsym.difference import Difference
    from roofsym.hardware import Machine
    from roofsym.ledger import Ledger
    from roofsym.quantities import Subject
    from roofsym.render.notation import Notation
    from roofsym.results import Result
    from roofsym.solve import Branch
    from roofsym.transformer import Transformer

_LISTINGS = ("models", "machines", "conventions", "notations", "quantities", "results", "symbols")
_PHASES = ("step", "prefill", "decode", "verify", "chunk")
_FORMATS = ("text", "latex", "latex-fragment", "markdown", "html", "json")
_DEPTHS = ("constants", "dimensions", "numbers")
_PLOTS = ("roofline",)
_REPORTS = {".md": "markdown", ".tex": "latex", ".html": "html"}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and nothing else."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"roofsym: {message}\n")
        raise SystemExit(2)


class _Once(argparse.Action):
    """An option that is given once: of two, the last would win, and nobody would see it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        known = getattr(namespace, self.dest)
        if known is not None:
            parser.error(f"{option_string}: got {known!r} and {values!r}; accepted: one of them")
        setattr(namespace, self.dest, values)


def _parser() -> argparse.ArgumentParser:
    common = _Parser(add_help=False)
    group = common.add_argument_group("what to ask about")
    group.add_argument(
        "--model", action=_Once, metavar="NAME|config.json",
        help="model of the catalogue, or a Hugging Face config.json or its folder",
    )  # fmt: skip
    group.add_argument(
        "--machine",
        action=_Once,
        metavar="NAME|FILE.toml",
        help="machine of the catalogue, or a TOML file",
    )
    group.add_argument(
        "--dtype",
        action=_Once,
        help="the machine's peak, and the bytes of weights, activations and KV "
        "(default: what the model's config names)",
    )
    group.add_argument(
        "--phase", action=_Once, choices=_PHASES, help="phase of the step (default: step)"
    )
    group.add_argument(
        "--convention", metavar="C", action="append", default=[],
        help="counting rules (default: fused-ops); twice for diff",
    )  # fmt: skip
    group.add_argument(
        "--switch", metavar="SWITCH=VALUE", action="append", default=[], dest="switches",
        help="one rule of the convention set otherwise; repeatable",
    )  # fmt: skip
    group.add_argument(
        "--catalog", metavar="PATH", action="append", default=[],
        help="TOML file or folder with models and machines of your own; repeatable",
    )  # fmt: skip
    group.add_argument("--notation", metavar="N", default="roofsym", help="letters of equations")
    group.add_argument(
        "--set", metavar="NAME=NUMBER", action="append", default=[], dest="assignments",
        help="value of a symbol; repeatable",
    )  # fmt: skip
    group.add_argument("--json", action="store_true", help="print one JSON object")

    printed = _Parser(add_help=False)
    printed.add_argument(
        "--format", choices=_FORMATS, default="text",
        help="default: text; latex-fragment is for a document of your own, with \\label",
    )  # fmt: skip
    printed.add_argument(
        "--depth", choices=_DEPTHS,
        help="in named constants, in dimensions of the model, or with numbers",
    )  # fmt: skip

    parser = _Parser(
        prog="roofsym",
        description="FLOPs, bytes, arithmetic intensity and crossovers of LLM inference, "
        "as formulas and as numbers.",
    )
    parser.add_argument("--version", action="version", version=f"roofsym {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    command = commands.add_parser("list", help="what there is to ask about")
    command.add_argument("what", choices=_LISTINGS)
    command.add_argument("--json", action="store_true", help="print one JSON array")
    command = commands.add_parser(
        "show", parents=[common, printed], help="quantities as closed forms"
    )
    command.add_argument("quantities", nargs="+", metavar="QUANTITY")
    command = commands.add_parser(
        "derive", parents=[common, printed], help="a result or an equation, with every step"
    )
    command.add_argument("result", metavar="RESULT|'QUANTITY = QUANTITY'")
    command.add_argument(
        "--for", dest="unknown", action=_Once, metavar="SYMBOL", help="what to solve for"
    )
    command = commands.add_parser(
        "solve", parents=[common], help="a named result, or an equation of quantities"
    )
    command.add_argument("equation", metavar="RESULT|'QUANTITY = QUANTITY'")
    command.add_argument(
        "--for", dest="unknown", action=_Once, metavar="SYMBOL", help="what to solve for"
    )
    command = commands.add_parser("eval", parents=[common], help="quantities as numbers")
    command.add_argument("quantities", nargs="+", metavar="QUANTITY")
    command = commands.add_parser(
        "diff", parents=[common], help="what one convention counts and another does not"
    )
    command.add_argument("quantities", nargs="*", metavar="QUANTITY", help="flops, bytes or both")
    command = commands.add_parser("plot", parents=[common], help="a figure")
    command.add_argument("kind", choices=_PLOTS, metavar="KIND", help=", ".join(_PLOTS))
    command.add_argument("-o", "--output", required=True, metavar="FILE")
    command = commands.add_parser(
        "report", parents=[common], help="all results with their derivations, as a document"
    )
    command.add_argument("-o", "--output", required=True, metavar="FILE.{md,tex,html}")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0, or 2 for bad input.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments; those of the process if not given.
    """
    options = _parser().parse_args(arguments)
    try:
        sys.stdout.write(_COMMANDS[options.command](options))
        sys.stdout.flush()
    except InputError as error:
        message = " ".join(str(error).split())
        sys.stderr.write(f"roofsym: {message}\n")
        return 2
    except ProofError as error:
        # A defect of the program, not of the input; still no traceback for its user.
        sys.stderr.write(f"roofsym: internal error, please report: {str(error)[:200]}\n")
        return 1
    except BrokenPipeError:
        # The reader (head, say) has seen enough; keep the interpreter from saying so at exit.
        sys.stdout = None
    except OSError as error:
        sys.stdout = None
        sys.stderr.write(f"roofsym: standard output: {error.strerror or error}\n")
        return 2
    return 0


# --- what the options mean -----------------------------------------------------------------------


class _Request:
    """The subject that the common options describe."""

    def __init__(self, options: argparse.Namespace) -> None:
        from roofsym import catalog, conventions, values
        from roofsym import symbols as sy
        from roofsym.render import notation

        self.options = options
        catalog.use(*options.catalog)
        named = options.convention or [conventions.DEFAULT]
        if len(named) != (2 if options.command == "diff" else 1):
            accepted = "two conventions" if options.command == "diff" else "one convention"
            raise InputError("--convention", ", ".join(named), accepted)
        self.conventions = [self._switched(name) for name in named]
        self.convention = self.conventions[0]
        typed = _pairs(options.assignments, "--set", "NAME=NUMBER, such as L=4096")
        settable = _settable(sy.names())
        self.given: dict[str, str] = {}
        numbers = {}
        for letter, text in typed.items():
            if letter in (sy.ridge.name, sy.info(sy.ridge).text):
                accepted = "no value, since it is peak/bandwidth: set one of these"
                raise InputError(f"--set {letter}", text.strip(), accepted)
            symbol = sy.lookup(letter, "--set", settable)
            name, unit = symbol.name, sy.info(symbol).unit
            if self.given.setdefault(name, text) != text:
                accepted = f"one value of {name}, which is also {self.given[name].strip()}"
                raise InputError(f"--set {letter}", text.strip(), accepted)
            field = f"--set {name}" + ("" if unit == "1" else f" [{unit}]")
            numbers[name] = values.number_from_text(text, field)
        self.bound = values.bindings(numbers)
        self.model = self._model()
        named_notation = notation.notation(options.notation)
        self.notation: Notation = named_notation.of(self.model.config_keys)
        self.machine = self._machine()

    def refused(self, symbol: sympy.Symbol, accepted: str) -> InputError:
        """What is wrong with a value that was set, which is said as it was typed."""
        return InputError(f"--set {symbol.name}", self.given[symbol.name].strip(), accepted)

    def _switched(self, name: str) -> Convention:
        """A convention with the switches of the command line."""
        from roofsym import conventions

        convention = conventions.convention(name)
        switches = _pairs(self.options.switches, "--switch", "SWITCH=VALUE")
        if not switches:
            return convention
        for switch in switches:
            if switch not in convention.switches():
                listing = ", ".join(convention.switches())
                raise InputError("--switch", switch, f"one of {listing}")
        words = {"yes": True, "true": True, "no": False, "false": False}
        given = {k: words.get(v.strip().lower(), v.strip()) for k, v in switches.items()}
        changed = ", ".join(f"{k}={v}" for k, v in switches.items())
        return convention.replace(**given, name=f"{name} with {changed}")

    def _model(self) -> Transformer:
        from roofsym import catalog
        from roofsym import symbols as sy
        from roofsym.transformer import Transformer

        name = self.options.model
        if name is None:
            model = Transformer()
        elif _looks_like_path(name):
            model = Transformer.from_config(name)
        else:
            model = catalog.model(name)
        model = model.with_precisions(s.name for s in self.bound)
        for symbol in self.bound:
            role = sy.info(symbol).role
            if role == "dimension" and symbol not in model.structure.symbols:
                listing = ", ".join(n for n in sy.TABLE if sy.TABLE[n].symbol in model.values)
                accepted = f"a dimension of {model.name}" + (f": {listing}" if listing else "")
                raise InputError("--set", symbol.name, accepted)
        dimensions = {s.name: v for s, v in self.bound.items() if s in model.structure.symbols}
        return model.at(**dimensions)

    def _machine(self) -> Machine:
        from roofsym import catalog, hardware

        if self.options.machine is None:
            machine = hardware.Machine(dtype=self.dtype)
        else:
            machine = catalog.machine(self.options.machine, self.dtype)
        rates = {s.name: v for s, v in self.bound.items() if s.name in _MACHINE_SYMBOLS}
        return machine.at(**rates)

    @property
    def dtype(self) -> str | None:
        """The dtype asked for, else the model's, else bf16; None without a model."""
        from roofsym import hardware

        if self.options.dtype is not None:
            return hardware.dtype_name(self.options.dtype)
        # A config that names none (GPT-2, gpt-oss) is run in bf16 nowadays.
        return self.model.dtype or ("bf16" if self.options.model else None)

    def ledger(
        self,
        default_phase: str = "step",
        without: sympy.Symbol | None = None,
        convention: Convention | None = None,
    ) -> Ledger:
        """Ledger of the step, with everything bound that was set."""
        from roofsym import hardware, phases

        phase = self.options.phase or default_phase
        ledger = phases.ledger(self.model, phase, convention or self.convention)
        known: dict[str, Any] = {}
        if self.dtype is not None:
            known |= hardware.element_bytes(self.dtype)
        if self.options.dtype is None:
            # What the checkpoint says of its own precision goes before its dtype.
            known |= {s.name: v for s, v in self.model.values.items()}
        known |= {s.name: v for s, v in self.bound.items() if s != without}
        return ledger.at(**known)

    def subject(self) -> Subject:
        """Model, step and machine."""
        from roofsym.quantities import Subject

        ledger = self.ledger()
        self.refuse_fixed(ledger.phase)
        return Subject(self.model, ledger, self.machine)

    def refuse_fixed(self, phase: str) -> None:
        from roofsym import phases
        from roofsym import symbols as sy

        for symbol, value in zip((sy.B, sy.S, sy.L), phases.PHASES[phase], strict=True):
            if symbol in self.bound and value != symbol:
                accepted = f"nothing: the phase {phase} fixes {symbol.name} = {value}"
                raise self.refused(symbol, accepted)

    def inputs(self) -> dict[str, object]:
        """What was asked, for JSON."""
        return {
            "model": self.options.model,
            "machine": self.options.machine,
            "dtype": self.dtype,
            "phase": self.options.phase,
            "set": {name: text.strip() for name, text in self.given.items()},
        }


_MACHINE_SYMBOLS = ("peak", "bandwidth", "capacity", "link_bandwidth")


def _looks_like_path(name: str) -> bool:
    from pathlib import Path

    try:
        return name.endswith(".json") or (name != "" and Path(name).exists())
    except (OSError, ValueError):
        return False


def _pairs(texts: Sequence[str], option: str, accepted: str) -> dict[str, str]:
    """Names and values of an option that is given several times, each name with one value."""
    given: dict[str, str] = {}
    for text in texts:
        name, value = _pair(text, option, accepted)
        if given.get(name, value) != value:
            raise InputError(f"{option} {name}", value, f"one value; it is also {given[name]}")
        given[name] = value
    return given


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(option, text, form)
    return name.strip(), value


# --- list ----------------------------------------------------------------------------------------


def _list(options: argparse.Namespace) -> str:
    rows = _listing(options.what)
    if options.json:
        return json.dumps([dict(r) for r in rows], indent=2, ensure_ascii=False) + "\n"
    texts = [[str(value) for value in row.values()] for row in rows]
    widths = [max(len(t[i]) for t in texts) for i in range(len(texts[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(t, widths, strict=True)).rstrip()
        for t in texts
    ]
    return "\n".join(lines) + "\n"


def _listing(what: str) -> list[dict[str, str]]:
    from roofsym import catalog, conventions, quantities, results, symbols
    from roofsym.render import notation
    from roofsym.units import format_quantity

    if what == "models":
        rows = []
        for record in catalog.records("models").values():
            model = catalog.model(record.id)
            count = format_quantity(model.parameters, "")
            rows.append({"name": record.id, "title": record.title, "parameters": count.strip()})
        return rows
    if what == "machines":
        rows = []
        for record in catalog.records("machines").values():
            machine = catalog.machine(record.id)
            rows.append(
                {
                    "name": record.id,
                    "title": record.title,
                    "bandwidth": format_quantity(machine.bandwidth, "B/s"),
                    "capacity": format_quantity(machine.capacity, "B"),
                    "peaks": ", ".join(
                        f"{dtype} {format_quantity(peak, 'FLOP/s')}"
                        for dtype, peak in machine.peaks.items()
                    ),
                }
            )
        return rows
    if what == "conventions":
        return [{"name": c.name, "summary": c.summary} for c in conventions.CONVENTIONS.values()]
    if what == "notations":
        return [{"name": n.name, "summary": n.summary} for n in notation.NOTATIONS.values()]
    if what == "quantities":
        return [
            {"name": q.name, "unit": q.unit, "meaning": q.meaning}
            for q in quantities.QUANTITIES.values()
        ]
    if what == "results":
        return [
            {"name": n.question.name, "title": n.question.title} for n in results.RESULTS.values()
        ]
    return [
        {"name": i.name, "text": i.text, "unit": i.unit, "meaning": i.meaning}
        for i in symbols.TABLE.values()
        if i.role not in ("quantity", "internal")
    ]


# --- show and eval -------------------------------------------------------------------------------


def _show(options: argparse.Namespace) -> str:
    request = _Request(options)
    subject = request.subject()
    forms = _forms(request, subject)
    depth = options.depth or ("numbers" if options.model else "constants")
    if options.json or options.format == "json":
        return _quantities_json(request, forms, depth)
    letters = _letters(request, forms)
    if options.format != "text":
        shown = "".join(_show_formula(options, letters, *each, depth) for each in forms.items())
        # A bare formula, and a fragment, stand in a document that explains its own symbols.
        bare = options.format.startswith("latex")
        return shown if bare else shown + _where(request, letters, forms, depth)
    lines = [_counted_as(request, subject)]
    for name, form in forms.items():
        lines += _show_text(letters, name, form, depth)
    return "\n".join(lines).rstrip() + "\n" + _where(request, letters, forms, depth)


def _forms(request: _Request, subject: Subject) -> dict[str, ClosedForm]:
    """Closed forms of the quantities asked for, once the values that were set are theirs."""
    from roofsym import quantities

    asked = dict.fromkeys(request.options.quantities)
    forms = {name: quantities.named(name).closed_form(subject) for name in asked}
    definitions = {s: d for f in forms.values() for s, d in f.definitions.items()}
    _refuse_absent(request, forms.values(), definitions)
    _refuse_contradictions(request, definitions)
    return forms


def _letters(request: _Request, forms: Mapping[str, ClosedForm]) -> Notation:
    """Notation of closed forms that are printed together."""
    used = (f.at_depth(d).free_symbols for f in forms.values() for d in _DEPTHS[:2])
    values = next(iter(forms.values())).values
    return request.notation.within(values, _agreed(forms), set().union(*used))


def _agreed(forms: Mapping[str, ClosedForm]) -> dict[sympy.Symbol, sympy.Expr]:
    """What constants stand for, but for those that differ from quantity to quantity."""
    definitions: dict[sympy.Symbol, sympy.Expr] = {}
    for form in forms.values():
        definitions |= form.definitions
    every = [(s, x) for form in forms.values() for s, x in form.definitions.items()]
    differ = {s for s, x in every if x != definitions[s]}
    return {s: x for s, x in definitions.items() if s not in differ}


def _where(
    request: _Request, letters: Notation, forms: Mapping[str, ClosedForm], depth: str
) -> str:
    """Table of the symbols in closed forms as they are shown, with what the notation assumes."""
    from roofsym.closed_form import ClosedForm
    from roofsym.derivation import Formula
    from roofsym.render import document

    kind = request.options.format
    values = next(iter(forms.values())).values
    if kind == "text":
        # One below the other: a formula in constants, and what it is in dimensions.
        depths = _DEPTHS[:1] if depth == "constants" else _DEPTHS[:2]
        shown = [Formula(None, f.at_depth(d)) for f in forms.values() for d in depths]
    else:
        shown = [
            Formula(_letter(name, letters), _formula(name, form, depth).right)
            for name, form in forms.items()
        ]

    def evaluate(expr: sympy.Expr) -> sympy.Expr:
        return ClosedForm(expr, _agreed(forms), values).at_depth("numbers")

    # Dimensions are shown already, in the formulas: beside constants stand values alone.
    blocks = document.explanation(shown, letters, {}, evaluate if depth == "numbers" else None)
    writer = document.WRITERS[kind](letters)
    return "".join(f"{writer.block(b)}\n" for b in blocks)


def _step_line(request: _Request, subject: Subject) -> str:
    on = f" on {request.machine.label}" if request.options.machine else ""
    ledger = subject.ledger
    return f"{ledger.model}{on}: {ledger.phase}, counted as {ledger.convention}"


def _counted_as(request: _Request, subject: Subject) -> str:
    switches = ", ".join(
        f"{switch} {'yes' if value is True else 'no' if value is False else value}"
        for switch, value in request.convention.switches().items()
    )
    return f"{_step_line(request, subject)}\n  ({switches})\n"


def _show_text(letters: Notation, name: str, form: ClosedForm, depth: str) -> list[str]:
    from roofsym import quantities
    from roofsym.render.document import Writer, equal_to
    from roofsym.render.expression import render

    unit = quantities.named(name).unit
    lines = [f"{name} [{unit}]", f"  = {render(form.expr, 'text', letters)}"]
    if depth != "constants" and form.definitions:
        expanded = render(form.at_depth("dimensions"), "text", letters)
        lines += [f"  {x}" for x in equal_to(expanded)]
    if depth == "numbers":
        value = form.at_depth("numbers")
        if value.is_number:
            with_values = Writer(letters).sides(_formula(name, form, depth))[2:-1]
            lines += [f" {x}" for x in with_values]
            lines.append(f"  = {_with_exact(value, unit)}")
        else:
            lines.append(f"  = {render(value, 'text', letters, digits=4)}")
    return [*lines, ""]


def _with_exact(value: sympy.Expr, unit: str) -> str:
    """A number with its unit, and the exact integer behind it where that was rounded."""
    from roofsym.units import format_quantity

    shown = format_quantity(value, unit)
    rounded = value.is_Integer and not shown.startswith(str(value))
    return f"{shown}  (exactly {value})" if rounded else shown


def _show_formula(
    options: argparse.Namespace, letters: Notation, name: str, form: ClosedForm, depth: str
) -> str:
    """One quantity as LaTeX, a fragment of it, Markdown or HTML."""
    from roofsym.render import document, fragments

    kind = options.format
    formula = _formula(name, form, depth)
    # What stays symbolic at this depth has rounded coefficients.
    digits = 4 if depth == "numbers" and formula.number is None else None
    if kind == "latex-fragment":
        made = fragments.write([formula], "equation", f"eq:{name}", letters, [formula], digits)
        return f"{made}\n"
    if kind == "latex":
        return document.LatexWriter(letters, digits).formula(formula) + "\n"
    writer = {"markdown": document.MarkdownWriter, "html": document.HtmlWriter}[kind]
    return writer(letters, digits).math(document.Math((formula,))) + "\n"


def _letter(name: str, letters: Notation) -> sympy.Symbol:
    """Symbol of the letter that a quantity goes by in a notation, with its unit and meaning."""
    from roofsym import quantities
    from roofsym import symbols as sy

    quantity = quantities.named(name)
    text, latex = letters.label(name, quantity.latex)
    full = f"{letters.name}_{name}"
    return sy.extra(full, quantity.unit, quantity.meaning, text=text, latex=latex)


def _formula(name: str, form: ClosedForm, depth: str) -> Formula:
    """Formula of a quantity at a depth; with numbers, what they give is part of it."""
    from roofsym import quantities
    from roofsym.derivation import Formula, Label

    quantity = quantities.named(name)
    left = Label(name, quantity.latex)
    if depth != "numbers":
        return Formula(left, form.at_depth(depth))
    value = form.at_depth("numbers")
    if not value.is_number:
        return Formula(left, value, unit=quantity.unit)
    return Formula(left, form.expr, "=", value, quantity.unit, form.given)


def _eval(options: argparse.Namespace) -> str:
    from roofsym import quantities

    request = _Request(options)
    subject = request.subject()
    forms = _forms(request, subject)
    for name, form in forms.items():
        free = form.at_depth("numbers").free_symbols
        if free:
            wanted = ", ".join(sorted(s.name for s in free))
            raise InputError(name, "no number", f"values for {wanted} (--set NAME=NUMBER)")
    if options.json:
        return _quantities_json(request, forms, "numbers")
    width = max(map(len, forms))
    lines = [_step_line(request, subject)]
    for name, form in forms.items():
        value = form.at_depth("numbers")
        lines.append(f"{name.ljust(width)}  {_with_exact(value, quantities.named(name).unit)}")
    return "\n".join(lines) + "\n"


def _diff(options: argparse.Namespace) -> str:
    from roofsym import quantities
    from roofsym.difference import difference

    request = _Request(options)
    wanted = options.quantities or ["flops", "bytes"]
    for name in wanted:
        if name not in ("flops", "bytes"):
            raise InputError("quantity", name, "flops or bytes: the others are made of these")
    request.refuse_fixed(options.phase or "step")
    first, second = (request.ledger(convention=c) for c in request.conventions)
    made = [difference(first, second, name) for name in dict.fromkeys(wanted)]
    if options.json:
        return _difference_json(request, made)
    lines = [f"{second.convention} − {first.convention}: {first.phase} of {first.model}"]
    used = (x.free_symbols for d in made for x in (d.total, *(y.difference for y in d.lines)))
    letters = request.notation.within(first.values, {}, set().union(*used))
    for d in made:
        unit = quantities.named(d.quantity).unit
        rows = [(line.label, line.difference) for line in d.lines] + [("sum", d.total)]
        lines.append(f"\n{d.quantity} [{unit}]" + ("" if d.lines else ": counted alike"))
        for label, expr in rows if d.lines else ():
            lines += _difference_lines(letters, label, expr, first.bind(expr), unit)
        if d.lines:
            totals = [x.bind(x.symbolic(d.quantity)) for x in (first, second)]
            if all(t.is_number for t in totals):
                shown = " − ".join(_with_exact(t, unit) for t in reversed(totals))
                lines.append(f"    = {shown}")
    return "\n".join(lines) + "\n"


def _difference_lines(
    letters: Notation, label: str, expr: sympy.Expr, value: sympy.Expr, unit: str
) -> list[str]:
    from roofsym.render.expression import render

    # The sum is long and follows from the lines above: only its value is printed where it has one.
    out = [f"  {label}"]
    if label != "sum" or not value.is_number:
        out.append(f"    {render(expr, 'text', letters)}")
    if value.is_number:
        out.append(f"    = {_with_exact(value, unit)}")
    elif value != expr:
        out.append(f"    = {render(value, 'text', letters, digits=4)}")
    return out


def _difference_json(request: _Request, made: list[Difference]) -> str:
    def number(expr: sympy.Expr) -> str | None:
        return _exact(made[0].first.bind(expr))

    return _json(
        {
            "inputs": request.inputs(),
            "conventions": [c.name for c in request.conventions],
            "differences": {
                d.quantity: {
                    "lines": [
                        {
                            "entry": line.label,
                            "first": str(line.first),
                            "second": str(line.second),
                            "difference": str(line.difference),
                            "exact": number(line.difference),
                        }
                        for line in d.lines
                    ],
                    "total": str(d.total),
                    "exact": number(d.total),
                }
                for d in made
            },
        }
    )


def _settable(names: Iterable[str]) -> list[str]:
    """Those of some symbols to which ``--set`` gives a value."""
    from roofsym import symbols as sy

    # The ridge point is peak over bandwidth: to be set by these.
    return [n for n in names if sy.TABLE[n].role not in ("quantity", "internal") and n != "ridge"]


def _refuse_contradictions(
    request: _Request, definitions: Mapping[sympy.Symbol, sympy.Expr]
) -> None:
    """Refuse a value of a constant beside one of what it is made of."""
    for symbol in request.bound.keys() & definitions.keys():
        for other in definitions[symbol].free_symbols & request.bound.keys():
            accepted = f"one of them: {symbol.name} is made of {other.name}"
            raise InputError("--set", f"{symbol.name} and {other.name}", accepted)


def _refuse_absent(
    request: _Request,
    forms: Iterable[ClosedForm],
    definitions: Mapping[sympy.Symbol, sympy.Expr],
) -> None:
    """Refuse a value that no quantity asked for has, but of what every model and step has."""
    from roofsym import symbols as sy
    from roofsym.closed_form import made_of

    used = made_of(set().union(*(f.expr.free_symbols for f in forms)), definitions)
    present = used | definitions.keys()
    everywhere = {sy.B, sy.S, sy.L}
    for symbol in request.bound.keys() - everywhere - present:
        if sy.info(symbol).role not in ("machine", "dimension", "precision"):
            ordered = (s.name for s in sorted(present, key=sy.rank) if s.name in sy.TABLE)
            listing = ", ".join(_settable(ordered))
            accepted = f"a symbol of what is asked for: {listing}"
            raise request.refused(symbol, _of_several(symbol, present) or accepted)


def _of_several(symbol: sympy.Symbol, present: Collection[sympy.Symbol]) -> str:
    """How something that has no number of machines in it is asked of several; empty if not."""
    from roofsym import symbols as sy

    rates = [s.name for s in (sy.peak, sy.bandwidth, sy.capacity) if s in present]
    if symbol not in (sy.n_machines, sy.t) or not rates:
        return ""
    return f"no value: for several machines, set {' and '.join(rates)} to the sum of theirs"


def _refuse_without_effect(
    request: _Request,
    definitions: Mapping[sympy.Symbol, sympy.Expr],
    mentioned: set[sympy.Symbol],
) -> None:
    """Refuse a value that an answer does not depend on."""
    from roofsym import symbols as sy
    from roofsym.closed_form import made_of

    meanings = {**definitions, sy.ridge: sy.peak / sy.bandwidth}
    present = made_of(mentioned, meanings) | definitions.keys()
    for symbol in request.bound:
        if symbol not in present:
            ordered = (s.name for s in sorted(present, key=sy.rank) if s.name in sy.TABLE)
            accepted = f"a symbol on which the answer depends: {', '.join(_settable(ordered))}"
            raise request.refused(symbol, _of_several(symbol, present) or accepted)


def _quantities_json(request: _Request, forms: dict[str, ClosedForm], depth: str) -> str:
    from roofsym import quantities
    from roofsym.render.expression import render

    rows: dict[str, object] = {}
    letters = _letters(request, forms)
    for name, form in forms.items():
        value = form.at_depth("numbers")
        expr = form.at_depth(depth)
        rows[name] = {
            "value": _float(value),
            "exact": _exact(value),
            "unit": quantities.named(name).unit,
            "expr": str(expr),
            "latex": render(expr, "latex", letters),
        }
    return _json(
        {"inputs": request.inputs(), "convention": request.convention.name, "quantities": rows}
    )


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _exact(value: sympy.Expr | None) -> str | None:
    """An exact number for JSON; None where there is none, or only one of finitely many digits."""
    import sympy

    if value is None or not value.is_number or value.has(sympy.Float):
        return None
    return str(value)


def _float(value: sympy.Expr | None) -> float | None:
    """A number for JSON; None where there is none, or none that a float can hold."""
    if value is None or not value.is_number:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) < float("inf") else None


# --- derive and solve ----------------------------------------------------------------------------


def _answer(request: _Request, name: str, without: sympy.Symbol | None = None) -> Result:
    """Answer to a named result, or to an equation, that every value that was set matters to."""
    made = _own_answer(request, name) if "=" in name else _named_answer(request, name, without)
    definitions = made.derivation.definitions
    _refuse_contradictions(request, definitions)
    _refuse_without_effect(request, definitions, made.derivation.mentioned)
    for symbol in request.bound.keys() - made.derivation.values.keys() - {without}:
        raise request.refused(symbol, f"no value: {name} gives it one of its own")
    return made


def _named_answer(request: _Request, name: str, without: sympy.Symbol | None) -> Result:
    from roofsym import results
    from roofsym import symbols as sy

    entry = results.named(name)
    question = entry.question
    phase = request.options.phase or question.phase
    if question.phases and phase not in question.phases:
        accepted = f"{' or '.join(question.phases)}: {name} is a result of it"
        raise InputError("--phase", request.options.phase, accepted)
    if phase:
        request.refuse_fixed(phase)
    unknown = getattr(request.options, "unknown", None)
    if unknown is not None and not question.relative:
        symbol = sy.lookup(unknown, "--for")
        if symbol in request.bound:
            raise request.refused(symbol, _SOLVED_FOR)
    if unknown is None and question.symbol in request.bound:
        accepted = f"no value: {name} is solved for it, or for another symbol (--for)"
        raise request.refused(question.symbol, accepted)
    ledger = request.ledger(phase or "step", without)
    try:
        return entry.answer(ledger, request.machine, unknown)
    except InputError as error:
        if unknown is None or error.field not in ("unknown", "symbol"):
            raise
        raise InputError("--for", unknown, error.accepted) from None


_SOLVED_FOR = "no value: it is what is solved for"


def _derive(options: argparse.Namespace) -> str:
    request = _Request(options)
    result = _answer(request, options.result)
    depth = options.depth or ("numbers" if result.derivation.values else "dimensions")
    if options.json or options.format == "json":
        return _result_json(request, options.result, result)
    derivation = result.derivation
    if options.format == "latex-fragment":
        label = "eq:" + "-".join(re.findall(r"[A-Za-z0-9.+-]+", options.result))
        shown = options.depth or "constants"
        return derivation.fragment("align", label, request.notation, shown) + "\n"
    written = {
        "text": derivation.text, "latex": derivation.latex, "markdown": derivation.markdown,
        "html": derivation.html,
    }  # fmt: skip
    return written[options.format](request.notation, depth)


def _solve(options: argparse.Namespace) -> str:
    request = _Request(options)
    result = _answer(request, options.equation)
    if options.json:
        return _result_json(request, options.equation, result)
    return _result_text(request, options.equation, result)


def _result_text(request: _Request, name: str, result: Result) -> str:
    from roofsym import summary

    natural = result.question.natural
    freed = None
    if natural is not None and natural in request.bound and not result.asked_otherwise:
        freed = _answer(request, name, without=natural)
    return summary.text(result, request.notation, freed, request.bound)


def _result_json(request: _Request, name: str, result: Result) -> str:
    import sympy

    from roofsym.render import document
    from roofsym.render.expression import listed, render

    letters = document.settled(result.derivation, request.notation)
    bound, value = result.bound, result.value
    branch = _branch_of(result)
    when = sympy.true if branch is None else branch.when
    conditions = listed(when) if isinstance(when, sympy.And) else {when} - {sympy.true}
    return _json(
        {
            "inputs": request.inputs(),
            "convention": request.convention.name,
            "result": name,
            "symbol": bound.symbol.name,
            "outcome": bound.outcome,
            "value": _float(value),
            "exact": _exact(value),
            "whole": result.whole,
            "expr": None if branch is None else str(branch.value),
            "latex": None if branch is None else render(branch.value, "latex", letters),
            "conditions": [render(x, "text", letters) for x in conditions],
            "definitions": {} if branch is None else _definitions(result, branch),
            "branches": [
                {
                    "value": _float(b.value),
                    "exact": _exact(b.value),
                    "expr": str(b.value),
                    "condition": render(b.when, "text", letters),
                    "bracket": None if b.bracket is None else [str(x) for x in b.bracket],
                }
                for b in bound.branches
            ],
        }
    )


def _branch_of(result: Result) -> Branch | None:
    """The general formula that has the value; the last one where there is no number yet."""
    import sympy

    value, general = result.value, result.general
    for branch in general.branches:
        found = result.derivation.evaluate(branch.value)
        numbers = value is not None and value.is_number and found.is_number
        if numbers and abs(sympy.N(found - value)) <= 1e-9 * abs(sympy.N(value)):
            return branch
    return general.branches[-1] if general.branches else None


def _definitions(result: Result, branch: Branch) -> dict[str, str]:
    """What the names in a formula and its condition stand for, and the names in these."""
    from roofsym import symbols as sy
    from roofsym.closed_form import made_of

    d = result.derivation
    # A number that an equation asks for has a name that is no symbol of the list.
    asked = {s: x for s, x in d.values.items() if sy.info(s).role == "asked"}
    known = {**d.definitions, **asked}
    used = made_of(branch.value.free_symbols | branch.when.free_symbols, known)
    return {s.name: str(known[s]) for s in sorted(used & known.keys(), key=lambda s: s.name)}


def _own_answer(request: _Request, text: str) -> Result:
    """Answer to an equation of quantities, for the symbol asked for or the only one it has."""
    from roofsym import symbols as sy
    from roofsym.results.own import Equation

    equation = Equation.read(text)
    subject = request.subject()
    unknown = request.options.unknown
    asked = None if unknown is None else sy.lookup(unknown, "--for")
    if asked in request.bound:
        raise request.refused(asked, _SOLVED_FOR)
    # What the catalogue knows of the unknown is what one wants to see otherwise.
    open_ones = equation.unknowns(subject, asked)
    if asked is None:
        if len(open_ones) != 1:
            names = _names(open_ones or equation.symbols(subject))
            raise InputError("--for", "nothing", f"the symbol to solve for: one of {names}")
        (asked,) = open_ones
    if asked not in open_ones:
        names = _names(equation.symbols(subject))
        raise InputError("--for", unknown, f"a symbol of the equation: {names}")
    return equation.answer(subject, asked)


def _names(symbols: Iterable[sympy.Symbol]) -> str:
    return ", ".join(s.name for s in symbols)


# --- plot and report -----------------------------------------------------------------------------


def _needs_model_and_machine(request: _Request) -> None:
    for option in ("model", "machine"):
        if getattr(request.options, option) is None:
            raise InputError(f"--{option}", None, f"a {option}, by name or file")


def _plot(options: argparse.Namespace) -> str:
    from roofsym import summary
    from roofsym import symbols as sy

    request = _Request(options)
    _refuse_options(options, "a figure has prefill and decode, at several batches and lengths")
    for symbol in request.bound:
        if symbol.name in ("B", "S"):
            raise request.refused(symbol, "none: the figure shows several")
    _needs_model_and_machine(request)
    ledger = request.ledger("step")
    drawn = {sy.peak, sy.bandwidth, sy.L}
    drawn |= {s for x in ("flops", "bytes") for s in ledger.symbolic(x).free_symbols}
    for symbol in request.bound.keys() - drawn:
        listing = ", ".join(_settable(s.name for s in sorted(drawn - {sy.B, sy.S}, key=sy.rank)))
        raise request.refused(symbol, f"a symbol of the figure: {listing}")
    summary.save_roofline(options.output, request.machine, ledger)
    return f"{options.output}\n"


def _refuse_options(options: argparse.Namespace, why: str) -> None:
    """Refuse what would be without effect."""
    for option, given in (("--phase", options.phase), ("--json", options.json)):
        if given:
            raise InputError(option, given, f"nothing: {why}")


def _report(options: argparse.Namespace) -> str:
    from pathlib import Path

    from roofsym import files, summary

    suffix = Path(options.output).suffix
    if suffix not in _REPORTS:
        raise InputError("output", options.output, "a file name ending in " + ", ".join(_REPORTS))
    request = _Request(options)
    _refuse_options(options, "a report is a document on all phases")
    _needs_model_and_machine(request)
    text = summary.report(
        request.ledger("step"), request.machine, _REPORTS[suffix], request.notation
    )
    files.write_text(options.output, text)
    return f"{options.output}\n"


_COMMANDS: dict[str, Callable[[argparse.Namespace], str]] = {
    "list": _list,
    "show": _show,
    "derive": _derive,
    "solve": _solve,
    "eval": _eval,
    "diff": _diff,
    "plot": _plot,
    "report": _report,
}

if __name__ == "__main__":
    raise SystemExit(main())

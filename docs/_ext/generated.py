"""Parts of pages that the package itself writes: tables, the command line, printed commands.

Directives, for Markdown pages:

    ```{generated} conventions
    ```
        A table of what the package knows.
    ```{roofsym} solve critical-batch --model llama-3.1-8b
    ```
        A command and what it prints, run while the page is built.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import inspect
import io
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

import sympy
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import roofsym
from roofsym import catalog, cli, conventions, quantities, results, symbols
from roofsym.render import document, notation
from roofsym.render.expression import LAMBERT
from roofsym.units import format_quantity

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)


class ArticleOrder:
    """Order of a gallery: by file name, readings of other people's documents last."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, name: str) -> tuple[bool, str]:
        """Sort key of a file."""
        return (name.startswith("document_"), name)


# --- tables --------------------------------------------------------------------------------------


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def _word(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _conventions() -> str:
    rows = [(f"`{c.name}`", c.summary) for c in conventions.CONVENTIONS.values()]
    return _table(("name", "counts"), rows)


def _settings() -> str:
    """What every convention sets every switch to; those that all share are not repeated."""
    made = list(conventions.CONVENTIONS.values())
    default = made[0].switches()
    rows = []
    for switch, value in default.items():
        settings = [c.switches()[switch] for c in made]
        cells = [_word(s) if i == 0 or s != value else "" for i, s in enumerate(settings)]
        rows.append((f"`{switch}`", *cells))
    return _table(("switch", *(f"`{c.name}`" for c in made)), rows)


def _listed() -> Iterable[symbols.SymbolInfo]:
    """Rows of the page of symbols."""
    return (row for row in symbols.TABLE.values() if row.role not in ("quantity", "internal"))


def _symbols() -> str:
    style = notation.notation("roofsym")
    rows = [
        (f"`{row.name}`", f"${style.latex(row.symbol)}$", row.unit, row.meaning,
         ", ".join(symbols.ALSO.get(row.symbol, ())))
        for row in _listed()
    ]  # fmt: skip
    return _table(("name", "symbol", "unit", "meaning", "also called"), rows)


def _quantities() -> str:
    rows = [
        (f"`{q.name}`", f"${q.latex}$", q.unit, q.meaning) for q in quantities.QUANTITIES.values()
    ]
    return _table(("name", "symbol", "unit", "meaning"), rows)


_ANSWERS = ("solution", "elasticity")


def _results() -> str:
    """Each result in general, of a model of which nothing is known that can be asked for it."""
    parts = []
    for name, entry in results.RESULTS.items():
        question = entry.question
        example = question.example
        model = roofsym.model(example) if example else roofsym.Transformer()
        found = entry.answer(roofsym.step(model), roofsym.Machine()).derivation
        # What has no closed form in general is shown as the equation it is.
        last = [s for s in found.steps if s.kind in _ANSWERS] or found.steps[-2:]
        shown = dataclasses.replace(found, steps=last)
        writer = document.HtmlWriter(notation.DEFAULT)
        blocks = document.blocks(shown, "constants")
        body = [b for b in blocks if isinstance(b, document.Math) or _is_said(b, len(last) > 1)]
        letters = {s for b in blocks if isinstance(b, document.Where) for s in _own_letters(b)}
        told = found.parts(letters)
        rows = [
            document.Row(s, told.get(s)) for s in sorted(letters | told.keys(), key=symbols.rank)
        ]
        body += [document.Where(tuple(rows))] if rows else []
        written = "\n".join(writer.block(b) for b in body)
        asked = f" (of {model.name})" if example else ""
        title = f"`{name}`\n: {question.title}{asked}\n"
        parts.append(f"{title}\n  ```{{raw}} html\n{_indented(written)}\n  ```\n")
    return "\n".join(parts)


def _is_said(block: document.Block, several: bool) -> bool:
    """Whether a paragraph is needed between formulas: what a step says, where there are several."""
    if not isinstance(block, document.Paragraph):
        return False
    return block.goes_on or (several and block.number is not None)


def _own_letters(where: document.Where) -> Iterable[sympy.Symbol]:
    """Letters that the page of symbols does not have."""
    found = {row.symbol for row in where.rows if isinstance(row.symbol, sympy.Symbol)}
    return found - {row.symbol for row in _listed()} - {LAMBERT}


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _models() -> str:
    rows = [
        (f"`{r.id}`", r.title, format_quantity(roofsym.model(r.id).parameters, ""))
        for r in catalog.records("models").values()
    ]
    return _table(("name", "model", "parameters"), rows)


def _machines() -> str:
    rows = []
    for record in catalog.records("machines").values():
        machine = roofsym.machine(record.id)
        rows.append(
            (
                f"`{record.id}`",
                record.title,
                format_quantity(machine.peak, "FLOP/s") + f" ({machine.dtype})",
                format_quantity(machine.bandwidth, "B/s"),
                format_quantity(machine.capacity, "B"),
                format_quantity(machine.ridge, "FLOP/B"),
            )
        )
    header = ("name", "machine", "dense peak", "bandwidth", "capacity", "ridge point")
    return _table(header, rows)


def _notations() -> str:
    rows = [(f"`{n.name}`", n.summary) for n in notation.NOTATIONS.values()]
    return _table(("name", "whose letters"), rows)


# --- the command line ----------------------------------------------------------------------------


def _commands() -> str:
    """Every command with its options, from the parser itself."""
    parser = cli._parser()
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    helps = {choice.dest: choice.help for choice in commands._choices_actions}
    common: dict[str, argparse.Action] = {}
    for group in commands.choices["eval"]._action_groups:
        if group.title == "what to ask about":
            common = {a.option_strings[0]: a for a in group._group_actions}
    parts = []
    for name, command in commands.choices.items():
        takes = any("--model" in a.option_strings for a in command._actions)
        shared = common if takes else {}
        own = [
            a for a in command._actions
            if a.dest != "help" and not any(option in shared for option in a.option_strings)
        ]  # fmt: skip
        own.sort(key=lambda a: bool(a.option_strings))
        usage = " ".join(_usage(a) for a in own)
        parts.append(f"## `roofsym {name}`\n\n{helps[name].capitalize()}.\n")
        parts.append(f"```text\nroofsym {name} {usage}{' [COMMON]' if takes else ''}\n```\n")
        parts.append(_table(("argument", "meaning"), map(_argument, own)))
    parts.append("## Common options\n\nTaken by every command but `list`.\n")
    parts.append(_table(("option", "meaning"), map(_argument, common.values())))
    return "\n".join(parts)


# What the parser leaves to its usage line to say.
_POSITIONALS: Mapping[str, str] = MappingProxyType(
    {
        "QUANTITY": "a [quantity](results.md#quantities)",
        "RESULT": "a [named result](results.md#results)",
        "RESULT|'QUANTITY = QUANTITY'": "a [named result](results.md#results), or two "
        "[quantities](results.md#quantities) (or one and a number) set equal",
        "KIND": "`roofline`",
    }
)


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        name = str(action.metavar or action.dest.upper())
        return {"+": f"{name} [{name} ...]", "*": f"[{name} ...]"}.get(str(action.nargs), name)
    text = action.option_strings[0]
    if action.nargs != 0:
        text += f" {action.metavar or action.dest.upper()}"
    return text if action.required else f"[{text}]"


def _argument(action: argparse.Action) -> tuple[str, str]:
    name = ", ".join(action.option_strings) or str(action.metavar or action.dest.upper())
    if action.option_strings and action.nargs != 0:
        name += f" {action.metavar or action.dest.upper()}"
    meaning = action.help or _POSITIONALS.get(name, "")
    if action.choices and "," not in meaning:
        choices = ", ".join(f"`{c}`" for c in action.choices)
        meaning = f"{choices} ({meaning})" if meaning else choices
    return f"`{name}`", meaning


# --- the reference --------------------------------------------------------------------------------


def _public(module: ModuleType) -> dict[str, object]:
    """Functions and classes that a module or package offers as its own, in order of definition."""
    return {
        name: value
        for name, value in vars(module).items()
        if (inspect.isfunction(value) or inspect.isclass(value))
        and not name.startswith("_")
        and value.__module__.startswith(module.__name__)
    }


def _result_functions() -> str:
    """Reference of the results, wherever in the package each of them is defined."""
    lines = ["```{eval-rst}", ".. automodule:: roofsym.results", "   :no-members:", ""]
    for name, value in _public(results).items():
        kind = "function" if inspect.isfunction(value) else "class"
        lines.append(f".. auto{kind}:: roofsym.results.{name}")
    return "\n".join([*lines, "```"])


def _public_modules() -> str:
    """Reference of the modules among the package's public names, but for the results."""
    modules = [getattr(roofsym, name) for name in roofsym.__all__]
    names = [m.__name__ for m in modules if inspect.ismodule(m) and m is not results]
    return "\n".join(["```{eval-rst}", *(f".. automodule:: {name}" for name in names), "```"])


# A table's rows are on a page of their own, or in its module; a short value says what a name is.
_LONGEST_VALUE = 200


def _without_long_value(
    app: Sphinx, domain: str, kind: str, content: addnodes.desc_content
) -> None:
    """Leave out of the reference what a name is equal to, if that is longer than a line or two."""
    if domain != "py" or kind not in ("data", "attribute"):
        return
    for signature in content.parent.findall(addnodes.desc_signature):
        for part in list(signature.findall(addnodes.desc_annotation)):
            text = part.astext()
            if text.lstrip().startswith("=") and len(text) > _LONGEST_VALUE:
                part.parent.remove(part)


PARTS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "conventions": _conventions,
        "settings": _settings,
        "symbols": _symbols,
        "quantities": _quantities,
        "results": _results,
        "models": _models,
        "machines": _machines,
        "notations": _notations,
        "commands": _commands,
        "result-functions": _result_functions,
        "public-modules": _public_modules,
    }
)
"""What ``{generated}`` can put on a page, as Markdown."""


class Generated(SphinxDirective):
    """A table or a reference that the package writes."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the part and parse it as a piece of the page."""
        name = self.arguments[0]
        if name not in PARTS:
            raise self.error(f"generated: got {name!r}; accepted: {', '.join(PARTS)}")
        return self.parse_text_to_nodes(PARTS[name](), allow_section_headings=True)


class Command(SphinxDirective):
    """A command line of roofsym, with what it prints."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {"refused": directives.flag}  # noqa: RUF012  (as docutils declares it)

    def run(self) -> list[nodes.Node]:
        """Run the command in this process; one that fails fails the build."""
        line = " ".join(self.arguments[0].split())
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                status = cli.main(shlex.split(line))
            except SystemExit as stop:
                status = int(stop.code or 0)
        if status != (2 if "refused" in self.options else 0):
            raise self.error(f"roofsym {line}: exit status {status}: {printed.getvalue()}")
        text = f"$ roofsym {line}\n{printed.getvalue().rstrip()}"
        block = nodes.literal_block(text, text, language="console")
        self.set_source_info(block)
        return [block]


# --- nothing public is left out ------------------------------------------------------------------


def undocumented(described: Iterable[str]) -> list[str]:
    """Public names of the package, its results and its figures, that no page describes."""
    present = set(described)
    wanted = [f"roofsym.{name}" for name in roofsym.__all__]
    for module in (results, roofsym.plot):
        wanted += [f"{module.__name__}.{name}" for name in _public(module)]
    return [name for name in wanted if name not in present]


def _check_reference(app: Sphinx, env: BuildEnvironment) -> None:
    described = env.get_domain("py").objects  # type: ignore[attr-defined]
    for name in undocumented(described):
        logger.warning("the API reference does not describe %s", name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("generated", Generated)
    app.add_directive("roofsym", Command)
    app.connect("object-description-transform", _without_long_value)
    app.connect("env-check-consistency", _check_reference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

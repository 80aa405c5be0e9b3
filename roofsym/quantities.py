"""The named quantities of a step on a machine, as closed forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import sympy

from roofsym import symbols as sy
from roofsym import units
from roofsym.closed_form import ClosedForm, closed_form
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Entry, Ledger
from roofsym.transformer import Transformer


@dataclass(frozen=True)
class Subject:
    """What a quantity is of: a model, one step of it, a machine.

    Attributes
    ----------
    model : Transformer
        The model.
    ledger : Ledger
        One step of it.
    machine : Machine
        The machine.
    """

    model: Transformer
    ledger: Ledger
    machine: Machine

    @property
    def values(self) -> dict[sympy.Symbol, sympy.Expr]:
        """Everything that is known of the symbols."""
        return {**self.machine.values, **self.ledger.values}


@dataclass(frozen=True)
class Quantity:
    """A named quantity.

    Attributes
    ----------
    name : str
        Its name on the command line.
    unit : str
        Its unit.
    meaning : str
        What it is, in a line.
    latex : str
        Left-hand side in LaTeX.
    make : callable
        Makes the closed form from a subject.
    """

    name: str
    unit: str
    meaning: str
    latex: str
    make: Callable[[Subject], ClosedForm]

    def closed_form(self, subject: Subject) -> ClosedForm:
        """Quantity of a subject, in named constants where it has such a form."""
        form = self.make(subject)
        units.require(form.expr, self.unit, self.name)
        return form


def _total(
    quantity: str, kinds: tuple[str, ...] = (), access: str = ""
) -> Callable[[Subject], ClosedForm]:
    def selected(entry: Entry) -> bool:
        return (not kinds or entry.kind in kinds) and access in ("", entry.access)

    def make(subject: Subject) -> ClosedForm:
        form = closed_form(subject.ledger, quantity, selected)
        return ClosedForm(form.expr, form.definitions, subject.values)

    return make


def _combine(
    subject: Subject, left: ClosedForm, right: ClosedForm, make: Callable[..., sympy.Expr]
) -> ClosedForm:
    """Closed form of an expression in two others; one that names a constant otherwise expands."""
    clash = any(
        sympy.expand(definition - right.definitions[symbol]) != 0
        for symbol, definition in left.definitions.items()
        if symbol in right.definitions
    )
    if clash:
        sides = [side.at_depth("dimensions") for side in (left, right)]
        return ClosedForm(make(*sides), {}, subject.values)
    definitions = {**left.definitions, **right.definitions}
    return ClosedForm(make(left.expr, right.expr), definitions, subject.values)


def combine(subject: Subject, left: ClosedForm, right: ClosedForm) -> tuple[ClosedForm, ClosedForm]:
    """Two closed forms such that a constant's name stands for the same thing in both."""
    joint = _combine(subject, left, right, lambda x, y: x)
    other = _combine(subject, left, right, lambda x, y: y)
    return joint, other


def _intensity(subject: Subject) -> ClosedForm:
    work, moved = FLOPS(subject), BYTES(subject)
    if moved.expr == 0:
        raise InputError("convention", subject.ledger.convention, "one that counts bytes")
    return _combine(subject, work, moved, lambda f, q: f / q)


def _over(total: Callable[[Subject], ClosedForm], rate: sympy.Symbol) -> Callable[..., ClosedForm]:
    def make(subject: Subject) -> ClosedForm:
        form = total(subject)
        return ClosedForm(form.expr / rate, form.definitions, form.values)

    return make


def _time(subject: Subject) -> ClosedForm:
    return _combine(
        subject,
        _over(FLOPS, sy.peak)(subject),
        _over(BYTES, sy.bandwidth)(subject),
        lambda x, y: sympy.Max(x, y),
    )


def _tokens_per_second(subject: Subject) -> ClosedForm:
    time = _time(subject)
    return ClosedForm(subject.ledger.tokens / time.expr, time.definitions, time.values)


def _plain(make: Callable[[Subject], sympy.Expr]) -> Callable[[Subject], ClosedForm]:
    return lambda subject: ClosedForm(make(subject), {}, subject.values)


FLOPS = _total("flops")
BYTES = _total("bytes")

QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        q.name: q
        for q in (
            Quantity("flops", "FLOP", "FLOPs of the step", "F", FLOPS),
            Quantity("bytes", "B", "bytes read and written by the step", "Q", BYTES),
            Quantity(
                "weight_bytes", "B", "bytes of weights read", r"Q_{\mathrm{w}}",
                _total("bytes", ("weight", "vector", "scale")),
            ),
            Quantity(
                "kv_bytes", "B", "bytes of KV cache read and written", r"Q_{\mathrm{kv}}",
                _total("bytes", ("kv",)),
            ),
            Quantity(
                "kv_read_bytes", "B", "bytes of KV cache read", r"Q_{\mathrm{kv,read}}",
                _total("bytes", ("kv",), "read"),
            ),
            Quantity(
                "kv_write_bytes", "B", "bytes of KV cache written", r"Q_{\mathrm{kv,write}}",
                _total("bytes", ("kv",), "write"),
            ),
            Quantity(
                "activation_bytes", "B", "bytes of activations, scores and probabilities included",
                r"Q_{\mathrm{act}}", _total("bytes", ("activation", "score", "probability")),
            ),
            Quantity("intensity", "FLOP/B", "arithmetic intensity of the step", "I", _intensity),
            Quantity(
                "ridge", "FLOP/B", "ridge point of the machine", "I^{*}",
                _plain(lambda s: sy.peak / sy.bandwidth),
            ),
            Quantity("peak", "FLOP/s", "peak of the machine", r"\pi", _plain(lambda s: sy.peak)),
            Quantity(
                "bandwidth", "B/s", "memory bandwidth of the machine", r"\beta",
                _plain(lambda s: sy.bandwidth),
            ),
            Quantity(
                "capacity", "B", "memory capacity of the machine", "C",
                _plain(lambda s: sy.capacity),
            ),
            Quantity(
                "compute_time", "s", "time to compute the FLOPs at peak", r"T_{\mathrm{compute}}",
                _over(FLOPS, sy.peak),
            ),
            Quantity(
                "memory_time", "s", "time to move the bytes at full bandwidth",
                r"T_{\mathrm{memory}}", _over(BYTES, sy.bandwidth),
            ),
            Quantity("time", "s", "time of the step: the longer of the two", "T", _time),
            Quantity(
                "tokens_per_second", "1/s", "new tokens per second, all sequences",
                r"R_{\mathrm{tokens}}", _tokens_per_second,
            ),
            Quantity(
                "parameters", "1", "number of parameters", "N",
                _plain(lambda s: s.model.structure.parameters),
            ),
            Quantity(
                "kv_bytes_per_token", "B/token", "bytes of one token in the KV cache",
                r"\kappa_{\mathrm{token}}",
                _plain(lambda s: s.model.structure.cached_bytes_per_token),
            ),
            Quantity(
                "memory_footprint", "B", "bytes of all weights and of the KV cache after the step",
                "M",
                lambda s: closed_form(s.ledger.memory, "memory"),
            ),
        )
    }
)  # fmt: skip
"""The named quantities, by the name that the command line takes."""


def named(name: str) -> Quantity:
    """Quantity of a name.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> named("ridge").unit
    'FLOP/B'
    """
    if name not in QUANTITIES:
        raise InputError("quantity", name, "one of " + ", ".join(QUANTITIES))
    return QUANTITIES[name]

"""The dimension check, and its run over every expression that the package builds."""

from __future__ import annotations

import pytest
import sympy
from support import CONVENTIONS, PHASES, models

import roofsym as rs
from roofsym import phases, quantities, units
from roofsym import symbols as sy
from roofsym.closed_form import closed_form
from roofsym.quantities import Subject

# One of each kind of closed form: numbers do not change a unit, nor do biases or tied tables.
MODELS = {name: models()[name] for name in ("symbolic", "windowed")}


def agree(expr: sympy.Expr, unit: str) -> bool:
    return expr == 0 or units.dimension(expr).agrees_with(units.parse(unit))


# --- what it refuses ------------------------------------------------------------------------------

ILL = {
    "bytes and a rate": sy.w + sy.peak,
    "bytes and FLOP": sy.w + sy.phi,
    "bytes and a count": sy.w + sy.B,
    "bytes and a number": sy.w + 1,
    "a number of bytes in a quotient": sy.phi / (sy.kappa * sy.L + 1),
    "bytes and bytes per token": sy.w + sy.kappa,
    "FLOP and FLOP per token, no count": sy.phi + sy.alpha,
    "bytes squared": sy.w + sy.w**2,
    "seconds and bytes": sy.w / sy.bandwidth + sy.w,
    "times by two roads": sy.phi / sy.peak + sy.w / sy.peak,
    "a maximum": sympy.Max(sy.phi / sy.peak, sy.w),
    "a minimum": sympy.Min(sy.peak, sy.bandwidth),
    "inside a product": sy.B * (sy.w + sy.phi),
    "inside a power": (sy.w + sy.phi) ** 2,
    "inside a root": sympy.sqrt(sy.w + sy.phi),
    "inside a maximum": sympy.Max(0, sy.w + sy.phi),
    "an exponential": sympy.exp(sy.w),
    "an exponent": 2**sy.w,
    "the base of a symbolic power": sy.w**sy.B,
    "three terms": sy.w + sy.kappa * sy.L + sy.alpha,
}


@pytest.mark.parametrize("expr", ILL.values(), ids=ILL)
def test_an_ill_dimensioned_expression_is_refused(expr: sympy.Expr):
    with pytest.raises(rs.InputError):
        units.dimension(expr)


@pytest.mark.parametrize(
    ("expr", "unit"),
    [
        (sy.w + sy.B * sy.kappa * sy.L, "B"),
        (sy.phi + sy.alpha * (sy.L + 1), "FLOP"),
        (sy.peak / sy.bandwidth, "FLOP/B"),
        (sympy.Max(sy.phi / sy.peak, sy.w / sy.bandwidth), "s"),
        (sympy.sqrt(sy.w**2 + sy.w * sy.kappa * sy.L), "B"),
        (2 * sy.B * sy.S * sy.d_model * sy.d_ff, "FLOP"),
        (sympy.Min(sy.L, sy.window - 1), "token"),
        (sy.ridge * sy.w / (sy.phi - sy.ridge * sy.a), "1"),
        (sy.B ** (sy.S + 1), "1"),
    ],
    ids=str,
)
def test_a_sound_expression_has_its_unit(expr: sympy.Expr, unit: str):
    assert units.require(expr, unit, "it") is expr


@pytest.mark.parametrize(
    ("expr", "unit"),
    [(sy.w, "FLOP"), (sy.w, "B/token"), (sy.peak, "FLOP"), (sy.bandwidth, "FLOP/s"), (sy.w, "s")],
    ids=str,
)
def test_the_wrong_unit_is_refused_by_name(expr: sympy.Expr, unit: str):
    with pytest.raises(rs.InputError, match="the thing"):
        units.require(expr, unit, "the thing")


def test_a_symbol_that_is_not_of_the_table_is_refused():
    with pytest.raises(rs.InputError):
        units.dimension(sympy.Symbol("w"))


@pytest.mark.parametrize("unit", ["B", "FLOP/token", "FLOP/B", "1/s", "B/token", "token", "1"])
def test_a_unit_prints_as_it_is_read(unit: str):
    assert str(units.parse(unit)) == unit


# --- every expression that the package builds -----------------------------------------------------


def subjects(convention: str, phase: str):
    for name, model in MODELS.items():
        led = phases.ledger(model, phase, convention)
        yield name, Subject(model, led, rs.Machine())


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_quantity_has_its_unit(convention: str, phase: str):
    for name, subject in subjects(convention, phase):
        for q in quantities.QUANTITIES.values():
            form = q.closed_form(subject)
            assert agree(form.expr, q.unit), (name, q.name)
            assert agree(form.at_depth("dimensions"), q.unit), (name, q.name)
            for symbol, definition in form.definitions.items():
                assert agree(definition, sy.info(symbol).unit), (name, q.name, symbol)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_entry_has_the_unit_of_its_quantity(convention: str):
    for phase in PHASES:
        for name, subject in subjects(convention, phase):
            for entry in subject.ledger.entries:
                unit = {"flops": "FLOP", "bytes": "B"}[entry.quantity]
                assert agree(entry.total, unit), (name, phase, entry)


# Both sides and all constants of every result: test_results.py, where they are made.


def test_the_roofline_has_its_units():
    rl = rs.Roofline(rs.step(rs.Transformer()), rs.Machine())
    expected = {
        "ridge": "FLOP/B", "intensity": "FLOP/B", "compute_time": "s", "memory_time": "s",
        "time": "s", "attainable": "FLOP/s", "tokens_per_second": "1/s",
    }  # fmt: skip
    for name, unit in expected.items():
        assert agree(getattr(rl, name), unit), name


def test_the_check_is_not_blind():
    # Put a constant of another unit in the place of each constant of a real closed form: the sum
    # must be refused. A check that lets all of these through is no check.
    form = closed_form(rs.decode(rs.Transformer()), "bytes")
    for symbol in form.definitions:
        for other in (sy.phi, sy.alpha, sy.peak):
            with pytest.raises(rs.InputError):
                units.dimension(form.expr.xreplace({symbol: other}))


def test_entries_with_a_wrong_unit_never_enter_a_closed_form():
    led = rs.decode(rs.Transformer())
    wrong = [e for e in led.entries if e.quantity == "bytes"]
    with pytest.raises(rs.InputError):
        led.keep([*wrong[:-1], type(wrong[0])(
            operator="x", part="norm", group="", quantity="bytes", kind="weight", access="read",
            amount=sy.d_model,
        )]).bytes  # fmt: skip


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "B", "0 B"),
        (1, "B", "1 B"),
        (999, "B", "999 B"),
        (1000, "B", "1 kB"),
        (80e9, "B", "80 GB"),
        (16_060_522_496, "B", "16.06 GB"),
        (312e12, "FLOP/s", "312 TFLOP/s"),
        (2.25e15, "FLOP/s", "2.25 PFLOP/s"),
        (0.0075, "s", "7.5 ms"),
        (2.5e-6, "s", "2.5 µs"),
        (156, "FLOP/B", "156 FLOP/B"),
        (1907.35, "token", "1907 tokens"),
        (0.5, "B", "0.5 B"),
        (0.94425, "B", "0.9443 B"),
        (0.25, "B/token", "0.25 B/token"),
        (65_536, "1/token", "65536 per token"),
        (1234.5, "1/s", "1234 per second"),
    ],
)
def test_quantities_print_with_a_decimal_prefix(value: float, unit: str, text: str):
    assert units.format_quantity(value, unit) == text


@pytest.mark.parametrize("mantissa", [1.0, 1.2345678, 4.0004, 9.999499, 9.99951])
def test_a_printed_number_reads_back_to_four_digits(mantissa: float):
    for exponent in range(-20, 40):
        value = mantissa * 10.0**exponent
        assert float(units.format_number(value)) == pytest.approx(value, rel=6e-4)


PREFIXES = {
    "p": 1e-12, "n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "P": 1e15, "E": 1e18,
}  # fmt: skip


@pytest.mark.parametrize("mantissa", [1.0, 1.2345678, 4.0004, 9.99951])
@pytest.mark.parametrize("base", ["B", "s"])
def test_a_printed_quantity_reads_back_to_four_digits(mantissa: float, base: str):
    for exponent in range(-14, 22):
        value = mantissa * 10.0**exponent
        number, unit = units.format_quantity(value, base).split(" ")
        read = float(number) * PREFIXES[unit.removesuffix(base)]
        assert read == pytest.approx(value, rel=6e-4)


def test_rounding_up_takes_the_next_prefix():
    # 999.96 GB rounds to 1000 GB, which is 1 TB.
    assert units.format_quantity(999.99e9, "B") == "1 TB"

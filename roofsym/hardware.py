"""Machine: peak per dtype, bandwidth, capacity, links; the ridge point."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import sympy

from roofsym import symbols as sy
from roofsym import units, values
from roofsym.errors import InputError

DTYPE_BYTES: Mapping[str, sympy.Rational] = MappingProxyType(
    {
        "fp64": sympy.Integer(8),
        "fp32": sympy.Integer(4),
        "tf32": sympy.Integer(4),
        "bf16": sympy.Integer(2),
        "fp16": sympy.Integer(2),
        "fp8": sympy.Integer(1),
        "int8": sympy.Integer(1),
        "fp6": sympy.Rational(3, 4),
        "fp4": sympy.Rational(1, 2),
        "int4": sympy.Rational(1, 2),
    }
)
"""Bytes per element of each dtype (TF32 is stored in 4 bytes)."""

_ALIASES = {
    "bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float32": "fp32", "float": "fp32",
    "float64": "fp64", "float8_e4m3fn": "fp8", "float8_e5m2": "fp8",
}  # fmt: skip


def dtype_name(dtype: str) -> str:
    """Name of a dtype as this package spells it.

    Raises
    ------
    InputError
        If the dtype is unknown.

    Examples
    --------
    >>> dtype_name("bfloat16"), dtype_name("fp8")
    ('bf16', 'fp8')
    """
    name = _ALIASES.get(dtype, dtype) if isinstance(dtype, str) else dtype
    if name not in DTYPE_BYTES:
        raise InputError("dtype", dtype, "one of " + ", ".join(DTYPE_BYTES))
    return name


def element_bytes(dtype: str) -> dict[str, sympy.Rational]:
    """Bytes of weights, activations and KV that go with a dtype.

    Examples
    --------
    >>> sizes = element_bytes("fp8")
    >>> sizes["b_w"], sizes["b_kv"], sizes["b_w_experts"]
    (1, 1, 1)
    """
    size = DTYPE_BYTES[dtype_name(dtype)]
    return {name: size for name in sy.names("precision") if name.startswith("b_")}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """An accelerator: dense peak, memory bandwidth and capacity, links.

    Parameters
    ----------
    name : str
        Name to print.
    peak : number or sympy.Expr
        Dense peak in FLOP/s. Symbolic if not given.
    bandwidth : number or sympy.Expr
        Memory bandwidth in B/s.
    capacity : number or sympy.Expr
        Memory capacity in B.
    link_bandwidth : number or sympy.Expr
        Bandwidth to other devices in B/s, one direction.
    dtype : str, optional
        The dtype that `peak` is for.
    peaks : mapping of str to number
        Dense peak by dtype, to choose from with `with_dtype`.

    Raises
    ------
    InputError
        If a value is not a finite number > 0.

    Examples
    --------
    >>> Machine().ridge
    peak/bandwidth
    >>> Machine(peak=312e12, bandwidth=2.0e12).ridge
    156
    """

    name: str = "machine"
    peak: sympy.Expr = sy.peak
    bandwidth: sympy.Expr = sy.bandwidth
    capacity: sympy.Expr = sy.capacity
    link_bandwidth: sympy.Expr = sy.link_bandwidth
    dtype: str | None = None
    peaks: Mapping[str, sympy.Expr] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in sy.names("machine")[1:]:
            value = values.bindings({name: getattr(self, name)})
            object.__setattr__(self, name, value[sy.TABLE[name].symbol])
        checked = {
            dtype_name(dtype): values.positive(value, f"peak.{dtype}")
            for dtype, value in self.peaks.items()
        }
        object.__setattr__(self, "peaks", checked)

    @property
    def ridge(self) -> sympy.Expr:
        """Ridge point in FLOP/B: the intensity at which compute and memory take equally long.

        Also called machine balance, ops:byte ratio or critical intensity.
        """
        return self.peak / self.bandwidth

    @property
    def link_ridge(self) -> sympy.Expr:
        """FLOPs that a device can compute while it sends one byte to others, FLOP/B.

        Examples
        --------
        >>> Machine(peak=312e12, link_bandwidth=300e9).link_ridge
        1040
        """
        return self.peak / self.link_bandwidth

    @property
    def values(self) -> dict[sympy.Symbol, sympy.Expr]:
        """What is known of the machine's symbols."""
        named = {sy.TABLE[n].symbol: getattr(self, n) for n in sy.names("machine")[1:]}
        return {symbol: value for symbol, value in named.items() if value != symbol}

    def with_dtype(self, dtype: str) -> Machine:
        """Machine with the dense peak of another dtype.

        Raises
        ------
        InputError
            If the machine has no peak for the dtype.
        """
        name = dtype_name(dtype)
        if name not in self.peaks:
            listing = ", ".join(self.peaks) or "none"
            raise InputError(f"dtype of {self.name}", dtype, f"one of {listing}")
        return dataclasses.replace(self, peak=self.peaks[name], dtype=name)

    def at(self, **given: object) -> Machine:
        """Machine with other values of peak, bandwidth, capacity or link bandwidth.

        Raises
        ------
        InputError
            If a name is not one of these or a value is not a finite number > 0.

        Examples
        --------
        >>> Machine().at(peak=989e12, bandwidth=3.35e12).ridge
        19780/67
        """
        bound = values.bindings(given, allowed=sy.names("machine")[1:])
        return dataclasses.replace(self, **{s.name: v for s, v in bound.items()})

    @property
    def label(self) -> str:
        """Name and dtype, for printing."""
        return f"{self.name}, {self.dtype}" if self.dtype else self.name


units.require(Machine().ridge, "FLOP/B", "the ridge point")

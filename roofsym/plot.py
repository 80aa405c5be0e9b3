"""Figures: Axes in, Axes out. Every point is computed from a ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from roofsym import units
from roofsym.errors import InputError
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.roofline import Roofline

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Point:
    """A step to mark on a roofline.

    Attributes
    ----------
    label : str
        Printed beside the marker.
    ledger : Ledger
        The step, with a number for every symbol.
    series : str
        Points of one series share a marker, a colour and a line in the legend.
    """

    label: str
    ledger: Ledger
    series: str = ""

    def intensity(self) -> float:
        """Arithmetic intensity of the step, FLOP/B.

        Raises
        ------
        InputError
            If a symbol has no number.
        """
        value = self.ledger.intensity
        if not value.is_number:
            free = ", ".join(sorted(s.name for s in value.free_symbols))
            raise InputError(f"point {self.label}", free, "a ledger with numbers for all symbols")
        return float(value)


_COLOURS = ("#1f5fa8", "#c0561f", "#3a7d44", "#7b4397")
_MARKERS = ("o", "s", "^", "D")
_ROOFS = ("#222222", "#888888", "#b08d2a", "#4c8c8a")


def roofline(
    machines: Machine | Sequence[Machine],
    points: Iterable[Point | tuple[str, Ledger]] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw the roofs of machines and where steps stand under the first of them.

    Parameters
    ----------
    machines : Machine or sequence of Machine
        With numbers for peak and bandwidth. Points are placed under the first one's roof.
    points : iterable of Point, or of (label, Ledger)
        Steps to mark.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes if not given.

    Returns
    -------
    matplotlib.axes.Axes
        The axes drawn into.

    Raises
    ------
    InputError
        If a machine or a point has symbols without numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only").at(B=8, b_w=2)
    >>> ax = roofline(rs.machine("h100-sxm"), [Point("B = 8", led, "decode")])
    >>> ax.get_xlabel()
    'arithmetic intensity (FLOP/B)'
    """
    roofs = [machines] if isinstance(machines, Machine) else list(machines)
    for machine in roofs:
        if not machine.ridge.is_number:
            raise InputError("machine", machine.name, "numbers for peak and bandwidth")
    marks = [p if isinstance(p, Point) else Point(*p) for p in points]
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(8.5, 5.5), layout="constrained")
    intensities = [p.intensity() for p in marks]
    ridges = [float(m.ridge) for m in roofs]
    low = min([*intensities, *(r / 100 for r in ridges)]) / 2
    high = max([*intensities, *(r * 20 for r in ridges)]) * 2
    x = np.geomspace(low, high, 400)
    for machine, ridge, colour in zip(roofs, ridges, _cycle(_ROOFS, len(roofs)), strict=True):
        _roof(ax, machine, ridge, x, colour)
    _marks(ax, roofs[0], marks, intensities)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(low, high)
    ax.set_ylim(top=3 * max(float(m.peak) for m in roofs))
    ax.set_xlabel("arithmetic intensity (FLOP/B)")
    ax.set_ylabel("attainable rate (FLOP/s)")
    ax.grid(True, which="major", alpha=0.25)
    ax.legend(loc="lower right", frameon=False, fontsize=9)
    return ax


def _cycle(values: Sequence[str], n: int) -> list[str]:
    return [values[i % len(values)] for i in range(n)]


def _roof(ax: Axes, machine: Machine, ridge: float, x: np.ndarray, colour: str) -> None:
    peak, bandwidth = float(machine.peak), float(machine.bandwidth)
    label = (
        f"{machine.label}: {units.format_quantity(peak, 'FLOP/s')}, "
        f"{units.format_quantity(bandwidth, 'B/s')}, ridge {units.format_number(ridge, 3)} FLOP/B"
    )
    ax.plot(x, np.minimum(peak, bandwidth * x), color=colour, linewidth=1.8, label=label, zorder=2)
    ax.axvline(ridge, color=colour, linewidth=0.8, linestyle=":", zorder=1)


def _marks(ax: Axes, machine: Machine, points: list[Point], intensities: list[float]) -> None:
    series = list(dict.fromkeys(p.series for p in points))
    for index, name in enumerate(series):
        colour, marker = _COLOURS[index % 4], _MARKERS[index % 4]
        # Series take turns below and above the roof, so that their labels do not meet.
        sloped = ((7, -3), "left", "top") if index % 2 == 0 else ((-7, 6), "right", "bottom")
        flat = ((0, -9), "center", "top") if index % 2 == 0 else ((0, 9), "center", "bottom")
        for point, intensity in zip(points, intensities, strict=True):
            if point.series != name:
                continue
            rate = float(Roofline(point.ledger, machine).attainable)
            first = point is next(p for p in points if p.series == name)
            ax.plot(
                intensity, rate, marker, color=colour, markersize=7, zorder=3,
                label=name if first and name else None,
            )  # fmt: skip
            offset, ha, va = flat if intensity > float(machine.ridge) else sloped
            ax.annotate(
                point.label, (intensity, rate), textcoords="offset points", xytext=offset,
                ha=ha, va=va, fontsize=8, color=colour,
            )  # fmt: skip

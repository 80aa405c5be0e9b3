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
    ax.set_xlabel("arithmetic intensity (FLOP/B)")
    ax.set_ylabel("attainable rate (FLOP/s)")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(low, high)
    ax.set_ylim(top=3 * max(float(m.peak) for m in roofs))
    _lay_out(ax)
    lines = [_described(m) for m in roofs] + [s for s in _series(marks) if s]
    legend = _room_for_legend(ax, roofs, lines)
    _marks(ax, roofs, marks, intensities, legend)
    ax.grid(True, which="major", alpha=0.25)
    # Ridge lines end where the legend begins.
    ax.legend(loc="lower right", framealpha=1, edgecolor="none", fontsize=_LEGEND)
    return ax


def _cycle(values: Sequence[str], n: int) -> list[str]:
    return [values[i % len(values)] for i in range(n)]


def _series(points: list[Point]) -> list[str]:
    return list(dict.fromkeys(p.series for p in points))


def _described(machine: Machine) -> str:
    return (
        f"{machine.label}: {units.format_quantity(float(machine.peak), 'FLOP/s')}, "
        f"{units.format_quantity(float(machine.bandwidth), 'B/s')}, "
        f"ridge {units.format_number(float(machine.ridge), 3)} FLOP/B"
    )


def _roof(ax: Axes, machine: Machine, ridge: float, x: np.ndarray, colour: str) -> None:
    rates = np.minimum(float(machine.peak), float(machine.bandwidth) * x)
    ax.plot(x, rates, color=colour, linewidth=1.8, label=_described(machine), zorder=2)
    ax.axvline(ridge, color=colour, linewidth=0.8, linestyle=":", zorder=1)


# Sizes in points, of 1/72 inch: letters, and the half-width of a marker with some air. A letter is
# about 0.58 of its size wide.
_LABEL, _LEGEND = 8, 9
_MARKER = 5.0
_LETTER = 0.58


def _lay_out(ax: Axes) -> None:
    """Give the axes the size that they will have, as nearly as is known by now."""
    figure = ax.figure.figure
    engine = figure.get_layout_engine() if figure is not None else None
    if engine is not None:
        engine.execute(figure)


def _frame(ax: Axes) -> np.ndarray:
    """Lower left and upper right corner of the axes."""
    box = ax.get_window_extent()
    return np.array([box.x0, box.y0, box.x1, box.y1]) * 72 / ax.figure.dpi


def _room_for_legend(ax: Axes, machines: Sequence[Machine], lines: Sequence[str]) -> np.ndarray:
    """Lower the axes' bottom until the legend, in the lower right corner, is below all roofs.

    Returns its box.
    """
    left, below, right, above = _frame(ax)
    width = min(_LETTER * _LEGEND * max(map(len, lines)) + 45, right - left)
    height = min(1.5 * _LEGEND * len(lines) + 10, 0.8 * (above - below))
    low, high = np.log(ax.get_xlim())
    edge = np.exp(high - width / (right - left) * (high - low))
    lowest = min(min(float(m.peak), float(m.bandwidth) * edge) for m in machines)
    bottom, top = np.log(ax.get_ylim())
    share = height / (above - below)
    ax.set_ylim(bottom=np.exp(min(bottom, (np.log(lowest) - share * top) / (1 - share))))
    return np.array([right - width, below, right, below + height])


def _marks(
    ax: Axes,
    machines: Sequence[Machine],
    points: list[Point],
    intensities: list[float],
    legend: np.ndarray,
) -> None:
    """Mark points under the first machine's roof, with labels where they cover least."""
    series = _series(points)
    rates = [float(Roofline(p.ledger, machines[0]).attainable) for p in points]
    for index, name in enumerate(series):
        own = [i for i, p in enumerate(points) if p.series == name]
        ax.plot(
            [intensities[i] for i in own], [rates[i] for i in own], _MARKERS[index % 4],
            color=_COLOURS[index % 4], markersize=7, zorder=3, label=name or None,
        )  # fmt: skip
    places = _Places(ax, machines, intensities, rates, legend)
    for point, intensity, rate in zip(points, intensities, rates, strict=True):
        index = series.index(point.series)
        # Series take turns below and above the roof, so that their labels do not meet.
        offset, far = places.take(
            point.label, intensity, rate,
            below=index % 2 == 0, flat=intensity > float(machines[0].ridge),
        )  # fmt: skip
        colour = _COLOURS[index % 4]
        line = {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 3}
        ax.annotate(
            point.label, (intensity, rate), textcoords="offset points", xytext=offset,
            ha="center", va="center", fontsize=_LABEL, color=colour,
            arrowprops=line if far else None,
        )  # fmt: skip


class _Places:
    """Where labels go: beside their markers, and neither on a roof nor on one another.

    A label takes the nearest place that covers least; all lengths are in points. The axes may
    still change size when the figure is laid out, so there is some air around everything.
    """

    def __init__(
        self,
        ax: Axes,
        machines: Sequence[Machine],
        x: Sequence[float],
        y: Sequence[float],
        legend: np.ndarray,
    ) -> None:
        self._ax = ax
        self._scale = 72 / ax.figure.dpi
        self._frame = _frame(ax)
        self._markers = self._at(x, y)
        self._taken = [legend]
        across = np.geomspace(*ax.get_xlim(), 1000)
        rates = [np.minimum(float(m.peak), float(m.bandwidth) * across) for m in machines]
        self._roofs = np.concatenate([self._at(across, rate) for rate in rates])
        up = np.geomspace(*ax.get_ylim(), 300)
        ridges = [self._at(np.full_like(up, float(m.ridge)), up) for m in machines]
        self._ridges = np.concatenate(ridges)

    def _at(self, x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> np.ndarray:
        pairs = np.column_stack([x, y])
        return np.asarray(self._ax.transData.transform(pairs)) * self._scale

    def take(
        self, label: str, x: float, y: float, below: bool, flat: bool
    ) -> tuple[tuple[float, float], bool]:
        """Offset of a label's centre from its marker, and whether it is far from it.

        No other label takes that place then.
        """
        width, height = _LETTER * _LABEL * len(label), 1.1 * _LABEL
        side, over = width / 2 + _MARKER + 1, height / 2 + _MARKER + 1
        away, along, middle = (side, 0.8 * over), (-side, 0.8 * over), (0.0, over)
        nearest = [middle, away, along] if flat else [away, (side, 0.0), (side / 2, over), middle]
        (centre,) = self._at([x], [y])
        half = np.array([width, height]) / 2
        best = None
        for ring, stretch in enumerate((1.0, 1.6, 2.4)):
            for sign in (-1, 1) if below else (1, -1):
                for across, up in nearest:
                    offset = (-sign * across * stretch, sign * up * stretch)
                    box = np.concatenate([centre + offset - half, centre + offset + half])
                    cost = self._cost(box) + 2 * ring
                    if best is None or cost < best[0]:
                        best = (cost, offset, ring > 0, box)
        assert best is not None
        _, offset, far, box = best
        self._taken.append(box)
        return offset, far

    def _cost(self, box: np.ndarray) -> float:
        inside = (box[:2] >= self._frame[:2] + 2).all() and (box[2:] <= self._frame[2:] - 2).all()
        labels = sum((box[:2] < t[2:] + 2).all() and (t[:2] - 2 < box[2:]).all()
                     for t in self._taken)  # fmt: skip
        return (
            20.0 * (not inside) + 10.0 * float(labels)
            + 10.0 * _any_in(self._markers, box, _MARKER)
            + 5.0 * _any_in(self._roofs, box, 2) + 0.3 * _any_in(self._ridges, box, 1)
        )  # fmt: skip


def _any_in(points: np.ndarray, box: np.ndarray, air: float) -> bool:
    return bool(((points > box[:2] - air) & (points < box[2:] + air)).all(axis=1).any())

"""Roofline: intensity, times, and what binds."""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from roofsym.hardware import Machine
from roofsym.ledger import Ledger


@dataclass(frozen=True)
class Roofline:
    """A step of a model on a machine, under the roofline model.

    The step takes the longer of the time to compute its FLOPs at peak and the time to move its
    bytes at full bandwidth (Williams, Waterman and Patterson, Communications of the ACM, 2009).

    Parameters
    ----------
    ledger : Ledger
        The step.
    machine : Machine
        The machine.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only").at(b_w=2)
    >>> rl = rs.Roofline(led, rs.Machine(peak=312e12, bandwidth=2e12))
    >>> rl.intensity, rl.ridge
    (B, 156)
    """

    ledger: Ledger
    machine: Machine

    @property
    def ridge(self) -> sympy.Expr:
        """Ridge point of the machine, FLOP/B."""
        return self.machine.ridge

    @property
    def intensity(self) -> sympy.Expr:
        """Arithmetic intensity of the step, FLOP/B."""
        return self.ledger.intensity

    @property
    def compute_time(self) -> sympy.Expr:
        """Seconds to compute the step's FLOPs at peak."""
        return self.ledger.flops / self.machine.peak

    @property
    def memory_time(self) -> sympy.Expr:
        """Seconds to move the step's bytes at full bandwidth."""
        return self.ledger.bytes / self.machine.bandwidth

    @property
    def link_time(self) -> sympy.Expr:
        """Seconds to send what a device sends to others (0 unless the step is divided)."""
        return self.ledger.link_bytes / self.machine.link_bandwidth

    @property
    def time(self) -> sympy.Expr:
        """Seconds the step takes at least: the longest of computing, moving and sending."""
        return sympy.Max(*self._times.values())

    @property
    def serial_time(self) -> sympy.Expr:
        """Seconds the step takes where sending waits for computing and the other way round."""
        return sympy.Max(self.compute_time, self.memory_time) + self.link_time

    @property
    def _times(self) -> dict[str, sympy.Expr]:
        times = {"compute": self.compute_time, "memory": self.memory_time}
        return times | ({"link": self.link_time} if self.ledger.link_bytes != 0 else {})

    @property
    def attainable(self) -> sympy.Expr:
        """Highest rate, FLOP/s, at which the machine can run a step of this intensity."""
        return sympy.Min(self.machine.peak, self.machine.bandwidth * self.intensity)

    @property
    def bound(self) -> str | None:
        """What binds: ``compute``, ``memory`` or ``link``; None while that depends on free symbols.

        At the ridge point exactly, a step counts as compute-bound.
        """
        for name, time in self._times.items():
            others = (other for other in self._times.values() if other is not time)
            if all(sympy.expand(time - other).is_nonnegative for other in others):
                return name
        return None

    @property
    def tokens_per_second(self) -> sympy.Expr:
        """New tokens per second, over all sequences of the step."""
        return self.ledger.bind(self.ledger.tokens) / self.time

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
    def time(self) -> sympy.Expr:
        """Seconds the step takes at least: the longer of the two."""
        return sympy.Max(self.compute_time, self.memory_time)

    @property
    def attainable(self) -> sympy.Expr:
        """Highest rate, FLOP/s, at which the machine can run a step of this intensity."""
        return sympy.Min(self.machine.peak, self.machine.bandwidth * self.intensity)

    @property
    def bound(self) -> str | None:
        """``compute`` or ``memory``, whichever binds; None while that depends on free symbols.

        At the ridge point exactly, a step counts as compute-bound.
        """
        slack = sympy.expand(self.compute_time - self.memory_time)
        if slack.is_nonnegative:
            return "compute"
        return "memory" if slack.is_negative else None

    @property
    def tokens_per_second(self) -> sympy.Expr:
        """New tokens per second, over all sequences of the step."""
        return self.ledger.bind(self.ledger.tokens) / self.time

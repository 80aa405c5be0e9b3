"""Entry and Ledger: counted work as an algebra - filter, group, total, scale, bind.

A ledger is a list of entries, each one kind of work or traffic of one operator. Every total,
intensity and closed form of the package is a sum over entries; none is typed by hand.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import sympy

from roofsym import symbols as sy
from roofsym import units, values
from roofsym.errors import InputError

QUANTITY_UNITS = MappingProxyType({"flops": "FLOP", "bytes": "B", "link_bytes": "B", "memory": "B"})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One kind of work, or one tensor read or written, of one operator.

    Attributes
    ----------
    operator : str
        The operator: ``q_proj``, ``score``, ``down_proj``, ...
    part : str
        The part of the model: ``embedding``, ``attention``, ``feed_forward``, ``norm``,
        ``residual`` or ``lm_head``.
    group : str
        The group of identical layers it belongs to; empty outside the layers.
    quantity : str
        ``flops``, ``bytes``, ``link_bytes`` (sent to other devices), or ``memory`` (bytes held
        after the step: see `Ledger.memory`).
    kind : str
        What is counted. FLOPs: ``linear``, ``attention``, ``per-weight``, ``softmax``, ``norm``,
        ``activation``, ``rotary``, ``residual``. Bytes: ``weight``, ``vector`` (weights of norms
        and biases), ``activation``, ``score``, ``probability``, ``kv``. Link bytes: ``all-reduce``,
        ``all-gather``, ``all-to-all``.
    access : str
        ``read`` or ``write`` for bytes, ``compute`` for FLOPs, ``send`` for link bytes, ``hold``
        for memory.
    scheme : str
        Which way of counting the entry belongs to, where there are several for the same traffic
        (`roofsym.conventions` says which there are and selects); empty otherwise.
    amount : sympy.Expr
        FLOP or bytes of one step in one layer (or in the model, outside the layers).
    count : sympy.Expr
        Number of layers.
    """

    operator: str
    part: str
    group: str
    quantity: str
    kind: str
    access: str
    amount: sympy.Expr
    count: sympy.Expr = sympy.S.One
    scheme: str = ""

    @property
    def total(self) -> sympy.Expr:
        """FLOP or bytes of one step, over all layers of the group."""
        return self.count * self.amount


_TAGS = ("operator", "part", "group", "quantity", "kind", "access", "scheme")


@dataclass(frozen=True, repr=False)
class Ledger:
    """Entries of one step of a model, counted under one convention, with values bound to symbols.

    Attributes
    ----------
    entries : tuple of Entry
        The entries, symbolic in the step, the model's dimensions and the bytes per element.
    values : mapping of sympy.Symbol to sympy.Expr
        What is known of the symbols. Totals are evaluated with these; ``.symbolic`` is not.
    model : str
        Name of the model, for printing.
    convention : str
        Name of the convention, for printing.
    phase : str
        ``step``, ``prefill``, ``decode``, ``verify`` or ``chunk``.
    tokens : sympy.Expr
        New tokens in the step.
    pairs : sympy.Expr
        Pairs of query and key per head and sequence that cost attention FLOPs, without a window.
    held : tuple of Entry
        What stays in memory after the step: no convention changes it, and it is no traffic.
    config_keys : mapping of str to (str or sympy.Expr)
        Where the model's config has its dimensions: see `Transformer`.
    remake : callable, optional
        Makes the ledger of another phase of the same model, with switches of the convention set
        otherwise.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = rs.decode(rs.Transformer(), convention="weights-only")
    >>> led
    <Ledger transformer: decode, counted as weights-only, 24 entries>
    >>> led.intensity
    2*B/b_w
    """

    entries: tuple[Entry, ...]
    values: Mapping[sympy.Symbol, sympy.Expr] = field(default_factory=dict)
    model: str = "transformer"
    convention: str = ""
    phase: str = "step"
    tokens: sympy.Expr = sy.B * sy.S
    pairs: sympy.Expr = sy.S * sy.L
    held: tuple[Entry, ...] = ()
    config_keys: Mapping[str, str | sympy.Expr] = field(default_factory=dict, compare=False)
    remake: Callable[..., Ledger] | None = field(default=None, compare=False)
    _sums: dict[object, sympy.Expr] = field(default_factory=dict, compare=False)

    # --- algebra ---------------------------------------------------------------------------

    def filter(self, **tags: str | Iterable[str]) -> Ledger:
        """Ledger of the entries with the given tags.

        Parameters
        ----------
        **tags : str or iterable of str
            Accepted values of `operator`, `part`, `group`, `quantity`, `kind`, `access`,
            `scheme`.

        Raises
        ------
        InputError
            If a tag does not exist, or no entry of the ledger has the value asked for.

        Examples
        --------
        >>> import roofsym as rs
        >>> led = rs.decode(rs.Transformer())
        >>> led.filter(part="attention", kind="kv", access="read").bytes
        2*B*L*b_kv*head_dim*n_kv_heads*n_layers
        """
        kept = list(self.entries)
        for tag, wanted in tags.items():
            if tag not in _TAGS:
                raise InputError("tag", tag, "one of " + ", ".join(_TAGS))
            accepted = {wanted} if isinstance(wanted, str) else set(wanted)
            present = {getattr(e, tag) for e in self.entries}
            if unknown := accepted - present:
                listing = ", ".join(sorted(present - {""}))
                raise InputError(tag, min(unknown), f"one of {listing}")
            kept = [e for e in kept if getattr(e, tag) in accepted]
        return self.keep(kept)

    def keep(self, entries: Iterable[Entry]) -> Ledger:
        """Ledger of some of the entries; it can no longer be asked for in another phase."""
        return dataclasses.replace(self, entries=tuple(entries), remake=None, _sums={})

    def group_by(self, tag: str) -> dict[str, Ledger]:
        """Ledgers by the value of a tag, in order of first appearance.

        Raises
        ------
        InputError
            If there is no such tag.

        Examples
        --------
        >>> import roofsym as rs
        >>> parts = rs.decode(rs.Transformer()).group_by("part")
        >>> list(parts)
        ['embedding', 'norm', 'attention', 'feed_forward', 'lm_head']
        """
        if tag not in _TAGS:
            raise InputError("tag", tag, "one of " + ", ".join(_TAGS))
        groups: dict[str, list[Entry]] = {}
        for entry in self.entries:
            groups.setdefault(getattr(entry, tag), []).append(entry)
        return {key: self.keep(group) for key, group in groups.items()}

    @property
    def memory(self) -> Ledger:
        """Ledger of what stays in memory after the step: all weights, and the KV cache.

        Working memory for activations is not part of it: it depends on the implementation.

        Examples
        --------
        >>> import roofsym as rs
        >>> led = rs.decode(rs.Transformer())
        >>> led.memory.filter(kind="kv").symbolic("memory")
        2*B*b_kv*head_dim*n_kv_heads*n_layers*(L + 1)
        """
        return self.keep(self.held)

    def scale(self, factor: object) -> Ledger:
        """Ledger with every entry multiplied by a positive number or expression."""
        exact = factor if isinstance(factor, sympy.Expr) else values.positive(factor, "factor")
        return self.keep(dataclasses.replace(e, amount=e.amount * exact) for e in self.entries)

    def at(self, **given: object) -> Ledger:
        """Ledger with values bound to symbols, exactly.

        Parameters
        ----------
        **given : number or sympy.Expr
            Values by symbol name.

        Raises
        ------
        InputError
            If a name is no symbol or a value is not a finite number > 0 (>= 0 for ``L``).

        Examples
        --------
        >>> import roofsym as rs
        >>> led = rs.decode(rs.Transformer(), convention="weights-only")
        >>> led.at(B=1, b_w=2).intensity
        1
        """
        bound = values.bindings(given)
        merged = {**self.values, **bound}
        closed = {
            symbol: value.xreplace(merged) if value.free_symbols else value
            for symbol, value in merged.items()
        }
        return dataclasses.replace(self, values=closed)

    def without(self, symbol: sympy.Symbol) -> Ledger:
        """Ledger in which a symbol has no value."""
        kept = {s: v for s, v in self.values.items() if s != symbol}
        return dataclasses.replace(self, values=kept)

    def bind(self, expr: sympy.Expr) -> sympy.Expr:
        """Expression with this ledger's values put in."""
        return values.put(expr, self.values)

    def in_phase(self, phase: str) -> Ledger:
        """Ledger of another phase of the same model and convention, with the same values.

        Raises
        ------
        InputError
            If the phase is unknown, or this ledger is a part (filtered, scaled) of another.
        """
        return self if phase == self.phase else self.recounted(phase)

    def recounted(self, phase: str, **switches: object) -> Ledger:
        """Ledger of a phase, with switches of the convention set otherwise, with the same values.

        Raises
        ------
        InputError
            If the phase or a switch is unknown, or this ledger is a part of another.
        """
        if self.remake is None:
            raise InputError("phase", phase, f"{self.phase}: a filtered ledger keeps its phase")
        made = self.remake(phase, **switches)
        # The model's values are among this ledger's, but for those that it was left without.
        return dataclasses.replace(made, values=self.values)

    def __repr__(self) -> str:
        counted = f", counted as {self.convention}" if self.convention else ""
        return f"<Ledger {self.model}: {self.phase}{counted}, {len(self.entries)} entries>"

    def _repr_latex_(self) -> str:
        # Closed forms and rendering know ledgers, not the other way round.
        from roofsym.closed_form import closed_form
        from roofsym.render.expression import render

        letters = {"flops": "F", "bytes": "Q"}
        forms = {x: render(closed_form(self, x).expr, "latex") for x in letters}
        shown = r", \quad ".join(f"{letters[x]} = {latex}" for x, latex in forms.items())
        return rf"$\displaystyle {shown}$"

    # --- totals ----------------------------------------------------------------------------

    def symbolic(
        self, quantity: str, kind: Iterable[str] = (), access: str | None = None
    ) -> sympy.Expr:
        """Sum of entries, in symbols only: the values bound are not put in.

        Parameters
        ----------
        quantity : str
            ``flops``, ``bytes``, ``link_bytes`` or ``memory``.
        kind : iterable of str
            Kinds to sum; all if empty.
        access : str, optional
            ``read`` or ``write``; both if not given.
        """
        key = (quantity, *sorted(kind), access)
        if key not in self._sums:
            total = sympy.Add(
                *(
                    e.total
                    for e in self.entries
                    if e.quantity == quantity
                    and (not kind or e.kind in kind)
                    and access in (None, e.access)
                )
            )
            what = f"the {quantity} of a ledger"
            self._sums[key] = units.require(total, QUANTITY_UNITS[quantity], what)
        return self._sums[key]

    def _bound(
        self, quantity: str, kind: Iterable[str] = (), access: str | None = None
    ) -> sympy.Expr:
        """Sum of entries with the values put in; all but the step's are put in once and kept."""
        fixed, moving = self._split
        key = (quantity, *sorted(kind), access, fixed)
        if key not in self._sums:
            self._sums[key] = values.put(self.symbolic(quantity, kind, access), dict(fixed))
        return values.put(self._sums[key], moving)

    @functools.cached_property
    def _split(
        self,
    ) -> tuple[frozenset[tuple[sympy.Symbol, sympy.Expr]], dict[sympy.Symbol, sympy.Expr]]:
        """Values of the model and its precision, and those of the step, which change often."""
        moving = {s: v for s, v in self.values.items() if sy.info(s).role == "step"}
        return frozenset((s, v) for s, v in self.values.items() if s not in moving), moving

    @property
    def flops(self) -> sympy.Expr:
        """FLOP of the step."""
        return self._bound("flops")

    @property
    def bytes(self) -> sympy.Expr:
        """Bytes read and written by the step."""
        return self._bound("bytes")

    @property
    def link_bytes(self) -> sympy.Expr:
        """Bytes sent to other devices: 0 unless the step is divided (`roofsym.parallel`)."""
        return self._bound("link_bytes")

    @property
    def weight_bytes(self) -> sympy.Expr:
        """Bytes of weights read by the step: matrices, embedding rows, norms and biases."""
        return self._bound("bytes", ("weight", "vector", "scale"))

    @property
    def kv_bytes(self) -> sympy.Expr:
        """Bytes of KV cache read and written by the step."""
        return self._bound("bytes", ("kv",))

    @property
    def kv_read_bytes(self) -> sympy.Expr:
        """Bytes of KV cache read by the step."""
        return self._bound("bytes", ("kv",), "read")

    @property
    def kv_write_bytes(self) -> sympy.Expr:
        """Bytes of KV cache written by the step."""
        return self._bound("bytes", ("kv",), "write")

    @property
    def activation_bytes(self) -> sympy.Expr:
        """Bytes of activations read and written, scores and probabilities included."""
        return self._bound("bytes", ("activation", "score", "probability"))

    @property
    def intensity(self) -> sympy.Expr:
        """Arithmetic intensity of the step: FLOP per byte.

        Raises
        ------
        InputError
            If no bytes are counted.
        """
        moved = self.bytes
        if moved == 0:
            raise InputError("intensity", "0 bytes", "a ledger that counts bytes")
        ratio = self.flops / moved
        return ratio if ratio.is_Rational else sympy.cancel(ratio)

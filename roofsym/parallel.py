"""How a step is divided over devices: the ledger of one device of several.

One device of ``t`` runs a narrower model: tensor parallelism puts ``n_heads/t``, ``d_ff/t`` and
``vocab_size/t`` in the place of the model's own widths (Shoeybi et al., "Megatron-LM", 2019), so
that what is divided and what every device has whole follows from the shapes of each operator, and
no cost is stated a second time. What the devices send to each other is sized by entries, too: each
addition to the residual stream needs the sum of all devices' parts.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import sympy

from roofsym import polynomial, units, values
from roofsym import symbols as sy
from roofsym.closed_form import ClosedForm, expanded, tidy
from roofsym.errors import InputError, ProofError
from roofsym.hardware import Machine
from roofsym.ledger import Entry, Ledger
from roofsym.roofline import Roofline
from roofsym.transformer import Transformer

# Of a tensor, what each device sends when they stand in a ring (Patarasuk and Yuan, "Bandwidth
# optimal all-reduce algorithms for clusters of workstations", 2009). An all-reduce is a
# reduce-scatter and an all-gather, each of t − 1 passes of one part in t. Of tokens routed to
# devices at random, one in t is at home.
_PASS = 1 - 1 / sy.t
SENT: Mapping[str, sympy.Expr] = MappingProxyType(
    {"all-reduce": 2 * _PASS, "all-gather": _PASS, "all-to-all": _PASS}
)
"""Part of a tensor that each of ``t`` devices sends, by what they do together."""

KV_HEADS = sympy.Max(1, sy.n_kv_heads / sy.t)
"""KV heads of one device: fewer than one it cannot have, so that beyond ``n_kv_heads`` devices
several keep the same head."""

_NARROWED = {
    sy.n_kv_heads: KV_HEADS,
    **{
        width: width / sy.t
        for width in (sy.n_heads, sy.d_ff, sy.d_expert, sy.d_shared, sy.vocab_size)
    },
}


def tensor_parallel(ledger: Ledger, degree: int | None = None) -> Ledger:
    """Ledger of one device of a step whose matrices are divided over ``t`` devices.

    Projections of queries, keys and values and the first matrices of a feed-forward block are
    divided by columns, the output projection and the last matrix by rows, experts like any other
    block, embedding and LM head by the vocabulary; attention by heads, and the KV cache by KV
    heads as far as there are any. Norms, routers, latents of latent attention and biases of
    matrices divided by rows are on every device. Each addition to the residual stream, and the
    embedding, costs an all-reduce in ``b_a`` bytes per element, and the logits an all-gather.

    Parameters
    ----------
    ledger : Ledger
        A whole step of a model, in any phase and under any convention.
    degree : int, optional
        Number of devices; ``t`` stays a symbol if not given.

    Returns
    -------
    Ledger
        What one device computes, reads, writes and (``link_bytes``) sends. Not counted: latency,
        and the sums that norms over divided queries and keys need. Blocks that run attention and
        feed-forward side by side are counted with two all-reduces, as all others, though one is
        enough for them.

    Raises
    ------
    InputError
        If the ledger is a part of another or already divided, or the heads cannot be divided so.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = tensor_parallel(rs.decode(rs.Transformer(n_layers=2, d_model=64)))
    >>> led.filter(operator="attention_residual").link_bytes
    128*B*b_a*(2 - 2/t)
    >>> led.filter(operator="score", quantity="flops").flops
    4*B*head_dim*n_heads*(L + 1)/t
    """
    entries = (*map(_narrowed, ledger.entries), *_exchanges(ledger))
    made = _one_of(ledger, entries, tensor_parallel)
    return made if degree is None else made.at(t=_checked(ledger, degree))


def _one_of(whole: Ledger, entries: Iterable[Entry], divide: Callable[[Ledger], Ledger]) -> Ledger:
    """Ledger of one device, which can be asked for in another phase as the whole step can."""
    if any(e.quantity == "link_bytes" for e in whole.entries):
        raise InputError("ledger", "one of a divided step", "the ledger of a whole step")
    again = functools.partial(_again, divide, whole)
    return dataclasses.replace(whole, entries=tuple(entries), remake=again, _sums={})


def _again(
    divide: Callable[[Ledger], Ledger], whole: Ledger, phase: str, **switches: object
) -> Ledger:
    return divide(whole.recounted(phase, **switches))


def _narrowed(entry: Entry) -> Entry:
    if entry.operator == "embedding" and entry.kind in ("weight", "scale"):
        # Rows are gathered where they are: of those that the step needs, one in t on average.
        return dataclasses.replace(entry, amount=entry.amount / sy.t)
    return dataclasses.replace(entry, amount=entry.amount.xreplace(_NARROWED))


def _written(ledger: Ledger) -> Iterator[Entry]:
    """Tensors that the operators write, whichever the ledger's own convention counts."""
    for entry in ledger.recounted(ledger.phase, activations="pointwise").entries:
        if entry.kind == "activation" and entry.access == "write":
            yield entry


def _exchanges(ledger: Ledger) -> Iterator[Entry]:
    """What the devices send to each other, sized by the tensors that the operators write."""
    for entry in _written(ledger):
        if entry.part == "residual" or entry.operator == "embedding":
            yield _sent(entry, "all-reduce")
        elif entry.operator == "lm_head":
            yield _sent(entry, "all-gather")


def _sent(entry: Entry, how: str) -> Entry:
    amount = entry.amount * SENT[how]
    return dataclasses.replace(
        entry, quantity="link_bytes", kind=how, access="send", scheme="", amount=amount
    )


def expert_parallel(ledger: Ledger, degree: int | None = None) -> Ledger:
    """Ledger of one device of a step whose sequences and experts are divided over ``t`` devices.

    Each device runs its own ``B/t`` sequences, with all weights but those of routed experts, and
    one part in ``t`` of the experts for the tokens of all devices. Each token is sent to its
    experts and comes back: two all-to-alls of ``top_k`` residual streams per token and layer.

    Parameters
    ----------
    ledger : Ledger
        A whole step of a mixture of experts; ``B`` are the sequences of all devices.
    degree : int, optional
        Number of devices; ``t`` stays a symbol if not given.

    Returns
    -------
    Ledger
        What one device computes, reads, writes and sends, under uniform routing.

    Raises
    ------
    InputError
        If the model has no routed experts, the ledger is a part of another or already divided, or
        the experts cannot be divided so.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = expert_parallel(rs.decode(rs.model("mixtral-8x7b")), 8).at(B=1024)
    >>> led.filter(quantity="link_bytes").link_bytes
    58720256*b_a
    """
    sparse = {e.group for e in ledger.entries if e.operator == "experts"}
    if not sparse:
        raise InputError("model", ledger.model, "one with routed experts")
    home = {sy.B: sy.B / sy.t}
    routed = [
        dataclasses.replace(entry, operator=name, part="experts", amount=sy.top_k * entry.amount)
        for entry in _written(ledger)
        if entry.operator == "feed_forward_residual" and entry.group in sparse
        for name in ("dispatch", "combine")
    ]
    entries = [
        *(
            dataclasses.replace(
                e, amount=e.amount / sy.t if e.operator == "experts" else e.amount.xreplace(home)
            )
            for e in ledger.entries
        ),
        *(
            dataclasses.replace(e, amount=e.amount.xreplace(home))
            for e in (_sent(entry, "all-to-all") for entry in routed)
        ),
    ]  # fmt: skip
    made = _one_of(ledger, entries, expert_parallel)
    if degree is None:
        return made
    number, experts = values.positive(degree, "degree"), ledger.bind(sy.n_experts)
    if not number.is_Integer or (experts.is_number and not (experts / number).is_Integer):
        raise InputError("degree", degree, f"a divisor of n_experts = {experts}")
    return made.at(t=number)


def _checked(ledger: Ledger, degree: int) -> int:
    """A degree that divides the heads, and the KV heads or is a multiple of them."""
    number = values.positive(degree, "degree")
    if not number.is_Integer:
        raise InputError("degree", degree, "a whole number of devices")
    heads, kv_heads = (ledger.bind(s) for s in (sy.n_heads, sy.n_kv_heads))
    if heads.is_number and not (heads / number).is_Integer:
        raise InputError("degree", degree, f"a divisor of n_heads = {heads}")
    shares = (kv_heads / number, number / kv_heads)
    if kv_heads.is_number and not any(share.is_Integer for share in shares):
        accepted = f"a divisor or a multiple of n_kv_heads = {kv_heads}"
        raise InputError("degree", degree, accepted)
    return int(number)


def footprint(
    model: Transformer, B: object = sy.B, S: object = sy.S, L: object = sy.L
) -> sympy.Expr:
    """Bytes that one device of a tensor-parallel model holds after a step: weights and KV cache.

    Parameters
    ----------
    model : Transformer
        The whole model.
    B, S, L : number or sympy.Expr
        The step.

    Returns
    -------
    sympy.Expr
        Bytes, in ``t``.

    Raises
    ------
    InputError
        If the step is neither numbers nor expressions.

    Examples
    --------
    >>> import roofsym as rs
    >>> held = footprint(rs.model("llama-3.1-70b"), B=32, S=1, L=8191)
    >>> x = rs.crossover(held.xreplace({sy.b_w: 2, sy.b_kv: 2}), sympy.Integer(80 * 10**9), sy.t)
    >>> round(float(x.value), 2)
    2.84
    """
    step = tuple(values.expression(x, n) for x, n in ((B, "B"), (S, "S"), (L, "L")))
    held = sympy.Add(*(e.total for e in model.structure.held(*step))).xreplace(_NARROWED)
    return units.require(held, "B", "memory").xreplace(dict(model.values))


_SHARES = {
    "flops": (sy.flops_divided, sy.flops_per_kv_head, sy.flops_whole),
    "bytes": (sy.bytes_divided, sy.bytes_per_kv_head, sy.bytes_whole),
}


def by_degree(ledger: Ledger, quantity: str) -> ClosedForm:
    """Total of one device of a tensor-parallel step as a function of the degree ``t``.

    Parameters
    ----------
    ledger : Ledger
        What `tensor_parallel` returns.
    quantity : str
        ``flops``, ``bytes`` or ``link_bytes``.

    Returns
    -------
    ClosedForm
        What is divided over the devices by ``t``, what each device has per KV head, and what each
        has whole, as named constants with their definitions; of link bytes, what each of very many
        devices sends.

    Raises
    ------
    ProofError
        If that is not the sum of the entries: a defect.

    Examples
    --------
    >>> import roofsym as rs
    >>> form = by_degree(tensor_parallel(rs.decode(rs.Transformer())), "bytes")
    >>> form.expr
    bytes_divided/t + bytes_per_kv_head*Max(1, n_kv_heads/t) + bytes_whole
    >>> sympy.expand(form.definitions[sy.bytes_whole]).coeff(sy.b_w)
    2*d_model*n_layers + d_model
    """
    total = ledger.symbolic(quantity)

    def at(per_device: int, kv_heads: int) -> sympy.Expr:
        return total.xreplace(
            {KV_HEADS: sympy.Integer(kv_heads), 1 / sy.t: sympy.Integer(per_device)}
        )

    whole = at(0, 0)
    if quantity == "link_bytes":
        found = {sy.exchanged: whole}
        expr = sy.exchanged * _PASS
    else:
        divided, per_kv_head, every = _SHARES[quantity]
        found = {divided: at(1, 0) - whole, per_kv_head: at(0, 1) - whole, every: whole}
        expr = divided / sy.t + per_kv_head * KV_HEADS + every
    found = {s: tidy(sympy.expand(x)) for s, x in found.items()}
    none = {s: sympy.S.Zero for s, x in found.items() if x == 0}
    expr = expr.xreplace(none)
    definitions = {s: x for s, x in found.items() if x != 0}
    units.require(expr, "FLOP" if quantity == "flops" else "B", quantity)
    proof = expr.xreplace(definitions) - total
    if not polynomial.is_zero(proof):
        raise ProofError(f"{quantity} by degree is not the sum of the ledger: {proof}")
    return ClosedForm(expr, definitions, ledger.values)


def divided(ledger: Ledger) -> Ledger:
    """Ledger of what tensor parallelism divides, undivided; and of all that it may cost to send.

    With up to ``n_kv_heads`` devices, one device of ``t`` has one part in ``t`` of these FLOPs and
    bytes beside what it has whole, and sends ``1 − 1/t`` of these link bytes.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = divided(tensor_parallel(rs.decode(rs.Transformer())))
    >>> led.kv_read_bytes
    2*B*L*b_kv*head_dim*n_kv_heads*n_layers
    >>> led.filter(operator="embedding").link_bytes
    2*B*b_a*d_model
    """
    nothing = {KV_HEADS: sympy.S.Zero, 1 / sy.t: sympy.S.Zero}
    one = {KV_HEADS: sy.n_kv_heads, 1 / sy.t: sympy.S.One}
    parts = []
    for entry in ledger.entries:
        whole = entry.amount.xreplace(nothing)
        if entry.quantity == "link_bytes":
            part = whole
        else:
            part = entry.amount.xreplace(one)
            part = expanded(part if whole == 0 else part - whole)
        if part != 0:
            parts.append(dataclasses.replace(entry, amount=part))
    return ledger.keep(parts)


@dataclass(frozen=True)
class Scaling:
    """One device of a step that is divided over some number of them.

    Attributes
    ----------
    degree : int
        Number of devices.
    roofline : Roofline
        What the device does.
    speed_up, serial_speed_up : sympy.Expr
        Time on one device over time on so many, with sending done behind computing, and without.
    """

    degree: int
    roofline: Roofline
    speed_up: sympy.Expr
    serial_speed_up: sympy.Expr


def degrees(ledger: Ledger, most: int = 64) -> tuple[int, ...]:
    """Numbers of devices, up to `most`, over which the heads of a model can be divided.

    Examples
    --------
    >>> import roofsym as rs
    >>> degrees(rs.decode(rs.model("llama-3.1-70b")), most=16)
    (1, 2, 4, 8, 16)
    """
    found = []
    for degree in range(1, most + 1):
        try:
            found.append(_checked(ledger, degree))
        except InputError:
            continue
    return tuple(found)


def scaling(ledger: Ledger, machine: Machine, over: Iterable[int] = ()) -> tuple[Scaling, ...]:
    """How much faster a step is on more devices.

    Parameters
    ----------
    ledger : Ledger
        The whole step, with numbers.
    machine : Machine
        One of the devices, with a link bandwidth.
    over : iterable of int
        Numbers of devices; all that divide the heads, up to 64, if none is given.

    Raises
    ------
    InputError
        If a degree does not divide the heads.

    Examples
    --------
    >>> import roofsym as rs
    >>> step = rs.decode(rs.model("llama-3.1-70b")).at(b_w=2, b_a=2, b_kv=2, B=1, L=4096)
    >>> rows = scaling(step, rs.machine("h100-sxm", dtype="bf16"), over=(1, 8))
    >>> [(r.degree, r.roofline.bound, round(float(r.serial_speed_up), 2)) for r in rows]
    [(1, 'memory', 1.0), (8, 'memory', 7.98)]
    """
    alone = Roofline(ledger, machine)
    rows = []
    for degree in tuple(over) or degrees(ledger):
        one = Roofline(tensor_parallel(ledger, degree), machine)
        rows.append(
            Scaling(
                degree, one, alone.time / one.time, alone.serial_time / one.serial_time,
            )
        )  # fmt: skip
    return tuple(rows)


def best_degree(
    ledger: Ledger, machine: Machine, most: int = 64, *, overlapped: bool = False
) -> Scaling:
    """Number of devices, up to `most`, on which a step is fastest; of equally fast, the fewest.

    Parameters
    ----------
    overlapped : bool
        Whether sending is done behind computing and reading.

    Examples
    --------
    >>> import roofsym as rs
    >>> step = rs.decode(rs.model("llama-3.1-70b")).at(b_w=2, b_a=2, b_kv=2, B=64, L=4096)
    >>> slow = rs.machine("h100-sxm", dtype="bf16").at(link_bandwidth=64e9)
    >>> [best_degree(step, slow, overlapped=way).degree for way in (True, False)]
    [32, 64]
    """
    rows = scaling(ledger, machine, degrees(ledger, most))
    return max(rows, key=lambda r: r.speed_up if overlapped else r.serial_speed_up)

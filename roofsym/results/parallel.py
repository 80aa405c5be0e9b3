"""The named results of tensor parallelism: when a divided step is bound by its links.

Each takes a step, whole or already divided (`roofsym.parallel.tensor_parallel`), and the machine.
"""

from __future__ import annotations

import sympy

from roofsym import parallel, units
from roofsym import symbols as sy
from roofsym.closed_form import ClosedForm, closed_form
from roofsym.derivation import Label
from roofsym.hardware import Machine
from roofsym.ledger import Ledger
from roofsym.results.parts import LINK_TIME, SHARED_BYTES, SHARED_FLOPS
from roofsym.results.question import Inquiry, Question, Result, Unknown, answers
from roofsym.roofline import Roofline

_SERIAL = "time of a {}-bound step that waits for what it sends"
_MEMORY_TIME, _COMPUTE_TIME = (
    Label(f"T_{x}", rf"T_{{\mathrm{{{x}}}}}", "s", _SERIAL.format(x)) for x in ("memory", "compute")
)


# Of a part of a step, the constants are not those of the step.
_DIVIDED = {
    sy.w: sy.extra(
        "w_divided", "B", "weight bytes of a step that the devices divide among them",
        text="w_d", latex=r"w_{\mathrm{d}}", beside=sy.w,
    ),
    sy.a: sy.extra(
        "a_divided", "B", "bytes per new token that the devices divide among them",
        text="a_d", latex=r"a_{\mathrm{d}}", beside=sy.a,
    ),
    sy.phi: sy.extra(
        "phi_divided", "FLOP", "FLOPs per new token that the devices divide among them",
        text="φ_d", latex=r"\varphi_{\mathrm{d}}", beside=sy.phi,
    ),
}  # fmt: skip


def _divided(ledger: Ledger, quantity: str) -> ClosedForm:
    """Closed form of what the devices divide, in constants of its own."""
    return closed_form(ledger, quantity).renamed(_DIVIDED)


def _one_device(question: Question, ledger: Ledger) -> Ledger:
    """The step as one of its devices sees it: divided, if it is not yet."""
    found = question.step(ledger)
    if any(e.quantity == "link_bytes" for e in found.entries):
        return found
    return parallel.tensor_parallel(found)


LINK_BOUND_DEGREE = Question(
    name="link-bound-degree",
    title="degree of tensor parallelism from which decode sends for longer than it reads",
    label=Label("t*", "t^{*}"), phases=("decode",), left="the time to send",
    right="the time to move memory", symbol=sy.t,
    first="first degree at which sending takes longer",
    typical={"B": 64, "L": 512},
)  # fmt: skip


@answers(LINK_BOUND_DEGREE)
def link_bound_degree(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Degree of tensor parallelism from which a decode step sends for longer than it reads.

    Where the step is compute-bound there, its links bind later, and the derivation says so.

    Parameters
    ----------
    ledger : Ledger
        One device of the step, as `roofsym.parallel.tensor_parallel` returns it, ``t`` free.
    machine : Machine
        One of the devices.

    Returns
    -------
    Result
        The degree. ``never`` where even very many devices read for longer than they send, because
        of what each of them has whole.

    Raises
    ------
    InputError
        If ``t``, which is solved for, has a value.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = parallel.tensor_parallel(rs.decode(rs.model("llama-3.1-70b"))).at(B=64, L=512)
    >>> x = link_bound_degree(led.at(b_w=2, b_a=2, b_kv=2), rs.machine("h100-sxm"))
    >>> x.whole, round(float(x.value), 2)
    (391, 390.18)
    """
    return _degree(LINK_BOUND_DEGREE, ledger, machine, symbol, "bytes", sy.bandwidth)


LINK_BOUND_PREFILL_DEGREE = Question(
    name="link-bound-prefill-degree",
    title="degree of tensor parallelism from which prefill sends for longer than it computes",
    label=Label("t*", "t^{*}"), phases=("prefill",), left="the time to send",
    right="the time to compute", symbol=sy.t,
    first="first degree at which sending takes longer",
    typical={"B": 1, "S": 8192},
)  # fmt: skip


@answers(LINK_BOUND_PREFILL_DEGREE)
def link_bound_prefill_degree(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Degree of tensor parallelism from which a prefill sends for longer than it computes.

    Both times are proportional to the batch, which decides nothing.

    Parameters
    ----------
    ledger : Ledger
        One device of the step, ``t`` free.
    machine : Machine
        One of the devices.

    Returns
    -------
    Result
        The degree.

    Raises
    ------
    InputError
        If ``t``, which is solved for, has a value.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = parallel.tensor_parallel(rs.prefill(rs.model("llama-3.1-70b"))).at(B=1, S=8192)
    >>> x = link_bound_prefill_degree(led.at(b_w=2, b_a=2, b_kv=2), rs.machine("h100-sxm"))
    >>> x.whole
    14
    """
    return _degree(LINK_BOUND_PREFILL_DEGREE, ledger, machine, symbol, "flops", sy.peak)


_SYMBOLS = {"flops": sy.flops, "bytes": sy.bytes_}


def _degree(
    question: Question, ledger: Ledger, machine: Machine, symbol: Unknown, quantity: str,
    machine_rate: sympy.Symbol,
) -> Result:  # fmt: skip
    one = _one_device(question, ledger)
    q = Inquiry.of(question, one, machine, symbol)
    d = q.d
    what = {"flops": "FLOPs of one device", "bytes": "Bytes that one device reads and writes"}
    own = d.total(what[quantity], _SYMBOLS[quantity], one, quantity, parallel.by_degree)
    sent = d.total(
        "Bytes that it sends, in rings of all devices", sy.link_bytes, one, "link_bytes",
        parallel.by_degree,
    )  # fmt: skip
    left, right = sent.expr / sy.link_bandwidth, own.expr / machine_rate
    d.limit("With very many devices, the time to send tends to", LINK_TIME, left, sy.t,
            sy.exchanged / sy.link_bandwidth)  # fmt: skip
    return _beside_the_other_roof(q.answer(left, right), one, machine)


def _beside_the_other_roof(found: Result, one: Ledger, machine: Machine) -> Result:
    """Say so where, at the crossing, the roof that was not asked about is the higher one."""
    value = found.value
    if value is None or not value.is_number:
        return found
    there = Roofline(one.without(found.symbol).at(**{found.symbol.name: value}), machine)
    times = {"computing": there.compute_time, "moving memory": there.memory_time}
    if all(time.is_number for time in times.values()) and not there.link_time.free_symbols:
        longest = max(times, key=lambda name: times[name])
        if sympy.N(times[longest] / there.link_time, 20) > 1 + sympy.Float("1e-12"):
            ratio = units.format_number(times[longest] / there.link_time)
            found.derivation.remark(f"There, {longest} takes {ratio} times as long as either.")
    return found


LINK_BOUND_BATCH = Question(
    name="link-bound-batch",
    title="batch from which tensor-parallel decode sends for longer than it reads",
    label=Label("B*", "B^{*}"), phases=("decode",), left="the time to send",
    right="the time to move memory", symbol=sy.B, natural=sy.L,
    first="first batch at which sending takes longer", typical={"L": 512, "t": 8},
)  # fmt: skip


@answers(LINK_BOUND_BATCH)
def link_bound_batch(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Batch from which a decode step that ``t`` devices divide sends for longer than it reads.

    Returns
    -------
    Result
        The batch, in sequences. It exists only while a sequence's own KV cache and activations
        take less time to move than what is sent for it.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = parallel.tensor_parallel(rs.decode(rs.Transformer()))
    >>> print(link_bound_batch(led, rs.Machine()).general.value)
    link_bandwidth*w/(bandwidth*sent_per_token - link_bandwidth*(L*kappa + a))
    """
    one = _one_device(LINK_BOUND_BATCH, ledger)
    q = Inquiry.of(LINK_BOUND_BATCH, one, machine, symbol)
    d = q.d
    moved = d.total("Bytes that one device reads and writes", sy.bytes_, one, "bytes")
    sent = d.total("Bytes that it sends", sy.link_bytes, one, "link_bytes")
    found = q.answer(sent.expr / sy.link_bandwidth, moved.expr / sy.bandwidth)
    return _beside_the_other_roof(found, one, machine)


FURTHER_DEVICES_BATCH = Question(
    name="further-devices-batch",
    title="batch from which further devices no longer make decode faster",
    label=Label("B*", "B^{*}"), phases=("decode",),
    left="the time to send in the limit",
    right="the time to compute or to move what is divided", symbol=sy.B, natural=sy.L,
    first="first batch at which one device is fastest", typical={"L": 128},
)  # fmt: skip


@answers(FURTHER_DEVICES_BATCH)
def further_devices_batch(ledger: Ledger, machine: Machine, symbol: Unknown = None) -> Result:
    """Batch from which dividing a decode step over more devices makes it slower.

    For a step whose sending waits for its reading and computing, and up to ``n_kv_heads`` devices.
    While the same of computing and memory binds, the time is then ``A/t + C``: it falls with every
    further device or with none, and the sign of ``A`` does not depend on their number.

    Returns
    -------
    Result
        The batch, in sequences. ``never`` where devices pay at every batch: where computing a token
        takes longer than sending for it, they do at large ones.

    Examples
    --------
    >>> import roofsym as rs
    >>> led = parallel.tensor_parallel(rs.decode(rs.model("llama-3.1-70b")))
    >>> led = led.at(b_w=2, b_a=2, b_kv=2, L=128)
    >>> slow = rs.machine("h100-pcie").at(link_bandwidth=16e9)
    >>> further_devices_batch(led, slow).whole
    221
    """
    one = _one_device(FURTHER_DEVICES_BATCH, ledger)
    q = Inquiry.of(FURTHER_DEVICES_BATCH, one, machine, symbol)
    d = q.d
    by_degree = parallel.by_degree
    moved = d.total("Bytes that one device reads and writes", sy.bytes_, one, "bytes", by_degree)
    sent = d.total("Bytes that it sends", sy.link_bytes, one, "link_bytes", by_degree)
    work = d.total("FLOPs of one device", sy.flops, one, "flops", by_degree)
    part = parallel.divided(one)
    computed = d.total(
        "Of the FLOPs of the whole step, the devices divide", SHARED_FLOPS, part, "flops", _divided
    )
    shared = d.total("Of its bytes, they divide", SHARED_BYTES, part, "bytes", _divided)
    most = d.total("In the limit, each sends", sy.exchanged, part, "link_bytes")
    # A latent is not divided by heads: of it, each device has the whole.
    up_to = " on up to n_kv_heads devices," if moved.expr.has(sy.n_kv_heads) else ""
    says = (
        f"Memory-bound and without overlap,{up_to} the time of a step is a multiple of 1/t and a "
        "rest: each further device saves time, or none does"
    )
    for text, time, total, divided, rate in (
        (says, _MEMORY_TIME, moved.expr, shared.expr, sy.bandwidth),
        ("Compute-bound likewise", _COMPUTE_TIME, work.expr, computed.expr, sy.peak),
    ):
        divided_heads = total.xreplace({parallel.KV_HEADS: sy.n_kv_heads / sy.t})
        saved = divided / rate - most.expr / sy.link_bandwidth
        whole = total.xreplace({parallel.KV_HEADS: sympy.S.Zero, 1 / sy.t: sympy.S.Zero})
        d.identity(
            text,
            divided_heads / rate + sent.expr / sy.link_bandwidth,
            saved / sy.t + whole / rate + most.expr / sy.link_bandwidth,
            time,
        )
    longer = sympy.Max(computed.expr / sy.peak, shared.expr / sy.bandwidth, evaluate=False)
    return q.answer(most.expr / sy.link_bandwidth, longer)

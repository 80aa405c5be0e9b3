"""A step divided over devices: against matrices really divided, rings really passed round, sums."""

from __future__ import annotations

import itertools
import pickle
from collections import Counter

import numpy as np
import pytest
import sympy
from support import CONVENTIONS, TINY, same

import roofsym as rs
from roofsym import parallel
from roofsym import symbols as sy
from roofsym.closed_form import closed_form
from roofsym.results import parallel as results_parallel
from roofsym.solve import crossover

TWO = {"b_w": 2, "b_a": 2, "b_kv": 2}
QUANTITIES = ("flops", "bytes")
# Half of the devices' ring passes would be no whole number of elements with odd widths.
EVEN = {**TINY, "d_model": 8, "d_ff": 8, "vocab_size": 12}
MODELS = {
    "symbolic": rs.Transformer(),
    "tiny": rs.Transformer(**EVEN),
    "gpt2": rs.model("gpt2"),
    "gemma-3-27b": rs.model("gemma-3-27b"),
    "deepseek-v3": rs.model("deepseek-v3"),
    "gpt-oss-120b": rs.model("gpt-oss-120b"),
}


# --- a layer whose matrices are really divided ----------------------------------------------------


class Device:
    """Multiplies matrices and counts what that costs."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()

    def linear(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        self.count["linear"] += 2 * x.shape[0] * w.size
        self.count["weights"] += w.size
        self.count["activations"] += x.size + x.shape[0] * w.shape[1]
        return x @ w

    def attention(self, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        self.count["attention"] += 2 * q.size * k.shape[0] + 2 * q.size * v.shape[0]
        scores = q @ k.T
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True) @ v


def layer(devices: list[Device], x: np.ndarray, w: dict[str, np.ndarray]) -> tuple[np.ndarray, int]:
    """One layer without norms over several devices, and the elements that are all-reduced."""
    t, hd = len(devices), EVEN["head_dim"]
    heads, kv_heads = EVEN["n_heads"] // t, max(1, EVEN["n_kv_heads"] // t)
    group = EVEN["n_heads"] // EVEN["n_kv_heads"]
    parts = []
    for i, device in enumerate(devices):
        mine = range(i * heads, (i + 1) * heads)
        first = mine[0] // group
        columns = slice(mine[0] * hd, (mine[-1] + 1) * hd)
        kept = slice(first * hd, (first + kv_heads) * hd)
        q = device.linear(x, w["q"][:, columns])
        k, v = device.linear(x, w["k"][:, kept]), device.linear(x, w["v"][:, kept])
        outs = []
        for head in mine:
            own = slice((head - mine[0]) * hd, (head - mine[0] + 1) * hd)
            shared = slice((head // group - first) * hd, (head // group - first + 1) * hd)
            outs.append(device.attention(q[:, own], k[:, shared], v[:, shared]))
        parts.append(device.linear(np.hstack(outs), w["o"][columns]))
    x = x + sum(parts)
    reduced = x.size
    parts = []
    for i, device in enumerate(devices):
        share = slice(i * EVEN["d_ff"] // t, (i + 1) * EVEN["d_ff"] // t)
        inner = device.linear(x, w["gate"][:, share]) * device.linear(x, w["up"][:, share])
        parts.append(device.linear(inner, w["down"][share]))
    return x + sum(parts), reduced + x.size


@pytest.mark.parametrize("degree", [1, 2, 4])
def test_a_layer_really_divided_costs_each_device_what_the_ledger_says(degree: int):
    d, hd, f = EVEN["d_model"], EVEN["head_dim"], EVEN["d_ff"]
    q, kv, tokens = EVEN["n_heads"] * hd, EVEN["n_kv_heads"] * hd, 5
    shapes = {
        "q": (d, q), "k": (d, kv), "v": (d, kv), "o": (q, d), "gate": (d, f), "up": (d, f),
        "down": (f, d),
    }  # fmt: skip
    source = np.random.default_rng(0)
    weights = {name: source.normal(size=shape) for name, shape in shapes.items()}
    x = source.normal(size=(tokens, d))
    devices = [Device() for _ in range(degree)]
    whole, reduced = layer(devices, x, weights)
    assert np.allclose(whole, layer([Device()], x, weights)[0])

    rules = rs.convention("fused-ops").replace(mask="full", lm_head="none", embedding="none")
    step = rs.prefill(rs.Transformer(**{**EVEN, "n_layers": 1}), rules)
    one = parallel.tensor_parallel(step, degree).at(B=1, S=tokens, b_w=1, b_a=1, b_kv=1)
    linears = [f"{n}_proj" for n in shapes]
    for device in devices:
        assert device.count["linear"] == one.filter(kind="linear").flops
        assert device.count["attention"] == one.filter(kind="attention").flops
        assert device.count["weights"] == one.filter(kind="weight").bytes
        work = one.filter(operator=linears, kind="activation")
        assert device.count["activations"] == work.bytes
    sent = one.filter(part="residual", quantity="link_bytes").link_bytes
    assert sent == reduced * 2 * sympy.Rational(degree - 1, degree)


@pytest.mark.parametrize("devices", [1, 2, 3, 8])
def test_a_ring_really_passed_round_sends_what_the_rule_says(devices: int):
    parts = np.random.default_rng(1).normal(size=(devices, devices, 6))
    held, sent = parts.copy(), [0] * devices
    # Reduce-scatter: each device adds what its neighbour has and passes another part on.
    for turn in range(devices - 1):
        moving = [(i, (i - turn) % devices) for i in range(devices)]
        for i, part in moving:
            sent[i] += held[i, part].size
        passed = {i: held[i, part].copy() for i, part in moving}
        for i, part in moving:
            held[(i + 1) % devices, part] += passed[i]
    scattered = list(sent)
    for turn in range(devices - 1):
        moving = [(i, (i + 1 - turn) % devices) for i in range(devices)]
        passed = {i: held[i, part].copy() for i, part in moving}
        for i, part in moving:
            sent[i] += held[i, part].size
            held[(i + 1) % devices, part] = passed[i]
    assert np.allclose(held, parts.sum(axis=0))
    size = parts[0].size
    rule = {how: share.xreplace({sy.t: devices}) * size for how, share in parallel.SENT.items()}
    assert set(sent) == {rule["all-reduce"]}
    assert {whole - first for whole, first in zip(sent, scattered, strict=True)} == {
        rule["all-gather"]
    }


# --- sums over devices ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_one_device_alone_has_everything_and_sends_nothing(name: str, convention: str):
    for phase in ("decode", "prefill"):
        whole = rs.step(MODELS[name], convention).in_phase(phase)
        one = parallel.tensor_parallel(whole)
        alone = {sy.t: sympy.S.One, parallel.KV_HEADS: sy.n_kv_heads}
        for quantity in QUANTITIES:
            assert same(one.symbolic(quantity).xreplace(alone), whole.symbolic(quantity))
        assert one.symbolic("link_bytes").xreplace(alone) == 0


@pytest.mark.parametrize("degree", [2, 4, 8])
def test_what_is_divided_adds_up_to_the_whole(degree: int):
    whole = rs.decode(rs.model("llama-3.1-8b")).at(**TWO, B=3, L=100)
    one = parallel.tensor_parallel(whole, degree)
    for kind in ("linear", "attention"):
        assert degree * one.filter(kind=kind).flops == whole.filter(kind=kind).flops
    for kind in ("weight", "kv"):
        assert degree * one.filter(kind=kind).bytes == whole.filter(kind=kind).bytes
    # Norms are whole on every device.
    assert one.filter(kind="vector").bytes == whole.filter(kind="vector").bytes


def test_beyond_the_kv_heads_each_device_keeps_one():
    whole = rs.decode(rs.model("llama-3.1-8b")).at(**TWO, B=1, L=1000)
    kv = [parallel.tensor_parallel(whole, t).kv_read_bytes for t in (4, 8, 16, 32)]
    assert [kv[0] / x for x in kv] == [1, 2, 2, 2]
    projections = [
        parallel.tensor_parallel(whole, t).filter(operator="k_proj", kind="linear").flops
        for t in (8, 16)
    ]
    assert projections[0] == projections[1]


def test_a_divided_ledger_pickles_and_can_still_be_asked_for_another_phase():
    one = pickle.loads(pickle.dumps(divided(B=1, L=0, t=8)))
    assert (
        one.in_phase("prefill").link_bytes == divided(B=1, L=0, t=8).in_phase("prefill").link_bytes
    )


def test_a_latent_is_whole_on_every_device():
    whole = rs.decode(rs.model("deepseek-v3")).at(B=1, L=1000, b_kv=2)
    assert parallel.tensor_parallel(whole, 8).kv_read_bytes == whole.kv_read_bytes


def test_two_all_reduces_of_the_residual_stream_per_layer():
    one = parallel.tensor_parallel(rs.step(rs.Transformer()))
    layers = one.filter(part="residual", quantity="link_bytes").symbolic("link_bytes")
    stream = sy.B * sy.S * sy.d_model * sy.b_a
    assert same(layers, 2 * sy.n_layers * 2 * (1 - 1 / sy.t) * stream)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_what_is_sent_does_not_depend_on_how_memory_is_counted(convention: str):
    sent = {
        parallel.tensor_parallel(rs.decode(rs.Transformer(), name))
        .filter(part="residual", quantity="link_bytes").symbolic("link_bytes")
        for name in ("fused-ops", convention)
    }  # fmt: skip
    assert len(sent) == 1


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("quantity", [*QUANTITIES, "link_bytes"])
def test_closed_forms_by_step_and_by_degree_are_the_sum(name: str, quantity: str):
    one = parallel.tensor_parallel(rs.decode(MODELS[name]))
    for made in (closed_form, parallel.by_degree):
        form = made(one, quantity)
        assert same(form.at_depth("dimensions"), one.symbolic(quantity))
    definitions = parallel.by_degree(one, quantity).definitions
    assert not any(definition.has(sy.t) for definition in definitions.values())


# --- times ----------------------------------------------------------------------------------------

H100 = rs.machine("h100-sxm", dtype="bf16")


def test_a_step_takes_the_longest_of_three_times():
    step = rs.decode(rs.model("llama-3.1-70b")).at(**TWO, L=128)
    slow = H100.at(link_bandwidth=16e9)
    bounds = {}
    for batch, machine in itertools.product((1, 4096), (H100, slow)):
        rl = rs.Roofline(parallel.tensor_parallel(step.at(B=batch), 8), machine)
        times = (rl.compute_time, rl.memory_time, rl.link_time)
        assert rl.time == max(times)
        assert rl.serial_time == max(times[:2]) + times[2]
        bounds[batch, machine.link_bandwidth] = rl.bound
    assert list(bounds.values()) == ["memory", "memory", "compute", "link"]


def test_a_whole_step_has_no_link_time():
    rl = rs.Roofline(rs.decode(rs.model("llama-3.1-8b")).at(**TWO, B=1, L=1), rs.Machine())
    assert rl.link_time == 0
    assert not rl.time.has(sy.link_bandwidth)


def divided(model: str = "llama-3.1-70b", **values: object) -> rs.Ledger:
    return parallel.tensor_parallel(rs.step(rs.model(model))).at(**TWO, **values)


def times(ledger: rs.Ledger, machine: rs.Machine, **values: object) -> tuple[sympy.Expr, ...]:
    rl = rs.Roofline(ledger.at(**values), machine)
    return rl.compute_time, rl.memory_time, rl.link_time


CASES = {
    "NVLink": (H100, 64, 512),
    "few KV heads": (H100.at(link_bandwidth=20e9), 256, 512),
    "slow link": (H100.at(link_bandwidth=2e9), 64, 128),
}


@pytest.mark.parametrize("case", CASES)
def test_link_bound_degree_is_where_sending_overtakes_reading(case: str):
    machine, batch, context = CASES[case]
    one = divided(B=batch, L=context)
    found = results_parallel.link_bound_degree(one, machine)
    _, memory, link = times(one.in_phase("decode"), machine, t=found.value)
    assert link == memory
    around = [times(one.in_phase("decode"), machine, t=found.whole - k) for k in (0, 1)]
    assert around[0][2] >= around[0][1]
    assert around[1][2] < around[1][1]


def test_link_bound_degree_on_both_sides_of_the_kv_heads():
    found = {
        case: results_parallel.link_bound_degree(divided(B=b, L=c), machine).value
        for case, (machine, b, c) in CASES.items()
    }
    assert found["NVLink"] > 8 > found["slow link"]


def test_never_link_bound_says_what_the_links_come_to():
    # What every device has whole (one KV head of a long context) takes longer than all sending.
    one = divided(B=64, L=4096)
    found = results_parallel.link_bound_degree(one, H100)
    assert found.outcome == "never"
    far = times(one.in_phase("decode"), H100, t=10**9)
    assert float(found.bound.ends) == pytest.approx(float(far[2] / far[1]), rel=1e-6)
    assert "0.2258 times" in found.reason


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "html"])
def test_derivations_are_printed_in_every_form(form: str):
    one = divided(B=64, L=512)
    for found in (
        results_parallel.link_bound_degree(one, H100),
        results_parallel.link_bound_prefill_degree(one.at(S=128), H100),
        results_parallel.link_bound_batch(divided(t=8, L=128), H100),
        results_parallel.further_devices_batch(divided(L=128), H100),
    ):
        for depth in ("constants", "numbers"):
            printed = getattr(found.derivation, form)(depth=depth)
            assert found.question.title[1:] in printed


@pytest.mark.parametrize("prompt", [128, 8192, 131072])
def test_prefill_turns_link_bound_whatever_the_batch(prompt: int):
    values = {
        results_parallel.link_bound_prefill_degree(divided(B=b, S=prompt), H100).value
        for b in (1, 7)
    }
    (value,) = values
    compute, _, link = times(divided(B=1, S=prompt).in_phase("prefill"), H100, t=value)
    assert compute == link


def test_link_bound_batch():
    one = divided(t=8, L=128)
    found = results_parallel.link_bound_batch(one, H100)
    _, memory, link = times(one.in_phase("decode"), H100, B=found.value)
    assert memory == link
    never = results_parallel.link_bound_batch(divided(t=8, L=8192), H100)
    assert never.outcome == "never"
    assert never.value is None
    far = times(divided(t=8, L=8192).in_phase("decode"), H100, B=10**12)
    assert float(never.bound.ends) == pytest.approx(float(far[2] / far[1]), rel=1e-6)


@pytest.mark.parametrize(
    "model", ["llama-3.1-70b", "gpt2", "mixtral-8x7b", "deepseek-v2", "gpt-oss-120b"]
)
def test_further_devices_pay_up_to_a_batch_and_not_beyond(model: str):
    machine = H100.at(link_bandwidth=4e9)
    one = divided(model, L=16)
    found = results_parallel.further_devices_batch(one, machine)
    assert found.outcome in ("crosses", "numeric")

    def serial(batch: object, t: int) -> sympy.Expr:
        compute, memory, link = times(one.in_phase("decode"), machine, B=batch, t=t)
        return sympy.Max(compute, memory) + link

    if found.value.is_Rational:
        assert serial(found.value, 1) == serial(found.value, 2) == serial(found.value, 4)
    for batch, sign in ((found.whole - 1, 1), (found.whole, -1)):
        steps = [serial(batch, t) for t in (1, 2, 4)]
        assert [sympy.sign(a - b) for a, b in itertools.pairwise(steps)] == [sign, sign]


def test_further_devices_pay_at_every_batch_where_computing_takes_longer_than_sending():
    # Llama-3.1-70B over PCIe: by their bytes alone, steps of more than 611 sequences would not.
    machine = H100.at(link_bandwidth=64e9)
    one = divided(L=128)
    found = results_parallel.further_devices_batch(one, machine)
    assert found.outcome == "never"
    for batch in (1, 611, 612, 2000, 10**6):
        waited = [rs.Roofline(one.in_phase("decode").at(B=batch, t=t), machine).serial_time
                  for t in (1, 2, 4, 8)]  # fmt: skip
        assert waited == sorted(waited, reverse=True)


@pytest.mark.parametrize(("share", "outcome"), [("0.999", "crosses"), ("1.001", "never")])
def test_links_as_fast_as_computing_decide_whether_further_devices_always_pay(share, outcome):
    # What very many devices send for a sequence, in the time in which one device computes it.
    one = divided(L=16)
    compute, _, _ = times(one.in_phase("decode"), H100, B=1, t=1)
    _, _, link = times(one.in_phase("decode"), H100, B=1, t=10**12)
    border = H100.link_bandwidth * link / compute
    machine = H100.at(link_bandwidth=sympy.Rational(share) * border)
    assert results_parallel.further_devices_batch(one, machine).outcome == outcome
    # With as many sequences as make memory nothing, beside.
    waited = [rs.Roofline(one.in_phase("decode").at(B=10**9, t=t), machine).serial_time
              for t in (1, 2, 4, 8)]  # fmt: skip
    assert waited == sorted(waited, reverse=outcome == "never")


def test_a_crossing_below_the_other_roof_is_said_to_be_one():
    def last(found: results_parallel.Result) -> str:
        return found.derivation.steps[-1].text

    one = divided(t=8, L=128)
    found = results_parallel.link_bound_batch(one, H100)
    compute, _, link = times(one.in_phase("decode"), H100, B=found.value)
    assert compute > link
    assert (
        last(found)
        == f"There, computing takes {float(compute / link):.3f} times as long as either."
    )
    slow = H100.at(link_bandwidth=16e9)
    bound = results_parallel.link_bound_batch(one, slow)
    assert rs.Roofline(one.in_phase("decode").at(B=bound.whole), slow).bound == "link"
    assert "as long as either" not in last(bound)


def test_devices_hold_what_the_ledger_divides():
    model = rs.model("llama-3.1-70b")
    held = parallel.footprint(model, B=4, S=1, L=999)
    sizes = {sy.b_w: sympy.Integer(2), sy.b_kv: sympy.Integer(2)}
    whole = model.memory_footprint(B=4, S=1, L=999).xreplace(sizes)
    per_device = [held.xreplace({**sizes, sy.t: sympy.Integer(t)}) for t in (1, 2, 8, 16)]
    assert per_device[0] == whole
    norms = 2 * (2 * 80 + 1) * 8192
    assert 8 * (per_device[2] - norms) == whole - norms
    assert per_device[3] > per_device[2] / 2


def test_the_best_degree_is_the_fastest():
    step = rs.decode(rs.model("llama-3.1-70b")).at(**TWO, B=64, L=4096)
    slow = H100.at(link_bandwidth=16e9)
    for overlapped, kind in ((True, "speed_up"), (False, "serial_speed_up")):
        best = parallel.best_degree(step, slow, most=32, overlapped=overlapped)
        rows = parallel.scaling(step, slow, over=(1, 2, 4, 8, 16, 32))
        assert getattr(best, kind) == max(getattr(row, kind) for row in rows)


def test_scaling_has_a_row_per_degree():
    step = rs.decode(rs.model("llama-3.1-70b")).at(**TWO, B=8, L=1024)
    rows = parallel.scaling(step, H100)
    assert [r.degree for r in rows] == [1, 2, 4, 8, 16, 32, 64]
    assert rows[0].speed_up == rows[0].serial_speed_up == 1
    for row in rows[1:]:
        assert row.speed_up == rows[0].roofline.time / row.roofline.time
        assert 1 < row.serial_speed_up < row.speed_up < row.degree


# --- experts --------------------------------------------------------------------------------------


def test_experts_divided_add_up_to_the_whole():
    whole = rs.decode(rs.model("mixtral-8x7b")).at(**TWO, B=64, L=100)
    one = parallel.expert_parallel(whole, 8)
    for kind in ("linear", "attention"):
        assert 8 * one.filter(kind=kind).flops == whole.filter(kind=kind).flops
    routed = {"operator": "experts", "kind": "weight"}
    assert 8 * one.filter(**routed).bytes == whole.filter(**routed).bytes
    assert 8 * one.kv_read_bytes == whole.kv_read_bytes
    rest = {"part": "attention", "kind": "weight"}
    assert one.filter(**rest).bytes == whole.filter(**rest).bytes
    alone = parallel.expert_parallel(whole).at(t=1)
    assert [alone.flops, alone.bytes, alone.link_bytes] == [whole.flops, whole.bytes, 0]


def test_a_token_visits_its_experts_and_comes_back():
    one = parallel.expert_parallel(rs.decode(rs.model("mixtral-8x7b")), 4).at(B=4, b_a=1)
    # 32 layers, one token at home, two experts, three in four of them elsewhere, there and back.
    assert one.link_bytes == 32 * 1 * 2 * sympy.Rational(3, 4) * 2 * 4096


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("degree", "accepted"),
    [(3, "divisor of n_heads"), (0, "> 0"), (2.5, "whole number"), ("2", "finite number")],
)
def test_degrees_that_do_not_divide_the_heads_are_refused(degree: object, accepted: str):
    with pytest.raises(rs.InputError, match=accepted):
        parallel.tensor_parallel(rs.decode(rs.model("llama-3.1-8b")), degree)


def test_kv_heads_that_would_be_torn_are_refused():
    model = rs.Transformer(**{**TINY, "n_heads": 12, "n_kv_heads": 4})
    with pytest.raises(rs.InputError, match="n_kv_heads = 4"):
        parallel.tensor_parallel(rs.decode(model), 6)
    assert parallel.degrees(rs.decode(model)) == (1, 2, 4, 12)


def test_ledgers_that_cannot_be_divided_are_refused():
    whole = rs.decode(rs.model("mixtral-8x7b"))
    for divide in (parallel.tensor_parallel, parallel.expert_parallel):
        with pytest.raises(rs.InputError, match="whole step"):
            divide(divide(whole))
        with pytest.raises(rs.InputError, match="phase"):
            divide(whole.filter(part="experts"))
    with pytest.raises(rs.InputError, match="routed experts"):
        parallel.expert_parallel(rs.decode(rs.model("gpt2")))
    with pytest.raises(rs.InputError, match="n_experts = 8"):
        parallel.expert_parallel(whole, 3)


def test_results_divide_a_whole_step_and_ask_for_a_free_unknown():
    whole = rs.decode(rs.model("llama-3.1-70b")).at(b_w=2, b_a=2, b_kv=2, L=512, t=8)
    answers = [
        results_parallel.link_bound_batch(x, H100)
        for x in (whole, parallel.tensor_parallel(whole.without(sy.t)).at(t=8))
    ]
    assert answers[0].value == answers[1].value
    with pytest.raises(rs.InputError, match="solved for"):
        results_parallel.link_bound_degree(divided(B=1, L=1, t=2), H100)


# --- limits through Max ---------------------------------------------------------------------------


def test_limits_follow_the_arm_that_holds_there():
    # Far out the Max is its constant arm: L/t would tend to 0.
    x = crossover(1 - 1 / sy.t, 2 * sympy.Max(1, sy.n_kv_heads / sy.t), sy.t)
    assert x.outcome == "never"
    assert x.ends == sympy.Rational(1, 2)
    low = crossover(sympy.Min(sy.B, sy.S), 2 + sy.B, sy.B)
    assert (low.outcome, low.starts, low.ends) == ("never", 0, 0)


def test_constants_of_a_part_of_a_step_are_not_called_those_of_the_step():
    one = results_parallel.further_devices_batch(divided(L=128), H100).derivation
    assert {"w", "a"}.isdisjoint(s.name for s in one.definitions)
    told = {sy.info(s).meaning for s in one.definitions}
    assert "weight bytes of a step that the devices divide among them" in told


def test_what_is_divided_of_chunked_attention_has_the_constants_of_the_whole_step():
    # Multiplied out, the steps of the chunks would make α_w negative, and a cost per chunk.
    scout = rs.decode(rs.model("llama-4-scout"))
    one = parallel.tensor_parallel(scout)
    divided = results_parallel.further_devices_batch(one, rs.Machine()).derivation.definitions
    whole = rs.results.critical_batch(scout, rs.Machine()).derivation.definitions
    for constant in (sy.alpha, sy.alpha_w, sy.kappa, sy.kappa_w):
        assert same(divided[constant], whole[constant]), constant

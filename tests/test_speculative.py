"""Speculative decoding: against drafts enumerated one by one, break-evens put back, papers."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
import sympy
from support import same

import roofsym as rs
from roofsym import speculative
from roofsym import symbols as sy
from roofsym.limits import limit
from roofsym.results import RESULTS
from roofsym.results import speculative as results_speculative
from roofsym.solve import crossover

TABLE = Path(__file__).parents[1] / ".." / "shared" / "data" / "claims.csv"
H100 = rs.machine("h100-sxm", dtype="bf16")
ALL = rs.convention("fused-ops").replace(name="logits everywhere", lm_head="all")
MODELS = ("llama-3.1-8b", "qwen3-0.6b", "mixtral-8x7b")


def step(model: str = "llama-3.1-8b", **values: object) -> rs.Ledger:
    return rs.step(rs.model(model), ALL).at(b_w=2, b_a=2, b_kv=2, **values)


def ideal(gamma: int, acceptance: float, draft_cost: float = 0) -> sympy.Expr:
    """Speed-up where reading the weights is all that takes time."""
    alone = rs.decode(rs.model("llama-3.1-8b"), convention="weights-only").at(b_w=2, B=1)
    return speculative.speed_up(alone, H100, gamma, acceptance, draft_cost)


# --- tokens per round -----------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", range(6))
@pytest.mark.parametrize("p", [Fraction(0), Fraction(1, 3), Fraction(4, 5), Fraction(1)])
def test_tokens_of_a_round_are_those_of_all_its_outcomes(gamma: int, p: Fraction):
    expected = Fraction(0)
    for accepted in itertools.product((True, False), repeat=gamma):
        chance = Fraction(1)
        for ok in accepted:
            chance *= p if ok else 1 - p
        # Tokens up to the first that is refused, and the one that verification adds.
        expected += chance * (len(list(itertools.takewhile(bool, accepted))) + 1)
    at = {sy.acceptance: sympy.Rational(p)}
    assert speculative.tokens_per_round(gamma).xreplace(at) == sympy.Rational(expected)


@pytest.mark.parametrize("gamma", range(5))
def test_the_closed_form_is_the_sum(gamma: int):
    closed = speculative.tokens_per_round().xreplace({sy.gamma: sympy.Integer(gamma)})
    assert same(closed, speculative.tokens_per_round(gamma))


def test_one_more_draft_adds_the_chance_that_all_are_accepted():
    longer = speculative.tokens_per_round(sy.gamma + 1) - speculative.tokens_per_round()
    assert sympy.simplify(longer - sy.acceptance ** (sy.gamma + 1)) == 0


# --- break-even -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("gamma", [1, 2, 3, 8])
@pytest.mark.parametrize("batch", [1, 100])
def test_at_the_break_even_acceptance_nothing_is_gained(model: str, gamma: int, batch: int):
    here = step(model, B=batch, L=500, gamma=gamma, draft_cost=sympy.Rational(1, 20))
    found = results_speculative.break_even_acceptance(here, H100)
    assert found.outcome in ("crosses", "numeric")

    def gain(p: sympy.Expr) -> float:
        return float(speculative.speed_up(here, H100, gamma, float(p), 0.05))

    value = float(found.value)
    if value <= 1:
        assert gain(value) == pytest.approx(1, rel=1e-9)
        assert gain(value * 0.99) < 1
        assert value > 0.99 or gain(value * 1.01) > 1
    else:
        assert gain(1) < 1


def test_one_draft_pays_where_it_is_accepted_more_often_than_it_costs():
    # Leviathan et al., 2023, corollary 3.9, with a verification that costs what decoding costs.
    alone = rs.step(rs.Transformer(), "weights-only").at(gamma=1)
    found = results_speculative.break_even_acceptance(alone, rs.Machine())
    assert same(found.general.value, sy.draft_cost + sy.verify_cost - 1)


@pytest.mark.parametrize("gamma", [1, 4])
@pytest.mark.parametrize("model", ["llama-3.1-8b", "qwen3-0.6b"])
@pytest.mark.parametrize("context", [16, 200])
def test_at_the_break_even_batch_nothing_is_gained(model: str, gamma: int, context: int):
    here = step(model, L=context, gamma=gamma)
    found = results_speculative.break_even_batch(here.at(acceptance=0.6, draft_cost=0.05), H100)

    def gain(batch: object) -> sympy.Expr:
        return speculative.speed_up(here.at(B=batch), H100, gamma, 0.6, 0.05)

    if found.outcome == "never":
        assert all(gain(10**k) > 1 for k in range(9))
        return
    assert found.outcome == "crosses"
    assert gain(found.value) == 1
    assert gain(found.whole) <= 1
    assert gain(found.whole - 1) > 1


def paying(here: rs.Ledger, symbol: str, values: Iterable[object]) -> list[bool]:
    """Whether drafts gain something at each value of a symbol: by the times of two steps."""
    known = {"gamma": 4, "acceptance": 0.8, "draft_cost": 0.05}
    out = []
    for x in values:
        at = known | {symbol: x}
        step = here if symbol in known else here.at(**{symbol: x})
        out.append(speculative.speed_up(step, H100, at["gamma"], at["acceptance"],
                                        at["draft_cost"]) > 1)  # fmt: skip
    return out


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ["break-even-batch", "break-even-acceptance"])
@pytest.mark.parametrize(
    ("symbol", "fixed"), [("gamma", {"B": 64, "L": 128}), ("B", {"L": 128}), ("L", {"B": 300})]
)
def test_any_unknown_is_where_drafts_begin_or_cease_to_pay(
    model: str, name: str, symbol: str, fixed: dict[str, int]
):
    here = step(model, **fixed)
    known = {"gamma": 4, "acceptance": 0.8, "draft_cost": 0.05} | fixed
    known.pop(symbol, None)
    found = RESULTS[name].answer(step(model, **known), H100, symbol)
    values = range(1, 40, 3) if symbol == "gamma" else [1, 2, 3, 5, 8, 20, 50, 150, 300, 600, 1200]
    says = [len([b for b in found.bound.branches if b.value < x]) for x in values]
    pays = paying(here, symbol, values)
    for (one, more), (before, after) in zip(
        itertools.pairwise(says), itertools.pairwise(pays), strict=True
    ):
        assert (before != after) == ((more - one) % 2 == 1)
    # The sides of the two results are the other way around.
    if not found.bound.branches:
        assert pays[0] == (found.outcome == ("never" if name.endswith("batch") else "always"))


def test_a_batch_of_less_than_a_sequence_is_none():
    """Mixtral's drafts cost more than they gain from 0.19 to 0.64 sequences, and from 845 on."""
    here = step("mixtral-8x7b", L=128)
    drafts = here.at(gamma=4, acceptance=0.8, draft_cost=0.05)
    found = results_speculative.break_even_batch(drafts, H100)
    assert len(found.bound.branches) == 3
    assert found.whole == 845
    assert paying(here, "B", (1, 100, 844, 845)) == [True, True, True, False]
    assert found.reading == "and back at 0.6359; first batch at which it does not pay: 845"


def test_drafts_that_are_always_accepted_pay_until_verifying_takes_too_long():
    # Compute-bound, a verification of γ drafts takes nearly γ + 1 decode steps.
    here = step(B=300, L=128)
    drafts = here.at(acceptance=1, draft_cost=0.4)
    (crossing,) = results_speculative.break_even_acceptance(drafts, H100, "gamma").bound.branches
    gamma = int(crossing.value)
    gains = [speculative.speed_up(here, H100, n, 1, 0.4) for n in (1, gamma, gamma + 1)]
    assert [x > 1 for x in gains] == [True, True, False]


def test_both_outcomes_of_the_break_even_batch_occur():
    def outcome(context: int) -> str:
        here = step(L=context, gamma=4, acceptance=0.6, draft_cost=0.05)
        return results_speculative.break_even_batch(here, H100).outcome

    assert [outcome(16), outcome(32768)] == ["crosses", "never"]


def test_decode_is_the_verification_of_no_drafts():
    for name in MODELS:
        draft, decode = (step(name).in_phase(p) for p in ("verify", "decode"))
        none = {sy.gamma: sympy.S.Zero}
        for quantity in ("flops", "bytes"):
            assert same(draft.symbolic(quantity).xreplace(none), decode.symbolic(quantity))


# --- the best number of drafts --------------------------------------------------------------------


@pytest.mark.parametrize("acceptance", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("batch", [1, 64, 2048])
def test_the_best_draft_is_better_than_its_neighbours(acceptance: float, batch: int):
    here = step(B=batch, L=200)
    best = speculative.best_draft(here, H100, acceptance, 0.08)
    gains = [speculative.speed_up(here, H100, n, acceptance, 0.08) for n in range(33)]
    assert best.speed_up == max(gains)
    assert gains[best.gamma] == best.speed_up
    assert gains[0] == 1


def test_a_draft_that_costs_more_than_it_is_accepted_is_not_worth_it():
    here = step(B=1, L=1)
    assert speculative.best_draft(here, H100, 0.2, 0.3) == speculative.Draft(0, sympy.S.One)


# --- what is refused ------------------------------------------------------------------------------


def test_bad_input_is_refused_by_name():
    here = step(B=1, L=1)
    for arguments, field in (
        ((1.5, 0.5, 0), "gamma"), ((-1, 0.5, 0), "gamma"), ((1, 1.5, 0), "acceptance"),
        ((1, -0.5, 0), "acceptance"), ((1, 0.5, -1), "draft_cost"),
    ):  # fmt: skip
        with pytest.raises(rs.InputError, match=field):
            speculative.speed_up(here, H100, *arguments)
    with pytest.raises(rs.InputError, match="numbers for all symbols"):
        speculative.best_draft(step(B=1), H100, 0.5, 0)
    with pytest.raises(rs.InputError, match="whole number of draft tokens"):
        results_speculative.break_even_acceptance(here.at(gamma=1.5), H100)
    costly = step(L=1, gamma=2, acceptance=0.5, draft_cost=2)
    with pytest.raises(rs.InputError, match="draft_cost"):
        results_speculative.break_even_batch(costly, H100)


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "html"])
def test_derivations_are_printed_in_every_form(form: str):
    drafts = step(L=128, gamma=4, draft_cost=0.05)
    for found in (
        results_speculative.break_even_acceptance(drafts.at(B=64), H100),
        results_speculative.break_even_batch(drafts.at(acceptance=0.8), H100),
    ):
        for depth in ("constants", "dimensions", "numbers"):
            printed = getattr(found.derivation, form)(depth=depth)
            assert found.question.title[1:] in printed


def test_an_unknown_that_cancels_out_is_no_crossing():
    x = crossover(sy.B * sy.phi, sy.B * sy.eta, sy.B)
    assert (x.outcome, x.value) == ("conditional", None)


# --- published ------------------------------------------------------------------------------------

LEVIATHAN = "Leviathan et al., Fast Inference from Transformers via Speculative Decoding, 2023"


@dataclass(frozen=True)
class Claim:
    id: str
    source: str
    claim: str
    expected: float
    tolerance: float
    compute: Callable[[], sympy.Expr]


def operations(gamma: int, acceptance: float) -> sympy.Expr:
    """FLOPs per token over those of plain decode, with a draft that costs none."""
    per_weight = rs.step(rs.model("llama-3.1-8b"), "weights-only").at(B=1)
    verify, decode = per_weight.in_phase("verify").at(gamma=gamma), per_weight.in_phase("decode")
    at = {sy.acceptance: sympy.Rational(str(acceptance))}
    return verify.flops / decode.flops / speculative.tokens_per_round(gamma).xreplace(at)


def oracle(acceptance: str) -> sympy.Expr:
    closed = speculative.tokens_per_round().xreplace({sy.acceptance: sympy.Rational(acceptance)})
    return limit(closed, sy.gamma)


CLAIMS = [
    Claim("C324", f"{LEVIATHAN}, Table 1", "operations, 0.6, 2 drafts", 1.53, 0.005,
          lambda: operations(2, 0.6)),
    Claim("C325", f"{LEVIATHAN}, Table 1", "speed-up, 0.7, 3 drafts", 2.53, 0.005,
          lambda: ideal(3, 0.7)),
    Claim("C327", f"{LEVIATHAN}, Table 1", "speed-up, 0.8, 2 drafts", 2.44, 0.005,
          lambda: ideal(2, 0.8)),
    Claim("C332", f"{LEVIATHAN}, Table 1", "operations, 0.9, 2 drafts", 1.11, 0.005,
          lambda: operations(2, 0.9)),
    Claim("C334", f"{LEVIATHAN}, Table 1", "operations, 0.9, 10 drafts", 1.6, 0.005,
          lambda: operations(10, 0.9)),
    Claim("C335", f"{LEVIATHAN}, sec. 3.6", "speed-up with bigrams, 0.2, 3 drafts", 1.25, 0.003,
          lambda: ideal(3, 0.2)),
    Claim("C336", f"{LEVIATHAN}, sec. 3.5", "tokens with as many drafts as one likes, 0.8", 5, 1e-9,
          lambda: oracle("4/5")),
    Claim("C338", f"{LEVIATHAN}, theorem 3.8", "speed-up, 0.8, 2 drafts at 0.1", 2.03333, 0.0001,
          lambda: ideal(2, 0.8, 0.1)),
]  # fmt: skip

NOT_COVERED = {
    "C340": "a ratio of two measured times",
    "C342": "a ratio of two measured times, 14.1/7.52, which is 1.875 and not the 1.92 in print",
}


@pytest.mark.parametrize("claim", CLAIMS, ids=[c.id for c in CLAIMS])
def test_published_result(claim: Claim):
    got = claim.compute()
    assert got.is_Rational
    assert float(got) == pytest.approx(claim.expected, rel=claim.tolerance)


def test_every_claim_of_this_topic_is_tested_or_listed():
    ids = {claim.id for claim in CLAIMS}
    assert len(ids) == len(CLAIMS)
    if not TABLE.is_file():
        pytest.skip("the table ../shared/data/claims.csv is not here")
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file) if row["topic"] == "specdec"}
    assert ids | NOT_COVERED.keys() == rows.keys()
    for claim in CLAIMS:
        assert claim.expected == float(rows[claim.id]["expected"]), claim.id
        assert claim.tolerance <= float(rows[claim.id]["rel_tol"]), claim.id


@pytest.mark.parametrize("unknown", ["bandwidth", "peak"])
def test_where_drafts_start_to_pay_in_what_a_time_is_made_of(unknown: str):
    """At what is found, the ledger's own times gain what they cost: to 1e-9, being floats."""
    model, machine = rs.model("llama-3.1-8b"), rs.machine("h100-sxm", dtype="bf16")
    step = rs.verify(model).at(b_w=2, b_a=2, b_kv=2, L=4096, B=50)
    asked = step.at(gamma=4, acceptance=0.5, draft_cost=0.05)
    found = rs.results.break_even_acceptance(asked, machine, unknown)
    here = machine.at(**{unknown: sympy.Rational(sympy.N(found.value, 30))})
    verify, plain = (
        max(led.flops / here.peak, led.bytes / here.bandwidth)
        for led in (step.at(gamma=4), step.at(gamma=0))
    )
    gained = sum(0.5**i for i in range(5))
    assert float(verify / plain) == pytest.approx(gained - 4 * 0.05, rel=1e-9)


@pytest.mark.parametrize("unknown", ["d_ff", "n_layers", "head_dim"])
def test_the_cost_of_a_sequence_does_not_hide_what_it_is_made_of(unknown: str):
    led = rs.decode(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, L=4096, B=50)
    led = led.at(gamma=4, acceptance=0.8, draft_cost=0.05)
    found = rs.results.break_even_batch(led, rs.machine("h100-sxm", dtype="bf16"), unknown)
    assert found.outcome == "never"  # At 50 sequences, whatever the model's shape.
    assert not (found.bound.left - found.bound.right).free_symbols - {found.symbol}


def test_drafts_are_asked_for_in_named_constants():
    """Work of a verification has a square in γ: its three parts are constants of their own."""
    found = rs.results.break_even_batch(rs.decode(rs.Transformer()), rs.Machine(), symbol="gamma")
    used = (found.general.left - found.general.right).free_symbols
    assert {sy.info(s).role for s in used}.isdisjoint({"dimension", "precision"})
    per_square = next(s for s in used if "per_square" in s.name)
    # Attention of the drafts to one another: half of γ² pairs.
    exact = found.derivation.definitions[per_square]
    assert sympy.cancel(exact - 2 * sy.n_layers * sy.n_heads * sy.head_dim) == 0


@pytest.mark.parametrize("gamma", [1, 4])
def test_drafts_that_cost_nothing_break_even_where_the_speed_up_is_one(gamma: int):
    # Looked up in the prompt, say.
    led = rs.step(rs.model("llama-3.1-8b")).at(b_w=2, b_a=2, b_kv=2, L=128)
    hw = rs.machine("h100-sxm", dtype="bf16")
    free = led.at(draft_cost=0, gamma=gamma)
    batch = rs.results.break_even_batch(free.at(acceptance=0.6), hw).value
    assert speculative.speed_up(led.at(B=batch), hw, gamma, 0.6, 0) == 1
    rate = rs.results.break_even_acceptance(free.at(B=300), hw).value
    gain = speculative.speed_up(led.at(B=300), hw, gamma, sympy.Rational(str(float(rate))), 0)
    assert float(gain) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("name", ["break-even-batch", "break-even-acceptance"])
def test_a_round_without_drafts_is_refused(name: str):
    step = rs.verify(rs.Transformer()).at(gamma=0)
    with pytest.raises(rs.InputError, match="gamma: got 0; accepted: a whole number"):
        rs.results.RESULTS[name].answer(step, rs.Machine())

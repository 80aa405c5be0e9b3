"""The ledger against identities, closed forms of the literature, and counting by hand."""

from __future__ import annotations

import pytest
import sympy
from support import CONVENTIONS, PHASES, TINY, dense, models, same, steps, windowed

import roofsym as rs
from roofsym import symbols as sy
from roofsym.ledger import Ledger
from roofsym.symbols import B, L, S, b_a, b_kv, b_w, d_model, gamma, n_heads, n_layers

NAMED = (
    "flops",
    "bytes",
    "weight_bytes",
    "kv_bytes",
    "kv_read_bytes",
    "kv_write_bytes",
    "activation_bytes",
)
MULTI_HEAD = {"n_kv_heads": n_heads, "head_dim": d_model / n_heads}


def inside_the_layers(led: Ledger) -> Ledger:
    """What is left without embedding, final norm and LM head."""
    return led.keep(e for e in led.entries if e.count.has(n_layers))


# --- closed forms of the literature ---------------------------------------------------------------


def test_flops_of_a_layer_as_everybody_writes_them():
    # 24 B S d² + 4 B S² d: Narayanan et al. 2021 (Megatron), appendix; Korthikanti et al. 2022.
    model = dense(gated=False, d_ff=4 * d_model, **MULTI_HEAD)
    led = inside_the_layers(rs.prefill(model, convention="framework"))
    assert same(led.flops / n_layers, 24 * B * S * d_model**2 + 4 * B * S**2 * d_model)


def test_flops_of_a_layer_on_top_of_a_cache():
    model = dense(gated=False, d_ff=4 * d_model, **MULTI_HEAD)
    led = inside_the_layers(rs.step(model, convention="framework"))
    expected = 24 * B * S * d_model**2 + 4 * B * S * (L + S) * d_model
    assert same(led.flops / n_layers, expected)


def test_flops_of_a_layer_under_the_exact_mask():
    model = dense(gated=False, d_ff=4 * d_model, **MULTI_HEAD)
    led = inside_the_layers(rs.prefill(model, convention="fused-ops"))
    expected = 24 * B * S * d_model**2 + 2 * B * S * (S + 1) * d_model
    assert same(led.flops / n_layers, expected)


def test_gated_feed_forward_adds_a_third_matrix():
    plain, gated = (inside_the_layers(rs.step(dense(gated=g))) for g in (False, True))
    assert same(gated.flops - plain.flops, n_layers * 2 * B * S * d_model * sy.d_ff)


def test_lm_head_at_all_positions_or_the_last():
    per_row = 2 * d_model * sy.vocab_size
    for name, rows in (("framework", B * S), ("fused-ops", B), ("unfused-ops", B)):
        led = rs.prefill(rs.Transformer(), convention=name)
        assert same(led.filter(part="lm_head").flops, rows * per_row), name


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("tied", [True, False])
def test_parameters_in_closed_form(gated: bool, tied: bool):
    q, kv = sy.n_heads * sy.head_dim, sy.n_kv_heads * sy.head_dim
    attention = 2 * d_model * q + 2 * d_model * kv
    feed_forward = (3 if gated else 2) * d_model * sy.d_ff
    layer = attention + feed_forward + 2 * d_model
    tables = (1 if tied else 2) * sy.vocab_size * d_model
    expected = n_layers * layer + tables + d_model
    assert same(dense(gated=gated, tied=tied).parameters, expected)


def test_parameters_of_the_twelve_d_squared_rule():
    # 12 L d²: the layers of a GPT-3, without norms and embeddings.
    model = dense(gated=False, d_ff=4 * d_model, **MULTI_HEAD)
    tables, norms = 2 * sy.vocab_size * d_model, (2 * n_layers + 1) * d_model
    assert same(model.parameters - tables - norms, 12 * n_layers * d_model**2)


def test_kv_bytes_per_token_in_closed_form():
    expected = 2 * n_layers * sy.n_kv_heads * sy.head_dim * b_kv
    assert same(rs.Transformer().kv_bytes_per_token, expected)
    assert same(dense(**MULTI_HEAD).kv_bytes_per_token, 2 * n_layers * d_model * b_kv)


def test_grouped_queries_shrink_the_cache_and_not_the_scores():
    many, few = (rs.decode(rs.Transformer(n_kv_heads=n)) for n in (n_heads, 1))
    assert same(many.kv_read_bytes / few.kv_read_bytes, n_heads)
    attention = [x.filter(kind="attention").flops for x in (many, few)]
    assert same(*attention)


def test_memory_footprint_is_weights_and_cache():
    model = rs.Transformer()
    expected = model.parameters * b_w + B * (L + S) * model.kv_bytes_per_token
    assert same(model.memory_footprint(), expected)


@pytest.mark.parametrize("name", [c for c in CONVENTIONS if c != "linear-only"])
def test_bytes_tend_to_those_of_weights_only_as_the_model_widens(name: str):
    # Widen everything but head_dim and the vocabulary together, at fixed B, S, L.
    t = sy.ridge  # any positive symbol that the ledger does not use
    wide = {d_model: t, n_heads: t, sy.n_kv_heads: t, sy.d_ff: t}
    ones = {s: sympy.Integer(1) for s in (n_layers, sy.head_dim, sy.vocab_size, B, S, L)}
    ones |= {s: sympy.Integer(1) for s in (b_w, b_a, b_kv, sy.c_act)}
    counted, weights = (
        sympy.Poly(rs.step(rs.Transformer(), convention=c).bytes.xreplace({**ones, **wide}), t)
        for c in (name, "weights-only")
    )
    assert counted.degree() == weights.degree()
    assert counted.LC() == weights.LC()


# --- phases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("model", ["symbolic", "plain feed-forward", "tied embeddings", "tiny"])
@pytest.mark.parametrize(
    ("phase", "put"),
    [
        (rs.decode, {S: sympy.Integer(1)}),
        (rs.prefill, {L: sympy.Integer(0)}),
        (rs.verify, {S: gamma + 1}),
        (rs.chunk, {}),
    ],
    ids=["decode", "prefill", "verify", "chunk"],
)
def test_a_phase_is_a_substitution_of_the_step(phase, put, model: str, convention: str):
    subject = models()[model]
    whole, part = rs.step(subject, convention), phase(subject, convention)
    for name in NAMED:
        assert same(getattr(part, name), getattr(whole, name).xreplace(put)), name


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_phases_of_a_windowed_model_agree_at_every_point(convention: str):
    # With a window the totals are piecewise: compared point by point.
    model = windowed(5)
    whole = rs.step(model, convention).at(b_w=2, b_a=2, b_kv=1, c_act=3)
    for cached in range(9):
        decode = rs.decode(model, convention).at(b_w=2, b_a=2, b_kv=1, c_act=3)
        at = {"B": 2, "L": cached}
        assert decode.at(**at).flops == whole.at(S=1, **at).flops
        assert decode.at(**at).bytes == whole.at(S=1, **at).bytes


def test_phases_by_name_are_those_by_function():
    led = rs.step(rs.Transformer())
    for phase in ("prefill", "decode", "verify", "chunk"):
        assert led.in_phase(phase).flops == getattr(rs, phase)(rs.Transformer()).flops


# --- the algebra of ledgers -----------------------------------------------------------------------


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("tag", ["operator", "part", "group", "quantity", "kind", "access"])
def test_groups_sum_to_the_total(tag: str, convention: str):
    led = rs.step(rs.Transformer(), convention)
    for name in NAMED:
        groups = led.group_by(tag).values()
        assert same(sum(getattr(g, name) for g in groups), getattr(led, name)), name


def test_a_filter_and_its_complement_sum_to_the_total():
    led = rs.step(rs.Transformer())
    kept = led.filter(part="attention")
    rest = led.keep(e for e in led.entries if e.part != "attention")
    assert len(kept.entries) + len(rest.entries) == len(led.entries)
    assert same(kept.flops + rest.flops, led.flops)
    assert same(kept.bytes + rest.bytes, led.bytes)


def test_filters_commute_and_take_several_values():
    led = rs.step(rs.Transformer())
    one = led.filter(quantity="bytes").filter(kind="kv", access="read")
    two = led.filter(kind="kv").filter(access="read")
    assert one.entries == two.entries
    both = led.filter(kind=("kv", "weight"))
    assert same(both.bytes, led.filter(kind="kv").bytes + led.filter(kind="weight").bytes)


@pytest.mark.parametrize("tags", [{"colour": "red"}, {"part": "vision"}, {"kind": ["kv", "x"]}])
def test_a_filter_that_means_nothing_is_refused(tags: dict[str, object]):
    with pytest.raises(rs.InputError):
        rs.step(rs.Transformer()).filter(**tags)


def test_group_by_refuses_an_unknown_tag():
    with pytest.raises(rs.InputError, match="colour"):
        rs.step(rs.Transformer()).group_by("colour")


@pytest.mark.parametrize("factor", [3, sympy.Rational(1, 2), sy.n_layers, 0.1])
def test_scale_multiplies_every_total(factor: object):
    led = rs.step(rs.Transformer(), "unfused-ops")
    exact = sympy.Rational(1, 10) if factor == 0.1 else factor
    for name in NAMED:
        assert same(getattr(led.scale(factor), name), exact * getattr(led, name)), name
    assert same(led.scale(factor).intensity, led.intensity)


def test_named_totals_are_disjoint_and_complete():
    for convention in CONVENTIONS:
        led = rs.step(rs.Transformer(), convention)
        assert same(led.weight_bytes + led.kv_bytes + led.activation_bytes, led.bytes), convention
        assert same(led.kv_read_bytes + led.kv_write_bytes, led.kv_bytes), convention


def test_at_binds_exactly_and_the_order_does_not_matter():
    led = rs.step(rs.Transformer(**TINY))
    one = led.at(B=2, S=3).at(L=4, b_w=2, b_a=2, b_kv=2)
    two = led.at(b_w=2, b_a=2, b_kv=2).at(L=4).at(S=3, B=2)
    assert one.flops == two.flops
    assert one.bytes == two.bytes
    assert isinstance(one.flops, sympy.Integer)
    assert isinstance(one.bytes, sympy.Integer)


def test_floats_are_taken_as_the_decimals_they_print_as():
    led = rs.decode(rs.Transformer(**TINY), "weights-only")
    assert led.at(B=1, b_w=0.1).bytes == led.at(B=1, b_w=sympy.Rational(1, 10)).bytes


def test_what_is_not_bound_stays_symbolic():
    assert rs.decode(rs.Transformer(**TINY)).at(B=1, L=2).bytes.free_symbols == {b_w, b_a, b_kv}


@pytest.mark.parametrize(
    "given",
    [
        {"B": 0},
        {"B": -1},
        {"B": float("nan")},
        {"B": float("inf")},
        {"B": True},
        {"B": "8"},
        {"B": None},
        {"L": -1},
        {"b_w": 0},
        {"batch": 8},
        {"B": 1j},
        {"B": sympy.Symbol("B")},
        {"B": sympy.I},
        {"B": sympy.oo},
        {"B": sympy.nan},
    ],
    ids=str,
)
def test_at_refuses_what_is_no_positive_number(given: dict[str, object]):
    with pytest.raises(rs.InputError):
        rs.decode(rs.Transformer()).at(**given)


def test_an_empty_cache_is_no_mistake():
    led = rs.decode(rs.Transformer(**TINY)).at(B=1, L=0)
    assert led.kv_read_bytes == 0
    assert led.flops > 0


def test_expressions_may_be_bound_to_dimensions():
    led = rs.prefill(rs.Transformer(d_ff=4 * d_model, d_model=10, n_layers=1))
    bound = led.at(n_heads=1, n_kv_heads=1, head_dim=1, vocab_size=1, B=1, S=1)
    assert bound.flops.is_Integer


# --- counting by hand -----------------------------------------------------------------------------


class Tally:
    """Counts multiply-adds and elements by walking over the step of a tiny model."""

    def __init__(self, dims: dict[str, int], *, gated: bool, window: int | None = None) -> None:
        self.dims, self.gated, self.window = dims, gated, window
        self.flops = self.attention_flops = 0
        self.weights = self.activations = self.kv_read = self.kv_written = 0

    def matmul(self, rows: int, d_in: int, d_out: int) -> None:
        for _ in range(rows):
            for _ in range(d_out):
                for _ in range(d_in):
                    self.flops += 2
        self.weights += d_in * d_out
        self.activations += rows * (d_in + d_out)

    def attend(self, sequences: int, new: int, cached: int, *, masked: bool) -> None:
        for _ in range(sequences):
            for _ in range(self.dims["n_heads"]):
                for query in range(cached, cached + new):
                    for key in range(cached + new):
                        seen = key <= query
                        if self.window is not None:
                            seen = seen and key > query - self.window
                        if seen or not masked:
                            # Once for the score, once for the value.
                            self.attention_flops += 2 * 2 * self.dims["head_dim"]

    def step(self, sequences: int, new: int, cached: int, *, masked: bool, all_rows: bool) -> None:
        d = self.dims
        tokens, width = sequences * new, d["d_model"]
        q, kv = d["n_heads"] * d["head_dim"], d["n_kv_heads"] * d["head_dim"]
        self.weights += tokens * width  # gathered rows of the embedding
        for _ in range(d["n_layers"]):
            self.weights += 2 * width  # two norms
            for d_out in (q, kv, kv):
                self.matmul(tokens, width, d_out)
            self.attend(sequences, new, cached, masked=masked)
            self.activations += 2 * tokens * q  # queries in, mixed values out
            self.activations += 2 * tokens * kv  # the new keys and values, straight away
            self.kv_read += 2 * sequences * cached * kv
            self.kv_written += 2 * tokens * kv
            self.matmul(tokens, q, width)
            for _ in range(1 + self.gated):
                self.matmul(tokens, width, d["d_ff"])
            self.matmul(tokens, d["d_ff"], width)
        self.weights += width  # the last norm
        self.matmul(tokens if all_rows else sequences, width, d["vocab_size"])


@pytest.mark.parametrize("gated", [True, False], ids=["gated", "plain"])
@pytest.mark.parametrize("kv_heads", [4, 2, 1], ids=["multi-head", "grouped", "multi-query"])
def test_fused_ops_by_hand(kv_heads: int, gated: bool):
    dims = {**TINY, "n_kv_heads": kv_heads}
    led = rs.step(dense(gated=gated, **dims), convention="fused-ops")
    for sequences, new, cached in steps():
        tally = Tally(dims, gated=gated)
        tally.step(sequences, new, cached, masked=True, all_rows=False)
        here = led.at(B=sequences, S=new, L=cached)
        assert here.flops == tally.flops + tally.attention_flops
        assert here.filter(kind="attention").flops == tally.attention_flops
        assert same(here.weight_bytes, tally.weights * b_w)
        assert same(here.activation_bytes, tally.activations * b_a)
        assert same(here.kv_read_bytes, tally.kv_read * b_kv)
        assert same(here.kv_write_bytes, tally.kv_written * b_kv)


@pytest.mark.parametrize("kv_heads", [4, 2, 1], ids=["multi-head", "grouped", "multi-query"])
def test_framework_flops_by_hand(kv_heads: int):
    dims = {**TINY, "n_kv_heads": kv_heads}
    led = rs.step(dense(**dims), convention="framework")
    for sequences, new, cached in steps():
        tally = Tally(dims, gated=True)
        tally.step(sequences, new, cached, masked=False, all_rows=True)
        expected = tally.flops + tally.attention_flops
        assert led.at(B=sequences, S=new, L=cached).flops == expected


def test_unfused_scores_and_probabilities_by_hand():
    led = rs.step(dense(**TINY), convention="unfused-ops")
    for sequences, new, cached in steps():
        rectangle = TINY["n_layers"] * sequences * TINY["n_heads"] * new * (cached + new)
        here = led.at(B=sequences, S=new, L=cached)
        # Scores are written and read once, probabilities too.
        assert same(here.filter(kind="score").bytes, 2 * rectangle * b_a)
        assert same(here.filter(kind="probability").bytes, 2 * rectangle * b_a)


def test_unfused_without_scores_norms_and_softmax_is_fused():
    # Issue 3: where two conventions must agree.
    led = rs.step(rs.Transformer(), convention="unfused-ops")
    kinds = ("score", "probability")
    kept = led.keep(
        e for e in led.entries if e.kind not in kinds and (e.part != "norm" or e.kind == "vector")
    )
    assert same(kept.bytes, rs.step(rs.Transformer(), convention="fused-ops").bytes)


def test_weights_only_by_hand():
    led = rs.step(dense(**TINY), convention="weights-only")
    parameters = dense(**TINY).parameters
    for sequences, new, cached in steps():
        here = led.at(B=sequences, S=new, L=cached)
        assert here.flops == 2 * sequences * new * parameters
        assert same(here.bytes, parameters * b_w)


def test_linear_only_by_hand():
    led = rs.step(dense(**TINY), convention="linear-only")
    for sequences, new, cached in steps():
        tally = Tally(TINY, gated=True)
        tally.step(sequences, new, cached, masked=True, all_rows=False)
        here = led.at(B=sequences, S=new, L=cached)
        assert here.flops == tally.flops
        assert here.kv_bytes == 0


@pytest.mark.parametrize("window", [1, 2, 3, 5, 8, 100])
def test_a_sliding_window_by_hand(window: int):
    led = rs.step(windowed(window), convention="fused-ops")
    for sequences, new, cached in steps():
        tally = Tally(TINY, gated=True, window=window)
        tally.step(sequences, new, cached, masked=True, all_rows=False)
        positions = sum(min(cached + i, window) for i in range(1, new + 1))
        # The sum and the walk over the mask are two independent counts.
        per_pair = 4 * TINY["n_layers"] * sequences * TINY["n_heads"] * TINY["head_dim"]
        assert tally.attention_flops == per_pair * positions
        here = led.at(B=sequences, S=new, L=cached)
        assert here.filter(kind="attention").flops == tally.attention_flops
        assert here.flops == tally.flops + tally.attention_flops


def test_a_window_that_is_never_full_changes_nothing():
    wide, none = (rs.step(windowed(w)) for w in (100, None))
    for sequences, new, cached in steps():
        at = {"B": sequences, "S": new, "L": cached}
        assert wide.at(**at).flops == none.at(**at).flops
        assert same(wide.at(**at).bytes, none.at(**at).bytes)


def test_a_window_bounds_what_is_read_of_the_cache():
    led = rs.decode(windowed(5)).at(B=1)
    read = [led.at(L=cached).kv_read_bytes for cached in (3, 4, 5, 1000)]
    assert read[0] < read[1] == read[2] == read[3]


@pytest.mark.parametrize("model", ["llama-4-scout", "gemma-2-9b"])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_closed_forms_of_layers_of_two_kinds_are_their_ledgers(convention: str, model: str):
    from roofsym.closed_form import closed_form

    for phase in PHASES:
        led = rs.step(rs.model(model), convention).in_phase(phase)
        for quantity in ("flops", "bytes"):
            form = closed_form(led, quantity)
            assert same(form.at_depth("dimensions"), led.symbolic(quantity)), (phase, quantity)


def test_a_value_taken_out_stays_out_in_another_phase():
    # Kimi K2's checkpoint says one byte per weight; the question may be another one.
    led = rs.step(rs.model("kimi-k2")).without(sy.b_w)
    assert sy.b_w not in led.in_phase("decode").values
    assert led.in_phase("decode").weight_bytes.has(sy.b_w)

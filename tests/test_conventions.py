"""Counting conventions: what each counts, how they relate, and counts checked by brute force."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sympy

import roofsym as rs
from roofsym import catalog, phases
from roofsym import symbols as sy
from roofsym.conventions import CONVENTIONS, DEFAULT, Convention, convention
from roofsym.errors import InputError
from roofsym.ledger import Entry
from roofsym.transformer import (
    Attention,
    Geometry,
    LatentAttention,
    LayerGroup,
    Mixture,
    Structure,
    Transformer,
    Window,
)

B, S, L = sy.B, sy.S, sy.L
REFERENCE = json.loads(
    (Path(__file__).parent / "reference" / "flops.json").read_text(encoding="utf-8")
)


def structures() -> dict[str, Structure]:
    """One model for each distinct structure of the catalogue, and the symbolic decoder."""
    found: dict[Structure, str] = {Structure(): "symbolic"}
    for name in catalog.records("models"):
        found.setdefault(rs.model(name).structure, name)
    return {name: structure for structure, name in found.items()}


STRUCTURES = structures()
every_structure = pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES.keys())
every_phase = pytest.mark.parametrize("phase", sorted(phases.PHASES))


# --- the seven -----------------------------------------------------------------------------------

# Differences from the default; what a switch is set to where nothing is said.
PLAIN = {
    "flops": "matmuls", "mask": "causal", "attention": "fused", "activations": "matmuls",
    "kv": "read+write", "new_kv": "direct", "lm_head": "last", "embedding": "gathered",
    "experts": "expected", "run_all_experts": False, "latent": "absorbed",
    "softmax_flops": False, "norm_flops": False, "activation_flops": False,
    "rotary_flops": False, "residual_flops": False, "vectors": True,
}  # fmt: skip
DIFFERENCES: dict[str, dict[str, object]] = {
    "fused-ops": {},
    "unfused-ops": {
        "mask": "full", "attention": "unfused", "activations": "operators", "softmax_flops": True,
    },
    "framework": {
        "mask": "full", "attention": "unfused", "activations": "operators", "lm_head": "all",
        "latent": "expanded", "run_all_experts": True,
    },
    "activation-multiplier": {"mask": "full", "activations": "multiplier"},
    "residual-io": {"mask": "full", "activations": "residual"},
    "linear-only": {"attention": "none", "kv": "none", "embedding": "none", "vectors": False},
    "weights-only": {
        "flops": "per-weight", "attention": "none", "activations": "none", "kv": "none",
        "embedding": "none", "lm_head": "none",
    },
}  # fmt: skip


def test_the_seven_conventions_and_their_switches():
    assert CONVENTIONS.keys() == DIFFERENCES.keys()
    assert DEFAULT == "fused-ops"
    for name, differences in DIFFERENCES.items():
        named = convention(name)
        assert named.name == name
        assert named.summary
        assert named.switches() == PLAIN | differences
        assert convention(named) is named
    # Every field of the record is a switch, but for what it is called.
    fields = {f.name for f in dataclasses.fields(Convention)}
    assert fields == PLAIN.keys() | {"name", "summary"}
    # And every one is documented.
    documented = Convention.__doc__ or ""
    assert all(switch in documented for switch in fields)


@pytest.mark.parametrize("switch", PLAIN)
def test_a_switch_set_wrong_is_refused_by_its_name(switch):
    for wrong in ("nothing", 2, None, "", "TRUE", -1, 1.5):
        with pytest.raises(InputError) as caught:
            convention("fused-ops").replace(**{switch: wrong})
        message = str(caught.value)
        assert message.startswith(f"convention switch {switch}: got "), message
        assert "accepted: one of " in message


@pytest.mark.parametrize("switch", [s for s, value in PLAIN.items() if isinstance(value, bool)])
def test_a_flag_is_true_or_false_and_no_number(switch):
    for wrong in (0, 1):
        with pytest.raises(InputError, match=f"convention switch {switch}"):
            convention("fused-ops").replace(**{switch: wrong})


def test_a_switch_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match=r"convention switch: got 'masks'; accepted: one of flops"):
        convention("fused-ops").replace(masks="full")
    with pytest.raises(InputError, match=r"convention: got 'fused'; accepted: one of fused-ops"):
        convention("fused")


def test_a_convention_is_frozen_and_replacing_makes_another():
    named = convention("fused-ops")
    mine = named.replace(name="mine", lm_head="all")
    assert (mine.name, mine.lm_head, named.lm_head) == ("mine", "all", "last")
    with pytest.raises(dataclasses.FrozenInstanceError):
        named.lm_head = "all"  # type: ignore[misc]
    assert rs.decode(Transformer(), convention=mine).convention == "mine"


# --- what a switch changes -----------------------------------------------------------------------

Changes = Callable[[Entry], bool]


def kinds(*names: str) -> Changes:
    return lambda e: e.kind in names


def schemes(*names: str) -> Changes:
    return lambda e: e.scheme in names


# Switch, what it is set to instead, and which entries may then differ: all of them, and no others.
SWITCHES: list[tuple[str, object, Changes]] = [
    ("flops", "per-weight",
     lambda e: e.quantity == "flops" or e.scheme in ("embedding", "lm_head", "per-weight")),
    ("mask", "full", kinds("attention")),
    ("mask", "causal-half", lambda e: e.kind == "attention"),
    ("attention", "none",
     lambda e: e.kind in ("attention", "kv") or e.scheme in ("attention", "new-kv-direct")),
    ("attention", "unfused", kinds("score", "probability")),
    ("activations", "none", kinds("activation")),
    ("activations", "residual", kinds("activation")),
    ("activations", "multiplier", kinds("activation")),
    ("activations", "operators", schemes("operators")),
    ("activations", "pointwise", schemes("operators", "pointwise")),
    ("kv", "none", kinds("kv")),
    ("kv", "read", lambda e: e.kind == "kv" and e.access == "write"),
    ("new_kv", "cached", schemes("new-kv-direct", "new-kv-cached")),
    ("lm_head", "none", lambda e: e.operator == "lm_head"),
    ("lm_head", "all", lambda e: e.operator == "lm_head" and e.kind in ("linear", "activation")),
    ("embedding", "none", schemes("embedding")),
    ("embedding", "streamed", schemes("embedding")),
    ("experts", "one-token",
     lambda e: e.operator == "experts" and e.kind in ("weight", "vector", "scale")),
    ("experts", "all",
     lambda e: e.operator == "experts" and e.kind in ("weight", "vector", "scale")),
    ("latent", "expanded",
     lambda e: (e.operator in ("k_up_proj", "v_up_proj") and e.kind != "weight"
                and e.kind != "scale")
     or (e.operator in ("score", "value")
         and (e.kind == "attention" or e.scheme == "attention"))),
    ("softmax_flops", True, kinds("softmax")),
    ("norm_flops", True, kinds("norm")),
    ("activation_flops", True, lambda e: e.quantity == "flops" and e.kind == "activation"),
    ("rotary_flops", True, kinds("rotary")),
    ("residual_flops", True, kinds("residual")),
    ("vectors", False, kinds("vector")),
]  # fmt: skip
LATENT_ONLY = {"latent"}
MIXTURES_ONLY = {"experts"}
NAMED_BYTES = {"flops": False, "bytes": True}


def entries(structure: Structure, rules: Convention, phase: str = "step") -> set[Entry]:
    return set(rs.phases.ledger(Transformer(structure), phase, rules).entries)


@every_structure
@pytest.mark.parametrize(
    ("switch", "value", "changes"), SWITCHES, ids=[f"{s}={v}" for s, v, _ in SWITCHES]
)
def test_a_switch_changes_the_entries_that_it_is_about_and_no_others(
    structure, switch, value, changes
):
    base = convention("fused-ops")
    here, there = entries(structure, base), entries(structure, base.replace(**{switch: value}))
    differ = here ^ there
    about = {entry for entry in here | there if changes(entry)}
    latent = any(isinstance(g.attention, LatentAttention) for g in structure.groups)
    mixture = any(isinstance(g.feed_forward, Mixture) for g in structure.groups)
    if (switch in LATENT_ONLY and not latent) or (switch in MIXTURES_ONLY and not mixture):
        assert not differ
        return
    if value == "causal-half":
        # Of the pairs in a window there is no other count than the exact one.
        windowed = {g.label for g in structure.groups if getattr(g.attention, "window", None)}
        about = {entry for entry in about if entry.group not in windowed}
    if switch == "latent":
        # The rotated keys, and what of the attention is in both widths, stay as they are.
        assert differ
        assert differ <= about
    else:
        assert differ == about


def test_running_all_experts_changes_the_work_of_the_experts_that_the_reference_runs_so():
    base = convention("fused-ops")
    for name, structure in STRUCTURES.items():
        differ = entries(structure, base) ^ entries(structure, base.replace(run_all_experts=True))
        assert bool(differ) == name.startswith("llama-4"), name
        assert {e.operator for e in differ} <= {"experts"}
        assert {e.kind for e in differ} <= {"linear", "activation"}
    scout = rs.model("llama-4-scout")
    chosen, every = (
        rs.decode(scout, convention=base.replace(run_all_experts=flag)).filter(operator="experts")
        for flag in (False, True)
    )
    assert sympy.expand(every.flops - 16 * chosen.flops) == 0


@every_structure
def test_every_entry_counts_under_some_choice_of_switches(structure):
    """No entry is dead: whatever an operator states, some convention counts."""
    counted: set[Entry] = set()
    base = convention("unfused-ops").replace(
        norm_flops=True, activation_flops=True, rotary_flops=True, residual_flops=True,
        lm_head="all", activations="pointwise",
    )  # fmt: skip
    geometry = base.geometry(B, S, L)
    stated = {e for e in structure.entries(geometry) if e.amount != 0}
    for changes in (
        {}, {"new_kv": "cached"}, {"activations": "residual"}, {"activations": "multiplier"},
        {"flops": "per-weight"},
    ):  # fmt: skip
        rules = base.replace(**changes)
        assert rules.geometry(B, S, L) == geometry
        counted |= {e for e in stated if rules.counts(e)}
    assert counted == stated


# --- how conventions relate ----------------------------------------------------------------------


@every_structure
@every_phase
def test_unfused_less_scores_probabilities_and_norms_is_fused(structure, phase):
    model = Transformer(structure)
    unfused = phases.ledger(model, phase, "unfused-ops")
    fused = phases.ledger(model, phase, "fused-ops")
    own = sympy.Add(
        *(
            entry.total
            for entry in unfused.entries
            if entry.kind in ("score", "probability")
            or (entry.part == "norm" and entry.kind == "activation")
        )
    )
    assert own != 0
    assert sympy.expand(unfused.bytes - own - fused.bytes) == 0


@every_structure
@every_phase
def test_fused_and_unfused_agree_on_all_flops_but_the_mask_and_the_softmax(structure, phase):
    model = Transformer(structure)
    rules = convention("fused-ops").replace(mask="full", softmax_flops=True)
    here = phases.ledger(model, phase, "unfused-ops").flops
    there = phases.ledger(model, phase, rules).flops
    assert sympy.expand(here - there) == 0


# The width of the latents stays: queries in latent space, one per head, are activations of
# n_heads kv_rank elements, as many as a matrix has if both grow.
WIDENED = (
    sy.d_model, sy.n_heads, sy.n_kv_heads, sy.d_ff, sy.d_expert, sy.d_shared, sy.d_embed,
    sy.q_rank,
)  # fmt: skip


def widened(total: sympy.Expr, by: tuple[sympy.Symbol, ...]) -> dict[int, sympy.Expr]:
    """Coefficients of a total by power of the factor that all widths are multiplied with."""
    lam = sympy.Dummy("lam", positive=True)
    terms: dict[int, list[sympy.Expr]] = {}
    for term in sympy.Add.make_args(sympy.expand(total.xreplace({s: lam * s for s in by}))):
        coefficient, power = term.as_independent(lam, as_Add=False)
        degree = power.as_powers_dict().get(lam, 0) if power != 1 else 0
        assert power == lam**degree
        terms.setdefault(int(degree), []).append(coefficient)
    summed = {degree: sympy.expand(sympy.Add(*each)) for degree, each in terms.items()}
    return {degree: each for degree, each in summed.items() if each != 0}


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize("narrow", [sy.n_heads, sy.head_dim])
def test_bytes_of_a_dense_model_tend_to_those_of_its_weights(name, narrow):
    by = (sy.d_model, sy.d_ff) + (
        (sy.n_heads, sy.n_kv_heads) if narrow == sy.n_heads else (narrow,)
    )
    for phase in phases.PHASES:
        moved = widened(phases.ledger(Transformer(), phase, name).bytes, by)
        weights = widened(phases.ledger(Transformer(), phase, "weights-only").bytes, by)
        # Equal leading coefficients of equal degree: the quotient tends to 1.
        assert max(moved) == max(weights) == 2
        assert moved[2] == weights[2] != 0
        per_layer = 2 * sy.head_dim * sy.d_model * (sy.n_heads + sy.n_kv_heads)
        hand = sy.n_layers * sy.b_w * (per_layer + 3 * sy.d_model * sy.d_ff)
        assert sympy.expand(moved[2] - hand) == 0


@every_structure
@pytest.mark.parametrize("name", [name for name in CONVENTIONS if name != "weights-only"])
def test_bytes_of_every_structure_tend_to_those_of_its_weights(structure, name):
    by = tuple(symbol for symbol in WIDENED if symbol in structure.symbols)
    moved = widened(rs.step(Transformer(structure), convention=name).bytes, by)
    weights = widened(rs.step(Transformer(structure), convention="weights-only").bytes, by)
    assert max(moved) == max(weights) == 2
    assert moved[2] == weights[2]


@every_structure
def test_weights_only_is_two_flops_per_parameter_and_every_byte_once(structure):
    model = Transformer(structure)
    ledger = rs.step(model, convention=convention("weights-only").replace(experts="all"))
    assert sympy.expand(ledger.flops - 2 * B * S * model.active_parameters) == 0
    assert sympy.expand(ledger.bytes - structure.stored_bytes) == 0
    assert ledger.bytes == ledger.weight_bytes


@every_structure
def test_totals_split_into_what_they_are_of(structure):
    for name in CONVENTIONS:
        ledger = rs.step(Transformer(structure), convention=name)
        parts = ledger.weight_bytes + ledger.kv_bytes + ledger.activation_bytes
        assert sympy.expand(ledger.bytes - parts) == 0
        assert ledger.kv_bytes == ledger.kv_read_bytes + ledger.kv_write_bytes


def test_the_multiplier_and_the_residual_stream_by_hand():
    stream = sy.n_layers * B * S * sy.d_model * sy.b_a
    multiplied = rs.step(Transformer(), convention="activation-multiplier").activation_bytes
    assert multiplied == sy.c_act * stream
    assert rs.step(Transformer(), convention="residual-io").activation_bytes == 2 * stream


def test_flops_per_element_outside_matrix_multiplications_by_hand():
    model = Transformer()
    base = convention("linear-only")

    def only(**switch: bool) -> sympy.Expr:
        rules = base.replace(attention="fused", mask="full", **switch)
        return sympy.expand(
            rs.step(model, convention=rules).flops
            - rs.step(model, convention=base.replace(attention="fused", mask="full")).flops
        )

    tokens, n, d = B * S, sy.n_layers, sy.d_model
    pairs = B * S * (L + S) * sy.n_heads
    rotated = (sy.n_heads + sy.n_kv_heads) * sy.head_dim
    assert only(softmax_flops=True) == sympy.expand(5 * n * pairs)
    assert only(norm_flops=True) == sympy.expand(7 * tokens * d * (2 * n + 1))
    assert only(activation_flops=True) == tokens * n * sy.d_ff
    assert only(rotary_flops=True) == sympy.expand(3 * tokens * n * rotated)
    assert only(residual_flops=True) == 2 * tokens * n * d


# --- mixtures of experts -------------------------------------------------------------------------


def experts_read(experts: str = "expected", **given: object) -> sympy.Expr:
    model = Transformer(Structure(groups=(LayerGroup(feed_forward=Mixture()),)))
    rules = convention("fused-ops").replace(experts=experts)
    ledger = rs.step(model, convention=rules).filter(operator="experts", kind="weight")
    one = sy.n_layers * 3 * sy.d_model * sy.d_expert * sy.b_w
    return (ledger.bytes / one).xreplace(
        {sy.TABLE[k].symbol: sympy.sympify(v) for k, v in given.items()}
    )


def test_distinct_experts_are_those_of_uniform_routing():
    E, k, T = sy.n_experts, sy.top_k, B * S
    assert experts_read() == E * (1 - (1 - k / E) ** T)
    assert sympy.simplify(experts_read(B=1, S=1) - k) == 0
    assert experts_read("one-token") == k
    assert experts_read("all") == E


def test_distinct_experts_by_going_through_all_choices():
    """The expectation itself, over every choice of two experts of four by each of three tokens."""
    E, k, T = 4, 2, 3
    choices = list(itertools.combinations(range(E), k))
    counts = [len(set().union(*c)) for c in itertools.product(choices, repeat=T)]
    expectation = sympy.Rational(sum(counts), len(counts))
    assert experts_read(n_experts=E, top_k=k, B=1, S=T) == expectation
    assert experts_read(n_experts=E, top_k=k, B=T, S=1) == expectation


@pytest.mark.parametrize(("E", "k"), [(8, 2), (128, 8), (256, 8), (16, 1), (4, 4)])
def test_distinct_experts_grow_with_the_tokens_from_k_to_all(E, k):
    read = [experts_read(n_experts=E, top_k=k, B=T, S=1) for T in (*range(1, 40), 10**4)]
    assert read[0] == k
    assert all(k <= x <= E for x in read)
    if k < E:
        assert all(x < y for x, y in itertools.pairwise(read))
        # Above, the excess falls by the same factor with each token.
        assert all((E - y) * E == (E - x) * (E - k) for x, y in itertools.pairwise(read[:39]))
    assert E - read[-1] < sympy.Rational(1, 10**6)
    at = sy.B
    limit = sympy.limit(experts_read(n_experts=E, top_k=k, S=1), at, sympy.oo)
    assert limit == E


def test_flops_follow_the_chosen_experts_whatever_is_read():
    model = Transformer(Structure(groups=(LayerGroup(feed_forward=Mixture()),)))
    base = convention("fused-ops")
    flops = {
        rs.step(model, convention=base.replace(experts=e)).flops
        for e in ("expected", "one-token", "all")
    }
    assert len(flops) == 1
    each = rs.step(model).filter(operator="experts").flops
    assert each == 6 * B * S * sy.n_layers * sy.top_k * sy.d_model * sy.d_expert


# --- multi-head latent attention -----------------------------------------------------------------

LATENT = Structure(groups=(LayerGroup(attention=LatentAttention()),))


def latent(execution: str) -> rs.phases.Ledger:
    rules = convention("fused-ops").replace(latent=execution, mask="full")
    return rs.step(Transformer(LATENT), convention=rules)


def test_both_executions_of_latent_attention_have_the_same_weights_and_the_same_cache():
    absorbed, expanded = latent("absorbed"), latent("expanded")
    for quantity in ("weight_bytes", "kv_bytes", "kv_read_bytes", "kv_write_bytes"):
        assert getattr(absorbed, quantity) == getattr(expanded, quantity)
    width = sy.kv_rank + sy.rope_dim
    n, b = sy.n_layers, sy.b_kv
    assert sympy.expand(absorbed.kv_read_bytes - n * b * B * L * width) == 0
    assert sympy.expand(absorbed.kv_write_bytes - n * b * B * S * width) == 0
    assert sympy.expand(Transformer(LATENT).kv_bytes_per_token - n * b * width) == 0


def test_parameters_of_latent_attention_by_hand():
    h, q, r = sy.n_heads, sy.q_rank, sy.kv_rank
    nope, rope, v, d = sy.nope_dim, sy.rope_dim, sy.v_dim, sy.d_model
    matrices = d * q + q * h * (nope + rope) + d * (r + rope) + r * h * (nope + v) + h * v * d
    per_layer = matrices + q + r + 3 * d * sy.d_ff + 2 * d
    total = sy.n_layers * per_layer + 2 * sy.vocab_size * d + d
    assert sympy.expand(Transformer(LATENT).parameters - total) == 0


def test_flops_of_both_executions_by_hand():
    h, r, nope, rope, v = sy.n_heads, sy.kv_rank, sy.nope_dim, sy.rope_dim, sy.v_dim
    pairs, context, tokens = B * S * (L + S), B * (L + S), B * S
    absorbed = 2 * h * (pairs * (r + rope + r) + tokens * r * (nope + v))
    expanded = 2 * h * (pairs * (nope + rope + v) + context * r * (nope + v))
    difference = latent("absorbed").flops - latent("expanded").flops
    assert sympy.expand(difference - sy.n_layers * (absorbed - expanded)) == 0
    for execution, hand in (("absorbed", absorbed), ("expanded", expanded)):
        ledger = latent(execution).filter(operator=["score", "value", "k_up_proj", "v_up_proj"])
        assert sympy.expand(ledger.flops - sy.n_layers * hand) == 0


def test_which_execution_of_deepseek_v3_is_cheaper():
    """Absorbed for a token on a long context, expanded for a whole prompt."""
    model = rs.model("deepseek-v3")
    base = convention("fused-ops")
    absorbed, expanded = (
        rs.step(model, convention=base.replace(latent=x)) for x in ("absorbed", "expanded")
    )
    decode, prompt = {"B": 1, "S": 1, "L": 4096}, {"B": 1, "S": 4096, "L": 0}
    assert absorbed.at(**decode).flops < expanded.at(**decode).flops
    assert absorbed.at(**prompt).flops > expanded.at(**prompt).flops


def test_cached_latents_are_read_once_for_keys_and_values_together():
    """One matrix rebuilds both from one reading of the latents; attending reads the rebuilt."""
    ledger = latent("expanded")
    context = B * (L + S)
    rebuilt = sum(
        e.total
        for e in ledger.entries
        if e.quantity == "bytes" and e.kind in ("kv", "activation") and e.access == "read"
        and e.operator in ("k_up_proj", "v_up_proj", "score", "value")
    )  # fmt: skip
    same = {sy.b_kv: sy.b_a}
    of_latents = context * (sy.kv_rank + sy.rope_dim)
    of_heads = context * sy.n_heads * (sy.nope_dim + sy.v_dim)
    queries = B * S * sy.n_heads * (sy.nope_dim + sy.rope_dim)
    hand = sy.n_layers * sy.b_a * (of_latents + of_heads + queries)
    assert sympy.expand(rebuilt.xreplace(same) - hand) == 0


# --- windows and chunks, by going through all positions ------------------------------------------


def seen(position: int, window: Window | None) -> range:
    """Positions that a token attends to, itself included."""
    if window is None:
        return range(position + 1)
    width = int(window.width)
    first = position - position % width if window.chunked else max(0, position - width + 1)
    return range(first, position + 1)


GRID = [(s, c) for s in (1, 2, 3, 5, 8, 13) for c in (0, 1, 2, 3, 4, 7, 8, 9, 16, 25)]
SPANS = [None] + [
    Window(sympy.Integer(w), chunked) for w in (1, 2, 3, 5, 8, 100) for chunked in (False, True)
]


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_pairs_and_cached_positions_by_brute_force(span):
    for new, cached in GRID:
        rows = [seen(cached + i, span) for i in range(new)]
        pairs = sum(len(row) for row in rows)
        read = len({p for row in rows for p in row if p < cached})
        geometry = Geometry(B=sympy.S.One, S=sympy.Integer(new), L=sympy.Integer(cached))
        assert geometry.pairs(span) == pairs, (new, cached)
        assert geometry.cached(span) == read, (new, cached)
        # In symbols first, numbers after: the same.
        at = {S: sympy.Integer(new), L: sympy.Integer(cached)}
        assert Geometry().pairs(span).xreplace(at) == pairs, (new, cached)
        assert Geometry().cached(span).xreplace(at) == read, (new, cached)
        # The causal mask in the continuum is off by half of the diagonal.
        if span is None:
            half = dataclasses.replace(geometry, mask="causal-half").pairs(span)
            assert half == pairs - sympy.Rational(new, 2)
        full = dataclasses.replace(geometry, mask="full").pairs(span)
        kept = cached if span is None else min(cached, int(span.width) - 1)
        assert full == geometry.rectangle(span) == new * (kept + new) >= pairs


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("width", [3, 8])
def test_attention_flops_and_kv_traffic_of_windowed_layers_in_every_phase(width, chunked):
    window = Window(sy.window, chunked)
    structure = Structure(groups=(LayerGroup(attention=Attention(window=window)),))
    sizes = {
        "n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "head_dim": 5, "d_model": 7, "d_ff": 11,
        "vocab_size": 13, "window": width,
    }  # fmt: skip
    model = Transformer(structure, **sizes)
    span = Window(sympy.Integer(width), chunked)
    for new, cached in GRID:
        rows = [seen(cached + i, span) for i in range(new)]
        pairs = sum(len(row) for row in rows)
        read = len({p for row in rows for p in row if p < cached})
        steps = {"step": {"S": new, "L": cached}, "chunk": {"S": new, "L": cached}}
        if cached == 0:
            steps["prefill"] = {"S": new}
        if new == 1:
            steps["decode"] = {"L": cached}
        else:
            steps["verify"] = {"gamma": new - 1, "L": cached}
        for phase, step in steps.items():
            ledger = phases.ledger(model, phase).at(B=6, b_kv=1, **step)
            flops = sum(ledger.bind(e.total) for e in ledger.entries if e.kind == "attention")
            assert flops == 3 * 6 * 4 * 4 * 5 * pairs, (phase, step)
            assert ledger.kv_read_bytes == 3 * 6 * 2 * 2 * 5 * read, (phase, step)
            assert ledger.kv_write_bytes == 3 * 6 * 2 * 2 * 5 * new, (phase, step)


def test_mistral_and_llama_4_attend_to_what_their_configs_say():
    """Attention FLOPs of the models themselves, at numbers that are not small."""
    for name, cached, new in (
        ("mistral-7b-v0.1", 6000, 3), ("mistral-7b-v0.1", 0, 5000), ("mistral-7b-v0.1", 4094, 3),
        ("llama-4-scout", 9000, 2), ("llama-4-scout", 0, 9000), ("llama-4-scout", 8190, 5),
    ):  # fmt: skip
        model = rs.model(name)
        config = catalog.records("models")[name].table["config"]
        ledger = rs.step(model).at(B=1, S=new, L=cached)
        flops = sum(ledger.bind(e.total) for e in ledger.entries if e.kind == "attention")
        if name.startswith("mistral"):
            spans = [Window(sympy.Integer(config["sliding_window"]))] * 32
            width = 32 * 128
        else:
            chunk = Window(sympy.Integer(config["attention_chunk_size"]), chunked=True)
            spans = [None if (layer + 1) % 4 == 0 else chunk for layer in range(48)]
            width = 40 * 128
        per_span = {
            span: sum(len(seen(cached + i, span)) for i in range(new)) for span in set(spans)
        }
        assert flops == sum(4 * width * per_span[span] for span in spans), (name, cached, new)


def test_a_cache_of_a_window_stops_growing():
    model = rs.model("mistral-7b-v0.1").at(b_kv=2, b_w=2)
    per_token = 32 * 2 * 8 * 128 * 2
    weights = 2 * model.parameters
    for cached, kept in ((100, 101), (4095, 4096), (4096, 4096), (10**6, 4096)):
        assert model.memory_footprint(B=3, S=1, L=cached) == weights + 3 * kept * per_token


# --- precision -----------------------------------------------------------------------------------

SMALL = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 1000,
    "tie_word_embeddings": False,
}  # fmt: skip
STEP = {"B": 1, "S": 1, "L": 7}


def test_scales_of_an_fp8_checkpoint_by_hand():
    config = SMALL | {
        "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}
    }
    model = Transformer.from_config(config)
    plain = Transformer.from_config(SMALL)
    assert model.parameters == plain.parameters
    matrices = 3 * (256 * (256 + 2 * 128 + 256) + 3 * 256 * 512)
    blocks = matrices // (128 * 128)
    assert blocks * 128 * 128 == matrices
    vectors, table = 7 * 256, 1000 * 256
    sizes = {"b_w_embedding": 2, "b_w_lm_head": 2, "b_w_vectors": 4}
    ledger = rs.decode(model).at(B=1, L=7, **sizes)
    # One gathered row, the norms in four bytes, the LM head whole in two, a scale per block.
    assert ledger.weight_bytes == matrices + 4 * blocks + 4 * vectors + 2 * 256 + 2 * table
    stored = model.at(b_kv=2, **sizes).memory_footprint(B=1, S=1, L=7)
    cache = 3 * 2 * 2 * 64 * 2 * 8
    assert stored == matrices + 4 * blocks + 4 * vectors + 4 * table + cache


def test_scales_of_an_mxfp4_checkpoint_by_hand():
    config = next(
        row["config"] for row in REFERENCE["models"] if row["id"] == "small-gpt-oss-window-11"
    )
    quantized = config | {"quantization_config": {"quant_method": "mxfp4"}}
    model, plain = (Transformer.from_config(c) for c in (quantized, config))
    assert model.parameters == plain.parameters
    layers, experts = config["num_hidden_layers"], config["num_local_experts"]
    elements = layers * experts * 3 * config["hidden_size"] * config["intermediate_size"]
    stored = model.at(b_w=2, b_kv=1).memory_footprint(B=1, S=1, L=0)
    wide = plain.at(b_w=2, b_kv=1).memory_footprint(B=1, S=1, L=0)
    # Half a byte and a thirty-second of a one-byte scale instead of two bytes; biases stay.
    assert wide - stored == elements * (2 - sympy.Rational(1, 2) - sympy.Rational(1, 32))
    half = convention("fused-ops").replace(experts="all")
    read, read_wide = (
        rs.decode(m, convention=half).at(B=1, L=0, b_w=2).weight_bytes for m in (model, plain)
    )
    assert read_wide - read == wide - stored


def test_scales_of_grouped_integers_by_hand():
    config = SMALL | {"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 64}}
    model = Transformer.from_config(config)
    matrices = 3 * (256 * (256 + 2 * 128 + 256) + 3 * 256 * 512)
    rest = 2 * 1000 * 256 + 7 * 256
    sizes = {"b_w_embedding": 2, "b_w_lm_head": 2, "b_w_vectors": 2, "b_kv": 2}
    stored = model.at(**sizes).memory_footprint(B=1, S=1, L=0) - 3 * 2 * 2 * 64 * 2
    # A 2-byte scale and a 4-bit zero per group.
    assert (
        stored == matrices * sympy.Rational(1, 2) + matrices // 64 * sympy.Rational(5, 2) + 2 * rest
    )


def test_scales_of_a_quantised_cache_by_hand():
    model = Transformer(Structure(scaled_kv=True))
    width = 2 * sy.n_layers * sy.n_kv_heads * sy.head_dim
    each = sy.b_kv + sy.scale_kv / sy.group_kv
    assert sympy.expand(model.kv_bytes_per_token - width * each) == 0
    ledger = rs.decode(model)
    assert sympy.expand(ledger.kv_read_bytes - B * L * width * each) == 0
    assert sympy.expand(ledger.kv_write_bytes - B * width * each) == 0


def test_bytes_per_weight_may_differ_by_part():
    parts = frozenset({"embedding", "attention", "feed_forward", "lm_head", "vectors"})
    model = Transformer(Structure(own_precision=parts))
    d, h, kv = sy.d_model, sy.n_heads * sy.head_dim, sy.n_kv_heads * sy.head_dim
    hand = (
        sy.b_w_embedding * B * S * d
        + sy.b_w_attention * sy.n_layers * 2 * d * (h + kv)
        + sy.b_w_feed_forward * sy.n_layers * 3 * d * sy.d_ff
        + sy.b_w_lm_head * sy.vocab_size * d
        + sy.b_w_vectors * (2 * sy.n_layers + 1) * d
    )
    assert sympy.expand(rs.step(model).weight_bytes - hand) == 0
    same = dict.fromkeys((sy.TABLE[f"b_w_{p}"].symbol for p in parts), sy.b_w)
    plain = rs.step(Transformer()).weight_bytes
    assert sympy.expand(rs.step(model).weight_bytes.xreplace(same) - plain) == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [("deepseek-v3", 70272), ("llama-3.1-405b", 516096), ("qwen2.5-72b", 327680)],
)
def test_kv_bytes_per_token(name, expected):
    model = rs.model(name).at(b_kv=2)
    assert model.kv_bytes_per_token == expected
    # And what a decode step reads for each cached token, and writes for its own.
    ledger = rs.decode(model).at(B=1, L=1000)
    assert (ledger.kv_read_bytes, ledger.kv_write_bytes) == (1000 * expected, expected)


# --- layers stay grouped -------------------------------------------------------------------------


@every_structure
def test_the_ledger_does_not_grow_with_the_layers(structure):
    assert len(structure.groups) <= 3
    assert len(rs.step(Transformer(structure)).entries) < 250
    assert all(not group.count.is_number for group in structure.groups)

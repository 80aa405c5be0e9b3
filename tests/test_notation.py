"""Notations: the same equations in the letters and the parameters of other documents."""

from __future__ import annotations

import contextlib
import itertools
import re

import pytest
import sympy
from support import asked_of, models

import roofsym as rs
from roofsym import cli
from roofsym import symbols as sy
from roofsym.derivation import Label
from roofsym.errors import ProofError
from roofsym.quantities import QUANTITIES, Subject
from roofsym.render import document
from roofsym.render.document import settled
from roofsym.render.expression import LAMBERT, Style, render
from roofsym.render.naming import is_part
from roofsym.render.notation import NOTATIONS, Notation, notation
from roofsym.results import RESULTS
from roofsym.symbols import B, L, S, alpha, b_w, d_ff, d_model, kappa, n_layers, phi, w
from roofsym.transformer import Attention, FeedForward, LayerGroup, Mixture, Structure

MODELS = {k: models()[k] for k in ("symbolic", "windowed")}


def equations() -> dict[str, sympy.Expr]:
    """Quantities in constants and in dimensions, and the values of results."""
    out: dict[str, sympy.Expr] = {}
    for name, model in MODELS.items():
        subject = Subject(model, rs.step(model), rs.Machine())
        for q in QUANTITIES.values():
            form = q.closed_form(subject)
            out[f"{name} {q.name}"] = form.expr
            out[f"{name} {q.name} in dimensions"] = form.at_depth("dimensions")
    for name, entry in RESULTS.items():
        model = rs.model(asked_of(name)) if asked_of(name) else rs.Transformer()
        for i, branch in enumerate(entry.answer(rs.step(model), rs.Machine()).general.branches):
            out[f"{name} {i}"] = branch.value
    return out


EQUATIONS = equations()


@pytest.mark.parametrize("name", NOTATIONS)
def test_every_equation_is_equal_to_the_original(name: str):
    # At numbers that the notation's assumptions allow, and its own letters as it defines them: a
    # check that shares no code with the proof in `translate`.
    letters = notation(name).within({}, {}, {L})
    free = set().union(*(x.free_symbols for x in EQUATIONS.values()))
    free |= set().union(*(x.free_symbols for x in letters.definitions.values()))
    free |= set().union(*(x.free_symbols for x in letters.assumptions.values()))
    ranked = sorted(free, key=lambda s: s.name)
    point = {s: sympy.Integer(100 + 7 * i) for i, s in enumerate(ranked)}
    point |= {s: x.xreplace(point) for s, x in letters.assumptions.items()}
    point |= {s: x.xreplace(point) for s, x in letters.definitions.items()}
    for what, expr in EQUATIONS.items():
        made = letters.translate(expr)
        assert sympy.N(made.xreplace(point) - expr.xreplace(point), 20) == 0, what
        gone = {sy.TABLE[n].symbol for n in letters.substitutions}
        assert not made.free_symbols & gone, what


def test_a_wrong_substitution_is_not_printed(monkeypatch: pytest.MonkeyPatch):
    letters = notation("guesstimator").settled({d_ff})
    r = letters.translate(d_ff / d_model)
    assert letters.definitions == {r: d_ff / d_model}
    monkeypatch.setitem(letters._rules, d_ff, 2 * r * d_model)
    with pytest.raises(ProofError):
        letters.translate(3 * d_model * d_ff)


@pytest.mark.parametrize(
    ("name", "quantity", "text"),
    [
        ("guesstimator", "kv_read_bytes", "2 S L n_ℓ d dtype_B"),
        ("scaling-book", "kv_read_bytes", "2 B S L K H b_kv"),
        ("deep-ml", "kv_read_bytes", "2 B L n_layers d_model dtype_bytes"),
        ("roofline-notebook", "kv_read_bytes", "2 B seq_len_kv n_layers n_heads d_head bpe"),
        ("intensity-estimation", "kv_read_bytes", "4 B S_c N H"),
        (
            "hugging-face", "kv_bytes_per_token",
            "2 num_hidden_layers num_key_value_heads head_dim b_kv",
        ),
        ("roofline-lab", "kv_bytes_per_token", "2 n_layers n_kv_heads head_dim dtype_bytes"),
    ],
)  # fmt: skip
def test_quantities_in_dimensions(name: str, quantity: str, text: str):
    model = rs.Transformer()
    form = QUANTITIES[quantity].closed_form(Subject(model, rs.step(model), rs.Machine()))
    assert render(form.at_depth("dimensions"), "text", notation(name)) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("intensity-estimation", "4 B S N H (6 H + S)"),
        ("guesstimator", "4 S L n_ℓ d (d (r + 2) + L)"),
        ("deep-ml", "4 B seq_len n_layers d_model (6 d_model + seq_len)"),
    ],
)
def test_prefill_of_the_documents(name: str, text: str):
    # N (24 B S H² + 4 B S² H); n_ℓ S ((8 + 4 r) L d² + 4 L² d): layers alone, no causal discount.
    group = LayerGroup(attention=Attention(), feed_forward=FeedForward(gated=False))
    model = rs.Transformer(Structure(groups=(group,)))
    rules = rs.convention("fused-ops").replace(mask="full", lm_head="none", name="layers")
    form = QUANTITIES["flops"].closed_form(Subject(model, rs.prefill(model, rules), rs.Machine()))
    assert render(form.at_depth("dimensions"), "text", notation(name)) == text


def test_the_central_equation_of_the_lab():
    # 2 n_params num_tokens / (n_params dtype_bytes): the number of parameters cancels.
    d = rs.results.critical_batch(rs.decode(rs.Transformer(), "weights-only"), rs.Machine())
    text = d.derivation.text("roofline-lab", "constants")
    assert "F = 2 batch n_params" in text
    assert "Q = dtype_bytes n_params" in text
    assert "2 batch / dtype_bytes = ridge" in text
    assert "batch* = ridge dtype_bytes / 2" in text


def test_an_assumption_that_does_not_follow_is_left_out():
    # 2 FLOP per parameter is not what fused-ops counts.
    decode = rs.decode(rs.Transformer())
    d = rs.results.critical_batch(decode, rs.Machine()).derivation
    assert phi not in settled(d, "roofline-lab").assumptions
    assert "φ" in d.text("roofline-lab", "constants")
    # Without definitions nothing is known of φ: it stays.
    assert render(phi, "text", notation("roofline-lab")) == "φ"


def test_assumptions_that_the_model_contradicts_are_left_out_together():
    known = {sy.n_heads: sympy.Integer(32), sy.n_kv_heads: sympy.Integer(8)}
    letters = notation("guesstimator").within(known, {}, ())
    assert not {sy.n_kv_heads, sy.head_dim} & letters.assumptions.keys()
    assert sy.b_a in letters.assumptions
    multi_head = {**known, sy.n_kv_heads: sympy.Integer(32)}
    kept = notation("guesstimator").within(multi_head, {}, ())
    assert {sy.n_kv_heads, sy.head_dim} <= kept.assumptions.keys()


def derivations() -> dict[str, list[tuple[str, rs.Derivation]]]:
    """Every result by depth: of a symbolic model, and with the numbers of a model."""
    out: dict[str, list[tuple[str, rs.Derivation]]] = {"symbols": [], "numbers": []}
    for name, entry in RESULTS.items():
        example = asked_of(name)
        symbolic = rs.model(example) if example else rs.Transformer()
        known = rs.model(example or "llama-3.1-8b")
        for kind, step, machine in (
            ("symbols", rs.step(symbolic), rs.Machine()),
            ("numbers", rs.step(known), rs.machine("h100-sxm")),
        ):
            with contextlib.suppress(rs.InputError):
                out[kind].append((f"{name} {step.model}", entry.answer(step, machine).derivation))
    lean = rs.decode(rs.Transformer(), "weights-only")
    critical = rs.results.critical_batch(lean, rs.Machine()).derivation
    out["symbols"].append(("critical-batch weights-only", critical))
    return out


DERIVATIONS = derivations()


@pytest.mark.parametrize("depth", ["constants", "numbers"])
@pytest.mark.parametrize("name", NOTATIONS)
def test_where_tables_have_a_row_for_each_letter_that_is_printed_and_no_other(
    name: str, depth: str, monkeypatch: pytest.MonkeyPatch
):
    written: set[sympy.Symbol] = set()
    letter = Style.letter

    def recorded(style: Style, symbol: sympy.Symbol) -> str:
        written.add(symbol)
        return letter(style, symbol)

    monkeypatch.setattr(Style, "letter", recorded)
    for what, derivation in DERIVATIONS["numbers" if depth == "numbers" else "symbols"]:
        letters = settled(derivation, name)
        blocks = document.blocks(derivation, depth, 1, name)
        rows = {row.symbol for b in blocks if isinstance(b, document.Where) for row in b.rows}
        names = {x for x in rows if isinstance(x, Label)}
        rows -= names
        written.clear()
        above, _, table = document.Writer(letters).document(blocks).partition("\nwhere\n")
        unknown = {s for s in written - rows if not is_part(s)}
        assert not unknown, (what, unknown)
        # What stands in lines of formulas, and behind the meanings.
        formulas = [x for x in above.splitlines() if x.startswith("      ")]
        whole = re.sub(r"\n {8,}(?=[+−/(])", " ", table)
        formulas += [x.partition(" = ")[2] for x in whole.splitlines()]
        for row in rows - {LAMBERT}:
            alone = rf"(?<![\w,]){re.escape(letters.text(row))}(?![\w,]\S)"
            assert any(re.search(alone, x) for x in formulas), (what, row)
        for label in names:
            shown = letters.label(label.text, label.latex)[0]
            assert any(x.startswith(f"      {shown}") for x in formulas), (what, label)


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "html"])
@pytest.mark.parametrize("name", [n.name for n in NOTATIONS.values() if n.assumptions])
def test_documents_say_what_is_assumed(name: str, form: str):
    d = rs.results.critical_batch(rs.step(rs.Transformer()), rs.Machine()).derivation
    document = getattr(d, form)(name)
    assert f"In the notation {name}, with" in document
    assert "In the notation" not in getattr(d, form)("scaling-book")


def test_letters_of_its_own_are_explained_with_unit_definition_and_value():
    led = rs.step(rs.model("llama-3.1-8b")).at(L=128, b_w=2, b_a=2, b_kv=2)
    text = rs.results.critical_batch(led, rs.machine("h100-sxm")).derivation.text("guesstimator")
    row = next(x for x in text.splitlines() if re.match(r"  r +1 ", x))
    assert "= d_ff / d = 3.5" in row + text[text.index(row) + len(row) :].splitlines()[1]


def test_the_same_length_has_one_letter_where_nothing_is_cached():
    letters = notation("guesstimator")
    assert render(S, "text", letters) == "L"
    assert render(S * L, "text", letters) == "L_new L"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"letters": {"B": ("L", "L")}}, "L for B and L"),
        ({"letters": {"d_ff": ("ϰ", r"\kappa")}}, r"kappa for kappa and d_ff"),
        ({"uncached": {"S": ("B", "B")}}, "B for B and S"),
        ({"letters": {"nothing": ("x", "x")}}, "nothing"),
        ({"substitutions": {"nothing": d_model}}, "nothing"),
        ({"substitutions": {"d_ff": b_w}}, "unit of d_ff"),
        ({"substitutions": {"d_ff": d_model, "d_model": d_ff}}, "substitutions"),
    ],
    ids=str,
)
def test_what_a_notation_may_not_be(given: dict[str, dict], message: str):
    with pytest.raises(rs.InputError, match=message):
        Notation("mine", **given)


# Made as a difference, a letter may be negative.
DIFFERENCE = sy.extra("y_of_tests", "1", "a difference of the tests", positive=False)
QUOTIENT = sy.extra("g_of_tests", "1", "query heads that share a KV head", text="g", latex="g")


@pytest.mark.parametrize(
    ("substitution", "defined", "expr", "text"),
    [
        (
            {"n_kv_heads": sy.n_heads / QUOTIENT},
            {QUOTIENT: sy.n_heads / sy.n_kv_heads},
            n_layers * d_model * (sy.n_heads + sy.n_kv_heads),
            "n_layers n_heads d_model (1 + 1 / g)",
        ),
        (
            {"n_global": DIFFERENCE + sy.n_local},
            {DIFFERENCE: sy.n_global - sy.n_local},
            d_model * (sy.n_global + sy.n_local),
            "d_model (2 n_local + y_of_tests)",
        ),
        (
            {"d_ff": QUOTIENT * d_model, "d_expert": QUOTIENT * d_model / sy.n_experts},
            {QUOTIENT: d_ff / d_model},
            d_ff + sy.d_expert,
            "d_model g (1 + 1 / n_experts)",
        ),
    ],
    ids=["quotient", "difference", "twice"],
)
def test_a_new_letter_is_what_its_equation_says(
    substitution: dict, defined: dict, expr: sympy.Expr, text: str
):
    mine = Notation("mine", substitutions=substitution)
    assert mine.definitions == defined
    assert render(expr, "text", mine) == text


def test_a_new_letter_that_no_equation_defines_is_refused():
    x = sy.extra("x_of_tests", "1", "a letter of the tests")
    with pytest.raises(rs.InputError, match="degree 1 in x_of_tests"):
        Notation("mine", substitutions={"d_ff": x**2 * d_model})
    with pytest.raises(rs.InputError, match="one new letter"):
        Notation("mine", substitutions={"d_ff": x * QUOTIENT})
    # What is d_ff - d_model may be negative, and SymPy would not know.
    with pytest.raises(rs.InputError, match="positive=False"):
        Notation("mine", substitutions={"d_ff": x + d_model})
    with pytest.raises(rs.InputError, match="lead back"):
        Notation("mine", substitutions={"d_ff": x * d_model, "d_model": d_ff})
    with pytest.raises(rs.InputError, match="x_of_tests for"):
        Notation("mine", letters={"B": ("x_of_tests", "b")}, substitutions={"d_ff": x * d_model})


def test_a_letter_stands_for_one_thing():
    first = sy.extra("z_of_tests", "1", "one thing")
    assert sy.extra("z_of_tests", "1", "one thing") is first
    with pytest.raises(rs.InputError, match="one thing"):
        sy.extra("z_of_tests", "1", "another thing")
    with pytest.raises(rs.InputError, match="sequences in the step"):
        sy.extra("B", "1", "bytes")
    assert "z_of_tests" not in sy.TABLE


def test_letters_of_the_notations_are_free_names_for_those_of_users():
    # Whoever wants an r of their own may say in other words what it is.
    taken = {letter.name for n in NOTATIONS.values() for letter in n.definitions}
    printed = {n.text(letter) for n in NOTATIONS.values() for letter in n.definitions}
    assert printed >= {"r", "Z", "n_params"}
    assert not taken & printed


def test_letters_clash_only_where_they_are_printed_together():
    # x is what a device sends per token, g the steps that a verification may take.
    mine = Notation(
        "mine",
        letters={"d_model": ("x", "x")},
        substitutions={"n_kv_heads": sy.n_heads / QUOTIENT},
    )
    d = rs.results.critical_batch(rs.decode(rs.Transformer()), rs.Machine()).derivation
    for form in ("text", "latex", "markdown", "html"):
        assert getattr(d, form)(mine, "dimensions")
    assert re.search(r"  g +1 +query heads that share .* = n_heads / n_kv_heads", d.text(mine))
    assert "x for sent_per_token and d_model" in refused(sy.sent_per_token * d_model, mine)
    assert "g for allowance and g_of_tests" in refused(sy.allowance * sy.n_kv_heads, mine)
    # In a derivation the two may be in different formulas.
    step = rs.decode(rs.Transformer())
    speculative = rs.results.break_even_batch(step, rs.Machine()).derivation
    with pytest.raises(rs.InputError, match="g for allowance and g_of_tests"):
        speculative.text(mine, "dimensions")


def refused(expr: sympy.Expr, letters: Notation) -> str:
    with pytest.raises(rs.InputError) as caught:
        render(expr, "text", letters)
    return str(caught.value)


def test_a_left_hand_side_printed_like_a_symbol_is_refused():
    mine = Notation("mine", letters={"w": ("L*", "L^{*}")})
    d = rs.results.kv_overtakes_weights(rs.step(rs.Transformer())).derivation
    with pytest.raises(rs.InputError, match="left-hand side and w"):
        d.text(mine)


def test_a_user_defines_one_in_a_few_lines():
    r = sy.extra("r", "1", "width of the feed-forward block over that of the residual stream")
    mine = Notation(
        "mine",
        letters={"d_model": ("d", "d"), "n_layers": ("n", "n"), "B": ("b", "b")},
        substitutions={"d_ff": r * d_model},
    )
    assert render(6 * B * n_layers * d_model * d_ff, "text", mine) == "6 b n d² r"
    d = rs.results.critical_batch(rs.step(rs.Transformer()), rs.Machine()).derivation
    text = d.text(mine, "dimensions")
    assert "b* = I* w / (φ + α L − I* (κ L + a))" in text
    assert re.search(r"^ +6\. Solved for b\b", text, flags=re.MULTILINE)
    assert "d_ff / d" in text


def test_starred_letters_and_prose_follow_the_notation():
    d = rs.results.kv_overtakes_weights(rs.step(rs.Transformer())).derivation
    assert "S* = w / (B κ)" in d.text("scaling-book", "constants")
    assert "S^{*} = " in d.latex("scaling-book", "constants")
    assert "Solved for S" in d.text("scaling-book", "constants")
    assert r"{S_{c}}^{*}" in d.latex("intensity-estimation", "constants")


@pytest.mark.parametrize("name", NOTATIONS)
def test_sentences_speak_in_the_letters_of_the_formulas(name: str):
    solved = 0
    for what, derivation in DERIVATIONS["symbols"]:
        lines = derivation.text(name, "constants").splitlines()
        for line, formula in itertools.pairwise(lines):
            if found := re.search(r"Solved for (\S+)$", line):
                left = formula.strip().partition(" = ")[0]
                # Some solutions have a name of another kind: ratios, and what is a limit.
                if "/" not in left and not what.startswith(("ridge-point", "limit-throughput")):
                    assert left.startswith(found[1]), (what, line, formula)
                    solved += 1
    assert solved > 30


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("scaling-book", "text", "Solved for T\n      T* = ("),
        ("scaling-book", "latex", "Solved for $T$\n"),
        ("scaling-book", "markdown", "Solved for $`T`$\n"),
        ("scaling-book", "html", "Solved for <math><mi>T</mi></math></p>"),
        ("roofsym", "latex", "Solved for $S$\n"),
    ],
)
def test_sentences_are_set_as_formulas_are(name: str, form: str, said: str):
    step = rs.step(rs.Transformer())
    found = rs.results.prefill_critical_length(step, rs.Machine()).derivation
    assert said in getattr(found, form)(name, "constants")


def test_names_follow_the_letters_they_are_made_of():
    led = rs.decode(rs.Transformer())
    rule = rs.results.ridge_rule_ratio(led, rs.Machine()).derivation
    assert "S* / S_rule = " in rule.text("guesstimator", "constants")
    elasticity = rs.results.time_elasticity(led, rs.Machine()).derivation
    assert "d ln t / d ln B = " in elasticity.text("scaling-book", "constants")
    assert r"\frac{\mathrm{d} \ln t}{\mathrm{d} \ln B}" in elasticity.latex("scaling-book")
    assert r"{S_{c}}_{\max} = " in rs.results.largest_context(led, rs.Machine()).derivation.latex(
        "intensity-estimation", "constants"
    )
    # So do symbols: the critical batch, where it is one, and the batch that decodes beside a chunk.
    letters = notation("guesstimator")
    assert letters.text(sy.critical_batch) == "S*"
    assert letters.latex(sy.decode_batch) == r"S_{\mathrm{d}}"
    # No index is renamed, no unit, and no article.
    mine = Notation("mine", letters={"B": ("b", "b"), "a": ("z", "z"), "time": ("u", "u")})
    own = mine.within({}, {}, {B, sy.a, sy.time})
    assert own.label("a_B", "a_{B}") == ("a_B", "a_{B}")
    assert own.prose("a batch B, at 2 B and 3.5 GB/s, is B* after T") == (
        "a batch b, at 2 B and 3.5 GB/s, is b* after u"
    )


@pytest.mark.parametrize("row", sy.TABLE.values(), ids=sy.TABLE)
def test_meanings_are_words(row: sy.SymbolInfo):
    # A letter in one would have to be in the letters of every notation.
    texts = {x.text for x in sy.TABLE.values()} - {"a"}
    assert not texts & set(re.findall(r"[\w*]+", row.meaning.replace("'s ", " ")))


def test_powers_of_ten_are_written_as_such():
    letters = notation("intensity-estimation")
    assert render(w, "text", letters) == "2 × 10⁹ Z"
    assert render(w, "latex", letters) == r"2 \times 10^{9} \, Z"
    assert "<msup><mn>10</mn><mn>9</mn></msup>" in render(w, "mathml", letters)
    assert render(B * L * alpha + kappa, "text", letters) == "κ + B α S_c"


@pytest.mark.parametrize(
    ("model", "quantity", "text"),
    [
        (
            "mixtral-8x7b", "parameters",
            "hidden_size (num_hidden_layers (3 num_local_experts intermediate_size "
            "+ 2 head_dim (num_attention_heads + num_key_value_heads) + num_local_experts + 2) "
            "+ 2 vocab_size + 1)",
        ),
        (
            "qwen3-30b-a3b", "parameters",
            "num_hidden_layers (hidden_size (3 num_experts moe_intermediate_size "
            "+ 2 head_dim (num_attention_heads + num_key_value_heads) + num_experts + 2) "
            "+ 2 head_dim) + hidden_size (2 vocab_size + 1)",
        ),
        (
            "deepseek-v3", "kv_bytes_per_token",
            "num_hidden_layers b_kv (kv_lora_rank + qk_rope_head_dim)",
        ),
        (
            "gemma-3-27b", "memory_footprint",
            "2 B num_key_value_heads head_dim b_kv ((L + 1) (num_hidden_layers − n_local) "
            "+ n_local min(L + 1, sliding_window))",
        ),
        # Head width is no key of GPT-2's, and the shared expert of Llama 4 has none of its own.
        ("gpt2", "kv_bytes_per_token", "2 n_layer n_embd b_kv"),
        (
            "llama-4-scout", "parameters",
            "hidden_size (num_hidden_layers (3 intermediate_size (num_local_experts + 1) "
            "+ 2 head_dim (num_attention_heads + num_key_value_heads) "
            "+ num_local_experts + 2) + 2 vocab_size + 1)",
        ),
        ("opt-125m", "parameters", "hidden_size (vocab_size + max_position_embeddings + 4)"),
    ],
)  # fmt: skip
def test_a_model_is_printed_in_the_keys_of_its_own_config(model: str, quantity: str, text: str):
    asked = rs.model(model)
    form = QUANTITIES[quantity].closed_form(Subject(asked, rs.decode(asked), rs.Machine()))
    letters = notation("hugging-face").of(asked.config_keys)
    assert text in render(form.at_depth("dimensions"), "text", letters)


def test_a_derivation_knows_the_config_of_its_model(capsys: pytest.CaptureFixture[str]):
    # In Python as on the command line, and in another phase, on a part of the model's values.
    model = rs.model("qwen3-30b-a3b").at(n_layers=4)
    d = rs.results.critical_batch(rs.step(model), rs.Machine()).derivation
    text = d.text("hugging-face")
    assert "= 3 num_hidden_layers hidden_size num_experts moe_intermediate_size b_w" in text
    asked = ["derive", "critical-batch", "--notation", "hugging-face"]
    assert cli.main([*asked, "--model", "deepseek-v3"]) == 0
    printed = capsys.readouterr().out
    assert "n_shared_experts" in printed
    assert re.search(r" first_k_dense_replace +1 ", printed)
    assert "= first_k_dense_replace + n_sparse = 61" in printed


def test_a_model_of_no_family_has_the_common_keys():
    mixture = rs.Transformer(Structure(groups=(LayerGroup(feed_forward=Mixture()),)))
    text = rs.results.distinct_experts(rs.decode(mixture)).derivation.text("hugging-face")
    assert "1 − num_experts_per_tok / n_routed_experts" in text


def test_a_size_that_contradicts_the_config_keeps_its_own_letter():
    # Llama 4 has one key for both widths.
    model = rs.model("llama-4-scout").at(d_shared=1024)
    d = rs.results.critical_batch(rs.decode(model), rs.Machine()).derivation
    text = d.text("hugging-face")
    assert re.search(r" d_shared +1 .*= 1024", text)


def test_the_command_line_lists_and_uses_them(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["list", "notations"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in NOTATIONS)
    assert cli.main(["solve", "critical-batch", "--notation", "guesstimator"]) == 0
    assert "S* = β w / (φ + α L − β (κ L + a))" in capsys.readouterr().out
    assert cli.main(["show", "weight_bytes", "--notation", "roofline-lab", "--convention",
                     "weights-only"]) == 0  # fmt: skip
    assert "= dtype_bytes n_params" in capsys.readouterr().out

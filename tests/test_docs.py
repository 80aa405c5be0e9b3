"""Documentation: what is written by hand agrees with the code.

What pages compute is checked when `make docs` builds them: a script that fails fails the build.
"""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path

import pytest
from support import ROOT, same

import roofsym as rs
from roofsym import conventions, polynomial, results, solve, steps, summary, symbols, values
from roofsym.render import document

DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str, heading: str) -> list[list[str]]:
    """Cells of the first table under a heading."""
    part = text.partition(f"## {heading}\n")[2]
    lines = re.search(r"(?:^\|.*\n)+", part, flags=re.MULTILINE)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_conventions_page_names_every_convention():
    named = [
        re.search(r"`(.+?)`", row[0])[1] for row in rows(page("conventions.md"), "The named ones")
    ]
    assert named == list(conventions.CONVENTIONS)
    assert (
        "(default)"
        in rows(page("conventions.md"), "The named ones")[named.index(conventions.DEFAULT)][0]
    )


def test_the_conventions_page_lists_every_switch_with_its_values():
    written = {}
    for names, settings, _ in rows(page("conventions.md"), "The switches"):
        for name in re.findall(r"`(.+?)`", names):
            written[name] = set(re.findall(r"`(.+?)`", settings))
    accepted = {}
    for switch in rs.convention(conventions.DEFAULT).switches():
        with pytest.raises(rs.InputError) as refused:
            rs.convention(conventions.DEFAULT).replace(**{switch: "no such value"})
        listed = refused.value.accepted.removeprefix("one of ").split(", ")
        accepted[switch] = {{"True": "yes", "False": "no"}.get(v, v) for v in listed}
    assert written == accepted


def entries() -> list[tuple[list[str], str]]:
    """Terms of the glossary, and what is said of them."""
    blocks = re.findall(r"```\{glossary\}\n(.*?)```", page("glossary.md"), flags=re.DOTALL)
    made = []
    for entry in "\n".join(blocks).split("\n\n"):
        lines = entry.strip("\n").splitlines()
        terms = [line for line in lines if not line.startswith(" ")]
        made.append((terms, " ".join(line.strip() for line in lines[len(terms) :])))
    return made


def named_after(terms: list[str], said: str) -> str | None:
    """The symbol that an entry is about: named first, or by the term itself."""
    first = re.match(r"`(.+?)`,", said)
    names = [first[1]] if first else [t.replace(" ", "_") for t in terms]
    return next((n for n in names if n in symbols.TABLE and n not in QUANTITIES), None)


QUANTITIES = symbols.names("quantity")
ABOUT_SYMBOLS = {named_after(*entry): entry[0] for entry in entries()}


def test_the_glossary_is_about_these_symbols():
    # So that the next test does not come to check nothing.
    assert {"B", "L", "t", "c_act", "acceptance", "draft_cost", "peak"} <= ABOUT_SYMBOLS.keys()


@pytest.mark.parametrize("name", [n for n in ABOUT_SYMBOLS if n])
def test_every_other_word_of_the_glossary_leads_to_the_symbol(name: str):
    for term in ABOUT_SYMBOLS[name]:
        for word in {term, term.lower(), re.sub(r"\W", "_", term), re.sub(r"\W", "-", term)}:
            if word in symbols.TABLE:
                continue
            with pytest.raises(rs.InputError) as refused:
                symbols.lookup(word)
            assert re.search(rf"(?:^|one of |, ){name} \(", refused.value.accepted), word


def test_the_index_lists_every_how_to_page():
    listed = set(re.findall(r"/_generated/how_to/(\w+)", page("index.md")))
    assert listed == {path.stem for path in (DOCS / "how_to").glob("*.py")}


@pytest.mark.parametrize("name", ["own_model", "own_convention"])
def test_pages_print_formulas_as_the_package_does(name: str, capsys: pytest.CaptureFixture[str]):
    runpy.run_path(str(DOCS / "how_to" / f"{name}.py"))
    printed = capsys.readouterr().out
    assert " head_dim " in printed
    assert not re.search(r"\w\*[\w(*]", printed), printed


# A role is markup in a notebook; a link by address is none there, but nothing on the way checks it.
@pytest.mark.parametrize(
    "script", sorted(p for p in DOCS.glob("[a-z]*/*.py")), ids=lambda p: p.stem
)
def test_a_page_that_is_also_a_notebook_links_by_title_and_address(script: Path):
    text = script.read_text(encoding="utf-8")
    assert not re.search(r":(doc|ref|term):`", text)
    for named, address in re.findall(r"`([^`<]+)<([^`>]+)>`_", text.replace("\n#", "")):
        folder, _, name = address.removesuffix(".html").rpartition("/")
        here = {"": script.parent, "../derivations": ROOT / "derivations", "../..": DOCS}[folder]
        source = here / (f"{name}.md" if here == DOCS else f"{name}.py")
        title = re.match(r'(?:# |"""\n)(.*)\n', source.read_text(encoding="utf-8"))[1]
        assert " ".join(named.split()) == title


def test_the_reference_describes_every_public_name():
    text = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))
    described = set(re.findall(r"^\.\. auto\w+:: (?:roofsym\.)?(\w+)", text, flags=re.MULTILINE))
    # Modules are described by what the page's generated part finds in the package.
    wanted = {name for name in rs.__all__ if not inspect.ismodule(getattr(rs, name))}
    assert wanted <= described
    assert "{generated} public-modules" in text


def glossary() -> list[list[str]]:
    """Entries of the glossary: each the terms that share a definition."""
    entries, terms = [], []
    for block in re.findall(r"```\{glossary\}\n(.*?)```", page("glossary.md"), flags=re.DOTALL):
        for line in block.splitlines():
            if line.startswith("  "):
                entries += [terms] if terms else []
                terms = []
            elif line:
                terms.append(line)
    return entries


def test_no_term_is_defined_twice():
    terms = [term.lower() for entry in glossary() for term in entry]
    assert len(terms) == len(set(terms))


@pytest.mark.parametrize(
    "synonyms",
    [
        ("ridge point", "machine balance", "ops:byte ratio", "critical intensity"),
        ("intensity", "arithmetic intensity", "operational intensity"),
        ("decode", "generation", "token generation"),
        ("prefill", "prompt processing", "context encoding"),
        ("TTFT", "time to first token"),
        ("TPOT", "ITL", "time per output token", "inter-token latency"),
        ("GQA", "grouped-query attention"),
        ("MLA", "multi-head latent attention"),
    ],
    ids=lambda s: s[0],
)
def test_synonyms_stand_together(synonyms: tuple[str, ...]):
    assert any(set(synonyms) <= set(entry) for entry in glossary())


def test_the_conventions_page_says_what_the_switches_count():
    meaning = {row[0]: row[2] for row in rows(page("conventions.md"), "The switches")}
    d, heads, layers = symbols.d_model, symbols.n_heads, symbols.n_layers
    # The elements are counted here, not by the package: scores, norms of both blocks and of the
    # end, gates, rotated queries and keys, additions of both blocks.
    elements = {
        "softmax_flops": layers * heads * symbols.S * (symbols.L + symbols.S),
        "norm_flops": (2 * layers + 1) * d * symbols.S,
        "activation_flops": layers * symbols.d_ff * symbols.S,
        "rotary_flops": layers * (heads + symbols.n_kv_heads) * symbols.head_dim * symbols.S,
        "residual_flops": 2 * layers * d * symbols.S,
    }
    (names,) = (x for x in meaning if "softmax_flops" in x)
    assert re.findall(r"`(.+?)`", names) == list(elements)
    written = re.findall(r"\d+", meaning[names])
    default = rs.convention(conventions.DEFAULT).replace(mask="full", lm_head="all")
    model = rs.Transformer()
    plain = rs.step(model, default).flops
    for (switch, count), each in zip(elements.items(), written, strict=True):
        more = rs.step(model, default.replace(**{switch: True})).flops - plain
        assert same(more, int(each) * symbols.B * count), switch


def test_the_conventions_page_says_what_masks_and_experts_come_to():
    meaning = {row[0]: row[2] for row in rows(page("conventions.md"), "The switches")}
    pairs = {"full": "`S (L + S)`", "causal-half": "`S L + S²/2`"}
    S, L = symbols.S, symbols.L
    for mask, expected in (("full", S * (L + S)), ("causal-half", S * L + S**2 / 2)):
        assert pairs[mask] in meaning["`mask`"]
        attention = rs.step(rs.Transformer(), rs.convention("fused-ops").replace(mask=mask))
        work = attention.filter(kind="attention").flops
        assert same(
            work, 4 * symbols.B * symbols.n_layers * symbols.n_heads * symbols.head_dim * expected
        )
    assert "`E (1 − (1 − k/E)^T)`" in meaning["`experts`"]
    mixture = rs.decode(rs.model("mixtral-8x7b"))
    read = results.distinct_experts(mixture).general.value
    share = 1 - symbols.top_k / symbols.n_experts
    assert same(read.xreplace({symbols.rho: share}), symbols.n_experts * (1 - share**symbols.B))


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("a decimal of {} digits", (values._DIGITS, "60")),
        ("With more than {} (a window's", (solve._MOST_EXTREMA, "three")),
        ("All crossings up to {} are found", (steps._FARTHEST, "10²⁴")),
        ("over more than {} steps are refused", (steps._MOST_SOLVED, "three hundred")),
        ("no more than {} lines", (document._LINES, "six")),
        ("more than\n  {} terms", (polynomial._LONG, "3000")),
        ("the prime {} at two random points", (polynomial._PRIME, "2¹²⁷ − 1")),
        ("no formulas of more than {} operations", (summary._ON_A_SCREEN, "a thousand")),
    ],
)
def test_the_page_of_decisions_has_the_numbers_of_the_code(said: str, number: tuple[float, str]):
    words = {"60": 60, "10²⁴": 1e24, "three hundred": 300, "six": 6, "three": 3, "3000": 3000,
             "2¹²⁷ − 1": 2**127 - 1, "a thousand": 1000}  # fmt: skip
    value, written = number
    assert said.format(written) in page("decisions.md")
    assert words[written] == value

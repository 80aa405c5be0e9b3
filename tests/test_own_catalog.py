"""Models and machines of the user's own: a file, a folder, an environment variable."""

from __future__ import annotations

from pathlib import Path

import pytest

import roofsym as rs
from roofsym import catalog
from roofsym.cli import main

MINE = """
[models.mine]
name = "Mine"
[models.mine.config]
model_type = "llama"
hidden_size = 64
intermediate_size = 160
num_hidden_layers = 2
num_attention_heads = 4
vocab_size = 100
hidden_act = "silu"

[machines.mine]
name = "My GPU"
bandwidth = 2.0e12
capacity = 80e9
peak = { bf16 = 312e12, fp8 = { value = 624e12, source = "a data sheet" } }
"""
PARAMETERS = 2 * 100 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 160 + 2 * 64) + 64


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    monkeypatch.setattr(catalog, "_added", [])
    catalog.records.cache_clear()
    yield path
    catalog.records.cache_clear()


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_a_path_adds_models_and_machines(own: Path, folder: bool):
    catalog.use(own.parent if folder else own)
    assert rs.model("mine").parameters == PARAMETERS
    assert rs.machine("mine", dtype="fp8").ridge == 312
    assert rs.model("llama-3.1-8b").parameters == 8030261248


def test_the_environment_names_paths(own: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(catalog.PATH_VARIABLE, str(own))
    catalog.records.cache_clear()
    assert rs.machine("mine").ridge == 156


def test_the_option_does_the_same(own: Path, capsys: pytest.CaptureFixture[str]):
    asked = ["eval", "parameters", "ridge", "--model", "mine", "--machine", "mine"]
    assert main([*asked, "--dtype", "bf16", "--catalog", str(own)]) == 0
    out = capsys.readouterr().out
    assert str(PARAMETERS) in out
    assert "156 FLOP/B" in out


def test_ones_own_goes_before_the_packages(own: Path):
    own.write_text(MINE.replace("[machines.mine]", "[machines.h100-sxm]"))
    catalog.use(own)
    assert rs.machine("h100-sxm").ridge == 156


@pytest.mark.parametrize(
    ("content", "word"),
    [("models = 3", "models"), ("[models", "TOML"), ("[machines.x]\naliases = 'y'", "aliases")],
)
def test_a_damaged_file_is_refused_by_name(own: Path, content: str, word: str):
    own.write_text(content)
    with pytest.raises(rs.InputError, match=word):
        catalog.use(own)
    # Nor does it stand in the way of what is asked for next.
    assert rs.model("llama-3.1-8b").parameters == 8030261248


def test_a_path_that_is_not_there_is_refused(own: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(rs.InputError, match="existing"):
        catalog.use(own.with_name("other.toml"))
    monkeypatch.setenv(catalog.PATH_VARIABLE, "/no/such/place")
    catalog.records.cache_clear()
    with pytest.raises(rs.InputError, match=catalog.PATH_VARIABLE):
        rs.model("mine")


@pytest.mark.parametrize("model", ["deepseek-v2-lite", "deepseek-v3", "kimi-k2"])
def test_the_two_executions_of_latent_attention_cost_alike_where_it_says(model: str):
    """At the length found, the two ledgers' FLOPs agree; on either side the order is as said."""
    step = rs.step(rs.model(model)).at(L=4096)
    found = rs.results.latent_expanded_length(step)
    ways = [step.recounted("chunk", latent=way) for way in ("absorbed", "expanded")]
    absorbed, expanded = (led.at(B=3, S=found.value).flops for led in ways)
    assert (absorbed - expanded).equals(0)
    for length, cheaper in ((found.whole, 0), (found.whole + 1, 1)):
        costs = [led.at(B=3, S=length).flops for led in ways]
        assert costs.index(min(costs)) == cheaper

"""Notations: the same equations in the letters, and the parameters, of another document.

A notation is data: how symbols are written, and what stands in the place of some of them. The
second is of two kinds. A *re-parameterisation* brings in a letter of the notation's own, which it
defines (``d_ff = r d_model`` defines ``r``); it changes no equation. An *assumption* has no letter
of its own (``n_kv_heads = n_heads``); what is printed then holds under it, so it is used only where
nothing that is known contradicts it, and documents state it. Either way a translated expression is
translated back and compared before it is printed.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import sympy

from roofsym import polynomial, units
from roofsym import symbols as sy
from roofsym.errors import InputError, ProofError
from roofsym.values import put

# What nearly every formula of a plain decoder on a machine has, or its table of symbols.
_EVERYWHERE = (
    sy.ridge, sy.peak, sy.bandwidth, sy.B, sy.phi, sy.alpha, sy.w, sy.kappa, sy.a, sy.S, sy.L,
    sy.n_layers, sy.n_heads, sy.n_kv_heads, sy.head_dim, sy.d_model, sy.d_ff, sy.vocab_size,
    sy.b_w, sy.b_a, sy.b_kv, sy.flops, sy.bytes_,
)  # fmt: skip
# Roles of symbols after which labels are named: B*, F_att, T_v, ΔF_up.
_NAMING = ("step", "quantity", "machine", "target", "precision")
# Numbers with a unit, and quotients of units: the B of 2 GB and of FLOP/B is no batch.
_UNIT = r"\d[\d.e+]* [kMGTPµmn]?(?:FLOP|B|s|tokens?)\b(?:/\w+)?|\b(?:FLOP|[kMGTP]?B|tokens?)/\w+"
# In names such as ΔF_att or F(0) the letter, but no index; in LaTeX no command and no roman word.
_IN_TEXT = re.compile(r"_[^\s*]+|(?<![A-Za-z])[A-Za-z](?![A-Za-z])")
_IN_LATEX = re.compile(
    r"\\mathrm\{[^{}]*\}|\\[A-Za-z]+|_(?:\{[^{}]*\}|\w)|(?<![A-Za-z])[A-Za-z](?![A-Za-z])"
)
_NAMED_AFTER = frozenset(
    row.name for row in sy.TABLE.values()
    if re.fullmatch(r"[A-Za-z](\*|_.+)", row.text)
    and any(x.text == row.text[0] and x.role in _NAMING for x in sy.TABLE.values())
    and row.role not in ("dimension", "precision", "convention")
)  # fmt: skip


@dataclass(frozen=True)
class Notation:
    """How symbols are written, and what stands in the place of some.

    Attributes
    ----------
    name : str
        Name of the notation.
    summary : str
        Where it comes from.
    letters : mapping of str to (str, str)
        Plain text and LaTeX by symbol name; symbols that are not listed keep their own.
    substitutions : mapping of str to sympy.Expr
        By name of a symbol, the expression that is printed in its place. A letter that is not of
        the table comes from `roofsym.symbols.extra`; the first expression that has it defines it:
        set equal to the symbol, it is of degree 1 in the letter (``n_kv_heads = n_heads/g``).
    uncached : mapping of str to (str, str)
        Letters of formulas in which no cached context occurs: a document that calls the length
        ``L`` in prefill and in decode calls ``S`` and ``L`` the same.
    labels : mapping of str to (str, str)
        Plain text and LaTeX of left-hand sides that are no symbols, by their LaTeX.
    by_config : bool
        Whether a model that was read from a config is printed in the keys of that config, and
        `letters` are for other models.

    Raises
    ------
    InputError
        If a name is no symbol, two symbols would be printed alike, units differ or a letter of the
        notation's own is not defined.

    Examples
    --------
    >>> from roofsym.render.expression import render
    >>> from roofsym.symbols import d_ff, d_model, extra
    >>> r = extra("r", "1", "width of the feed-forward block over that of the residual stream")
    >>> mine = Notation("mine", "", {"d_model": ("d", "d")}, {"d_ff": r * d_model})
    >>> print(render(3 * d_model * d_ff, "text", mine))
    3 d² r
    """

    name: str
    summary: str = ""
    letters: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    substitutions: Mapping[str, sympy.Expr] = field(default_factory=dict)
    uncached: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    by_config: bool = False
    _settled: bool = field(default=False, compare=False, repr=False)
    _used: frozenset[sympy.Symbol] = field(default=frozenset(), compare=False, repr=False)
    _parts: Mapping[sympy.Symbol, sympy.Expr] = field(
        default_factory=dict, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        for name, expr in self.substitutions.items():
            old = sy.lookup(name, "notation")
            units.require(expr, _unit(expr, old), f"{name} in the notation {self.name}")
        for name in (*self.letters, *self.uncached):
            sy.lookup(name, "notation")
        _ = self._rules
        if self._settled:
            return
        gone = {sy.TABLE[name].symbol for name in self.substitutions}
        # With what else a letter is printed, formulas and documents look when they are printed.
        # Targets and a lone layer's sizes meet few other symbols.
        rows = (sy.TABLE[name] for name in (*self.letters, *self.uncached))
        chosen = [row.symbol for row in rows if row.role not in ("target", "layer")]
        shown = dict.fromkeys(s for s in (*_EVERYWHERE, *chosen) if s not in gone)
        self.refuse_clash([*shown, *self.definitions])
        if self.uncached:
            self._uncached().refuse_clash([*(s for s in shown if s != sy.L), *self.definitions])

    # --- letters ---------------------------------------------------------------------------

    def text(self, symbol: sympy.Symbol) -> str:
        """Plain text of a symbol."""
        return self._letter(symbol)[0]

    def latex(self, symbol: sympy.Symbol) -> str:
        """LaTeX of a symbol."""
        return self._letter(symbol)[1]

    def _letter(self, symbol: sympy.Symbol) -> tuple[str, str]:
        row = sy.info(symbol)
        if row.name in self.letters:
            return self.letters[row.name]
        # The critical batch is B* after the letter B, and follows it; so does a part of a quantity.
        follows = row.name in _NAMED_AFTER or (row.role == "quantity" and row.name not in sy.TABLE)
        return self._renamed(row.text, row.latex) if follows else (row.text, row.latex)

    def label(self, text: str, latex: str) -> tuple[str, str]:
        """Plain text and LaTeX of a left-hand side that is no symbol: ``B*`` after the letter B.

        Examples
        --------
        >>> notation("guesstimator").label("B* / B_f", "B^{*} / B_f")
        ('S* / S_f', 'S^{*} / S_f')
        """
        if latex in self.labels:
            return self.labels[latex]
        for row in sy.TABLE.values():
            # The rows of a lone layer are an M, and so is memory.
            known = row.role != "layer" or row.symbol in self._used
            if (text, latex) == (row.text, row.latex) and known:
                return self._letter(row.symbol)
        return self._renamed(text, latex)

    def _renamed(self, text: str, latex: str) -> tuple[str, str]:
        """A name made of letters and marks, with each letter in the notation's own."""
        own = self._own
        if not own:
            return text, latex

        def plain(found: re.Match[str]) -> str:
            return own[found[0]][0] if found[0] in own else found[0]

        def braced(found: re.Match[str]) -> str:
            if found[0] not in own:
                return found[0]
            made = own[found[0]][1]
            marked = "_" in made.replace(r"\_", "") or "^" in made
            return f"{{{made}}}" if marked and latex[found.end() :][:1] in "_^'" else made

        return _IN_TEXT.sub(plain, text), _IN_LATEX.sub(braced, latex)

    @functools.cached_property
    def _own(self) -> dict[str, tuple[str, str]]:
        """Letters of the notation, by the package's one letter in their place."""
        rows = (sy.TABLE[name] for name in reversed(list(self.letters)))
        named = (r for r in rows if r.role in _NAMING and r.text == r.latex and len(r.text) == 1)
        return {row.text: self.letters[row.name] for row in named}

    def pieces(self, sentence: str) -> list[str | sympy.Symbol | tuple[str, str]]:
        """A sentence as words and, where they stand alone, the symbols that it speaks of.

        These are symbols of the formulas of its document: see `within`. A name such as ``B*`` is a
        pair, of its plain text and its LaTeX in the package's letters.

        Examples
        --------
        >>> from roofsym.symbols import B, L
        >>> notation("scaling-book").settled({B, L}).pieces("Solved for L, B* sequences of 2 B")
        ['Solved for ', L, ', ', ('B*', 'B^{*}'), ' sequences of 2 B']
        """
        if not self._used:
            return [sentence]
        spoken = {sy.info(s).text: s for s in sorted(self._used, key=sy.rank, reverse=True)}
        # The English article is no constant, nor is "time" always the time that is asked for.
        words = (x for x, s in spoken.items() if s == sy.a or sy.info(s).role == "asked")
        for word in list(words):
            del spoken[word]
        if not spoken:
            return [sentence]
        names = "|".join(re.escape(x) for x in sorted(spoken, key=len, reverse=True))
        letters = rf"(?<![\w.′'*-])(?P<name>{names})(?P<star>\*?)(?![\w′'*-])"
        out: list[str | sympy.Symbol | tuple[str, str]] = []
        end = 0
        for found in re.finditer(rf"{_UNIT}|{letters}", sentence):
            if found["name"] is None:
                continue
            symbol = spoken[found["name"]]
            row = sy.info(symbol)
            starred = (f"{row.text}*", f"{row.latex}^{{*}}")
            out += [sentence[end : found.start()], starred if found["star"] else symbol]
            end = found.end()
        return [x for x in (*out, sentence[end:]) if x != ""]

    def prose(self, sentence: str) -> str:
        """A sentence in plain text, with the symbols that it speaks of in the notation's letters.

        Examples
        --------
        >>> from roofsym.symbols import bytes_, flops
        >>> notation("scaling-book").settled({flops, bytes_}).prose("F/Q is 2 FLOP/B")
        'FLOPs/Q is 2 FLOP/B'
        """
        return "".join(
            x if isinstance(x, str) else self.label(*x)[0] if isinstance(x, tuple) else self.text(x)
            for x in self.pieces(sentence)
        )

    def refuse_clash(self, symbols: Iterable[sympy.Symbol], *labels: tuple[str, str]) -> None:
        """Refuse a formula in which two symbols, or a symbol and a label, are printed alike.

        Raises
        ------
        InputError
            Naming the two.
        """
        known = (s for s in symbols if sy.info(s).role != "internal")
        shown = sorted(known, key=lambda s: (sy.rank(s), s.name))
        for form, write in enumerate((self.text, self.latex)):
            taken = {label[form]: "the left-hand side" for label in labels}
            for symbol in shown:
                written = write(symbol)
                other = taken.setdefault(written, symbol.name)
                if other != symbol.name:
                    raise InputError(
                        f"notation {self.name}", f"{written} for {other} and {symbol.name}",
                        "a letter of its own for each symbol",
                    )  # fmt: skip

    # --- substitutions ---------------------------------------------------------------------

    @functools.cached_property
    def _places(self) -> tuple[dict[sympy.Symbol, sympy.Expr], dict[sympy.Symbol, sympy.Expr]]:
        """Assumptions, and definitions of the notation's own letters: neither in terms of it."""
        definitions: dict[sympy.Symbol, sympy.Expr] = {}
        assumptions: dict[sympy.Symbol, sympy.Expr] = {}
        for name, expr in self.substitutions.items():
            old = sy.TABLE[name].symbol
            own = [s for s in expr.free_symbols if sy.info(s).role == "notation"]
            new = [s for s in own if s not in definitions]
            if not new:
                assumptions[old] = expr.xreplace(definitions)
                continue
            if len(new) > 1:
                raise InputError(f"notation {self.name}", f"{name} = {expr}", "one new letter")
            definitions[new[0]] = self._solved(old, expr.xreplace(definitions), new[0])
        for _ in assumptions:
            assumptions = {s: x.xreplace(assumptions) for s, x in assumptions.items()}
        return assumptions, definitions

    def _solved(self, old: sympy.Symbol, expr: sympy.Expr, letter: sympy.Symbol) -> sympy.Expr:
        """What a new letter stands for, from the expression in the place of a symbol."""
        place = f"{old.name} = {expr}"
        above, _ = sympy.fraction(sympy.together(old - expr))
        slope = sympy.diff(above, letter)
        if slope.has(letter):
            accepted = f"an equation of degree 1 in {letter.name}"
            raise InputError(f"notation {self.name}", place, accepted)
        made = sympy.factor_terms(-above.xreplace({letter: sympy.S.Zero}) / slope)
        if letter.is_positive and not made.is_positive:
            accepted = f"{letter.name} made with positive=False: {made} may be negative"
            raise InputError(f"notation {self.name}", place, accepted)
        return made

    @property
    def assumptions(self) -> dict[sympy.Symbol, sympy.Expr]:
        """What the notation takes for granted: ``n_kv_heads = n_heads``."""
        return self._places[0]

    @property
    def definitions(self) -> dict[sympy.Symbol, sympy.Expr]:
        """What the notation's own letters stand for, in symbols of the table."""
        return self._places[1]

    @functools.cached_property
    def _rules(self) -> dict[sympy.Symbol, sympy.Expr]:
        _ = self._places
        rules = {sy.TABLE[name].symbol: expr for name, expr in self.substitutions.items()}
        for _ in rules:
            rules = {s: x.xreplace(rules) for s, x in rules.items()}
        if any(x.free_symbols & rules.keys() for x in rules.values()):
            given = ", ".join(f"{name} = {x}" for name, x in self.substitutions.items())
            accepted = "substitutions that do not lead back to where they started"
            raise InputError(f"notation {self.name}", given, accepted)
        return rules

    def translate(self, expr: sympy.Expr) -> sympy.Expr:
        """Expression in the notation's parameters, proved equal to the original.

        Raises
        ------
        ProofError
            If translating back does not lead to the original, under the notation's assumptions.

        Examples
        --------
        >>> from roofsym.symbols import d_ff, d_model
        >>> notation("guesstimator").translate(3 * d_model * d_ff)
        3*d_model**2*ffn_ratio
        """
        if not expr.free_symbols & self._rules.keys():
            return expr
        made = put(expr, self._rules)
        back = put(put(made, self.definitions), self.assumptions)
        original = put(expr, self.assumptions)
        if back != original and not polynomial.is_zero(original - back):
            raise ProofError(f"{made} in the notation {self.name} is not {expr}")
        return made

    def of(self, config_keys: Mapping[str, str | sympy.Expr]) -> Notation:
        """Notation of one model: in the keys of its config, if it is one `by_config`.

        Parameters
        ----------
        config_keys : mapping of str to (str or sympy.Expr)
            By symbol name, the key, or what stands in the symbol's place: see
            `roofsym.Transformer`. Without any, the model is of no known family.

        Examples
        --------
        >>> import roofsym as rs
        >>> from roofsym.symbols import d_expert
        >>> mixtral = rs.model("mixtral-8x7b")
        >>> notation("hugging-face").of(mixtral.config_keys).text(d_expert)
        'intermediate_size'
        """
        if not (self.by_config and config_keys):
            return self
        letters = {k: _code(key) for k, key in config_keys.items() if isinstance(key, str)}
        made_of = {k: x for k, x in config_keys.items() if not isinstance(x, str)}
        return dataclasses.replace(self, letters=letters, substitutions=made_of, by_config=False)

    def within(
        self,
        values: Mapping[sympy.Symbol, sympy.Expr],
        definitions: Mapping[sympy.Symbol, sympy.Expr],
        used: Iterable[sympy.Symbol],
        unknown: sympy.Symbol | None = None,
    ) -> Notation:
        """Notation of one document: without the assumptions that do not hold in it.

        Parameters
        ----------
        values : mapping of sympy.Symbol to sympy.Expr
            What is known of the symbols.
        definitions : mapping of sympy.Symbol to sympy.Expr
            Named constants in dimensions: what is assumed of a constant has to follow from these.
        used : iterable of sympy.Symbol
            Symbols of its formulas.
        unknown : sympy.Symbol, optional
            What is solved for: of it nothing is assumed.

        Examples
        --------
        >>> from roofsym.symbols import n_heads, n_kv_heads
        >>> grouped = {n_heads: sympy.Integer(32), n_kv_heads: sympy.Integer(8)}
        >>> n_kv_heads in notation("guesstimator").within(grouped, {}, ()).assumptions
        False
        """
        if self._settled:
            return self
        # With fewer KV heads than heads, head_dim = d_model/n_heads alone would explain nothing:
        # assumptions about the same symbols stand or fall together.
        subjects = {
            s: {s, *self.substitutions[s.name].free_symbols} for s in self.assumptions
        }  # fmt: skip
        dropped = {
            s for s in subjects
            if unknown in subjects[s] or not self._holds(s, values, definitions)
        }  # fmt: skip
        for _ in subjects:
            about = set().union(*(subjects[s] for s in dropped))
            dropped |= {s for s in subjects if subjects[s] & about}
        kept = {
            name: expr for name, expr in self.substitutions.items()
            if sy.TABLE[name].symbol not in dropped
        }  # fmt: skip
        shown = frozenset(used)
        base = self if sy.L in shown else self._uncached()
        return dataclasses.replace(base, substitutions=kept, _settled=True, _used=shown)

    def settled(self, used: Iterable[sympy.Symbol]) -> Notation:
        """Notation of a formula that stands alone."""
        return self if self._settled else self.within({}, {}, used)

    def with_parts(self, parts: Mapping[sympy.Symbol, sympy.Expr]) -> Notation:
        """Notation of formulas in which letters stand for sums, each of them in earlier letters."""
        return dataclasses.replace(self, _parts=parts) if parts else self

    def written_out(self, expr: sympy.Expr) -> sympy.Expr:
        """Expression with sums in the place of the letters that stand for them."""
        for letter, part in reversed(list(self._parts.items())):
            expr = expr.xreplace({letter: part})
        return expr

    def replaced(self, symbol: sympy.Symbol) -> sympy.Symbol:
        """Symbol of the table in whose place a letter of the notation's own is printed."""
        for name, expr in self.substitutions.items():
            if symbol in expr.free_symbols and sy.info(symbol).role == "notation":
                return sy.TABLE[name].symbol
        return symbol

    def listed(self, symbols: Iterable[sympy.Symbol]) -> list[sympy.Symbol]:
        """Symbols in the order in which tables and answers say what they stand for.

        Examples
        --------
        >>> [s.name for s in DEFAULT.listed({sy.w, sy.B, sy.phi})]
        ['B', 'phi', 'w']
        """
        return sorted(symbols, key=lambda s: (sy.rank(self.replaced(s)), s.name))

    def plain(self) -> Notation:
        """The letters alone: for the substitutions themselves."""
        return dataclasses.replace(self, substitutions={}, _settled=True)

    def _uncached(self) -> Notation:
        letters = {**self.letters, **self.uncached}
        return dataclasses.replace(self, letters=letters, uncached={}, _settled=True)

    def _holds(
        self,
        old: sympy.Symbol,
        values: Mapping[sympy.Symbol, sympy.Expr],
        definitions: Mapping[sympy.Symbol, sympy.Expr],
    ) -> bool:
        gap = old - self.assumptions[old]
        if any(sy.info(s).role == "constant" for s in gap.free_symbols):
            # Of a constant nothing is assumed: it has to follow from its definition.
            return polynomial.is_zero(gap.xreplace(dict(definitions)))
        found = gap.xreplace(dict(values))
        return bool(found == 0 or (not found.is_number and old not in values))


def _unit(expr: sympy.Expr, old: sympy.Symbol) -> str:
    # A number in the place of bytes per element is a number of bytes.
    return "1" if expr.is_number else sy.info(old).unit


def _code(name: str) -> tuple[str, str]:
    """A letter that is a name in a program or a config file."""
    return name, sy.code_latex(name)


# Under names that leave these letters to notations of users.
_r = sy.extra(
    "ffn_ratio", "1", "width of the feed-forward block over that of the residual stream",
    text="r", latex="r",
)  # fmt: skip
# The sources call these the parameters: all of them where an embedding is streamed or not counted.
_READ = "parameters that every step reads: not those of an embedding whose rows are gathered"
_Z = sy.extra("Z_billions", "1", f"{_READ}; in billions", text="Z", latex="Z")
_n_params = sy.extra(
    "parameters_read", "1", _READ, text="n_params", latex=sy.code_latex("n_params")
)
# For the (M, K) × (K, N) of a linear layer, where N or K stands for something else.
_IN, _OUT = ("d_in", r"d_{\mathrm{in}}"), ("d_out", r"d_{\mathrm{out}}")
_MULTI_HEAD = {"n_kv_heads": sy.n_heads, "head_dim": sy.d_model / sy.n_heads}
_ONE_PRECISION = {"b_a": sy.b_w, "b_kv": sy.b_w}

DEFAULT = Notation("roofsym", "the package's own letters")

NOTATIONS: Mapping[str, Notation] = MappingProxyType(
    {
        n.name: n
        for n in (
            DEFAULT,
            Notation(
                "hugging-face",
                "dimensions by the keys of a Hugging Face config.json, those of the model's family",
                {
                    "n_layers": _code("num_hidden_layers"),
                    "d_model": _code("hidden_size"),
                    "n_heads": _code("num_attention_heads"),
                    "n_kv_heads": _code("num_key_value_heads"),
                    "head_dim": _code("head_dim"),
                    "d_ff": _code("intermediate_size"),
                    "vocab_size": _code("vocab_size"),
                    "window": _code("sliding_window"),
                    "n_experts": _code("n_routed_experts"),
                    "top_k": _code("num_experts_per_tok"),
                    "d_expert": _code("moe_intermediate_size"),
                    "q_rank": _code("q_lora_rank"),
                    "kv_rank": _code("kv_lora_rank"),
                    "nope_dim": _code("qk_nope_head_dim"),
                    "rope_dim": _code("qk_rope_head_dim"),
                    "v_dim": _code("v_head_dim"),
                },
                by_config=True,
            ),
            Notation(
                "scaling-book",
                "How To Scale Your Model (Austin et al., 2025): B sequences, T new tokens, "
                "S cached, L layers, D, F, N, K, H, V",
                {
                    "S": ("T", "T"),
                    "L": ("S", "S"),
                    "n_layers": ("L", "L"),
                    "d_model": ("D", "D"),
                    "n_heads": ("N", "N"),
                    "n_kv_heads": ("K", "K"),
                    "head_dim": ("H", "H"),
                    "d_ff": ("F", "F"),
                    "vocab_size": ("V", "V"),
                    "flops": ("FLOPs", r"\mathrm{FLOPs}"),
                    "t": ("Y", "Y"),
                    "time": ("t", "t"),
                    "in_features": _IN,
                    "out_features": _OUT,
                },
                labels={"N": ("P", "P")},
            ),
            Notation(
                "guesstimator",
                "the llm-guesstimator notebook: S sequences of length L, d, d_ff = r d, n_ℓ, "
                "multi-head attention, one dtype",
                {
                    "B": ("S", "S"),
                    "S": ("L_new", r"L_{\mathrm{new}}"),
                    "n_layers": ("n_ℓ", r"n_{\ell}"),
                    "d_model": ("d", "d"),
                    "b_w": ("dtype_B", r"\mathrm{dtype}_{B}"),
                    "peak": ("ℱ", r"\mathcal{F}"),
                    "bandwidth": ("BW", r"\mathrm{BW}"),
                    "ridge": ("β", r"\beta"),
                },
                {"d_ff": _r * sy.d_model, **_MULTI_HEAD, **_ONE_PRECISION},
                uncached={"S": ("L", "L")},
            ),
            Notation(
                "deep-ml",
                "exercise 417 of deep-ml.com: names of a program; d_ff = 4 d_model, multi-head "
                "attention, one dtype",
                {
                    "S": _code("seq_len"),
                    "n_layers": _code("n_layers"),
                    "d_model": _code("d_model"),
                    "b_w": _code("dtype_bytes"),
                    "peak": _code("peak_flops"),
                    "bandwidth": _code("peak_bandwidth"),
                    "ridge": _code("ridge_point"),
                },
                {"d_ff": 4 * sy.d_model, **_MULTI_HEAD, **_ONE_PRECISION},
            ),
            Notation(
                "roofline-notebook",
                "a course's notebook on the roofline model: B, N new tokens, seq_len_kv, d_head, "
                "bpe; d_ff = 4 d_model, as many KV heads as heads",
                {
                    "S": ("N", "N"),
                    "out_features": _OUT,
                    "L": _code("seq_len_kv"),
                    "d_model": _code("d_model"),
                    "n_layers": _code("n_layers"),
                    "n_heads": _code("n_heads"),
                    "head_dim": _code("d_head"),
                    "b_w": _code("bpe"),
                    "peak": _code("peak"),
                    "bandwidth": _code("bw"),
                    "ridge": _code("ops_byte_ratio"),
                },
                {"d_ff": 4 * sy.d_model, "n_kv_heads": sy.n_heads, **_ONE_PRECISION},
            ),
            Notation(
                "intensity-estimation",
                "Arithmetic Intensity Estimation of LLMs (jamesnulliu, 2025): B, S (or S_i on S_c "
                "cached), H, N layers, Z billion parameters in fp16; d_ff = 4 H, multi-head",
                {
                    "S": ("S_i", "S_{i}"),
                    "L": ("S_c", "S_{c}"),
                    "n_layers": ("N", "N"),
                    "out_features": _OUT,
                    "d_model": ("H", "H"),
                    "ridge": ("I_max", r"I_{\max}"),
                },
                {
                    "w": 10**9 * _Z * sy.b_w, "d_ff": 4 * sy.d_model, **_MULTI_HEAD,
                    **dict.fromkeys(("b_w", "b_a", "b_kv"), sympy.Integer(2)),
                },
                uncached={"S": ("S", "S")},
                labels={"N": ("P", "P")},
            ),
            Notation(
                "roofline-lab",
                "a course's lab on prefill and decode: n_params, num_tokens, batch, context_len, "
                "dtype_bytes, 2 FLOP per parameter where only weights count",
                {
                    "B": _code("batch"),
                    "S": _code("num_tokens"),
                    "L": _code("context_len"),
                    "kappa": _code("kv_per_token"),
                    "b_w": _code("dtype_bytes"),
                    "peak": _code("peak_flops"),
                    "bandwidth": _code("bandwidth"),
                    "ridge": _code("ridge"),
                },
                {"w": _n_params * sy.b_w, "phi": 2 * _n_params, **_ONE_PRECISION},
            ),
        )
    }
)  # fmt: skip
"""The named notations."""


def notation(name: str | Notation) -> Notation:
    """Named notation; a `Notation` is returned as it is.

    Raises
    ------
    InputError
        If there is no notation of that name.

    Examples
    --------
    >>> from roofsym.symbols import d_model
    >>> notation("scaling-book").latex(d_model)
    'D'
    """
    if isinstance(name, Notation):
        return name
    if name not in NOTATIONS:
        raise InputError("notation", name, "one of " + ", ".join(NOTATIONS))
    return NOTATIONS[name]

"""Parts of quantities that results name: each has a row in the table of symbols where it stands."""

from __future__ import annotations

import sympy

from roofsym import symbols as sy


def _part(letter: str, index: str, unit: str, meaning: str) -> sympy.Symbol:
    text, latex = letter, letter
    if index:
        upright = index if index.isdigit() else rf"\mathrm{{{index}}}"
        text, latex = f"{letter}_{index}", f"{letter}_{{{upright}}}"
    return sy.extra(f"part {text}", unit, meaning, text=text, latex=latex, role="quantity")


ATTENTION_FLOPS = _part("F", "att", "FLOP", "FLOPs of attention")
LINEAR_FLOPS = _part("F", "lin", "FLOP", "FLOPs of the linear layers")
RULE_FLOPS = _part("F", "rule", "FLOP", "FLOPs by the rule of 2 FLOP per parameter and token")
ATTENTION_BYTES = _part("Q", "att", "B", "bytes that attention reads and writes")
KV_READ = _part("Q", "kv", "B", "bytes of KV cache read")
WEIGHTS_READ = _part("Q", "w", "B", "bytes of weights read")
READ_BY_ONE = _part("Q", "1", "B", "bytes of weights read by one token")
EXPERTS_READ = _part("Q", "x", "B", "bytes read of the routed experts")
OTHER_BYTES = _part("Q", "o", "B", "bytes read and written, weights apart")
SHARED_FLOPS = _part("F", "shared", "FLOP", "FLOPs of the step that the devices divide")
SHARED_BYTES = _part("Q", "shared", "B", "bytes of the step that the devices divide")
RULE_ACTIVATIONS = _part("Q", "rule", "B", "bytes of the layers' activations by the rule")
OWN_ACTIVATIONS = _part("Q", "act", "B", "bytes of the layers' activations by the operators")
HELD = _part("M", "", "B", "memory that is held")
HELD_WINDOWED = _part("M", "w", "B", "memory held by layers with a window")
HELD_UNWINDOWED = _part("M", "full", "B", "memory that would be held without windows")
VERIFICATION_TIME = _part("T", "v", "s", "time of a verification")
DECODE_TIME = _part("T", "0", "s", "time of a decode step")
RULE_BATCH = _part("B", "rule", "1", "critical batch by the rule")
LINK_TIME = _part("T", "link", "s", "time to send")

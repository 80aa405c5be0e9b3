"""The named results: critical batch, long-context wall, what fits, prefill lengths, targets, ...

Each result is an equation between quantities of the ledger, solved for one symbol, with its
derivation; every other symbol of the equation can be asked for instead. Nothing here states a
cost: the two sides are sums over ledger entries.
"""

from collections.abc import Mapping
from types import MappingProxyType

from roofsym.errors import InputError, nearest
from roofsym.results.activation import implied_multiplier
from roofsym.results.decode import (
    bytes_per_kv_element,
    bytes_per_weight,
    critical_batch,
    decode_speed_limit,
    decode_throughput,
    kv_overtakes_weights,
    kv_overtakes_weights_batch,
    limit_throughput,
    quantization_full_batch,
    quantization_payoff_batch,
    quantization_speedup,
    ridge_rule_ratio,
    throughput_fraction_batch,
    time_per_token,
)
from roofsym.results.experts import distinct_experts, experts_touched_batch, mixture_batch_ratio
from roofsym.results.intensity import (
    attention_intensity,
    compute_bound_context,
    limit_intensity,
    matmul_critical_batch,
    matmul_intensity,
    ridge_point,
)
from roofsym.results.latent import (
    latent_absorbed_context,
    latent_expanded_length,
    latent_faster_length,
)
from roofsym.results.memory import (
    critical_batch_capacity,
    critical_batch_fit_context,
    largest_batch,
    largest_context,
    window_full_context,
    window_saving,
)
from roofsym.results.parallel import (
    further_devices_batch,
    link_bound_batch,
    link_bound_degree,
    link_bound_prefill_degree,
)
from roofsym.results.prefill import (
    attention_overtakes_linear,
    compute_bound_chunk,
    parameter_rule_length,
    parameter_rule_ratio,
    piggybacked_chunk,
    prefill_critical_length,
    time_to_first_token,
)
from roofsym.results.question import NAMED, Inquiry, Named, Question, Result
from roofsym.results.sensitivity import intensity_elasticity, time_elasticity
from roofsym.results.speculative import break_even_acceptance, break_even_batch

_ORDER = (
    "ridge-point", "matmul-intensity", "matmul-critical-batch", "attention-intensity",
    "critical-batch", "ridge-rule-ratio", "limit-intensity", "compute-bound-context",
    "kv-overtakes-weights", "kv-overtakes-weights-batch", "decode-speed-limit", "time-per-token",
    "decode-throughput", "limit-throughput", "throughput-fraction-batch",
    "attention-overtakes-linear", "parameter-rule-ratio", "parameter-rule-length",
    "prefill-critical-length", "compute-bound-chunk", "piggybacked-chunk", "time-to-first-token",
    "largest-batch", "largest-context", "critical-batch-capacity", "critical-batch-fit-context",
    "bytes-per-weight", "bytes-per-kv-element", "quantization-speedup", "quantization-full-batch",
    "quantization-payoff-batch", "distinct-experts", "experts-touched-batch",
    "mixture-batch-ratio", "window-full-context", "window-saving", "latent-expanded-length",
    "latent-absorbed-context", "latent-faster-length", "link-bound-degree",
    "link-bound-prefill-degree", "link-bound-batch",
    "further-devices-batch", "break-even-acceptance", "break-even-batch", "implied-multiplier",
    "time-elasticity", "intensity-elasticity",
)  # fmt: skip

RESULTS: Mapping[str, Named] = MappingProxyType({name: NAMED[name] for name in _ORDER})
"""The named results, by the name that the command line takes."""


def named(name: str) -> Named:
    """Entry of the list of results.

    Raises
    ------
    InputError
        If there is no result of that name.
    """
    if name not in RESULTS:
        near = nearest(name, RESULTS)
        few = f"; near it: {', '.join(near)}" if near else ""
        accepted = f"an equation, or one of {len(RESULTS)} results (roofsym list results){few}"
        raise InputError("result", name, accepted)
    return RESULTS[name]


__all__ = [
    "RESULTS",
    "Inquiry",
    "Named",
    "Question",
    "Result",
    "attention_intensity",
    "attention_overtakes_linear",
    "break_even_acceptance",
    "break_even_batch",
    "bytes_per_kv_element",
    "bytes_per_weight",
    "compute_bound_chunk",
    "compute_bound_context",
    "critical_batch",
    "critical_batch_capacity",
    "critical_batch_fit_context",
    "decode_speed_limit",
    "decode_throughput",
    "distinct_experts",
    "experts_touched_batch",
    "further_devices_batch",
    "implied_multiplier",
    "intensity_elasticity",
    "kv_overtakes_weights",
    "kv_overtakes_weights_batch",
    "largest_batch",
    "largest_context",
    "latent_absorbed_context",
    "latent_expanded_length",
    "latent_faster_length",
    "limit_intensity",
    "limit_throughput",
    "link_bound_batch",
    "link_bound_degree",
    "link_bound_prefill_degree",
    "matmul_critical_batch",
    "matmul_intensity",
    "mixture_batch_ratio",
    "named",
    "parameter_rule_length",
    "parameter_rule_ratio",
    "piggybacked_chunk",
    "prefill_critical_length",
    "quantization_full_batch",
    "quantization_payoff_batch",
    "quantization_speedup",
    "ridge_point",
    "ridge_rule_ratio",
    "throughput_fraction_batch",
    "time_elasticity",
    "time_per_token",
    "time_to_first_token",
    "window_full_context",
    "window_saving",
]  # fmt: skip

"""Which configs are valid, and what the errors say of the others."""

from typing import Any

import ConfigSpace as CS
import pytest

from ray_nas.spaces.core import parameters
from ray_nas.spaces.core.validity import Part, Validity


def space() -> CS.ConfigurationSpace:
    made = CS.ConfigurationSpace()
    op = CS.CategoricalHyperparameter("op", ["conv", "pool"])
    kernel = CS.OrdinalHyperparameter("kernel", [1, 3, 5])
    bias = CS.CategoricalHyperparameter("bias", [True, False])
    made.add(op, kernel, bias, CS.EqualsCondition(kernel, op, "conv"))
    made.add(
        CS.ForbiddenAndConjunction(
            CS.ForbiddenEqualsClause(kernel, 5), CS.ForbiddenEqualsClause(bias, False)
        )
    )
    return made


def no_pool_with_bias(config: dict[str, Any]) -> bool:
    return not (config["op"] == "pool" and config["bias"])


def test_only_active_parameters_are_filled_in() -> None:
    validity = Validity(space())
    default = {"op": "conv", "kernel": 1, "bias": True}
    assert validity.complete({"op": "pool"}, default.__getitem__) == {"op": "pool", "bias": True}
    assert validity.complete({}, default.__getitem__) == default
    assert [validity.is_conditional(name) for name in ("op", "kernel", "bias")] == [
        False,
        True,
        False,
    ]


def test_one_is_not_true() -> None:
    validity = Validity(space())
    assert validity.is_legal("bias", True)
    assert not validity.is_legal("kernel", True)
    assert not validity.is_legal("kernel", "1")
    assert not validity.is_legal("op", 1)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"bias": True}, r"config lacks 'op', which must be one of \['conv', 'pool'\]"),
        ({"op": "conv", "bias": True}, r"config lacks 'kernel', which must be one of \[1, 3, 5\]"),
        ({"op": "pool", "bias": False, "kernel": 1}, r"config\['kernel'\] is inactive here"),
        ({"op": "pool", "bias": False, "lr": 1}, "unknown parameter 'lr'; the parameters are "),
        ({"op": "conv", "kernel": 5, "bias": False}, "config is forbidden by "),
        ({"op": "pool", "bias": True}, "config breaks the rule no_pool_with_bias: "),
    ],
)
def test_errors_name_parameter_rule_and_value(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Validity(space(), [no_pool_with_bias]).check(config)


def test_combinations_leave_invalid_configs_out() -> None:
    everything = list(Validity(space()).combinations(parameters.all_values))
    assert len(everything) == 3 * 2 - 1 + 2
    ruled = Validity(space(), [no_pool_with_bias])
    assert [c for c in everything if no_pool_with_bias(c)] == list(
        ruled.combinations(parameters.all_values)
    )


def test_rules_of_parts_hold_under_their_own_names() -> None:
    inner = Validity(space(), [no_pool_with_bias])
    names = {f"arch.{name}": name for name in ("op", "kernel", "bias")}
    outer_space = CS.ConfigurationSpace({"lr": (0.1, 1.0)})
    outer = Validity(outer_space, parts=[Part(names, inner)])
    assert outer.excludes_configs
    assert not Validity(outer_space).excludes_configs
    broken = {"lr": 0.5, "arch.op": "pool", "arch.bias": True}
    assert outer.violation(broken) == "breaks the rule no_pool_with_bias"
    assert outer.allows({**broken, "arch.bias": False})

"""The contract of every space: ready-made, raw, joint and random ones."""

import copy
import itertools
import math
import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ConfigSpace as CS
import numpy as np
import pytest
import ray
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_ray import local_ray
from ray import tune
from ready_made import READY_MADE, flat
from torch import nn

from ray_nas.spaces import (
    JointSpace,
    LayerChoice,
    MLPSpace,
    ModelSpace,
    Repeat,
    SearchSpace,
    ValueChoice,
)
from ray_nas.spaces.core import parameters

torch.set_num_threads(1)


class Net(nn.Module):
    """A user's own network with every kind of choice but inputs, and a choice nested in another."""

    def __init__(self) -> None:
        super().__init__()
        width = ValueChoice("width", [4, 8])
        activation = ValueChoice("activation", {"relu": nn.ReLU, "gelu": nn.GELU})
        self.stem = nn.Conv2d(3, width, ValueChoice("stem_kernel", [1, 3, 5]), padding="same")
        self.blocks = Repeat(
            "depth",
            1,
            3,
            lambda i: LayerChoice(
                f"block_{i}", {"conv": partial(_branch, i, width), "skip": nn.Identity}
            ),
        )
        self.head = nn.Sequential(
            nn.BatchNorm2d(width),
            activation(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 10),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)))


def _branch(i: int, width: int) -> nn.Module:
    return nn.Conv2d(width, width, ValueChoice(f"kernel_{i}", [1, 3]), padding="same")


def raw() -> CS.ConfigurationSpace:
    """Conditions over two levels, forbidden clauses, and every kind of parameter."""
    space = CS.ConfigurationSpace(seed=0)
    depth = CS.OrdinalHyperparameter("depth", [1, 2, 4])
    width = CS.UniformIntegerHyperparameter("width", 8, 256, log=True)
    short = CS.UniformIntegerHyperparameter("short", 0, 3)
    rate = CS.UniformFloatHyperparameter("rate", 1e-4, 1e-1, log=True)
    op = CS.CategoricalHyperparameter("op", ["conv", "pool", "none"], weights=[2, 1, 1])
    flag = CS.CategoricalHyperparameter("flag", [True, False])
    decay = CS.UniformFloatHyperparameter("decay", 0.0, 1.0)
    normal = CS.NormalFloatHyperparameter("normal", 0.0, 1.0, lower=-3.0, upper=3.0)
    space.add(depth, width, short, rate, op, flag, decay, normal, CS.Constant("version", "v1"))
    space.add(CS.GreaterThanCondition(op, depth, 1), CS.EqualsCondition(flag, op, "conv"))
    space.add(
        CS.AndConjunction(
            CS.EqualsCondition(decay, flag, True), CS.InCondition(decay, depth, [2, 4])
        )
    )
    space.add(
        CS.ForbiddenAndConjunction(
            CS.ForbiddenEqualsClause(depth, 1), CS.ForbiddenInClause(short, [0, 3])
        )
    )
    space.add(CS.ForbiddenEqualsClause(op, "none"))
    return space


def small() -> CS.ConfigurationSpace:
    """Countable: conditions and a forbidden clause."""
    space = CS.ConfigurationSpace(seed=0)
    kind = CS.CategoricalHyperparameter("kind", ["a", "b", "c"])
    size = CS.OrdinalHyperparameter("size", [16, 32, 64])
    count = CS.UniformIntegerHyperparameter("count", 1, 3)
    space.add(
        kind,
        size,
        count,
        CS.EqualsCondition(size, kind, "a"),
        CS.InCondition(count, kind, ["a", "b"]),
    )
    space.add(
        CS.ForbiddenAndConjunction(
            CS.ForbiddenEqualsClause(kind, "a"), CS.ForbiddenEqualsClause(count, 3)
        )
    )
    return space


def even(config: dict[str, Any]) -> bool:
    """A validity rule that no forbidden clause says."""
    return len([value for value in config.values() if value == "conv"]) % 2 == 0


NETWORKS = {
    "own": (partial(ModelSpace, Net), (3, 8, 8)),
    "ruled": (partial(ModelSpace, Net, rules=(even,)), (3, 8, 8)),
    **{name: (make, tuple(inputs().shape[1:])) for name, (make, inputs) in READY_MADE.items()},
    "mlp": (partial(MLPSpace, 6, 3, max_layers=3), (6,)),  # with a choice of dropout
}
"""Spaces that build networks: what makes one, and the shape of its input without the batch."""
OTHERS = {
    "raw": lambda: SearchSpace(raw()),
    "small": lambda: SearchSpace(small()),
    "joint": lambda: JointSpace(
        SearchSpace(small()),
        {
            "lr": tune.loguniform(1e-4, 1e-1),
            "batch": tune.choice([32, 64]),
            "layers": tune.randint(1, 4),
            "momentum": tune.quniform(0.0, 0.9, 0.1),
            "noise": tune.randn(0.0, 1.0),
            "steps": tune.qrandn(10.0, 2.0, 0.5),
            "units": tune.lograndint(1, 1000),
            "mixed": tune.choice([None, (1, 2), "x"]),
            "nested": {"rule": ModelSpace(Net, rules=(even,)), "constant": 3},
        },
    ),
}
NAMES = [*NETWORKS, *OTHERS]
_made: dict[str, SearchSpace] = {}


def make(name: str) -> SearchSpace:
    if name not in _made:
        _made[name] = NETWORKS[name][0]() if name in NETWORKS else OTHERS[name]()
    return _made[name]


@pytest.fixture(params=NAMES)
def space(request: pytest.FixtureRequest) -> SearchSpace:
    return make(request.param)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A local Ray whose workers can import this module."""
    drivers = str(Path(__file__).parents[1] / "drivers")
    with local_ray(runtime_env={"env_vars": {"PYTHONPATH": drivers}}):
        yield


def changed(a: dict[str, Any], b: dict[str, Any]) -> set[str]:
    """The parameters that both have, with different values."""
    return {name for name in a.keys() & b.keys() if a[name] != b[name]}


def check_samples(space: SearchSpace) -> None:
    first = space.sample(size=20, random_state=np.random.default_rng(0))
    assert first == space.sample(size=20, random_state=np.random.default_rng(0))
    for config in first:
        space.validate(config)
        assert space.is_valid(config)
        assert all(type(value) in (bool, int, float, str) for value in config.values())
        assert space.own_parameters({**config, "other": 1}) == config
        assert sorted(space.active(config)) == sorted(config)


def check_mutation(space: SearchSpace) -> None:
    rng = np.random.default_rng(1)
    config = space.sample(random_state=rng)
    for _ in range(30):
        child = space.mutate(config, rng)
        space.validate(child)
        assert len(changed(config, child)) == 1, (
            "a mutation changes one parameter and what hangs on it"
        )
        config = child


def check_crossover(space: SearchSpace) -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        a, b = space.sample(size=2, random_state=rng)
        child = space.crossover(a, b, rng)
        space.validate(child)
        for name, value in child.items():
            donors = [parent[name] for parent in (a, b) if name in parent]
            assert not donors or value in donors


def check_neighbors(space: SearchSpace) -> None:
    config = space.sample(random_state=np.random.default_rng(3))
    around = space.neighbors(config)
    assert around == space.neighbors(config)
    for neighbor in around:
        space.validate(neighbor)
        assert len(changed(config, neighbor)) == 1
    keys = [tuple(sorted(neighbor.items())) for neighbor in around]
    assert len(set(keys)) == len(keys)
    for (
        name,
        value,
    ) in config.items():  # complete: a value without a neighbour is one that nothing allows
        parameter = space.config_space[name]
        moves = {neighbor[name] for neighbor in around if changed(config, neighbor) == {name}}
        wanted = (
            set(parameters.neighbor_values(parameter, value))
            if parameters.is_free(parameter)
            else set()
        )
        assert moves <= wanted
        for missing in wanted - moves:
            assert _refused(space, config, name, missing)


def _refused(space: SearchSpace, config: dict[str, Any], name: str, value: Any) -> bool:
    """Whether the config with one value changed, and defaults filled in, is forbidden."""
    filled = {
        **{other: parameters.plain(p.default_value) for other, p in space.config_space.items()},
        **config,
        name: value,
    }
    return not space.is_valid({other: filled[other] for other in space.active(filled)})


def check_grid(space: SearchSpace) -> None:
    start = list(itertools.islice(space.grid(points_per_range=2), 200))
    assert start == list(itertools.islice(space.grid(points_per_range=2), 200))
    for config in start[:50]:
        space.validate(config)
    assert len({tuple(sorted(config.items())) for config in start}) == len(start) > 0
    if space.size <= 5_000 and all(
        parameters.listed_values(p) for p in space.config_space.values()
    ):
        assert sum(1 for _ in space.grid()) == space.size


def check_encoding(space: SearchSpace) -> None:
    configs = space.sample(size=20, random_state=np.random.default_rng(4))
    codes = [space.encode(config) for config in configs]
    assert {code.shape for code in codes} == {codes[0].shape}
    assert codes[0].ndim == 1
    assert codes[0].dtype == np.float64
    assert np.isfinite(codes).all()
    assert all(0.0 <= entry <= 1.0 for code in codes for entry in code)
    for (a, code_a), (b, code_b) in itertools.combinations(zip(configs, codes, strict=True), 2):
        assert np.array_equal(code_a, code_b) == (a == b)


def check_canonical(space: SearchSpace) -> None:
    rng = np.random.default_rng(5)
    for config in space.sample(size=10, random_state=rng):
        key = space.canonical(config)
        assert isinstance(key, str)
        assert key == space.canonical(dict(reversed(list(config.items()))))
        assert key == space.canonical(dict(config))


def check_copies(space: SearchSpace) -> None:
    assert copy.deepcopy(space) is space
    again = pickle.loads(pickle.dumps(space))
    assert again.fingerprint == space.fingerprint
    assert again.sample(size=3, random_state=7) == space.sample(size=3, random_state=7)


def check_trial_configs(space: SearchSpace) -> None:
    for config in space.sample(size=10, random_state=np.random.default_rng(6)):
        assert space.from_tune(space.to_tune(config)) == config
        assert space.from_tune({**space.to_tune(config), "unrelated": 1}) == config


def check_errors(space: SearchSpace) -> None:
    config = space.sample(random_state=np.random.default_rng(8))
    name = next(iter(config))
    with pytest.raises(ValueError, match="unknown parameter 'no_such'"):
        space.validate({**config, "no_such": 1})
    with pytest.raises(ValueError, match=f"config lacks '{name}', which must be "):
        space.validate({other: value for other, value in config.items() if other != name})
    with pytest.raises(ValueError, match=rf"config\['{name}'\] must be .*, got \['bad'\]"):
        space.validate({**config, name: ["bad"]})
    with pytest.raises(TypeError, match="config must be a dict"):
        space.validate([config])  # type: ignore[arg-type]
    for inactive in space.config_space.keys() - config.keys():
        value = parameters.plain(space.config_space[inactive].default_value)
        with pytest.raises(ValueError, match=rf"config\['{inactive}'\] is inactive here"):
            space.validate({**config, inactive: value})
    assert not space.is_valid({**config, "no_such": 1})


CHECKS = [
    check_samples,
    check_mutation,
    check_crossover,
    check_neighbors,
    check_grid,
    check_encoding,
    check_canonical,
    check_copies,
    check_trial_configs,
    check_errors,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_contract(space: SearchSpace, check: Any) -> None:
    check(space)


def batch(space: Any, shape: tuple[int, ...]) -> torch.Tensor:
    return (
        torch.randint(1, 17, (2, *shape))
        if space.input_dtype == torch.long
        else torch.rand(2, *shape)
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_run_forward_and_backward(name: str) -> None:
    space, shape = make(name), NETWORKS[name][1]
    for config in space.sample(size=3, random_state=np.random.default_rng(0)):
        network = space.build({**config, "lr": 0.1})
        outputs = flat(network(batch(space, shape)))
        assert torch.isfinite(outputs).all()
        outputs.square().sum().backward()
        assert any(
            parameter.grad is not None and parameter.grad.abs().sum() > 0
            for parameter in network.parameters()
        )
        with pytest.raises(ValueError, match="config lacks"):
            space.build(dict(list(config.items())[1:]))


@pytest.mark.parametrize("name", NETWORKS)
def test_build_says_what_was_meant(name: str) -> None:
    space = make(name)
    config = space.sample(random_state=0)
    with pytest.raises(TypeError, match="Tune did not resolve it"):
        space.build(space)
    with pytest.raises(TypeError, match="must be a dict of parameter values, got tuple"):
        space.build(("__ref_ph", "0"))
    with pytest.raises(ValueError, match=r"config.*did you mean config\['arch'\]\?"):
        space.build({"arch": config, "lr": 0.1})
    with pytest.raises(ValueError, match=r"did you mean config\['model'\]\['arch'\]\?"):
        space.build({"model": {"arch": config, "rate": 1}, "lr": 0.1})


@ray.remote
def _in_worker(space: SearchSpace, builds: bool) -> tuple[str, list[dict[str, Any]], int]:
    configs = space.sample(size=3, random_state=0)
    weights = sum(p.numel() for p in space.build(configs[0]).parameters()) if builds else 0
    return space.fingerprint, configs, weights


def test_spaces_travel_to_ray_workers(cluster: Any) -> None:
    spaces = {name: make(name) for name in NAMES}
    answers = ray.get(
        [_in_worker.remote(space, name in NETWORKS) for name, space in spaces.items()]
    )
    for (name, space), (fingerprint, configs, weights) in zip(spaces.items(), answers, strict=True):
        assert fingerprint == space.fingerprint
        assert configs == space.sample(size=3, random_state=0)
        if name in NETWORKS:
            assert weights == sum(p.numel() for p in space.build(configs[0]).parameters())


def test_a_space_is_a_tune_domain(space: SearchSpace) -> None:
    config = space.get_sampler().sample(space, random_state=np.random.RandomState(0))
    space.validate(config)
    assert (
        space.get_sampler().sample(space, size=2, random_state=np.random.RandomState(0))[0]
        == config
    )


@st.composite
def config_spaces(draw: st.DrawFn) -> CS.ConfigurationSpace:
    """Random parameters, conditions on one or two earlier ones, and forbidden pairs."""
    space = CS.ConfigurationSpace(seed=0)
    made: list[Any] = []
    for index in range(draw(st.integers(1, 6))):
        name = f"p{index}"
        kind = draw(
            st.sampled_from(
                ["category", "booleans", "ordinal", "integer", "long", "float", "log", "constant"]
            )
        )
        parameter: Any = {
            "category": lambda name=name: CS.CategoricalHyperparameter(
                name, ["a", "b", "c"][: draw(st.integers(1, 3))]
            ),
            "booleans": lambda name=name: CS.CategoricalHyperparameter(name, [False, True]),
            "ordinal": lambda name=name: CS.OrdinalHyperparameter(name, [1, 4, 16]),
            "integer": lambda name=name: CS.UniformIntegerHyperparameter(
                name, -1, draw(st.integers(0, 3))
            ),
            "long": lambda name=name: CS.UniformIntegerHyperparameter(
                name, 1, draw(st.integers(30, 3000)), log=draw(st.booleans())
            ),
            "float": lambda name=name: CS.UniformFloatHyperparameter(name, -1.0, 2.5),
            "log": lambda name=name: CS.UniformFloatHyperparameter(name, 1e-6, 10.0, log=True),
            "constant": lambda name=name: CS.Constant(name, draw(st.sampled_from(["v", 3]))),
        }[kind]()
        space.add(parameter)
        parents = [
            other for other in made if (parameters.listed_values(other) or []) and other.size > 1
        ]
        conditions = []
        for parent in (
            draw(st.lists(st.sampled_from(parents), max_size=2, unique_by=lambda p: p.name))
            if parents
            else []
        ):
            values = draw(
                st.lists(
                    st.sampled_from(parameters.listed_values(parent)),
                    min_size=1,
                    max_size=2,
                    unique=True,
                )
            )
            conditions.append(CS.InCondition(parameter, parent, values))
        if len(conditions) == 2:
            space.add(draw(st.sampled_from([CS.AndConjunction, CS.OrConjunction]))(*conditions))
        elif conditions:
            space.add(conditions[0])
        made.append(parameter)
    discrete = [
        parameter
        for parameter in made
        if (parameters.listed_values(parameter) or []) and parameter.size > 1
    ]
    if len(discrete) >= 2 and draw(
        st.booleans()
    ):  # never the default values, so that something is always left
        a, b = discrete[:2]
        others = [
            [
                value
                for value in parameters.listed_values(p) or []
                if value != parameters.plain(p.default_value)
            ]
            for p in (a, b)
        ]
        clauses = [
            CS.ForbiddenEqualsClause(p, draw(st.sampled_from(values)))
            for p, values in zip((a, b), others, strict=True)
        ]
        space.add(CS.ForbiddenAndConjunction(*clauses))
    return space


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(config_spaces())
def test_contract_on_random_spaces(config_space: CS.ConfigurationSpace) -> None:
    space = SearchSpace(config_space)
    for check in CHECKS:
        config = space.sample(random_state=0)
        if check is check_mutation and not space.neighbors(config):
            continue  # nothing can change: constants alone
        check(space)


def test_size_counts_what_the_grid_lists() -> None:
    assert make("small").size == len(list(make("small").grid())) == 3 * 2 + 3 + 1
    assert make("nasbench201").size == 5**6
    assert make("own").size == 2 * 2 * 3 * (3 + 3**2 + 3**3)
    assert make("raw").size == math.inf


def test_joint_spaces_keep_the_rules_of_their_members() -> None:
    joint = make("joint")
    config = joint.sample(random_state=0)
    broken = {
        name: "conv" if name == "nested.rule.block_0" else value for name, value in config.items()
    }
    broken = {
        name: value
        for name, value in broken.items()
        if not name.startswith("nested.rule.") or name in _alone(broken)
    }
    with pytest.raises(ValueError, match="breaks the rule even"):
        joint.validate({**broken, "nested.rule.depth": 1, "nested.rule.kernel_0": 1})


def _alone(config: dict[str, Any]) -> set[str]:
    return {
        f"nested.rule.{name}" for name in ("width", "activation", "stem_kernel", "depth", "block_0")
    } & config.keys()


def test_nothing_left_is_an_error() -> None:
    space = CS.ConfigurationSpace(seed=0)
    op = CS.CategoricalHyperparameter("op", ["a", "b"])
    space.add(op)
    ruled = SearchSpace(space, rules=[lambda config: False])
    with pytest.raises(ValueError, match="draws gave no config"):
        ruled.sample(random_state=0)
    corners = SearchSpace(
        CS.ConfigurationSpace(dict.fromkeys("abcd", (0, 3))),
        rules=[lambda config: sum(config.values()) % 6 == 0],
    )
    alone = {"a": 0, "b": 0, "c": 0, "d": 0}
    assert not corners.neighbors(alone)
    child = corners.mutate(alone, np.random.default_rng(0))
    assert len(changed(alone, child)) == 2, "as few as rules allow"
    constant = CS.ConfigurationSpace(seed=0)
    constant.add(CS.Constant("only", 1))
    with pytest.raises(ValueError, match="no valid mutation"):
        SearchSpace(constant).mutate({"only": 1}, np.random.default_rng(0))


def test_names_that_tune_cannot_carry_are_refused() -> None:
    space = CS.ConfigurationSpace(seed=0)
    space.add(CS.CategoricalHyperparameter("a/b", [1, 2]))
    with pytest.raises(ValueError, match="must not contain '/'"):
        SearchSpace(space)
    with pytest.raises(TypeError, match=r"must be a ConfigSpace\.ConfigurationSpace"):
        SearchSpace({"a": [1]})  # type: ignore[arg-type]

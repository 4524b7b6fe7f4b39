"""Costs against what torch holds and counts when a network really runs."""

import gc
import pickle
import weakref
from functools import partial
from itertools import product
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from ray_nas.estimators.cost import Cost, cost_function, profile
from ray_nas.searchers import RandomSearch
from ray_nas.spaces import (
    DARTS,
    ChainSpace,
    MLPSpace,
    MobileNetSpace,
    ModelSpace,
    NASBench201,
    SearchSpace,
    TransformerSpace,
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Saved:
    """What autograd's graph keeps of a tensor, for as long as it keeps it."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor.detach()


def held_by_torch(model: nn.Module, inputs: torch.Tensor, make_optimizer: Any) -> int:
    """Bytes after a real forward pass and a real step: saved tensors, parameters, buffers,
    gradients, optimizer state.
    """
    alive = weakref.WeakSet[Saved]()

    def save(tensor: torch.Tensor) -> Saved:
        saved = Saved(tensor)
        alive.add(saved)
        return saved

    model.train()
    fixed = [*model.parameters(), *model.buffers()]
    optimizer = make_optimizer(list(model.parameters()))
    with torch.autograd.graph.saved_tensors_hooks(save, lambda saved: saved.tensor):
        outputs = model(inputs)
    tensors = [inputs, outputs, *fixed, *(saved.tensor for saved in alive)]
    total = sum(
        {
            tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors
        }.values()
    )
    outputs.sum().backward()
    optimizer.step()
    total += sum(
        parameter.grad.nbytes for parameter in model.parameters() if parameter.grad is not None
    )
    return total + sum(
        value.nbytes
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    )


SPACES: list[tuple[ModelSpace, tuple[int, ...]]] = [
    (NASBench201(), (3, 32, 32)),
    (MobileNetSpace(num_classes=10), (3, 64, 64)),
    (DARTS(), (3, 32, 32)),
    (ChainSpace(), (3, 32, 32)),
    (MLPSpace(16, 4), (16,)),
    (TransformerSpace(), (128,)),
]


@pytest.mark.parametrize(
    ("space", "shape"), SPACES, ids=[type(space).__name__ for space, _ in SPACES]
)
def test_peak_memory_is_what_torch_holds(space: ModelSpace, shape: tuple[int, ...]) -> None:
    for seed in range(2):
        model = space.build(space.sample(random_state=seed))
        inputs = torch.ones(3, *shape, dtype=space.input_dtype)
        cost = profile(model, shape, batch_size=3, input_dtype=space.input_dtype)
        assert cost.peak_memory_bytes == pytest.approx(
            held_by_torch(model, inputs, torch.optim.AdamW), rel=0.01
        )


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.SGD,
        partial(torch.optim.SGD, momentum=0.9),
        partial(torch.optim.Adam, amsgrad=True),
        torch.optim.RMSprop,
    ],
)
def test_state_of_any_optimizer(optimizer: Any) -> None:
    model = nn.Sequential(nn.Linear(300, 200), nn.ReLU(), nn.Linear(200, 300), nn.Linear(300, 200))
    cost = profile(model, (300,), batch_size=2, optimizer=optimizer)
    assert cost.peak_memory_bytes == pytest.approx(
        held_by_torch(model, torch.ones(2, 300), optimizer), rel=0.001
    )


def test_what_no_output_depends_on_is_let_go_and_checkpoints_keep_their_inputs() -> None:
    class Net(nn.Module):
        def __init__(self, recomputed: bool, dead_end: bool) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Linear(256, 256),
                nn.Tanh(),
                nn.Linear(256, 256),
                nn.Tanh(),
                nn.Linear(256, 256),
                nn.Tanh(),
            )
            self.head = nn.Linear(256, 8)
            self.recomputed, self.dead_end = recomputed, dead_end

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.dead_end:
                self.body(x).relu()
            return self.head(
                checkpoint(self.body, x, use_reentrant=False) if self.recomputed else self.body(x)
            )

    costs = {}
    for recomputed, dead_end in product((False, True), repeat=2):
        model = Net(recomputed, dead_end)
        costs[recomputed, dead_end] = profile(model, (256,), batch_size=500)
        truth = held_by_torch(model, torch.ones(500, 256, requires_grad=True), torch.optim.AdamW)
        assert costs[recomputed, dead_end].peak_memory_bytes == pytest.approx(truth, rel=0.01)
    assert (
        costs[True, True].activation_bytes
        == costs[True, False].activation_bytes
        < costs[False, False].activation_bytes / 1.9
    )
    assert costs[False, True].activation_bytes == costs[False, False].activation_bytes


@pytest.mark.parametrize("all_of_it", [False, True])
def test_parameters_inside_of_reentrant_checkpoints_have_gradients_too(all_of_it: bool) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = nn.Linear(64, 128), nn.Linear(128, 8)
            self.body = nn.Sequential(
                nn.Linear(128, 512), nn.Tanh(), nn.Linear(512, 128), nn.Tanh()
            )
            self.frozen = nn.Linear(128, 128).requires_grad_(False)

        def inner(self, x: torch.Tensor) -> torch.Tensor:
            return self.frozen(self.body(x))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = checkpoint(self.inner, self.stem(x), use_reentrant=True)
            return checkpoint(self.head, x, use_reentrant=True) if all_of_it else self.head(x)

    model = Net()
    truth = held_by_torch(model, torch.ones(100, 64), torch.optim.AdamW)
    assert profile(model, (64,), batch_size=100).peak_memory_bytes == pytest.approx(truth, rel=0.01)


def test_outputs_whose_tensors_are_out_of_sight_are_refused() -> None:
    class Out:
        def __init__(self, logits: torch.Tensor) -> None:
            self.logits = logits

    class Net(nn.Linear):
        def forward(self, x: torch.Tensor) -> Out:
            return Out(super().forward(x))

    with pytest.raises(
        ValueError, match=r"model \(Net\) must return tensors, alone or in tuples, lists and dicts"
    ):
        profile(Net(3, 3), (3,))


def test_a_model_that_takes_gradients_itself_is_refused() -> None:
    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x.detach().requires_grad_()
            return torch.autograd.grad(x.exp().sum(), x)[0]

    with pytest.raises(ValueError, match="its forward pass asks for a gradient"):
        profile(Net(), (3,))


def test_no_optimizer_leaves_parameters_gradients_and_activations() -> None:
    cost = profile(nn.Linear(10, 5), (10,), batch_size=4, optimizer=None)
    assert cost == Cost(
        params=55,
        flops=100,
        activation_bytes=4 * (10 + 5) * 4,
        peak_memory_bytes=2 * 55 * 4 + 4 * 15 * 4,
    )
    assert (cost.multiply_adds, cost.fixed_bytes) == (50, 2 * 55 * 4)


def test_frozen_unreached_and_shared_parameters() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.unused = nn.Linear(64, 64), nn.Linear(64, 64)
            self.second = nn.Linear(64, 64)
            self.second.weight = self.first.weight
            self.frozen = nn.Linear(64, 64).requires_grad_(False)
            self.scale = torch.ones(64)  # a plain tensor, no buffer

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.frozen(self.second(self.first(x) * self.scale).relu())

    model = Net()
    cost = profile(model, (64,), batch_size=2)
    assert cost.params == sum(parameter.numel() for parameter in model.parameters())
    assert cost.peak_memory_bytes == pytest.approx(
        held_by_torch(model, torch.ones(2, 64), torch.optim.AdamW), rel=0.01
    )


def test_the_model_is_left_as_it_is_and_nothing_is_allocated() -> None:
    with torch.device("meta"):
        wide = nn.Linear(10**6, 10**6)  # 4 TB
    assert profile(wide, (10**6,), batch_size=10**6).params == 10**12 + 10**6
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    profile(model, (3, 8, 8), batch_size=4)
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_flops_are_those_of_torchs_counter_for_one_input() -> None:
    model = DARTS().build(DARTS().sample(random_state=0))
    with FlopCounterMode(display=False) as counter:
        model.train()(torch.ones(2, 3, 32, 32))
    assert profile(model, (3, 32, 32), batch_size=2).flops * 2 == counter.get_total_flops()


def test_multiply_adds_of_convolutions_and_linear_layers_are_analytic() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.Conv2d(8, 8, 3, groups=8, stride=2, padding=1),
        nn.Flatten(),
        nn.Linear(128, 7),
    )
    expected = 8 * 8 * 8 * 3 * 9 + 8 * 4 * 4 * 9 + 128 * 7
    assert profile(model, (3, 8, 8), batch_size=5).multiply_adds == expected


@pytest.mark.parametrize(
    ("cell", "params", "multiply_adds"),
    [
        (
            "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
            129_306,
            17_958_592 - 1_290_240 - 2 * 430_080 - 160_832,
        ),
        (
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
            802_426,
            116_692_672 - 1_290_240 - 3 * 430_080 - 160_832,
        ),
    ],
)
def test_figures_that_nasbench201_published(cell: str, params: int, multiply_adds: int) -> None:
    """The benchmark's FLOPs hold more: of each pooling edge, of norm and ReLU of each
    convolution, and a constant of the rest.
    """
    space = NASBench201()
    cost = profile(space.build(space.from_arch_str(cell)), (3, 32, 32))
    assert (cost.params, cost.multiply_adds) == (params, multiply_adds)


def test_attention_counts_two_products_and_keeps_no_matrix_of_weights() -> None:
    layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
    short, long = (profile(layer, (length, 32), batch_size=2) for length in (64, 256))
    linear = 32 * 96 + 32 * 32 + 2 * 32 * 64
    assert long.multiply_adds == 256 * linear + 2 * 256 * 256 * 32
    assert long.activation_bytes == pytest.approx(4 * short.activation_bytes, rel=0.01)


@pytest.mark.parametrize(
    "call",
    [
        scaled_dot_product_attention,
        lambda *tensors: functional.scaled_dot_product_attention(*tensors),
    ],
)
def test_attention_is_one_kernel_however_it_is_imported(call: Any) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.projections = nn.Linear(32, 96)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return call(*self.projections(x).unflatten(-1, (12, 8)).transpose(1, 2).chunk(3, dim=1))

    model = Net()
    truth = held_by_torch(model, torch.ones(3, 256, 32), torch.optim.AdamW)
    assert profile(model, (256, 32), batch_size=3).peak_memory_bytes == pytest.approx(
        truth, rel=0.01
    )


def test_a_model_that_cannot_run_on_the_meta_device_is_named() -> None:
    class Reads(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum().item() > 0 else -x

    with pytest.raises(ValueError, match=r"model \(Reads\) cannot be profiled on the meta device"):
        profile(Reads(), (3,))
    with pytest.raises(ValueError, match=r"inputs of shape \(2, 4\)"):
        profile(nn.Linear(3, 3), (4,))
    with pytest.raises(
        ValueError, match=r"optimizer \(Adafactor\) must be one whose step reads no values"
    ):
        profile(nn.Linear(3, 3), (3,), optimizer=torch.optim.Adafactor)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        ({"batch_size": 2.5}, r"batch_size must be an integer >= 1, got 2\.5"),
        ({"batch_size": None}, "batch_size must be an integer >= 1, got None"),
        (
            {"input_shape": 100},
            r"input_shape must be the sizes of one input without the batch, e\.g\. \(3, 32, 32\), got 100",
        ),
        (
            {"input_shape": (3, 0)},
            r"each size of input_shape = \(3, 0\) must be an integer >= 1, got 0",
        ),
        (
            {"input_shape": (3, 1.5)},
            r"each size of input_shape = \(3, 1\.5\) must be an integer >= 1, got 1\.5",
        ),
        ({"input_shape": "16"}, "each size of input_shape = .* got '1'"),
        (
            {"optimizer": "adam"},
            "optimizer must be None or make a torch.optim.Optimizer from parameters, .* got 'adam'",
        ),
        (
            {"optimizer": torch.optim.SGD(nn.Linear(2, 2).parameters())},
            "optimizer must be None or make .* got SGD",
        ),
        (
            {"optimizer": nn.Linear},
            "optimizer must be None or make .* got <class .*Linear'>: .*out_features",
        ),
        (
            {"optimizer": list},
            r"optimizer must be None or make .* got <class 'list'>, which makes \[Parameter",
        ),
    ],
)
def test_arguments_are_checked_at_the_call(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cost_function(MLPSpace(16, 4), **arguments)
    with pytest.raises(ValueError, match=message):
        profile(nn.ReLU(), **{"input_shape": (16,), **arguments})


def test_a_key_that_a_config_does_not_have() -> None:
    space = MLPSpace(16, 4)
    config = {"architecture": space.sample(random_state=0), "lr": 0.1}
    for key in ("arch", "lr"):
        with pytest.raises(
            ValueError,
            match=rf"key must be where .*, got '{key}' for one of \['architecture', 'lr'\]",
        ):
            cost_function(space, key=key)(config)


def test_lazy_layers_have_to_have_seen_an_input() -> None:
    model = nn.Sequential(nn.LazyLinear(8), nn.LazyBatchNorm1d())
    with pytest.raises(
        ValueError,
        match=r"model \(Sequential\) must .*, got lazy ones, 0\.weight, .*1\.running_mean, .*: run it once on an",
    ):
        profile(model, (3,))
    model(torch.ones(2, 3))
    assert profile(model, (3,)).params == 3 * 8 + 8 + 2 * 8


def test_costs_of_a_searcher_keep_large_networks_out() -> None:
    space = MLPSpace(16, 4)
    costs = pickle.loads(
        pickle.dumps(cost_function(space))
    )  # a searcher is pickled with what it holds
    searcher = RandomSearch(
        space, "accuracy", "max", costs=costs, constraints={"params": (None, 50_000)}, seed=0
    )
    for number in range(5):
        config = searcher.suggest(str(number))
        assert isinstance(config, dict)
        assert sum(parameter.numel() for parameter in space.build(config).parameters()) <= 50_000
    assert any(
        sum(p.numel() for p in space.build(space.sample(random_state=seed)).parameters()) > 50_000
        for seed in range(5)
    )
    nested = cost_function(space, (16,), key="arch")
    assert nested({"arch": config, "lr": 0.1}) == costs(config)


def test_nothing_of_a_network_outlives_its_profile() -> None:
    space = NASBench201(channels=2, cells_per_stage=1)

    def tensors() -> int:
        gc.collect()
        return sum(
            issubclass(type(thing), (torch.Tensor, torch.UntypedStorage))
            for thing in gc.get_objects()
        )

    profile(space.build(space.sample(random_state=9)), (3, 8, 8))
    before = tensors()
    for seed in range(5):
        profile(space.build(space.sample(random_state=seed)), (3, 8, 8))
    assert tensors() <= before


def test_an_input_shape_is_needed() -> None:
    with pytest.raises(ValueError, match="input_shape must be given"):
        cost_function(SearchSpace(NASBench201(2, 1).config_space))

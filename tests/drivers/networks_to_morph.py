"""Networks and inputs to morph: widths, kernels, depths, alternatives, inputs and tokens."""

from functools import partial

import torch
from torch import nn

from ray_nas.spaces import InputChoice, LayerChoice, ModelSpace, Repeat, ValueChoice

torch.set_num_threads(1)


def conv(inputs: int, outputs: int, kernel: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class Plain(nn.Module):
    """Widths, kernels, depth, alternatives and inputs of a network without residuals."""

    def __init__(self) -> None:
        super().__init__()
        width = ValueChoice("width", [4, 8])
        self.stem = conv(3, width, ValueChoice("kernel", [3, 5]))
        block = {
            "conv3": partial(conv, width, width, 3),
            "conv5": partial(conv, width, width, 5),
            "skip": nn.Identity,
        }
        self.blocks = Repeat("depth", 0, 2, lambda i: LayerChoice(f"op_{i}", block))
        self.join = InputChoice("join", 2, chosen=None, make=lambda i: nn.Conv2d(width, width, 1))
        self.up = nn.ConvTranspose2d(width, width, 2)
        self.head = nn.Linear(width, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return self.head(self.up(self.join([x, self.blocks(x)])).mean((2, 3)))


class PreNorm(nn.Module):
    """A transformer block with two residual branches."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.attention_norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.feed_forward(self.norm(x))


class Tokens(nn.Module):
    """Attention with variable heads, a recurrent layer, blocks iterated by hand."""

    def __init__(self) -> None:
        super().__init__()
        width = ValueChoice("width", [8, 16])
        self.embed = nn.Embedding(11, width)
        self.attention = nn.MultiheadAttention(
            width, width // ValueChoice("head", [2, 4]), batch_first=True
        )
        self.recurrent = nn.LSTM(width, width, batch_first=True)
        self.even = nn.Linear(width, 8)
        self.blocks = Repeat("depth", 0, 2, lambda i: PreNorm(8))
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        x = self.even(self.recurrent(x + self.attention(x, x, x, need_weights=False)[0])[0])
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


def images() -> torch.Tensor:
    return torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def words() -> torch.Tensor:
    return torch.randint(0, 11, (8, 5), generator=torch.Generator().manual_seed(0))


def vectors() -> torch.Tensor:
    return torch.randn(32, 6, generator=torch.Generator().manual_seed(0))


def trained(space: ModelSpace, config: dict, inputs: torch.Tensor, steps: int = 20) -> nn.Module:
    torch.manual_seed(0)
    network = space.build(config)
    step(network, inputs, steps)
    return network


def step(network: nn.Module, inputs: torch.Tensor, steps: int) -> None:
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        output = network(inputs)
        nn.functional.cross_entropy(output, torch.arange(len(inputs)) % output.shape[1]).backward()
        optimizer.step()


def outputs(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return network.eval()(inputs)

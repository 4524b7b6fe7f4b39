"""Transformer decoder for language modelling, searched per layer.

GPT-2 (Radford et al., 2019); grouped-query attention (Ainslie et al., 2023),
https://arxiv.org/abs/2305.13245
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from ray_nas.spaces.core.validity import Config
from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import Repeat, ValueChoice
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes


class DecoderSpace(ModelSpace):
    """Causal language models: width and depth; heads and feed-forward width of each layer.

    Inputs are tokens (batch, length), outputs the logits of the next token at each place (batch,
    length, vocabulary). `width` and `depth` hold for the network. In layer `i`, `layer_i.heads`
    query heads share keys and values in groups of `layer_i.group`, and `layer_i.ratio` is
    feed-forward units over width. The output layer shares the weights of the tokens' embedding.

    The `baseline` is GPT-2 (124 M parameters with the defaults): the largest width, depth and
    number of heads, no grouping, a ratio of 4 or the nearest to it.

    Args:
        vocabulary: Number of different tokens.
        max_length: Most tokens of a text.
        widths: Widths of the tokens' vectors.
        min_layers: Fewest layers.
        max_layers: Most layers.
        heads: Numbers of query heads that a layer may have; each a multiple of every group.
        groups: How many query heads may share a key and a value.
        ratios: Feed-forward units that a layer may have, as multiples of the width.
        head_width: Width of a head.
        dropout: Rate after the embedding, attention and the feed-forward part, in [0, 1].

    Raises:
        ValueError: A number is below 1, `min_layers` exceeds `max_layers`, or some `heads` are no
            multiple of a group.

    Example:
        >>> import torch
        >>> space = DecoderSpace(50, max_length=8, widths=[16], max_layers=2, head_width=4)
        >>> network = space.build(space.sample(random_state=0))
        >>> network(torch.zeros(2, 8, dtype=torch.long)).shape
        torch.Size([2, 8, 50])
    """

    input_dtype = torch.long

    def __init__(
        self,
        vocabulary: int = 50257,
        *,
        max_length: int = 1024,
        widths: Sequence[int] = (256, 512, 768),
        min_layers: int = 2,
        max_layers: int = 12,
        heads: Sequence[int] = (4, 8, 12),
        groups: Sequence[int] = (1, 2, 4),
        ratios: Sequence[int] = (2, 3, 4),
        head_width: int = 64,
        dropout: float = 0.1,
    ) -> None:
        check_sizes(vocabulary=vocabulary, max_length=max_length, min_layers=min_layers)
        check_sizes(head_width=head_width)
        uneven = [(number, group) for number in heads for group in groups if number % group]
        if uneven:
            number, group = uneven[0]
            raise ValueError(f"heads must be multiples of groups, got {number} heads for {group}")
        layer = partial(
            _Layer,
            heads=tuple(heads),
            groups=tuple(groups),
            ratios=tuple(ratios),
            head_width=head_width,
            dropout=dropout,
        )
        depths = (min_layers, max_layers)
        super().__init__(partial(_Network, vocabulary, max_length, tuple(widths), depths, layer))
        self.input_shape = (max_length,)

    @property
    def baseline(self) -> Config:
        """GPT-2's shape, as large as this space has it."""
        largest = [name for name in ("width", "depth") if name in self.domains]
        config = self.complete({name: self._largest(name) for name in largest})
        for name in config:
            if name.endswith(".heads"):
                config[name] = self._largest(name)
            elif name.endswith(".group"):
                config[name] = min(self.domains[name]["values"])
            elif name.endswith(".ratio"):
                config[name] = min(self.domains[name]["values"], key=lambda ratio: abs(ratio - 4))
        return config

    def _largest(self, name: str) -> int:
        return int(max(self.domains[name]["values"]))


class _Network(nn.Module):
    def __init__(
        self,
        vocabulary: int,
        max_length: int,
        widths: tuple[int, ...],
        depths: tuple[int, int],
        layer: "partial[_Layer]",
    ) -> None:
        super().__init__()
        width = ValueChoice("width", widths)
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(max_length, width)
        self.dropout = nn.Dropout(layer.keywords["dropout"])
        self.layers = Repeat("depth", *depths, partial(layer, width))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        values = self.dropout(self.tokens(tokens) + self.positions(places))
        for layer in self.layers:
            values = layer(values)
        return nn.functional.linear(self.norm(values), self.tokens.weight)


class _Layer(nn.Module):
    """Causal attention and a feed-forward part, each of the normalised values (pre-norm)."""

    def __init__(
        self,
        width: int,
        index: int,
        *,
        heads: tuple[int, ...],
        groups: tuple[int, ...],
        ratios: tuple[int, ...],
        head_width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        with label_prefix(f"layer_{index}"):
            queries = ValueChoice("heads", heads)
            self.group = ValueChoice("group", groups)
            hidden = width * ValueChoice("ratio", ratios)
        self.head_width = head_width
        shared = head_width * (queries // self.group)
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, head_width * queries)
        self.key, self.value = nn.Linear(width, shared), nn.Linear(width, shared)
        self.out = nn.Linear(head_width * queries, width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(approximate="tanh"), nn.Linear(hidden, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        normed = self.attention_norm(values)
        query, key, value = (
            part(normed).unflatten(-1, (-1, self.head_width)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        key, value = (part.repeat_interleave(self.group, dim=1) for part in (key, value))
        attended = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        values = values + self.dropout(self.out(attended.transpose(1, 2).flatten(2)))
        return values + self.dropout(self.feed_forward(self.feed_forward_norm(values)))  # type: ignore[no-any-return]

"""Transformer encoder for text, searched per layer.

BERT (Devlin et al., 2019), https://arxiv.org/abs/1810.04805; AutoFormer (Chen et al., 2021),
https://arxiv.org/abs/2107.00651
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn

from ray_nas.spaces.model.choice_context import label_prefix
from ray_nas.spaces.model.choices import Repeat, ValueChoice
from ray_nas.spaces.model.model_space import ModelSpace, check_sizes


class TransformerSpace(ModelSpace):
    """Text classifiers: width and depth of the encoder, heads and feed-forward ratio per layer.

    Inputs are tokens (batch, length). `width` and `depth` hold for the network; `layer_i.heads` and
    `layer_i.ratio` (feed-forward units over width) for layer `i`. A head is `head_width` wide at
    every width. With the defaults there are 3.9e13 networks, BERT-base among them (without its
    token types, which only sentence pairs use).

    Args:
        vocabulary: Number of different tokens. Token 0 is padding, which other tokens do not attend
            to.
        num_classes: Outputs of the classifier, which reads the first token.
        max_length: Most tokens of a text.
        widths: Widths of the tokens' vectors.
        min_layers: Fewest layers.
        max_layers: Most layers.
        heads: Numbers of attention heads that a layer may have.
        ratios: Feed-forward units that a layer may have, as multiples of the width.
        head_width: Width of a head.
        dropout: Rate after the embedding, after attention and after the feed-forward part, in
            [0, 1].

    Raises:
        ValueError: A number is below 1, or `min_layers` exceeds `max_layers`.

    Example:
        >>> import torch
        >>> space = TransformerSpace(100, 2, max_length=8, widths=[16], max_layers=2, head_width=4)
        >>> network = space.build(space.sample(random_state=0))
        >>> network(torch.ones(2, 8, dtype=torch.long)).shape
        torch.Size([2, 2])
    """

    input_dtype = torch.long

    baseline = None

    def __init__(
        self,
        vocabulary: int = 30522,
        num_classes: int = 2,
        *,
        max_length: int = 512,
        widths: Sequence[int] = (128, 256, 512, 768),
        min_layers: int = 2,
        max_layers: int = 12,
        heads: Sequence[int] = (2, 4, 8, 12),
        ratios: Sequence[int] = (2, 3, 4),
        head_width: int = 64,
        dropout: float = 0.1,
    ) -> None:
        check_sizes(vocabulary=vocabulary, num_classes=num_classes, max_length=max_length)
        check_sizes(min_layers=min_layers, head_width=head_width)
        layer = partial(
            _Layer, heads=tuple(heads), ratios=tuple(ratios), head_width=head_width, dropout=dropout
        )
        depths = (min_layers, max_layers)
        sizes = (vocabulary, num_classes, max_length, tuple(widths), depths, layer)
        super().__init__(partial(_Network, *sizes))
        self.input_shape = (max_length,)


class _Network(nn.Module):
    def __init__(
        self,
        vocabulary: int,
        num_classes: int,
        max_length: int,
        widths: tuple[int, ...],
        depths: tuple[int, int],
        layer: "partial[_Layer]",
    ) -> None:
        super().__init__()
        width = ValueChoice("width", widths)
        self.tokens = nn.Embedding(vocabulary, width, padding_idx=0)
        self.positions = nn.Embedding(max_length, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(layer.keywords["dropout"])
        self.layers = Repeat("depth", *depths, partial(layer, width))
        self.pooler = nn.Sequential(nn.Linear(width, width), nn.Tanh())
        self.classifier = nn.Linear(width, num_classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        values = self.dropout(self.norm(self.tokens(tokens) + self.positions(places)))
        mask = (tokens != 0)[:, None, None, :]
        for layer in self.layers:
            values = layer(values, mask)
        return self.classifier(self.pooler(values[:, 0]))  # type: ignore[no-any-return]


class _Layer(nn.Module):
    """Attention and a feed-forward part, each added to its input and then normalised.

    This is post-norm, as in BERT.
    """

    def __init__(
        self,
        width: int,
        index: int,
        *,
        heads: tuple[int, ...],
        ratios: tuple[int, ...],
        head_width: int,
        dropout: float,
    ) -> None:
        super().__init__()
        with label_prefix(f"layer_{index}"):
            inner = head_width * ValueChoice("heads", heads)
            hidden = width * ValueChoice("ratio", ratios)
        self.head_width = head_width
        self.query, self.key, self.value = (nn.Linear(width, inner) for _ in range(3))
        self.out = nn.Linear(inner, width)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)
        )
        self.feed_forward_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            part(values).unflatten(-1, (-1, self.head_width)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        attended = nn.functional.scaled_dot_product_attention(query, key, value, mask)
        attended = self.out(attended.transpose(1, 2).flatten(2))
        values = self.attention_norm(values + self.dropout(attended))
        return self.feed_forward_norm(values + self.dropout(self.feed_forward(values)))  # type: ignore[no-any-return]

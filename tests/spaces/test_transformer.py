"""Transformer encoders for text."""

import torch

from ray_nas.spaces import TransformerSpace


def bert(depth: int, width: int, heads: int) -> dict[str, int]:
    config = {"depth": depth, "width": width}
    return config | {
        f"layer_{i}.{name}": value
        for i in range(depth)
        for name, value in (("heads", heads), ("ratio", 4))
    }


def test_contains_bert_base() -> None:
    space = TransformerSpace(num_classes=2)
    with torch.device("meta"):
        network = space.build(bert(12, 768, 12))
        assert network(torch.ones(2, 512, dtype=torch.long)).shape == (2, 2)
    token_types, classifier = 2 * 768, 768 * 2 + 2
    assert sum(p.numel() for p in network.parameters()) == 109_482_240 - token_types + classifier


def test_padding_changes_nothing() -> None:
    space = TransformerSpace(17, 3, max_length=8, widths=(16,), max_layers=3, head_width=4)
    network = space.build(bert(2, 16, 4)).eval()
    tokens = torch.randint(1, 17, (2, 5))
    padded = torch.cat([tokens, torch.zeros(2, 3, dtype=torch.long)], dim=1)
    assert torch.allclose(network(tokens), network(padded), atol=1e-6)


def test_size() -> None:
    assert TransformerSpace().size == 4 * sum(12**depth for depth in range(2, 13))

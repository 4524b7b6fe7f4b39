"""New layers that leave the function of a network unchanged."""

import torch
from networks_to_morph import Plain, Tokens, images, outputs, trained, vectors, words
from torch import nn

from ray_nas.sharing import copy_weights, morph
from ray_nas.spaces import (
    ModelSpace,
)


def test_as_few_layers_as_possible_are_silenced() -> None:
    space = ModelSpace(Tokens)
    parent = space.complete({})
    new, _ = morph(
        space,
        {**parent, "depth": 1},
        parent=parent,
        weights=trained(space, parent, words()).state_dict(),
        batch=words(),
    )
    zero = {name for name, tensor in new.blocks[0].named_parameters() if not tensor.any()}
    assert zero - {"attention_norm.bias", "norm.bias", "attention.in_proj_bias"} == {
        "feed_forward.2.weight",
        "feed_forward.2.bias",
        "attention.out_proj.weight",
        "attention.out_proj.bias",
    }


def test_new_batch_norms_pass_training_batches_on_too() -> None:
    space = ModelSpace(Plain)
    parent = space.complete({"join": "1"})
    old = trained(space, parent, images())
    new, inheritance = morph(
        space,
        {**parent, "depth": 1, "op_0": "conv3"},
        parent=parent,
        weights=old.state_dict(),
        batch=images(),
    )
    assert inheritance.kind == "preserved"
    block, passed = new.blocks[0], outputs(new.stem, images())
    assert torch.allclose(block.train()(passed), passed, atol=1e-4)


def test_new_layers_of_other_signatures_stay_fresh_where_they_cannot_be_settled() -> None:
    class Branches(nn.Module):
        def __init__(self, kinds: list[str]) -> None:
            super().__init__()
            made = {"linear": nn.Linear, "lstm": nn.LSTM}
            self.parts = nn.ModuleDict({kind: made[kind](6, 6) for kind in kinds})
            self.more = nn.ModuleList([nn.Linear(6, 6)] if "lstm" in kinds else [])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for part in self.parts.values():
                y = part(input=x)
                x = x + (y[0] if isinstance(y, tuple) else y)
            return x

    old, new = Branches(["linear"]), Branches(["linear", "lstm"])
    before = {name: tensor.clone() for name, tensor in new.named_parameters()}
    inheritance = copy_weights(old, new, vectors())
    assert inheritance.kind == "partial"
    assert all(
        torch.equal(tensor, before[name])
        for name, tensor in new.named_parameters()
        if "parts.linear" not in name
    )
    assert torch.equal(new.parts["linear"].weight, old.parts["linear"].weight)

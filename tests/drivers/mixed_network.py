"""A network whose paths have widths, a depth and conditional layer choices."""

from torch import nn

from ray_nas.spaces import LayerChoice, ModelSpace, Repeat, ValueChoice


class Net(nn.Module):
    """Widths, a depth and layer choices of two sizes, some of them conditional."""

    def __init__(self) -> None:
        super().__init__()
        width = ValueChoice("width", [4, 8])
        self.first = nn.Linear(2, width)
        self.blocks = Repeat(
            "depth",
            1,
            3,
            lambda i: LayerChoice(
                f"block_{i}",
                {"linear": nn.Linear(width, width), "relu": nn.ReLU(), "none": nn.Identity()},
            ),
        )
        self.head = LayerChoice(
            "head",
            {
                "plain": nn.Linear(width, 2),
                "wide": nn.Sequential(nn.Linear(width, 9), nn.Linear(9, 2)),
            },
        )


MIXED = ModelSpace(Net)

"""Trains on images that grow from rung to rung: lower resolution as a cheap fidelity."""

from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn import functional

from ray_nas.checks import check_int
from ray_nas.trials.data import forward


class Resolution:
    """Resizes batches of images to the size of a rung; the network stays as it is.

    The network must accept images of every size: convolutions do, and an adaptive pooling layer
    before the first linear one makes the rest fit. `check` says whether it does.

    Args:
        sizes: Heights in pixels, ascending; the last should be that of the data.

    Raises:
        ValueError: The sizes are not ascending integers of at least 1.

    Example:
        >>> resolution = Resolution([4, 8])
        >>> images = torch.rand(2, 3, 8, 12)
        >>> [tuple(resolution(images, size).shape) for size in resolution]
        [(2, 3, 4, 6), (2, 3, 8, 12)]
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        """As given."""
        for size in self.sizes:
            check_int("sizes", size, low=1)
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)):
            raise ValueError(f"sizes must be ascending, and at least one; got {self.sizes}")

    def __iter__(self) -> Iterator[int]:
        """The sizes, smallest first."""
        return iter(self.sizes)

    def __call__(self, images: torch.Tensor, size: int) -> torch.Tensor:
        """Images of another height, and of the width that keeps their shape.

        Bilinear interpolation, with antialiasing, so that a smaller image is an average and not a
        sample of pixels. Images that have the size already are returned as they are.

        Args:
            images: Floats, shape (images, channels, height, width).
            size: The height.

        Raises:
            TypeError: The images are not floats.
            ValueError: They have another number of dimensions.
        """
        check_int("size", size, low=1)
        if images.ndim != 4:
            raise ValueError(
                "images must have the shape (images, channels, height, width), "
                f"got {tuple(images.shape)}"
            )
        if not images.is_floating_point():
            raise TypeError(f"images must be floats, got {images.dtype}")
        height, width = images.shape[2:]
        if size == height:
            return images
        new_shape = size, max(1, round(width * size / height))
        return functional.interpolate(images, new_shape, mode="bilinear", antialias=True)

    def check(self, network: nn.Module, images: torch.Tensor) -> None:
        """Raises unless the network accepts images of every size, with outputs of one shape.

        Runs it in evaluation mode, without gradients; the network is not changed.

        Args:
            network: The network.
            images: A batch, as for a call; two examples are enough.

        Raises:
            ValueError: The network fails at a size, or its outputs have another shape there.
        """
        shapes = {size: _output_shape(network, self(images, size), size) for size in self.sizes}
        if len(set(shapes.values())) > 1:
            told = ", ".join(f"{shape} at {size}" for size, shape in shapes.items())
            raise ValueError(
                "network must give outputs of one shape at every resolution; its outputs have the "
                f"shapes {told}: end it with nn.AdaptiveAvgPool2d(1)"
            )


@torch.no_grad()
def _output_shape(network: nn.Module, images: torch.Tensor, size: int) -> tuple[int, ...] | None:
    """The shape of the outputs; None if they are no tensor."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        outputs = forward(network, images)
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"network must accept images of every resolution; at a height of {size} it fails: put "
            f"nn.AdaptiveAvgPool2d(1) before its first linear layer, or use larger sizes ({error})"
        ) from error
    finally:
        for module, training in modes.items():
            module.training = training
    return tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else None

"""A network as a graph of calls to layers of torch, traced by `torch.fx` or by `torch.export`.

`torch.fx` keeps the layers and their names, so it is tried first. It cannot follow a network whose
Python code depends on the shape or the values of its inputs; `torch.export` follows shapes, and
leaves the operations of ATen.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch.utils import _pytree

from ray_nas.export.export_program import export_program
from ray_nas.export.plain_code.layer_code import Call, layer_call


@dataclass
class TracedNetwork:
    """A network's modules, and the graph of what its `forward` does with them.

    Example:
        >>> sorted(trace_layers(nn.Sequential(nn.Linear(2, 1))).tensors())
        ['0.bias', '0.weight']
    """

    root: nn.Module
    """A copy of the network; or, from `torch.export`, a module with its tensors."""
    graph: fx.Graph
    """The calls."""
    layers: dict[nn.Module, Call]
    """The calls that make its layers of torch."""
    by: str
    """What traced it: "torch.fx" or "torch.export"."""

    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors by name: parameters, buffers, and constants of the code."""
        found: dict[str, torch.Tensor] = dict(self.root.named_parameters(remove_duplicate=False))
        found.update(self.root.named_buffers(remove_duplicate=False))
        for node in self.graph.nodes:
            if node.op == "get_attr" and node.target not in found:
                value = _attribute(self.root, node.target)
                if not isinstance(value, torch.Tensor):
                    raise TypeError(f"{node.target} is a {type(value).__name__}, not a tensor")
                found[node.target] = value
        return found


class _LayerTracer(fx.Tracer):
    """Keeps the given layers, and looks into all others."""

    def __init__(self, layers: Mapping[nn.Module, Call]) -> None:
        super().__init__()
        self._layers = layers

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return m in self._layers


def trace_layers(network: nn.Module) -> TracedNetwork:
    """Traces by `torch.fx`; raises what the network's code raises when it cannot be followed.

    Example:
        >>> traced = trace_layers(nn.Sequential(nn.Linear(2, 1)))
        >>> [node.op for node in traced.graph.nodes]
        ['placeholder', 'call_module', 'output']
    """
    root = copy.deepcopy(network)
    layers = _layers(root)
    graph = _LayerTracer(layers).trace(root)
    for node in graph.nodes:
        node.type = None  # annotations may name the user's own types
    return TracedNetwork(root, graph, layers, "torch.fx")


def trace_operations(network: nn.Module, inputs: tuple[Any, ...]) -> TracedNetwork:
    """Traces by `torch.export`; raises what that raises.

    The outputs of the traced network are a tensor, or the tensors of a nested output in order.
    """
    program = export_program(network, inputs)
    root = program.module()
    graph = root.graph
    for node in list(graph.nodes):
        if node.op == "call_module" and not node.users:  # guards of the inputs' shapes
            graph.erase_node(node)
            delattr(root, str(node.target))
        node.type = None
    output = next(iter(reversed(graph.nodes)))
    if program.call_spec.out_spec is not None and _is_leaf(program.call_spec.out_spec):
        output.args = (output.args[0][0],)
    graph.eliminate_dead_code()
    graph.set_codegen(fx.graph.CodeGen())
    return TracedNetwork(root, graph, {}, "torch.export")


def _layers(root: nn.Module) -> dict[nn.Module, Call]:
    found: dict[nn.Module, Call] = {}
    for module in root.modules():
        call = None if module is root else layer_call(module)
        if call is not None:
            found[module] = call
    return found


def _is_leaf(spec: _pytree.TreeSpec) -> bool:
    return spec.num_leaves == 1 and spec.num_children == 0


def _attribute(root: nn.Module, path: str) -> Any:
    value: Any = root
    for name in path.split("."):
        value = getattr(value, name)
    return value

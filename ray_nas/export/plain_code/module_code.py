"""Writes a traced network as a Python module that needs torch alone."""

import builtins
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

import torch
from torch import nn

from ray_nas.export.export_error import ExportError
from ray_nas.export.plain_code.layer_code import Call, literal
from ray_nas.export.plain_code.traced_network import TracedNetwork

_PART: Final = '''
class Part(nn.Module):
    """Holds the layers of a part of the network, under the names that they had there."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
'''
_LOAD: Final = '''

def load(path: str) -> {name}:
    """The network with the weights in `path`, in evaluation mode, on the CPU."""
    network = {name}()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()
'''
_DELETIONS: Final = re.compile(r";  [\w = ]+ = None(?=$|  #)")
_PLAIN: Final = ("torch", "math", "operator", "_operator", "builtins", "collections")
"""Packages that a written network may import from."""


def module_source(traced: TracedNetwork, title: str) -> str:
    """The source of a Python module with the network's class and a function `load`.

    Its `state_dict` has the names of `traced.tensors()`.

    Args:
        traced: The network.
        title: First line of the module's docstring.

    Raises:
        ExportError: Its code calls a function that is not torch's.

    Example:
        >>> from ray_nas.export.plain_code.traced_network import trace_layers
        >>> network = nn.Sequential(nn.Linear(2, 1), nn.Tanh())
        >>> source = module_source(trace_layers(network), "A small one.")
        >>> print(source.splitlines()[9].strip())
        self.append(nn.Linear(2, 1))
    """
    body = _init_lines(traced)
    forward, imports = _forward_lines(traced)
    name = _class_name(traced.root)
    parts = [f'"""{title}"""\n', *imports, "\n" + _PART if "Part(" in "".join(body) else ""]
    base = "nn.ModuleList" if _container(traced.root) == "list" else "nn.Module"
    parts.append(f"\nclass {name}({base}):\n    def __init__(self) -> None:")
    parts += [f"        {line}" for line in ("super().__init__()", *body)]
    parts += ["", *(f"    {line}".rstrip() for line in forward)]
    return "\n".join(parts) + "\n" + _LOAD.format(name=name)


def _class_name(root: nn.Module) -> str:
    name = type(root).__name__.strip("_")
    is_torch = type(root).__module__.split(".")[0] == "torch"
    return "Network" if is_torch or name == "Part" or not name.isidentifier() else name


# The layers.


def _init_lines(traced: TracedNetwork) -> list[str]:
    """The statements of `__init__`."""
    lines = []
    for name, child in traced.root._modules.items():
        if child is None:
            continue
        code = _module_call(traced, child).source(2)
        if _container(traced.root) == "list":
            lines.append(f"self.append({code})")
        elif name.isidentifier():
            lines.append(f"self.{name} = {code}")
        else:
            lines.append(f'self.add_module("{name}", {code})')
    return lines + list(_tensor_lines(traced))


def _module_call(traced: TracedNetwork, module: nn.Module) -> Call:
    """The call that makes a module: a layer of torch, or a container with the same names in it."""
    if module in traced.layers:
        return traced.layers[module]
    children = {name: child for name, child in module._modules.items() if child is not None}
    calls = {name: _module_call(traced, child) for name, child in children.items()}
    if _container(module) == "list":
        items = Call("", tuple(("", code) for code in calls.values()), ("[", "]"))
        return Call("nn.ModuleList", (("", items),))
    if _container(module) == "dict":
        entries = tuple((f"{literal(name)}: ", code) for name, code in calls.items())
        return Call("nn.ModuleDict", (("", Call("", entries, ("{", "}"))),))
    return Call("Part", tuple((f"{name}=", code) for name, code in calls.items()))


def _container(module: nn.Module) -> str:
    """How a module that is no layer holds its parts: "list", "dict" or "part"."""
    names = [name for name, child in module._modules.items() if child is not None]
    if names and names == [str(index) for index in range(len(names))]:
        return "list"
    return "part" if all(name.isidentifier() for name in names) else "dict"


def _tensor_lines(traced: TracedNetwork) -> Iterator[str]:
    """Statements for tensors that no layer of torch makes, and for tensors under two names."""
    first: dict[int, str] = {}
    made = _made_by_layers(traced, traced.root, "")
    for name, tensor in traced.tensors().items():
        path, _, leaf = name.rpartition(".")
        owner = _access(traced, path)
        if id(tensor) in first:
            yield f"{owner}.{leaf} = {first[id(tensor)]}"
            continue
        first[id(tensor)] = f"{owner}.{leaf}"
        if name in made:
            continue
        yield _new_tensor(owner, leaf, tensor)


def _new_tensor(owner: str, name: str, tensor: torch.Tensor) -> str:
    dtype = "" if tensor.dtype is torch.float32 else f", dtype={tensor.dtype}"
    empty = f"torch.empty({literal(tuple(tensor.shape))}{dtype})"
    if not isinstance(tensor, nn.Parameter):
        return f'{owner}.register_buffer("{name}", {empty})'
    grad = "" if tensor.requires_grad else ", requires_grad=False"
    return f'{owner}.register_parameter("{name}", nn.Parameter({empty}{grad}))'


def _made_by_layers(traced: TracedNetwork, module: nn.Module, path: str) -> set[str]:
    """The names of tensors that are made by calls of torch's layers."""
    found: set[str] = set()
    for name, child in module._modules.items():
        if child is None:
            continue
        full = f"{path}.{name}" if path else name
        if child in traced.layers:
            found |= {f"{full}.{tensor}" for tensor in child.state_dict()}
        else:
            found |= _made_by_layers(traced, child, full)
    return found


def _access(traced: TracedNetwork, path: str) -> str:
    """The expression for a module at a path."""
    code, module = "self", traced.root
    for name in filter(None, path.split(".")):
        kind = _container(module)
        if kind == "list":
            code += f"[{name}]"
        elif kind == "dict" and module is not traced.root:
            code += f"[{literal(name)}]"
        else:
            code = f"{code}.{name}" if name.isidentifier() else f'getattr({code}, "{name}")'
        child = module._modules.get(name)
        if child is None:
            return code
        module = child
    return code


# The forward pass.


def _forward_lines(traced: TracedNetwork) -> tuple[list[str], list[str]]:
    """The lines of `forward`, and the imports that they need."""
    written = traced.graph.python_code("self")
    lines = [_DELETIONS.sub("", line) for line in written.src.strip().splitlines()]
    for node in traced.graph.nodes:
        if node.op in ("call_module", "get_attr"):
            before = f"    {node.name} = {_fx_access(node.target)}"
            after = f"    {node.name} = {_attribute_access(traced, node)}"
            lines = [
                after + line[len(before) :] if _starts(line, before) else line for line in lines
            ]
    imports = ["import torch", "from torch import nn"]
    code = "\n".join(lines)
    used = {name: value for name, value in written.globals.items() if _is_used(name, code)}
    imports += _imports(used)
    kept = [line for line in lines if line.strip() and not line.startswith("torch.fx._symbolic")]
    return kept, imports


def _starts(line: str, before: str) -> bool:
    return line.startswith(before) and not re.match(r"[\w.]", line[len(before) :])


def _is_used(name: str, code: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}\b", code) is not None


def _attribute_access(traced: TracedNetwork, node: torch.fx.Node) -> str:
    if node.op == "call_module":
        return _access(traced, str(node.target))
    path, _, leaf = str(node.target).rpartition(".")
    owner = _access(traced, path)
    return f"{owner}.{leaf}" if leaf.isidentifier() else f'getattr({owner}, "{leaf}")'


def _fx_access(target: Any) -> str:
    """The expression that `torch.fx` writes for a module or a tensor."""
    code = "self"
    for name in str(target).split("."):
        code = f"{code}.{name}" if name.isidentifier() else f'getattr({code}, "{name}")'
    return code


def _imports(names: dict[str, Any]) -> list[str]:
    """The imports behind the names that the written code uses.

    Raises:
        ExportError: One of them is a function of the user's, or of ray_nas.
    """
    lines = []
    for name, value in names.items():
        if name == "torch" or getattr(builtins, name, None) is value:
            continue
        if isinstance(value, float):  # inf and nan
            lines.append(f"from math import {name}")
            continue
        package = value.__name__ if isinstance(value, ModuleType) else value.__module__
        if package.split(".")[0] not in _PLAIN:
            raise ExportError(
                f"forward calls {package}.{getattr(value, '__name__', name)}, which is no function "
                "of torch: it was hidden from tracing by torch.fx.wrap"
            )
        if isinstance(value, ModuleType):
            lines.append(f"import {package} as {name}" if name != package else f"import {name}")
        else:
            alias = "" if value.__name__ == name else f" as {name}"
            lines.append(f"from {package} import {value.__name__}{alias}")
    return lines

"""Looking into a document: local references, `{"$ref": "#/components/schemas/Error"}`, and nodes of the right kind.

Everything is looked up when it is needed, and only then. What is broken there raises SpecError, which names it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from esipy.exceptions import SpecError


def resolve(document: Mapping[str, Any], node: Any) -> Any:
    """The node that `node` refers to, through any chain of references; `node` itself if it refers to nothing.

    What stands beside a `$ref` counts too and wins (OpenAPI 3.1, Reference Object).
    Raises SpecError, which names the reference, for one that leads nowhere, in a circle, or out of the document.
    """
    seen: list[str] = []
    beside: dict[str, Any] = {}
    while isinstance(node, Mapping) and isinstance(node.get('$ref'), str):
        ref = node['$ref']
        if ref in seen:
            raise SpecError(f'reference in a circle: {" -> ".join([*seen, ref])}')
        seen.append(ref)
        beside = {**{key: value for key, value in node.items() if key != '$ref'}, **beside}
        node = _follow(document, ref)
    return {**node, **beside} if beside and isinstance(node, Mapping) else node


def _follow(document: Mapping[str, Any], ref: str) -> Any:
    """The place that a JSON Pointer names (RFC 6901, in its URI fragment form)."""
    if ref != '#' and not ref.startswith('#/'):
        raise SpecError(f'reference {ref!r} leads out of the document, which is not supported')
    node: Any = document
    for part in ref[1:].split('/')[1:]:
        key = unquote(part).replace('~1', '/').replace('~0', '~')
        if isinstance(node, Mapping) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            raise SpecError(f'reference to nothing: {ref!r} (there is no {key!r})')
    return node


def mapping(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under `name`, an empty one if there is none."""
    value = node.get(name)
    if value is None:
        return {}
    return is_mapping(value, repr(name))


def is_mapping(node: Any, place: str) -> Mapping[str, Any]:
    """The node itself, if it is an object."""
    if not isinstance(node, Mapping):
        raise SpecError(f'{place} cannot be {shown(node)}')
    return node


def listed(node: Mapping[str, Any], name: str) -> list[Any]:
    """The list under `name`, an empty one if there is none."""
    value = node.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise SpecError(f'{name!r} cannot be {shown(value)}')
    return value


def text(node: Mapping[str, Any], name: str) -> str:
    """The text under `name`, which must be there."""
    value = node.get(name)
    if not isinstance(value, str):
        raise SpecError(f'{name!r} cannot be {shown(value)}' if name in node else f'there is no {name!r}')
    return value


def shown(value: Any) -> str:
    """A value in an error's text: its beginning, if it is long."""
    whole = repr(value)
    return whole if len(whole) <= 80 else f'{whole[:77]}...'

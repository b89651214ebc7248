"""Local references: `{"$ref": "#/components/schemas/Error"}` is looked up when it is needed, and only then."""

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
    if not ref.startswith('#'):
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

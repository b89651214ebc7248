"""What all formats share when they are read; `swagger2` and `openapi3` add the words of theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any

from esipy._spec.model import COMPATIBILITY_DATE, Operation, OperationKey, ResponseSpec
from esipy._spec.parameter import Parameter
from esipy._spec.refs import (
    Unsupported,
    as_item,
    as_schema,
    external_reference,
    is_mapping,
    listed,
    mapping,
    resolve,
    shown,
    text,
    within,
)
from esipy._spec.schema import Schema
from esipy._spec.security import SecurityScheme, scheme_of
from esipy.exceptions import SpecError

#: Headers that say how a message is sent (RFC 9110 section 7.6.1, RFC 9112 section 6): they are not for the caller.
_OF_THE_CONNECTION = frozenset(('content-length', 'transfer-encoding', 'connection', 'keep-alive', 'te', 'upgrade'))

METHODS = ('get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace')


class Reader:
    """Reads a document part by part, each part when it is first used.

    A description that is broken in a place raises SpecError, with that place's name, when that place is used.
    """

    #: As the document says it: '2.0', '3.1.0'.
    version: str
    #: 'https://host/base', without a slash at the end; without a scheme and host if they are not known.
    base_url: str
    #: The compatibility date that the document describes, where it says one.
    compatibility_date: str | None = None
    #: Operations are found by their method and path too, and by names of EsiPy 1.x.
    has_old_names = True

    def __init__(self, document: Mapping[str, Any], source_url: str = '') -> None:
        self.document = document
        #: Where the document was found: relative addresses of servers count from there.
        self.source_url = source_url
        # By the node's identity; the node is kept beside its Schema so that the identity stays taken.
        self._schemas: dict[int, tuple[Any, Schema]] = {}

    def places(self) -> Iterator[OperationKey]:
        """Every operation of the document that can be found without reading other documents."""
        for path, item in mapping(self.document, 'paths').items():
            if not str(path).startswith('/'):
                continue  # x-something
            item = self._readable(item)
            for method in METHODS:
                raw = self._readable(item.get(method)) if isinstance(item, Mapping) else None
                if isinstance(raw, Mapping):
                    tags = raw.get('tags')
                    named = tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()
                    yield OperationKey(str(raw.get('operationId') or ''), method, path, named)

    def references(self) -> dict[str, str]:
        """The paths that are described in another document, and the reference to each."""
        items = mapping(self.document, 'paths').items()
        found = {str(path): external_reference(self.document, item) for path, item in items}
        return {path: reference for path, reference in found.items() if reference is not None}

    def _readable(self, node: Any) -> Any:
        """A node, its references followed; the node itself, if they lead out of the document."""
        return node if external_reference(self.document, node) else resolve(self.document, node, as_item)

    def _item(self, place: OperationKey) -> Mapping[str, Any]:
        item: Mapping[str, Any] = self._readable(self.document['paths'][place.path])
        return item

    def has_writes(self, place: OperationKey) -> bool:
        """Whether the path of an operation has methods that change something."""
        return not {'post', 'put', 'patch', 'delete'}.isdisjoint(self._item(place))

    def raw(self, place: OperationKey) -> Mapping[str, Any]:
        """The operation as the document has it."""
        raw: Mapping[str, Any] = self._readable(self._item(place)[place.method])
        return raw

    def base_url_of(self, place: OperationKey) -> str:
        """The address that the path of an operation is below."""
        return self.base_url

    def base_urls(self) -> set[str]:
        """Every address that calls may go to."""
        return {self.base_url}

    def parameters(self, place: OperationKey) -> list[Parameter]:
        """What the operation takes; its own parameter replaces the path's of the same name and location.

        Raises SpecError, with the reference, for an operation that is described in another document."""
        if '#' in place.path:
            raise Unsupported(f'the path {shown(place.path)} has a fragment, which is never sent to a server')
        item = resolve(self.document, self.document['paths'][place.path], as_item)
        nodes: dict[tuple[str, str], Mapping[str, Any]] = {}
        for owner in (item, resolve(self.document, item[place.method], as_item)):
            for entry in listed(owner, 'parameters'):
                node = is_mapping(resolve(self.document, entry), 'a parameter')
                nodes[text(node, 'in'), text(node, 'name')] = node
        placeholders = re.findall(r'{([^{}]*)}', place.path)
        for name in placeholders:
            if ('path', name) not in nodes:
                raise SpecError(f'no parameter describes {name!r} of {place.path}')
        found: list[Parameter] = []
        for (location, name), node in nodes.items():
            if location == 'header' and name.lower() in _OF_THE_CONNECTION:
                continue
            if location != 'path' or name in placeholders:  # the path has a place for no other
                try:
                    found.append(self.parameter(node))
                except SpecError as error:
                    raise within(f'parameter {shown(name)}', error) from None
        return found

    def undeclared(self, name: str) -> Parameter | None:
        """The parameter that an argument stands for which `parameters` does not have; None where that is a fault."""
        return None

    def endpoint(self, place: OperationKey) -> Mapping[str, Any]:
        """Return the options beside an endpoint in a table: those of the client and of its plugins. Empty elsewhere."""
        return {}

    def responses(self, place: OperationKey) -> dict[str, ResponseSpec]:
        """What the document says of each status."""
        nodes = mapping(self.raw(place), 'responses')
        return {
            str(status): self.response(is_mapping(resolve(self.document, node), f'response {status}'))
            for status, node in nodes.items()
        }

    def response_types(self, place: OperationKey) -> list[str]:
        """The media types of the bodies of successful responses."""
        return []

    def security(self, place: OperationKey) -> list[dict[str, list[str]]]:
        """The operation's security requirement, or the document's: any one of these, {scheme: [scopes]}."""
        raw = self.raw(place)
        needs = listed(raw if 'security' in raw else self.document, 'security')
        return [{name: listed(need, name) for name in is_mapping(need, "an item of 'security'")} for need in needs]

    def scheme(self, name: str) -> SecurityScheme:
        """How a credential of the security scheme `name` is sent."""
        node = resolve(self.document, self._schemes().get(name) or {})
        return scheme_of(name, is_mapping(node, f'security scheme {name!r}'))

    def _schemes(self) -> Mapping[str, Any]:
        """The security schemes that the document describes."""
        return {}

    def help_of(self, operation: Operation) -> str:
        """The text of `help(operation)`."""
        from esipy._spec.help import operation_help  # late, since hardly any program needs it

        return operation_help(operation, COMPATIBILITY_DATE)

    def schema(self, node: Any) -> Schema:
        """The Schema of a node, one for each node, so that a type which holds itself closes its circle."""
        known = self._schemas.get(id(node))
        if known is None:
            # None is `name:` in YAML, without anything behind it.
            if type(node) is not dict and not isinstance(node, (Mapping, bool, NoneType)):
                raise SpecError(f'a schema cannot be {shown(node)}')
            target = resolve(self.document, node, as_schema)
            if target is not node:
                schema = self.schema(target)
            else:
                # JSON Schema's `true` is a schema that all values fit, and `false` one that none does.
                schema = Schema(self, {'not': {}} if node is False else {} if node is True or node is None else node)
            known = self._schemas[id(node)] = (node, schema)
        return known[1]

    def parameter(self, node: Mapping[str, Any]) -> Parameter:
        """A parameter, from its node in the document."""
        raise NotImplementedError

    def response(self, node: Mapping[str, Any]) -> ResponseSpec:
        """The description of one status, from its node in the document."""
        raise NotImplementedError

    def keywords(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """A schema node in the words of JSON Schema 2020-12."""
        raise NotImplementedError

    def separator(self, node: Mapping[str, Any]) -> str:
        """What stands between the items of a list of this schema node, where it is written as text."""
        return ','

    def __getstate__(self) -> dict[str, Any]:
        # Identities mean nothing in another process, nor in a copy.
        return {**self.__dict__, '_schemas': {}}


def draft4(node: Mapping[str, Any], nullable: str) -> Mapping[str, Any]:
    """The two older formats' dialect in today's words: `exclusiveMinimum: true`, and their word for "or null"."""
    if nullable not in node and 'exclusiveMinimum' not in node and 'exclusiveMaximum' not in node:
        return node
    changes: dict[str, Any] = {}
    if node.get(nullable) is True:
        changes['nullable'] = True
        if isinstance(node.get('type'), str):
            changes['type'] = [node['type'], 'null']
    for bound, exclusive in (('minimum', 'exclusiveMinimum'), ('maximum', 'exclusiveMaximum')):
        if isinstance(node.get(exclusive), bool):
            changes[exclusive] = node.get(bound) if node[exclusive] else None
            changes[bound] = None if node[exclusive] else node.get(bound)
    return {**node, **changes} if changes else node


def successful(responses: Mapping[str, Any]) -> list[Any]:
    """The descriptions of successful responses; that of any response, where there is none of them."""
    found = [node for status, node in responses.items() if str(status)[:1] == '2']
    return found or [responses[status] for status in ('default',) if status in responses]

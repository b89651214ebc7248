"""Arguments to a call: each goes to its parameter, loose values become JSON values, all faults are told at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from esipy._message.serialize import in_query, joined
from esipy._runtime.redact import is_secret
from esipy._runtime.suggest import closest
from esipy._spec.coerce import Faults, coerce
from esipy._spec.legacy import VALUES
from esipy._spec.model import COMPATIBILITY_DATE, Operation, Parameter
from esipy.exceptions import CallError

#: Control characters would let a value begin a header of its own (RFC 9110 section 5.5).
_HEADER = re.compile(r'[\x20-\x7e]*')
_TOKEN = re.compile(r'[\x21-\x7e]+')
_DAY = re.compile(r'[0-9]{4}-[0-9]{2}-[0-9]{2}')

#: A value, in the words of a fault; the end of a long one is left out.
_SHOWN = re.compile(r"""'(?:[^'\\]|\\.)*(?:'|\.\.\.)|"(?:[^"\\]|\\.)*(?:"|\.\.\.)""", re.DOTALL)


def bind(operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    """The parts of a request, by location: path and header as dicts of text, query as (name, text) pairs, body.

    Raises CallError, with every fault, when an argument is missing, unknown or does not fit; SpecError, when the
    description of a parameter is broken.
    """
    beside = operation.endpoint.get('headers', {})
    headers = {name: str(value) for name, value in beside.items() if value is not None}
    parts: dict[str, Any] = {'path': {}, 'header': headers, 'query': [], 'body': {}, 'formData': [], 'file': {}}
    faults: Faults = []
    values: dict[str, Any] = {}
    undeclared: list[Parameter] = []
    for name, value in given.items():
        parameter = operation.accepts.get(name)
        if parameter is None and (parameter := operation.undeclared(name)) is not None:
            undeclared.append(parameter)
        if name == 'token' and _is_access_token(operation, parameter):
            _place_token(value, parts, faults)
        elif parameter is None:
            faults.append((name, _unknown(operation, name)))
        elif value is not None and values.setdefault(parameter.name, value) is not value:
            faults.append((name, f'is {parameter.name!r} under another name, and both were given'))
    unfit: Faults = []
    for parameter in (*operation.parameters, *undeclared):
        try:
            _place(parameter, values.get(parameter.name), parts, unfit)
        except RecursionError:
            unfit.append((parameter.name, 'holds itself, or is nested too deeply'))
    faults += [(where, _SHOWN.sub('***', fault) if is_secret(where) else fault) for where, fault in unfit]
    if undeclared:
        missing = [p.name for p in operation.parameters if p.location == 'path' and p.name not in values]
        faults += [(p.name, _meant(p.name, missing)) for p in undeclared if closest(p.name, missing)]
    if faults:
        raise CallError(operation.id, faults)
    return parts


def day_of(date: Any, where: str) -> str:
    """A compatibility date as text. Raises CallError for what is no day."""
    text = str(date)
    if not _DAY.fullmatch(text):
        raise CallError(where, [('compatibility_date', f'{text!r} is no day: YYYY-MM-DD')])
    return text


def query_pairs(operation: Operation, params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Query parameters as (name, text) pairs, of an operation that takes any; those that are None left out."""
    parts: dict[str, Any] = {'query': []}
    faults: Faults = []
    for name, value in params.items():
        parameter = operation.undeclared(str(name))
        if parameter is not None:
            _place(parameter, value, parts, faults)
    if faults:
        raise CallError(operation.id, faults)
    return parts['query']  # type: ignore[no-any-return]


def _place(parameter: Parameter, value: Any, parts: dict[str, Any], faults: Faults) -> None:
    name, location = parameter.name, parameter.location
    if value is None and parameter.has_default and location in ('query', 'path'):
        value = parameter.default
    if value is None:
        if parameter.required and name != COMPATIBILITY_DATE:
            faults.append((name, f'is required ({location}, {parameter.type})'))
        return
    if location == 'header' and isinstance(value, str) and value not in (parameter.enum or ()):
        value = VALUES.get((name, value), value)
    if name != COMPATIBILITY_DATE:
        value = coerce(value, parameter.schema, name, faults)
    if value is None:
        return
    if location == 'body':
        parts['body'][name] = value
    elif location == 'path':
        text = joined(value, parameter.separators)
        if not text:
            faults.append((name, 'an empty text cannot stand in a path'))
        parts['path'][name] = text
    elif location == 'query':
        parts['query'].extend((name, text) for text in in_query(value, parameter.separators, parameter.exploded))
    else:
        text = joined(value, parameter.separators).strip(' ')
        if not _HEADER.fullmatch(text):
            faults.append((name, 'a header holds printable ASCII only, no line breaks'))
        parts['header'][name] = text


def _is_access_token(operation: Operation, parameter: Parameter | None) -> bool:
    """Whether `token=` is the player's; another API may have a parameter of that name which is something else."""
    if parameter is None:
        return bool(operation.security) or 'x-tenant' in operation.header_names
    return parameter.location == 'query' and bool(operation.security)


def _place_token(token: Any, parts: dict[str, Any], faults: Faults) -> None:
    """`token=` was a query parameter once; in a header it stays out of addresses, logs and cache keys."""
    if token is None:
        return
    if isinstance(token, str) and _TOKEN.fullmatch(token):
        parts['header']['Authorization'] = f'Bearer {token}'
    else:
        faults.append(('token', 'an access token is printable ASCII text'))  # which is not shown: it is a secret


def _unknown(operation: Operation, name: str) -> str:
    if closest(name, operation.accepts):
        return _meant(name, operation.accepts)
    shown = [parameter.name for parameter in operation.parameters if parameter.location != 'header']
    return f'unknown parameter; there are {", ".join(shown)}' if shown else 'unknown parameter; there are none'


def _meant(name: str, names: Iterable[str]) -> str:
    return f'unknown parameter, did you mean {closest(name, names)[0]!r}?'

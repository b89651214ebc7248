"""Arguments to a call: each goes to its parameter, loose values become JSON values, all faults are reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from esipy._message import bodies, credentials
from esipy._message.serialize import Unwritable, in_cookie, in_header, in_path, in_query, joined
from esipy._runtime.redact import is_secret
from esipy._runtime.suggest import closest, enumerated
from esipy._spec.coerce import coerce
from esipy._spec.faults import Faults
from esipy._spec.legacy import VALUES
from esipy._spec.model import COMPATIBILITY_DATE, Operation
from esipy._spec.parameter import Parameter
from esipy._spec.refs import Unsupported
from esipy.exceptions import CallError

#: Control characters would let a value begin a header of its own (RFC 9110 section 5.5).
_HEADER = re.compile(r'[\x20-\x7e]*')
_DAY = re.compile(r'[0-9]{4}-[0-9]{2}-[0-9]{2}')

#: A value, in the words of a fault; the end of a long one is left out.
_SHOWN = re.compile(r"""'(?:[^'\\]|\\.)*(?:'|\.\.\.)|"(?:[^"\\]|\\.)*(?:"|\.\.\.)""", re.DOTALL)


def bind(operation: Operation, given: dict[str, Any]) -> dict[str, Any]:
    """The parts of a request, by location: path and header as dicts of text, query as (name, text) pairs, body; and
    'media', how the body is written where that is not plain JSON.

    Raises CallError, with every fault, when an argument is missing, unknown or does not fit; SpecError, when the
    description of a parameter is broken, or has something that is not supported.
    """
    beside = operation.endpoint.get('headers', {})
    headers = {name: str(value) for name, value in beside.items() if value is not None}
    parts: dict[str, Any] = {'path': {}, 'header': headers, 'query': [], 'body': {}, 'formData': [], 'file': {}}
    faults = Faults()
    values: dict[str, Any] = {}
    undeclared: list[Parameter] = []
    for name, value in given.items():
        parameter = operation.accepts.get(name)
        if parameter is None and (parameter := operation.undeclared(name)) is not None:
            undeclared.append(parameter)
        if name == 'token' and _is_access_token(operation, parameter):
            credentials.place(operation, value, parts, faults)
        elif parameter is None:
            faults.append((name, _unknown(operation, name)))
        elif value is not None and values.setdefault(parameter.argument, value) is not value:
            faults.append((name, f'is {parameter.argument!r} under another name, and both were given'))
    unfit = Faults()
    for parameter in (*operation.parameters, *undeclared):
        value = values.get(parameter.argument)
        if value is None and not (parameter.required or parameter.has_default):
            continue  # most parameters are headers that nobody gives
        try:
            _place(parameter, value, parts, unfit)
        except RecursionError:
            unfit.append((parameter.argument, 'holds itself, or is nested too deeply'))
    faults += _masked(unfit)
    if undeclared:
        missing = [p.name for p in operation.parameters if p.location == 'path' and p.name not in values]
        faults += [(p.name, _meant(p.name, missing)) for p in undeclared if closest(p.name, missing)]
    if faults:
        raise CallError(operation.id, faults)
    return parts


def day_of(date: Any, where: str) -> str:
    """A compatibility date as text. Raises CallError for what is not a date."""
    text = str(date)
    if not _DAY.fullmatch(text):
        raise CallError(where, [('compatibility_date', f'{text!r} is not a date: YYYY-MM-DD')])
    return text


def query_pairs(operation: Operation, params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Query parameters as (name, text) pairs, of an operation that takes any; those that are None left out."""
    parts: dict[str, Any] = {'query': []}
    faults = Faults()
    for name, value in params.items():
        parameter = operation.undeclared(str(name))
        if parameter is not None:
            _place(parameter, value, parts, faults)
    if faults:
        raise CallError(operation.id, _masked(faults))
    return parts['query']  # type: ignore[no-any-return]


def _masked(faults: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(where, _SHOWN.sub('***', fault) if is_secret(where) else fault) for where, fault in faults]


def _place(parameter: Parameter, value: Any, parts: dict[str, Any], faults: Faults) -> None:
    name, location = parameter.argument, parameter.location
    if value is None and _is_placed(parameter, parts):
        return
    if isinstance(value, str) and not value and parameter.allows_empty:
        _place_empty(parameter, parts)
        return
    if value is None and parameter.has_default and location in ('query', 'path'):
        value = _default(parameter)
    if value is None:
        if parameter.required and name != COMPATIBILITY_DATE:
            faults.append((name, f'is required ({location}, {parameter.type})'))
        return
    if location in ('body', 'formData'):
        _place_in_body(parameter, value, parts, faults)
        return
    if location == 'header' and isinstance(value, str) and value not in (parameter.enum or ()):
        value = VALUES.get((parameter.name, value), value)
    known = len(faults)
    if parameter.name != COMPATIBILITY_DATE:
        value = coerce(value, parameter.schema, name, faults)
    if value is None or len(faults) > known:
        return
    try:
        _write(parameter, value, parts)
    except Unwritable as error:
        faults.append((name, str(error)))


def _default(parameter: Parameter) -> Any:
    """The default of a parameter; None for one that does not fit its own schema, which is as good as none."""
    misfits = Faults()
    value = coerce(parameter.default, parameter.schema, parameter.argument, misfits)
    if misfits or value is None:
        return None
    try:
        _write(parameter, value, {'path': {}, 'query': []})
    except (Unwritable, Unsupported):
        return None
    return value


def _is_placed(parameter: Parameter, parts: dict[str, Any]) -> bool:
    """Whether a credential, or an option of the endpoint, stands where the parameter belongs."""
    if parameter.location == 'header':
        return any(name.lower() == parameter.name.lower() for name in parts['header'])
    return parameter.location == 'query' and any(name == parameter.name for name, _ in parts['query'])


def _place_empty(parameter: Parameter, parts: dict[str, Any]) -> None:
    """An empty text, which `allowEmptyValue` allows whatever the schema says."""
    if parameter.location == 'query':
        parts['query'].append((parameter.name, ''))
        return
    parts['body'].setdefault('formData', {})[parameter.name] = ''
    parts.setdefault('media', {'formData': bodies.format_of(parameter.contents[0])})


def _place_in_body(parameter: Parameter, value: Any, parts: dict[str, Any], faults: Faults) -> None:
    """A whole body, or a field of a form."""
    name = parameter.name
    if parameter.location == 'body':
        if not parameter.contents:  # of a table of endpoints
            parts['body'][name] = coerce(value, parameter.schema, name, faults)
            return
        value, media = bodies.chosen(parameter, value, faults)
        if value is None:
            return
        parts['body'][name] = value
        if media.content_type != 'application/json':
            parts['media'] = {name: media}
        return
    if parameter.schema.types == ('file',) or isinstance(value, tuple):
        value = bodies.with_uploads(value, name, parameter.schema)
    found = Faults(takes_files=True)
    value = coerce(value, parameter.schema, parameter.argument, found)
    if isinstance(value, list) and not parameter.exploded and not found:
        value = joined(value, parameter.separators)
    faults += found
    form = parts['body'].setdefault('formData', {})
    form[name] = value
    parts.setdefault('media', {'formData': bodies.format_of(parameter.contents[0])})


def _write(parameter: Parameter, value: Any, parts: dict[str, Any]) -> None:
    """Put a checked value into its place, as text. Raises Unwritable for one that has none."""
    name, location = parameter.name, parameter.location
    if location == 'path':
        parts['path'][name] = in_path(parameter, value)
    elif location == 'query':
        parts['query'].extend(in_query(parameter, value))
    elif location == 'cookie':
        credentials.add_cookie(parts['header'], in_cookie(parameter, value))
    else:
        text = in_header(parameter, value).strip(' ')
        if not _HEADER.fullmatch(text):
            raise Unwritable('a header holds printable ASCII only, no line breaks')
        if name.lower() == 'cookie':
            credentials.add_cookie(parts['header'], text)
        else:
            parts['header'][name] = text


def _is_access_token(operation: Operation, parameter: Parameter | None) -> bool:
    """Whether `token=` is the player's; another API may have a parameter of that name which is something else."""
    if parameter is None:
        return bool(operation.security) or 'x-tenant' in operation.header_names
    return parameter.location == 'query' and bool(operation.security)


def _unknown(operation: Operation, name: str) -> str:
    if closest(name, operation.accepts):
        return _meant(name, operation.accepts)
    known = [parameter.argument for parameter in operation.parameters if parameter.location != 'header']
    return f'unknown parameter; there are {enumerated(known, 50)}' if known else 'unknown parameter; there are none'


def _meant(name: str, names: Iterable[str]) -> str:
    return f'unknown parameter, did you mean {closest(name, names)[0]!r}?'

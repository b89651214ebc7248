"""Validates the parameters of a request by the description, and converts their texts to typed values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from esipy._sandbox.http_messages import Request
from esipy._sandbox.validation import Violation, violations
from esipy._spec.model import Operation
from esipy._spec.parameter import Parameter
from esipy._spec.schema import Schema

#: ValidatedRequest by `dates`, or read by `conditional`, whatever the description says of them.
_CHECKED_ELSEWHERE = frozenset({'x-compatibility-date', 'if-none-match', 'if-modified-since', 'authorization'})


class ValidatedRequest:
    """The typed parameters of a request, and everything that is wrong with them."""

    def __init__(self) -> None:
        #: Path, query and header parameters by name.
        self.values: dict[str, Any] = {}
        self.body: Any = None
        self.faults: list[Violation] = []
        #: Whether the media type of the body is not supported.
        self.unsupported = False


def validate(operation: Operation, path_values: dict[str, str], request: Request) -> ValidatedRequest:
    checked = ValidatedRequest()
    for parameter in operation.parameters:
        if parameter.location == 'body':
            _check_body(parameter, request, checked)
        elif parameter.name.lower() not in _CHECKED_ELSEWHERE:
            _check_one(parameter, path_values, request, checked)
    return checked


def _check_one(parameter: Parameter, path_values: dict[str, str], request: Request, checked: ValidatedRequest) -> None:
    where = f'{parameter.location}.{parameter.name}'
    texts = _texts(parameter, path_values, request)
    if not texts:
        if parameter.has_default:
            checked.values[parameter.name] = parameter.default
        elif parameter.required:
            checked.faults.append(Violation(where, 'expected required parameter to be present', None))
        return
    value = _read(texts, parameter)
    checked.values[parameter.name] = value
    checked.faults.extend(violations(value, parameter.schema, where))


def _texts(parameter: Parameter, path_values: dict[str, str], request: Request) -> list[str]:
    name = parameter.name
    if parameter.location == 'path':
        return [path_values[name]] if name in path_values else []
    if parameter.location == 'query':
        return [value for key, value in request.query if key == name]
    return [request.headers[name.lower()]] if name.lower() in request.headers else []


def _read(texts: list[str], parameter: Parameter) -> Any:
    schema = parameter.schema
    if 'array' in schema.types:
        items = texts if parameter.exploded else texts[0].split(',')
        return [_typed(item, schema.items.types if schema.items else ()) for item in items]
    return _typed(texts[0], _scalar_types(schema))


def _scalar_types(schema: Schema) -> tuple[str, ...]:
    return tuple(kind for part in schema.parts for kind in part.types) or tuple(
        kind for option in schema.one_of for kind in option.types
    )


_NUMBER = re.compile(r'[+-]?\d{1,300}(\.\d*)?([eE][+-]?\d{1,3})?', re.ASCII)


def _typed(text: str, kinds: Iterable[str]) -> Any:
    """Convert a text to its type; return it unchanged (and so invalid) if that is not possible."""
    for kind in kinds:
        if kind == 'integer' and re.fullmatch(r'[+-]?\d{1,30}', text, re.ASCII):
            return int(text)
        if kind == 'number' and _NUMBER.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        if kind == 'boolean' and text.lower() in ('true', 'false'):
            return text.lower() == 'true'
    return text


def _check_body(parameter: Parameter, request: Request, checked: ValidatedRequest) -> None:
    if not request.body:
        if parameter.required:
            checked.faults.append(Violation('body', 'expected required body to be present', None))
        return
    kind = request.headers.get('content-type', 'application/json').partition(';')[0].strip().lower()
    if kind != 'application/json' and not kind.endswith('+json'):
        checked.unsupported = True
        return
    try:
        checked.body = json.loads(request.body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        checked.faults.append(Violation('body', f'expected JSON: {error}', None))
        return
    checked.faults.extend(violations(checked.body, parameter.schema, 'body'))


def _refuse(constant: str) -> None:
    raise ValueError(f'{constant} is not JSON')

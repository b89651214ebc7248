"""Parameters in every style of OpenAPI 3 and Swagger 2.0: what is given, and what arrives at the server.

The values are those of the table "Style Examples" of the specification.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

COLOURS = ['blue', 'black', 'brown']
RGB = {'R': 100, 'G': 200, 'B': 150}

STRINGS: dict[str, Any] = {'type': 'array', 'items': {'type': 'string'}}
INTEGERS: dict[str, Any] = {'type': 'array', 'items': {'type': 'integer'}}
OBJECT: dict[str, Any] = {'type': 'object', 'additionalProperties': {'type': 'integer'}}
STRING: dict[str, Any] = {'type': 'string'}


class Case(NamedTuple):
    """A parameter called `color`, the value that it is given, and what arrives: the target of the request, or the value
    of a header."""

    location: str
    schema: dict[str, Any]
    value: Any
    arrives: str
    more: Mapping[str, Any] = MappingProxyType({})


def json(schema: dict[str, Any]) -> dict[str, Any]:
    return {'content': {'application/json': {'schema': schema}}}


#: OpenAPI 3. Of a path: what stands behind '/at/'; of a query: what stands behind '?'.
STYLES = [
    # path: simple
    Case('path', STRING, 'blue', 'blue'),
    Case('path', STRINGS, COLOURS, 'blue,black,brown'),
    Case('path', STRINGS, COLOURS, 'blue,black,brown', {'explode': True}),
    Case('path', STRINGS, ['a,b', 'c/d', 'ü'], 'a%2Cb,c%2Fd,%C3%BC'),
    Case('path', OBJECT, RGB, 'R,100,G,200,B,150'),
    Case('path', OBJECT, RGB, 'R=100,G=200,B=150', {'explode': True}),
    Case('path', STRINGS, ['..', '.'], '%2E%2E,%2E'),
    # path: label
    Case('path', STRING, 'blue', '.blue', {'style': 'label'}),
    Case('path', STRINGS, COLOURS, '.blue,black,brown', {'style': 'label'}),
    Case('path', STRINGS, COLOURS, '.blue.black.brown', {'style': 'label', 'explode': True}),
    Case('path', OBJECT, RGB, '.R,100,G,200,B,150', {'style': 'label'}),
    Case('path', OBJECT, RGB, '.R=100.G=200.B=150', {'style': 'label', 'explode': True}),
    # path: matrix
    Case('path', STRING, 'blue', ';color=blue', {'style': 'matrix'}),
    Case('path', STRING, '', ';color', {'style': 'matrix'}),
    Case('path', STRING, 'a;b=c', ';color=a%3Bb%3Dc', {'style': 'matrix'}),
    Case('path', STRINGS, COLOURS, ';color=blue,black,brown', {'style': 'matrix'}),
    Case('path', STRINGS, COLOURS, ';color=blue;color=black;color=brown', {'style': 'matrix', 'explode': True}),
    Case('path', OBJECT, RGB, ';color=R,100,G,200,B,150', {'style': 'matrix'}),
    Case('path', OBJECT, RGB, ';R=100;G=200;B=150', {'style': 'matrix', 'explode': True}),
    # query: form
    Case('query', STRING, 'blue', 'color=blue'),
    Case('query', STRING, '', 'color='),
    Case('query', STRING, 'a b&c=d', 'color=a+b%26c%3Dd'),
    Case('query', STRINGS, COLOURS, 'color=blue&color=black&color=brown'),
    Case('query', STRINGS, [], ''),
    Case('query', STRINGS, COLOURS, 'color=blue,black,brown', {'explode': False}),
    Case('query', STRINGS, ['a,b', 'c'], 'color=a%2Cb,c', {'explode': False}),
    Case('query', OBJECT, RGB, 'R=100&G=200&B=150'),
    Case('query', OBJECT, RGB, 'R=100&G=200&B=150', {'explode': True}),
    Case('query', {'type': 'object'}, {'a b': 'c&d', 'e': True}, 'a+b=c%26d&e=true'),
    Case('query', OBJECT, RGB, 'color=R,100,G,200,B,150', {'explode': False}),
    Case('query', INTEGERS, (1, '2'), 'color=1&color=2'),
    # query: the other delimiters
    Case('query', STRINGS, COLOURS, 'color=blue%20black%20brown', {'style': 'spaceDelimited'}),
    Case('query', STRINGS, COLOURS, 'color=blue%7Cblack%7Cbrown', {'style': 'pipeDelimited'}),
    Case('query', STRINGS, ['a|b', 'c'], 'color=a%7Cb%7Cc', {'style': 'pipeDelimited'}),
    Case('query', OBJECT, RGB, 'color=R%20100%20G%20200%20B%20150', {'style': 'spaceDelimited'}),
    Case('query', OBJECT, RGB, 'color=R%7C100%7CG%7C200%7CB%7C150', {'style': 'pipeDelimited'}),
    Case('query', STRINGS, COLOURS, 'color=blue&color=black&color=brown', {'style': 'pipeDelimited', 'explode': True}),
    # query: deepObject
    Case('query', OBJECT, RGB, 'color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150', {'style': 'deepObject'}),
    Case('query', OBJECT, {'a b': 1}, 'color%5Ba+b%5D=1', {'style': 'deepObject', 'explode': True}),
    # query: reserved characters
    Case('query', STRING, 'a/b:c?d,e', 'color=a/b:c?d,e', {'allowReserved': True}),
    Case('query', STRING, 'a&b#c+d%e', 'color=a%26b%23c%2Bd%25e', {'allowReserved': True}),
    Case('query', STRINGS, ['a/b', 'c:d'], 'color=a/b&color=c:d', {'allowReserved': True}),
    Case('query', STRING, 'a/b:c', 'color=a%2Fb%3Ac', {'allowReserved': False}),
    Case('query', STRING, 'a%2Fb%zz%', 'color=a%2Fb%25zz%25', {'allowReserved': True}),
    # empty texts
    Case('query', {'type': 'integer'}, '', 'color=', {'allowEmptyValue': True}),
    Case('query', STRING | {'enum': ['a']}, '', 'color=', {'allowEmptyValue': True}),
    Case('query', INTEGERS, '', 'color=', {'allowEmptyValue': True}),
    # JSON as the content of a parameter
    Case(
        'query',
        {},
        {'a': [1, None]},
        'color=%7B%22a%22%3A%5B1%2Cnull%5D%7D',
        json(OBJECT | {'additionalProperties': {}}),
    ),
    Case('query', {}, 'blue', 'color=%22blue%22', json(STRING)),
    Case('query', {}, COLOURS, 'color=%5B%22blue%22%2C%22black%22%2C%22brown%22%5D', json(STRINGS)),
    Case('path', {}, [1, 2], '%5B1%2C2%5D', json(INTEGERS)),
    Case('path', {}, {'R': 1}, '%7B%22R%22%3A1%7D', json(OBJECT)),
    Case('path', {}, 'blue', '%22blue%22', json(STRING)),
    Case('header', {}, {'a': 'ü'}, '{"a": "\\u00fc"}', json({'type': 'object'})),
    Case('header', {}, [1, 2], '[1, 2]', json(INTEGERS)),
    Case('header', {}, 'blue', '"blue"', json(STRING)),
    Case('cookie', {}, [1, 2], 'color=[1%2C2]', json(INTEGERS)),
    Case('cookie', {}, {'R': 1}, 'color={%22R%22:1}', json(OBJECT)),
    Case('cookie', {}, 'blue', 'color=%22blue%22', json(STRING)),
    # headers
    Case('header', STRING, 'blue', 'blue'),
    Case('header', STRINGS, COLOURS, 'blue,black,brown'),
    Case('header', OBJECT, RGB, 'R,100,G,200,B,150'),
    Case('header', OBJECT, RGB, 'R=100,G=200,B=150', {'explode': True}),
    # cookies
    Case('cookie', STRING, 'blue', 'color=blue'),
    Case('cookie', STRING, 'a b;c,d"', 'color=a%20b%3Bc%2Cd%22'),
    Case('cookie', STRINGS, COLOURS, 'color=blue,black,brown', {'explode': False}),
    Case('cookie', OBJECT, RGB, 'color=R,100,G,200,B,150', {'explode': False}),
    # values
    Case('query', {'type': 'number'}, 34.0, 'color=34'),
    Case('query', {'type': 'number'}, 1e16, 'color=10000000000000000'),
    Case('query', {'type': 'number'}, 1e300, 'color=1e300'),
    Case('query', {'type': 'number'}, 1e-7, 'color=1e-07'),
    Case('query', {'type': 'array', 'items': {'type': 'number'}}, [1.0, 2.5], 'color=1&color=2.5'),
    Case('query', {'type': 'boolean'}, True, 'color=true'),
]

#: OpenAPI 3: parameters, defaults that cannot be written, and so are none.
UNWRITABLE_DEFAULTS: list[dict[str, Any]] = [
    {'in': 'query', 'schema': {'type': 'object', 'default': {'a': {'b': 1}}}},
    {'in': 'query', 'style': 'deepObject', 'schema': {'type': 'object', 'default': {'a': [1]}}},
    {'in': 'query', 'style': 'deepObject', 'schema': {'type': 'integer', 'default': 5}},
]

#: OpenAPI 3: what is refused, and what the error says.
REFUSED_STYLES = [
    Case('query', {'type': 'object'}, {'a': {'b': 1}}, "style 'form' does not define how a list or an object within"),
    Case('query', {'type': 'array'}, [[1]], "style 'form' does not define"),
    Case('query', {'type': 'object'}, {'a': [1]}, "style 'deepObject' does not define", {'style': 'deepObject'}),
    Case('query', INTEGERS, [1], "style 'deepObject' does not define how a list", {'style': 'deepObject'}),
    Case('query', STRING, 'a', "style 'deepObject' does not define how a single value", {'style': 'deepObject'}),
    Case('query', STRING, 'a', "style 'matrix' in a query", {'style': 'matrix'}),
    Case('query', STRING, 'a', "style 'fancy' in a query", {'style': 'fancy'}),
    Case('path', STRING, 'a', "style 'form' in a path", {'style': 'form'}),
    Case('path', {'type': 'array'}, [[1]], "style 'simple' does not define"),
    Case('header', STRING, 'a', "style 'form' in a header", {'style': 'form'}),
    Case('cookie', STRINGS, ['a'], 'does not define how a list or an object with explode: true'),
    Case('cookie', OBJECT, {'a': 1}, 'does not define how a list or an object with explode: true'),
    Case(
        'query', {}, '<a/>', 'content application/xml in a query', {'content': {'application/xml': {'schema': STRING}}}
    ),
]

#: Swagger 2.0: collectionFormat.
FORMATS = [
    Case('query', STRINGS, COLOURS, 'color=blue%2Cblack%2Cbrown'),
    Case('query', STRINGS, COLOURS, 'color=blue%2Cblack%2Cbrown', {'collectionFormat': 'csv'}),
    Case('query', STRINGS, COLOURS, 'color=blue+black+brown', {'collectionFormat': 'ssv'}),
    Case('query', STRINGS, COLOURS, 'color=blue%09black%09brown', {'collectionFormat': 'tsv'}),
    Case('query', STRINGS, COLOURS, 'color=blue%7Cblack%7Cbrown', {'collectionFormat': 'pipes'}),
    Case('query', STRINGS, COLOURS, 'color=blue&color=black&color=brown', {'collectionFormat': 'multi'}),
    Case('path', STRINGS, COLOURS, 'blue%2Cblack%2Cbrown'),
    Case('path', STRINGS, COLOURS, 'blue%7Cblack%7Cbrown', {'collectionFormat': 'pipes'}),
    Case('header', STRINGS, COLOURS, 'blue,black,brown'),
    Case('header', STRINGS, COLOURS, 'blue|black|brown', {'collectionFormat': 'pipes'}),
    Case(
        'query',
        {'type': 'array', 'items': {'type': 'array', 'items': {'type': 'integer'}, 'collectionFormat': 'pipes'}},
        [[1, 2], [3]],
        'color=1%7C2%2C3',
    ),
    Case('query', {'type': 'boolean'}, '', 'color=', {'allowEmptyValue': True}),
    Case('query', {'type': 'number'}, 34.0, 'color=34'),
]

"""Request bodies and response bodies in every media type, as they arrive at a server and come from it."""

import email.parser
import email.policy
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from esipy import App, EsiClient
from esipy.exceptions import CallError, SpecError, UndecodableBodyError
from tests.cases.bodies import (
    BODIES,
    FILE,
    FORM,
    MULTIPART,
    NAMED,
    PARTS,
    REFUSED,
    UNSUPPORTED,
    WITH_FILES,
    Case,
    Parts,
)
from tests.integration.things import client
from tests.servers import Server, Visit, response_bytes


@pytest.fixture(scope='module')
def server() -> Iterator[Server]:
    with Server(lambda visit: visit.send(response_bytes({}))) as server:
        yield server


@pytest.fixture(scope='module')
def esi() -> Iterator[EsiClient]:
    with client(cache=None) as esi:
        yield esi


def operation(url: str, content: dict[str, Any], responses: Any = None, version: str = '3.1.0') -> Any:
    node = {'operationId': 'send', 'requestBody': {'content': content}, 'responses': responses or {}}
    return App.create({'openapi': version, 'servers': [{'url': url}], 'paths': {'/at': {'post': node}}}).op['send']


def parts_of(visit: Visit) -> list[tuple[str, str | None, str | None, bytes]]:
    """The parts of a multipart body, read by the standard library."""
    head = f'Content-Type: {visit.headers["content-type"]}\r\n\r\n'.encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + visit.body)
    return [
        (  # type: ignore[misc]
            str(part.get_param('name', header='content-disposition')),
            part.get_filename(),
            part.get('content-type'),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


@pytest.mark.parametrize('case', BODIES, ids=lambda case: f'{case.media_type} {case.body!r}'[:60])
def test_a_body(case: Case, server: Server, esi: EsiClient) -> None:
    content = {case.media_type: {'schema': case.schema, 'encoding': {**case.encoding}}}
    call = operation(server.url, content)(body=case.value)
    for _ in range(2):  # the same call, once more
        esi.request(call)
        visit = server.visits[-1]
        assert (visit.headers.get('content-type'), visit.body) == (case.content_type, case.body)
        assert visit.headers['content-length'] == str(len(case.body))


@pytest.mark.parametrize('case', PARTS, ids=lambda case: repr(case.parts)[:60])
def test_a_body_of_several_parts(case: Parts, server: Server, esi: EsiClient) -> None:
    for field in case.value.values():
        if hasattr(field, 'seek'):
            field.seek(0)
    content = {MULTIPART: {'schema': WITH_FILES, 'encoding': {**case.encoding}}}
    call = operation(server.url, content)(body=case.value)
    for _ in range(2):
        esi.request(call)
        assert parts_of(server.visits[-1]) == case.parts


@pytest.mark.parametrize(('media_type', 'schema', 'value', 'reason'), REFUSED)
def test_what_is_not_such_a_body_is_refused(media_type: str, schema: dict[str, Any], value: Any, reason: str) -> None:
    with pytest.raises(CallError) as caught:
        operation('http://127.0.0.1:9', {media_type: {'schema': schema}})(body=value)
    assert reason in str(caught.value)


def test_an_object_in_a_form_is_not_sent_as_something_else() -> None:
    content = {MULTIPART: {'schema': NAMED, 'encoding': {'owner': {'contentType': 'application/xml'}}}}
    with pytest.raises(CallError, match='an object or a list cannot be written as application/xml'):
        operation('http://127.0.0.1:9', content)(body={'owner': {'id': 1}})


@pytest.mark.parametrize('media_type', UNSUPPORTED)
def test_a_media_type_that_is_not_supported(media_type: str) -> None:
    made = operation('http://127.0.0.1:9', {media_type: {}})
    assert made()[0].data is None  # the body is optional
    with pytest.raises(SpecError, match=r'^send: not supported: a body of '):
        made(body={})


CHOICE = {
    FORM: {'schema': NAMED},
    'application/json': {'schema': NAMED},
    'text/plain': {},
    MULTIPART: {'schema': WITH_FILES},
}


@pytest.mark.parametrize(
    ('value', 'content_type'),
    [
        ({'name': 'x'}, 'application/json'),
        ('x', 'text/plain; charset=utf-8'),
        ({'file': b'x'}, MULTIPART),
        (b'x', 'text/plain; charset=utf-8'),
    ],
)
def test_of_several_media_types_the_first_that_fits(value: Any, content_type: str) -> None:
    request = operation('http://127.0.0.1:9', CHOICE)(body=value)[0]
    assert request.headers()['Content-Type'].partition('; boundary')[0] == content_type


def test_the_faults_of_a_body_that_fits_none_are_those_of_the_preferred() -> None:
    with pytest.raises(CallError, match=r'^send: body\.count: .*not an integer'):
        operation('http://127.0.0.1:9', {'application/json': {'schema': NAMED}, FORM: {'schema': NAMED}})(
            body={'count': 'x'}
        )


# ---------------------------------------------------------------------- Swagger 2.0


def swagger(url: str, parameters: list[dict[str, Any]], **more: Any) -> Any:
    paths = {'/at': {'post': {'operationId': 'send', 'parameters': parameters, 'responses': {}, **more}}}
    return App.create({'swagger': '2.0', 'host': url[7:], 'schemes': ['http'], 'paths': paths}).op['send']


def field(name: str, kind: str = 'string', **more: Any) -> dict[str, Any]:
    return {'in': 'formData', 'name': name, 'type': kind, **more}


STRINGS = {'items': {'type': 'string'}}


@pytest.mark.parametrize(
    ('parameters', 'given', 'body'),
    [
        ([field('a'), field('b', 'integer')], {'a': 'x y', 'b': '2'}, b'a=x+y&b=2'),
        ([field('a', default='x'), field('b', 'integer')], {'b': 2}, b'b=2'),
        ([field('a', 'boolean', default=False), field('b', 'integer')], {'b': 2}, b'b=2'),
        ([field('a', 'array', default=['x'], **STRINGS), field('b', 'integer', default=1)], {'b': 2}, b'b=2'),
        ([field('a', 'array', **STRINGS)], {'a': ['x', 'y']}, b'a=x%2Cy'),
        ([field('a', 'array', collectionFormat='multi', **STRINGS)], {'a': ['x', 'y']}, b'a=x&a=y'),
        ([field('a', 'array', collectionFormat='pipes', **STRINGS)], {'a': ['x', 'y']}, b'a=x%7Cy'),
        ([field('a', 'array', collectionFormat='ssv', **STRINGS)], {'a': ['x', 'y']}, b'a=x+y'),
        ([field('a', 'boolean'), field('b', 'number')], {'a': True, 'b': 34.0}, b'a=true&b=34'),
    ],
)
def test_a_form_of_the_old_format(
    parameters: Any, given: dict[str, Any], body: bytes, server: Server, esi: EsiClient
) -> None:
    esi.request(swagger(server.url, parameters)(**given))
    visit = server.visits[-1]
    assert (visit.headers['content-type'], visit.body) == (FORM, body)


def test_a_file_of_the_old_format(server: Server, esi: EsiClient) -> None:
    send = swagger(server.url, [field('file', 'file', required=True), field('note')], consumes=[FORM])
    esi.request(send(file=('a.txt', b'x', 'text/plain'), note='n'))
    assert parts_of(server.visits[-1]) == [('file', 'a.txt', 'text/plain', b'x'), ('note', None, None, b'n')]
    with pytest.raises(CallError, match=r'file: is required \(formData, file\)'):
        send(note='n')
    with pytest.raises(CallError, match=r'note: .* is not a text'):
        send(file=b'x', note=[1])


@pytest.mark.parametrize('produces', [[], ['application/json'], ['application/pdf']])
def test_a_response_that_is_a_file_of_the_old_format(produces: list[str], esi: EsiClient) -> None:
    with Server(partial(send, b'%PDF', 'application/pdf')) as server:
        get = declared(*produces, schema={'type': 'file'}, version='2.0')(server.url)
        assert esi.request(get()).data == b'%PDF'


def test_a_form_that_must_be_multipart(server: Server, esi: EsiClient) -> None:
    esi.request(swagger(server.url, [field('a')], consumes=[MULTIPART])(a='x'))
    assert parts_of(server.visits[-1]) == [('a', None, None, b'x')]


@pytest.mark.parametrize('consumes', [[], ['application/xml', 'application/json'], ['application/vnd.x+json']])
def test_a_body_of_the_old_format(consumes: list[str], server: Server, esi: EsiClient) -> None:
    body = {'in': 'body', 'name': 'thing', 'schema': {'type': 'object'}}
    esi.request(swagger(server.url, [body], consumes=consumes)(thing={'a': 1}))
    expected = consumes[-1] if consumes else 'application/json'
    assert (server.visits[-1].headers['content-type'], server.visits[-1].body) == (expected, b'{"a": 1}')


# ---------------------------------------------------------------------- responses


def declared(*media_types: str, schema: Any = None, version: str = '3.1.0') -> Any:
    """A function that makes the operation of a server, whose responses have these media types."""

    def made(url: str) -> Any:
        node: dict[str, Any] = {'operationId': 'get', 'responses': {'200': {'description': 'OK'}}}
        if version == '2.0':
            node['responses']['200']['schema'] = schema or {'type': 'string'}
            node['produces'] = list(media_types)
            document: Any = {'swagger': '2.0', 'host': url[7:], 'schemes': ['http'], 'paths': {'/at': {'get': node}}}
        else:
            node['responses']['200']['content'] = {name: {'schema': schema or {}} for name in media_types}
            document = {'openapi': version, 'servers': [{'url': url}], 'paths': {'/at': {'get': node}}}
        return App.create(document).op['get']

    return made


@pytest.mark.parametrize('version', ['2.0', '3.1.0'])
@pytest.mark.parametrize(
    ('media_types', 'content_type', 'body', 'data', 'accept'),
    [
        (['text/plain'], 'text/plain', b'hello', 'hello', 'text/plain'),
        (['text/plain'], 'text/plain; charset=iso-8859-1', b'h\xe9', 'hé', 'text/plain'),
        (['text/plain'], '', b'hello', 'hello', 'text/plain'),
        (['text/plain'], 'text/csv', b'a,b', 'a,b', 'text/plain'),
        (['text/plain'], 'application/json', b'{"a": 1}', {'a': 1}, 'text/plain'),
        (['text/plain'], 'text/plain', b'', '', 'text/plain'),
        (['application/xml'], 'application/xml', b'<a/>', '<a/>', 'application/xml'),
        (['application/octet-stream'], 'application/octet-stream', b'\xff', b'\xff', 'application/octet-stream'),
        (['image/png'], 'image/png', b'\x89PNG', b'\x89PNG', 'image/png'),
        (['application/pdf'], '', b'%PDF', b'%PDF', 'application/pdf'),
        (['application/json', 'text/plain'], 'text/plain', b'hello', 'hello', 'application/json'),
        (['application/json', 'text/plain'], 'application/json', b'1', 1, 'application/json'),
        (['application/json'], 'text/plain', b'[1]', [1], 'application/json'),
        (['application/vnd.x+json'], 'application/vnd.x+json', b'[1]', [1], 'application/vnd.x+json'),
        (
            ['application/hal+json', 'text/plain'],
            'application/hal+json',
            b'[1]',
            [1],
            'application/hal+json, text/plain',
        ),
        (['*/*'], 'application/json', b'[1]', [1], 'application/json'),
        (['*/*'], 'text/plain', b'hello', 'hello', 'application/json'),
        ([], 'application/json', b'[1]', [1], 'application/json'),
    ],
)
def test_a_response(
    version: str, media_types: list[str], content_type: str, body: bytes, data: Any, accept: str
) -> None:
    def page(visit: Visit) -> None:
        visit.send(response_bytes(body, headers={'Content-Type': content_type, 'Cache-Control': 'max-age=60'}))

    with Server(page) as server, client() as esi:
        get = declared(*media_types, version=version)(server.url)
        for _ in range(2):  # from the server, then from the cache
            response = esi.request(get())
            assert (response.data, response.raw) == (data, body)
            assert type(response.data) is type(data) or isinstance(data, dict)
        assert [visit.headers['accept'] for visit in server.visits] == [accept]


@pytest.mark.parametrize(
    ('media_types', 'content_type', 'body'),
    [
        (['text/plain'], 'text/html', b'<html>'),
        (['text/plain'], 'text/plain', b'\xff'),
        (['text/plain'], 'text/plain; charset=klingon', b'x'),
        (['application/json'], 'text/html', b'<html>'),
        (['application/octet-stream'], 'text/html', b'<html>'),
        ([], 'text/plain', b'hello'),
    ],
)
def test_a_response_that_is_something_else(media_types: list[str], content_type: str, body: bytes) -> None:
    page = partial(send, body, content_type)
    with Server(page) as server, client() as esi, pytest.raises(UndecodableBodyError):
        esi.request(declared(*media_types)(server.url)())


def send(body: bytes, content_type: str, visit: Visit) -> None:
    visit.send(response_bytes(body, headers={'Content-Type': content_type}))


def test_strict_reads_texts_and_bytes_too() -> None:
    for media_type, schema in (('text/plain', {'type': 'integer'}), ('image/png', FILE)):
        with Server(partial(send, b'5', media_type)) as server, client(strict=True) as esi:
            assert esi.request(declared(media_type, schema=schema)(server.url)()).raw == b'5'


def test_strict_takes_a_field_for_what_it_is_and_not_for_a_misspelt_one() -> None:
    """A server may add `prices` to an object of which `price` is optional."""
    price: dict[str, Any] = {'type': 'object', 'properties': {'price': {'type': 'integer'}}}
    with Server(partial(send, b'{"prices": [5]}', 'application/json')) as server, client(strict=True) as esi:
        for schema in (price, {'oneOf': [price]}):
            assert esi.request(declared('application/json', schema=schema)(server.url)()).data.prices == [5]


def test_many_unknown_fields_are_compared_with_what_is_known_a_few_times() -> None:
    """Without a bound this takes minutes."""
    schema = {'type': 'object', 'properties': {f'field{number}': {} for number in range(2000)}}
    with pytest.raises(CallError, match=r"body\.feld0: unknown field, did you mean 'field0'") as caught:
        operation('http://127.0.0.1:9', {'application/json': {'schema': schema}})(
            body={f'feld{number}': 1 for number in range(3000)}
        )
    assert len(str(caught.value)) < 5000


def test_strict_knows_which_direction_a_field_goes() -> None:
    """A `writeOnly` field is not in responses, and a `readOnly` one not in requests, even if both are required."""
    fields = {
        'type': 'object',
        'required': ['id', 'name', 'password'],
        'properties': {
            'id': {'type': 'integer', 'readOnly': True},
            'name': {'type': 'string'},
            'password': {'type': 'string', 'writeOnly': True},
        },
    }
    content = {'application/json': {'schema': fields}}
    sent = [{'id': 1, 'name': 'x'}, {'name': 'x', 'password': 'y'}]

    def page(visit: Visit) -> None:
        visit.send(response_bytes(sent[visit.number]))

    with Server(page) as server, client(strict=True, cache=None) as esi:
        create = operation(server.url, content, {'200': {'description': 'OK', 'content': content}})
        call = create(body={'name': 'x', 'password': 'y'})
        assert esi.request(call).data.id == 1
        with pytest.raises(UndecodableBodyError, match=r'body\.id: is required'):
            esi.request(call)
        assert json.loads(server.visits[0].body) == {'name': 'x', 'password': 'y'}
        with pytest.raises(CallError, match=r'body\.password: is required'):
            create(body={'name': 'x'})


#: Where an object with fields of one direction may stand in a body: its schema and a value of it, made of the object's.
PLACES: dict[str, tuple[Any, Any]] = {
    'in an object': (lambda part: {'type': 'object', 'properties': {'a': part}}, lambda value: {'a': value}),
    'in a list': (lambda part: {'type': 'array', 'items': part}, lambda value: [value]),
    'of several parts': (lambda part: {'allOf': [part, {'type': 'object', 'required': ['id']}]}, lambda value: value),
    'an alternative': (lambda part: {'oneOf': [{'type': 'integer'}, part]}, lambda value: value),
}


@pytest.mark.parametrize(('place', 'fill'), PLACES.values(), ids=PLACES)
def test_a_direction_counts_wherever_a_field_stands(place: Any, fill: Any) -> None:
    fields = {'id': {'type': 'integer', 'readOnly': True}, 'password': {'type': 'string', 'writeOnly': True}}
    schema = place({'type': 'object', 'required': ['id', 'password'], 'properties': fields})
    content = {'application/json': {'schema': schema}}
    with (
        Server(lambda visit: visit.send(response_bytes(fill({'id': 1})))) as server,
        client(strict=True, cache=None) as esi,
    ):
        create = operation(server.url, content, {'200': {'description': 'OK', 'content': content}})
        assert esi.request(create(body=fill({'password': 'y'}))).data == fill({'id': 1})
        assert json.loads(server.visits[0].body) == fill({'password': 'y'})
        with pytest.raises(CallError, match='password: is required'):
            create(body=fill({'id': 1}))

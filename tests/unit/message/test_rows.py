"""Data: JSON values that response to attributes, know dates, and stay what they are."""

import copy
import json
import logging
import pickle
import sqlite3
import warnings
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from esipy import App
from esipy._message.dates import Date, DateTime
from esipy._message.response import Response
from esipy._message.rows import Row, builder, rows
from esipy.exceptions import EsiError, MissingFieldError
from tests.cases.documents import LIVE, OLD, REAL, arguments, document, entries, follow, value
from tests.cases.stations import DOCUMENT

APP = App.create(DOCUMENT)
STATION: dict[str, Any] = {
    'name': 'Jita',
    'built': '2016-09-03T05:12:25Z',
    'day': '2016-09-03',
    'items': [{'name': 'inner', 'built': '2017-01-01T00:00:00Z'}],
    'parent': {'name': 'Forge', 'parent': {'name': 'Empire', 'day': '2003-05-06'}},
    'owner': {'since': '2020-02-29'},
    'unknown': {'deep': [{'x': 1}]},
    'unknown_list': [{'x': [{'y': 2}]}],
}


def station(value: Any = STATION) -> Any:
    """`value` as the data of a response, from its bytes."""
    response: Response = APP.op['getStation'](name='Jita')[1]
    response.status, response.raw = 200, json.dumps(value).encode()
    return response.data


def data_of(schema: dict[str, Any], value: Any) -> Any:
    responses = {'200': {'content': {'application/json': {'schema': schema}}}}
    paths = {'/a': {'get': {'operationId': 'a', 'responses': responses}}}
    response: Response = App.create({'openapi': '3.1.0', 'paths': paths}).op['a']()[1]
    response.status, response.raw = 200, json.dumps(value).encode()
    return response.data


def test_fields_by_attribute_and_by_key() -> None:
    row = station()
    assert row.name == row['name'] == row.get('name') == 'Jita'
    assert isinstance(row, dict)
    assert row == STATION
    assert list(row) == list(STATION)
    assert 'name' in row
    assert set(STATION) <= set(dir(row))


def test_rows_in_rows() -> None:
    row = station()
    assert row.parent.parent.name == row['parent']['parent']['name'] == 'Empire'
    assert row.parent.parent.day == date(2003, 5, 6)
    assert row['items'][0].built == datetime(2017, 1, 1, tzinfo=UTC)
    assert row.owner.since == date(2020, 2, 29)
    assert station({'name': 'x', 'owner': 5}).owner == 5
    assert isinstance(row['items'], list)


def test_what_the_schema_does_not_know_becomes_rows_too() -> None:
    row = station()
    assert row.unknown.deep[0].x == row['unknown']['deep'][0]['x'] == row['unknown'].deep[0].x == 1
    assert row.unknown is row.unknown
    assert row.unknown_list is row.unknown_list
    assert row['unknown_list'][0].x[0].y == 2


@pytest.mark.parametrize('required', [[], ['a']])
def test_unknown_fields_in_a_list_of_plain_rows(required: list[str]) -> None:
    item = {'type': 'object', 'required': required, 'properties': {'a': {'type': 'integer'}, 'b': {'type': 'integer'}}}
    data = data_of({'type': 'array', 'items': item}, [{'a': 1, 'new': {'x': [{'y': 1}]}}, {'a': 1, 'b': 2}, 5, None])
    assert data[0]['new']['x'][0].y == 1
    assert data[0].new.x[0].y == 1
    assert data[1].b == 2
    assert data[2:] == [5, None]
    with pytest.raises(MissingFieldError):
        _ = data[1].new


@pytest.mark.parametrize('listed', [{}, {'items': {'type': 'object', 'properties': {'day': {'format': 'date'}}}}])
def test_rows_in_a_list_of_rows_of_which_everything_is_required(listed: dict[str, Any]) -> None:
    inner = {'type': 'object', 'properties': {'day': {'type': 'string', 'format': 'date'}}}
    fields = {'id': {'type': 'integer'}, 'inner': inner, 'listed': {'type': 'array', **listed}}
    item = {'type': 'object', 'required': list(fields), 'properties': fields}
    day = {'day': '2016-09-03'}
    (row,) = data_of({'type': 'array', 'items': item}, [{'id': 1, 'inner': day, 'listed': [day]}])
    assert row.inner.day == date(2016, 9, 3)
    assert row['listed'][0]['day'] == (date(2016, 9, 3) if listed else '2016-09-03')


def test_dates() -> None:
    row = station()
    for built in (row.built, row['built'], row.get('built')):
        assert built == datetime(2016, 9, 3, 5, 12, 25, tzinfo=UTC)
        assert isinstance(built, DateTime)
        assert built.tzinfo is not None
        assert built.v == built
        assert str(built) == built.to_json() == '2016-09-03T05:12:25+00:00'
        assert f'{built:%Y}' == '2016'
    for day in (row.day, row['day'], row.get('day')):
        assert day == date(2016, 9, 3)
        assert isinstance(day, Date)
        assert day.v == day
        assert str(day) == day.to_json() == '2016-09-03'
    assert isinstance(row.built - timedelta(days=1), datetime)
    assert row.built < datetime.now(UTC)


def test_dates_are_of_the_standard_librarys_own_type_where_a_program_for_1x_takes_them() -> None:
    """Databases' drivers and serializers look the type up: sqlite3, pymysql and yaml refuse one that is made of it."""
    row = station()
    assert type(row.built.v) is datetime
    assert type(row.day.v) is date
    assert str(row.built.v) == '2016-09-03 05:12:25+00:00'
    with closing(sqlite3.connect(':memory:')) as database, warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)  # of sqlite3's own ways with dates, from Python 3.12
        database.execute('CREATE TABLE stations (built TIMESTAMP, day DATE)')
        database.execute('INSERT INTO stations VALUES (?, ?)', (row.built.v, row.day.v))
        assert database.execute('SELECT * FROM stations').fetchone() == ('2016-09-03 05:12:25+00:00', '2016-09-03')


def test_where_a_row_is_seen_as_a_dict_dates_are_the_text_that_was_sent() -> None:
    row = station()
    assert '2016-09-03T05:12:25Z' in list(row.values())
    assert ('built', '2016-09-03T05:12:25Z') in row.items()
    assert dict(row)['built'] == '2016-09-03T05:12:25Z'
    assert {**row}['day'] == '2016-09-03'
    assert json.loads(json.dumps(row)) == STATION
    assert json.dumps(row) == json.dumps(STATION)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('2016-09-03T05:12:25Z', datetime(2016, 9, 3, 5, 12, 25, tzinfo=UTC)),
        ('2016-09-03T05:12:25', datetime(2016, 9, 3, 5, 12, 25, tzinfo=UTC)),
        ('2016-09-03T05:12:25z', datetime(2016, 9, 3, 5, 12, 25, tzinfo=UTC)),
        ('2016-09-03T05:12:25.123456Z', datetime(2016, 9, 3, 5, 12, 25, 123456, tzinfo=UTC)),
        ('2016-09-03T07:12:25+02:00', datetime(2016, 9, 3, 5, 12, 25, tzinfo=UTC)),
    ],
)
def test_ways_to_write_a_moment(text: str, expected: datetime) -> None:
    assert station({'built': text}).built == expected


@pytest.mark.parametrize('value', ['soon', '', '2016-13-01T00:00:00Z', 5, None, [], {'a': 1}, True])
def test_a_date_that_is_none_is_kept_as_sent(value: Any) -> None:
    row = station({'built': value, 'day': value})
    assert row.built == row['built'] == row.get('built') == row.day == value
    assert type(row.built) in (type(value), Row)


def test_get_has_a_default() -> None:
    row = station({'name': 'Jita'})
    assert row.get('built') is None
    assert row.get('built', 5) == 5
    assert row.get('nothing', 'x') == 'x'
    assert getattr(row, 'built', 'x') == 'x'
    assert not hasattr(row, 'built')


@pytest.mark.parametrize('name', ['pric', 'built', 'nam', '', 'Name', '__html__'])
def test_a_missing_field(name: str) -> None:
    row = station({'name': 'Jita', 'price': 5})
    for read in (lambda: getattr(row, name), lambda: row[name]):
        with pytest.raises(MissingFieldError) as caught:
            read()
        for kind in (AttributeError, KeyError, EsiError):
            assert isinstance(caught.value, kind)
        assert caught.value.field == name
        assert caught.value.fields == ('name', 'price')
    near = {'pric': "did you mean 'price'?", 'nam': "did you mean 'name'?"}
    assert near.get(name, '') in str(caught.value)
    other = pickle.loads(pickle.dumps(caught.value))
    assert (type(other), str(other), other.field) == (MissingFieldError, str(caught.value), name)


def test_fields_named_like_methods_of_a_dict_are_read_by_key() -> None:
    names = ['items', 'keys', 'values', 'get', 'copy', 'pop', 'update', 'clear']
    schema = {'type': 'object', 'properties': {name: {'type': 'integer'} for name in names}}
    row = data_of(schema, dict.fromkeys(names, 1))
    for name in names:
        assert row[name] == 1
        assert callable(getattr(row, name))
    assert len(row.items()) == len(names)


def test_fields_that_are_not_identifiers() -> None:
    row = data_of({'type': 'object', 'properties': {'from': {'type': 'integer'}, 'a-b': {}}}, {'from': 1, 'a-b': 2})
    assert (row['from'], getattr(row, 'from'), row['a-b'], getattr(row, 'a-b')) == (1, 1, 2, 2)


def test_setting_and_deleting() -> None:
    row = station()
    row.name = 'Amarr'
    row.own = {'a': 1}
    row['built'] = '2020-01-01T00:00:00Z'
    assert (row.name, row['name'], row.own, row.built.year) == ('Amarr', 'Amarr', {'a': 1}, 2020)
    del row.own
    assert 'own' not in row
    with pytest.raises(MissingFieldError):
        del row.own


@pytest.mark.parametrize('copied', [copy.copy, copy.deepcopy, Row.copy, lambda row: pickle.loads(pickle.dumps(row))])
def test_copies(copied: Any) -> None:
    row = station()
    other = copied(row)
    assert type(other) is type(row)
    assert other == row
    assert other is not row
    assert other.built == row.built
    assert other.parent.parent.day == date(2003, 5, 6)
    other.name = 'Amarr'
    assert row.name == 'Jita'


@pytest.mark.parametrize('is_declared', [True, False])
@pytest.mark.parametrize(
    'name', ['__deepcopy__', '__copy__', '__reduce_ex__', '__getstate__', '__setstate__', '__len__']
)
def test_a_field_with_the_name_of_a_method_of_python_is_not_called(name: str, is_declared: bool) -> None:
    schema = {'type': 'object', 'properties': {name: {'type': 'integer'}} if is_declared else {'other': {}}}
    row = data_of(schema, {name: 5, 'list': [{name: 6}]})
    for other in (copy.copy(row), copy.deepcopy(row), row.copy(), pickle.loads(pickle.dumps(row))):
        assert other == {name: 5, 'list': [{name: 6}]}
        assert (other[name], other['list'][0][name], len(other)) == (5, 6, 2)


def test_a_deep_copy_shares_nothing() -> None:
    row = station()
    other = copy.deepcopy(row)
    other.parent.name = 'x'
    other['items'].append(1)
    other.unknown.deep[0].x = 5
    assert row == STATION


def test_lists_are_lists_and_scalars_are_themselves() -> None:
    integers = data_of({'type': 'array', 'items': {'type': 'integer'}}, [1, 2])
    assert type(integers) is list
    assert integers == [1, 2]
    assert data_of({'type': 'number'}, 1.5) == 1.5
    assert data_of({'type': 'string'}, 'x') == 'x'
    assert data_of({'type': 'boolean'}, False) is False
    assert data_of({'type': 'string', 'format': 'date-time'}, '2016-09-03T05:12:25Z') == '2016-09-03T05:12:25Z'
    assert (
        data_of({'type': 'array', 'items': {'type': 'array', 'items': {'properties': {'a': {}}}}}, [[{'a': 1}]])[0][0].a
        == 1
    )


@pytest.mark.parametrize('value', [5, 'x', [], [1], None, True, [{'name': 'x'}], {'name': [{'x': 1}]}, {}])
def test_what_does_not_fit_is_kept_as_sent(value: Any) -> None:
    data = station(value)
    assert data == value
    for field in value if isinstance(value, dict) else {}:
        assert getattr(data, field) == value[field]
    listed = data_of({'type': 'array', 'items': {'type': 'object', 'properties': {'a': {'type': 'integer'}}}}, value)
    assert listed == value


def test_a_list_where_an_object_belongs_has_rows_all_the_same() -> None:
    assert station([{'name': 'x', 'deep': {'y': 1}}])[0].deep.y == 1
    assert data_of({'type': 'array', 'items': {}}, {'a': {'b': 1}}).a.b == 1


def test_alternatives_and_parts_are_all_known() -> None:
    when = {'type': 'string', 'format': 'date-time'}
    schema = {
        'oneOf': [
            {'properties': {'a': when}},
            {'allOf': [{'properties': {'b': when}}]},
            {'type': 'array', 'items': {'properties': {'c': when}}},
        ]
    }
    text = '2016-09-03T05:12:25Z'
    assert data_of(schema, {'a': text}).a.year == 2016
    assert data_of(schema, {'b': text}).b.year == 2016
    assert data_of(schema, [{'c': text}])[0].c.year == 2016


def test_objects_with_fields_of_any_name() -> None:
    schema = {'type': 'object', 'additionalProperties': {'type': 'object', 'properties': {'a': {'type': 'integer'}}}}
    assert data_of(schema, {'x': {'a': 1}}).x.a == 1


def test_fields_of_any_name_hold_what_the_schema_says() -> None:
    change = {'type': 'object', 'required': ['day'], 'properties': {'day': {'type': 'string', 'format': 'date'}}}
    schema = {
        'type': 'object',
        'properties': {'a': {'type': 'integer'}},
        'additionalProperties': {'type': 'array', 'items': change},
    }
    for data in (
        data_of(schema, {'a': 1, '2016': [{'day': '2016-09-03'}]}),
        data_of({'type': 'array', 'items': schema}, [{'2016': [{'day': '2016-09-03'}]}])[0],
    ):
        assert data['2016'][0].day == date(2016, 9, 3)
        assert json.loads(json.dumps(data))['2016'] == [{'day': '2016-09-03'}]


def test_the_changelog_has_dates() -> None:
    change = {'compatibility_date': '2026-08-04', 'description': 'x', 'method': 'GET', 'path': '/x', 'type': 'new'}
    response = App.create(document(LIVE)).op['GetMetaChangelog']()[1]
    response.status, response.raw = 200, json.dumps({'changelog': {'2026-08-04': [change]}}).encode()
    assert response.data.changelog['2026-08-04'][0].compatibility_date == date(2026, 8, 4)


def test_a_type_that_holds_itself() -> None:
    deep: dict[str, Any] = {'name': '0', 'day': '2016-09-03'}
    for number in range(1, 50):
        deep = {'name': str(number), 'parent': deep}
    row = station(deep)
    for _ in range(49):
        row = row.parent
    assert row.day == date(2016, 9, 3)


def test_without_a_schema() -> None:
    assert rows({'a': [{'b': 1}]}).a[0].b == 1
    assert builder(None) is rows
    assert data_of({}, {'a': {'b': 1}}).a.b == 1


def test_classes_of_rows_are_made_once() -> None:
    assert type(station()) is type(station())
    assert type(station().parent) is type(station())


def test_building_leaves_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger='esipy'):
        station()
    assert caplog.records == []


@pytest.mark.parametrize('name', [LIVE, OLD])
def test_every_response_of_a_document_is_data(name: str) -> None:
    """The examples of each response and a value drawn from its type: as JSON, nothing is changed."""
    whole, seen, dates = document(name), 0, 0
    app = App.create(whole)
    for entry in entries(name).values():
        call = app.op[entry.id](**arguments(name, entry))
        for status, node in entry.raw['responses'].items():
            for body in bodies(whole, follow(whole, node)):
                response = Response(call[0])
                response.status, response.raw = int(status) if status.isdecimal() else 500, json.dumps(body).encode()
                data = response.data
                assert data == body
                assert json.dumps(data) == json.dumps(body)
                seen += 1
                dates += count_of_dates(data) if response.ok else 0  # an error's is not to be iterated over
    assert seen > (190 if REAL else 60)
    assert dates > (60 if REAL else 10)


def bodies(whole: Any, response: Any) -> list[Any]:
    """The document's examples of a response, and a value of its schema."""
    found = list(response.get('examples', {}).values())
    for media in [response, *response.get('content', {}).values()]:
        found += [value(whole, media['schema'])] if 'schema' in media else []
    return found


def count_of_dates(value: Any) -> int:
    if isinstance(value, Row):
        return sum(isinstance(value[name], (DateTime, Date)) + count_of_dates(value[name]) for name in value)
    return sum(map(count_of_dates, value)) if isinstance(value, list) else 0

"""What holds for any value: addresses against urllib, rows against dict, dates and headers against their RFCs.

All of it together takes less than a minute: the numbers of examples are fixed.
"""

import copy
import json
import pickle
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esipy import App
from esipy._message import decode as decode_module
from esipy._message.dates import Date, DateTime, day, moment
from esipy._message.headers import Headers
from esipy._message.headers import moment as http_date
from esipy._message.rows import Row, builder, row_class, rows
from esipy._spec.openapi3 import OpenAPI3
from esipy.exceptions import CallError, MissingFieldError

#: No time limit for one example, which a busy machine would break, and no files left behind.
few = settings(deadline=None, database=None, max_examples=60, suppress_health_check=list(HealthCheck))

TEXT = st.text(alphabet=st.characters(exclude_categories=['Cs']), max_size=12)
SOME_TEXT = st.text(alphabet=st.characters(exclude_categories=['Cs']), min_size=1, max_size=12)
NASTY = st.text(alphabet=''.join('%/?#[]@!$&\'()*+,;=:|. ".{}\\~^`<>\t\n\0ü漢'), min_size=1, max_size=12)
ANY_TEXT = SOME_TEXT | NASTY
NUMBERS = st.integers(-(2**63), 2**63 - 1)


# ---------------------------------------------------------------------- addresses


def _parameter(location: str, name: str, kind: str = 'string', **more: Any) -> dict[str, Any]:
    schema = {'type': 'array', 'items': {'type': kind}} if more.pop('many', False) else {'type': kind}
    return {'in': location, 'name': name, 'required': location == 'path', 'schema': schema, **more}


_PARAMETERS = [
    _parameter('path', 'plain'),
    _parameter('path', 'listed', many=True),
    _parameter('path', 'matrix', many=True, style='matrix', explode=True),
    _parameter('query', 'one'),
    _parameter('query', 'many', many=True),
    _parameter('query', 'commas', many=True, explode=False),
    _parameter('query', 'pipes', many=True, style='pipeDelimited'),
    _parameter('query', 'spaces', many=True, style='spaceDelimited'),
    _parameter('query', 'number', 'number'),
    _parameter('query', 'free', allowReserved=True),
    {'in': 'query', 'name': 'deep', 'style': 'deepObject', 'schema': {'type': 'object'}},
    {'in': 'query', 'name': 'whole', 'content': {'application/json': {'schema': {}}}},
]
OPERATION = App.create(
    {
        'openapi': '3.1.0',
        'servers': [{'url': 'https://a.example/base'}],
        'paths': {'/x/{plain}/{listed}/{matrix}/y': {'get': {'operationId': 'a', 'parameters': _PARAMETERS}}},
    }
).op['a']
PATH: dict[str, Any] = {'plain': 'p', 'listed': ['l'], 'matrix': ['m']}


def address(**given: Any) -> Any:
    """The address of a call, taken apart by urllib."""
    url = OPERATION(**{**PATH, **given})[0].outgoing('GET', {}, None).url
    assert re.fullmatch(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", url), url  # RFC 3986 section 2
    split = urlsplit(url)
    assert (split.scheme, split.netloc, split.fragment) == ('https', 'a.example', '')
    assert not re.search('[\\[\\]"<>]', split.path)
    return split


def query_of(**given: Any) -> list[tuple[str, str]]:
    return parse_qsl(address(**given).query, keep_blank_values=True, strict_parsing=True)


@few
@given(ANY_TEXT, st.lists(ANY_TEXT, min_size=2, max_size=3), st.lists(ANY_TEXT, min_size=1, max_size=3))
def test_a_path_gives_back_what_was_given(plain: str, listed: list[str], matrix: list[str]) -> None:
    parts = address(plain=plain, listed=listed, matrix=matrix).path.split('/')
    assert parts[:3] == ['', 'base', 'x']
    assert unquote(parts[3]) == plain
    assert [unquote(item) for item in parts[4].split(',')] == listed
    assert [unquote(item) for item in parts[5].split(';matrix=')[1:]] == matrix
    assert parts[6:] == ['y']


@few
@given(
    TEXT | NASTY,
    st.lists(TEXT | NASTY, min_size=1, max_size=3),
    st.dictionaries(ANY_TEXT, TEXT, min_size=1, max_size=3),
)
def test_a_query_gives_back_what_was_given(one: str, many: list[str], deep: dict[str, str]) -> None:
    assert query_of(one=one) == [('one', one)]
    assert query_of(many=many) == [('many', item) for item in many]
    assert query_of(deep=deep) == [(f'deep[{name}]', item) for name, item in deep.items()]
    assert query_of(free=one) == [('free', one)]


@few
@given(st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_lists_in_one_value_are_taken_apart_before_they_are_decoded(items: list[str]) -> None:
    raw = address(commas=items).query.removeprefix('commas=')
    assert [unquote_plus(item) for item in raw.split(',')] == items
    plain = [re.sub('[| ]', '', item) or 'x' for item in items]
    assert query_of(pipes=plain, spaces=plain) == [('pipes', '|'.join(plain)), ('spaces', ' '.join(plain))]


JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@few
@given(JSON.filter(lambda value: value is not None))
def test_json_in_a_query(value: Any) -> None:
    ((name, text),) = query_of(whole=value)
    assert (name, json.loads(text)) == ('whole', value)


@few
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30))
def test_numbers_in_a_query(number: float) -> None:
    ((_, text),) = query_of(number=number)
    assert (int(text) if re.fullmatch('-?[0-9]+', text) else float(text)) == number
    assert '+' not in text
    assert not text.endswith('.0')


@few
@given(st.text(max_size=20))
def test_any_text_is_sent_as_it_is_or_refused(text: str) -> None:
    try:
        assert query_of(one=text) == [('one', text)]
    except CallError:
        assert re.search('[\ud800-\udfff]', text)


# ---------------------------------------------------------------------- rows

#: Names that Python, dict, copy, pickle and notebooks ask objects for.
SPECIAL = [
    *(name for name in dir(Row) if name.startswith('__')),
    *('__deepcopy__', '__copy__', '__getnewargs_ex__', '__getinitargs__', '__dict__', '__weakref__', '__fspath__'),
    *('__array__', '__array_interface__', '__html__', '__json__', '__name__', '__wrapped__', '__set_name__'),
    *('_repr_html_', '_ipython_display_', '_fields', '_dates', '_plain', '_readers', '_asdict', 'items', 'keys', 'get'),
    *('pop', 'update', 'copy', 'mro', 'class', 'self', 'name', '', ' ', '1', 'a-b', 'ünï'),
]
NAMES = st.sampled_from(SPECIAL) | TEXT
OBJECTS = st.dictionaries(NAMES, JSON, max_size=5)


def same_as(row: Any, value: dict[str, Any]) -> None:
    """A row is a dict in every respect."""
    assert row == value
    assert dict(row) == value
    assert list(row) == list(dict(value)) == list(dict.keys(row))
    assert len(row) == len(value)
    assert json.loads(json.dumps(row)) == value
    assert {**row} == value
    assert (row | {'more': 1}) == (value | {'more': 1})


def copies(row: Any) -> list[Any]:
    made = [copy.copy(row), copy.deepcopy(row), row.copy(), type(row)(row)]
    return made + [pickle.loads(pickle.dumps(row, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]


@few
@given(OBJECTS, st.booleans())
def test_a_row_is_a_dict(value: dict[str, Any], is_declared: bool) -> None:
    row = row_class(tuple(value), ())(value) if is_declared else rows(value)
    same_as(row, value)
    for other in copies(row):
        same_as(other, value)
        assert type(other) is type(row)
        other['new'] = 1
        assert 'new' not in row
    for name, item in value.items():
        assert row[name] == row.get(name) == item
        if not hasattr(dict, name) and not (name.startswith('__') and name.endswith('__')):
            assert getattr(row, name) == item
    assert 'absent' not in row
    for absent in ('absent', '__deepcopy__', '__array__'):
        if absent not in value:
            with pytest.raises(MissingFieldError):
                getattr(row, absent)


@few
@given(OBJECTS)
def test_a_row_is_edited_as_a_dict_is(value: dict[str, Any]) -> None:
    row, plain = rows(value), dict(value)
    for name in value:
        setattr(row, name, 5)
        plain[name] = 5
        assert dict(row) == plain
        delattr(row, name)
        del plain[name]
        assert dict(row) == plain


@few
@given(JSON)
def test_reading_by_a_description_changes_no_value(value: Any) -> None:
    """Whatever the description says, and whatever comes."""
    schema = {'properties': {'a': {'format': 'date-time'}, 'b': {'items': {'properties': {'a': {'format': 'date'}}}}}}
    build = builder(OpenAPI3({'openapi': '3.1.0', 'paths': {}}).schema(schema))
    before = json.dumps(value)
    built = build(json.loads(before))
    assert json.dumps(built) == before
    assert json.dumps(copy.deepcopy(built)) == before


# ---------------------------------------------------------------------- dates

OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59)
MOMENTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))


@few
@given(
    MOMENTS, st.integers(-23 * 60 - 59, 23 * 60 + 59), st.sampled_from('Tt '), st.integers(0, 9), st.sampled_from('zZ+')
)
def test_every_date_of_the_rfc_is_read(when: datetime, offset: int, letter: str, digits: int, zone: str) -> None:
    """RFC 3339 section 5.6: `T` and `Z` in either case, any number of digits, any offset."""
    sign, minutes = '+-'[offset < 0], abs(offset)
    fraction = f'.{when.microsecond:06}000'[: digits + 1] if digits else ''
    suffix = f'{sign}{minutes // 60:02}:{minutes % 60:02}' if zone == '+' else zone
    text = f'{when.year:04}-{when:%m-%d}{letter}{when:%H:%M:%S}{fraction}{suffix}'
    known = timezone(timedelta(minutes=offset)) if zone == '+' else UTC
    microsecond = int(f'{fraction[1:7]:0<6}') if fraction else 0
    found = moment(text)
    assert type(found) is DateTime
    assert found == when.replace(microsecond=microsecond, tzinfo=known)
    assert found.utcoffset() == known.utcoffset(None)
    assert moment(found.to_json()) == found


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('2016-12-31T23:59:60Z', '2016-12-31T23:59:59+00:00'),
        ('2016-12-31t23:59:60.5z', '2016-12-31T23:59:59.500000+00:00'),
        ('2016-09-03T05:12:25z', '2016-09-03T05:12:25+00:00'),
        ('2016-09-03T05:12:25.5z', '2016-09-03T05:12:25.500000+00:00'),
        ('2016-09-03t05:12:25+02:00', '2016-09-03T05:12:25+02:00'),
        ('2016-09-03t05:12:25Z', '2016-09-03T05:12:25+00:00'),
        ('1990-12-31T15:59:60-08:00', '1990-12-31T15:59:59-08:00'),
        ('1985-04-12T23:20:50.52Z', '1985-04-12T23:20:50.520000+00:00'),
        ('1937-01-01T12:00:27.87+00:20', '1937-01-01T12:00:27.870000+00:20'),
        ('2016-09-03T05:12:25-00:00', '2016-09-03T05:12:25+00:00'),
    ],
)
def test_the_examples_of_the_rfc(text: str, expected: str) -> None:
    assert str(moment(text)) == expected


@pytest.mark.parametrize(
    'text',
    [
        *('', 'x', '2016', '20160903T051225Z', '2016-W36-6T05:12:25Z', '2016-09-03T24:00:00Z', '2016-02-30T00:00:00Z'),
        *('2016-09-03T05:12:25+24:00', '2016-09-03T05:12:61Z', '2016-13-03T05:12:25Z', '0000-01-01T00:00:00Z'),
        *('2016-09-03X05:12:25Z', ' 2016-09-03T05:12:25Z', '2016-09-03T05:12:25Z\n', '2016-09-03T05:12:25 Z'),
        *('\uff12016-09-03T05:12:25Z', '2016-09-03T05:12:25,5Z', '2016-02-30T00:00:60Z', '2016-9-3T05:12:25Z'),
        *('2016-09-03T05:12.25Z', '2016-09-03T05,12025Z', '2016-09-03T051225.1Z', '2016-09-03T05:12:2\uff15Z'),
    ],
)
def test_what_is_not_a_date_stays_as_it_was_sent(text: str) -> None:
    assert moment(text) is text


@few
@given(st.text(alphabet='0123456789-:TtZz+. W', max_size=30))
def test_any_text_is_a_date_or_stays_text(text: str) -> None:
    found = moment(text)
    if found is not text:
        assert re.fullmatch(r'\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?', text)
    found = day(text)
    assert found is text or (type(found) is Date and found.isoformat() == text)


# ---------------------------------------------------------------------- headers

TOKEN = st.text(alphabet="abcXYZ0189!#$%&'*+-.^_`|~", min_size=1, max_size=10)
VALUE = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@few
@given(st.dictionaries(TOKEN, VALUE, max_size=6), TOKEN)
def test_headers_are_a_mapping_without_case(sent: dict[str, str], other: str) -> None:
    """RFC 9110 section 5.1."""
    headers, plain = Headers(sent), {name.lower(): value for name, value in sent.items()}
    for name in [*sent, other]:
        for spelled in (name, name.upper(), name.lower(), name.swapcase()):
            assert headers.get(spelled) == plain.get(spelled.lower())
            assert (spelled in headers) == (spelled.lower() in plain)
    assert {name.lower(): value for name, value in headers.items()} == plain
    assert len(headers) == len(plain)


@few
@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2060, 1, 1)))
def test_dates_of_http_in_all_three_formats(when: datetime) -> None:
    """RFC 9110 section 5.6.7."""
    when = when.replace(microsecond=0, tzinfo=UTC)
    assert http_date(format_datetime(when, usegmt=True)) == when.timestamp()
    assert http_date(when.strftime('%a %b %e %H:%M:%S %Y')) == when.timestamp()
    if 1980 <= when.year <= 2050:
        assert http_date(when.strftime('%A, %d-%b-%y %H:%M:%S GMT')) == when.timestamp()


HEADER = App.create(
    {
        'openapi': '3.1.0',
        'servers': [{'url': 'https://a.example'}],
        'paths': {'/': {'get': {'operationId': 'a', 'parameters': [_parameter('header', 'X-A')]}}},
    }
).op['a']


@few
@given(st.text(max_size=20))
def test_a_header_is_sent_as_it_is_or_refused(text: str) -> None:
    try:
        sent = HEADER(**{'X-A': text})[0].headers()['X-A']
    except CallError:
        assert re.search('[^\x20-\x7e]', text)
    else:
        assert sent == text.strip(' ')
        assert re.fullmatch('[\x20-\x7e]*', sent)


# ---------------------------------------------------------------------- JSON

BIG = st.integers(-(10**40), 10**40)


@pytest.mark.parametrize('is_fast', [True, False])
@few
@given(st.lists(JSON | BIG | st.dictionaries(TEXT, BIG, max_size=2), max_size=3), st.sampled_from(['', ' ', '\n']))
def test_json_is_read_the_same_with_orjson_and_without(is_fast: bool, value: Any, space: str) -> None:
    """Every digit of an integer, whatever its length, is kept."""
    text = json.dumps(value, separators=(f'{space},', f':{space}'))
    with pytest.MonkeyPatch.context() as patch:
        if not is_fast:
            patch.setattr(decode_module, '_fast', lambda: None)
        found = decode_module.decode(text.encode())
    assert repr(found) == repr(json.loads(text))


@pytest.mark.parametrize('is_fast', [True, False])
@pytest.mark.parametrize('power', [53, 63, 64])
def test_integers_at_the_limits_of_64_bits(is_fast: bool, power: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """orjson reads -2^63 to 2^64 - 1, and makes floats of others."""
    if not is_fast:
        monkeypatch.setattr(decode_module, '_fast', lambda: None)
    for sign in (1, -1):
        for number in range(sign * 2**power - 2, sign * 2**power + 3):
            assert repr(decode_module.decode(b'{"a": [%d]}' % number)) == repr({'a': [number]})
    for number in (10**18, 10**19 - 1, 10**19):
        assert repr(decode_module.decode(b'[%d,-%d]' % (number, number))) == repr([number, -number])

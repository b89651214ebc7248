"""A client from a plain mapping: what it names is found and made, or told with the entry's name."""

import logging
from pathlib import Path
from typing import Any

import pytest

from esipy.cache import FileCache
from esipy.exceptions import ConfigError, EsiError
from esipy.plugins import Plugin
from esipy.service import ServiceClient, json_decoder, json_encoder


class Marker(Plugin):
    def __init__(self, mark: str = 'none', logger: Any = None) -> None:
        self.mark = mark
        self.logger = logger


HERE = f'{__name__}.Marker'
USERS = {'get_users': {'path': '/user'}}


def test_everything_by_name(tmp_path: Path) -> None:
    (tmp_path / 'spec.json').write_text('{"get_users": {"path": "/user"}}')
    with ServiceClient.from_config(
        {
            'name': 'users',
            'spec_loader': {'type': 'esipy.service.json_loader', 'filename': str(tmp_path / 'spec.json')},
            'base_path': 'http://127.0.0.1',
            'parser': 'esipy.service.json_decoder',
            'serializer': 'esipy.service:json_encoder',
            'plugins': [HERE, {'type': HERE, 'mark': 'second', 'logger': 'marks'}, Marker('ready')],
            'cache': {'type': 'esipy.cache.FileCache', 'path': str(tmp_path / 'cache')},
            'logger': 'told',
            'config': {'pool_size': 7},
            'retry_requests': True,
        }
    ) as service:
        assert service.name == 'users'
        assert list(service.op) == ['get_users']
        assert (service.parser, service.serializer) == (json_decoder, json_encoder)
        assert [plugin.mark for plugin in service.plugins] == ['none', 'second', 'ready']  # type: ignore[attr-defined]
        assert service.plugins[1].logger is logging.getLogger('marks')  # type: ignore[attr-defined]
        assert service.logger is logging.getLogger('told')
        assert isinstance(service.client.cache, FileCache)
        assert (service.client.pool_size, service.client.retry_requests) == (7, True)


def test_what_is_data_stays_data() -> None:
    with ServiceClient.from_config(
        {'spec': {'type': {'path': '/type'}, **USERS}, 'headers': {'type': 'a.b'}, 'plugins': None}
    ) as service:
        assert list(service.op) == ['type', 'get_users']
        assert service.client.headers['type'] == 'a.b'


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    'no such module': ({'parser': 'no.such.thing'}, "parser: 'no.such.thing' cannot be imported: No module named 'no'"),
    'no such name': ({'parser': 'esipy.service.json_decode'}, 'did you mean esipy.service.json_decoder?'),
    'no path': ({'serializer': 'json_encoder'}, "serializer: 'json_encoder' is not a dotted path"),
    'no identifier': ({'serializer': 'a..b'}, "serializer: 'a..b' cannot be imported"),
    'no such plugin': ({'plugins': ['esipy.plugins.Plugn']}, r'plugins\[0\]: .*did you mean esipy.plugins.Plugin?'),
    'no list': ({'plugins': HERE}, 'plugins: must be a list'),
    'a wrong argument': (
        {'plugins': [{'type': HERE, 'marc': 1}]},
        r"plugins\[0\]: .*Marker does not accept this: .*'marc'",
    ),
    'a value that cannot be': (
        {'plugins': [{'type': 'esipy.plugins.Pool', 'limit': 0}]},
        r'plugins\[0\]: esipy.plugins.Pool does not accept this: Pool: limit must be at least 1',
    ),
    'no such cache': ({'cache': {'type': 'esipy.cache.Cache'}}, 'cache: '),
    'a loader without its file': ({'spec_loader': 'esipy.service.json_loader'}, 'spec_loader: .*filename'),
}


@pytest.mark.parametrize('kind', WRONG)
def test_what_cannot_be_found_or_made(kind: str) -> None:
    config, reason = WRONG[kind]
    with pytest.raises(ConfigError, match=reason) as caught:
        ServiceClient.from_config({'spec': USERS, **config})
    assert isinstance(caught.value, EsiError)
    assert isinstance(caught.value, ValueError)


def test_an_unknown_entry() -> None:
    with pytest.raises(TypeError, match="unknown option 'parsr', did you mean 'parser'"):
        ServiceClient.from_config({'spec': USERS, 'parsr': 'esipy.service.json_decoder'})

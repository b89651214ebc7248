"""Private names of other libraries: each is there in the version that is installed, and is used in one file alone."""

from __future__ import annotations

import ast
import http.client
import io
import socket
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from urllib3 import response as urllib3_response

import esipy

PACKAGE = Path(esipy.__file__).parent


def _of_http_client() -> http.client.HTTPResponse:
    here, there = socket.socketpair()
    with here, there:
        return http.client.HTTPResponse(here)


#: File, library, an object of it, its private names.
NAMES: list[tuple[str, str, Any, tuple[str, ...]]] = [
    ('urllib3_internals', 'urllib3', urllib3.HTTPResponse(io.BytesIO()), ('_decoder',)),
    ('urllib3_internals', 'urllib3', urllib3_response.GzipDecoder(), ('_obj', '_state')),
    ('urllib3_internals', 'urllib3', urllib3_response.DeflateDecoder(), ('_obj',)),
    ('urllib3_internals', 'urllib3', urllib3_response.MultiDecoder('gzip, deflate'), ('_decoders',)),
    ('urllib3_internals', 'urllib3', urllib3.HTTPHeaderDict(), ('_container',)),
    ('http_client_internals', 'Python', _of_http_client(), ('_read_status', '_check_close', '_method')),
    ('requests_internals', 'requests', requests.Response(), ('_content', '_content_consumed', '_next')),
    ('requests_internals', 'requests', requests.PreparedRequest(), ('_cookies', '_body_position')),
    ('requests_internals', 'requests', requests.structures.CaseInsensitiveDict(), ('_store',)),
    ('requests_internals', 'Python', requests.Session().cookies, ('_cookies_lock',)),
]


@pytest.mark.parametrize(('file', 'library', 'thing', 'names'), NAMES)
def test_the_installed_version_has_it(file: str, library: str, thing: Any, names: tuple[str, ...]) -> None:
    missing = [f'{type(thing).__name__}.{name}' for name in names if not hasattr(thing, name)]
    installed = '' if library == 'Python' else version(library)
    assert missing == [], f'{library} {installed} lacks {", ".join(missing)}: see esipy/_http/{file}.py'


def test_the_states_of_the_gzip_decoder() -> None:
    states = urllib3_response.GzipDecoderState
    assert (states.OTHER_MEMBERS, states.SWALLOW_DATA) == (1, 2), 'see esipy/_http/urllib3_internals.py'


def test_each_is_used_in_one_file() -> None:
    """`self._decoder` may be an attribute of our own; of any other object, a private name is a library's."""
    home = {name: file for file, _, _, names in NAMES for name in names}
    for path in (PACKAGE / '_http').glob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            name, owner = '', None
            if isinstance(node, ast.Attribute):
                name, owner = node.attr, node.value
            elif isinstance(node, ast.Call) and getattr(node.func, 'id', '') in ('getattr', 'hasattr', 'setattr'):
                name = str(getattr(node.args[1], 'value', ''))
            if name in home and not (isinstance(owner, ast.Name) and owner.id == 'self'):
                assert path.stem == home[name], f'{path.name}:{node.lineno} uses {name}'  # type: ignore[attr-defined]

"""Where a description comes from: an address, a file, text, or what is a description already."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from esipy._documents.loaders import configuration_loader
from esipy._documents.parse import parse, read
from esipy._runtime.redact import masked_address
from esipy._runtime.suggest import abridged
from esipy._spec.reader import Reader
from esipy._spec.refs import shown
from esipy.exceptions import SpecError


def load(source: Any) -> Reader:
    """A Reader for any kind of source.

    Raises SpecError for what is not a description, APIException for an address that cannot be read.
    """
    if isinstance(source, Mapping):
        return read(source)
    if isinstance(source, (bytes, bytearray)):
        return read(parse(bytes(source)))
    if isinstance(source, os.PathLike):
        return _from_file(Path(source))
    if not isinstance(source, str):
        raise SpecError(f'not a description: {type(source).__name__}; give an address, a path, text, bytes or a dict')
    if '\n' in source or source.lstrip('\ufeff \t\r')[:1] in ('{', '<'):
        return read(parse(source))
    scheme = _SCHEME.match(source)
    kind = scheme[1].lower() if scheme else ''
    if kind in ('http', 'https'):
        from esipy._documents import fetch  # no other source needs a transport

        response = fetch.get(source)
        return read(parse(response.content, masked_address(source)), response.url)
    if kind == 'file':
        return _from_file(path_of(source))
    if kind:
        name = abridged(masked_address(source), 200)
        raise SpecError(f'{name}: descriptions are read by http, https and from files, not by {kind}')
    return _from_file(Path(source))


#: The scheme of an address. A single letter is a drive of Windows: `C:/api.json`.
_SCHEME = re.compile(r'(file(?=:)|[a-z][a-z0-9+.-]+(?=://)):', re.IGNORECASE)


def path_of(address: str, is_windows: bool = os.name == 'nt') -> Path:
    """The path that a `file:` address names (RFC 8089): `file:///dir/a.json`, `file:/dir/a.json`; on Windows
    `file:///C:/dir/a.json`, with `|` for the colon as well, and `file://server/share/a.json`.

    Raises SpecError for a file of another machine.
    """
    split = urlsplit(address)
    host, path = split.netloc, unquote(split.path)
    if is_windows:
        if re.fullmatch('[A-Za-z][:|]', host):  # a slash is missing in front of the drive
            host, path = '', f'/{host}{path}'
        path = re.sub('^/([A-Za-z])[:|]', r'\1:', path)
        if host.lower() not in ('', 'localhost'):
            return Path(f'//{host}{path}')
    elif host.lower() not in ('', 'localhost'):
        name, machine = abridged(masked_address(address), 200), shown(host.rpartition('@')[2])
        raise SpecError(f'{name}: this is a file on the machine {machine}; for a file on this machine write file:///…')
    return Path(path)


def _from_file(path: Path) -> Reader:
    return read(configuration_loader(path))

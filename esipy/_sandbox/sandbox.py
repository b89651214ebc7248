"""The sandbox as a program sees it: start it, point a client at it, break it, look at what it saw."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from esipy._documents.parse import parse, read
from esipy._runtime.redact import masked_address
from esipy._sandbox import redirect as _redirect
from esipy._sandbox import saved
from esipy._sandbox.answering import CONTROL, Answering, Settings
from esipy._sandbox.child import Child
from esipy._sandbox.control import Control, Desk, Front, Remote
from esipy._sandbox.documents import LIVE_PATH, OLD_PATH, pointing_at
from esipy._sandbox.errors import HandlerFailedError, SandboxError
from esipy._sandbox.limits.orders import Limits
from esipy._sandbox.listener import Listener, reachable
from esipy._sandbox.log import Log
from esipy._sandbox.loopback import is_loopback
from esipy._sandbox.orders import FaultOrders, SandboxClock
from esipy._sandbox.sso.orders import SSO
from esipy._sandbox.state import Data, Lists
from esipy._sandbox.world import Size
from esipy.exceptions import SpecError

#: Whose token it is if nobody says.
CHARACTER = 90000001


class Sandbox:
    """A local ESI, made from a description::

        with esipy.sandbox.Sandbox() as esi, esi.redirect():
            ...  # a program that talks to the official addresses

    `spec`: the description: a path, text, bytes, a dict, an App; 'live': the copy of ESI's own that
    `esipy.sandbox.save_spec()` has saved; None is the built-in one. `port`: 0 takes a free
    one. `seed`: another one gives other data. `records`, `page_size`: how long lists are and how much of them one
    answer holds. `strict_pages`: False answers a page beyond the last with an empty list instead of 404.
    `expires`: send `Expires` too. `server_cache`: numbered pages change only when what was shown of them expires.
    `limits`: refuse who asks too often, as ESI does; False: nobody; or other rules by name,
    {'market-order': {'tokens': 150, 'window': 5}}, see `esi.limits.set`. `process`: run in a process of its own.
    """

    def __init__(
        self,
        spec: Any = None,
        port: int = 0,
        *,
        host: str = '127.0.0.1',
        seed: int | str = 0,
        records: int = 430,
        page_size: int = 100,
        strict_pages: bool = True,
        expires: bool = False,
        server_cache: bool = False,
        limits: bool | Mapping[str, Mapping[str, Any]] = True,
        process: bool = False,
    ) -> None:
        self._document = load(spec)
        read(self._document)  # what is no description is told here, not when the first request comes
        self._wanted_port = port
        self._process = process
        self._options: dict[str, Any] = {
            'host': host,
            'seed': seed,
            'records': records,
            'page_size': page_size,
            'strict_pages': strict_pages,
            'expires': expires,
            'server_cache': server_cache,
            'limits': limits,
        }
        self._running: Listener | Child | None = None
        #: What is undone when the sandbox stops.
        self.on_stop = ExitStack()
        self._ask: Control = self._not_running
        self.clock = SandboxClock(self._control, shared=not process)
        self.faults = FaultOrders(self._control)
        self.limits = Limits(self._control)
        self.log = Log(self._control)
        self.lists = Lists(self._control)
        self.data = Data(self._control)
        self.sso = SSO(self._control, lambda: self.url)

    def _control(self, name: str, /, **arguments: Any) -> Any:
        return self._ask(name, **arguments)

    @staticmethod
    def _not_running(name: str, /, **arguments: Any) -> Any:
        raise SandboxError('the sandbox is not running; use it in a with block, or start() it')

    def start(self) -> Sandbox:
        """Begin to serve. A port that is in use is a SandboxError."""
        if self._running is not None:
            raise SandboxError('the sandbox is running already')
        if self._process:
            self._running = Child(self._document, {**self._options, 'port': self._wanted_port})
            self._ask = Remote(self.url)
        else:
            self._running, self._ask = self._listener()
        return self

    def _listener(self) -> tuple[Listener, Control]:
        options = self._options
        settings = Settings(
            seed=options['seed'],
            size=Size(options['records'], options['page_size']),
            strict_pages=options['strict_pages'],
            expires=options['expires'],
            server_cache=options['server_cache'],
            limits=options['limits'] is not False,
        )
        answering = Answering(read(self._document), settings)
        desk = Desk(answering)
        for name, rule in (options['limits'] if isinstance(options['limits'], Mapping) else {}).items():
            desk('limits.set', name=name, **rule)
        listener = Listener(Front(answering, desk), options['host'], self._wanted_port)
        return listener, desk

    def stop(self) -> None:
        """End all threads (or the process), give the port back, and take back what the clock was moved.

        Raises HandlerFailedError if the sandbox itself failed in a request.
        """
        running, self._running = self._running, None
        if running is None:
            return
        try:
            failures = self._failures()
        finally:
            if isinstance(self._ask, Remote):
                self._ask.close()
            self._ask = self._not_running
            self.on_stop.close()
            running.stop()
            self.clock.restore()
        if failures:
            raise HandlerFailedError(failures)

    def _failures(self) -> list[str]:
        try:
            return list(self._ask('failures'))
        except Exception as error:
            return [f'the process of the sandbox is gone: {error}'] if self._process else []

    @property
    def failures(self) -> list[str]:
        """Tracebacks of requests in which the sandbox itself failed; the client got a 500 with the reason."""
        return list(self._control('failures'))

    def forgive(self) -> None:
        """Forget the failures: the end of the `with` block then raises nothing."""
        self._control('failures.clear')

    def __enter__(self) -> Sandbox:
        return self if self.is_running else self.start()

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.stop()
        except HandlerFailedError as failed:
            if error is None:
                raise
            error.add_note(str(failed))  # the error of the block is what matters, and this may be its reason

    @property
    def is_running(self) -> bool:
        """Whether it listens."""
        return self._running is not None

    @property
    def port(self) -> int:
        """The port that it listens on. Raises SandboxError if it is not running."""
        if self._running is None:
            raise SandboxError('the sandbox is not running, and so has no port')
        return int(self._running.port)

    @property
    def url(self) -> str:
        """'http://127.0.0.1:40123', with nothing behind."""
        host = reachable(self._options['host'])
        return f'http://[{host}]:{self.port}' if ':' in host else f'http://{host}:{self.port}'

    @property
    def spec_url(self) -> str:
        """Where the description lies, unchanged, as on the real server: it names the official host."""
        return self.url + (OLD_PATH if str(self._document.get('swagger', '')) == '2.0' else LIVE_PATH)

    @property
    def document_url(self) -> str:
        """Where the description lies with the sandbox's own address in it."""
        return f'{self.url}{CONTROL}document.json'

    @property
    def document(self) -> dict[str, Any]:
        """The description with the sandbox's address in it: `App.create(esi.document)` needs no redirect."""
        return pointing_at(self._document, self.url)

    def redirect(self, hosts: Iterable[str] | None = None) -> AbstractContextManager[None]:
        """Inside the block, requests of this process for `hosts` come here instead.

        Args:
            hosts: Names without a port; None stands for the official hosts and the one that the description names.
        """
        if hosts is None:
            own = urlsplit(read(self._document).base_url).netloc
            hosts = _redirect.HOSTS if is_loopback(own) else {*_redirect.HOSTS, urlsplit(f'//{own}').hostname or ''}
        return _redirect.redirect(self.url, tuple(hosts))

    def token(
        self,
        character_id: int = CHARACTER,
        scopes: Iterable[str] | str | None = None,
        *,
        roles: Iterable[str] | None = None,
        lifetime: float | None = None,
        client_id: str = 'sandbox',
    ) -> str:
        """An access token, signed as the SSO signs them, that this sandbox takes for `lifetime` seconds (20 minutes).

        `scopes`, `roles`: None is all of them. `client_id`: the application that it is for.
        """
        return str(
            self._control(
                'token.issue',
                character_id=character_id,
                scopes=scopes if scopes is None or isinstance(scopes, str) else list(scopes),
                roles=None if roles is None else list(roles),
                lifetime=lifetime,
                client_id=client_id,
            )
        )

    def revoke(self, token: str | None = None) -> None:
        """Take a token back (with a refresh token, all that came of its login), or all of them."""
        self._control('token.revoke', token=token)

    def missing(self, operation: str | None = None, /, **params: Any) -> None:
        """Answer 404 where a request has these parameters; `id=` also stands for ids in a body.

        Ids below 1, and the id 404, never exist.
        """
        self._control('missing.add', operation=operation, params=params)

    def __repr__(self) -> str:
        if not self.is_running:
            return '<Sandbox, not running>'
        count = sum(1 for _ in read(self._document).places())
        return f'<Sandbox at {self.url}: {count} operations>'


def load(spec: Any) -> Mapping[str, Any]:
    """A description from whatever it was given as. Raises SpecError for what is none."""
    if isinstance(spec, str) and spec == 'live':
        spec = saved.path_of_copy()
    if spec is None:
        from esipy._sandbox.description import document

        return document()
    if isinstance(spec, Mapping):
        return spec
    raw = getattr(spec, 'raw', None)
    if isinstance(raw, Mapping):
        return raw
    if isinstance(spec, str) and (spec.lstrip()[:1] in ('{', '[') or '\n' in spec):
        return parse(spec)
    if isinstance(spec, (str, os.PathLike)):
        return _from_file(spec)
    if isinstance(spec, (bytes, bytearray)):
        return parse(bytes(spec))
    raise SpecError(f'a description is a path, text, bytes, a dict or an App, not {type(spec).__name__}')


def _from_file(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    name = masked_address(os.fspath(path))
    try:
        with open(path, 'rb') as file:
            content = file.read()
    except OSError as error:
        content, reason = None, error.strerror
    if content is None:  # outside, since the system's error has the name as it was given
        raise SpecError(f'{name}: {reason}')
    return parse(content, name)

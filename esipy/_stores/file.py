"""FileTokens: a token store in a file, shared by the processes of one machine."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from hashlib import sha256
from pathlib import Path

from esipy._runtime.lazy import missing_extra
from esipy._stores.base import LOCK_WAIT, Tokens, TokenStore
from esipy._stores.directory import locked, make_private, of_user, warn
from esipy._stores.record import VERSION, from_record, parsed, to_record
from esipy.exceptions import TokenStoreError

_Contents = dict[tuple[str, int], Tokens]

#: How the file is opened: a pipe in its place would never end, and a link lead elsewhere.
_READ = os.O_RDONLY | getattr(os, 'O_NOFOLLOW', 0) | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0)

#: No file of tokens is as large: some ten thousand characters fit.
_MAX_BYTES = 64 * 2**20


class FileTokens(TokenStore):
    """Stores tokens in a file that only its owner can read (mode 0600, in a directory of mode 0700).

    `path`: the file; by default `tokens.json` in the system's directory for the user's data. `wait`: seconds to wait
    for a lock. Needs the extra `tokens`.

    The file is replaced as a whole: if a process is killed or the disk is full, the old file stays. The tokens in it
    are not encrypted, as with the keys of ssh; `KeyringTokens` encrypts them. Empty lock files are beside it.

    A file that others can read is made private again, with a warning. A file that belongs to another user, or that is
    not a file of tokens, is an error, and is not changed.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, wait: float = LOCK_WAIT) -> None:
        try:
            import filelock  # noqa: F401
        except ImportError as error:
            raise missing_extra('this token store', 'filelock', 'tokens', error) from None
        # Links are resolved, so that the file is replaced and not the link.
        self.path = (of_user() / 'tokens.json' if path is None else Path(path).expanduser()).resolve()
        self.wait = wait

    def get(self, client_id: str, character_id: int) -> Tokens | None:
        with self._alone():
            return self._read().get((client_id, character_id))

    def set(self, tokens: Tokens) -> None:
        to_record(tokens)  # raises before anything is changed
        with self._alone():
            contents = self._read()
            contents[tokens.client_id, tokens.character_id] = tokens
            self._write(contents.values())

    def delete(self, client_id: str, character_id: int) -> None:
        with self._alone():
            contents = self._read()
            if contents.pop((client_id, character_id), None) is not None:
                self._write(contents.values())

    def characters(self, client_id: str) -> list[int]:
        with self._alone():
            return sorted(character for client, character in self._read() if client == client_id)

    def lock(self, client_id: str, character_id: int) -> AbstractContextManager[None]:
        make_private(self.path.parent)
        whose = sha256(f'{client_id}:{character_id}'.encode()).hexdigest()[:16]
        return locked(self._beside(f'{whose}.lock'), self.wait)

    def _alone(self) -> AbstractContextManager[None]:
        """Hold the lock while the file is read or written. Readers too, since Windows cannot replace an open file."""
        make_private(self.path.parent)
        return locked(self._beside('lock'), self.wait)

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(f'{self.path.name}.{ending}')

    def _read(self) -> _Contents:
        try:
            with open(os.open(self.path, _READ), 'rb') as file:
                self._check_file(file.fileno())
                text = file.read(_MAX_BYTES)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise TokenStoreError(f'{self.path}: cannot be read: {error.strerror}') from error
        contents = _tokens_in(text)
        if contents is None:
            raise TokenStoreError(
                f'{self.path}: this is not a file of tokens, it was written by a newer esipy, or it is damaged. '
                f'It was not changed: move it away, or pass another path to FileTokens'
            )
        return contents

    def _check_file(self, file: int) -> None:
        """Raise TokenStoreError for what is not a file of this user, and make it private."""
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            kind = 'Is a directory' if stat.S_ISDIR(found.st_mode) else 'it is not a regular file'
            raise TokenStoreError(f'{self.path}: cannot be read: {kind}')
        if found.st_size >= _MAX_BYTES:
            raise TokenStoreError(f'{self.path}: cannot be read: it is larger than a file of tokens can be')
        if os.name != 'posix':  # on Windows the user's own directory is private
            return
        if found.st_uid != os.geteuid():
            raise TokenStoreError(f'{self.path}: the file belongs to another user; pass another path to FileTokens')
        if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            os.fchmod(file, stat.S_IRUSR | stat.S_IWUSR)
            warn(f'{self.path}: other users could read these tokens until now; revoke them if somebody may have')

    def _write(self, contents: Iterable[Tokens]) -> None:
        """Replace the file as a whole, or not at all."""
        text = json.dumps({'version': VERSION, 'tokens': [to_record(tokens) for tokens in contents]}, indent=1)
        new = self._beside('new')  # a fixed name, so that the next process removes what a killed one has left
        try:
            new.unlink(missing_ok=True)
            # The file is private from the start, since it is created here with its mode, or not at all.
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'wb') as file:
                if os.name == 'posix':
                    os.fchmod(file.fileno(), 0o600)  # also under a umask that takes more away
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self.path)
            _settle(self.path.parent)
        except OSError as error:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise TokenStoreError(f'{self.path}: cannot be written: {error.strerror}') from error

    def __repr__(self) -> str:
        return f'<FileTokens in {self.path}>'


def _tokens_in(text: bytes) -> _Contents | None:
    """Return the tokens in the text of a file, None if it is not a file of tokens."""
    whole = parsed(text)
    if not isinstance(whole, dict) or whole.get('version') != VERSION or not isinstance(whole.get('tokens'), list):
        return None
    contents: _Contents = {}
    for record in whole['tokens']:
        tokens = from_record(record)
        if tokens is None:
            return None
        contents[tokens.client_id, tokens.character_id] = tokens
    return contents


def _settle(directory: Path) -> None:
    """Write the new name of a file to the disk (fsync(2): that of the file itself is not enough)."""
    if os.name != 'posix':
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

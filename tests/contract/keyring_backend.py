"""Backends of keyring's own interface (`keyring.backend.KeyringBackend`): the system's would ask a person."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError, PasswordSetError

#: What Windows takes: bytes in UTF-16.
LARGEST = 2560


class InFile(KeyringBackend):
    """Keeps passwords in a file, so that processes share them. As strict as the systems' own are."""

    priority = 0  # never chosen by itself

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)

    def _all(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.path.read_text()) if self.path.exists() else {}
        return found

    def _keep(self, found: dict[str, str]) -> None:
        new = self.path.with_suffix('.new')
        new.write_text(json.dumps(found))
        os.replace(new, self.path)

    def get_password(self, service: str, username: str) -> str | None:
        return self._all().get(f'{service}\0{username}')

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password.encode('utf-16-le')) > LARGEST:
            raise PasswordSetError(f'too long: {password}')
        self._keep({**self._all(), f'{service}\0{username}': password})

    def delete_password(self, service: str, username: str) -> None:
        found = self._all()
        if found.pop(f'{service}\0{username}', None) is None:
            raise PasswordDeleteError('not there')
        self._keep(found)

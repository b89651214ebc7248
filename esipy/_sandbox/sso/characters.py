"""The characters that the login page offers, and their owners."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

from esipy._sandbox.errors import SandboxError
from esipy._sandbox.world import World

#: The characters that are offered at first.
FIRST = (90000001, 90000002, 90000003, 90000004)


class OfferedCharacters:
    """Every id has a name and an owner; the login page offers some of them."""

    def __init__(self, seed: object, world: World) -> None:
        self._seed = seed
        self._world = world
        self._offered = dict.fromkeys(FIRST)
        self._sales: Counter[int] = Counter()
        self._lock = threading.Lock()

    def name(self, character_id: int) -> str:
        return self._world.names.of('character', character_id)

    def owner(self, character_id: int) -> str:
        """Return the owner hash, which changes with every sale."""
        text = f'{self._seed} {character_id} {self._sales[character_id]}'
        return base64.b64encode(hashlib.sha1(text.encode(), usedforsecurity=False).digest()).decode()

    def describe(self, character_id: int) -> dict[str, Any]:
        return {'id': character_id, 'name': self.name(character_id), 'owner': self.owner(character_id)}

    def offered(self) -> list[dict[str, Any]]:
        with self._lock:
            ids = list(self._offered)
        return [self.describe(character_id) for character_id in ids]

    def is_offered(self, character_id: int) -> bool:
        return character_id in self._offered

    def add(self, character_id: int, name: str | None = None) -> dict[str, Any]:
        character_id = _checked(character_id)
        with self._lock:
            self._offered[character_id] = None
            if name is not None:
                self._world.rename('character', character_id, name)
        return self.describe(character_id)

    def remove(self, character_id: int) -> None:
        with self._lock:
            if character_id not in self._offered:
                raise SandboxError(f'the login page does not offer {character_id}')
            del self._offered[character_id]

    def replace(self, character_ids: Iterable[int]) -> None:
        ids = [_checked(character_id) for character_id in character_ids]
        with self._lock:
            self._offered = dict.fromkeys(ids)

    def sell(self, character_id: int) -> str:
        """Give the character to another owner, and return the new owner hash."""
        with self._lock:
            self._sales[character_id] += 1
        return self.owner(character_id)


def _checked(character_id: Any) -> int:
    if isinstance(character_id, bool) or not isinstance(character_id, int) or character_id < 1:
        raise ValueError(f'{character_id!r} is not a character id')
    return character_id

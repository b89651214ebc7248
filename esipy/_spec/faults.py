"""What is wrong with a value, and what is known while it is checked."""

from __future__ import annotations

from typing import Any, NamedTuple

#: Faults of one value that suggest the closest name.
_MAX_HINTS = 20


class Faults(list[tuple[str, str]]):
    """Where a value stands, and what is wrong with it."""

    def __init__(self, *, of_response: bool = False, keeps_null: bool = False, takes_files: bool = False) -> None:
        super().__init__()
        #: The value was received: it need not have fields that are `writeOnly`, but those that are `readOnly`.
        self.of_response = of_response
        #: null means something for every field (JSON Merge Patch, RFC 7396).
        self.keeps_null = keeps_null
        #: The value is a form, whose fields may be files.
        self.takes_files = takes_files
        #: What became of objects and lists to which several schemas apply. With the value, so that its identity stays
        #: taken.
        self.attempts: dict[tuple[int, int, int, str], tuple[Any, Any, Faults]] = {}
        #: Schemas that are being tried, and where: one that leads back to itself says nothing more there.
        self.being_tried: set[tuple[int, str]] = set()

    @property
    def has_hints(self) -> bool:
        """Whether names are compared with those that are known: a server's are not misspelt, and after many faults the
        comparisons would take minutes."""
        return not self.of_response and len(self) < _MAX_HINTS

    def none_yet(self) -> Faults:
        """An empty list for another attempt at the same value."""
        other = Faults(of_response=self.of_response, keeps_null=self.keeps_null, takes_files=self.takes_files)
        other.attempts, other.being_tried = self.attempts, self.being_tried
        return other


class Upload(NamedTuple):
    """A file in a form, or a whole body of bytes."""

    content: bytes
    filename: str | None = None
    content_type: str | None = None

    def __repr__(self) -> str:
        return f'<{len(self.content)} bytes>'

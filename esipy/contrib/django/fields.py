"""A text column that is encrypted in the database where the site has keys."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldError
from django.db import models

from esipy.contrib.django import encryption


class EncryptedTextField(models.TextField):
    """A TextField whose values are encrypted when they are stored, and decrypted when they are read.

    In migrations it is a plain TextField: it has the same column.
    """

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, 'django.db.models.TextField', args, kwargs

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return None if value is None else encryption.decrypt(value)

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return encryption.encrypt(value) if isinstance(value, str) else value

    def value_to_string(self, obj: Any) -> Any:
        """What `dumpdata` writes: what the database holds, so that no token can be read in a file with rows."""
        value = self.value_from_object(obj)
        return encryption.encrypt(value) if isinstance(value, str) else value

    def to_python(self, value: Any) -> Any:
        """What `loaddata` reads: encrypted or not."""
        value = super().to_python(value)
        return encryption.decrypt(value) if isinstance(value, str) else value

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != 'isnull' and encryption.is_on():
            raise FieldError(
                f'{self.name} is encrypted (ESI_TOKEN_KEYS), so that rows cannot be looked up by its value; '
                f'{self.name}__isnull is possible'
            )
        return super().get_lookup(lookup_name)

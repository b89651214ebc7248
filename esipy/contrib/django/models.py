"""The models of the app ``esipy``: tables ``esipy_scope``, ``esipy_token``, ``esipy_callbackredirect``."""

from __future__ import annotations

from esipy.contrib.django.abstract import AbstractCallbackRedirect, AbstractScope, AbstractToken


class Scope(AbstractScope):
    class Meta(AbstractScope.Meta):
        db_table = 'esipy_scope'


class Token(AbstractToken):
    class Meta(AbstractToken.Meta):
        db_table = 'esipy_token'


class CallbackRedirect(AbstractCallbackRedirect):
    class Meta(AbstractCallbackRedirect.Meta):
        db_table = 'esipy_callbackredirect'

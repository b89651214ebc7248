"""The models of the label ``esi``, on the tables of django-esi: esi_scope, esi_token, esi_callbackredirect."""

from __future__ import annotations

from esipy.contrib.django.abstract import AbstractCallbackRedirect, AbstractScope, AbstractToken


class Scope(AbstractScope):
    class Meta(AbstractScope.Meta):
        app_label = 'esi'


class Token(AbstractToken):
    class Meta(AbstractToken.Meta):
        app_label = 'esi'


class CallbackRedirect(AbstractCallbackRedirect):
    class Meta(AbstractCallbackRedirect.Meta):
        app_label = 'esi'

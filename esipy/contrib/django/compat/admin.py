"""Registers the pages of `admin_pages` for the label ``esi``."""

from django.contrib import admin

from esipy.contrib.django.admin_pages import CallbackRedirectAdmin, ScopeAdmin, TokenAdmin
from esipy.contrib.django.compat.models import CallbackRedirect, Scope, Token

admin.site.register(Scope, ScopeAdmin)
admin.site.register(Token, TokenAdmin)
admin.site.register(CallbackRedirect, CallbackRedirectAdmin)

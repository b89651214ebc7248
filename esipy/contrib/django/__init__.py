"""EVE's single sign-on and ESI for Django sites: put ``'esipy.contrib.django'`` into ``INSTALLED_APPS``.

settings                         conf.py, checks.py
tokens, scopes, logins           abstract.py (shared with `compat`), models.py, querysets.py, managers.py
refreshing, asking the SSO       refresh.py, sso.py
tokens encrypted in the database encryption.py, fields.py
decorators and pages             decorators.py, login.py, views.py, templates/
"""

"""The settings of a site that was written for django-esi. One line differs from what it had then."""

import os

SECRET_KEY = 'only for this example'
INSTALLED_APPS = [
    'django.contrib.auth',
    'django.contrib.contenttypes',
    'django.contrib.sessions',
    'esipy.contrib.django.compat',  # was: 'esi'
    'fleet',
]
MIDDLEWARE = [
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
]
TEMPLATES = [{'BACKEND': 'django.template.backends.django.DjangoTemplates', 'APP_DIRS': True}]
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': os.environ.get('DATABASE', 'site.sqlite3')}}
CACHES = {'default': {'BACKEND': 'django.core.cache.backends.locmem.LocMemCache'}}
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
ROOT_URLCONF = 'urls'
ALLOWED_HOSTS = ['testserver']
USE_TZ = True

ESI_SSO_CLIENT_ID = 'sandbox'
ESI_SSO_CLIENT_SECRET = 'sandbox-secret'
ESI_SSO_CALLBACK_URL = 'http://testserver/sso/callback/'
ESI_USER_CONTACT_EMAIL = 'admin@example.com'

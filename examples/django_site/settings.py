"""Settings of the example. What esipy needs is at the end."""

import os
import secrets

PORT = os.environ.get('PORT', '8000')

SECRET_KEY = os.environ.get('SECRET_KEY') or secrets.token_hex()
ALLOWED_HOSTS = ['localhost']
ROOT_URLCONF = 'urls'
USE_TZ = True
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
LOGIN_URL = 'login'
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = 'wallets'

INSTALLED_APPS = [
    'django.contrib.admin',
    'django.contrib.auth',
    'django.contrib.contenttypes',
    'django.contrib.messages',
    'django.contrib.sessions',
    'esipy.contrib.django',
    'wallets',
]
MIDDLEWARE = [
    'django.middleware.security.SecurityMiddleware',
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.middleware.common.CommonMiddleware',
    'django.middleware.csrf.CsrfViewMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
    'django.contrib.messages.middleware.MessageMiddleware',
    'django.middleware.clickjacking.XFrameOptionsMiddleware',
]
TEMPLATES = [
    {
        'BACKEND': 'django.template.backends.django.DjangoTemplates',
        'APP_DIRS': True,
        'OPTIONS': {
            'context_processors': [
                'django.template.context_processors.request',
                'django.contrib.auth.context_processors.auth',
                'django.contrib.messages.context_processors.messages',
            ]
        },
    }
]
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': os.environ['DATABASE']}}

# Tasks run at once, in the process that asks for them, unless there is a Redis for a worker to listen at.
REDIS = os.environ.get('REDIS')
CELERY_TASK_ALWAYS_EAGER = REDIS is None
CELERY_BROKER_URL = f'{REDIS}/0' if REDIS else None
if REDIS:
    CACHES = {'default': {'BACKEND': 'django.core.cache.backends.redis.RedisCache', 'LOCATION': f'{REDIS}/1'}}

# ---------------------------------------------------------------------- for esipy

ESI_SSO_CLIENT_ID = os.environ['CLIENT_ID']
ESI_SSO_CLIENT_SECRET = os.environ['SECRET']
ESI_SSO_CALLBACK_URL = f'http://localhost:{PORT}/sso/callback/'
ESI_USER_CONTACT_EMAIL = 'admin@example.com'
ESI_USER_AGENT = 'esipy-django-example/1.0'

if 'ESI' in os.environ:  # the local one
    ESI_API_URL = os.environ['ESI']
    ESI_SSO_BASE_URL = f'{os.environ["ESI"]}/v2/oauth'

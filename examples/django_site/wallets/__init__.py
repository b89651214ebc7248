"""An app that keeps the wallets of characters. It is the Celery app as well: ``celery -A wallets worker``."""

import os

from celery import Celery

os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'settings')

app = Celery('wallets')
app.config_from_object('django.conf:settings', namespace='CELERY')
app.autodiscover_tasks()
app.conf.beat_schedule = {
    'the wallets': {'task': 'wallets.tasks.refresh_wallets', 'schedule': 600.0},
    'tokens that are too old': {'task': 'esi.tasks.cleanup_token_subset', 'schedule': 3600.0},
    'logins that were not finished': {'task': 'esi.tasks.cleanup_callbackredirect', 'schedule': 14400.0},
}

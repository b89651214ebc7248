"""Nothing to do: 0001_initial makes the tables as they are after this migration of django-esi."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [('esi', '0008_nullable_refresh_token')]

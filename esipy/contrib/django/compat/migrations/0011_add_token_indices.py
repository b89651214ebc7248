"""Nothing to do: 0001_initial makes the tables as they are after this migration of django-esi."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [('esi', '0010_set_new_tokens_to_sso_v2')]

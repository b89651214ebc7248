import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [('esi', '0012_fix_token_type_choices')]
    operations = [
        migrations.CreateModel(
            name='Pilot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                (
                    'token',
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to='esi.token'),
                ),
            ],
        ),
    ]

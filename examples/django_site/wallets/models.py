"""What the site keeps."""

from django.db import models


class Wallet(models.Model):
    """The balance of a character, as it was last seen. It goes with the token that it was read with."""

    token = models.OneToOneField('esipy.Token', on_delete=models.CASCADE)
    isk = models.DecimalField(max_digits=20, decimal_places=2)
    seen = models.DateTimeField(auto_now=True)

"""Pilots, each with the token of django-esi that reads their wallet."""

from django.db import models
from esi.models import Token


class Pilot(models.Model):
    name = models.CharField(max_length=100)
    token = models.ForeignKey(Token, on_delete=models.SET_NULL, null=True)

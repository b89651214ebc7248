"""A drop-in for django-esi: the app ``esi``, on its tables."""

#: The release of django-esi whose names this package has.
__version__ = '10.0.0'
__url__ = 'https://gitlab.com/allianceauth/django-esi'

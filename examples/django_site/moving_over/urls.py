"""The addresses of the site."""

import esi.urls
from django.urls import include, path
from fleet import views

urlpatterns = [
    path('sso/', include((esi.urls, 'esi'), namespace='esi')),
    path('add/', views.add_pilot),
    path('pilots/', views.pilots),
]

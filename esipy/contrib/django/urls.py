"""The address that the SSO sends people back to: ``path('sso/', include('esipy.contrib.django.urls'))``.

Its name is ``esi:callback``, and ``ESI_SSO_CALLBACK_URL`` is its whole address.
"""

from django.urls import path

from esipy.contrib.django import views

app_name = 'esi'

urlpatterns = [
    path('callback/', views.receive_callback, name='callback'),
]

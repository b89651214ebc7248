"""The addresses of the site."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from wallets import views

urlpatterns = [
    path('', views.show_wallets, name='wallets'),
    path('characters/', views.show_characters, name='characters'),
    path('characters/add/', views.add_character, name='add'),
    path('refresh/', views.refresh, name='refresh'),
    path('one/', views.show_one, name='one'),
    path('login/', views.log_in, name='login'),
    path('logout/', LogoutView.as_view(), name='logout'),
    path('sso/', include('esipy.contrib.django.urls')),
    path('admin/', admin.site.urls),
]

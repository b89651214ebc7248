"""A site that has forgotten the page that the SSO sends people back to."""

urlpatterns: list[object] = []

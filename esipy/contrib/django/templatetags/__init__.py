"""Filters for a site's own templates."""

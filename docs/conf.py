"""How Sphinx builds the pages: `make docs`. It needs no network, and treats every warning as an error (-W)."""

import django
from django.conf import settings
from esipy._version import __version__

# The models of a Django app can be read only in a site that is set up.
settings.configure(
    INSTALLED_APPS=[
        'django.contrib.auth',
        'django.contrib.contenttypes',
        'esipy.contrib.django',
    ]
)
django.setup()

project = 'esipy'
author = 'the esipy authors'
copyright = f'2026, {author}'
version = release = __version__

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.viewcode']
myst_enable_extensions = ['colon_fence', 'deflist']
myst_heading_anchors = 3  # so that pages can link to each other's sections

default_role = 'code'  # `name` in a docstring
smartquotes = False  # quotes in code must survive copying

autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'
autodoc_default_options = {'members': True, 'show-inheritance': True}
add_module_names = False

html_theme = 'furo'
html_title = f'esipy {__version__}'
html_show_sphinx = False
html_static_path = ['_static']
html_css_files = ['pages.css']

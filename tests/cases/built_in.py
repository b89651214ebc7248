"""What the tests know of the sandbox's built-in description, read from the description itself."""

from esipy._sandbox.description import document

#: How many operations it has.
OPERATIONS = sum(len(item) for item in document()['paths'].values())

"""From an API description to operations: no network, no clock, nothing of HTTP.

`reader` tells what kind of document it is, `swagger2` and `openapi3` alone know the words of their format,
`model` is what both become, `table` finds an operation by name, `coerce` checks and converts values.
"""

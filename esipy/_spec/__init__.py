"""From an API description to operations: no network, no clock, nothing of HTTP.

`reader` finds out the kind of document; `swagger2` and `openapi3` alone know the field names of their format,
`model` is what both become, `table` finds an operation by name, `coerce` checks and converts values.
"""

"""No secret comes out of esipy, whatever fails: planted ones are looked for in all that a failure leaves behind.

The SSO and the API of these tests repeat whatever they receive, in bodies, headers and addresses. Each test fails when
something that guards secrets is taken out; those that hold only one thing say which. That the search finds what it
should is `test_the_search_finds`, which plants a leak in every place that is searched.
"""

"""One call's two sides, without any I/O: `request` and `serialize` on the way out, `response` and `rows` back."""

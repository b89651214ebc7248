"""The rate limits and the error limit of ESI. A program uses them through `Limits` (`esi.limits`)."""

"""What every other package may use: no knowledge of calls, descriptions or tokens."""

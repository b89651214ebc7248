"""Signing in: tokens and what they say, what the SSO publishes, how it is asked."""

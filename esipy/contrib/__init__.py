"""Integrations with other frameworks, each used only by programs that have the framework."""

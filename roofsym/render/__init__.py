"""Expressions, derivations and reports as text, LaTeX, Markdown and HTML."""

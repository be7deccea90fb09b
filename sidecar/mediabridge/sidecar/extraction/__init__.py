"""Extraction: what a file says about itself. Knows no HTTP."""

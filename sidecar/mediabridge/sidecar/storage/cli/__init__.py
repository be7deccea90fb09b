"""The content store from the shell."""

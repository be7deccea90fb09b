"""Runs, listens nowhere."""

from serving import forever

forever()

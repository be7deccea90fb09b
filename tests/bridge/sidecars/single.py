"""Healthy, and nothing else."""

from serving import forever, serve

serve()
forever()

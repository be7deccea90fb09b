"""HTTP routes: parse, call a domain, serialise."""

"""`mediabridge extract`: files read in place, on the pool, without a server."""

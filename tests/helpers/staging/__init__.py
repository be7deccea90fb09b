"""A raw client, a scripted raw upstream, and real servers with a proxy between them."""

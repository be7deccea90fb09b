"""What a file says of its own origin, and who vouches for it. For the child process: it reads untrusted files."""

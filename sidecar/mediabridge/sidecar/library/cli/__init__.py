"""`mediabridge library …`: the media library from the shell, without a server. A new word is a row of `WORDS`."""

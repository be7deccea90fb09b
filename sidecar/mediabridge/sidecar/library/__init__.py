"""The media library: what is known of many files together."""

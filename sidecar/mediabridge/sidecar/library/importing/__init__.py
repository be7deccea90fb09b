"""Import: files of folders and uploads become rows of the library. Read `job.py` first."""

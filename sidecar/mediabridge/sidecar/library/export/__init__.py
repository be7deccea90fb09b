"""Export: copies of the library's files in one ordered folder, dates and tags written into the copies alone.

Read `job.py` first. Originals are opened for reading (`originals.py`); nothing here knows HTTP or a setting.
"""

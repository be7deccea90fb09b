"""Measurements of pixels, each with a picture to look at where it has one. For the child process; numpy and Pillow.

They show where to look; none of them says that a picture was manipulated.
"""

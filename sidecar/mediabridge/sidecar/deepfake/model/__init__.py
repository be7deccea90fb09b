"""The operator's own model: learnt from labelled files, calibrated, explained exactly, silent until earned."""

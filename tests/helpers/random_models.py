"""Models made of random numbers, for properties that must hold for every model."""

from __future__ import annotations

import numpy as np

from mediabridge.sidecar.deepfake.model import features
from mediabridge.sidecar.deepfake.model.document import Model


def random_model(seed: int, reach: float = 1.0) -> Model:
    random = np.random.default_rng(seed)
    count = len(features.names())
    low = random.normal(0, 10, count)
    axes = np.linalg.qr(random.normal(size=(count, 5)))[0].T
    return Model(
        feature_version=features.VERSION,
        names=features.names(),
        low=low,
        high=low + random.exponential(10 ** random.uniform(-3, 3), count),
        centre=low + random.normal(0, 3, count),
        scale=10 ** random.uniform(-4, 3, count),
        weights=random.normal(0, 10 ** random.uniform(-3, 1), count),
        bias=random.normal(),
        slope=random.uniform(0.1, 3),
        offset=random.normal(),
        draws=random.normal(0, 0.5, (20, count + 1)),
        axes=axes,
        spread=random.exponential(1, 5) + 0.1,
        rest=1.0,
        reach=reach,
        threshold_low=0.3,
        threshold_high=0.8,
        trained={"real": 100, "fake": 100, "at": "2026-06-01T12:00:00.000Z", "cvAuc": 0.9, "strength": 0.01},
    )

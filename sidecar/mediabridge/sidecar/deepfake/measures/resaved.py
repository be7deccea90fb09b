"""Double quantisation: was this JPEG saved at a coarser quality before? See `analysis/quantisation.py`."""

from __future__ import annotations

from mediabridge.sidecar.analysis import quantisation
from mediabridge.sidecar.analysis.model import NotApplicable, Subject
from mediabridge.sidecar.deepfake.evidence import Evidence, without_result

ID = "double_quantisation"
CAVEAT = (
    "Saving twice is what messengers, web sites and every editor do; it is no sign of a change. An earlier save that "
    "was finer, or before a change of size, leaves no trace."
)


def measure(subject: Subject) -> Evidence:
    """The earlier save's quality, and how plain its trace is."""
    try:
        facts = quantisation.examine(subject).facts
    except NotApplicable as reason:
        return without_result(ID, "measurement", "not_applicable", str(reason), quantisation.METHOD, CAVEAT)
    value = {name: facts.get(name) for name in ("quality", "qualityExact", "encoding", "subsampling", "earlierSave")}
    if facts.get("whyNoCompressions"):
        why = str(facts["whyNoCompressions"])
        return Evidence(
            ID, "measurement", "not_applicable", f"Not applicable: {why}.", quantisation.METHOD, CAVEAT, value=value
        )
    earlier = facts["earlierSave"]
    if earlier is None:
        words = f"No trace of an earlier, coarser save than the last one (quality about {facts['quality']})."
        return Evidence(ID, "measurement", "none", words, quantisation.METHOD, CAVEAT, value=value)
    words = f"It was saved at about quality {earlier['quality']} before it was saved at about {facts['quality']}."
    return Evidence(ID, "measurement", "found", words, quantisation.METHOD, CAVEAT, "neutral", "weak", value)

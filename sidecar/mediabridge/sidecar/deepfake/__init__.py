"""What speaks for and against a picture or a clip being authentic, without ever claiming either. Knows no HTTP.

Read `verdict.py` first; `analyst.py` is what others call.
"""

from .evidence import Evidence, Picture
from .scoring import NoModel, Score, Scorer
from .steps import DEPTHS, Depth
from .verdict import WORDS, Verdict, decide

__all__ = ["DEPTHS", "WORDS", "Depth", "Evidence", "NoModel", "Picture", "Score", "Scorer", "Verdict", "decide"]

"""Whether and when a child that ended is started again. Pure; the clock and the dice are arguments."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .status import ExitStatus


class Policy(StrEnum):
    """When an unasked end leads to another start."""

    NEVER = "never"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class RestartRules:
    """Exponential backoff with jitter, and the crash-loop limit.

    The n-th failure in a row waits `base_s * factor**(n-1)`, at most `cap_s`, times a random part between
    `1 - jitter` and 1. More than `limit` failures in a row give up; a child that was ready for `forgive_s` seconds
    starts the count afresh, so that one crash a day never adds up.
    """

    policy: Policy = Policy.ON_FAILURE
    base_s: float = 0.25
    factor: float = 2.0
    cap_s: float = 30.0
    jitter: float = 0.25
    limit: int = 8
    forgive_s: float = 60.0

    def wants(self, exit_status: ExitStatus | None) -> bool:
        """Whether the policy restarts after this end; `None` = it was replaced because it did not answer."""
        if self.policy is Policy.ALWAYS:
            return True
        return self.policy is Policy.ON_FAILURE and (exit_status is None or not exit_status.ok)

    def delay_s(self, failures: int, dice: float) -> float:
        """Seconds to wait before the restart after `failures` >= 1 failures in a row; `dice` lies in [0, 1)."""
        full = min(self.cap_s, self.base_s * self.factor ** min(failures - 1, 64))
        return full * (1 - self.jitter * dice)

"""How fast to go on, by what the endpoint has answered: fast down, slow up.

A refusal (429) says that we are too fast, or it says nothing: some endpoints refuse a share of the
calls however slow we are. What tells them apart is whether going slower helps. So a cut is taken
back if the share of refusals is as it was, and that share is then borne. After a cut that helped,
the rate climbs quickly to just below what was refused and slowly past it.

There are two valves, one for requests and one for tokens; units are requests or tokens, a second.
"""

import math
from dataclasses import dataclass, replace

# Of the share of refusals that is by chance: what a window may exceed it, in standard deviations.
DEVIATIONS = 2.5
SHARE_FLOOR = 0.02
# A cut goes right below what the endpoint took while it refused the rest. Where nothing was taken,
# or nothing sent for some of the time, what it took tells little.
BELOW_ACCEPTED = 0.97
HALF = 0.5
# Growth a window: near the rate that was refused last, and elsewhere.
STEP_NEAR, STEP_FAR = 0.01, 0.1
NEAR = 0.1
# Below this much of the rate being used nothing is learnt about it.
USED = 0.7
# An endpoint that refuses more than this is overrun, whatever a cut has shown.
BORNE_MAX = 0.6


@dataclass(frozen=True, slots=True)
class Window:
    """What happened in some seconds: units that were accepted, answers, refusals among them.

    `held`: those of the seconds in which nothing was sent, as the endpoint had asked.
    """

    seconds: float
    accepted: float
    answers: int
    refused: int
    held: float = 0.0


@dataclass(frozen=True, slots=True)
class Valve:
    """`rate` None: no limit is known. `borne`: the share of refusals that no pace avoids.
    `ceiling`: the rate that was refused last. `before`: rate and share before the latest cut."""

    rate: float | None = None
    borne: float = 0.0
    ceiling: float | None = None
    before: tuple[float, float] | None = None

    def adjusted(self, window: Window, *, cap: float | None, floor: float) -> "Valve":
        """The valve for what follows. `cap`: the most that is allowed, None if unknown; `floor`:
        so fast it asks however often it is refused, or it would never learn better."""
        if not window.answers or window.seconds <= 0:
            return self
        share = window.refused / window.answers
        if share > self.borne + _chance(self.borne, window.answers):
            return self._cut(window, share, floor)._capped(cap)
        return self._grown(window, share)._capped(cap)

    def _cut(self, window: Window, share: float, floor: float) -> "Valve":
        offered = _offered(window, share, self.rate)
        if self.before is not None and self._was_in_vain(self.before, share, window.answers):
            rate, share_before = self.before
            return replace(self, rate=rate, borne=(share + share_before) / 2, before=None)
        accepted = window.accepted / window.seconds / (1 - self.borne)
        rate = accepted * BELOW_ACCEPTED
        is_measured = window.accepted > 0 and window.held == 0
        if not is_measured:
            rate = max(rate, offered * HALF)
        current = self.rate if self.rate is not None else offered
        return Valve(
            rate=max(min(rate, current), floor),
            borne=self.borne,
            ceiling=accepted if is_measured else None,
            before=(current, share),
        )

    def _was_in_vain(self, before: tuple[float, float], share: float, answers: int) -> bool:
        rate, share_before = before
        alike = abs(share - share_before) <= _chance(share_before, answers)
        return alike and self.rate is not None and self.rate < 0.95 * rate and share <= BORNE_MAX

    def _grown(self, window: Window, share: float) -> "Valve":
        borne = self.borne if share >= self.borne else 0.95 * self.borne + 0.05 * share
        rate = self.rate
        if rate is not None and _offered(window, share, rate) >= USED * rate:
            near = self.ceiling is not None and abs(rate / self.ceiling - 1) <= NEAR
            rate *= 1 + (STEP_NEAR if near else STEP_FAR)
        return replace(self, rate=rate, borne=borne, before=None)

    def _capped(self, cap: float | None) -> "Valve":
        if cap is None:
            return self
        return replace(self, rate=cap if self.rate is None else min(self.rate, cap))


def _offered(window: Window, share: float, rate: float | None) -> float:
    """What was sent, refusals included; they are as large as what was accepted."""
    active = max(window.seconds - window.held, 0.1)
    if share < 1:
        return window.accepted / (1 - share) / active
    return rate if rate is not None else window.answers / active


def _chance(share: float, answers: int) -> float:
    """How far a share may be off in so many answers."""
    spread = max(share * (1 - share), SHARE_FLOOR / 2)
    return SHARE_FLOOR + DEVIATIONS * math.sqrt(spread / answers)

"""How fast to go on, by what the endpoint has answered: fast down, slow up.

A refusal (429) says that we are too fast, or it says nothing: some endpoints refuse a share of the
calls however slow we are. What tells them apart is whether going slower helps. So a cut is taken
back if nearly as many are refused after it, and that share is then borne; now and then, and ever
more rarely, another cut looks whether that is still so. After a cut that helped, the rate climbs
slowly to what was refused, and faster once that is not refused any more.

There are two valves, one for requests and one for tokens; units are requests or tokens, a second.
"""

import math
from dataclasses import dataclass, replace

# What the share of refusals in a window may exceed what is borne, in standard deviations.
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
# A smaller share than the first cannot be told from none, and is not worth it; an endpoint that
# refuses more than the second is overrun, whatever a cut has shown.
BORNE_MIN, BORNE_MAX = 0.06, 0.5
# How far the share may have fallen by chance after a cut in vain, in standard deviations, and at
# most by this factor. Endpoints that are overrun and refuse by chance as well are found in two
# cuts.
ALIKE_DEVIATIONS = 2.0
ALIKE = 0.5
WORSE = 0.25  # a share that rose by so much after a cut was not by chance either
# Windows until it is looked again whether what is borne has to be: the first time, and at most.
LOOK_FIRST, LOOK_MAX = 5, 40


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

    @property
    def share(self) -> float:
        return self.refused / self.answers


@dataclass(frozen=True, slots=True)
class Valve:
    """`rate` None: no limit is known. `ceiling`: the rate that was refused last, until it is not.
    `before`: rate and share of refusals before the latest cut. `borne`: the share that no pace
    avoids, as `proofs` cuts in vain have shown, the last of them `windows` ago."""

    rate: float | None = None
    ceiling: float | None = None
    before: tuple[float, float] | None = None
    borne: float = 0.0
    proofs: int = 0
    windows: int = 0

    def adjusted(self, window: Window, *, cap: float | None, floor: float) -> "Valve":
        """The valve for what follows. `cap`: the most that is allowed, None if unknown; `floor`:
        so fast it asks however often it is refused, or it would never learn better."""
        if not window.answers or window.seconds <= 0:
            return self._capped(cap)
        if self.before is not None and self.rate is not None:
            rate, share = self.before
            if self._was_in_vain(window, rate, share):
                return self._bearing(rate, (share + window.share) / 2)._capped(cap)
        is_refused = window.held > 0 or window.share > self.borne + _chance(
            self.borne, window.answers
        )
        is_to_look = self.proofs > 0 and self.windows >= min(
            LOOK_FIRST << (self.proofs - 1), LOOK_MAX
        )
        if is_refused:
            return self._cut(window, floor, borne=self.borne)._capped(cap)
        if is_to_look and self.before is None and window.refused:
            return self._cut(window, floor, borne=0)._capped(cap)
        return self._grown(window)._capped(cap)

    def _was_in_vain(self, window: Window, rate_before: float, share_before: float) -> bool:
        """Whether about as many are refused as before."""
        return (
            window.held == 0  # so many in a row are not by chance
            and share_before >= BORNE_MIN
            and _alike(share_before, window.answers)
            <= window.share
            <= min(share_before + WORSE, BORNE_MAX)
            and self.rate is not None
            and self.rate < 0.95 * rate_before
        )

    def _bearing(self, rate: float, share: float) -> "Valve":
        return Valve(rate, borne=share, proofs=min(self.proofs + 1, 10))

    def _cut(self, window: Window, floor: float, *, borne: float) -> "Valve":
        current = self.rate if self.rate is not None else self._offered(window)
        accepted = window.accepted / window.seconds / (1 - borne)
        rate = accepted * BELOW_ACCEPTED
        is_measured = window.accepted > 0 and window.held == 0
        if not is_measured:
            rate = max(rate, current * HALF)
        return replace(
            self,
            rate=max(min(rate, current), floor),
            ceiling=accepted if is_measured else None,
            before=(current, window.share),
        )

    def _grown(self, window: Window) -> "Valve":
        rate, ceiling = self.rate, self.ceiling
        borne = self.borne
        if self.before is not None:  # the cut helped
            borne = min(borne, window.share)
        if rate is not None and self._offered(window) >= USED * rate:
            if ceiling is not None and rate > ceiling:
                ceiling = None
            near = ceiling is not None and rate >= (1 - NEAR) * ceiling
            rate *= 1 + (STEP_NEAR if near else STEP_FAR)
        return Valve(
            rate,
            ceiling,
            borne=borne,
            proofs=self.proofs,
            windows=0 if self.before is not None else self.windows + 1,
        )

    def _offered(self, window: Window) -> float:
        """What was sent, refusals included; they are as large as what was accepted."""
        active = max(window.seconds - window.held, 0.1)
        if window.share < 1:
            return window.accepted / (1 - window.share) / active
        return self.rate if self.rate is not None else window.answers / active

    def _capped(self, cap: float | None) -> "Valve":
        if cap is None:
            return self
        return replace(self, rate=cap if self.rate is None else min(self.rate, cap))


def _alike(share: float, answers: int) -> float:
    """From where on a share is as good as this one."""
    return max(ALIKE * share, share - ALIKE_DEVIATIONS * math.sqrt(share * (1 - share) / answers))


def _chance(share: float, answers: int) -> float:
    """How far a share may be off in so many answers."""
    spread = max(share * (1 - share), SHARE_FLOOR / 2)
    return SHARE_FLOOR + DEVIATIONS * math.sqrt(spread / answers)

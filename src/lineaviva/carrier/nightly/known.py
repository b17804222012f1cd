"""The cases that a worker has met on a day: what one part of the lines has, the next one is likely to have, too."""

from __future__ import annotations

from datetime import date

from lineaviva.carrier.nightly.batches import Row, Scene, cases_of
from lineaviva.carrier.nightly.statements import Sweep

# So many of a part's first rows are looked at before anything is known; more cases than that are not carried along.
SAMPLE = 1000
MOST = 500


class Known:
    """Finding all cases of a part reads each of its rows once more: they are guessed; a batch says if it has others."""

    def __init__(self) -> None:
        self._cases: dict[tuple[str, date], dict[Row, None]] = {}

    def guessed(self, scene: Scene, sweep: Sweep) -> list[Row]:
        """Cases of what is due, most likely all of them; none where nothing is due and nothing is known."""
        known = self._of(scene, sweep)
        if not known:
            known.update(dict.fromkeys(cases_of(scene, sweep, SAMPLE)))
        if not 0 < len(known) < MOST:  # nothing is due, or only the first rows are not whole; or there are too many
            return self.found(scene, sweep)
        return list(known)

    def found(self, scene: Scene, sweep: Sweep) -> list[Row]:
        """All cases of what is due."""
        cases = cases_of(scene, sweep)
        self._of(scene, sweep).update(dict.fromkeys(cases))
        return cases

    def _of(self, scene: Scene, sweep: Sweep) -> dict[Row, None]:
        return self._cases.setdefault((sweep.name, scene.day), {})

"""Where a comparison says what it found."""

from sqlalchemy.ext.asyncio import AsyncSession

from db.repositories.audit_runs import EXAMPLES_MAX, Finding, Progress, Tally


class Report:
    """Counts; whoever needs more than that, a metric or a row, overrides `add` or `save`."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.progress = progress or Progress()

    def add(self, finding: Finding, example: str, *, repaired: bool) -> None:
        """`example`: the object's key, or the document's id."""
        tally = self.progress.findings.setdefault(finding, Tally())
        tally.found += 1
        tally.repaired += repaired
        if len(tally.examples) < EXAMPLES_MAX:
            tally.examples.append(example)

    async def save(self, session: AsyncSession) -> None:
        """Called in every transaction that repairs something, and at the end of every page."""

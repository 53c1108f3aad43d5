"""The API's lists, one class each. Arguments are named as the API names them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sluice.errors import SluiceError
from sluice.models import (
    Attempt,
    Cancelled,
    Dataset,
    Document,
    Failures,
    Job,
    Removal,
    Retried,
    SearchResult,
    Usage,
)
from sluice.transport import Api

ORDERS_MAX = 1_000  # repetitions of an order to many jobs, each of which works for seconds


class AmbiguousName(SluiceError):
    """Several datasets have this name; an id names one."""

    code = "ambiguous_name"


class DatasetMissing(SluiceError):
    """No dataset has this name."""

    code = "dataset_not_found"


class AsyncDatasets:
    def __init__(self, api: Api) -> None:
        self._api = api

    async def create(
        self,
        name: str,
        *,
        chunking: Mapping[str, Any] | None = None,
        priority: int = 0,
    ) -> Dataset:
        """A new one, whatever others are called."""
        body: dict[str, Any] = {"name": name, "priority": priority}
        if chunking is not None:
            body["chunking"] = dict(chunking)
        answer = await self._api.call("POST", "/datasets", dict, body=body, once=True)
        return await self.get(str(answer["dataset"]["id"]))

    async def get(self, dataset_id: str) -> Dataset:
        return await self._api.call("GET", f"/datasets/{dataset_id}", Dataset)

    def list(self) -> AsyncIterator[Dataset]:
        """All, newest first."""
        return self._api.all("/datasets", Dataset)

    async def find(self, name_or_id: str) -> Dataset:
        """
        Raises:
            DatasetMissing: there is none of that name.
            AmbiguousName: there are several.
        """
        if _is_id(name_or_id):
            return await self.get(name_or_id)
        found = [dataset async for dataset in self.list() if dataset.name == name_or_id]
        if not found:
            raise DatasetMissing(f"there is no dataset {name_or_id!r}")
        if len(found) > 1:
            ids = ", ".join(dataset.id for dataset in found)
            raise AmbiguousName(
                f"{len(found)} datasets are called {name_or_id!r}; give an id: {ids}"
            )
        return found[0]

    async def update(
        self,
        dataset_id: str,
        *,
        name: str | None = None,
        priority: int | None = None,
        paused: bool | None = None,
        chunking: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """What is left out stays as it is."""
        given = {"name": name, "priority": priority, "paused": paused, "chunking": chunking}
        body = {field: value for field, value in given.items() if value is not None}
        return await self._api.call("PATCH", f"/datasets/{dataset_id}", Dataset, body=body)

    async def delete(self, dataset_id: str) -> None:
        """It is out of every answer at once."""
        await self._api.call("DELETE", f"/datasets/{dataset_id}", type(None))

    async def cancel(self, dataset_id: str) -> Cancelled:
        """All its unfinished jobs."""
        path = f"/datasets/{dataset_id}/cancel"
        return await self._api.call("POST", path, Cancelled, once=True)


class AsyncDocuments:
    def __init__(self, api: Api) -> None:
        self._api = api

    def list(self, dataset_id: str) -> AsyncIterator[Document]:
        """All, newest first."""
        return self._api.all(f"/datasets/{dataset_id}/documents", Document)

    async def get(self, dataset_id: str, document_id: str) -> Document:
        path = f"/datasets/{dataset_id}/documents/{document_id}"
        return await self._api.call("GET", path, Document)

    async def update(
        self, dataset_id: str, document_id: str, *, metadata: Mapping[str, Any]
    ) -> Document:
        """All of its metadata anew."""
        path = f"/datasets/{dataset_id}/documents/{document_id}"
        return await self._api.call("PATCH", path, Document, body={"metadata": dict(metadata)})

    async def delete(self, dataset_id: str, document_id: str) -> Removal:
        """It is out of search at once; the job removes object and vectors."""
        path = f"/datasets/{dataset_id}/documents/{document_id}"
        return await self._api.call("DELETE", path, Removal)


class AsyncJobs:
    def __init__(self, api: Api) -> None:
        self._api = api

    def list(
        self,
        *,
        dataset_id: str | None = None,
        document_id: str | None = None,
        status: str | None = None,
        error_code: str | None = None,
        stage: str | None = None,
        fingerprint: str | None = None,
    ) -> AsyncIterator[Job]:
        """Newest first. What is given narrows together."""
        params = {
            "dataset_id": dataset_id,
            "document_id": document_id,
            "status": status,
            "error_code": error_code,
            "stage": stage,
            "fingerprint": fingerprint,
        }
        return self._api.all("/jobs", Job, params=params)

    async def get(self, task_id: str) -> Job:
        return await self._api.call("GET", f"/jobs/{task_id}", Job)

    def attempts(self, task_id: str) -> AsyncIterator[Attempt]:
        """The latest first."""
        return self._api.all(f"/jobs/{task_id}/attempts", Attempt)

    async def retry(self, task_id: str) -> Job:
        return await self._api.call("POST", f"/jobs/{task_id}/retry", Job, once=True)

    async def cancel(self, task_id: str) -> Job:
        return await self._api.call("POST", f"/jobs/{task_id}/cancel", Job, once=True)

    async def failures(self, *, dataset_id: str | None = None) -> Failures:
        """What there is to mend, by kind."""
        params = {"dataset_id": dataset_id, "limit": 200}
        return await self._api.call("GET", "/jobs/failures", Failures, params=params)

    async def retry_all(
        self,
        *,
        wanted: Mapping[str, Any] | None = None,
        everything: bool = False,
        per_minute: int | None = None,
        dry_run: bool = False,
    ) -> Retried:
        """All failed jobs that match the filter `wanted`, or, only if `everything` says so, all of
        the tenant. Sent until none is left."""
        body = _order(wanted, everything, dry_run)
        if per_minute is not None:
            body["per_minute"] = per_minute
        total = Retried(dry_run, 0, 0, 0, 0, None)
        for _ in range(ORDERS_MAX):
            done = await self._api.call("POST", "/jobs/retry", Retried, body=body, once=True)
            total = Retried(
                dry_run,
                total.matched + done.matched,
                total.retried + done.retried,
                total.skipped + done.skipped,
                done.remaining,
                done.last_due_at or total.last_due_at,
            )
            if not done.remaining or not done.retried:
                break
            if per_minute is not None and done.last_due_at is not None:
                body["begin_at"] = done.last_due_at.isoformat()
        return total

    async def cancel_all(
        self,
        *,
        wanted: Mapping[str, Any] | None = None,
        everything: bool = False,
        dry_run: bool = False,
    ) -> Cancelled:
        """All unfinished jobs that match the filter `wanted`, or, only if `everything` says so,
        all of the tenant. Sent until none is left."""
        body, cancelled = _order(wanted, everything, dry_run), 0
        for _ in range(ORDERS_MAX):
            done = await self._api.call("POST", "/jobs/cancel", Cancelled, body=body, once=True)
            cancelled += done.cancelled
            if not done.remaining or not done.cancelled:
                break
        return Cancelled(dry_run, cancelled, done.remaining)


async def search(
    api: Api, query: str, datasets: Sequence[str] | None, options: Mapping[str, Any]
) -> SearchResult:
    """In one dataset, in several, or with None in all."""
    body = {"query": query, **{name: value for name, value in options.items() if value is not None}}
    if datasets is not None and len(datasets) == 1:
        return await api.call("POST", f"/datasets/{datasets[0]}/search", SearchResult, body=body)
    if datasets is not None:
        body["dataset_ids"] = list(datasets)
    return await api.call("POST", "/search", SearchResult, body=body)


async def usage(
    api: Api,
    *,
    group_by: Sequence[str],
    first_day: date | None,
    last_day: date | None,
    dataset_id: str | None,
) -> Usage:
    params = {
        "group_by": list(group_by) or None,
        "first_day": None if first_day is None else first_day.isoformat(),
        "last_day": None if last_day is None else last_day.isoformat(),
        "dataset_id": dataset_id,
        "limit": 200,
    }
    return await api.call("GET", "/usage", Usage, params=params)


def _order(wanted: Mapping[str, Any] | None, everything: bool, dry_run: bool) -> dict[str, Any]:
    given = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in (wanted or {}).items()
        if value is not None
    }
    body: dict[str, Any] = {"dry_run": dry_run}
    if given:
        body["filter"] = given
    if everything:
        body["all"] = True
    return body


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False

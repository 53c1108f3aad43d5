"""The blocking client: the methods of `AsyncClient`, one by one."""

from typing import Self

from sluice.async_client import AsyncClient, PathLike
from sluice.blocking import Facade, LoopThread, blocking, blocking_iterator
from sluice.configuration import Configuration
from sluice.resources import AsyncDatasets, AsyncDocuments, AsyncJobs
from sluice.retrying import Retries
from sluice.transport import REQUEST_SECONDS


class Datasets(Facade[AsyncDatasets]):
    create = blocking(AsyncDatasets.create)
    get = blocking(AsyncDatasets.get)
    list = blocking_iterator(AsyncDatasets.list)
    find = blocking(AsyncDatasets.find)
    update = blocking(AsyncDatasets.update)
    delete = blocking(AsyncDatasets.delete)
    cancel = blocking(AsyncDatasets.cancel)


class Documents(Facade[AsyncDocuments]):
    list = blocking_iterator(AsyncDocuments.list)
    get = blocking(AsyncDocuments.get)
    update = blocking(AsyncDocuments.update)
    delete = blocking(AsyncDocuments.delete)


class Jobs(Facade[AsyncJobs]):
    list = blocking_iterator(AsyncJobs.list)
    get = blocking(AsyncJobs.get)
    attempts = blocking_iterator(AsyncJobs.attempts)
    retry = blocking(AsyncJobs.retry)
    cancel = blocking(AsyncJobs.cancel)
    failures = blocking(AsyncJobs.failures)
    retry_all = blocking(AsyncJobs.retry_all)
    cancel_all = blocking(AsyncJobs.cancel_all)


class Client(Facade[AsyncClient]):
    """Takes what `AsyncClient` takes. Use it as a context manager, or call `close`."""

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        profile: str | None = None,
        timeout_seconds: float = REQUEST_SECONDS,
        retries: Retries | None = None,
        memory: PathLike | None = None,
    ) -> None:
        inner = AsyncClient(
            url,
            key,
            profile=profile,
            timeout_seconds=timeout_seconds,
            retries=retries,
            memory=memory,
        )
        super().__init__(LoopThread(), inner)
        self.configuration: Configuration = self._inner.configuration
        self.datasets = Datasets(self._thread, self._inner.datasets)
        self.documents = Documents(self._thread, self._inner.documents)
        self.jobs = Jobs(self._thread, self._inner.jobs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._thread.run(self._inner.aclose())
        self._thread.close()

    tenant = blocking(AsyncClient.tenant)
    upload = blocking(AsyncClient.upload)
    upload_files = blocking(AsyncClient.upload_files)
    search = blocking(AsyncClient.search)
    usage = blocking(AsyncClient.usage)
    wait = blocking(AsyncClient.wait)
    events = blocking_iterator(AsyncClient.events)

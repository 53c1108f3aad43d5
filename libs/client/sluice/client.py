"""The blocking client: the methods of `AsyncClient`, one by one."""

from typing import Any, Self

from sluice.async_client import AsyncClient
from sluice.blocking import Facade, LoopThread, blocking, blocking_iterator
from sluice.configuration import Configuration
from sluice.resources import AsyncDatasets, AsyncDocuments, AsyncJobs


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

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(LoopThread(), AsyncClient(*arguments, **options))
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

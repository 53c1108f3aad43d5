"""The other end of the object store: what clients put there."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bucket:
    client: Any  # botocore builds its clients at run time; they have no static type
    name: str
    endpoint_url: str

    async def create(self) -> None:
        await self.client.create_bucket(Bucket=self.name)

    async def put(self, key: str, body: bytes = b"hello") -> str:
        """The ETag of what was put."""
        answer = await self.client.put_object(Bucket=self.name, Key=key, Body=body)
        return str(answer["ETag"]).strip('"')

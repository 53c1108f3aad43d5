"""What all writes to the object store share."""

from pathlib import Path

from cloudflare_standin.conditions import Conditions
from cloudflare_standin.exchange import USER_METADATA, Exchange
from cloudflare_standin.s3_errors import BadGateway
from cloudflare_standin.s3_xml import XML_BYTES_MAX
from cloudflare_standin.spool import receive, spool_file
from cloudflare_standin.upstream import ObjectState, Upstream

_FORWARDED = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-md5",
        "content-type",
        "expires",
        "x-amz-metadata-directive",
    }
)


async def check_conditions(upstream: Upstream, exchange: Exchange, conditions: Conditions) -> None:
    """Raise PreconditionFailed. Hold the object while this and the write run."""
    if conditions:
        target = exchange.target
        conditions.check(await upstream.state(target.bucket, target.key))


async def written_state(upstream: Upstream, exchange: Exchange) -> ObjectState:
    """The object as it is after our write."""
    state = await upstream.state(exchange.target.bucket, exchange.target.key)
    if state is None:
        raise BadGateway("The local object store lost what it has just written")
    return state


async def small_body(exchange: Exchange, folder: Path) -> bytes:
    with spool_file(folder) as file:
        body = await receive(
            exchange.request.content,
            file,
            content_length=exchange.request.content_length,
            payload_hash=exchange.payload_hash,
            bytes_max=XML_BYTES_MAX,
        )
        return body.read()


def described(exchange: Exchange) -> dict[str, str]:
    """The headers that say what an object is."""
    return {
        name: value
        for name, value in exchange.wire.headers
        if name in _FORWARDED or name.startswith(USER_METADATA)
    }

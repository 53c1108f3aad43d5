"""The servers that the other tests rely on: up, isolated, and able to fail on command."""

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from stack.backends import Backends
from stack.ports import LOOPBACK
from support.buckets import store_client


async def test_every_server_answers_under_its_public_name(environment: dict[str, str]) -> None:
    database = await asyncpg.connect(environment["DATABASE_URL"])
    tables = await database.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await database.close()
    async with store_client(environment) as store:
        listing = await store.list_objects_v2(Bucket=environment["R2_BUCKET"])

    assert tables > 1
    assert listing["Name"] == environment["R2_BUCKET"]


async def test_a_bucket_of_a_tests_own_is_empty_and_writable(
    servers: Backends, bucket: str
) -> None:
    direct = f"http://{LOOPBACK}:{servers.ports.objects}"
    async with store_client(servers.environment(), endpoint_url=direct) as store:
        await store.put_object(Bucket=bucket, Key="a b/ü.txt", Body=b"text")
        listing = await store.list_objects_v2(Bucket=bucket)

    assert [item["Key"] for item in listing["Contents"]] == ["a b/ü.txt"]


async def test_valkey_keeps_what_it_acknowledged_when_it_is_killed(
    servers: Backends, redis_url: str
) -> None:
    async with Redis.from_url(redis_url) as redis:
        await redis.set("kept", "yes")
        await redis.waitaof(1, 0, 2000)
    servers.kill("valkey")
    with pytest.raises(RedisError):
        async with Redis.from_url(redis_url) as redis:
            await redis.ping()

    servers.start("valkey")

    async with Redis.from_url(redis_url) as redis:
        assert await redis.get("kept") == b"yes"


async def test_postgres_keeps_what_it_committed_when_it_is_killed(
    servers: Backends, empty_database_url: str
) -> None:
    database = await asyncpg.connect(empty_database_url)
    await database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    servers.kill("postgres")
    await database.close(timeout=1)

    servers.start("postgres")

    database = await asyncpg.connect(empty_database_url)
    assert await database.fetchval("SELECT answer FROM kept") == 42
    await database.close()

"""The way to Postgres: one engine a process, one transaction a use."""

from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

Sessions = async_sessionmaker[AsyncSession]

CONNECT_SECONDS = 10
COMMAND_SECONDS = 60  # no statement of ours takes longer on purpose


def async_url(database_url: str) -> URL:
    """`DATABASE_URL` as everybody writes it (`postgres://`, `postgresql://`), for asyncpg."""
    url = make_url(database_url.replace("postgres://", "postgresql://", 1))
    query = dict(url.query)
    if "sslmode" in query:  # libpq's name, which managed databases print; asyncpg's is `ssl`
        query["ssl"] = query.pop("sslmode")
    query.pop("channel_binding", None)  # libpq's alone
    return url.set(drivername="postgresql+asyncpg", query=query)


def create_engine(
    database_url: str, *, pool_size: int, application_name: str, prepared_statements: bool = True
) -> AsyncEngine:
    """An engine whose pool never grows past `pool_size`.

    `prepared_statements=False` is for transaction poolers such as PgBouncer, which hand a session
    to another client between two statements.
    """
    arguments: dict[str, object] = {
        "timeout": CONNECT_SECONDS,
        "command_timeout": COMMAND_SECONDS,
        "server_settings": {
            "application_name": application_name,
            "lock_timeout": "10s",
            # Nothing is awaited in a transaction but Postgres. A process that is frozen in one
            # holds rows that others pass by until this ends it: with the lease, within a minute.
            "idle_in_transaction_session_timeout": "20s",
            # Plans of a five-statement transaction are not worth compiling.
            "jit": "off",
        },
    }
    if not prepared_statements:
        arguments["statement_cache_size"] = 0
        arguments["prepared_statement_cache_size"] = 0
    engine = create_async_engine(
        async_url(database_url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
        pool_recycle=1800,
        pool_pre_ping=True,
        hide_parameters=True,  # an error's text reaches the log; what clients sent must not
        connect_args=arguments,
    )
    event.listen(engine.sync_engine, "do_connect", _connect)
    return engine


def _connect(dialect: Any, _: object, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """As the dialect does it, in SQLAlchemy's own words also when nobody is there.

    It wraps what the server says and lets through what the socket does: a refused connection
    would look like any OSError, and be taken for the fault of the document at hand.
    """
    try:
        return dialect.connect(*arguments, **named)
    except OSError as error:
        raise OperationalError("connect", None, error, hide_parameters=True) from error


def session_factory(engine: AsyncEngine) -> Sessions:
    return async_sessionmaker(engine, expire_on_commit=False)

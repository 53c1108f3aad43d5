"""A server that cannot be reached is known as such."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from db.engine import create_engine
from db.errors import is_away
from stack.ports import LOOPBACK, free_ports


async def test_a_refused_connection_is_the_databases_outage_and_not_any_error() -> None:
    [port] = free_ports(1)
    url = f"postgresql://user:secret@{LOOPBACK}:{port}/none"
    engine = create_engine(url, pool_size=1, application_name="tests")

    with pytest.raises(OperationalError) as caught:
        async with engine.connect() as connection:
            await connection.execute(text("select 1"))

    assert is_away(caught.value)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert "secret" not in str(caught.value)

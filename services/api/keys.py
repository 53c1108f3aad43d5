"""`python -m api.keys`: API keys are made, listed and revoked where the database is, not over HTTP.

    python -m api.keys create --tenant acme --name backend --role read_only
    python -m api.keys create --tenant acme --name console --role operator
    python -m api.keys ensure --tenant acme --key-env SLUICE_API_KEY
    python -m api.keys list
    python -m api.keys revoke 0199…

`create` prints the key, this once. `ensure` makes a key exist whose text is already known. An
`admin` may do everything in its tenant, an `operator` also sees what belongs to the deployment.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from uuid import UUID

from api.auth import KEY_FORMAT, SHOWN_CHARS, hash_of, new_key
from db.engine import Sessions, create_engine, session_factory
from db.errors import is_away
from db.models import Role
from db.repositories.tenants import TenantRepository
from pipeline.settings import DatabaseSettings, read_settings


class KeyRefused(Exception):
    """What was asked for cannot be done; the message says why."""


async def create(sessions: Sessions, *, tenant: str, name: str, role: Role) -> str:
    """A new key of the tenant, which is made if there is none of that name."""
    key = new_key()
    async with sessions.begin() as session:
        tenants = TenantRepository(session)
        await tenants.add_key(
            await tenants.ensure_tenant(tenant),
            name=name,
            role=role,
            prefix=key[:SHOWN_CHARS],
            key_hash=hash_of(key),
        )
    return key


async def ensure(sessions: Sessions, *, tenant: str, name: str, role: Role, key: str) -> bool:
    """Make this very key valid for the tenant, with this role; whether it had to be made.

    Raises:
        KeyRefused: it is malformed, was revoked, or is another tenant's.
    """
    if KEY_FORMAT.fullmatch(key) is None:
        raise KeyRefused("A key is 'sluice_' followed by 40 letters, digits, - or _.")
    async with sessions.begin() as session:
        tenants = TenantRepository(session)
        tenant_id = await tenants.ensure_tenant(tenant)
        added = await tenants.add_key(
            tenant_id, name=name, role=role, prefix=key[:SHOWN_CHARS], key_hash=hash_of(key)
        )
        if added is not None:
            return True
        holder = await tenants.holder(hash_of(key))
        if holder is not None and holder.tenant_id == tenant_id and holder.role is not role:
            await tenants.set_role(holder.api_key_id, role)
    if holder is None:
        raise KeyRefused("This key was revoked; make another one.")
    if holder.tenant_id != tenant_id:
        raise KeyRefused("This key belongs to another tenant.")
    return False


async def revoke(sessions: Sessions, *, key_id: UUID) -> None:
    """
    Raises:
        KeyRefused: there is no such key.
    """
    async with sessions.begin() as session:
        if not await TenantRepository(session).revoke(key_id):
            raise KeyRefused(f"There is no key {key_id}; 'list' shows them all.")


async def table(sessions: Sessions) -> list[str]:
    """One line a key."""
    async with sessions() as session:
        rows = await TenantRepository(session).keys()
    return [
        f"{row.api_key_id}  {row.prefix}…  {row.tenant}  {row.name}  {row.role}  "
        + ("active" if row.revoked_at is None else f"revoked {row.revoked_at:%Y-%m-%d %H:%M} UTC")
        for row in rows
    ]


def _name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise argparse.ArgumentTypeError("a name has 1 to 200 printable characters")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m api.keys", description="API keys")
    commands = parser.add_subparsers(dest="command", required=True)
    creating = commands.add_parser("create", help="make a key and print it, this once")
    ensuring = commands.add_parser("ensure", help="make a key exist whose text is known")
    for command, default_name in ((creating, None), (ensuring, "ensured")):
        command.add_argument("--tenant", type=_name, required=True)
        command.add_argument(
            "--name", type=_name, required=default_name is None, default=default_name
        )
        command.add_argument("--role", type=Role, choices=list(Role), default=Role.ADMIN)
    ensuring.add_argument("--key-env", required=True, help="the variable that holds the key")
    commands.add_parser("list", help="show all keys, not their text")
    revoking = commands.add_parser("revoke", help="make a key worthless, within seconds")
    revoking.add_argument("key_id", type=UUID)
    return parser


async def _run(arguments: argparse.Namespace, settings: DatabaseSettings) -> list[str]:
    engine = create_engine(
        settings.database_url.get_secret_value(),
        pool_size=1,
        application_name="sluice-keys",
        prepared_statements=settings.database_prepared_statements,
    )
    sessions = session_factory(engine)
    try:
        match arguments.command:
            case "create":
                return [
                    await create(
                        sessions, tenant=arguments.tenant, name=arguments.name, role=arguments.role
                    )
                ]
            case "ensure":
                made = await ensure(
                    sessions,
                    tenant=arguments.tenant,
                    name=arguments.name,
                    role=arguments.role,
                    key=os.environ.get(arguments.key_env, ""),
                )
                return ["The key was made." if made else "The key was there already."]
            case "revoke":
                await revoke(sessions, key_id=arguments.key_id)
                return ["The key was revoked."]
            case _:
                return await table(sessions)
    finally:
        await engine.dispose()


def main(argv: Sequence[str] | None = None) -> None:
    arguments = _parser().parse_args(argv)
    settings = read_settings(DatabaseSettings)
    try:
        lines = asyncio.run(_run(arguments, settings))
    except KeyRefused as refused:
        sys.exit(str(refused))
    except Exception as error:
        if not is_away(error):
            raise
        sys.exit(f"The database does not answer ({type(error).__name__}). Is DATABASE_URL right?")
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()

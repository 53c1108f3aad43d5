"""events are numbered after their commit; jobs say how long they may still take

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NUMBERED = "number is not null"
INDEXES = {
    "uq_events_number": (["number"], NUMBERED),
    "ix_events_unnumbered": (["id"], "number is null"),
    "ix_events_tenant_id_number": (["tenant_id", "number"], NUMBERED),
    "ix_events_dataset_id_number": (["dataset_id", "number"], NUMBERED),
}


def upgrade() -> None:
    # The block at the end commits what stands before it, and may fail; the next run begins again.
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("events")}
    if "number" not in present:
        # Rows that are there are numbered with the others, in the order of their ids.
        op.add_column("events", sa.Column("number", sa.BigInteger(), nullable=True))
        op.add_column("jobs", sa.Column("seconds_left", sa.BigInteger(), nullable=True))
        op.execute(sa.schema.CreateSequence(sa.Sequence("event_numbers")))
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        op.execute("set statement_timeout = 0")
        for name, (columns, where) in INDEXES.items():
            # A build that was interrupted leaves an index that nothing uses.
            op.drop_index(name, postgresql_concurrently=True, if_exists=True)
            op.create_index(
                name,
                "events",
                columns,
                unique=name.startswith("uq_"),
                postgresql_concurrently=True,
                postgresql_where=sa.text(where),
            )
        # Nothing reads by it.
        op.drop_index("ix_events_dataset_id_id", postgresql_concurrently=True, if_exists=True)
        op.execute("reset lock_timeout")
        op.execute("reset statement_timeout")


def downgrade() -> None:
    op.create_index("ix_events_dataset_id_id", "events", ["dataset_id", "id"])
    for name in INDEXES:
        op.drop_index(name, table_name="events")
    op.execute(sa.schema.DropSequence(sa.Sequence("event_numbers")))
    op.drop_column("jobs", "seconds_left")
    op.drop_column("events", "number")

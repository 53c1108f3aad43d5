"""documents carry metadata of the client's, datasets the languages of their text; a query may
go to several datasets

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INDEX = "ix_documents_metadata"


def upgrade() -> None:
    # The block at the end commits what stands before it, and may fail; the next run begins again.
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("documents")}
    if "metadata" not in present:
        # Constant defaults are not written to the rows: the tables are locked for a moment only.
        for table, column, empty in (
            ("documents", "metadata", "'{}'::jsonb"),
            ("datasets", "languages", "'[]'::jsonb"),
        ):
            op.add_column(
                table,
                sa.Column(
                    column, postgresql.JSONB(), server_default=sa.text(empty), nullable=False
                ),
            )
        op.alter_column("usage", "dataset_id", nullable=True)
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        op.execute("set statement_timeout = 0")
        # A build that was interrupted leaves an index that nothing uses.
        op.drop_index(INDEX, postgresql_concurrently=True, if_exists=True)
        op.create_index(
            INDEX,
            "documents",
            ["metadata"],
            postgresql_concurrently=True,
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
        )
        op.execute("reset lock_timeout")
        op.execute("reset statement_timeout")


def downgrade() -> None:
    op.execute("delete from usage where dataset_id is null")
    op.alter_column("usage", "dataset_id", nullable=False)
    op.drop_index(INDEX, table_name="documents")
    op.drop_column("documents", "metadata")
    op.drop_column("datasets", "languages")

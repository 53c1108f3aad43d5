"""embedded texts have a second place, for when the document that paid for them is removed

Revision: 0009
Follows: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLE = "embedded_texts"
INDEX = "ix_embedded_texts_other_document_id"
COLUMNS = {
    "other_dataset_id": sa.Uuid(),
    "other_document_id": sa.Uuid(),
    "other_generation": sa.BigInteger(),
    "other_ordinal": sa.BigInteger(),
}


def upgrade() -> None:
    # The block at the end commits what stands before it, and may fail; the next run begins again.
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(TABLE)}
    for name, kind in COLUMNS.items():
        if name not in present:
            op.add_column(TABLE, sa.Column(name, kind, nullable=True))
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        op.execute("set statement_timeout = 0")
        # A build that was interrupted leaves an index that nothing uses.
        op.drop_index(INDEX, postgresql_concurrently=True, if_exists=True)
        op.create_index(
            INDEX,
            TABLE,
            ["other_document_id"],
            postgresql_concurrently=True,
            postgresql_where=sa.text("other_document_id is not null"),
        )
        op.execute("reset lock_timeout")
        op.execute("reset statement_timeout")


def downgrade() -> None:
    op.drop_index(INDEX, table_name=TABLE)
    for name in reversed(COLUMNS):
        op.drop_column(TABLE, name)

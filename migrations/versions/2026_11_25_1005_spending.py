"""usage tells what was reused and saved; where the vectors of a tenant's texts stand

Revision: 0005
Follows: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Constant defaults are not written to the rows: the table is locked for a moment only.
    for name in ("tokens_counted", "texts_reused", "tokens_saved"):
        op.add_column("usage", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("usage", sa.Column("cost_saved", sa.Numeric(18, 9), nullable=True))
    op.create_table(
        "embedded_texts",
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_embedded_texts")),
    )
    op.create_index("ix_embedded_texts_document_id", "embedded_texts", ["document_id"])


def downgrade() -> None:
    op.drop_table("embedded_texts")
    for name in ("cost_saved", "tokens_saved", "texts_reused", "tokens_counted"):
        op.drop_column("usage", name)

"""documents know in which image space their pictures have vectors, and how many

Revision: 0010
Follows: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is not written to the rows: the table is locked for a moment only.
    op.add_column("documents", sa.Column("live_image_space", sa.Text(), nullable=True))
    op.add_column(
        "documents",
        sa.Column("image_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("documents", "image_count")
    op.drop_column("documents", "live_image_space")

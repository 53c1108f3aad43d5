"""datasets may have the headings above a chunk embedded with it

Revision: 0003
Follows: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is not written to the rows: the table is locked for a moment only.
    op.add_column(
        "datasets",
        sa.Column(
            "chunk_heading_prefix", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )


def downgrade() -> None:
    op.drop_column("datasets", "chunk_heading_prefix")

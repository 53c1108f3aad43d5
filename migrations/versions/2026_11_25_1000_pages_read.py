"""documents know how their pages were read: by their text, by recognition, or not at all

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing is written to the rows: null says that a document was read before pages were noted.
    op.add_column(
        "documents",
        sa.Column("pages_read", postgresql.JSONB(none_as_null=True), nullable=True),
    )


def downgrade() -> None:
    op.drop_column("documents", "pages_read")

"""samples that are taken late do not say what waited then; events beyond their time go

Revision: 0011
Follows: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("history_samples", "queued", nullable=True)
    op.alter_column("history_samples", "processing", nullable=True)
    # Who first follows events numbers all that are there; of these nobody is told any more.
    op.execute("delete from events where created_at < now() - interval '30 days'")


def downgrade() -> None:
    op.execute("delete from history_samples where queued is null or processing is null")
    op.alter_column("history_samples", "queued", nullable=False)
    op.alter_column("history_samples", "processing", nullable=False)

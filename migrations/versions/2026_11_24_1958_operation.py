"""breakers that are probed, pauses of a tenant, error fingerprints, replays, audits on demand,
answers kept for idempotency keys

Revision: 0002
Follows: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The table of jobs may be long: its indexes are built beside the work on it.
JOB_INDEXES = {
    "ix_jobs_announced": (["announced_at"], "status = 'queued' and announced_at is not null"),
    "ix_jobs_dependency": (
        ["dependency", "run_after"],
        "status = 'queued' and waiting_for = 'dependency'",
    ),
    "ix_jobs_failures": (["tenant_id", "error_fingerprint"], "status = 'failed'"),
}


def upgrade() -> None:
    # The block at the end commits what stands before it, and may fail (somebody's long transaction,
    # a full disk). The next run begins at the top again and must find its way.
    if not sa.inspect(op.get_bind()).has_table("audits"):
        _build_tables()
    with op.get_context().autocommit_block():
        # Such an index waits for every older transaction, and holds up nobody meanwhile.
        op.execute("set lock_timeout = 0")
        op.execute("set statement_timeout = 0")
        for name, (columns, condition) in JOB_INDEXES.items():
            # A build that was interrupted leaves an index that nothing uses.
            op.drop_index(name, postgresql_concurrently=True, if_exists=True)
            op.create_index(
                name,
                "jobs",
                columns,
                postgresql_concurrently=True,
                postgresql_where=sa.text(condition),
            )
        op.execute("reset lock_timeout")
        op.execute("reset statement_timeout")


def _build_tables() -> None:
    now = sa.text("now()")
    time = sa.DateTime(timezone=True)
    op.add_column("breakers", sa.Column("probe_at", time, server_default=now, nullable=False))
    op.add_column("tenants", sa.Column("paused_at", time, nullable=True))
    op.add_column("jobs", sa.Column("error_fingerprint", sa.Text(), nullable=True))
    op.add_column("quarantined_messages", sa.Column("replayed_at", time, nullable=True))
    op.create_index(
        "ix_quarantined_messages_open",
        "quarantined_messages",
        ["id"],
        postgresql_where=sa.text("replayed_at is null"),
    )
    op.drop_constraint(op.f("ck_api_keys_role"), "api_keys")
    op.create_check_constraint(
        op.f("ck_api_keys_role"), "api_keys", "role in ('operator', 'admin', 'read_only')"
    )
    op.create_table(
        "idempotent_requests",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", time, server_default=now, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_idempotent_requests_tenant_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "key", name=op.f("pk_idempotent_requests")),
    )
    op.create_index("ix_idempotent_requests_created_at", "idempotent_requests", ["created_at"])
    op.create_table(
        "audits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_until", time, nullable=True),
        sa.Column("objects_seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rows_seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "findings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", time, server_default=now, nullable=False),
        sa.Column("started_at", time, nullable=True),
        sa.Column("finished_at", time, nullable=True),
        sa.CheckConstraint("kind in ('audit', 'sync')", name=op.f("ck_audits_kind")),
        sa.CheckConstraint(
            "status in ('queued', 'running', 'completed', 'failed')",
            name=op.f("ck_audits_status"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_audits_tenant_id")),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name=op.f("fk_audits_dataset_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audits")),
    )
    op.create_index("ix_audits_tenant_id_id", "audits", ["tenant_id", "id"])
    op.create_index(
        "ix_audits_unfinished",
        "audits",
        ["id"],
        postgresql_where=sa.text("status in ('queued', 'running')"),
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in JOB_INDEXES:
            op.drop_index(name, postgresql_concurrently=True, if_exists=True)
    op.drop_table("audits")
    op.drop_table("idempotent_requests")
    op.execute("update api_keys set role = 'admin' where role = 'operator'")
    op.drop_constraint(op.f("ck_api_keys_role"), "api_keys")
    op.create_check_constraint(
        op.f("ck_api_keys_role"), "api_keys", "role in ('admin', 'read_only')"
    )
    op.drop_index("ix_quarantined_messages_open", "quarantined_messages")
    op.drop_column("quarantined_messages", "replayed_at")
    op.drop_column("jobs", "error_fingerprint")
    op.drop_column("tenants", "paused_at")
    op.drop_column("breakers", "probe_at")

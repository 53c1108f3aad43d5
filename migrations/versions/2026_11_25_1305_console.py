"""logins of browsers, workers, samples of the past; lists of jobs in every order

Revision: 0008
Follows: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FINISHED = "finished_at is not null"
DURATION = sa.text("(finished_at - coalesce(started_at, finished_at))")
# A job's row is written some five times in its life and, while it is at work, once a second. The
# latter writes touch no index, and it stays so: nothing here has `stage`, `progress` or
# `updated_at`, and `tokens` is written at the end of an attempt only. The orders have an entry for
# finished jobs alone, written once, where the others of this table have one for every version of
# the row. Every index leads with the status: so a list of one state is read in order, a list of
# all is three short ones merged, and what there is little of is found as fast as the rest.
JOB_INDEXES = {
    "ix_jobs_finished": (["tenant_id", "status", "finished_at", "id"], FINISHED),
    "ix_jobs_duration": (["tenant_id", "status", DURATION, "id"], FINISHED),
    "ix_jobs_tokens": (["tenant_id", "status", "tokens", "id"], FINISHED),
    # A dataset is uploaded in one go, and its files are often alike: in the orders of the tenant
    # its jobs may come after a million others.
    "ix_jobs_dataset_finished": (["dataset_id", "status", "finished_at", "id"], FINISHED),
    "ix_jobs_dataset_duration": (["dataset_id", "status", DURATION, "id"], FINISHED),
    "ix_jobs_dataset_tokens": (["dataset_id", "status", "tokens", "id"], FINISHED),
    # Few jobs have an error, and it changes with the status.
    "ix_jobs_error_code": (["tenant_id", "error_code", "id"], "error_code is not null"),
}
# Neither column ever changes: one entry an attempt, one an event.
OTHER_INDEXES = {
    "ix_attempts_worker": ("attempts", ["worker", "job_id"], None),
    "ix_events_job_id_id": ("events", ["job_id", "id"], "job_id is not null"),
}
NAMES = "ix_documents_file_name"


def upgrade() -> None:
    # The block at the end commits what stands before it, and may fail; the next run begins again.
    if not sa.inspect(op.get_bind()).has_table("browser_sessions"):
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
        for name, (table, columns, condition) in OTHER_INDEXES.items():
            op.drop_index(name, postgresql_concurrently=True, if_exists=True)
            op.create_index(
                name,
                table,
                columns,
                postgresql_concurrently=True,
                postgresql_where=None if condition is None else sa.text(condition),
            )
        _index_names()
        op.execute("reset lock_timeout")
        op.execute("reset statement_timeout")


def _index_names() -> None:
    """Parts of file names are found without it too, among a million in a second or two."""
    bind = op.get_bind()
    trigrams = bind.scalar(
        sa.text("select count(*) from pg_available_extensions where name = 'pg_trgm'")
    )
    if not trigrams:
        return
    try:
        op.execute("create extension if not exists pg_trgm")
    except sa.exc.DBAPIError:  # it takes the right to create in the database
        return
    op.drop_index(NAMES, postgresql_concurrently=True, if_exists=True)
    op.create_index(
        NAMES,
        "documents",
        ["file_name"],
        postgresql_concurrently=True,
        postgresql_using="gin",
        postgresql_ops={"file_name": "gin_trgm_ops"},
    )


def _build_tables() -> None:
    now = sa.text("now()")
    time = sa.DateTime(timezone=True)
    op.create_table(
        "browser_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", time, server_default=now, nullable=False),
        sa.Column("expires_at", time, nullable=False),
        sa.ForeignKeyConstraint(
            ["api_key_id"], ["api_keys.id"], name=op.f("fk_browser_sessions_api_key_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_browser_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_browser_sessions_token_hash")),
    )
    op.create_index("ix_browser_sessions_expires_at", "browser_sessions", ["expires_at"])
    op.create_index(op.f("ix_browser_sessions_api_key_id"), "browser_sessions", ["api_key_id"])
    op.create_table(
        "workers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("parent", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("threads", sa.BigInteger(), nullable=False),
        sa.Column("busy", sa.BigInteger(), nullable=False),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("cpu_percent", sa.Double(), nullable=False),
        sa.Column("restarts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_at", time, nullable=False),
        sa.Column("seen_at", time, server_default=now, nullable=False),
        sa.Column("stopped_at", time, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.create_table(
        "history_samples",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("step_seconds", sa.BigInteger(), nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("queued", sa.BigInteger(), nullable=False),
        sa.Column("processing", sa.BigInteger(), nullable=False),
        sa.Column("completed", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("chunks", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Numeric(18, 9), nullable=True),
        sa.Column("oldest_seconds", sa.Double(), nullable=True),
        sa.Column("p50_seconds", sa.Double(), nullable=True),
        sa.Column("p95_seconds", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_history_samples_tenant_id")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "step_seconds", "at", name=op.f("pk_history_samples")),
    )
    op.create_index("ix_history_samples_step_seconds_at", "history_samples", ["step_seconds", "at"])


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(NAMES, postgresql_concurrently=True, if_exists=True)
        for name in (*OTHER_INDEXES, *JOB_INDEXES):
            op.drop_index(name, postgresql_concurrently=True, if_exists=True)
    op.drop_table("history_samples")
    op.drop_table("workers")
    op.drop_table("browser_sessions")

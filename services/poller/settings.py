"""What the poller is told at its start."""

from datetime import timedelta

from pydantic import Field, SecretStr

from pipeline.queue import LARGE_BYTES
from pipeline.settings import (
    DatabaseSettings,
    LogSettings,
    ObjectStoreSettings,
    RedisSettings,
    Seconds,
    VectorStoreSettings,
)


class PollerSettings(
    DatabaseSettings, RedisSettings, ObjectStoreSettings, VectorStoreSettings, LogSettings
):
    cf_account_id: str = Field(validation_alias="CF_ACCOUNT_ID")
    cf_queue_name: str | None = Field(None, validation_alias="CF_QUEUE_NAME")
    cf_queue_id: str | None = Field(None, validation_alias="CF_QUEUE_ID")
    cf_dead_letter_queue: str | None = Field(
        None,
        validation_alias="SLUICE_CF_DEAD_LETTER_QUEUE",
        description="name; by default that of the queue with -dlq behind it, if there is one",
    )
    cf_api_token: SecretStr = Field(validation_alias="CF_API_TOKEN")
    cf_api_url: str = Field(
        "https://api.cloudflare.com/client/v4", validation_alias="SLUICE_CF_API_URL"
    )

    idle_poll: Seconds = Field(timedelta(seconds=5), validation_alias="SLUICE_POLLER_IDLE_SECONDS")
    visibility: Seconds = Field(
        timedelta(seconds=60), validation_alias="SLUICE_POLLER_VISIBILITY_SECONDS"
    )
    announce_window: int = Field(
        24,
        ge=1,
        le=1000,
        validation_alias="SLUICE_ANNOUNCE_WINDOW",
        description="messages of one lane that may wait in Redis; some six per worker process",
    )
    announce_again: Seconds = Field(
        timedelta(seconds=20),
        validation_alias="SLUICE_ANNOUNCE_AGAIN_SECONDS",
        description="with the lease it makes the minute in which a dead worker's job goes on",
    )
    lapses_max: int = Field(3, ge=1, le=100, validation_alias="SLUICE_LAPSES_MAX")
    listen: bool = Field(
        True,
        validation_alias="SLUICE_POLLER_LISTEN",
        description="false behind a transaction pooler: the announcer then looks every 250 ms",
    )
    audit_every: Seconds = Field(timedelta(minutes=15), validation_alias="SLUICE_AUDIT_SECONDS")
    audit_grace: Seconds = Field(
        timedelta(minutes=5), validation_alias="SLUICE_AUDIT_GRACE_SECONDS"
    )
    large_bytes: int = Field(LARGE_BYTES, ge=1, validation_alias="SLUICE_LARGE_BYTES")
    metrics_host: str = Field("127.0.0.1", validation_alias="SLUICE_POLLER_METRICS_HOST")
    metrics_port: int = Field(8811, ge=0, le=65535, validation_alias="SLUICE_POLLER_METRICS_PORT")

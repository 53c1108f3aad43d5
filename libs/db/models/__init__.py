"""The tables, one file a subject. Importing this package registers them all with `Base`."""

from db.models.base import Base
from db.models.datasets import Dataset
from db.models.documents import Document
from db.models.intake import QuarantinedMessage, UploadHint
from db.models.jobs import Attempt, Job, Outcome, Status, WaitingFor
from db.models.ledger import AuditEntry, Breaker, EmbeddedText, Event, Usage
from db.models.operation import HistorySample, Worker
from db.models.requests import AuditKind, AuditRun, AuditStatus, IdempotentRequest
from db.models.tenants import ApiKey, BrowserSession, Role, Tenant

__all__ = [
    "ApiKey",
    "Attempt",
    "AuditEntry",
    "AuditKind",
    "AuditRun",
    "AuditStatus",
    "Base",
    "Breaker",
    "BrowserSession",
    "Dataset",
    "Document",
    "EmbeddedText",
    "Event",
    "HistorySample",
    "IdempotentRequest",
    "Job",
    "Outcome",
    "QuarantinedMessage",
    "Role",
    "Status",
    "Tenant",
    "UploadHint",
    "Usage",
    "WaitingFor",
    "Worker",
]

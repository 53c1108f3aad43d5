"""The JSON that the Queues API answers."""

from datetime import UTC, datetime

from pydantic import JsonValue

from cloudflare_standin.records import AckResult, Consumer, Delivery, Metrics, Queue

Json = dict[str, JsonValue]


def envelope(result: JsonValue, **more: JsonValue) -> Json:
    return {"success": True, "errors": [], "messages": [], "result": result, **more}


def error_envelope(code: int, message: str) -> Json:
    return {
        "success": False,
        "errors": [{"code": code, "message": message}],
        "messages": [],
        "result": None,
    }


def queue_view(queue: Queue, *, bucket: str | None) -> Json:
    """`bucket` is the R2 bucket that notifies into this queue, if any."""
    producers: list[JsonValue] = []
    if bucket is not None:
        producers.append({"type": "r2_bucket", "bucket_name": bucket})
    consumers: list[JsonValue] = [consumer_view(queue.consumer)] if queue.consumer else []
    return {
        "queue_id": queue.queue_id,
        "queue_name": queue.name,
        "created_on": timestamp(queue.created_ms),
        "modified_on": timestamp(queue.modified_ms),
        "producers": producers,
        "producers_total_count": len(producers),
        "consumers": consumers,
        "consumers_total_count": len(consumers),
        "settings": {
            "delivery_delay": queue.delivery_delay_seconds,
            "delivery_paused": queue.delivery_paused,
            "message_retention_period": queue.retention_seconds,
        },
    }


def consumer_view(consumer: Consumer) -> Json:
    return {
        "consumer_id": consumer.consumer_id,
        "created_on": timestamp(consumer.created_ms),
        "queue_name": consumer.queue_name,
        "type": consumer.type,
        "dead_letter_queue": consumer.settings.dead_letter_queue,
        "settings": {
            "batch_size": consumer.settings.batch_size,
            "max_retries": consumer.settings.max_retries,
            "retry_delay": consumer.settings.retry_delay_seconds,
            "visibility_timeout_ms": consumer.settings.visibility_timeout_ms,
        },
    }


def metrics_view(metrics: Metrics) -> Json:
    return {
        "backlog_count": metrics.backlog_count,
        "backlog_bytes": metrics.backlog_bytes,
        "oldest_message_timestamp_ms": metrics.oldest_message_timestamp_ms,
    }


def sent_view(metrics: Metrics) -> Json:
    return {"metadata": {"metrics": metrics_view(metrics)}}


def pulled_view(deliveries: list[Delivery], metrics: Metrics) -> Json:
    return {
        "message_backlog_count": metrics.backlog_count,
        "metadata": {"metrics": metrics_view(metrics)},
        "messages": [{**_message(item), "lease_id": item.token} for item in deliveries],
    }


def peeked_view(deliveries: list[Delivery]) -> Json:
    return {"messages": [{**_message(item), "ref": item.token} for item in deliveries]}


def ack_view(result: AckResult) -> Json:
    return {
        "ackCount": result.acked,
        "retryCount": result.retried,
        "warnings": dict(result.warnings),
    }


def _message(delivery: Delivery) -> Json:
    return {
        "id": delivery.message_id,
        "attempts": delivery.attempts,
        "timestamp_ms": delivery.timestamp_ms,
        "metadata": {
            "CF-Content-Type": delivery.content_type,
            "CF-sourceMessageSource": delivery.source,
        },
        "body": delivery.wire_body,
    }


def timestamp(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

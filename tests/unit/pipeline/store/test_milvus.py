"""The connection to Milvus is one that every gRPC server bears."""

from datetime import timedelta

from pipeline.store.milvus import GRPC_OPTIONS, LOAD_TIMEOUT, READ_TIMEOUT, WRITE_TIMEOUT

PINGS_BORNE = 2  # gRPC's default: the next one without an answer in between ends the connection


def test_no_call_lasts_for_more_pings_than_a_server_bears_and_idling_sends_none() -> None:
    ping_after = timedelta(milliseconds=GRPC_OPTIONS["grpc.keepalive_time_ms"])

    longest = max(LOAD_TIMEOUT, READ_TIMEOUT, WRITE_TIMEOUT)

    assert longest <= PINGS_BORNE * ping_after
    assert not GRPC_OPTIONS["grpc.keepalive_permit_without_calls"]

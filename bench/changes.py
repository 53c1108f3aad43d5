"""What an edit, a delete and a cancel do to a document of a thousand chunks, in figures.

    make bench-alone NAME=changes ARGS='--queries 1000'

Searchers ask without pause for a word that stands in the edited paragraph only, so every answer
tells whether it is of the old version, of the new one, of both or of neither.
"""

import argparse
import threading
import time
from collections import Counter
from collections.abc import Callable

import httpx
from bench.rig import Rig, create_dataset, upload

PARAGRAPHS = 1_050
EDITED = 400
SEARCHERS = 3
LOOK_SECONDS = 0.05
GIVE_UP_SECONDS = 180.0
SETTLE_SECONDS = 10.0


def paragraphs(edit: str) -> bytes:
    """Some 800 characters each; one of them has the word that is looked for."""
    texts = [
        " ".join(f"Paragraph {n}: sentence {m} tells of field {41 * n + m}." for m in range(18))
        for n in range(PARAGRAPHS)
    ]
    texts[EDITED] = f"The heliometer {edit}. {texts[EDITED]}"
    return "\n\n".join(texts).encode()


def until(done: Callable[[], bool]) -> float:
    """Seconds until it is so."""
    began = time.perf_counter()
    while not done():
        if time.perf_counter() - began > GIVE_UP_SECONDS:
            raise SystemExit(f"not so after {GIVE_UP_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)
    return time.perf_counter() - began


def document(client: httpx.Client, dataset: str) -> dict[str, object]:
    [found] = client.get(f"/datasets/{dataset}/documents").raise_for_status().json()["items"]
    return dict(found)


def versions_seen(client: httpx.Client, dataset: str) -> str:
    question = {"query": "heliometer", "mode": "keyword", "limit": 10}
    answer = client.post(f"/datasets/{dataset}/search", json=question).raise_for_status().json()
    text = " ".join(hit["text"] for hit in answer["hits"])
    old, new = "heliometer stands" in text, "heliometer burned" in text
    return {(True, False): "old", (False, True): "new", (True, True): "both"}.get(
        (old, new), "neither"
    )


def search_through(
    rig: Rig, dataset: str, queries: int, change: Callable[[], None]
) -> Counter[str]:
    """At least so many searches, some before the change, some after its end."""
    seen: Counter[str] = Counter()
    stop, lock = threading.Event(), threading.Lock()

    def ask() -> None:
        with rig.api() as client:
            while not stop.is_set():
                version = versions_seen(client, dataset)
                with lock:
                    seen[version] += 1

    searchers = [threading.Thread(target=ask) for _ in range(SEARCHERS)]
    for searcher in searchers:
        searcher.start()
    until(lambda: seen["old"] >= queries // 4)
    change()
    until(lambda: sum(seen.values()) >= queries and seen["new"] >= queries // 4)
    stop.set()
    for searcher in searchers:
        searcher.join()
    return seen


def edit(rig: Rig, client: httpx.Client, dataset: str, queries: int) -> None:
    before = document(client, dataset)["etag"]
    paid = rig.switch_embeddings()["inputs"]

    def change() -> None:
        upload(client, dataset, {"book.txt": paragraphs("burned down last winter")})
        took = until(
            lambda: (
                (now := document(client, dataset))["etag"] != before
                and now["status"] == "completed"
            )
        )
        print(f"edit: indexed {took:.2f} s after the upload")

    seen = search_through(rig, dataset, queries, change)
    print(f"edit: {rig.switch_embeddings()['inputs'] - paid} embeddings; answers {dict(seen)}")
    upload(client, dataset, {"book.txt": paragraphs("burned down last winter")})
    time.sleep(SETTLE_SECONDS)
    again = rig.switch_embeddings()["inputs"] - paid
    print(f"the same upload again: {again} embeddings in all")


def cancel(rig: Rig, client: httpx.Client) -> None:
    dataset = create_dataset(client, "cancel")
    rig.switch_embeddings(latency_ms=500)
    upload(client, dataset, {"book.txt": paragraphs("stands") * 10})
    until(lambda: rig.switch_embeddings(latency_ms=500)["requests_in_flight"] > 0)
    [job] = client.get(f"/jobs?dataset_id={dataset}").json()["items"]
    client.post(f"/jobs/{job['task_id']}/cancel").raise_for_status()
    began, last = time.perf_counter(), 0.0
    requests = rig.switch_embeddings(latency_ms=500)["requests"]
    while time.perf_counter() - began < SETTLE_SECONDS:
        now = rig.switch_embeddings(latency_ms=500)["requests"]
        if now > requests:
            requests, last = now, time.perf_counter() - began
        time.sleep(LOOK_SECONDS)
    status = client.get(f"/jobs/{job['task_id']}").json()["status"]
    print(f"cancel: last embedding call after {last:.2f} s; {SETTLE_SECONDS:.0f} s later {status}")
    rig.switch_embeddings()


def delete(client: httpx.Client, dataset: str) -> None:
    document_id = document(client, dataset)["id"]
    began = time.perf_counter()
    client.delete(f"/datasets/{dataset}/documents/{document_id}").raise_for_status()
    answered = time.perf_counter() - began
    gone = until(lambda: versions_seen(client, dataset) == "neither")

    def removed() -> bool:
        jobs = client.get(f"/jobs?dataset_id={dataset}&status=completed").json()["items"]
        return any(job["reason"] == "delete" for job in jobs)

    took = until(removed)
    print(
        f"delete: answered after {answered:.2f} s, not found {gone:.2f} s later, "
        f"object and rows gone after {took:.2f} s more"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--queries", type=int, default=1_000)
    queries = parser.parse_args().queries
    with Rig(workers=1) as rig, rig.api() as client:
        dataset = create_dataset(client, "book")
        upload(client, dataset, {"book.txt": paragraphs("stands in the dome")})
        took = until(lambda: bool(client.get(f"/datasets/{dataset}").json()["searchable_count"]))
        print(f"{document(client, dataset)['chunk_count']} chunks, searchable after {took:.2f} s")
        edit(rig, client, dataset, queries)
        delete(client, dataset)
        cancel(rig, client)


if __name__ == "__main__":
    main()

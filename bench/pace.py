"""How much of what a provider allows is used, while it refuses a third of the calls besides.

    make bench-alone NAME=pace ARGS='--workers 2 --requests-per-minute 300 --files 60'

The embeddings server has an allowance and answers 429 to a share of what it has room for. What is
measured is how many requests it admitted in the time that calls were under way, how many documents
failed, and how many tokens were paid twice.
"""

import argparse
import time

from bench.rig import Rig, create_dataset, upload

LOOK_SECONDS = 0.5
GIVE_UP_SECONDS = 1_800.0
SENTENCES_PER_FILE = 60


def body(number: int) -> bytes:
    sentences = (
        f"Sentence {each} of file {number} is like no other: {number * 1_009 + each}. " * 6
        for each in range(SENTENCES_PER_FILE)
    )
    return "\n\n".join(sentences).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--requests-per-minute", type=float, default=300)
    parser.add_argument("--share", type=float, default=0.3, help="of answers that are 429 anyway")
    parser.add_argument("--retry-after", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=10, help="inputs of a call")
    parser.add_argument("--silent", action="store_true", help="no x-ratelimit headers")
    parser.add_argument("--told", action="store_true", help="the limit is a setting")
    options = parser.parse_args()
    settings = {"SLUICE_EMBEDDING_BATCH": str(options.batch)}
    if options.told:
        limit = str(int(options.requests_per_minute))
        settings["SLUICE_EMBEDDING_REQUESTS_PER_MINUTE"] = limit
    with Rig(workers=options.workers, **settings) as rig, rig.api() as client:
        before = rig.switch_embeddings(
            rate_limited_share=options.share,
            retry_after_seconds=options.retry_after,
            requests_per_minute=options.requests_per_minute,
            burst_seconds=1,
            tells_limits=not options.silent,
        )
        dataset = create_dataset(client, "pace")
        upload(client, dataset, {f"{n}.txt": body(n) for n in range(options.files)})
        began, seen, counts = time.perf_counter(), [], {}
        while time.perf_counter() - began < GIVE_UP_SECONDS:
            counts = client.get(f"/datasets/{dataset}").raise_for_status().json()
            seen.append((time.perf_counter(), rig.embeddings_counters()))
            if counts["searchable_count"] + counts["failed_count"] == options.files:
                break
            time.sleep(LOOK_SECONDS)
        report(options, before, seen, counts)


def report(
    options: argparse.Namespace,
    before: dict[str, int],
    seen: list[tuple[float, dict[str, int]]],
    counts: dict[str, int],
) -> None:
    """From the first call to the last but a few, when there is too little left to send."""
    total = seen[-1][1]["answered"] - before["answered"]
    busy = [
        (at, now) for at, now in seen if 0 < now["answered"] - before["answered"] <= 0.95 * total
    ]
    (start, first), (end, last) = busy[0], busy[-1]
    allowed = options.requests_per_minute / 60 * (end - start)
    end_counters = seen[-1][1]
    inputs = end_counters["inputs"] - before["inputs"]
    refused = end_counters["rate_limited"] - before["rate_limited"]
    requests = end_counters["requests"] - before["requests"]
    print(
        f"{counts['searchable_count']} of {options.files} files indexed, "
        f"{counts['failed_count']} failed; {(last['admitted'] - first['admitted']) / allowed:.1%} "
        f"of the allowed rate used over {end - start:.0f} s; {refused / requests:.0%} of "
        f"{requests} requests were answered 429; {inputs} texts paid for {counts['chunk_count']} "
        f"chunks ({inputs / counts['chunk_count'] - 1:.2%} twice)"
    )


if __name__ == "__main__":
    main()

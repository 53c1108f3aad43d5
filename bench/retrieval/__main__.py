"""How well search ranks: nDCG@10 and recall of real files through the whole product.

    make bench-alone NAME=retrieval ARGS='FOLDER... --every 5'

Each folder is a collection as BEIR lays it out. Every passage is a file that is uploaded, parsed,
cut, embedded by the local model and stored; every question goes to the API in each mode. Beside
that, unless `--without-comparison`: bm25s and the same model in memory over whole passages, and the
two joined by ranks.
"""

import argparse
import time
from pathlib import Path

import openai
from bench.retrieval.collection import Collection
from bench.retrieval.measures import Rankings, quality
from bench.retrieval.product import ingest, rankings
from bench.rig import Rig

from stack.environment import DEFAULT_MODEL, MODELS

MODES = ("keyword", "dense", "hybrid")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--model", choices=list(MODELS), default=DEFAULT_MODEL)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each n-th question")
    parser.add_argument("--without-comparison", action="store_true")
    parser.add_argument("--minutes", type=float, default=60, help="to wait for a collection")
    asked = parser.parse_args()
    with Rig(model=asked.model) as rig, rig.api() as api:
        print(f"{'collection':12} {'':22} nDCG@10  recall@10  recall@100")
        for folder in asked.folders:
            collection = Collection.read(folder, every=asked.every)
            began = time.monotonic()
            dataset = ingest(api, collection, give_up_seconds=60 * asked.minutes)
            seconds = time.monotonic() - began
            for mode in MODES:
                show(collection, mode, rankings(api, dataset, collection, mode))
            if not asked.without_comparison:
                compare(rig, collection)
            print(
                f"{collection.name:12} {len(collection.passages)} files in {seconds:.0f} s, "
                f"{len(collection.queries)} questions",
                flush=True,
            )


def compare(rig: Rig, collection: Collection) -> None:
    """Needs bm25s, which comes with `make install-dev` only."""
    from bench.retrieval.memory import by_meaning, by_ranks, by_words  # noqa: PLC0415

    environment = rig.environment
    client = openai.OpenAI(
        base_url=environment["OPENAI_BASE_URL"], api_key=environment["OPENAI_API_KEY"]
    )
    words = by_words(collection)
    meaning = by_meaning(
        collection,
        client,
        model=environment["SLUICE_EMBEDDING_MODEL"],
        prefixes=(
            environment.get("SLUICE_EMBEDDING_QUERY_PREFIX", ""),
            environment.get("SLUICE_EMBEDDING_PASSAGE_PREFIX", ""),
        ),
    )
    show(collection, "in memory: bm25s", words)
    show(collection, "in memory: model", meaning)
    show(collection, "in memory: both", by_ranks(words, meaning))


def show(collection: Collection, label: str, found: Rankings) -> None:
    measured = quality(found, collection.relevant)
    print(
        f"{collection.name:12} {label:22} {measured.ndcg_10:7.4f}  {measured.recall_10:9.4f}  "
        f"{measured.recall_100:10.4f}",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""The same collection without the product: bm25s, and the same model compared by brute force.

Whole passages, as the literature has it; the product cuts them into chunks.
"""

import math
from collections import Counter
from collections.abc import Sequence

import bm25s
import numpy as np
import openai
import Stemmer
from bench.retrieval.collection import Collection
from bench.retrieval.product import DEPTH
from numpy.typing import NDArray

from pipeline.analysis import LATIN_STEMMERS, analyse
from pipeline.languages import language_of

BATCH = 64
RANK_OFFSET = 60

Rankings = dict[str, Sequence[str]]


def by_words(collection: Collection) -> Rankings:
    """bm25s with its own tokens and the language's stemmer, where words have blanks between them;
    elsewhere with ours, since bm25s would take a sentence for a word."""
    texts, questions = list(_whole(collection).values()), list(collection.queries.values())
    language = _language(texts)
    if language in LATIN_STEMMERS:
        stemmer = Stemmer.Stemmer(LATIN_STEMMERS[language])
        options = {"stopwords": None, "stemmer": stemmer, "show_progress": False}
        corpus = bm25s.tokenize(texts, **options)
        asked = bm25s.tokenize(questions, **options)
    else:
        corpus = [analyse(text).split() for text in texts]
        asked = [analyse(question).split() for question in questions]
    index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    index.index(corpus, show_progress=False)
    found, scores = index.retrieve(asked, k=min(DEPTH, len(texts)), show_progress=False)
    passages = list(collection.passages)
    return {
        query: [passages[row] for row, score in zip(rows, row_scores, strict=True) if score > 0]
        for query, rows, row_scores in zip(collection.queries, found, scores, strict=True)
    }


def by_meaning(
    collection: Collection, client: openai.OpenAI, *, model: str, prefixes: tuple[str, str]
) -> Rankings:
    """`prefixes` of queries and of passages. What the model's window cuts off is not seen."""
    of_query, of_passage = prefixes
    texts = [of_passage + text for text in _whole(collection).values()]
    questions = [of_query + text for text in collection.queries.values()]
    cosines = _embedded(client, model, questions) @ _embedded(client, model, texts).T
    passages = list(collection.passages)
    return {
        query: [passages[row] for row in np.argsort(-row_cosines, kind="stable")[:DEPTH]]
        for query, row_cosines in zip(collection.queries, cosines, strict=True)
    }


def by_ranks(one: Rankings, other: Rankings) -> Rankings:
    """Both joined by reciprocal ranks of equal weight."""
    joined: Rankings = {}
    for query, ranking in one.items():
        scores: Counter[str] = Counter()
        for found in (ranking, other[query]):
            for rank, passage in enumerate(found, start=1):
                scores[passage] += 1_000_000 // (RANK_OFFSET + rank)  # a Counter counts
        joined[query] = [passage for passage, _ in scores.most_common(DEPTH)]
    return joined


def _embedded(client: openai.OpenAI, model: str, texts: list[str]) -> NDArray[np.float32]:
    vectors: list[list[float]] = []
    for start in range(0, len(texts), BATCH):
        answer = client.embeddings.create(model=model, input=texts[start : start + BATCH])
        vectors += [item.embedding for item in answer.data]
    made = np.array(vectors, dtype=np.float32)
    assert math.isclose(float(np.linalg.norm(made[0])), 1, abs_tol=0.01)
    return made


def _whole(collection: Collection) -> dict[str, str]:
    return {
        passage: f"{collection.titles[passage]}\n\n{text}".strip()
        for passage, text in collection.passages.items()
    }


def _language(texts: Sequence[str]) -> str | None:
    [(language, _)] = Counter(language_of(text) for text in texts[:50]).most_common(1)
    return language

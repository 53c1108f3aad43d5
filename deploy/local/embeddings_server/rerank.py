"""POST /v1/rerank: the two forms that rerankers speak, with a stand-in for a cross-encoder.

No such model comes inside a package, so this one counts: a passage scores the share of the query's
words that it holds. It shows that reranking works; it does not make results better.
"""

import json
from dataclasses import dataclass

import regex

from embeddings_server.problems import InvalidRequest

PASSAGES_MAX = 1_000
WORD = regex.compile(r"[\p{L}\p{N}]+")


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """`is_bare`: asked, and to be answered, in the form of HF's Text Embeddings Inference."""

    query: str
    passages: list[str]
    top: int
    is_bare: bool


def read_rerank(body: bytes) -> RerankRequest:
    try:
        asked: object = json.loads(body)
    except ValueError as error:
        raise InvalidRequest("We could not parse the JSON body of your request.") from error
    if not isinstance(asked, dict):
        raise InvalidRequest("The body must be a JSON object.")
    is_bare = "texts" in asked
    passages = asked.get("texts" if is_bare else "documents")
    query, top = asked.get("query"), asked.get("top_n")
    if not isinstance(query, str) or not query:
        raise InvalidRequest("'query' must be a string that is not empty.", param="query")
    if not isinstance(passages, list) or not 0 < len(passages) <= PASSAGES_MAX:
        raise InvalidRequest(f"There must be 1 to {PASSAGES_MAX} passages.", param="documents")
    texts = [each.get("text") if isinstance(each, dict) else each for each in passages]
    strings = [each for each in texts if isinstance(each, str)]
    if len(strings) != len(texts):
        raise InvalidRequest("A passage must be a string.", param="documents")
    if top is None:
        top = len(strings)
    if not isinstance(top, int) or isinstance(top, bool) or top < 1:
        raise InvalidRequest("'top_n' must be a number above 0.", param="top_n")
    return RerankRequest(query, strings, top, is_bare)


def answer_rerank(request: RerankRequest, *, model: str) -> object:
    """Best first, as all of them answer; equal ones in the order given."""
    wanted = _words(request.query)
    scores = [len(wanted & _words(text)) / max(len(wanted), 1) for text in request.passages]
    order = sorted(range(len(scores)), key=lambda index: -scores[index])[: request.top]
    if request.is_bare:
        return [{"index": index, "score": scores[index]} for index in order]
    return {
        "id": "rerank-local",
        "model": model,
        "results": [{"index": index, "relevance_score": scores[index]} for index in order],
        "usage": {"total_tokens": sum(len(WORD.findall(text)) for text in request.passages)},
    }


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.casefold()))

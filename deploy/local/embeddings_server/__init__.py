"""OpenAI's embeddings endpoint over a model on this machine, for the local stack.

The services reach it as they reach OpenAI, by OPENAI_BASE_URL and OPENAI_API_KEY, so nothing in
them knows that it is not OpenAI. Two modes, chosen at start and declared in every answer of
/v1/models and /healthz:

- `model`: all-MiniLM-L6-v2, 384 dimensions, on onnxruntime. Real retrieval quality.
- `synthetic`: unit vectors from a hash of the text. For load and chaos runs only.

Texts and images in one space are answered in the shapes of Jina, Voyage, Cohere and vLLM by
`colour-layout`, which sees colours and nothing else: for tests, not for use.

`POST /_switches` makes it slow, broken, rate limited or down, for tests and benches.
"""

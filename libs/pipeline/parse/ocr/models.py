"""The networks that come with the `rapidocr` package, opened for one thread.

Only its files are used: its own pipeline pads lines to the widest of a batch and looks for text at
a higher resolution than is needed.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

DETECTOR = "PP-OCRv6_det_small.onnx"
RECOGNISER = "PP-OCRv6_rec_small.onnx"

Tensor = NDArray[np.float32]


class Network:
    """One model: a tensor in, a tensor out."""

    def __init__(self, file_name: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.enable_cpu_mem_arena = False  # an arena keeps the memory of the largest page
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(
            str(_folder() / file_name), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def run(self, tensor: Tensor) -> Tensor:
        answer: Tensor = self._session.run(None, {self._input: tensor})[0]
        return answer

    def metadata(self, key: str) -> str:
        return str(self._session.get_modelmeta().custom_metadata_map[key])


def _folder() -> Path:
    package = find_spec("rapidocr")
    if package is None or package.origin is None:
        raise RuntimeError("the package rapidocr is not installed")
    return Path(package.origin).parent / "models"

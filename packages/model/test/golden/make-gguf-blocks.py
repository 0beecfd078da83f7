"""Writes gguf-blocks.json: random blocks of every storage type and what llama.cpp's gguf package makes of them.

    pip install gguf==0.19.0 numpy && python make-gguf-blocks.py
"""
import base64
import json
import pathlib

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T
from gguf.quants import dequantize

# Byte offsets of half-precision scales in a block: random bits there would be NaN or infinite now and then.
scales = {
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0],
    T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208],
}
random = np.random.default_rng(7)
out = {}
for kind in [T.F16, T.BF16, *scales]:
    elements, size = GGML_QUANT_SIZES[kind]
    blocks = 3 if elements > 1 else 64
    data = random.integers(0, 256, size=(blocks, size), dtype=np.uint8)
    for at in scales.get(kind, []):
        values = random.uniform(-0.5, 0.5, size=blocks).astype(np.float16)
        data[:, at : at + 2] = values.view(np.uint8).reshape(blocks, 2)
    if kind in (T.F16, T.BF16):
        values = random.normal(size=blocks).astype(np.float32)
        bits = values.astype(np.float16).view(np.uint16) if kind == T.F16 else (values.view(np.uint32) >> 16).astype(np.uint16)
        data = bits.view(np.uint8)
    values = dequantize(data.reshape(-1), kind).astype(np.float32)
    out[kind.name] = {
        "bytes": base64.b64encode(data.tobytes()).decode(),
        "values": base64.b64encode(values.tobytes()).decode(),
    }
pathlib.Path(__file__).with_name("gguf-blocks.json").write_text(json.dumps(out, indent=1) + "\n")

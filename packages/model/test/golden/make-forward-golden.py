"""Writes forward/: tiny random models of each supported kind, saved by transformers, and their logits under left padding.

    pip install torch==2.15.0 transformers==5.24.0 && python make-forward-golden.py
"""
import json
import pathlib
import shutil

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

out = pathlib.Path(__file__).with_name("forward")
shutil.rmtree(out, ignore_errors=True)
common = dict(
    vocab_size=20, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.3,
)
llama3 = dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)
kinds = {
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**common, rms_norm_eps=1e-6, tie_word_embeddings=True,
                                           rope_parameters=dict(rope_type="default", rope_theta=10000.0))),
    "llama3-rope": (LlamaForCausalLM, LlamaConfig(**common, tie_word_embeddings=False, rope_parameters=llama3)),
    "linear-rope": (LlamaForCausalLM, LlamaConfig(**common, head_dim=8, tie_word_embeddings=False,
                    rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0))),
}
for seed, (name, (kind, config)) in enumerate(kinds.items()):
    torch.manual_seed(seed)
    model = kind(config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "norm" in key:
                parameter.uniform_(0.5, 1.5)
            if key.endswith("bias"):
                parameter.normal_(0, 0.5)
    model.save_pretrained(out / name)
    ids = torch.randint(0, 20, (2, 40))
    mask = torch.ones_like(ids)
    mask[1, :17] = 0
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        logits = model(ids, attention_mask=mask, position_ids=positions).logits[:, -3:]
    (out / name / "expected.json").write_text(json.dumps({
        "ids": ids.tolist(),
        "mask": mask.tolist(),
        "lastLogits": [float(f"{x:.7g}") for x in logits.flatten().tolist()],
    }) + "\n")
    (out / name / "generation_config.json").unlink(missing_ok=True)

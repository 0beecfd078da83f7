"""Writes peft/: a tiny random Llama, a LoRA adapter on it made by peft, and their logits, loss and gradients.

    pip install torch==2.15.0 transformers==5.24.0 peft==0.21.2 && python make-peft-golden.py
"""
import json
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

out = pathlib.Path(__file__).with_name("peft")
shutil.rmtree(out, ignore_errors=True)
torch.manual_seed(3)
config = LlamaConfig(
    vocab_size=24, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, rope_theta=10000.0, rms_norm_eps=1e-5,
    tie_word_embeddings=True, initializer_range=0.3, bos_token_id=1, eos_token_id=2,
)
model = LlamaForCausalLM(config).eval()
with torch.no_grad():
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.uniform_(0.5, 1.5)
model.save_pretrained(out / "base")
adapted = get_peft_model(model, LoraConfig(
    r=4, lora_alpha=10, lora_dropout=0.0, task_type="CAUSAL_LM",
    target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
)).eval()
with torch.no_grad():
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.normal_(0, 0.2)
adapted.save_pretrained(out / "adapter")
ids = torch.randint(0, 24, (2, 12))
logits = adapted(ids).logits
loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 24), ids[:, 1:].reshape(-1))
loss.backward()
with adapted.disable_adapter():
    base_logits = adapted(ids).logits
short = lambda tensor: [float(f"{x:.7g}") for x in tensor.detach().flatten().tolist()]
(out / "expected.json").write_text(json.dumps({
    "ids": ids.tolist(),
    "baseLogits": short(base_logits),
    "logits": short(logits),
    "loss": loss.item(),
    "gradients": {
        name.removeprefix("base_model.model.").replace(".default", ""): short(parameter.grad)
        for name, parameter in adapted.named_parameters() if parameter.grad is not None
    },
}) + "\n")
for extra in [out / "adapter" / "README.md", out / "base" / "generation_config.json"]:
    extra.unlink(missing_ok=True)

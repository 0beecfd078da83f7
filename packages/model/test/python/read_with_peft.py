"""Prints logits, as JSON, of what our side wrote: read_with_peft.py MODEL_DIR ADAPTER_DIR_OR_- IDS_JSON"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM

folder, adapter, ids = sys.argv[1:4]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
if adapter != "-":
    from peft import PeftModel

    model = PeftModel.from_pretrained(model, adapter).eval()
with torch.no_grad():
    print(json.dumps(model(torch.tensor(json.loads(ids))).logits.flatten().tolist()))

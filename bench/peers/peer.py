"""The peer's side of the benchmark: transformers and PEFT through their public API. Reads one work order per line
(JSON), does it once, answers with seconds and peak memory. Threads = the cores this process may use.

    python peer.py <model.gguf> <float32|bfloat16> <eager|compile|medium>
"""

import json
import os
import resource
import sys
import time

os.environ["TQDM_DISABLE"] = "1"
os.environ["PYTHONWARNINGS"] = "ignore"

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, logging

logging.set_verbosity_error()
logging.disable_progress_bar()
path, dtype, mode = sys.argv[1:4]
torch.set_num_threads(len(os.sched_getaffinity(0)))
if mode == "medium":
    torch.set_float32_matmul_precision("medium")
started = time.perf_counter()
model = AutoModelForCausalLM.from_pretrained(
    os.path.dirname(path), gguf_file=os.path.basename(path), dtype=getattr(torch, dtype), attn_implementation="sdpa"
)
loaded = time.perf_counter() - started
trained = None
optimizer = None


def prepare(kind):
    global trained, optimizer
    if kind == "lora":
        config = LoraConfig(
            r=16,
            lora_alpha=32,
            task_type="CAUSAL_LM",
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        )
        trained = get_peft_model(model, config)
    else:
        trained = model
        for p in model.parameters():
            p.requires_grad_(True)
    trained.train()
    optimizer = torch.optim.AdamW([p for p in trained.parameters() if p.requires_grad], lr=1e-5)
    if mode == "compile":
        trained = torch.compile(trained)


def train(kind, ids):
    if trained is None:
        prepare(kind)
    batch = torch.tensor(ids)
    begin = time.perf_counter()
    loss = trained(input_ids=batch, labels=batch).loss
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    value = loss.item()
    return time.perf_counter() - begin, {"loss": value}


def generate(ids, count):
    model.eval()
    batch = torch.tensor(ids)
    begin = time.perf_counter()
    with torch.no_grad():
        out = model.generate(
            batch,
            attention_mask=torch.ones_like(batch),
            max_new_tokens=count,
            min_new_tokens=count,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            pad_token_id=0,
        )
    assert out.shape[1] == batch.shape[1] + count
    return time.perf_counter() - begin, {}


def bandwidth():
    values = torch.ones(1 << 28)
    seconds = []
    for _ in range(7):
        begin = time.perf_counter()
        values.sum()
        seconds.append(time.perf_counter() - begin)
    return sum(seconds), {"bytesPerSecond": values.numel() * 4 / min(seconds)}


print(json.dumps({"ready": True, "seconds": loaded}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    spent = time.process_time()
    if order["work"] == "bandwidth":
        seconds, more = bandwidth()
    elif order["work"] == "generate":
        seconds, more = generate(order["ids"], order["newTokens"])
    else:
        seconds, more = train(order["work"], order["ids"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "cpuSeconds": time.process_time() - spent, "peakBytes": peak, **more}), flush=True)

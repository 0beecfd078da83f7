"""Makes test/parity/smollm2.json: what transformers computes for SmolLM2-135M-Instruct loaded from the same GGUF file.

    python -m venv venv && venv/bin/pip install -r scripts/requirements-golden.txt
    venv/bin/python scripts/make-parity-golden.py "$(node scripts/fetch-smollm2.mjs)" test/parity/smollm2.json

The model is dequantised by transformers (independently of our reader) and run in float32 on the CPU. The tokenizer is
built from the file's vocabulary and merges with the Rust `tokenizers` library and SmolLM2's published pre-tokenizer
(single digits, then GPT-2's split), because transformers' own conversion from GGUF leaves the digits out.
"""

import json
import os
import random
import sys

import torch
from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM

path, out = sys.argv[1:3]
torch.manual_seed(0)

reader = GGUFReader(path)


def strings(key):
    field = reader.fields[key]
    return [bytes(field.parts[i]).decode() for i in field.data]


tokens = strings("tokenizer.ggml.tokens")
types_field = reader.fields["tokenizer.ggml.token_type"]
types = [int(types_field.parts[i][0]) for i in types_field.data]
merges = [tuple(m.split(" ")) for m in strings("tokenizer.ggml.merges")]
tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, types) if k == 3])

functions = [
    "int main(void) { return 0; }",
    "static char *dup(const char *s) {\n    size_t n = strlen(s) + 1;\n    char *p = malloc(n);\n    if (p == NULL)\n        return NULL;\n    memcpy(p, s, n);\n    return p;\n}\n",
    "#include <stdio.h>\n\n/* Reads at most `cap` bytes. */\nssize_t read_all(int fd, uint8_t *buf, size_t cap)\n{\n\tsize_t done = 0;\n\twhile (done < cap) {\n\t\tssize_t n = read(fd, buf + done, cap - done);\n\t\tif (n <= 0)\n\t\t\treturn n ? -1 : (ssize_t)done;\n\t\tdone += (size_t)n;\n\t}\n\treturn (ssize_t)done;\n}\n",
    "template <typename T> T clamp(T x, T lo, T hi) { return x < lo ? lo : (x > hi ? hi : x); }",
    "for (unsigned i = 0; i < 1024u; ++i) sum += a[i] * 0x1fULL - 3.14e-7f;",
    'printf("%-10s|%5.2f%%\\n", name, 100.0 * x / y); // done',
    "std::unique_ptr<Node> head{nullptr}; auto it = m.find(key); if (it != m.end()) it->second++;",
    "#define MIN(a, b) ((a) < (b) ? (a) : (b))\r\n#ifdef _WIN32\r\n#  error \"no\"\r\n#endif\r\n",
]


def some_strings():
    rng = random.Random(7)
    texts = list(functions)
    texts += ["", " ", "  ", "\n", "\t\t", " a", "a ", "don't we'll I'VE it's", "x=1;y=22;z=333;", "12345 67,890.12"]
    texts += ["<|im_start|>user\nhi<|im_end|>\n", "a<|endoftext|>b", "<|im_start|", "naïve café", "e\u0301 é ﬁ ①"]
    texts += ["日本語のテキスト", "한국어 문장", "Привет, мир!", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "ไทย"]
    texts += ["👍🏽👨‍👩‍👧‍👦🏳️‍🌈", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈", "\u200b\u200d\ufeff\u00a0\u2028", "\x00\x01\x7f\x80", "a\u0300\u0301\u0302"]
    ranges = [(32, 126), (32, 126), (160, 591), (0x370, 0x52F), (0x5D0, 0x6FF), (0x900, 0x97F), (0x2000, 0x27BF)]
    ranges += [(0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1FAFF), (9, 13)]
    words = "int char size_t return if while struct buf len memcpy -> ++ != NULL 0 42 1999 sizeof ( ) { } ; * &".split()
    while len(texts) < 200:
        if rng.random() < 0.4:
            texts.append("".join(rng.choice(words) + rng.choice(["", " ", "  ", "\n", "\n    ", "\t"]) for _ in range(rng.randint(1, 16))))
        else:
            picked = rng.sample(ranges, rng.randint(1, 4))
            texts.append("".join(chr(rng.randint(*rng.choice(picked))) for _ in range(rng.randint(1, 24))))
    return texts[:200]


def encode(text):
    return tokenizer.encode(text, add_special_tokens=False).ids


tokenization = [{"text": t, "ids": encode(t)} for t in some_strings()]

model = AutoModelForCausalLM.from_pretrained(
    os.path.dirname(os.path.abspath(path)), gguf_file=os.path.basename(path), dtype=torch.float32, attn_implementation="eager"
).eval()

chat = "<|im_start|>user\nWrite a C function that copies a string.<|im_end|>\n<|im_start|>assistant\n"
prompts = ["The", functions[0], chat, functions[2] + functions[1], "Once upon a time, in a small village by the sea,"]
sampled = list(range(0, model.config.vocab_size, 211))
cases = []
with torch.no_grad():
    for prompt in prompts:
        ids = torch.tensor([encode(prompt)])
        logits = model(ids).logits[0]
        log_probs = torch.log_softmax(logits.double(), -1)
        targets = [float(log_probs[i, ids[0, i + 1]]) for i in range(ids.shape[1] - 1)]
        greedy = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=64, do_sample=False, eos_token_id=None, pad_token_id=0
        )[0, ids.shape[1] :].tolist()
        cases.append(
            {
                "prompt": prompt,
                "ids": ids[0].tolist(),
                "lastLogits": [round(float(x), 5) for x in logits[-1, sampled]],
                "logProbs": [round(x, 5) for x in targets],
                "greedy": greedy,
            }
        )
    width = max(len(c["ids"]) for c in cases)
    batch = torch.tensor([[0] * (width - len(c["ids"])) + c["ids"] for c in cases])
    mask = torch.tensor([[0] * (width - len(c["ids"])) + [1] * len(c["ids"]) for c in cases])
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    padded = model(batch, attention_mask=mask, position_ids=positions).logits[:, -1, sampled]
    worst = max(float((padded[i] - torch.tensor(c["lastLogits"])).abs().max()) for i, c in enumerate(cases))
    print("transformers: padded batch against single rows:", worst)

import transformers

golden = {
    "made": {"torch": torch.__version__, "transformers": transformers.__version__, "file": os.path.basename(path)},
    "sampledIds": sampled,
    "cases": cases,
    "tokenization": tokenization,
}
with open(out, "w", encoding="utf-8") as f:
    json.dump(golden, f, ensure_ascii=True, separators=(",", ":"))
    f.write("\n")
print({k: len(v) for k, v in golden.items()}, os.path.getsize(out), [len(c["ids"]) for c in cases])

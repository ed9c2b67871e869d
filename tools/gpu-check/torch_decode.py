"""Decode of a Llama-3.1-8B shape by PyTorch and transformers, random weights in bf16, with its own cache of 32K tokens:
adds a line to the report of gpu_check.    torch_decode.py report.jsonl"""

import json
import statistics
import sys
import time

import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

DEPTH, RUNS, WARM = 32768, 9, 3


def random_model():
    config = LlamaConfig(
        hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
        vocab_size=128256, max_position_embeddings=1 << 18, rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
        attn_implementation="sdpa",
    )  # fmt: skip
    with torch.device("meta"):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.to_empty(device="cuda")
    for parameter in model.parameters():
        parameter.normal_(0, 0.02)
    for buffer in model.buffers():  # rotation frequencies: any number takes as long
        buffer.fill_(0.01)
    return model.eval()


def full_cache(model):
    cache = DynamicCache(config=model.config)
    for layer in range(model.config.num_hidden_layers):
        keys = torch.randn(1, model.config.num_key_value_heads, DEPTH, 128, dtype=torch.bfloat16, device="cuda")
        cache.update(keys, keys.clone(), layer)
    return cache


@torch.inference_mode()
def decode_ms(model):
    cache = full_cache(model)
    token = torch.zeros(1, 1, dtype=torch.long, device="cuda")
    times = []
    for run in range(-WARM, RUNS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        model(input_ids=token, past_key_values=cache, use_cache=True, logits_to_keep=1)
        torch.cuda.synchronize()
        if run >= 0:
            times.append(1000 * (time.perf_counter() - start))
        cache.crop(DEPTH)
    return statistics.median(times)


def main():
    with torch.no_grad():
        ms = decode_ms(random_model())
    print(f"transformers, bf16, decode at context {DEPTH}: {ms:.3f} ms (torch {torch.__version__})")
    row = {
        "engine": "transformers", "model": "llama-3.1-8b", "weights": "BF16", "kv": "bf16", "metric": "decode", "rows": 1, "depth": DEPTH,
        "setting": f"torch {torch.__version__}, sdpa, DynamicCache", "ms": ms, "runs": RUNS,
    }  # fmt: skip
    with open(sys.argv[1], "a") as file:
        file.write(json.dumps(row) + "\n")


main()

"""A GPT of PyTorch's that trains beside ours: reads how many steps to do, one number a line, and prints their seconds."""

import contextlib
import json
import os
import sys
import time

SHAPE = json.loads(sys.argv[1])
# Before the libraries are loaded: a BLAS that PyTorch did not bring does not listen to it.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(SHAPE["threads"])

import torch
from torch import nn
from torch.nn import functional

torch.set_num_threads(SHAPE["threads"])
torch.manual_seed(1)
HIDDEN, HEADS, TOKENS, BATCH = SHAPE["hidden"], SHAPE["heads"], SHAPE["sequence"], SHAPE["batch"]
HIDES = torch.full((TOKENS, TOKENS), float("-inf")).triu(1)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)
        self.qkv, self.out = nn.Linear(HIDDEN, 3 * HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.up, self.down = nn.Linear(HIDDEN, 4 * HIDDEN), nn.Linear(4 * HIDDEN, HIDDEN)

    def forward(self, x):
        x = x + self.out(self.attend(self.qkv(self.norm1(x))))
        return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))

    def attend(self, qkv):
        q, k, v = (each.view(BATCH, TOKENS, HEADS, -1).transpose(1, 2) for each in qkv.split(HIDDEN, dim=2))
        if hasattr(functional, "scaled_dot_product_attention"):
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(2, 3) * (HIDDEN // HEADS) ** -0.5 + HIDES.to(q.dtype)
            mixed = scores.softmax(-1) @ v
        return mixed.transpose(1, 2).reshape(BATCH, TOKENS, HIDDEN)


class Gpt(nn.Module):
    """As GPT-2: learned positions, the head tied to the embedding."""

    def __init__(self):
        super().__init__()
        self.words, self.positions = nn.Embedding(SHAPE["vocabulary"], HIDDEN), nn.Embedding(TOKENS, HIDDEN)
        self.layers = nn.Sequential(*(Layer() for _ in range(SHAPE["layers"])))
        self.norm = nn.LayerNorm(HIDDEN)

    def forward(self, ids, labels):
        x = self.norm(self.layers(self.words(ids) + self.positions.weight))
        logits = functional.linear(x, self.words.weight)
        return functional.cross_entropy(logits.float().view(-1, SHAPE["vocabulary"]), labels.reshape(-1))


model = Gpt()
for each in model.parameters():
    nn.init.normal_(each, std=0.02)
# fp32; "autocast": fp32 weights, matrix products in bf16; "bf16": all in bf16, masters and moments in fp32.
isPure = SHAPE["precision"] == "bf16"
masters = [each.detach().clone() for each in model.parameters()] if isPure else list(model.parameters())
if isPure:
    model.to(torch.bfloat16)
optimizer = torch.optim.AdamW(masters, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, foreach=True)
ids = torch.randint(SHAPE["vocabulary"], (BATCH, TOKENS + 1))


def numbers():
    if SHAPE["precision"] == "autocast":
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def step():
    with numbers():
        loss = model(ids[:, :-1], ids[:, 1:])
    loss.backward()
    if isPure:
        for master, weight in zip(masters, model.parameters()):
            master.grad = weight.grad.float()
    optimizer.step()
    if isPure:
        with torch.no_grad():
            for master, weight in zip(masters, model.parameters()):
                weight.copy_(master)
    model.zero_grad(set_to_none=True)
    return loss.item()


print(json.dumps({"version": torch.__version__, "loss": step()}), flush=True)
for line in sys.stdin:
    seconds, processor = [], time.process_time()
    for _ in range(int(line)):
        start = time.perf_counter()
        loss = step()
        seconds.append(time.perf_counter() - start)
    cores = (time.process_time() - processor) / sum(seconds)
    print(json.dumps({"seconds": seconds, "cores": cores, "loss": loss}), flush=True)

#!/usr/bin/env python3
"""Gradients by masks of nodes in dense PyTorch: the other side of mask training in `sparselens prune`.

Every node value is mask * activation + (1 - mask) * mean, as in the paper (A.5); weights have no gradient. bench/pruning
runs it, a pass for each line on its standard input.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    add = parser.add_argument
    add("--config", help="JSON: keys of the architecture, all of them")
    add("--prompts", type=int, default=2, help="prompts of a pass")
    add("--length", type=int, default=128, help="tokens of a prompt")
    add("--threads", type=int, default=cores, help="threads of PyTorch and of its BLAS")
    add("--check", metavar="FIXTURE", nargs="+", help="instead: compare mask gradients with golden directories")
    options = parser.parse_args()
    if not options.check and not options.config:
        parser.error("--config is needed")
    return options


if __name__ == "__main__":
    OPTIONS = parse_arguments()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"):
        os.environ[variable] = str(OPTIONS.threads)

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from bench import describe_blas  # noqa: E402
from train import Model, open_golden, read_safetensors  # noqa: E402


class MaskedModel(Model):
    """A model whose nodes have masks and means; both by location, `[width]`."""

    def __init__(self, config):
        super().__init__(config)
        self.masks, self.means = {}, {}
        for location, width in self.locations():
            self.masks[location] = torch.ones(width, requires_grad=True)
            self.means[location] = torch.zeros(width)

    def locations(self):
        """In the order in which they happen."""
        c = self.config
        d_heads, d_in = c["n_head"] * c["d_head"], c["d_model"] + (c["d_pos_emb"] or 0)
        for i in range(c["n_layer"]):
            yield f"{i}.attn.act_in", d_in
            yield from ((f"{i}.attn.{part}", d_heads) for part in "qkv")
            yield f"{i}.attn.resid_delta", c["d_model"]
            yield f"{i}.mlp.act_in", d_in
            yield f"{i}.mlp.post_act", c["d_mlp"]
            yield f"{i}.mlp.resid_delta", c["d_model"]

    def logits(self, tokens):
        self.next = iter(self.masks)
        return super().logits(tokens)

    def abs_top_k(self, x, *loctypes):
        """Where AbsTopK may be, the nodes are: behind it. q, k and v may come side by side."""
        x = super().abs_top_k(x, *loctypes)
        if loctypes[0].startswith("resid_post"):
            return x
        locations = [next(self.next) for _ in loctypes]
        mask, mean = (torch.stack([parts[one] for one in locations]) for parts in (self.masks, self.means))
        mask, mean = (part if len(locations) > 1 else part[0] for part in (mask, mean))
        return torch.addcmul((1 - mask) * mean, x, mask)

    def task_loss(self, tokens, candidates):
        """Cross-entropy over the right and the wrong candidate behind each prompt, `[prompts, 2]`."""
        last = self.logits(tokens).view(*tokens.shape, -1)[:, -1].gather(1, candidates)
        return F.cross_entropy(last, torch.zeros(len(last), dtype=torch.long))


def check(directories):
    """Against what the released code computed; 1 when any gradient is off."""
    failed = False
    for directory in map(Path, directories):
        golden, read = open_golden(directory)

        model = MaskedModel(golden["resolved_config"])
        model.parameters = read_safetensors(directory / "model.safetensors")
        for kind in ("ones_zeroabl", "soft_meanabl"):
            grads = f"maskgrad/{kind}/grad/"
            for location, mask in model.masks.items():
                mask.grad = None
                if kind == "soft_meanabl":
                    mask.data = read(f"maskgrad/{kind}/mask/{location}").float()
                    model.means[location] = read(f"mean/{location}").float()
            model.task_loss(read("contrast/tokens").long(), read("contrast/target_alt").long()).backward()
            errors = {}
            for location, mask in model.masks.items():
                expected = read(grads + location)
                errors[location] = ((mask.grad - expected).abs().max() / expected.abs().max().clamp_min(1e-12)).item()
            worst = max(errors, key=errors.get)
            failed |= not errors[worst] < 1e-4
            print(f"{directory.name} {kind}: {len(errors)} gradients off by at most {errors[worst]:.1e} ({worst})"
                  f"{'' if errors[worst] < 1e-4 else '  FAILED'}")  # fmt: skip
    return 1 if failed else 0


def serve(options):
    """A line on the input is a pass, forward and backward to the masks; a line on the output is its seconds."""
    config = json.loads(Path(options.config).read_text())
    torch.manual_seed(0)
    model = MaskedModel(config)
    model.initialize(0, 1, "none")
    shape = (options.prompts, options.length)
    say = lambda value: print(json.dumps(value), flush=True)
    say({"torch": torch.__version__, "threads": options.threads, "blas": describe_blas()})
    for _ in sys.stdin:
        tokens = torch.randint(config["vocab_size"], shape)
        candidates = torch.randint(config["vocab_size"], (options.prompts, 2))
        begin = time.perf_counter()
        for mask in model.masks.values():
            mask.grad = None
        model.task_loss(tokens, candidates).backward()
        say({"seconds": time.perf_counter() - begin})
    return 0


if __name__ == "__main__":
    torch.set_num_threads(OPTIONS.threads)
    sys.exit(check(OPTIONS.check) if OPTIONS.check else serve(OPTIONS))

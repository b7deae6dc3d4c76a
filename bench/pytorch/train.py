#!/usr/bin/env python3
"""The training recipe in dense PyTorch: the other side of `sparselens train`.

Reads a corpus and a training configuration (`config.json` of a run directory, or its flat object alone, with every
key) and prints JSON lines. Always the exact projection: top-k of the dense weights after every step.
PyTorch >= 1.13 and NumPy are needed. README.md says how to get one with a good BLAS.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    add = parser.add_argument
    add("--config", help="config.json of a run, or a training configuration with every key")
    add("--corpus", help="directory with manifest.json and token shards")
    add("--out", help="directory for the trained model, in the layout of the blob store")
    add("--initial", help="model.safetensors (dense) with the weights to start from, instead of random ones")
    add("--batches", metavar="FILE", help="sequences of every step: uint16 [steps, batch, block_size + 1]")
    add("--threads", type=int, default=cores, help="threads of PyTorch and of its BLAS")
    add("--steps", type=int, help="stop after so many steps of the schedule")
    add("--log-every", type=int, default=10, help="steps between the lines with the training loss")
    add("--time-steps", type=int, metavar="N", help="instead of training, time N steps on random tokens")
    add("--density", type=float, help="with --time-steps: fraction of nonzero weights; default: the final one")
    add("--check", metavar="FIXTURE", nargs="+", help="instead: compare loss and gradients with golden directories")
    add("--allow-slow-blas", action="store_true", help="go on with a reference BLAS; such figures mean nothing")
    options = parser.parse_args()
    if not options.check and not options.config:
        parser.error("--config is needed")
    if not options.check and not options.time_steps and not options.corpus:
        parser.error("--corpus is needed")
    return options


if __name__ == "__main__":
    OPTIONS = parse_arguments()
    # A BLAS with its own threads does not listen to torch.set_num_threads and reads these when it is loaded.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"):
        os.environ[variable] = str(OPTIONS.threads)

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from bench import describe_blas  # noqa: E402

ACTIVATIONS = {"gelu": F.gelu, "relu": F.relu, "identity": lambda x: x}


class AbsTopK(torch.autograd.Function):
    """The k entries of largest absolute value; the gradient passes where a value passed."""

    @staticmethod
    def forward(context, x, k):
        kept = x.abs().topk(k, dim=-1, sorted=False).indices
        context.save_for_backward(kept)
        return torch.zeros_like(x).scatter_(-1, kept, x.gather(-1, kept))

    @staticmethod
    def backward(context, gradient):
        (kept,) = context.saved_tensors
        return torch.zeros_like(gradient).scatter_(-1, kept, gradient.gather(-1, kept)), None


class Model:
    """The architecture by the released code's keys; parameters by the names of the released state dict."""

    def __init__(self, config):
        self.config = config
        self.afrac_loctypes = set(config["afrac_loctypes"].split(","))
        self.parameters = {}
        self.causal = {}

    def shapes(self):
        c = self.config
        d_model, d_mlp, d_heads = c["d_model"], c["d_mlp"], c["n_head"] * c["d_head"]
        d_in = d_model + (c["d_pos_emb"] or 0)
        shapes = {}

        def linear(name, outputs, inputs):
            shapes[f"{name}.weight"] = (outputs, inputs)
            if c["bias"]:
                shapes[f"{name}.bias"] = (outputs,)

        def norm(name, width):
            shapes[f"{name}.weight"] = (width,)
            if c["ln_bias"] and not c["rms_norm"]:
                shapes[f"{name}.bias"] = (width,)

        if c["enable_bigram_table"]:
            shapes["bigram_table"] = (c["vocab_size"], c["vocab_size"])
        shapes["transformer.wte.weight"] = (c["vocab_size"], d_model)
        shapes["transformer.wpe.weight"] = (c["block_size"], c["d_pos_emb"] or d_model)
        for i in range(c["n_layer"]):
            h = f"transformer.h.{i}"
            norm(f"{h}.ln_1", d_model)
            linear(f"{h}.attn.c_attn", 3 * d_heads, d_in)
            linear(f"{h}.attn.c_proj", d_model, d_heads)
            if c["sink"]:
                shapes[f"{h}.attn.attn_imp.sink_logit"] = (c["n_head"],)
            norm(f"{h}.ln_2", d_model)
            linear(f"{h}.mlp.c_fc", d_mlp, d_in)
            linear(f"{h}.mlp.c_proj", d_model, d_mlp)
            if c["d_pos_emb"]:
                norm(f"{h}.ln_p1", c["d_pos_emb"])
                norm(f"{h}.ln_p2", c["d_pos_emb"])
        norm("transformer.ln_f", d_model)
        if not c["tied_unembed"]:
            shapes["lm_head.weight"] = (c["vocab_size"], d_model)
        return shapes

    def initialize(self, seed, scale, positions):
        """As GPT-2: normal with standard deviation 0.02, less where the residual stream is written to."""
        generator = torch.Generator().manual_seed(seed)
        for name, shape in self.shapes().items():
            zero = name == "bigram_table" or name == "transformer.wpe.weight" and positions == "none"
            if len(shape) == 2 and not zero:
                deviation = 0.02 * scale
                if name.endswith("c_proj.weight"):
                    deviation /= math.sqrt(2 * self.config["n_layer"])
                self.parameters[name] = torch.randn(shape, generator=generator) * deviation
            else:
                norm = ".ln_" in name and name.endswith("weight")
                self.parameters[name] = (torch.ones if norm else torch.zeros)(shape)

    def loss(self, tokens, targets):
        """Mean cross-entropy; targets of -1 are ignored. Both are [batch, sequence]."""
        return F.cross_entropy(self.logits(tokens), targets.reshape(-1), ignore_index=-1)

    def logits(self, tokens):
        """[batch * sequence, vocab]"""
        c, p = self.config, self.parameters
        batch, length = tokens.shape
        tokens = tokens.reshape(-1)
        wpe = p["transformer.wpe.weight"][:length]
        x = F.embedding(tokens, p["transformer.wte.weight"])
        if c["d_pos_emb"]:
            positions = wpe.repeat(batch, 1)
        elif wpe.requires_grad or wpe.any():
            x = (x.view(batch, length, -1) + wpe).view(batch * length, -1)
        activation = ACTIVATIONS[c["activation_type"]]
        residual_activation = ACTIVATIONS[c["residual_activation_type"]]
        for i in range(c["n_layer"]):
            h = f"transformer.h.{i}"
            a = self.norm(x, f"{h}.ln_1")
            if c["d_pos_emb"]:
                a = torch.cat((a, self.norm(positions, f"{h}.ln_p1")), -1)
            qkv = self.linear(self.abs_top_k(a, "attn_in"), f"{h}.attn.c_attn")
            y = self.attend(qkv, p.get(f"{h}.attn.attn_imp.sink_logit"), batch)
            o = self.abs_top_k(self.linear(y, f"{h}.attn.c_proj"), "attn_out")
            x = self.abs_top_k(residual_activation(x + o), "resid_post_attn")
            m = self.norm(x, f"{h}.ln_2")
            if c["d_pos_emb"]:
                m = torch.cat((m, self.norm(positions, f"{h}.ln_p2")), -1)
            n = activation(self.linear(self.abs_top_k(m, "mlp_in"), f"{h}.mlp.c_fc"))
            d = self.linear(self.abs_top_k(n, "mlp_neuron"), f"{h}.mlp.c_proj")
            x = self.abs_top_k(residual_activation(x + self.abs_top_k(d, "mlp_out")), "resid_post_mlp")
        head = p["transformer.wte.weight" if c["tied_unembed"] else "lm_head.weight"]
        logits = F.linear(self.norm(x, "transformer.ln_f"), head, p.get("final_logits_bias"))
        if c["enable_bigram_table"]:
            # As in the released code: the last row, of the end of text, gets no gradient.
            logits = logits + F.embedding(tokens, p["bigram_table"], padding_idx=-1)
        return logits

    def linear(self, x, name):
        return F.linear(x, self.parameters[f"{name}.weight"], self.parameters.get(f"{name}.bias"))

    def norm(self, x, name):
        weight, bias = self.parameters[f"{name}.weight"], self.parameters.get(f"{name}.bias")
        if not self.config["rms_norm"]:
            return F.layer_norm(x, weight.shape, weight, bias, 1e-5)
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + torch.finfo(x.dtype).eps) * weight

    def abs_top_k(self, x, *loctypes):
        if self.config["afrac"] is None or not self.afrac_loctypes.issuperset(loctypes):
            return x
        k = int(self.config["afrac"] * x.shape[-1])
        return x if k == x.shape[-1] else AbsTopK.apply(x, k)

    def attend(self, qkv, sink, batch):
        n_head, d_head = self.config["n_head"], self.config["d_head"]
        length = len(qkv) // batch
        parts = qkv.view(len(qkv), 3, -1)
        locations = {"attn_q", "attn_k", "attn_v"}
        if locations & self.afrac_loctypes == locations:
            parts = self.abs_top_k(parts, *locations).unbind(1)
        else:
            parts = [self.abs_top_k(part, f"attn_{name}") for name, part in zip("qkv", parts.unbind(1))]
        heads = [part.reshape(batch, length, n_head, d_head).transpose(1, 2) for part in parts]
        q, k, v = (part.reshape(batch * n_head, length, d_head) for part in heads)
        slots = 0
        if sink is not None:
            # The sink is a key in slot 0 with a value of zero: an input that is 1 in every query multiplies its logit.
            slots = 1
            k = F.pad(k, (0, 1, 1, 0))
            k = k + F.pad(sink.view(1, n_head, 1, 1), (d_head, 0, 0, length)).expand(batch, -1, -1, -1).reshape(k.shape)
            v = F.pad(v, (0, 0, 1, 0))
            q = F.pad(q, (0, 1), value=math.sqrt(d_head))
        scores = torch.baddbmm(self.causal_mask(length, slots, q), q, k.transpose(1, 2), alpha=1 / math.sqrt(d_head))
        y = torch.bmm(scores.softmax(-1), v)
        return y.view(batch, n_head, length, d_head).transpose(1, 2).reshape(len(qkv), -1)

    def causal_mask(self, length, slots, like):
        if length not in self.causal:
            self.causal[length] = torch.full((1, length, length + slots), -math.inf, dtype=like.dtype).triu(1 + slots)
        return self.causal[length]


def counted_bigram_table(tokens, vocab_size):
    """docs/formats.md, "A counted bigram table"."""
    pairs = tokens[:-1].astype(np.int64) * vocab_size + tokens[1:]
    count = np.bincount(pairs, minlength=vocab_size**2).reshape(vocab_size, vocab_size).astype(np.float64)
    share = (count.sum(0) + 1) / (count.sum() + vocab_size)
    table = np.log((count + share) / (count.sum(1, keepdims=True) + 1))
    return torch.from_numpy(table.astype(np.float32))


class Training:
    """AdamW on gradients of root mean square 1, and after every step the top-k of each matrix."""

    def __init__(self, config, model):
        self.config, self.model = config, model
        self.steps = config["tokens"] // (config["batch_size"] * config["block_size"])
        frozen = set()
        if config["bigram"] == "counted":
            frozen.add("bigram_table")
        if config["positions"] == "none":
            frozen.add("transformer.wpe.weight")
        self.trained = {name: tensor for name, tensor in model.parameters.items() if name not in frozen}
        for tensor in self.trained.values():
            tensor.requires_grad_()
        decays = lambda name, tensor: tensor.dim() == 2 and name != "bigram_table"
        matrices = [tensor for name, tensor in self.trained.items() if decays(name, tensor)]
        others = [tensor for name, tensor in self.trained.items() if not decays(name, tensor)]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": config["weight_decay"]}, {"params": others, "weight_decay": 0}],
            betas=(config["beta1"], config["beta2"]),
            eps=config["epsilon"],
        )

    def density(self, step, abrupt=False):
        """Fraction of nonzero weights after step `step`, the first being 1."""
        c, progress = self.config, step / self.steps
        start, end = (0.5, 0.5) if abrupt else (c["anneal_start"], c["anneal_end"])
        if progress >= end:
            return c["density"]
        return 1 - (1 - c["density"]) * max(0, progress - start) / (end - start) if progress > start else 1

    def learning_rate(self, step):
        c, warmup = self.config, self.config["warmup"] * self.steps
        rate = c["learning_rate"] * min(1, step / max(1, warmup))
        if c["decay"] == "linear":
            rate *= 1 - max(0, step - 1 - warmup) / max(1, self.steps - warmup)
        return rate * math.sqrt(c["density"] / self.density(step)) if c["sharkfin"] else rate

    def gradients(self, tokens):
        """`tokens` are [batch, sequence + 1]. Returns the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.model.loss(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        return loss.item()

    def update(self, step):
        gradients = [tensor.grad for tensor in self.trained.values()]
        count = sum(gradient.numel() for gradient in gradients)
        root_mean_square = torch.stack([gradient.norm() for gradient in gradients]).norm().item() / math.sqrt(count)
        kind = self.config["gradient"]
        if (kind == "normalize" or kind == "clip" and root_mean_square > 1) and root_mean_square > 0:
            torch._foreach_mul_(gradients, 1 / root_mean_square)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(step)
        self.optimizer.step()

    @torch.no_grad()
    def project(self, step):
        abrupt = self.config["embedding_anneal"] == "abrupt"
        for name, weights in self.trained.items():
            embedding = name in ("transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight")
            bias = name.endswith((".c_attn.bias", ".c_proj.bias", ".c_fc.bias"))
            if embedding and self.config["sparse_embeddings"] or bias and self.config["sparse_biases"]:
                keep_largest(weights, self.density(step, abrupt))
            elif name.endswith((".c_attn.weight", ".c_fc.weight")):
                keep_largest(weights, self.density(step), 1, self.config["minimum_nonzeros"])
            elif name.endswith(".c_proj.weight"):
                keep_largest(weights, self.density(step), 0, self.config["minimum_nonzeros"])


def keep_largest(weights, density, dim=None, minimum=0):
    """Zeroes all but a fraction of the entries, sparing the `minimum` largest along `dim`."""
    count = weights.numel()
    k = max(1, math.floor(density * count))
    if k >= count:
        return
    magnitudes = weights.abs()
    if minimum:
        spared = magnitudes.topk(min(minimum, weights.shape[dim]), dim=dim, sorted=False).indices
        magnitudes.scatter_(dim, spared, math.inf)
    flat = magnitudes.view(-1)
    # Whichever are fewer: those that stay or those that go.
    if k > count // 2:
        weights.view(-1)[flat.topk(count - k, largest=False, sorted=False).indices] = 0
    else:
        kept = flat.topk(k, sorted=False).indices
        values = weights.view(-1)[kept]
        weights.zero_().view(-1)[kept] = values


def read_split(corpus, split):
    """All tokens of a split, uint16."""
    shards = json.loads((corpus / "manifest.json").read_text())["splits"][split]["shards"]
    return np.concatenate([np.fromfile(corpus / shard["file"], "<u2") for shard in shards])


def windows(tokens, starts, length):
    return torch.from_numpy(tokens[np.asarray(starts)[:, None] + np.arange(length)].astype(np.int64))


def read_batches(path, steps, config):
    """[steps, batch_size, block_size + 1], uint16"""
    shape = (steps, config["batch_size"], config["block_size"] + 1)
    batches = np.fromfile(path, "<u2")
    if batches.size != math.prod(shape):
        sys.exit(f"{path} has {batches.size} tokens, but {list(shape)} are {math.prod(shape)}.")
    return batches.reshape(shape)


@torch.no_grad()
def validation_loss(model, tokens, config):
    """Over about `eval_tokens` tokens in sequences of `block_size`, evenly spread, as `sparselens eval` takes them."""
    length = config["block_size"]
    sequences = math.ceil((len(tokens) - 1) / length)
    used = min(sequences, max(1, config["eval_tokens"] // length))
    # Only the last sequence can be shorter.
    padded = np.append(tokens.astype(np.int64), np.full(length, -1))
    total = count = 0
    for first in range(0, used, config["batch_size"]):
        last = min(used, first + config["batch_size"])
        batch = windows(padded, [i * sequences // used * length for i in range(first, last)], length + 1)
        targets = batch[:, 1:]
        predicted = int((targets >= 0).sum())
        total += model.loss(batch[:, :-1].clamp_min(0), targets).item() * predicted
        count += predicted
    return total / count


def train(options, config, training):
    model = training.model
    corpus = Path(options.corpus)
    tokens, validation = read_split(corpus, "train"), read_split(corpus, "validation")
    length, batch_size = config["block_size"], config["batch_size"]
    if len(tokens) <= length:
        sys.exit(f"{corpus} has {len(tokens)} training tokens, not enough for one sequence of {length}.")
    if int(max(tokens.max(), validation.max())) >= config["vocab_size"]:
        sys.exit(f"{corpus} has tokens beyond the vocabulary of {config['vocab_size']}.")
    if config["bigram"] == "counted":
        model.parameters["bigram_table"].copy_(counted_bigram_table(tokens, config["vocab_size"]))
    random = np.random.default_rng(config["seed"])
    given = read_batches(options.batches, training.steps, config) if options.batches else None
    last = min(training.steps, options.steps or training.steps)
    # Time of steps, without that of evaluations.
    elapsed = 0
    for step in range(1, last + 1):
        begin = time.perf_counter()
        if given is None:
            batch = windows(tokens, random.integers(0, len(tokens) - length, batch_size), length + 1)
        else:
            batch = torch.from_numpy(given[step - 1].astype(np.int64))
        loss = training.gradients(batch)
        training.update(step)
        training.project(step)
        elapsed += time.perf_counter() - begin
        line = {"step": step, "loss": loss, "tokens": step * batch_size * length, "elapsed": round(elapsed, 3)}
        if not math.isfinite(loss):
            sys.exit(f"The loss is {loss} at step {step}.")
        evaluate = step == last or config["eval_every"] and step % config["eval_every"] == 0
        if evaluate:
            line["validation_loss"] = validation_loss(model, validation, config)
        if evaluate or step % options.log_every == 0:
            line["density"] = training.density(step)
            print(json.dumps(line), flush=True)
    if options.out:
        write_model(model, Path(options.out))


def write_model(model, directory):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "beeg_config.json").write_text(json.dumps(model.config, indent=1) + "\n")
    torch.save({name: tensor.detach() for name, tensor in model.parameters.items()}, directory / "final_model.pt")


def time_steps(options, config, training):
    """Medians, in seconds, of a step at a fixed density and of its parts."""
    training.density = lambda step, abrupt=False: config["density"] if options.density is None else options.density
    training.project(1)
    shape = (config["batch_size"], config["block_size"] + 1)
    seconds = {"gradients": [], "update": [], "projection": [], "step": []}
    for step in range(options.time_steps + 1):
        batch = torch.randint(config["vocab_size"], shape)
        times = [time.perf_counter()]
        for part in (lambda: training.gradients(batch), lambda: training.update(1), lambda: training.project(1)):
            part()
            times.append(time.perf_counter())
        # The first one warms up.
        if step:
            for name, spent in zip(seconds, [*np.diff(times), times[-1] - times[0]]):
                seconds[name].append(float(spent))
    medians = {name: statistics.median(spent) for name, spent in seconds.items()}
    tokens = config["batch_size"] * config["block_size"]
    print(json.dumps({
        "density": training.density(1), "steps": options.time_steps, "seconds": medians,
        "tokens_per_second": tokens / medians["step"],
        "parameters": sum(tensor.numel() for tensor in training.trained.values()),
    }))  # fmt: skip


MODEL_KEYS = (
    "block_size", "vocab_size", "n_layer", "n_head", "d_model", "d_head", "d_mlp", "bias", "ln_bias", "rms_norm",
    "activation_type", "residual_activation_type", "afrac", "afrac_loctypes", "tied_unembed", "d_pos_emb", "sink",
)  # fmt: skip
RECIPE_KEYS = (
    "seed", "tokens", "batch_size", "learning_rate", "warmup", "decay", "sharkfin", "beta1", "beta2", "epsilon",
    "weight_decay", "gradient", "density", "anneal_start", "anneal_end", "embedding_anneal", "sparse_embeddings",
    "sparse_biases", "minimum_nonzeros", "bigram", "positions", "initial_scale", "eval_every", "eval_tokens",
)  # fmt: skip


def read_config(path):
    config = json.loads(Path(path).read_text())
    # A run directory's file holds it beside other facts.
    config = config.get("config", config)
    missing = [key for key in MODEL_KEYS + RECIPE_KEYS if key not in config]
    if missing:
        sys.exit(f"{path} lacks {', '.join(missing)}: it must have every key, as that of a run directory does.")
    model = {key: config[key] for key in MODEL_KEYS}
    model["enable_bigram_table"] = config["bigram"] != "none"
    model["learnable_bigram_table"] = config["bigram"] == "learned"
    return config, model


def read_safetensors(path):
    data = Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    tensors = {}
    for name, entry in header.items():
        first, end = (start + offset for offset in entry["data_offsets"])
        raw = torch.frombuffer(bytearray(data[first:end]), dtype=types[entry["dtype"]])
        tensors[name] = raw.reshape(entry["shape"]).float()
    return tensors


def open_golden(directory):
    """What the released code computed: the description, and a reader of its tensors by name."""
    golden = json.loads((directory / "golden.json").read_text())
    data = (directory / "golden.bin").read_bytes()

    def read(name):
        entry = golden["tensors"][name]
        types = {"F32": np.float32, "F64": np.float64, "I32": np.int32}
        bytes_ = data[entry["offset"] : entry["offset"] + entry["nbytes"]]
        return torch.from_numpy(np.frombuffer(bytes_, types[entry["dtype"]]).reshape(entry["shape"]).copy())

    return golden, read


def check(directories):
    """Loss and gradients of golden models against what the released code computed; 1 when any is off."""
    failed = False
    for directory in map(Path, directories):
        golden, read = open_golden(directory)

        model = Model(golden["resolved_config"])
        model.parameters = read_safetensors(directory / "model.safetensors")
        for tensor in model.parameters.values():
            tensor.requires_grad_()
        loss = model.loss(read("batch/tokens").long(), read("batch/targets").long())
        loss.backward()
        loss_error = abs(loss.item() - read("batch/loss").item()) / read("batch/loss").item()
        errors = {}
        for key in golden["tensors"]:
            if key.startswith("batch/wgrad/"):
                expected, name = read(key), key[len("batch/wgrad/") :]
                error = (model.parameters[name].grad - expected).norm() / expected.norm().clamp_min(1e-12)
                errors[name] = error.item()
        worst = max(errors, key=errors.get)
        wrong = not (loss_error < 1e-4 and errors[worst] < 1e-4)
        failed |= wrong
        print(
            f"{directory.name}: loss off by {loss_error:.1e}, {len(errors)} gradients by at most {errors[worst]:.1e}"
            f" ({worst}), relative{'  FAILED' if wrong else ''}"
        )
    return 1 if failed else 0


def main(options):
    torch.set_num_threads(options.threads)
    if options.check:
        return check(options.check)
    for path in filter(None, (options.config, options.initial, options.batches, options.corpus)):
        if not os.path.exists(path):
            sys.exit(f"{path} does not exist.")
    blas = describe_blas()
    print(f"PyTorch {torch.__version__}, {options.threads} threads, {blas.get('version', blas['configured'])}, "
          f"{blas.get('core', '')}, matrix product {blas['gemm_gflops']:.0f} GFLOP/s", file=sys.stderr)  # fmt: skip
    if blas["reference"] and not options.allow_slow_blas:
        sys.exit("This is the reference BLAS (or as slow). Install OpenBLAS, see README.md; --allow-slow-blas goes on.")
    config, model_config = read_config(options.config)
    torch.manual_seed(config["seed"])
    model = Model(model_config)
    model.initialize(config["seed"], config["initial_scale"], config["positions"])
    if options.initial:
        initial = read_safetensors(options.initial)
        for name, tensor in model.parameters.items():
            if name not in initial or initial[name].shape != tensor.shape:
                sys.exit(f"{options.initial} lacks {name} of shape {list(tensor.shape)}.")
            model.parameters[name] = initial[name]
    training = Training(config, model)
    if options.time_steps:
        time_steps(options, config, training)
    else:
        versions = {"python": sys.version.split()[0], "pytorch": torch.__version__, "threads": options.threads}
        print(json.dumps({"versions": {**versions, "blas": blas}}), flush=True)
        train(options, config, training)
    return 0


if __name__ == "__main__":
    sys.exit(main(OPTIONS))

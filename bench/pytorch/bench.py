#!/usr/bin/env python3
"""Dense PyTorch at the shape of csp_yolo2, measured on this machine: the other side of `sparselens bench`.

Random weights of a given density, stored dense in float32 as the released checkpoints store them; batch 1.
PyTorch >= 1.13 and nothing else is needed. README.md says how to get one with a good BLAS.
"""

import argparse
import ctypes
import json
import math
import os
import re
import resource
import statistics
import sys
import time


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    integers = lambda text: [int(part) for part in text.split(",")]
    add = parser.add_argument
    add("--threads", type=int, default=cores, help="threads of PyTorch and of its BLAS")
    add("--contexts", type=integers, default="32,256", help="tokens attended to while decoding, comma-separated")
    add("--prefill", type=int, default=256, help="tokens of the batched forward")
    add("--density", type=float, default=0.016, help="fraction of weights that are not zero")
    add("--linear", default="linear,mv,onednn", help="ways to multiply by a weight matrix, comma-separated")
    add("--repeats", type=int, default=20, help="timed decode steps per context (a quarter of it for forwards)")
    add("--without-cache", action="store_true", help="also decode as the released generate does, without a KV cache")
    add("--check", action="store_true", help="compare cached decoding with the full forward instead of timing")
    add("--allow-slow-blas", action="store_true", help="go on with a reference BLAS; such figures mean nothing")
    add("--json", action="store_true", help="one JSON object on standard output")
    add("--seed", type=int, default=0)
    for name, default in (
        ("n-layer", 8), ("d-model", 2048), ("d-mlp", 8192), ("n-head", 128), ("d-head", 16),
        ("vocab-size", 2048), ("block-size", 256),
    ):  # fmt: skip
        add(f"--{name}", type=int, default=default)
    add("--afrac", type=float, default=0.25, help="fraction of activations that AbsTopK keeps; 1 turns it off")
    options = parser.parse_args()
    unknown = set(options.linear.split(",")) - {"linear", "mv", "onednn"}
    if unknown:
        parser.error(f"--linear: unknown {', '.join(sorted(unknown))}; choose from linear, mv, onednn")
    if max(*options.contexts, options.prefill) > options.block_size:
        parser.error("--contexts and --prefill must not exceed --block-size")
    return options


if __name__ == "__main__":
    OPTIONS = parse_arguments()
    # A BLAS with its own threads does not listen to torch.set_num_threads and reads these when it is loaded.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"):
        os.environ[variable] = str(OPTIONS.threads)

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

EPSILON = torch.finfo(torch.float32).eps


class Linear:
    """y = x Wᵀ + b for x of shape [tokens, inputs].

    `linear` is F.linear, which everybody writes. `mv` multiplies a single token by matrix-vector product: some
    BLAS are several times slower when the same product is asked for as a one-row matrix product. `onednn` is
    F.linear on oneDNN tensors.
    """

    def __init__(self, weight, bias):
        self.weight, self.bias, self.way = weight, bias, "linear"

    def use(self, way):
        self.way = way
        if way == "onednn" and not self.weight.is_mkldnn:
            self.weight = self.weight.to_mkldnn()
        if way != "onednn" and self.weight.is_mkldnn:
            self.weight = self.weight.to_dense()

    def __call__(self, x):
        if self.way == "onednn":
            return F.linear(x.to_mkldnn(), self.weight, self.bias).to_dense()
        if self.way == "mv" and x.shape[0] == 1:
            return torch.addmv(self.bias, self.weight, x[0]).unsqueeze(0)
        return F.linear(x, self.weight, self.bias)


def abs_top_k(x, k):
    # topk and scatter: faster than masking by threshold, from topk or from kthvalue, at every size tried.
    if k >= x.shape[-1]:
        return x
    kept = x.abs().topk(k, dim=-1, sorted=False).indices
    return torch.zeros_like(x).scatter_(-1, kept, x.gather(-1, kept))


def rms_norm(x, weight):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON) * weight


class Model:
    """RMSNorm, biases, attention sink, GELU, AbsTopK at the eight node locations, bigram table, untied unembedding."""

    def __init__(self, options):
        self.options = options
        generator = torch.Generator().manual_seed(options.seed)
        n_layer, d_model, d_mlp = options.n_layer, options.d_model, options.d_mlp
        vocab_size, n_head, d_head = options.vocab_size, options.n_head, options.d_head
        d_attn = n_head * d_head

        def matrix(rows, columns, density=options.density):
            # Uniform, of a size that keeps activations at unit scale.
            bound = math.sqrt(3 / max(1, columns * density))
            weight = torch.empty(rows, columns).uniform_(-bound, bound, generator=generator)
            if density < 1:
                weight.mul_(torch.rand(rows, columns, generator=generator) < density)
            return weight

        def linear(outputs, inputs):
            return Linear(matrix(outputs, inputs), torch.randn(outputs, generator=generator) / 10)

        self.wte = matrix(vocab_size, d_model)
        self.wpe = matrix(options.block_size, d_model)
        self.ln_f = torch.ones(d_model)
        self.lm_head = linear(vocab_size, d_model)
        self.bigram_table = matrix(vocab_size, vocab_size, 1)
        self.layers = [
            {
                "ln_1": torch.ones(d_model),
                "ln_2": torch.ones(d_model),
                "c_attn": linear(3 * d_attn, d_model),
                "attn.c_proj": linear(d_model, d_attn),
                "c_fc": linear(d_mlp, d_model),
                "mlp.c_proj": linear(d_model, d_mlp),
                "sink": torch.randn(n_head, generator=generator),
            }
            for _ in range(n_layer)
        ]
        # The sink is a key and a value of zeros in slot 0 whose additive mask is the sink's logit: it joins the
        # softmax like any other token, without copies. Keys are stored transposed.
        slots = options.block_size + 1
        self.keys = torch.zeros(n_layer, n_head, d_head, slots)
        self.values = torch.zeros(n_layer, n_head, slots, d_head)
        self.step_masks = torch.zeros(n_layer, n_head, slots)
        for mask, layer in zip(self.step_masks, self.layers):
            mask[:, 0] = layer["sink"]
        self.masks = {}

    def linears(self):
        for layer in self.layers:
            yield from (value for value in layer.values() if isinstance(value, Linear))
        yield self.lm_head

    def use(self, way):
        for linear in self.linears():
            linear.use(way)

    def abs_top_k(self, x):
        return abs_top_k(x, int(self.options.afrac * x.shape[-1]))

    def forward(self, tokens):
        """Logits [tokens, vocab] of a whole sequence; fills the KV cache from its start."""
        return self._run(tokens, 0)

    def decode(self, token, position):
        """Logits [1, vocab] of one token that attends to the cached ones before `position` and to itself."""
        return self._run(token, position)

    def _run(self, tokens, start):
        x = F.embedding(tokens, self.wte) + self.wpe[start : start + len(tokens)]
        for index, layer in enumerate(self.layers):
            a = self.abs_top_k(rms_norm(x, layer["ln_1"]))
            qkv = layer["c_attn"](a).view(len(tokens), 3, -1)
            q, k, v = self.abs_top_k(qkv).unbind(1)
            y = self._attend(index, q, k, v, start)
            x = x + self.abs_top_k(layer["attn.c_proj"](y))
            m = self.abs_top_k(rms_norm(x, layer["ln_2"]))
            h = self.abs_top_k(F.gelu(layer["c_fc"](m)))
            x = x + self.abs_top_k(layer["mlp.c_proj"](h))
        return self.lm_head(rms_norm(x, self.ln_f)) + F.embedding(tokens, self.bigram_table)

    def _attend(self, index, q, k, v, start):
        count, n_head, d_head = len(q), self.options.n_head, self.options.d_head
        end = start + count + 1
        keys, values = self.keys[index], self.values[index]
        keys[:, :, start + 1 : end] = k.view(count, n_head, d_head).permute(1, 2, 0)
        values[:, start + 1 : end] = v.view(count, n_head, d_head).transpose(0, 1)
        keys, values = keys[:, :, :end], values[:, :end]
        if count == 1:
            # Multiply and sum: a BLAS without batched products takes longer over 128 tiny ones.
            q = q.view(n_head, d_head, 1) / math.sqrt(d_head)
            weights = ((keys * q).sum(1) + self.step_masks[index, :, :end]).softmax(-1)
            return (weights.unsqueeze(-1) * values).sum(1).view(1, -1)
        assert start == 0, "a sequence is run from its start or token by token"
        q = q.view(count, n_head, d_head).transpose(0, 1)
        mask, scores = self._buffers(count)
        mask[:, :, 0] = self.layers[index]["sink"].unsqueeze(1)
        if hasattr(F, "scaled_dot_product_attention"):
            batch = (q.unsqueeze(0), keys.transpose(1, 2).unsqueeze(0), values.unsqueeze(0))
            y = F.scaled_dot_product_attention(*batch, attn_mask=mask.unsqueeze(0))[0]
        else:
            torch.baddbmm(mask, q, keys, alpha=1 / math.sqrt(d_head), out=scores)
            torch.softmax(scores, -1, out=scores)
            y = torch.bmm(scores, values)
        return y.transpose(0, 1).reshape(count, n_head * d_head)

    def _buffers(self, count):
        if count not in self.masks:
            causal = torch.full((count, count + 1), -math.inf).triu(2)
            mask = causal.expand(self.options.n_head, -1, -1).contiguous()
            self.masks = {count: (mask, torch.empty_like(mask))}
        return self.masks[count]


def measure(function, repeats):
    """Seconds of each call, after one that warms up."""
    function()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begin)
    return seconds


def rate(seconds, count=1):
    return {
        "tokens_per_second": count / statistics.median(seconds),
        "best_tokens_per_second": count / min(seconds),
        "repeats": len(seconds),
    }


def describe_blas():
    """Which BLAS is linked and what it does: a name alone says little, a measured product tells."""
    libraries = set()
    if os.path.exists("/proc/self/maps"):
        torch.mm(torch.ones(8, 8), torch.ones(8, 8))
        with open("/proc/self/maps") as maps:
            paths = {line.split()[-1] for line in maps if "/" in line}
        # NumPy, which PyTorch imports, may bring a BLAS of its own.
        libraries = {path for path in paths if re.search(r"blas|blis|atlas|mkl_", path) and "numpy" not in path}
    blas = {
        "configured": " ".join(re.findall(r"BLAS_INFO=\w+|oneAPI Math Kernel[^\n]*", torch.__config__.show())),
        "libraries": sorted(libraries),
        "mkl": torch.backends.mkl.is_available(),
    }
    for path in blas["libraries"]:
        if "libopenblas" in path:
            library = ctypes.CDLL(path)
            for key, name in (("core", "openblas_get_corename"), ("version", "openblas_get_config")):
                function = getattr(library, name, None)
                if function:
                    function.restype = ctypes.c_char_p
                    blas[key] = function().decode().strip()
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    blas["gemm_gflops"] = 2 * 1024**3 / min(measure(lambda: a @ b, 5)) / 1e9
    weights = torch.randn(64 * 1024 * 1024)
    blas["read_gb_per_second"] = 4 * len(weights) / min(measure(weights.sum, 10)) / 1e9
    named = any(re.search(r"/blas/libblas|refblas|libblas3", path) for path in blas["libraries"])
    # A core that multiplies and adds vectors does tens; the reference implementation does 1 to 5.
    blas["reference"] = named or blas["gemm_gflops"] < 10
    return blas


def check(model, ways):
    """Cached decoding against the full forward; AbsTopK off, where both must agree, and on, for information."""
    afrac, count = model.options.afrac, min(48, model.options.block_size)
    tokens = torch.randint(model.options.vocab_size, (count,))
    failed = False
    for way in ways:
        model.use(way)
        for model.options.afrac in (1, afrac):
            full = model.forward(tokens)
            model.forward(tokens[: count // 2])
            steps = [model.decode(tokens[i : i + 1], i) for i in range(count // 2, count)]
            error = (torch.cat(steps) - full[count // 2 :]).abs().amax(-1)
            on = model.options.afrac < 1
            wrong = not on and not error.max() < 1e-3
            failed |= wrong
            print(
                f"{way:8} AbsTopK {'on ' if on else 'off'}  largest difference {error.max():.2e}, "
                f"{int((error < 1e-3).sum())} of {len(steps)} tokens within 1e-3, "
                f"logits up to {full.abs().max():.1f}{'  FAILED' if wrong else ''}"
            )
    return 1 if failed else 0


def main(options):
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    say = lambda text: print(text, file=sys.stderr if options.json else sys.stdout, flush=True)
    blas = describe_blas()
    say(f"PyTorch {torch.__version__}, {options.threads} {'thread' if options.threads == 1 else 'threads'}")
    say(f"BLAS: {blas['configured']}{', linked statically' if blas['mkl'] and not blas['libraries'] else ''}")
    for path in blas["libraries"]:
        say(f"  linked {path}")
    if "core" in blas:
        say(f"  {blas['version']}, kernels for {blas['core']}")
    say(f"  matrix product {blas['gemm_gflops']:.0f} GFLOP/s, memory read {blas['read_gb_per_second']:.1f} GB/s")
    if blas.get("core", "").lower() in ("haswell", "zen") and has_avx512():
        say("NOTE: OpenBLAS does not use this machine's AVX-512; OPENBLAS_CORETYPE=SKYLAKEX makes it do so.")
    if options.threads > 1 and "USE_OPENMP" not in blas.get("version", "USE_OPENMP"):
        say("NOTE: this OpenBLAS has threads of its own, which contend with PyTorch's; libopenblas0-openmp shares them.")
    if blas["reference"]:
        say("WARNING: this is the reference BLAS (or as slow): what is measured with it says nothing about PyTorch.")
        say("         Install OpenBLAS, see README.md; --allow-slow-blas goes on regardless.")
        if not options.allow_slow_blas:
            return 2

    ways = options.linear.split(",")
    with torch.inference_mode():
        begin = time.perf_counter()
        model = Model(options)
        sizes = [linear.weight.numel() for linear in model.linears()]
        nonzeros = sum(int(linear.weight.count_nonzero()) for linear in model.linears())
        say(f"{sum(sizes) / 1e6:.0f} M weights in matrices, {nonzeros / 1e6:.2f} M of them nonzero, "
            f"made in {time.perf_counter() - begin:.1f} s")  # fmt: skip
        if options.check:
            return check(model, ways)
        results = {}
        for way in ways:
            model.use(way)
            results[way] = time_model(model, options)
            for name, figures in results[way].items():
                say(f"  {way:8} {name:32} {figures['tokens_per_second']:8.2f} tokens/s"
                    f" (best of {figures['repeats']}: {figures['best_tokens_per_second']:.2f})")  # fmt: skip
        best = {
            name: max(results, key=lambda way: results[way][name]["tokens_per_second"]) for name in results[ways[0]]
        }
        say("fastest: " + ", ".join(f"{name} by {way}" for name, way in best.items()))
    if options.json:
        shape = {key: value for key, value in vars(options).items() if re.match(r"n_|d_|vocab|block|afrac|density", key)}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        print(json.dumps({
            "torch": torch.__version__, "threads": options.threads, "blas": blas, "shape": shape,
            "nonzeros": nonzeros, "peak_resident_bytes": peak, "results": results, "fastest": best,
        }, indent=2))  # fmt: skip
    return 0


def time_model(model, options):
    """Tokens per second by name of what was measured; median and best."""
    random_tokens = lambda count: torch.randint(options.vocab_size, (count,))
    forwards = max(3, options.repeats // 4)
    figures = {}
    for context in options.contexts:
        if context > 1:
            model.forward(random_tokens(context - 1))
        # The same slot is written again and again: the work of a step at exactly this context.
        seconds = measure(lambda: model.decode(random_tokens(1), context - 1), options.repeats)
        figures[f"decode, context {context}"] = rate(seconds)
    seconds = measure(lambda: model.forward(random_tokens(options.prefill)), forwards)
    figures[f"forward of {options.prefill} tokens"] = rate(seconds, options.prefill)
    if options.without_cache:
        for context in options.contexts:
            seconds = measure(lambda: model.forward(random_tokens(context)), forwards)
            figures[f"decode without cache, context {context}"] = rate(seconds)
    return figures


def has_avx512():
    try:
        with open("/proc/cpuinfo") as cpuinfo:
            return "avx512f" in cpuinfo.read()
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(OPTIONS))

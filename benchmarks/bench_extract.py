"""What extract() costs over a bare forward pass of the same batches: time, and peak memory.

    python benchmarks/bench_extract.py                      time on small batches (a minute)
    python benchmarks/bench_extract.py --memory             500 images at 224² through three networks (many minutes)

Every figure comes from a process of its own with one thread. Time is the median of the ratios of passes that follow
each other, `blocks` and `mean`; memory is the peak resident size, with the inputs made batch by batch.
Targets: at most 10 % more time, at most 300 MB more memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

NETWORKS = ("torchvision:resnet50", "torchvision:vgg19", "torchvision:vit_b_16")
TARGET_TIME, TARGET_MEMORY = 0.10, 300.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", action="store_true", help="measure peak memory instead of time")
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--images", type=int, help="inputs per pass (time: 16, memory: 500)")
    parser.add_argument("--batch-size", type=int, help="inputs at a time (time: 8, memory: 64)")
    parser.add_argument("--size", type=int, default=224, help="height and width of the inputs")
    parser.add_argument("--repeats", type=int, default=5, help="pairs of passes for the time")
    parser.add_argument("--child", choices=("bare", "extract", "time"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.images = options.images or (500 if options.memory else 16)
    options.batch_size = options.batch_size or (64 if options.memory else 8)
    if options.child:
        print(json.dumps(measure(options.child, options)))
        return
    print(f"{options.images} images at {options.size}², batches of {options.batch_size}, one thread")
    for network in options.networks:
        if options.memory:
            bare, full = (child(kind, network, options) for kind in ("bare", "extract"))
            more = full["peak_mb"] - bare["peak_mb"]
            print(
                f"{network:24} bare {bare['peak_mb']:7.0f} MB {bare['seconds']:6.1f} s   "
                f"extract {full['peak_mb']:7.0f} MB {full['seconds']:6.1f} s   "
                f"{more:+.0f} MB {verdict(more <= TARGET_MEMORY)}",
                flush=True,
            )
        else:
            told = child("time", network, options)
            print(
                f"{network:24} bare {told['bare']:6.2f} s   extract {told['extract']:6.2f} s   "
                f"{told['more']:+.1%} {verdict(told['more'] <= TARGET_TIME)}",
                flush=True,
            )


def verdict(reached: bool) -> str:
    return "ok" if reached else "MISSED"


def child(kind: str, network: str, options: argparse.Namespace) -> dict[str, float]:
    """What `measure` returns, in a fresh process."""
    command = [sys.executable, __file__, "--child", kind, "--networks", network]
    for name in ("images", "batch_size", "size", "repeats"):
        command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(kind: str, options: argparse.Namespace) -> dict[str, float]:
    import torch

    from toposcope.extract import extract, load_network

    torch.set_num_threads(1)
    network = load_network(f"{options.networks[0]}@random")

    def batches() -> Iterator[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        for start in range(0, options.images, options.batch_size):
            count = min(options.batch_size, options.images - start)
            yield torch.randn(count, 3, options.size, options.size, generator=generator)

    def bare(inputs: Iterator[torch.Tensor]) -> None:
        with torch.no_grad():
            for batch in inputs:
                network.module(batch)

    def full(inputs: Iterator[torch.Tensor]) -> None:
        extract(network, inputs, "blocks", "mean")

    if kind != "time":
        seconds = timed(bare if kind == "bare" else full, batches())
        return {"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    kept = list(batches())
    bare(iter(kept)), full(iter(kept))
    pairs = [(timed(bare, iter(kept)), timed(full, iter(kept))) for _ in range(options.repeats)]
    return {
        "bare": statistics.median(first for first, _ in pairs),
        "extract": statistics.median(second for _, second in pairs),
        "more": statistics.median(second / first for first, second in pairs) - 1,
    }


def timed(run: Callable[[Iterator[object]], None], inputs: Iterator[object]) -> float:
    start = time.perf_counter()
    run(inputs)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

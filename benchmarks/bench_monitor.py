"""What a monitor costs a training: the share that it blocks, the share that it was allowed, and the whole training.

    python benchmarks/bench_monitor.py            writes benchmarks/monitor.md (about four minutes)

A residual network (one thread) learns digits for a fixed number of steps: alone, and
watched with several budgets, in turn, each in a process of its own, so that nothing is warm. `blocked` is what the
monitor measures itself, against the training time outside it; `within` is the same without the first check, which is
lent. `CPU of training` and `whole` are CPU seconds of the training process and time of the whole loop, over those of
the loop alone in the same round: on a busy machine the first is steadier, the second has the background process in it,
which takes its share of a machine that has no core to spare. The weights at the end must be those of the loop alone, to
the bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine

BUDGETS = ("alone", "1 %", "2 %", "5 %", "none")
EVERY = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budgets", nargs="+", default=BUDGETS)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("monitor.md"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, options.steps)))
        return
    on = machine()
    found: dict[str, list[dict[str, Any]]] = {budget: [] for budget in options.budgets}
    for _ in range(options.rounds):
        for budget in options.budgets:
            command = [sys.executable, __file__, "--child", budget, "--steps", str(options.steps)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            found[budget].append(json.loads(done.stdout.splitlines()[-1]))
            print(budget, found[budget][-1], flush=True)
    digests = {run["weights"] for runs in found.values() for run in runs}
    lines = [
        "# A monitor beside a training",
        "",
        f"Written by `python benchmarks/bench_monitor.py`; {on} when it began.",
        "",
        *(__doc__ or "").splitlines()[4:11],
        "",
        "| budget | checks taken | skipped | blocked | within | CPU of background | CPU of training | whole |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for budget, runs in found.items():
        middle = {name: statistics.median(float(run[name]) for run in runs) for name in runs[0] if name != "weights"}
        whole, cpu = (
            statistics.median(run[name] / base[name] for run, base in zip(runs, found[options.budgets[0]], strict=True))
            for name in ("seconds", "cpu")
        )
        cells = [
            budget,
            f"{middle['taken']:.0f}",
            f"{middle['skipped']:.0f}",
            f"{middle['blocked']:.2%}",
            f"{middle['within']:.2%}",
            f"{middle['background']:.1f} s",
            f"{cpu:.3f}×",
            f"{whole:.3f}×",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    lines.append(
        f"Median of {options.rounds} round(s) of {options.steps} steps, which alone take "
        f"{statistics.median(run['seconds'] for run in found[options.budgets[0]]):.0f} s and "
        f"{statistics.median(run['cpu'] for run in found[options.budgets[0]]):.0f} s of CPU; "
        f"a check due every {EVERY}. "
        f"Weights at the end: {'the same bits in all' if len(digests) == 1 else 'DIFFERENT'}."
    )
    text = "\n".join(lines)
    print(text)
    options.out.write_text(text + "\n")


def measure(budget: str, steps: int) -> dict[str, float | str]:
    """Seconds of one training, and what the monitor says of itself."""
    import torch

    import toposcope as ts
    from toposcope.demo.networks import ResNet
    from toposcope.extract import load_inputs

    torch.set_num_threads(1)
    torch.manual_seed(0)
    batch = next(load_inputs("digits:train").batches(2000))
    images, labels = batch.tensors, torch.as_tensor(batch.labels)
    network = ResNet()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    folder = Path(tempfile.mkdtemp(prefix="toposcope-"))
    monitor = None
    if budget != "alone":
        monitor = ts.TopologyMonitor(
            "digits:train",
            layers=["layer1.1", "layer2.1", "layer3.1"],
            every=EVERY,
            budget=None if budget == "none" else budget,
            out=folder / "run",
            say=lambda line: None,
        )
    network.train()
    began, cpu = time.perf_counter(), time.process_time()
    first = 0.0
    for step in range(steps):
        rows = torch.randint(len(images), (64,))
        loss = torch.nn.functional.cross_entropy(network(images[rows]), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if monitor is not None:
            monitor.step(network, step=step)
            if step == 0:
                first = monitor.seconds_blocked
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    told = {"blocked": 0.0, "within": 0.0, "taken": 0, "skipped": 0}
    if monitor is not None:
        blocked = monitor.seconds_blocked
        told = {
            "blocked": monitor.overhead,
            "within": (blocked - first) / (seconds - blocked),
            "taken": len(monitor.taken),
            "skipped": len(monitor.skipped),
        }
        monitor.close(wait=False)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(folder)
    digest = hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in network.state_dict().values()))
    background = children.ru_utime + children.ru_stime
    return {"seconds": seconds, "cpu": cpu, "background": background, "weights": digest.hexdigest(), **told}


if __name__ == "__main__":
    main()

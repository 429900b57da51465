"""Speed, as ratios to a peer in the same run: `make benchmark`, or `uv run python -m benchmarks`.

Whole processes are timed: ours and the peer's in turn (A B A B), after one warm-up of each. Machines are noisy, so the
result is a ratio of medians, never one absolute time. No test depends on it.
"""

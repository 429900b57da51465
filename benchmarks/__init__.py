"""Speed, as ratios against a peer in the same run: `make benchmark`, or `uv run python -m benchmarks`.

Whole processes are timed, ours and the peer's in turn (A B A B), after one of each that does not count. The machine may
be noisy: a ratio of medians is what counts, never a single absolute time. No test depends on any of it.
"""

"""Measurements, each run by `python -m benchmarks.bench_...`. Nothing imports them."""

"""BFCL's tasks, played rightly and wrongly, judged by us and by upstream: what `benchmarks.parity` is made of."""

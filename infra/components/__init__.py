"""The parts that programs are assembled from: components with typed arguments, `(name, args, opts)`."""

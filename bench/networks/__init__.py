"""The benchmark networks as data, and what follows from them: shapes, counts, weights, batches."""

from typing import Any

augment: Any
batchnorm: Any
conv: Any
depthwise: Any
elementwise: Any
gemm: Any
im2col: Any
loss: Any
memory: Any
operands: Any
parallel: Any
pool: Any
program: Any
update: Any
winograd: Any
level: str

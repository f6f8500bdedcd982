from typing import Any

level: str

def __getattr__(module: str) -> Any: ...

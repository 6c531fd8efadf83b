"""tokenizer.json and its neighbours -> token ids, cut and padded as the model expects."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from labelsieve.core.errors import EngineError, InputError

CODE = "tokens-1"  # part of every preprocess id
_UNSAID = 100_000  # a length above this means "nobody wrote it down"


class Tokens:
    """A tokenizer that pads to the longest of a chunk, or to a fixed length where the model was trained so."""

    def __init__(self, tokenizer: Tokenizer, length: int, model_type: str, digest: str, fixed: bool) -> None:
        self._tokenizer = tokenizer
        self._digest = digest
        self.fixed = fixed
        padding = tokenizer.padding or {}
        self._pad = int(padding.get("pad_id", 0))
        self.length = length
        self.model_type = model_type
        self.count = tokenizer.get_vocab_size(with_added_tokens=True)
        tokenizer.no_padding()
        tokenizer.enable_truncation(length)

    def ids(self, text: Any) -> NDArray[np.int64]:
        """Ids (s,), at most `length`. InputError for what is no text."""
        if not isinstance(text, str):
            raise InputError(f"a text was expected, not {type(text).__name__}.", "name the text column with --text.")
        found = self._tokenizer.encode(text.encode("utf-8", "replace").decode()).ids
        return np.array(found or [self._pad], dtype=np.int64)

    def padded(self, rows: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and mask, both (b, s)."""
        width = self.length if self.fixed else max((len(row) for row in rows), default=1)
        ids = np.full((len(rows), width), self._pad, dtype=np.int64)
        mask = np.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        return ids, mask

    def digest(self, more: str) -> str:
        """The preprocess id: the tokenizer's bytes, the length, the padding and `more`."""
        text = json.dumps([CODE, self._digest, self.length, self.fixed, self._pad, more])
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def read_tokens(folder: Path) -> Tokens:
    """The tokenizer of a model folder. EngineError where it is absent or damaged."""
    file = folder / "tokenizer.json"
    try:
        raw = file.read_bytes()
        tokenizer = Tokenizer.from_buffer(raw)
    except OSError as error:
        fact = f"{folder.name} has no tokenizer.json that can be read."
        raise EngineError(fact, "put the model's own there.") from error
    except ValueError as error:
        raise EngineError(f"tokenizer.json of {folder.name} is damaged: {error}.", "fetch it again.") from error
    config, bert, said = (
        read_json(folder / name) for name in ("config.json", "sentence_bert_config.json", "tokenizer_config.json")
    )
    text_config = config.get("text_config") or config
    model_type = str(config.get("model_type", ""))
    fixed = model_type.startswith("siglip")  # trained on texts padded to their full length, without a mask
    if tokenizer.padding is None:
        _name_padding(tokenizer, said)
    length = _length(tokenizer, bert, said, text_config)
    return Tokens(tokenizer, length, model_type, hashlib.blake2b(raw, digest_size=8).hexdigest(), fixed)


def read_json(file: Path) -> dict[str, Any]:
    """The object in a file; empty where there is no such file. EngineError where it is damaged."""
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, ValueError) as error:
        raise EngineError(f"{file.name} of {file.parent.name} cannot be read: {error}.", "fetch it again.") from error
    return found if isinstance(found, dict) else {}


def _name_padding(tokenizer: Tokenizer, said: dict[str, Any]) -> None:
    named = said.get("pad_token")
    token = named.get("content") if isinstance(named, dict) else named
    number = tokenizer.token_to_id(token) if isinstance(token, str) else None
    if number is not None:
        tokenizer.enable_padding(pad_id=number, pad_token=token)


def _length(tokenizer: Tokenizer, bert: dict[str, Any], said: dict[str, Any], config: dict[str, Any]) -> int:
    """What the model was made for: sentence-transformers says it, the tokenizer, or the table of positions."""
    positions = int(config.get("max_position_embeddings") or 0)
    if config.get("model_type") in ("roberta", "xlm-roberta", "mpnet", "camembert") and positions:
        positions -= 2  # the first two places of their table are never used
    cut = (tokenizer.truncation or {}).get("max_length")
    for value in (bert.get("max_seq_length"), said.get("model_max_length"), positions, cut):
        if value and 0 < int(value) < _UNSAID:
            return min(int(value), positions) if positions else int(value)
    return 512

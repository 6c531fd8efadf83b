"""Frozen text networks in onnxruntime: model.onnx + tokenizer.json + 1_Pooling."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import EngineError
from labelsieve.core.types import Matrix, Modality
from labelsieve.engines.identity import Identity
from labelsieve.engines.pooling import Pooling, read_pooling
from labelsieve.engines.sessions import Session, dtype_of, width_of
from labelsieve.engines.tokenizing import Tokens, read_tokens

# Best first: one row a text, made by the model itself.
WHOLE = ("sentence_embedding", "text_embeds", "text_features", "embeddings", "features")
TOWERS = ("clip", "siglip", "siglip2")  # models whose pooler_output is the embedding


class OnnxText:
    """A text engine: str -> (dim,) float32.

    Texts are cut at the model's own length and padded to the longest of the chunk. The output is one
    named in `WHOLE`, else the tokens, pooled as 1_Pooling says (mean where it says nothing).
    """

    accepts: frozenset[Modality] = frozenset({"text"})
    chunk = 32

    def __init__(self, folder: Path, model: Path, identity: Identity) -> None:
        self.name, self.revision, self.space = identity.name, identity.revision, identity.space
        self._tokens: Tokens = read_tokens(folder)
        self._session = Session(model)
        self._output = _text_output(self._session, self._tokens.model_type)
        pooled = self._output in WHOLE or self._output == "pooler_output"
        self._pooling: Pooling | None = None if pooled else read_pooling(folder)
        self.preprocess = self._tokens.digest(repr(self._pooling))
        self._check_inputs()
        self.dim = self._probe()

    def prepare(self, thing: Any) -> NDArray[np.int64]:
        """Token ids (s,). InputError for what is no text."""
        return self._tokens.ids(thing)

    def compute(self, prepared: Sequence[NDArray[np.int64]]) -> Matrix:
        """(b, dim) float32, in order."""
        if not prepared:
            return np.empty((0, self.dim), dtype=np.float32)
        if self._session.alone and len(prepared) > 1:
            return np.concatenate([self.compute([row]) for row in prepared])
        ids, mask = self._tokens.padded(prepared)
        values = self._session.run(self._output, self._feed(ids, mask))
        return values if self._pooling is None else self._pooling(values, mask)

    def _feed(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        made = {
            "input_ids": ids,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(ids),
            "position_ids": np.broadcast_to(np.arange(ids.shape[1]), ids.shape),
        }
        return {name: made[name].astype(dtype_of(t), copy=False) for name, t in self._session.inputs.items()}

    def _check_inputs(self) -> None:
        known = {"input_ids", "attention_mask", "token_type_ids", "position_ids"}
        strange = set(self._session.inputs) - known
        if strange or "input_ids" not in self._session.inputs:
            raise EngineError(
                f"{self._session.file} takes {', '.join(self._session.inputs)}; expected input_ids and at most "
                "attention_mask, token_type_ids and position_ids.",
                "choose the model of the text tower alone (text_model.onnx).",
            )

    def _probe(self) -> int:
        """The width of a row. It runs the last token there is: a tokenizer of another model fails here."""
        last = np.array([self._tokens.count - 1])
        try:
            rows = np.concatenate([self.compute([row]) for row in (self.prepare("a"), last)])
        except EngineError as error:
            raise EngineError(
                f"{error.fact} The tokenizer knows {self._tokens.count:,} tokens.",
                "is tokenizer.json the one of this model?",
            ) from error
        return width_of(rows[:1], f"{self._session.file}, for the text 'a',")


def _text_output(session: Session, model_type: str) -> str:
    for name in WHOLE:
        if name in session.outputs and session.rank(name) in (0, 2):
            return name
    if model_type.startswith(TOWERS) and "pooler_output" in session.outputs:
        return "pooler_output"
    tokens = [name for name in session.outputs if session.rank(name) == 3]
    for name in ("last_hidden_state", "token_embeddings", *tokens, *session.outputs):
        if name in session.outputs:
            return name
    raise EngineError(f"{session.file} has no output.", "the model is damaged.")

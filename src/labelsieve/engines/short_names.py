"""Short names for the usual engines. Each is a hub id, a tower and a space; no hash: the hub says which commit."""

from dataclasses import dataclass

from labelsieve.core.types import Modality


@dataclass(frozen=True, slots=True)
class ShortName:
    """What a short name stands for. `file` is the model within the hub repository."""

    hub_id: str
    modality: Modality
    file: str
    about: str
    space: str = ""  # two towers of one model share it


_CLIP, _SIGLIP = "Xenova/clip-vit-base-patch32", "Xenova/siglip-base-patch16-224"
_MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_DINOV3 = "onnx-community/dinov3-vits16-pretrain-lvd1689m-ONNX"

SHORT_NAMES: dict[str, ShortName] = {
    "dinov2": ShortName("onnx-community/dinov2-small", "image", "onnx/model.onnx", "DINOv2 ViT-S/14, 384 numbers"),
    "dinov3": ShortName(_DINOV3, "image", "onnx/model.onnx", "DINOv3 ViT-S/16, 384 numbers, Meta's own licence"),
    "clip-image": ShortName(_CLIP, "image", "onnx/vision_model.onnx", "CLIP ViT-B/32, image tower", "clip"),
    "clip-text": ShortName(_CLIP, "text", "onnx/text_model.onnx", "CLIP ViT-B/32, text tower", "clip"),
    "siglip-image": ShortName(_SIGLIP, "image", "onnx/vision_model.onnx", "SigLIP B/16, image tower", "siglip"),
    "siglip-text": ShortName(_SIGLIP, "text", "onnx/text_model.onnx", "SigLIP B/16, text tower", "siglip"),
    "minilm": ShortName(_MINILM, "text", "onnx/model.onnx", "MiniLM L6, 384 numbers"),
    "bge": ShortName("BAAI/bge-base-en-v1.5", "text", "onnx/model.onnx", "BGE base, 768 numbers, stronger, English"),
}

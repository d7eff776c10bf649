"""How values become BSON and come back, and small conversions of arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from bson import CodecOptions, decode
from bson.binary import UuidRepresentation
from bson.codec_options import DatetimeConversion, TypeRegistry
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument

DocumentT = TypeVar("DocumentT", bound=Mapping[str, Any])

# Unlike pymongo's defaults, these take and give uuid.UUID, and give dates beyond
# the years of datetime as bson.DatetimeMS instead of failing: nothing is lost.
DEFAULT_CODEC: CodecOptions[Any] = CodecOptions(
    document_class=dict,
    uuid_representation=UuidRepresentation.STANDARD,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
RAW_CODEC: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)

_PLAIN = TypeRegistry()


def has_own_types(codec: CodecOptions[Any]) -> bool:
    """Whether decoding may change values of the reply's own fields."""
    return codec.type_registry != _PLAIN


def decode_reply(reply: bytes, codec: CodecOptions[Any] = DEFAULT_CODEC) -> Any:
    """Decode a document.

    A Binary of the subtype of UUIDs that has not 16 bytes, which BSON allows and
    uuid.UUID does not, comes as the Binary that it is, and so do its neighbours.
    Where bson cannot decode it even so (older versions), documents stay raw.
    """
    try:
        return decode(reply, codec)
    except InvalidBSON:
        pass
    try:
        return decode(reply, codec.with_options(uuid_representation=UuidRepresentation.UNSPECIFIED))
    except InvalidBSON:
        return dict(decode(reply, RAW_CODEC))


def decode_batch(
    reply: bytes, batch: str, codec: CodecOptions[Any], own_types: bool
) -> tuple[int, list[Any]]:
    """Return the cursor id and the documents of a reply with a cursor."""
    if not own_types:
        cursor = decode_reply(reply, codec)["cursor"]
        return int(cursor["id"]), cursor[batch]
    raw: Any = decode(reply, RAW_CODEC)["cursor"]
    return int(raw["id"]), [decode_reply(document.raw, codec) for document in raw[batch]]


def sort_document(
    key_or_list: str | Sequence[Any] | Mapping[str, Any], direction: Any = None
) -> dict[str, Any]:
    """Return the document for pymongo's ways to name keys and directions."""
    if direction is not None:
        if not isinstance(key_or_list, str):
            raise TypeError("with a direction, the key must be one name")
        return {key_or_list: direction}
    if isinstance(key_or_list, str):
        return {key_or_list: 1}
    if isinstance(key_or_list, Mapping):
        document = dict(key_or_list)
    else:
        document = {}
        for item in key_or_list:
            name, order = (item, 1) if isinstance(item, str) else item
            document[name] = order
    if not document:
        raise ValueError("key_or_list must not be empty")
    return document


def hint_value(hint: str | Sequence[Any] | Mapping[str, Any]) -> Any:
    """Return the ``hint`` field for an index's name or its keys."""
    return hint if isinstance(hint, str) else sort_document(hint)


def projection_document(projection: Mapping[str, Any] | Iterable[str] | None) -> Any:
    """Return the document for a projection: a mapping, or names to include."""
    if projection is None or isinstance(projection, Mapping):
        return projection
    if isinstance(projection, str):
        raise TypeError("projection must be a mapping or a list of names, not a str")
    return dict.fromkeys(projection, 1)


def collation_document(collation: Any) -> Any:
    """Return the document of a :class:`pymongo.collation.Collation` or mapping."""
    return getattr(collation, "document", collation)


def check_mapping(name: str, value: object) -> None:
    """Raise TypeError unless value is a document."""
    if not isinstance(value, Mapping):
        raise TypeError(
            f"{name} must be an instance of dict, bson.son.SON, or any other type "
            f"that inherits from collections.abc.Mapping, not {type(value).__name__}"
        )


def check_update(update: object) -> None:
    """Raise unless update is an operator document or a pipeline."""
    if isinstance(update, Mapping):
        if not update:
            raise ValueError("update cannot be empty")
        if not str(next(iter(update))).startswith("$"):
            raise ValueError("update only works with $ operators")
    elif not isinstance(update, list):
        raise TypeError(
            f"update must be a mapping or a list of stages, not {type(update).__name__}"
        )
    elif not update:
        raise ValueError("update cannot be empty")


def check_replacement(replacement: Any) -> None:
    """Raise unless replacement is a document without operators."""
    check_mapping("replacement", replacement)
    if replacement and str(next(iter(replacement))).startswith("$"):
        raise ValueError("replacement can not include $ operators")


def without_none(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document without fields that are None."""
    return {key: value for key, value in document.items() if value is not None}

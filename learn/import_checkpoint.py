"""The network published with Bapst et al. (2020), read from its TensorFlow bundle without TensorFlow.

A bundle is `PREFIX.index`, a LevelDB table (keys compressed by shared prefixes, values protobuf entries), and
`PREFIX.data-00000-of-00001`, raw little-endian numbers. Formats: tensorflow/core/lib/io/format.cc and block.cc,
tensorflow/core/protobuf/tensor_bundle.proto. Both files carry CRC-32C checksums, masked as LevelDB does.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from learn.data.graph import CUTOFF
from learn.models import checkpoint
from learn.models.bapst2020.model import Bapst2020
from learn.models.model import Trained
from simulate.files import provenance
from simulate.stage import command, options
from simulate.stage.command import InputError

TABLE_MAGIC = 0xDB4775248B80FB57
FLOAT32 = 1  # tensorflow.DataType.DT_FLOAT

# Our layers and the authors' names for them. (Their decoder is graph_independent_1; its edge model reads nothing out.)
BLOCKS = {
    "node_encoder": "graph_independent/node_model/mlp",
    "edge_encoder": "graph_independent/edge_model/mlp",
    "edge_update": "graph_network/edge_block/mlp",
    "node_update": "graph_network/node_block/mlp",
    "decoder": "graph_independent_1/node_model/mlp",
}


@dataclass
class Entry:
    """Where a tensor lies in the data file: its type, shape, offset and size in bytes, masked checksum."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


def read_bundle(prefix: str | Path) -> dict[str, np.ndarray]:
    """Return the tensors of a bundle by name, those of type float32.

    Raises InputError where a file is missing, damaged (checksums), or no bundle of one shard.
    """
    index, data = Path(f"{prefix}.index"), Path(f"{prefix}.data-00000-of-00001")
    for path in (index, data):
        if not path.is_file():
            raise InputError(f"{path}: no such file; expected a TensorFlow bundle, PREFIX.index and {data.name}")
    try:
        entries = _entries(index.read_bytes())
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise InputError(f"{index}: damaged or not a TensorFlow bundle index ({error})") from None
    except InputError as error:
        raise InputError(f"{index}: {error}") from None
    content = data.read_bytes()
    for path in (index, data):
        provenance.note_input(path)
    tensors = {}
    for name, entry in entries.items():
        raw = content[entry.offset : entry.offset + entry.size]
        if entry.shard != 0 or len(raw) != entry.size or entry.size == 0:
            raise InputError(f"{data}: {name} does not fit into the file (truncated?)")
        if masked(crc32c(raw)) != entry.checksum:
            raise InputError(f"{data}: the checksum of {name} is wrong: the file is damaged")
        if entry.dtype == FLOAT32 and entry.size == 4 * int(np.prod(entry.shape)):
            tensors[name] = np.frombuffer(raw, dtype="<f4").reshape(entry.shape)
    return tensors


def _entries(table: bytes) -> dict[str, Entry]:
    """Return the entries of a table: its footer points to the block that points to the blocks of entries."""
    if len(table) < 48 or struct.unpack("<Q", table[-8:])[0] != TABLE_MAGIC:
        raise InputError(
            "not a TensorFlow bundle index (or a truncated one): its last 8 bytes are not the magic number"
        )
    at = 0
    footer = []
    for _ in range(4):  # Offset and size of the meta-index block, then of the index block.
        number, at = _varint(table[-48:], at)
        footer.append(number)
    entries = {}
    for _, handle in _block(table, footer[2], footer[3]):
        offset, at = _varint(handle, 0)
        size, _ = _varint(handle, at)
        for key, value in _block(table, offset, size):
            if key:  # The empty key holds the bundle's header.
                entries[key.decode()] = _entry(value)
    return entries


def _block(table: bytes, offset: int, size: int) -> list[tuple[bytes, bytes]]:
    """Return keys and values of one block, checked: it is followed by its compression type and checksum."""
    content, trailer = table[offset : offset + size], table[offset + size : offset + size + 5]
    kind, checksum = struct.unpack("<BI", trailer)
    if masked(crc32c(content + trailer[:1])) != checksum:
        raise InputError("the checksum of a block is wrong: the file is damaged")
    if kind != 0:
        raise InputError("a compressed table, expected an uncompressed one")
    restarts = struct.unpack("<I", content[-4:])[0]
    end = len(content) - 4 * (restarts + 1)
    at, key, pairs = 0, b"", []
    while at < end:
        shared, at = _varint(content, at)
        fresh, at = _varint(content, at)
        length, at = _varint(content, at)
        key = key[:shared] + content[at : at + fresh]
        at += fresh
        pairs.append((key, content[at : at + length]))
        at += length
    return pairs


def _entry(message: bytes) -> Entry:
    """Return a BundleEntryProto: dtype = 1, shape = 2, shard_id = 3, offset = 4, size = 5, crc32c = 6."""
    fields: dict[int, Any] = dict(_fields(message))
    shape = tuple(dict(_fields(dim)).get(1, 0) for number, dim in _fields(fields.get(2, b"")) if number == 2)
    return Entry(fields.get(1, 0), shape, fields.get(3, 0), fields.get(4, 0), fields.get(5, 0), fields.get(6, 0))


def _fields(message: bytes) -> list[tuple[int, Any]]:
    """Return the numbered fields of a protobuf message: integers and bytes."""
    at, found = 0, []
    value: int | bytes
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
        elif kind == 2:
            length, at = _varint(message, at)
            value, at = message[at : at + length], at + length
        elif kind == 5:
            value, at = struct.unpack("<I", message[at : at + 4])[0], at + 4
        else:
            raise InputError(f"an entry of unknown wire type {kind}: the file is damaged")
        found.append((tag >> 3, value))
    return found


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC = _crc_table()


def crc32c(content: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of bytes."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = (crc >> 8) ^ _CRC[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """Return a checksum as LevelDB stores it: rotated and shifted, so that a checksum of checksums works."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def to_network(tensors: dict[str, np.ndarray]) -> Bapst2020:
    """Return our network with the weights of the published one.

    Raises InputError where a layer is missing or has another shape.
    """
    network = Bapst2020(outputs=1)
    weights = {}
    for ours, theirs in BLOCKS.items():
        linear = [layer for layer in getattr(network, ours).named_children() if isinstance(layer[1], torch.nn.Linear)]
        for number, (name, layer) in enumerate(linear):
            for kind, shape in (("w", layer.weight.T.shape), ("b", layer.bias.shape)):
                suffix = f"{theirs}/linear_{number}/{kind}"
                found = [array for key, array in tensors.items() if f"/{key}".endswith(f"/{suffix}")]
                if len(found) != 1 or found[0].shape != tuple(shape):
                    shapes = ", ".join(str(array.shape) for array in found) or "none"
                    raise InputError(f"tensor .../{suffix}: found {shapes}, expected one of shape {tuple(shape)}")
                target = f"{ours}.{name}.{'weight' if kind == 'w' else 'bias'}"
                weights[target] = torch.tensor(found[0]).T.contiguous() if kind == "w" else torch.tensor(found[0])
    network.load_state_dict(weights)
    return network


def main() -> None:
    """Convert the published TensorFlow checkpoint to a checkpoint of ours."""
    parser = options.Parser(prog="python -m learn.import_checkpoint", description=main.__doc__)
    parser.add_argument("prefix", help="PREFIX of PREFIX.index and PREFIX.data-00000-of-00001")
    parser.add_argument("output", type=Path, help="MODEL.pt")
    parser.add_argument(
        "--time", type=options.positive, default=0.13, help="the time it was trained for (published: 0.13)"
    )
    arguments = parser.parse_args()
    with command.about(arguments.prefix):
        network = to_network(read_bundle(arguments.prefix))
    settings = {"model": "bapst2020", "cutoff": CUTOFF, "source": Path(arguments.prefix).name, "species": "A"}
    trained = Trained(network, settings, np.array([arguments.time]), np.zeros(1), np.ones(1))
    checkpoint.save(arguments.output, trained)
    print(f"{arguments.output}: the published network, 62,401 parameters, checksums and shapes as expected")


if __name__ == "__main__":
    command.run(main)

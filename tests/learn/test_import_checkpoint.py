"""The published TensorFlow bundle; what a damaged one gives."""

import shutil

import numpy as np
import pytest

from learn.import_checkpoint import crc32c, masked, read_bundle, to_network
from learn.models.model import Trained
from simulate.files import formats as configuration
from simulate.stage.command import InputError

INDEX, DATA = "t044_s09.ckpt.index", "t044_s09.ckpt.data-00000-of-00001"


@pytest.fixture(scope="module")
def bundle(reference, tmp_path_factory):
    """A copy of the published bundle that tests may damage: (prefix, index path, data path)."""
    folder = tmp_path_factory.mktemp("bundle")

    def fresh():
        for name in (INDEX, DATA):
            shutil.copyfile(reference / "deepmind" / name, folder / name)
        return folder / "t044_s09.ckpt", folder / INDEX, folder / DATA

    return fresh


def test_checksum_of_known_strings():
    """RFC 3720, B.4, and the check value of the Castagnoli polynomial."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    # leveldb/util/crc32c_test.cc: a mask is no fixed point and its inverse is exact.
    value = masked(crc32c(b"foo"))
    turned = (value - 0xA282EAD8) & 0xFFFFFFFF
    assert ((turned >> 17) | (turned << 15)) & 0xFFFFFFFF == crc32c(b"foo")


@pytest.mark.physics
def test_the_authors_own_outputs(bundle, reference):
    """Every one of 4096 predictions as the authors' graph returns it, for two configurations, to 1e-5."""
    network = to_network(read_bundle(bundle()[0]))
    expected = np.load(reference / "deepmind" / "official_outputs.npz")
    trained = Trained(network, {"model": "bapst2020"}, np.array([0.13]), np.zeros(1), np.ones(1))
    for name in expected:
        predicted = trained.predict(configuration.read(reference / "botan" / f"{name}.npz"))
        np.testing.assert_allclose(predicted[0], expected[name], rtol=0, atol=1e-5)


@pytest.mark.physics
def test_without_self_edges_the_published_network_predicts_something_else(bundle, reference):
    network = to_network(read_bundle(bundle()[0]))
    structure = configuration.read(reference / "botan" / "isoconfig_N4096T0.44_1_tc07.npz")
    inputs = network.inputs(structure)
    others = inputs.part(np.ones(4096, dtype=bool), (inputs.senders != inputs.receivers).numpy())
    full, without = (network(each).detach().numpy()[structure.types == 0, 0] for each in (inputs, others))
    assert abs(np.corrcoef(full, without)[0, 1]) < 0.1


def test_a_flipped_bit_in_the_weights(bundle):
    prefix, _, data = bundle()
    content = bytearray(data.read_bytes())
    content[700] ^= 1
    data.write_bytes(content)
    with pytest.raises(InputError, match=r"data-00000-of-00001: the checksum of .* is wrong"):
        read_bundle(prefix)


def test_a_truncated_data_file(bundle):
    prefix, _, data = bundle()
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(InputError, match="truncated"):
        read_bundle(prefix)


@pytest.mark.parametrize("position", [10, 700, 2000, 2300])
def test_a_flipped_bit_in_the_index(bundle, position):
    prefix, index, _ = bundle()
    content = bytearray(index.read_bytes())
    content[position] ^= 4
    index.write_bytes(content)
    with pytest.raises(InputError, match=r"index: the checksum of a block is wrong"):
        read_bundle(prefix)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"x" * 5000])
def test_a_foreign_index(bundle, content):
    prefix, index, _ = bundle()
    index.write_bytes(content)
    with pytest.raises(InputError, match="not a TensorFlow bundle index"):
        read_bundle(prefix)


def test_a_truncated_index(bundle):
    prefix, index, _ = bundle()
    index.write_bytes(index.read_bytes()[:-60])
    with pytest.raises(InputError, match="index"):
        read_bundle(prefix)


def test_no_bundle(tmp_path):
    with pytest.raises(InputError, match=r"model\.index: no such file"):
        read_bundle(tmp_path / "model")


def test_another_network(bundle):
    tensors = read_bundle(bundle()[0])
    name = next(name for name in tensors if name.endswith("edge_block/mlp/linear_0/w"))
    with pytest.raises(InputError, match=r"found \(384, 32\), expected one of shape \(384, 64\)"):
        to_network(tensors | {name: tensors[name][:, :32]})
    with pytest.raises(InputError, match="found none"):
        to_network({key: array for key, array in tensors.items() if key != name})

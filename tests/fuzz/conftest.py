"""What the fuzz tests share."""

import pytest

from tests.fuzz.decoders import Decoder
from tests.fuzz.mutations import memory_limit


@pytest.fixture(scope="module")
def decoder():
    """A process that decodes."""
    decoder = Decoder()
    yield decoder
    decoder.close()


@pytest.fixture(autouse=True)
def flat_memory():
    """No bad file, and no number of them, takes more than 500 MB."""
    with memory_limit():
        yield

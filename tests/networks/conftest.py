"""One core for torch: networks of this size mostly wait for a second one."""

import pytest


@pytest.fixture(autouse=True, scope="package")
def one_core():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

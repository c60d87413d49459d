"""Studies that the tests of the reports share: the published record, and the simulated centre with its tumours' reads."""

import shutil

import pytest

from aftercar.actions.assess import assess
from aftercar.testing.centre_reads import write_reads


@pytest.fixture(scope="session")
def centre(tmp_path_factory, request):
    """The simulated centre, and the result of assessing it (whose samples reports take over)."""
    folder = tmp_path_factory.mktemp("centre")
    shutil.copytree(request.config.rootpath / "examples" / "centre", folder / "study")
    write_reads(folder / "study")
    assess(folder / "study", folder / "result")
    return folder / "study", folder / "result"

import pytest

from oddflow.errors import SchemaMismatch, UsageError
from oddflow.features.portable import PORTABLE
from oddflow.features.representation import Reads
from oddflow.features.versions import (
    check_version,
    needed_by,
    reads_of,
    represented,
    version_that_shows,
    version_told_by,
)
from oddflow.flows.settings import Payload

VERSIONS = {
    "tabular-1": Reads.TABULAR,
    "tabular-no-payload-1": Reads.TABULAR,
    "portable-1": Reads.TABULAR,
    "windows-1": Reads.TABULAR,
    "windows-no-payload-1": Reads.TABULAR,
    "windows-portable-1": Reads.TABULAR,
    "rates-1": Reads.RATES,
    "image-1": Reads.IMAGE,
    "sequence-1": Reads.SEQUENCE,
    "several-1": Reads.SEVERAL,
}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_model_names_is_what_it_gets(version):
    made = represented(version, homes=("10.0.0.0/8",), context=None, payload=Payload.SESSION)
    assert made.version == version
    assert reads_of(version) is VERSIONS[version]
    assert needed_by(version)
    again = represented(version, homes=made.home_networks, context=made.context_settings, payload=Payload.SESSION)
    assert again.features == made.features


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_is_known_by_its_columns(version):
    made = represented(version, homes=("10.0.0.0/8",), context=None, payload=Payload.FLOW)
    expected = version.replace("tabular-no-payload", "tabular").replace("windows-no-payload", "windows")
    assert version_told_by(made.features) == expected  # what knows no payload lacks only what others have
    assert version_told_by(made.features[5:7]) == ""


def test_what_is_read_chooses_the_version():
    assert version_that_shows(Reads.SEVERAL, PORTABLE) == "several-1"
    assert version_that_shows(Reads.TABULAR, PORTABLE) == "portable-1"


def test_rows_of_data_sets_are_tabular():
    assert reads_of("feature-set kdd99") is Reads.TABULAR


def test_an_unknown_version_lists_those_that_are_known():
    with pytest.raises(SchemaMismatch, match=r"'image-9'.*knows .*image-1, sequence-1, .*; learn it anew"):
        check_version("image-9")
    with pytest.raises(SchemaMismatch):
        needed_by("tabular-9")


def test_context_that_is_none_is_refused():
    with pytest.raises(UsageError, match="no context settings"):
        represented("tabular-1", homes=(), context={"windows": 3}, payload=Payload.SESSION)
    with pytest.raises(UsageError, match="no context settings"):
        represented("windows-1", homes=(), context={"windows_told": []}, payload=Payload.SESSION)

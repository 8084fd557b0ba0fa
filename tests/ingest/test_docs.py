"""docs/ingest.md says what the code does: its example works, its lists are complete."""

import re

from ingestion import contracts, mapping
from ingestion.mapping.spec import EventPart, MappingFile
from orchestration.settings import Ingest
from tests.ingest.given import ROOT

TEXT = (ROOT / "docs" / "ingest.md").read_text()


def test_the_example_mapping_is_a_mapping() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    mapper = mapping.from_text(example, thing="docs/ingest.md")
    assert set(mapper.columns) == {"price", "pieces", "receipt", "at", "group"}


def test_every_key_of_a_mapping_is_described() -> None:
    missing = [name for name in MappingFile.model_fields if name not in TEXT]
    missing += [name for name in EventPart.model_fields if f"`{name}`" not in TEXT]
    assert not missing


def test_every_contract_is_listed() -> None:
    assert [one for one in contracts.load().event_types if f"`{one}`" not in TEXT] == []


def test_every_setting_of_ingest_it_names_exists() -> None:
    known = {f"ingest.{name}" for name in Ingest.model_fields}
    assert set(re.findall(r"`(ingest\.[a-z_]+)`", TEXT)) <= known

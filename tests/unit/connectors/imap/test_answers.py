"""Names of folders as servers write them in modified UTF-7, and as those do that write something else."""

import pytest

from placement_pipeline.connectors.imap.answers import read_listed


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Spamverdacht", "Spamverdacht"),
        ("Gel&APY-scht", "Gelöscht"),
        ("Entw&APw-rfe &- mehr", "Entwürfe & mehr"),
        ("&V4NXPpCuTvY-", "垃圾邮件"),
        ("&BCEEPwQwBDw-/&2D3eAA-", "Спам/😀"),
        ("~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),  # RFC 3501 section 5.1.3
    ],
)
def test_a_name_in_modified_utf_7_is_decoded(written: str, name: str) -> None:
    folder, wire_name = read_listed(f'() "/" "{written}"'.encode())
    assert (folder.name, wire_name) == (name, written.encode())


@pytest.mark.parametrize("written", ["R&D", "R&D-team", "Tom & Jerry - old", "&AOk", "&AO-", "a+AOk-b", "Gelöscht"])
def test_a_name_that_is_no_modified_utf_7_stays_as_it_stands(written: str) -> None:
    folder, _ = read_listed(f'() "/" "{written}"'.encode())
    assert folder.name == written

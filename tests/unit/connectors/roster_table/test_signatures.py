"""What a table may have mailed as a signature: plain files of its own folder, and nothing else of the machine."""

import os
from pathlib import Path

import pytest

from placement_pipeline.connectors.errors import InputError
from placement_pipeline.connectors.roster_table.reading import read_roster_file

SECRET = "token = 1234"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table's folder, with something beside it that is nobody's signature."""
    (tmp_path / "secrets.toml").write_text(SECRET)
    folder = tmp_path / "table"
    (folder / "signatures").mkdir(parents=True)
    return folder


def signature_named(folder: Path, name: str) -> str:
    table = folder / "mailboxes.csv"
    table.write_text(f"user_email,address,provider,sync,signature_file\na@a.example,a@a.example,google,off,{name}\n")
    (mailbox,) = read_roster_file(table)
    return mailbox.signature_html


def complaint_on(folder: Path, name: str) -> str:
    with pytest.raises(InputError) as caught:
        signature_named(folder, name)
    message = str(caught.value)
    assert message.startswith("mailboxes.csv:2: signature_file")
    assert "\n" not in message
    assert SECRET not in message
    return message


@pytest.mark.parametrize(
    "name", ["../secrets.toml", "signatures/../../secrets.toml", "/proc/self/environ", "/dev/zero"]
)
def test_a_file_outside_the_folder_is_not_read(folder: Path, name: str) -> None:
    assert complaint_on(folder, name).endswith("lies outside the folder of what names it; put the file there")


@pytest.mark.parametrize("name", ["secrets.toml", "signatures/key.json", "linked.html", "page.html.bak"])
def test_a_secret_beside_the_table_is_not_mailed_as_a_signature(folder: Path, name: str) -> None:
    for secret in ("secrets.toml", "signatures/key.json", "page.html.bak"):
        (folder / secret).write_text(SECRET)
    (folder / "linked.html").symlink_to("secrets.toml")
    (folder / "Anna.HTM").write_text("<p>Anna</p>")

    assert complaint_on(folder, name).endswith("is not called a page; name a file that ends in .html")
    assert signature_named(folder, "Anna.HTM") == "<p>Anna</p>"


def test_an_absolute_path_beside_the_folder_with_the_same_beginning_is_outside(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "table-of-another"
    other.mkdir()
    (other / "a.html").write_text(SECRET)
    assert "lies outside" in complaint_on(folder, str(other / "a.html"))


def test_a_link_is_followed_within_the_folder_and_not_out_of_it(folder: Path) -> None:
    (folder / "signatures" / "real.html").write_text("<p>Anna</p>")
    (folder / "inside.html").symlink_to("signatures/real.html")
    (folder / "outside.html").symlink_to("../secrets.toml")
    (folder / "out").symlink_to("..")
    (folder / "loop.html").symlink_to("loop.html")

    assert signature_named(folder, "inside.html") == "<p>Anna</p>"
    assert "lies outside" in complaint_on(folder, "outside.html")
    assert "lies outside" in complaint_on(folder, "out/secrets.toml")
    assert "cannot be read" in complaint_on(folder, "loop.html")


def test_a_table_in_a_folder_that_is_a_link_has_its_signatures(folder: Path, tmp_path: Path) -> None:
    (folder / "anna.html").write_text("<p>Anna</p>")
    (tmp_path / "mounted").symlink_to(folder)
    assert signature_named(tmp_path / "mounted", "anna.html") == "<p>Anna</p>"


def test_a_pipe_is_not_waited_for_and_a_folder_is_no_signature(folder: Path) -> None:
    os.mkfifo(folder / "pipe.html")
    assert "it is no plain file" in complaint_on(folder, "pipe.html")
    assert "cannot be read" in complaint_on(folder, "signatures")


def test_a_signature_has_a_bound(folder: Path) -> None:
    (folder / "most.html").write_text("x" * 256 * 1024)
    (folder / "more.html").write_text("x" * (256 * 1024 + 1))

    assert len(signature_named(folder, "most.html")) == 256 * 1024
    assert "larger than 256 KiB" in complaint_on(folder, "more.html")
